"""Reading letters: inbox, what was sent, one letter with what it asks for, and how complete letters are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import clock, gate
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.declare import no_patient_data
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.ledger.pages import Banner, banners
from stepwell.web.ledger.view_support import open_person
from stepwell.web.letters import measures, selectors, services
from stepwell.web.letters.compose import kinds
from stepwell.web.letters.forms import AcceptForm, DeclineForm, roles_at
from stepwell.web.letters.models import Letter
from stepwell.web.letters.pages import LetterPage, Line, MeasuresPage, Team
from stepwell.web.letters.selectors import NEW, READ, WAITING
from stepwell.web.letters.writing_views import FORM_METHODS, SAID
from stepwell.web.privacy import restrict

TABS = {NEW: "New", WAITING: "Actions waiting", READ: "Read"}
DONE = SAID | {
    "sent": "Sent: it is in their inbox.",
    "accepted": "Accepted: it is yours now.",
    "declined": "Declined: they read why.",
    "judged": "Thank you: the sending team sees it.",
    "noted": "Noted.",
}


def _actor(request: HttpRequest) -> Actor:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return actor


def _people(letters: Sequence[Letter]) -> dict[int, Banner]:
    people = ledger.people([letter.person_id for letter in letters])
    return {banner.person_id: banner for banner in banners(people, clock.today())}


def _lines(letters: Sequence[Letter]) -> list[Line]:
    ids = [letter.pk for letter in letters]
    people, answered, judged = _people(letters), selectors.answered(ids), selectors.judgements(ids)
    return [Line(letter, people.get(letter.person_id), answered=answered[letter.pk], judgement=judged.get(letter.pk)) for letter in letters]


def _page(request: HttpRequest, rows: QuerySet[Letter]) -> tuple[list[Letter], dict[str, object]]:
    """The letters of the page that the address asks for, and its links."""
    pages = Paginator(rows, selectors.PAGE)
    page = pages.get_page(request.GET.get("page"))
    query = {key: value for key, value in request.GET.items() if key not in ("page", "said")}

    def address(number: int) -> str:
        return f"?{urlencode({**query, 'page': number})}"

    links = {
        "number": page.number,
        "count": pages.num_pages,
        "previous": address(page.previous_page_number()) if page.has_previous() else "",
        "next": address(page.next_page_number()) if page.has_next() else "",
    }
    return list(page.object_list), links


def _list(request: HttpRequest, what: str, letters: Sequence[Letter], total: int) -> None:
    gate.open_list(
        _actor(request), action=Permission.VIEW_PATIENT, what=what, person_ids=[letter.person_id for letter in letters], result_count=total
    )


@require_safe
def list_inbox(request: HttpRequest) -> HttpResponse:
    """Letters to us: new, with actions that wait, read."""
    actor = _actor(request)
    gate.require(actor, Permission.VIEW_PATIENT, OrganisationSubject(actor.organisation))
    counts = selectors.counts(actor)
    show = request.GET.get("show", "")
    if show not in TABS:
        show = next((tab for tab in (NEW, WAITING) if counts[tab]), NEW)
    letters, pages = _page(request, selectors.inbox(actor, show))
    _list(request, f"letters, {show}", letters, counts[show])
    context = {
        "lines": _lines(letters), "pages": pages, "tabs": [(key, text, counts[key], key == show) for key, text in TABS.items()],
        "show": show, "counts": counts, "unnoted": selectors.unnoted(actor),
    }  # fmt: skip
    return render(request, "letters/inbox.jinja", context)


@require_safe
def list_sent(request: HttpRequest) -> HttpResponse:
    """What we wrote and what came of it; drafts first."""
    actor = _actor(request)
    gate.require(actor, Permission.VIEW_PATIENT, OrganisationSubject(actor.organisation))
    rows = selectors.sent(actor)
    letters, pages = _page(request, rows)
    drafts = selectors.drafts_for(actor) if actor.may(Permission.WRITE_LETTERS) else []
    people = {banner.person_id: banner for banner in banners(ledger.people([draft.person_id for draft in drafts]), clock.today())}
    shown = [*(draft.person_id for draft in drafts), *(letter.person_id for letter in letters)]
    total = rows.count()
    gate.open_list(actor, action=Permission.VIEW_PATIENT, what="letters sent", person_ids=list(dict.fromkeys(shown)), result_count=total)
    context = {
        "lines": _lines(letters), "pages": pages, "total": total,
        "drafts": [(draft, people.get(draft.person_id)) for draft in drafts],
        "kinds": {key: kind.label for key, kind in kinds().items()}, "names": accounts.organisation_names(),
    }  # fmt: skip
    return render(request, "letters/sent.jinja", context)


@require_safe
def list_for_person(request: HttpRequest, person_id: int) -> HttpResponse:
    actor, person = open_person(request, person_id, "letters")
    letters = selectors.letters_of_person(actor, person_id)
    writes = actor.may(Permission.WRITE_LETTERS)
    context = {
        "banner": Banner(person, clock.today()), "lines": _lines(letters), "may_write": writes,
        "drafts": selectors.drafts_of_person(actor, person_id) if writes else [],
        "kinds": {key: kind.label for key, kind in kinds().items()}, "names": accounts.organisation_names(),
        "said": DONE.get(request.GET.get("said", ""), ""),
    }  # fmt: skip
    return render(request, "letters/person.jinja", context)


# One letter


def _open(request: HttpRequest, letter_id: int, what: str) -> tuple[Actor, PersonRecord, Letter]:
    actor = _actor(request)
    letter = selectors.letter(actor, letter_id)
    if letter is None:
        raise Http404
    actor, person = open_person(request, letter.person_id, what)
    return actor, person, letter


@require_safe
def show_letter(request: HttpRequest, letter_id: int) -> HttpResponse:
    """The letter; when its receiver opens it for the first time, that is kept."""
    return letter_page(request, letter_id)


def letter_page(request: HttpRequest, letter_id: int, *, error: str = "") -> HttpResponse:
    actor, person, letter = _open(request, letter_id, "letter")
    if request.method == "GET":
        services.mark_read(actor, letter)
    on = clock.today()
    cut = restrict.cut_for(actor, [person])[person.person_id]
    page = LetterPage(
        letter,
        asked=selectors.actions_of(actor, letter),
        judgement=selectors.judgement_of(letter),
        events=selectors.events_of(letter),
        actor=actor,
        on=on,
        restricted=cut.words,
    )
    context = {
        "page": page, "banner": Banner(person, on), "error": error, "roles": dict(roles_at("practice")) | dict(roles_at("trust")),
        "said": DONE.get(request.GET.get("said", ""), "") if request.method == "GET" else "",
    }  # fmt: skip
    return render(request, "letters/letter.jinja", context, status=422 if error else 200)


def _to_letter(letter_id: int, said: str) -> HttpResponse:
    return redirect(f"{reverse('letters:show_letter', args=[letter_id])}?said={said}")


@require_POST
def judge_letter(request: HttpRequest, letter_id: int) -> HttpResponse:
    """Was this enough? One tap; what was missing may be added."""
    actor, _person, _letter = _open(request, letter_id, "judge letter")
    try:
        services.judge(
            actor,
            letter_id,
            answer=request.POST.get("enough", ""),
            missing=request.POST.getlist("missing"),
            words=request.POST.get("words", ""),
        )
    except Refused as refusal:
        return letter_page(request, letter_id, error=str(refusal))
    return _to_letter(letter_id, "judged")


@require_POST
def note_answers(request: HttpRequest, letter_id: int) -> HttpResponse:
    actor, _person, _letter = _open(request, letter_id, "note answers")
    try:
        services.note_answers(actor, letter_id)
    except Refused as refusal:
        return letter_page(request, letter_id, error=str(refusal))
    return _to_letter(letter_id, "noted")


@require_http_methods(FORM_METHODS)
def answer_action(request: HttpRequest, action_id: int) -> HttpResponse:
    """Take it on, as asked or with another date and role, or decline it with a reason."""
    actor = _actor(request)
    action = selectors.action_row(actor, action_id)
    if action is None:
        raise Http404
    actor, person, letter = _open(request, action.letter_id, "answer action")
    gate.require(actor, Permission.ACT_ON_DUTY, ledger.subject_of(person.person_id))
    asked = next(each for each in selectors.actions_of(actor, letter) if each.action.pk == action_id)
    does = request.POST.get("do", "") if request.method == "POST" else ""
    due = max(action.due_on, clock.today())
    receiver = accounts.organisation(letter.to_org)
    choices = roles_at(str(receiver.kind) if receiver else "practice")
    accept = AcceptForm(request.POST if does == "accept" else None, choices=choices, initial={"role": action.role, "due_on": due})
    decline = DeclineForm(request.POST if does == "decline" else None)
    form = decline if does == "decline" else accept
    if does and form.is_valid():
        try:
            if does == "decline":
                services.decline(actor, action_id, why=form.cleaned_data["why"])
                return _to_letter(letter.pk, "declined")
            services.accept(actor, action_id, role=form.cleaned_data["role"], due_on=form.cleaned_data["due_on"])
            return _to_letter(letter.pk, "accepted")
        except Refused as refusal:
            form.add_error(None, str(refusal))
    context = {
        "form": form,
        "accept": accept,
        "decline": decline,
        "asked": asked,
        "letter": letter,
        "banner": Banner(person, clock.today()),
    }
    return render(request, "letters/answer.jinja", context, status=422 if form.errors else 200)


# Measures


def _measures_actor(request: HttpRequest) -> Actor:
    """Those who work with lists, and those who see numbers of the interface only."""
    actor = _actor(request)
    needs = Permission.VIEW_REGISTERS if actor.may(Permission.VIEW_REGISTERS) else Permission.VIEW_INTERFACE_NUMBERS
    gate.require(actor, needs, OrganisationSubject(actor.organisation))
    return actor


@no_patient_data
@require_safe
def show_measures(request: HttpRequest) -> HttpResponse:
    """Completeness by sending team and month: a drawing and a table, each figure opening its letters for those who may read them."""
    actor = _measures_actor(request)
    rows, names, months = measures.by_team_and_month(actor), measures.names(), measures.months(clock.today())
    counts_only = measures.counts_only(actor)
    own_parts = accounts.with_parts([actor.organisation], clock.today())
    teams = []
    for code in dict.fromkeys(row.team for row in rows):
        own = [row for row in rows if row.team == code]
        opens = not counts_only and (code == actor.organisation or code not in own_parts)
        links = {row.month: _behind(code, row.month) for row in own} if opens else {}
        teams.append(Team(code, names.get(code, code), own, months, links))
    page = MeasuresPage(sorted(teams, key=lambda team: team.name), counts_only=counts_only)
    return render(request, "letters/measures.jinja", {"page": page})


def _behind(team: str, month: date) -> str:
    return f"{reverse('letters:list_measured')}?{urlencode({'team': team, 'month': month.isoformat()[:7]})}"


@require_safe
def list_measured(request: HttpRequest) -> HttpResponse:
    """The letters behind one figure."""
    actor = _measures_actor(request)
    gate.require(actor, Permission.VIEW_PATIENT, OrganisationSubject(actor.organisation))
    team = request.GET.get("team", "")
    try:
        month = date.fromisoformat(f"{request.GET.get('month', '')}-01")
    except ValueError:
        raise Http404 from None
    rows = measures.letters_behind(actor, team, month)
    letters, pages = _page(request, rows)
    _list(request, "letters behind a figure", letters, rows.count())
    context = {
        "lines": _lines(letters), "pages": pages, "team": measures.names().get(team, team), "month": month,
        "found": rows.count(), "total": measures.size_of(actor, team, month),
    }  # fmt: skip
    return render(request, "letters/measured.jinja", context)
