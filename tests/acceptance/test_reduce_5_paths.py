"""Line 5 of review and reduce: a pharmacist and a GP in a real browser, from the bench to an agreed plan and on with it, in few actions.

An action is a click, a choice or a box that is filled. How long a person takes for them is tried by hand and told in the note.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from browser_fixtures import follow
from stepwell.web.tapers import selectors
from taper_world import DEE, later, taper_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# Eleven when it was written, ten for the GP. Three minutes leave twelve seconds for each of fifteen.
MOST_ACTIONS = 15


class Actions:
    """What somebody does on a page, counted."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.done = 0

    def link(self, name: str) -> None:
        self._follow(self.page.get_by_role("link", name=re.compile(name)).first)

    def button(self, name: str, *, draws: str = "") -> None:
        """Press it. `draws`: what it draws on the same page; without it another page follows."""
        control = self.page.get_by_role("button", name=re.compile(name)).first
        if not draws:
            self._follow(control)
            return
        self.done += 1
        control.click()
        expect(self.page.locator(draws)).to_be_visible()

    def _follow(self, control: Any) -> None:
        self.done += 1
        follow(control)

    def choose(self, field: str, key: str) -> None:
        self.done += 1
        box = self.page.locator(f'input[name="{field}"][value="{key}"]')
        own = box.get_attribute("id")
        self.page.locator(f'label:has(input[name="{field}"][value="{key}"])' + (f', label[for="{own}"]' if own else "")).first.click()
        expect(box).to_be_checked()

    def write(self, field: str, words: str) -> None:
        self.done += 1
        self.page.locator(f'[name="{field}"]').fill(words)

    def act(self, key: str, *, why: str = "") -> None:
        """One of the acts of a plan, from its page and back to it."""
        self._follow(self.page.locator(f'a[href$="/{key}"]').first)
        if why:
            self.write("why", why)
        self._follow(self.page.locator("form.sw-form button[type=submit]").first)

    def said(self) -> str:
        return str(self.page.locator("main").inner_text())


def plan_of(world: Any) -> Any:
    return selectors.plans_of(world.ids["Dee"])[0]


@pytest.fixture
def world(transactional_db, settings, tmp_path):
    return taper_world(settings, tmp_path, {"Dee": DEE})


def test_from_the_bench_to_an_agreed_plan_and_on_with_it(signed_in_page, axe, screenshots, world):
    pharmacist = Actions(signed_in_page(world.members["pharmacist"]))
    pharmacist.page.goto("/review-bench")
    screenshots(pharmacist.page, "path-bench")
    pharmacist.link("^Prepare")
    screenshots(pharmacist.page, "path-prepared")
    pharmacist.link("^Start the review")
    pharmacist.choose("consent", "given")
    pharmacist.choose("capacity", "capacity-has")
    pharmacist.choose("m.diazepam.decisions", "taper")
    pharmacist.write("m.diazepam.reason", "Falls; sleeps well without a tablet on holidays")
    pharmacist.button("^Check and close")
    screenshots(pharmacist.page, "path-close")
    pharmacist.button("^Close the review")
    pharmacist.link("^Make the reduction plan")
    pharmacist.button("no to all", draws="#ready")
    pharmacist.button("^Agreed with Dee: save")
    assert pharmacist.page.get_by_role("status").get_by_text("The plan is agreed").is_visible()
    assert pharmacist.done <= MOST_ACTIONS

    gp = Actions(signed_in_page(world.members["gp"]))
    gp.page.goto(f"/patients/{world.ids['Dee']}")
    gp.link("^Reduce diazepam")
    screenshots(gp.page, "path-plan")
    gp.act("start")
    assert "Began" in gp.said()
    # The first step down has come.
    later(world, selectors.version_of(plan_of(world)).interval_days)
    gp.page.reload()
    before = plan_of(world)
    assert selectors.standing(before).dose_ug < before.from_ug
    gp.act("hold", why="A funeral next week")
    assert plan_of(world).state == "holding" and "Holding" in gp.said()
    gp.link("^Check in")
    gp.choose("rating", "8")
    gp.choose("decided", "step back")
    gp.button("^Save the check-in")
    after = plan_of(world)
    assert after.state == "stepped up" and selectors.standing(after).dose_ug == before.from_ug
    assert "8 of 10" in gp.said() and "fail" not in gp.said().lower()
    assert gp.done <= MOST_ACTIONS
    axe(gp.page)
    screenshots(gp.page, "path-stepped-back")
