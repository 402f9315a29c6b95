"""What the pages of outcomes show: presenters over cases. Nothing here reads the database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlencode

from markupsafe import Markup

from stepwell.knowledge.tapering import TaperOutcome, TaperService
from stepwell.web.core.formatting import clinician, count
from stepwell.web.outcomes import counting
from stepwell.web.outcomes.chart import drawn
from stepwell.web.outcomes.choices import Price, choices
from stepwell.web.outcomes.counting import STOPPED, Case, Cell, Rounding, Time, cell, pounds
from stepwell.web.outcomes.models import Reinvestment
from stepwell.web.outcomes.selectors import Found, Released, Span

# Which cases a figure beside the outcomes counts: key → words, test.
SEVERE, BACK, AGAIN, WATCHED = "severe", "back", "again", "watched"
NOTED: dict[str, Callable[[Case], bool]] = {
    SEVERE: lambda case: case.severe > 0,
    BACK: lambda case: case.back > 0,
    AGAIN: lambda case: case.again is not None,
    WATCHED: lambda case: case.by == "plan" and case.outcome == STOPPED and case.again is None and not case.watched,
}


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """One outcome over everything: its figure, its share in words, its time."""

    known: TaperOutcome
    cell: Cell
    share: str
    time: str


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A class of medicine or a service: a figure of each outcome, then all."""

    name: str
    cells: tuple[Cell, ...]
    all: Cell

    @property
    def is_small(self) -> bool:
        """Too few in all to show any of its figures."""
        return self.all.number is None


@dataclass(frozen=True, slots=True)
class NotedRow:
    label: str
    cell: Cell
    counted: str


class OutcomesPage:
    """Outcomes of a period. `rounding`: None for whoever may open the people behind a figure."""

    def __init__(
        self, found: Found, span: Span, months: int, *, outcomes: Mapping[str, TaperOutcome], labels: Mapping[str, str],
        names: Mapping[str, str], services: Sequence[TaperService], rounding: Rounding | None,
    ) -> None:  # fmt: skip
        self.cases, self.span, self.months, self.services = found.cases, span, months, services
        self.unread = found.unread
        self._outcomes, self._labels, self._names, self._rounding = outcomes, labels, names, rounding
        self._all = Counter(case.outcome for case in self.cases)
        self.counts_only = rounding is not None
        self.periods = choices().periods

    def _cell(self, number: int, **query: str) -> Cell:
        return cell(number, self._rounding, urlencode({"months": str(self.months), **query}))

    def _part(self, whole: Cell, number: int, **query: str) -> Cell:
        """A part of `whole`: of a few people not even which outcomes none of them has."""
        return whole if whole.number is None else self._cell(number, **query)

    @property
    def total(self) -> Cell:
        return self._cell(len(self.cases))

    @property
    def heading(self) -> str:
        if not self.cases:
            return "No medicine was reviewed or reduced in this period"
        parts = [f"{self._cell(self._all[key]).words} {each.label.lower()}" for key, each in self._outcomes.items() if self._all[key]]
        number = self.total.number
        if number is None:
            return f"Fewer than {choices().smallest} medicines reviewed or reduced: too few to show how they came out"
        return f"Of {count(number, 'medicine')} reviewed or reduced: {', '.join(parts)}"

    @property
    def period(self) -> str:
        return f"{clinician.date(self.span.since)} to {clinician.date(self.span.until)}"

    @property
    def columns(self) -> list[str]:
        return [each.label for each in self._outcomes.values()]

    @cached_property
    def rows(self) -> list[OutcomeRow]:
        times = counting.times(self.cases)
        found = []
        for key, each in self._outcomes.items():
            one = self._part(self.total, self._all[key], outcome=key)
            found.append(OutcomeRow(each, one, self._share(one), self._time(times.get(key))))
        return found

    def _share(self, one: Cell) -> str:
        total = self.total.number
        return "" if not total or one.number is None else f"{min(100, round(100 * one.number / total))} %"

    def _time(self, time: Time | None) -> str:
        """`median 12 weeks (4 to 30), 5 plans`; of few people nothing, and of numbers only no range: its ends are single people."""
        if time is None:
            return ""
        unit = "week" if time.median_words == "1" else "weeks"
        if self._rounding is None:
            return f"median {time.median_words} {unit} ({time.low} to {time.high}), {count(time.number, 'plan')}"
        number = self._rounding.shown(time.number)
        return "" if number is None else f"median {time.median_words} {unit}, {count(number, 'plan')}"

    @property
    def chart(self) -> Markup:
        if not self.cases:
            return Markup("")
        lines = [(row.known.label, row.cell.number, f"{row.cell.words}{f' ({row.share})' if row.share else ''}") for row in self.rows]
        return drawn(lines, "Outcomes, as in the table: " + ", ".join(f"{label} {words}" for label, _, words in lines))

    @property
    def classes(self) -> list[GroupRow]:
        return self._groups(lambda case: case.kind, self._labels, "kind")

    @property
    def places(self) -> list[GroupRow]:
        return self._groups(lambda case: case.org, self._names, "org")

    def _groups(self, by: Callable[[Case], str], names: Mapping[str, str], query: str) -> list[GroupRow]:
        rows = []
        for key, numbers in counting.counts(self.cases, by).items():
            whole = self._cell(sum(numbers.values()), **{query: key})
            cells = tuple(self._part(whole, numbers[outcome], outcome=outcome, **{query: key}) for outcome in self._outcomes)
            rows.append(GroupRow(names.get(key, key), cells, whole))
        return sorted(rows, key=lambda row: row.name.lower())

    @property
    def noted(self) -> list[NotedRow]:
        days, mark = choices().again_days, choices().mark
        told = (
            (SEVERE, "With severe symptoms at a check-in", "a rating that, by the scale’s own bands, means going back to the dose before"),
            (BACK, "Went back to the dose before", "part of a plan, and not an adverse event by itself"),
            (
                AGAIN,
                f"Supplied again within {days} days of stopping",
                f"by the record: an issue after the end of a plan that stopped (mark {mark})",
            ),
            (WATCHED, f"Stopped less than {days} days ago, not supplied since", f"too early to say whether they stay off (mark {mark})"),
        )
        return [
            NotedRow(label, self._part(self.total, sum(NOTED[key](case) for case in self.cases), noted=key), counted)
            for key, label, counted in told
        ]


