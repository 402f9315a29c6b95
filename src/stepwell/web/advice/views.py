"""Pages of questions: asking, the question with its reply, what both sides do with it, the desk, what was asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.advice import facts, rota, selectors, services, themes
from stepwell.web.advice.forms import AnswerForm, AskForm, CallForm, ThemesForm, WordsForm
from stepwell.web.advice.models import Question, QuestionState
from stepwell.web.advice.pages import SAID, AskedPage, DeskPage, DeskRow, EventLine, QuestionLine, QuestionPage, lines, told
from stepwell.web.advice.rota import Cover, Desk
from stepwell.web.core import clock, gate, layout
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.forms import refuse
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.ledger.pages import Banner
from stepwell.web.ledger.presenters import DutyPresenter
from stepwell.web.ledger.view_support import open_person
from stepwell.web.patients import selectors as patients
from stepwell.web.privacy import restrict
from stepwell.web.privacy.restrict import Cut

FORM_METHODS = ["GET", "HEAD", "POST"]
TRENDS_SHOWN = 3
# How many services are offered to choose from; those near the person come first.
SERVICES_SHOWN = 12


def _actor(request: HttpRequest) -> Actor:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return actor


def _person(request: HttpRequest, person_id: int, what: str, permission: Permission) -> tuple[Actor, PersonRecord, Cut]:
    """The person as the actor is shown them, once the actor may see them and that is recorded."""
    actor, person = open_person(request, person_id, what, permission)
    return actor, person, restrict.cut_for(actor, [person])[person_id]


def _question(request: HttpRequest, question_id: int, what: str) -> tuple[Actor, Question, Cut]:
    actor, row = _actor(request), selectors.question(question_id)
    if row is None:
        raise Http404
    gate.open_patient(actor, ledger.subject_of(row.person_id), what=what)
    cut = restrict.cut_for(actor, [row.person])[row.person_id]
    if not selectors.shown([row], actor, cut):
        raise Http404
    return actor, row, cut


def _seen(request: HttpRequest) -> int:
    """How much the form had seen; a form that does not say has seen nothing."""
    text = request.POST.get("seen", "")
    return int(text) if text.isdigit() and len(text) < 19 else 0


def _to(question_id: int, said: str, done: services.Done | None = None) -> HttpResponse:
    waiting = done is not None and not done.up_to_date and f"{said}-waiting" in SAID
    return redirect(f"{reverse('advice:show_question', args=[question_id])}?said={said}{'-waiting' if waiting else ''}")


def _substances(person: PersonRecord) -> list[str]:
    return [row["substance"] for row in person.medicines]


# Asking


def _covers(person: PersonRecord, *, without: int | None = None) -> list[Cover]:
    """The services to ask, with who is on duty: those of organisations that have this person first."""
    on = clock.today()
    every = rota.desks()
    near = accounts.with_parts(ledger.organisations_near([person.person_id], on)[person.person_id], on)
    wholes = {whole.code for code in near for whole in accounts.wholes_of(code, on)}
    found = [desk for desk in every.values() if not desk.closed and desk.id != without]
    found.sort(key=lambda desk: (desk.org_code not in near, desk.org_code not in wholes))
    return rota.cover_of(found[:SERVICES_SHOWN], clock.moment(), every)


@require_http_methods(FORM_METHODS)
def ask(request: HttpRequest, person_id: int) -> HttpResponse:
    """A question about a person; `?duty=` is the duty that it is about, `?medicine=` a medicine of the record."""
    actor, person, cut = _person(request, person_id, "ask for advice", Permission.ASK_ADVICE)
    on, names = clock.today(), accounts.organisation_names()
    open_duties = cut.shown(ledger.open_duties_of(person_id))
    asked = request.GET.get("duty", "")
    duty = next((each for each in open_duties if str(each.pk) == asked), None)
    covers, substances = _covers(person), _substances(person)
    subject = duty.subject if duty is not None else request.GET.get("medicine", "")
    initial = {
        "service": str(covers[0].desk.id) if len(covers) == 1 else "",
        "substance": subject if subject in substances else "",
        "kind": "",
    }
    form = AskForm(
        request.POST if request.method == "POST" else None, covers=covers, substances=substances,
        duty_kind=duty.kind if duty is not None else "", initial=initial,
    )  # fmt: skip
    if request.method == "POST" and form.is_valid():
        cleaned = form.cleaned_data
        try:
            done = services.ask(
                actor, person_id, service_id=int(cleaned["service"]), kind=cleaned["kind"], words=cleaned["words"],
                substance=cleaned["substance"], duty_id=duty.pk if duty is not None else None,
            )  # fmt: skip
            return _to(done.question_id, "asked", done)
        except Refused as refusal:
            refuse(form, refusal)
    shown = facts.of_record(person, [DutyPresenter(each, actor, on, names) for each in open_duties], on, about=subject)
    context = {
        "form": form,
        "banner": Banner(person, on),
        "covers": covers,
        "duty": DutyPresenter(duty, actor, on, names) if duty is not None else None,
        "facts": shown,
        "medicines": [(known.marked(fact.words(on)), fact.substance == subject) for fact in shown.medicines],
        "open": [line for line in _lines_of(actor, person_id, cut) if line.row.is_open],
    }
    return render(request, "advice/ask.jinja", context, status=422 if form.errors else 200)


def _lines_of(actor: Actor, person_id: int, cut: Cut) -> list[QuestionLine]:
    rows = selectors.shown(selectors.for_person(person_id), actor, cut)
    return lines(rows, actor, clock.moment(), rota.desks(selectors.services_of(rows)), accounts.organisation_names())


# One question


@require_safe
def show_question(request: HttpRequest, question_id: int) -> HttpResponse:
    actor, row, cut = _question(request, question_id, "advice")
    return _page(request, actor, row, cut, said=SAID.get(request.GET.get("said", ""), ""))


def _page(
    request: HttpRequest, actor: Actor, row: Question, cut: Cut, *, form: AnswerForm | None = None, changes: Sequence[str] = (),
    seen: int | None = None, said: str = "", status: int = 200,
) -> HttpResponse:  # fmt: skip
    on, names, desks = clock.today(), accounts.organisation_names(), rota.desks()
    line = QuestionLine(row, actor, clock.moment(), desks, names)
    duties = [DutyPresenter(each, actor, on, names) for each in cut.shown(ledger.open_duties_of(row.person_id))]
    earlier = [each for each in _lines_of(actor, row.person_id, cut) if each.id != row.pk]
    then = facts.read(row.facts, cut)
    page = QuestionPage(
        line,
        banner=Banner(row.person, on),
        now_facts=facts.of_record(row.person, duties, on, about=row.substance),
        then_facts=then,
        trends=patients.trends_for(row.person, cut, on, facts.tests_of(row.substance))[:TRENDS_SHOWN],
        earlier=earlier,
        events=[EventLine(event, desks, names) for event in selectors.events_of(row.pk)],
    )
    if form is None and (page.may_answer or (page.may_say_more and request.GET.get("further") == "yes")):
        form = _answer_form(None, row, names)
    sorting = ThemesForm(themes=_themes(row), initial={"themes": [str(key) for key in row.themes]}) if page.may_sort else None
    context = {
        "page": page,
        "banner": page.banner,
        "form": form,
        "sorting": sorting,
        "themes": [theme.name for theme in themes.themes_of(row.service_id, removed=True) if theme.id in row.themes]
        if page.is_desk
        else [],
        "duty": DutyPresenter(row.duty, actor, on, names) if row.duty is not None and not cut.hides(row.duty) else None,
        "seen": selectors.version_of(row.pk) if seen is None else seen,
        "changes": changes,
        "said": said,
    }
    return render(request, "advice/question.jinja", context, status=status)


def _themes(row: Question) -> list[tuple[int, str]]:
    return [(theme.id, theme.name) for theme in themes.themes_of(row.service_id)]


def _named(row: Question) -> list[str]:
    """The themes it was sorted under, by name."""
    return [theme.name for theme in themes.themes_of(row.service_id, removed=True) if theme.id in row.themes]


def _answer_form(data: Any, row: Question, names: dict[str, str]) -> AnswerForm:
    asker, desk = (names.get(code, code) for code in (row.asked_org, row.answering_org))
    substances = _substances(row.person)
    initial = {"themes": [str(key) for key in themes.suggested(row)], "medicine": row.substance if row.substance in substances else ""}
    return AnswerForm(data, substances=substances, asker=asker, desk=desk, themes=_themes(row), initial=initial)


@require_POST
def answer(request: HttpRequest, question_id: int) -> HttpResponse:
    actor, row, cut = _question(request, question_id, "answer advice")
    gate.require(actor, Permission.ANSWER_ADVICE, ledger.subject_of(row.person_id))
    form = _answer_form(request.POST, row, accounts.organisation_names())
    further = request.POST.get("further") == "yes"
    changes: list[str] = []
    seen, status = _seen(request), 422
    if form.is_valid():
        try:
            done = services.answer(actor, question_id, form.given(), to_do=form.to_do(), themed=form.themed(), seen=seen, further=further)
            return _to(question_id, "answered", done)
        except services.Changed as changed:
            refuse(form, changed)
            row = selectors.question(question_id) or row
            restrict.cut_for(actor, [row.person])
            changes, seen, status = told(changed.changes), selectors.version_of(question_id), 409
        except Refused as refusal:
            refuse(form, refusal)
    return _page(request, actor, row, cut, form=form, changes=changes, seen=seen, status=status)


@require_POST
def take(request: HttpRequest, question_id: int) -> HttpResponse:
    return _press(request, question_id, services.take, "taken")


@require_POST
def read(request: HttpRequest, question_id: int) -> HttpResponse:
    return _press(request, question_id, services.read, "read")


@require_POST
def set_themes(request: HttpRequest, question_id: int) -> HttpResponse:
    chosen = [int(key) for key in request.POST.getlist("themes") if key.isdigit() and len(key) < 19]

    def do(actor: Actor, key: int, *, seen: int | None) -> services.Done:
        return services.set_themes(actor, key, themed=chosen, seen=seen)

    return _press(request, question_id, do, "themes")


def _press(request: HttpRequest, question_id: int, do: Callable[..., services.Done], said: str) -> HttpResponse:
    """A button without words: what it meets is told on the question's page."""
    actor, row, cut = _question(request, question_id, said)
    try:
        return _to(question_id, said, do(actor, question_id, seen=_seen(request)))
    except Refused as refusal:
        row = selectors.question(question_id) or row
        restrict.cut_for(actor, [row.person])
        changes = told(refusal.changes) if isinstance(refusal, services.Changed) else [str(refusal)]
        return _page(request, actor, row, cut, changes=changes, status=409)


