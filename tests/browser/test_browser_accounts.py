"""Second steps, passkeys and the account page in a real browser. The passkey is Chromium's own virtual authenticator."""

from __future__ import annotations

import pytest

import web_support
from browser_fixtures import follow
from stepwell.web.accounts import second_step, staff
from stepwell.web.accounts.models import User

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PASSWORD = "a long walk down the steps"


@pytest.fixture
def network():
    network = web_support.build_network()
    for key in ("gp", "manager"):
        user = network.members[key].user
        user.persona = ""
        user.set_password(PASSWORD)
        user.save()
    return network


@pytest.fixture
def authenticator(browser_page):
    """A passkey device in this browser that always recognises its owner."""
    session = browser_page.context.new_cdp_session(browser_page)
    session.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True}
    return session.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]


def sign_in(page, username="gp"):
    page.goto("/sign-in")
    page.get_by_label("User name").fill(username)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    follow(page.get_by_role("button", name="Sign in", exact=True))


def test_a_passkey_is_added_and_signs_in_alone_and_as_second_step(browser_page, authenticator, axe, screenshots, network, settings):  # noqa: PLR0917
    settings.SECOND_STEP = "everyone"
    page = browser_page
    sign_in(page)
    assert page.get_by_role("heading", level=1).inner_text() == "Set up a second step first"
    axe(page)
    screenshots(page, "second-step-set-up")
    follow(page.get_by_role("link", name="Add a passkey"))
    axe(page)
    screenshots(page, "passkey-add")
    page.get_by_label("Name for it").fill("Telephone")
    follow(page.get_by_role("button", name="Add a passkey"))
    assert page.get_by_role("heading", level=1).inner_text() == "Keep these recovery codes"
    axe(page)
    screenshots(page, "recovery-codes")
    follow(page.get_by_role("link", name="I have kept them"))
    page.goto("/account")
    assert "Telephone" in page.locator("main").inner_text()
    axe(page)
    screenshots(page, "account")

    follow(page.get_by_role("button", name="Sign out", exact=True))
    follow(page.get_by_role("button", name="Sign in with a passkey"))
    assert "Dr Amara Osei" in page.locator("header").inner_text()

    follow(page.get_by_role("button", name="Sign out", exact=True))
    sign_in(page)
    assert page.get_by_role("heading", level=1).inner_text() == "One more step"
    axe(page)
    screenshots(page, "second-step")
    follow(page.get_by_role("button", name="Use a passkey"))
    assert "Dr Amara Osei" in page.locator("header").inner_text()
    page.goto("/sign-in/again?next=/account")
    follow(page.get_by_role("button", name="Use a passkey"))
    assert page.url.endswith("/account")
    page.wait_for_load_state("networkidle")


def test_somebody_elses_passkey_is_not_taken(browser_page, authenticator, network):
    page = browser_page
    sign_in(page)
    page.goto("/account/second-step/passkey")
    follow(page.get_by_role("button", name="Add a passkey"))
    follow(page.get_by_role("link", name="I have kept them"))
    follow(page.get_by_role("button", name="Sign out", exact=True))
    User.objects.filter(username="gp").update(is_active=False)
    page.goto("/sign-in")
    follow(page.get_by_role("button", name="Sign in with a passkey"))
    assert "This passkey was not accepted" in page.locator("main").inner_text()
    page.wait_for_load_state("networkidle")


def test_stopping_the_passkey_says_what_else_works(browser_page, axe, network):
    page = browser_page
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    page.goto("/sign-in")
    page.route("**/sign-in/passkey/options", lambda route: route.abort())
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.get_by_text("That did not work, or it was stopped").wait_for()
    axe(page)


def test_without_javascript_a_code_signs_in(no_script_page, network):
    user = network.members["gp"].user
    from allauth.mfa.totp.internal import auth as totp

    secret = totp.generate_totp_secret()
    totp.TOTP.activate(user, secret)
    page = no_script_page
    sign_in(page)
    assert "Passkeys need JavaScript" not in page.locator("main").inner_text()  # she has none
    counters = list(totp.yield_hotp_counters_from_time())
    page.get_by_label("Code").fill(totp.format_hotp_value(totp.hotp_value(secret, counters[1])))
    follow(page.get_by_role("button", name="Sign in", exact=True))
    assert "Dr Amara Osei" in page.locator("header").inner_text()


def test_an_invitation_from_end_to_end(browser_page, no_script_page, axe, screenshots, network):
    page, visitor = browser_page, no_script_page
    sign_in(page, "manager")
    page.goto("/staff")
    screenshots(page, "staff")
    follow(page.get_by_role("link", name="Add somebody"))
    follow(page.get_by_role("button", name="Add", exact=True))
    assert page.title().startswith("Error: ")
    axe(page)
    screenshots(page, "staff-new-error")
    page.get_by_label("Name", exact=True).fill("Ann Lee")
    page.get_by_role("textbox", name="User name").fill("ann.lee")
    page.get_by_label("Practice nurse").check()
    follow(page.get_by_role("button", name="Add", exact=True))
    axe(page)
    screenshots(page, "invitation-made")
    link = page.locator(".sw-copy strong").inner_text()
    visitor.goto(link)
    visitor.get_by_label("New password").fill(PASSWORD)
    visitor.get_by_label("The same again").fill(PASSWORD)
    follow(visitor.get_by_role("button", name="Set password and sign in"))
    assert "Ann Lee · Practice nurse" in visitor.locator("header").inner_text()


def test_pages_about_somebody_half_way(browser_page, axe, screenshots, network):
    page = browser_page
    token = staff.invitation(network.actor("manager"), network.members["gp"].user, staff.RESET)
    page.goto(f"/sign-in/invitation/{token}")
    axe(page)
    screenshots(page, "invitation")
    page.goto("/sign-in/invitation/used")
    axe(page)
    sign_in(page)
    page.goto("/account/second-step/app")
    axe(page)
    screenshots(page, "app-add")
    assert second_step.methods_of(network.members["gp"].user) == []


def test_two_minutes_before_the_end_the_page_says_so_politely(browser_page, axe, network):
    page = browser_page
    page.clock.install()
    sign_in(page)
    page.goto("/who-is-who")
    words = page.get_by_role("status").filter(has_text="Open or save a page to stay signed in")
    page.clock.fast_forward("12:30")
    assert words.count() == 0
    assert "You are signed out at" in page.locator("footer").inner_text()
    page.clock.fast_forward("00:40")
    words.wait_for()
    axe(page)
