"""What the templates of the week are given: the plan, its sums, its lists. No database is read here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from functools import cached_property
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from stepwell.engine.reconcile import ASKED
from stepwell.web.core import layout
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician, count
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known
from stepwell.web.ledger.models import Duty, PersonRecord
from stepwell.web.ledger.pages import Banner, Pager
from stepwell.web.ledger.presenters import DutyPresenter
from stepwell.web.week.days import bank_holidays, days_of, sunday_of
from stepwell.web.week.models import Arrangement, ArrangementKind, MinutesSetting, RotaEntry
from stepwell.web.week.plan import WEEK, Fate, Placed, Plan, Pool
from stepwell.web.week.selectors import Asked, Key, Week
from stepwell.web.week.tasks import ONCE_WORDS, Task, pack_tasks, role_label, task

PAGE_SIZES = (50, 100)
# Weeks that the form offers for putting a piece of work after this one.
LATER_WEEKS = 12


class Listed(StrEnum):
    FITS = "fits"
    REST = "rest"
    PUT_OFF = "put-off"


_FATES = {
    Listed.FITS: (Fate.FITS,),
    Listed.REST: (Fate.LATER, Fate.NO_HOURS, Fate.TOO_LONG),
    Listed.PUT_OFF: (Fate.PUT_OFF,),
}
LIST_WORDS = {Listed.FITS: "Fits this week", Listed.REST: "Does not fit", Listed.PUT_OFF: "Put off by a person"}


@dataclass(frozen=True, slots=True)
class Query:
    """What the address asks for; everything has a default."""

    monday: date
    listed: Listed = Listed.FITS
    org: str = ""
    role: str = ""
    page: int = 1
    size: int = PAGE_SIZES[0]


def query_of(given: Mapping[str, Any], monday: date, actor: Actor) -> Query:
    listed = given.get("list", "")
    page, size = _number(given.get("page", ""), 1), _number(given.get("size", ""), PAGE_SIZES[0])
    return Query(
        monday,
        Listed(listed) if listed in set(Listed) else Listed.FITS,
        org=given.get("org", "") if given.get("org", "") in actor.organisations and len(actor.organisations) > 1 else "",
        role=given.get("role", "")[:40],
        page=max(1, page),
        size=size if size in PAGE_SIZES else PAGE_SIZES[0],
    )


def _number(text: str, default: int) -> int:
    return int(text) if text.isdigit() and len(text) < 6 else default


def address(query: Query, **changes: Any) -> str:
    query = replace(query, **changes)
    told = {"from": query.monday.isoformat()}
    if query.listed is not Listed.FITS:
        told["list"] = query.listed.value
    for name in ("org", "role"):
        if value := getattr(query, name):
            told[name] = value
    if query.page > 1:
        told["page"] = str(query.page)
    if query.size != PAGE_SIZES[0]:
        told["size"] = str(query.size)
    return "?" + urlencode(told)


@dataclass(frozen=True, slots=True)
class Sum:
    """Pieces and minutes."""

    pieces: int
    minutes: int

    @classmethod
    def of(cls, placed: Sequence[Placed]) -> Sum:
        return cls(len(placed), sum(each.work.minutes for each in placed))

    @property
    def hours(self) -> str:
        return clinician.hours(self.minutes)


class PoolRow:
    """One role of one organisation: its hours against its work."""

    def __init__(self, pool: Pool, plan: Plan, names: Mapping[str, str], *, several: bool) -> None:
        own = [each for each in plan.placed if each.work.pool == pool]
        self.pool = pool
        place = names.get(pool.org_code, pool.org_code)
        self.label = f"{role_label(pool.role)}, {place}" if several else role_label(pool.role)
        self.hours = plan.hours_of(pool)
        self.all = Sum.of(own)
        self.fits = Sum.of([each for each in own if each.fate is Fate.FITS])
        self.rest = Sum.of([each for each in own if each.fate in _FATES[Listed.REST]])
        self.put_off = Sum.of([each for each in own if each.fate is Fate.PUT_OFF])
        self._own = own

    @property
    def reached(self) -> str:
        """When the last of the rest is reached, and what cannot be dated."""
        weeks = [each.week for each in self._own if each.fate is Fate.LATER and each.week]
        parts = [f"by the week of {clinician.date(max(weeks))}"] if weeks else []
        none = sum(each.fate is Fate.NO_HOURS for each in self._own)
        long = sum(each.fate is Fate.TOO_LONG for each in self._own)
        parts += [f"{none:,} without hours on any rota"] * bool(none) + [f"{long:,} longer than any day"] * bool(long)
        return "; ".join(parts)

    @property
    def undated(self) -> bool:
        return any(each.week is None for each in self._own)


@dataclass(frozen=True, slots=True)
class Day:
    on: date
    holiday: str
    past: bool


@dataclass(frozen=True, slots=True)
class Slot:
    """One day of a role: minutes on the rota, and what is planned on it."""

    day: Day
    minutes: int
    planned: Sum

    @property
    def words(self) -> str:
        if self.day.past:
            return "past"
        if not self.minutes:
            return "no hours"
        return f"{clinician.hours(self.planned.minutes)} of {clinician.hours(self.minutes)}"


class WorkRow:
    """One piece of work of one person."""

    SHOWN = 4

    def __init__(  # noqa: PLR0917
        self, placed: Placed, person: Banner, record: PersonRecord, duties: Sequence[Duty], decided: Arrangement | None,
        asked: Asked, names: Mapping[str, str],
    ) -> None:  # fmt: skip
        work = placed.work
        self.placed, self.work, self.person, self.person_id = placed, work, person, work.person_id
        self.actor, self.names, self.duties, self.asked = asked.actor, names, duties, asked
        self.task = task(work.task).label
        self.minutes = work.minutes
        self.points = record.points
        self.reasons = [f"{reason['label'][:1].lower()}{reason['label'][1:]} {reason['points']}" for reason in record.reasons]
        self.decided = decided
        self.told = [DutyPresenter(duty, asked.actor, asked.today, names) for duty in duties]

    @property
    def titles(self) -> list[str]:
        return list(dict.fromkeys(each.what for each in self.told))[: self.SHOWN]

    @property
    def more(self) -> int:
        return max(0, len({each.what for each in self.told}) - self.SHOWN)

    @property
    def medicine_names(self) -> list[str]:
        """Those that the titles do not name already."""
        titles = " ".join(self.titles).lower()
        return [name for name in (known.medicine(duty.subject) for duty in self.duties if duty.kind != ASKED) if name.lower() not in titles]

    @property
    def due_text(self) -> str:
        late = clinician.lateness(self.work.due_on, self.asked.today)
        return "due today" if late == "today" else late

    @property
    def due_tone(self) -> str:
        return "red" if self.work.due_on < self.asked.today else "amber"

    @property
    def assigned(self) -> str:
        return ", ".join(dict.fromkeys(duty.assigned_to.display_name for duty in self.duties if duty.assigned_to is not None))

    @property
    def who(self) -> str:
        """Who carries it, by organisation and role and, where one was named, the colleague: also the risk of its waiting."""
        place = self.names.get(self.work.owner_org, self.work.owner_org)
        role = role_label(self.work.pool.role).lower() if self.work.pool.role != "gp" else role_label("gp")
        return f"{self.assigned} ({role}), {place}" if self.assigned else f"{place}, {role}"

    @property
    def when(self) -> str:
        """`week of 15-Jun-2026`, or why no week can be named."""
        match self.placed.fate:
            case Fate.FITS:
                return clinician.date(self.placed.day, weekday=True)
            case Fate.NO_HOURS:
                return f"no week: no hours of a {role_label(self.work.pool.role)} on the rota"
            case Fate.TOO_LONG:
                return f"no week: {clinician.hours(self.minutes)} is longer than any day of a {role_label(self.work.pool.role)}"
            case _:
                return f"week of {clinician.date(self.placed.week)}"

    @property
    def waits(self) -> str:
        """How long it will then have been due: `6 weeks late by then`."""
        if self.placed.week is None or self.placed.fate is Fate.FITS or self.placed.week <= self.work.due_on:
            return ""
        return f"{clinician.span(self.work.due_on, self.placed.week)} late by then"

    @property
    def decision(self) -> str:
        """What a person decided about it, in words."""
        row = self.decided
        if row is None:
            deferred = next((duty for duty in self.duties if duty.deferred_why and self.placed.fate is Fate.PUT_OFF), None)
            if deferred is None:
                return ""
            return f"Put off until {clinician.date(deferred.shown_from)}: {deferred.deferred_why}"
        until = f" until the week of {clinician.date(row.until)}" if row.until else ""
        words = "Taken into the week" if row.kind == ArrangementKind.TAKE else f"Put after this week{until}"
        return f"{words} by {row.by.display_name}: {row.why}"

    @property
    def arrange_query(self) -> str:
        work = self.work
        return "?" + urlencode({"from": self.asked.monday.isoformat(), "org": work.owner_org, "task": work.task, "share": work.share})


class PersonRow:
    """One person's pieces of one day, or of one later week: one row of the list."""

    def __init__(self, pieces: Sequence[WorkRow]) -> None:
        self.pieces, self.first = pieces, pieces[0]
        self.minutes = sum(piece.minutes for piece in pieces)

    @property
    def due(self) -> WorkRow:
        """The piece that has been due longest."""
        return min(self.pieces, key=lambda piece: piece.work.due_on)

    @property
    def who(self) -> list[str]:
        return list(dict.fromkeys(piece.who for piece in self.pieces))

    @property
    def medicines(self) -> str:
        return ", ".join(dict.fromkeys(name for piece in self.pieces for name in piece.medicine_names))

    @property
    def is_dated(self) -> bool:
        return self.first.placed.week is not None


