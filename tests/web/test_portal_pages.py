"""The person's own page: codes given, used and withdrawn; who is let in, and that neither staff nor strangers come through; what people do
there (slow down, say that something is wrong, check in, answer questions), and how staff see and answer it.

Dee has reduced diazepam since `START`, which is the day of each test; Sam has no plan.
"""

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
from ledger_world import PRACTICE, World
from pack_support import text_of
from stepwell.clinical.tapering.model import Change, ChangeKind
from stepwell.errors import Refused
from stepwell.web.core import clock, limits, pdf
from stepwell.web.core.actor import Actor
from stepwell.web.core.gate import AccessRefused
from stepwell.web.core.models import AuditEntry, RateUse
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.portal import codes, selectors, services, session
from stepwell.web.portal.choices import choices
from stepwell.web.portal.models import CodeEvent, OwnCode
from stepwell.web.preparation import selectors as preparation
from stepwell.web.tapers import checkins, own
from stepwell.web.tapers import selectors as tapers
from stepwell.web.tapers import services as plans
from stepwell.web.tapers.checkins import Given
from taper_world import START, agreed, later, one_taper_world, proposed, reducing, row, taper_duties

pytestmark = pytest.mark.django_db
BORN, WRONG_DATE = date(1959, 2, 2), date(1960, 1, 1)
HERE = "192.0.2.1"
OWN_PAGES = ("/my/", "/my/calendar", "/my/check-in", "/my/diary", "/my/slow-down", "/my/something-is-wrong", "/my/questions")


