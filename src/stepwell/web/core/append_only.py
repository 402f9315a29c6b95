"""Rows that are written once. The model refuses in Python; triggers refuse in the database, so that bulk and raw SQL are
refused too, on SQLite and on PostgreSQL.

    class Meta(AppendOnlyModel.Meta): ...
    operations = [..., append_only.protect("ledger_dutyevent")]      # in the migration that creates the table

A later SQLite migration that rebuilds a table drops its triggers silently: add `protect` again in that migration.
`tests/web/test_audit_append_only.py` asks every append-only model for its triggers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

PREFIX = "append_only"


class AppendOnlyError(Exception):
    """Someone tried to change history in Python."""


class AppendOnlyModel(models.Model):
    """A row that is inserted once and never changed or deleted."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnlyError(f"{self._meta.label} is append-only: write a new row that supersedes this one.")
        kwargs["force_insert"] = True
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnlyError(f"{self._meta.label} is append-only: write a new row that says it was entered in error.")


class Protect(Operation):
    """Puts the triggers on a table. It asks nothing of the models, so Django need not draw them for it."""

    reversible = True

    def __init__(self, table: str, keys: Sequence[str] = ("id",)) -> None:
        self.table, self.keys = table, keys

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """The tables stay as they are."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: ProjectState, to_state: ProjectState) -> None:
        install(schema_editor.connection, self.table, self.keys)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: ProjectState, to_state: ProjectState) -> None:
        remove(schema_editor.connection, self.table)

    def describe(self) -> str:
        return f"Make {self.table} append-only"


def protect(table: str, keys: Sequence[str] = ("id",)) -> Protect:
    """A migration operation that puts the triggers on `table`. `keys` are its primary and unique columns."""
    return Protect(table, keys)


def install(connection: BaseDatabaseWrapper, table: str, keys: Sequence[str] = ("id",)) -> None:
    with connection.cursor() as cursor:
        for statement in create_statements(connection.vendor, table, keys):
            cursor.execute(statement)


def remove(connection: BaseDatabaseWrapper, table: str) -> None:
    with connection.cursor() as cursor:
        for statement in drop_statements(connection.vendor, table):
            cursor.execute(statement)


def create_statements(vendor: str, table: str, keys: Sequence[str]) -> list[str]:
    if vendor == "postgresql":
        return [
            f"""CREATE OR REPLACE FUNCTION {PREFIX}_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$""",
            f"""CREATE OR REPLACE TRIGGER {PREFIX}_{table} BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
                FOR EACH STATEMENT EXECUTE FUNCTION {PREFIX}_refuse()""",
        ]
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    # INSERT OR REPLACE deletes the old row without asking the delete trigger, so it is refused at the insert.
    replaces = " OR ".join(f"EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key})" for key in keys)
    return [
        *drop_statements(vendor, table),
        f"CREATE TRIGGER {PREFIX}_{table}_update BEFORE UPDATE ON {table} {refuse}",
        f"CREATE TRIGGER {PREFIX}_{table}_delete BEFORE DELETE ON {table} {refuse}",
        f"CREATE TRIGGER {PREFIX}_{table}_replace BEFORE INSERT ON {table} WHEN {replaces} {refuse}",
    ]


def drop_statements(vendor: str, table: str) -> list[str]:
    if vendor == "postgresql":
        return [f"DROP TRIGGER IF EXISTS {PREFIX}_{table} ON {table}"]
    return [f"DROP TRIGGER IF EXISTS {PREFIX}_{table}_{kind}" for kind in ("update", "delete", "replace")]


def protected_tables(connection: BaseDatabaseWrapper) -> set[str]:
    """Tables whose triggers are in place, as the database tells it."""
    if connection.vendor == "postgresql":
        query = f"SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname LIKE '{PREFIX}_%' AND tgenabled <> 'D'"
    else:
        query = f"""SELECT tbl_name FROM sqlite_master WHERE type = 'trigger' AND name LIKE '{PREFIX}_%'
                    GROUP BY tbl_name HAVING count(*) = 3"""
    with connection.cursor() as cursor:
        cursor.execute(query)
        return {row[0] for row in cursor.fetchall()}
