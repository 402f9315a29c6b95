"""The verbs of advice: ask, add, withdraw; take, ask back, pass on, answer, log a telephone answer; read; sort under themes.

Each decides access and writes the event, the duties it makes or settles, and the audit in one transaction, with the person locked;
then the person is evaluated. `seen` is the newest event of the question that the page had shown: `Changed` when others wrote since.
Exactly one organisation owes the next step of an open question; passing it on moves nothing until the other service has taken it,
and the clock that the asker was promised goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.advice import choices, duties, facts, rota, selectors, themes
from stepwell.web.advice.duties import ANSWER, CHASE, READ, day_of
from stepwell.web.advice.models import Act, AdviceEvent, Question, QuestionState
from stepwell.web.advice.rota import Desk
from stepwell.web.core import audit, clock
from stepwell.web.core.access import PatientSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.gate import require
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.acts import acting_organisation, lock_person
from stepwell.web.ledger.evaluation import reevaluate, request_evaluation
from stepwell.web.ledger.presenters import DutyPresenter
from stepwell.web.privacy import restrict

ASKER, DESK = "asker", "desk"
PCN_KIND = "pcn"
# What says nothing that an answer would have to take into account.
QUIET = (Act.READ, Act.THEMED)


@dataclass(frozen=True, slots=True)
class Done:
    """`up_to_date` is False when the duties could not be evaluated at once: a retry is waiting."""

    question_id: int
    person_id: int
    up_to_date: bool = True


@dataclass(frozen=True, slots=True)
class ToDo:
    """A duty that the advice asks for: `side` is `asker` or `desk`, the organisation that will owe it."""

    title: str
    due_on: date
    side: str = ASKER


@dataclass(frozen=True, slots=True)
class Answer:
    """`do`: what to do, in words, the one thing that is required. `substance`: a medicine of the record; `dose`: in words; `who`:
    the side that does it."""

    do: str
    substance: str = ""
    dose: str = ""
    monitoring: str = ""
    back: str = ""
    who: str = ASKER


class Changed(Refused):
    """Somebody was faster. `changes` are the events since the page was opened, the oldest first."""

    def __init__(self, changes: Sequence[AdviceEvent]) -> None:
        self.changes = list(changes)
        told = "; ".join(selectors.told(event) for event in self.changes[-3:])
        super().__init__(f"Nothing was saved: this changed after you opened it ({told}). What you typed is kept below.")


# Asking


def ask(
    actor: Actor, person_id: int, *, service_id: int, kind: str, words: str, substance: str = "", duty_id: int | None = None,
    at: datetime | None = None,
) -> Done:  # fmt: skip
    """A question of the actor's organisation to a service. The service may open the record from now on, until some days after it
    has answered. Refused: no words, a medicine that is not on the record, a duty of somebody else, a service that takes none."""
    subject = ledger.subject_of(person_id)
    require(actor, Permission.ASK_ADVICE, subject)
    desk = _taking(service_id)
    text = _words(words, "Write the question.", choices.choices().longest.question)
    now = at or clock.moment()
    with transaction.atomic():
        lock_person(person_id)
        question = _new(actor, person_id, desk, kind=kind, words=text, substance=substance, duty_id=duty_id, at=now)
        question.due_at, question.owed_by, question.new_for_desk = desk.clock.due(now), desk.org_code, True
        question.save()
        _tell(question, Act.ASKED, actor, text, at=now, service=desk.id, due=question.due_at.isoformat())
        duties.owe_answer(actor, subject, question, desk)
        duties.owe_chasing(actor, subject, question, desk)
    return _evaluated(question)


def _taking(service_id: int) -> Desk:
    found = rota.desk(service_id)
    if found is None or found.closed:
        raise Refused("This service takes no questions. Choose another.")
    return found


def _new(
    actor: Actor, person_id: int, desk: Desk, *, kind: str, words: str, substance: str, duty_id: int | None, at: datetime
) -> Question:  # fmt: skip
    """The question with what the record showed its asker; not yet saved, and nobody owes it yet."""
    if kind not in choices.kinds():
        raise Refused("Choose what the question is about.")
    record, today = ledger.person(person_id), clock.today()
    cut = restrict.cut_for(actor, [record])[person_id]
    open_duties = cut.shown(ledger.open_duties_of(person_id))
    if substance and substance not in {row["substance"] for row in record.medicines}:
        raise Refused("Choose a medicine that is on this person's record.")
    duty = next((each for each in open_duties if each.pk == duty_id), None)
    if duty_id is not None and duty is None:
        raise Refused("This duty is not open any more. Ask about the medicine, or without a duty.")
    names = accounts.organisation_names()
    shown = facts.of_record(
        record,
        [DutyPresenter(each, actor, today, names) for each in open_duties],
        today,
        about=substance,
        earlier=[each.pk for each in selectors.for_person(person_id)],
    )
    return Question(
        person_id=person_id,
        service_id=desk.id,
        answering_org=desk.org_code,
        asked_org=asking_organisation(actor, person_id),
        asked_by_id=actor.user_id,
        asked_at=at,
        kind=kind,
        substance=substance,
        duty=duty,
        words=words,
        facts=facts.kept(shown, open_duties),
    )


def asking_organisation(actor: Actor, person_id: int) -> str:
    """For whom the actor asks: their own organisation, for a network the practice it covers where the person is registered."""
    if actor.organisation_kind == PCN_KIND and ledger.person(person_id).gp_org in actor.covered:
        return acting_organisation(actor, person_id)
    return actor.organisation


def add(actor: Actor, question_id: int, *, words: str, seen: int | None = None) -> Done:
    """The asker says more. Where it was asked back this is the reply: the service owes the answer again, within its clock."""
    text = _words(words, "Write what you want to add.", choices.choices().longest.question)
    with _acting(actor, question_id, Permission.ASK_ADVICE, ASKER, seen) as (question, subject):
        _must_be_open(question)
        if question.state == QuestionState.ASKED_BACK:
            desk = _desk_of(question)
            question.state, question.owed_by = QuestionState.WAITING, desk.org_code
            question.due_at = desk.clock.due(clock.moment())
            _tell(question, Act.REPLIED, actor, text, due=question.due_at.isoformat())
            why = f"{actor.organisation_name} replied; {desk.name} owes the answer by {clinician.datetime(question.due_at)}"
            duties.move_answer(actor, subject, question, role=desk.role, why=why)
            duties.owe_chasing(actor, subject, question, desk)
        else:
            _tell(question, Act.ADDED, actor, text)
        question.new_for_desk = True
    return _evaluated(question)


def withdraw(actor: Actor, question_id: int, *, words: str, seen: int | None = None) -> Done:
    """The asker no longer needs an answer. The question and the reason stay on record."""
    text = _words(words, "Say why it is no longer needed.", choices.choices().longest.line)
    with _acting(actor, question_id, Permission.ASK_ADVICE, ASKER, seen) as (question, subject):
        _must_be_open(question)
        _stop_chasing(actor, subject, question, f"{actor.display_name} withdrew the question")
        _close(question, QuestionState.WITHDRAWN)
        question.new_for_desk = True
        _tell(question, Act.WITHDRAWN, actor, text)
        why = f"{actor.display_name} withdrew the question"
        duties.settle(actor, subject, question, ANSWER, on=clock.today(), how="superseded", why=why)
    return _evaluated(question)


# At the desk


def take(actor: Actor, question_id: int, *, seen: int | None = None) -> Done:
    """ "I answer this." A question that was passed to the actor's service becomes that service's; the clock goes on."""
    with _acting(actor, question_id, Permission.ANSWER_ADVICE, DESK, seen) as (question, subject):
        _must_wait(question)
        to = rota.desk(question.passed_to_id) if question.passed_to_id is not None else None
        if to is not None and to.org_code in actor.organisations:
            question.service_id, question.answering_org, question.owed_by, question.passed_to = to.id, to.org_code, to.org_code, None
            _tell(question, Act.PASS_TAKEN, actor, "", service=to.id)
            duties.move_answer(actor, subject, question, role=to.role, why=f"{to.full_name} took the question over")
        else:
            _tell(question, Act.TAKEN, actor, "")
        question.taken_by_id = actor.user_id
    return _evaluated(question)


def ask_back(actor: Actor, question_id: int, *, words: str, seen: int | None = None) -> Done:
    """The desk needs to know more: the asking organisation owes the next step, within the time the service has for itself."""
    text = _words(words, "Write what you need to know.", choices.choices().longest.question)
    with _acting(actor, question_id, Permission.ANSWER_ADVICE, DESK, seen) as (question, subject):
        _must_wait(question)
        _must_be_ours(actor, question)
        desk = _desk_of(question)
        _stop_chasing(actor, subject, question, f"{desk.name} asked back")
        question.state, question.owed_by, question.passed_to = QuestionState.ASKED_BACK, question.asked_org, None
        question.due_at, question.new_for_asker = desk.clock.due(clock.moment()), True
        _tell(question, Act.ASKED_BACK, actor, text, due=question.due_at.isoformat())
        name = ledger.organisation_name(question.asked_org)
        duties.move_answer(actor, subject, question, role="", why=f"{desk.full_name} asked back; {name} owes the reply")
    return _evaluated(question)


def pass_on(actor: Actor, question_id: int, *, service_id: int, words: str, seen: int | None = None) -> Done:
    """To another named service. It stays owed by the actor's organisation until that service has taken it; the clock goes on."""
    text = _words(words, "Say why they are the right ones.", choices.choices().longest.line)
    to = _taking(service_id)
    with _acting(actor, question_id, Permission.ANSWER_ADVICE, DESK, seen) as (question, _):
        _must_wait(question)
        _must_be_ours(actor, question)
        if to.id == question.service_id:
            raise Refused("It is with this service already. Choose another.")
        question.passed_to_id = to.id
        _tell(question, Act.PASSED, actor, text, service=to.id)
        request_evaluation(question.person_id)  # they reach the record from now on
        question.new_for_desk = question.new_for_asker = True
    return _evaluated(question)


