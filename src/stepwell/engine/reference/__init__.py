"""The engine in plain Python: slow, obvious, one person at a time, one module a stage. It is the oracle for the SQL engine.

Follows `docs/engine.md`; nothing here is shared with the SQL stages but the contract of the tables.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

import pyarrow as pa

from stepwell.engine.contract import TABLES
from stepwell.engine.inputs import Inputs
from stepwell.engine.reference.applications import applications
from stepwell.engine.reference.because import reasons_of
from stepwell.engine.reference.conditions import conditions_of
from stepwell.engine.reference.courses import Course, courses_of
from stepwell.engine.reference.exposure import Medicine, medicines_of
from stepwell.engine.reference.facts import Fact, Facts, Found, facts_of
from stepwell.engine.reference.lapses import Lapses
from stepwell.engine.reference.loads import interactions_of, totals_of
from stepwell.engine.reference.needs import needs_of
from stepwell.engine.reference.owners import Organisations, agreeing
from stepwell.engine.reference.patient import Need, Owner, Patient
from stepwell.engine.reference.people import Person, identify, specialist_org
from stepwell.engine.reference.priority import points_of
from stepwell.engine.reference.raised import KIND as RAISED
from stepwell.engine.reference.raised import raised_needs
from stepwell.engine.reference.registers import registers_of, spells_of
from stepwell.engine.reference.results import results_of
from stepwell.engine.reference.stays import with_stays
from stepwell.engine.reference.supply import events_of, read_elsewhere, read_issues
from stepwell.engine.reference.supply_rules import supply_needs
from stepwell.engine.reference.world import Case, Known, Row, cases, nulls_last

Output = dict[str, list[dict[str, Any]]]


def evaluate(inputs: Inputs, as_of: date) -> dict[str, pa.Table]:
    """Every table of the contract for the people of `inputs`, sorted by all columns, nulls last."""
    known = Known(inputs, as_of)
    output: Output = defaultdict(list)
    for case in cases(inputs):
        _evaluate_person(case, known, output)
    return {name: _table(name, output[name]) for name in TABLES}


def _table(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    names = TABLES[name].names
    rows = sorted(rows, key=lambda row: nulls_last(*(row[column] for column in names)))
    return pa.Table.from_pylist(rows, schema=TABLES[name].arrow_schema())


def _evaluate_person(case: Case, known: Known, output: Output) -> None:
    person = identify(case, known)
    issues = read_issues(case, known, person.gp_org)
    events = with_stays(events_of(issues + read_elsewhere(case, known, person.gp_org)), case, known)
    courses = {substance: courses_of(substance, rows, known) for substance, rows in events.items()}
    _put_courses(case, courses, output)

    lapses = Lapses(case, known, courses)
    lapsed, answered = lapses.unanswered() if person.followed else (set(), set())
    medicines = medicines_of(case, known, courses, issues, lapsed) if person.followed else {}
    conditions = conditions_of(case, known)
    registers = registers_of(known, medicines, courses, conditions) if person.followed else []
    on_register = {name: medicine for name, medicine in medicines.items() if not medicine.long_lapsed}
    totals = totals_of(known, on_register)
    _put(case, "registers", registers, output)
    _put(case, "register_spells", spells_of(known, person, registers, courses, answered), output)
    _put(case, "totals", totals, output)

    roads = results_of(case, known)
    results = list(roads)
    facts = facts_of(Found(case, known, person, results, conditions, courses, on_register, registers, totals))
    _put_results(case, roads, facts, output)
    long_lapsed = {name: medicine for name, medicine in medicines.items() if medicine.long_lapsed}
    patient = Patient(case, known, person.gp_org, courses, on_register, long_lapsed, lapses, results, Facts(facts))
    needs: list[Need] = []
    if person.followed:
        _put(case, "interactions", interactions_of(known, on_register, courses), output)
        organisations = Organisations(patient, person, specialist_org(case, known, person, issues))
        owners = {name: organisations.owner_of_medicine(name) for name in medicines}
        for rule in known.rules:
            for need in _needs_of_rule(patient, rule):
                need.owner = organisations.owner_of_need(need.application)
                needs.append(need)
        needs += agreeing(organisations, owners, needs)
        _put_medicines(case, medicines, owners, output)
    needs += raised_needs(patient, person)
    _put_needs(patient, person, needs, output)
    for reason, points in points_of(patient, needs):
        output["priority"].append(
            {"person_id": case.person_id, "reason": reason["reason"], "grp": reason["grp"], "label": reason["label"], "points": points}
        )


def _needs_of_rule(patient: Patient, rule: Row) -> Iterator[Need]:
    """Needs of any rule but those to agree who owns, which look at the others."""
    if rule["kind"] == "supply":
        yield from supply_needs(patient, rule)
    elif rule["kind"] != "agree":
        for application in applications(patient, rule):
            yield from needs_of(patient, application)


def _put(case: Case, table: str, rows: Iterable[Any], output: Output) -> None:
    output[table] += [{"person_id": case.person_id, **vars(row)} for row in rows]


def _put_courses(case: Case, courses: dict[str, list[Course]], output: Output) -> None:
    for substance, found in courses.items():
        for number, course in enumerate(found, start=1):
            output["courses"].append(
                {
                    "person_id": case.person_id,
                    "substance": substance,
                    "course": number,
                    "started_on": course.started_on,
                    "last_issued_on": max(course.issue_dates, default=None),
                    "supply_ends_on": course.supply_ends_on,
                    "issues": len(course.issue_dates),
                    "gap_days": course.gap_days,
                }
            )


def _put_results(case: Case, roads: dict[Any, int], facts: list[Fact], output: Output) -> None:
    for result, count in roads.items():
        output["results"].append(
            {
                "person_id": case.person_id,
                "test": result.test,
                "effective_on": result.on,
                "value_milli": result.value,
                "comparator": result.comparator,
                "roads": count,
            }
        )
    _put(case, "facts", facts, output)


def _put_medicines(case: Case, medicines: dict[str, Medicine], owners: dict[str, Owner], output: Output) -> None:
    for name, medicine in medicines.items():
        course, latest = medicine.course, medicine.latest
        output["medicines"].append(
            {
                "person_id": case.person_id,
                "substance": name,
                "status": medicine.status,
                "started_on": medicine.started_on,
                "last_change_on": medicine.last_change_on,
                "last_issued_on": max(course.issue_dates, default=None),
                "supply_ends_on": course.supply_ends_on,
                "daily_ug": latest.daily_ug,
                "dose_provenance": latest.provenance,
                "as_required": latest.as_required,
                "counted_ug": medicine.counted_ug,
                "months": medicine.months,
                "covered_percent": medicine.covered_percent,
                "early_issues": medicine.early_issues,
                "dose_text": latest.dose_text,
                "term": latest.term,
                "supplied_by": medicine.supplied_by,
                "supplier_orgs": "+".join(sorted(medicine.supplier_orgs)) or None,
                "licence": medicine.licence,
                "indication": medicine.indication,
                "indication_from": medicine.indication_from,
                "intended_end_on": medicine.intended_end_on,
                **_owner_columns(owners[name]),
            }
        )


def _owner_columns(owner: Owner) -> dict[str, Any]:
    return {"owner_org": owner.org, "owner_role": owner.role, "owner_basis": owner.basis, "owner_label": owner.label}


def _put_needs(patient: Patient, person: Person, needs: list[Need], output: Output) -> None:
    known = patient.known
    approved = person.gp_org is not None and person.gp_org in known.approved_by
    for need in needs:
        rule = need.rule
        points = known.points.get(rule["rule_id"], [])
        marks = [point["mark"] for point in points if point["point"] == need.point and point["mark"] is not None]
        mark = min(marks, default=rule["mark"])
        key = {"person_id": patient.case.person_id, "rule_id": rule["rule_id"], "subject": need.subject, "point": need.point}
        output["needs"].append(
            {
                **key,
                "rule_version": rule["version"],
                "kind": rule["kind"],
                "title": rule["title"],
                "test": rule["test"] if rule["kind"] != "supply" else None,
                "state": need.state,
                "anchor_on": need.anchor_on,
                "opens_on": need.opens_on,
                "due_on": need.due_on,
                "escalate_on": need.escalate_on,
                "served_on": need.served_on,
                "served_by": need.served_by,
                **_owner_columns(need.owner),
                "mark": mark,
                "needs_approval": rule["kind"] != RAISED and mark != "V" and not approved,
                "priority": rule["points"] or 0,
            }
        )
        for seq, reason in enumerate(reasons_of(patient, need), start=1):
            output["because"].append({**key, "seq": seq, **vars(reason)})
