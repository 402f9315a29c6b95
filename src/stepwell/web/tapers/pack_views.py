"""The plan pack: the person's calendar, the letters to practice and pharmacy, what to supply; each as a page, what is handed over also
as a PDF. Every one is a read of the record; no name stands in an address or a file's name."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template import engines
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import clock, gate, pdf
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import file_stamp
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.pages import Banner
from stepwell.web.privacy import restrict
from stepwell.web.tapers import pack_read, pack_sending, selectors
from stepwell.web.tapers.beside import beside
from stepwell.web.tapers.models import TaperPlan
from stepwell.web.tapers.pack_sending import PHARMACY, PRACTICE
from stepwell.web.tapers.pack_words import pack_words

LARGE = "large"
LONGEST_KEY = 9  # digits of a number in a form: longer ones are none of ours


def _opened(request: HttpRequest, plan_id: int, what: str) -> tuple[Actor, TaperPlan]:
    """The plan, once the actor may see its person and that is recorded."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    row = selectors.plan_row(plan_id)
    if row is None:
        raise Http404
    gate.open_patient(actor, ledger.subject_of(row.person_id), action=Permission.VIEW_PATIENT, what=what)
    if not selectors.shown([row], restrict.cut_for(actor, [row.person])[row.person_id]):
        raise Http404
    return actor, row


def _page(request: HttpRequest, plan_id: int, what: str, template: str, **more: Any) -> HttpResponse:
    actor, row = _opened(request, plan_id, what)
    try:
        context = _context(actor, row, when=more.get("when", "")) | more
    except Refused as refusal:
        return _none(request, row, refusal)
    return render(request, template, context)


def _print(request: HttpRequest, plan_id: int, what: str, template: str, name: str, **more: Any) -> HttpResponse:
    actor, row = _opened(request, plan_id, what)
    try:
        context = _context(actor, row) | {"stamp": ledger.stamp(actor)} | more
    except Refused as refusal:
        return _none(request, row, refusal)
    try:
        made = pdf.make(engines["jinja2"].get_template(template).render(context))
    except Refused as refusal:
        return render(request, "core/error.jinja", {"heading": "No PDF can be made here", "paragraphs": [str(refusal)]}, status=503)
    headers = {"Content-Disposition": f'inline; filename="{name}-{file_stamp(clock.now())}.pdf"'}
    return HttpResponse(made, content_type="application/pdf", headers=headers)


def _context(actor: Actor, row: TaperPlan, when: str = "") -> dict[str, Any]:
    words = pack_words()
    return {
        "pack": pack_read.read(actor, row, clock.today(), when=when),
        "banner": Banner(row.person, clock.today()),
        "beside": beside(actor, row, clock.today()),
        "w": words.sheet,
        "words": words,
    }


def _none(request: HttpRequest, row: TaperPlan, refusal: Refused) -> HttpResponse:
    context = {"banner": Banner(row.person, clock.today()), "problem": str(refusal), "back": reverse("tapers:show_plan", args=[row.pk])}
    return render(request, "tapers/pack_none.jinja", context, status=409)


@require_safe
def show_pack(request: HttpRequest, plan_id: int) -> HttpResponse:
    """The person's sheet, as it is printed, with what to know before it is handed over."""
    return _page(request, plan_id, "plan pack", "tapers/pack.jinja")


@require_safe
def print_pack(request: HttpRequest, plan_id: int) -> HttpResponse:
    """`?print=large` in large letters."""
    large = request.GET.get("print") == LARGE
    return _print(request, plan_id, "plan pack as PDF", "tapers/pack_pdf.jinja", "plan-calendar", large=large)


@require_http_methods(["GET", "HEAD", "POST"])
def show_pack_letter(request: HttpRequest, plan_id: int, copy: str) -> HttpResponse:
    """The copy as it is printed, and a button that sends it through the letters area."""
    actor, row = _opened(request, plan_id, f"plan letter to {_copy(copy)}")
    if request.method == "POST":
        return _send(request, actor, row, copy)
    return _letter_page(request, actor, row, copy)


def _send(request: HttpRequest, actor: Actor, row: TaperPlan, copy: str) -> HttpResponse:
    to_org, seen = request.POST.get("to", ""), request.POST.get("seen", "")
    gate.require(actor, Permission.WRITE_LETTERS, ledger.subject_of(row.person_id))
    try:
        pack_sending.send(actor, row.pk, copy, to_org, revision=int(seen) if seen.isdigit() and len(seen) < LONGEST_KEY else 0)
    except Refused as refusal:
        found = selectors.plan_row(row.pk)
        return _letter_page(request, actor, found or row, copy, problem=str(refusal), chosen=to_org)
    return redirect(f"{reverse('tapers:show_plan', args=[row.pk])}?said=letter-sent")


def _letter_page(
    request: HttpRequest, actor: Actor, row: TaperPlan, copy: str, *, problem: str = "", chosen: str = ""
) -> HttpResponse:  # fmt: skip
    found, today = pack_sending.recipients(actor, row), clock.today()
    places, chosen = found.places(copy), chosen or found.usual(copy)
    try:
        context = _context(actor, row) | {"words": _letter_words()}
    except Refused as refusal:
        return _none(request, row, refusal)
    context |= {
        "copy": copy, "recipients": found, "places": places, "chosen": chosen, "problem": problem, "seen": row.revision,
        "unread": [each.name for each in places if copy == PRACTICE and not accounts.opens_records(each.code, today)],
    }  # fmt: skip
    return render(request, "tapers/pack_letter.jinja", context, status=409 if problem else 200)


@require_safe
def print_pack_letter(request: HttpRequest, plan_id: int, copy: str) -> HttpResponse:
    what = f"plan letter to {_copy(copy)} as PDF"
    return _print(request, plan_id, what, "tapers/pack_letter_pdf.jinja", f"plan-{copy}", copy=copy, words=_letter_words())


def _copy(copy: str) -> str:
    if copy not in (PRACTICE, PHARMACY):
        raise Http404
    return copy


def _letter_words() -> dict[str, str]:
    return pack_words().letter


@require_safe
def show_pack_supply(request: HttpRequest, plan_id: int) -> HttpResponse:
    """`?when=` one of the times of day: it is put into the text of the prescriptions."""
    asked = request.GET.get("when", "").replace("-", " ")
    when = asked if asked in pack_words().times else ""
    return _page(
        request, plan_id, "plan supply", "tapers/pack_supply.jinja", when=when, times=pack_words().times, words=_letter_words()
    )  # fmt: skip
