"""Which table a file is, told from its header."""

from __future__ import annotations

import difflib
import hashlib
import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

# Share of a table's columns a header must have to be taken for a version of it that is not known yet.
_ALIKE = 0.7


@dataclass(frozen=True, slots=True)
class Table:
    """A table that is read. See `dialects.toml` for the meaning of each."""

    dialect: str
    name: str
    kind: str
    key: str
    patient: str | None
    org: str | None
    deleted: str | None
    private: str | None
    needs: tuple[str, ...]
    reads: tuple[str, ...]
    writes: tuple[tuple[str, str], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is read, each once."""
        return tuple(dict.fromkeys((*self.needs, *self.reads)))


@dataclass(frozen=True, slots=True)
class Recognised:
    """`table` is None for a known table that is not used; `known` is False for a header no version of the table has."""

    dialect: str
    name: str
    table: Table | None
    known: bool = True


@dataclass(frozen=True, slots=True)
class Unknown:
    """No table has this header. `nearest` is the one that comes closest, `missing` its needed columns that are not there."""

    nearest: str
    missing: tuple[str, ...]
    shared: int


@cache
def dialects() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("dialects.toml").read_text(encoding="utf-8"))


@cache
def tables() -> dict[str, Table]:
    """Every table that is read, by name; names of the two extracts do not meet."""
    found = {}
    for dialect in ("emis", "tpp"):
        for name, spec in dialects()[dialect].items():
            found[name] = Table(
                dialect,
                name,
                spec.get("kind", "record"),
                spec["key"],
                spec.get("patient"),
                spec.get("org"),
                spec.get("deleted"),
                spec.get("private"),
                tuple(spec["needs"].split()),
                tuple(spec.get("reads", "").split()),
                tuple(spec.get("writes", {}).items()),
            )
    return found


@cache
def _known() -> tuple[dict[str, list[tuple[str, ...]]], dict[str, tuple[str, str]]]:
    """Versions of each table that is read, and digest of a header → (dialect, table) of the others."""
    data = json.loads(files(__package__).joinpath("data/headers.json").read_text(encoding="utf-8"))
    versions = {name: [tuple(line.split()) for line in lines] for read in data["tables"].values() for name, lines in read.items()}
    others = {digest: (dialect, name) for dialect, rest in data["others"].items() for name, all_ in rest.items() for digest in all_.split()}
    return versions, others


def versions(name: str) -> list[tuple[str, ...]]:
    """Known headers of a table that is read, as the source of `data/headers.json` lists them."""
    return _known()[0][name]


def recognise(header: Sequence[str]) -> Recognised | Unknown:
    """The table that has this header, in any order of columns, or what comes nearest."""
    known, others = _known()
    columns = set(header)
    for name, headers in known.items():
        if any(columns == set(each) for each in headers):
            return Recognised(tables()[name].dialect, name, tables()[name])
    other = others.get(hashlib.sha256(",".join(header).encode()).hexdigest()[:12])
    if other is not None:
        return Recognised(*other, None)
    nearest, share = "", -1.0
    for name, headers in known.items():
        for each in headers:
            ratio = difflib.SequenceMatcher(None, sorted(columns), sorted(each), autojunk=False).ratio()
            if ratio > share:
                nearest, share = name, ratio
    table = tables()[nearest]
    missing = tuple(column for column in table.needs if column not in columns)
    if not missing and share >= _ALIKE:
        return Recognised(table.dialect, nearest, table, known=False)
    return Unknown(nearest, missing, len(columns & set(table.columns)))
