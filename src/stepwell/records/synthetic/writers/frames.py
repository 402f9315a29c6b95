"""Canonical tables as frames for the writers, joined with what a row needs from others."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import polars as pl
import pyarrow as pa
import yaml

from stepwell.errors import Refused
from stepwell.records.importers.references import kind_of
from stepwell.records.schema import TABLES

_NEEDED = (
    "patients", "organisations", "registrations", "medication_plans", "medication_issues", "observations", "conditions", "contacts",
    "appointments", "requests", "letters", "stays",
)  # fmt: skip


def frames(tables: Mapping[str, pa.Table]) -> dict[str, pl.DataFrame]:
    """Every canonical record table as a frame, without `version`; a table that is not given is empty.

    ValueError names a table or column that is not canonical.
    """
    if unknown := set(tables) - set(TABLES):
        raise ValueError(f"not canonical tables: {', '.join(sorted(unknown))}")
    found = {}
    for name in _NEEDED:
        schema = TABLES[name].arrow_schema()
        rows = tables.get(name, schema.empty_table())
        if missing := set(schema.names) - set(rows.column_names):
            raise ValueError(f"table {name} lacks {', '.join(sorted(missing))}")
        frame = pl.from_arrow(rows.select(schema.names).cast(schema).drop_columns([c for c in ("version", "source") if c in schema.names]))
        assert isinstance(frame, pl.DataFrame)
        found[name] = frame
    return found


def with_person(rows: pl.DataFrame, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Rows with the `local_id` of their person in place of `subject_id`. ValueError when a row belongs to nobody here."""
    if "local_id" in rows.columns:
        return rows.drop("subject_id")
    found = rows.join(tables["patients"].select("subject_id", "local_id"), on="subject_id", how="left", maintain_order="left")
    if found["local_id"].null_count():
        raise ValueError("a row has a subject_id that no row of patients has")
    return found.drop("subject_id")


@cache
def _panels() -> dict[str, dict[str, str]]:
    text = files(__package__).joinpath("data/panels.yaml").read_text(encoding="utf-8")
    return {code: panel for panel in yaml.safe_load(text)["panels"] for code in panel["parts"]}


def panels(observations: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(findings of their own, panels): rows whose ids differ only after `#` are parts of one panel.

    A panel row has `native_id` without the mark, `parts` (list of structs in order of their number, numbers as thousandths of the
    unit in floating point) and the code and term of the panel, null where the vocabulary does not know one.
    """
    whole = pl.col("native_id").str.contains(r"#\d+$")
    single, parts = observations.filter(~whole), observations.filter(whole)
    if parts.is_empty():
        return single, _empty_panels(observations)
    numbers = ("value_milli", "ref_low_milli", "ref_high_milli")
    order = pl.col("native_id").str.extract(r"#(\d+)$").cast(pl.Int64)
    known = _panels()
    parts = parts.with_columns(
        pl.col("native_id").str.replace(r"#\d+$", ""),
        *(pl.col(name) / 1000 for name in numbers),
        place=order,
        panel_code=pl.col("code").replace_strict({c: p["code"] for c, p in known.items()}, default=None, return_dtype=pl.String),
        panel_term=pl.col("code").replace_strict({c: p["term"] for c, p in known.items()}, default="Panel", return_dtype=pl.String),
    ).sort("subject_id", "native_id", "place", maintain_order=True)
    shared = ("org_code", "effective_on", "precision", "status", "panel_code", "panel_term")
    own = ("code", "code_system", "term", *numbers, "value_unit", "comparator", "value_text")
    grouped = parts.group_by("subject_id", "native_id", maintain_order=True).agg(
        *(pl.col(name).first() for name in shared), parts=pl.struct(own)
    )
    return single, grouped


def _empty_panels(observations: pl.DataFrame) -> pl.DataFrame:
    return observations.clear().select(
        "subject_id", "native_id", "org_code", "effective_on", "precision", "status",
        panel_code=pl.lit(None, pl.String), panel_term=pl.lit(None, pl.String), parts=pl.lit(None, pl.List(pl.Struct({"code": pl.String}))),
    )  # fmt: skip


def practice_only(format_: str, org_code: str, tables: Mapping[str, pl.DataFrame]) -> None:
    """Refused when the tables are not those of a practice."""
    kinds = tables["organisations"].filter(pl.col("org_code") == org_code)["kind"].to_list()
    kind = kinds[0] if kinds else kind_of(org_code)
    if kind != "practice":
        raise Refused(f"{format_} carries a practice's record; {org_code} is a {kind}. Write it as FHIR.")
