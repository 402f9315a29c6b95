"""How each review and reduction came out, and counts of it. Pure: no database and no clock.

A case is one medicine of one person. Unknown stays not known: what no plan and no record tells is never read as fine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

from stepwell.knowledge.tapering import ServiceResult

STOPPED, REDUCED, STABILISED, SAME, UP, UNKNOWN = "stopped", "reduced", "stabilised", "no change", "increased or switched", "not known"
# Decisions of the knowledge base that a record without the medicine bears out.
STOP, SWITCH = "stop", "switch"
WEEK = 7


@dataclass(frozen=True, slots=True)
class Case:
    """`on`: when it began (a plan) or was held (a review). `from_ug`, `now_ug`: of a day, None when not known. `weeks`: from the start of
    a plan to its end, None while it is on its way. again: supplied again so many days after the end, None when it was not;
    watched: whether that many days have gone by since. severe: days with a check-in whose rating means a step back.
    back: steps back. `href` leads to the plan or review."""

    person_id: int
    substance: str
    kind: str  # class of medicine
    org: str
    on: date
    outcome: str
    by: str  # "plan" | "review"
    key: int
    from_ug: int | None = None
    now_ug: int | None = None
    unit: str = ""
    weeks: int | None = None
    again: int | None = None
    watched: bool = False
    severe: int = 0
    back: int = 0
    state: str = ""


# Outcomes


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """Of a plan: the outcome it ended with (empty while open), whether it has begun, dose at its start and now."""

    ended_as: str
    begun: bool
    from_ug: int
    now_ug: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the record says of a medicine today. `current`: supplied still; `last_issued_on`: the latest issue."""

    current: bool
    started_on: date | None
    last_change_on: date | None
    last_issued_on: date | None
    daily_ug: int | None


def by_dose(before: int | None, now: int | None) -> str:
    if before is None or now is None:
        return UNKNOWN
    if now == 0:
        return STOPPED
    return SAME if now == before else REDUCED if now < before else UP


def of_plan(facts: PlanFacts, known: Iterable[str]) -> str:
    """As it ended; while it is open by the dose that the plan gives now. A plan that was not begun tells of no dose that is taken, and
    one whose calendar has run out to nothing is no stop before somebody says so."""
    if facts.ended_as:
        return facts.ended_as if facts.ended_as in set(known) else UNKNOWN
    if not facts.begun:
        return UNKNOWN
    outcome = by_dose(facts.from_ug, facts.now_ug)
    return REDUCED if outcome == STOPPED else outcome


def of_review(decision: str, held_on: date, recorded: Recorded | None, dose_then: Callable[[], int | None]) -> str:
    """By what was decided and what the record says now. `dose_then`: the dose of the day of the review, asked only when needed.

    A medicine that is supplied no longer counts as stopped or switched only where that was decided: else nobody has said why. A dose
    counts only where there was an issue after the review.
    """
    if recorded is None or not recorded.current:
        return {STOP: STOPPED, SWITCH: UP}.get(decision, UNKNOWN)
    if recorded.last_issued_on is None or recorded.last_issued_on <= held_on or recorded.daily_ug is None:
        return UNKNOWN
    changed = recorded.last_change_on or recorded.started_on
    if changed is not None and changed <= held_on:
        return SAME
    return by_dose(dose_then(), recorded.daily_ug)


def supplied_again(recorded: Recorded | None, ended_on: date, days: int) -> int | None:
    """Days from the end of a plan to the supply that the record shows after it, at most `days`; None when there is none. Of a supply
    that went on the first issue is not known, only the last: then it is counted from the end (0)."""
    if recorded is None or recorded.last_issued_on is None or recorded.last_issued_on <= ended_on:
        return None
    if recorded.started_on is None or recorded.started_on <= ended_on:
        return 0
    after = (recorded.started_on - ended_on).days
    return after if after <= days else None


def one_each(cases: Iterable[Case]) -> list[Case]:
    """Of a medicine of a person one case: the plan before the review, then the latest."""
    found: dict[tuple[int, str], Case] = {}
    for case in sorted(cases, key=lambda each: (each.by == "plan", each.on, each.key)):
        found[case.person_id, case.substance] = case
    return sorted(found.values(), key=lambda each: (each.on, each.person_id, each.substance))


