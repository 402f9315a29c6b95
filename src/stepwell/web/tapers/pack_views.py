"""The plan pack: the person's calendar, the letters to practice and pharmacy, what to supply; each as a page, what is handed over also
as a PDF. Every one is a read of the record; no name stands in an address or a file's name."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template import engines
from django.urls import reverse
from django.views.decorators.http import require_safe

from stepwell.errors import Refused
from stepwell.web.core import clock, gate, pdf
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import file_stamp
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.pages import Banner
from stepwell.web.privacy import restrict
from stepwell.web.tapers import pack_read, selectors
from stepwell.web.tapers.models import TaperPlan
from stepwell.web.tapers.pack_words import pack_words

LARGE = "large"
PRACTICE, PHARMACY = "practice", "pharmacy"


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


@require_safe
def show_pack_letter(request: HttpRequest, plan_id: int, copy: str) -> HttpResponse:
    return _page(request, plan_id, f"plan letter to {_copy(copy)}", "tapers/pack_letter.jinja", copy=copy, words=_letter_words())


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
