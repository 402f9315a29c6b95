from __future__ import annotations

from django.urls import path

from stepwell.web.agreements import views

app_name = "agreements"
urlpatterns = [
    path("patients/<int:person_id>/agreements/new", views.record_agreement, name="record_agreement"),
    path("patients/<int:person_id>/agreements/<int:agreement_id>/end", views.end_agreement, name="end_agreement"),
]
