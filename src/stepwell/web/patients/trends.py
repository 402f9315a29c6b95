"""Results of one person over time: what the trends page shows of each test, in words and as a drawing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from markupsafe import Markup

from stepwell import engine, knowledge
from stepwell.web.core.formatting import clinician, count
from stepwell.web.ledger import known, workflow
from stepwell.web.ledger.evaluation import open_store
from stepwell.web.ledger.presenters import DutyPresenter
from stepwell.web.patients import chart

# Spans the page offers: a habit of pages, not of medicine. None is everything on record.
YEARS: tuple[int | None, ...] = (1, 3, 5, None)
STRIPS = 4


@dataclass(frozen=True, slots=True)
class History:
    """What an evaluation of one person tells over time: rows of `results` with a number, and of `courses`."""

    results: list[dict[str, Any]]
    courses: list[dict[str, Any]]

    def without(self, hides_test: Callable[[str], bool], hides_medicine: Callable[[str], bool]) -> History:
        """The same without what is not shown to whoever asks."""
        results = [row for row in self.results if not hides_test(row["test"])]
        return History(results, [row for row in self.courses if not hides_medicine(row["substance"])])


def history_of(person_id: int, on: date) -> History:
    """Read from the store and the ledger as they are now: the record kept for lists has only the last few results."""
    outcome = engine.evaluate(open_store(), knowledge.load(), on, person_ids=[person_id], workflow=workflow.extract([person_id]))
    results = [row for row in outcome.tables["results"].to_pylist() if row["value_milli"] is not None]
    return History(results, outcome.tables["courses"].to_pylist())


@dataclass(frozen=True, slots=True)
class Band:
    """A band of a rule about results: `words` its edges, `title` what it asks for, `basis` source and mark."""

    low: int | None
    low_closed: bool
    high: int | None
    high_closed: bool
    title: str
    words: str
    basis: str
    members: frozenset[str]
    sex: str

    def holds(self, value: int) -> bool:
        above = self.low is None or value > self.low or (self.low_closed and value == self.low)
        return above and (self.high is None or value < self.high or (self.high_closed and value == self.high))


@cache
def bands(test: str) -> tuple[Band, ...]:
    """Bands of a test's value, the lowest first. Rules that compare a rise or a fall draw no band."""
    tables = knowledge.load().tables()
    rules = {row["rule_id"]: row for row in tables["k_rule"].to_pylist()}
    sexes = {row["rule_id"]: row["subject"] for row in tables["k_when"].to_pylist() if row["part"] == "applies" and row["fact"] == "sex"}
    found = []
    for row in tables["k_band"].to_pylist():
        if row["test"] != test or row["measure"] != "value":
            continue
        rule = rules[row["rule_id"]]
        sources = "; ".join(known.source_title(part) for part in (rule["source"] or "").split("; ") if part)
        found.append(
            Band(
                row["low_milli"], bool(row["low_closed"]), row["high_milli"], bool(row["high_closed"]),
                rule["title"], _edges(row, known.test(test)), f"{sources}, mark {rule['mark']}: {known.MARKS[rule['mark']]}",
                known.members(rule["set_name"]), sexes.get(row["rule_id"], ""),
            )
        )  # fmt: skip
    return tuple(sorted(found, key=lambda band: (band.low is not None, band.low or 0, band.title)))


def _edges(row: Mapping[str, Any], test: known.Test | None) -> str:
    unit = test.unit or "" if test else ""
    low, high = row["low_milli"], row["high_milli"]
    if high is None:
        return f"{'from' if row['low_closed'] else 'above'} {clinician.milli(low, unit)}"
    if low is None:
        return f"{'up to' if row['high_closed'] else 'below'} {clinician.milli(high, unit)}"
    first = f"{'from' if row['low_closed'] else 'above'} {clinician.milli(low)}"
    return f"{first} {'to' if row['high_closed'] else 'to below'} {clinician.milli(high, unit)}"


