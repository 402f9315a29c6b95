"""The inventory of shared care: what an organisation has agreed, and what falls between it and others.

Whoever may open a person finds them by name; a trust that has discharged somebody, and a commissioner, find numbers. What the
actor is not shown of a record is in no row; the commissioner's numbers count everybody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stepwell import knowledge
from stepwell.records.store import Store
from stepwell.web.accounts import selectors as accounts
from stepwell.web.agreements import selectors
from stepwell.web.agreements.models import Agreement, AgreementStatus
from stepwell.web.agreements.orphans import Caseload, Held, Kind, OnRecord, Orphan, Taken, orphans
from stepwell.web.core.actor import Actor
from stepwell.web.ledger import known
from stepwell.web.ledger.evaluation import open_store
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.privacy import restrict
from stepwell.web.registers import selectors as registers

_COLUMNS = ["subject_id", "org_code", "kind", "started_on", "ended_on"]
_CASELOAD = "caseload"
_TAKEN_NOW = "current"
# People are read so many at a time: their medicines are kept whole, and a region has many.
_BATCH = 2_000


@dataclass(frozen=True, slots=True)
class Found:
    """`rows` in the order of worry, the longest first; `unnamed` counts by practice people whom the actor's organisation
    discharged without a plan and may no longer open."""

    rows: list[Orphan] = field(default_factory=list)
    people: dict[int, PersonRecord] = field(default_factory=dict)
    unnamed: dict[str, int] = field(default_factory=dict)

    def of(self, kind: Kind) -> list[Orphan]:
        return [row for row in self.rows if row.kind is kind]


@cache
def watched() -> frozenset[str]:
    """Medicines that two organisations share if anybody does: started by a specialist, and not kept by a clinic of their own."""
    pack = knowledge.load()
    kept = [pack.members[protocol.set] for protocol in pack.protocols.values() if not protocol.requestable.value]
    return known.specialist_initiated().difference(*kept)


@cache
def _registers() -> tuple[str, ...]:
    return tuple(key for key, _ in known.registers() if known.register_members(key) & watched())


def orphans_for(actor: Actor, on: date) -> Found:
    """Everything that is nobody's plan for people whom the actor may open."""
    ids = registers.members(registers.Seen(actor, on)).filter(register__in=_registers()).order_by()
    people = list(PersonRecord.objects.filter(person_id__in=ids.values("person_id"), death_date=None))
    restrict.cut_for(actor, people)
    rows = _orphans(people, on)
    named = {person.person_id: person for person in people}
    return Found(_by_worry(rows), {row.person_id: named[row.person_id] for row in rows}, _unnamed(actor, on, named))


def _by_worry(rows: Iterable[Orphan]) -> list[Orphan]:
    kinds = list(Kind)
    return sorted(rows, key=lambda row: (kinds.index(row.kind), row.since or date.max, row.person_id, row.substance))


def _unnamed(actor: Actor, on: date, named: Collection[int]) -> dict[str, int]:
    """By practice, people whom the actor's organisation discharged without a plan, beyond those it may still open."""
    own = accounts.with_parts([actor.organisation], on)
    store = open_store()
    left = {person_id for person_id in _once_on_caseload(store, own) if person_id not in named}
    counts: Counter[str] = Counter()
    for row in _everybodys(sorted(left), on):
        counts[row.practice] += row.kind is Kind.DISCHARGED and row.other in own
    return {code: number for code, number in counts.items() if number}


def numbers(practices: Collection[str], on: date) -> Counter[tuple[str, str, Kind]]:
    """(practice, specialist side, kind) → how many, of everybody registered at these practices: for whoever may see numbers and
    no names."""
    found: Counter[tuple[str, str, Kind]] = Counter()
    for row in _everybodys(registers.people_on(_registers(), practices), on):
        if row.practice in practices:
            found[row.practice, row.other, row.kind] += 1
    return found


