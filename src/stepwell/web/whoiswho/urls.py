from __future__ import annotations

from django.urls import path

from stepwell.web.whoiswho import views

app_name = "whoiswho"
urlpatterns = [
    path("who-is-who", views.list_links, name="list_links"),
    path("who-is-who/new", views.add_link, name="add_link"),
    path("who-is-who/<int:link_id>", views.change_link, name="change_link"),
    path("who-is-who/<int:link_id>/end", views.end_link, name="end_link"),
]
