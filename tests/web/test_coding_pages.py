"""Medicines the record does not identify: what waits, what a decision does to duties, taking it back, who may."""

from __future__ import annotations

import re

import pytest

import web_support
from ledger_world import World
from stepwell.errors import Refused
from stepwell.web.coding import selectors, services
from stepwell.web.coding.models import CodingEvent
from stepwell.web.registers.models import Membership

WRITTEN = "Sertralin 50mg tablets"


@pytest.fixture
def world(db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.as_written = {"Bo": WRITTEN, "Cy": WRITTEN}
    course = ["sertraline 50 mg daily from 2025-04-01 every 28 days"]
    world.tell({"Bo": course, "Cy": course, "Ada": ["codeine 60 mg daily from 2026-05-10 every 28 days"]})
    world.catch_up()
    return world


@pytest.fixture
def key(world):
    (product,) = selectors.products_for(world.actor("gp"))
    return product["key"]


def text(response, status: int = 200) -> str:
    assert response.status_code == status
    return re.sub(r"<[^>]+>", "", " ".join(response.content.decode().split()))


def on_register(world) -> set[int]:
    return set(Membership.objects.filter(register="antidepressant").values_list("person_id", flat=True))


def test_the_queue_says_what_waits_why_and_how_many(world, key):
    page = text(world.client("gp").get("/coding"))
    assert "1 medicine the record does not identify" in page
    assert WRITTEN in page and "no code, only text" in page and "sertraline" in page
    assert "WORKED" not in page


def test_a_decision_puts_people_on_the_register_and_is_remembered(world, key):
    assert on_register(world) == set()
    client = world.client("gp")
    with web_support.recorded() as trail:
        answer = client.post(f"/coding/{key}", {"answer": "sertraline", "why": "A slip of the pen"})
    assert answer.status_code == 302 and answer["Location"] == "/coding?said=decided&people=2"
    assert on_register(world) == {world.ids["Bo"], world.ids["Cy"]}
    (entry,) = trail.writes("decide coding")
    assert entry.reason == "A slip of the pen" and sorted(entry.person_ids) == sorted([world.ids["Bo"], world.ids["Cy"]])
    page = text(client.get(answer["Location"]))
    assert "Decided. Duties of 2 people were worked out again." in page
    assert "Every medicine on record is identified" in page and f"“{WRITTEN}” is sertraline, 50 mg" in page
    world.more("Cy", "weight 70 on 2026-05-01")  # a new import of the same text
    world.catch_up()
    assert on_register(world) == {world.ids["Bo"], world.ids["Cy"]}


def test_not_of_interest_empties_the_queue_and_changes_no_register(world, key):
    done = services.decide(world.actor("pharmacist"), key, substance=None, why="A trial product")
    assert done.up_to_date and on_register(world) == set()
    assert selectors.products_for(world.actor("pharmacist")) == []


def test_taking_it_back_is_another_event(world, key):
    done = services.decide(world.actor("gp"), key, substance="sertraline", why="A slip of the pen")
    client = world.client("gp")
    assert "“Sertralin 50mg tablets” is sertraline" in text(client.get(f"/coding/decisions/{done.event.pk}/undo"))
    client.post(f"/coding/decisions/{done.event.pk}/undo", {"why": "It was another one"})
    assert on_register(world) == set() and CodingEvent.objects.count() == 2
    assert [row["key"] for row in selectors.products_for(world.actor("gp"))] == [key]
    assert client.get(f"/coding/decisions/{done.event.pk}/undo").status_code == 404
    with pytest.raises(Refused, match="not in force"):
        services.undo(world.actor("gp"), done.event.pk, why="Again")
    services.decide(world.actor("gp"), key, substance="sertraline", why="It was right after all")
    assert on_register(world) == {world.ids["Bo"], world.ids["Cy"]}


def test_a_form_says_what_is_missing(world, key):
    client = world.client("gp")
    assert "Choose what it is" in text(client.post(f"/coding/{key}", {"why": "x"}), 422)
    assert "Choose the medicine" in text(client.post(f"/coding/{key}", {"answer": "other", "why": "x"}), 422)
    assert "Give the reason" in text(client.post(f"/coding/{key}", {"answer": "sertraline"}), 422)
    assert "has no strength here" in text(client.post(f"/coding/{key}", {"answer": "none", "strength": "5", "why": "x"}), 422)
    assert not CodingEvent.objects.exists()


def test_who_may_decide_and_about_whose_records(world, key):
    for who in ("nurse", "link worker", "manager"):
        assert world.client(who).get("/coding").status_code == 403
        assert world.client(who).post(f"/coding/{key}", {"answer": "sertraline", "why": "x"}).status_code == 403
    assert selectors.products_for(world.actor("other gp")) == []
    assert world.client("other gp").get(f"/coding/{key}").status_code == 404
    with pytest.raises(Refused, match="no longer waits"):
        services.decide(world.actor("other gp"), key, substance="sertraline", why="x")