# Acts that need words, each on a page of its own


def _with_words(
    request: HttpRequest,
    question_id: int,
    do: Callable[[Actor, int, dict[str, Any], int], services.Done],
    *,
    said: str,
    heading: str,
    button: str,
    may: str,
    label: str,
    missing: str,
    hint: str = "",
    passing: bool = False,
) -> HttpResponse:
    actor, row, _ = _question(request, question_id, heading)
    on, names, desks = clock.today(), accounts.organisation_names(), rota.desks()
    covers = _covers(row.person, without=row.service_id) if passing else None
    form = WordsForm(request.POST if request.method == "POST" else None, label=label, missing=missing, hint=hint, covers=covers)
    changes: list[str] = []
    seen, status = selectors.version_of(question_id), 200
    if request.method == "POST":
        seen, status = _seen(request), 422
        if form.is_valid():
            try:
                return _to(question_id, said, do(actor, question_id, form.cleaned_data, seen))
            except services.Changed as changed:
                refuse(form, changed)
                row = selectors.question(question_id) or row
                restrict.cut_for(actor, [row.person])
                changes, seen, status = told(changed.changes), selectors.version_of(question_id), 409
            except Refused as refusal:
                refuse(form, refusal)
                status = 409
    line = QuestionLine(row, actor, clock.moment(), desks, names)
    bare = facts.of_record(row.person, [], on)
    page = QuestionPage(line, banner=Banner(row.person, on), now_facts=bare, then_facts=None, trends=[], earlier=[], events=[])
    context = {
        "page": page, "banner": page.banner, "form": form, "heading": heading, "button": button, "seen": seen, "changes": changes,
        "may": getattr(page, may),
    }  # fmt: skip
    return render(request, "advice/words.jinja", context, status=status)


