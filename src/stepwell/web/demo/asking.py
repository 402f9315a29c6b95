"""Requests for service in the demo: one that waits, one accepted, one advised, one redirected, and one of a bounced person."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from importlib import resources
from typing import Any

import yaml

from stepwell.records.synthetic.stories import TWO_OWNERS
from stepwell.web.core.actor import Actor
from stepwell.web.ledger.selectors import visible_to
from stepwell.web.service_requests import selectors, services
from stepwell.web.service_requests.choices import AGREED, ROUTINE
from stepwell.web.service_requests.directory import seed_services

_SKIPPED = 20  # people at the top of the list have their own stories
REVIEW, THERAPY, SIDE = "Network medication review", "Northside talking therapy", "Side by Side link workers"


def _plan() -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = yaml.safe_load(
        resources.files("stepwell.web.demo").joinpath("asking.yaml").read_text(encoding="utf-8")
    )
    return found


def seed(actor: Actor) -> None:
    """The directory. Services that are there already stay as they are."""
    seed_services(actor, _plan()["services"])


def requests(as_of: date, staff: Callable[[str, date], Actor]) -> int:
    """Through the same verbs as the pages; gives how many were asked."""
    gp = staff("amara.osei", as_of)
    given, family = TWO_OWNERS
    people = visible_to(gp, as_of).filter(death_date__isnull=True, gp_org=gp.organisation)
    people = people.exclude(given_name=given, family_name=family).order_by("-points", "person_id")
    ids = people.values_list("person_id", flat=True)[_SKIPPED : _SKIPPED + 5]
    asked = [_ask(gp, person_id, row, as_of) for person_id, row in zip(ids, _plan()["requests"], strict=False)]
    if len(asked) == len(_plan()["requests"]):
        _answer(asked, as_of, staff)
    return len(asked)


def _ask(gp: Actor, person_id: int, row: dict[str, Any], as_of: date) -> int:
    values = {"urgency": ROUTINE, "agreement": AGREED} | {name: value for name, value in row.items() if name != "days"}
    return services.ask(gp, person_id, services.Asked(**values), on=as_of - timedelta(days=row["days"])).request_id


def _answer(asked: list[int], as_of: date, staff: Callable[[str, date], Actor]) -> None:
    """The first still waits. The last has been to three services and is back in triage."""
    triage, therapy, reviewer, side = (staff(name, as_of) for name in ("lena.hart", "marcus.bell", "tom.reed", "ben.cole"))
    doors = {row.name: row.pk for row in selectors.askable(as_of)}
    _, review, advised, company, bounced = asked

    def send(request_id: int, by: Actor, to: str, reason: str, *, why: str, days: int) -> None:
        services.redirect(by, request_id, to_service_id=doors[to], reason=reason, why=why, on=as_of - timedelta(days=days))

    send(review, triage, REVIEW, "not-our-kind", why="The network's pharmacist does this.", days=8)
    why = "Thirty minutes with the network's pharmacist, by phone if that is easier."
    seen_by, on = as_of + timedelta(days=6), as_of - timedelta(days=5)
    services.take_on(reviewer, review, outcome="see-once", why=why, seen_by=seen_by, on=on)
    services.advise(triage, advised, advice="Repeat the tests within a week and ring us with them.", on=as_of - timedelta(days=2))
    send(company, triage, SIDE, "not-our-kind", why="Debt and company: they go along to the first appointment.", days=3)
    send(bounced, triage, THERAPY, "not-our-kind", why="Asks for therapy.", days=40)
    words = "Long-standing trauma needs more than we can give."
    services.not_for_us(therapy, bounced, reason="too-complex", why=words, on=as_of - timedelta(days=31))
    send(bounced, triage, REVIEW, "preference", why="Wants fewer tablets first.", days=29)
    send(bounced, reviewer, SIDE, "not-met", why="Nothing to change in the tablets.", days=12)
    services.not_for_us(side, bounced, reason="no-capacity", why="Our list is closed until next month.", on=as_of - timedelta(days=6))
