"""Sections 9, 13 and 15: the facts a need was read from, in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from stepwell.engine.reference.facts import Fact
from stepwell.engine.reference.patient import Need, Patient
from stepwell.engine.reference.raised import Raised
from stepwell.engine.reference.results import in_words, latest
from stepwell.engine.reference.world import Row, nulls_last


@dataclass
class Reason:
    kind: str
    label: str
    on_date: date | None = None
    value: int | None = None


def reasons_of(patient: Patient, need: Need) -> list[Reason]:
    application = need.application
    reasons = [Reason("asked", need.stated["why"], need.anchor_on)] if isinstance(need, Raised) else []
    reasons += [Reason("course", f"{name} since {start}", start) for name, start in application.courses]
    if application.trigger is not None:
        trigger = application.trigger
        reasons.append(Reason("trigger", f"{_test(patient, trigger.test)} {in_words(trigger, patient.known)}", trigger.on, trigger.value))
    if application.baseline is not None:
        baseline = application.baseline
        reasons.append(Reason("baseline", f"baseline {in_words(baseline, patient.known)}", baseline.on, baseline.value))
    if need.supply is not None:
        words, since = need.supply
        reasons.append(Reason("supply", words, since))
    elif need.rule["test"] is not None:
        reasons.append(_last_result(patient, need.rule["test"]))
    reasons += [_condition(row, fact) for row, fact in need.sooner + application.applies]
    reasons += _answers(patient, need)
    if isinstance(need, Raised) and need.ended is not None:
        reasons.append(Reason("answer", need.ended[1], need.ended[0]))
    reasons.append(Reason("owner", need.owner.label))
    return reasons


def _test(patient: Patient, test: str) -> str:
    return patient.known.tests[test]["label"] if test in patient.known.tests else test


def _last_result(patient: Patient, test: str) -> Reason:
    last = latest(patient.results_of(test))
    if last is None:
        return Reason("no result", f"no {_test(patient, test)} on record")
    return Reason("last result", f"{_test(patient, test)} {in_words(last, patient.known)}", last.on, last.value)


def _condition(row: Row, fact: Fact) -> Reason:
    value = fact.value if fact.fact in ("last", "falling") else None
    return Reason("condition", f"{row['label']}: {fact.evidence}", fact.from_on, value)


def _answers(patient: Patient, need: Need) -> list[Reason]:
    found = {(row["on_date"], row["kind"], row["label"]) for row in patient.dispositions(need.rule, need.subject, need.point)}
    return [
        Reason("answer", f"{kind} on {on}" + (f": {label}" if label is not None else ""), on)
        for on, kind, label in sorted(found, key=lambda row: nulls_last(*row))
    ]
