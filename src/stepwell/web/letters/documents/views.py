"""A letter to print, to send on and to give to the person. Each is a read of the record; no name stands in an address or a file's name."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from stepwell.errors import Refused
from stepwell.web.core import clock, gate
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import file_stamp
from stepwell.web.ledger import known
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.pages import Banner
from stepwell.web.letters import documents, selectors
from stepwell.web.letters.documents import bundle
from stepwell.web.letters.models import Letter
from stepwell.web.privacy import restrict
from stepwell.web.privacy.restrict import Cut

LARGE = "large"


def _opened(request: HttpRequest, letter_id: int, what: str) -> tuple[Letter, Cut, Banner]:
    """The letter, once the actor may see its person and that is recorded."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    letter = selectors.letter(actor, letter_id)
    person = ledger.find_person(letter.person_id) if letter is not None else None
    if letter is None or person is None:
        raise Http404
    gate.open_patient(actor, ledger.subject_of(letter.person_id), what=what)
    return letter, restrict.cut_for(actor, [person])[person.person_id], Banner(person, clock.today())


@require_safe
def print_letter(request: HttpRequest, letter_id: int) -> HttpResponse:
    letter, cut, banner = _opened(request, letter_id, "letter as PDF")
    return _pdf(request, letter, banner, "letter", lambda: documents.pdf(letter, cut=cut))


@require_safe
def export_letter(request: HttpRequest, letter_id: int) -> HttpResponse:
    letter, cut, _ = _opened(request, letter_id, "letter as FHIR document")
    text = json.dumps(documents.fhir(letter, cut=cut), ensure_ascii=False)
    return _file(text.encode(), "letter", "json", bundle.CONTENT_TYPE)


@require_safe
def show_patient_copy(request: HttpRequest, letter_id: int) -> HttpResponse:
    letter, cut, banner = _opened(request, letter_id, "patient copy")
    copy = documents.patient_words(letter, cut=cut)
    context = {
        "letter": letter,
        "copy": copy,
        "banner": banner,
        "mark_words": known.MARKS[copy.mark],
        "superseded_on": _superseded_on(letter),
    }
    return render(request, "letters/documents/patient_page.jinja", context)


def _superseded_on(letter: Letter) -> date | None:
    newer = getattr(letter, "superseded_by", None)
    return newer.sent_on if newer is not None else None


@require_safe
def print_patient_copy(request: HttpRequest, letter_id: int) -> HttpResponse:
    """`?print=large` in large letters."""
    letter, cut, banner = _opened(request, letter_id, "patient copy as PDF")
    large = request.GET.get("print") == LARGE
    return _pdf(request, letter, banner, "patient-copy", lambda: documents.pdf(letter, documents.PATIENT, large=large, cut=cut))


def _pdf(request: HttpRequest, letter: Letter, banner: Banner, name: str, make: Callable[[], bytes]) -> HttpResponse:
    try:
        return _file(make(), name, "pdf", "application/pdf")
    except Refused as refusal:
        context = {"letter": letter, "banner": banner, "problem": str(refusal)}
        return render(request, "letters/documents/no_pdf.jinja", context, status=503)


def _file(data: bytes, name: str, suffix: str, content_type: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}-{file_stamp(clock.now())}.{suffix}"'}
    return HttpResponse(data, content_type=content_type, headers=headers)
