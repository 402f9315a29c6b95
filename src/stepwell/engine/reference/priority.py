"""Sections 10 and 16: points of a person's score, one a reason."""

from __future__ import annotations

from stepwell.engine.contract import NOBODY
from stepwell.engine.reference.patient import Need, Patient
from stepwell.engine.reference.world import Row


def points_of(patient: Patient, needs: list[Need]) -> list[tuple[Row, int]]:
    """Reasons with points, for a person with at least one open need that is due."""
    due = [need for need in needs if need.state == "open" and need.due_on <= patient.known.as_of]
    if not due:
        return []
    scored = [(row, _points(patient, due, row)) for row in patient.known.priorities]
    return [(row, points) for row, points in scored if points != 0]


def _points(patient: Patient, due: list[Need], row: Row) -> int:
    each = row["points"] or 0
    if row["kind"] == "overdue":
        days = max((patient.known.as_of - need.due_on).days for need in due)
        return _capped(each * (days // row["per_days"]), row)
    if row["kind"] == "needs":
        return _capped(each * sum(need.rule["kind"] == row["subject"] for need in due), row)
    if row["kind"] == "nobody":
        return each if any(need.owner.org == NOBODY for need in due) else 0
    return each if patient.facts.holding([{**row, "grp": 1}]) else 0


def _capped(points: int, row: Row) -> int:
    return points if row["cap"] is None else min(points, row["cap"])
