from __future__ import annotations

from django.urls import path

from stepwell.web.privacy import sensitive_views, trail_views, views

app_name = "privacy"
urlpatterns = [
    path("patients/<int:person_id>/break-glass", views.open_record, name="open_record"),
    path("break-glass", views.find_record, name="find_record"),
    path("break-glass/<int:opening_id>/end", views.end_opening, name="end_opening"),
    path("privacy", views.list_reviews, name="list_reviews"),
    path("privacy/reviews/<int:review_id>", views.show_review, name="show_review"),
    path("privacy/audit", trail_views.show_audit, name="show_audit"),
    path("privacy/report", trail_views.find_report, name="find_report"),
    path("patients/<int:person_id>/access-report", trail_views.show_report, name="show_report"),
    path("patients/<int:person_id>/sensitive", sensitive_views.show_sensitive, name="show_sensitive"),
    path("patients/<int:person_id>/sensitive/<int:mark_id>/take-off", sensitive_views.take_mark_off, name="take_mark_off"),
    path("privacy/settings", views.change_settings, name="change_settings"),
]
