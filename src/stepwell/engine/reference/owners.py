"""Section 8: whose a medicine or a need is, and the duty to agree it where it is nobody's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from stepwell.engine.contract import NOBODY
from stepwell.engine.reference.applications import applications
from stepwell.engine.reference.dates import add
from stepwell.engine.reference.exposure import Medicine
from stepwell.engine.reference.patient import ONGOING, Application, Need, Owner, Patient
from stepwell.engine.reference.people import Person, in_force
from stepwell.engine.reference.world import Row, nulls_last


@dataclass
class Organisations:
    """Who the practice and the specialist service of a person are."""

    patient: Patient
    person: Person
    specialist_org: str | None

    def owner_of_medicine(self, substance: str) -> Owner:
        return self._owner(substance, None)

    def owner_of_need(self, application: Application) -> Owner:
        owners = [self._owner(name, application.rule) for name in application.members]
        if len({owner.org for owner in owners}) == 1:
            return owners[0]
        return _owner(self.person.gp_org, application.rule["role"], "ruling", "several owners: the practice brings them together")

    def owner_of_agreeing(self, rule: Row) -> Owner:
        return _owner(self.person.gp_org, rule["role"], "always", "the practice brings the parties together")

    def _owner(self, substance: str, rule: Row | None) -> Owner:
        role = rule["role"] if rule else None
        line = self._agreed(substance, rule) or self._asserted(substance)
        if line is not None:
            basis = "agreement" if "agreement_id" in line else "assertion"
            return _owner(line["owner_org"], line["owner_role"] or role, basis, line["label"] or basis)
        if rule and rule["owner"] == "practice":
            return _owner(self.person.gp_org, role, "always", "the rule names the practice")
        if rule and rule["owner"] == "specialist":
            return _owner(self.specialist_org, role, "always", "the rule names the specialist service")
        request = _latest(self._lines("owner_requests", substance), "request_id")
        if request is not None:
            return _owner(request["owner_org"], role, "request", request["label"] or "request")
        org, label = self._ruled(self.patient.medicine(substance))
        return _owner(org, role, "ruling", label)

    def _agreed(self, substance: str, rule: Row | None) -> Row | None:
        """The line in force that speaks most closely about this."""
        names = ["prescribe", "all"] if rule is None else [rule["rule_id"], rule["test"], "all"]
        for name in names:
            lines = [row for row in self._lines("agreement_lines", substance) if name is not None and row["line"] == name]
            if lines:
                return _latest(lines, "agreement_id")
        return None

    def _asserted(self, substance: str) -> Row | None:
        return _latest(self._lines("owner_assertions", substance), "owner_org")

    def _lines(self, table: str, substance: str) -> list[Row]:
        rows = self.patient.case.rows[table]
        return [row for row in rows if row["substance"] == substance and in_force(row, self.patient.known.as_of)]

    def _ruled(self, medicine: Medicine) -> tuple[str | None, str]:
        known = self.patient.known
        supplied_by = medicine.supplied_by
        if not known.substances.get(medicine.substance, {}).get("specialist_initiated"):
            if "gp" in medicine.suppliers:
                return self.person.gp_org, "supplied by the practice"
            return min(medicine.supplier_orgs, default=None), f"supplied by {supplied_by}"
        if supplied_by != "gp":
            return None, f"supplied by {supplied_by}, and no agreement is on record"
        months = known.param["specialist_months"]
        if known.as_of < add(medicine.started_on, months) and self._specialist_start(medicine):
            return None, f"started by a specialist less than {months} months ago, and no agreement is on record"
        return self.person.gp_org, "supplied by the practice only"

    def _specialist_start(self, medicine: Medicine) -> bool:
        course = medicine.course
        if course.events[0].kinds & {"trust", "private"} or any(event.plans for event in course.events):
            return True
        months = self.patient.known.param["letter_months"]
        first, last = add(course.started_on, -months), add(course.started_on, months)
        return any(
            row["from_org"] is not None
            and row["from_org"] != self.person.gp_org
            and row["sent_on"] is not None
            and first <= row["sent_on"] <= min(last, self.patient.known.as_of)
            for row in self.patient.case.rows["letters"]
        )


def _owner(org: str | None, role: str | None, basis: str, label: str) -> Owner:
    return Owner(NOBODY if org is None else org, role, basis, label)


def _latest(rows: list[Row], tie: str) -> Row | None:
    if not rows:
        return None
    latest = max(row["from_on"] for row in rows)
    rows = [row for row in rows if row["from_on"] == latest]
    return min(rows, key=lambda row: nulls_last(row[tie], row["owner_org"], row.get("owner_role"), row["label"]))


def agreeing(organisations: Organisations, owners: dict[str, Owner], needs: list[Need]) -> list[Need]:
    """One need for each medicine that is nobody's, or that has an open need that is nobody's."""
    patient = organisations.patient
    unowned = {name for name, owner in owners.items() if owner.org == NOBODY and name in patient.medicines}
    unowned |= {need.subject for need in needs if need.state == "open" and need.owner.org == NOBODY and need.subject in patient.medicines}
    found = []
    for rule in patient.known.rules:
        if rule["kind"] != "agree":
            continue
        for application in applications(patient, rule):
            if application.subject not in unowned:
                continue
            since = _unowned_since(organisations, application.subject)
            answered = patient.not_applicable(rule, application.subject, ONGOING)
            found.append(
                Need(
                    application,
                    ONGOING,
                    "not applicable" if answered else "open",
                    anchor_on=application.start,
                    opens_on=since,
                    due_on=since,
                    owner=organisations.owner_of_agreeing(rule),
                )
            )
    return found


def _unowned_since(organisations: Organisations, substance: str) -> date:
    rows = organisations.patient.case.rows
    as_of = organisations.patient.known.as_of
    ended = [
        row["to_on"]
        for table in ("agreement_lines", "owner_assertions", "owner_requests")
        for row in rows[table]
        if row["substance"] == substance and row["to_on"] is not None and row["to_on"] <= as_of
    ]
    return max([organisations.patient.medicines[substance].started_on, *ended])
