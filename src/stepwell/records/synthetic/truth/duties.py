"""What falls due: monitoring happens on days, each day serves what waits for it, and what waits has a due date.

Rules of `KINDS`. Nobody has answered in the ledger of a synthetic network, so results are all that serves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from stepwell.records.synthetic.truth.book import Book, Row
from stepwell.records.synthetic.truth.calendar import later

KINDS = ("monitor", "review", "licence", "supply", "combination", "finding", "result", "agree")


@dataclass(frozen=True, order=True)
class Due:
    """What is really due: `state` open, met or lapsed."""

    rule_id: str
    subject: str
    point: str
    state: str
    due_on: date
    owner_org: str


@dataclass
class Clock:
    """From when a rule counts for one subject."""

    start: date
    change: date
    trigger: date | None = None
    """What raised the duty, where something did: then the rule counts from there."""

    @property
    def anchor(self) -> date:
        return self.trigger or self.start

    def of(self, point: Row) -> date:
        return {"change": self.change, "trigger": self.anchor}.get(point["anchor"], self.start)


class Schedule:
    """The points of one rule for one subject, walked through the days on which the test was done."""

    def __init__(self, rule: Row, book: Book, clock: Clock, done: set[date], *, as_of: date, sooner: Callable[[], bool]) -> None:
        self.rule, self.as_of, self.clock, self.sooner = rule, as_of, clock, sooner
        since = later(clock.anchor, -(rule["lookback_months"] or 0))
        self.done = sorted(day for day in done if since <= day <= as_of)
        self.points = book.points.get(rule["rule_id"], [])

    def _from(self, point: Row, what: str) -> date | None:
        """Day of the point `what` after its anchor; None when the point has none."""
        months, days = point[f"{what}_months"], point[f"{what}_days"]
        if months is None and days is None:
            return None
        return later(self.clock.of(point), months, days)

    def _begin(self, point: Row) -> date:
        return self._from(point, "from") or self.clock.of(point)

    def waiting(self) -> list[tuple[str, str, date]]:
        """Point, state and due day of everything there is to say today."""
        found = [self._window(point) for point in self.points if point["kind"] == "window"]
        chain, settled = self._chain([point for point in self.points if point["kind"] == "chain"])
        found += chain
        if settled:
            found += self._ongoing([point for point in self.points if point["kind"] == "ongoing"])
        return found

    def _due(self, point: Row) -> date:
        return self._from(point, "due") or self._begin(point)

    def _window(self, point: Row) -> tuple[str, str, date]:
        opens, closes, lapses = self._begin(point), self._from(point, "to") or date.max, self._from(point, "lapse") or date.max
        served = any(opens <= day <= closes for day in self.done)
        return point["point"], "met" if served else "lapsed" if self.as_of >= lapses else "open", self._due(point)

    def _chain(self, points: list[Row]) -> tuple[list[tuple[str, str, date]], bool]:
        """A day of monitoring goes to the first point still waiting that it fits."""
        served: set[int] = set()
        for day in self.done:
            for point in points:
                if point["seq"] not in served and self._begin(point) <= day < (self._from(point, "lapse") or date.max):
                    served.add(point["seq"])
                    break
        found, settled, ahead = [], True, False
        for point in points:
            if point["seq"] in served:
                state = "met"
            elif self.as_of >= (self._from(point, "lapse") or date.max):
                state = "lapsed"
            else:
                settled = False
                if self.as_of < self._begin(point):
                    if ahead:
                        continue
                    ahead = True
                state = "open"
            found.append((point["point"], state, self._due(point)))
        return found, settled

    def _ongoing(self, points: list[Row]) -> list[tuple[str, str, date]]:
        last = self.done[-1] if self.done else None
        for point in sorted(points, key=lambda each: self._from(each, "until") or date.max):
            counted = last or self.clock.of(point)
            if counted >= (self._from(point, "until") or date.max):
                continue
            first = self._from(point, "due") if last is None else None
            due = first or later(counted, point["every_months"], point["every_days"])
            if (point["sooner_months"], point["sooner_days"]) != (None, None) and self.sooner():
                due = min(due, later(counted, point["sooner_months"], point["sooner_days"]))
            return [(point["point"], "open", due)]
        return []


def compares(value: Any, op: str, other: Any) -> bool:
    if value is None:
        return False
    return bool({">=": value >= other, ">": value > other, "<=": value <= other, "<": value < other}[op])
