"""The pages of the ledger in a real browser: wide and narrow, without JavaScript, by keyboard, through axe, with their errors."""

from __future__ import annotations

import pytest

from browser_fixtures import follow
from ledger_world import IRIS, PRACTICE, TODAY, TRUST, World
from stepwell.web.agreements.models import Agreement
from stepwell.web.ledger import services
from stepwell.web.ledger.models import Duty, DutyEvent

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def world(transactional_db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Iris": [*IRIS, "hba1c 41 on 2025-04-20"], "Bo": ["codeine 60 mg daily from 2024-01-10 every 28 days"]})
    world.catch_up()
    world.agree_lithium("Iris")
    services.acknowledge(world.actor("gp"), _mine().pk)
    return world


def _mine() -> Duty:
    return Duty.objects.filter(owner_org=PRACTICE, state="open", test="weight", due_on__lte=TODAY).first()


@pytest.fixture
def gp_page(signed_in_page, world):
    return signed_in_page(world.members["gp"])


def patient(world) -> str:
    return f"/patients/{world.ids['Iris']}"


def test_worklist(gp_page, axe, screenshots, world):
    page = gp_page
    page.goto("/worklist")
    assert "something due from Riverside Surgery" in page.get_by_role("heading", level=1).inner_text()
    for tab in ("Mine and overdue", "Due soon", "Waiting for others", "Nobody’s", "Done"):
        follow(page.get_by_role("link", name=tab))
        axe(page)
        screenshots(page, f"worklist-{tab.split()[0].lower().replace('’', '')}")
    follow(page.get_by_role("link", name="Mine and overdue"))
    page.get_by_label("Register").select_option("opioid")
    follow(page.get_by_role("button", name="Show"))
    assert page.locator("tbody tr").count() == 1


def test_filters_fold_away_on_a_phone_and_work_without_javascript(signed_in_page, world):
    page = signed_in_page(world.members["gp"], scripts=False, width=390)
    page.goto("/worklist")
    assert not page.get_by_label("Register").is_visible()
    assert page.locator("tbody tr").first.bounding_box()["y"] < 600
    page.get_by_text("Filter and order").click()
    page.get_by_label("Register").select_option("opioid")
    follow(page.get_by_role("button", name="Show"))
    assert page.locator("tbody tr").count() == 1 and page.get_by_label("Register").input_value() == "opioid"


def test_why_opens_in_its_line_without_javascript(signed_in_page, world):
    page = signed_in_page(world.members["gp"], scripts=False)
    page.goto(patient(world))
    line = page.locator(".sw-duty .sw-duty__why").first
    summary = line.locator("summary")
    box = summary.bounding_box()
    assert box["height"] >= 24 and box["width"] >= 24
    assert box["y"] + box["height"] <= line.bounding_box()["y"] + line.bounding_box()["height"] + 1
    summary.click()
    assert line.locator("dt").first.is_visible() and line.locator("dt").first.inner_text() == "The rule"


def test_empty_worklist(gp_page, axe, screenshots, world):
    gp_page.goto("/worklist?whose=me&register=z-drug")
    assert "Looked for" in gp_page.locator("main").inner_text()
    axe(gp_page)
    screenshots(gp_page, "worklist-empty")


def test_patient_page(gp_page, axe, screenshots, world):
    page = gp_page
    page.goto(patient(world))
    assert page.get_by_role("heading", level=1).inner_text().startswith("Three medicines,")
    axe(page)
    screenshots(page, "patient")
    for summary in page.locator("summary").all():
        summary.click()
    axe(page)
    screenshots(page, "patient-opened")


def test_the_trusts_patient_page(signed_in_page, axe, screenshots, world):
    page = signed_in_page(world.members["psychiatrist"])
    page.goto(patient(world))
    axe(page)
    screenshots(page, "patient-trust")


def test_duty_page(gp_page, axe, screenshots, world):
    gp_page.goto(f"/duties/{_mine().pk}")
    assert "Acknowledged" in gp_page.locator("main").inner_text()
    axe(gp_page)
    screenshots(gp_page, "duty")


FORMS = {
    "not-this-time": ("/duties/{mine}/not-this-time", "Save"),
    "assign": ("/duties/{mine}/assign", "Assign"),
    "done": ("/duties/{review}/done", "Save and close"),
    "take-on": ("/duties/{agree}/take-on", "Take it on"),
    "undo": ("/events/{event}/undo", "Undo it"),
    "results": ("/patients/{person}/results", "Save results"),
    "agreement": ("/patients/{person}/agreements/new", "Record agreement"),
    "agreement-end": ("/patients/{person}/agreements/{agreement}/end", "End agreement"),
    "search": ("/search", "Search"),
}


def numbers(world) -> dict[str, int]:
    return {
        "mine": _mine().pk,
        "review": Duty.objects.filter(state="open", kind="review", owner_org=PRACTICE).first().pk,
        "agree": Duty.objects.get(state="open", kind="agree").pk,
        "event": DutyEvent.objects.get(kind="acknowledged").pk,
        "person": world.ids["Iris"],
        "agreement": Agreement.objects.get().pk,
    }


@pytest.mark.parametrize("name", FORMS)
def test_forms_and_their_errors(gp_page, axe, screenshots, world, name):
    page, (address, button) = gp_page, FORMS[name]
    page.goto(address.format(**numbers(world)))
    axe(page)
    screenshots(page, f"form-{name}")
    follow(page.locator("main").get_by_role("button", name=button, exact=True))
    assert page.title().startswith("Error: "), page.title()
    assert page.evaluate("document.activeElement.className").startswith("nhsuk-error-summary")
    axe(page)
    screenshots(page, f"form-{name}-error")
    page.locator(".nhsuk-error-summary a").first.click()
    assert page.evaluate("document.activeElement.matches('input, select, textarea')")


def test_search_who_looked_and_the_pack(gp_page, axe, screenshots, world):
    page = gp_page
    page.goto("/search")
    page.get_by_label("Family name").fill("worked")
    follow(page.get_by_role("button", name="Search"))
    axe(page)
    screenshots(page, "search-found")
    follow(page.get_by_role("link", name="WORKED, Iris"))
    follow(page.get_by_role("link", name="Who looked at this record"))
    axe(page)
    screenshots(page, "who-looked")
    page.goto("/knowledge")
    axe(page)
    screenshots(page, "knowledge")
    follow(page.get_by_role("button", name="Approve version"))
    axe(page)
    screenshots(page, "knowledge-approved")


def test_refused_and_waiting(signed_in_page, axe, screenshots, world, monkeypatch):
    from stepwell.web.ledger import evaluation

    page = signed_in_page(world.members["other gp"])
    assert page.goto(patient(world)).status == 403
    assert "no registration" in page.locator("main").inner_text()
    axe(page)
    screenshots(page, "patient-refused")
    page = signed_in_page(world.members["gp"])
    with monkeypatch.context() as patch:
        patch.setattr(evaluation.engine, "evaluate", lambda *a, **k: 1 / 0)
        services.decline(world.actor("gp"), _mine().pk, on=TODAY, why="no")
    page.goto(patient(world))
    axe(page)
    screenshots(page, "patient-waiting")
    follow(page.get_by_role("button", name="Try again now"))
    assert "Duties worked out again" in page.locator("main").inner_text()


def test_a_visit_without_javascript(signed_in_page, world):
    page = signed_in_page(world.members["nurse"], scripts=False)
    page.goto(patient(world))
    follow(page.get_by_role("link", name="Record one visit"))
    page.get_by_label("Weight").fill("72.4")
    page.get_by_label("HbA1c").fill("41")
    follow(page.get_by_role("button", name="Save results"))
    assert "Results recorded." in page.locator("main").inner_text()
    closed = Duty.objects.filter(state="met", ended_on=TODAY)
    assert {duty.test for duty in closed} == {"weight", "hba1c"}
    assert {PRACTICE, TRUST} <= {duty.owner_org for duty in closed}


def test_not_this_time_without_javascript(signed_in_page, world):
    page = signed_in_page(world.members["gp"], scripts=False)
    duty = _mine()
    page.goto(f"/duties/{duty.pk}")
    follow(page.get_by_role("link", name="Not this time"))
    page.get_by_label("The patient declined").check()
    page.get_by_label("Reason").fill("Does not want to be weighed")
    follow(page.get_by_role("button", name="Save"))
    duty.refresh_from_db()
    assert duty.state == "declined"


def test_from_the_worklist_to_a_declined_duty_by_keyboard(gp_page, keyboard, world):
    page, keys = gp_page, keyboard(gp_page)
    page.goto("/worklist")
    keys.tab_to("Open WORKED, Iris")
    keys.press("Enter")
    page.wait_for_url("**/patients/*")
    keys.tab_to("why?")
    keys.press("Enter")
    assert page.locator("details[open] dt").first.inner_text() == "The rule"
    keys.tab_to("Not this time… Weight and BMI")
    keys.press("Enter")
    page.wait_for_url("**/not-this-time")
    keys.tab_to("Show it again later")
    keys.press("ArrowDown")
    keys.tab_to("Reason")
    keys.type("Does not want to be weighed")
    keys.tab_to("Save")
    keys.press("Enter")
    page.wait_for_url("**/patients/*said=declined")
    assert "Recorded as declined" in page.locator("main").inner_text()