@require_http_methods(FORM_METHODS)
def add(request: HttpRequest, question_id: int) -> HttpResponse:
    return _with_words(
        request, question_id, lambda actor, key, cleaned, seen: services.add(actor, key, words=cleaned["words"], seen=seen),
        said="added", heading="Say more", button="Send", may="may_add", label="What you want to add", missing="Write what you want to add",
        hint="If they asked back, this is the reply: they owe the answer again.",
    )  # fmt: skip


@require_http_methods(FORM_METHODS)
def withdraw(request: HttpRequest, question_id: int) -> HttpResponse:
    return _with_words(
        request, question_id, lambda actor, key, cleaned, seen: services.withdraw(actor, key, words=cleaned["words"], seen=seen),
        said="withdrawn", heading="Withdraw the question", button="Withdraw it", may="may_withdraw", label="Reason",
        missing="Say why it is no longer needed",
    )  # fmt: skip


@require_http_methods(FORM_METHODS)
def ask_back(request: HttpRequest, question_id: int) -> HttpResponse:
    return _with_words(
        request, question_id, lambda actor, key, cleaned, seen: services.ask_back(actor, key, words=cleaned["words"], seen=seen),
        said="asked-back", heading="Ask back", button="Ask back", may="may_ask_back", label="What you need to know",
        missing="Write what you need to know", hint="They owe the reply; when it comes, your clock starts again.",
    )  # fmt: skip


