"""A store to import into, and a way to import lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from fhir_builders import NOW, TODAY, Fhir, Resource

from stepwell.records.importers import run_import
from stepwell.records.importers.report import ImportReport
from stepwell.records.store import Store


@pytest.fixture
def fhir() -> Fhir:
    return Fhir()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store", create=True, buckets=2)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write NDJSON: resources, or raw lines as bytes."""

    def write_lines(lines: Iterable[Resource | bytes], name: str = "in.ndjson") -> Path:
        path = tmp_path / "input" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join((each if isinstance(each, bytes) else json.dumps(each).encode()) + b"\n" for each in lines))
        return path

    return write_lines


@pytest.fixture
def bring(store: Store, write: Callable[..., Path]) -> Callable[..., ImportReport]:
    """Import lines into the store of the test, on 1 June 2026; checks that the sums agree."""

    def bring_in(lines: Iterable[Resource | bytes] | Path, **options: Any) -> ImportReport:
        path = lines if isinstance(lines, Path) else write(lines)
        report = run_import(path, store, today=TODAY, now=NOW, **options)
        assert report.read == report.accepted + report.not_used.total() + report.rejected
        return report

    return bring_in
