"""What the truth reads of the knowledge pack: its rows, looked up by key. No figure stands here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

Row = dict[str, Any]


def grouped(rows: Iterable[Row], *keys: str) -> dict[Any, list[Row]]:
    """Rows by one key, or by a tuple of several."""
    found: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        found[row[keys[0]] if len(keys) == 1 else tuple(row[key] for key in keys)].append(row)
    return dict(found)


class Book:
    """The tables of `Knowledge.tables()`, by key."""

    def __init__(self, tables: Mapping[str, pa.Table]) -> None:
        rows = {name: table.to_pylist() for name, table in tables.items()}
        self.figure: dict[str, int] = {row["name"]: row["value"] for row in rows["k_param"]}
        self.substances: dict[str, Row] = {row["substance"]: row for row in rows["k_substance"]}
        self.members: dict[str, set[str]] = {
            name: {row["substance"] for row in each} for name, each in grouped(rows["k_set"], "set_name").items()
        }
        self.sets_of: dict[str, set[str]] = {
            name: {row["set_name"] for row in each} for name, each in grouped(rows["k_set"], "substance").items()
        }
        self.medicine_registers = [row for row in rows["k_register"] if row["kind"] != "condition"]
        self.register_sets = [row["set_name"] for row in self.medicine_registers]
        self.bands = grouped(rows["k_band"], "rule_id")
        self.products = grouped(rows["k_product"], "code_system", "code")
        self.names = grouped(rows["k_name"], "term_name")
        self.patches = {(row["substance"], row["strength_ug"]): row for row in rows["k_patch"]}
        self.tests = grouped(rows["k_test_code"], "code_system", "code")
        self.conditions = {row["condition"]: row for row in rows["k_condition"]}
        self.condition_codes = grouped(rows["k_condition_code"], "code_system", "code")
        self.categories = {name: sorted(row["low_milli"] for row in each) for name, each in grouped(rows["k_category"], "test").items()}
        self.loads = grouped(rows["k_load"], "load")
        self.uses = {
            name: {row["condition"]: row["licence"] for row in each} for name, each in grouped(rows["k_indication"], "substance").items()
        }
        self.rules: list[Row] = rows["k_rule"]
        self.rule_of: dict[str, Row] = {row["rule_id"]: row for row in self.rules}
        self.risks = grouped(rows["k_risk"], "risk")
        self.points = {name: sorted(each, key=lambda row: row["seq"]) for name, each in grouped(rows["k_point"], "rule_id").items()}
        self.conditions_of = grouped(rows["k_when"], "rule_id", "part")
        always = [row["set_name"] for row in self.rules if row["kind"] == "supply" and row["about"] == "nobody always"]
        self.must_not_lapse: set[str] = set().union(*(self.members.get(name, set()) for name in always))
        self.registered: set[str] = set().union(*(self.members.get(name, set()) for name in self.register_sets))

    def recognise(self, row: Row) -> list[tuple[str, int | None, str | None]]:
        """Substance, strength and unit of each medicine of interest in a row of a record."""
        if row["code"] is not None and (listed := self.products.get((row["code_system"], row["code"]))):
            found = {(each["substance"], each["strength_ug"] or row["strength_ug"], each["unit"] or row["unit"]) for each in listed}
            return sorted(found, key=str)
        named = self.names.get(row["term_name"], []) if row["term_name"] is not None else []
        for unit in (row["unit"], None):
            for each in named:
                if each["unit"] == unit:
                    return [] if each["substance"] is None else [(each["substance"], row["strength_ug"], row["unit"])]
        return []
