"""Acting on several people, a form that was overtaken, a request on paper: in a real browser, wide and narrow, with and without
JavaScript."""

from __future__ import annotations

import pytest

from browser_fixtures import follow
from ledger_world import IRIS, PRACTICE, TODAY, World
from stepwell.web.ledger import services
from stepwell.web.ledger.models import Duty

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

BEA = ["female", "olanzapine 10 mg daily from 2024-01-10 every 28 days", "weight 70 on 2024-12-01"]


@pytest.fixture
def world(transactional_db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Iris": [*IRIS, "hba1c 41 on 2025-04-20"], "Bea": BEA})
    world.catch_up()
    return world


def mine() -> list[Duty]:
    return list(Duty.objects.filter(owner_org=PRACTICE, state="open", due_on__lte=TODAY))


def test_several_people_are_assigned_with_a_look_before_it_happens(signed_in_page, axe, screenshots, world):
    page = signed_in_page(world.members["gp"])
    page.goto("/worklist")
    screenshots(page, "worklist-choose")
    page.get_by_label("choose WORKED, Iris (Ms)").check()
    page.get_by_label("choose WORKED, Bea (Ms)").check()
    follow(page.get_by_role("button", name="Assign…"))
    axe(page)
    screenshots(page, "bulk-details")
    follow(page.get_by_role("button", name="Continue"))
    assert "Choose who does it" in page.get_by_role("alert").inner_text()
    axe(page)
    page.get_by_label("Who does it").select_option("Priya Nair")
    follow(page.get_by_role("button", name="Continue"))
    assert f"{len(mine())} duties of 2 people will be assigned to Priya Nair" in page.get_by_role("heading", level=1).inner_text()
    axe(page)
    screenshots(page, "bulk-confirm")
    services.acknowledge(world.actor("nurse"), mine()[0].pk)
    follow(page.get_by_role("button", name="Confirm"))
    assert "1 was left out" in page.get_by_role("heading", level=1).inner_text()
    axe(page)
    screenshots(page, "bulk-done")
    assert sum(duty.assigned_to_id is not None for duty in mine()) == len(mine()) - 1


def test_several_people_without_javascript_on_a_phone(signed_in_page, world):
    page = signed_in_page(world.members["nurse"], scripts=False, width=390)
    page.goto("/worklist")
    page.get_by_label("everyone on this page").check()
    follow(page.get_by_role("button", name="Seen"))
    follow(page.get_by_role("button", name="Confirm"))
    assert f"{len(mine())} duties were marked as seen" in page.get_by_role("heading", level=1).inner_text()
    assert all(duty.acknowledged_at for duty in mine())


def test_boxes_and_acts_are_reached_by_keyboard(signed_in_page, keyboard, world):
    page = signed_in_page(world.members["gp"])
    page.goto("/worklist")
    keys = keyboard(page)
    keys.tab_to("choose WORKED, Iris")
    keys.press("Space")
    keys.tab_to("Seen")
    with page.expect_navigation():
        keys.press("Enter")
    assert "will be marked as seen" in page.get_by_role("heading", level=1).inner_text()


def test_the_second_of_two_people_sees_what_changed(signed_in_page, axe, screenshots, world):
    duty = mine()[0]
    page = signed_in_page(world.members["gp"])
    page.goto(f"/duties/{duty.pk}/not-this-time")
    services.take(world.actor("nurse"), duty.pk)
    page.get_by_label("Show it again later").check()
    for part, text in (("Day", "20"), ("Month", "6"), ("Year", "2026")):
        page.get_by_label(part, exact=True).fill(text)
    page.get_by_label("Reason").fill("In Wales until the 20th")
    follow(page.get_by_role("button", name="Save"))
    assert "Nothing was saved" in page.get_by_role("alert").inner_text()
    assert "Assigned to Priya Nair" in page.get_by_role("region", name="What changed since you opened this").inner_text()
    assert page.get_by_label("Reason").input_value() == "In Wales until the 20th"
    axe(page)
    screenshots(page, "overtaken")
    follow(page.get_by_role("button", name="Save"))
    duty.refresh_from_db()
    assert duty.deferred_why == "In Wales until the 20th"


def test_the_printed_request(signed_in_page, axe, screenshots, world):
    page = signed_in_page(world.members["gp"])
    page.goto(f"/patients/{world.ids['Iris']}")
    follow(page.get_by_role("link", name="Print the request"))
    axe(page)
    screenshots(page, "request")
    page.emulate_media(media="print")
    shown = page.locator("body").inner_text()
    assert "WORKED, Iris (Ms)" in shown and "Uncontrolled when printed" in shown and "Sign out" not in shown
    assert page.pdf().startswith(b"%PDF")
