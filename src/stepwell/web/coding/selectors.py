"""Reads of the coding queue: products of the actor's own records that wait, whom a decision touches, what was decided."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import duckdb

from stepwell import knowledge
from stepwell.records import coding
from stepwell.records.store import Store
from stepwell.web.coding.models import CodingEvent
from stepwell.web.core.actor import Actor
from stepwell.web.ledger.evaluation import open_store

Product = Mapping[str, Any]


@lru_cache(maxsize=2)
def _queue(path: str, version: int, pack: str) -> tuple[Product, ...]:
    """The whole queue of one version of the store; a decision makes a new version."""
    rows = coding.coding_queue(Store.open(path), knowledge.load(), limit=None).to_pylist()
    return tuple({**row, "key": product_key(row)} for row in rows)


def product_key(row: Product) -> str:
    """Names a product in an address without saying what the record wrote."""
    told = "|".join(str(row[name] or "") for name in ("code_system", "code", "term"))
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def products_for(actor: Actor) -> list[Product]:
    """Products as written in the records of the actor's organisations, most people first."""
    store = open_store()
    own = set(actor.organisations)
    return [row for row in _queue(str(store.path), store.version, knowledge.load().version) if own & set(row["sources"])]


def product_for(actor: Actor, key: str) -> Product | None:
    return next((row for row in products_for(actor) if row["key"] == key), None)


_AFFECTED = """
SELECT DISTINCT links.person_id FROM read_parquet([{files}], union_by_name = true) AS rows
JOIN links ON links.subject_id = rows.subject_id AND links.undone_at IS NULL
WHERE {place} ORDER BY 1
"""


def people_with(store: Store, *, code_system: str, code: str, term: str) -> list[int]:
    """Persons whose plans or issues name this code, or without a code this term."""
    files = [str(file) for table in ("medication_plans", "medication_issues") for file in store.files(table)]
    if not files:
        return []
    quoted = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
    place, values = ("code_system = ? AND code = ?", [code_system, code]) if code else ("lower(term) = ?", [term.lower()])
    with duckdb.connect(":memory:") as db:
        db.register("links", store.table("links"))
        return [row[0] for row in db.execute(_AFFECTED.format(files=quoted, place=place), values).fetchall()]


def in_force() -> list[CodingEvent]:
    """Of each code or term the decision that holds."""
    rows = CodingEvent.objects.filter(undoes__isnull=True, undone_by__isnull=True).order_by("id")
    return list({place(row): row for row in rows}.values())


def place(row: CodingEvent) -> tuple[str, str]:
    return (row.code_system, row.code) if row.code else ("", row.term.lower())


def ever_decided() -> set[tuple[str, str]]:
    return {place(row) for row in CodingEvent.objects.all()}


def decisions_of(actor: Actor, limit: int = 50) -> list[CodingEvent]:
    """What the actor's organisations decided or took back, the newest first."""
    rows = CodingEvent.objects.filter(org_code__in=actor.organisations).select_related("by", "undoes", "undone_by")
    return list(rows.order_by("-id")[:limit])


def event_for(actor: Actor, event_id: int) -> CodingEvent | None:
    return CodingEvent.objects.filter(pk=event_id, org_code__in=actor.organisations, undoes__isnull=True).first()
