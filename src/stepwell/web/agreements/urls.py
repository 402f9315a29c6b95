from __future__ import annotations

from django.urls import path

from stepwell.web.agreements import protocol_views, request_views, shared_views, views

app_name = "agreements"
urlpatterns = [
    path("shared-care", shared_views.list_agreements, name="list_agreements"),
    path("shared-care/gaps", shared_views.show_inventory, name="show_inventory"),
    path("shared-care/numbers", shared_views.show_numbers, name="show_numbers"),
    path("shared-care/protocols", protocol_views.list_protocols, name="list_protocols"),
    path("shared-care/protocols/<slug:protocol>", protocol_views.show_protocol, name="show_protocol"),
    path("shared-care/protocols/<slug:protocol>/use", protocol_views.adopt_protocol, name="adopt_protocol"),
    path("shared-care/<int:agreement_id>", shared_views.show_agreement, name="show_agreement"),
    path("shared-care/<int:agreement_id>/request", request_views.change_draft, name="change_draft"),
    path("shared-care/<int:agreement_id>/<slug:act>", shared_views.act_on_agreement, name="act_on_agreement"),
    path("patients/<int:person_id>/shared-care/new", request_views.request_care, name="request_care"),
    path("patients/<int:person_id>/agreements/new", views.record_agreement, name="record_agreement"),
    path("patients/<int:person_id>/agreements/<int:agreement_id>/end", views.end_agreement, name="end_agreement"),
]
