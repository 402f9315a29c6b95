"""What the templates of advice are given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from stepwell.web.accounts.roles import roles
from stepwell.web.advice import selectors
from stepwell.web.advice.choices import kind_words
from stepwell.web.advice.facts import Facts
from stepwell.web.advice.models import Act, AdviceEvent, Question, QuestionState
from stepwell.web.advice.rota import Cover, Desk
from stepwell.web.advice.services import ASKER, DESK
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import UK, clinician, count
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known
from stepwell.web.ledger.pages import Banner

SHORT = 140
_TONES = {QuestionState.ANSWERED: "green", QuestionState.WITHDRAWN: "grey"}
SAID = {
    "asked": "Sent. You see here when it is answered, and it cannot be lost on the way.",
    "asked-waiting": "Sent. Duties of this person are being worked out again; they may not show it yet.",
    "added": "Added.",
    "withdrawn": "Withdrawn. The question and your reason stay on record.",
    "taken": "Yours. The others see that you answer it.",
    "asked-back": "Sent back with your question. They owe the reply; then the clock starts again.",
    "passed": "Passed on. It stays yours until they have taken it.",
    "not-taken": "It stays where it was.",
    "answered": "Answered. They see it now on the patient page and on their worklist.",
    "logged": "Written down. It stands in the record of both sides.",
    "read": "Read.",
    "themes": "Sorted.",
}


def short(text: str, most: int = SHORT) -> str:
    """The first words of a text, whole words only."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most + 1].rsplit(' ', 1)[0]} …"


class ClockWords:
    """A clock in words: when it is due and how urgent that is."""

    def __init__(self, due_at: datetime | None, now: datetime) -> None:
        self.due_at, self.now = due_at, now

    @property
    def is_late(self) -> bool:
        return self.due_at is not None and self.due_at < self.now

    @property
    def text(self) -> str:
        """`due today 15:00`, `due Tue 02-Jun-2026 17:00`, `overdue since today 09:30`"""
        if self.due_at is None:
            return ""
        day, today = self.due_at.astimezone(UK).date(), self.now.astimezone(UK).date()
        when = f"{'today' if day == today else clinician.date(day, weekday=True)} {clinician.time(self.due_at)}"
        return f"overdue since {when}" if self.is_late else f"due {when}"

    @property
    def tone(self) -> str:
        if self.due_at is None:
            return "grey"
        if self.is_late:
            return "red"
        return "amber" if self.due_at.astimezone(UK).date() == self.now.astimezone(UK).date() else "blue"


class QuestionLine:
    """A question in a list: what was asked, how it stands, who owes what, the answer."""

    def __init__(self, row: Question, actor: Actor, now: datetime, desks: Mapping[int, Desk], names: Mapping[str, str]) -> None:
        self.row, self.actor, self.now, self.desks, self.names = row, actor, now, desks, names
        self.id, self.words, self.asked_at = row.pk, row.words, row.asked_at
        self.side = side(actor, row, desks)
        self.clock = ClockWords(row.due_at if row.is_open else None, now)

    @property
    def kind(self) -> str:
        return kind_words(self.row.kind)

    @property
    def medicine(self) -> Any:
        return known.marked(known.medicine(self.row.substance)) if self.row.substance else ""

    @property
    def short(self) -> str:
        return short(self.words)

    @property
    def asked_by(self) -> str:
        """`Dr Amara Osei, Riverside Surgery`"""
        place = self._org(self.row.asked_org)
        return f"{self.row.asked_by.display_name}, {place}" if self.row.asked_by is not None else place

    @property
    def desk(self) -> str:
        found = self.desks.get(self.row.service_id)
        return found.full_name if found is not None else self._org(self.row.answering_org)

    @property
    def ring(self) -> str:
        """For who asked, while the answer is owed: whom to ring when it does not come."""
        found = self.desks.get(self.row.service_id)
        waits = self.row.state == QuestionState.WAITING and self.side == ASKER
        return f"{found.name}, {found.phone}" if waits and found is not None and found.phone else ""

    @property
    def state(self) -> tuple[str, str]:
        """Where it stands, as a tag."""
        row = self.row
        if row.state == QuestionState.WAITING:
            return (self.clock.text, self.clock.tone)
        if row.state == QuestionState.ASKED_BACK:
            owes = "you owe" if row.asked_org in self.actor.organisations else f"{self._org(row.asked_org)} owes"
            return (f"asked back: {owes} the reply, {self.clock.text}", "red" if self.clock.is_late else "amber")
        return (QuestionState(row.state).label.lower(), _TONES[QuestionState(row.state)])

    @property
    def owed_by(self) -> str:
        """Who owes the next step; empty when nothing is owed."""
        if not self.row.owed_by:
            return ""
        return "You" if self.row.owed_by == self.actor.organisation else self._org(self.row.owed_by)

    @property
    def notes(self) -> list[tuple[str, str]]:
        row, found = self.row, []
        if self.is_new:
            found.append(("new", "amber"))
        if row.by_phone:
            found.append(("by telephone", "grey"))
        if row.taken_by is not None and row.is_open:
            name = "you" if row.taken_by_id == self.actor.user_id else row.taken_by.display_name
            found.append((f"{name} {'answer' if name == 'you' else 'answers'} it", "blue"))
        if row.passed_to_id is not None:
            to = self.desks.get(row.passed_to_id)
            told = to.full_name if to is not None else "another service"
            offered = to is not None and to.org_code == self.actor.organisation and row.answering_org != self.actor.organisation
            found.append((f"passed to you by {self._org(row.answering_org)}" if offered else f"passed to {told}, not taken yet", "amber"))
        return found

    @property
    def is_new(self) -> bool:
        return (self.side == ASKER and self.row.new_for_asker) or (self.side == DESK and self.row.new_for_desk)

    @property
    def answer(self) -> AnswerView | None:
        return AnswerView(self.row, self.names) if self.row.answer else None

    @property
    def person(self) -> str:
        record = self.row.person
        return clinician.name(record.family_name, record.given_name, record.title)

    @property
    def person_facts(self) -> str:
        """`14-Mar-1980 (46y), NHS No. 999 000 0018`, for lists of several people."""
        record = self.row.person
        born = clinician.born(record.birth_date, self.now.astimezone(UK).date())
        return f"born {born}, NHS No. {clinician.nhs_number(record.nhs_number)}"

    def _org(self, code: str) -> str:
        return self.names.get(code, code)


