"""Acceptance line 2: changing, deleting or truncating an audit row is refused by both databases; editing the file underneath is
found by `stepwell audit verify`, which names the first broken link; a tail that was cut off is found by a head noted earlier.

The first part goes through every append-only table there is, whatever area it belongs to. Run again with
STEPWELL_TEST_DATABASE=postgres for the other database.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import time
from pathlib import Path

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, models, transaction
from django.utils import timezone

from stepwell.web.core import append_only, audit
from stepwell.web.core.actor import Actor
from stepwell.web.core.append_only import AppendOnlyError, AppendOnlyModel
from stepwell.web.core.models import AuditEntry, AuditSeal

SYSTEM = Actor.system("tests")
TABLES = {model._meta.db_table: model for model in apps.get_models() if issubclass(model, AppendOnlyModel)}


# Refused by the database


def a_row(model: type[models.Model]) -> models.Model:
    """A row of this table; what it points at need not exist, because the transaction it stands in is rolled back."""
    values = {}
    for field in model._meta.concrete_fields:
        if field.auto_created or field.has_default():
            continue
        if field.is_relation:
            values[field.attname] = None if field.null else 987_654
        elif isinstance(field, models.DateTimeField):
            values[field.attname] = timezone.now()
        elif isinstance(field, models.DateField):
            values[field.attname] = timezone.localdate()
        elif isinstance(field, models.TimeField):
            values[field.attname] = time(9)
        elif isinstance(field, models.CharField | models.TextField):
            values[field.attname] = field.choices[0][0] if field.choices else "x"
        elif isinstance(field, models.BinaryField):
            values[field.attname] = b"x"
        elif isinstance(field, models.BooleanField):
            values[field.attname] = False
        elif isinstance(field, models.JSONField):
            values[field.attname] = {}
        else:
            values[field.attname] = 1
    row = model(**values)
    row.save()
    return row


def columns(model: type[models.Model]) -> tuple[str, str, str]:
    """The table, its key, a column that is not the key."""
    key = model._meta.pk
    other = next(field for field in model._meta.concrete_fields if field is not key)
    return model._meta.db_table, key.column, connection.ops.quote_name(other.column)


def attempts(row: models.Model) -> dict[str, object]:
    """Every way to change or remove the row that Django and SQL offer."""
    model = type(row)
    table, key, column = columns(model)
    field = next(each for each in model._meta.concrete_fields if each is not model._meta.pk)
    of_it = model._default_manager.filter(pk=row.pk)
    names = ", ".join(connection.ops.quote_name(each.column) for each in model._meta.concrete_fields)

    def sql(statement: str):
        def run() -> None:
            with connection.cursor() as cursor:
                cursor.execute(statement)

        return run

    found = {
        "queryset.update": lambda: of_it.update(**{field.attname: models.F(field.attname)}),
        "queryset.delete": lambda: of_it._raw_delete(using="default"),
        "bulk_update": lambda: model._default_manager.bulk_update([row], [field.name]),
        "UPDATE": sql(f"UPDATE {table} SET {column} = {column}"),
        "DELETE": sql(f"DELETE FROM {table}"),
        "DELETE of one": sql(f"DELETE FROM {table} WHERE {key} = {row.pk}"),
        "upsert": sql(
            f"INSERT INTO {table} ({names}) SELECT {names} FROM {table} WHERE true "
            f"ON CONFLICT ({key}) DO UPDATE SET {column} = excluded.{column}"
        ),
    }  # fmt: skip
    if connection.vendor == "sqlite":
        found["REPLACE"] = sql(f"INSERT OR REPLACE INTO {table} ({names}) SELECT {names} FROM {table}")
    return found


def test_there_are_tables_to_try():
    assert {"core_auditentry", "core_auditseal", "ledger_dutyevent", "privacy_opening"} <= TABLES.keys()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("table", sorted(TABLES))
def test_every_way_to_change_or_delete_a_row_is_refused(table):
    with transaction.atomic():
        row = a_row(TABLES[table])
        before = TABLES[table].objects.filter(pk=row.pk).values().get()
        for name, attempt in attempts(row).items():
            with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
                attempt()
            assert TABLES[table].objects.filter(pk=row.pk).values().get() == before, name
        for attempt in (row.save, row.delete):
            with pytest.raises(AppendOnlyError, match="append-only"):
                attempt()
        transaction.set_rollback(True)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("table", sorted(TABLES))
def test_truncating_is_refused(table):
    """SQLite has no TRUNCATE: what it calls so is DELETE without a condition, which the test before tries."""
    if connection.vendor == "postgresql":
        # A table that others point at is refused for that before its trigger is asked, unless they are to go too.
        for statement, why in ((f"TRUNCATE {table}", "append-only|foreign key"), (f"TRUNCATE {table} CASCADE", "append-only")):
            with pytest.raises(DatabaseError, match=why), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)
    assert table in append_only.protected_tables(connection)


@pytest.mark.django_db
def test_a_table_that_lost_its_triggers_is_noticed():
    append_only.remove(connection, "core_auditentry")
    assert "core_auditentry" not in append_only.protected_tables(connection)
    append_only.install(connection, "core_auditentry")
    assert "core_auditentry" in append_only.protected_tables(connection)


# Found by verify when somebody goes underneath


@pytest.fixture
def trail(transactional_db) -> list[AuditEntry]:
    """Six entries, sealed, committed."""
    made = [audit.record_read(SYSTEM, "view patient", person_id=number, reason=f"Zoë’s reason {number}") for number in range(1, 7)]
    assert audit.seal() == 6
    return made


class Underneath:
    """The database as its owner sees it: triggers out of the way. `verify` is the command, as an operator runs it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "copied.sqlite3"
        if connection.vendor == "sqlite":
            connection.ensure_connection()
            with closing(sqlite3.connect(self.path)) as copy:
                connection.connection.backup(copy)

    def edit(self, *statements: str) -> None:
        if connection.vendor == "sqlite":
            with closing(sqlite3.connect(self.path)) as file:
                for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                    file.execute(f"DROP TRIGGER {name}")
                for statement in statements:
                    file.execute(statement)
                file.commit()
            return
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            try:
                for statement in statements:
                    cursor.execute(statement)
            finally:
                cursor.execute("SET session_replication_role = origin")

    def verify(self, *options: str) -> tuple[int, dict]:
        """Ends with, and says."""
        values = connection.settings_dict
        url = f"sqlite:///{self.path}"
        if connection.vendor == "postgresql":
            url = f"postgresql://{values['USER']}:{values['PASSWORD']}@{values['HOST'] if '/' not in values['HOST'] else ''}"
            url += f":{values['PORT']}" if values["PORT"] else ""
            url += f"/{values['NAME']}" + (f"?host={values['HOST']}" if "/" in values["HOST"] else "")
        environment = os.environ | {"STEPWELL_DATABASE_URL": url, "STEPWELL_VAR": str(self.path.parent), "STEPWELL_HOSTS": ""}
        command = [sys.executable, "-m", "stepwell.cli", "audit", "verify", "--json", *options]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)


