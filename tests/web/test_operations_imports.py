"""Imports from the page: what lies in the drop folder, asked for, carried out, told of; what fails leaves everything as it was."""

from __future__ import annotations

import gzip
import io
import json
import os
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from ledger_world import OTHER_PRACTICE, PRACTICE, World
from stepwell.errors import Refused
from stepwell.records.importers.report import Unusable
from stepwell.records.store import Store
from stepwell.web.core import clock
from stepwell.web.core.gate import AccessRefused
from stepwell.web.ledger.models import Duty, PersonRecord
from stepwell.web.operations import selectors, services, uploads
from stepwell.web.operations.models import ImportRun, RunState
from web_support import recorded

pytestmark = pytest.mark.django_db(transaction=True)

ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
SNOMED = "http://snomed.info/sct"


def resources(org: str = PRACTICE) -> list[dict[str, Any]]:
    """One person on sertraline, and a result whose date cannot be."""
    issue = {
        "resourceType": "MedicationRequest", "id": "i1", "status": "completed", "intent": "order", "subject": {"reference": "Patient/p"},
        "authoredOn": "2026-05-01",
        "medicationCodeableConcept": {"coding": [{"system": SNOMED, "code": "321987003", "display": "Sertraline 50mg tablets"}]},
        "dosageInstruction": [{"text": "One to be taken each day"}], "dispenseRequest": {"quantity": {"value": 28, "unit": "tablet"}},
    }  # fmt: skip
    result = {
        "resourceType": "Observation", "id": "o1", "status": "final", "subject": {"reference": "Patient/p"}, "effectiveDateTime": "never",
        "code": {"coding": [{"system": SNOMED, "code": "1000661000000107"}]}, "valueQuantity": {"value": 140, "unit": "mmol/L"},
    }  # fmt: skip
    return [
        {"resourceType": "Organization", "id": org, "identifier": [{"system": ODS, "value": org}], "name": org,
         "type": [{"text": "GP practice"}]},
        {"resourceType": "Patient", "id": "p", "managingOrganization": {"reference": f"Organization/{org}"}, "birthDate": "1970-02-03",
         "name": [{"family": "Unmistakable", "given": ["Ann"]}], "gender": "female"},
        issue, result,
    ]  # fmt: skip


@pytest.fixture
def world(transactional_db, settings, tmp_path):
    settings.DROP = str(tmp_path / "drop")
    settings.UPLOAD_BYTES = 1_000_000
    settings.TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
    return World(settings, tmp_path)


def deliver(world: World, name: str = "export.ndjson", lines: list[dict[str, Any]] | None = None, org: str = PRACTICE) -> Path:
    """Put an export into the folder, as of an hour ago."""
    path = Path(world.settings.DROP) / org / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps(line) for line in (resources(org) if lines is None else lines)) + "\n", encoding="utf-8")
    hour_ago = (clock.now() - timedelta(hours=1)).timestamp()
    os.utime(path, (hour_ago, hour_ago))
    return path


def start(world: World, who: str = "manager", **more: Any) -> ImportRun:
    actor = world.actor(who)
    return services.start_import(actor, selectors.entries_for(actor)[0].key, **more)


def work() -> None:
    """The worker, until nothing is left to do."""
    call_command("db_worker", "--batch", "--no-startup-delay", verbosity=0)


def page(world: World, address: str, who: str = "manager", status: int = 200) -> str:
    answer = world.client(who).get(address)
    assert answer.status_code == status, answer.content.decode()[:2000]
    return answer.content.decode()


# From the folder to the duties


def test_an_export_becomes_records_and_duties(world):
    deliver(world)
    run = start(world)
    assert run.state == RunState.WAITING and Duty.objects.count() == 0
    with recorded() as trail:
        work()
    run.refresh_from_db()
    assert (run.state, run.error) == (RunState.DONE, "")
    totals = run.report["totals"]
    assert totals["read"] == totals["accepted"] + totals["not_used"] + totals["rejected"] == 4 and totals["rejected"] == 1
    assert PersonRecord.objects.count() == run.people == 1 and Duty.objects.count() == run.changes["opened"] > 0
    assert [entry.action for entry in trail.writes()] == ["import records", "evaluate after import"]
    text = page(world, f"/imports/{run.pk}")
    assert "3 records taken, 1 rejected" in text and "4 = 3 taken + 0 not used + 1 rejected" in text
    assert "export.ndjson" in text and "Observation o1" in text and f"{run.changes['opened']:,} new" in text
    assert "Unmistakable" not in text


