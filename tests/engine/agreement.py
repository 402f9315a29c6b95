"""Two engines, one answer: compare every table of the contract, and say the first difference so that it can be acted on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pyarrow as pa

from stepwell.engine import reference, run
from stepwell.engine.contract import TABLES
from stepwell.engine.inputs import Inputs

EARLIER_FIRST = (
    "courses",
    "results",
    "medicines",
    "registers",
    "register_spells",
    "totals",
    "interactions",
    "facts",
    "needs",
    "because",
    "priority",
)
"""A fault in a stage shows first in the tables before those it feeds."""


def rows_of(table: pa.Table, name: str) -> list[tuple[Any, ...]]:
    columns = TABLES[name].names
    rows = [tuple(row[column] for column in columns) for row in table.to_pylist()]
    return sorted(rows, key=lambda row: tuple((value is None, 0 if value is None else value) for value in row))


def first_difference(expected: Mapping[str, pa.Table], found: Mapping[str, pa.Table]) -> str | None:
    """None when every table is equal to the row; otherwise the first rows that one has and the other has not."""
    assert set(EARLIER_FIRST) == set(TABLES)
    for name in EARLIER_FIRST:
        assert found[name].schema.names == list(TABLES[name].names), f"{name}: columns {found[name].schema.names}"
        one, other = rows_of(expected[name], name), rows_of(found[name], name)
        if one == other:
            continue
        only_expected = _without(one, other)
        only_found = _without(other, one)
        return "\n".join(
            [
                f"{name}: {len(only_expected)} rows only in the reference engine, {len(only_found)} only in the other",
                *(f"  reference  {_words(name, row)}" for row in only_expected[:3]),
                *(f"  other      {_words(name, row)}" for row in only_found[:3]),
            ]
        )
    return None


def _without(rows: list[tuple[Any, ...]], others: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    left = list(others)
    missing = []
    for row in rows:
        if row in left:
            left.remove(row)
        else:
            missing.append(row)
    return missing


def _words(name: str, row: tuple[Any, ...]) -> str:
    return ", ".join(f"{column}={value}" for column, value in zip(TABLES[name].names, row, strict=True) if value is not None)


def disagreement(inputs: Inputs, as_of: date, **options: Any) -> str | None:
    """The first difference between the reference engine and DuckDB on these inputs; `options` go to the DuckDB engine."""
    return first_difference(reference.evaluate(inputs, as_of), run(inputs, as_of, engine="duckdb", **options))
