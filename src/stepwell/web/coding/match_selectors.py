"""Reads of the queue of people who may be one: pairs of which a record is the actor's, and what was decided."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from stepwell.records import coding
from stepwell.records.store import Store
from stepwell.web.coding.models import MatchEvent
from stepwell.web.core.actor import Actor
from stepwell.web.ledger.evaluation import open_store

Pair = Mapping[str, Any]
COMPARED = ("family_name", "given_name", "title", "birth_date", "sex", "nhs_number", "nhs_status", "address", "postcode", "source")


@lru_cache(maxsize=2)
def _queue(path: str, version: int) -> tuple[Pair, ...]:
    """The whole queue of one version of the store; a decision makes a new version."""
    rows = coding.match_queue(Store.open(path), limit=None).to_pylist()
    return tuple({**row, "key": pair_key(row)} for row in rows)


def pair_key(row: Pair) -> str:
    """Names a pair in an address without naming anybody."""
    return hashlib.sha256(f"{row['subject_a']}|{row['subject_b']}".encode()).hexdigest()[:16]


def pairs_for(actor: Actor) -> list[Pair]:
    """Pairs of which at least one record is held by the actor's organisations, strongest ground first."""
    store = open_store()
    own = set(actor.organisations)
    return [row for row in _queue(str(store.path), store.version) if own & {row["source_a"], row["source_b"]}]


def pair_for(actor: Actor, key: str) -> Pair | None:
    return next((row for row in pairs_for(actor) if row["key"] == key), None)


def records_of(pairs: list[Pair]) -> dict[int, dict[str, Any]]:
    """What the two records of each pair say of their person, by subject: `COMPARED`."""
    persons = {row[name] for row in pairs for name in ("person_a", "person_b")}
    wanted = {row[name] for row in pairs for name in ("subject_a", "subject_b")}
    rows = open_store().table("patients", persons, columns=["subject_id", *COMPARED]).to_pylist() if persons else []
    return {row["subject_id"]: row for row in rows if row["subject_id"] in wanted}


def decisions_of(actor: Actor, limit: int = 50) -> list[MatchEvent]:
    """What the actor's organisations decided, the newest first."""
    rows = MatchEvent.objects.filter(org_code__in=actor.organisations).select_related("by", "undone_by")
    return list(rows.order_by("-id")[:limit])


def event_for(actor: Actor, event_id: int) -> MatchEvent | None:
    return MatchEvent.objects.filter(pk=event_id, org_code__in=actor.organisations).select_related("by").first()
