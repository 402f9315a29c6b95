"""How well courses read from records show when people really started and stopped. Measured, not demanded.

A record shows supply, not swallowing: someone who stops keeps what is in the cupboard, and a start outside the record is not in it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Any

from stepwell.knowledge import Knowledge
from stepwell.records.synthetic.truth.files import Truth

WITHIN = (7, 28, 60)  # days: an issue's week, a usual issue, the gap that ends a course


@dataclass(frozen=True)
class RealAgreement:
    """Shares, by days of tolerance. `starts_found`: real starts that a course shows; `starts_right`: courses that a real start explains;
    stops likewise, of treatment that is over today and of courses whose supply ended before today."""

    starts: int
    stops: int
    courses: int
    ended: int
    starts_found: dict[int, float]
    starts_right: dict[int, float]
    stops_found: dict[int, float]
    stops_right: dict[int, float]


def against_life(truth: Truth, knowledge: Knowledge, as_of: date) -> RealAgreement:
    """Compare the courses of the truth with `taken`, for medicines that the pack knows.

    Acute courses are left out: nobody knows what was taken of them.
    """
    real = _spans(truth)
    acute = {(row["person"], row["substance"]) for row in truth.tables["taken"].to_pylist() if row["acute"]}
    shown: dict[Any, list[tuple[date, date | None]]] = defaultdict(list)
    for row in truth.tables["courses"].to_pylist():
        if (row["person"], row["substance"]) not in acute:
            shown[row["person"], row["substance"]].append((row["started_on"], row["ends_on"] if row["ends_on"] <= as_of else None))
    real = {key: spans for key, spans in real.items() if key not in acute and key[1] in knowledge.substances}
    real_starts = {key: [start for start, _ in spans] for key, spans in real.items()}
    real_stops = {key: [end for _, end in spans if end is not None] for key, spans in real.items()}
    starts = {key: [start for start, _ in spans] for key, spans in shown.items()}
    stops = {key: [end for _, end in spans if end is not None] for key, spans in shown.items()}
    return RealAgreement(
        _count(real_starts),
        _count(real_stops),
        _count(starts),
        _count(stops),
        {days: _share(real_starts, starts, days) for days in WITHIN},
        {days: _share(starts, real_starts, days) for days in WITHIN},
        {days: _share(real_stops, stops, days) for days in WITHIN},
        {days: _share(stops, real_stops, days) for days in WITHIN},
    )


def _spans(truth: Truth) -> dict[Any, list[tuple[date, date | None]]]:
    """(person, substance) → first day and first day without, of each real course; steps of dose joined."""
    steps: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for row in truth.tables["taken"].to_pylist():
        steps[row["person"], row["substance"], row["course"]].append(row)
    found: dict[Any, list[tuple[date, date | None]]] = defaultdict(list)
    for (person, substance, _), rows in steps.items():
        goes_on = any(row["to_on"] is None for row in rows)
        end = None if goes_on else max(row["to_on"] for row in rows)
        found[person, substance].append((min(row["from_on"] for row in rows), end))
    return dict(found)


def _count(days: dict[Any, list[date]]) -> int:
    return sum(len(each) for each in days.values())


def _share(these: dict[Any, list[date]], among: dict[Any, list[date]], within: int) -> float:
    """Share of `these` days with one of `among` of the same person and substance no more than `within` days away."""
    near = sum(any(abs((day - other).days) <= within for other in among.get(key, [])) for key, days in these.items() for day in days)
    return near / _count(these) if these else 0.0
