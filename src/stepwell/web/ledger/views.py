"""Pages of the ledger: the worklist, one duty, typed results, the pack. Acts on a duty are in `act_views`, hand-overs in
`handover_views`, acts on many in `bulk_views`. Every form posts and redirects; none needs JavaScript."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import clock, gate, layout
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.forms import Form
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import approvals, known, raised, selectors, services, worklist
from stepwell.web.ledger.evaluation import reevaluate
from stepwell.web.ledger.forms import ResultsForm, refuse
from stepwell.web.ledger.options import CAUTION, options_of
from stepwell.web.ledger.pages import Banner, DutyPage, WorklistPage, last_values, query_of
from stepwell.web.ledger.results import Implausible
from stepwell.web.ledger.view_support import FORM_METHODS, back, duty_context, open_duty, open_person, told, version_sent
from stepwell.web.privacy import restrict
from stepwell.web.whoiswho import selectors as whoiswho


@require_safe
def list_duties(request: HttpRequest) -> HttpResponse:
    actor, on = request.actor, clock.today()  # type: ignore[attr-defined]
    gate.require(actor, Permission.VIEW_WORKLIST, OrganisationSubject(actor.organisation))
    page = worklist.page_for(actor, query_of(request.GET), on)
    ids = [row.person.person_id for row in page.rows]
    gate.open_list(
        actor, action=Permission.VIEW_WORKLIST, what=f"worklist: {page.query.tab}", person_ids=ids, result_count=page.total
    )  # fmt: skip
    presented = WorklistPage(page, actor, on, accounts.organisation_names())
    return render(
        request,
        "ledger/worklist.jinja",
        {"page": presented, "registers": known.registers(), "silent_offers": selectors.silent_offers(actor, on)},
    )


@require_safe
def show_duty(request: HttpRequest, duty_id: int) -> HttpResponse:
    actor, duty = open_duty(request, duty_id, "duty page")
    instances = selectors.instances_of(duty)
    events = selectors.events_of(instances)
    undone = selectors.undone_events(events)
    page = DutyPage(duty, instances=instances, events=events, undone=undone, actor=actor, names=accounts.organisation_names())
    context = duty_context(actor, duty) | {"page": page, "pending": selectors.pending_since(duty.person_id)}
    context |= {"asked": raised.stated_of(duty)}
    context |= {"options": options_of(duty.rule_id) if duty.is_open else (), "options_caution": CAUTION}
    theirs = duty.is_open and duty.owner_org not in actor.organisations
    context |= {"to_call": whoiswho.links_for(duty.person.gp_org, duty.owner_org) if theirs else []}
    context |= {"duty_links": layout.duty_links(actor, duty.pk, duty.person_id) if duty.is_open else []}
    return render(request, "ledger/duty.jinja", context)


@require_http_methods(FORM_METHODS)
def record_results(request: HttpRequest, person_id: int) -> HttpResponse:
    """`?test=` (several) chooses what to ask for; without it, everything that one visit could settle now."""
    actor, person = open_person(request, person_id, "record results")
    on = clock.today()
    # What the form asked for when it was opened, even if somebody else has closed the duty since: nothing typed is lost.
    tests = selectors.tests_named(request.POST.get("asked", "").split(",")) or selectors.tests_to_record(
        person_id, request.GET.getlist("test"), by=on + worklist.SOON
    )
    cut = restrict.cut_for(actor, [person])[person_id]
    tests = [test for test in tests if not cut.hides_test(test.test)]
    about = selectors.duties_about(person_id, {test.test for test in tests})
    version, changes, status = selectors.last_event(about), [], 200
    ask = "ask" in request.POST
    last = last_values(person)
    posted = request.POST if request.method == "POST" else None
    form = ResultsForm(posted, tests=tests, last=last, ask_to_confirm=ask, initial={"on": on})
    if posted is not None:
        sent, status = version_sent(request), 422
        current, version = version, sent
        if form.is_valid():
            try:
                written = services.record_results(actor, person_id, form.entries(), confirmed=form.confirmed, seen=sent)
                return back(person_id, "recorded", written)
            except Implausible as question:
                ask = True
                form = ResultsForm(posted, tests=tests, last=last, ask_to_confirm=True)
                form.is_valid()
                form.add_error("confirm", f"{question} Correct it, or tick that you have checked")
            except services.Stale as stale:
                refuse(form, stale)
                version, changes, status = (
                    max(current, stale.changes[-1].pk),
                    told([e for e in stale.changes if not cut.hides(e.duty)], actor),
                    409,
                )
            except Refused as refusal:
                refuse(form, refusal)
    context = {"form": form, "banner": Banner(person, on), "tests": tests, "ask": ask, "version": max(version, 0), "changes": changes}
    return render(request, "ledger/results.jinja", context, status=status)


@require_POST
def evaluate_person(request: HttpRequest, person_id: int) -> HttpResponse:
    """Try again now, when an evaluation is waiting."""
    open_person(request, person_id, "evaluate again")
    return back(person_id, "evaluated", services.Written(person_id, reevaluate(person_id)))


@require_http_methods(FORM_METHODS)
def approve_pack(request: HttpRequest) -> HttpResponse:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    gate.require(actor, Permission.APPROVE_KNOWLEDGE, OrganisationSubject(actor.organisation))
    form = Form(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            approvals.approve_pack(actor, version=request.POST.get("version", ""))
            return redirect(f"{reverse('ledger:approve_pack')}?said=approved")
        except Refused as refusal:
            refuse(form, refusal)
    context = {
        "form": form,
        "pack": known.pack_words(),
        "approval": selectors.approval_for([actor.organisation]),
        "earlier": selectors.approvals_of(actor.organisation),
        "changes": approvals.changes_since_approval(actor.organisation),
    }
    return render(request, "ledger/approve.jinja", context, status=422 if form.errors else 200)


approve_pack.no_patient_data = True  # type: ignore[attr-defined]
