"""The workflow extract: what people did, as the tables the engine reads (records/schema.py WORKFLOW)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pyarrow as pa

from stepwell.records.schema import WORKFLOW
from stepwell.web.agreements import selectors as agreements
from stepwell.web.ledger.models import Disposition, OwnerAssertion, PackApproval, RecordedResult

PERSONAL = ("agreement_lines", "owner_assertions", "dispositions", "recorded_results")


def extract(person_ids: Collection[int] | None = None) -> dict[str, pa.Table]:
    """The tables that belong to people, of these people or of all, and `approvals` whole. What was undone is left out."""
    rows: dict[str, list[dict[str, Any]]] = {
        "agreement_lines": agreements.workflow_rows(person_ids),
        "owner_assertions": _rows(OwnerAssertion, ("substance", "owner_org", "owner_role", "from_on", "to_on"), person_ids),
        "dispositions": _rows(Disposition, ("rule_id", "subject", "point", "kind", "on_date", "until"), person_ids),
        "recorded_results": _rows(RecordedResult, ("test", "effective_on", "value_milli"), person_ids),
        "approvals": [dict(row) for row in PackApproval.objects.order_by("id").values(*WORKFLOW["approvals"].names)],
    }
    for row in rows["owner_assertions"]:
        row["owner_role"] = row["owner_role"] or None
    return {name: pa.Table.from_pylist(found, schema=WORKFLOW[name].arrow_schema()) for name, found in rows.items()}


def _rows(model: Any, names: tuple[str, ...], person_ids: Collection[int] | None) -> list[dict[str, Any]]:
    found = model.objects.filter(undone_at__isnull=True).order_by("id")
    if person_ids is not None:
        found = found.filter(person_id__in=list(person_ids))
    columns = ("person_id", "label", *names)
    return [dict(zip(columns, row, strict=True)) for row in found.values_list(*columns)]