def refuse_pass(actor: Actor, question_id: int, *, words: str, seen: int | None = None) -> Done:
    """The service it was passed to does not take it, or the one that passed it takes it back: it stays where it was."""
    text = _words(words, "Say why, so that they know what to do next.", choices.choices().longest.line)
    with _acting(actor, question_id, Permission.ANSWER_ADVICE, DESK, seen) as (question, _):
        _must_wait(question)
        if question.passed_to_id is None:
            raise Refused("It is not passed to anybody.")
        _tell(question, Act.PASS_REFUSED, actor, text, service=question.passed_to_id)
        question.passed_to, question.new_for_desk = None, True
        request_evaluation(question.person_id)
    return _evaluated(question)


def answer(
    actor: Actor, question_id: int, given: Answer, *, to_do: Sequence[ToDo] = (), themed: Sequence[int] = (), seen: int | None = None,
    further: bool = False, at: datetime | None = None,
) -> Done:  # fmt: skip
    """The advice, on both sides' record at once; what it asks for becomes dated duties with an owner, and the asking organisation
    owes reading it.

    further: to a question that was answered: it takes the place of what was said, which stays in the history, and is read anew."""
    with _acting(actor, question_id, Permission.ANSWER_ADVICE, DESK, seen) as (question, subject):
        if not (further and question.state == QuestionState.ANSWERED):
            _must_be_open(question)
        _must_be_ours(actor, question)
        checked = _checked(actor, question.person_id, given)
        _stop_chasing(actor, subject, question, f"{actor.display_name} answered")
        _close(question, QuestionState.ANSWERED)
        now = at or clock.moment()
        _give(question, actor, checked, to_do, at=now)
        _tell(question, Act.ANSWERED, actor, checked.do, at=now, answer=question.answer)
        _theme(question, themed)
        question.new_for_asker, question.new_for_desk = True, False
        why = f"{actor.display_name} answered on {clinician.datetime(now)}"
        duties.settle(actor, subject, question, ANSWER, on=day_of(now), how="done", why=why)
        _owe_what_follows(actor, subject, question, to_do, reader=question.asked_org, why=why)
    return _evaluated(question)


