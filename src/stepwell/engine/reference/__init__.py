"""The engine in plain Python: slow, obvious, one person at a time, one module a stage. It is the oracle for the SQL engine.

Follows `docs/engine.md`; nothing here is shared with the SQL stages but the contract of the tables.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import Any

import pyarrow as pa

from stepwell.engine.contract import TABLES
from stepwell.engine.inputs import Inputs
from stepwell.engine.reference.because import reasons_of
from stepwell.engine.reference.courses import Course, courses_of
from stepwell.engine.reference.exposure import Medicine, medicines_of, registers_of
from stepwell.engine.reference.needs import Need, Owner, Patient, applications, needs_of
from stepwell.engine.reference.owners import Organisations, agreeing
from stepwell.engine.reference.people import Person, identify, specialist_org
from stepwell.engine.reference.priority import points_of
from stepwell.engine.reference.results import Fact, facts_of, results_of
from stepwell.engine.reference.supply import events_of, read_elsewhere, read_issues
from stepwell.engine.reference.world import Case, Known, cases, nulls_last

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
    events = events_of(issues + read_elsewhere(case, known, person.gp_org))
    courses = {substance: courses_of(rows, known) for substance, rows in events.items()}
    _put_courses(case, courses, output)

    medicines = medicines_of(case, known, courses) if person.followed else {}
    roads = results_of(case, known)
    results = list(roads)
    facts = facts_of(case, known, person, results, medicines=medicines, events=events)
    _put_results(case, roads, facts, output)
    if not person.followed:
        return

    patient = Patient(case, known, medicines, events, results, facts)
    organisations = Organisations(patient, person, specialist_org(case, known, person, issues))
    owners = {name: organisations.owner_of_medicine(name) for name in medicines}
    needs = []
    for rule in known.rules:
        if rule["kind"] == "agree":
            continue
        for application in applications(patient, rule):
            owner = organisations.owner_of_need(application)
            for need in needs_of(patient, application):
                need.owner = owner
                needs.append(need)
    needs += agreeing(organisations, owners, needs)

    _put_medicines(case, medicines, owners, output)
    for register in registers_of(medicines, events, known):
        output["registers"].append({"person_id": case.person_id, **vars(register), "months": None, "long_term": None, "substances": "+".join(register.substances)})
    _put_needs(patient, person, needs, output)
    for reason, points in points_of(patient, needs):
        output["priority"].append(
            {"person_id": case.person_id, "reason": reason["reason"], "grp": reason["grp"], "label": reason["label"], "points": points}
        )


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
    for fact in facts:
        output["facts"].append({"person_id": case.person_id, **vars(fact)})


def _put_medicines(case: Case, medicines: dict[str, Medicine], owners: dict[str, Owner], output: Output) -> None:
    for name, medicine in medicines.items():
        course, latest = medicine.course, medicine.course.events[-1]
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
                "counted_ug": None,
                "months": None,
                "covered_percent": None,
                "early_issues": None,
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
                "test": rule["test"],
                "state": need.state,
                "anchor_on": need.anchor_on,
                "opens_on": need.opens_on,
                "due_on": need.due_on,
                "escalate_on": need.escalate_on,
                "served_on": need.served_on,
                "served_by": need.served_by,
                **_owner_columns(need.owner),
                "mark": mark,
                "needs_approval": mark != "V" and not approved,
                "priority": rule["points"] or 0,
            }
        )
        for seq, reason in enumerate(reasons_of(patient, need), start=1):
            output["because"].append({**key, "seq": seq, **vars(reason)})
