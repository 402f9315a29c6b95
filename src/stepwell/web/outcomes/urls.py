from __future__ import annotations

from django.urls import path

from stepwell.web.outcomes import views

app_name = "outcomes"
urlpatterns = [
    path("outcomes", views.show_outcomes, name="show_outcomes"),
    path("outcomes/people", views.list_people, name="list_people"),
    path("outcomes/figures", views.export_figures, name="export_figures"),
    path("outcomes/released", views.show_released, name="show_released"),
    path("outcomes/released/reinvested", views.record_reinvestment, name="record_reinvestment"),
    path("outcomes/released/reinvested/<int:key>/error", views.take_back, name="take_back"),
]