class Trend:
    """One test: its results in order, the bands that this person's medicines bring, a sentence, a drawing, a table."""

    def __init__(self, test: known.Test, rows: list[dict[str, Any]], span: Span, duties: Iterable[DutyPresenter]) -> None:
        self.test, self.label, self.key = test, test.label, test.test
        self._all = sorted(rows, key=lambda row: (row["effective_on"], row["value_milli"]))
        self.rows = [row for row in self._all if row["effective_on"] >= span.start]
        self._span = span
        self.duties = [duty for duty in duties if duty.duty.test == test.test]
        taken = span.taken
        own = [band for band in bands(test.test) if band.members & taken and band.sex in ("", span.sex)]
        # Two medicines may bring the same band; it is drawn and told once.
        self.bands = list({(band.low, band.high, band.title): band for band in own}.values())

    @property
    def last(self) -> dict[str, Any]:
        return self._all[-1]

    def value(self, row: Mapping[str, Any]) -> str:
        return f"{row['comparator'] or ''}{clinician.milli(row['value_milli'], self.test.unit or '')}"

    def asks(self, row: Mapping[str, Any]) -> str:
        """What the bands it lies in ask for; empty outside all of them."""
        return "; ".join(band.title for band in self.bands if band.holds(row["value_milli"]))

    @property
    def sentence(self) -> str:
        """`84.2 kg on 20-Apr-2026, 3.1 kg more than 11 months before; 12 results in 3 years, lowest 79, highest 86 kg.`"""
        last, number = self.last, len(self.rows)
        told = f"{self.value(last)} on {clinician.date(last['effective_on'])}"
        before = self._a_year_before()
        if before is not None:
            change = last["value_milli"] - before["value_milli"]
            span = clinician.span(before["effective_on"], last["effective_on"])
            more = (
                f"{clinician.milli(abs(change), self.test.unit or '')} {'more' if change > 0 else 'less'} than" if change else "the same as"
            )
            told += f", {more} {span} before"
        if number > 1:
            values = [row["value_milli"] for row in self.rows]
            bounds = f"lowest {clinician.milli(min(values))}, highest {clinician.milli(max(values))}"
            told += f"; {count(number, 'result')} {self._span.words}, {bounds}"
        if asked := self.asks(last):
            told += f". The last one is in a band that asks for an action: {asked}"
        return f"{told}."

    def _a_year_before(self) -> dict[str, Any] | None:
        """The result nearest to a year before the last, when there is an earlier day at all."""
        last = self.last["effective_on"]
        earlier = [row for row in self._all if row["effective_on"] < last]
        return min(earlier, key=lambda row: abs((last - row["effective_on"]).days - 365), default=None)

    @property
    def drawing(self) -> Markup:
        """Empty with fewer than two results in the span: one point is no trend."""
        if len(self.rows) < 2:
            return Markup("")
        points = [chart.Point(row["effective_on"], row["value_milli"] / 1000, bool(self.asks(row))) for row in self.rows]
        regions = [chart.Region(_real(band.low), _real(band.high)) for band in self.bands]
        return chart.draw(points, regions, self._span.strips(self.key), start=self._span.start, end=self._span.end)

    @property
    def caption(self) -> str:
        """What the drawing shows beside the results."""
        return "; ".join(f"{band.words}: {band.title}" for band in self.bands)

    @property
    def table(self) -> list[tuple[date, str, str]]:
        return [(row["effective_on"], self.value(row), self.asks(row)) for row in reversed(self.rows)]


def _real(milli: int | None) -> float | None:
    return None if milli is None else milli / 1000


@dataclass(frozen=True, slots=True)
class Span:
    """The days a page shows, and what matters for every test in them."""

    start: date
    end: date
    words: str
    courses: list[dict[str, Any]]
    taken: frozenset[str]
    sex: str

    def strips(self, test: str) -> list[chart.Strip]:
        """Courses of medicines whose rules ask for this test; of all registered ones when no rule does."""
        about = _asking(test)
        rows = [row for row in self.courses if row["supply_ends_on"] > self.start and row["started_on"] < self.end]
        chosen = [row for row in rows if row["substance"] in about] or rows
        names = list(dict.fromkeys(row["substance"] for row in sorted(chosen, key=lambda row: row["supply_ends_on"], reverse=True)))[
            :STRIPS
        ]
        return [
            chart.Strip(known.medicine(row["substance"]), row["started_on"], row["supply_ends_on"])
            for row in chosen
            if row["substance"] in names
        ]


@cache
def _asking(test: str) -> frozenset[str]:
    rows = knowledge.load().tables()["k_rule"].to_pylist()
    return frozenset().union(*(known.members(row["set_name"]) for row in rows if row["test"] == test and row["set_name"]))


class TrendsPage:
    """`years`: how far back; None for everything."""

    def __init__(
        self, history: History, *, sex: str, taken: Collection[str], duties: list[DutyPresenter], on: date, years: int | None
    ) -> None:
        self.years, self.on = years, on
        first = min((row["effective_on"] for row in history.results), default=on)
        start = first if years is None else max(first, _years_before(on, years))
        words = "on record" if years is None else f"in {count(years, 'year')}"
        span = Span(start, on, words, history.courses, frozenset(taken), sex)
        by_test: dict[str, list[dict[str, Any]]] = {}
        for row in history.results:
            by_test.setdefault(row["test"], []).append(row)
        tests = [test for test in (known.test(key) for key in by_test) if test is not None]
        found = [Trend(test, by_test[test.test], span, duties) for test in sorted(tests, key=lambda test: test.label.lower())]
        self.trends = [trend for trend in found if len(trend.rows) > 1]
        self.single = [trend for trend in found if len(trend.rows) <= 1]
        self.asking = sum(bool(trend.asks(trend.last)) for trend in found)

    @property
    def heading(self) -> str:
        number = len(self.trends)
        if not number:
            return "No test has two results to compare"
        told = f"{count(number, 'test')} over time"
        return f"{told}, {f'{self.asking} with a last result' if self.asking else 'no last result'} that asks for an action"

    @property
    def spans(self) -> list[tuple[str, str, bool]]:
        return [
            ("everything" if years is None else count(years, "year"), "all" if years is None else str(years), years == self.years)
            for years in YEARS
        ]


def _years_before(day: date, years: int) -> date:
    return known.add(day, -12 * years, 0)


def years_of(text: str) -> int | None:
    """How far back an address asks for; three years when it does not say."""
    if text == "all":
        return None
    return int(text) if text.isdigit() and int(text) in YEARS else 3
