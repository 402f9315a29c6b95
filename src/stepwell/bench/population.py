"""People at size for the benches: 20 issues of medicines and 10 results each, straight into the store's layout.

The figures here make load, not epidemiology: they decide how many rows of what shape there are (`stepwell generate` makes people
whose rates are calibrated). Each part of the store is drawn with a seed of its own, so any machine makes the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from stepwell.knowledge import Knowledge
from stepwell.records import manifest as manifests
from stepwell.records.manifest import Part
from stepwell.records.store import Store, table_definition

ISSUES, EVENTS = 20, 10
# A person's issues are two repeats: so many of the first, the rest of the second.
FIRST_REPEAT = 14
INTEREST = (0.22, 0.12)
# Practices of this size hold the people; each is a source of the store.
LIST_SIZE = 10_000
OTHER_PRODUCTS, OTHER_RESULTS = 2000, 300
SETS = {"antidepressant": 0.52, "opioid": 0.24, "gabapentinoid": 0.08, "benzodiazepine": 0.06, "z-drug": 0.05, "antipsychotic": 0.05}
# Test → share of results, mean and spread in thousandths of its unit; what is left over is of no interest.
RESULTS = {
    "hba1c": (0.12, 40_000, 8_000),
    "bmi": (0.06, 27_000, 5_000),
    "weight": (0.06, 78_000, 15_000),
    "systolic-bp": (0.13, 130_000, 15_000),
    "diastolic-bp": (0.13, 78_000, 10_000),
    "lipids": (0.08, 5_000, 1_000),
    "egfr": (0.07, 75_000, 20_000),
    "u-and-e": (0.04, 80_000, 20_000),
    "lft": (0.03, 30_000, 10_000),
    "smoking-status": (0.04, 0, 0),
    "lithium-level": (0.01, 600, 150),
}


@dataclass(frozen=True)
class _Lists:
    """What rows are drawn from; positions, not words, are drawn."""

    code: pa.Array
    term: pa.Array
    term_name: pa.Array
    strength_ug: pa.Array
    product_weights: np.ndarray  # of the products of interest, which come first
    result_code: pa.Array
    result_unit: pa.Array
    result_weights: np.ndarray
    result_mean: np.ndarray
    result_spread: np.ndarray


def make(folder: Path, patients: int, knowledge: Knowledge, as_of: date, *, seed: int = 7, list_size: int = LIST_SIZE) -> Store:
    """A new store at `folder` with so many people, `list_size` to a practice. The same arguments give the same rows."""
    store = Store.open(folder, create=True)
    lists = _lists(knowledge.tables())
    parts: dict[tuple[str, str, int], Part | None] = {}
    buckets = store.manifest.buckets

    def put(name: str, source: str, bucket: int, columns: Mapping[str, Any], rows: int) -> None:
        parts[(name, source, bucket)] = store.write_part(name, source, bucket, _table(name, columns, rows))

    for place, begin in enumerate(range(1, patients + 1, list_size)):
        source = f"B{place:05d}"
        end = min(begin + list_size, patients + 1)
        put(
            "organisations",
            source,
            0,
            {"native_id": "1", "org_code": source, "name": f"Practice {place}", "kind": "practice", **_row(source)},
            1,
        )
        for bucket in range(buckets):
            subjects = np.arange(begin + (bucket - begin) % buckets, end, buckets, dtype=np.int64)
            if len(subjects):
                draw = np.random.default_rng((seed, place, bucket))
                for name, columns in _people(draw, subjects, source, as_of).items():
                    put(name, source, bucket, columns, len(subjects))
                put("medication_issues", source, bucket, _issues(draw, subjects, source, as_of, lists), len(subjects) * ISSUES)
                put("observations", source, bucket, _results(draw, subjects, source, as_of, lists), len(subjects) * EVENTS)
    for bucket in range(buckets):
        persons = np.arange(bucket or buckets, patients + 1, buckets, dtype=np.int64)
        if len(persons):
            put("links", "", bucket, _links(persons, list_size), len(persons))
    manifests.switch(folder, store.manifest, parts, patients + 1, patients + 1)
    return store.refresh()


def _row(source: str) -> dict[str, Any]:
    return {"source": source, "version": "1"}


def _table(name: str, columns: Mapping[str, Any], rows: int) -> pa.Table:
    """Columns by name, one value standing for all rows; those not given are null."""
    schema = table_definition(name).arrow_schema()
    arrays = []
    for field in schema:
        value = columns.get(field.name)
        if isinstance(value, (pa.Array, np.ndarray)):
            arrays.append(pa.array(value) if isinstance(value, np.ndarray) else value)
        else:
            arrays.append(pa.nulls(rows, field.type) if value is None else pa.repeat(pa.scalar(value, field.type), rows))
    return pa.table([array.cast(field.type) for array, field in zip(arrays, schema, strict=True)], schema=schema)


def _lists(tables: Mapping[str, pa.Table]) -> _Lists:
    members: dict[str, list[str]] = {}
    for row in tables["k_set"].to_pylist():
        members.setdefault(row["set_name"], []).append(row["substance"])
    solid: dict[str, list[dict[str, Any]]] = {}
    for row in tables["k_product"].to_pylist():
        if row["code_system"] == "snomed" and row["unit"] in ("tablet", "capsule") and row["strength_ug"]:
            solid.setdefault(row["substance"], []).append(row)
    code, name, strength, weights = [], [], [], []
    for set_name, share in SETS.items():
        rows = [row for substance in members.get(set_name, []) for row in solid.get(substance, [])]
        for row in rows:
            code.append(row["code"])
            name.append(row["substance"])
            strength.append(row["strength_ug"])
            weights.append(share / len(rows))
    for number in range(OTHER_PRODUCTS):
        code.append(str(9_000_000_000_001 + number * 1_000))
        name.append(f"medicine {number}")
        strength.append(20_000)
    coded: dict[str, list[dict[str, Any]]] = {}
    for row in tables["k_test_code"].to_pylist():
        if row["code_system"] == "snomed" and (row["unit"] != "no value" or row["test"] == "smoking-status"):
            coded.setdefault(row["test"], []).append(row)
    result = [
        (row, share / len(coded[test]), mean, spread) for test, (share, mean, spread) in RESULTS.items() for row in coded.get(test, [])
    ]
    left = 1 - sum(share for _, share, _, _ in result)
    other = [
        ({"code": str(8_000_000_000_001 + n * 1_000), "unit": "mmol/L"}, left / OTHER_RESULTS, 10_000, 2_000) for n in range(OTHER_RESULTS)
    ]
    result += other
    return _Lists(
        code=pa.array(code),
        term=pa.array([f"{n.capitalize()} {s / 1000:g}mg tablets" for n, s in zip(name, strength, strict=True)]),
        term_name=pa.array(name),
        strength_ug=pa.array(strength, pa.int64()),
        product_weights=np.array(weights) / sum(weights),
        result_code=pa.array([row["code"] for row, *_ in result]),
        result_unit=pa.array([None if row["unit"] == "no value" else row["unit"] for row, *_ in result]),
        result_weights=np.array([weight for _, weight, _, _ in result]),
        result_mean=np.array([mean for *_, mean, _ in result]),
        result_spread=np.array([spread for *_, spread in result]),
    )


def _days(day: date) -> int:
    return (day - date(1970, 1, 1)).days


def _dates(days: np.ndarray) -> pa.Array:
    return pa.array(days.astype(np.int32), pa.int32()).cast(pa.date32())


def _text(numbers: np.ndarray) -> pa.Array:
    return pa.array(numbers).cast(pa.string())


def _people(draw: np.random.Generator, subjects: np.ndarray, source: str, as_of: date) -> dict[str, dict[str, Any]]:
    today, size = _days(as_of), len(subjects)
    born = today - draw.integers(0, 90 * 365, size)
    since = np.maximum(born, today - draw.integers(30, 20 * 365, size))
    sexes = pa.array(["female", "male"])
    shared = {**_row(source), "subject_id": subjects, "native_id": _text(subjects), "org_code": source}
    return {
        "patients": {
            **shared,
            "local_id": _text(subjects),
            "nhs_status": "missing",
            "birth_date": _dates(born),
            "sex": sexes.take(pa.array(draw.integers(0, 2, size))),
            "gp_org_code": source,
        },
        "registrations": {**shared, "kind": "registration", "started_on": _dates(since)},
    }


def _issues(draw: np.random.Generator, subjects: np.ndarray, source: str, as_of: date, lists: _Lists) -> dict[str, Any]:
    size, products = len(subjects), len(lists.product_weights)
    product = np.empty((size, 2), np.int64)
    for place, share in enumerate(INTEREST):
        interest = draw.random(size) < share
        ours = draw.choice(products, size, p=lists.product_weights)
        product[:, place] = np.where(interest, ours, products + draw.integers(0, OTHER_PRODUCTS, size))
    # Three in four go on to the present; each month a few days early or late.
    ended = np.where(draw.random((size, 2)) < 0.75, draw.integers(0, 28, (size, 2)), draw.integers(30, 900, (size, 2)))
    every = np.array([28, 28, 28, 30, 56])[draw.integers(0, 5, (size, 2))]
    first, second = np.arange(FIRST_REPEAT), np.arange(ISSUES - FIRST_REPEAT)
    ago = np.concatenate([ended[:, :1] + first * every[:, :1], ended[:, 1:] + second * every[:, 1:]], axis=1)
    ago = np.maximum(0, ago + draw.integers(-3, 6, ago.shape)).reshape(-1)
    repeat = np.repeat([[0] * FIRST_REPEAT + [1] * (ISSUES - FIRST_REPEAT)], size, axis=0)
    which = pa.array(np.take_along_axis(product, repeat, axis=1).reshape(-1))
    daily = np.take_along_axis(draw.integers(1, 3, (size, 2)), repeat, axis=1).reshape(-1)
    supply = np.take_along_axis(every, repeat, axis=1).reshape(-1)
    rows = size * ISSUES
    status = draw.choice(3, rows, p=[0.7, 0.25, 0.05])
    understood = pa.array(status < 2)
    return {
        **_row(source),
        "subject_id": np.repeat(subjects, ISSUES),
        "native_id": _text(np.repeat(subjects, ISSUES) * 100 + np.tile(np.arange(ISSUES), size)),
        "org_code": source,
        "setting": "gp",
        "status": "completed",
        "code": lists.code.take(which),
        "code_system": "snomed",
        "term": lists.term.take(which),
        "degraded": False,
        "term_name": lists.term_name.take(which),
        "strength_ug": lists.strength_ug.take(which),
        "unit": "tablet",
        "dose_text": pa.array(["one daily", "two daily"]).take(pa.array(daily - 1)),
        "dose_status": pa.array(["structured", "text", "none"]).take(pa.array(status)),
        "dose_low_milli": _if(understood, daily * 1000),
        "dose_high_milli": _if(understood, daily * 1000),
        "dose_unit": pa.array(["tablet", None]).take(pa.array((status == 2).astype(np.int64))),
        "as_required": False,
        "quantity_milli": supply * daily * 1000,
        "quantity_unit": "tablet",
        "days_supply": _if(pa.array(draw.random(rows) < 0.6), supply),
        "plan_id": _text(np.repeat(subjects, ISSUES) * 10 + repeat.reshape(-1)),
        "issued_on": _dates(_days(as_of) - ago),
    }


def _if(mask: pa.Array, values: np.ndarray) -> pa.Array:
    return pa.array(values, mask=~mask.to_numpy(zero_copy_only=False))


def _results(draw: np.random.Generator, subjects: np.ndarray, source: str, as_of: date, lists: _Lists) -> dict[str, Any]:
    rows = len(subjects) * EVENTS
    which = draw.choice(len(lists.result_weights), rows, p=lists.result_weights / lists.result_weights.sum())
    value = np.maximum(1, lists.result_mean[which] + lists.result_spread[which] * draw.standard_normal(rows)).astype(np.int64)
    return {
        **_row(source),
        "subject_id": np.repeat(subjects, EVENTS),
        "native_id": _text(np.repeat(subjects, EVENTS) * 100 + np.tile(np.arange(EVENTS), len(subjects))),
        "org_code": source,
        "code": lists.result_code.take(pa.array(which)),
        "code_system": "snomed",
        "term": "result",
        "effective_on": _dates(_days(as_of) - draw.integers(0, 3 * 365, rows)),
        "precision": "day",
        "value_milli": value // 100 * 100,
        "value_unit": lists.result_unit.take(pa.array(which)),
        "status": "final",
    }


def _links(persons: np.ndarray, list_size: int) -> dict[str, Any]:
    places = (persons - 1) // list_size
    sources = pa.array([f"B{place:05d}" for place in range(int(places.max()) + 1)])
    return {
        "subject_id": persons,
        "person_id": persons,
        "source": sources.take(pa.array(places)),
        "local_id": _text(persons),
        "method": "local id",
        "evidence": "made for a bench",
        "linked_at": np.datetime64("2026-01-01T00:00:00", "us"),
        "linked_by": "bench",
    }
