"""Puts an evaluation into the database: reconcile decides, this writes. Used for one person and for thousands alike.

Each call writes one batch of people in one short transaction. A person whose high-water mark is ahead of the evaluation is
left as they are (design.md "Reconcile").
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from operator import itemgetter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from django.db import transaction

from stepwell.engine.contract import NOBODY
from stepwell.engine.reconcile import ASKED, Change, ChangeKind, Key, Mark, Need, Reason, applied, latest_by_key, reconcile, why_gone
from stepwell.engine.reconcile import Duty as EngineDuty
from stepwell.engine.reconcile_tables import because_to_json, fields_to_json, needs_from_tables
from stepwell.web.agreements import selectors as agreements
from stepwell.web.core.access import RelationshipKind
from stepwell.web.ledger.arrangement import arrangement_of, carry, is_arranged
from stepwell.web.ledger.bulk import update_rows
from stepwell.web.ledger.holding import OWNER, owner_of_need, take_owner
from stepwell.web.ledger.models import (
    Duty,
    DutyEvent,
    DutyState,
    Handover,
    HandoverScope,
    HandoverState,
    PendingEvaluation,
    PersonRecord,
    Relationship,
)
from stepwell.web.ledger.people import Person

KEPT_RESULTS = 6

_NULLABLE_TEXT = ("test", "served_by", "owner_role", "owner_basis", "owner_label", "mark")
_VALUES = (
    "rule_version", "kind", "title", "anchor_on", "opens_on", "due_on", "escalate_on", "served_on", "owner_org", "needs_approval",
    "priority", *_NULLABLE_TEXT,
)  # fmt: skip
_WRITTEN = (
    *_VALUES, "because", "state", "base_on", "withdrawn_on", "ended_on", "ended_by", "ended_why", "until", "closed_as_of",
    "shown_from", "deferred_why", "assigned_to", "acknowledged_by", "acknowledged_at", "second_look", "revision",
    "offer", "offered_to", "handed_to", "need_owner",
)  # fmt: skip


@dataclass(slots=True)
class Evaluated:
    """An evaluation cut up by person, with the people's banner values of the same store."""

    as_of: date
    store_version: int
    pack: str
    pack_version: str
    rules: Collection[str]
    substances: Collection[str]
    people: dict[int, Person]
    sequences: Mapping[int, int]
    needs: dict[int, list[Need]]
    medicines: dict[int, list[dict[str, Any]]]
    registers: dict[int, list[dict[str, Any]]]
    results: dict[int, list[dict[str, Any]]]
    priority: dict[int, list[dict[str, Any]]]
    spells: dict[int, list[dict[str, Any]]]
    totals: dict[int, list[dict[str, Any]]]
    interactions: dict[int, list[dict[str, Any]]]

    @classmethod
    def of(
        cls,
        tables: Mapping[str, pa.Table],
        *,
        dispositions: pa.Table,
        as_of: date,
        store_version: int,
        pack: str,
        pack_version: str,
        rules: Collection[str],
        substances: Collection[str],
        people: dict[int, Person],
        sequences: Mapping[int, int],
    ) -> Evaluated:
        needs: dict[int, list[Need]] = {}
        for need in needs_from_tables(tables["needs"], tables["because"], dispositions, as_of=as_of):
            needs.setdefault(need.key.person_id, []).append(need)
        return cls(
            as_of=as_of,
            store_version=store_version,
            pack=pack,
            pack_version=pack_version,
            rules=rules,
            substances=substances,
            people=people,
            sequences=sequences,
            needs=needs,
            medicines=_grouped(tables["medicines"]),
            registers=_grouped(tables["registers"]),
            results=_grouped(tables["results"]),
            priority=_grouped(tables["priority"]),
            # A spell that lasts says no more than the register does.
            spells=_grouped(tables["register_spells"].filter(pc.is_valid(tables["register_spells"]["left_on"]))),
            totals=_grouped(tables["totals"]),
            interactions=_grouped(tables["interactions"]),
        )


