"""Signing in, acting as one membership, staying signed in no longer than allowed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine

import web_support
from stepwell.web.accounts import services
from stepwell.web.accounts.models import SignInAttempt
from stepwell.web.core.actor import Actor

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system("tests")
PASSWORD = "a long walk down the steps"


@pytest.fixture
def amara(network):
    user = services.create_user(SYSTEM, username="Amara", name="Amara Osei", title="Dr", password=PASSWORD)
    services.add_membership(SYSTEM, user=user, organisation=network.organisations["P1"], role_key="gp", from_on=web_support.LONG_AGO)
    return user


def attempt(client, password=PASSWORD, username="amara", **extra):
    return client.post("/sign-in", {"username": username, "password": password, **extra})


def test_every_page_asks_to_sign_in_first(client):
    response = client.get("/anything-that-exists/or-not")
    assert response.status_code == 404
    assert client.get("/").headers["Location"] == "/sign-in?next=/"


def test_the_right_password_signs_in_and_is_recorded(client, amara):
    with web_support.recorded() as trail:
        response = attempt(client)
    assert response.headers["Location"] == "/"
    assert [entry.user_name for entry in trail.writes("sign in")] == ["Dr Amara Osei"]
    assert "Dr Amara Osei · GP, Riverside Surgery" in client.get("/sign-in/role").content.decode()


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_next_never_leads_to_another_site(client, amara, target):
    assert attempt(client, next=target).headers["Location"] == "/"


def test_next_leads_back_to_where_they_were_going(client, amara):
    assert attempt(client, next="/sign-in/role").headers["Location"] == "/sign-in/role"


@pytest.mark.parametrize(("username", "password"), [("amara", "wrong"), ("nobody", PASSWORD), ("gp", ""), ("gp", "!")])
def test_a_wrong_name_and_a_wrong_password_read_alike(client, amara, username, password):
    response = attempt(client, password, username)
    assert response.status_code == 422
    text = response.content.decode()
    assert ("The user name or the password is not right" in text) or ("Enter your password" in text)
    assert password not in {"wrong", PASSWORD} or password not in text


def test_a_persona_has_no_password(client, network):
    assert network.members["gp"].user.has_usable_password() is False
    for guess in ("", "!", network.members["gp"].user.password):
        assert attempt(client, guess, "gp").status_code == 422


def test_somebody_who_left_cannot_sign_in(client, amara):
    amara.is_active = False
    amara.save()
    assert attempt(client).status_code == 422


def test_too_many_failures_stop_even_the_right_password_for_a_while(client, amara):
    start = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
    with time_machine.travel(start, tick=False) as clock:
        for _ in range(5):
            attempt(client, "wrong")
        assert "Too many attempts" in attempt(client).content.decode()
        assert "Too many attempts" not in attempt(client, "wrong", "somebody else").content.decode()
        clock.shift(timedelta(minutes=5, seconds=1))
        assert attempt(client).status_code == 302


def test_one_address_cannot_try_many_names(client, amara):
    with time_machine.travel(datetime(2026, 11, 21, 9, 0, tzinfo=UTC), tick=False):
        for number in range(10):
            attempt(client, "wrong", f"name-{number}")
        assert "Too many attempts" in attempt(client).content.decode()


@pytest.mark.parametrize(("proxy", "stopped"), [(True, False), (False, True)])
def test_behind_our_proxy_each_client_counts_for_itself(client, amara, settings, proxy, stopped):
    """Without a proxy of ours the header is the client's own invention and changes nothing."""
    settings.PROXY = proxy
    with time_machine.travel(datetime(2026, 11, 21, 9, 0, tzinfo=UTC), tick=False):
        for number in range(10):
            client.post("/sign-in", {"username": f"name-{number}", "password": "x"}, HTTP_X_FORWARDED_FOR=f"1.2.3.4, 10.0.0.{number}")
        assert ("Too many attempts" in attempt(client).content.decode()) is stopped


def test_attempts_keep_no_name_and_no_address(client, amara):
    attempt(client, "wrong")
    kept = " ".join(SignInAttempt.objects.values_list("key", flat=True))
    assert "amara" not in kept
    assert "127.0.0.1" not in kept


# Personas


def persona(client, network, **headers):
    return client.post("/sign-in/persona", {"membership": network.members["gp"].pk}, **headers)


def test_personas_need_the_demo(client, network):
    assert persona(client, network).status_code == 403
    assert "Amara Osei" not in client.get("/sign-in").content.decode()


def test_personas_sign_in_from_this_machine(client, network, settings):
    settings.DEMO = True
    assert "Amara Osei" in client.get("/sign-in").content.decode()
    assert persona(client, network).headers["Location"] == "/"
    assert client.get("/").status_code in {200, 302}