def _everybodys(person_ids: Collection[int], on: date) -> Iterable[Orphan]:
    """Of these people, whoever asks: for counting."""
    ids = sorted(person_ids)
    for start in range(0, len(ids), _BATCH):
        people = PersonRecord.objects.filter(person_id__in=ids[start : start + _BATCH], death_date=None)
        yield from _orphans(list(people.only("person_id", "gp_org", "medicines")), on)


def _orphans(people: Collection[PersonRecord], on: date) -> list[Orphan]:
    taking = {person.person_id: medicines for person in people if (medicines := _taken(person))}
    people = [person for person in people if person.person_id in taking]
    caseloads = caseloads_of(open_store(), taking)
    held, ended = _agreements(people, on)
    found: list[Orphan] = []
    for person in people:
        key = person.person_id
        record = OnRecord(key, person.gp_org, taking[key], caseloads.get(key, []), held.get(key, []), ended.get(key, {}))
        found += orphans(record, on)
    return found


def _taken(person: PersonRecord) -> list[Taken]:
    return [
        Taken(
            row["substance"],
            date.fromisoformat(row["started_on"]) if row["started_on"] else None,
            row["owner_org"],
            frozenset((row["supplied_by"] or "").split("+")) - {""},
            tuple(code for code in (row["supplier_orgs"] or "").split("+") if code),
        )
        for row in person.medicines
        if row["substance"] in watched() and row["status"] == _TAKEN_NOW
    ]


# Time on caseloads: from the records, because what is over is no relationship any more


def caseloads_of(store: Store, person_ids: Collection[int]) -> dict[int, list[Caseload]]:
    """Every time on a caseload, over or not, of these people."""
    if not person_ids:
        return {}
    owner = {subject: person for person, subjects in store.person_subjects(person_ids).items() for subject in subjects}
    found: dict[int, list[Caseload]] = {}
    for row in _caseload_rows(store.table("registrations", person_ids, _COLUMNS)):
        if row["org_code"] and row["subject_id"] in owner:
            found.setdefault(owner[row["subject_id"]], []).append(Caseload(row["org_code"], row["started_on"], row["ended_on"]))
    return found


def _once_on_caseload(store: Store, codes: Collection[str]) -> set[int]:
    """Whoever was ever on the caseload of one of these organisations."""
    rows = store.table("registrations", None, _COLUMNS)
    rows = rows.filter(pc.fill_null(pc.is_in(rows["org_code"], pa.array(sorted(codes))), False))
    subjects = {row["subject_id"] for row in _caseload_rows(rows)}
    return set(store.subject_persons(subjects).values()) if subjects else set()


def _caseload_rows(rows: pa.Table) -> list[dict[str, Any]]:
    return list(rows.filter(pc.fill_null(pc.equal(rows["kind"], _CASELOAD), False)).to_pylist())


# Agreements, as the rule reads them


def _agreements(people: Collection[PersonRecord], on: date) -> tuple[dict[int, list[Held]], dict[int, dict[str, date]]]:
    """In force, and of those that are over the last day they held, by person. One that was taken back is over: the specialist has
    everything again."""
    practice = {person.person_id: person.gp_org for person in people}
    held: dict[int, list[Held]] = {}
    ended: dict[int, dict[str, date]] = {}
    for row in selectors.begun(practice, on):
        status = row.status_on(on)
        if status in (AgreementStatus.ACTIVE, AgreementStatus.SUSPENDED):
            held.setdefault(row.person_id, []).append(_held(row, practice[row.person_id]))
            continue
        over = row.to_on if status is AgreementStatus.ENDED else row.state_from
        days = ended.setdefault(row.person_id, {})
        if over is not None:
            days[row.substance] = max(over, days.get(row.substance, over))
    return held, ended


def _held(row: Agreement, practice: str) -> Held:
    pack = knowledge.load().protocols.get(row.protocol)
    return Held(
        id=row.pk,
        substance=row.substance,
        specialist=row.between_org if row.between_org != practice else row.and_org,
        from_on=row.from_on or row.agreed_on or date.min,
        review_on=row.review_on,
        specialist_review_on=row.specialist_review_on,
        protocol=pack.label if pack else row.protocol,
        newer_since=selectors.superseded_since(row),
    )
