"""Sets a week's work against the hours of the rota. Pure: it reads what it is given, and the same input gives the same plan.

The work of a pool (one role of one organisation) is taken in order of priority. What fits goes to the first day with room;
what does not is carried through the weeks that follow, together with what falls due in them, until each piece has its week.
Nothing is dropped: work for which no week can be named says why.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any

WEEK = timedelta(days=7)
DAYS = 7
# How far ahead weeks are counted out; what waits longer than this has its day from a person, not from the rota.
HORIZON_WEEKS = 1040

Rank = tuple[Any, ...]
Key = tuple[int, str, str, str]


class Fate(StrEnum):
    """FITS: on a day of the week. LATER: the rota reaches it in a later week. PUT_OFF: a person decided that it waits; it has its
    week. NO_HOURS: nobody of that role is on the rota. TOO_LONG: it takes longer than any day on the rota."""

    FITS = "fits"
    LATER = "later"
    PUT_OFF = "put off"
    NO_HOURS = "no hours"
    TOO_LONG = "too long"


@dataclass(frozen=True, slots=True)
class Pool:
    """Whose hours do the work: a role of an organisation."""

    org_code: str
    role: str


@dataclass(frozen=True, slots=True)
class Work:
    """What one person is owed as one piece of work: a visit, a review, or a duty by itself.

    share: what makes it one (the test, the duty, or nothing beside the task); minutes: counted once; duties: how many it settles;
    points: of the person; priority: the highest of its duties; due_on: the earliest. not_before: a person decided that it waits
    until this day. taken: a person took it into the week, ahead of the computed order.
    """

    person_id: int
    owner_org: str
    task: str
    share: str
    pool: Pool
    minutes: int
    duties: int
    points: int
    priority: int
    due_on: date
    not_before: date | None = None
    taken: bool = False

    @property
    def key(self) -> Key:
        return (self.person_id, self.owner_org, self.task, self.share)

    @property
    def order(self) -> Rank:
        """By itself: what a person took into the week goes first, then by points, priority of the duties, and how long it is due."""
        return (not self.taken, -self.points, -self.priority, self.due_on, self.person_id, self.owner_org, self.task, self.share)


@dataclass(frozen=True, slots=True)
class Coming:
    """Pieces of work of one kind that fall due in a later week: they take their place in its order, and nobody asks whose they are."""

    pool: Pool
    minutes: int
    pieces: int
    points: int
    due_on: date


def ranks(work: Iterable[Work]) -> dict[Key, Rank]:
    """The place of each piece in the order. Pieces of one person stand together, at the place of the first of them: who comes for a
    blood test is weighed on the same day."""
    orders = [(each, each.order) for each in work]
    first: dict[tuple[int, bool], Rank] = {}
    for each, order in orders:
        person = (each.person_id, each.taken)
        if person not in first or order < first[person]:
            first[person] = order
    return {each.key: (first[each.person_id, each.taken], order) for each, order in orders}


def in_order(work: Sequence[Work]) -> list[Work]:
    """The pieces as they are considered."""
    place = ranks(work)
    return sorted(work, key=lambda each: place[each.key])


@dataclass(frozen=True, slots=True)
class Placed:
    """`day` for FITS; `week` is the Monday of the week in which it is done, None where none can be named."""

    work: Work
    fate: Fate
    day: date | None = None
    week: date | None = None


@dataclass(frozen=True)
class Rota:
    """Minutes a day by pool. `days`: what is left of the week shown. `usual`: seven days of a usual week. `entered`: later weeks
    whose hours were entered, by their Monday; every pool is then what was entered. `closed`: days without hours in weeks that
    were not entered."""

    days: Mapping[Pool, Mapping[date, int]]
    usual: Mapping[Pool, Sequence[int]]
    entered: Mapping[date, Mapping[Pool, Sequence[int]]] = field(default_factory=dict)
    closed: frozenset[date] = frozenset()

    def week(self, pool: Pool, monday: date) -> list[int]:
        """Minutes of the seven days of a later week."""
        if monday in self.entered:
            return list(self.entered[monday].get(pool, ()))
        usual = self.usual.get(pool, ())
        return [0 if monday + timedelta(days=number) in self.closed else minutes for number, minutes in enumerate(usual)]

    @cached_property
    def last_entered(self) -> date:
        return max(self.entered, default=date.min)

    def longest_usual(self, pool: Pool) -> int:
        return max(self.usual.get(pool, ()), default=0)


@dataclass(frozen=True)
class Plan:
    """Every piece of work exactly once, in the order in which it was considered."""

    monday: date
    placed: Sequence[Placed]
    rota: Rota

    def of(self, *fates: Fate) -> list[Placed]:
        return [each for each in self.placed if each.fate in fates]

    @cached_property
    def fits(self) -> list[Placed]:
        """This week's list, by day and then in order."""
        return sorted(self.of(Fate.FITS), key=lambda each: (each.day or date.max, self._rank[each.work.key]))

    @cached_property
    def overflow(self) -> list[Placed]:
        """What does not fit, in the order in which it will be reached; what has no week stands first."""
        rest = [each for each in self.placed if each.fate is not Fate.FITS]
        return sorted(rest, key=lambda each: (each.week is not None, each.week or date.min, self._rank[each.work.key]))

    @cached_property
    def _rank(self) -> Mapping[Key, Rank]:
        return ranks(each.work for each in self.placed)

    def minutes(self, *fates: Fate) -> int:
        return sum(each.work.minutes for each in self.placed if not fates or each.fate in fates)

    def hours_of(self, pool: Pool) -> int:
        """Minutes of a pool on the rota in what is left of the week."""
        return sum(self.rota.days.get(pool, {}).values())

    @cached_property
    def by_day(self) -> Mapping[tuple[Pool, date], tuple[int, int]]:
        """(pieces, minutes) planned on a day for a pool."""
        number: Counter[tuple[Pool, date]] = Counter()
        minutes: Counter[tuple[Pool, date]] = Counter()
        for each in self.fits:
            if each.day is not None:
                number[each.work.pool, each.day] += 1
                minutes[each.work.pool, each.day] += each.work.minutes
        return {place: (number[place], minutes[place]) for place in number}


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def plan(work: Iterable[Work], rota: Rota, monday: date, *, arriving: Iterable[Coming] = ()) -> Plan:
    """Place every piece of `work`. `arriving` falls due after the week: it takes its place in the order of later weeks, so that a
    date told for today's work holds when new work comes, and is not itself placed."""
    mine: dict[Pool, list[Work]] = defaultdict(list)
    coming: dict[Pool, list[Coming]] = defaultdict(list)
    for each in work:
        mine[each.pool].append(each)
    for several in arriving:
        coming[several.pool].append(several)
    placed: list[Placed] = []
    for pool in sorted(mine, key=lambda pool: (pool.org_code, pool.role)):
        place = ranks(mine[pool])
        queue = sorted(mine[pool], key=lambda each: place[each.key])
        fitting, rest = _fill_week(queue, rota, pool, monday)
        placed += fitting + _carry(rest, place, coming[pool], rota, pool, monday)
    return Plan(monday, placed, rota)