def test_the_page_tells_how_far_it_is_and_can_look_again_by_itself(world):
    deliver(world)
    client = world.client("manager")
    key = selectors.entries_for(world.actor("manager"))[0].key
    with recorded() as trail:
        answer = client.post("/imports/start", {"export": key, "scope": "auto"})
    run = ImportRun.objects.get()
    assert answer["Location"] == f"/imports/{run.pk}?follow=1"
    assert [entry.action for entry in trail.writes()] == ["start import"]
    assert all("export.ndjson" not in entry.reason for entry in trail)
    following, plain = client.get(f"/imports/{run.pk}?follow=1"), client.get(f"/imports/{run.pk}")
    assert following["Refresh"] == "5" and "Refresh" not in plain
    assert "The import waits" in plain.content.decode()
    work()
    ended = client.get(f"/imports/{run.pk}?follow=1")
    assert "Refresh" not in ended and "records taken" in ended.content.decode()


def test_the_same_export_again_changes_nothing(world):
    deliver(world)
    start(world)
    work()
    before = (world.store.refresh().content_hash(), Duty.objects.count())
    again = start(world)
    work()
    again.refresh_from_db()
    assert again.state == RunState.DONE and again.report["accepted"] == {"new": 0, "unchanged": 3, "superseded": 0}
    assert Duty.objects.count() == before[1]
    assert "no duty opened, closed or changed" in page(world, f"/imports/{again.pk}")


def test_a_task_that_is_run_twice_does_its_work_once(world):
    deliver(world)
    run = start(world)
    services.carry_out(run.pk)
    run.refresh_from_db()
    finished = run.finished_at
    services.carry_out(run.pk)
    run.refresh_from_db()
    assert run.finished_at == finished and run.attempts == 1


def test_what_the_records_do_not_identify_leads_to_the_coding_queue(world):
    lines = resources()
    lines[2]["medicationCodeableConcept"] = {"text": "Sertralin 50mg tablets"}
    deliver(world, lines=lines)
    run = start(world)
    work()
    assert 'href="/coding"' not in page(world, f"/imports/{run.pk}")  # a manager decides no medicine
    assert "wait in the coding queue" in page(world, f"/imports/{run.pk}")


# What fails


def test_an_export_that_cannot_be_used_leaves_the_old_store(world):
    deliver(world)
    start(world)
    work()
    before, version = world.store.refresh().content_hash(), world.store.version
    path = deliver(world, lines=[])
    path.write_text("this is no export\n")
    run = start(world)
    work()
    run.refresh_from_db()
    assert run.state == RunState.FAILED and run.error
    assert (world.store.refresh().content_hash(), world.store.version) == (before, version)
    text = page(world, f"/imports/{run.pk}")
    assert "Nothing was imported" in text and "The records are as they were before." in text and "Start it again" in text
    assert str(world.settings.DROP) not in run.error


def test_another_organisations_records_are_not_taken(world):
    deliver(world, lines=resources(OTHER_PRACTICE))
    run = start(world)
    work()
    run.refresh_from_db()
    assert run.state == RunState.FAILED and OTHER_PRACTICE in run.error
    assert PersonRecord.objects.count() == 0


def test_a_fault_is_tried_again_and_then_told(world, monkeypatch):
    deliver(world)
    run = start(world)

    def broken(*_, **__):
        raise ValueError("Unmistakable, Ann")

    monkeypatch.setattr(services, "run_import", broken)
    monkeypatch.setattr(services, "AGAIN_AFTER", timedelta(0))
    work()
    run.refresh_from_db()
    assert run.state == RunState.FAILED and run.attempts == services.ATTEMPTS
    assert "fault of its own while reading" in run.error and "as they were" in run.error and "Unmistakable" not in run.error
    monkeypatch.undo()
    world.settings.DROP = str(Path(world.store.path).parent / "drop")
    services.start_again(world.actor("manager"), run.pk)
    work()
    run.refresh_from_db()
    assert (run.state, run.attempts, run.error) == (RunState.DONE, 1, "")


