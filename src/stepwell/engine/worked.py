"""Worked patients: a history in plain words becomes the tables that an engine reads.

The words are those of the specs (`tests/spec/*.yaml`) and of the guide, so that a clinician can read and write them.
Each line is one sentence; the forms are in `stepwell.engine.worked_sentences` and, with examples, in `tests/spec/README.md`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pyarrow as pa

from stepwell.engine.inputs import Inputs
from stepwell.errors import Refused
from stepwell.knowledge.tables import TABLES as KNOWLEDGE
from stepwell.records.schema import TABLES as RECORDS
from stepwell.records.schema import WORKFLOW

ORGANISATIONS = {"practice": "A81001", "trust": "RX9", "private": "PRV01", "pharmacy": "FA001", "hospital": "RTR"}


@dataclass
class WorkedPatient:
    """One person of a spec: a name, and sentences about what happened."""

    name: str
    happened: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Codes:
    """What the tables of one pack say, looked up by name. `read_from`: those tables, kept so that they stay the same objects."""

    read_from: tuple[pa.Table | None, ...]
    products: dict[str, list[dict[str, Any]]]
    names: dict[str, list[dict[str, Any]]]
    test_units: dict[str, str | None]
    test_codes: dict[str, dict[str, Any]]
    condition_codes: dict[str, dict[str, Any]]
    rules: dict[str, dict[str, Any]]
    pack: dict[str, Any]


_READ = ("k_product", "k_name", "k_test", "k_test_code", "k_condition_code", "k_rule", "k_pack")
_kept: list[_Codes] = []


def _codes_of(knowledge: Mapping[str, pa.Table]) -> _Codes:
    """Thousands of products are read once for as long as the same tables are worked with."""
    tables = tuple(knowledge.get(name) for name in _READ)
    if not _kept or any(one is not other for one, other in zip(_kept[0].read_from, tables, strict=True)):
        units = {row["test"]: row["unit"] for row in _rows(knowledge, "k_test")}
        codes = _Codes(
            read_from=tables,
            products=_products(knowledge),
            names=_names(knowledge),
            test_units=units,
            test_codes=_first_codes(_rows(knowledge, "k_test_code"), units),
            condition_codes=_plainest_codes(_rows(knowledge, "k_condition_code")),
            rules={row["rule_id"]: row for row in _rows(knowledge, "k_rule")},
            pack=next(iter(_rows(knowledge, "k_pack")), {"pack": None, "version": None}),
        )
        _kept[:] = [codes]
    return _kept[0]


class Worked:
    """Collects worked patients into tables. `knowledge` gives codes and units, so what is written is what an importer would write."""

    def __init__(self, knowledge: Mapping[str, pa.Table], as_of: date) -> None:
        self.knowledge = knowledge
        self.as_of = as_of
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self._number = 0
        codes = _codes_of(knowledge)
        self._products, self._names = codes.products, codes.names
        self._test_units, self._test_codes = codes.test_units, codes.test_codes
        self._condition_codes, self._rules = codes.condition_codes, codes.rules
        self.pack = codes.pack
        self.person_ids: dict[str, int] = {}

    def add(self, patient: WorkedPatient) -> int:
        """The person's id. A sentence that no form fits is refused, naming it."""
        from stepwell.engine.worked_sentences import Reader

        person = Reader(self, len(self.person_ids) + 1)
        self.person_ids[patient.name] = person.person_id
        for sentence in patient.happened:
            person.read(sentence)
        person.close()
        return person.person_id

    def inputs(self) -> Inputs:
        tables = {
            name: pa.Table.from_pylist(rows, schema=(RECORDS.get(name) or WORKFLOW[name]).arrow_schema())
            for name, rows in self._rows.items()
        }
        return Inputs(
            records={name: table for name, table in tables.items() if name in RECORDS},
            workflow={name: table for name, table in tables.items() if name in WORKFLOW},
            knowledge=dict(self.knowledge),
        )

    def put(self, table: str, **values: Any) -> None:
        names = (RECORDS.get(table) or WORKFLOW[table]).names
        row = dict.fromkeys(names)
        self._number += 1
        if "native_id" in row:
            row.update(native_id=f"{table}-{self._number:06d}", version="1", source=ORGANISATIONS["practice"])
        row.update(values)
        self._rows.setdefault(table, []).append(row)

    def last_statement(self, person_id: int, key: Mapping[str, Any]) -> dict[str, Any] | None:
        """The last row of `asked` about this key."""
        wanted = {"person_id": person_id, **key}
        same = [row for row in self._rows.get("asked", []) if all(row[name] == value for name, value in wanted.items())]
        return same[-1] if same else None

    def last_native_id(self, table: str) -> str:
        return self._rows[table][-1]["native_id"]

    def product(self, substance: str, sentence: str, *, unit: str | None = None, strength_ug: int | None = None) -> dict[str, Any]:
        """A product of that medicine, in that unit and of that strength where they are given: one that gives it alone, a tablet or
        capsule of known strength before others. Where no list has such a product, a row known by its name, as a record writes it."""
        if not self.is_medicine(substance):
            raise Refused(f"'{sentence}': knowledge has no product of '{substance}'. Write a medicine that it knows.")
        fitting = [
            row
            for row in self._products.get(substance, [])
            if (unit is None or row["unit"] == unit) and (strength_ug is None or row["strength_ug"] == strength_ug)
        ]
        if fitting:
            return fitting[0]
        wanted = unit or "tablet"
        names = [row["term_name"] for row in self._names.get(substance, []) if row["unit"] in (wanted, None)]
        if not names:
            raise Refused(f"'{sentence}': knowledge has neither such a product of '{substance}' nor a name of it counted in {wanted}s.")
        return {"code": None, "code_system": None, "term_name": names[0], "unit": wanted, "strength_ug": strength_ug}

    def test(self, test: str, sentence: str) -> dict[str, Any]:
        if test not in self._test_codes:
            raise Refused(
                f"'{sentence}': knowledge has no code for '{test}'. Write 'typed {test} ...', as a person records it in the ledger."
            )
        return self._test_codes[test]

    def test_unit(self, test: str) -> str | None:
        return self._test_units.get(test)

    def condition(self, condition: str, sentence: str) -> dict[str, Any]:
        if condition not in self._condition_codes:
            raise Refused(f"'{sentence}': knowledge has no code for the condition '{condition}'. Write a condition that it knows.")
        return self._condition_codes[condition]

    def subject(self, rule_id: str, sentence: str) -> str:
        """Subject of a rule's need, when there is no choice."""
        rule = self._rules.get(rule_id)
        if rule is None:
            raise Refused(f"'{sentence}': knowledge has no rule '{rule_id}'.")
        if rule["kind"] == "combination":
            return "+".join(rule[name] for name in ("set_name", "set_b", "set_c") if rule[name] is not None)
        return rule["set_name"]

    def is_medicine(self, name: str) -> bool:
        return name in self._products or name in self._names

    def has_product(self, name: str, unit: str) -> bool:
        return any(row["unit"] == unit for row in self._products.get(name, []))

    def is_condition(self, name: str) -> bool:
        return name in self._condition_codes

    def is_test(self, name: str) -> bool:
        return name in self._test_units


