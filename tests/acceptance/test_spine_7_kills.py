"""Line 7: two hundred kill -9 at random moments of an import of 5,000 people; a fresh process then finds the old store or the new."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stepwell.records.importers.extracts import headers
from stepwell.records.store import Store

PEOPLE = 5_000
BUCKETS = 2
# One process loads everything once and forks for every import and every reading: what is killed is the import, not Python's start.
# It does no work itself, so that nothing of one world can be carried into the next. A reading takes every row of every table into
# its answer, and holds every part against the hash the manifest states.
NURSERY = """
import hashlib, os, sys
from datetime import date, datetime
import pyarrow as pa
from stepwell.records.dose import parse_dose
from stepwell.records.importers import run_import
from stepwell.records.importers.extracts import headers
from stepwell.records.product import parse_product
from stepwell.records.schema import TABLES, WORKFLOW
from stepwell.records.store import Store

def bring(path, folder):
    run_import(folder, Store.open(path), scope="full", today=date(2026, 6, 1), now=datetime(2026, 6, 1))

def world(path):
    store = Store.open(path)
    for part in store.manifest.parts:
        assert hashlib.sha256((store.path / part.file).read_bytes()).hexdigest() == part.digest, part
    digest = hashlib.sha256()
    for name in (*TABLES, *WORKFLOW):
        rows = store.table(name).combine_chunks()
        digest.update(f"{name} {rows.num_rows}".encode())
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, rows.schema) as writer:
            writer.write_table(rows)
        digest.update(sink.getvalue())
    return digest.hexdigest()

parse_dose("one daily"), parse_product("Sertraline 50mg tablets"), headers.tables()
print("ready", flush=True)
for line in sys.stdin:
    what, path, *folder = line.rstrip("\\n").split("\\t")
    answer, asked = os.pipe()
    child = os.fork()
    if child == 0:
        # Killed hard or not, it must never come back into this loop.
        try:
            os.write(asked, (world(path) if what == "read" else str(bring(path, *folder))).encode())
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
    os.close(asked)
    print(child, flush=True)
    status = os.waitpid(child, 0)[1]
    print(os.waitstatus_to_exitcode(status), os.read(answer, 1000).decode(), flush=True)
    os.close(answer)
