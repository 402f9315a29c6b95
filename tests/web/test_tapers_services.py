"""The verbs of a reduction: one open plan of a medicine, one medicine at a time, every change a version, duties that follow."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction

from ledger_world import PRACTICE, TODAY, World
from stepwell.clinical.tapering.model import Change, ChangeKind
from stepwell.errors import Refused
from stepwell.web.core.actor import Actor
from stepwell.web.core.gate import AccessRefused
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.models import Duty
from stepwell.web.privacy import restrict
from stepwell.web.privacy import services as privacy
from stepwell.web.tapers import checkins, selectors, services
from stepwell.web.tapers.checkins import Given
from stepwell.web.tapers.models import Act
from stepwell.web.tapers.said import PlanWords
from taper_world import DEE, SAM, START, agreed, later, one_taper_world, proposed, reducing, row, taper_duties

pytestmark = pytest.mark.django_db
GP, NURSE, PHARMACIST, OTHER = "gp", "nurse", "pharmacist", "other gp"
# Offers of two classes are open: an antidepressant and a gabapentinoid, both taken for long.
TWO = [
    "female", "born 1980-05-05", "sertraline 100 mg daily from 2022-01-10 every 28 days", "diagnosis depression on 2022-01-02",
    "pregabalin 150 mg daily from 2022-01-10 every 28 days",
]  # fmt: skip
PEOPLE = {"Dee": DEE, "Sam": SAM, "Two": TWO}


@pytest.fixture(scope="module")
def made(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[World]:
    with django_db_blocker.unblock(), one_taper_world(tmp_path_factory.mktemp("tapers"), PEOPLE) as world:
        yield world


@pytest.fixture
def world(db, product_settings, settings, made) -> World:
    settings.AS_OF, settings.STORE = TODAY, str(made.store.path)
    made.settings = settings
    return made


def acts(plan_id: int) -> list[str]:
    return [event.act for event in selectors.events_of(plan_id)]


def dose(plan_id: int) -> int:
    return selectors.standing(row(plan_id)).dose_ug


# Before it begins


def test_a_proposal_is_kept_with_its_words_and_asks_for_an_answer(world):
    plan_id = proposed(world, words=PlanWords(matters="A clear head", own_words="Not cold turkey", first="It makes me fall"))
    plan = row(plan_id)
    assert (plan.state, plan.from_ug, plan.to_ug, plan.unit, plan.first_note) == ("proposed", 20_000, 0, "mg", "It makes me fall")
    assert selectors.words_of(plan).own_words == "Not cold turkey"
    assert selectors.version_of(plan).steps[0].on == START
    assert selectors.request_of(plan).dose_ug == 20_000
    assert taper_duties(world) == {"answer": (PRACTICE, START)}
    assert not any("diazepam" in duty.title for duty in world.duties("Dee", rule_id="asked.reduction"))


def test_what_is_proposed_again_is_a_version_of_the_same_plan(world):
    plan_id = proposed(world)
    assert proposed(world, start_on=START + timedelta(7)) == plan_id
    assert [version.number for version in selectors.versions_of(plan_id)] == [1, 2]
    assert acts(plan_id) == ["proposed", "revised"]
    assert selectors.words_of(row(plan_id)).matters == "A clear head for the allotment"
    assert taper_duties(world)["answer"] == (PRACTICE, START + timedelta(7))


def test_the_database_holds_one_open_plan_of_a_medicine(world):
    plan = row(proposed(world))
    plan.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        plan.save(force_insert=True)


def test_who_may_and_who_may_not(world):
    with pytest.raises(AccessRefused):
        proposed(world, who=NURSE)
    with pytest.raises(AccessRefused):
        proposed(world, who=OTHER)
    plan_id = proposed(world, who=PHARMACIST)
    assert row(plan_id).org_code == PRACTICE
    with pytest.raises(AccessRefused):
        services.agree(world.actor(NURSE), plan_id, clinician_id=1, decided_with="Dee")
    with pytest.raises(Refused, match="on this person's record"):
        proposed(world, name="Sam")


def test_agreeing_names_a_clinician_and_answers_the_offer(world):
    offer = world.duty("Sam", "dependence.ad-2y")
    assert offer.is_open
    plan_id = proposed(world, "Sam", medicine="sertraline")
    gp = world.actor(GP)
    with pytest.raises(Refused, match="with whom"):
        services.agree(gp, plan_id, clinician_id=gp.user_id, decided_with="")
    with pytest.raises(Refused, match="works at Riverside"):
        services.agree(gp, plan_id, clinician_id=world.members["psychiatrist"].user_id, decided_with="Sam")
    services.agree(gp, plan_id, clinician_id=gp.user_id, decided_with="Sam and Dr Osei", check_by="person")
    plan = row(plan_id)
    assert (plan.state, plan.clinician_id, plan.check_by, plan.agreed_on) == ("agreed", gp.user_id, "person", TODAY)
    assert selectors.words_of(plan).decided_with == "Sam and Dr Osei"
    offer.refresh_from_db()
    assert not offer.is_open
    assert taper_duties(world, "Sam").keys() == {"begin", "supply"}

    services.undo(gp, plan_id, why="they want to think about it")
    assert row(plan_id).state == "proposed"
    assert world.duty("Sam", "dependence.ad-2y").is_open
    assert taper_duties(world, "Sam").keys() == {"answer"}


def test_one_medicine_at_a_time(world):
    agreed(world)
    second = proposed(world, medicine="sertraline")
    gp = world.actor(GP)
    with pytest.raises(Refused, match="One medicine is reduced at a time"):
        services.agree(gp, second, clinician_id=gp.user_id, decided_with="Dee")
    assert row(second).state == "proposed"


def test_begun_on_another_day_the_plan_is_laid_on_that_day(world):
    plan_id = agreed(world)
    world.today = START + timedelta(2)
    services.start(world.actor(NURSE), plan_id, on=START + timedelta(1))
    plan = row(plan_id)
    assert (plan.state, plan.started_on, plan.version) == ("reducing", START + timedelta(1), 2)
    assert selectors.version_of(plan).steps[0].on == START + timedelta(1)
    with pytest.raises(Refused, match="the reduction is going on"):
        services.start(world.actor(GP), plan_id)


# On the way


def test_each_step_has_its_check_in_and_its_supply(world):
    plan_id = reducing(world)
    steps = selectors.version_of(row(plan_id)).steps
    assert taper_duties(world)["check in"] == (PRACTICE, steps[1].on)
    assert taper_duties(world)["supply"][1] < steps[1].on
    world.today = steps[1].on
    checkins.record(world.actor(NURSE), plan_id, Given(rating=2, symptoms=("symptom-sleep",), began=3))
    assert taper_duties(world)["check in"] == (PRACTICE, steps[2].on)
    assert dose(plan_id) == steps[1].built.dose_ug
    done = world.duties("Dee", rule_id="asked.reduction", point="check in")[-1]
    assert (done.state, done.ended_why.startswith("checked in")) == ("met", True)
    world.today = steps[2].on - timedelta(2)  # a little early serves the step that comes
    checkins.record(world.actor(NURSE), plan_id, Given(rating=1))
    assert taper_duties(world)["check in"] == (PRACTICE, steps[3].on)


def test_holding_keeps_the_dose_until_somebody_goes_on(world):
    plan_id = reducing(world)
    day = later(world, 15)
    services.hold(world.actor(NURSE), plan_id, why="a funeral this week", days=21)
    plan = row(plan_id)
    until = selectors.version_of(plan).steps[1].on
    assert (plan.state, plan.until, plan.version) == ("holding", until, 2)
    assert until >= day + timedelta(21)
    held = dose(plan_id)
    assert taper_duties(world)["check in"] == (PRACTICE, until)
    later(world, 60)  # nobody said anything: the calendar stands still
    assert dose(plan_id) == held
    assert taper_duties(world)["check in"] == (PRACTICE, until)

    checkins.record(world.actor(NURSE), plan_id, Given(rating=1))
    plan = row(plan_id)
    assert (plan.state, plan.until, plan.version) == ("reducing", None, 3)
    assert selectors.version_of(plan).steps[0].built.dose_ug == held
    assert selectors.version_of(plan).steps[0].on == world.today


def test_a_long_hold_is_reviewed(world):
    plan_id = reducing(world)
    day = later(world, 15)
    services.hold(world.actor(GP), plan_id, why="a week", days=7)
    assert "review" not in taper_duties(world)
    services.hold(world.actor(GP), plan_id, why="away all summer", days=60)
    assert taper_duties(world)["review"] == (PRACTICE, day + timedelta(28))
    services.resume(world.actor(GP), plan_id, why="back early")
    assert "review" not in taper_duties(world)


def test_a_rating_that_is_hard_to_bear_leads_back_and_to_a_person_who_rings(world):
    plan_id = reducing(world)
    steps = selectors.version_of(row(plan_id)).steps
    later(world, 15)
    nurse = world.actor(NURSE)
    with pytest.raises(Refused, match="Say why something else was decided"):
        checkins.record(nurse, plan_id, Given(rating=8))
    checkins.record(nurse, plan_id, Given(rating=8, symptoms=("symptom-anxiety",), decided="step back"))
    plan = row(plan_id)
    assert (plan.state, dose(plan_id)) == ("stepped up", steps[0].built.dose_ug)
    after = selectors.version_of(plan)
    first_down = after.steps[0].built.dose_ug - after.steps[1].built.dose_ug
    assert first_down < steps[0].built.dose_ug - steps[1].built.dose_ug
    assert (after.steps[1].on - after.steps[0].on).days > (steps[2].on - steps[1].on).days
    assert taper_duties(world)["call"] == (PRACTICE, world.today)
    with pytest.raises(AccessRefused):
        services.resume(nurse, plan_id, why="better")
    checkins.record(world.actor(GP), plan_id, Given(rating=2))
    assert row(plan_id).state == "reducing"
    assert "call" not in taper_duties(world)


def test_the_plan_can_be_changed_and_the_change_undone(world):
    plan_id = reducing(world)
    gp = world.actor(GP)
    later(world, 15)
    services.act(gp, plan_id, Change(kind=ChangeKind.SLOWER), why="slower over the winter")
    slower = selectors.version_of(row(plan_id))
    services.act(gp, plan_id, Change(kind=ChangeKind.OTHER_END, to_ug=5_000), why="5 mg is enough")
    assert (row(plan_id).to_ug, row(plan_id).state) == (5_000, "reducing")
    services.undo(gp, plan_id, why="they want to stop after all")
    plan = row(plan_id)
    assert (plan.to_ug, plan.version, len(selectors.versions_of(plan_id))) == (0, 2, 3)
    assert selectors.version_of(plan) == slower
    with pytest.raises(Refused, match=r"in a few words"):
        services.hold(gp, plan_id, why=" ")
    with pytest.raises(AccessRefused):
        services.act(world.actor(NURSE), plan_id, Change(kind=ChangeKind.SLOWER), why="slower")


def test_who_was_slower_is_told_what_changed(world):
    plan_id = reducing(world)
    seen = row(plan_id).revision
    services.hold(world.actor(GP), plan_id, why="a cold")
    with pytest.raises(services.Changed, match="Holding, Dr Amara Osei"):
        services.step_back(world.actor(PHARMACIST), plan_id, why="too hard", revision=seen)


def test_a_pause_has_no_day_and_frees_the_way_for_another_medicine(world):
    plan_id = reducing(world)
    second = proposed(world, medicine="sertraline", start_on=START + timedelta(7))
    gp = world.actor(GP)
    services.pause(world.actor(NURSE), plan_id, why="pneumonia")
    services.agree(gp, second, clinician_id=gp.user_id, decided_with="Dee")
    with pytest.raises(Refused, match="One medicine is reduced at a time"):
        services.resume(gp, plan_id, why="well again")
    services.decline(gp, second, why="not both")
    services.resume(gp, plan_id, why="well again")
    assert row(plan_id).state == "reducing"


# Ends


def test_stopped_settles_duties_and_contact_goes_on(world):
    plan_id = reducing(world)
    gp = world.actor(GP)
    world.today = selectors.version_of(row(plan_id)).ends_on
    services.reach_end(gp, plan_id)
    plan = row(plan_id)
    assert (plan.state, plan.outcome, plan.ended_on, dose(plan_id)) == ("stopped", "stopped", world.today, 0)
    ended = world.today
    assert taper_duties(world) == {"afterwards": (PRACTICE, ended + timedelta(14))}
    world.today = ended + timedelta(14)
    checkins.record(gp, plan_id, Given(rating=1))
    assert taper_duties(world) == {"afterwards": (PRACTICE, ended + timedelta(28))}


def test_a_stopped_medicine_is_not_looked_for_any_more(world):
    """Supply ends with the plan: whoever asks later who prescribes it is answered by the plan, and no other gap is."""
    plan_id = reducing(world)
    world.today = START + timedelta(7)
    services.reach_end(world.actor(GP), plan_id, why="they stopped by themselves and are well")
    world.today = START + timedelta(120)
    world.catch_up()
    asked = {duty.subject: duty for duty in world.duties("Dee", kind="supply", state="open")}
    assert asked.keys() == {"diazepam", "sertraline"}
    world.catch_up()
    assert [duty.subject for duty in world.duties("Dee", kind="supply", state="open")] == ["sertraline"]
    answer = asked["diazepam"].events.get(kind="answered")
    assert (answer.by_id, "at the end of an agreed reduction, Dr Amara Osei named" in answer.why) == (None, True)


def test_staying_at_a_dose_declining_and_leaving_are_ends_of_their_own(world):
    gp = world.actor(GP)
    plan_id = reducing(world)
    later(world, 30)
    with pytest.raises(Refused, match="why this dose"):
        services.plateau(gp, plan_id, why="")
    services.plateau(gp, plan_id, why="sleeps well at 18 mg")
    assert (row(plan_id).state, row(plan_id).outcome) == ("plateau agreed", "reduced")
    assert taper_duties(world) == {}
    again = proposed(world, start_on=date(2026, 9, 7))
    assert again != plan_id
    with pytest.raises(Refused, match="Another plan of this medicine is open"), transaction.atomic():
        services.undo(gp, plan_id, why="by mistake")
    services.decline(gp, again, why="not now")
    assert (row(again).state, row(again).outcome) == ("declined", "no change")
    services.undo(gp, plan_id, why="they go on")
    assert row(plan_id).state == "reducing"
    with pytest.raises(Refused, match="how it ended"):
        services.leave(gp, plan_id, why="moved", outcome="cured")
    services.leave(gp, plan_id, why="moved to Leeds")
    assert (row(plan_id).state, row(plan_id).outcome) == ("not followed here", "not known")


def test_reduced_and_stable_only_at_the_dose_that_was_meant(world):
    plan_id = reducing(world, to_ug=15_000)
    gp = world.actor(GP)
    with pytest.raises(Refused, match="not reached yet"):
        services.reach_end(gp, plan_id)
    world.today = selectors.version_of(row(plan_id)).ends_on
    services.reach_end(gp, plan_id, why="well at 15 mg")
    assert (row(plan_id).state, row(plan_id).outcome) == ("reduced and stable", "reduced")


def test_entered_in_error_is_kept_and_shown_nowhere(world):
    plan_id = agreed(world)
    services.enter_in_error(world.actor(GP), plan_id, why="wrong person")
    assert selectors.plans_of(world.ids["Dee"]) == []
    assert taper_duties(world) == {}
    assert acts(plan_id)[-1] == "in error"


# Check-ins


def test_what_does_not_fit_its_scale_is_refused(world):
    plan_id = reducing(world)
    nurse = world.actor(NURSE)
    with pytest.raises(Refused, match="from 0 to 10"):
        checkins.record(nurse, plan_id, Given(rating=11))
    with pytest.raises(Refused, match="from the list"):
        checkins.record(nurse, plan_id, Given(rating=1, symptoms=("headache",)))
    with pytest.raises(Refused, match="total from 0 to 88"):
        checkins.record(nurse, plan_id, Given(rating=1, scores={"ciwa-b": 99}))
    with pytest.raises(Refused, match="does not fit"):
        checkins.record(nurse, plan_id, Given(rating=1, scores={"cows": 3}))
    assert selectors.check_ins_of(plan_id) == []


def test_what_the_person_writes_is_read_by_staff_and_decides_nothing(world):
    plan_id = reducing(world)
    later(world, 14)
    checkins.record_own(Actor.themselves(world.ids["Dee"]), plan_id, Given(rating=2))
    assert "read" not in taper_duties(world)
    checkins.record_own(Actor.themselves(world.ids["Dee"]), plan_id, Given(rating=5, decided="hold", words="I do not sleep"))
    assert row(plan_id).state == "reducing"
    assert taper_duties(world)["read"] == (PRACTICE, world.today)
    checkins.record_own(Actor.themselves(world.ids["Dee"]), plan_id, Given(rating=9, decided="step back"))
    assert taper_duties(world)["call"] == (PRACTICE, world.today)
    checkins.record(world.actor(NURSE), plan_id, Given(rating=6, decided="hold"))
    assert taper_duties(world).keys() == {"check in", "supply"}
    assert [check.by_person for check in selectors.check_ins_of(plan_id)] == [True, True, True, False]


def test_a_check_in_entered_in_error_counts_no_longer(world):
    plan_id = reducing(world)
    later(world, 14)
    checkins.record(world.actor(NURSE), plan_id, Given(rating=3))
    (check,) = selectors.check_ins_of(plan_id)
    checkins.enter_in_error(world.actor(NURSE), plan_id, check.pk, why="another person")
    assert selectors.check_ins_of(plan_id) == []
    assert acts(plan_id)[-1] == Act.UNDONE
    with pytest.raises(Refused, match="no such check-in"):
        checkins.enter_in_error(world.actor(NURSE), plan_id, check.pk, why="again")


# Sensitive entries


def test_a_plan_about_a_sensitive_medicine_is_cut_for_others(world):
    plan_id = agreed(world)
    subject = ledger.subject_of(world.ids["Dee"])
    privacy.mark_sensitive(world.actor(GP), subject, kind="medicine", key="diazepam", organisations=[PRACTICE], why="asked for")
    with pytest.raises(Refused, match="There is no such plan"):
        services.pause(world.actor(PHARMACIST), plan_id, why="x")
    person = ledger.person(world.ids["Dee"])
    cut = restrict.cut_for(world.actor(PHARMACIST), [person])[person.person_id]
    assert selectors.shown(selectors.plans_of(person.person_id), cut) == []
    services.pause(world.actor(GP), plan_id, why="pneumonia")


# What a plan answers on the ledger, and takes back


def supplies(world, state: str = "open") -> list[Duty]:
    return world.duties("Dee", kind="supply", subject="diazepam", state=state)


def test_undoing_a_stop_asks_again_who_supplies(world):
    gp, plan_id = world.actor("gp"), reducing(world)
    world.today = START + timedelta(7)
    services.reach_end(gp, plan_id, why="they stopped by themselves and are well")
    world.today = START + timedelta(120)
    world.catch_up()
    world.catch_up()  # the gap is noticed, then answered by the plan
    assert not supplies(world)
    services.undo(gp, plan_id, why="they take it again")
    assert row(plan_id).state == "reducing"
    assert len(supplies(world)) == 1


def test_undoing_a_stop_takes_back_what_its_author_answered(world):
    gp, plan_id = world.actor("gp"), reducing(world)
    world.today = START + timedelta(120)
    world.catch_up()
    asked = supplies(world)
    services.reach_end(gp, plan_id, on=START + timedelta(7), why="they stopped by themselves")
    assert asked and not supplies(world)
    assert asked[0].events.get(kind="answered").by_id == gp.user_id
    services.undo(gp, plan_id, why="another person was meant")
    assert len(supplies(world)) == 1
    assert asked[0].events.filter(kind="undone").count() == 1


def test_an_offer_about_one_class_is_closed_and_the_other_stays(world):
    gp = world.actor("gp")
    offers = {duty.rule_id: duty for duty in world.duties("Two", test="taper-offer", state="open")}
    assert offers.keys() == {"dependence.ad-2y", "dependence.gab"}
    plan_id = proposed(world, "Two", medicine="sertraline")
    services.agree(gp, plan_id, clinician_id=gp.user_id, decided_with="her")
    assert {duty.rule_id for duty in world.duties("Two", test="taper-offer", state="open") if duty.due_on <= TODAY} == {"dependence.gab"}
    event = offers["dependence.ad-2y"].events.get(kind="answered")
    assert event.by_id == gp.user_id and "named for it" in event.why
    services.undo(gp, plan_id, why="she wants to think about it")
    assert offers.keys() == {duty.rule_id for duty in world.duties("Two", test="taper-offer", state="open") if duty.due_on <= TODAY}
