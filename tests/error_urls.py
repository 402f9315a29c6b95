"""The product's addresses and a few that fail, for tests of what is shown then."""

from __future__ import annotations

from django.core.exceptions import SuspiciousOperation
from django.db import transaction
from django.http import HttpResponse
from django.urls import path

from stepwell.web.config import urls
from stepwell.web.core import audit, gate
from stepwell.web.core.access import PatientSubject
from stepwell.web.core.declare import no_patient_data
from stepwell.web.core.permissions import Permission


@no_patient_data
def fail_400(request):
    raise SuspiciousOperation("secret 999 000 0018")


@no_patient_data
def fail_403(request):
    from web_support import TODAY

    gate.open_patient(request.actor, PatientSubject(7, (), TODAY), what="patient page")


@no_patient_data
def fail_403_in_a_transaction(request):
    with transaction.atomic():
        fail_403(request)


@no_patient_data
def fail_500(request):
    raise ValueError("secret 999 000 0018")


def unrecorded(request):
    return HttpResponse("secret 999 000 0018")


def unrecorded_form(request):
    return HttpResponse("secret 999 000 0018", status=422)


@no_patient_data
def unrecorded_change(request):
    return HttpResponse(status=302, headers={"Location": "/"})


def recorded(request):
    audit.record_read(request.actor, Permission.VIEW_PATIENT, person_id=7)
    return HttpResponse("shown")


urlpatterns = [
    *urls.urlpatterns,
    path("fail/400", fail_400),
    path("fail/403", fail_403),
    path("fail/403-in-a-transaction", fail_403_in_a_transaction),
    path("fail/500", fail_500),
    path("unrecorded", unrecorded),
    path("unrecorded-form", unrecorded_form),
    path("unrecorded-change", unrecorded_change),
    path("recorded", recorded),
]
handler400, handler403, handler404, handler500 = urls.handler400, urls.handler403, urls.handler404, urls.handler500
