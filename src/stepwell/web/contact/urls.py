from __future__ import annotations

from django.urls import path

from stepwell.web.contact import views

app_name = "contact"
urlpatterns = [
    path("patients/<int:person_id>/adjustments", views.show_adjustments, name="show_adjustments"),
    path("adjustments/<int:event_id>/end", views.end_adjustment, name="end_adjustment"),
]
