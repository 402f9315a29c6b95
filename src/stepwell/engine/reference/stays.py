"""Section 11, stays in hospital: the ward supplies what the person was taking, and says nothing about it."""

from __future__ import annotations

from datetime import date, timedelta

from stepwell.engine.reference.supply import Event
from stepwell.engine.reference.world import Case, Known


def with_stays(events: dict[str, list[Event]], case: Case, known: Known) -> dict[str, list[Event]]:
    """The events with one more for each stay that began while, or soon after, a substance was supplied."""
    stays: dict[date, int] = {}
    for row in case.rows["stays"]:
        start = row["started_on"]
        if start is not None and start <= known.as_of:
            end = min(row["ended_on"] or known.as_of, known.as_of)
            stays[start] = max(1, (end - start).days, stays.get(start, 0))
    if not stays:
        return events
    return {substance: _joined(rows, stays, known) for substance, rows in events.items()}


def _joined(events: list[Event], stays: dict[date, int], known: Known) -> list[Event]:
    reach = timedelta(days=known.param["carry_cap_days"] + known.param["grace_days"])
    on_day = {event.on: event for event in events}
    supplied = {event.on: event.on + timedelta(days=event.days) for event in events}
    for start, days in stays.items():
        before = max((on for on in supplied if on < start), default=None)
        if before is None or supplied[before] + reach < start:
            continue
        if start in on_day:
            on_day[start].days = max(on_day[start].days, days)
        else:
            on_day[start] = _stay(start, days)
    return [on_day[on] for on in sorted(on_day)]


def _stay(on: date, days: int) -> Event:
    return Event(
        on=on,
        days=days,
        daily_ug=None,
        provenance="unknown",
        as_required=False,
        dose_text=None,
        term=None,
        kinds=set(),
        orgs=set(),
        issued=False,
        only_stay=True,
    )
