"""Requests for service in a real browser: asked without knowing who is right, redirected, accepted, and seen by whoever asked."""

from __future__ import annotations

from datetime import timedelta

import pytest

from browser_fixtures import follow
from requests_world import TODAY, RequestsWorld

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def world(transactional_db, settings, tmp_path, monkeypatch):
    world = RequestsWorld(settings, tmp_path)
    world.quiet(monkeypatch)
    return world


def test_one_door_from_the_asker_to_the_service_that_takes_it_on(signed_in_page, axe, screenshots, world):
    ada = world.person("Ada")
    page = signed_in_page(world.members["gp"], scripts=False)
    page.goto(f"/patients/{ada}")
    follow(page.get_by_role("link", name="Ask a service").last)
    page.get_by_role("radio", name="Talking therapy", exact=True).check()
    page.get_by_label("Crisis: phone first").check()
    page.get_by_label("The question or need").fill("Help with panic on buses")
    page.get_by_label("Why now", exact=True).fill("Cannot get to work any more")
    page.get_by_label("What the person wants").fill("“I want to travel again”")
    page.get_by_label("They agreed to this request").check()
    follow(page.get_by_role("button", name="Send the request"))
    assert page.get_by_role("alert").get_by_text("Phone first").is_visible()
    assert page.get_by_label("Why now", exact=True).input_value() == "Cannot get to work any more"
    screenshots(page, "requests-ask")
    page.get_by_label("Routine").check()
    follow(page.get_by_role("button", name="Send the request"))
    assert "with Northside triage" in page.locator("h1").inner_text()

    triage = signed_in_page(world.members["psychiatrist"])
    triage.goto("/requests")
    follow(triage.get_by_role("link", name="Answer WEEK, Ada"))
    triage.get_by_label("Another service is right: redirect it").check()
    follow(triage.get_by_role("button", name="Send answer"))
    assert triage.get_by_role("alert").get_by_text("nobody is left without one").is_visible()
    axe(triage)
    triage.get_by_label("The service that is right").select_option(label="Side by Side, Northvale Side by Side")
    triage.get_by_label("Why it is not for you").select_option("not-our-kind")
    triage.get_by_label("What the asker reads").fill("They go along on the first journeys")
    screenshots(triage, "requests-triage")
    follow(triage.get_by_role("button", name="Send answer"))
    assert "until they accept it stays with Northside triage" in triage.locator("h1").inner_text()

    side = signed_in_page(world.members["side worker"])
    side.goto("/requests")
    follow(side.get_by_role("link", name="Answer WEEK, Ada"))
    side.get_by_label("We take this on").check()
    day = TODAY + timedelta(4)
    for part, number in (("Day", day.day), ("Month", day.month), ("Year", day.year)):
        side.get_by_label(part, exact=True).fill(str(number))
    side.get_by_label("What the asker reads").fill("We ring her on Thursday")
    follow(side.get_by_role("button", name="Send answer"))
    page.goto(f"/patients/{ada}")
    assert page.get_by_text("Side by Side took it on").is_visible()
    screenshots(page, "requests-patient")


def test_a_bounced_person_is_seen_by_the_practice_manager(signed_in_page, axe, screenshots, world):
    world.bounce(world.person("Ada"))
    page = signed_in_page(world.members["manager"])
    page.goto("/requests?tab=sent")
    follow(page.get_by_role("link", name="Bounced people 1"))
    assert page.locator("h1").inner_text() == "1 person redirected 3 times or more"
    row = page.locator("tbody tr")
    assert "5 weeks" in row.inner_text() and "Network medication review" in row.inner_text()
    axe(page)
    screenshots(page, "requests-bounced")
    follow(page.get_by_role("link", name="Counts and waits"))
    screenshots(page, "requests-counts")
    axe(page)
