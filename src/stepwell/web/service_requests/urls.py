from __future__ import annotations

from django.urls import path

from stepwell.web.service_requests import directory_views, list_views, views

app_name = "service_requests"
urlpatterns = [
    path("requests", list_views.list_requests, name="list_requests"),
    path("requests/export", list_views.export_requests, name="export_requests"),
    path("requests/counts", list_views.show_counts, name="show_counts"),
    path("requests/region", list_views.show_region, name="show_region"),
    path("requests/reasons", directory_views.list_reasons, name="list_reasons"),
    path("requests/<int:request_id>", views.show_request, name="show_request"),
    path("requests/<int:request_id>/answer", views.triage_request, name="triage_request"),
    path("requests/<int:request_id>/advice", views.answer_advice, name="answer_advice"),
    path("requests/<int:request_id>/withdraw", views.withdraw_request, name="withdraw_request"),
    path("requests/<int:request_id>/take-back", views.take_request_back, name="take_request_back"),
    path("requests/<int:request_id>/close", views.close_request, name="close_request"),
    path("patients/<int:person_id>/ask", views.ask_service, name="ask_service"),
    path("services", directory_views.list_services, name="list_services"),
    path("services/new", directory_views.add_service, name="add_service"),
    path("services/<int:service_id>", directory_views.change_service, name="change_service"),
    path("services/<int:service_id>/end", directory_views.end_service, name="end_service"),
]
