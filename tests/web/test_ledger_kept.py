"""What a list counted is kept while nothing happens to its people, and no longer."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger_world import IRIS, TODAY, World
from stepwell.web.core import clock
from stepwell.web.ledger import kept, services, worklist
from stepwell.web.ledger.models import Duty
from stepwell.web.ledger.worklist import Query, Tab

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(settings, tmp_path) -> World:
    world = World(settings, tmp_path)
    world.tell({"Iris": IRIS})
    world.catch_up()
    return world


@pytest.fixture
def later(monkeypatch):
    """Moves the moment that lists are counted at."""
    start = clock.now()

    def move(seconds: float) -> datetime:
        moment = start + timedelta(seconds=seconds)
        monkeypatch.setattr(kept.clock, "now", lambda: moment)
        return moment

    return move


ALL = Query()


def counted(actor, query=ALL) -> tuple[dict[Tab, int], bool]:
    """The numbers on the tabs, and whether they were counted for this."""
    with CaptureQueriesContext(connection) as asked:
        page = worklist.page_for(actor, query, TODAY)
    return page.counts, any("COUNT(DISTINCT" in query["sql"] and "in_mine" in query["sql"] for query in asked.captured_queries)


def test_kept_until_something_happens_to_somebody_on_the_list(world, later):
    gp = world.actor("gp")
    later(60)
    numbers, anew = counted(gp)
    assert anew and numbers[Tab.MINE] == 1
    later(80)
    assert counted(gp) == (numbers, False)
    assert counted(world.actor("nurse"))[1], "everybody's numbers are their own"
    assert counted(gp, Query(tab=Tab.SOON))[1] and counted(gp, Query(deferred=True))[1], "and every question's"
    for duty in Duty.objects.filter(state="open", owner_org=gp.organisation, due_on__lte=TODAY):
        services.decline(gp, duty.pk, on=TODAY, why="not this time")
    changed, anew = counted(gp)
    assert anew and changed[Tab.DONE] == 1 > numbers[Tab.DONE]
    later(100)
    assert counted(gp)[1], "what happened so lately may not have been counted"


def test_kept_two_minutes_at_most_and_not_past_an_evaluation(world, later):
    gp = world.actor("gp")
    later(60)
    assert counted(gp)[1]
    later(179)
    assert not counted(gp)[1]
    later(181)
    assert counted(gp)[1]
    later(170)
    assert counted(gp)[1], "a clock that went back"
    later(175)
    world.catch_up()
    assert counted(gp)[1]


def test_who_is_no_longer_to_be_opened_has_no_row_though_the_list_is_kept(world, later):
    gp = world.actor("gp")
    later(60)
    page = worklist.page_for(gp, Query(), TODAY)
    page.rows[0].person.relationships.all().delete()
    again = worklist.page_for(gp, Query(), TODAY)
    assert len(page.rows) == again.total == 1 and again.rows == []