# Counts


@dataclass(frozen=True, slots=True)
class Rounding:
    """What is shown to whoever may see numbers only: below `smallest` no figure, else the nearest `rounded`."""

    smallest: int
    rounded: int

    def shown(self, number: int) -> int | None:
        """None: too few to show."""
        if 0 < number < self.smallest:
            return None
        return int(number / self.rounded + 0.5) * self.rounded


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure as it is shown. `number` is None where it is too small to show; `query` opens the people behind it."""

    number: int | None
    smallest: int = 0
    query: str = ""

    @property
    def words(self) -> str:
        return f"fewer than {self.smallest}" if self.number is None else f"{self.number:,}"


def cell(number: int, rounding: Rounding | None, query: str = "") -> Cell:
    if rounding is None:
        return Cell(number, query=query if number else "")
    return Cell(rounding.shown(number), rounding.smallest)


def counts(cases: Iterable[Case], by: Callable[[Case], str]) -> dict[str, Counter[str]]:
    """By group the number of cases of each outcome."""
    found: dict[str, Counter[str]] = {}
    for case in cases:
        found.setdefault(by(case), Counter())[case.outcome] += 1
    return found


@dataclass(frozen=True, slots=True)
class Time:
    """Weeks to an outcome: how many plans, median, shortest and longest."""

    number: int
    median: float
    low: int
    high: int

    @property
    def median_words(self) -> str:
        return f"{self.median:g}"


def times(cases: Iterable[Case]) -> dict[str, Time]:
    """By outcome, of plans that have ended so; of what is not known there is no time."""
    found: dict[str, list[int]] = {}
    for case in cases:
        if case.weeks is not None and case.outcome != UNKNOWN:
            found.setdefault(case.outcome, []).append(case.weeks)
    return {key: Time(len(weeks), median(weeks), min(weeks), max(weeks)) for key, weeks in found.items()}


def weeks_between(since: date | None, until: date | None) -> int | None:
    """Whole weeks, rounded."""
    return None if since is None or until is None else int((until - since).days / WEEK + 0.5)


# What services published


def published_words(result: ServiceResult) -> str:
    """`405 of 657 eligible to be reviewed (62 %)`, as printed."""
    of = f" of {result.of:,}" if result.of is not None else ""
    percent = f"{result.percent:g} %" if result.percent is not None else ""
    if result.people is not None:
        return f"{result.people:,}{of} {result.of_words}{f' ({percent})' if percent else ''}".strip()
    return f"{percent}{of and f' of {result.of:,}'} {f'({result.of_words})' if not of else result.of_words}".strip()


# What is issued no longer


@dataclass(frozen=True, slots=True)
class Freed:
    """Of one plan: prescription items a month before and now, and item-days not issued in the period (an item a month for a day)."""

    person_id: int
    substance: str
    plan_id: int
    before: int
    now: int
    item_days: int


def freed_days(changes: Sequence[tuple[date, int]], lines: dict[int, int], since: date, until: date) -> tuple[int, int, int]:
    """(items before, items now, item-days from `since` to `until`, both days in it) of doses by day. `lines`: of each dose how many
    products it is made of; a dose nobody built counts as the first. More products than before count against."""
    if not changes:
        return 0, 0, 0
    before = lines.get(changes[0][1], 1)
    days = 0
    ends = [on for on, _ in changes[1:]] + [until + timedelta(1)]
    now = before
    for (on, dose), end in zip(changes, ends, strict=True):
        if on > until:
            break
        now = lines.get(dose, before) if dose else 0
        days += (before - now) * max(0, (min(end, until + timedelta(1)) - max(on, since)).days)
    return before, now, days


MONTHS_A_YEAR, DAYS_A_YEAR = 12, 365.25


def items_of(item_days: int, a_month: int = 1) -> float:
    return item_days * a_month * MONTHS_A_YEAR / DAYS_A_YEAR


def pounds(pence: float) -> str:
    """`£1,234.50`; a minus sign before what costs more."""
    whole = round(abs(pence))
    return f"{'−' if pence < 0 and whole else ''}£{whole // 100:,}.{whole % 100:02d}"