@pytest.mark.parametrize(
    "headers",
    [{"REMOTE_ADDR": "10.0.0.7"}, {"REMOTE_ADDR": "nonsense"}, {"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, {"HTTP_FORWARDED": "for=127.0.0.1"}],
)
def test_personas_are_refused_from_elsewhere(client, network, settings, headers):
    settings.DEMO = True
    assert persona(client, network, **headers).status_code == 403
    assert "Amara Osei" not in client.get("/sign-in", **headers).content.decode()


def test_a_real_person_is_no_persona(client, amara, settings):
    settings.DEMO = True
    membership = amara.memberships.get()
    assert client.post("/sign-in/persona", {"membership": membership.pk}).status_code == 404


def test_the_demo_stays_on_this_machine(monkeypatch):
    import importlib

    from stepwell.web.config import settings as module

    monkeypatch.setenv("STEPWELL_DEMO", "1")
    monkeypatch.setenv("STEPWELL_HOSTS", "stepwell.example")
    try:
        assert importlib.reload(module).ALLOWED_HOSTS == ["localhost", "127.0.0.1", "[::1]"]
        monkeypatch.setenv("STEPWELL_DEMO", "0")
        served = importlib.reload(module)
        assert (served.ALLOWED_HOSTS, served.HTTPS, served.DEBUG) == (["stepwell.example"], True, False)
    finally:
        monkeypatch.undo()
        importlib.reload(module)


# Acting as one membership


def test_somebody_with_two_roles_chooses_first(client, amara, network):
    services.add_membership(
        SYSTEM, user=amara, organisation=network.organisations["N1"], role_key="pharmacist", from_on=web_support.LONG_AGO
    )
    assert attempt(client).headers["Location"] == "/sign-in/role"
    assert client.get("/").headers["Location"] == "/sign-in/role"
    chosen = amara.memberships.get(role="pharmacist")
    assert client.post("/sign-in/role", {"membership": chosen.pk}).status_code == 302
    assert "Pharmacist, Northvale Primary Care Network" in client.get("/sign-in/role").content.decode()


@pytest.mark.parametrize("membership", ["", "x", "999999", "-1"])
def test_nobody_chooses_what_is_not_theirs(client, amara, network, membership):
    attempt(client)
    assert client.post("/sign-in/role", {"membership": membership}).status_code == 404
    assert client.post("/sign-in/role", {"membership": network.members["psychiatrist"].pk}).status_code == 404


def test_a_membership_that_ends_stops_at_once(signed_in, network):
    client = signed_in("gp")
    assert "GP, Riverside Surgery" in client.get("/sign-in/role").content.decode()
    services.end_membership(SYSTEM, network.members["gp"], to_on=date(2020, 1, 1))
    response = client.get("/sign-in/role")
    assert "You have no role yet" in response.content.decode()
    assert client.get("/").headers["Location"] == "/sign-in/role"


def test_a_pcn_works_for_the_practices_it_covers_today(network):
    assert network.actor("pcn pharmacist").organisations == ("N1", "P1", "P2")
    assert network.actor("pcn pharmacist", on=date(2014, 1, 1)).organisations == ("N1",)
    assert network.actor("gp").organisations == ("P1",)
    assert network.actor("psychiatrist").organisations == ("T1",)


# Time limits


def test_an_idle_session_ends(signed_in):
    start = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
    with time_machine.travel(start, tick=False) as clock:
        client = signed_in("commissioner")
        for _ in range(3):
            clock.shift(timedelta(minutes=14))
            assert client.get("/who-is-who").status_code == 200
        clock.shift(timedelta(minutes=15, seconds=61))
        assert client.get("/").headers["Location"] == "/sign-in?next=/"


def test_a_busy_session_ends_after_twelve_hours(signed_in):
    start = datetime(2026, 11, 21, 7, 0, tzinfo=UTC)
    with time_machine.travel(start, tick=False) as clock:
        client = signed_in("commissioner")
        for _ in range(72):
            clock.shift(timedelta(minutes=10))
            assert client.get("/who-is-who").status_code == 200
        clock.shift(timedelta(minutes=1))
        assert client.get("/who-is-who").status_code == 302


def test_signing_out_ends_the_session_and_is_recorded(signed_in):
    client = signed_in("gp")
    with web_support.recorded() as trail:
        assert client.post("/sign-out").headers["Location"] == "/sign-in"
    assert len(trail.writes("sign out")) == 1
    assert client.get("/").status_code == 302
    assert client.get("/sign-out").status_code == 405
