"""Worked patients of a rule, from the specs that every engine runs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import stepwell
from stepwell.engine import specs

# In a wheel the specs lie beside the code; in the repository, among the tests.
PLACES = (Path(stepwell.__file__).parent / "spec", Path(stepwell.__file__).parent.parent.parent / "tests" / "spec")


@dataclass(frozen=True, slots=True)
class Worked:
    """One person: what happened, and what is owed of this rule."""

    spec: str
    as_of: str
    name: str
    happened: list[str]
    owed: list[str]
    note: str


@cache
def _specs() -> list[specs.Spec]:
    folder = next((place for place in PLACES if place.is_dir()), None)
    return specs.load(folder) if folder else []


def worked_for(rule_id: str) -> list[Worked]:
    """The people whose spec says something of this rule, or whose spec is about this rule alone."""
    found = []
    for spec in _specs():
        if rule_id not in spec.rules:
            continue
        for person in spec.people:
            owed = [_said(line, rule_id) for line in person.owed if rule_id in line.replace(":", " ").split()]
            if owed or spec.rules == [rule_id]:
                found.append(
                    Worked(spec.title, spec.as_of.isoformat(), person.name, person.happened, owed or ["nothing is owed"], person.note)
                )
    return found


def _said(line: str, rule_id: str) -> str:
    """A line of a spec without the rule's name, which the page already bears."""
    if line.startswith("not "):
        rest = line.removeprefix("not ").replace(rule_id, "", 1).strip(" ,")
        return f"not owed: {rest}" if rest else "not owed"
    return line.replace(rule_id, "", 1).strip(" :")
