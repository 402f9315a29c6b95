"""Letters from outside: the list, filing one, and one letter with its score and what it asks for. Every look is recorded."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from stepwell.errors import Refused
from stepwell.web.core import clock, gate
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import file_stamp
from stepwell.web.core.forms import Form
from stepwell.web.core.permissions import Permission
from stepwell.web.incoming import reading, scoring, selectors, services
from stepwell.web.incoming.forms import AcceptForm, ActionForm, FileLetterForm, ScoreForm, WhyForm
from stepwell.web.incoming.models import ReceivedEvent, ReceivedFile, ReceivedLetter
from stepwell.web.incoming.pages import LetterPage, ListPage, initial_marks, kind_of, roles_here
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.forms import refuse
from stepwell.web.ledger.pages import Banner, banners
from stepwell.web.ledger.view_support import open_person
from stepwell.web.letters.measures import months
from stepwell.web.privacy import restrict

FORM_METHODS = ["GET", "HEAD", "POST"]
SAID = {
    "filed": "Filed. It is a duty here until somebody has read it.",
    "scored": "The score is kept.",
    "proposed": "On the list. It waits for somebody who acts on duties.",
    "accepted": "Accepted: it is a duty now.",
    "declined": "Not taken on; the reason is kept. Tell the sender.",
    "read": "Read. Nothing more waits in this letter.",
    "out": "Taken out. It stays on record and is counted no more.",
}
_LONGEST_NUMBER = 18


def _actor(request: HttpRequest) -> Actor:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return actor


# The list


@require_safe
def list_letters(request: HttpRequest) -> HttpResponse:
    """`?show=unread`: what nobody has read or answered; `?like=`: what was scored of that letter's sender and month; else everything
    kept here, the newest first."""
    actor = _actor(request)
    gate.require(actor, Permission.VIEW_PATIENT, OrganisationSubject(actor.organisation))
    show = selectors.UNREAD if request.GET.get("show") == selectors.UNREAD else selectors.ALL
    number = request.GET.get("like", "")
    like = selectors.letter_row(actor, int(number)) if number.isdigit() and len(number) <= _LONGEST_NUMBER else None
    letters = list(selectors.letters_for(actor, show, like=like)[: selectors.LIST_SIZE])
    people = ledger.people({letter.person_id for letter in letters})
    person_ids = sorted(person.person_id for person in people)
    measures = selectors.by_sender_and_month(actor)
    gate.open_list(actor, action=Permission.VIEW_PATIENT, what="letters from outside", person_ids=person_ids)
    shown = {banner.person_id: banner for banner in banners(people, clock.today())}
    page = ListPage(
        letters, selectors.standings(letters), shown, show=show, measures=measures, months=months(clock.today()), actor=actor, like=like
    )  # fmt: skip
    return render(request, "incoming/list.jinja", {"page": page})


# Filing


@require_http_methods(FORM_METHODS)
def file_letter(request: HttpRequest, person_id: int) -> HttpResponse:
    """A PDF that could be read is kept at once, so that a form that comes back with errors has not lost it."""
    actor, person = open_person(request, person_id, "file a letter", Permission.FILE_LETTERS)
    today = clock.today()
    if request.method != "POST":
        return _form(request, _bound(actor, None, initial={"received_on": today}), Banner(person, today), None)
    held = _held(request, actor, person_id)
    form = _bound(actor, request, has_file=held is not None)
    form.is_valid()
    too_large = int(request.META.get("CONTENT_LENGTH") or 0) > settings.UPLOAD_BYTES and not request.FILES
    if too_large:
        form.errors.pop("file", None)
        form.add_error("file", reading.TOO_LARGE.rstrip("."))
    elif "file" not in form.errors and (sent := form.cleaned_data.get("file")):
        try:
            if (sent.size or 0) > reading.MOST_BYTES:
                raise Refused(reading.TOO_LARGE)
            held = services.keep_file(actor, person_id, sent.read())
        except Refused as refusal:
            form.add_error("file", str(refusal).rstrip("."))
    if not form.errors:
        from_org, from_name = form.sender
        fields = {name: form.cleaned_data[name] for name in ("kind", "written_on", "received_on", "text")}
        try:
            letter = services.file_letter(actor, person_id, from_org=from_org, from_name=from_name, file=held, **fields)
            return _back(letter.pk, "filed")
        except Refused as refusal:
            needs_text = held is not None and not held.text and not form.cleaned_data["text"]
            form.add_error("text" if needs_text else None, str(refusal).rstrip(".") if needs_text else str(refusal))
    return _form(request, form, Banner(person, today), held)


def _bound(actor: Actor, request: HttpRequest | None, *, has_file: bool = False, **kwargs: Any) -> FileLetterForm:
    posted = (request.POST, request.FILES) if request is not None else (None, None)
    return FileLetterForm(*posted, senders=selectors.senders(actor), today=clock.today(), has_file=has_file, **kwargs)


def _held(request: HttpRequest, actor: Actor, person_id: int) -> ReceivedFile | None:
    """The file that the form before had kept, unless another was chosen or it was let go."""
    number = request.POST.get("held", "")
    if request.FILES.get("file") or request.POST.get("let_go") or not number.isdigit() or len(number) > _LONGEST_NUMBER:
        return None
    return selectors.held_file(actor, person_id, int(number))


def _form(request: HttpRequest, form: FileLetterForm, banner: Banner, held: ReceivedFile | None) -> HttpResponse:
    context = {"form": form, "banner": banner, "held": held}
    return render(request, "incoming/file.jinja", context, status=422 if form.errors else 200)


# One letter


def _opened(request: HttpRequest, received_id: int, what: str) -> tuple[Actor, ReceivedLetter, Any]:
    """The letter, once the actor may see its person and what its keeper keeps, and that is recorded."""
    actor = _actor(request)
    letter = selectors.letter_row(actor, received_id)
    person = ledger.find_person(letter.person_id) if letter is not None else None
    if letter is None or person is None:
        raise Http404
    gate.open_patient(actor, ledger.subject_of(letter.person_id), what=what)
    gate.require(actor, Permission.VIEW_PATIENT, OrganisationSubject(letter.org_code))
    return actor, letter, person


def _back(received_id: int, said: str) -> HttpResponse:
    return redirect(f"{reverse('incoming:show_letter', args=[received_id])}?said={said}")


@require_safe
def show_letter(request: HttpRequest, received_id: int) -> HttpResponse:
    actor, letter, person = _opened(request, received_id, "letter from outside")
    return _letter(request, actor, letter, person)


def _letter(
    request: HttpRequest, actor: Actor, letter: ReceivedLetter, person: Any, *, form: Form | None = None, status: int = 200
) -> HttpResponse:
    """`form`: one on this page that came back with errors."""
    cut = restrict.cut_for(actor, [person])[person.person_id]
    text = selectors.shown_text(cut, letter.text)
    page = LetterPage(letter, selectors.standing(letter), text, actor=actor, file_hidden=bool(cut.hidden))
    context = {
        "page": page,
        "banner": Banner(person, clock.today()),
        "form": form,
        "action": form if isinstance(form, ActionForm) else ActionForm(),
        "said": SAID.get(request.GET.get("said", ""), ""),
    }
    return render(request, "incoming/letter.jinja", context, status=status)


@require_safe
def show_original(request: HttpRequest, received_id: int) -> HttpResponse:
    """The PDF as it came, to save; not for somebody from whom an entry is hidden, because nothing can be taken out of it."""
    actor, letter, person = _opened(request, received_id, "letter from outside, the file")
    if letter.file is None or restrict.cut_for(actor, [person])[person.person_id].hidden:
        raise Http404
    headers = {"Content-Disposition": f'attachment; filename="letter-received-{file_stamp(letter.at)}.pdf"'}
    content = ReceivedFile.objects.values_list("content", flat=True).get(pk=letter.file.pk)
    return HttpResponse(bytes(content), content_type="application/pdf", headers=headers)


@require_http_methods(FORM_METHODS)
def score_letter(request: HttpRequest, received_id: int) -> HttpResponse:
    actor, letter, person = _opened(request, received_id, "score a letter from outside")
    gate.require(actor, Permission.FILE_LETTERS, ledger.subject_of(letter.person_id))
    standing, sections = selectors.standing(letter), scoring.asked(scoring.kinds()[letter.kind])
    seen = standing.last
    form = ScoreForm(request.POST if request.method == "POST" else None, sections=sections, initial=initial_marks(standing))
    if request.method == "POST":
        number = request.POST.get("seen", "")
        seen = int(number) if number.isdigit() and len(number) <= _LONGEST_NUMBER else -1
        if form.is_valid():
            try:
                services.score(actor, received_id, form.cleaned_data, seen=seen)
                return _back(received_id, "scored")
            except Refused as refusal:
                refuse(form, refusal)
                seen = selectors.standing(letter).last
    cut = restrict.cut_for(actor, [person])[person.person_id]
    context = {
        "form": form,
        "banner": Banner(person, clock.today()),
        "letter": letter,
        "text": selectors.shown_text(cut, letter.text),
        "standard": kind_of(letter),
        "seen": seen,
    }
    return render(request, "incoming/score.jinja", context, status=422 if form.errors else 200)


@require_POST
def propose_action(request: HttpRequest, received_id: int) -> HttpResponse:
    actor, letter, person = _opened(request, received_id, "letter from outside")
    gate.require(actor, Permission.FILE_LETTERS, ledger.subject_of(letter.person_id))
    form = ActionForm(request.POST)
    if form.is_valid():
        try:
            services.propose_action(actor, received_id, text=form.cleaned_data["text"], due_on=form.cleaned_data["due_on"])
            return _back(received_id, "proposed")
        except Refused as refusal:
            refuse(form, refusal)
    return _letter(request, actor, letter, person, form=form, status=422)


@require_POST
def mark_read(request: HttpRequest, received_id: int) -> HttpResponse:
    actor, letter, person = _opened(request, received_id, "letter from outside")
    gate.require(actor, Permission.ACT_ON_DUTY, ledger.subject_of(letter.person_id))
    try:
        services.mark_read(actor, received_id)
        return _back(received_id, "read")
    except Refused as refusal:
        form = Form(data={})
        form.is_valid()
        refuse(form, refusal)
        return _letter(request, actor, letter, person, form=form, status=409)


@require_http_methods(FORM_METHODS)
def take_out(request: HttpRequest, received_id: int) -> HttpResponse:
    actor, letter, person = _opened(request, received_id, "take out a letter from outside")
    gate.require(actor, Permission.FILE_LETTERS, ledger.subject_of(letter.person_id))
    form = WhyForm(request.POST if request.method == "POST" else None)
    form.fields["why"].label = "What was wrong?"
    if request.method == "POST" and form.is_valid():
        try:
            services.take_out(actor, received_id, why=form.cleaned_data["why"])
            return _back(received_id, "out")
        except Refused as refusal:
            refuse(form, refusal)
    context = {
        "form": form,
        "banner": Banner(person, clock.today()),
        "letter": letter,
        "heading": "Take this letter out",
        "intro": "For a letter that is about somebody else or was filed twice. It stays on record with your reason, and is shown and "
        "counted no more. Duties that were accepted from it stay: close each one that should not be.",
        "button": "Take it out",
    }
    return render(request, "incoming/act.jinja", context, status=422 if form.errors else 200)


# What a letter asks for


def _action(request: HttpRequest, action_id: int) -> tuple[Actor, ReceivedEvent, ReceivedLetter, Any]:
    row = selectors.action_row(_actor(request), action_id)
    if row is None:
        raise Http404
    actor, letter, person = _opened(request, row.letter_id, "action of a letter from outside")
    gate.require(actor, Permission.ACT_ON_DUTY, ledger.subject_of(letter.person_id))
    return actor, row, letter, person


@require_http_methods(FORM_METHODS)
def answer_action(request: HttpRequest, received_action_id: int) -> HttpResponse:
    """Accept it as a duty, with who does it and by when."""
    actor, row, letter, person = _action(request, received_action_id)
    today = clock.today()
    form = AcceptForm(
        request.POST if request.method == "POST" else None,
        choices=roles_here(actor.organisation_kind),
        today=today,
        initial={"due_on": max(row.due_on, today)},
    )
    if request.method == "POST" and form.is_valid():
        try:
            services.accept_action(actor, row.pk, role=form.cleaned_data["role"], due_on=form.cleaned_data["due_on"])
            return _back(letter.pk, "accepted")
        except Refused as refusal:
            refuse(form, refusal)
    heading, intro = f"Take on: {row.detail['text']}", "It becomes a duty of this organisation."
    return _act(request, form, letter, person, heading=heading, intro=intro, button="Accept")


@require_http_methods(FORM_METHODS)
def decline_action(request: HttpRequest, received_action_id: int) -> HttpResponse:
    actor, row, letter, person = _action(request, received_action_id)
    form = WhyForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            services.decline_action(actor, row.pk, why=form.cleaned_data["why"])
            return _back(letter.pk, "declined")
        except Refused as refusal:
            refuse(form, refusal)
    heading = f"Do not take on: {row.detail['text']}"
    intro = f"{letter.from_name} does not see this here: tell them, so that it is not lost between you."
    return _act(request, form, letter, person, heading=heading, intro=intro, button="Do not take it on")


def _act(request: HttpRequest, form: Form, letter: ReceivedLetter, person: Any, **words: str) -> HttpResponse:
    context = {"form": form, "banner": Banner(person, clock.today()), "letter": letter, **words}
    return render(request, "incoming/act.jinja", context, status=422 if form.errors else 200)
