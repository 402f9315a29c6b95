from __future__ import annotations

from django.urls import path

from stepwell.web.transfers import views

app_name = "transfers"
urlpatterns = [
    path("transfers", views.list_transfers, name="list_transfers"),
    path("transfers/candidates", views.list_candidates, name="list_candidates"),
    path("patients/<int:person_id>/transfers/new", views.propose, name="propose"),
    path("transfers/<int:transfer_id>", views.show_transfer, name="show_transfer"),
    path("transfers/<int:transfer_id>/answer", views.answer, name="answer"),
    path("transfers/<int:transfer_id>/decline", views.decline, name="decline"),
    path("transfers/<int:transfer_id>/withdraw", views.withdraw, name="withdraw"),
    path("transfers/<int:transfer_id>/joint-appointment", views.arrange_joint, name="arrange_joint"),
    path("transfers/<int:transfer_id>/checklist", views.complete_checks, name="complete_checks"),
    path("transfers/<int:transfer_id>/transfer", views.record_transfer, name="record_transfer"),
    path("transfers/<int:transfer_id>/return", views.ask_return, name="ask_return"),
    path("transfers/<int:transfer_id>/return/answer", views.answer_return, name="answer_return"),
]
