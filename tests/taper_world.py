"""A world of people who take what can be reduced, and plans made by the real arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from ledger_world import TODAY, World

START = date(2026, 6, 8)  # a Monday after TODAY
DEE = [
    "male",
    "born 1959-02-02",
    "diazepam 20 mg daily from 2022-01-10 every 28 days",
    "sertraline 100 mg daily from 2023-01-10 every 28 days",
    "diagnosis depression on 2023-01-02",
]
SAM = ["female", "born 1980-05-05", "sertraline 100 mg daily from 2022-01-10 every 28 days", "diagnosis depression on 2022-01-02"]
FIT = {"conditions_known": True, "months": 48}


def taper_world(settings: Any, folder: Any, people: dict[str, list[str]] | None = None) -> World:
    world = World(settings, folder)
    world.tell(people or {"Dee": DEE, "Sam": SAM})
    world.catch_up()
    return world


@contextmanager
def one_taper_world(folder: Path, people: dict[str, list[str]] | None = None) -> Iterator[World]:
    """Evaluated once for all tests of a file; everything is rolled back at the end."""
    from django.conf import settings
    from django.db import transaction
    from django.test import override_settings

    with override_settings(AS_OF=TODAY, STORE=str(folder / "store")), transaction.atomic():
        yield taper_world(settings, folder, people)
        transaction.set_rollback(True)


def asked(medicine: str = "diazepam", dose_mg: int = 20, start_on: date = START, **more: Any) -> Any:
    from stepwell import knowledge
    from stepwell.clinical.tapering.model import History, Request
    from stepwell.knowledge.tapering import guards_of

    flags = {flag.flag for guard in guards_of(knowledge.load(), medicine) for flag in (guard.flag, guard.lifted_by) if flag is not None}
    history = History(age=60, answered=frozenset(flags), **FIT)
    return Request(medicine=medicine, dose_ug=dose_mg * 1000, start_on=start_on, history=history, **more)


def planned(request: Any) -> Any:
    from stepwell import knowledge
    from stepwell.clinical.tapering.propose import propose

    return propose(request, knowledge.load())


def proposed(world: World, name: str = "Dee", who: str = "gp", medicine: str = "diazepam", words: Any = None, **more: Any) -> int:
    from stepwell.web.tapers import services
    from stepwell.web.tapers.said import PlanWords

    request = asked(medicine, **({"dose_mg": 100} if medicine == "sertraline" else {}) | more)
    return services.propose(
        world.actor(who), world.ids[name], request, planned(request), words=words or PlanWords(matters="A clear head for the allotment")
    )


def agreed(world: World, name: str = "Dee", who: str = "gp", medicine: str = "diazepam", **more: Any) -> int:
    from stepwell.web.tapers import services

    plan_id = proposed(world, name, who, medicine, **more)
    actor = world.actor(who)
    services.agree(actor, plan_id, clinician_id=actor.user_id, decided_with=f"{name} and {actor.display_name}")
    return plan_id


def reducing(world: World, name: str = "Dee", who: str = "gp", medicine: str = "diazepam", **more: Any) -> int:
    """A plan on its way since `START`; the world's day is then `START`."""
    from stepwell.web.tapers import services

    plan_id = agreed(world, name, who, medicine, **more)
    world.today = START
    services.start(world.actor(who), plan_id)
    return plan_id


def row(plan_id: int) -> Any:
    from stepwell.web.tapers import selectors

    return selectors.plan_row(plan_id)


def taper_duties(world: World, name: str = "Dee", state: str = "open") -> dict[str, tuple[str, date]]:
    """Duties that reductions raised: kind → (owner, due)."""
    rows = world.duties(name, rule_id="asked.reduction", state=state)
    return {duty.point.rstrip(" 0123456789"): (duty.owner_org, duty.due_on) for duty in rows}


def later(world: World, days: int) -> date:
    world.today = world.today + timedelta(days=days)
    return world.today
