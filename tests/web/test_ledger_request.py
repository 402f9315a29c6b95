"""The printed request: who, what, why, for whom, and that it was printed."""

from __future__ import annotations

import pytest

import web_support
from ledger_world import IRIS, NHS_NUMBERS, World


@pytest.fixture
def world(db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Iris": [*IRIS, "hba1c 41 on 2025-04-20"], "Bo": ["sertraline 50 mg daily from 2026-05-01 every 28 days"]})
    world.catch_up()
    world.agree_lithium("Iris")
    return world


def text(response) -> str:
    return " ".join(response.content.decode().split())


def test_it_says_who_what_why_and_who_asks(world):
    page = text(world.client("gp").get(f"/patients/{world.ids['Iris']}/request"))
    number = NHS_NUMBERS[0]
    for words in (
        "Request for one visit",
        "WORKED, Iris (Ms)",
        "14-Mar-1980 (46y)",
        f"{number[:3]} {number[3:6]} {number[6:]}",
        "Asked by <strong>Dr Amara Osei</strong>, GP, Riverside Surgery",
        "1 Mill Lane, Northvale",
        "Blood tests",
        "HbA1c",
        "last 41 on 20-Apr-2025",
        "Measurements",
        "Weight",
        "Printed by Dr Amara Osei at ",
        "Uncontrolled when printed",
    ):
        assert words in page, words
    head, foot = page.split("<thead>")[1].split("</thead>")[0], page.split("<tfoot>")[1].split("</tfoot>")[0]
    assert "WORKED, Iris" in head and "NHS No." in head, "who it is about is repeated on every page"
    assert "Uncontrolled when printed" in foot


def test_tests_that_another_owes_say_to_whom_the_result_goes(world):
    page = text(world.client("gp").get(f"/patients/{world.ids['Iris']}/request?test=lithium-level&test=hba1c"))
    assert "Request for blood tests" in page and "Result to Northside CMHT too" in page
    assert "Measurements" not in page


def test_every_print_is_an_access_entry(world):
    client = world.client("gp")
    with web_support.recorded() as trail:
        client.get(f"/patients/{world.ids['Iris']}/request")
    (entry,) = trail.reads_of(world.ids["Iris"])
    assert (entry.subject_type, entry.subject_id) == ("page", "printed request")


@pytest.mark.parametrize(
    ("who", "status"), [("manager", 403), ("link worker", 403), ("other gp", 403), ("nurse", 200), ("psychiatrist", 200)]
)
def test_who_may_ask(world, who, status):
    assert world.client(who).get(f"/patients/{world.ids['Iris']}/request").status_code == status


def test_nothing_to_ask_for_says_so(world):
    page = text(world.client("gp").get(f"/patients/{world.ids['Bo']}/request"))
    assert "Request for one visit" in page and ("No open duty of this person waits for a test" in page or "sertraline" in page)


def test_the_patient_page_leads_to_it(world):
    page = world.client("gp").get(f"/patients/{world.ids['Iris']}").content.decode()
    assert f"/patients/{world.ids['Iris']}/request?test=" in page
    assert "/request?" not in world.client("manager").get(f"/patients/{world.ids['Iris']}").content.decode()


def test_what_is_marked_sensitive_is_on_no_request_and_in_no_list_of_offers_for_others(world):
    from stepwell.web.ledger import handovers, selectors
    from stepwell.web.privacy import services as privacy

    gp, nurse = world.client("gp"), world.client("nurse")
    hba1c = next(duty for duty in world.duties("Iris", state="open", test="hba1c") if duty.subject == "olanzapine")
    handovers.offer(world.actor("gp"), hba1c.pk, to_org="RX9", why="they take blood on Mondays")
    before = text(gp.get(f"/patients/{world.ids['Iris']}/request"))
    assert "olanzapine" in before and "HbA1c" in text(gp.get("/hand-overs"))
    privacy.mark_sensitive(
        world.actor("psychiatrist"),
        selectors.subject_of(world.ids["Iris"]),
        kind="medicine",
        key="olanzapine",
        organisations=["RX9"],
        why="She asked for it",
    )
    for client in (gp, nurse):
        page = text(client.get(f"/patients/{world.ids['Iris']}/request"))
        assert "olanzapine" not in page and "WORKED, Iris (Ms)" in page
        assert "they take blood on Mondays" not in text(client.get("/hand-overs"))
        assert "they take blood on Mondays" not in text(client.get(f"/patients/{world.ids['Iris']}"))
    assert "they take blood on Mondays" in text(world.client("psychiatrist").get("/hand-overs"))
