"""Section 14: what adds up over a person's medicines, and which of them are not safe together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from stepwell.engine.reference.courses import Course
from stepwell.engine.reference.exposure import Medicine
from stepwell.engine.reference.world import Known, Row


@dataclass
class Total:
    load: str
    value: int
    prescribed: int
    unknown: int
    from_on: date
    parts: str


@dataclass
class Interaction:
    interaction: str
    severity: str
    from_on: date
    substances: str


def totals_of(known: Known, medicines: dict[str, Medicine]) -> list[Total]:
    """Loads over the medicines on register."""
    totals = []
    for load, rows in known.loads.items():
        contributing = [(row, medicines[row["substance"]]) for row in rows if row["substance"] in medicines]
        if contributing:
            totals.append(
                Total(
                    load=load,
                    value=sum(_contribution(row, medicine.counted_ug) for row, medicine in contributing),
                    prescribed=sum(_contribution(row, medicine.latest.daily_ug) for row, medicine in contributing),
                    unknown=sum(row["flat"] is None and medicine.counted_ug is None for row, medicine in contributing),
                    from_on=max(medicine.last_change_on for _, medicine in contributing),
                    parts="+".join(sorted(medicine.substance for _, medicine in contributing)),
                )
            )
    return totals


def _contribution(row: Row, micrograms: int | None) -> int:
    if row["flat"] is not None:
        return int(row["flat"])
    return 0 if micrograms is None else micrograms * row["numerator"] // row["denominator"]


def interactions_of(known: Known, medicines: dict[str, Medicine], courses: dict[str, list[Course]]) -> list[Interaction]:
    """Interactions between medicines on register, or whose supply ended within the interaction's window."""
    last = {substance: found[-1] for substance, found in courses.items()}
    found = []
    for row in known.interactions:
        candidates = set(medicines)
        if row["window_days"]:
            window = timedelta(days=row["window_days"])
            candidates |= {substance for substance, course in last.items() if course.supply_ends_on + window >= known.as_of}
        sets = [row[column] for column in ("set_a", "set_b", "set_c") if row[column] is not None]
        takers = [sorted(known.sets[name] & candidates) for name in sets]
        if any(taken & set(medicines) for taken in choices(takers)):
            found.append(
                Interaction(
                    interaction=row["interaction"],
                    severity=row["severity"],
                    from_on=max(min(last[name].started_on for name in members) for members in takers),
                    substances="+".join(sorted({name for members in takers for name in members})),
                )
            )
    return found


def choices(takers: list[list[str]], taken: frozenset[str] = frozenset()) -> Iterable[frozenset[str]]:
    """Every way to give each set a member of its own, all different."""
    if not takers:
        yield taken
        return
    for name in takers[0]:
        if name not in taken:
            yield from choices(takers[1:], taken | {name})