def select(found: Found, query: Mapping[str, str], released: Iterable[int] | None = None) -> list[Case]:
    """Cases behind a figure. `query`: `outcome`, `kind`, `org`, `noted`; `released`: keys of plans instead."""
    if released is not None:
        keys = set(released)
        return [case for case in found.plans if case.key in keys]
    wanted = {name: query.get(name, "") for name in ("outcome", "kind", "org")}
    noted = NOTED.get(query.get("noted", ""))
    return [
        case
        for case in found.cases
        if all(not value or getattr(case, name) == value for name, value in wanted.items()) and (noted is None or noted(case))
    ]


# What is issued no longer


@dataclass(frozen=True, slots=True)
class ReleasedRow:
    """`price`: None where the source has none."""

    name: str
    plans: Cell
    before: str
    now: str
    items: str
    price: Price | None
    pence: float | None

    @property
    def average(self) -> str:
        return pounds(self.price.average_pence) if self.price is not None else ""

    @property
    def cost(self) -> str:
        return pounds(self.pence) if self.pence is not None else ""


class ReleasedPage:
    """`spent`: what the organisation put elsewhere in the period."""

    def __init__(
        self, released: Sequence[Released], prices: Mapping[str, Price], *, names: Mapping[str, str], spent: Sequence[Reinvestment],
        months: int, span: Span, rounding: Rounding | None,
    ) -> None:  # fmt: skip
        self.months, self.span, self.spent = months, span, spent
        self.counts_only = rounding is not None
        self.periods = choices().periods
        self.priced = choices().prices
        shown = [each for each in released if rounding is None or len(each.plans) >= rounding.smallest]
        self.left_out = len(released) - len(shown)
        self._sums: list[tuple[float, float | None]] = []
        self.rows = [self._row(each, prices.get(each.substance), names[each.substance], rounding) for each in shown]

    def _row(self, each: Released, price: Price | None, name: str, rounding: Rounding | None) -> ReleasedRow:
        items, pence = each.items, each.pence
        before, now = str(each.before), str(each.now)
        if rounding is not None:
            before, now = (cell(number, rounding).words for number in (each.before, each.now))
            items = float(round(items / rounding.rounded) * rounding.rounded)
            pence = items * price.average_pence if price is not None else None
        self._sums.append((items, pence))
        query = urlencode({"months": str(self.months), "released": each.substance})
        return ReleasedRow(name, cell(len(each.plans), rounding, query), before, now, decimal(items), price, pence)

    @property
    def items(self) -> str:
        return decimal(sum(items for items, _ in self._sums))

    @property
    def pence(self) -> float:
        return sum(pence for _, pence in self._sums if pence is not None)

    @property
    def cost(self) -> str:
        return pounds(self.pence)

    @property
    def without_price(self) -> int:
        return sum(pence is None for _, pence in self._sums)

    @property
    def reinvested(self) -> str:
        return pounds(sum(row.pence for row in self.spent))

    @property
    def heading(self) -> str:
        if not self.rows:
            return "No reduction has released anything in this period" if not self.left_out else "Too few plans to show what was released"
        items, pence = sum(items for items, _ in self._sums), self.pence
        fewer, less = "fewer" if items >= 0 else "more", "less" if pence >= 0 else "more"
        return f"About {decimal(abs(items))} items {fewer} and {pounds(abs(pence))} {less} than before, by the plans"


def decimal(value: float) -> str:
    """One decimal at most, with a minus sign."""
    text = f"{abs(value):,.1f}".removesuffix(".0")
    return f"−{text}" if value < 0 and text != "0" else text


# As a file


def figures(page: OutcomesPage) -> list[tuple[str, str, str, str]]:
    """Group, name, outcome, figure in words: as the page tells them."""
    rows = [("all", "", row.known.label, row.cell.words) for row in page.rows]
    for group, lines in (("class", page.classes), ("service", page.places)):
        rows += [(group, line.name, label, one.words) for line in lines for label, one in zip(page.columns, line.cells, strict=True)]
    rows += [("noted", "", row.label, row.cell.words) for row in page.noted]
    rows += [("time", "", row.known.label, row.time) for row in page.rows if row.time]
    return rows
