"""A person whose lithium a trust would like a practice to take on, and what a whole request says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ledger_world import TODAY, World

UK = ZoneInfo("Europe/London")

BASELINE = [
    "u-and-e on 2025-06-01",
    "egfr 88 on 2025-06-01",
    "calcium 2.3 on 2025-06-01",
    "tft on 2025-06-01",
    "weight 71 on 2025-06-01",
    "fbc on 2025-06-01",
]
LIO = [
    "female",
    "born 1980-03-14",
    "diagnosis bipolar on 2018-02-01",
    "on the caseload of trust from 2025-01-01",
    "lithium 800 mg daily from 2025-06-10 every 28 days by trust",
    "lithium-level 0.6 on 2026-03-01 by trust",
]


def at_nine(world: World, monkeypatch: Any) -> Callable[[time], None]:
    """Acts happen at nine in the morning of the world's day, whatever the clock on the wall; gives a function to change the hour."""
    hour = [time(9)]
    monkeypatch.setattr("stepwell.web.core.clock.moment", lambda: datetime.combine(world.today, hour[0], UK))

    def set_hour(to: time) -> None:
        hour[0] = to

    return set_hour


def whole_terms(today: date = TODAY, **values: Any) -> Any:
    """Terms that lack nothing."""
    from stepwell.web.agreements.terms import Terms

    terms = Terms(
        indication="bipolar",
        licence="licensed",
        started_on=date(2025, 6, 10),
        dose="800 mg at night",
        target="level 0.6 to 0.8 mmol/L",
        stable_since=today - timedelta(200),
        duration="long term",
        plan="reviewed every year with a view to stopping slowly",
        review_on=today + timedelta(360),
        specialist_review_on=today + timedelta(1800),
        route_back="call the duty desk of the team",
        told="leaflet given, agrees",
    )
    return replace(terms, **values)


def sent_request(world: World, name: str, substance: str = "lithium", **values: Any) -> Any:
    """A request of the trust's psychiatrist that lacks nothing and was sent today."""
    from stepwell.web.agreements import services

    actor = world.actor("psychiatrist")
    draft = services.draft_request(actor, world.ids[name], substance=substance, terms=whole_terms(world.today, **values))
    return services.send_request(actor, draft.pk).agreement


def in_force(world: World, name: str, **values: Any) -> Any:
    """A request that the practice has accepted from today on."""
    from stepwell.web.agreements import services

    request = sent_request(world, name, **values)
    return services.accept(world.actor("gp"), request.pk).agreement


def state(agreement: Any) -> str:
    from stepwell.web.agreements import selectors

    return str(selectors.state_on(selectors.find(agreement.pk)))


def asked_of(world: World, name: str, *, state: str = "open") -> dict[str, tuple[str, date]]:
    """Duties that agreements raised: point → (owner, due)."""
    return {duty.point: (duty.owner_org, duty.due_on) for duty in world.duties(name, rule_id="asked.agreement", state=state)}
