"""Section 13: rules of supply. Nobody is prescribing what was expected to go on, or more than one side is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from stepwell.engine.reference.applications import asked
from stepwell.engine.reference.dates import add
from stepwell.engine.reference.exposure import Medicine
from stepwell.engine.reference.lapses import ABOUT_NOBODY, ALWAYS
from stepwell.engine.reference.patient import KINDS_IN_ORDER, ONGOING, Application, Need, Patient
from stepwell.engine.reference.world import Row


def supply_needs(patient: Patient, rule: Row) -> Iterator[Need]:
    """At most one need for each medicine of the rule."""
    everyone = {**patient.medicines, **(patient.long_lapsed if rule["about"] in ABOUT_NOBODY else {})}
    for name in sorted(patient.known.sets[rule["set_name"]] & everyone.keys()):
        medicine = everyone[name]
        start = medicine.started_on
        application = Application(rule, name, start, medicine.last_change_on, [name], [(name, start)])
        if not asked(patient, application):
            continue
        need = _nobody(patient, application, medicine) if rule["about"] in ABOUT_NOBODY else _both(patient, application, medicine)
        if need is not None:
            if need.state == "open" and patient.not_applicable(rule, name, need.point):
                need.state = "not applicable"
            yield need


def _nobody(patient: Patient, application: Application, medicine: Medicine) -> Need | None:
    rule, known, name = application.rule, patient.known, medicine.substance
    if rule["about"] != ALWAYS and not patient.lapses.expected(name):
        return None
    ends_on = medicine.course.supply_ends_on
    days = (rule["after_days"] or 0) + (known.substances.get(name, {}).get("late_days") or 0)
    if medicine.intended_end_on is not None and medicine.intended_end_on <= ends_on:
        days = 0
    if known.as_of >= ends_on + timedelta(days=days) and not patient.lapses.replaced(name):
        need = _gap(patient, application, medicine, ends_on, days)
        answers = [row for row in patient.dispositions(rule, name, need.point) if row["kind"] in ("done", "declined")]
        _serve(need, min(answers, key=_order, default=None))
        return need
    recent = known.as_of - timedelta(days=known.param["supplier_days"])
    for gap_from, event in reversed(medicine.course.gaps):
        if (event.on - gap_from).days >= days:
            if event.on <= recent:
                return None
            need = _gap(patient, application, medicine, gap_from, days)
            need.state, need.served_on, need.served_by = "met", event.on, "supply"
            return need
    return None


def _gap(patient: Patient, application: Application, medicine: Medicine, gap_from: date, days: int) -> Need:
    issued = max(medicine.course.issue_dates, default=None)
    words = f"supplied until {gap_from} by {medicine.supplied_by}" + (f", last issue {issued}" if issued else "")
    return Need(
        application,
        str(gap_from),
        "open",
        anchor_on=gap_from,
        opens_on=gap_from,
        due_on=gap_from + timedelta(days=days),
        supply=(words, gap_from),
        escalates_after=patient.known.param["stop_gap_days"] + 1,
    )


def _both(patient: Patient, application: Application, medicine: Medicine) -> Need | None:
    if len(medicine.suppliers) < 2:
        return None
    since = max(min(event.on for event in medicine.course.events if kind in event.kinds) for kind in medicine.suppliers)
    need = Need(
        application,
        ONGOING,
        "open",
        anchor_on=since,
        opens_on=since,
        due_on=since,
        supply=(f"supplied by {medicine.supplied_by} since {since}", since),
    )
    answers = [
        row
        for row in patient.dispositions(application.rule, medicine.substance, ONGOING)
        if row["kind"] in ("done", "declined") and row["on_date"] >= since
    ]
    latest = max((row["on_date"] for row in answers), default=None)
    _serve(need, min((row for row in answers if row["on_date"] == latest), key=_order, default=None))
    if latest is not None and latest <= add(patient.known.as_of, -patient.known.param["both_months"]):
        need.state = "open"
    return need


def _order(row: Row) -> tuple[date, int]:
    return row["on_date"], KINDS_IN_ORDER.index(row["kind"])


def _serve(need: Need, answer: Row | None) -> None:
    if answer is not None:
        need.state = "declined" if answer["kind"] == "declined" else "met"
        need.served_on, need.served_by = answer["on_date"], answer["kind"]
