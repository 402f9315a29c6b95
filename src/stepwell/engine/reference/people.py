"""Section 1: who a person is, and which organisations look after them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from stepwell.engine.reference.supply import Issue
from stepwell.engine.reference.world import Case, Known, Row, nulls_last


@dataclass
class Person:
    birth_date: date | None
    sex: str | None
    gp_org: str | None
    died_on: date | None
    left_on: date | None
    """Day the last registration ended, when all have."""
    registered_on: date | None
    """Start of the registration that makes the practice theirs, when it is known."""

    @property
    def followed(self) -> bool:
        """False for a person who has died or whose registrations have all ended: no medicines, no needs."""
        return self.died_on is None and self.left_on is None


def identify(case: Case, known: Known) -> Person:
    records = sorted(
        case.rows["patients"], key=lambda row: (not known.is_practice(row["source"]), *nulls_last(row["source"], row["native_id"]))
    )

    def first(column: str) -> Any:
        return next((row[column] for row in records if row[column] is not None), None)

    registrations = _begun(case.rows["registrations"], "registration", known.as_of)
    lasting = [row for row in registrations if _lasts(row, known.as_of)]
    death_date = first("death_date")
    latest = _latest_starting(lasting)
    return Person(
        birth_date=first("birth_date"),
        sex=first("sex"),
        gp_org=(latest["org_code"] if latest else None) if registrations else _stated_gp_org(records, known),
        died_on=death_date if death_date is not None and death_date <= known.as_of else None,
        left_on=max((row["ended_on"] for row in registrations), default=None) if not lasting else None,
        registered_on=latest["started_on"] if latest else None,
    )


def _begun(rows: list[Row], kind: str, as_of: date) -> list[Row]:
    return [row for row in rows if row["kind"] == kind and (row["started_on"] is None or row["started_on"] <= as_of)]


def _lasts(row: Row, as_of: date) -> bool:
    return row["ended_on"] is None or row["ended_on"] > as_of


def _latest_starting(rows: list[Row]) -> Row | None:
    """The row that started last; one without a start counts as the oldest. Of several the smallest organisation."""
    if not rows:
        return None
    start = max(row["started_on"] or date.min for row in rows)
    return min((row for row in rows if (row["started_on"] or date.min) == start), key=lambda row: nulls_last(row["org_code"]))


def _stated_gp_org(records: list[Row], known: Known) -> str | None:
    """Without any registration: who holds a record as a practice, or is named as one."""
    holders = [row["org_code"] for row in records if known.is_practice(row["org_code"])]
    named = [row["gp_org_code"] for row in records if row["gp_org_code"] is not None]
    return min(holders or named, default=None)


def specialist_org(case: Case, known: Known, person: Person, issues: list[Issue]) -> str | None:
    agreed = [
        row["owner_org"]
        for row in case.rows["agreement_lines"]
        if in_force(row, known.as_of) and row["owner_org"] is not None and row["owner_org"] != person.gp_org
    ]
    if agreed:
        return min(agreed)
    caseloads = _begun(case.rows["registrations"], "caseload", known.as_of)
    caseloads = [row for row in caseloads if _lasts(row, known.as_of) and row["org_code"] is not None]
    caseload = _latest_starting(caseloads)
    if caseload is not None:
        return str(caseload["org_code"])
    registered = {substance for register in known.registers for substance in known.sets[register["set_name"]]}
    trust = [issue for issue in issues if issue.kind == "trust" and issue.org is not None and issue.substance in registered]
    if not trust:
        return None
    latest = max(issue.on for issue in trust)
    return min(issue.org for issue in trust if issue.on == latest and issue.org is not None)


def in_force(row: Row, as_of: date) -> bool:
    """An agreement line or an owner assertion holds on `as_of`."""
    return row["from_on"] is not None and row["from_on"] <= as_of and (row["to_on"] is None or row["to_on"] > as_of)
