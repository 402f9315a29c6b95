"""Acting on several duties from the worklist: what will happen to whom, what is left out and why, how it went."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

import web_support
from ledger_world import PRACTICE, TODAY, TRUST, World
from stepwell.web.ledger import bulk_acts, services
from stepwell.web.ledger.models import BulkAct, Duty, Handover

ADA = [
    "female",
    "on the caseload of trust from 2024-01-01",
    "lithium 800 mg daily from 2024-01-10 every 28 days",
    "diagnosis bipolar on 2020-01-01",
    "lithium-level 0.6 on 2025-11-20",
]
BEA = ["female", "olanzapine 10 mg daily from 2024-01-10 every 28 days", "weight 70 on 2024-12-01"]
LATER = {"until-day": "20", "until-month": "6", "until-year": "2026", "why": "the fridge broke"}


@pytest.fixture
def world(db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Ada": ADA, "Bea": BEA})
    world.catch_up()
    return world


@pytest.fixture
def client(world):
    return world.client("gp")


def text(response) -> str:
    return " ".join(response.content.decode().split())


def chosen(client, *names: str) -> list[str]:
    """The boxes of these people on the worklist, as ticking them sends them."""
    page = client.get("/worklist").content.decode()
    found = dict(re.findall(r'name="pick" value="([^"]+)"><span[^>]*> choose WORKED, (\w+)', page))
    return [pick for pick, name in found.items() if name in names]


def send(client, step="choose", **data):
    return client.post("/worklist/act", {"step": step, "back": "?order=due", **data})


def hidden(response) -> dict[str, list[str]]:
    """What the form on the page sends along."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="(?:hidden|checkbox)" name="([^"]+)" value="([^"]*)"', response.content.decode()):
        found.setdefault(name, []).append(value)
    return found


def through(client, act: str, picks, **details):
    """From the list to the end, as somebody does it without JavaScript; gives the page that asks to confirm and the last one."""
    first = send(client, act=act, pick=picks)
    confirm = first if not details else client.post("/worklist/act", {**hidden(first), "step": "details", **details})
    done = client.post("/worklist/act", {**hidden(confirm), "step": "confirm"}, follow=True)
    return confirm, done


def mine() -> list[Duty]:
    return list(Duty.objects.filter(owner_org=PRACTICE, state="open", due_on__lte=TODAY).order_by("pk"))


def test_assigning_several_says_exactly_what_and_to_whom_before_it_does_it(world, client):
    nurse = world.actor("nurse")
    first = send(client, act="assign", pick=chosen(client, "Ada", "Bea"))
    assert f"Assign {len(mine())} duties of 2 people" in text(first) and "Choose a colleague" in text(first)
    confirm = client.post("/worklist/act", {**hidden(first), "step": "details", "to": str(nurse.user_id), "why": "this week"})
    assert f"{len(mine())} duties of 2 people will be assigned to Priya Nair" in text(confirm) and "Reason: this week" in text(confirm)
    assert "WORKED, Ada (Ms)" in text(confirm) and "WORKED, Bea (Ms)" in text(confirm)
    assert not Duty.objects.filter(assigned_to__isnull=False).exists(), "nothing is done before it is confirmed"
    with web_support.recorded() as trail:
        done = client.post("/worklist/act", {**hidden(confirm), "step": "confirm"}, follow=True)
    assert f"{len(mine())} duties were assigned to Priya Nair" in text(done)
    assert {duty.assigned_to_id for duty in mine()} == {nurse.user_id}
    assert len(trail.writes("duty assigned")) == len(mine()) and len(trail.writes("bulk assign")) == 1
    assert sorted(trail.writes("bulk assign")[0].person_ids) == sorted(world.ids[name] for name in ("Ada", "Bea"))


def test_seen_needs_no_details(world, client):
    confirm, done = through(client, "seen", chosen(client, "Bea"))
    assert "will be marked as seen" in text(confirm) and "were marked as seen" in text(done)
    seen = Duty.objects.filter(acknowledged_at__isnull=False)
    assert seen and {duty.person_id for duty in seen} == {world.ids["Bea"]}


def test_putting_off_several(world, client):
    confirm, done = through(client, "later", chosen(client, "Ada"), **LATER)
    assert "will be put off until 20-Jun-2026" in text(confirm) and "Reason: the fridge broke" in text(confirm)
    assert "were put off until 20-Jun-2026" in text(done)
    assert {duty.shown_from for duty in mine() if duty.person_id == world.ids["Ada"]} == {TODAY + timedelta(19)}


