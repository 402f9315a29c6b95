"""A world with an advice service: a psychiatrist of the day at the trust, on duty today, and a moment that stands still."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from ledger_world import PCN, TODAY, TRUST, World
from privacy_support import join

ADA = [
    "female",
    "on the caseload of trust from 2024-01-01",
    "lithium 800 mg daily from 2024-01-10 every 28 days",
    "olanzapine 10 mg daily from 2023-04-01 every 28 days",
    "diagnosis bipolar on 2020-01-01",
    "lithium-level 0.6 on 2025-05-20",
    "lithium-level 0.8 on 2025-11-20",
    "weight 71 on 2025-04-20",
]
# Nobody but the practice has anything to do with this person.
BO = ["sertraline 50 mg daily from 2025-04-01 every 28 days", "diagnosis depression on 2025-03-20"]


class Still:
    """The moment on the working day, as the tests set it."""

    def __init__(self, monkeypatch: Any) -> None:
        from stepwell.web.core import clock

        self.at(10, 0)
        monkeypatch.setattr(clock, "moment", lambda: self.moment)

    def at(self, hour: int, minute: int = 0, days: int = 0) -> datetime:
        from stepwell.web.core.formatting import UK

        self.moment = datetime.combine(TODAY + timedelta(days=days), time(hour, minute), tzinfo=UK)
        return self.moment


def advice_world(settings: Any, folder: Any, people: dict[str, list[str]] | None = None) -> World:
    world = World(settings, folder)
    world.tell(people or {"Ada": ADA, "Bo": BO})
    world.catch_up()
    join(world, "team manager", "Grace Adeyemi", TRUST, "team manager")
    join(world, "second psychiatrist", "Dr Max Klein", TRUST, "psychiatrist")
    join(world, "pcn manager", "Helen Wu", PCN, "team manager")
    return world


def terms(**given: Any) -> Any:
    from stepwell.web.advice.running import Terms

    usual: dict[str, Any] = {
        "name": "Psychiatrist of the day", "role": "psychiatrist", "unit": "hours", "amount": 4, "weekdays": frozenset(range(5)),
        "opens": time(9), "closes": time(17), "phone": "01632 960109", "fallback_words": "Ring the duty team, 01632 960109",
    }  # fmt: skip
    return Terms(**(usual | given))


def open_desk(world: World, who: str = "team manager", on_duty: str | None = "psychiatrist", **given: Any) -> Any:
    """A service of the organisation of `who`, somebody on duty today unless `on_duty` is None."""
    from stepwell.web.advice import running

    desk = running.open_service(world.actor(who), terms(**given))
    if on_duty is not None:
        running.set_duty_days(world.actor(who), desk.id, {TODAY: world.members[on_duty].user_id})
    return desk


def ask(world: World, desk: Any, name: str = "Ada", who: str = "gp", **given: Any) -> Any:
    """A question about a person; gives its row."""
    from stepwell.web.advice import selectors, services

    usual = {"kind": "dose", "substance": "olanzapine" if name == "Ada" else "sertraline", "words": "Sedated on 10 mg. Lower, or at night?"}
    done = services.ask(world.actor(who), world.ids[name], service_id=desk.id, **(usual | given))
    return selectors.question(done.question_id)


def advice_duties(world: World, name: str = "Ada", state: str = "open") -> dict[str, tuple[str, Any]]:
    """Duties that advice raised: point → (owner, due)."""
    rows = world.duties(name, rule_id="asked.advice", state=state)
    return {row.point: (row.owner_org, row.due_on) for row in rows}
