from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from stepwell.web.core import layout
from stepwell.web.core.declare import no_patient_data


@require_safe
@no_patient_data
def home(request: HttpRequest) -> HttpResponse:
    """The first page the actor may open; a page that says so when there is none."""
    address = layout.home_for(getattr(request, "actor", None))
    return redirect(address) if address else render(request, "core/home.jinja")


@login_not_required
@require_safe
@no_patient_data
def health(request: HttpRequest) -> HttpResponse:
    """200 when the process serves and the database answers; for a load balancer and for `stepwell demo`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"ok": True})