def test_offering_several_leaves_out_whom_the_other_does_not_know(world, client):
    confirm, done = through(client, "hand over", chosen(client, "Ada", "Bea"), to=TRUST, why="they see them weekly")
    assert "will be offered to Northside CMHT" in text(confirm)
    assert "Northside CMHT has no reason to know this person." in text(confirm)
    assert {offer.person_id for offer in Handover.objects.all()} == {world.ids["Ada"]}
    assert "left out" in text(done) and "Northside CMHT has no reason to know this person." in text(done)
    assert {duty.owner_org for duty in mine()} == {PRACTICE}


def test_what_others_changed_meanwhile_is_left_out_and_named(world, client):
    picks = chosen(client, "Ada", "Bea")
    level = world.duty("Ada", "lithium.level")
    services.acknowledge(world.actor("nurse"), level.pk)
    confirm, done = through(client, "assign", picks, to=str(world.actor("nurse").user_id))
    assert "this changed after you opened it (acknowledged, Priya Nair" in text(confirm)
    assert "1 was left out" in text(done)
    level.refresh_from_db()
    assert level.assigned_to_id is None


def test_doing_it_twice_changes_nothing_the_second_time(world, client):
    picks = chosen(client, "Ada")
    first = send(client, act="seen", pick=picks)
    data = {**hidden(first), "step": "confirm"}
    client.post("/worklist/act", data)
    events = [duty.revision for duty in mine()]
    again = client.post("/worklist/act", data, follow=True)
    assert "Nothing was changed" in text(again) and [duty.revision for duty in mine()] == events


def test_one_duty_can_be_taken_out_and_everyone_be_chosen_at_once(world, client):
    page = client.get("/worklist").content.decode()
    everyone = re.search(r'name="all" value="([^"]+)"', page).group(1)
    first = send(client, act="later", all=everyone, everyone="yes")
    assert "of 2 people" in text(first)
    picks = hidden(first)["pick"]
    fewer = client.post("/worklist/act", {**hidden(first), "pick": picks[1:], "step": "details", **LATER})
    assert hidden(fewer)["pick"] == picks[1:]


def test_nothing_chosen_and_too_many_chosen(world, client, monkeypatch):
    nothing = send(client, act="assign")
    assert nothing.status_code == 422 and "Choose at least one person from the list" in text(nothing)
    monkeypatch.setattr(bulk_acts, "LIMIT", 2)
    many = send(client, act="assign", pick=chosen(client, "Ada", "Bea"))
    assert many.status_code == 422 and "At most 2 duties at a time" in text(many)
    kept = hidden(many)
    fewer = client.post("/worklist/act", {**kept, "pick": kept["pick"][:2], "step": "choose"})
    assert fewer.status_code == 200 and "Choose a colleague" in text(fewer)


def test_what_is_missing_is_asked_for_and_the_choice_is_kept(world, client):
    first = send(client, act="later", pick=chosen(client, "Ada"))
    asked = client.post("/worklist/act", {**hidden(first), "step": "details", "why": "the fridge broke"})
    assert asked.status_code == 422 and "Give the day to show them again" in text(asked) and "the fridge broke" in text(asked)
    assert hidden(asked)["pick"] == hidden(first)["pick"]


def test_going_back_from_the_confirmation_keeps_what_was_typed(world, client):
    first = send(client, act="later", pick=chosen(client, "Ada"))
    confirm = client.post("/worklist/act", {**hidden(first), "step": "details", **LATER})
    changed = client.post("/worklist/act", {**hidden(confirm), "step": "change"})
    assert changed.status_code == 200 and "the fridge broke" in text(changed) and 'value="20"' in text(changed)


def test_people_one_may_not_open_are_in_no_list(world):
    other = world.client("other gp")
    pick = ",".join(f"{duty.pk}.{duty.revision}" for duty in mine())
    page = send(other, act="seen", pick=[pick])
    assert "WORKED" not in text(page) and "Nothing here can be done" in text(page)
    other.post("/worklist/act", {"act": "seen", "step": "confirm", "pick": [pick]})
    assert not Duty.objects.filter(acknowledged_at__isnull=False).exists()


@pytest.mark.parametrize("who", ["manager", "link worker"])
def test_who_may_not_act_sees_no_boxes_and_is_refused(world, who):
    client = world.client(who)
    assert 'name="pick"' not in client.get("/worklist").content.decode()
    assert send(client, act="seen", pick=["1.1"]).status_code == 403


def test_how_it_went_is_for_whoever_did_it(world, client):
    through(client, "seen", chosen(client, "Ada"))
    done = BulkAct.objects.get()
    assert client.get(f"/worklist/acts/{done.pk}").status_code == 200
    assert world.client("nurse").get(f"/worklist/acts/{done.pk}").status_code == 404


def test_no_such_act(world, client):
    assert send(client, act="delete", pick=["1.1"]).status_code == 404
