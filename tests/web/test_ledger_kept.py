"""What a list counted is kept while nothing happens to its people, and no longer."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger_world import IRIS, TODAY, World
from stepwell.web.core import clock
from stepwell.web.ledger import kept, services, worklist
from stepwell.web.ledger.models import Duty
from stepwell.web.ledger.worklist import Order, Query, Tab

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(settings, tmp_path) -> World:
    world = World(settings, tmp_path)
    world.tell({"Iris": IRIS})
    world.catch_up()
    return world


CROWD = ("Ann", "Ben", "Cy", "Dee", "Eve")


@pytest.fixture
def crowd(settings, tmp_path) -> World:
    world = World(settings, tmp_path)
    world.tell({name: [*IRIS, *(["weight 80 on 2026-05-20"] if number % 2 else [])] for number, name in enumerate(CROWD)})
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


def looked(actor, query=ALL) -> tuple[dict[Tab, int], str]:
    """The numbers on the tabs, and what it took: `made` whole, `put right` for some people, or `kept` as it was."""
    with CaptureQueriesContext(connection) as asked:
        page = worklist.page_for(actor, query, TODAY)
    counts = [query["sql"] for query in asked.captured_queries if "in_0" in query["sql"] and "in_7" in query["sql"]]
    few = [sql for sql in counts if re.search(r'U0."person_id" IN \(\d', sql)]
    return page.counts, "put right" if few else "made" if counts else "kept"


def test_kept_until_something_happens_to_somebody_on_the_list(world, later):
    gp = world.actor("gp")
    later(60)
    numbers, how = looked(gp)
    assert how == "made" and numbers[Tab.MINE] == 1
    later(80)
    assert looked(gp) == (numbers, "kept")
    assert looked(world.actor("nurse"))[1] == "made", "everybody's numbers are their own"
    assert looked(gp, Query(deferred=True))[1] == looked(gp, Query(kind="test"))[1] == "made", "and every question's"
    assert looked(gp, Query(tab=Tab.SOON, order=Order.DUE)) == (numbers, "kept"), "which tab is open is no other question"
    for duty in Duty.objects.filter(state="open", owner_org=gp.organisation, due_on__lte=TODAY):
        services.decline(gp, duty.pk, on=TODAY, why="not this time")
    changed, how = looked(gp)
    assert how == "put right" and changed[Tab.DONE] == 1 > numbers[Tab.DONE]
    later(100)
    assert looked(gp)[1] == "put right", "what happened so lately may not have been seen"


def test_kept_two_minutes_at_most_and_not_past_an_evaluation(world, later):
    gp = world.actor("gp")
    later(60)
    assert looked(gp)[1] == "made"
    later(179)
    assert looked(gp)[1] == "kept"
    later(181)
    assert looked(gp)[1] == "made"
    later(170)
    assert looked(gp)[1] == "made", "a clock that went back"
    later(175)
    world.catch_up()
    assert looked(gp)[1] == "made"


def test_what_was_put_right_is_made_whole_two_minutes_after_it_was_made(world, later):
    gp = world.actor("gp")
    later(60)
    looked(gp)
    later(170)
    services.acknowledge(gp, Duty.objects.filter(state="open", owner_org=gp.organisation).first().pk)
    assert looked(gp)[1] == "put right"
    later(181)
    assert looked(gp)[1] == "made"


@pytest.mark.parametrize("order", list(Order))
def test_a_list_put_right_is_the_list_made_anew(crowd, later, order):
    """Whatever is done to whomever: the same numbers, the same people, the same order."""
    gp, nurse = crowd.actor("gp"), crowd.actor("nurse")
    later(60)

    def lists() -> list[object]:
        pages = [worklist.page_for(gp, Query(tab=tab, order=order, deferred=off), TODAY) for tab in Tab for off in (False, True)]
        return [(page.counts, page.total, page.deferred, [row.person.person_id for row in page.rows]) for page in pages]

    before = lists()
    of_person: dict[int, list[Duty]] = {}
    for duty in Duty.objects.filter(state="open", owner_org=gp.organisation, due_on__lte=TODAY).order_by("person_id", "pk"):
        of_person.setdefault(duty.person_id, []).append(duty)
    assert len(of_person) == len(CROWD)
    duties = [duty for found in of_person.values() for duty in found[:3]]
    acts = [
        lambda duty: services.decline(nurse, duty.pk, on=TODAY, why="not this time"),
        lambda duty: services.defer(gp, duty.pk, until=TODAY + timedelta(days=14), why="after the holidays"),
        lambda duty: services.acknowledge(nurse, duty.pk),
    ]
    for number, duty in enumerate(duties):
        acts[number % 3](duty)
        if number % 4 == 0:
            put_right = lists()
            cache.clear()
            assert put_right == lists()
    assert lists() != before


def test_who_is_no_longer_to_be_opened_has_no_row_though_the_list_is_kept(world, later):
    gp = world.actor("gp")
    later(60)
    page = worklist.page_for(gp, Query(), TODAY)
    page.rows[0].person.relationships.all().delete()
    again = worklist.page_for(gp, Query(), TODAY)
    assert len(page.rows) == again.total == 1 and again.rows == []
