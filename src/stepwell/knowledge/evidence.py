"""The tables a pack was built from: each row as collected, with its sources and verification mark.

Entries of the pack are built from these rows; `accounting` says for each row which entries use it, or why none does.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec
import yaml

_NOTE = re.compile(r"\([^)]*\)")
_LETTER = re.compile(r"\b[VSKCDP]\b")
WEAKEST_FIRST = "PKSDCV"  # a row with several marks counts as its weakest part (1.1 of the tables' guide)


class Described(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One table of evidence.yaml.

    `columns`: column → the figure of an entry it must equal (`check_evidence`); `medicine` is the column that names the medicine.
    `numbers`: columns whose numbers must stand in the entries that accounting.csv names. `unmarked`: why some rows have no mark (they
    count as P).
    """

    table: str
    title: str
    key: list[str]
    source: str
    mark: str
    rows: Literal["accounting", "table"] = "table"
    columns: dict[str, str] = {}
    medicine: str = "substance"
    numbers: list[str] = []
    unmarked: str = ""
    kept: str = ""


@dataclass(frozen=True)
class Row:
    """One row: its key in words, the sources and marks as whole ids and letters, and every column as written."""

    key: str
    sources: tuple[str, ...]
    marks: tuple[str, ...]
    figures: Mapping[str, str]

    @property
    def mark(self) -> str:
        """The weakest of its marks; P when the table gives none."""
        return next((mark for mark in WEAKEST_FIRST if mark in self.marks), "P")


@dataclass(frozen=True)
class Evidence:
    """One table: what it is, its columns in order, its rows."""

    name: str
    about: Described
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Account:
    """What became of one row: entries ("rule lithium.level") that use it, or why it is left out. One of the two is never empty."""

    table: str
    row: str
    entries: tuple[str, ...]
    left_out: str


def source_ids(written: str) -> Iterator[str]:
    """Whole ids of a source column such as "S21; S33 (GLP-1 for BMI>=30); K"."""
    for part in re.split(r"[;,]", _NOTE.sub("", written)):
        if (word := part.strip()) and word != "-":
            yield word


def read(folder: Path) -> dict[str, Evidence]:
    """Every evidence table of the pack in `folder`, by name. ValueError names a table whose file or columns are missing."""
    listed = yaml.safe_load((folder / "evidence.yaml").read_text(encoding="utf-8"))["evidence"]
    return {about.table: _read_one(folder / "evidence", about) for about in msgspec.convert(listed, list[Described])}


def _read_one(folder: Path, about: Described) -> Evidence:
    path = folder / f"{about.table}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        columns = tuple(reader.fieldnames or ())
        if missing := {*about.key, about.source, about.mark, *about.columns} - set(columns):
            raise ValueError(f"{path.name}: evidence.yaml names columns it does not have: {', '.join(sorted(missing))}")
        rows = tuple(
            Row(
                " | ".join(row[name] for name in about.key),
                tuple(dict.fromkeys(source_ids(row[about.source]))),
                tuple(dict.fromkeys(_LETTER.findall(_NOTE.sub("", row[about.mark])))),
                dict(row),
            )
            for row in reader
        )
    return Evidence(about.table, about, columns, rows)


def accounts(folder: Path) -> list[Account]:
    """The rows of evidence/accounting.csv: table, row, entries ("; " between), left_out."""
    with (folder / "evidence" / "accounting.csv").open(encoding="utf-8", newline="") as file:
        return [
            Account(row["table"], row["row"], tuple(filter(None, (part.strip() for part in row["entries"].split(";")))), row["left_out"])
            for row in csv.DictReader(file)
        ]


@cache
def packaged() -> dict[str, Evidence]:
    """The evidence tables of the packaged pack."""
    return read(Path(__file__).parent / "data")
