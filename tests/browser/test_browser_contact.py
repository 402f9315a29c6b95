"""Adjustments and options in a real browser: recorded in one form, seen before every contact, chosen when a duty is closed."""

from __future__ import annotations

import pytest

from browser_fixtures import follow
from ledger_world import TODAY, World
from stepwell.web.ledger.models import Duty

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

HAPPENED = [
    "olanzapine 10 mg daily from 2025-06-02 every 28 days",
    "weight 70 on 2025-06-02",
    "systolic-bp 148 on 2026-05-01",
    "hba1c 44 on 2026-05-11",
]


@pytest.fixture
def world(transactional_db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Ada": HAPPENED})
    world.catch_up()
    return world


@pytest.fixture
def ada(world) -> int:
    return world.ids["Ada"]


def test_a_nurse_records_adjustments_without_a_script_and_sees_them_before_every_contact(signed_in_page, axe, screenshots, world, ada):
    page = signed_in_page(world.members["nurse"], scripts=False)
    page.goto(f"/patients/{ada}")
    follow(page.get_by_role("link", name="Change adjustments"))
    page.get_by_label("Call only this number").check()
    page.get_by_label("Never write to the address").check()
    page.get_by_label("Which number, and when").fill("07700 900123, weekdays 10:00 to 12:00")
    page.get_by_label("Reason (optional)").fill("Said when alone")
    page.get_by_label("Language", exact=True).select_option("ur")
    page.get_by_label("Interpreter for the language above").check()
    page.get_by_label("Easy read").check()
    page.get_by_label("Longer appointment").check()
    page.get_by_text("Add a carer who may be told something").click()
    page.get_by_label("Name").fill("Nadia Rahman")
    follow(page.get_by_role("button", name="Save"))
    page = signed_in_page(world.members["nurse"])
    page.goto(f"/patients/{ada}/adjustments")
    assert page.locator(".sw-before").count() == 0, "half a carer: nothing was saved"

    plain = signed_in_page(world.members["nurse"], scripts=False)
    plain.goto(f"/patients/{ada}/adjustments")
    for label in ("Call only this number", "Easy read", "Longer appointment"):
        plain.get_by_label(label).check()
    plain.get_by_label("Which number, and when").fill("07700 900123, weekdays 10:00 to 12:00")
    follow(plain.get_by_role("button", name="Save"))
    strip = "call only 07700 900123, weekdays 10:00 to 12:00; easy read; longer appointment"
    for address in (f"/patients/{ada}/adjustments", f"/patients/{ada}", f"/patients/{ada}/results", "/worklist"):
        page.goto(address)
        assert strip in page.locator("body").inner_text(), address
        axe(page)
    page.goto(f"/patients/{ada}/adjustments")
    screenshots(page, "adjustments")
    follow(page.get_by_role("link", name="End").first)
    axe(page)
    follow(page.get_by_role("button", name="End it"))
    assert "Choose what happened" in page.get_by_role("alert").inner_text()
    axe(page)
    page.goto(f"/patients/{ada}")
    screenshots(page, "patient-adjustments")


def test_what_is_wrong_with_the_form_is_said_and_nothing_is_lost(signed_in_page, axe, screenshots, world, ada):
    page = signed_in_page(world.members["nurse"])
    page.goto(f"/patients/{ada}/adjustments")
    page.get_by_label("Call only this number").check()
    page.get_by_text("Add a carer who may be told something").click()
    page.get_by_label("Name", exact=True).fill("Nadia Rahman")
    follow(page.get_by_role("button", name="Save"))
    assert "Give the number, and when to call it" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("Name", exact=True).is_visible() and page.get_by_label("Name", exact=True).input_value() == "Nadia Rahman"
    assert page.get_by_label("Call only this number").is_checked()
    axe(page)
    screenshots(page, "adjustments-error")


def test_closing_the_request_for_a_review_as_no_change(signed_in_page, axe, screenshots, world, ada):
    page = signed_in_page(world.members["gp"])
    duty = Duty.objects.get(person_id=ada, rule_id="antipsychotic.cardiometabolic-review")
    page.goto(f"/duties/{duty.pk}")
    assert "None is an order" in page.locator("main").inner_text()
    axe(page)
    screenshots(page, "duty-options")
    follow(page.get_by_role("link", name="Done…"))
    page.get_by_label("Reviewed by the specialist: no change").check()
    follow(page.get_by_role("button", name="Save and close"))
    assert "needs a clinical reason" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("Reviewed by the specialist: no change").is_checked()
    axe(page)
    screenshots(page, "duty-no-change")
    page.get_by_label("A change was followed by a relapse before").check()
    page.get_by_label("In words").fill("Relapsed on aripiprazole in 2023")
    follow(page.get_by_role("button", name="Save and close"))
    duty.refresh_from_db()
    assert duty.state == "met" and duty.ended_on == TODAY
