"""Replaces what lists know of these people with what an evaluation found. Called inside the ledger's transaction."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.db import models

from stepwell.engine.reconcile import Need
from stepwell.web.ledger import known, known_loads
from stepwell.web.ledger.apply import Evaluated
from stepwell.web.registers.bars import barred
from stepwell.web.registers.groups import groups_of, left_groups
from stepwell.web.registers.models import Interaction, Load, Membership, Spell

# Kinds of need that a register's list can be filtered by, beside tests and reviews that are overdue.
FINDING_KINDS = ("finding", "supply", "combination", "licence", "result")
OVERDUE_KINDS = ("monitor", "review")
_LICENCES = ("off-licence", "unknown", "licensed")

Row = dict[str, Any]


def keep(evaluated: Evaluated, person_ids: Collection[int]) -> None:
    """Registers with what lists filter by, spells that are over, loads and interactions of these people."""
    wanted: dict[type[models.Model], dict[int, list[models.Model]]] = {model: {} for model in (Membership, Spell, Load, Interaction)}
    for person_id in person_ids:
        person = evaluated.people.get(person_id)
        practice = person.values.get("gp_org", "") if person else ""
        totals = evaluated.totals.get(person_id, [])
        wanted[Membership][person_id] = [
            Membership(person_id=person_id, gp_org=practice, **values) for values in _memberships(evaluated, person_id, totals)
        ]
        spells = evaluated.spells.get(person_id, [])
        over = [*spells, *left_groups(evaluated.registers.get(person_id, []), spells)]
        wanted[Spell][person_id] = [Spell(person_id=person_id, gp_org=practice, **row) for row in over]
        wanted[Load][person_id] = [Load(person_id=person_id, **{**row, "parts": row["parts"] or ""}) for row in totals]
        wanted[Interaction][person_id] = [Interaction(person_id=person_id, **row) for row in evaluated.interactions.get(person_id, [])]
    for model, rows in wanted.items():
        _replace(model, rows)


def _memberships(evaluated: Evaluated, person_id: int, totals: list[Row]) -> list[Row]:
    rows = evaluated.registers.get(person_id, [])
    if not rows:
        return []
    due = [
        need
        for need in evaluated.needs.get(person_id, [])
        if need.state == "open" and need.due_on is not None and need.due_on <= evaluated.as_of
    ]
    taken = {row["substance"]: row for row in evaluated.medicines.get(person_id, [])}
    values = {row["load"]: row["value"] for row in totals}
    told = _Told(taken, due, values, sorted({name for row in rows for name in (row["substances"] or "").split("+") if name}))
    groups = Counter(_group(row["register"]) for row in rows if row["status"] == "current")
    found = [_membership(row, told, max(1, groups[_group(row["register"])])) for row in rows]
    return found + groups_of(found, evaluated, person_id, due)


def _group(register: str) -> str:
    row = known.register_row(register)
    return str(row["grp"] or "") if row else ""


@dataclass(frozen=True, slots=True)
class _Told:
    """What an evaluation told of one person: medicines, duties that are due, loads, medicines of any register."""

    taken: Mapping[str, Row]
    due: list[Need]
    loads: Mapping[str, int]
    registered: list[str]


def _membership(row: Row, told: _Told, classes: int) -> Row:
    is_condition = known.register_kind(row["register"]) == "condition"
    substances = told.registered if is_condition else [name for name in (row["substances"] or "").split("+") if name]
    own = [told.taken[name] for name in substances if name in told.taken]
    about = told.due if is_condition else [need for need in told.due if _is_about(need.key.subject, tuple(substances))]
    late = [need for need in about if need.kind in OVERDUE_KINDS]
    licences = {medicine["licence"] for medicine in own}
    return {
        "register": row["register"],
        "status": row["status"],
        "entered_on": row["entered_on"],
        "months": row["months"],
        "new_starter": bool(row["new_starter"]),
        "long_term": bool(row["long_term"]),
        "substances": barred(substances),
        "licence": next((word for word in _LICENCES if word in licences), ""),
        "owners": barred([*(medicine["owner_org"] for medicine in own), *(need.owner_org for need in about)]),
        "overdue": len(late),
        "oldest_due_on": min((need.due_on for need in late if need.due_on), default=None),
        "findings": barred(need.key.rule_id for need in about if need.kind in FINDING_KINDS),
        "dose": _dose(row["register"], own, told.loads),
        "classes": classes,
    }


def _dose(register: str, own: list[Row], loads: Mapping[str, int]) -> int | None:
    if (load := known_loads.register_load(register)) is not None:
        return loads.get(load.load)
    return own[0]["counted_ug"] if len(known.register_members(register)) == 1 and len(own) == 1 else None


@lru_cache(maxsize=20_000)
def _is_about(subject: str, substances: tuple[str, ...]) -> bool:
    """Whether a need's subject (a medicine, a class, or sets joined by +) is about one of these medicines."""
    return any(name in substances or not known.members(name).isdisjoint(substances) for name in subject.split("+"))


def _replace(model: type[models.Model], wanted: Mapping[int, list[models.Model]]) -> None:
    """Only people whose rows differ are written."""
    names = [field.attname for field in model._meta.concrete_fields if not field.primary_key and field.attname != "person_id"]
    manager = model._default_manager
    stored: dict[int, set[tuple[Any, ...]]] = defaultdict(set)
    for values in manager.filter(person_id__in=list(wanted)).values_list("person_id", *names):
        stored[values[0]].add(values[1:])
    fresh = {person: {tuple(getattr(row, name) for name in names) for row in rows} for person, rows in wanted.items()}
    changed = [person for person, rows in fresh.items() if rows != stored.get(person, set())]
    if gone := [person for person in changed if stored.get(person)]:
        manager.filter(person_id__in=gone).delete()
    manager.bulk_create([row for person in changed for row in wanted[person]], batch_size=500)
