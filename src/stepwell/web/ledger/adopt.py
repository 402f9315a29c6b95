"""A new ledger takes over the workflow rows that the store already holds (written by a command, or by an earlier database).

Only when the database has none of its own: from then on the database is the truth and the store its copy.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction

from stepwell.records.store import Store
from stepwell.web.agreements import selectors as agreements
from stepwell.web.agreements import services as agreement_services
from stepwell.web.core import audit, clock
from stepwell.web.core.actor import Actor
from stepwell.web.ledger.models import Asked, Disposition, OwnerAssertion, PackApproval, PersonRecord, RecordedResult


def has_workflow() -> bool:
    own: tuple[Any, ...] = (Asked, Disposition, OwnerAssertion, PackApproval, RecordedResult)
    return agreements.any_agreement() or any(model.objects.exists() for model in own)


def adopt(store: Store) -> int:
    """Copy the store's workflow into an empty ledger; gives the number of rows."""
    names = ("agreement_lines", "owner_requests", "owner_assertions", "dispositions", "recorded_results", "asked", "approvals")
    rows = {name: store.table(name).to_pylist() for name in names}
    if not any(rows.values()) or has_workflow():
        return 0
    actor, now = Actor.system("adoption"), clock.now()
    with transaction.atomic():
        persons = {row["person_id"] for name in names[:-1] for row in rows[name]}
        known = set(PersonRecord.objects.filter(person_id__in=persons).values_list("person_id", flat=True))
        PersonRecord.objects.bulk_create([PersonRecord(person_id=p) for p in sorted(persons - known)], batch_size=500)
        agreement_services.adopt_lines(actor, rows["agreement_lines"], at=now)
        agreement_services.adopt_requests(actor, rows["owner_requests"], at=now)
        models: tuple[tuple[str, Any], ...] = (
            ("owner_assertions", OwnerAssertion),
            ("dispositions", Disposition),
            ("recorded_results", RecordedResult),
            ("asked", Asked),
        )
        for name, model in models:
            model.objects.bulk_create([model(recorded_at=now, **_filled(row)) for row in rows[name]], batch_size=500)
        PackApproval.objects.bulk_create([PackApproval(recorded_at=now, **row) for row in rows["approvals"]])
        audit.record_write(actor, "adopt workflow", person_ids=sorted(persons), subject_type="store", subject_id=store.version)
    return sum(len(found) for found in rows.values())


def _filled(row: dict[str, Any]) -> dict[str, Any]:
    return {name: "" if value is None and name in _BLANK_WHEN_NULL else value for name, value in row.items()}


_BLANK_WHEN_NULL = ("owner_role", "label", "test", "ended_why", "source_label", "action_url")