def log_call(
    actor: Actor, person_id: int, *, service_id: int, kind: str, question: str, given: Answer, other_org: str, other_name: str,
    substance: str = "", to_do: Sequence[ToDo] = (), at: datetime | None = None,
) -> Done:  # fmt: skip
    """A question that was asked and answered by telephone, written down by either side: by the desk (`other_*` rang), or by who
    asked (`other_*` answered). The other side owes reading what was written in their name."""
    subject = ledger.subject_of(person_id)
    desk = rota.desk(service_id)
    if desk is None:
        raise Refused("Choose the service.")
    by_desk = desk.org_code == actor.organisation and actor.may(Permission.ANSWER_ADVICE)
    require(actor, Permission.ANSWER_ADVICE if by_desk else Permission.ASK_ADVICE, subject)
    longest = choices.choices().longest
    text = _words(question, "Write the question in a line.", longest.line)
    name = _words(other_name, "Say who rang." if by_desk else "Say who answered.", longest.line)
    if by_desk and (other_org not in accounts.organisation_names() or other_org == desk.org_code):
        raise Refused("Choose where they rang from.")
    now = at or clock.moment()
    with transaction.atomic():
        lock_person(person_id)
        checked = _checked(actor, person_id, given)
        row = _new(actor, person_id, desk, kind=kind, words=text, substance=substance, duty_id=None, at=now)
        row.by_phone, row.state = True, QuestionState.ANSWERED
        row.asked_org = other_org if by_desk else row.asked_org
        row.asked_by_id = None if by_desk else actor.user_id
        row.new_for_asker, row.new_for_desk = by_desk, not by_desk
        _give(row, actor, checked, to_do, at=now)
        if not by_desk:
            row.answered_by, row.answered_by_name = None, name
        row.save()
        other = {"name": name, "org": other_org if by_desk else desk.org_code, "side": ASKER if by_desk else DESK}
        _tell(row, Act.LOGGED, actor, checked.do, at=now, answer=row.answer, other=other)
        _theme(row, themes.suggested(row))
        reader = row.asked_org if by_desk else row.answering_org
        _owe_what_follows(actor, subject, row, to_do, reader=reader, why=f"{actor.display_name} wrote down a telephone answer")
        row.save()
    return _evaluated(row)