def _fill_week(queue: Sequence[Work], rota: Rota, pool: Pool, monday: date) -> tuple[list[Placed], list[Work]]:
    """To each piece, in order, the first day with room for it."""
    left = {day: minutes for day, minutes in sorted(rota.days.get(pool, {}).items()) if minutes > 0}
    after = monday + WEEK
    fitting, rest = [], []
    for each in queue:
        waits = each.not_before is not None and each.not_before >= after
        start = each.not_before or monday
        day = None if waits else next((day for day, minutes in left.items() if minutes >= each.minutes and day >= start), None)
        if day is None:
            rest.append(each)
            continue
        left[day] -= each.minutes
        fitting.append(Placed(each, Fate.FITS, day, monday))
    return fitting, rest


@dataclass(slots=True)
class _Waiting:
    """What stands in the queue of later weeks: one of our pieces, or several alike that nobody asks about (`work` None)."""

    work: Work | None
    minutes: int
    pieces: int = 1


def _carry(  # noqa: PLR0917
    rest: Sequence[Work], place: Mapping[Key, Rank], coming: Sequence[Coming], rota: Rota, pool: Pool, monday: date
) -> list[Placed]:  # fmt: skip
    """The week in which the hours reach each piece, the first in order first."""
    horizon, following = monday + HORIZON_WEEKS * WEEK, monday + WEEK
    found: list[Placed] = []
    released: dict[date, list[tuple[Rank, _Waiting]]] = defaultdict(list)
    waiting = 0
    for each in rest:
        start = max(following, monday_of(each.not_before)) if each.not_before else following
        if start >= horizon:
            found.append(Placed(each, Fate.PUT_OFF, week=start))
            continue
        released[start].append((place[each.key], _Waiting(each, each.minutes)))
        waiting += 1
    for several in coming:
        start = max(monday_of(several.due_on), following)
        if start < horizon:
            released[start].append((((True, -several.points, 0, several.due_on, -1),), _Waiting(None, several.minutes, several.pieces)))
    heap: list[tuple[Rank, int, _Waiting]] = []
    number, week, usual = 0, following, rota.longest_usual(pool)
    while waiting:
        for rank, entry in released.pop(week, ()):
            heapq.heappush(heap, (rank, number, entry))
            number += 1
        hours = rota.week(pool, week)
        left, longest = sum(hours), max(hours, default=0)
        never = Fate.TOO_LONG if usual else Fate.NO_HOURS
        while heap:
            entry = heap[0][2]
            if week > rota.last_entered and entry.minutes > usual:
                fate, when = never, None
            elif entry.minutes <= min(left, longest):
                fate, when = Fate.LATER, week
                done = min(entry.pieces, left // entry.minutes)
                left -= done * entry.minutes
                entry.pieces -= done
                if entry.pieces:
                    break
            else:
                break
            heapq.heappop(heap)
            if entry.work is not None:
                waiting -= 1
                found.append(Placed(entry.work, _decided(entry.work, fate, when, following), week=when))
        week = week + WEEK if heap or week + WEEK in released else min(released, default=week + WEEK)
        if week >= horizon:
            found += [Placed(entry.work, Fate.NO_HOURS) for *_, entry in sorted(heap, key=lambda row: row[:2]) if entry.work is not None]
            break
    return found


def _decided(work: Work, fate: Fate, when: date | None, following: date) -> Fate:
    """Where a person put it off and it has its week, that is why it waits."""
    return Fate.PUT_OFF if when is not None and work.not_before is not None and work.not_before >= following else fate
