"""Reconcile over whole tables: needs in, duties and changes out, for `stepwell evaluate --previous` and the web ledger.

The tables here are the ledger as Arrow: what one run leaves for the next. Reading and writing rows lives here, deciding
lives in `stepwell.engine.reconcile`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from dataclasses import fields as dataclass_fields
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import Any

import pyarrow as pa

from stepwell.engine.reconcile import Change, ChangeKind, Duty, Key, Ledger, Mark, Need, Reason, reconcile, why_gone
from stepwell.errors import Refused
from stepwell.tables import Table, columns

_KEY = """
person_id BIGINT   person
rule_id   VARCHAR  rule
subject   VARCHAR  medicine, class or combination
point     VARCHAR  as contract.needs
instance  INTEGER  from 1: how often this duty has been owed
"""

DUTIES = Table(
    "duties",
    "one row per instance of a duty, open or closed",
    columns(
        _KEY
        + """
state        VARCHAR  open | met | declined | not applicable | superseded
rule_version INTEGER  version of the rule last applied
kind         VARCHAR  as contract.needs
title        VARCHAR  what is owed
test         VARCHAR  what serves it, null when only an answer does
anchor_on    DATE     what it counts from
opens_on     DATE     first day it can be served
due_on       DATE     due
escalate_on  DATE     escalates, null = never
served_on    DATE     latest evidence known for the key when last applied
served_by    VARCHAR  that evidence: result | done | declined | supply | withdrawn
owner_org    VARCHAR  owning organisation or `nobody`
owner_role   VARCHAR  role
owner_basis  VARCHAR  agreement | assertion | always | request | ruling | asked
owner_label  VARCHAR  who decided the owner and why
mark         VARCHAR  verification mark
needs_approval BOOLEAN as contract.needs
priority     INTEGER  points
because      VARCHAR  JSON list of {kind, label, on_date, value}
base_on      DATE     evidence it was opened with
withdrawn_on DATE     such evidence that has left the record
ended_on     DATE     day of the evidence that closed it, null when open or when no evidence did
ended_by     VARCHAR  result | done | declined | supply | not applicable | lapsed | withdrawn | gone, null when open
ended_why    VARCHAR  reason in words
until        DATE     not applicable: until when, null = until the fact that ends it
"""
    ),
)

CHANGES = Table(
    "changes",
    "what this evaluation did to the duties; cached values that were only refreshed are not listed",
    columns(
        _KEY
        + """