def test_when_only_the_duties_failed_the_files_are_not_read_again(world, monkeypatch):
    deliver(world)
    run = start(world)
    real, calls = services.catch_up, []

    def once_broken():
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("no memory")
        return real()

    monkeypatch.setattr(services, "catch_up", once_broken)
    monkeypatch.setattr(services, "AGAIN_AFTER", timedelta(0))
    read = []
    real_import = services.run_import
    monkeypatch.setattr(services, "run_import", lambda *a, **k: read.append(1) or real_import(*a, **k))
    work()
    run.refresh_from_db()
    assert run.state == RunState.DONE and len(read) == 1 and len(calls) == 2


def test_a_run_whose_process_was_ended_can_be_started_again(world):
    deliver(world)
    run = start(world)
    gone = clock.now() - timedelta(minutes=10)
    ImportRun.objects.update(state=RunState.READING, started_at=gone, heard_at=gone)
    assert "The import stopped before its end" in page(world, f"/imports/{run.pk}")
    client = world.client("manager")
    assert client.post(f"/imports/{run.pk}/again").status_code == 302
    work()
    run.refresh_from_db()
    assert run.state == RunState.DONE


def test_a_run_that_is_alive_is_left_alone(world):
    deliver(world)
    run = start(world)
    ImportRun.objects.update(state=RunState.READING, started_at=clock.now(), heard_at=clock.now())
    with pytest.raises(Refused, match="under way"):
        services.start_again(world.actor("manager"), run.pk)
    assert services.carry_out(run.pk) is None
    run.refresh_from_db()
    assert run.state == RunState.READING
    answer = world.client("manager").post(f"/imports/{run.pk}/again")
    assert answer.status_code == 409 and "under way" in answer.content.decode()


def test_nobody_takes_it_when_there_is_no_worker(world):
    deliver(world)
    run = start(world)
    ImportRun.objects.update(asked_at=clock.now() - timedelta(minutes=10))
    text = page(world, f"/imports/{run.pk}")
    assert "stepwell manage db_worker" in text and "Start it again" in text


# One at a time


def test_one_import_of_an_organisation_at_a_time(world):
    deliver(world)
    start(world)
    with pytest.raises(Refused, match="is under way"):
        start(world)
    assert ImportRun.objects.count() == 1


def test_the_database_itself_lets_one_run_at_a_time(world):
    user = world.members["manager"].user_id
    row = {"asked_at": clock.now(), "asked_by_id": user, "role": "practice manager", "name": "x"}
    ImportRun.objects.create(org_code=PRACTICE, state=RunState.READING, **row)
    with pytest.raises(IntegrityError), transaction.atomic():
        ImportRun.objects.create(org_code=OTHER_PRACTICE, state=RunState.EVALUATING, **row)


def test_the_second_organisation_waits_its_turn_and_is_called(world):
    deliver(world)
    first = start(world)
    other = ImportRun.objects.create(
        org_code=OTHER_PRACTICE,
        name="e.ndjson",
        asked_at=clock.now(),
        asked_by_id=world.members["manager"].user_id,
        role="practice manager",
    )
    deliver(world, "e.ndjson", org=OTHER_PRACTICE)
    ImportRun.objects.filter(pk=first.pk).update(state=RunState.READING, heard_at=clock.now())
    services.carry_out(other.pk)
    other.refresh_from_db()
    assert other.state == RunState.WAITING
    ImportRun.objects.filter(pk=first.pk).update(state=RunState.WAITING)
    work()
    states = set(ImportRun.objects.values_list("state", flat=True))
    assert states == {RunState.DONE}


# Whose