def side(actor: Actor, row: Question, desks: Mapping[int, Desk]) -> str:
    """`services.side_of` with the services at hand."""
    to = desks.get(row.passed_to_id) if row.passed_to_id is not None else None
    at_desk = row.answering_org == actor.organisation or (to is not None and to.org_code == actor.organisation)
    if at_desk and actor.may(Permission.ANSWER_ADVICE):
        return DESK
    return ASKER if row.asked_org in actor.organisations else ""


class AnswerView:
    """The advice as it was given."""

    def __init__(self, row: Question, names: Mapping[str, str]) -> None:
        given = row.answer
        self.do, self.monitoring, self.back = given["do"], given["monitoring"], given["back"]
        self.medicine = known.marked(known.medicine(given["substance"])) if given["substance"] else ""
        self.dose = given["dose"]
        self.who = names.get(row.asked_org if given["who"] == ASKER else row.answering_org, "")
        self.by, self.at = row.answered_by_name, row.answered_at
        place = names.get(row.answering_org, row.answering_org)
        self.by_line = f"{self.by}, {place}"
        self.duties = [
            (each["title"], date.fromisoformat(each["due_on"]), names.get(each["owner"], each["owner"])) for each in given["duties"]
        ]


class EventLine:
    """One thing that was said or done, for the history and for what changed meanwhile."""

    def __init__(self, event: AdviceEvent, desks: Mapping[int, Desk], names: Mapping[str, str]) -> None:
        self.at, self.words, self.act = event.at, event.words, event.act
        self.title = Act(event.act).label
        if "service" in event.detail and event.act in (Act.PASSED, Act.PASS_TAKEN, Act.PASS_REFUSED):
            found = desks.get(event.detail["service"])
            self.title = f"{self.title}: {found.full_name if found is not None else 'another service'}"
        if event.act == Act.LOGGED:
            other = event.detail["other"]
            self.title = f"{self.title}: {'rang' if other['side'] == ASKER else 'answered'}: {other['name']}, {names.get(other['org'], '')}"
        who = event.by.display_name if event.by is not None else "Stepwell"
        role = roles()[event.role_of_by].label if event.role_of_by in roles() else event.role_of_by
        self.who = f"{who}, {role}, {names.get(event.org_code, event.org_code)}"


