"""What is sensitive stays out of the week, the board and files for whom it is not: not shown, not counted, not told by a reason."""

from __future__ import annotations

import html

import pytest

from ledger_world import PRACTICE, TODAY
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.ledger.selectors import subject_of
from stepwell.web.privacy import services
from week_world import WHY, WeekWorld, by_column, taken


@pytest.fixture
def world(db, settings, tmp_path):
    world = WeekWorld(settings, tmp_path)
    ada = world.person("Ada", points=2)
    PersonRecord.objects.filter(pk=ada).update(reasons=[{"reason": "lithium", "label": "Takes lithium", "points": 2}])
    world.duty(ada, "lithium.level", due=TODAY)
    world.duty(ada, "antipsychotic.weight", due=TODAY)
    world.hours([60, 0, 0, 0, 0, 0, 0])
    return world


def mark(world) -> None:
    services.mark_sensitive(
        world.actor("gp"), subject_of(world.ids["Ada"]), kind="medicine", key="lithium", organisations=[PRACTICE], why="Asked us"
    )


def page(client, address) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def test_the_manager_is_not_shown_what_the_gp_is(world):
    mark(world)
    gp, manager = world.client("gp"), world.client("manager")
    assert "Lithium level" in page(gp, "/week")
    for address in ("/week", "/worklist"):
        shown = page(manager, address)
        assert "ithium" not in shown.split("<main")[1].split("</main")[0].split("<table")[-1], address
    assert {each.work.task for each in world.week("manager").plan.placed} == {"check"}
    assert {each.work.task for each in world.week("gp").plan.placed} == {"blood", "check"}
    for place in ("worklist", "week"):
        rows = taken(manager.post(f"/lists/{place}/export", WHY))
        assert len(rows) == 2 and "ithium" not in str(rows), place
        assert len(taken(gp.post(f"/lists/{place}/export", WHY))) == 3, place
    assert "restricted entry 2" in str(by_column(taken(manager.post("/lists/week/export", WHY)), "Because"))