@pytest.fixture
def underneath(trail, tmp_path) -> Underneath:
    return Underneath(tmp_path)


def test_an_untouched_copy_is_whole(trail, underneath):
    code, told = underneath.verify("--expect-head", audit.verify().head)
    assert (code, told["ok"], told["sealed"], told["broken"]) == (0, True, 6, None)


EDITS = {
    "a reason": (3, "UPDATE core_auditentry SET reason = 'nothing' WHERE id = {e3}", "altered"),
    "who": (4, "UPDATE core_auditentry SET user_name = 'Somebody else' WHERE id = {e4}", "altered"),
    "when": (2, "UPDATE core_auditentry SET at = '2001-01-01 00:00:00' WHERE id = {e2}", "altered"),
    "about whom": (6, "UPDATE core_auditentry SET person_id = 99 WHERE id = {e6}", "altered"),
    "an entry removed": (3, "DELETE FROM core_auditentry WHERE id = {e3}", "removed"),
    "an entry and its seal removed": (
        3, "DELETE FROM core_auditentry WHERE id = {e3}; DELETE FROM core_auditseal WHERE position = 3", "missing",
    ),
    "two places": (
        2, "UPDATE core_auditentry SET reason = 'x' WHERE id = {e5}; UPDATE core_auditentry SET reason = 'x' WHERE id = {e2}", "altered",
    ),
    "a seal": (5, "UPDATE core_auditseal SET hash = '{zeros}' WHERE position = 5", "altered"),
    "two entries swapped": (
        1,
        "UPDATE core_auditseal SET entry_id = -1 WHERE position = 1; UPDATE core_auditseal SET entry_id = {e1} WHERE position = 2; "
        "UPDATE core_auditseal SET entry_id = {e2} WHERE position = 1",
        "altered",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("position", "edit", "why"), EDITS.values(), ids=EDITS.keys())
def test_editing_the_file_underneath_is_found_at_the_first_broken_link(trail, underneath, position, edit, why):
    ids = {f"e{number}": entry.pk for number, entry in enumerate(trail, start=1)}
    underneath.edit(*edit.format(zeros="0" * 64, **ids).split("; "))
    code, told = underneath.verify()
    assert (code, told["ok"], told["broken"]["position"], told["sealed"]) == (1, False, position, position - 1)
    assert why in told["broken"]["why"]
    if why != "missing":
        named = {entry.pk: place for place, entry in enumerate(trail, start=1)}
        assert told["broken"]["entry_id"] in named


def test_a_tail_that_was_cut_off_is_found_by_the_head_that_was_kept(trail, underneath):
    kept = audit.verify().head
    last = trail[-1].pk
    underneath.edit(f"DELETE FROM core_auditseal WHERE entry_id = {last}", f"DELETE FROM core_auditentry WHERE id = {last}")
    assert underneath.verify()[0] == 0, "without a head kept elsewhere, the end cannot be missed"
    code, told = underneath.verify("--expect-head", kept)
    assert (code, told["broken"]["position"]) == (1, 6) and "cut off" in told["broken"]["why"]


def test_a_chain_that_was_sealed_anew_is_found_by_the_head_that_was_kept(trail, underneath):
    """Somebody who has the code can compute every hash again; they cannot change what was noted elsewhere."""
    kept = audit.verify().head
    changed = AuditEntry.objects.get(pk=trail[3].pk)
    changed.reason = "a better story"
    hashes, previous = [], AuditSeal.objects.get(position=3).hash
    for position, entry in enumerate([changed, *AuditEntry.objects.filter(pk__gt=changed.pk).order_by("pk")], start=4):
        digest = audit.link(previous, entry)
        hashes.append(f"UPDATE core_auditseal SET previous = '{previous}', hash = '{digest}' WHERE position = {position}")
        previous = digest
    underneath.edit(f"UPDATE core_auditentry SET reason = 'a better story' WHERE id = {changed.pk}", *hashes)
    assert underneath.verify()[0] == 0
    code, told = underneath.verify("--expect-head", kept)
    assert code == 1 and "sealed anew" in told["broken"]["why"]


def test_a_head_stays_good_while_the_trail_grows(trail):
    kept = audit.verify().head
    audit.record_read(SYSTEM, "view patient", person_id=9)
    audit.seal()
    assert audit.verify(kept).ok and audit.verify(audit.GENESIS).ok
    assert not audit.verify("f" * 64).ok
