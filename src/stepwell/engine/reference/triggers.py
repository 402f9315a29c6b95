"""Sections 6, 15 and 17: a result rule whose last result lies in its band, from the day its present run began, or began anew."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from stepwell.engine.reference.dates import add
from stepwell.engine.reference.patient import Application, Patient
from stepwell.engine.reference.runs import Reading, run_of
from stepwell.engine.reference.world import Row

SERVES = ("done", "declined")


def triggered(patient: Patient, rule: Row, members: list[str]) -> Iterator[Application]:
    """The rule, when the last value lies in its band."""
    band = patient.known.bands.get(rule["rule_id"])
    if band is None:
        return
    run = run_of(patient.known, rule, patient.medicines, patient.results_of(band["test"]))
    if run is None:
        return
    if rule["per"] == "substance":
        name = min(members, key=lambda member: (patient.medicines[member].started_on, member))
        course = (name, patient.medicines[name].started_on)
        change, concerned = patient.medicines[name].last_change_on, [name]
    else:
        course = (rule["set_name"], patient.class_start(rule["set_name"]))
        change, concerned = patient.latest_change(members), members
    trigger = _trigger(patient, rule, course[0], run.readings)
    yield Application(
        rule,
        course[0],
        trigger.on,
        change,
        concerned,
        [course],
        trigger=trigger.result,
        baseline=run.baseline.result if run.baseline else None,
    )


def _trigger(patient: Patient, rule: Row, subject: str, run: list[Reading]) -> Reading:
    """The first of the run; after an answer, the first that is late enough after it, and until there is one the answered one."""
    band = patient.known.bands[rule["rule_id"]]
    if band["again_months"] is None and band["again_days"] is None:
        return run[0]
    for reading in reversed(run):
        answered = _answered(patient, rule, subject, reading.on)
        if answered is not None:
            late = add(answered, band["again_months"], band["again_days"])
            return next((later for later in run if later.on > reading.on and later.on > late), reading)
    return run[0]


def _answered(patient: Patient, rule: Row, subject: str, point: date) -> date | None:
    """The earliest day on which the duty of that point was answered."""
    since = add(point, -(rule["lookback_months"] or 0))
    days = [row["on_date"] for row in patient.dispositions(rule, subject, str(point)) if row["kind"] in SERVES and row["on_date"] >= since]
    return min(days, default=None)
