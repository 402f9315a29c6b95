"""Canonical tables, written in a format and imported again, are what the format is said to carry: every row, every column."""

from __future__ import annotations

import random
from datetime import date
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from writer_tables import PRACTICE, TODAY, differences, of_source, subset, tables

from stepwell.records.importers import run_import
from stepwell.records.store import Store
from stepwell.records.synthetic.writers import emis, fhir, gpconnect, tpp
from stepwell.records.synthetic.writers.carried import FORMATS, carried

WRITERS = {"fhir": fhir.write, "gpconnect": gpconnect.write, "emis": emis.write, "tpp": tpp.write}


def read_back(folder: Path, store: Path, format_: str) -> Store:
    found = Store.open(store, create=True, buckets=2)
    report = run_import(folder, found, format=format_, today=TODAY)
    assert report.to_json()["rejected"] == []
    return found


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("format_", FORMATS)
def test_what_comes_back_is_what_the_format_carries(format_: str, seed: int, tmp_path: Path) -> None:
    out = tables(seed)
    written = WRITERS[format_](tmp_path / PRACTICE, PRACTICE, out)
    assert sum(written.values()) >= 30
    store = read_back(tmp_path / PRACTICE, tmp_path / "store", format_)
    assert differences(carried(format_, PRACTICE, out, TODAY), of_source(store, PRACTICE)) == []


@pytest.mark.parametrize("dialect", ["emis", "tpp"])
def test_older_headers_carry_the_same(dialect: str, tmp_path: Path) -> None:
    out = tables(4)
    module = {"emis": emis, "tpp": tpp}[dialect]
    module.write(tmp_path / PRACTICE, PRACTICE, out, "older")
    store = read_back(tmp_path / PRACTICE, tmp_path / "store", "auto")
    assert differences(carried(dialect, PRACTICE, out, TODAY), of_source(store, PRACTICE)) == []


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("dialect", ["emis", "tpp"])
def test_a_delta_leads_from_one_state_to_the_next(dialect: str, seed: int, tmp_path: Path) -> None:
    module = {"emis": emis, "tpp": tpp}[dialect]
    before = tables(seed, 25)
    after = later(before, random.Random(seed))
    store = tmp_path / "store"
    module.write(tmp_path / "before", PRACTICE, before)
    read_back(tmp_path / "before", store, dialect)
    told = module.write_delta(tmp_path / "delta", PRACTICE, before, after)
    whole = module.write(tmp_path / "after", PRACTICE, after)
    assert sum(told.values()) < sum(whole.values())
    report = run_import(tmp_path / "delta", Store.open(store), format=dialect, scope="delta", today=TODAY)
    assert report.to_json()["rejected"] == []
    assert differences(carried(dialect, PRACTICE, after, TODAY), of_source(Store.open(store), PRACTICE)) == []


@pytest.mark.parametrize("dialect", ["emis", "tpp"])
def test_no_change_is_no_row_about_anybody(dialect: str, tmp_path: Path) -> None:
    module = {"emis": emis, "tpp": tpp}[dialect]
    told = module.write_delta(tmp_path, PRACTICE, tables(1), tables(1))
    assert told.keys() <= {"Admin_Organisation.csv", "SROrganisation.csv", "SRMapping.csv", tpp.MANIFEST}


def later(before: dict[str, pa.Table], dice: random.Random) -> dict[str, pa.Table]:
    """Some people left, some came; of every table some rows are gone and some are different."""
    gone = {subject for subject in before["patients"]["subject_id"].to_pylist() if dice.random() < 0.15}
    here = [subject for subject in before["patients"]["subject_id"].to_pylist() if subject not in gone]
    kept = subset(before, set(here))
    came = subset(tables(99, 40), set(range(1030, 1040)))
    changes = {
        "patients": ("family_name", "Newname"),
        "medication_plans": ("issues_authorised", 9),
        "medication_issues": ("dose_text", "Two daily"),
        "observations": ("value_milli", 5000),
        "conditions": ("onset_on", date(2020, 2, 29)),
        "contacts": ("kind", "Video consultation"),
        "requests": ("to_org", None),
        "registrations": ("ended_on", TODAY),
    }
    after = {}
    for name, rows in kept.items():
        if name == "organisations":
            after[name] = rows
            continue
        frame = pl.DataFrame(rows)
        lost, changed = ([dice.random() < share for _ in range(frame.height)] for share in (0.15, 0.2))
        if name in changes:
            column, value = changes[name]
            new = pl.when(pl.Series(changed, dtype=pl.Boolean)).then(pl.lit(value)).otherwise(pl.col(column))
            frame = frame.with_columns(new.alias(column))
        if name not in ("patients", "registrations"):
            frame = frame.filter(~pl.Series(lost, dtype=pl.Boolean))
        after[name] = pa.concat_tables([frame.to_arrow().cast(rows.schema), came[name].cast(rows.schema)])
    return after
