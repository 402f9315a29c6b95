"""One visit for what one visit can settle: open needs of a person bundled across owners, each keeping its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

# Samples (`k_test.sample`) taken from, or measured on, the person: one appointment can do several.
AT_A_VISIT = ("blood", "physical", "ecg")


@dataclass(frozen=True, slots=True)
class Visit:
    """One appointment of one person.

    from_on: first day on which everything in it can be served; by_on: the earliest due date, or as_of when that has passed.
    needs: rows of `contract.needs` as they were given, in order of due date.
    """

    person_id: int
    samples: tuple[str, ...]
    tests: tuple[str, ...]
    from_on: date
    by_on: date
    needs: tuple[Mapping[str, Any], ...]


def visits(needs: Iterable[Mapping[str, Any]], tests: Mapping[str, str], as_of: date, horizon_days: int) -> list[Visit]:
    """Visits that would settle the open needs due within `horizon_days` of `as_of`, whoever owns them.

    needs: rows of `contract.needs` (dicts), of one person or several; tests: test → sample (`k_test`). A need joins the
    earliest visit by whose date it can be served; one that opens only later starts its own. Blood, physical checks and
    ECG are one appointment. Sorted by person and date.
    """
    until = as_of + timedelta(days=horizon_days)
    chosen = [
        need
        for need in needs
        if need["state"] == "open" and need["test"] is not None and tests.get(need["test"]) in AT_A_VISIT and need["due_on"] <= until
    ]
    chosen.sort(key=itemgetter("person_id", "due_on", "rule_id", "subject", "point"))
    found: list[Visit] = []
    for person_id, rows in groupby(chosen, key=itemgetter("person_id")):
        left = list(rows)
        while left:
            by_on = max(as_of, left[0]["due_on"], left[0]["opens_on"])
            together = [need for need in left if need["opens_on"] <= by_on]
            left = [need for need in left if need["opens_on"] > by_on]
            found.append(_visit(person_id, together, tests, as_of, by_on))
    return found


def _visit(person_id: int, needs: list[Mapping[str, Any]], tests: Mapping[str, str], as_of: date, by_on: date) -> Visit:
    names = dict.fromkeys(need["test"] for need in needs)
    samples = {tests[name] for name in names}
    return Visit(
        person_id,
        tuple(sample for sample in AT_A_VISIT if sample in samples),
        tuple(names),
        max(as_of, *(need["opens_on"] for need in needs)),
        by_on,
        tuple(needs),
    )
