"""The verbs of the ledger, over a real store and engine: what they write, what they refuse, what closes."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

import web_support
from ledger_world import PRACTICE, TODAY, TRUST, World
from stepwell.errors import Refused
from stepwell.web.core.gate import AccessRefused
from stepwell.web.ledger import evaluation, services
from stepwell.web.ledger.models import DutyEvent, PendingEvaluation, PersonRecord
from stepwell.web.ledger.results import Implausible, ResultEntry

ADA = [
    "female",
    "lithium 800 mg daily from 2024-01-10 every 28 days",
    "diagnosis bipolar on 2020-01-01",
    "lithium-level 0.6 on 2025-11-20",
    "weight 70 on 2025-12-01",
]


@pytest.fixture
def world(db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Ada": ADA})
    world.catch_up()
    return world


@pytest.fixture
def level(world):
    return world.duty("Ada", "lithium.level")


def test_the_first_evaluation_opens_duties_of_the_practice(world, level):
    assert (level.state, level.instance, level.owner_org) == ("open", 1, PRACTICE)
    assert level.base_on == date(2025, 11, 20) and level.due_on < TODAY
    assert world.events(level) == ["opened"]
    assert level.because and PersonRecord.objects.get().medicines[0]["substance"] == "lithium"


def test_evaluating_again_changes_nothing(world):
    before = DutyEvent.objects.count()
    done = world.catch_up()
    assert DutyEvent.objects.count() == before and set(done.applied.counts) <= {"refreshed"}


def test_acknowledge_assign_and_put_off_survive_an_evaluation(world, level):
    gp, nurse = world.actor("gp"), world.actor("nurse")
    services.acknowledge(gp, level.pk)
    services.assign(gp, level.pk, to_user_id=nurse.user_id, why="with the next blood test")
    services.defer(nurse, level.pk, until=TODAY + timedelta(14), why="on holiday")
    due = level.due_on
    world.more("Ada", "weight 71 on 2026-05-30")
    world.catch_up()
    level.refresh_from_db()
    assert (level.assigned_to_id, level.shown_from, level.acknowledged_by_id) == (nurse.user_id, TODAY + timedelta(14), gp.user_id)
    assert level.due_on == due
    assert world.events(level) == ["opened", "acknowledged", "assigned", "deferred"]


def test_every_verb_is_in_the_audit_with_its_person(world, level):
    with web_support.recorded() as trail:
        services.acknowledge(world.actor("gp"), level.pk)
    (entry,) = trail.writes()
    assert (entry.action, entry.person_id, entry.subject_id) == ("duty acknowledged", world.ids["Ada"], str(level.pk))


def test_a_result_closes_the_duty_and_opens_the_next(world, level):
    written = services.record_results(world.actor("nurse"), world.ids["Ada"], [ResultEntry("lithium-level", 700, TODAY)])
    assert written.up_to_date
    level.refresh_from_db()
    following = world.duty("Ada", "lithium.level")
    assert (level.state, level.ended_on, level.ended_by) == ("met", TODAY, "result")
    assert (following.instance, following.state, following.base_on) == (2, "open", TODAY)
    assert following.due_on > TODAY
    assert world.events(level) == ["opened", "result recorded", "met"]


def test_a_result_is_written_to_the_store_for_the_command_line(world):
    services.record_results(world.actor("nurse"), world.ids["Ada"], [ResultEntry("lithium-level", 700, TODAY)])
    rows = evaluation.open_store().table("recorded_results").to_pylist()
    assert [(row["test"], row["value_milli"], row["effective_on"]) for row in rows] == [("lithium-level", 700, TODAY)]


def test_the_same_result_sent_twice_is_recorded_once(world):
    entry = ResultEntry("lithium-level", 700, TODAY)
    services.record_results(world.actor("nurse"), world.ids["Ada"], [entry])
    with pytest.raises(Refused, match="already recorded"):
        services.record_results(world.actor("nurse"), world.ids["Ada"], [entry])


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (ResultEntry("lithium-level", 700, TODAY + timedelta(1)), "future"),
        (ResultEntry("lithium-level", None, TODAY), "enter the value in mmol/L"),
        (ResultEntry("lithium-level", -1, TODAY), "below zero"),
        (ResultEntry("lithium-level", 700, date(1979, 1, 1)), "before the person was born"),
        (ResultEntry("nonsense", 700, TODAY), "not in the knowledge base"),
    ],
)
def test_results_that_are_refused(world, entry, message):
    with pytest.raises(Refused, match=message):
        services.record_results(world.actor("nurse"), world.ids["Ada"], [entry])
    assert not PendingEvaluation.objects.exists()


def test_an_implausible_result_is_asked_about_and_then_taken(world, level):
    slip = [ResultEntry("lithium-level", 7000, TODAY)]
    with pytest.raises(Implausible, match="Is it right"):
        services.record_results(world.actor("nurse"), world.ids["Ada"], slip)
    services.record_results(world.actor("nurse"), world.ids["Ada"], slip, confirmed=True)
    level.refresh_from_db()
    assert level.state == "met"


def test_declined_serves_the_cycle(world, level):
    services.decline(world.actor("gp"), level.pk, on=TODAY - timedelta(2), why="does not want blood taken this time")
    level.refresh_from_db()
    following = world.duty("Ada", "lithium.level")
    assert (level.state, following.instance, following.state) == ("declined", 2, "open")
    assert "does not want blood" in level.ended_why and following.due_on > TODAY


def test_not_applicable_needs_an_end_and_holds_until_it(world, level):
    gp = world.actor("gp")
    with pytest.raises(Refused, match="until when"):
        services.not_applicable(gp, level.pk, why="in hospital")
    with pytest.raises(Refused, match="after today"):
        services.not_applicable(gp, level.pk, why="in hospital", until=TODAY)
    until = TODAY + timedelta(30)
    services.not_applicable(gp, level.pk, why="in hospital, tested there", until=until)
    level.refresh_from_db()
    assert (level.state, level.until) == ("not applicable", until)
    world.today = until
    world.catch_up()
    again = world.duty("Ada", "lithium.level")
    assert (again.instance, again.state) == (2, "open")


def test_not_applicable_until_a_fact_is_ended_by_undoing_it(world, level):
    services.not_applicable(world.actor("gp"), level.pk, why="abroad for work", ends_when="back in the country")
    event = DutyEvent.objects.get(kind="answered")
    services.undo(world.actor("gp"), event.pk, why="came back in May")
    again = world.duty("Ada", "lithium.level")
    assert (again.instance, again.state) == (2, "open")


def test_a_review_is_closed_by_an_answer(world):
    duty = world.duty("Ada", "lithium.pregnancy", "ongoing") if world.duties("Ada", rule_id="lithium.pregnancy", point="ongoing") else None
    duty = duty or world.duties("Ada", rule_id="lithium.pregnancy", state="open")[0]
    services.done_with_review(world.actor("gp"), duty.pk, on=TODAY, why="not planning; implant in place")
    duty.refresh_from_db()
    assert (duty.state, duty.ended_on) == ("met", TODAY)


def test_a_measurement_is_not_closed_by_words(world, level):
    with pytest.raises(Refused, match="needs its value"):
        services.done_with_review(world.actor("gp"), level.pk, on=TODAY, why="done")


def test_undoing_a_result_opens_the_duty_again_with_its_arrangement(world, level):
    gp, nurse = world.actor("gp"), world.actor("nurse")
    services.assign(gp, level.pk, to_user_id=nurse.user_id)
    services.record_results(nurse, world.ids["Ada"], [ResultEntry("lithium-level", 700, TODAY)])
    event = DutyEvent.objects.filter(kind="result recorded", duty=level).get()
    services.undo(nurse, event.pk, why="wrong patient")
    following = world.duty("Ada", "lithium.level")
    assert (following.instance, following.state, following.assigned_to_id) == (2, "open", nurse.user_id)
    assert following.due_on == level.due_on and following.base_on == level.base_on
    assert "undone" in world.events(level)
    with pytest.raises(Refused, match="already undone"):
        services.undo(nurse, event.pk, why="again")


def test_undoing_arrangements(world, level):
    gp = world.actor("gp")
    services.take(gp, level.pk)
    services.defer(gp, level.pk, until=TODAY + timedelta(7), why="later")
    for event in DutyEvent.objects.filter(duty=level, kind__in=("assigned", "deferred")):
        services.undo(gp, event.pk, why="changed my mind")
    level.refresh_from_db()
    assert (level.assigned_to_id, level.shown_from, level.deferred_why) == (None, None, "")


def test_what_another_organisation_did_is_theirs_to_undo(world, level):
    services.take(world.actor("gp"), level.pk)
    world.more("Ada", "on the caseload of trust from 2024-01-01")
    world.catch_up()
    with pytest.raises(Refused, match="Riverside Surgery did this"):
        services.undo(world.actor("psychiatrist"), DutyEvent.objects.get(kind="assigned").pk, why="not ours")


def test_a_closed_duty_is_not_acted_on(world, level):
    services.record_results(world.actor("nurse"), world.ids["Ada"], [ResultEntry("lithium-level", 700, TODAY)])
    with pytest.raises(Refused, match="was closed"):
        services.acknowledge(world.actor("gp"), level.pk)


def test_somebody_elses_duty_is_theirs_to_decide(world, level):
    world.more("Ada", "on the caseload of trust from 2024-01-01")
    world.catch_up()
    with pytest.raises(Refused, match="belongs to Riverside Surgery"):
        services.decline(world.actor("psychiatrist"), level.pk, on=TODAY, why="x")
    services.record_results(world.actor("psychiatrist"), world.ids["Ada"], [ResultEntry("lithium-level", 800, TODAY)])
    level.refresh_from_db()
    assert level.state == "met"


@pytest.mark.parametrize(("who", "reason"), [("other gp", "no registration"), ("psychiatrist", "no registration"), ("manager", "may not")])
def test_who_may_not_act(world, level, who, reason):
    with web_support.recorded() as trail, pytest.raises(AccessRefused, match=reason):
        services.acknowledge(world.actor(who), level.pk)
    assert trail.refusals() and not trail.writes()
    assert world.events(level) == ["opened"]


def test_the_networks_pharmacist_acts_for_the_practice(world, level):
    services.acknowledge(world.actor("pharmacist"), level.pk)
    level.refresh_from_db()
    assert level.acknowledged_at is not None


def test_assigning_is_to_a_colleague(world, level):
    with pytest.raises(Refused, match="works at Riverside Surgery"):
        services.assign(world.actor("gp"), level.pk, to_user_id=world.actor("psychiatrist").user_id)


def test_a_failed_evaluation_keeps_the_write_and_is_tried_again(world, level, monkeypatch):
    def fail(*_args, **_kwargs):
        raise RuntimeError("engine down")

    with monkeypatch.context() as patch:
        patch.setattr(evaluation.engine, "evaluate", fail)
        written = services.record_results(world.actor("nurse"), world.ids["Ada"], [ResultEntry("lithium-level", 700, TODAY)])
    assert not written.up_to_date
    pending = PendingEvaluation.objects.get()
    assert (pending.attempts, pending.last_error) == (1, "RuntimeError")
    PendingEvaluation.objects.update(next_attempt_at=pending.since)
    assert evaluation.retry_pending() == 1
    level.refresh_from_db()
    assert level.state == "met" and not PendingEvaluation.objects.exists()


def test_taking_on_what_is_nobodys(world):
    world.tell({"Cy": ["risperidone 2 mg daily from 2026-01-01 every 28 days by trust", "diagnosis schizophrenia on 2024-01-01"]})
    world.catch_up()
    agree = world.duty("Cy", "agree.who")
    assert agree.owner_org == PRACTICE and any(duty.owner_org == "nobody" for duty in world.duties("Cy", state="open"))
    services.assert_owner(world.actor("gp"), agree.pk, why="we will prescribe and monitor it")
    agree.refresh_from_db()
    assert agree.state == "superseded" and "owns it" in agree.ended_why
    assert {duty.owner_org for duty in world.duties("Cy", state="open", subject="risperidone")} <= {PRACTICE, TRUST}


def test_agree_who_is_not_closed_by_saying_done(world):
    world.tell({"Cy": ["risperidone 2 mg daily from 2026-01-01 every 28 days by trust"]})
    world.catch_up()
    with pytest.raises(Refused, match="closes by itself"):
        services.done_with_review(world.actor("gp"), world.duty("Cy", "agree.who").pk, on=TODAY, why="phoned them")