@require_http_methods(FORM_METHODS)
def pass_on(request: HttpRequest, question_id: int) -> HttpResponse:
    return _with_words(
        request,
        question_id,
        lambda actor, key, cleaned, seen: services.pass_on(
            actor, key, service_id=int(cleaned["service"]), words=cleaned["words"], seen=seen
        ),
        said="passed", heading="Pass it to another service", button="Pass it on", may="may_pass", label="Why they are the right ones",
        missing="Say why they are the right ones", hint="It stays yours until they have taken it, and the clock goes on.", passing=True,
    )  # fmt: skip


@require_http_methods(FORM_METHODS)
def refuse_pass(request: HttpRequest, question_id: int) -> HttpResponse:
    return _with_words(
        request, question_id, lambda actor, key, cleaned, seen: services.refuse_pass(actor, key, words=cleaned["words"], seen=seen),
        said="not-taken", heading="Leave it where it was", button="Leave it there", may="may_refuse_pass", label="Reason",
        missing="Say why, so that they know what to do next",
    )  # fmt: skip


# By telephone


@require_http_methods(FORM_METHODS)
def log_call(request: HttpRequest, person_id: int) -> HttpResponse:
    """A telephone answer in thirty seconds: by the desk that gave it, or by who asked."""
    actor, person, _ = _person(request, person_id, "log a telephone answer", Permission.ASK_ADVICE)
    on, names = clock.today(), accounts.organisation_names()
    own = [desk for desk in rota.desks_at([actor.organisation]) if not desk.closed] if actor.may(Permission.ANSWER_ADVICE) else []
    by_desk = bool(own)
    desks = own or [cover.desk for cover in _covers(person)]
    form = CallForm(
        request.POST if request.method == "POST" else None,
        desks=desks,
        organisations=_callers(person, actor, names),
        by_desk=by_desk,
        substances=_substances(person),
        asker="Those who asked" if by_desk else actor.organisation_name,
        desk=actor.organisation_name if by_desk else "The service",
    )
    if request.method == "POST" and form.is_valid():
        cleaned = form.cleaned_data
        try:
            done = services.log_call(
                actor, person_id, service_id=int(cleaned["service"]), kind=cleaned["kind"], question=cleaned["question"],
                given=form.given(), other_org=cleaned.get("other_org", ""), other_name=cleaned["other_name"],
                substance=cleaned["medicine"], to_do=form.to_do(),
            )  # fmt: skip
            return _to(done.question_id, "logged", done)
        except Refused as refusal:
            refuse(form, refusal)
    context = {"form": form, "banner": Banner(person, on), "by_desk": by_desk, "desks": desks}
    return render(request, "advice/call.jinja", context, status=422 if form.errors else 200)


