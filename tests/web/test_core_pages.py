"""What holds for every page: headers, errors without data, nothing shown that was not recorded."""

from __future__ import annotations

import logging
import re

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

import web_support
from stepwell.web.core import audit, layout
from stepwell.web.core.declare import shows_no_patient
from stepwell.web.core.logs import WithoutData
from stepwell.web.core.permissions import Permission

pytestmark = pytest.mark.django_db


@pytest.fixture
def failing(settings, client, network):
    settings.ROOT_URLCONF = "error_urls"
    client.raise_request_exception = False
    return web_support.sign_in(client, network.members["gp"])


def test_headers(client):
    headers = client.get("/sign-in").headers
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert {name: policy[name] for name in ("default-src", "style-src", "object-src", "frame-ancestors", "base-uri")} == {
        "default-src": "'self'",
        "style-src": "'self'",
        "object-src": "'none'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }
    assert re.fullmatch(r"'self' 'nonce-[\w+/=]+'", policy["script-src"])
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "geolocation=()" in headers["Permissions-Policy"]


def test_inline_script_carries_the_nonce_and_nothing_else_is_inline(client):
    response = client.get("/sign-in")
    nonce = re.search(r"nonce-([\w+/=]+)", response.headers["Content-Security-Policy"])[1]
    html = response.content.decode()
    assert all(f'nonce="{nonce}"' in tag or "src=" in tag for tag in re.findall(r"<script[^>]*>", html))
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|https?://(?!www\.w3\.org)", html)


def test_no_logo_no_copyright_and_no_foreign_font(client):
    html = client.get("/sign-in").content.decode()
    assert "NHS England" not in html
    assert "nhsuk-logo" not in html
    css = b"".join(client.get("/static/nhsuk/nhsuk-frontend.min.css").streaming_content).decode()
    assert "@font-face" not in css
    assert "http" not in css.replace("http://www.w3.org", "")


@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_error_pages_show_no_data_and_carry_a_reference(failing, status):
    response = failing.get(f"/fail/{status}")
    html = response.content.decode()
    assert response.status_code == status
    assert "secret" not in html
    assert "Traceback" not in html
    assert response.headers["X-Request-Id"] in html
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("address", ["/fail/403", "/fail/403-in-a-transaction"])
def test_a_refusal_says_why_and_is_recorded(failing, address):
    with web_support.recorded() as trail:
        html = failing.get(address).content.decode()
    assert "Riverside Surgery has no registration, caseload, supply, agreement, request or appointment with this person today." in html
    assert "privacy officer" in html
    assert [(entry.person_id, entry.action) for entry in trail.refusals()] == [(7, Permission.VIEW_PATIENT)]


@pytest.mark.parametrize("address", ["/unrecorded", "/unrecorded-form"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_page_that_recorded_nothing_is_not_shown(failing, address, method):
    response = getattr(failing, method)(address)
    assert response.status_code == 500
    assert "secret" not in response.content.decode()


def test_a_change_that_recorded_nothing_is_reported_whatever_the_view_declares(failing):
    assert failing.get("/unrecorded-change").status_code == 302
    assert failing.post("/unrecorded-change").status_code == 500


def test_a_page_that_recorded_its_read_is_shown(failing):
    with web_support.recorded() as trail:
        response = failing.get("/recorded")
    assert response.content == b"shown"
    assert [entry.request_id for entry in trail.reads_of(7)] == [response.headers["X-Request-Id"]]


def test_an_entry_of_one_request_does_not_open_the_next(failing):
    assert failing.get("/recorded").status_code == 200
    assert failing.get("/unrecorded").status_code == 500


def _views(resolver: URLResolver, prefix: str = "") -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for entry in resolver.url_patterns:
        if isinstance(entry, URLPattern):
            found.append((prefix + str(entry.pattern), entry.callback))
        else:
            found += _views(entry, prefix + str(entry.pattern))
    return found


def test_only_these_pages_say_that_they_show_no_patient():
    """Adding to this list is a decision: such a page is sent without an audit entry."""
    exempt = {address for address, view in _views(get_resolver()) if shows_no_patient(view)}
    knowledge = {address for address in exempt if address == "library" or address.startswith("library/")}
    # Whole areas about staff: who they are, how they sign in, whom to call. No patient is read there.
    staff = {address for address in exempt if address.split("/")[0] in {"sign-in", "account", "staff", "who-is-who", ".well-known"}}
    # Numbers of people without a person, hours and minutes, names of saved lists, and the form that asks for a file.
    plans = {
        address for address in exempt if address.split("/")[0] in {"board", "lists"} or address.startswith(("week/rota", "week/minutes"))
    }
    # The directory of services and its reasons, counts of requests by organisation, and the form that asks for a file.
    requests = ("requests/export", "requests/counts", "requests/region", "requests/reasons")
    services = {address for address in exempt if address.split("/")[0] == "services" or address in requests}
    # Who answers for an advice service and when, its themes by number; when meetings are and who comes; letters and agreements in
    # numbers; protocols.
    meetings = {"meetings", "meetings/new", "meetings/<int:meeting_id>/attendance", "meetings/<int:meeting_id>/cancel"}
    between = {address for address in exempt if address.startswith(("advice/services", "shared-care/protocols"))}
    between |= meetings | {"letters/completeness", "shared-care/numbers"}
    # Outcomes in numbers, what was released and what it was put into; the people behind a figure are another address.
    between |= {address for address in exempt if address.startswith("outcomes") and address != "outcomes/people"}
    assert exempt - knowledge - staff - plans - services - between <= {"", "health", "sign-out", "knowledge", "my/sign-in", "my/sign-out"}


def test_no_address_can_carry_a_name_or_an_nhs_number():
    """Free text in a path ends up in logs and histories; search terms travel in a form's body."""
    for address, _ in _views(get_resolver()):
        assert not re.search(r"<(str|path)?:?(name|nhs|nhs_number|query|q)>", address), address


def test_a_form_from_another_site_is_refused(network):
    from django.test import Client

    response = Client(enforce_csrf_checks=True).post("/sign-in", {"username": "a", "password": "b"})
    assert response.status_code == 403
    assert "Nothing was changed." in response.content.decode()


def test_health(client):
    assert client.get("/health").json() == {"ok": True}


def test_logs_tell_where_but_never_what():
    try:
        raise ValueError("secret 999 000 0018")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "failed", None, __import__("sys").exc_info())
    told = WithoutData().format(record)
    assert "builtins.ValueError" in told
    assert "test_logs_tell_where_but_never_what" in told
    assert "secret" not in told


def test_navigation_shows_what_the_role_may_open(network, monkeypatch):
    monkeypatch.setattr(layout, "_navigation", {})
    layout.add_navigation(layout.NavItem("Later", "core:health", None, order=90))
    layout.add_navigation(layout.NavItem("Worklist", "core:home", Permission.VIEW_WORKLIST, order=10))
    assert [item.text for item in layout.navigation_for(network.actor("gp"))] == ["Worklist", "Later"]
    assert [item.text for item in layout.navigation_for(network.actor("commissioner"))] == ["Later"]
    assert layout.navigation_for(None) == []
    assert layout.home_for(network.actor("gp")) == "/"


def test_pages_of_a_group_stand_together_under_its_name_and_a_single_one_stands_alone(network, monkeypatch):
    monkeypatch.setattr(layout, "_navigation", {})
    layout.add_navigation(layout.NavItem("Staff", "core:health", None, order=80, group="Manage"))
    layout.add_navigation(layout.NavItem("Later", "core:home", None, order=20))
    layout.add_navigation(layout.NavItem("Audit", "privacy:show_audit", Permission.VIEW_WORKLIST, order=10, group="Manage"))
    menus = layout.menu_for(network.actor("gp"))
    assert [(menu.text, [item.text for item in menu.items]) for menu in menus] == [("Manage", ["Audit", "Staff"]), ("Later", ["Later"])]
    assert menus[0].holds("privacy:show_audit") and not menus[0].holds("core:home")
    assert [menu.text for menu in layout.menu_for(network.actor("commissioner"))] == ["Later", "Staff"]


def test_every_page_tells_how_old_its_data_is(signed_in, monkeypatch):
    from datetime import UTC, date, datetime

    stamp = layout.Stamp(datetime(2026, 11, 21, 6, 10, tzinfo=UTC), date(2026, 11, 21), "uk", "2026.11", "approved by Riverside PCN")
    monkeypatch.setattr(layout, "_stamp", lambda actor: stamp)
    html = " ".join(signed_in("commissioner").get("/who-is-who").content.decode().split())
    assert (
        "Records as at 21-Nov-2026 06:10 · duties for 21-Nov-2026 · Knowledge pack 2026.11, approved by Riverside PCN "
        "· advice, not a decision" in html
    )


def test_the_trail_seals_itself_now_and_then(client, settings, network):
    from stepwell.web.core.middleware import sealer

    settings.SEAL_EVERY = 60
    sealer.last -= 61
    client.get("/health")
    assert audit.verify().unsealed == 0
    audit.record_read(network.actor("gp"), "view patient", person_id=7)
    client.get("/health")
    assert audit.verify().unsealed == 1


def test_when_even_the_error_page_fails_a_plain_one_is_sent(failing, monkeypatch):
    monkeypatch.setattr(layout, "navigation_for", lambda actor: 1 / 0)
    response = failing.get("/fail/500")
    assert response.status_code == 500
    assert "Something went wrong" in response.content.decode()
    assert response.headers["X-Request-Id"] in response.content.decode()
    assert "secret" not in response.content.decode()