# Afterwards


def read(actor: Actor, question_id: int, *, seen: int | None = None) -> Done:
    """ "Read": what is new is no longer new for the actor's side, and its duty to read is done."""
    found = selectors.question(question_id)
    if found is None:
        raise Refused("There is no such question.")
    side = side_of(actor, found)
    permission = Permission.ANSWER_ADVICE if side == DESK else Permission.ASK_ADVICE
    with _acting(actor, question_id, permission, side, seen) as (question, subject):
        _tell(question, Act.READ, actor, "")
        # Only the first who reads it settles the duty: to have read it again is no news.
        unread = question.new_for_desk if side == DESK else question.new_for_asker
        reader = _reader(question)
        if unread and reader is not None and reader in actor.organisations:
            duties.settle(actor, subject, question, READ, on=clock.today(), how="done", why=f"read by {actor.display_name}")
        _looked(question, side)
    return _evaluated(question)


def set_themes(actor: Actor, question_id: int, *, themed: Sequence[int], seen: int | None = None) -> Done:
    """Sort a question under other themes of its service."""
    with _acting(actor, question_id, Permission.ANSWER_ADVICE, DESK, seen) as (question, _):
        _theme(question, themed)
        _tell(question, Act.THEMED, actor, "", themes=question.themes)
    return Done(question.pk, question.person_id)


