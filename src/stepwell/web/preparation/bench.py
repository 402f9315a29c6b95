"""Reads of the review bench: whose medicines ask for a review, in the order of their points; today's lists and how far they are."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache

from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce

from stepwell import knowledge
from stepwell.web.core.actor import Actor
from stepwell.web.core.once import once
from stepwell.web.ledger.models import Duty, DutyState, PersonRecord
from stepwell.web.ledger.selectors import NOBODY, visible_ids
from stepwell.web.ledger.worklist import SOON
from stepwell.web.preparation.models import BenchAct, BenchEvent, BenchList
from stepwell.web.privacy import restrict
from stepwell.web.registers import selectors as registers
from stepwell.web.reviews import selectors as reviews
from stepwell.web.week.rota import entries, known_hours, tasks_at
from stepwell.web.week.tasks import rota_role, task_of


@cache
def review_tests() -> dict[str, str]:
    """Kinds of review that duties ask for: test of the knowledge base → its name. They are answered in a conversation about medicines."""
    return {key: test.label for key, test in knowledge.load().tests.items() if test.sample == "review"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the bench is asked for: a kind of review (`test`), a register, or everything. Day `on`."""

    actor: Actor
    on: date
    test: str = ""
    register: str = ""


@dataclass(slots=True)
class Candidate:
    """A person whose medicines ask for a review: the duties behind it, earliest due day, minutes it is reckoned to take. One review
    answers all of them, so the longest of their kinds counts."""

    person_id: int
    points: int
    due_on: date
    minutes: int = 0
    duties: list[int] = field(default_factory=list)
    tests: list[str] = field(default_factory=list)

    @property
    def order(self) -> tuple[int, date, int]:
        return (-self.points, self.due_on, self.person_id)


def review_duties(actor: Actor, on: date) -> QuerySet[Duty]:
    """Open reviews of medicines that the actor's organisations owe, or nobody does, due now or soon, of people they may open."""
    found = Duty.objects.filter(
        Q(due_on__lte=on + SOON) | Q(due_on__isnull=True), Q(shown_from__lte=on) | Q(shown_from__isnull=True),
        state=DutyState.OPEN, test__in=list(review_tests()), owner_org__in=(*actor.organisations, NOBODY),
        person_id__in=visible_ids(actor, on), person__death_date__isnull=True,
    )  # fmt: skip
    return restrict.duties(actor, found)


def candidates(asked: Asked) -> list[Candidate]:
    """Everybody, the most points first; of the same points whose review was due first. People are numbers here: nothing is hidden from
    this order, and nobody is left out of it."""
    found = review_duties(asked.actor, asked.on)
    if asked.test:
        found = found.filter(test=asked.test)
    if asked.register:
        on_it = registers.members(registers.Seen(asked.actor, asked.on), asked.register)
        found = found.filter(person_id__in=on_it.values("person_id"))
    rows = found.annotate(due=Coalesce("due_on", "opened_as_of")).values_list(
        "person_id", "pk", "test", "rule_id", "owner_org", "due", "person__points"
    )
    minutes = _Minutes(asked.actor)
    people: dict[int, Candidate] = {}
    for person_id, duty, test, rule, org, due, points in rows.order_by("pk"):
        one = people.setdefault(person_id, Candidate(person_id, points, due))
        one.due_on = min(one.due_on, due)
        one.minutes = max(one.minutes, minutes.of(org, rule))
        one.duties.append(duty)
        if test not in one.tests:
            one.tests.append(test)
    return sorted(people.values(), key=lambda one: one.order)


class _Minutes:
    """Minutes of a review as the organisation reckons them that does it."""

    def __init__(self, actor: Actor) -> None:
        self._own = actor.organisation
        self._tasks = tasks_at({*actor.organisations, actor.organisation})

    def of(self, org: str, rule_id: str) -> int:
        key = task_of(rule_id)
        return self._tasks.get((org, key), self._tasks[self._own, key]).minutes


def minutes_of(actor: Actor, duties: Iterable[Duty]) -> int:
    """Of a review that answers these duties; 0 without any."""
    minutes = _Minutes(actor)
    return max((minutes.of(duty.owner_org, duty.rule_id) for duty in duties), default=0)


def waiting_by_kind(actor: Actor, on: date) -> dict[str, int]:
    """Kind of review → how many people wait for it."""
    found: dict[str, set[int]] = {}
    for person_id, test in review_duties(actor, on).values_list("person_id", "test"):
        found.setdefault(test, set()).add(person_id)
    return {test: len(people) for test, people in found.items()}