@pytest.fixture(scope="module")
def made(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[tuple[World, int]]:
    with django_db_blocker.unblock(), one_taper_world(tmp_path_factory.mktemp("portal")) as world:
        yield world, reducing(world)


@pytest.fixture
def world(db, product_settings, settings, made) -> World:
    settings.AS_OF, settings.STORE = START, str(made[0].store.path)
    made[0].settings = settings
    return made[0]


@pytest.fixture
def plan_id(made) -> int:
    return made[1]


def given(world: World, who: str = "gp", name: str = "Dee") -> services.Given:
    return services.give(world.actor(who), world.ids[name])


def me(world: World, name: str = "Dee") -> Actor:
    return Actor.themselves(world.ids[name])


def dose(plan_id: int) -> int:
    return tapers.standing(row(plan_id)).dose_ug


def acts(world: World) -> list[str]:
    return [event.act for event in reversed(selectors.events_of(world.ids["Dee"]))]


# Codes


def test_a_code_is_shown_once_and_kept_as_a_hash(world):
    code = given(world).code
    kept = str(list(OwnCode.objects.values())) + str(list(CodeEvent.objects.values())) + str(list(AuditEntry.objects.values()))
    assert code not in kept and codes.written(code) not in kept
    assert services.check(code, BORN, HERE).person_id == world.ids["Dee"]
    assert code not in str(list(RateUse.objects.values())) + str(list(AuditEntry.objects.values()))


def test_who_may_give_and_withdraw(world):
    for who in ("other gp", "manager", "link worker"):
        with pytest.raises(AccessRefused):
            given(world, who)
        with pytest.raises(AccessRefused):
            services.withdraw(world.actor(who), world.ids["Dee"], why="no")
    for who in ("nurse", "pharmacist", "gp"):
        assert given(world, who).row.until == START + timedelta(choices().valid_days)
    with pytest.raises(AccessRefused):
        services.give(me(world), world.ids["Dee"])


def test_a_new_code_replaces_the_old_and_each_act_is_an_event(world):
    first = given(world).code
    services.check(first, BORN, HERE)
    services.check(first, BORN, HERE)
    second = given(world, "nurse").code
    with pytest.raises(Refused, match="not right"):
        services.check(first, BORN, HERE)
    services.check(second, BORN, HERE)
    with pytest.raises(Refused, match="Say why"):
        services.withdraw(world.actor("gp"), world.ids["Dee"], why=" ")
    services.withdraw(world.actor("gp"), world.ids["Dee"], why="the paper was lost")
    with pytest.raises(Refused, match="not right"):
        services.check(second, BORN, HERE)
    assert acts(world) == ["given", "first used", "replaced", "given", "first used", "withdrawn"]
    written = AuditEntry.objects.filter(person_id=world.ids["Dee"], action__startswith="own page").order_by("pk")
    assert {entry.action for entry in written} >= {"own page code given", "own page code withdrawn", "own page sign-in"}
    assert {entry.user_name for entry in written if entry.action == "own page sign-in"} == {"the person themselves"}


def test_nobody_signs_in_without_a_date_of_birth_or_after_death(world):
    record = PersonRecord.objects.filter(person_id=world.ids["Dee"])
    record.update(birth_date=None)
    with pytest.raises(Refused, match="date of birth"):
        given(world)
    record.update(birth_date=BORN)
    code = given(world).code
    record.update(birth_date=None)
    with pytest.raises(Refused, match="not right"):
        services.check(code, date(1, 1, 1), HERE)
    record.update(birth_date=BORN, death_date=START)
    with pytest.raises(Refused, match="not right"):
        services.check(code, BORN, HERE)
    with pytest.raises(Refused, match="died"):
        given(world)


def test_tries_are_counted_by_code_and_by_address(world):
    code, tries = given(world).code, choices().tries
    for _ in range(tries.code):
        with pytest.raises(Refused, match="not right"):
            services.check(code, date(1960, 1, 1), HERE)
    with pytest.raises(limits.TooMany):
        services.check(code, BORN, "192.0.2.99")
    for number in range(tries.address - tries.code):
        with pytest.raises(Refused, match="not right"):
            services.check(f"{number:010d}", BORN, HERE)
    with pytest.raises(limits.TooMany):
        services.check("ABCDEFGHJK", BORN, HERE)


def test_a_code_that_is_tried_too_often_is_withdrawn(world):
    found = given(world)
    OwnCode.objects.filter(pk=found.row.pk).update(wrong=choices().tries.wrong_at_all - 2)
    with pytest.raises(Refused):
        services.check(found.code, date(1960, 1, 1), HERE)
    assert selectors.code_of(world.ids["Dee"]).wrong == choices().tries.wrong_at_all - 1
    with pytest.raises(Refused):
        services.check(found.code, date(1960, 1, 1), HERE)
    assert selectors.code_of(world.ids["Dee"]) is None
    assert selectors.events_of(world.ids["Dee"])[0].why == "too many wrong dates of birth"


def test_a_chosen_code_is_for_the_demo(world, settings):
    with pytest.raises(ValueError, match="demo"):
        services.give(world.actor("gp"), world.ids["Dee"], demo_code=choices().demo_code)
    settings.DEMO = True
    services.give(world.actor("gp"), world.ids["Dee"], demo_code=choices().demo_code)
    assert codes.read(choices().demo_code) == choices().demo_code


# Which plans are theirs to see


def test_a_plan_is_shown_once_it_was_agreed_and_after_it_ended(world, plan_id):
    gp, dee = world.actor("gp"), world.ids["Dee"]
    second = proposed(world, medicine="sertraline")
    found = selectors.plans_of(dee)
    assert (found.main.pk, found.others) == (plan_id, ())
    plans.decline(gp, plan_id, why="not now")
    assert selectors.plans_of(dee).main.pk == plan_id
    plans.agree(gp, second, clinician_id=gp.user_id, decided_with="Dee")
    found = selectors.plans_of(dee)
    assert (found.main.pk, [each.pk for each in found.others]) == (second, [plan_id])
    plans.enter_in_error(gp, second, why="another person")
    assert selectors.plans_of(dee).main.pk == plan_id


# Slowing down


def test_slowing_down_keeps_the_dose_until_staff_go_on(world, plan_id):
    later(world, 15)
    before = dose(plan_id)
    own.slow_down(me(world), plan_id, "My mother is in hospital")
    plan = row(plan_id)
    assert (plan.state, plan.until, dose(plan_id)) == ("holding", None, before)
    assert taper_duties(world)["slower"] == (PRACTICE, world.today)
    assert own.asked_to_stand(tapers.events_of(plan_id))
    later(world, 90)  # nobody has answered: the calendar stands still
    assert dose(plan_id) == before
    assert plan.state == row(plan_id).state

    written, held = tapers.events_of(plan_id)[-2:]
    assert (written.act, written.by, written.role_of_by, written.why) == ("wrote", None, "person", "My mother is in hospital")
    assert (held.act, held.by, held.role_of_by) == ("held", None, "person")
    entry = AuditEntry.objects.filter(action="reduction wrote").get()
    assert (entry.user_id, entry.user_name, entry.role, entry.person_id) == (None, "the person themselves", "person", world.ids["Dee"])

    own.answer(world.actor("nurse"), plan_id, why="We wait until she is home")
    (told,) = own.written(tapers.events_of(plan_id))
    assert (told.answer, told.answered_by) == ("We wait until she is home", "Priya Nair")
    assert "slower" not in taper_duties(world)
    assert row(plan_id).state == "holding"
    plans.resume(world.actor("gp"), plan_id, why="she is home")
    assert row(plan_id).state == "reducing"
    assert not own.asked_to_stand(tapers.events_of(plan_id))


def test_a_change_of_plan_answers_who_asked_to_slow_down(world, plan_id):
    own.slow_down(me(world), plan_id)
    own.slow_down(me(world), plan_id, "again")  # already still: said again, nothing more changes
    assert [event.act for event in tapers.events_of(plan_id)].count("held") == 1
    plans.act(world.actor("gp"), plan_id, Change(kind=ChangeKind.SLOWER), why="as she asked")
    assert [each.answered is not None for each in own.written(tapers.events_of(plan_id))] == [True, True]
    assert "slower" not in taper_duties(world)


def test_before_it_begins_slowing_down_is_a_talk(world):
    own_id, sam = agreed(world, "Sam", medicine="sertraline"), me(world, "Sam")
    own.slow_down(sam, own_id, "I am not ready")
    assert row(own_id).state == "agreed"
    assert taper_duties(world, "Sam")["slower"] == (PRACTICE, START)
    plans.decline(world.actor("gp"), own_id, why="not ready")
    assert "slower" not in taper_duties(world, "Sam")
    with pytest.raises(Refused, match="plan has ended"):
        own.slow_down(sam, own_id)


def test_staff_can_undo_a_hold_that_was_pressed_by_mistake(world, plan_id):
    later(world, 15)
    own.slow_down(me(world), plan_id)
    plans.undo(world.actor("gp"), plan_id, why="pressed by mistake, she says")
    assert row(plan_id).state == "reducing"


def test_nothing_that_a_person_does_ever_lowers_a_dose(world, plan_id):
    steps = tapers.version_of(row(plan_id)).steps
    for days in (1, 20):
        later(world, days)
        before = dose(plan_id)
        own.slow_down(me(world), plan_id)
        own.ring_me(me(world), plan_id)
        checkins.record_own(me(world), plan_id, Given(rating=0, decided="step back"))
        assert dose(plan_id) == before
        later(world, 40)
        assert dose(plan_id) == before
        if row(plan_id).state == "holding":
            plans.resume(world.actor("gp"), plan_id, why="well again")
    assert dose(plan_id) >= min(step.built.dose_ug for step in steps)


# Something is wrong


def test_something_is_wrong_is_a_duty_to_ring_and_stays_until_answered(world, plan_id):
    own.ring_me(me(world), plan_id, "I cannot sit still", number="07700 900123")
    assert taper_duties(world)["ring"] == (PRACTICE, START)
    assert not any("diazepam" in duty.title for duty in world.duties("Dee", rule_id="asked.reduction"))
    plans.hold(world.actor("gp"), plan_id, why="a week", days=7)
    (told,) = own.written(tapers.events_of(plan_id))
    assert told.answered is None  # a change of the plan is no call
    assert (told.kind, told.words, told.number, told.by_day) == ("wrong", "I cannot sit still", "07700 900123", START)
    assert "ring" in taper_duties(world)
    checkins.record(world.actor("nurse"), plan_id, Given(rating=3, decided="hold"))
    assert "ring" not in taper_duties(world)
    (told,) = own.written(tapers.events_of(plan_id))
    assert (told.answered.act, told.answer, told.answered_by) == ("checked in", "", "Priya Nair")
    with pytest.raises(Refused, match="waits for an answer"):
        own.answer(world.actor("nurse"), plan_id, why="again")


def test_what_comes_on_a_day_off_is_answered_on_the_next_working_day(world, plan_id):
    world.today = date(2026, 6, 13)  # a Saturday
    own.ring_me(me(world), plan_id, wrong=False)
    checkins.record_own(me(world), plan_id, Given(rating=9))
    assert taper_duties(world)["ring"] == (PRACTICE, date(2026, 6, 15))
    assert taper_duties(world)["call"] == (PRACTICE, date(2026, 6, 15))


def test_after_stopping_somebody_can_still_be_asked_for(world, plan_id):
    later(world, 30)
    plans.reach_end(world.actor("gp"), plan_id)
    own.ring_me(me(world), plan_id, "It came back")
    assert "ring" in taper_duties(world)
    own.answer(world.actor("gp"), plan_id, why="We talked")
    assert "ring" not in taper_duties(world)


def test_nobody_writes_about_anothers_plan(world, plan_id):
    stranger = me(world, "Sam")
    for do in (
        lambda: own.slow_down(stranger, plan_id),
        lambda: own.ring_me(stranger, plan_id),
        lambda: checkins.record_own(stranger, plan_id, Given(rating=1)),
        lambda: own.slow_down(world.actor("gp"), plan_id),
        lambda: own.ring_me(Actor.system("own page"), plan_id),
        lambda: own.answer(me(world), plan_id, why="myself"),
        lambda: plans.resume(me(world), plan_id, why="myself"),
    ):
        with pytest.raises(AccessRefused) as refused:
            do()
        assert refused.value.decision.reason
    assert [event.act for event in tapers.events_of(plan_id)] == ["proposed", "agreed", "started"]


def typed(code: str, born: date = BORN) -> dict[str, str]:
    return {"code": code, "born-day": str(born.day), "born-month": str(born.month), "born-year": str(born.year)}


def opened(world: World, name: str = "Dee") -> Any:
    """A browser in which this person is signed in."""
    client = Client()
    born = PersonRecord.objects.get(person_id=world.ids[name]).birth_date
    assert client.post("/my/sign-in", typed(given(world, name=name).code, born)).status_code == 302
    return client


def words(response: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


# Signing in


def test_a_code_and_the_date_of_birth_open_the_page_and_nothing_else_does(world, plan_id):
    code, client = given(world).code, Client()
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
    first = given(world).code
    second = given(world).code
    services.withdraw(world.actor("gp"), world.ids["Dee"], why="lost")
    third = given(world).code
    world.today = world.today + timedelta(choices().valid_days + 1)
    told = set()
    for code, born in ((first, BORN), (second, BORN), (third, BORN), (third, WRONG_DATE), ("0000000000", BORN)):
        response = Client().post("/my/sign-in", typed(code, born))
        body = response.content.decode()
        assert response.status_code == 422
        told.add(re.sub(r'value="[^"]*"|nonce="[^"]*"', "", body))
    assert len(told) == 1


def test_a_form_that_is_no_code_says_so_and_too_many_tries_wait(world):
    assert "10 letters and numbers" in words(Client().post("/my/sign-in", typed("12345")))
    assert "Enter your date of birth" in words(Client().post("/my/sign-in", {"code": "0000000000"}))
    for _ in range(choices().tries.code):
        Client().post("/my/sign-in", typed("0000000000"))
    response = Client().post("/my/sign-in", typed("0000000000"))
    assert response.status_code == 429 and "tried too often" in words(response)


def test_every_form_is_guarded_against_other_sites(world):
    code, client = given(world).code, Client(enforce_csrf_checks=True)
    assert client.post("/my/sign-in", typed(code)).status_code == 403
    session_of = opened(world)
    guarded = Client(enforce_csrf_checks=True)
    guarded.cookies = session_of.cookies
    for address in ("/my/check-in", "/my/slow-down", "/my/something-is-wrong", "/my/questions", "/my/sign-out"):
        assert guarded.post(address, {}).status_code == 403, address


def test_nothing_of_a_person_stands_in_an_address_or_a_redirect(world):
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
    code, staff = given(world).code, world.client("gp")
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
    client = opened(world)
    both = client.session
    web_support.sign_in(client, world.members["gp"])
    mixed = client.session
    mixed[session.KEY] = both[session.KEY]  # as if a sign-in had kept what was in the session
    mixed.save()
    assert client.get("/my/").status_code == 403


def test_it_ends_when_nothing_is_done_and_when_the_code_is_withdrawn(world):
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
    dee, sam = opened(world), opened(world, "Sam")
    assert "diazepam" in words(dee.get("/my/")).lower()
    for address in OWN_PAGES:
        assert "diazepam" not in words(sam.get(address)).lower(), address
    assert "No plan is agreed" in words(sam.get("/my/"))
    assert sam.post("/my/slow-down", {}).status_code == 200
    assert sam.post("/my/something-is-wrong", {"words": "x"}).status_code == 200
    assert taper_duties(world).keys() == {"check in", "supply"}


def test_a_plan_that_is_only_proposed_is_not_shown(world):
    proposed(world, "Sam", medicine="sertraline")
    client = opened(world, "Sam")
    assert not any("sertraline" in words(client.get(address)).lower() for address in OWN_PAGES)
    assert client.get("/my/calendar/pdf").status_code == 302


def test_a_check_in_is_kept_and_what_they_would_like_is_asked_for(world, plan_id):
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


def test_they_slow_down_staff_answer_and_they_read_it(world, plan_id):
    client, staff = opened(world), world.client("gp")
    client.post("/my/slow-down", {"words": "My mother is in hospital"})
    assert "nothing changes until somebody has talked with you" in words(client.get("/my/"))
    page = words(staff.get(f"/reductions/{plan_id}"))
    assert "Asked to slow down" in page and "“My mother is in hospital”" in page
    assert "1 person waits for an answer." in words(staff.get("/reductions"))
    form = staff.get(f"/reductions/{plan_id}/answer").content.decode()
    seen = re.search(r'name="seen" value="(\d+)"', form)[1]
    assert "My mother is in hospital" in form
    answered = staff.post(f"/reductions/{plan_id}/answer", {"seen": seen, "why": "We wait until she is home"})
    assert answered.status_code == 302
    assert "waits for an answer" not in words(staff.get(f"/reductions/{plan_id}")) + words(staff.get("/reductions"))
    page = words(client.get("/my/"))
    assert "Dr Amara Osei" in page and "“We wait until she is home”" in page


def test_who_was_not_answered_in_time_is_told_to_ring(world, plan_id):
    own.ring_me(session.Actor.themselves(world.ids["Dee"]), plan_id, "help")
    later(world, 2)
    assert "Nobody has answered yet" in words(opened(world).get("/my/"))


def test_whom_to_call_stands_before_the_message(world, plan_id):
    page = words(opened(world).get("/my/something-is-wrong"))
    assert page.index("999") < page.index("let us ring you")
    assert "thoughts of ending your life" in page and "mark K" in page
    assert row(plan_id).state == "reducing"


def test_the_calendar_is_that_of_the_pack(world, plan_id, monkeypatch):
    client, staff = opened(world), world.client("gp")
    mine, pack = words(client.get("/my/calendar")), words(staff.get(f"/reductions/{plan_id}/pack"))
    body = mine[mine.index("Today: 20 mg") : mine.index("These words are in English")]
    assert body and body in pack
    monkeypatch.setattr(pdf, "make", lambda html: html.encode())
    for large in ("", "?print=large"):
        printed, theirs = client.get(f"/my/calendar/pdf{large}"), staff.get(f"/reductions/{plan_id}/pack/pdf{large}")
        assert printed.content == theirs.content
        assert printed.headers["Content-Type"] == "application/pdf" and "Dee" not in printed.headers["Content-Disposition"]


def test_an_ended_plan_tells_what_was_reached(world, plan_id):
    later(world, 30)
    plans.plateau(world.actor("gp"), plan_id, why="enough")
    client = opened(world)
    assert "You stay at" in words(client.get("/my/"))
    for address in OWN_PAGES:
        assert client.get(address).status_code == 200, address


def test_questions_before_a_review_are_theirs(world):
    client = opened(world)
    assert client.post("/my/questions", {"concerns__words": ""}).status_code == 422
    assert client.post("/my/questions", {"concerns__words": "I am tired", "helped_by": "my daughter"}).status_code == 302
    (sheet,) = preparation.answers_of(world.ids["Dee"])
    assert (sheet.by_person, sheet.by, sheet.way, sheet.helped_by) == (True, None, "own page", "my daughter")


def test_somebody_who_sends_without_end_is_told_to_ring(world):
    client = opened(world)
    for _ in range(choices().sent_an_hour):
        limits.take("own page sent", str(world.ids["Dee"]), most=choices().sent_an_hour, within=timedelta(hours=1))
    response = client.post("/my/check-in", {"rating": "1", "wish": "go on"})
    assert response.status_code == 422 and "ring" in words(response)


# Staff give the code


def test_staff_give_print_and_withdraw(world, plan_id):
    staff, person = world.client("nurse"), world.ids["Dee"]
    assert "No code was given" in words(staff.get(f"/reductions/{plan_id}"))
    assert "has no code" in words(staff.get(f"/patients/{person}/own-page"))
    slip = staff.post(f"/patients/{person}/own-page/code").content.decode()
    code = re.search(r'name="code" value="(\w{10})"', slip)[1]
    assert codes.written(code) in slip and "/my/" in slip
    text = text_of(staff.post(f"/patients/{person}/own-page/slip", {"code": code, "print": "large"}))
    assert codes.written(code) in text and "Worked" not in text and "diazepam" not in text and "1959" not in text
    assert staff.post(f"/patients/{person}/own-page/slip", {"code": "0000000000"}).status_code == 409
    assert code not in staff.get(f"/patients/{person}/own-page").content.decode()
    assert "not used yet" in words(staff.get(f"/reductions/{plan_id}/pack"))
    assert staff.post(f"/patients/{person}/own-page/withdraw", {"why": ""}).status_code == 422
    assert staff.post(f"/patients/{person}/own-page/withdraw", {"why": "lost"}).status_code == 302
    assert staff.post(f"/patients/{person}/own-page/withdraw", {"why": "lost"}).status_code == 422
    assert selectors.code_of(person) is None


def test_the_demo_tells_its_code_on_this_machine_only(world, settings):
    settings.DEMO = True
    services.give(world.actor("gp"), world.ids["Dee"], demo_code=choices().demo_code)
    shown = codes.written(choices().demo_code)
    assert shown in Client().get("/my/sign-in").content.decode()
    assert shown not in Client().get("/my/sign-in", headers={"x-forwarded-for": "192.0.2.1"}).content.decode()
    settings.DEMO = False
    assert shown not in Client().get("/my/sign-in").content.decode()
