"""Sections 3, 5 and 14: conditions of a person, those that last until they are ended and those that are events."""

from __future__ import annotations

from datetime import date

from stepwell.engine.reference.dates import add
from stepwell.engine.reference.world import Case, Known

NOT_EVENTS = ("refuted", "entered in error")
NOT_RESULTS = ("cancelled", "entered in error")


def problems_of(case: Case, known: Known) -> dict[str, date | None]:
    """Conditions on the problem list at as_of, with the earliest date each is known from."""
    found: dict[str, date | None] = {}
    for row in case.rows["conditions"]:
        dates = [day for day in (row["onset_on"], row["recorded_on"]) if day is not None]
        if row["status"] not in ("active", "unknown", None) or any(day > known.as_of for day in dates):
            continue
        if row["ended_on"] is not None and row["ended_on"] <= known.as_of:
            continue
        since = row["onset_on"] or row["recorded_on"]
        for code in known.condition_codes.get((row["code_system"], row["code"]), []):
            before = found.get(code["condition"])
            found[code["condition"]] = min((day for day in (before, since) if day is not None), default=None)
    return found


def conditions_of(case: Case, known: Known) -> dict[str, tuple[date | None, str]]:
    """Conditions that hold at as_of: since when, and where that was read. An event holds for a while after its latest record."""
    held: dict[str, tuple[date | None, str]] = {}
    for name, since in problems_of(case, known).items():
        if name not in known.events:
            held[name] = since, f"on the problem list since {since}" if since else "on the problem list"
    if not known.events:
        return held
    days = _event_days(case, known)
    for name, condition in known.events.items():
        latest = days.get(name)
        if latest is None or add(latest, condition["lasts_months"], condition["lasts_days"]) <= known.as_of:
            continue
        ended = days.get(condition["ended_by"])
        if ended is None or ended < latest:
            held[name] = latest, f"recorded on {latest}"
    return held


def _event_days(case: Case, known: Known) -> dict[str, date]:
    """The latest day on which each condition was recorded, as a problem or as an observation."""
    latest: dict[str, date] = {}

    def note(code_system: str | None, code: str | None, day: date) -> None:
        for row in known.condition_codes.get((code_system, code), []):
            name = row["condition"]
            latest[name] = max(day, latest.get(name, day))

    for row in case.rows["conditions"]:
        dates = [day for day in (row["onset_on"], row["recorded_on"]) if day is not None]
        if dates and row["status"] not in NOT_EVENTS and all(day <= known.as_of for day in dates):
            note(row["code_system"], row["code"], dates[0])
    for row in case.rows["observations"]:
        day = row["effective_on"]
        if day is not None and day <= known.as_of and row["status"] not in NOT_RESULTS:
            note(row["code_system"], row["code"], day)
    return latest
