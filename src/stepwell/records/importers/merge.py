"""One (source, bucket): old rows, new rows and the scope become the rows of the next store. Set-based, on Arrow.

This is also where plans, statements and issues meet: a statement is laid over its plan, a reason is looked up among the
conditions, and an issue that says nothing of its dose, quantity or product takes it from its plan (GP Connect sends only what
differs from the parent; docs/engine.md section 2 relies on it).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stepwell.records.importers.scope import DELTA, FULL, RECORD_TABLES, Named, Scope, ids_in
from stepwell.records.importers.staging import SCHEMAS
from stepwell.records.schema import TABLES
from stepwell.records.store import empty

_DOSE = ("dose_text", "dose_status", "dose_low_milli", "dose_high_milli", "dose_unit", "as_required")
_PRODUCT = ("code", "code_system", "term", "degraded", "term_name", "strength_ug", "unit")
_QUANTITY = ("quantity_milli", "quantity_unit")


@dataclass
class Late:
    """A resource refused only now, when all rows were known."""

    seq: int
    reason: str
    message: str
    path: str


@dataclass
class Merged:
    """The outcome of one (source, bucket). Counts are of resources."""

    tables: dict[str, pa.Table] = field(default_factory=dict)
    new: int = 0
    unchanged: int = 0
    superseded: int = 0
    removed: int = 0
    late: list[Late] = field(default_factory=list)
    conflicts: list[Named] = field(default_factory=list)
    present: set[Named] = field(default_factory=set)
    degraded: int = 0


def merge(source: str, staged: dict[str, pa.Table], old: dict[str, pa.Table], scope: Scope) -> Merged:
    """`old` and `staged` by table name; missing ones are empty."""
    result = Merged()
    old = {name: old.get(name, empty(name)) for name in (*RECORD_TABLES, "organisations", "originals")}
    staged = {name: staged.get(name, SCHEMAS[name].empty_table()) for name in (*old, "_statements")}
    refused = set(scope.refused[source])
    result.late = _without_plan(staged, _keep(old["medication_plans"], "medication_plans", source, scope, refused=refused, replaced=[]))
    dropped = {late.seq for late in result.late}
    for seq, type_, native_id in _listed(staged["originals"], "_seq", "resource_type", "native_id"):
        if seq in dropped:
            refused.add((type_, native_id))
    last = _account(staged["originals"], old["originals"], dropped, result)
    winners = pa.array(sorted(last.values()), pa.int64())
    new = {name: rows.filter(pc.is_in(rows["_seq"], winners)) for name, rows in staged.items()}
    kept: dict[str, pa.Table] = {}
    for name, rows in old.items():
        if name != "originals":
            kept[name] = _keep(rows, name, source, scope, refused=refused, replaced=list(last))
    kept["originals"] = _keep_originals(old["originals"], source, scope, refused, list(last))
    result.removed = _gone(old["originals"], kept["originals"], set(last))
    new["patients"] = _known_deaths(new["patients"], old["patients"])
    plans = _plans(new, kept, old["medication_plans"], source, scope)
    new["medication_issues"] = _from_plan(new["medication_issues"], plans)
    kept["medication_plans"] = empty("medication_plans")
    new["medication_plans"] = plans
    for name in old:
        result.tables[name] = pa.concat_tables([kept[name], new[name].select(TABLES[name].names)])
    for name in ("medication_plans", "medication_issues"):
        result.degraded += pc.sum(staged[name]["degraded"]).as_py() or 0
    return result


# Which old rows stay


def _listed(rows: pa.Table, *columns: str) -> list[tuple]:
    return list(zip(*(rows[column].to_pylist() for column in columns), strict=True))


def _subject_text(rows: pa.Table) -> pa.ChunkedArray:
    return pc.fill_null(pc.cast(rows["subject_id"], pa.string()), "")


def _keys(rows: pa.Table, column: str = "native_id") -> pa.ChunkedArray:
    """`subject|id`, the id without the number of a component."""
    ids = pc.replace_substring_regex(rows[column], "#.*$", "")
    if "subject_id" not in rows.column_names:
        return pc.binary_join_element_wise("", ids, "|")
    return pc.binary_join_element_wise(_subject_text(rows), ids, "|")


def _among(values: Any, wanted: list[str]) -> Any:
    return pc.is_in(values, pa.array(wanted, pa.string()))


def _keep(rows: pa.Table, name: str, source: str, scope: Scope, *, refused: set[Named], replaced: list[tuple]) -> pa.Table:
    """Old rows of a table that stay. `replaced`: (subject, type, id) that come again, whether or not they give a row."""
    if rows.num_rows == 0:
        return rows
    ids = pc.replace_substring_regex(rows["native_id"], "#.*$", "")
    again = [
        f"{'' if subject is None else subject}|{each}"
        for subject, type_, native_id in replaced
        for each in ids_in(name, [(type_, native_id)])
    ]
    drop = _among(_keys(rows), again)
    if scope.kind == DELTA:
        drop = pc.or_(drop, _among(ids, ids_in(name, scope.touched[source] | scope.deleted[source])))
    absent = _absent(rows, source, scope, scope.gone_subjects(name))
    stays = _among(ids, ids_in(name, refused))
    return rows.filter(pc.invert(pc.or_(drop, pc.and_(absent, pc.invert(stays)))))


def _keep_originals(rows: pa.Table, source: str, scope: Scope, refused: set[Named], replaced: list[tuple]) -> pa.Table:
    if rows.num_rows == 0:
        return rows
    names = pc.binary_join_element_wise(rows["resource_type"], rows["native_id"], "/")
    keys = pc.binary_join_element_wise(_subject_text(rows), names, "|")
    drop = _among(keys, [f"{'' if subject is None else subject}|{type_}/{native_id}" for subject, type_, native_id in replaced])
    if scope.kind == DELTA:
        drop = pc.or_(drop, _among(names, [f"{type_}/{native_id}" for type_, native_id in scope.touched[source] | scope.deleted[source]]))
    if scope.kind == FULL or source in scope.withheld:
        absent = _absent(rows, source, scope, list(scope.erased))
    else:
        absent = _among(pc.binary_join_element_wise(_subject_text(rows), rows["resource_type"], "|"), scope.gone_originals())
    stays = _among(names, [f"{type_}/{native_id}" for type_, native_id in refused])
    return rows.filter(pc.invert(pc.or_(drop, pc.and_(absent, pc.invert(stays)))))


def _absent(rows: pa.Table, source: str, scope: Scope, subjects: list[int]) -> Any:
    """Which rows the scope takes away when they do not come again."""
    if scope.kind == FULL and source not in scope.withheld:
        return pa.array([True] * rows.num_rows)
    if "subject_id" not in rows.column_names:
        return pa.array([False] * rows.num_rows)
    gone = list(scope.erased) if source in scope.withheld else subjects
    return pc.is_in(rows["subject_id"], pa.array(gone, pa.int64()))


def _gone(before: pa.Table, kept: pa.Table, again: set[tuple]) -> int:
    still = set(_listed(kept, "subject_id", "resource_type", "native_id"))
    return sum(key not in still and key not in again for key in _listed(before, "subject_id", "resource_type", "native_id"))


# Counting


def _account(staged: pa.Table, old: pa.Table, dropped: set[int], result: Merged) -> dict[tuple, int]:
    """Count new, unchanged and superseded. Returns (subject, type, id) → the number of the resource that counts."""
    columns = ("subject_id", "resource_type", "native_id", "version", "raw")
    wanted = set(_listed(staged, "resource_type", "native_id"))
    seen: dict[tuple, tuple[str, int]] = {}
    for subject, type_, native_id, version, raw in _listed(old, *columns):
        result.present.add((type_, native_id))
        if (type_, native_id) in wanted:
            seen[(subject, type_, native_id)] = (version, hash(raw))
    last: dict[tuple, tuple] = {}
    came: Counter[tuple] = Counter()
    for seq, subject, type_, native_id, version, raw in sorted(_listed(staged, "_seq", *columns)):
        if seq in dropped:
            continue
        key, content = (subject, type_, native_id), (version, hash(raw))
        if key in last:
            # The same resource again in one input: the later one counts.
            came[(key, last[key][1])] += 1
            if last[key][1] != content and last[key][1][0] == version:
                result.conflicts.append((type_, native_id))
        last[key] = (seq, content)
    for key, (_, content) in last.items():
        if key not in seen:
            result.new += 1
        elif seen[key] == content:
            result.unchanged += 1
        else:
            result.superseded += 1
            if seen[key][0] == content[0]:
                result.conflicts.append(key[1:])
    for (key, content), count in came.items():
        if content == last[key][1]:
            result.unchanged += count
        else:
            result.superseded += count
    return {key: seq for key, (seq, _) in last.items()}


# Patients


def _known_deaths(new: pa.Table, old: pa.Table) -> pa.Table:
    """A death without a date keeps the day it was first recorded."""
    known = {subject: died for subject, died in _listed(old, "subject_id", "death_date") if died}
    if not known or not pc.any(new["_death_assumed"]).as_py():
        return new
    rows = new.to_pylist()
    for row in rows:
        if row["_death_assumed"]:
            row["death_date"] = known.get(row["subject_id"], row["death_date"])
    return pa.Table.from_pylist(rows, schema=new.schema)


# Medicines


def _without_plan(staged: dict[str, pa.Table], kept: pa.Table) -> list[Late]:
    """Issues and statements whose plan is nowhere."""
    plans = {*_keys(staged["medication_plans"]).to_pylist(), *_keys(kept).to_pylist()}
    late = []
    for name in ("medication_issues", "_statements"):
        rows = staged[name].filter(pc.is_valid(staged[name]["plan_id"]))
        for seq, key in zip(rows["_seq"].to_pylist(), _keys(rows, "plan_id").to_pylist(), strict=True):
            if key not in plans:
                message = (
                    "The plan (MedicationRequest) it is based on is neither in this input nor in the store, or was itself refused. "
                    "Import the plan too, or correct basedOn at the source."
                )
                late.append(Late(seq, "unknown plan", message, "$.basedOn"))
    return late


def _plans(new: dict[str, pa.Table], kept: dict[str, pa.Table], old: pa.Table, source: str, scope: Scope) -> pa.Table:
    """Plans of the next store with their statements and reasons. Columns of the canonical table."""
    fresh, statements = new["medication_plans"], new["_statements"]
    stay = kept["medication_plans"].append_column("_condition", pa.nulls(kept["medication_plans"].num_rows, pa.string()))
    plans = pa.concat_tables([fresh.drop_columns(["_seq"]), stay])
    said = {key: row for key, row in zip(_keys(statements, "plan_id").to_pylist(), statements.to_pylist(), strict=True)}
    earlier: dict[str, dict] = {}
    if scope.kind == DELTA:
        earlier = dict(zip(_keys(old).to_pylist(), old.to_pylist(), strict=True))
    again = set(_keys(fresh).to_pylist()) & set(earlier)
    keys = _keys(plans)
    touched = pc.or_(_among(keys, [*said, *again]), pc.is_valid(plans["_condition"]))
    rest, rows = plans.filter(pc.invert(touched)), plans.filter(touched).to_pylist()
    if rows:
        reasons = _reasons(new["conditions"], kept["conditions"]) if any(row["_condition"] for row in rows) or said else {}
        for row in rows:
            key = f"{row['subject_id']}|{row['native_id']}"
            if key in said:
                _overlay(row, said[key], source)
            elif key in again:
                _carry_over(row, earlier[key])
            _explain(row, reasons)
    return pa.concat_tables([rest, pa.Table.from_pylist(rows, schema=plans.schema)]).select(TABLES["medication_plans"].names)


def _overlay(plan: dict, statement: dict, source: str) -> None:
    """What a MedicationStatement adds to the plan it is based on."""
    if statement["elsewhere"] is not None:
        plan["elsewhere"] = statement["elsewhere"]
    if plan["elsewhere"]:
        if statement["org_code"] and statement["org_code"] != source:
            plan["org_code"], plan["setting"] = statement["org_code"], statement["setting"]
        elif plan["org_code"] == source:
            plan["org_code"], plan["setting"] = None, "unknown"
    plan["asserted_on"] = statement["asserted_on"] or plan["asserted_on"]
    if plan["dose_text"] is None and plan["dose_status"] == "none":
        plan.update({name: statement[name] for name in _DOSE})
    plan["started_on"] = plan["started_on"] or statement["started_on"]
    if plan["status"] in ("completed", "stopped", "cancelled"):
        plan["ended_on"] = plan["ended_on"] or statement["ended_on"]
    if plan["indication_code"] is None and plan["indication_text"] is None:
        plan["indication_code"], plan["indication_text"] = statement["indication_code"], statement["indication_text"]
        plan["_condition"] = plan["_condition"] or statement["_condition"]


def _carry_over(plan: dict, before: dict) -> None:
    """A delta brought the plan without its statement: what the statement had said still holds."""
    plan["asserted_on"] = plan["asserted_on"] or before["asserted_on"]
    if before["elsewhere"] and not plan["elsewhere"]:
        plan["elsewhere"], plan["org_code"], plan["setting"] = True, before["org_code"], before["setting"]


def _reasons(new: pa.Table, kept: pa.Table) -> dict[str, tuple]:
    found = {}
    for rows in (kept, new):
        found.update(dict(zip(_keys(rows).to_pylist(), _listed(rows, "code", "code_system", "term"), strict=True)))
    return found


def _explain(plan: dict, reasons: dict[str, tuple]) -> None:
    """The reason a plan refers to, from the condition of that person."""
    code, system, term = reasons.get(f"{plan['subject_id']}|{plan['_condition']}", (None, None, None))
    plan["indication_code"] = plan["indication_code"] or (code if system == "snomed" else None)
    plan["indication_text"] = plan["indication_text"] or term


def _from_plan(issues: pa.Table, plans: pa.Table) -> pa.Table:
    """Issues with what they leave unsaid taken from their plan: product, dose, quantity, days."""
    if issues.num_rows == 0 or plans.num_rows == 0:
        return issues
    at = pc.index_in(_keys(issues, "plan_id"), value_set=_keys(plans).combine_chunks())
    plan = plans.take(at)
    found = pc.and_(pc.is_valid(at), pc.is_valid(issues["plan_id"]))
    no_product = pc.and_(pc.is_null(issues["code"]), pc.is_null(issues["term"]))
    no_dose = pc.and_(pc.is_null(issues["dose_text"]), pc.equal(issues["dose_status"], "none"))
    no_quantity = pc.is_null(issues["quantity_milli"])
    # The plan's days go with the plan's quantity: half the tablets do not last as long.
    same = pc.fill_null(pc.equal(issues["quantity_milli"], plan["quantity_milli"]), False)
    no_days = pc.and_(pc.is_null(issues["days_supply"]), pc.or_(no_quantity, same))
    for names, missing in ((_PRODUCT, no_product), (_DOSE, no_dose), (_QUANTITY, no_quantity), (("days_supply",), no_days)):
        take = pc.and_(found, missing)
        for name in names:
            column = pc.if_else(take, plan[name], issues[name])
            issues = issues.set_column(issues.column_names.index(name), name, column)
    return issues
