"""The patient page, search and who looked, through Django."""

from __future__ import annotations

import re
from datetime import date

import pytest

import web_support
from ledger_world import NHS_NUMBERS, OTHER_PRACTICE, TODAY, World
from stepwell.web.ledger import services
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.ledger.results import ResultEntry

IRIS = [
    "female",
    "born 1980-03-14",
    "diagnosis bipolar on 2018-02-01",
    "on the caseload of trust from 2024-06-01",
    "olanzapine 10 mg daily from 2023-04-01 every 28 days",
    "lithium 800 mg daily from 2024-06-10 every 28 days by trust",
    "lithium-level 0.62 on 2025-06-01",
    "lithium-level 0.6 on 2026-03-01 by trust",
]


@pytest.fixture
def world(db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Iris": IRIS, "Zoë": ["born 1950-01-02"], "Moved": ["olanzapine 10 mg daily from 2025-04-01 every 28 days"]})
    world.catch_up()
    return world


def text(response) -> str:
    return " ".join(response.content.decode().split())


def search(world, who="gp", **data):
    return world.client(who).post("/search", data)


def test_the_page_follows_the_picture(world):
    page = text(world.client("gp").get(f"/patients/{world.ids['Iris']}"))
    for words in (
        "WORKED, Iris (Ms)",
        "14-Mar-1980 (46y)",
        "Two medicines,",
        '<strong class="sw-drug">olanzapine</strong>',
        "10 mg</strong>",
        "licensed",
        "01-Apr-2023",
        "Owed by you",
        "Nobody’s",
        "Last results",
        "0.6 mmol/L",
        "before: </span>(0.62 on 01-Jun-2025)",
        "Who looked at this record",
    ):
        assert words in page, words


def test_every_duty_offers_its_why_and_its_acts(world):
    page = text(world.client("gp").get(f"/patients/{world.ids['Iris']}"))
    assert page.count("why?") >= 3 and "The rule" in page and "Where it comes from" in page
    for act in ("Not this time…", "Assign", "Seen", "Record result"):
        assert act in page


def test_duties_that_one_result_closes_stand_together_and_keep_their_own_reasons(world):
    world.more("Iris", "hba1c 40 on 2025-06-01")
    world.catch_up()
    page = text(world.client("gp").get(f"/patients/{world.ids['Iris']}"))
    start = page.index('<p class="sw-duty__what">HbA1c<span class="sw-late">')
    entry = page[start : page.index('<li class="sw-duty ', start)]
    assert "HbA1c (or fasting glucose)" in entry and "HbA1c, extra checks with olanzapine" in entry
    assert entry.count("Record result") == 1
    for each_own in ("why?", "Not this time…", "Assign", "Seen", "; last 40 mmol/mol on 01-Jun-2025"):
        assert entry.count(each_own) == 2, each_own


def test_the_last_result_stands_beside_what_is_typed(world):
    page = text(world.client("nurse").get(f"/patients/{world.ids['Iris']}/results?test=lithium-level&test=weight"))
    assert "last 0.6 on 01-Mar-2026" in page and page.count("last ") == 1


def test_an_indication_that_is_not_recorded_leads_to_the_duty_that_asks_for_it(world):
    world.more("Iris", "risperidone 2 mg daily from 2026-03-20 every 28 days by trust")
    world.catch_up()
    asked = world.duties("Iris", kind="licence", subject="risperidone", state="open")
    page = text(world.client("gp").get(f"/patients/{world.ids['Iris']}"))
    row = page[page.index("</strong> — <span", page.index('<strong class="sw-drug">risperidone')) :].split("</tr>")[0]
    assert "licence not known" not in page
    if asked:
        assert 'sw-tag--amber">indication not recorded' in row and f'href="/duties/{asked[0].pk}"' in row


def test_nobodys_medicine_lists_its_checks_with_their_dates(world):
    world.more("Iris", "risperidone 2 mg daily from 2026-03-20 every 28 days by trust")
    world.catch_up()
    page = text(world.client("gp").get(f"/patients/{world.ids['Iris']}"))
    block = page[page.index('class="sw-nobodys"') :].split('id="theirs"')[0]
    assert '<strong class="sw-drug">risperidone</strong>: <span class="sw-nobody-word">nobody</span>' in block
    assert "Take it on" in block and "Record agreement" in block
    assert block.count('class="sw-check"') >= 3 and "overdue" in block and "why? or answer" in block and "The rule" in block


def test_what_others_owe_is_told_once_an_owner(world):
    page = text(world.client("psychiatrist").get(f"/patients/{world.ids['Iris']}"))
    block = page[page.index('id="theirs"') :]
    assert block.count("<h3>Riverside Surgery") == len(set(re.findall(r"<h3>Riverside Surgery.*?</h3>", block))) >= 1
    assert "is 13 months overdue" in block or "overdue</span>" in block


def test_who_may_only_look_is_offered_nothing_to_do(world):
    page = text(world.client("link worker").get(f"/patients/{world.ids['Iris']}"))
    assert "Owed by you" in page
    for act in ("Not this time…", ">Assign", ">Seen", "Record result", "Record one visit", "Take it on", "Record an agreement"):
        assert act not in page


def test_a_person_without_medicines_owes_nothing(world):
    page = text(world.client("gp").get(f"/patients/{world.ids['Zoë']}"))
    assert "No medicines, nothing owed by you now" in page and "No medicine of the registers" in page


def test_the_banner_says_when_somebody_has_died(world):
    PersonRecord.objects.filter(person_id=world.ids["Zoë"]).update(death_date=date(2026, 5, 1))
    page = text(world.client("gp").get(f"/patients/{world.ids['Zoë']}"))
    assert "Died" in page and "01-May-2026" in page and "Age at Death" in page


@pytest.mark.parametrize(
    ("interpreter", "language", "words"),
    [
        (True, "gu", "Gujarati interpreter"),
        (True, "pl-PL", "Polish interpreter"),
        (True, "", "interpreter needed, language not recorded"),
        (True, "en", "interpreter needed, language not recorded"),
        (False, "pl", "prefers Polish"),
        (True, "qaa", "qaa interpreter"),
    ],
)
def test_what_to_know_before_contact_comes_first(world, interpreter, language, words):
    PersonRecord.objects.filter(person_id=world.ids["Iris"]).update(interpreter=interpreter, language=language)
    page = text(world.client("gp").get(f"/patients/{world.ids['Iris']}"))
    assert f"<strong>Before you contact:</strong> {words}</p>" in page
    assert page.index("Before you contact:") < page.index("<h1>")


@pytest.mark.parametrize("language", ["", "en", "en-GB", "English"])
def test_nothing_to_know_before_contact(world, language):
    PersonRecord.objects.filter(person_id=world.ids["Iris"]).update(interpreter=False, language=language)
    assert "Before you contact" not in text(world.client("gp").get(f"/patients/{world.ids['Iris']}"))


def test_lately_closed_says_what_closed_it(world):
    services.record_results(world.actor("nurse"), world.ids["Iris"], [ResultEntry("weight", 71000, TODAY)])
    page = text(world.client("gp").get(f"/patients/{world.ids['Iris']}"))
    assert "Lately closed" in page and "Done: result of 01-Jun-2026" in page


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ({"nhs_number": NHS_NUMBERS[0]}, ["Iris"]),
        ({"nhs_number": f"{NHS_NUMBERS[0][:3]} {NHS_NUMBERS[0][3:6]} {NHS_NUMBERS[0][6:]}"}, ["Iris"]),
        ({"family": "worked"}, ["Iris", "Moved", "Zoë"]),
        ({"family": "Work", "given": "zoë"}, ["Zoë"]),
        ({"birth_date-day": "14", "birth_date-month": "3", "birth_date-year": "1980", "family": "worked", "given": "iris"}, ["Iris"]),
        ({"family": "Work", "given": "zoe"}, ["Zoë"]),
        ({"family": "orked"}, []),
    ],
)
def test_searching(world, data, found):
    page = text(search(world, **data))
    assert [name for name in ("Iris", "Moved", "Zoë") if f"WORKED, {name} (Ms)" in page] == found
    assert found or "Nobody found" in page


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "Enter an NHS number, a family name or a date of birth"),
        ({"given": "Iris"}, "Enter an NHS number, a family name or a date of birth"),
        ({"nhs_number": "999 123 4567"}, "10 digits that pass its check"),
        ({"birth_date-day": "1"}, "must include a month and year"),
    ],
)
def test_errors_of_the_search(world, data, message):
    response = search(world, **data)
    assert response.status_code == 422 and message in text(response)


