"""A request for one visit on paper: every print is an access entry."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import clock
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors, worklist
from stepwell.web.ledger.presenters import DutyPresenter
from stepwell.web.ledger.request_pages import RequestPage
from stepwell.web.ledger.view_support import open_person
from stepwell.web.privacy import restrict


@require_safe
def print_request(request: HttpRequest, person_id: int) -> HttpResponse:
    """`?test=` (several) chooses the tests; without it, everything that one visit could settle now."""
    actor, person = open_person(request, person_id, "printed request", Permission.ACT_ON_DUTY)
    on, names = clock.today(), accounts.organisation_names()
    cut = restrict.cut_for(actor, [person])[person_id]
    tests = selectors.tests_to_record(person_id, request.GET.getlist("test"), by=on + worklist.SOON)
    asked = [test for test in tests if not cut.hides_test(test.test)]
    duties = [DutyPresenter(duty, actor, on, names) for duty in cut.shown(selectors.open_duties_of(person_id))]
    page = RequestPage(person, asked, duties, actor=actor, on=on, at=clock.now(), names=names)
    phone = accounts.phone_of_organisation(actor.organisation)
    return render(request, "ledger/request.jinja", {"page": page, "banner": page.banner, "asker_phone": phone})
