"""Nobody rewrites history: not the model, not bulk queries, not raw SQL, on either database."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction

from stepwell.web.core import append_only, audit
from stepwell.web.core.actor import Actor
from stepwell.web.core.append_only import AppendOnlyError, AppendOnlyModel
from stepwell.web.core.models import AuditEntry, AuditSeal

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system("tests")


@pytest.fixture
def entry() -> AuditEntry:
    made = audit.record_read(SYSTEM, "view patient", person_id=7, reason="a reason")
    audit.seal()
    return made


def test_every_append_only_model_has_its_triggers():
    models = [model for model in apps.get_models() if issubclass(model, AppendOnlyModel)]
    assert {model._meta.db_table for model in models} <= append_only.protected_tables(connection)
    assert AuditEntry in models


def test_the_model_refuses_changes(entry):
    entry.reason = "another"
    with pytest.raises(AppendOnlyError, match="append-only"):
        entry.save()
    with pytest.raises(AppendOnlyError, match="append-only"):
        entry.delete()


STATEMENTS = {
    "update an entry": "UPDATE core_auditentry SET reason = 'another'",
    "delete an entry": "DELETE FROM core_auditentry",
    "update a seal": "UPDATE core_auditseal SET hash = 'x'",
    "delete a seal": "DELETE FROM core_auditseal",
}


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS.keys())
def test_the_database_refuses(entry, statement):
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert AuditEntry.objects.get(pk=entry.pk).reason == "a reason"
    assert audit.verify().ok


def test_the_database_refuses_bulk_queries(entry):
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditEntry.objects.update(reason="another")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditEntry.objects.filter(pk=entry.pk)._raw_delete(using="default")


def test_the_database_refuses_to_replace_or_truncate(entry):
    if connection.vendor == "postgresql":
        statements = ["TRUNCATE core_auditentry"]
    else:
        columns = ", ".join(field.column for field in AuditSeal._meta.concrete_fields)
        replace = f"INSERT OR REPLACE INTO core_auditseal ({columns})"
        statements = [
            f"{replace} SELECT position, entry_id, previous, 'x', sealed_at FROM core_auditseal",
            f"{replace} SELECT position + 1, entry_id, previous, 'x', sealed_at FROM core_auditseal",
        ]
    for statement in statements:
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    assert audit.verify().ok
