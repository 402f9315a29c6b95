from __future__ import annotations

from django.urls import path

from stepwell.web.patients import views

app_name = "patients"
urlpatterns = [
    path("search", views.search_people, name="search_people"),
    path("patients/<int:person_id>", views.show_person, name="show_person"),
    path("patients/<int:person_id>/trends", views.show_trends, name="show_trends"),
    path("patients/<int:person_id>/who-looked", views.show_reads, name="show_reads"),
]