"""


class Nursery:
    def __init__(self, store: Path) -> None:
        self._store = store
        self._process = subprocess.Popen([sys.executable, "-c", NURSERY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def begin(self, *words: str) -> int:
        """Have a child begin. Returns its process id."""
        assert self._process.stdin is not None
        self._process.stdin.write("\t".join(words) + "\n")
        self._process.stdin.flush()
        return int(self._line())

    def ended(self) -> tuple[int, str]:
        """How the child ended, and what it found."""
        status, _, found = self._line().partition(" ")
        return int(status), found

    def bring(self, folder: Path) -> int:
        return self.begin("import", str(self._store), str(folder))

    def world(self) -> str:
        self.begin("read", str(self._store))
        status, found = self.ended()
        assert status == 0
        return found

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        assert self._process.wait(timeout=60) == 0
        self._process.stdout.close()


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[Nursery]:
    Store.open(tmp_path / "store", create=True, buckets=BUCKETS)
    found = Nursery(tmp_path / "store")
    yield found
    found.close()


def write_emis(folder: Path, quantity: int) -> Path:
    """A practice in which most rows differ between two quantities, and some are in one of the two only."""
    folder.mkdir()
    issues = {
        "IssueRecordGuid": "{n}", "PatientGuid": "p{n}", "OrganisationGuid": "o", "EffectiveDate": "2026-05-01",
        "EffectiveDatePrecision": "YMD", "CodeId": "1", "Dosage": "one daily", "Quantity": "{quantity}", "QuantityUnit": "tablet",
    }  # fmt: skip
    values = {"ObservationGuid": "{n}", "PatientGuid": "p{n}", "OrganisationGuid": "o", "EffectiveDate": "2026-05-01", "CodeId": "2"}
    tables = {
        "Admin_Organisation": [{"OrganisationGuid": "o", "OrganisationName": "n{quantity}", "ODSCode": "A82001"}],
        "Coding_DrugCode": [{"CodeId": "1", "Term": "Sertraline 50mg tablets", "DmdProductCodeId": "321987003"}],
        "Coding_ClinicalCode": [{"CodeId": "2", "Term": "Weight", "SnomedCTConceptId": "27113001"}],
        "Admin_Patient": {"PatientGuid": "p{n}", "OrganisationGuid": "o", "DateOfBirth": "1970-01-01", "Surname": "Name{quantity}"},
        "Prescribing_IssueRecord": issues,
        "CareRecord_Observation": values | {"Value": "{quantity}", "NumericUnit": "kg"},
    }  # fmt: skip
    for table, rows in tables.items():
        header = headers.versions(table)[-1]
        lines = [",".join(header)]
        if isinstance(rows, list):
            lines += [",".join(row.get(name, "").format(quantity=quantity) for name in header) for row in rows]
        else:
            template = ",".join(rows.get(name, "") for name in header)
            lines += [template.format(n=number, quantity=quantity) for number in numbers(quantity)]
        (folder / f"{table}.csv").write_text("\n".join(lines) + "\n")
    return folder


def numbers(quantity: int) -> range:
    return range(PEOPLE) if quantity == 28 else range(100, PEOPLE + 100)


def write_fhir(folder: Path, quantity: int) -> Path:
    folder.mkdir()
    lines: list[dict] = [
        {"resourceType": "Organization", "id": "o", "name": f"n{quantity}"}
        | {"identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "A82001"}]}
    ]
    for number in numbers(quantity):
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
    (folder / "all.ndjson").write_text("\n".join(json.dumps(line) for line in lines))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(("write", "kills"), [(write_emis, 150), (write_fhir, 50)])
def test_two_hundred_kills(tmp_path: Path, nursery: Nursery, write: Callable[[Path, int], Path], kills: int) -> None:
    folders = [write(tmp_path / f"of-{quantity}", quantity) for quantity in (28, 56)]
    # What old and new are, and how long it takes from one to the other: from the second round on, when every person has been seen once.
    worlds, seconds = [], []
    for folder in [*folders, *folders]:
        began = time.monotonic()
        nursery.bring(folder)
        assert nursery.ended()[0] == 0
        seconds.append(time.monotonic() - began)
        worlds.append(nursery.world())
    assert len(set(worlds)) == 3
    assert worlds[1] == worlds[3]
    worlds = worlds[2:]
    assert Store.open(tmp_path / "store").table("patients").num_rows == PEOPLE

    chance = random.Random(20260601)
    base = 1  # the world the store is in before each kill
    killed, switched = 0, 0
    longest = seconds[-1] * 1.1
    for number in range(kills):
        target = 1 - base
        child = nursery.bring(folders[target])
        # Spread from the first moment to beyond the last: some die early, some late, some are done.
        time.sleep((number % 25 + chance.random()) / 25 * longest)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        killed += nursery.ended()[0] == -signal.SIGKILL
        found = nursery.world()
        assert found in worlds, f"after kill {number} the store was neither the old nor the new"
        switched += found == worlds[target]
        # A machine that is busier or idler now than when it was measured must not leave all kills on one side of the switch.
        longest *= 0.94 if found == worlds[target] else 1.01
        base = worlds.index(found)
    # The test is worth something only if many died before the switch and some after it.
    assert killed >= kills // 2
    assert kills // 20 <= switched <= kills * 3 // 4

    nursery.bring(folders[1 - base])
    assert nursery.ended()[0] == 0
    assert nursery.world() == worlds[1 - base]
    # Nothing of the dead is left but parts that readers may still hold.
    store = Store.open(tmp_path / "store")
    known = {part.file for part in store.manifest.parts} | {old.file for old in store.manifest.retired}
    assert {f"records/{name}" for name in os.listdir(tmp_path / "store" / "records")} <= known
    assert os.listdir(tmp_path / "store" / "staging") == []


@pytest.mark.slow
def test_a_reader_during_an_import_sees_one_world(tmp_path: Path, nursery: Nursery) -> None:
    """Whoever reads while the import runs gets every row of one world."""
    folders = [write_emis(tmp_path / f"of-{quantity}", quantity) for quantity in (28, 56)]
    nursery.bring(folders[0])
    assert nursery.ended()[0] == 0
    child = nursery.bring(folders[1])
    looks, seen = 0, set()
    while Path(f"/proc/{child}").exists() if os.path.isdir("/proc/self") else looks < 50:
        store = Store.open(tmp_path / "store")
        amounts = set(store.table("medication_issues", columns=["quantity_milli"])["quantity_milli"].to_pylist())
        weights = set(store.table("observations", columns=["value_milli"])["value_milli"].to_pylist())
        assert amounts == weights
        assert len(amounts) == 1
        seen |= amounts
        looks += 1
    assert nursery.ended()[0] == 0
    assert looks >= 2
    assert 28_000 in seen
    assert set(Store.open(tmp_path / "store").table("observations")["value_milli"].to_pylist()) == {56_000}
