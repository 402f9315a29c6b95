"""Line 5 of review and reduce: a patient with a phone. A nurse gives a code; at 390 px and without JavaScript the patient signs in, sees
what to take today, says how it is and asks to slow down; the GP sees it and answers. Every page of theirs, and every way of failing to
sign in, goes through axe, which needs JavaScript itself.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from browser_fixtures import NARROW, follow
from stepwell.web.portal import services as portal
from stepwell.web.portal.choices import choices
from stepwell.web.tapers import selectors
from taper_world import DEE, later, reducing, row, taper_duties, taper_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

OWN_PAGES = ("calendar", "check-in", "diary", "slow-down", "something-is-wrong", "questions")


@pytest.fixture
def world(transactional_db, settings, tmp_path):
    return taper_world(settings, tmp_path, {"Dee": DEE})


@pytest.fixture
def looked_at(axe, screenshots):
    return axe, screenshots


def sign_in(page: Any, code: str, year: str = "1959") -> None:
    page.goto("/my/sign-in")
    page.locator('[name="code"]').fill(code)
    for part, value in (("day", "2"), ("month", "2"), ("year", year)):
        page.locator(f'[name="born-{part}"]').fill(value)
    follow(page.get_by_role("button", name="Sign in"))


def press(page: Any, name: str) -> None:
    follow(page.get_by_role("button", name=re.compile(name)).first)


def link(page: Any, name: str) -> None:
    follow(page.get_by_role("link", name=re.compile(name)).first)


def said(page: Any) -> str:
    return str(page.locator("main").inner_text())


def fits(page: Any) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_a_patient_with_a_phone_and_the_staff_who_see_it(signed_in_page, no_script_page, browser_page, looked_at, world):
    axe, screenshots = looked_at
    plan_id = reducing(world)
    later(world, selectors.version_of(row(plan_id)).interval_days + 1)
    dose = selectors.standing(row(plan_id)).dose_ug

    nurse = signed_in_page(world.members["nurse"])
    nurse.goto(f"/reductions/{plan_id}")
    link(nurse, "^Give a code")
    press(nurse, "^Give a code")
    axe(nurse)
    screenshots(nurse, "own-page-slip")
    code = nurse.locator(".slip__code").inner_text()
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{5} [0-9A-HJKMNP-TV-Z]{5}", code)

    browser_page.set_viewport_size({"width": NARROW, "height": 844})
    failing_to_sign_in(browser_page, axe, screenshots, code)
    sign_in(browser_page, code.lower())
    for name in ("", *OWN_PAGES):
        browser_page.goto(f"/my/{name}")
        axe(browser_page)
        assert fits(browser_page), name
        screenshots(browser_page, f"own-page-{name or 'plan'}")
    browser_page.goto("/my/check-in")
    press(browser_page, "^Save")
    assert "Choose a number" in said(browser_page)
    axe(browser_page)

    phone = no_script_page
    phone.set_viewport_size({"width": NARROW, "height": 844})
    sign_in(phone, code)
    assert phone.locator("h1").inner_text() == "Diazepam. Today: 19 mg a day"
    assert phone.locator(".today svg").count() and "Dr Amara Osei" in said(phone)
    link(phone, "^Say how it is")
    phone.locator('[name="rating"][value="3"]').check()
    phone.locator('[name="words"]').fill("Slept badly, but the garden helps")
    press(phone, "^Save")
    assert "It is saved. Thank you." in said(phone)
    link(phone, "^I want to slow down")
    phone.locator('[name="words"]').fill("My mother is in hospital")
    press(phone, "^Slow down")
    assert "nothing changes until somebody has talked with you" in said(phone) and "fail" not in said(phone).lower()
    browser_page.goto("/my/")
    axe(browser_page)
    screenshots(browser_page, "own-page-asked")

    later(world, 60)
    assert (row(plan_id).state, selectors.standing(row(plan_id)).dose_ug) == ("holding", dose)
    assert "slower" in taper_duties(world)
    gp = signed_in_page(world.members["gp"])
    gp.goto(f"/reductions/{plan_id}")
    assert "My mother is in hospital" in said(gp) and "the garden helps" in said(gp)
    axe(gp)
    screenshots(gp, "own-page-staff")
    link(gp, "^Answer")
    gp.locator('[name="why"]').fill("We wait until she is home. Ring me whenever you want.")
    press(gp, "^Send the answer")
    assert "slower" not in taper_duties(world)
    phone.goto("/my/")
    assert "We wait until she is home" in said(phone)
    over_or_withdrawn(phone, code, world)


def over_or_withdrawn(phone: Any, code: str, world: Any) -> None:
    """The page closes with the next step on it, and the code opens it no more; what is said is what is said to a wrong one."""
    today = world.today
    world.today = today + timedelta(choices().valid_days)
    phone.goto("/my/diary")
    assert "You were signed out" in said(phone)
    sign_in(phone, code)
    assert portal.NOT_RIGHT in " ".join(said(phone).split())
    world.today = today
    sign_in(phone, code)
    assert phone.url.endswith("/my/")
    portal.withdraw(world.actor("gp"), world.ids["Dee"], why="the paper was lost")
    phone.goto("/my/")
    sign_in(phone, code)
    assert portal.NOT_RIGHT in " ".join(said(phone).split())


def failing_to_sign_in(phone: Any, axe: Any, screenshots: Any, code: str) -> None:
    """Nothing typed, no code, a wrong date: each says what to do, and the last tells nothing of which it was."""
    phone.goto("/my/sign-in")
    axe(phone)
    press(phone, "^Sign in")
    assert "Enter the code on your paper" in said(phone)
    sign_in(phone, "12345")
    assert "10 letters and numbers" in said(phone)
    sign_in(phone, code, year="1960")
    assert portal.NOT_RIGHT in " ".join(said(phone).split())
    axe(phone)
    screenshots(phone, "own-page-wrong")