def test_only_who_may_import_sees_the_page_and_only_their_own_organisation(world):
    deliver(world)
    run = start(world)
    for who in ("gp", "nurse", "psychiatrist", "link worker"):
        assert world.client(who).get("/imports").status_code == 403
        assert world.client(who).get(f"/imports/{run.pk}").status_code == 403
    with pytest.raises(AccessRefused):
        services.start_import(world.actor("gp"), "x")
    ImportRun.objects.update(org_code=OTHER_PRACTICE)
    assert world.client("manager").get(f"/imports/{run.pk}").status_code == 404
    with pytest.raises(Refused, match="no such import"):
        services.start_again(world.actor("manager"), run.pk)


def test_every_look_is_recorded(world):
    deliver(world)
    run = start(world)
    for address in ("/imports", f"/imports/{run.pk}"):
        with recorded() as trail:
            page(world, address)
        assert [entry.kind for entry in trail] == ["read"]


def test_the_list_shows_exports_and_nothing_else(world):
    folder = deliver(world).parent
    (folder / "notes.txt").write_text("x")
    (folder / ".hidden.json").write_text("{}")
    (folder / "link.json").symlink_to(folder / "export.ndjson")
    (folder / "empty").mkdir()
    (folder / "today").mkdir()
    (folder / "today" / "part.csv").write_text("a,b\n")
    text = page(world, "/imports")
    assert [entry.name for entry in selectors.entries_for(world.actor("manager"))] == ["today", "export.ndjson"]
    assert "2 exports not imported yet" in text and "still being copied?" in text
    assert "notes.txt" not in text and "link.json" not in text


def test_an_empty_folder_says_what_was_looked_for(world):
    text = page(world, "/imports")
    assert "Nothing lies in the folder of Riverside Surgery" in text and "JSON, NDJSON and CSV" in text


def test_an_export_with_a_link_inside_is_refused(world, tmp_path):
    folder = deliver(world, "today/part.ndjson").parent
    secret = tmp_path / "elsewhere.ndjson"
    secret.write_text("{}")
    (folder / "more.ndjson").symlink_to(secret)
    with pytest.raises(Refused, match="holds a link"):
        start(world)


def test_an_export_that_is_gone_is_said(world):
    path = deliver(world)
    key = selectors.entries_for(world.actor("manager"))[0].key
    path.unlink()
    answer = world.client("manager").post("/imports/start", {"export": key, "scope": "auto"})
    assert answer.status_code == 422 and "There is a problem" in answer.content.decode()
    assert ImportRun.objects.count() == 0


# Sending a file


def send(world: World, name: str, content: bytes, status: int = 302) -> Any:
    answer = world.client("manager").post("/imports/upload", {"export": SimpleUploadedFile(name, content)})
    assert answer.status_code == status, answer.content.decode()[:1000]
    return answer


def dropped(world: World) -> list[str]:
    folder = Path(world.settings.DROP) / PRACTICE
    return (
        sorted(str(path.relative_to(folder)).partition("-")[2] for path in folder.rglob("*") if path.is_file()) if folder.exists() else []
    )


def zipped(entries: dict[str, bytes], **more: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content, **more)
    return out.getvalue()


def test_a_small_export_is_sent_and_imported(world):
    content = "\n".join(json.dumps(line) for line in resources()).encode()
    answer = send(world, "my export.ndjson", content)
    assert "said=sent" in answer["Location"]
    assert dropped(world) == ["my-export.ndjson"]
    run = start(world)
    work()
    run.refresh_from_db()
    assert run.state == RunState.DONE