class WeekPage:
    """The week ahead: the answer, the sums that make the whole, hours by role and day, and the lists."""

    def __init__(self, week: Week, query: Query, names: Mapping[str, str]) -> None:
        self.week, self.plan, self.query, self.asked, self.names = week, week.plan, query, week.asked, names
        self.actor = week.asked.actor
        self.monday, self.sunday = query.monday, sunday_of(query.monday)
        pools = sorted({each.work.pool for each in self.plan.placed} | {pool for pool in self.plan.rota.days if self.plan.hours_of(pool)},
                       key=lambda pool: (pool.org_code, pool.role))  # fmt: skip
        several = len({pool.org_code for pool in pools}) > 1
        self.pools = [PoolRow(pool, self.plan, names, several=several) for pool in pools]
        self.rows: list[PersonRow] = []

    def of(self, listed: Listed) -> list[Placed]:
        """A list, of the role and the organisation asked for."""
        query, source = self.query, self.plan.fits if listed is Listed.FITS else self.plan.overflow
        chosen = [each for each in source if each.fate in _FATES[listed] and query.org in ("", each.work.owner_org)]
        return [each for each in chosen if each.work.pool.role == query.role] if query.role else chosen

    @property
    def shown(self) -> list[Placed]:
        """The pieces of the page asked for."""
        found = self.of(self.query.listed)
        start = (self.number - 1) * self.query.size
        return found[start : start + self.query.size]

    @property
    def total(self) -> int:
        return len(self.of(self.query.listed))

    @property
    def number(self) -> int:
        return min(self.query.page, self.page_count)

    @property
    def page_count(self) -> int:
        return max(1, -(-self.total // self.query.size))

    def fill(self, people: Mapping[int, PersonRecord], duties: Mapping[Key, Sequence[Duty]]) -> None:
        """The rows of the page, with who they are and what is owed."""
        before = layout.before_contact(list(people), self.asked.today)
        banners = {key: Banner(person, self.asked.today, before[key]) for key, person in people.items()}
        pieces = [
            WorkRow(
                each,
                banners[each.work.person_id],
                people[each.work.person_id],
                duties.get(each.work.key, []),
                self.week.decided.get(each.work.key),
                self.asked,
                self.names,
            )
            for each in self.shown
        ]
        together = groupby(pieces, key=lambda row: (row.person_id, row.placed.fate, row.placed.day or row.placed.week))
        self.rows = [PersonRow(list(rows)) for _, rows in together]

    @property
    def sums(self) -> dict[str, Sum]:
        """The whole and its parts, in pieces and minutes: the parts make the whole."""
        undated = [each for each in self.plan.of(*_FATES[Listed.REST]) if each.week is None]
        return {
            "due": Sum.of(list(self.plan.placed)),
            "fits": Sum.of(self.plan.of(Fate.FITS)),
            "dated": Sum.of(self.plan.of(Fate.LATER)),
            "put off": Sum.of(self.plan.of(Fate.PUT_OFF)),
            "undated": Sum.of(undated),
        }

    @property
    def duties(self) -> int:
        """How many duties the pieces settle."""
        return sum(each.work.duties for each in self.plan.placed)

    @property
    def capacity(self) -> int:
        return sum(row.hours for row in self.pools)

    @property
    def heading(self) -> str:
        """The answer: what fits, what does not."""
        found = self.sums
        if not found["due"].pieces:
            return f"Nothing is due by {clinician.date(self.sunday, weekday=True)}"
        week = f"the week of {clinician.date(self.monday)}"
        rest = found["dated"].minutes + found["undated"].minutes
        waits = [f"{clinician.hours(rest)} wait"] * bool(rest) + [f"{found['put off'].hours} are put off"] * bool(found["put off"].pieces)
        if not waits:
            return f"All {found['fits'].hours} of work fit into {week}"
        without = ", some without a week" if found["undated"].pieces else ""
        return f"{found['fits'].hours} of {found['due'].hours} of work fit into {week}; {', '.join(waits)}{without}"

    @property
    def sentence(self) -> str:
        """The sum in words: `40hr due = 12hr this week + 28hr in later weeks`."""
        found = self.sums
        words = {"fits": "this week", "dated": "in later weeks", "put off": "put off by a person", "undated": "without a week"}
        parts = [f"{found[name].hours} {text}" for name, text in words.items() if found[name].pieces or name == "fits"]
        return f"{found['due'].hours} due by {clinician.date(self.sunday, weekday=True)} = {' + '.join(parts)}"

    @property
    def basis(self) -> str:
        """Which hours the plan was made with."""
        usual = [known.usual_week for known in self.week.known.values() if known.usual_week is not None]
        if not usual:
            return "No hours were ever entered: nothing can be planned until they are."
        later = (
            f"Later weeks are counted as the week of {clinician.date(max(usual))}, without bank holidays, unless their hours were entered."
        )
        return (
            later
            if self.week.entered
            else f"No hours are entered for this week: it is counted like the week of {clinician.date(max(usual))}. {later}"
        )

    @cached_property
    def days(self) -> list[Day]:
        closed = bank_holidays(self.query.org or self.actor.organisation, self.monday, self.sunday)
        return [Day(day, closed.get(day, ""), day < self.asked.today) for day in days_of(self.monday)]

    @property
    def slots(self) -> list[tuple[PoolRow, list[Slot]]]:
        """Each role with its days."""
        found = []
        for row in self.pools:
            hours = self.plan.rota.days.get(row.pool, {})
            if row.hours:
                slots = [Slot(day, hours.get(day.on, 0), Sum(*self.plan.by_day.get((row.pool, day.on), (0, 0)))) for day in self.days]
                found.append((row, slots))
        return found

    @property
    def tabs(self) -> list[tuple[str, int, str, bool]]:
        found = []
        for listed in Listed:
            number = len(self.of(listed))
            if number or listed is not Listed.PUT_OFF or listed is self.query.listed:
                link = address(self.query, listed=listed, page=1)
                found.append((LIST_WORDS[listed], number, link, listed is self.query.listed))
        return found

    @property
    def roles(self) -> list[tuple[str, str]]:
        return [(role, role_label(role)) for role in dict.fromkeys(row.pool.role for row in self.pools)]

    @property
    def places(self) -> list[tuple[str, str]]:
        """For a network: itself and the practices it covers."""
        own = self.actor.organisations
        return [(code, self.names.get(code, code)) for code in own] if len(own) > 1 else []

    @property
    def is_fits(self) -> bool:
        return self.query.listed is Listed.FITS

    @property
    def may_arrange(self) -> bool:
        return self.actor.may(Permission.PLAN_WEEK) or self.actor.may(Permission.ACT_ON_DUTY)

    @property
    def may_plan(self) -> bool:
        return self.actor.may(Permission.PLAN_WEEK)

    @property
    def previous_week(self) -> str:
        return address(self.query, monday=self.monday - WEEK, page=1)

    @property
    def next_week(self) -> str:
        return address(self.query, monday=self.monday + WEEK, page=1)

    def to(self, **changes: Any) -> str:
        return address(self.query, **changes)

    @property
    def searched(self) -> str:
        place = self.names.get(self.query.org, "") or self.actor.organisation_name
        role = f", work of a {role_label(self.query.role)}" if self.query.role else ""
        return f"“{LIST_WORDS[self.query.listed]}”, duties of {place} due by {clinician.date(self.sunday)}{role}"

    @property
    def pager(self) -> Pager:
        first = (self.number - 1) * self.query.size + 1 if self.total else 0
        return Pager(
            self.number,
            self.page_count,
            address(self.query, page=self.number - 1) if self.number > 1 else "",
            address(self.query, page=self.number + 1) if self.number < self.page_count else "",
            f"{first:,} to {min(self.total, self.number * self.query.size):,} of {count(self.total, 'piece')} of work",
        )


# Forms' pages


SAID = {
    "arranged": "Noted. The plan was made again with it.",
    "undone": "Taken back. The computed order decides again.",
}


class ArrangePage:
    """One piece of work, before a person decides when it is done."""

    def __init__(  # noqa: PLR0917
        self, actor: Actor, asked: Asked, key: Key, duties: Sequence[Duty], banner: Banner, names: Mapping[str, str]
    ) -> None:  # fmt: skip
        self.banner, self.monday = banner, asked.monday
        self.task = task(key[2]).label
        self.duties = [DutyPresenter(duty, actor, asked.today, names) for duty in duties]

    @property
    def back(self) -> str:
        return "?" + urlencode({"from": self.monday.isoformat()})


class RotaPage:
    """The hours of a week, to be typed in."""

    def __init__(self, actor: Actor, monday: date, form: Any, *, closed: Mapping[date, str], seen: int, said: str) -> None:
        self.actor, self.monday, self.sunday, self.form, self.seen = actor, monday, sunday_of(monday), form, seen
        self.days = [Day(day, closed.get(day, ""), False) for day in days_of(monday)]
        self.rows = form.rows()
        self.said = {"saved": "The hours are saved.", "copied": "The hours of the week before are copied. Check them."}.get(said, "")
        self.colleagues: list[tuple[int, str]] = []
        self.changed: Sequence[RotaEntry] = ()

    @property
    def changes(self) -> list[str]:
        """What others entered meanwhile: `Practice nurse, Tue 02-Jun-2026: 3hr (Colin Marsh)`."""
        return [
            f"{role_label(row.role)}{', ' + row.user.display_name if row.user else ''}, {clinician.date(row.day, weekday=True)}: "
            f"{clinician.hours(row.minutes)} ({row.by.display_name})"
            for row in self.changed
        ]

    @property
    def may_plan(self) -> bool:
        return self.actor.may(Permission.PLAN_WEEK)

    @property
    def previous_week(self) -> str:
        return "?" + urlencode({"from": (self.monday - WEEK).isoformat()})

    @property
    def next_week(self) -> str:
        return "?" + urlencode({"from": (self.monday + WEEK).isoformat()})


class MinutesPage:
    """Every task with the pack's minutes and ours."""

    def __init__(self, actor: Actor, here: Mapping[tuple[str, str], Task], local: Mapping[tuple[str, str], MinutesSetting]) -> None:
        self.actor = actor
        self.rows = [
            (pack_tasks()[key], here[actor.organisation, key], local.get((actor.organisation, key)))
            for key in pack_tasks()
        ]  # fmt: skip
        self.once = ONCE_WORDS
        self.role_label = role_label

    @property
    def may_plan(self) -> bool:
        return self.actor.may(Permission.PLAN_WEEK)