def _grouped(table: pa.Table) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for row in table.to_pylist():
        found.setdefault(row.pop("person_id"), []).append(row)
    return found


Keeper = Callable[[Evaluated, Collection[int]], None]
_keepers: list[Keeper] = []


def add_keeper(keeper: Keeper) -> None:
    """Another area keeps something of each evaluation: called inside the transaction that reconciles these people."""
    if keeper not in _keepers:
        _keepers.append(keeper)


# (organisation, evidence, first day, the day it no longer holds)
Reach = tuple[str, str, date | None, date | None]
ReachFor = Callable[[Collection[int]], Mapping[int, Sequence[Reach]]]
_reaches: list[ReachFor] = []


def add_reach(provider: ReachFor) -> None:
    """Another area asks organisations something about people: `provider(person_ids)` tells who reaches them because of it, and from
    when until when. They become relationships of the kind request."""
    if provider not in _reaches:
        _reaches.append(provider)


@dataclass(slots=True)
class Applied:
    """What a batch did: changes by kind, people written, people left alone because the ledger was ahead."""

    counts: Counter[str] = field(default_factory=Counter)
    people: int = 0
    stale: list[int] = field(default_factory=list)

    def add(self, other: Applied) -> None:
        self.counts += other.counts
        self.people += other.people
        self.stale += other.stale


def apply_batch(evaluated: Evaluated, person_ids: Collection[int], *, at: datetime) -> Applied:
    """Write these people's part of an evaluation, in one transaction."""
    with transaction.atomic():
        outcome = Applied()
        records = _locked_records(evaluated, person_ids)
        current = []
        for person_id in sorted(person_ids):
            mark = _mark(evaluated, person_id)
            if mark.may_follow(_applied_mark(records[person_id])):
                current.append(person_id)
            else:
                outcome.stale.append(person_id)
        _write_duties(evaluated, current, outcome, at)
        _write_records(evaluated, [records[person_id] for person_id in current], at)
        _write_relationships(evaluated, current)
        for keep in _keepers:
            keep(evaluated, current)
        _settle_pending(evaluated, current)
        outcome.people = len(current)
        return outcome


def _mark(evaluated: Evaluated, person_id: int) -> Mark:
    return Mark(evaluated.store_version, evaluated.sequences.get(person_id, 0), evaluated.as_of)


def _applied_mark(record: PersonRecord) -> Mark | None:
    if record.read_as_of is None or record.read_store_version is None or record.read_sequence is None:
        return None
    return Mark(record.read_store_version, record.read_sequence, record.read_as_of)


def _locked_records(evaluated: Evaluated, person_ids: Collection[int]) -> dict[int, PersonRecord]:
    # In one order for everybody, so that two evaluations of the same people wait for each other and never in a ring.
    locked = PersonRecord.objects.select_for_update().filter(person_id__in=list(person_ids)).order_by("person_id")
    known = {record.person_id: record for record in locked}
    missing = [person_id for person_id in person_ids if person_id not in known]
    PersonRecord.objects.bulk_create([PersonRecord(person_id=person_id) for person_id in missing], batch_size=500)
    return known | PersonRecord.objects.in_bulk(missing)


# Duties


