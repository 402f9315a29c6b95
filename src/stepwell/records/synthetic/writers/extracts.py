"""What the two CSV extracts have in common: headers, files, tombstones, and which rows such an extract can state."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import polars as pl

from stepwell.records.importers.extracts.headers import versions

Version = Literal["current", "older"]

# States that an extract has no word for. Such a row does not count as a fact, and without its state it would: it is left out.
ERROR = "entered in error"
NOT_COUNTED = ("cancelled", "draft", ERROR)
NOT_TRUE = ("refuted", ERROR)


def header(dialect: str, table: str, version: Version) -> list[str]:
    """Columns of a table. `current`: the header with most columns; `older`: another one that still has the codes.

    An older TPP header is one without `RemovedData`, which were sent before deletions were.
    """
    known = [list(names) for names in versions(table)]
    newest = max(known, key=lambda names: (len(names), known.index(names) if dialect == "emis" else -known.index(names)))
    if version == "current":
        return newest
    others = [names for names in known if names != newest and ("SNOMEDCode" in names) == ("SNOMEDCode" in newest)]
    if dialect == "tpp":
        others = [names for names in others if "RemovedData" not in names]
        return max(others, key=len, default=newest)
    return min(others, key=len, default=newest)


@dataclass
class Extract:
    """Files of one extract on their way to a folder."""

    dialect: str
    folder: Path
    version: Version
    encoding: str = "utf-8"
    # Table → file name.
    name: Callable[[str], str] = lambda table: f"{table}.csv"
    written: dict[str, int] = field(default_factory=dict)

    def save(self, table: str, rows: pl.DataFrame) -> None:
        """Write `rows` under the header of `table`; columns of the header that the rows lack are empty.

        Raises ValueError when the rows have a column that no header of the table has.
        """
        names = header(self.dialect, table, self.version)
        anywhere = {name for each in versions(table) for name in each}
        if unknown := set(rows.columns) - anywhere:
            raise ValueError(f"{table} has no column {', '.join(sorted(unknown))}")
        rows = rows.select(pl.col(name) if name in rows.columns else pl.lit(None, pl.String).alias(name) for name in names)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / self.name(table)
        if self.encoding == "utf-8":
            rows.write_csv(path)
        else:
            # Letters the extract's code page lacks come as a question mark, as they do from the system itself.
            path.write_bytes(rows.write_csv().encode(self.encoding, errors="replace"))
        self.written[path.name] = rows.height


def number_of(*parts: object) -> str:
    """A number for a code that stays the same from one extract to the next."""
    digest = hashlib.blake2b("\x1f".join("" if part is None else str(part) for part in parts).encode(), digest_size=8).digest()
    return str(int.from_bytes(digest, "big") >> 4)


def numbered(rows: pl.DataFrame, names: Iterable[str], into: str, kind: str) -> pl.DataFrame:
    """`rows` with a column `into`: the number of each combination of `names`, null where all of them are null."""
    keys = list(names)
    distinct = rows.select(keys).unique(maintain_order=True)
    numbers = [None if all(value is None for value in row) else number_of(kind, *row) for row in distinct.iter_rows()]
    distinct = distinct.with_columns(pl.Series(into, numbers, pl.String))
    return rows.join(distinct, on=keys, how="left", nulls_equal=True, maintain_order="left")


def true_conditions(conditions: pl.DataFrame) -> pl.DataFrame:
    return conditions.filter(~pl.col("status").is_in(NOT_TRUE).fill_null(False))


def asked(requests: pl.DataFrame) -> pl.DataFrame:
    """Requests that stand, with the columns of a code: the reason is its term."""
    rows = requests.filter(~pl.col("status").is_in(["cancelled", "rejected"]).fill_null(False))
    coded = pl.col("code").is_not_null()
    term = pl.when(coded).then("reason").otherwise(pl.col("reason").fill_null("Referral"))
    return rows.with_columns(code_system=pl.when(coded).then(pl.lit("snomed")), term=term)


def difference(before: pl.DataFrame, after: pl.DataFrame, key: str, tombstone: pl.Expr | None) -> pl.DataFrame:
    """Rows of `after` that `before` has not, and tombstones: what names the row, and the mark of a deletion, of rows that are gone."""
    new = after.join(before, on=after.columns, how="anti", nulls_equal=True, maintain_order="left")
    if tombstone is None:
        return new
    gone = before.join(after, on=key, how="anti", maintain_order="left")
    names = [name for name in (key, "PatientGuid", "OrganisationGuid", "IDPatient", "IDOrganisationVisibleTo") if name in gone.columns]
    return pl.concat([new, gone.select(*dict.fromkeys(names), tombstone)], how="diagonal_relaxed")
