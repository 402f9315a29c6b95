"""Addresses of a letter's documents; included by the addresses of letters."""

from __future__ import annotations

from django.urls import path

from stepwell.web.letters.documents import views

urlpatterns = [
    path("letters/<int:letter_id>/pdf", views.print_letter, name="print_letter"),
    path("letters/<int:letter_id>/fhir", views.export_letter, name="export_letter"),
    path("letters/<int:letter_id>/patient-copy", views.show_patient_copy, name="show_patient_copy"),
    path("letters/<int:letter_id>/patient-copy/pdf", views.print_patient_copy, name="print_patient_copy"),
]