def _write_duties(evaluated: Evaluated, person_ids: list[int], outcome: Applied, at: datetime) -> None:
    rows: dict[int, list[Duty]] = {}
    for duty in Duty.objects.filter(person_id__in=person_ids).order_by("id"):
        rows.setdefault(duty.person_id, []).append(duty)
    offers = _open_offers(person_ids)
    changed: dict[int, Duty] = {}
    opened: list[Duty] = []
    events: list[DutyEvent] = []
    for person_id in person_ids:
        mine = {_place(row): row for row in rows.get(person_id, [])}
        latest = latest_by_key(to_engine(row) for row in mine.values())
        medicines = {row["substance"] for row in evaluated.medicines.get(person_id, [])}
        tell = why_gone(rules=evaluated.rules, stopped=set(evaluated.substances) - medicines)
        for change in reconcile(latest.values(), evaluated.needs.get(person_id, []), tell_gone=tell):
            outcome.counts[change.kind.value] += 1
            if change.kind is ChangeKind.OPENED:
                row = _opened(change, evaluated.as_of, mine)
                _join(row, offers.get((person_id, row.subject)))
                mine[_place(row)] = row
                opened.append(row)
            else:
                row = mine[(change.key, change.instance)]
                _move(row, change, evaluated.as_of, mine)
                changed[row.pk] = row
            if change.kind is not ChangeKind.REFRESHED:
                row.revision += 1
                events.append(_event(row, change, evaluated, at))
    # Endings are written before openings: only one instance of a duty may be open.
    update_rows(changed.values(), _WRITTEN)
    Duty.objects.bulk_create(opened, batch_size=500)
    for event in events:
        event.duty_id = event.duty.pk
    DutyEvent.objects.bulk_create(events, batch_size=500)


def _place(row: Duty) -> tuple[Key, int]:
    return Key(row.person_id, row.rule_id, row.subject, row.point), row.instance


def to_engine(row: Duty) -> EngineDuty:
    """The database row as reconcile sees it."""
    key = Key(row.person_id, row.rule_id, row.subject, row.point)
    values = {name: getattr(row, name) for name in _VALUES} | owner_of_need(row)
    values |= {name: values[name] or None for name in _NULLABLE_TEXT}
    because = tuple(
        Reason(r["kind"], r["label"], date.fromisoformat(r["on_date"]) if r["on_date"] else None, r["value"]) for r in row.because
    )
    return EngineDuty(
        key,
        row.instance,
        Need(key, "open", because=because, **values),
        base_on=row.base_on,
        withdrawn_on=row.withdrawn_on,
        ending=None if row.state == DutyState.OPEN else ChangeKind(row.state),
        ended_on=row.ended_on,
        ended_by=row.ended_by or None,
        ended_why=row.ended_why or None,
        until=row.until,
    )


def _take_values(row: Duty, need: Need) -> None:
    values = {name: getattr(need, name) for name in _VALUES}
    values |= {name: values[name] or "" for name in _NULLABLE_TEXT}
    take_owner(row, {name: values.pop(name) for name in OWNER})
    for name, value in values.items():
        setattr(row, name, value)
    row.because = json.loads(because_to_json(need.because))


def _opened(change: Change, as_of: date, mine: Mapping[tuple[Key, int], Duty]) -> Duty:
    assert change.need is not None
    key = change.key
    row = Duty(
        person_id=key.person_id,
        rule_id=key.rule_id,
        subject=key.subject,
        point=key.point,
        instance=change.instance,
        base_on=change.need.served_on,
        opened_as_of=as_of,
    )
    _take_values(row, change.need)
    _carry(row, change, mine)
    return row


def _carry(row: Duty, change: Change, mine: Mapping[tuple[Key, int], Duty]) -> None:
    """What was arranged on an earlier instance goes on with this one, unless this one has an arrangement of its own."""
    earlier = mine.get((change.key, change.carries)) if change.carries is not None else None
    if earlier is not None and not is_arranged(row):
        carry(row, earlier)


def _open_offers(person_ids: Collection[int]) -> dict[tuple[int, str], Handover]:
    """Medicines of these people that wait for another organisation's answer: what falls due meanwhile is part of the offer."""
    found = Handover.objects.filter(person_id__in=person_ids, scope=HandoverScope.MEDICINE, state=HandoverState.OPEN)
    return {(offer.person_id, offer.substance): offer for offer in found}


def _join(row: Duty, offer: Handover | None) -> None:
    if offer is not None and row.offer_id is None and row.owner_org in (offer.from_org, offer.owner_was):
        row.offer_id, row.offered_to = offer.pk, offer.to_org


