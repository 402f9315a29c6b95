from __future__ import annotations

from django.urls import path

from stepwell.web.operations import views

app_name = "operations"
urlpatterns = [
    path("imports", views.list_imports, name="list_imports"),
    path("imports/start", views.start_import, name="start_import"),
    path("imports/upload", views.upload_export, name="upload_export"),
    path("imports/<int:run_id>", views.show_import, name="show_import"),
    path("imports/<int:run_id>/again", views.start_again, name="start_again"),
]