class QuestionPage:
    """One question with the record in view; for the side that answers, the reply on the same page."""

    def __init__(
        self,
        line: QuestionLine,
        *,
        banner: Banner,
        now_facts: Facts,
        then_facts: Facts | None,
        trends: Sequence[Any],
        earlier: Sequence[QuestionLine],
        events: Sequence[EventLine],
    ) -> None:
        self.line, self.row, self.actor, self.banner = line, line.row, line.actor, banner
        self.facts, self.then, self.trends, self.earlier, self.events = now_facts, then_facts, trends, earlier, events
        row, side = self.row, line.side
        waits = row.state == QuestionState.WAITING
        self.is_desk, self.is_asker = side == DESK, side == ASKER
        ours = row.answering_org in self.actor.organisations
        passed_to_us = self.is_desk and not ours
        self.may_answer = self.is_desk and ours and row.is_open
        self.may_say_more = self.is_desk and ours and row.state == QuestionState.ANSWERED
        self.may_take = self.is_desk and waits and (passed_to_us or row.taken_by_id != self.actor.user_id)
        self.takes_over = passed_to_us
        self.may_ask_back = self.may_pass = self.is_desk and ours and waits
        self.may_refuse_pass = self.is_desk and waits and row.passed_to_id is not None
        may_ask = self.actor.may(Permission.ASK_ADVICE)
        self.may_add = self.may_withdraw = self.is_asker and may_ask and row.is_open
        # At the desk an open question is news until it is answered; those who asked may have read that it was passed on.
        self.may_read = line.is_new and ((self.is_desk and not row.is_open) or (self.is_asker and may_ask))
        self.may_sort = self.is_desk and ours and row.state == QuestionState.ANSWERED

    @property
    def heading(self) -> str:
        """The answer: how it stands and who owes the next step."""
        row, line = self.row, self.line
        if row.state == QuestionState.ANSWERED:
            return f"Answered by {row.answered_by_name}, {clinician.datetime(row.answered_at)}"
        if row.state == QuestionState.WITHDRAWN:
            return "Withdrawn: no answer is owed"
        what = "the reply" if row.state == QuestionState.ASKED_BACK else "the answer"
        verb = "owe" if line.owed_by == "You" else "owes"
        return f"{line.owed_by} {verb} {what}, {line.clock.text}"

    @property
    def replaced(self) -> list[EventLine]:
        """Answers that a further one took the place of, the newest first."""
        return [event for event in self.events if event.act in (Act.ANSWERED, Act.LOGGED)][-2::-1]

    @property
    def on(self) -> date:
        return self.banner.on

    @property
    def medicines(self) -> list[tuple[Any, bool]]:
        """Each in a line; whether it is the one asked about."""
        return [(known.marked(fact.words(self.on)), fact.substance == self.row.substance) for fact in self.facts.medicines]

    @property
    def then_medicines(self) -> list[Any]:
        return [known.marked(fact.words(self.then.as_of)) for fact in self.then.medicines] if self.then is not None else []


class DeskRow:
    """A waiting question on the desk with the record beside it, in few lines."""

    SHOWN = 4

    def __init__(self, line: QuestionLine, facts: Facts, earlier: Sequence[QuestionLine], before: str) -> None:
        self.line, self.facts, self.before = line, facts, before
        self.medicines = [known.marked(fact.words(facts.as_of)) for fact in facts.medicines[: self.SHOWN]]
        self.more = max(0, len(facts.medicines) - self.SHOWN)
        self.results = [fact.words for fact in facts.results[: self.SHOWN]]
        self.earlier = earlier[:2]
        self.due = sum(fact.due is not None and fact.due <= facts.as_of for fact in facts.duties)


@dataclass(frozen=True, slots=True)
class DeskPage:
    rows: Sequence[DeskRow]
    more: int
    asked_back: Sequence[QuestionLine]
    told: Sequence[QuestionLine]
    answered: Sequence[QuestionLine]
    covers: Sequence[Cover]
    place: str
    unopened: int

    @property
    def heading(self) -> str:
        number = len(self.rows) + self.more
        if not number and self.unopened:
            return f"{count(self.unopened, 'question waits', 'questions wait')} until the record is open to you"
        if not number:
            return f"No question waits for {self.place}"
        late = sum(row.line.clock.is_late for row in self.rows)
        told = f"{count(number, 'question waits', 'questions wait')} for an answer"
        first = self.rows[0].line.clock.text
        return f"{told}, {late} overdue" if late else f"{told}, the first {first}"


@dataclass(frozen=True, slots=True)
class AskedPage:
    """What the actor's organisations asked: new, open, lately answered."""

    new: Sequence[QuestionLine]
    waiting: Sequence[QuestionLine]
    answered: Sequence[QuestionLine]

    @property
    def heading(self) -> str:
        if self.new:
            return f"{count(len(self.new), 'question has', 'questions have')} something new"
        late = sum(line.clock.is_late for line in self.waiting)
        if self.waiting:
            told = count(len(self.waiting), "question is", "questions are") + " open"
            return f"{told}, {late} overdue" if late else f"{told}, none overdue"
        return "No question of yours is open"


def lines(rows: Iterable[Question], actor: Actor, now: datetime, desks: Mapping[int, Desk], names: Mapping[str, str]) -> list[QuestionLine]:
    return [QuestionLine(row, actor, now, desks, names) for row in rows]


def told(changes: Iterable[AdviceEvent]) -> list[str]:
    return [selectors.told(event) for event in changes]
