"""Line 8: 50 kill -9 at random moments of a small import; the store is the old one or the new one, and a re-run completes."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stepwell.records.store import Store

KILLS = 50
BUCKETS = 2
PEOPLE = 6
# The child says when it has loaded and what it finds, so that kills fall on the import and not on Python's start; and so
# that after every kill a fresh process reads every row of every table.
CHILD = """
import hashlib, sys
from datetime import date, datetime
from stepwell.records.importers import run_import
from stepwell.records.schema import TABLES, WORKFLOW
from stepwell.records.store import Store
print("ready", flush=True)
records = sys.stdin.readline().strip()
store = Store.open(sys.argv[1])
rows = [(name, sorted(map(repr, store.table(name).to_pylist()))) for name in (*TABLES, *WORKFLOW)]
print(hashlib.sha256(repr(rows).encode()).hexdigest(), flush=True)
if records:
    run_import(records, store, today=date(2026, 6, 1), now=datetime(2026, 6, 1))
print("done", flush=True)
"""


def write_records(path: Path, quantity: int, people: int = PEOPLE) -> Path:
    """A practice whose every row differs between two quantities."""
    ods = "https://fhir.nhs.uk/Id/ods-organization-code"
    lines: list[dict] = [
        {"resourceType": "Organization", "id": "o", "identifier": [{"system": ods, "value": "A82001"}], "name": f"n{quantity}"}
    ]
    for number in range(people):
        subject = {"reference": f"Patient/p{number}"}
        lines.append(
            {"resourceType": "Patient", "id": f"p{number}", "birthDate": "1970-01-01", "name": [{"family": f"Name{quantity}"}]}
            | {"managingOrganization": {"reference": "Organization/o"}}
        )
        lines.append(
            {"resourceType": "MedicationRequest", "id": f"m{number}", "intent": "order", "status": "completed", "subject": subject}
            | {"authoredOn": "2026-05-01", "medicationCodeableConcept": {"text": "Sertraline 50mg tablets"}}
            | {"dispenseRequest": {"quantity": {"value": quantity, "unit": "tablet"}}}
        )
        lines.append(
            {"resourceType": "Observation", "id": f"b{number}", "status": "final", "subject": subject, "code": {"text": "weight"}}
            | {"effectiveDateTime": "2026-05-01", "valueQuantity": {"value": quantity, "unit": "kg"}}
        )
    path.write_text("\n".join(json.dumps(line) for line in lines))
    return path


def start(store: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", CHILD, str(store)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def go(child: subprocess.Popen[str], records: Path | None) -> str:
    """Let a child begin, once it has loaded. Returns what it found: a hash of every row."""
    assert child.stdout is not None
    assert child.stdin is not None
    assert child.stdout.readline() == "ready\n"
    child.stdin.write(f"{records or ''}\n")
    child.stdin.flush()
    return child.stdout.readline().strip()


def wait_for_end(child: subprocess.Popen[str]) -> None:
    assert child.stdout is not None
    assert child.stdin is not None
    # Not communicate(): what readline has already taken in is not read again.
    assert child.stdout.read().endswith("done\n")
    assert child.wait(timeout=60) == 0
    child.stdout.close()
    child.stdin.close()


@pytest.mark.slow
def test_fifty_kills(tmp_path: Path) -> None:
    first, second = write_records(tmp_path / "first.ndjson", 28), write_records(tmp_path / "second.ndjson", 56)
    path = tmp_path / "store"
    Store.open(path, create=True, buckets=BUCKETS)
    # What old and new are, and how long it takes from one to the other.
    worlds, seconds = [], []
    for records in (first, second, None):
        child = start(path)
        found = go(child, records)
        began = time.monotonic()
        wait_for_end(child)
        seconds.append(time.monotonic() - began)
        worlds.append(found)
    empty, *worlds = worlds
    assert len({empty, *worlds}) == 3

    chance = random.Random(20260601)
    switched: list[bool] = []
    base = 1  # the world the store is in before each kill
    coming = start(path)
    killed = 0
    longest = seconds[1] * 1.15
    for number in range(KILLS):
        target = 1 - base
        # The next one loads while this one works and dies.
        child, coming = coming, start(path)
        found = go(child, (first, second)[target])
        assert found == worlds[base], f"before kill {number} the store was neither the old nor the new"
        # Spread from the first moment to beyond the last: some die early, some late, some are done.
        time.sleep((number % 25 + chance.random()) / 25 * longest)
        child.kill()
        child.communicate()
        killed += child.returncode != 0
        now = Store.open(path).table("medication_issues")["quantity_milli"].to_pylist()
        base = (28_000, 56_000).index(now[0])
        switched.append(base == target)
        # A machine that is busier or idler now than when it was measured must not leave all kills on one side of the switch.
        longest *= 0.9 if switched[-1] else 1.06
    # The test is worth something only if many died before the switch and some after it.
    assert killed >= 25
    assert switched.count(False) >= 10
    assert switched.count(True) >= 1

    assert go(coming, (first, second)[1 - base]) == worlds[base]
    wait_for_end(coming)
    child = start(path)
    assert go(child, None) == worlds[1 - base]
    wait_for_end(child)
    # Nothing of the dead is left but parts that readers may still hold.
    store = Store.open(path)
    known = {part.file for part in store.manifest.parts} | {old.file for old in store.manifest.retired}
    assert {f"records/{name}" for name in os.listdir(path / "records")} <= known
    assert os.listdir(path / "staging") == []


@pytest.mark.slow
def test_a_reader_during_an_import_sees_one_world(tmp_path: Path) -> None:
    """Whoever reads while the import runs gets every row of one world."""
    path = tmp_path / "store"
    Store.open(path, create=True, buckets=BUCKETS)
    for records, quantity in (("first.ndjson", 28), ("second.ndjson", 56)):
        child = start(path)
        go(child, write_records(tmp_path / records, quantity))
        if quantity == 28:
            wait_for_end(child)
            continue
        looks = 0
        while child.poll() is None or looks == 0:
            store = Store.open(path)
            amounts = set(store.table("medication_issues")["quantity_milli"].to_pylist())
            weights = set(store.table("observations")["value_milli"].to_pylist())
            assert amounts == weights
            assert len(amounts) == 1
            looks += 1
        child.communicate()
    assert set(Store.open(path).table("observations")["value_milli"].to_pylist()) == {56_000}
    shutil.rmtree(path)