change      VARCHAR  opened | changed | met | declined | not applicable | superseded
fields      VARCHAR  changed: JSON list of {field, before, after}; null otherwise
evidence_on DATE     day of the evidence
evidence_by VARCHAR  result | done | declined | not applicable | lapsed | withdrawn | gone
reason      VARCHAR  in words
carries     INTEGER  instance whose assignment, deferral and acknowledgement go on with this one
second_look BOOLEAN  the rule has a new version: look again
as_of       DATE     day of the evaluation
"""
    ),
)

# Every value of a need has a column of the same name; key, because and until are carried in their own way.
_NEED_FIELDS = [item.name for item in dataclass_fields(Need) if item.name not in ("key", "because", "until")]
_VALUES = [name for name in _NEED_FIELDS if name != "state"]

DispositionKey = tuple[int, str, str, str]


def needs_from_tables(
    needs: pa.Table, because: pa.Table | None = None, dispositions: pa.Table | None = None, *, as_of: date | None = None
) -> list[Need]:
    """Rows of `contract.needs` as objects, each with its reasons and, when not applicable, the end its answer stated."""
    reasons: dict[tuple[Any, ...], list[Reason]] = {}
    if because is not None:
        for row in sorted(because.to_pylist(), key=itemgetter("person_id", "rule_id", "subject", "point", "seq")):
            reasons.setdefault(_key_of(row), []).append(Reason(row["kind"], row["label"], row["on_date"], row["value"]))
    untils = _untils(dispositions, as_of)
    found = []
    for row in needs.to_pylist():
        key = _key_of(row)
        values = {name: row[name] for name in _NEED_FIELDS}
        values["needs_approval"] = bool(values["needs_approval"])
        values["priority"] = values["priority"] or 0
        until = untils.get(key) if row["state"] == "not applicable" else None
        found.append(Need(Key(*key), because=tuple(reasons.get(key, ())), until=until, **values))
    return found


def _key_of(row: Mapping[str, Any]) -> tuple[int, str, str, str]:
    return (row["person_id"], row["rule_id"], row["subject"], row["point"])


def _untils(dispositions: pa.Table | None, as_of: date | None) -> dict[DispositionKey, date | None]:
    """The end of the answer in force for each key: none stated beats any date, otherwise the latest."""
    untils: dict[DispositionKey, date | None] = {}
    for row in dispositions.to_pylist() if dispositions is not None else []:
        if row["kind"] != "not applicable" or (as_of is not None and row["until"] is not None and row["until"] <= as_of):
            continue
        key = _key_of(row)
        known = untils.get(key, date.min)
        untils[key] = None if known is None or row["until"] is None else max(known, row["until"])
    return untils


def because_to_json(because: Iterable[Reason]) -> str:
    return json.dumps([asdict(reason) for reason in because], default=str, separators=(",", ":"), ensure_ascii=False)


def because_from_json(text: str | None) -> tuple[Reason, ...]:
    rows = json.loads(text) if text else []
    return tuple(Reason(r["kind"], r["label"], date.fromisoformat(r["on_date"]) if r["on_date"] else None, r["value"]) for r in rows)


def duties_from_table(table: pa.Table) -> list[Duty]:
    found = []
    for row in table.to_pylist():
        key = Key(*_key_of(row))
        values = {name: row[name] for name in _VALUES}
        need = Need(key, state="open", because=because_from_json(row["because"]), **values)
        ending = None if row["state"] == "open" else ChangeKind(row["state"])
        found.append(
            Duty(
                key,
                row["instance"],
                need,
                base_on=row["base_on"],
                withdrawn_on=row["withdrawn_on"],
                ending=ending,
                ended_on=row["ended_on"],
                ended_by=row["ended_by"],
                ended_why=row["ended_why"],
                until=row["until"],
            )
        )
    return found


def duties_to_table(duties: Iterable[Duty]) -> pa.Table:
    rows = []
    for duty in sorted(duties, key=lambda d: (d.key, d.instance)):
        row = asdict(duty.key) | {"instance": duty.instance, "state": duty.ending.value if duty.ending else "open"}
        row |= {name: getattr(duty.need, name) for name in _VALUES}
        row["because"] = because_to_json(duty.need.because)
        row |= {name: getattr(duty, name) for name in ("base_on", "withdrawn_on", "ended_on", "ended_by", "ended_why", "until")}
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=DUTIES.arrow_schema())


def changes_to_table(changes: Iterable[Change], as_of: date) -> pa.Table:
    rows = []
    for change in changes:
        if change.kind is ChangeKind.REFRESHED:
            continue
        row = asdict(change.key) | {"instance": change.instance, "change": change.kind.value, "as_of": as_of}
        row["fields"] = fields_to_json(change) if change.fields else None
        row |= {name: getattr(change, name) for name in ("evidence_on", "evidence_by", "reason", "carries", "second_look")}
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=CHANGES.arrow_schema())


def fields_to_json(change: Change) -> str:
    """The changed fields as JSON; of the reasons only the words that were added or left, since the rest stayed."""
    rows: list[dict[str, Any]] = []
    for item in change.fields:
        if item.field == "because":
            before = [reason.label for reason in item.before]  # type: ignore[attr-defined]
            after = [reason.label for reason in item.after]  # type: ignore[attr-defined]
            gone, come = [w for w in before if w not in after], [w for w in after if w not in before]
            rows.append({"field": "because", "before": gone, "after": come})
        else:
            rows.append({"field": item.field, "before": item.before, "after": item.after})
    return json.dumps(rows, default=str, separators=(",", ":"), ensure_ascii=False)


def reconcile_tables(
    previous: pa.Table | None,
    needs: pa.Table,
    because: pa.Table | None,
    *,
    mark: Mark,
    previous_mark: Mark | None = None,
    dispositions: pa.Table | None = None,
    rules: Collection[str] | None = None,
    medicines: pa.Table | None = None,
    substances: Collection[str] = (),
) -> tuple[pa.Table, pa.Table]:
    """The ledger after one evaluation: (DUTIES, CHANGES).

    previous: DUTIES of the run before, of the same people. Persons are taken one by one, so memory holds the tables and
    one person. `rules` and `substances` (keys of the pack) and `medicines` (contract) only serve the words for a need that is gone.
    Raises Refused when this evaluation is older than the one it should follow.
    """
    if not mark.may_follow(previous_mark):
        raise Refused(
            f"this evaluation (store {mark.store_version}, as of {mark.as_of}) is older than the previous run "
            f"(store {previous_mark.store_version}, as of {previous_mark.as_of}): give the newer one, or leave --previous out"  # type: ignore[union-attr]
        )
    before = _by_person(duties_from_table(previous) if previous is not None else [])
    after = _by_person(needs_from_tables(needs, because, dispositions, as_of=mark.as_of))
    on_register = _on_register(medicines)
    duties: list[Duty] = []
    changes: list[Change] = []
    for person_id in sorted(before.keys() | after.keys()):
        owned = before.get(person_id, [])
        stopped = set(substances) - on_register.get(person_id, set()) if medicines is not None else ()
        tell = why_gone(rules=rules, stopped=stopped)
        moved = reconcile(owned, after.get(person_id, []), tell_gone=tell)
        ledger = Ledger.of(owned)
        ledger.apply(moved)
        duties.extend(ledger.duties.values())
        changes.extend(moved)
    return duties_to_table(duties), changes_to_table(changes, mark.as_of)


def _by_person(items: Iterable[Any]) -> dict[int, list[Any]]:
    ordered = sorted(items, key=lambda item: item.key.person_id)
    return {person_id: list(group) for person_id, group in groupby(ordered, key=lambda item: item.key.person_id)}


def _on_register(medicines: pa.Table | None) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for row in medicines.select(["person_id", "substance"]).to_pylist() if medicines is not None else []:
        found.setdefault(row["person_id"], set()).add(row["substance"])
    return found
