"""The team board: numbers in people that equal the lists behind them, for a practice, a network and a trust."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest

from ledger_world import OTHER_PRACTICE, PRACTICE, TODAY, TRUST
from stepwell.web.ledger import services as ledger
from stepwell.web.ledger.models import Relationship
from week_world import WeekWorld


@pytest.fixture
def world(db, settings, tmp_path):
    world = WeekWorld(settings, tmp_path)
    for number in range(6):
        person = world.person(f"P{number}")
        world.duty(person, "antipsychotic.hba1c", due=TODAY - timedelta(days=number * 12))
        world.duty(person, "antipsychotic.weight", due=TODAY + timedelta(days=number * 9))
        world.duty(person, "antipsychotic.hba1c-raised", due=TODAY - timedelta(days=number), owner_role="" if number else "gp")
    trusts = world.person("Trusted")
    Relationship.objects.create(person_id=trusts, org_code=TRUST, kind="caseload")
    world.duty(trusts, "lithium.level", owner=TRUST, due=TODAY - timedelta(days=40))
    world.duty(trusts, "lithium.ue", owner="nobody")
    world.duty(world.person("Far", practice=OTHER_PRACTICE), "lithium.level", owner=OTHER_PRACTICE)
    world.duty(world.ids["P0"], "antipsychotic.lipids", shown_from=TODAY + timedelta(days=9))
    for number, name in enumerate(("P1", "P2")):
        duty = world.duties(name, rule_id="antipsychotic.hba1c")[0]
        ledger.assign(world.actor("gp"), duty.pk, to_user_id=world.actor("nurse" if number else "gp").user_id)
    return world


def text(response) -> str:
    assert response.status_code == 200, response.status_code
    return " ".join(response.content.decode().split())


def people_of(page: str) -> int:
    """How many people a worklist's pager counts."""
    return int(re.search(r"of ([\d,]+) (?:person|people)", page).group(1).replace(",", ""))


@pytest.mark.parametrize("who", ["gp", "manager", "pharmacist", "psychiatrist", "nurse"])
def test_every_number_is_the_length_of_its_list(world, who):
    client = world.client(who)
    page = text(client.get("/board"))
    found = re.findall(r'<td class="sw-number"[^>]*><a href="([^"]+)">([\d,]+)', page)
    assert len(found) >= (1 if who == "psychiatrist" else 6)
    for address, number in found:
        assert people_of(text(client.get(html.unescape(address)))) == int(number.replace(",", "")), address


def test_by_role_colleague_and_whom_we_wait_for(world):
    page = text(world.client("gp").get("/board"))
    assert "6 people with something due from Riverside Surgery; for 1 something is nobody’s" in page
    assert "Practice nurse" in page and "Any role" in page and "Nobody in particular" in page
    assert "Priya Nair" in page and "Dr Amara Osei" in page
    assert "Northside CMHT" in page and "people wait for Northside CMHT" in page
    rows = dict(re.findall(r"<strong>([^<]+)</strong></th>(.*?)</tr>", page))
    assert re.findall(r">(\d+)<span", rows["Practice nurse"]) == ["6", "3", "3"], "due, four weeks and more, soon"
    assert re.findall(r">(\d+)<span", rows["Any role"]) == ["5"]


def test_hours_of_colleagues_stand_beside_what_they_have(world):
    from stepwell.web.week import services
    from stepwell.web.week.rota import Cell

    services.set_hours(world.actor("manager"), TODAY, {Cell(TODAY, "nurse", world.actor("nurse").user_id): 210})
    page = text(world.client("gp").get("/board"))
    assert re.search(r"<strong>Priya Nair</strong>.*?3hr 30min</td>", page)


def test_a_list_of_the_board_says_what_it_shows(world):
    page = text(world.client("gp").get(f"/worklist?role=nurse&late=yes&owner={PRACTICE}"))
    assert "Shown: for the role Practice nurse, owed by Riverside Surgery, due for four weeks or more." in page
    assert "assigned to Priya Nair" in text(world.client("gp").get(f"/worklist?assigned={world.actor('nurse').user_id}"))
    plain = people_of(text(world.client("gp").get("/worklist")))
    assert people_of(text(world.client("gp").get("/worklist?role=x&assigned=y&late=1"))) == plain, "what cannot be read asks for nothing"


def test_what_one_may_not_open_is_not_counted(world):
    assert "1 person with something due from Hillcrest Medical Centre" in text(world.client("other gp").get("/board"))
    page = text(world.client("psychiatrist").get("/board"))
    assert "1 person with something due from Northside CMHT" in page and "Riverside Surgery" not in page.split("<main")[1]
