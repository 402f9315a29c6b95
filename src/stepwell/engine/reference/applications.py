"""Sections 6 and 15: for whom a rule applies, and from which day it counts."""

from __future__ import annotations

from collections.abc import Iterator

from stepwell.engine.reference.dates import add
from stepwell.engine.reference.loads import choices
from stepwell.engine.reference.patient import Application, Patient
from stepwell.engine.reference.triggers import triggered
from stepwell.engine.reference.world import Row


def applications(patient: Patient, rule: Row) -> Iterator[Application]:
    """Whom the rule is about and from when, once its `after`, `applies` and `unless` have been asked."""
    for application in _candidates(patient, rule):
        if not asked(patient, application):
            continue
        if rule["kind"] == "finding":
            if not application.applies:
                continue
            application.course_start = application.start
            known_from = [fact.from_on for _, fact in application.applies if fact.from_on is not None]
            application.start = max([application.start, *known_from])
        if patient.known.as_of >= add(application.start, rule["after_months"], rule["after_days"]):
            yield application


def asked(patient: Patient, application: Application) -> bool:
    """Whether `applies` and not `unless` hold; the conditions that did are kept for `because`."""
    rule_id = application.rule["rule_id"]
    applies = patient.known.whens.get((rule_id, "applies"), [])
    held = patient.facts.holding(applies, application.subject)
    if applies and held is None:
        return False
    application.applies = held or []
    return patient.facts.holding(patient.known.whens.get((rule_id, "unless"), []), application.subject) is None


def _candidates(patient: Patient, rule: Row) -> Iterator[Application]:
    kind = rule["kind"]
    members = patient.on_register(rule["set_name"])
    if not members:
        return
    if kind == "combination":
        yield from _combination(patient, rule)
    elif kind == "result":
        yield from triggered(patient, rule, members)
    elif kind in ("licence", "agree") or rule["per"] == "substance":
        for name in members:
            medicine = patient.medicines[name]
            if kind == "licence" and (medicine.licence == "licensed" or medicine.intended_end_on is not None):
                continue
            start = medicine.started_on
            yield Application(rule, name, start, medicine.last_change_on, [name], [(name, start)])
    else:
        start = patient.class_start(rule["set_name"])
        yield Application(rule, rule["set_name"], start, patient.latest_change(members), members, [(rule["set_name"], start)])


def _combination(patient: Patient, rule: Row) -> Iterator[Application]:
    names = [rule[column] for column in ("set_name", "set_b", "set_c") if rule[column] is not None]
    takers = [patient.on_register(name) for name in names]
    if not any(True for _ in choices(takers)):
        return
    starts = [min(patient.medicines[member].started_on for member in members) for members in takers]
    everyone = sorted({member for members in takers for member in members})
    courses = list(zip(names, starts, strict=True))
    yield Application(rule, "+".join(names), max(starts), patient.latest_change(everyone), everyone, courses)