def _rows(tables: Mapping[str, pa.Table], name: str) -> list[dict[str, Any]]:
    return tables[name].to_pylist() if name in tables else KNOWLEDGE[name].arrow_schema().empty_table().to_pylist()


def _products(knowledge: Mapping[str, pa.Table]) -> dict[str, list[dict[str, Any]]]:
    """Products of each medicine: those that give it alone first, tablets and capsules of known strength before others."""
    rows = _rows(knowledge, "k_product")
    several: dict[tuple[str, str], int] = {}
    for row in rows:
        several[row["code_system"], row["code"]] = several.get((row["code_system"], row["code"]), 0) + 1

    def worth(row: dict[str, Any]) -> tuple[Any, ...]:
        alone = several[row["code_system"], row["code"]] == 1
        return not alone, row["unit"] not in ("tablet", "capsule"), row["strength_ug"] is None, row["code_system"] != "snomed", row["code"]

    products: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(rows, key=worth):
        products.setdefault(row["substance"], []).append(row)
    return products


def _names(knowledge: Mapping[str, pa.Table]) -> dict[str, list[dict[str, Any]]]:
    """Names of each medicine, those for one unit only before those for any."""
    names: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(_rows(knowledge, "k_name"), key=lambda row: (row["unit"] is None, row["term_name"])):
        if row["substance"] is not None:
            names.setdefault(row["substance"], []).append(row)
    return names


def _first_codes(rows: list[dict[str, Any]], units: Mapping[str, str | None]) -> dict[str, dict[str, Any]]:
    """One code for each test, one that carries its value before those that only show it was done."""

    def worth(row: dict[str, Any]) -> tuple[bool, bool, str]:
        unit = units.get(row["test"])
        in_its_unit = row["unit"] is None or (unit is not None and row["unit"] == unit.lower())
        return not in_its_unit, row["code_system"] != "snomed", row["code"]

    codes: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=worth):
        codes.setdefault(row["test"], row)
    return codes


def _plainest_codes(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """One SNOMED code for each condition, of those that say the fewest other conditions too."""
    said: dict[tuple[str, str], int] = {}
    for row in rows:
        said[row["code_system"], row["code"]] = said.get((row["code_system"], row["code"]), 0) + 1
    codes: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: (row["code_system"] != "snomed", said[row["code_system"], row["code"]], row["code"])):
        codes.setdefault(row["condition"], row)
    return codes


def worked(patients: Iterable[WorkedPatient], knowledge: Mapping[str, pa.Table], as_of: date) -> tuple[Inputs, dict[str, int]]:
    """Tables for an engine, and the person id of each name."""
    batch = Worked(knowledge, as_of)
    for patient in patients:
        batch.add(patient)
    return batch.inputs(), batch.person_ids