def _callers(person: PersonRecord, actor: Actor, names: dict[str, str]) -> list[tuple[str, str]]:
    """Where a call may come from: the person's practice first, then whoever has this person."""
    near = ledger.organisations_near([person.person_id], clock.today())[person.person_id]
    codes = sorted(near - {actor.organisation}, key=lambda code: (code != person.gp_org, str(names.get(code, code)).lower()))
    return [(code, names[code]) for code in codes if code in names]


# Lists


@require_safe
def show_desk(request: HttpRequest) -> HttpResponse:
    """What waits for an answer, the oldest clock first, each with the record beside it."""
    actor = _actor(request)
    gate.require(actor, Permission.ANSWER_ADVICE, OrganisationSubject(actor.organisation))
    waiting = selectors.waiting_at(actor)
    rows, total = list(waiting[: selectors.DESK_SHOWN]), waiting.count()
    others = [selectors.asked_back_at(actor), selectors.told_to_desk(actor), selectors.answered_at(actor, selectors.lately())]
    ids = list(dict.fromkeys(row.person_id for listed in (rows, *others) for row in listed))
    gate.open_list(actor, action=Permission.ANSWER_ADVICE, what="duty desk", person_ids=ids, result_count=total)
    now, names, desks = clock.moment(), accounts.organisation_names(), rota.desks()
    own = [desk for desk in desks.values() if desk.org_code == actor.organisation and not desk.closed]
    page = DeskPage(
        rows=_desk_rows(actor, rows, desks, names),
        more=total - len(rows),
        asked_back=lines(others[0], actor, now, desks, names),
        told=lines(others[1], actor, now, desks, names),
        answered=lines(others[2], actor, now, desks, names),
        covers=rota.cover_of(own, now, desks),
        place=actor.organisation_name,
        unopened=selectors.unopened_at(actor),
    )
    return render(request, "advice/desk.jinja", {"page": page, "may_step_down": actor.may(Permission.VIEW_AGREEMENTS)})


def _desk_rows(actor: Actor, rows: Sequence[Question], desks: dict[int, Desk], names: dict[str, str]) -> list[DeskRow]:
    on, now = clock.today(), clock.moment()
    cuts = restrict.cut_for(actor, [row.person for row in rows])
    before = layout.before_contact([row.person_id for row in rows], on)
    found = []
    for row in rows:
        cut = cuts[row.person_id]
        duties = [DutyPresenter(each, actor, on, names) for each in cut.shown(ledger.open_duties_of(row.person_id))]
        earlier = selectors.shown([each for each in selectors.for_person(row.person_id) if each.pk != row.pk], actor, cut)
        told_before = [each for each in earlier if each.state == QuestionState.ANSWERED]
        found.append(
            DeskRow(
                QuestionLine(row, actor, now, desks, names),
                facts.of_record(row.person, duties, on, about=row.substance),
                lines(told_before, actor, now, desks, names),
                "; ".join(before[row.person_id]),
            )
        )
    return found


@require_safe
def list_asked(request: HttpRequest) -> HttpResponse:
    """What one's own organisation asked: new, open, lately answered."""
    actor = _actor(request)
    gate.require(actor, Permission.ASK_ADVICE, OrganisationSubject(actor.organisation))
    rows = selectors.asked_by(actor)
    gate.open_list(actor, action=Permission.ASK_ADVICE, what="advice asked", person_ids=list(dict.fromkeys(row.person_id for row in rows)))
    found = lines(rows, actor, clock.moment(), rota.desks(), accounts.organisation_names())
    new = [line for line in found if line.row.new_for_asker]
    rest = [line for line in found if not line.row.new_for_asker]
    page = AskedPage(
        new, [line for line in rest if line.row.is_open], sorted((line for line in rest if not line.row.is_open), key=_newest, reverse=True)
    )
    return render(request, "advice/asked.jinja", {"page": page})


def _newest(line: QuestionLine) -> Any:
    return line.row.answered_at or line.row.asked_at
