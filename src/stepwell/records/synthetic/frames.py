"""Columns of NumPy made into canonical tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stepwell.records.schema import TABLES
from stepwell.records.synthetic.dice import Bools, Ints

NONE = -1  # a day that is not there


def ids(prefix: str, size: int) -> pa.Array:
    """Row ids: the prefix and a number from 1."""
    numbers = pa.array(np.arange(1, size + 1)).cast(pa.string())
    return pc.binary_join_element_wise(pa.scalar(prefix), numbers, pa.scalar(""))


def day(days: Ints) -> pa.Array:
    """Days since 1970-01-01; negative ones, and those far ahead, are null."""
    return pa.array(days.astype(np.int32), pa.int32(), mask=(days < 0) | (days > 200_000)).cast(pa.date32())


def known_day(days: Ints) -> pa.Array:
    """Days that are all there, before 1970 too."""
    return pa.array(days.astype(np.int32), pa.int32()).cast(pa.date32())


def number(values: np.ndarray, there: Bools | None = None) -> pa.Array:
    return pa.array(values.astype(np.int64), pa.int64(), mask=None if there is None else ~there)


def choose(words: list[Any], position: Ints) -> pa.Array:
    """`words` by position; a negative position is null."""
    there = position >= 0
    return pa.array(words).take(pa.array(np.where(there, position, 0), mask=~there))


def table(name: str, size: int, columns: Mapping[str, Any]) -> pa.Table:
    """A canonical table: single values are repeated, columns not named are null."""
    made = []
    for column in TABLES[name].arrow_schema():
        value = columns.get(column.name)
        if isinstance(value, pa.ChunkedArray):
            value = value.combine_chunks()
        if isinstance(value, np.ndarray):
            value = pa.array(value)
        if not isinstance(value, pa.Array):
            value = pa.nulls(size, column.type) if value is None else pa.repeat(pa.scalar(value, column.type), size)
        made.append(value if value.type == column.type else value.cast(column.type))
    unknown = set(columns) - set(TABLES[name].names)
    if unknown:
        raise KeyError(f"{name} has no columns {sorted(unknown)}")
    return pa.Table.from_arrays(made, schema=TABLES[name].arrow_schema())
