"""Rows on their way into the store, by (source, bucket); on disk when they are many, so that memory stays bounded."""

from __future__ import annotations

from collections import defaultdict
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow as pa

from stepwell.records.schema import TABLES

# Characters of original text held in memory before everything is written to the staging folder.
_SPILL = 128 * 1024 * 1024

# Columns that only the merge needs. `_seq` numbers the resources of a run and ties the rows of one together.
_SEQ = pa.field("_seq", pa.int64())
_EXTRA = {
    "medication_plans": [pa.field("_condition", pa.string())],
    "patients": [pa.field("_death_assumed", pa.bool_())],
    "originals": [pa.field("_file", pa.string()), pa.field("_line", pa.int64()), pa.field("_path", pa.string())],
}
# A MedicationStatement about a plan: the columns of the plan it may fill, and which plan.
_FILLS = """
subject_id source native_id version org_code setting status dose_text dose_status dose_low_milli dose_high_milli dose_unit
as_required elsewhere started_on ended_on asserted_on indication_code indication_text
"""
_STATEMENT = _FILLS.split()


def _schemas() -> dict[str, pa.Schema]:
    schemas = {name: pa.schema([*table.arrow_schema(), *_EXTRA.get(name, []), _SEQ]) for name, table in TABLES.items()}
    plan = schemas["medication_plans"]
    extra = [pa.field("plan_id", pa.string()), pa.field("_condition", pa.string()), _SEQ]
    schemas["_statements"] = pa.schema([*(plan.field(name) for name in _STATEMENT), *extra])
    return schemas


SCHEMAS = _schemas()
_RAW = SCHEMAS["originals"].names.index("raw")
_PICK = {name: itemgetter(*schema.names) for name, schema in SCHEMAS.items()}

Key = tuple[str, int]


class Staging:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows: dict[Key, dict[str, list[tuple]]] = defaultdict(lambda: defaultdict(list))
        self._files: dict[Key, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
        self._held = 0
        self._written = 0

    def add(self, source: str, bucket: int, table: str, row: dict[str, Any]) -> None:
        """`row` has every column of the staged table. KeyError names the first it lacks."""
        self._rows[(source, bucket)][table].append(_PICK[table](row))

    def add_original(self, source: str, bucket: int, row: tuple[Any, ...]) -> None:
        """A resource as received, with the columns of the staged table in order."""
        self._rows[(source, bucket)]["originals"].append(row)
        self._held += len(row[_RAW])
        if self._held > _SPILL:
            self._spill()

    def keys(self) -> set[Key]:
        return set(self._rows) | set(self._files)

    def tables(self, key: Key) -> dict[str, pa.Table]:
        """Every staged row of (source, bucket), in the order they came."""
        names = {*self._files.get(key, ()), *self._rows.get(key, ())}
        return {name: pa.concat_tables([*self._from_disk(key, name), _arrow(name, self._rows[key][name])]) for name in names}

    def _from_disk(self, key: Key, name: str) -> list[pa.Table]:
        found = []
        for path in self._files[key][name]:
            with pa.ipc.open_file(path) as reader:
                found.append(reader.read_all())
        return found

    def _spill(self) -> None:
        for key, tables in self._rows.items():
            for name, rows in tables.items():
                if rows:
                    self._written += 1
                    path = self._folder / f"{self._written:06d}.arrow"
                    with pa.ipc.new_file(path, SCHEMAS[name], options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
                        writer.write_table(_arrow(name, rows))
                    self._files[key][name].append(path)
        self._rows.clear()
        self._held = 0


def _arrow(name: str, rows: list[tuple]) -> pa.Table:
    schema = SCHEMAS[name]
    if not rows:
        return schema.empty_table()
    return pa.Table.from_arrays(
        [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), schema, strict=True)], schema=schema
    )
