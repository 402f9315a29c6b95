"""The workflow extract: what people did, as the tables the engine reads (records/schema.py WORKFLOW)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import pyarrow as pa

from stepwell.engine.reconcile import ASKED
from stepwell.records.schema import WORKFLOW
from stepwell.web.agreements import selectors as agreements
from stepwell.web.ledger.models import Asked, AskedKind, Disposition, OwnerAssertion, PackApproval, RecordedResult

PERSONAL = ("agreement_lines", "owner_requests", "owner_assertions", "dispositions", "recorded_results", "asked")


def extract(person_ids: Collection[int] | None = None) -> dict[str, pa.Table]:
    """The tables that belong to people, of these people or of all, and `approvals` whole. What was undone is left out."""
    rows: dict[str, list[dict[str, Any]]] = {
        "agreement_lines": agreements.workflow_rows(person_ids),
        "owner_requests": agreements.request_rows(person_ids),
        "owner_assertions": _rows(OwnerAssertion, ("substance", "owner_org", "owner_role", "from_on", "to_on"), person_ids),
        "dispositions": _dispositions(person_ids),
        "recorded_results": _rows(RecordedResult, ("test", "effective_on", "value_milli"), person_ids),
        "asked": _asked(person_ids),
        "approvals": [dict(row) for row in PackApproval.objects.order_by("id").values(*WORKFLOW["approvals"].names)],
    }
    for row in rows["owner_assertions"]:
        row["owner_role"] = row["owner_role"] or None
    return {name: pa.Table.from_pylist(found, schema=WORKFLOW[name].arrow_schema()) for name, found in rows.items()}


def _rows(model: Any, names: tuple[str, ...], person_ids: Collection[int] | None) -> list[dict[str, Any]]:
    found = _of(model.objects.filter(undone_at__isnull=True).order_by("id"), person_ids)
    columns = ("person_id", "label", *names)
    return [dict(zip(columns, row, strict=True)) for row in found.values_list(*columns)]


def _asked(person_ids: Collection[int] | None) -> list[dict[str, Any]]:
    rows = [dict(row) for row in _of(Asked.objects.order_by("id"), person_ids).values(*WORKFLOW["asked"].names)]
    for row in rows:
        for name in _NULL_WHEN_BLANK:
            row[name] = row[name] or None
    return rows


_NULL_WHEN_BLANK = ("test", "owner_role", "ended_why", "source_label", "action_url")


def _dispositions(person_ids: Collection[int] | None) -> list[dict[str, Any]]:
    """Answers to duties. Of one that people's work raised anew only those given since: the others answered it the time before."""
    rows = _rows(Disposition, (*_KEY, "kind", "on_date", "until", "recorded_at"), person_ids)
    begun = _begun(person_ids)
    given = [(row, row.pop("recorded_at")) for row in rows]
    return [row for row, at in given if (since := begun.get((row["person_id"], *(row[name] for name in _KEY)))) is None or at >= since]


_KEY = ("rule_id", "subject", "point")


def _begun(person_ids: Collection[int] | None) -> dict[tuple[int, str, str, str], datetime]:
    """When the present round of each raised duty began, by its key; those that were raised once only are left out."""
    columns = ("person_id", "source", "source_id", "point", "round", "recorded_at")
    found: dict[tuple[int, str, str, str], datetime] = {}
    rounds: dict[tuple[int, str, str, str], int] = {}
    rows = _of(Asked.objects.filter(kind=AskedKind.ASKED, round__gt=1).order_by("seq"), person_ids)
    for person_id, source, source_id, point, number, at in rows.values_list(*columns):
        key = (person_id, f"{ASKED}.{source}", source_id, point)
        if rounds.get(key) != number:
            rounds[key], found[key] = number, at
    return found


def _of(found: Any, person_ids: Collection[int] | None) -> Any:
    return found if person_ids is None else found.filter(person_id__in=list(person_ids))
