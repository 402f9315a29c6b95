"""The second step: asked for where somebody has one, demanded where their role needs one, tried a few times only."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from cryptography.fernet import InvalidToken

import web_support
from stepwell.errors import Refused
from stepwell.web.accounts import second_step, services, sessions
from stepwell.web.core.actor import Actor

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system("tests")
PASSWORD = "a long walk down the steps"
START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


@pytest.fixture
def amara(network):
    user = network.members["gp"].user
    user.set_password(PASSWORD)
    user.save()
    return user


@pytest.fixture
def app(amara):
    """Her authenticator app: gives the code that it shows now."""
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(amara, secret)
    second_step._first_codes(amara)
    return lambda: code_of(secret)


def code_of(secret):
    return totp.format_hotp_value(totp.hotp_value(secret, next(iter(totp.yield_hotp_counters_from_time())) + 1))


def first(client, target=""):
    return client.post("/sign-in", {"username": "gp", "password": PASSWORD, "next": target})


def second(client, code):
    return client.post("/sign-in/second-step", {"code": code})


def test_the_password_alone_opens_nothing(client, app):
    assert first(client).headers["Location"] == "/sign-in/second-step"
    assert client.get("/account").headers["Location"].startswith("/sign-in?next=")
    assert client.get("/sign-in/second-step").status_code == 200


def test_the_code_signs_in_and_leads_on(client, app):
    first(client, "/sign-in/role")
    with web_support.recorded() as trail:
        assert second(client, app()).headers["Location"] == "/sign-in/role"
    assert len(trail.writes("sign in")) == 1
    assert client.get("/account").status_code == 200


def test_a_code_works_once(client, app):
    code = app()
    first(client)
    assert second(client, code).status_code == 302
    other = type(client)()
    first(other)
    assert second(other, code).status_code == 422


def test_codes_of_the_half_minute_before_and_after_work_and_older_ones_do_not(client, app):
    with time_machine.travel(START, tick=False) as clock:
        code = app()
        clock.shift(timedelta(seconds=30))
        first(client)
        assert second(client, code).status_code == 302
        late = app()
        clock.shift(timedelta(seconds=90))
        other = type(client)()
        first(other)
        assert second(other, late).status_code == 422


def test_a_recovery_code_works_once(client, app, amara):
    row = Authenticator.objects.get(user=amara, type="recovery_codes")
    code = row.wrap().get_unused_codes()[3]
    first(client)
    assert second(client, f"{code[:4]} {code[4:]}").status_code == 302
    other = type(client)()
    first(other)
    assert second(other, code).status_code == 422
    assert next(method.left for method in second_step.methods_of(amara) if method.kind == "codes") == 9


def test_guessing_stops_after_five_even_for_the_right_code(client, app):
    with time_machine.travel(START, tick=False) as clock:
        first(client)
        wrong = f"{(int(app()) + 1) % 1_000_000:06d}"
        for _ in range(5):
            assert "The code is not right" in second(client, wrong).content.decode()
        assert "Too many codes" in second(client, app()).content.decode()
        clock.shift(timedelta(minutes=5, seconds=1))
        first(client)
        assert second(client, app()).status_code == 302


def test_wrong_codes_are_recorded_as_refusals(client, app):
    first(client)
    with web_support.recorded() as trail:
        second(client, "000000x")
    assert [entry.action for entry in trail.refusals()] == ["second step"]


def test_half_way_lasts_five_minutes(client, app):
    with time_machine.travel(START, tick=False) as clock:
        first(client)
        clock.shift(timedelta(minutes=5, seconds=1))
        assert second(client, app()).headers["Location"] == "/sign-in"


def test_a_password_changed_meanwhile_ends_half_way(client, app, amara):
    first(client)
    amara.set_password(PASSWORD + "!")
    amara.save()
    assert second(client, app()).headers["Location"] == "/sign-in"


def test_somebody_who_left_meanwhile_is_not_let_in(client, app, amara):
    first(client)
    amara.is_active = False
    amara.save()
    assert second(client, app()).headers["Location"] == "/sign-in"


def test_a_persona_with_a_second_step_is_asked_too(client, app, network, settings):
    settings.DEMO = True
    response = client.post("/sign-in/persona", {"membership": network.members["gp"].pk})
    assert response.headers["Location"] == "/sign-in/second-step"


def test_without_the_first_step_there_is_no_second(client, network):
    assert client.get("/sign-in/second-step").headers["Location"] == "/sign-in"
    assert second(client, "123456").headers["Location"] == "/sign-in"


def test_secrets_are_not_kept_in_the_clear(app, amara, settings):
    row = Authenticator.objects.get(user=amara, type="totp")
    secret = second_step.decrypt(row.data["secret"])
    assert secret not in row.data["secret"]
    assert len(secret) == 32
    settings.SECRET_KEY = "another installation's key"
    with pytest.raises(InvalidToken):
        second_step.decrypt(row.data["secret"])


# Required


@pytest.mark.parametrize(
    ("setting", "who", "asked"),
    [
        ("everyone", "gp", True),
        ("managers", "gp", False),
        ("managers", "manager", True),
        ("managers", "privacy", True),
        ("optional", "manager", False),
    ],
)
def test_a_role_that_needs_it_opens_nothing_before(client, network, settings, setting, who, asked):  # noqa: PLR0917
    settings.SECOND_STEP = setting
    user = network.members[who].user
    user.set_password(PASSWORD)
    user.save()
    client.post("/sign-in", {"username": user.username, "password": PASSWORD})
    for address in ("/who-is-who", "/worklist", "/account", "/"):
        away = client.get(address).headers.get("Location", "")
        assert (away == "/account/second-step") is asked, address
    assert client.get("/account/second-step").status_code == 200
    assert client.post("/account/sessions/end-others").status_code == 302
    assert client.post("/sign-out").headers["Location"] == "/sign-in"


def test_debugging_takes_nothing_away(client, network, settings):
    settings.SECOND_STEP, settings.DEBUG = "everyone", True
    user = network.members["gp"].user
    user.set_password(PASSWORD)
    user.save()
    first(client)
    assert client.get("/worklist").headers["Location"] == "/account/second-step"


def test_setting_it_up_opens_the_rest(client, amara, settings):
    settings.SECOND_STEP = "everyone"
    first(client)
    html = client.get("/account/second-step/app").content.decode()
    secret = re.search(r"Key: <strong[^>]*>([A-Z2-7 ]+)</strong>", html)[1].replace(" ", "")
    assert "style=" not in html[html.index("<svg") : html.index("</svg>")]
    wrong = client.post("/account/second-step/app", {"code": "000000"})
    assert wrong.status_code == 422
    assert secret[:4] in wrong.content.decode()
    with web_support.recorded() as trail:
        done = client.post("/account/second-step/app", {"code": code_of(secret)})
    assert [entry.action for entry in trail.writes()] == ["add authenticator app"]
    codes = re.findall(r"<li>(\d{4} \d{4})</li>", done.content.decode())
    assert len(codes) == len(set(codes)) == 10
    assert client.get("/account").status_code == 200
    assert codes[0] not in client.get("/account").content.decode()


def test_the_last_second_step_of_a_role_that_needs_one_stays(client, app, amara, network, settings):
    settings.SECOND_STEP = "everyone"
    first(client)
    second(client, app())
    row = Authenticator.objects.get(user=amara, type="totp")
    response = client.post(f"/account/second-step/{row.pk}/remove")
    assert "add another one before" in response.content.decode()
    settings.SECOND_STEP = "optional"
    assert client.post(f"/account/second-step/{row.pk}/remove").headers["Location"] == "/account?said=removed"
    assert not Authenticator.objects.filter(user=amara).exists()


def test_nobody_removes_what_is_somebody_elses(signed_in, app, amara):
    client = signed_in("nurse")
    row = Authenticator.objects.get(user=amara, type="totp")
    assert client.post(f"/account/second-step/{row.pk}/remove").status_code == 404
    assert Authenticator.objects.filter(pk=row.pk).exists()
    with pytest.raises(Refused):
        second_step.remove(SYSTEM, amara, 999_999, [])


def test_new_recovery_codes_stop_the_old(client, app, amara):
    first(client)
    second(client, app())
    old = Authenticator.objects.get(user=amara, type="recovery_codes").wrap().get_unused_codes()
    html = client.post("/account/second-step/recovery-codes").content.decode()
    new = [code.replace(" ", "") for code in re.findall(r"<li>(\d{4} \d{4})</li>", html)]
    assert len(new) == 10
    assert not set(new) & set(old)


def test_recovery_codes_alone_are_no_second_step(signed_in):
    assert "Add an authenticator app or a passkey first" in signed_in("gp").post("/account/second-step/recovery-codes").content.decode()


@pytest.mark.parametrize("page", ["app", "passkey", "recovery-codes", "1/remove"])
def test_changing_how_one_signs_in_asks_who_is_at_the_screen(signed_in, page):
    address = f"/account/second-step/{page}"
    client = signed_in("gp")
    session = client.session
    session[services.STARTED_KEY] -= 15 * 60 + 1
    session.save()
    assert client.get(address).headers["Location"].startswith("/sign-in/again?next=%2Faccount")
    with web_support.recorded() as trail:
        assert client.post(address, {"code": "1"}).headers["Location"].startswith("/sign-in/again?")
    assert len(trail.refusals()) == 1


# Passkeys: what a browser answers is tested in tests/browser; here what is refused.


@pytest.mark.parametrize("credential", ["", "x", "[]", "{}", '{"id": "a", "rawId": "a", "type": "public-key", "response": {}}'])
def test_nonsense_for_a_passkey_is_refused(client, app, amara, credential):
    client.get("/sign-in/passkey/options")
    response = client.post("/sign-in/passkey", {"credential": credential})
    assert response.status_code == 422
    assert "This passkey was not accepted" in response.content.decode()
    first(client)
    assert second(client, "").status_code == 422
    assert client.post("/sign-in/second-step", {"credential": credential}).status_code == 422


def test_passkeys_are_tried_a_few_times_only(client, network):
    with time_machine.travel(START, tick=False):
        for _ in range(10):
            client.post("/sign-in/passkey", {"credential": "{}"})
        assert "Too many" in client.post("/sign-in/passkey", {"credential": "{}"}).content.decode()


def test_the_challenge_is_plain_json(client, network):
    options = client.get("/sign-in/passkey/options").json()["publicKey"]
    assert options["userVerification"] == "required"
    assert re.fullmatch(r"[\w-]{40,}", options["challenge"])
    made = web_support.sign_in(type(client)(), network.members["gp"]).get("/account/second-step/passkey/options").json()["publicKey"]
    assert made["authenticatorSelection"]["residentKey"] == "required"
    assert made["user"]["name"] == "gp"


# Showing again that it is you


def test_recent_means_fifteen_minutes(client, amara, rf):
    with time_machine.travel(START, tick=False) as clock:
        first(client)
        request = rf.get("/worklist?x=1")
        request.session, request.user, request.actor = client.session, amara, None
        clock.shift(timedelta(minutes=14, seconds=59))
        assert services.signed_in_recently(request)
        clock.shift(timedelta(seconds=1))
        assert not services.signed_in_recently(request)
        assert services.needs_fresh_sign_in(request).url == "/sign-in/again?next=%2Fworklist%3Fx%3D1"
        assert services.needs_fresh_sign_in(request, minutes=16) is None


def test_the_password_shows_it_again(client, amara):
    with time_machine.travel(START, tick=False) as clock:
        first(client)
        clock.shift(timedelta(minutes=14))
        client.get("/account")
        clock.shift(timedelta(minutes=14))
        assert client.post("/sign-in/again", {"password": "wrong", "next": "/account"}).status_code == 422
        with web_support.recorded() as trail:
            assert client.post("/sign-in/again", {"password": PASSWORD, "next": "/account"}).headers["Location"] == "/account"
        assert [entry.reason for entry in trail.writes("sign in again")] == ["password"]
        assert client.get("/account/second-step/app").status_code == 200


def test_a_persona_goes_on_without_a_password_on_this_machine_only(signed_in, settings):
    settings.DEMO = True
    client = signed_in("gp")
    assert client.post("/sign-in/again", {"next": "/account"}).headers["Location"] == "/account"
    assert client.post("/sign-in/again", {"next": "/account"}, REMOTE_ADDR="10.0.0.7").status_code != 302
    settings.DEMO = False
    assert client.post("/sign-in/again", {"next": "/account"}).status_code != 302


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_going_on_stays_here(client, amara, target):
    first(client)
    assert client.post("/sign-in/again", {"password": PASSWORD, "next": target}).headers["Location"] == "/"


# Sessions


def test_signing_out_elsewhere_ends_those_sessions_and_not_this(client, amara):
    first(client)
    other, third = type(client)(), web_support.sign_in(type(client)(), amara.memberships.get())
    first(other)
    assert client.get("/account").content.decode().count("GP, Riverside Surgery</td>") == 2
    with web_support.recorded() as trail:
        assert client.post("/account/sessions/end-others").status_code == 302
    assert len(trail.writes("end other sessions")) == 1
    assert client.get("/account").status_code == 200
    assert other.get("/account").status_code == 302
    assert third.get("/account").status_code == 200  # begun by the test without signing in: on nobody's list


def test_a_new_password_ends_every_other_session(client, amara):
    first(client)
    other = type(client)()
    first(other)
    new = "another long walk up the steps"
    wrong = client.post("/account/password", {"old": "x", "new": new, "again": new})
    assert "not the password you have now" in wrong.content.decode()
    assert client.post("/account/password", {"old": PASSWORD, "new": new, "again": new}).status_code == 302
    assert client.get("/account").status_code == 200
    assert other.get("/account").status_code == 302


def test_sessions_that_timed_out_are_not_shown(client, amara, rf):
    with time_machine.travel(START, tick=False) as clock:
        other = type(client)()
        first(other)
        clock.shift(timedelta(minutes=20))
        first(client)
        request = rf.get("/account")
        request.session = client.session
        assert [line.is_this for line in sessions.sessions_of(request, amara)] == [True]


def test_a_form_sent_after_the_session_ended_leads_to_sign_in_not_to_an_error(client, network):
    assert client.post("/account/sessions/end-others").headers["Location"] == "/sign-in?next=/account/sessions/end-others"
