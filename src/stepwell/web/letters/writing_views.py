"""Writing a letter: beginning it, the form, looking at it before it goes, sending, discarding, correcting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from stepwell.clinical.letter_completeness import State
from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import clock
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import count
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.ledger.pages import Banner
from stepwell.web.ledger.view_support import open_person
from stepwell.web.letters import cutting, selectors, services
from stepwell.web.letters.compose import begun_by_hand, kinds
from stepwell.web.letters.drafting import Content, Said
from stepwell.web.letters.forms import ActionForm, BeginForm, action_forms
from stepwell.web.letters.held import choices
from stepwell.web.letters.models import Draft
from stepwell.web.letters.pages import Box, EditPage, Score, gaps
from stepwell.web.privacy import restrict
from stepwell.web.privacy import selectors as privacy

FORM_METHODS = ["GET", "HEAD", "POST"]
SAVE, SEND = "save", "send"
BY_SCRIPT = "X-Stepwell-Draft"  # a save that the page makes by itself while somebody types
SAID = {"saved": "Saved.", "begun": "Begun from the record. What the record does not hold is for you to write.", "discarded": "Discarded."}


def _draft(request: HttpRequest, draft_id: int, what: str) -> tuple[Actor, PersonRecord, Draft]:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    draft = selectors.draft(actor, draft_id)
    if draft is None:
        raise Http404
    actor, person = open_person(request, draft.person_id, what, Permission.WRITE_LETTERS)
    return actor, person, draft


@require_http_methods(FORM_METHODS)
def begin_letter(request: HttpRequest, person_id: int) -> HttpResponse:
    """Kind, receiver and medicines; the rest is drawn from the record."""
    actor, person = open_person(request, person_id, "begin letter", Permission.WRITE_LETTERS)
    medicines, usual = choices(actor, person)
    wanted = request.GET.get("kind", "")
    posted = request.POST if request.method == "POST" else None
    form = BeginForm(
        posted,
        kinds=[(key, kind.label) for key, kind in begun_by_hand().items()],
        to=selectors.receivers(actor, person_id),
        medicines=[(row["substance"], known.medicine(row["substance"])) for row in medicines],
        initial={"kind": wanted if wanted in begun_by_hand() else "outpatient", "medicines": usual},
    )
    if request.method == "POST" and form.is_valid():
        cleaned = form.cleaned_data
        try:
            draft = services.begin(actor, person_id, kind=cleaned["kind"], to_org=cleaned["to"], medicines=cleaned.get("medicines", []))
            return redirect(f"{reverse('letters:edit_draft', args=[draft.pk])}?said=begun")
        except Refused as refusal:
            form.add_error(None, str(refusal))
    context = {
        "form": form,
        "banner": Banner(person, clock.today()),
        "drafts": selectors.drafts_of_person(actor, person_id),
        "kinds": kinds(),
    }
    return render(request, "letters/begin.jinja", context, status=422 if form.errors else 200)


@require_http_methods(FORM_METHODS)
def edit_draft(request: HttpRequest, draft_id: int) -> HttpResponse:
    """The form. Every post keeps what was typed; a heading that somebody else changed meanwhile shows both versions."""
    actor, person, draft = _draft(request, draft_id, "write letter")
    if not selectors.is_open(draft):
        return _over(request, person, draft)
    cut = restrict.cut_for(actor, [person])[person.person_id]
    if request.method != "POST":
        return _form(request, actor, person, draft, cut)
    now = selectors.content_of(draft)
    locked = _locked(cut, now)
    typed = _typed(request.POST, now, locked)
    forms = action_forms(request.POST, now.actions, _kind_of(draft.to_org), services.MOST_ACTIONS)
    valid = all([form.is_valid() for form in forms])  # every form, so that each shows its own fault
    actions = [form.action for form in forms if form.action is not None] if valid else None
    errors = [
        {"text": f"{_heading(now, key)}: say why it does not apply", "href": f"#words-{key}"}
        for key, said in typed.items()
        if said.not_applicable and not said.words
    ]
    try:
        saved = services.save(actor, draft_id, typed, actions, seen=_seen(request.POST))
    except services.Changed as changed:
        return _form(request, actor, person, draft, cut, typed=typed, forms=forms, conflict=changed)
    except Refused as refusal:
        return _form(request, actor, person, draft, cut, typed=typed, forms=forms, errors=[{"text": str(refusal)}])
    if not valid or errors:
        return _form(request, actor, person, draft, cut, typed=typed, forms=forms, errors=errors)
    if request.headers.get(BY_SCRIPT):
        # While the form lacks what somebody else wrote, it must not claim to have seen it.
        seen = _seen(request.POST) if saved.theirs else saved.last
        return JsonResponse({"seen": seen, "theirs": bool(saved.theirs), "score": _score(request, draft)})
    if request.POST.get("do") == SEND:
        return redirect("letters:send_draft", draft_id)
    if saved.theirs:
        return _form(request, actor, person, draft, cut, theirs=saved.theirs)
    return redirect(f"{reverse('letters:edit_draft', args=[draft_id])}?said=saved")


def _seen(posted: Mapping[str, str]) -> int:
    """The newest event that the form knew; a form without it counts as the oldest."""
    given = posted.get("seen", "")
    return int(given) if given.isdigit() and len(given) < 18 else 0


def _heading(now: Content, key: str) -> str:
    section = now.section(key)
    return section.heading if section else key


def _kind_of(org_code: str) -> str:
    found = accounts.organisation(org_code)
    return str(found.kind) if found else ""


def _locked(cut: restrict.Cut, now: Content) -> dict[str, Any]:
    """Headings of which this writer is not shown everything: they stay as they are."""
    return {old.key: new for old, new in zip(now.sections, cutting.shown(cut, now.sections), strict=True) if old != new}


def _typed(posted: Any, now: Content, locked: Mapping[str, Any]) -> dict[str, Said]:
    return {
        key: Said.typed(posted[f"words-{key}"], posted.get(f"asked-{key}", ""), f"na-{key}" in posted)
        for key in now.keys
        if key not in locked and f"words-{key}" in posted
    }


def _form(
    request: HttpRequest,
    actor: Actor,
    person: PersonRecord,
    draft: Draft,
    cut: restrict.Cut,
    *,
    typed: Mapping[str, Said] | None = None,
    forms: list[ActionForm] | None = None,
    conflict: services.Changed | None = None,
    errors: list[dict[str, str]] | None = None,
    theirs: Any = (),
) -> HttpResponse:
    now = selectors.content_of(draft)
    locked = _locked(cut, now)
    clash = {each.key: f"{each.by} wrote: {each.theirs}" for each in conflict.conflicts} if conflict else {}
    last = selectors.last_letter(actor, draft.person_id)
    before = {section.key: "\n".join(section.words) for section in last.parts if section.state == State.HELD} if last else {}
    boxes = [
        Box(
            section,
            (typed or {}).get(section.key) or Said.of(section),
            theirs=clash.get(section.key, ""),
            before=before.get(section.key, "") if section.is_gap else "",
            locked=locked.get(section.key),
        )
        for section in now.sections
    ]
    page = EditPage(
        draft, now, boxes, to_name=ledger.organisation_name(draft.to_org), kind_label=_label(draft), theirs=theirs,
        hidden_from_receiver=_hidden_from(draft.person_id, draft.to_org),
    )  # fmt: skip
    forms = forms or action_forms(None, now.actions, _kind_of(draft.to_org), services.MOST_ACTIONS)
    told = [{"text": str(conflict), "href": "#words-" + conflict.conflicts[0].key}] if conflict else []
    told += errors or []
    for form in forms:
        told += form.error_list() if form.is_bound else []
    context = {
        "page": page,
        "errors": told,
        "actions": forms,
        "actions_theirs": clash.get("actions", ""),
        "seen": conflict.last if conflict else now.last,
        "last": last,
        "banner": Banner(person, clock.today()),
        "said": SAID.get(request.GET.get("said", ""), "") if request.method != "POST" else "",
        "restricted": cut.words,
    }
    return render(request, "letters/edit.jinja", context, status=422 if told else 200)


def _label(draft: Draft) -> str:
    return kinds()[draft.kind].label if draft.kind in kinds() else draft.kind


def _hidden_from(person_id: int, org_code: str) -> int:
    """How many entries the receiver will not be shown."""
    return sum(org_code not in mark.organisations for mark in privacy.marks_of([person_id]))


def _score(request: HttpRequest, draft: Draft) -> str:
    """What stands beside the form, for the script that keeps it up to date."""
    return render_to_string("letters/score.jinja", {"score": Score(selectors.content_of(draft).score)}, request=request)


def _over(request: HttpRequest, person: PersonRecord, draft: Draft) -> HttpResponse:
    """A draft that was sent or discarded is no form any more."""
    letter = getattr(draft, "letter", None)
    if letter is not None:
        return redirect("letters:show_letter", letter.pk)
    context = {"banner": Banner(person, clock.today()), "label": _label(draft)}
    return render(request, "letters/over.jinja", context)


@require_http_methods(FORM_METHODS)
def send_draft(request: HttpRequest, draft_id: int) -> HttpResponse:
    """The letter as it will be read, what is missing and whom it is asked of, and one button."""
    actor, person, draft = _draft(request, draft_id, "send letter")
    if not selectors.is_open(draft):
        return _over(request, person, draft)
    now, error = selectors.content_of(draft), ""
    posted = {key.removeprefix("asked-"): str(value) for key, value in request.POST.items() if key.startswith("asked-")}
    if request.method == "POST":
        try:
            letter = services.send(actor, draft_id, asked=posted, seen=_seen(request.POST))
            return redirect(f"{reverse('letters:show_letter', args=[letter.pk])}?said=sent")
        except Refused as refusal:
            error = str(refusal)
            now = selectors.content_of(draft)
    cut = restrict.cut_for(actor, [person])[person.person_id]
    practice = ledger.organisation_name(person.gp_org) if person.gp_org else ""
    found = gaps(now.score, practice=practice, typed=posted if error and posted else None)
    number = len(found)
    context = {
        "draft": draft,
        "label": _label(draft),
        "to_name": ledger.organisation_name(draft.to_org),
        "sections": cutting.shown(cut, now.sections),
        "actions": now.actions,
        "gaps": found,
        "score": Score(now.score),
        "button": f"Send, with {count(number, 'heading')} not known" if number else "Send",
        "seen": now.last,
        "error": error,
        "banner": Banner(person, clock.today()),
        "hidden_from_receiver": _hidden_from(draft.person_id, draft.to_org),
    }
    return render(request, "letters/send.jinja", context, status=422 if error else 200)


@require_http_methods(FORM_METHODS)
def discard_draft(request: HttpRequest, draft_id: int) -> HttpResponse:
    actor, person, draft = _draft(request, draft_id, "discard letter")
    if not selectors.is_open(draft):
        return _over(request, person, draft)
    if request.method == "POST":
        try:
            services.discard(actor, draft_id)
        except Refused:  # somebody was faster: the page says what became of it
            return _over(request, person, draft)
        return redirect(f"{reverse('letters:list_for_person', args=[draft.person_id])}?said=discarded")
    context = {
        "banner": Banner(person, clock.today()),
        "draft": draft,
        "label": _label(draft),
        "to_name": ledger.organisation_name(draft.to_org),
    }
    return render(request, "letters/discard.jinja", context)


@require_POST
def correct_letter(request: HttpRequest, letter_id: int) -> HttpResponse:
    """A new version of a sent letter, begun from what was sent."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    letter = selectors.letter_row(actor, letter_id)
    if letter is None:
        raise Http404
    open_person(request, letter.person_id, "correct letter", Permission.WRITE_LETTERS)
    try:
        draft = services.correct(actor, letter_id)
    except Refused as refusal:
        from stepwell.web.letters.views import letter_page

        return letter_page(request, letter_id, error=str(refusal))
    return redirect("letters:edit_draft", draft.pk)
