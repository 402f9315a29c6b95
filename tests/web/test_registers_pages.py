"""The registers through Django: numbers that equal the lists behind them, filters, who left, access and audit."""

from __future__ import annotations

import html
import re

import pytest

import web_support
from ledger_world import IRIS, PRACTICE, TRUST, World
from stepwell.web.registers.models import Interaction, Load, Membership, Spell

PEOPLE = {
    "Iris": IRIS,
    "Omar": [
        "male",
        "born 1948-05-02",
        "morphine 100 mg daily from 2024-01-10 every 28 days",
        "codeine 240 mg daily from 2024-02-10 every 28 days",
        "pregabalin 300 mg daily from 2025-01-10 every 28 days",
    ],
    "Nia": ["born 1999-05-02", "codeine 60 mg daily from 2026-05-10 every 28 days"],
    "Lapsed": ["lithium 800 mg daily from 2024-01-10 to 2026-03-20 every 28 days"],
    "Gone": ["sertraline 50 mg daily from 2023-01-10 to 2024-03-01 every 28 days"],
}


@pytest.fixture
def world(db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell(PEOPLE)
    world.catch_up()
    return world


def text(response) -> str:
    assert response.status_code == 200, response.status_code
    return " ".join(response.content.decode().split())


def rows(page: str) -> list[str]:
    return re.findall(r'<th scope="row" class="sw-person"><strong>([^<]+)</strong>', page)


def links(page: str) -> list[tuple[int, str]]:
    """Numbers of the overview with their addresses."""
    found = re.findall(r'<a href="(/registers/[^"]+)"[^>]*>([\d,]+)', page)
    return [(int(number.replace(",", "")), html.unescape(address)) for address, number in found]


@pytest.mark.parametrize("who", ["gp", "pharmacist", "psychiatrist"])
def test_every_number_of_the_overview_is_the_length_of_its_list(world, who):
    client = world.client(who)
    found = links(text(client.get("/registers")))
    assert len(found) >= 5
    for number, address in found:
        page = text(client.get(address))
        assert len(rows(page)) == number, address
        assert f": {number} p" in re.search(r"<h1>(.*?)</h1>", page).group(1), address


def test_lines_and_findings_open_their_lists(world):
    client = world.client("gp")
    found = {address: number for number, address in links(text(client.get("/registers")))}
    assert found["/registers/opioid?line=oral-morphine%3A%3E%3D%3A120000"] == 1
    assert found["/registers/opioid?finding=dose.oral-morphine-120"] == 1
    assert found["/registers/opioid?classes=2"] == 1
    page = text(client.get("/registers/opioid?finding=dose.oral-morphine-120"))
    assert rows(page) == ["WORKED, Omar (Ms)"]
    assert "Shown: due: Structured medication review for 120 mg or more of oral morphine a day." in page
    assert "oral morphine 124 mg a day" in page


@pytest.mark.parametrize(
    ("address", "names"),
    [
        ("opioid", ["Omar", "Nia"]),
        ("opioid?who=new", ["Nia"]),
        ("opioid?who=long", ["Omar"]),
        ("opioid?medicine=morphine", ["Omar"]),
        ("opioid?age=under-18", []),
        ("opioid?age=18-64", ["Nia"]),
        ("opioid?age=75", ["Omar"]),
        ("opioid?owner=mine", ["Omar", "Nia"]),
        ("opioid?owner=theirs", []),
        ("lithium?owner=nobody", ["Iris"]),
        ("lithium?who=lapsed", ["Lapsed"]),
        ("antipsychotic?overdue=yes", ["Iris"]),
        ("antipsychotic?overdue=no", []),
        ("gabapentinoid?classes=2", ["Omar"]),
        ("antipsychotic?licence=off-licence", []),
        ("opioid?order=nonsense&size=7&page=99&owner=me&line=x&who=?", ["Omar", "Nia"]),
    ],
)
def test_filters(world, address, names):
    page = text(world.client("gp").get(f"/registers/{address}"))
    assert sorted(rows(page)) == sorted(f"WORKED, {name} (Ms)" for name in names)


def test_orders(world):
    client = world.client("gp")
    for order, first in (("entry", "Nia"), ("duration", "Omar"), ("dose", "Omar"), ("priority", "Omar")):
        assert rows(text(client.get(f"/registers/opioid?order={order}")))[0] == f"WORKED, {first} (Ms)", order


def test_who_left_with_day_and_reason(world):
    client = world.client("gp")
    page = text(client.get("/registers/antidepressant?who=left"))
    assert rows(page) == ["WORKED, Gone (Ms)"] and "supply ended" in page and "10-Jan-2023" in page
    assert "Left it 1" in text(client.get("/registers/antidepressant"))


def test_an_empty_list_says_what_was_looked_for(world):
    page = text(world.client("gp").get("/registers/opioid?medicine=morphine&age=18-64"))
    assert "Nobody is on this list. Looked for: “On it” of the register Opioid" in page
    assert "taking morphine, aged 18 to 64" in page and "Show all of them" in page


def test_the_state_is_in_the_address_and_kept_by_tabs(world):
    page = text(world.client("gp").get("/registers/opioid?medicine=codeine&order=entry"))
    assert '<option value="codeine" selected>' in page and '<option value="entry" selected>' in page
    assert 'href="?who=long&amp;medicine=codeine&amp;order=entry"' in page


def test_who_may_see_them(world):
    assert world.client("link worker").get("/registers").status_code == 403
    assert world.client("link worker").get("/registers/opioid").status_code == 403
    assert rows(text(world.client("other gp").get("/registers/opioid"))) == []
    assert len(rows(text(world.client("pharmacist").get("/registers/opioid")))) == 2
    assert world.client("gp").get("/registers/no-such").status_code == 404


def test_opening_a_register_is_recorded_with_who_was_on_it(world):
    client = world.client("gp")
    with web_support.recorded() as trail:
        client.get("/registers")
        client.get("/registers/opioid")
    numbers, people = trail
    assert (numbers.action, numbers.person_ids) == ("view registers", [])
    assert sorted(people.person_ids) == sorted([world.ids["Omar"], world.ids["Nia"]])
    assert people.subject_id == "register opioid: all"


def test_rows_follow_the_next_evaluation(world):
    omar = world.ids["Omar"]
    assert Membership.objects.filter(person_id=omar, register="opioid", gp_org=PRACTICE).get().classes == 2
    assert Load.objects.get(person_id=omar, load="oral-morphine").value == 124_000
    assert Interaction.objects.filter(person_id=omar).exists()
    world.tell({**PEOPLE, "Omar": ["male"]})
    world.catch_up()
    for model in (Membership, Load, Interaction, Spell):
        assert not model.objects.filter(person_id=omar).exists()


def test_owners_of_a_register_are_those_of_its_medicines(world):
    row = Membership.objects.get(person_id=world.ids["Iris"], register="lithium")
    assert TRUST not in row.owners and "|nobody|" in row.owners
    world.agree_lithium("Iris")
    row = Membership.objects.get(person_id=world.ids["Iris"], register="lithium")
    assert f"|{TRUST}|" in row.owners


def test_the_patient_page_tells_totals_with_their_parts_and_line(world):
    page = text(world.client("gp").get(f"/patients/{world.ids['Omar']}"))
    plain = re.sub(r"<[^>]+>", "", page)
    assert "oral morphine 124 mg a day: codeine (with co-codamol) 24 mg + morphine 100 mg" in plain
    assert "at or above 120 mg" in plain and "Structured medication review for 120 mg or more of oral morphine a day" in plain
    assert "Taken together" in plain and "Opioid since 10-Jan-2024" in plain


def test_interactions_stand_beside_the_medicines_with_action_source_and_mark(world):
    row = Interaction.objects.filter(person_id=world.ids["Omar"]).exclude(severity="moderate").first()
    page = re.sub(r"<[^>]+>", "", text(world.client("gp").get(f"/patients/{world.ids['Omar']}")))
    from stepwell.web.ledger import known_loads

    about = known_loads.interaction(row.interaction)
    assert f"{row.severity} with " in page
    for words in (about.harm, about.action, f"Mark {about.mark}: {about.mark_words}", row.interaction):
        assert words in page, words


def test_the_parts_of_every_total_add_up_to_it(world):
    from stepwell.web.ledger import known_loads
    from stepwell.web.ledger.models import PersonRecord

    for load in Load.objects.filter(unknown=0):
        medicines = {row["substance"]: row for row in PersonRecord.objects.get(pk=load.person_id).medicines}
        about = known_loads.loads()[load.load]
        assert sum(about.contribution(name, medicines[name]["counted_ug"]) for name in load.parts.split("+")) == load.value
