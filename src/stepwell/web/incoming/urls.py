from __future__ import annotations

from django.urls import path

from stepwell.web.incoming import views

app_name = "incoming"
urlpatterns = [
    path("letters/received", views.list_letters, name="list_letters"),
    path("patients/<int:person_id>/letters/file", views.file_letter, name="file_letter"),
    path("letters/received/<int:received_id>", views.show_letter, name="show_letter"),
    path("letters/received/<int:received_id>/original", views.show_original, name="show_original"),
    path("letters/received/<int:received_id>/score", views.score_letter, name="score_letter"),
    path("letters/received/<int:received_id>/actions", views.propose_action, name="propose_action"),
    path("letters/received/<int:received_id>/read", views.mark_read, name="mark_read"),
    path("letters/received/<int:received_id>/take-out", views.take_out, name="take_out"),
    path("letters/received/actions/<int:received_action_id>", views.answer_action, name="answer_action"),
    path("letters/received/actions/<int:received_action_id>/decline", views.decline_action, name="decline_action"),
]
