"""Every area's addresses. No address carries a name or an NHS number: patients are named by their surrogate key."""

from __future__ import annotations

from django.urls import include, path

from stepwell.web.config.areas import areas_with_urls

urlpatterns = [path("", include(f"stepwell.web.{area}.urls")) for area in areas_with_urls()]

handler400 = "stepwell.web.core.errors.bad_request"
handler403 = "stepwell.web.core.errors.forbidden"
handler404 = "stepwell.web.core.errors.not_found"
handler500 = "stepwell.web.core.errors.server_error"
