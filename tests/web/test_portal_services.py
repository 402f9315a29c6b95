"""The verbs of the person's own page: codes given, used and withdrawn; slowing down, something is wrong, and how it is answered."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from ledger_world import PRACTICE, TODAY, World
from stepwell.clinical.tapering.model import Change, ChangeKind
from stepwell.errors import Refused
from stepwell.web.core import limits
from stepwell.web.core.actor import Actor
from stepwell.web.core.gate import AccessRefused
from stepwell.web.core.models import AuditEntry, RateUse
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.portal import codes, selectors, services
from stepwell.web.portal.choices import choices
from stepwell.web.portal.models import CodeEvent, OwnCode
from stepwell.web.tapers import checkins, own
from stepwell.web.tapers import selectors as tapers
from stepwell.web.tapers import services as plans
from stepwell.web.tapers.checkins import Given
from taper_world import START, agreed, later, one_taper_world, proposed, reducing, row, taper_duties

pytestmark = pytest.mark.django_db
BORN = date(1959, 2, 2)
HERE = "192.0.2.1"


@pytest.fixture(scope="module")
def made(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[World]:
    with django_db_blocker.unblock(), one_taper_world(tmp_path_factory.mktemp("portal")) as world:
        yield world


@pytest.fixture
def world(db, product_settings, settings, made) -> World:
    settings.AS_OF, settings.STORE = TODAY, str(made.store.path)
    made.settings = settings
    return made


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
        assert given(world, who).row.until == TODAY + timedelta(choices().valid_days)
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


def test_wrong_is_told_the_same_whatever_was_wrong(world):
    code = given(world).code
    tries = {"a wrong date": (code, date(1960, 1, 1)), "a wrong code": ("0000000000", BORN)}
    world.today = TODAY + timedelta(choices().valid_days + 1)
    tries["over"] = (code, BORN)
    told = set()
    for typed, born in tries.values():
        with pytest.raises(Refused) as refused:
            services.check(typed, born, HERE)
        told.add(str(refused.value))
    assert told == {services.NOT_RIGHT}
    world.today = TODAY + timedelta(choices().valid_days)
    assert services.check(code, BORN, HERE)


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
    record.update(birth_date=BORN, death_date=TODAY)
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


def test_a_plan_is_shown_once_it_was_agreed_and_after_it_ended(world):
    plan_id = proposed(world)
    assert selectors.plans_of(world.ids["Dee"]).main is None
    gp = world.actor("gp")
    plans.agree(gp, plan_id, clinician_id=gp.user_id, decided_with="Dee")
    assert selectors.plans_of(world.ids["Dee"]).main.pk == plan_id
    second = proposed(world, medicine="sertraline")
    assert [each.pk for each in selectors.plans_of(world.ids["Dee"]).others] == []
    plans.decline(gp, plan_id, why="not now")
    assert selectors.plans_of(world.ids["Dee"]).main.pk == plan_id
    plans.agree(gp, second, clinician_id=gp.user_id, decided_with="Dee")
    found = selectors.plans_of(world.ids["Dee"])
    assert (found.main.pk, [each.pk for each in found.others]) == (second, [plan_id])
    plans.enter_in_error(gp, second, why="another person")
    assert selectors.plans_of(world.ids["Dee"]).main.pk == plan_id


# Slowing down


def test_slowing_down_keeps_the_dose_until_staff_go_on(world):
    plan_id = reducing(world)
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


def test_a_change_of_plan_answers_who_asked_to_slow_down(world):
    plan_id = reducing(world)
    own.slow_down(me(world), plan_id)
    own.slow_down(me(world), plan_id, "again")  # already still: said again, nothing more changes
    assert [event.act for event in tapers.events_of(plan_id)].count("held") == 1
    plans.act(world.actor("gp"), plan_id, Change(kind=ChangeKind.SLOWER), why="as she asked")
    assert [each.answered is not None for each in own.written(tapers.events_of(plan_id))] == [True, True]
    assert "slower" not in taper_duties(world)


def test_before_it_begins_slowing_down_is_a_talk(world):
    plan_id = agreed(world)
    own.slow_down(me(world), plan_id, "I am not ready")
    assert row(plan_id).state == "agreed"
    assert taper_duties(world)["slower"] == (PRACTICE, TODAY)
    plans.decline(world.actor("gp"), plan_id, why="not ready")
    assert "slower" not in taper_duties(world)
    with pytest.raises(Refused, match="plan has ended"):
        own.slow_down(me(world), plan_id)


def test_staff_can_undo_a_hold_that_was_pressed_by_mistake(world):
    plan_id = reducing(world)
    later(world, 15)
    own.slow_down(me(world), plan_id)
    plans.undo(world.actor("gp"), plan_id, why="pressed by mistake, she says")
    assert row(plan_id).state == "reducing"


def test_nothing_that_a_person_does_ever_lowers_a_dose(world):
    plan_id = reducing(world)
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


def test_something_is_wrong_is_a_duty_to_ring_and_stays_until_answered(world):
    plan_id = reducing(world)
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


def test_what_comes_on_a_day_off_is_answered_on_the_next_working_day(world):
    plan_id = reducing(world)
    world.today = date(2026, 6, 13)  # a Saturday
    own.ring_me(me(world), plan_id, wrong=False)
    checkins.record_own(me(world), plan_id, Given(rating=9))
    assert taper_duties(world)["ring"] == (PRACTICE, date(2026, 6, 15))
    assert taper_duties(world)["call"] == (PRACTICE, date(2026, 6, 15))


def test_after_stopping_somebody_can_still_be_asked_for(world):
    plan_id = reducing(world)
    later(world, 30)
    plans.reach_end(world.actor("gp"), plan_id)
    own.ring_me(me(world), plan_id, "It came back")
    assert "ring" in taper_duties(world)
    own.answer(world.actor("gp"), plan_id, why="We talked")
    assert "ring" not in taper_duties(world)


def test_nobody_writes_about_anothers_plan(world):
    plan_id = reducing(world)
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
