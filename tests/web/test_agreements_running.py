"""An agreement in force: changes that both sides confirm, the pause, the way back, the end, versions."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from ledger_world import PRACTICE, TODAY, TRUST, World
from shared_care_world import BASELINE, LIO, asked_of, at_nine, in_force, state, whole_terms
from stepwell.errors import Refused
from stepwell.web.agreements import selectors, services
from stepwell.web.agreements.models import Agreement
from stepwell.web.agreements.terms import Share, Terms, proposed_shares
from stepwell.web.ledger import services as ledger

FIVE_ON = date(2026, 6, 8)  # 5 working days after Monday 1 June


@pytest.fixture
def world(db, settings, tmp_path, monkeypatch):
    world = World(settings, tmp_path)
    world.tell({"Lio": [*LIO, *BASELINE]})
    world.catch_up()
    at_nine(world, monkeypatch)
    return world


@pytest.fixture
def agreement(world):
    return in_force(world, "Lio")


def owners(world, rule_id="lithium.level"):
    return {duty.owner_org for duty in world.duties("Lio", rule_id=rule_id, state="open")}


def text(agreement):
    return selectors.versions_of(selectors.find(agreement.pk))[-1]


@pytest.mark.parametrize(("proposer", "other"), [("psychiatrist", "gp"), ("gp", "psychiatrist")])
def test_a_dose_change_is_agreed_when_the_other_side_confirms_it(world, agreement, proposer, other):
    services.propose_dose_change(world.actor(proposer), agreement.pk, dose="600 mg at night", why="level 0.9")
    organisation = {"gp": PRACTICE, "psychiatrist": TRUST}[other]
    assert asked_of(world, "Lio")["proposal"] == (organisation, FIVE_ON)
    assert Terms.of(text(agreement).terms).dose == "800 mg at night"
    assert selectors.inbox(world.actor(other)) == [agreement] and selectors.clock_of(selectors.find(agreement.pk)).what == "dose change"
    with pytest.raises(Refused, match="to answer"):
        services.answer_dose_change(world.actor(proposer), agreement.pk, agree=True)
    with pytest.raises(Refused, match="proposed already"):
        services.propose_dose_change(world.actor(other), agreement.pk, dose="700 mg", why="smaller step")
    services.answer_dose_change(world.actor(other), agreement.pk, agree=True)
    now = text(agreement)
    assert (now.number, Terms.of(now.terms).dose) == (2, "600 mg at night")
    assert now.proposed.org != now.agreed.org == organisation
    assert "proposal" not in asked_of(world, "Lio") and owners(world) == {PRACTICE}
    assert Terms.of(selectors.versions_of(selectors.find(agreement.pk))[0].terms).dose == "800 mg at night"


def test_a_dose_change_that_is_refused_changes_nothing(world, agreement):
    services.propose_dose_change(world.actor("psychiatrist"), agreement.pk, dose="1 g at night", why="mood")
    with pytest.raises(Refused, match="Say why not"):
        services.answer_dose_change(world.actor("gp"), agreement.pk, agree=False)
    services.answer_dose_change(world.actor("gp"), agreement.pk, agree=False, why="eGFR fell")
    assert text(agreement).number == 1 and selectors.inbox(world.actor("gp")) == []


def test_a_hand_back_stays_the_practices_until_the_specialist_takes_it(world, agreement):
    with pytest.raises(Refused, match="Say what is done until"):
        services.hand_back(world.actor("gp"), agreement.pk, why="relapse", contingency="")
    services.hand_back(world.actor("gp"), agreement.pk, why="relapse", contingency="we prescribe week by week")
    assert state(agreement) == "active" and owners(world) == {PRACTICE}
    assert asked_of(world, "Lio")["hand-back"] == (TRUST, FIVE_ON)
    clock = selectors.clock_of(selectors.find(agreement.pk))
    assert (clock.what, clock.days, clock.due_on) == ("hand-back", 5, FIVE_ON)
    with pytest.raises(Refused, match="handed back already"):
        services.hand_back(world.actor("gp"), agreement.pk, why="relapse", contingency="we prescribe")
    with pytest.raises(Refused, match="This is for Northside CMHT"):
        services.take_back(world.actor("gp"), agreement.pk)
    services.take_back(world.actor("psychiatrist"), agreement.pk, from_on=TODAY + timedelta(2))
    assert state(agreement) == "active" and owners(world) == {PRACTICE}
    world.today = TODAY + timedelta(2)
    world.catch_up()
    assert state(agreement) == "returned_to_specialist" and owners(world) == {TRUST}
    assert world.duty("Lio", "lithium.level").owner_label == "Northside CMHT took it back on 03-Jun-2026"
    assert "hand-back" not in asked_of(world, "Lio")
    assert Agreement.objects.get().status_on(world.today) == "returned_to_specialist"


def test_a_hand_back_without_an_answer_is_said_and_moves_nothing(world, agreement):
    services.hand_back(world.actor("gp"), agreement.pk, why="relapse", contingency="we prescribe week by week")
    world.today = FIVE_ON + timedelta(1)
    world.catch_up()
    assert asked_of(world, "Lio")["silence"] == (PRACTICE, world.today) and owners(world) == {PRACTICE}
    assert asked_of(world, "Lio")["hand-back"] == (TRUST, FIVE_ON)
    services.withdraw_hand_back(world.actor("gp"), agreement.pk, why="settled with the crisis team")
    assert not {"silence", "hand-back"} & asked_of(world, "Lio").keys() and selectors.inbox(world.actor("psychiatrist")) == []
    # Asked again, and silent again: said again.
    services.hand_back(world.actor("gp"), agreement.pk, why="worse", contingency="we prescribe week by week")
    world.today += timedelta(10)
    world.catch_up()
    assert "silence" in asked_of(world, "Lio")


def test_what_was_taken_back_can_be_asked_for_again(world, agreement):
    services.hand_back(world.actor("gp"), agreement.pk, why="relapse", contingency="we prescribe")
    services.take_back(world.actor("psychiatrist"), agreement.pk)
    world.today = TODAY + timedelta(30)
    again = services.request_again(world.actor("psychiatrist"), agreement.pk)
    terms = whole_terms(world.today)
    services.change_draft(world.actor("psychiatrist"), again.pk, terms=terms)
    services.send_request(world.actor("psychiatrist"), again.pk)
    assert (state(agreement), owners(world)) == ("ended", {TRUST})
    services.accept(world.actor("gp"), again.pk)
    assert owners(world) == {PRACTICE} and again.earlier_id == agreement.pk


def test_a_pause_gives_the_specialist_everything_until_both_take_it_up_again(world, agreement):
    with pytest.raises(Refused, match="This is for Northside CMHT"):
        services.suspend(world.actor("gp"), agreement.pk, why="in hospital", review_on=TODAY + timedelta(28))
    services.suspend(world.actor("psychiatrist"), agreement.pk, why="in hospital", review_on=TODAY + timedelta(28))
    assert state(agreement) == "suspended" and owners(world) == {TRUST}
    assert asked_of(world, "Lio")["suspended"] == (TRUST, TODAY + timedelta(28))
    world.today = TODAY + timedelta(20)
    services.resume(world.actor("psychiatrist"), agreement.pk, why="home and well")
    assert state(agreement) == "suspended" and owners(world) == {TRUST}
    services.resume(world.actor("gp"), agreement.pk)
    assert state(agreement) == "active" and owners(world) == {PRACTICE}
    assert not {"suspended", "proposal"} & asked_of(world, "Lio").keys()
    periods = {(row["agreement_id"], row["from_on"], row["to_on"]) for row in selectors.workflow_rows([world.ids["Lio"]])}
    key = str(agreement.pk)
    assert periods == {(key, TODAY, TODAY + timedelta(20)), (f"{key}/2", TODAY + timedelta(20), None)}


def test_a_renewal_needs_both_and_may_divide_the_work_anew(world, agreement):
    shares = [Share(s.responsibility, TRUST if s.responsibility == "levels" else s.owner_org) for s in proposed_shares(TRUST, PRACTICE)]
    days = {"review_on": TODAY + timedelta(380), "specialist_review_on": TODAY + timedelta(1820)}
    world.today = TODAY + timedelta(30)
    with pytest.raises(Refused, match="The next review of the agreement must lie ahead"):
        services.renew(world.actor("psychiatrist"), agreement.pk, review_on=TODAY, specialist_review_on=days["specialist_review_on"])
    with pytest.raises(Refused, match="a review of the agreement within 12 months"):
        services.renew(world.actor("psychiatrist"), agreement.pk, **{**days, "review_on": TODAY + timedelta(400)})
    services.renew(world.actor("psychiatrist"), agreement.pk, shares=shares, **days)
    assert text(agreement).number == 1
    services.renew(world.actor("gp"), agreement.pk)
    now = text(agreement)
    assert (now.number, now.shares["levels"], now.shares["bloods"]) == (2, TRUST, PRACTICE)
    assert owners(world) == {TRUST} and owners(world, "lithium.tft") == {PRACTICE}
    assert asked_of(world, "Lio")["review"] == (TRUST, days["review_on"])
    assert Agreement.objects.get().review_on == days["review_on"]


def test_the_practice_hands_back_and_does_not_end(world, agreement):
    with pytest.raises(Refused, match="Hand it back"):
        ledger.end_agreement(world.actor("gp"), world.ids["Lio"], agreement.pk, to_on=TODAY, why="no capacity")
    ends = TODAY + timedelta(30)
    ledger.end_agreement(world.actor("psychiatrist"), world.ids["Lio"], agreement.pk, to_on=ends, why="stopping it")
    assert state(agreement) == "active" and owners(world) == {PRACTICE}
    # The end that is fixed stays, whatever comes before it.
    services.take_back(world.actor("psychiatrist"), agreement.pk, from_on=TODAY + timedelta(3))
    world.today = TODAY + timedelta(4)
    assert state(agreement) == "returned_to_specialist"
    world.today = ends
    world.catch_up()
    assert state(agreement) == "ended" and owners(world) == {"nobody"}
    assert [duty.due_on for duty in world.duties("Lio", rule_id="agree.who", state="open")] == [ends]


def test_an_agreement_recorded_the_old_way_is_active_by_its_day_and_can_be_handed_back(world):
    world.agree_lithium("Lio")
    recorded = Agreement.objects.get()
    assert state(recorded) == "active" and owners(world) == {TRUST}
    assert {row.owner_org for row in selectors.responsibilities_on(recorded, TODAY)} == {TRUST}
    services.hand_back(world.actor("gp"), recorded.pk, why="unstable", contingency="none needed")
    services.take_back(world.actor("psychiatrist"), recorded.pk)
    assert state(recorded) == "returned_to_specialist"
    assert selectors.clock_of(recorded) is None


def test_only_the_parties_act(world, agreement):
    from stepwell.web.core.gate import AccessRefused

    for key in ("other gp", "nurse"):
        with pytest.raises(AccessRefused):
            services.propose_dose_change(world.actor(key), agreement.pk, dose="1", why="1")
    with pytest.raises(Refused, match="There is no such agreement"):
        services.accept(world.actor("gp"), 999_999)


def test_every_event_names_who_as_which_role_and_when(world, agreement):
    told = [(event.kind, event.by.username, event.role, event.org_code) for event in selectors.events_of(agreement)]
    assert told == [
        ("drafted", "psychiatrist", "psychiatrist", TRUST),
        ("requested", "psychiatrist", "psychiatrist", TRUST),
        ("accepted", "gp", "gp", PRACTICE),
    ]
    assert all(selectors.told(event).on == TODAY for event in selectors.events_of(agreement))
