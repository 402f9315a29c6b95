"""People who may be one: what waits, what joining does to duties, keeping apart, parting again, who may."""

from __future__ import annotations

import re

import pytest

import web_support
from ledger_world import IRIS, PRACTICE, World
from stepwell.errors import Refused
from stepwell.web.coding import match_selectors, match_services
from stepwell.web.coding.models import MatchEvent
from stepwell.web.ledger import services as ledger
from stepwell.web.ledger.models import Duty
from stepwell.web.ledger.results import ResultEntry


@pytest.fixture
def world(db, settings, tmp_path):
    """Ada takes lithium in one record; the other, without a number, has her level."""
    world = World(settings, tmp_path)
    world.second_record_of = {"Two": "Ada"}
    course = "lithium 800 mg daily from 2024-06-10 every 28 days"
    world.tell({"Ada": [course], "Two": ["lithium-level 0.6 on 2026-05-20"], "Iris": IRIS})
    world.catch_up()
    return world


@pytest.fixture
def key(world):
    (pair,) = match_selectors.pairs_for(world.actor("gp"))
    return pair["key"]


def text(response, status: int = 200) -> str:
    assert response.status_code == status
    return re.sub(r"<[^>]+>", "", " ".join(response.content.decode().split()))


def level_due(world, person_id):
    return Duty.objects.get(person_id=person_id, test="lithium-level", state="open", point="ongoing").due_on.isoformat()


def level_known(world, person_id) -> bool:
    return Duty.objects.filter(person_id=person_id, test="lithium-level", state="open", served_on="2026-05-20").exists()


def test_the_queue_names_both_records_and_why(world, key):
    with web_support.recorded() as trail:
        page = text(world.client("gp").get("/coding/people"))
    assert "1 pair of records may be of one person" in page and "WORKED, Ada" in page
    assert "one of them has no valid NHS number" in page
    (entry,) = trail.reads_of(world.ids["Ada"])
    assert sorted(entry.person_ids) == sorted([world.ids["Ada"], world.ids["Two"]])
    page = text(world.client("gp").get(f"/coding/people/{key}"))
    assert "Not Known (missing)" in page and "differ" in page and "agree" in page


def test_joining_reads_both_records_together_and_can_be_taken_back(world, key):
    ada, two = world.ids["Ada"], world.ids["Two"]
    assert not level_known(world, ada)
    client = world.client("gp")
    answer = client.post(f"/coding/people/{key}", {"answer": "same", "why": "Asked her at the desk"})
    assert answer.status_code == 302 and answer["Location"] == "/coding/people?said=same"
    assert level_known(world, ada)
    assert world.client("gp").get(f"/patients/{two}").status_code in (403, 404)
    page = text(client.get(answer["Location"]))
    assert "No two records wait to be told apart" in page and "Asked her at the desk" in page
    event = MatchEvent.objects.get()
    client.post(f"/coding/people/decisions/{event.pk}/undo", {"why": "It was her sister"})
    assert not level_known(world, ada)
    parted = MatchEvent.objects.get(answer="parted")
    assert parted.undoes == event and parted.other_id not in (ada, two)
    assert client.get(f"/patients/{parted.other_id}").status_code == 200
    with pytest.raises(Refused, match="not in force"):
        match_services.part(world.actor("gp"), event.pk, why="Again")
    # What was parted by hand is not asked about again.
    assert match_selectors.pairs_for(world.actor("gp")) == []


def test_kept_apart_is_remembered_and_changes_no_duty(world, key):
    before = level_due(world, world.ids["Ada"])
    done = match_services.decide(world.actor("gp"), key, same=False, why="Twins at one address")
    assert done.up_to_date and match_selectors.pairs_for(world.actor("gp")) == []
    assert level_due(world, world.ids["Ada"]) == before
    with pytest.raises(Refused, match="no longer wait"):
        match_services.decide(world.actor("gp"), key, same=True, why="Again")


def test_the_person_with_acts_of_people_stays_and_two_such_are_refused(world, key):
    two = world.ids["Two"]
    ledger.record_results(world.actor("gp"), two, [ResultEntry("weight", 71_000, world.today)])
    done = match_services.decide(world.actor("gp"), key, same=True, why="Asked her")
    assert done.event.person_id == two and level_known(world, two)


def test_both_with_acts_of_people_are_refused_with_what_to_do(world, key):
    for name in ("Ada", "Two"):
        ledger.record_results(world.actor("gp"), world.ids[name], [ResultEntry("weight", 71_000, world.today)])
    page = text(world.client("gp").post(f"/coding/people/{key}", {"answer": "same", "why": "Asked her"}), 422)
    assert "Both have agreements, answers or results" in page and "Asked her" in page
    assert not MatchEvent.objects.exists() and len(match_selectors.pairs_for(world.actor("gp"))) == 1


def test_a_form_says_what_is_missing(world, key):
    client = world.client("gp")
    assert "Choose whether they are one person" in text(client.post(f"/coding/people/{key}", {"why": "x"}), 422)
    assert "Say how you know" in text(client.post(f"/coding/people/{key}", {"answer": "same"}), 422)


def test_who_may_decide_and_about_whose_records(world, key):
    for who in ("nurse", "link worker", "manager"):
        assert world.client(who).get("/coding/people").status_code == 403
        assert world.client(who).post(f"/coding/people/{key}", {"answer": "same", "why": "x"}).status_code == 403
    assert match_selectors.pairs_for(world.actor("other gp")) == []
    assert world.client("other gp").get(f"/coding/people/{key}").status_code == 404
    assert [pair["source_a"] for pair in match_selectors.pairs_for(world.actor("pharmacist"))] == [PRACTICE]
