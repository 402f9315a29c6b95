from __future__ import annotations

from django.urls import path

from stepwell.web.tapers import pack_views

pack_urlpatterns = [
    path("reductions/<int:plan_id>/pack", pack_views.show_pack, name="show_pack"),
    path("reductions/<int:plan_id>/pack/pdf", pack_views.print_pack, name="print_pack"),
    path("reductions/<int:plan_id>/pack/supply", pack_views.show_pack_supply, name="show_pack_supply"),
    path("reductions/<int:plan_id>/pack/<slug:copy>", pack_views.show_pack_letter, name="show_pack_letter"),
    path("reductions/<int:plan_id>/pack/<slug:copy>/pdf", pack_views.print_pack_letter, name="print_pack_letter"),
]
