"""How the house describes a table: columns with DuckDB type names and a sentence each. Imports nothing of ours."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

_ARROW = {
    "BIGINT": pa.int64(),
    "INTEGER": pa.int32(),
    "VARCHAR": pa.string(),
    "DATE": pa.date32(),
    "BOOLEAN": pa.bool_(),
    "TIMESTAMP": pa.timestamp("us"),
}


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    doc: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def arrow_schema(self) -> pa.Schema:
        return pa.schema([pa.field(c.name, _ARROW[c.type]) for c in self.columns])


def columns(text: str) -> tuple[Column, ...]:
    """Columns from lines of `name TYPE what it holds, with its unit`."""
    return tuple(Column(*line.strip().split(None, 2)) for line in text.strip().splitlines() if line.strip())
