from __future__ import annotations

from django.urls import path

from stepwell.web.library import views

app_name = "library"
urlpatterns = [
    path("library", views.list_entries, name="list_entries"),
    path("library/evidence/<slug:table>", views.show_evidence, name="show_evidence"),
    path("library/<slug:kind>/<path:key>", views.show_entry, name="show_entry"),
]