def test_search_finds_only_people_of_ones_own_organisations(world):
    assert "Nobody found" in text(search(world, "other gp", family="worked"))
    page = text(search(world, "psychiatrist", family="worked"))
    assert "WORKED, Iris" in page and "WORKED, Moved" not in page
    assert "WORKED, Moved" in text(search(world, "pharmacist", family="worked"))


def test_a_search_is_recorded_with_whom_it_showed(world):
    client = world.client("gp")
    with web_support.recorded() as trail:
        client.post("/search", {"family": "worked"})
    (entry,) = trail
    assert entry.action == "search patients" and sorted(entry.person_ids) == sorted(world.ids.values())


def test_when_registration_moves_so_does_access(world):
    assert world.client("gp").get(f"/patients/{world.ids['Moved']}").status_code == 200
    world.people["Moved"].append("registered with practice from 2020-01-01 to 2026-05-01")
    world.tell({})
    world.catch_up()
    person = PersonRecord.objects.get(person_id=world.ids["Moved"])
    assert person.gp_org == ""
    assert world.client("gp").get(f"/patients/{world.ids['Moved']}").status_code == 403


def test_the_trust_sees_those_on_its_caseload_and_whom_it_supplies(world):
    assert world.client("psychiatrist").get(f"/patients/{world.ids['Iris']}").status_code == 200
    assert world.client("psychiatrist").get(f"/patients/{world.ids['Moved']}").status_code == 403
    assert PersonRecord.objects.filter(relationships__org_code=OTHER_PRACTICE).count() == 0


def test_who_looked(world):
    world.client("nurse").get(f"/patients/{world.ids['Iris']}")
    world.client("other gp").get(f"/patients/{world.ids['Iris']}")
    page = text(world.client("gp").get(f"/patients/{world.ids['Iris']}/who-looked"))
    assert "Priya Nair, Practice nurse, Riverside Surgery" in page and "registered with Riverside Surgery" in page
    assert "Dr Sian Rees, GP, Hillcrest Medical Centre" in page and "was refused" in page
