from __future__ import annotations

from django.urls import path

from stepwell.web.team import views

app_name = "team"
urlpatterns = [
    path("patients/<int:person_id>/team", views.show_team, name="show_team"),
    path("patients/<int:person_id>/team/add/<str:kind>", views.add_member, name="add_member"),
    path("team/<int:member_id>/end", views.end_member, name="end_member"),
]
