"""Signing in and the error pages, in a real browser: wide and narrow, without JavaScript, by keyboard, through axe."""

from __future__ import annotations

import pytest

import web_support
from browser_fixtures import follow
from stepwell.web.accounts import services
from stepwell.web.core.actor import Actor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def network():
    return web_support.build_network()


@pytest.fixture
def demo(settings):
    settings.DEMO = True


def test_sign_in_by_password_and_its_errors(browser_page, axe, screenshots, network):
    page = browser_page
    page.goto("/sign-in")
    assert page.get_by_role("heading", level=1).inner_text() == "Sign in to Stepwell"
    axe(page)
    screenshots(page, "sign-in")
    follow(page.get_by_role("button", name="Sign in", exact=True))
    assert page.title().startswith("Error: ")
    assert page.evaluate("document.activeElement.className").startswith("nhsuk-error-summary")
    axe(page)
    screenshots(page, "sign-in-error")
    page.get_by_role("link", name="Enter your user name").click()
    assert page.evaluate("document.activeElement.name") == "username"


def test_sign_in_as_a_persona_and_out(browser_page, axe, screenshots, network, demo):
    page = browser_page
    page.goto("/sign-in")
    axe(page)
    screenshots(page, "sign-in-personas")
    follow(page.get_by_role("button", name="Sign in as Dr Amara Osei, GP"))
    assert "Dr Amara Osei · GP, Riverside Surgery" in page.locator("header").inner_text()
    follow(page.get_by_role("button", name="Sign out"))
    page.wait_for_url("**/sign-in")


def test_somebody_who_may_open_no_record_finds_whom_to_call(signed_in_page, axe, screenshots, network):
    setup = Actor.system("tests")
    pharmacy = services.create_organisation(setup, code="FA001", name="Mill Lane Pharmacy", kind="pharmacy")
    user = services.create_user(setup, username="ines.roy", name="Ines Roy")
    page = signed_in_page(
        services.add_membership(setup, user=user, organisation=pharmacy, role_key="community pharmacist", from_on=web_support.LONG_AGO)
    )
    page.goto("/")
    assert page.get_by_role("heading", level=1).inner_text() == "Who to call, by practice"
    assert page.get_by_role("navigation", name="Main").get_by_role("link").all_inner_texts() == ["Who is who"]
    axe(page)
    screenshots(page, "home-of-a-pharmacist")


def test_sign_in_works_without_javascript(no_script_page, network, demo):
    page = no_script_page
    page.goto("/sign-in")
    follow(page.get_by_role("button", name="Sign in as Dr Lena Hart, Psychiatrist"))
    assert "Dr Lena Hart · Psychiatrist, Northvale Mental Health NHS Trust" in page.locator("header").inner_text()


def test_the_error_summary_takes_focus_without_javascript(no_script_page, network):
    page = no_script_page
    page.goto("/sign-in")
    follow(page.get_by_role("button", name="Sign in", exact=True))
    assert page.locator(".nhsuk-error-summary:focus").count() == 1


def test_sign_in_by_keyboard(browser_page, keyboard, network, demo):
    page, keys = browser_page, keyboard(browser_page)
    page.goto("/sign-in")
    assert keys.tab_to("Skip to main content", at_most=1)
    keys.press("Enter")
    keys.tab_to("Sign in as Priya Nair, Practice nurse")
    keys.press("Enter")
    page.wait_for_url(lambda address: "sign-in" not in address)
    assert "Priya Nair · Practice nurse" in page.locator("header").inner_text()


def test_choosing_between_two_roles(signed_in_page, axe, screenshots, network):
    from stepwell.web.accounts import services
    from stepwell.web.core.actor import Actor

    gp = network.members["gp"]
    services.add_membership(
        Actor.system("tests"), user=gp.user, organisation=network.organisations["P2"], role_key="gp", from_on=web_support.LONG_AGO
    )
    page = signed_in_page(gp)
    page.goto("/sign-in/role")
    axe(page)
    screenshots(page, "choose-role")
    follow(page.get_by_role("button", name="Continue as GP, Hillcrest Medical Centre"))
    assert "GP, Hillcrest Medical Centre" in page.locator("header").inner_text()


def test_not_found(signed_in_page, axe, screenshots, network):
    page = signed_in_page(network.members["gp"])
    page.goto("/no-such-page")
    axe(page)
    screenshots(page, "error-404")


@pytest.fixture
def failing_addresses(settings):
    settings.ROOT_URLCONF = "error_urls"


@pytest.mark.usefixtures("failing_addresses")
@pytest.mark.parametrize("status", [400, 403, 500])
def test_error_pages(signed_in_page, axe, screenshots, network, status):
    page = signed_in_page(network.members["gp"])
    assert page.goto(f"/fail/{status}").status == status
    assert "secret" not in page.content()
    axe(page)
    screenshots(page, f"error-{status}")
