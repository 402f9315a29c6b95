"""What histories may mention: products, tests, conditions, rule keys and edges, all taken from knowledge tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa


@dataclass(frozen=True)
class Catalogue:
    """What histories may mention."""

    tables: Mapping[str, pa.Table]
    substances: list[str]
    products: dict[str, list[dict[str, Any]]]
    names: dict[str, list[str]]
    tests: list[dict[str, Any]]
    test_keys: list[str]
    edges: dict[str, list[int]]
    """Values at which a rule changes its mind, by test."""
    offsets: list[tuple[int, int]]
    """Months and days from a course to an edge of some point of a rule."""
    conditions: list[dict[str, Any]]
    keys: list[tuple[str, str, str]]
    lines: list[str]
    lasting: list[tuple[int, int]]
    """Months and days for which some event lasts."""


def catalogue(tables: Mapping[str, pa.Table], of: Collection[str] | None = None, most_products: int = 4) -> Catalogue:
    """Medicines that rules or registers speak of (of those given), a few products of each, and the tests and conditions of rules."""
    rows = {name: found.to_pylist() for name, found in tables.items()}
    members: dict[str, list[str]] = {}
    for row in rows["k_set"]:
        members.setdefault(row["set_name"], []).append(row["substance"])
    asked = {row[column] for row in rows["k_rule"] for column in ("set_name", "set_b", "set_c")} | {
        row["set_name"] for row in rows["k_register"] if row["set_name"] is not None
    }
    asked |= {row[column] for row in rows.get("k_interaction", []) for column in ("set_a", "set_b", "set_c")}
    asked |= {row["subject"] for row in rows["k_when"] if row["fact"] == "takes"}
    coded = {row["substance"] for row in rows["k_product"]} | {row["substance"] for row in rows["k_name"]}
    substances = sorted({substance for name in asked for substance in members.get(name, [])} & coded)
    if of is not None:
        substances = [substance for substance in substances if substance in of]

    products: dict[str, list[dict[str, Any]]] = {substance: [] for substance in substances}
    for row in sorted(
        rows["k_product"], key=lambda row: (row["unit"] is None, row["strength_ug"] is None, row["code_system"], row["code"])
    ):
        kept = products.get(row["substance"])
        if (
            kept is not None
            and len(kept) < most_products
            and (row["unit"], row["strength_ug"]) not in {(k["unit"], k["strength_ug"]) for k in kept}
        ):
            kept.append(row)
    names = {substance: [row["term_name"] for row in rows["k_name"] if row["substance"] == substance][:2] for substance in substances}

    tests = {row["test"] for row in rows["k_rule"]} | {row["test"] for row in rows["k_band"]}
    tests |= {row["subject"] for row in rows["k_when"] if row["fact"] in ("last", "falling")} | {"egfr"}
    test_codes: dict[tuple[str, str | None], dict[str, Any]] = {}
    for row in rows["k_test_code"]:
        if row["test"] in tests:
            test_codes.setdefault((row["test"], row["unit"]), row)
    edges: dict[str, list[int]] = {}
    for row in rows["k_band"]:
        edges.setdefault(row["test"], []).extend(value for value in (row["low_milli"], row["high_milli"]) if value is not None)
    for row in rows["k_when"]:
        if row["fact"] == "last" and row["value"] is not None:
            edges.setdefault(row["subject"], []).append(row["value"])
    offsets = sorted(
        {
            (row[f"{edge}_months"] or 0, row.get(f"{edge}_days") or 0)
            for row in rows["k_point"]
            for edge in ("from", "to", "due", "lapse", "until")
        }
    )
    lasting = {(row["lasts_months"] or 0, row["lasts_days"] or 0) for row in rows.get("k_condition", [])} - {(0, 0)}
    conditions: dict[tuple[str, bool], dict[str, Any]] = {}
    said: dict[tuple[str, str], int] = {}
    for row in rows["k_condition_code"]:
        said[row["code_system"], row["code"]] = said.get((row["code_system"], row["code"]), 0) + 1
    for row in rows["k_condition_code"]:
        conditions.setdefault((row["condition"], said[row["code_system"], row["code"]] > 1), row)

    keys = []
    for row in rows["k_rule"]:
        points = sorted({point["point"] for point in rows["k_point"] if point["rule_id"] == row["rule_id"]} | {"ongoing"})
        if row["kind"] == "combination":
            subjects = ["+".join(row[name] for name in ("set_name", "set_b", "set_c") if row[name] is not None)]
        elif row["per"] == "class" and row["kind"] not in ("licence", "agree", "supply"):
            subjects = [row["set_name"]]
        else:
            subjects = [name for name in sorted(members.get(row["set_name"], [])) if name in products]
        keys += [(row["rule_id"], subject, name) for subject in subjects for name in points]
    lines = ["all", "prescribe", *sorted(test for test in tests if test), *sorted(row["rule_id"] for row in rows["k_rule"])]
    return Catalogue(
        tables,
        substances,
        products,
        names,
        list(test_codes.values()),
        sorted(test for test in tests if test),
        edges,
        offsets,
        list(conditions.values()),
        keys,
        lines,
        sorted(lasting),
    )