def _move(row: Duty, change: Change, as_of: date, mine: Mapping[tuple[Key, int], Duty]) -> None:
    after = applied(to_engine(row), change)
    if after.is_open:
        _take_values(row, after.need)
        _carry(row, change, mine)
    row.base_on, row.withdrawn_on = after.base_on, after.withdrawn_on
    row.second_look = row.second_look or change.second_look
    if after.ending is not None:
        row.state = DutyState(after.ending.value)
        row.ended_on, row.ended_by, row.ended_why = after.ended_on, after.ended_by or "", after.ended_why or ""
        row.until, row.closed_as_of = after.until, as_of


def _event(row: Duty, change: Change, evaluated: Evaluated, at: datetime) -> DutyEvent:
    detail: dict[str, Any] = {"pack_version": evaluated.pack_version, "store_version": evaluated.store_version}
    if change.fields:
        detail["fields"] = json.loads(fields_to_json(change))
    if change.evidence_on is not None:
        detail["evidence_on"] = change.evidence_on.isoformat()
    if change.evidence_by:
        detail["evidence_by"] = change.evidence_by
    if change.until is not None:
        detail["until"] = change.until.isoformat()
    if change.carries is not None:
        detail["carries"] = change.carries
    if change.carries is not None or (change.kind is ChangeKind.OPENED and row.offer_id is not None):
        detail["arrangement"] = arrangement_of(row)
    if row.handed_to and change.fields:
        detail["held_by"] = row.handed_to
    return DutyEvent(duty=row, kind=change.kind.value, at=at, why=change.reason or "", detail=detail, as_of=evaluated.as_of)


# The person's cached record


def _write_records(evaluated: Evaluated, records: Iterable[PersonRecord], at: datetime) -> None:
    rows = list(records)
    names: set[str] = set()
    for record in rows:
        person = evaluated.people.get(record.person_id)
        values = dict(person.values) if person else {}
        values |= _caches(evaluated, record.person_id)
        mark = _mark(evaluated, record.person_id)
        values |= {
            "read_store_version": mark.store_version,
            "read_sequence": mark.sequence,
            "read_as_of": mark.as_of,
            "evaluated_at": at,
            "pack": evaluated.pack,
            "pack_version": evaluated.pack_version,
        }
        for name, value in values.items():
            setattr(record, name, value)
        names |= values.keys()
    update_rows(rows, sorted(names))


def _caches(evaluated: Evaluated, person_id: int) -> dict[str, Any]:
    reasons = sorted(evaluated.priority.get(person_id, []), key=itemgetter("points"), reverse=True)
    registers = evaluated.registers.get(person_id, [])
    lapsed = [need for need in evaluated.needs.get(person_id, []) if need.state == "lapsed"]
    return {
        "medicines": _jsonable(evaluated.medicines.get(person_id, [])),
        "registers": _jsonable(registers),
        "register_keys": "".join(f"|{row['register']}" for row in registers) + "|" if registers else "",
        "last_results": _jsonable(_latest_results(evaluated.results.get(person_id, []))),
        "never_recorded": [{"title": need.title, "subject": need.key.subject, "point": need.key.point} for need in lapsed],
        "reasons": _jsonable(reasons),
        "reason_keys": "".join(f"|{row['reason']}" for row in reasons) + "|" if reasons else "",
        "points": sum(row["points"] for row in reasons),
    }