def rota_minutes(actor: Actor, on: date) -> int:
    """Minutes on the rota today for the actor's role, their own where they were entered; 0 where nothing was."""
    cells = entries(actor.organisation, on, on)
    own = [minutes for cell, minutes in cells.items() if cell.user_id == actor.user_id]
    if own:
        return sum(own)
    role = rota_role(actor.organisation_kind, actor.role)
    of_role = [minutes for cell, minutes in cells.items() if cell.role == role]
    if of_role:
        return sum(of_role)
    usual = known_hours(actor.organisation, on - timedelta(days=on.weekday())).usual
    return usual.get(role, [0] * 7)[on.weekday()]


def people(actor: Actor, ids: Collection[int]) -> tuple[dict[int, PersonRecord], dict[int, restrict.Cut]]:
    """Who they are, without what is sensitive and not the actor's to see, and what that was. Never save such a record."""
    found = PersonRecord.objects.in_bulk(list(ids))
    return found, restrict.cut_for(actor, list(found.values()))


# Lists of a day


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody on a list. `done`: a review of theirs was closed since they were put on it, or none of the reviews that were due then
    is owed any more."""

    person_id: int
    minutes: int
    duties: tuple[int, ...]
    done: bool
    added: BenchEvent


@dataclass(frozen=True, slots=True)
class Today:
    """One colleague's list of a day, in its order; `off`: taken off it, with the event that says why."""

    row: BenchList | None
    entries: tuple[Entry, ...] = ()
    off: tuple[BenchEvent, ...] = ()

    @property
    def revision(self) -> int:
        return self.row.revision if self.row else 0

    @property
    def waiting(self) -> list[Entry]:
        return [entry for entry in self.entries if not entry.done]

    @property
    def done(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.done]

    def place_of(self, person_id: int) -> int | None:
        """From 1; None for somebody who is not on it."""
        return next((number for number, entry in enumerate(self.entries, start=1) if entry.person_id == person_id), None)

    def beside(self, person_id: int) -> tuple[int | None, int | None]:
        """Who comes before and after somebody on the list; for somebody who is not on it nobody, and who is next to be seen."""
        place = self.place_of(person_id)
        ids = [entry.person_id for entry in self.entries]
        if place is None:
            return None, next((entry.person_id for entry in self.waiting), None)
        return ids[place - 2] if place > 1 else None, ids[place] if place < len(ids) else None


@once
def list_of(actor: Actor, day: date) -> Today:
    """The actor's own list of that day."""
    if actor.user_id is None:
        return Today(None)
    row = BenchList.objects.filter(org_code=actor.organisation, user_id=actor.user_id, day=day).first()
    return today_of(row) if row else Today(None)


def today_of(row: BenchList) -> Today:
    added: dict[int, BenchEvent] = {}
    off: dict[int, BenchEvent] = {}
    for event in row.events.select_related("by").order_by("id"):
        if event.act == BenchAct.ADDED:
            off.pop(event.person_id, None)
            added[event.person_id] = event
        elif event.act == BenchAct.TAKEN_OFF:
            added.pop(event.person_id, None)
            off[event.person_id] = event
        elif event.person_id in added:
            added = _moved(added, event.person_id, event.place)
    wanted = {duty for event in added.values() for duty in event.duties}
    still = set(Duty.objects.filter(pk__in=wanted, state=DutyState.OPEN).values_list("pk", flat=True))
    closed = reviews.closings(added)
    found = [
        Entry(person_id, event.minutes, tuple(event.duties), _is_done(event, still, closed.get(person_id)), event)
        for person_id, event in added.items()
    ]
    return Today(row, tuple(found), tuple(off.values()))


def _is_done(event: BenchEvent, still: set[int], closed_at: datetime | None) -> bool:
    return (bool(event.duties) and still.isdisjoint(event.duties)) or (closed_at is not None and closed_at >= event.at)


def _moved(added: dict[int, BenchEvent], person_id: int, place: int) -> dict[int, BenchEvent]:
    order = [other for other in added if other != person_id]
    order.insert(max(0, place - 1), person_id)
    return {other: added[other] for other in order}


def on_lists(actor: Actor, day: date, ids: Collection[int]) -> dict[int, BenchEvent]:
    """Of these people those on a colleague's list of that day at the actor's organisation, with the event that put them there."""
    latest: dict[tuple[int, int], BenchEvent] = {}
    rows = BenchEvent.objects.filter(bench__org_code=actor.organisation, bench__day=day, person_id__in=list(ids))
    for event in rows.exclude(act=BenchAct.MOVED).select_related("by", "bench").order_by("id"):
        latest[event.bench_id, event.person_id] = event
    return {
        person_id: event
        for (_, person_id), event in latest.items()
        if event.act == BenchAct.ADDED and event.bench.user_id != actor.user_id
    }  # fmt: skip


def events_since(row: BenchList, revision: int) -> list[BenchEvent]:
    """What happened to a list after a form had seen so many of its events, the oldest first."""
    return list(row.events.select_related("by", "person").order_by("id")[revision:])