def side_of(actor: Actor, question: Question) -> str:
    """On which side of a question the actor stands: `desk`, `asker`, or neither (empty)."""
    to = rota.desk(question.passed_to_id) if question.passed_to_id is not None else None
    at_desk = question.answering_org == actor.organisation or (to is not None and to.org_code == actor.organisation)
    if at_desk and actor.may(Permission.ANSWER_ADVICE):
        return DESK
    return ASKER if question.asked_org in actor.organisations else ""


# What every act goes through


@contextmanager
def _acting(
    actor: Actor, question_id: int, permission: Permission, side: str, seen: int | None
) -> Iterator[tuple[Question, PatientSubject]]:  # fmt: skip
    found = selectors.question(question_id)
    if found is None:
        raise Refused("There is no such question.")
    subject = ledger.subject_of(found.person_id)
    require(actor, permission, subject)
    with transaction.atomic():
        lock_person(found.person_id)
        question = Question.objects.get(pk=question_id)
        if changes := changes_since(question_id, seen):
            raise Changed(changes)
        if not side or side_of(actor, question) != side:
            sides = {DESK: "of those who answer it", ASKER: "of those who asked it"}
            raise Refused(f"This is for the side {sides.get(side, 'that asked or answers')}.")
        yield question, subject
        question.save()


def changes_since(question_id: int, seen: int | None) -> list[AdviceEvent]:
    """What was said since a page was opened; nothing when no page was."""
    if seen is None:
        return []
    rows = AdviceEvent.objects.filter(question_id=question_id, pk__gt=seen).exclude(act__in=QUIET)
    return list(rows.select_related("by").order_by("id"))


def _must_be_open(question: Question) -> None:
    if not question.is_open:
        raise Refused(f"This question was {QuestionState(question.state).label.lower()} already. Nothing was changed.")


def _must_wait(question: Question) -> None:
    _must_be_open(question)
    if question.state == QuestionState.ASKED_BACK:
        raise Refused(f"It was asked back: {ledger.organisation_name(question.asked_org)} owes the reply.")


def _must_be_ours(actor: Actor, question: Question) -> None:
    if question.answering_org not in actor.organisations:
        raise Refused(f"It is with {ledger.organisation_name(question.answering_org)}. Take it over first.")


def _desk_of(question: Question) -> Desk:
    found = rota.desk(question.service_id)
    assert found is not None
    return found


def _words(text: str, ask: str, longest: int) -> str:
    words = "\n".join(" ".join(line.split()) for line in text.strip().splitlines()).strip()
    if not words:
        raise Refused(ask)
    if len(words) > longest:
        raise Refused(f"Say it in at most {longest:,} characters; this has {len(words):,}.")
    return words


def _checked(actor: Actor, person_id: int, given: Answer) -> Answer:
    longest = choices.choices().longest
    record = ledger.person(person_id)
    restrict.cut_for(actor, [record])
    if given.substance and given.substance not in {row["substance"] for row in record.medicines}:
        raise Refused("Choose a medicine that is on this person's record.")
    if given.dose and not given.substance:
        raise Refused("Choose the medicine that the dose is about.")
    if given.who not in (ASKER, DESK):
        raise Refused("Choose who does it.")
    lines = {name: " ".join(getattr(given, name).split()) for name in ("dose", "monitoring", "back")}
    if any(len(value) > longest.line for value in lines.values()):
        raise Refused(f"Dose, monitoring and when to come back: at most {longest.line} characters each.")
    return Answer(_words(given.do, "Write what to do.", longest.answer), given.substance, who=given.who, **lines)


def _give(question: Question, actor: Actor, given: Answer, to_do: Sequence[ToDo], *, at: datetime) -> None:
    for each in to_do:
        if not each.title.strip():
            raise Refused("Say what is to be done by that day.")
        if each.due_on < clock.today():
            raise Refused("A duty cannot be due before today.")
        if each.side not in (ASKER, DESK):
            raise Refused("Choose who owes the duty.")
    question.answered_at, question.answered_by_id, question.answered_by_name = at, actor.user_id, actor.display_name
    owners = {ASKER: question.asked_org, DESK: question.answering_org}
    listed = [{"title": " ".join(each.title.split()), "due_on": each.due_on.isoformat(), "owner": owners[each.side]} for each in to_do]
    question.answer = {**asdict(given), "duties": listed}