def _latest_results(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last few of each test, newest first."""
    by_test: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda r: (r["effective_on"], r["value_milli"] or 0), reverse=True):
        found = by_test.setdefault(row["test"], [])
        if len(found) < KEPT_RESULTS:
            found.append(row)
    return [row for test in sorted(by_test) for row in by_test[test]]


def _jsonable(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value.isoformat() if isinstance(value, date) else value for name, value in row.items()} for row in rows]


def _write_relationships(evaluated: Evaluated, person_ids: list[int]) -> None:
    parties, asked = agreements.parties(evaluated.as_of, person_ids), _handover_parties(person_ids)
    reaches = [provider(person_ids) for provider in _reaches]
    wanted: dict[tuple[int, str, str], dict[str, Any]] = {}
    for person_id in person_ids:
        person = evaluated.people.get(person_id) or Person(person_id)
        for row in evaluated.medicines.get(person_id, []):
            for code in (row["supplier_orgs"] or "").split("+"):
                if code and code != person.values.get("gp_org"):
                    person.relate(code, RelationshipKind.SUPPLY, f"medicines/{row['substance']}")
        for code, agreement_id, from_on, to_on in parties.get(person_id, []):
            person.relate(code, RelationshipKind.AGREEMENT, f"agreements/{agreement_id}", from_on=from_on, to_on=to_on)
        for code, evidence in asked.get(person_id, []):
            if code != person.values.get("gp_org"):
                person.relate(code, RelationshipKind.REQUEST, evidence)
        for reach in reaches:
            for code, evidence, from_on, to_on in reach.get(person_id, ()):
                if code != person.values.get("gp_org"):
                    _relate_longest(person, code, evidence, from_on, to_on)
        for (code, kind), values in person.relationships.items():
            wanted[(person_id, code, kind.value)] = values
    known = {(r.person_id, r.org_code, r.kind): r for r in Relationship.objects.filter(person_id__in=person_ids)}
    gone = [row.pk for place, row in known.items() if place not in wanted or not _same(row, wanted[place])]
    Relationship.objects.filter(pk__in=gone).delete()
    Relationship.objects.bulk_create(
        [
            Relationship(person_id=place[0], org_code=place[1], kind=place[2], **values)
            for place, values in wanted.items()
            if place not in known or not _same(known[place], values)
        ],
        batch_size=500,
    )


def _relate_longest(person: Person, code: str, evidence: str, from_on: date | None, to_on: date | None) -> None:
    """One relationship of a kind is kept: of several requests the one that reaches furthest."""
    before = person.relationships.get((code, RelationshipKind.REQUEST))
    if before is not None and before["to_on"] is not None and (to_on is None or to_on > before["to_on"]):
        del person.relationships[(code, RelationshipKind.REQUEST)]
    person.relate(code, RelationshipKind.REQUEST, evidence, from_on=from_on, to_on=to_on)


def _handover_parties(person_ids: Collection[int]) -> dict[int, list[tuple[str, str]]]:
    """Who was asked to take something over, who holds a duty, and whom people's work asks: they reach the person as long as that
    lasts. (code, evidence)"""
    found: dict[int, list[tuple[str, str]]] = {}
    for offer in Handover.objects.filter(person_id__in=person_ids, state=HandoverState.OPEN).order_by("id"):
        found.setdefault(offer.person_id, []).append((offer.to_org, f"hand-overs/{offer.pk}"))
    held = Duty.objects.filter(person_id__in=person_ids, state=DutyState.OPEN, handed_to__gt="").order_by("id")
    for person_id, code, pk in held.values_list("person_id", "handed_to", "pk"):
        found.setdefault(person_id, []).append((code, f"duties/{pk}"))
    raised = Duty.objects.filter(person_id__in=person_ids, state=DutyState.OPEN, kind=ASKED, handed_to="").exclude(owner_org=NOBODY)
    for person_id, code, pk in raised.order_by("id").values_list("person_id", "owner_org", "pk"):
        found.setdefault(person_id, []).append((code, f"duties/{pk}"))
    return found


def _same(row: Relationship, values: Mapping[str, Any]) -> bool:
    return all(getattr(row, name) == value for name, value in values.items())


def _settle_pending(evaluated: Evaluated, person_ids: list[int]) -> None:
    """A retry is over once an evaluation that had read the person's latest write is in."""
    waiting = PendingEvaluation.objects.filter(person_id__in=person_ids).select_related("person")
    done = [row.person_id for row in waiting if row.person.workflow_sequence <= evaluated.sequences.get(row.person_id, 0)]
    PendingEvaluation.objects.filter(person_id__in=done).delete()
