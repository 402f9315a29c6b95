"""The person's own pages: who is let in, what they hold, and that neither staff nor strangers come through."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import get_resolver

import web_support
from ledger_world import TODAY, World
from pack_support import text_of
from stepwell.web.core import clock, limits
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.portal import codes, selectors, services, session
from stepwell.web.portal.choices import choices
from stepwell.web.preparation import selectors as preparation
from stepwell.web.tapers import own
from stepwell.web.tapers import selectors as tapers
from stepwell.web.tapers import services as plans
from taper_world import later, one_taper_world, proposed, reducing, row, taper_duties

pytestmark = pytest.mark.django_db
BORN = date(1959, 2, 2)
WRONG_DATE = date(1960, 1, 1)
OWN_PAGES = ("/my/", "/my/calendar", "/my/check-in", "/my/diary", "/my/slow-down", "/my/something-is-wrong", "/my/questions")


@pytest.fixture(scope="module")
def made(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[World]:
    with django_db_blocker.unblock(), one_taper_world(tmp_path_factory.mktemp("own-pages")) as world:
        yield world


@pytest.fixture
def world(db, product_settings, settings, made) -> World:
    settings.AS_OF, settings.STORE = TODAY, str(made.store.path)
    made.settings = settings
    return made


def typed(code: str, born: date = BORN) -> dict[str, str]:
    return {"code": code, "born-day": str(born.day), "born-month": str(born.month), "born-year": str(born.year)}


def given(world: World, name: str = "Dee") -> str:
    return services.give(world.actor("gp"), world.ids[name]).code


def opened(world: World, name: str = "Dee") -> Any:
    """A browser in which this person is signed in."""
    client = Client()
    born = PersonRecord.objects.get(person_id=world.ids[name]).birth_date
    assert client.post("/my/sign-in", typed(given(world, name), born)).status_code == 302
    return client


def words(response: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


# Signing in


def test_a_code_and_the_date_of_birth_open_the_page_and_nothing_else_does(world):
    plan_id = reducing(world)
    code, client = given(world), Client()
    assert client.get("/my/").headers["Location"] == "/my/sign-in"
    client.get("/my/sign-in")
    before = client.session.session_key
    with web_support.recorded() as trail:
        response = client.post("/my/sign-in", typed(code, WRONG_DATE))
    assert response.status_code == 422 and services.NOT_RIGHT in words(response)
    assert [(entry.action, entry.person_id) for entry in trail.refusals()] == [("own page sign-in", world.ids["Dee"])]
    assert client.get("/my/").status_code == 302
    with web_support.recorded() as trail:
        response = client.post("/my/sign-in", typed(codes.written(code).lower()))
    assert (response.status_code, response.headers["Location"]) == (302, "/my/")
    assert client.session.session_key not in (None, before)
    assert [entry.user_name for entry in trail.writes("own page sign-in")] == ["the person themselves"]
    with web_support.recorded() as trail:
        page = client.get("/my/")
    assert page.headers["Cache-Control"] == "no-store"
    assert [(entry.subject_id, entry.role) for entry in trail.reads_of(world.ids["Dee"])] == [("own plan", "person")]
    assert "Today: 20 mg a day" in words(page) and "Dr Amara Osei" in words(page)
    assert row(plan_id).state == "reducing"


def test_every_failure_reads_the_same(world):
    reducing(world)
    first = given(world)
    second = given(world)
    services.withdraw(world.actor("gp"), world.ids["Dee"], why="lost")
    third = given(world)
    world.today = world.today + timedelta(choices().valid_days + 1)
    told = set()
    for code, born in ((first, BORN), (second, BORN), (third, BORN), (third, WRONG_DATE), ("0000000000", BORN)):
        response = Client().post("/my/sign-in", typed(code, born))
        body = response.content.decode()
        assert response.status_code == 422
        told.add(re.sub(r'value="[^"]*"|nonce="[^"]*"', "", body))
    assert len(told) == 1


def test_a_form_that_is_no_code_says_so_and_too_many_tries_wait(world):
    reducing(world)
    assert "10 letters and numbers" in words(Client().post("/my/sign-in", typed("12345")))
    assert "Enter your date of birth" in words(Client().post("/my/sign-in", {"code": "0000000000"}))
    for _ in range(choices().tries.code):
        Client().post("/my/sign-in", typed("0000000000"))
    response = Client().post("/my/sign-in", typed("0000000000"))
    assert response.status_code == 429 and "tried too often" in words(response)


def test_every_form_is_guarded_against_other_sites(world):
    reducing(world)
    code, client = given(world), Client(enforce_csrf_checks=True)
    assert client.post("/my/sign-in", typed(code)).status_code == 403
    session_of = opened(world)
    guarded = Client(enforce_csrf_checks=True)
    guarded.cookies = session_of.cookies
    for address in ("/my/check-in", "/my/slow-down", "/my/something-is-wrong", "/my/questions", "/my/sign-out"):
        assert guarded.post(address, {}).status_code == 403, address


def test_nothing_of_a_person_stands_in_an_address_or_a_redirect(world):
    reducing(world)
    client = opened(world)
    for pattern in get_resolver().namespace_dict["portal"][1].url_patterns:
        address = str(pattern.pattern)
        assert "<" not in address or address.startswith("patients/<int:person_id>")
    sent = client.post("/my/something-is-wrong", {"words": "I cannot sit still"})
    assert sent.headers["Location"] == "/my/"
    assert "rings you today" in words(client.get("/my/"))
    assert "It is saved" not in words(client.get("/my/"))


# One kind of session is not the other


def test_staff_see_nobodys_own_page_and_a_patient_no_page_of_staff(world):
    reducing(world)
    code, staff = given(world), world.client("gp")
    for address in OWN_PAGES:
        with web_support.recorded() as trail:
            response = staff.get(address)
        assert response.status_code == 403 and "signed in as staff" in words(response)
        assert len(trail.refusals()) == 1
    assert staff.post("/my/sign-in", typed(code)).status_code == 403
    assert staff.post("/my/slow-down", {}).status_code == 403
    assert session.KEY not in staff.session
    assert staff.get("/worklist").status_code == 200

    client = opened(world)
    for address in ("/", "/worklist", f"/patients/{world.ids['Dee']}", f"/patients/{world.ids['Dee']}/own-page", "/reductions", "/account"):
        assert client.get(address).headers["Location"].startswith("/sign-in"), address
    assert client.get("/my/").status_code == 200


def test_whoever_signs_in_as_staff_in_the_same_browser_is_staff_only(world):
    reducing(world)
    client = opened(world)
    both = client.session
    web_support.sign_in(client, world.members["gp"])
    mixed = client.session
    mixed[session.KEY] = both[session.KEY]  # as if a sign-in had kept what was in the session
    mixed.save()
    assert client.get("/my/").status_code == 403


def test_it_ends_when_nothing_is_done_and_when_the_code_is_withdrawn(world):
    reducing(world)
    with time_machine.travel(clock.now(), tick=False) as now:
        client = opened(world)
        now.shift(timedelta(minutes=choices().idle_minutes - 1))
        assert client.get("/my/").status_code == 200
        now.shift(timedelta(minutes=choices().idle_minutes - 1))
        assert client.get("/my/").status_code == 200
        now.shift(timedelta(minutes=choices().idle_minutes + 1))
        assert client.get("/my/").headers["Location"] == "/my/sign-in?why=over"
        client = opened(world)
        now.shift(timedelta(minutes=choices().idle_minutes + 1))
        late = client.post("/my/something-is-wrong", {"words": "help"})
        assert late.headers["Location"] == "/my/sign-in?why=lost"
        assert "What you wrote was not sent" in words(client.get(late.headers["Location"]))
        client = opened(world)
        for _ in range(choices().hours * 60 // 10 + 1):
            now.shift(timedelta(minutes=10))
            last = client.get("/my/")
        assert last.status_code == 302
    client = opened(world)
    services.withdraw(world.actor("gp"), world.ids["Dee"], why="lost")
    assert client.get("/my/").status_code == 302
    client = opened(world)
    client.post("/my/sign-out")
    assert client.get("/my/").status_code == 302


# What they see and do


def test_two_people_see_their_own(world):
    reducing(world)
    dee, sam = opened(world), opened(world, "Sam")
    assert "diazepam" in words(dee.get("/my/")).lower()
    for address in OWN_PAGES:
        assert "diazepam" not in words(sam.get(address)).lower(), address
    assert "No plan is agreed" in words(sam.get("/my/"))
    assert sam.post("/my/slow-down", {}).status_code == 200
    assert sam.post("/my/something-is-wrong", {"words": "x"}).status_code == 200
    assert taper_duties(world).keys() == {"check in", "supply"}


def test_a_plan_that_is_only_proposed_is_not_shown(world):
    proposed(world)
    client = opened(world)
    for address in OWN_PAGES:
        assert "diazepam" not in words(client.get(address)).lower(), address
    assert client.get("/my/calendar/pdf").status_code == 302


def test_a_check_in_is_kept_and_what_they_would_like_is_asked_for(world):
    plan_id = reducing(world)
    later(world, 15)
    client = opened(world)
    before = tapers.standing(row(plan_id)).dose_ug
    assert client.post("/my/check-in", {}).status_code == 422
    sent = {"rating": "2", "symptoms": ["symptom-sleep"], "words": "The garden helps", "wish": "go on"}
    assert client.post("/my/check-in", sent).status_code == 302
    assert "It is saved. Thank you." in words(client.get("/my/"))
    (check,) = tapers.check_ins_of(plan_id)
    assert (check.by_person, check.by, check.words, check.decided) == (True, None, "The garden helps", "go on")
    assert "The garden helps" in words(client.get("/my/diary"))
    client.post("/my/check-in", {"rating": "5", "wish": "step back", "ring": ["yes"]})
    assert (row(plan_id).state, tapers.standing(row(plan_id)).dose_ug) == ("holding", before)
    assert {"slower", "ring", "read"} <= taper_duties(world).keys()
    page = words(client.get("/my/"))
    assert "You asked to slow down" in page and "fail" not in page.lower()
    seen = words(world.client("nurse").get(f"/reductions/{plan_id}"))
    assert "waits for an answer" in seen and "The garden helps" in seen and "the person themselves" in seen


def test_they_slow_down_staff_answer_and_they_read_it(world):
    plan_id = reducing(world)
    client, staff = opened(world), world.client("gp")
    client.post("/my/slow-down", {"words": "My mother is in hospital"})
    assert "nothing changes until somebody has talked with you" in words(client.get("/my/"))
    page = words(staff.get(f"/reductions/{plan_id}"))
    assert "Asked to slow down" in page and "“My mother is in hospital”" in page
    form = staff.get(f"/reductions/{plan_id}/answer").content.decode()
    seen = re.search(r'name="seen" value="(\d+)"', form)[1]
    assert "My mother is in hospital" in form
    answered = staff.post(f"/reductions/{plan_id}/answer", {"seen": seen, "why": "We wait until she is home"})
    assert answered.status_code == 302
    assert "waits for an answer" not in words(staff.get(f"/reductions/{plan_id}"))
    page = words(client.get("/my/"))
    assert "Dr Amara Osei" in page and "“We wait until she is home”" in page


def test_who_was_not_answered_in_time_is_told_to_ring(world):
    plan_id = reducing(world)
    own.ring_me(session.Actor.themselves(world.ids["Dee"]), plan_id, "help")
    later(world, 2)
    assert "Nobody has answered yet" in words(opened(world).get("/my/"))


def test_whom_to_call_stands_before_the_message(world):
    plan_id = reducing(world)
    page = words(opened(world).get("/my/something-is-wrong"))
    assert page.index("999") < page.index("let us ring you")
    assert "thoughts of ending your life" in page and "mark K" in page
    assert row(plan_id).state == "reducing"


def test_the_calendar_is_that_of_the_pack(world):
    plan_id = reducing(world)
    client = opened(world)
    mine, pack = words(client.get("/my/calendar")), words(world.client("gp").get(f"/reductions/{plan_id}/pack"))
    start = mine.index("Today: 20 mg")
    body = mine[start : mine.index("These words are in English")]
    assert body and body in pack
    for address in ("/my/calendar/pdf", "/my/calendar/pdf?print=large"):
        printed = client.get(address)
        assert printed.headers["Content-Type"] == "application/pdf" and "Dee" not in printed.headers["Content-Disposition"]
        assert "20 mg" in text_of(printed)


def test_an_ended_plan_tells_what_was_reached(world):
    plan_id = reducing(world)
    later(world, 30)
    plans.plateau(world.actor("gp"), plan_id, why="enough")
    client = opened(world)
    assert "You stay at" in words(client.get("/my/"))
    for address in OWN_PAGES:
        assert client.get(address).status_code == 200, address


def test_questions_before_a_review_are_theirs(world):
    reducing(world)
    client = opened(world)
    assert client.post("/my/questions", {"concerns__words": ""}).status_code == 422
    assert client.post("/my/questions", {"concerns__words": "I am tired", "helped_by": "my daughter"}).status_code == 302
    (sheet,) = preparation.answers_of(world.ids["Dee"])
    assert (sheet.by_person, sheet.by, sheet.way, sheet.helped_by) == (True, None, "own page", "my daughter")


def test_somebody_who_sends_without_end_is_told_to_ring(world):
    reducing(world)
    client = opened(world)
    for _ in range(choices().sent_an_hour):
        limits.take("own page sent", str(world.ids["Dee"]), most=choices().sent_an_hour, within=timedelta(hours=1))
    response = client.post("/my/check-in", {"rating": "1", "wish": "go on"})
    assert response.status_code == 422 and "ring" in words(response)


# Staff give the code


def test_staff_give_print_and_withdraw(world):
    plan_id = reducing(world)
    staff, person = world.client("nurse"), world.ids["Dee"]
    assert "No code was given" in words(staff.get(f"/reductions/{plan_id}"))
    assert "has no code" in words(staff.get(f"/patients/{person}/own-page"))
    slip = staff.post(f"/patients/{person}/own-page/code").content.decode()
    code = re.search(r'name="code" value="(\w{10})"', slip)[1]
    assert codes.written(code) in slip and "/my/" in slip
    for large in ("", "large"):
        printed = staff.post(f"/patients/{person}/own-page/slip", {"code": code, "print": large})
        text = text_of(printed)
        assert codes.written(code) in text and "Worked" not in text and "diazepam" not in text and "1959" not in text
    assert staff.post(f"/patients/{person}/own-page/slip", {"code": "0000000000"}).status_code == 409
    assert code not in staff.get(f"/patients/{person}/own-page").content.decode()
    assert "not used yet" in words(staff.get(f"/reductions/{plan_id}/pack"))
    assert staff.post(f"/patients/{person}/own-page/withdraw", {"why": ""}).status_code == 422
    assert staff.post(f"/patients/{person}/own-page/withdraw", {"why": "lost"}).status_code == 302
    assert staff.post(f"/patients/{person}/own-page/withdraw", {"why": "lost"}).status_code == 422
    assert selectors.code_of(person) is None


def test_the_demo_tells_its_code_on_this_machine_only(world, settings):
    reducing(world)
    settings.DEMO = True
    services.give(world.actor("gp"), world.ids["Dee"], demo_code=choices().demo_code)
    shown = codes.written(choices().demo_code)
    assert shown in Client().get("/my/sign-in").content.decode()
    assert shown not in Client().get("/my/sign-in", headers={"x-forwarded-for": "192.0.2.1"}).content.decode()
    settings.DEMO = False
    assert shown not in Client().get("/my/sign-in").content.decode()
