from __future__ import annotations

from django.urls import path

from stepwell.web.tapers import studio_change_views, studio_views

studio_urlpatterns = [
    path("patients/<int:person_id>/reduce", studio_views.choose_medicine, name="choose_medicine"),
    path("patients/<int:person_id>/reduce/<str:medicine>", studio_views.show_studio, name="show_studio"),
    path("patients/<int:person_id>/reduce/<str:medicine>/change", studio_views.show_switch, name="show_switch"),
    path("patients/<int:person_id>/reduce/<str:medicine>/save", studio_views.save_plan, name="save_plan"),
    path("reductions/<int:plan_id>/studio", studio_change_views.show_restudio, name="show_restudio"),
    path("reductions/<int:plan_id>/studio/save", studio_change_views.save_change, name="save_change"),
]
