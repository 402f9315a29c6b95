"""Which entries of a record are sensitive: marking one, taking a mark off, and the history of both."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.agreements import selectors as agreements
from stepwell.web.core import clock, gate
from stepwell.web.core.access import PatientSubject, decide
from stepwell.web.core.actor import Actor
from stepwell.web.core.layout import Panel
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.forms import ReasonForm, refuse
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.ledger.pages import Banner
from stepwell.web.ledger.presenters import DutyPresenter
from stepwell.web.privacy import restrict, selectors, services
from stepwell.web.privacy.forms import MarkForm
from stepwell.web.privacy.models import EntryKind
from stepwell.web.privacy.pages import SAID, MarkLine
from stepwell.web.privacy.reach import duty_key

FORM_METHODS = ["GET", "HEAD", "POST"]


def _person(request: HttpRequest, person_id: int, what: str) -> tuple[Actor, PersonRecord, PatientSubject]:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    person = ledger.find_person(person_id)
    if person is None:
        raise Http404
    subject = ledger.subject_of(person_id)
    gate.open_patient(actor, subject, action=Permission.SEE_SENSITIVE, what=what)
    return actor, person, subject


@require_http_methods(FORM_METHODS)
def show_sensitive(request: HttpRequest, person_id: int) -> HttpResponse:
    """The marks that the actor may see, and the form to add one."""
    actor, person, subject = _person(request, person_id, "sensitive entries")
    cut = restrict.cut_for(actor, [person])[person_id]
    names = accounts.organisation_names()
    entries = _entries(actor, person, cut, clock.today())
    offered = list(dict.fromkeys([actor.organisation, person.gp_org, *(each.organisation for each in subject.relationships)]))
    form = MarkForm(
        request.POST if request.method == "POST" else None,
        entries=list(entries.items()),
        organisations=[(code, names.get(code, code)) for code in offered if code],
        initial={"organisations": [code for code in (actor.organisation, person.gp_org) if code]},
    )
    if request.method == "POST" and form.is_valid():
        kind, _, key = form.cleaned_data["entry"].partition(":")
        try:
            services.mark_sensitive(
                actor, subject, kind=kind, key=key, organisations=form.cleaned_data["organisations"], why=form.cleaned_data["why"]
            )  # fmt: skip
            return redirect(f"{reverse('privacy:show_sensitive', args=[person_id])}?said=marked")
        except Refused as refusal:
            refuse(form, refusal)
    words = entries | _marked_words(person_id)
    history = [MarkLine(row, words, names) for row in selectors.mark_rows(person_id) if selectors.as_mark(row).seen_by(actor)]
    said = SAID.get(request.GET.get("said", ""), "")
    context = {"form": form, "banner": Banner(person, clock.today()), "history": history, "cut": cut, "said": said}
    return render(request, "privacy/sensitive.jinja", context, status=422 if form.errors else 200)


def _entries(actor: Actor, person: PersonRecord, cut: restrict.Cut, on: date) -> dict[str, str]:
    """What may be marked: `kind:key` → words. What is hidden from the actor is not offered."""
    found = {f"{EntryKind.MEDICINE}:{row['substance']}": f"Medicine: {known.medicine(row['substance'])}" for row in person.medicines}
    found |= {f"{EntryKind.REGISTER}:{row['register']}": f"Register: {known.register_label(row['register'])}" for row in person.registers}
    names = accounts.organisation_names()
    for duty in cut.shown(ledger.open_duties_of(person.person_id)):
        shown = DutyPresenter(duty, actor, on, names)
        key = duty_key(duty.rule_id, duty.subject, duty.point)
        found[f"{EntryKind.DUTY}:{key}"] = f"Duty: {shown.what}, {shown.medicine}"
    for agreement in cut.shown_agreements(agreements.agreements_of(person.person_id)):
        found[f"{EntryKind.AGREEMENT}:{agreement.pk}"] = f"Agreement: {known.medicine(agreement.substance)}, {agreement.label}"
    return found


def _marked_words(person_id: int) -> dict[str, str]:
    """Words for marked entries that are no longer current."""
    found = {}
    for row in selectors.mark_rows(person_id):
        subject = row.key.split("|")[1] if row.kind == EntryKind.DUTY and row.key.count("|") == 2 else row.key
        words = known.register_label(row.key) if row.kind == EntryKind.REGISTER else known.medicine(subject)
        found[f"{row.kind}:{row.key}"] = f"{EntryKind(row.kind).label}: {words}"
    return found


@require_http_methods(FORM_METHODS)
def take_mark_off(request: HttpRequest, person_id: int, mark_id: int) -> HttpResponse:
    actor, person, subject = _person(request, person_id, "take sensitive mark off")
    row = selectors.mark_row(person_id, mark_id)
    if row is None or not selectors.as_mark(row).seen_by(actor):
        raise Http404
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            services.take_mark_off(actor, subject, mark_id, why=form.cleaned_data["why"])
            return redirect(f"{reverse('privacy:show_sensitive', args=[person_id])}?said=unmarked")
        except Refused as refusal:
            refuse(form, refusal)
    line = MarkLine(row, _marked_words(person_id), accounts.organisation_names())
    context = {"form": form, "banner": Banner(person, clock.today()), "line": line}
    return render(request, "privacy/take_mark_off.jinja", context, status=422 if form.errors else 200)


def panel(actor: Actor, person_id: int, on: date) -> Panel | None:
    """On the patient page: that something is restricted; for whom may mark, the way to do it; for whom may make it, the report."""
    hidden = sum(not mark.seen_by(actor) for mark in selectors.marks_of([person_id]))
    subject = ledger.subject_of(person_id)
    may_mark = decide(actor, Permission.SEE_SENSITIVE, subject).allow
    may_report = decide(actor, Permission.REPORT_ACCESS, subject).allow
    if not (hidden or may_mark or may_report):
        return None
    values: dict[str, Any] = {"person_id": person_id, "words": restrict.words(hidden), "may_mark": may_mark, "may_report": may_report}
    return Panel("privacy/panel.jinja", values)
