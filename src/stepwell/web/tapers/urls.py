from __future__ import annotations

from django.urls import path

from stepwell.web.tapers import views
from stepwell.web.tapers.pack_urls import pack_urlpatterns
from stepwell.web.tapers.studio_urls import studio_urlpatterns

app_name = "tapers"
urlpatterns = [
    *studio_urlpatterns,
    *pack_urlpatterns,
    path("reductions", views.list_reducing, name="list_reducing"),
    path("reductions/<int:plan_id>", views.show_plan, name="show_plan"),
    path("reductions/<int:plan_id>/check-in", views.check_in, name="check_in"),
    path("reductions/<int:plan_id>/check-in/<int:check_in_id>/error", views.check_in_error, name="check_in_error"),
    path("reductions/<int:plan_id>/relapse-or-withdrawal", views.tell_apart, name="tell_apart"),
    path("reductions/<int:plan_id>/<slug:key>", views.act, name="act"),
]
