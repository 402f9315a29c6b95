"""Section 18: duties that people's work raised, as last stated, with what answered them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from stepwell.engine.contract import NOBODY
from stepwell.engine.reference.needs import Evidence
from stepwell.engine.reference.patient import Application, Need, Owner, Patient
from stepwell.engine.reference.people import Person
from stepwell.engine.reference.world import Row

KIND = "asked"


@dataclass
class Raised(Need):
    """A need that nobody's rule asks for: its words, dates and owner are those of the statement that holds."""

    stated: Row = field(default_factory=dict)
    ended: tuple[date, str] | None = None
    """The day it ended other than by an answer or a result, and why."""

    @property
    def escalate_on(self) -> date | None:
        found: date | None = self.stated["escalate_on"]
        return found


def raised_needs(patient: Patient, person: Person) -> list[Need]:
    """One need for each duty that work raised about this person by as_of."""
    latest: dict[tuple[str, str, str], Row] = {}
    for row in patient.case.rows["asked"]:
        key = (row["source"], row["source_id"], row["point"])
        if row["stated_on"] <= patient.known.as_of and (key not in latest or row["seq"] > latest[key]["seq"]):
            latest[key] = row
    return [_need(patient, person, row) for row in latest.values()]


def _need(patient: Patient, person: Person, row: Row) -> Raised:
    rule = {
        "rule_id": f"{KIND}.{row['source']}",
        "version": row["round"],
        "kind": KIND,
        "title": row["title"],
        "test": row["test"],
        "points": row["points"],
        "mark": None,
    }
    need = Raised(
        Application(rule, row["source_id"], start=row["raised_on"], change=row["raised_on"], members=[], courses=[]),
        row["point"],
        "open",
        anchor_on=row["raised_on"],
        opens_on=row["opens_on"],
        due_on=row["due_on"],
        owner=Owner(row["owner_org"] or NOBODY, row["owner_role"], KIND, row["label"]),
        stated=row,
    )
    if row["kind"] != KIND:
        done = row["kind"] == "done"
        need.state, need.served_on, need.served_by = "met" if done else "superseded", row["ended_on"], "done" if done else "withdrawn"
        need.ended = (row["ended_on"], row["ended_why"] or "no longer asked")
        return need
    evidence = _evidence(patient, need)
    if evidence is not None:
        need.state, need.served_on, need.served_by = "declined" if evidence.kind == "declined" else "met", evidence.on, evidence.kind
    elif patient.not_applicable(rule, need.subject, need.point):
        need.state = "not applicable"
    elif person.died_on is not None and person.died_on >= row["raised_on"]:
        need.state, need.ended = "superseded", (person.died_on, f"died on {person.died_on}")
    return need


def _evidence(patient: Patient, need: Raised) -> Evidence | None:
    """The earliest of the answers, and of the results of its test since it opened."""
    test = need.rule["test"]
    found = [Evidence(result.on, "result") for result in (patient.results_of(test) if test else []) if result.on >= need.opens_on]
    answers = patient.dispositions(need.rule, need.subject, need.point)
    found += [Evidence(row["on_date"], row["kind"]) for row in answers if row["kind"] in ("done", "declined")]
    return min(found, key=lambda one: one.order, default=None)
