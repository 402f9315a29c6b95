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
    followed: bool
    """False for a person who has died or whose registrations have all ended: no medicines, no needs."""


def identify(case: Case, known: Known) -> Person:
    records = sorted(
        case.rows["patients"], key=lambda row: (not known.is_practice(row["source"]), *nulls_last(row["source"], row["native_id"]))
    )

    def first(column: str) -> Any:
        return next((row[column] for row in records if row[column] is not None), None)

    registrations = _begun(case.rows["registrations"], "registration", known.as_of)
    left = bool(registrations) and not any(_lasts(row, known.as_of) for row in registrations)
    death_date = first("death_date")
    died = death_date is not None and death_date <= known.as_of
    return Person(
        birth_date=first("birth_date"),
        sex=first("sex"),
        gp_org=_gp_org(records, registrations, known),
        followed=not died and not left,
    )


def _begun(rows: list[Row], kind: str, as_of: date) -> list[Row]:
    return [row for row in rows if row["kind"] == kind and (row["started_on"] is None or row["started_on"] <= as_of)]


def _lasts(row: Row, as_of: date) -> bool:
    return row["ended_on"] is None or row["ended_on"] > as_of


def _latest_starting(rows: list[Row]) -> str | None:
    """Organisation of the row that started last; a row without a start counts as the oldest."""
    if not rows:
        return None
    start = max(row["started_on"] or date.min for row in rows)
    return min((row["org_code"] for row in rows if (row["started_on"] or date.min) == start), key=nulls_last)


def _gp_org(records: list[Row], registrations: list[Row], known: Known) -> str | None:
    if registrations:
        return _latest_starting([row for row in registrations if _lasts(row, known.as_of)])
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
    if caseloads:
        return _latest_starting(caseloads)
    registered = {substance for register in known.registers for substance in known.sets[register["set_name"]]}
    trust = [issue for issue in issues if issue.kind == "trust" and issue.org is not None and issue.substance in registered]
    if not trust:
        return None
    latest = max(issue.on for issue in trust)
    return min(issue.org for issue in trust if issue.on == latest and issue.org is not None)


def in_force(row: Row, as_of: date) -> bool:
    """An agreement line or an owner assertion holds on `as_of`."""
    return row["from_on"] is not None and row["from_on"] <= as_of and (row["to_on"] is None or row["to_on"] > as_of)
