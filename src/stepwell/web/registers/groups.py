"""Groups of people whom no single register shows, put together from the registers of the same evaluation (knowledge, groups.yaml)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from stepwell import knowledge
from stepwell.engine.reconcile import Need
from stepwell.knowledge.model import PeopleGroup
from stepwell.web.core.access import RelationshipKind
from stepwell.web.core.formatting import whole_months, whole_years
from stepwell.web.ledger import known
from stepwell.web.ledger.apply import Evaluated
from stepwell.web.registers.bars import barred, unbarred

Row = dict[str, Any]
# How a trust has a person.
_SPECIALIST = (RelationshipKind.CASELOAD, RelationshipKind.SUPPLY)


def groups_of(memberships: Sequence[Row], evaluated: Evaluated, person_id: int, due: Sequence[Need]) -> list[Row]:
    """Rows of the groups that a person with these memberships is in; `due`: their duties that are due."""
    by_register = {row["register"]: row for row in memberships}
    found = []
    for group in knowledge.load().groups.values():
        chosen = _parts(group, by_register)
        if chosen and _holds(group, by_register, evaluated, person_id, due):
            found.append(_membership(group, chosen, evaluated.as_of, due))
    return found


def _parts(group: PeopleGroup, by_register: Mapping[str, Row]) -> list[list[Row]]:
    """For each list of the group the memberships that answer it; empty when one has none."""
    parts = [[by_register[name] for name in names if name in by_register] for names in group.every]
    return parts if all(parts) else []


def _holds(group: PeopleGroup, by_register: Mapping[str, Row], evaluated: Evaluated, person_id: int, due: Sequence[Need]) -> bool:
    if any(name in by_register for name in group.without):
        return False
    if group.due and not any(need.key.rule_id in group.due for need in due):
        return False
    person = evaluated.people.get(person_id)
    if group.age_from is not None:
        born = person.values.get("birth_date") if person else None
        if born is None or whole_years(born, evaluated.as_of) < group.age_from:
            return False
    return group.specialist is None or person is None or not _has_specialist(person.relationships, evaluated.as_of)


def _has_specialist(relationships: Mapping[tuple[str, RelationshipKind], Mapping[str, Any]], on: date) -> bool:
    return any(
        kind in _SPECIALIST and (row["from_on"] is None or row["from_on"] <= on) and (row["to_on"] is None or on < row["to_on"])
        for (_, kind), row in relationships.items()
    )


def _membership(group: PeopleGroup, parts: Sequence[Sequence[Row]], on: date, due: Sequence[Need]) -> Row:
    """In the group since the last of its parts began; of several registers in one list the first counts."""
    rows = [row for part in parts for row in part]
    since = [days[0] for part in parts if (days := sorted(row["entered_on"] for row in part if row["entered_on"]))]
    entered_on = max(since, default=None)
    medicines = [row for row in rows if known.register_kind(row["register"]) == "medicine"]
    late = [need for need in due if need.key.rule_id in group.cadence]
    return {
        "register": group.group,
        "status": "lapsed" if any(all(row["status"] == "lapsed" for row in part) for part in parts) else "current",
        "entered_on": entered_on,
        "months": whole_months(entered_on, on) if entered_on else None,
        "new_starter": any(row["new_starter"] for row in medicines),
        "long_term": any(row["long_term"] for row in medicines),
        "substances": barred(key for row in medicines or rows for key in unbarred(row["substances"])),
        "licence": next((row["licence"] for row in medicines if row["licence"]), ""),
        "owners": barred(key for row in rows for key in unbarred(row["owners"])),
        "overdue": len(late),
        "oldest_due_on": min((need.due_on for need in late if need.due_on), default=None),
        "findings": barred(key for row in rows for key in unbarred(row["findings"])),
        "dose": None,
        "classes": 1,
    }


def left_groups(registers: Iterable[Mapping[str, Any]], spells: Sequence[Row]) -> list[Row]:
    """Times in a group that are over, as far as the record shows them: a medicine of the group came to an end while its conditions
    held. Groups that also ask for an age, a duty or a specialist say nothing of the past."""
    since = {row["register"]: row["entered_on"] for row in registers}
    found = []
    for group in knowledge.load().groups.values():
        if group.due or group.specialist or group.age_from or any(name in since for name in group.without):
            continue
        medicines, conditions = _split(group)
        # Still in it: one of its medicines goes on.
        if len(medicines) != 1 or any(name in since for name in medicines[0]):
            continue
        held = [sorted(since[name] for name in names if since.get(name)) for names in conditions]
        if not all(held):
            continue
        begins = max((days[0] for days in held), default=date.min)
        over = [row for row in spells if row["register"] in medicines[0] and row["left_on"] > begins]
        found += [{**row, "register": group.group, "entered_on": max(row["entered_on"], begins)} for row in _once(over)]
    return found


def _split(group: PeopleGroup) -> tuple[list[list[str]], list[list[str]]]:
    medicines = [names for names in group.every if known.register_kind(names[0]) == "medicine"]
    return medicines, [names for names in group.every if names not in medicines]


def _once(spells: Iterable[Row]) -> list[Row]:
    """Two registers may tell of the same time."""
    return list({(row["entered_on"], row["left_on"]): row for row in spells}.values())