def _owe_what_follows(actor: Actor, subject: PatientSubject, question: Question, to_do: Sequence[ToDo], *, reader: str, why: str) -> None:
    before = _asked_for(question)
    roles = {question.answering_org: _desk_of(question).role}
    owners = {ASKER: question.asked_org, DESK: question.answering_org}
    title = "Read new advice" if reader == question.asked_org else "Read what was written down of advice by telephone"
    duties.owe_reading(
        actor, subject, question, title=title, owner_org=reader, role=roles.get(reader, ""), on=clock.today(), why=why
    )  # fmt: skip
    for number, each in enumerate(to_do, start=before + 1):
        owner = owners[each.side]
        name = question.answered_by_name or actor.display_name
        duties.owe_doing(
            actor, subject, question, number=number, title=" ".join(each.title.split()), owner_org=owner, role=roles.get(owner, ""),
            due_on=each.due_on, why=f"advice of {name}, {clinician.date(question.answered_at)}",
        )  # fmt: skip


def _asked_for(question: Question) -> int:
    """How many duties earlier answers asked for: a further one adds to them and takes none back."""
    told = AdviceEvent.objects.filter(question=question, act__in=(Act.ANSWERED, Act.LOGGED)).order_by("id")
    return sum(len(event.detail["answer"]["duties"]) for event in list(told)[:-1])


def _reader(question: Question) -> str | None:
    """Who owes reading the advice: the side that did not write it down."""
    logged = AdviceEvent.objects.filter(question=question, act=Act.LOGGED).first()
    if logged is not None and logged.detail["other"]["side"] == DESK:
        return question.answering_org
    return question.asked_org if question.state == QuestionState.ANSWERED else None


def _stop_chasing(actor: Actor, subject: PatientSubject, question: Question, why: str) -> None:
    """While it was asked back nobody chased: there is nothing to stop."""
    if question.state == QuestionState.WAITING:
        duties.settle(actor, subject, question, CHASE, on=clock.today(), how="superseded", why=why)


def _close(question: Question, state: QuestionState) -> None:
    question.state, question.owed_by, question.passed_to = state, "", None


def _looked(question: Question, side: str) -> None:
    if side == DESK:
        question.new_for_desk = False
    else:
        question.new_for_asker = False


def _theme(question: Question, themed: Sequence[int]) -> None:
    known = {theme.id for theme in themes.themes_of(question.service_id)}
    if unknown := set(themed) - known:
        raise Refused(f"{len(unknown)} of the themes is not one of this service any more. Choose again.")
    question.themes = sorted(set(themed))


def _tell(question: Question, act: Act, actor: Actor, words: str, *, at: datetime | None = None, **detail: Any) -> AdviceEvent:
    event = AdviceEvent.objects.create(
        question=question, act=act, words=words, detail=detail, at=at or clock.moment(), by_id=actor.user_id, role_of_by=actor.role,
        org_code=actor.organisation,
    )  # fmt: skip
    if act not in QUIET:
        _looked(question, side_of(actor, question))
    audit.record_write(
        actor, f"advice {act.value}", person_id=question.person_id, subject_type="advice question", subject_id=question.pk
    )  # fmt: skip
    return event


def _evaluated(question: Question) -> Done:
    return Done(question.pk, question.person_id, reevaluate(question.person_id))


__all__ = [
    "ASKER", "DESK", "Answer", "Changed", "Done", "ToDo", "add", "answer", "ask", "ask_back", "asking_organisation", "changes_since",
    "log_call", "pass_on", "read", "refuse_pass", "set_themes", "side_of", "take", "withdraw",
]  # fmt: skip
