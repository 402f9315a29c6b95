"""What is known, and one person's rows: plain dictionaries over the input tables."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from stepwell.engine.inputs import Inputs

Row = dict[str, Any]

CLINICAL = (
    "patients",
    "registrations",
    "medication_plans",
    "medication_issues",
    "observations",
    "conditions",
    "stays",
    "appointments",
    "letters",
)
ANSWERS = ("agreement_lines", "owner_assertions", "owner_requests", "dispositions", "recorded_results", "asked")
PRACTICE_CODE = re.compile(r"[A-Z][0-9]{5}")


def nulls_last(*values: Any) -> tuple[Any, ...]:
    return tuple((value is None, value if value is not None else 0) for value in values)


@dataclass
class Case:
    """One person and the rows about them, by table name."""

    person_id: int
    rows: dict[str, list[Row]]


class Sets(dict[str, set[str]]):
    """Members by set; a set that knowledge does not have is empty. Reading never changes it: it is shared between threads."""

    def __missing__(self, set_name: str) -> set[str]:
        return set()


class Lore:
    """Knowledge, ready for looking up."""

    def __init__(self, inputs: Inputs) -> None:
        def rows(name: str) -> list[Row]:
            return inputs.table(name).to_pylist()

        self.param: dict[str, int] = {row["name"]: row["value"] for row in rows("k_param")}
        self.substances = {row["substance"]: row for row in rows("k_substance")}
        self.sets = Sets()
        for row in rows("k_set"):
            self.sets.setdefault(row["set_name"], set()).add(row["substance"])
        self.registers = rows("k_register")
        self.products = _grouped(rows("k_product"), "code_system", "code")
        self.names = _grouped(rows("k_name"), "term_name")
        self._patches = {(row["substance"], row["strength_ug"]): row for row in rows("k_patch")}
        self.loads = _grouped(rows("k_load"), "load")
        self.interactions = rows("k_interaction")
        self.tests = {row["test"]: row for row in rows("k_test")}
        self.test_codes = _grouped(rows("k_test_code"), "code_system", "code")
        self.categories: dict[str, list[int]] = defaultdict(list)
        for row in rows("k_category"):
            self.categories[row["test"]].append(row["low_milli"])
        self.events = {
            row["condition"]: row for row in rows("k_condition") if row["lasts_months"] is not None or row["lasts_days"] is not None
        }
        self.condition_codes = _grouped(rows("k_condition_code"), "code_system", "code")
        self.licences = {(row["substance"], row["condition"]): row["licence"] for row in rows("k_indication")}
        self.rules = sorted(rows("k_rule"), key=lambda row: row["rule_id"])
        self.points = _grouped(sorted(rows("k_point"), key=lambda row: row["seq"]), "rule_id")
        self.whens = _grouped(sorted(rows("k_when"), key=lambda row: (row["grp"], row["seq"])), "rule_id", "part")
        self.bands = {row["rule_id"]: row for row in rows("k_band")}
        self.rule_rows = {row["rule_id"]: row for row in self.rules}
        self.risks = _grouped(rows("k_risk"), "risk")
        self.priorities = rows("k_priority")
        self.packs = {(row["pack"], row["version"]) for row in rows("k_pack")}

    def patch(self, substance: str, strength: int | None, unit: str | None) -> Row | None:
        """How a patch of that strength is worn; null for what is no patch, or one that knowledge does not tell."""
        return self._patches.get((substance, strength)) if unit == "patch" else None


_read: list[tuple[dict[str, Any], Lore]] = []


def _lore(inputs: Inputs) -> Lore:
    """The pack last read is kept: one person after another is evaluated with the same tables, which are never changed."""
    for tables, lore in _read:
        if tables.keys() == inputs.knowledge.keys() and all(tables[name] is inputs.knowledge[name] for name in tables):
            return lore
    lore = Lore(inputs)
    _read[:] = [(dict(inputs.knowledge), lore)]
    return lore


class Known(Lore):
    """Knowledge, and the decisions that belong to no person (codings, approvals)."""

    def __init__(self, inputs: Inputs, as_of: date) -> None:
        vars(self).update(vars(_lore(inputs)))
        self.as_of = as_of
        self.practices = {row["org_code"] for row in inputs.table("organisations").to_pylist() if row["kind"] == "practice"}
        self._codings = inputs.table("codings").to_pylist()
        self.approved_by: set[str | None] = set()
        self.approved_on: dict[str | None, date] = {}
        """The day each organisation first approved the pack, whatever its version."""
        packs = {pack for pack, _ in self.packs}
        for row in inputs.table("approvals").to_pylist():
            if row["pack"] in packs and row["approved_on"] is not None and row["approved_on"] <= as_of:
                before = self.approved_on.get(row["org_code"], row["approved_on"])
                self.approved_on[row["org_code"]] = min(before, row["approved_on"])
                if (row["pack"], row["version"]) in self.packs:
                    self.approved_by.add(row["org_code"])

    def is_practice(self, code: str | None) -> bool:
        return code is not None and (code in self.practices or PRACTICE_CODE.fullmatch(code) is not None)

    def coding(self, *, code_system: str | None = None, code: str | None = None, term: str | None = None) -> Row | None:
        """The decision about a code, or (without code) about a lower-case term."""
        if code is not None:
            found = [row for row in self._codings if row["code_system"] == code_system and row["code"] == code]
        else:
            found = [row for row in self._codings if row["code"] is None and term is not None and row["term"] == term]
        return min(found, key=lambda row: nulls_last(row["substance"], row["strength_ug"], row["unit"]), default=None)


def _grouped(rows: list[Row], *keys: str) -> dict[Any, list[Row]]:
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        key = tuple(row[name] for name in keys)
        groups[key if len(keys) > 1 else key[0]].append(row)
    return groups


def cases(inputs: Inputs) -> Iterator[Case]:
    """Every person with a link in force, with the rows of their subjects; rows entered in error are left out."""
    person_of = {row["subject_id"]: row["person_id"] for row in inputs.table("links").to_pylist() if row["undone_at"] is None}
    by_person: dict[int, dict[str, list[Row]]] = {
        person: {name: [] for name in CLINICAL + ANSWERS} for person in sorted(set(person_of.values()))
    }
    for name in CLINICAL:
        for row in inputs.table(name).to_pylist():
            person = person_of.get(row["subject_id"])
            if person is not None and row.get("status") != "entered in error":
                by_person[person][name].append(row)
    for name in ANSWERS:
        for row in inputs.table(name).to_pylist():
            if row["person_id"] in by_person:
                by_person[row["person_id"]][name].append(row)
    for person, tables in by_person.items():
        yield Case(person, tables)
