"""The studio in a real browser: on a telephone, by keyboard, and with JavaScript switched off."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from browser_fixtures import NARROW, follow
from taper_world import DEE, taper_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def world(transactional_db, settings, tmp_path):
    return taper_world(settings, tmp_path, {"Dee": DEE})


def test_from_the_patient_to_an_agreed_plan_by_keyboard_on_a_telephone(signed_in_page, axe, keyboard, screenshots, world):
    page = signed_in_page(world.members["gp"], width=NARROW)
    page.goto(f"/patients/{world.ids['Dee']}/reduce")
    axe(page)
    follow(page.get_by_role("link", name=re.compile("Plan this one.*diazepam")))
    axe(page)
    screenshots(page, "studio")
    before = page.locator("h1").inner_text()
    # A step of the chart is moved with the arrow keys, and keeps the focus.
    point = page.locator(".sw-taper-figure__narrow .sw-taper-point").first
    number = point.get_attribute("data-step")
    keys = keyboard(page)
    keys.tab_to("Dose from")
    page.keyboard.press("ArrowUp")
    field = page.locator(f"#d{number}")
    expect(field).not_to_have_value("")
    expect(page.locator("#studio-said")).to_contain_text("Reduce diazepam")
    assert keys.focused().startswith("Dose from")
    page.get_by_role("button", name=re.compile("^As calculated")).click()
    expect(page.locator("h1")).to_have_text(before)
    page.get_by_label("How often").select_option("28")
    expect(page.locator("h1")).not_to_have_text(before)
    page.get_by_role("button", name="I asked each of them: no to all").press("Enter")
    expect(page.locator("#ready")).to_be_visible()
    axe(page)
    page.get_by_label("What matters to the person").fill("Clear head for the allotment")
    follow(page.get_by_role("button", name="Agreed with Dee: save"))
    assert page.get_by_role("status").get_by_text("The plan is agreed").is_visible()


def test_everything_is_drawn_by_a_button_without_javascript(signed_in_page, world):
    page = signed_in_page(world.members["pharmacist"], scripts=False)
    page.goto(f"/patients/{world.ids['Dee']}/reduce/diazepam")
    page.get_by_role("radio", name="Proportional").check()
    follow(page.get_by_role("button", name="Draw again"))
    assert page.get_by_label("Each step").is_visible()
    change = page.locator("details.sw-studio-change").first
    change.locator("summary").click()
    follow(change.get_by_role("button", name=re.compile("^Half the step")))
    assert page.locator(".sw-studio-row--changed").count() == 1
    page.get_by_role("radio", name="stay at").check()
    page.get_by_label("Dose to stay at, mg").fill("30")
    follow(page.get_by_role("button", name="Draw again"))
    assert page.get_by_role("link", name=re.compile("Dose to stay at must be lower")).is_visible()