def test_an_archive_is_unpacked_with_its_folders(world):
    send(world, "practice.zip", zipped({"a/Patient.ndjson": b"{}\n", "a/readme.txt": b"x", "__MACOSX/a.json": b"{}", "b.csv": b"x,y\n"}))
    assert dropped(world) == ["practice/a/Patient.ndjson", "practice/b.csv"]


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("../../etc/passwd.json", "passwd.json"),
        ("C:\\exports\\May 2026.csv", "May-2026.csv"),
        (".hidden.json", "hidden.json"),
        ("", "export"),
        ("…", "export"),
        ("x" * 300 + ".json", "x" * 75 + ".json"),
    ],
)
def test_a_name_never_becomes_a_path(name, plain):
    assert uploads.plain_name(name) == plain


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"../outside.json": b"{}"}, "names a file outside itself"),
        ({"/etc/x.json": b"{}"}, "names a file outside itself"),
        ({"a\\b.json": b"{}"}, "names a file outside itself"),
        ({"only.txt": b"x"}, "holds no file that ends in"),
        ({f"{number}.json": b"{}" for number in range(uploads.MOST_FILES + 1)}, "holds more than"),
        ({"bomb.json": b"0" * 25_000_000}, "unpacks to more than"),
        ({"one.json": b"0" * 12_000_000, "two.json": b"0" * 12_000_000}, "unpacks to more than"),
        ({"bomb.json.gz": gzip.compress(b"0" * 25_000_000)}, "unpacks to more than"),
    ],
)
def test_an_archive_that_would_do_harm_is_refused_and_leaves_nothing(world, entries, said):
    answer = send(world, "x.zip", zipped(entries), status=422)
    assert said in answer.content.decode()
    assert list((Path(world.settings.DROP) / PRACTICE).iterdir()) == []
    assert not (Path(world.settings.DROP) / "outside.json").exists()


def test_links_passwords_and_rubbish_are_refused(world):
    link = zipfile.ZipInfo("link.json")
    link.external_attr = 0o120777 << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    locked = bytearray(zipped({"a.json": b"{}"}))
    for header, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[locked.index(header) + place] |= 1
    for content, said in (
        (out.getvalue(), "holds a link"),
        (bytes(locked), "password"),
        (b"no archive at all", "cannot be read to its end"),
    ):
        assert said in send(world, "x.zip", content, status=422).content.decode()
    assert "cannot be read to its end" in send(world, "x.json.gz", b"not packed", status=422).content.decode()
    assert "ends in" in send(world, "x.exe", b"MZ", status=422).content.decode()
    assert "The file is empty" in send(world, "x.json", b"", status=422).content.decode()
    assert dropped(world) == []


def test_what_is_too_large_is_not_kept_anywhere(world, tmp_path, settings):
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)
    settings.FILE_UPLOAD_HANDLERS = ["stepwell.web.operations.uploads.LimitedUploadHandler"]
    before = set(tmp_path.iterdir())
    answer = send(world, "x.json", b"0" * 1_500_000, status=422)
    assert "larger than 1 MB" in answer.content.decode()
    assert set(tmp_path.iterdir()) == before


def test_sending_is_recorded_without_the_name(world):
    with recorded() as trail:
        send(world, "unmistakable.json", b"{}")
    (entry,) = trail.writes()
    assert entry.action == "upload export" and "unmistakable" not in f"{entry.reason}{entry.subject_id}"


# Rejects


def test_rejects_are_told_page_by_page(world):
    lines = resources()[:2]
    for number in range(120):
        lines.append({**resources()[3], "id": f"o{number}"})
    deliver(world, lines=lines)
    run = start(world)
    work()
    number, rows = selectors.rejects_of(ImportRun.objects.get(), 0, 50)
    assert number == 120 and len(rows) == 50
    first, last = page(world, f"/imports/{run.pk}"), page(world, f"/imports/{run.pk}?page=3")
    assert "1 to 50 of 120" in first and "101 to 120 of 120" in last
    assert first.count('<th scope="row">export.ndjson</th>') == 50 and last.count('<th scope="row">export.ndjson</th>') == 20


def test_the_store_is_made_when_there_is_none(world, tmp_path):
    world.settings.STORE = str(tmp_path / "another" / "store")
    deliver(world)
    start(world)
    work()
    assert ImportRun.objects.get().state == RunState.DONE
    assert Store.open(world.settings.STORE).sources() == [PRACTICE]


def test_a_refusal_of_the_importer_has_no_place_on_the_machine(world):
    path = selectors.drop_folder(PRACTICE) / "x.ndjson"
    assert services._without_paths(Unusable(f"There is nothing at {path}.")) == f"There is nothing at {PRACTICE}/x.ndjson."
    assert connection.vendor in {"sqlite", "postgresql"}
