"""Handing over: what an offer changes (nothing), what an answer changes, what silence says, and that a duty always has one owner."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import web_support
from ledger_world import OTHER_PRACTICE, PCN, PRACTICE, TODAY, TRUST, World
from stepwell.errors import Refused
from stepwell.web.core.gate import AccessRefused
from stepwell.web.ledger import handovers, known, selectors, services
from stepwell.web.ledger.acts import Stale
from stepwell.web.ledger.arrangement import arrangement_of, derive
from stepwell.web.ledger.models import Duty, DutyEvent, Handover, OwnerAssertion
from stepwell.web.ledger.results import ResultEntry

ADA = [
    "female",
    "on the caseload of trust from 2024-01-01",
    "lithium 800 mg daily from 2024-01-10 every 28 days",
    "diagnosis bipolar on 2020-01-01",
    "lithium-level 0.6 on 2025-11-20",
]
CY = ["on the caseload of trust from 2026-01-01", "risperidone 2 mg daily from 2026-01-01 every 28 days by trust"]
WHY = "They see her every week"


@pytest.fixture
def world(db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Ada": ADA, "Cy": CY})
    world.catch_up()
    return world


@pytest.fixture
def level(world):
    return world.duty("Ada", "lithium.level")


def offer(world, duty, who="gp", to=TRUST, scope="duty") -> Handover:
    handovers.offer(world.actor(who), duty.pk, to_org=to, why=WHY, scope=scope)
    duty.refresh_from_db()
    return Handover.objects.latest("pk")


def owner(duty) -> str:
    duty.refresh_from_db()
    return duty.owner_org


def test_an_offer_moves_nothing(world, level):
    made = offer(world, level)
    assert owner(level) == PRACTICE and level.offered_to == TRUST and level.offer == made
    assert (made.from_org, made.owner_was, made.state) == (PRACTICE, PRACTICE, "open")
    assert made.answer_by == TODAY + timedelta(days=known.parameter("handover_days"))
    assert world.events(level) == ["opened", "offered"]
    services.acknowledge(world.actor("gp"), level.pk)  # until it is accepted it stays theirs to act on
    with pytest.raises(Refused, match="belongs to Riverside Surgery"):
        services.acknowledge(world.actor("psychiatrist"), level.pk)


def test_accepting_moves_this_duty_alone_and_evaluations_leave_it(world, level):
    made = offer(world, level)
    others = {duty.pk for duty in world.duties("Ada", state="open", owner_org=PRACTICE) if duty.test not in ("weight", level.test)}
    handovers.accept(world.actor("psychiatrist"), made.pk)
    assert owner(level) == TRUST and level.offer is None and level.owner_basis == "handed over"
    assert "Northside CMHT accepted it from Riverside Surgery" in level.owner_label
    world.more("Ada", "weight 71 on 2026-05-30")
    world.catch_up()
    assert owner(level) == TRUST
    assert {duty.pk for duty in world.duties("Ada", state="open", owner_org=PRACTICE)} >= others
    with pytest.raises(Refused, match="belongs to Northside CMHT"):
        services.acknowledge(world.actor("gp"), level.pk)
    services.acknowledge(world.actor("psychiatrist"), level.pk)


def test_an_evaluation_does_not_take_a_hand_over_for_a_change(world, level):
    handovers.accept(world.actor("psychiatrist"), offer(world, level).pk)
    before = world.events(level)
    world.catch_up()
    assert world.events(level) == before


def test_the_next_time_it_falls_due_it_is_the_practices_again(world, level):
    handovers.accept(world.actor("psychiatrist"), offer(world, level).pk)
    services.record_results(world.actor("psychiatrist"), world.ids["Ada"], [ResultEntry("lithium-level", 700, TODAY)])
    following = world.duty("Ada", "lithium.level")
    assert (owner(level), level.state) == (TRUST, "met")
    assert (following.instance, following.owner_org, following.handed_to) == (2, PRACTICE, "")


def test_a_hand_over_goes_on_when_the_evidence_is_withdrawn(world, level):
    handovers.accept(world.actor("psychiatrist"), offer(world, level).pk)
    services.record_results(world.actor("psychiatrist"), world.ids["Ada"], [ResultEntry("lithium-level", 700, TODAY)])
    event = DutyEvent.objects.get(kind="result recorded", duty=level)
    services.undo(world.actor("psychiatrist"), event.pk, why="another person's")
    again = world.duty("Ada", "lithium.level")
    assert (again.instance, again.state, again.owner_org, again.handed_to) == (2, "open", TRUST, TRUST)
    accepted = DutyEvent.objects.get(kind="offer accepted")
    services.undo(world.actor("psychiatrist"), accepted.pk, why="too many")
    again.refresh_from_db()
    assert (again.owner_org, again.offered_to) == (PRACTICE, TRUST)


def test_declining_needs_a_reason_and_leaves_it(world, level):
    made = offer(world, level)
    with pytest.raises(Refused, match="why you do not take it"):
        handovers.decline_offer(world.actor("psychiatrist"), made.pk, why=" ")
    handovers.decline_offer(world.actor("psychiatrist"), made.pk, why="no phlebotomy here")
    made.refresh_from_db()
    assert (owner(level), level.offered_to, made.state, made.answer_why) == (PRACTICE, "", "declined", "no phlebotomy here")
    assert offer(world, level, to=PCN).to_org == PCN  # it may be offered again, to another


def test_withdrawing_is_for_who_offered(world, level):
    made = offer(world, level)
    with pytest.raises(Refused, match="offered by Riverside Surgery"):
        handovers.withdraw(world.actor("psychiatrist"), made.pk, why="x")
    handovers.withdraw(world.actor("nurse"), made.pk, why="done here after all")
    assert owner(level) == PRACTICE and level.offer is None
    with pytest.raises(Refused, match="was withdrawn on"):
        handovers.accept(world.actor("psychiatrist"), made.pk)


def test_silence_is_seen_by_both_sides_and_is_not_a_yes(world, level):
    made = offer(world, level)
    world.today = made.answer_by
    assert not selectors.silent_offers(world.actor("gp"), world.today)
    world.today = made.answer_by + timedelta(1)
    world.catch_up()
    assert owner(level) == PRACTICE and made.is_silent(world.today)
    assert selectors.silent_offers(world.actor("gp"), world.today) == 1
    gp, trust = (world.client(who).get(f"/duties/{level.pk}").content.decode() for who in ("gp", "psychiatrist"))
    assert "no answer from Northside CMHT by 15-Jun-2026: still yours" in gp
    assert "offered to you by Riverside Surgery, answer by 15-Jun-2026" in trust
    assert "1 offer of yours has had no answer in time" in " ".join(world.client("gp").get("/worklist").content.decode().split())
    handovers.accept(world.actor("psychiatrist"), made.pk)  # late is better than never
    assert owner(level) == TRUST


def test_handing_back_ends_the_hand_over(world, level):
    handovers.accept(world.actor("psychiatrist"), offer(world, level).pk)
    back = offer(world, level, who="psychiatrist", to=PRACTICE)
    assert owner(level) == TRUST
    handovers.accept(world.actor("gp"), back.pk)
    assert (owner(level), level.handed_to, level.need_owner) == (PRACTICE, "", {})
    assert level.owner_basis != "handed over"


def test_a_medicine_moves_with_all_its_duties_now_and_later(world, level):
    made = offer(world, level, scope="medicine")
    waiting = world.duties("Ada", state="open", offered_to=TRUST)
    assert len(waiting) > 2 and {duty.subject for duty in waiting} == {"lithium"}
    handovers.accept(world.actor("psychiatrist"), made.pk)
    assert owner(level) == TRUST and level.owner_basis == "assertion"
    assert {duty.owner_org for duty in world.duties("Ada", state="open", subject="lithium")} == {TRUST}
    services.record_results(world.actor("psychiatrist"), world.ids["Ada"], [ResultEntry("lithium-level", 700, TODAY)])
    assert world.duty("Ada", "lithium.level").owner_org == TRUST


def test_what_falls_due_while_a_medicine_is_offered_is_part_of_the_offer(world, level):
    made = offer(world, level, scope="medicine")
    services.record_results(world.actor("gp"), world.ids["Ada"], [ResultEntry("lithium-level", 700, TODAY)])
    following = world.duty("Ada", "lithium.level")
    assert following.instance == 2 and following.offer == made
    handovers.decline_offer(world.actor("psychiatrist"), made.pk, why="no")
    following.refresh_from_db()
    assert following.offer is None and world.events(following) == ["opened", "offer declined"]


def test_a_medicine_goes_there_and_back_on_one_day(world, level):
    handovers.accept(world.actor("psychiatrist"), offer(world, level, scope="medicine").pk)
    handovers.accept(world.actor("gp"), offer(world, level, who="psychiatrist", to=PRACTICE, scope="medicine").pk)
    assert owner(level) == PRACTICE
    assert OwnerAssertion.objects.filter(to_on__isnull=True, undone_at__isnull=True).count() == 1
    last = DutyEvent.objects.filter(kind="offer accepted", duty=level).latest("pk")
    services.undo(world.actor("gp"), last.pk, why="misunderstood")
    assert owner(level) == TRUST and level.offered_to == PRACTICE


def test_nobodys_medicine_is_offered_and_stays_nobodys_with_its_question(world):
    agree = world.duty("Cy", "agree.who")
    with pytest.raises(Refused, match="offer the medicine"):
        offer(world, agree)
    made = offer(world, agree, scope="medicine")
    assert (made.owner_was, made.from_org) == ("nobody", PRACTICE)
    nobodys = world.duties("Cy", state="open", owner_org="nobody")
    assert nobodys and agree.is_open
    handovers.accept(world.actor("psychiatrist"), made.pk)
    agree.refresh_from_db()
    assert agree.state == "superseded"
    assert {duty.owner_org for duty in world.duties("Cy", state="open", subject="risperidone")} == {TRUST}


def test_a_medicine_under_an_agreement_is_not_offered(world, level):
    world.agree_lithium("Ada")
    with pytest.raises(Refused, match="is agreed"):
        offer(world, world.duty("Ada", "lithium.level"), who="psychiatrist", to=PRACTICE, scope="medicine")


def test_an_offer_whose_duty_moved_meanwhile_cannot_be_accepted(world, level):
    made = offer(world, level, to=PCN)
    world.agree_lithium("Ada")
    assert owner(level) == TRUST
    with pytest.raises(Refused, match="it is now Northside CMHT"):
        handovers.accept(world.actor("pharmacist"), made.pk)
    handovers.decline_offer(world.actor("pharmacist"), made.pk, why="the trust has it now")


def test_to_whom_it_can_be_offered(world, level):
    assert handovers.possible(world.actor("gp"), level).takers == [(TRUST, "Northside CMHT"), (PCN, "Northvale PCN")]
    with pytest.raises(Refused, match="Choose an organisation"):
        offer(world, level, to=OTHER_PRACTICE)
    with pytest.raises(Refused, match="Choose an organisation"):
        offer(world, level, to=PRACTICE)


@pytest.mark.parametrize("who", ["manager", "link worker", "other gp"])
def test_who_may_not_hand_over(world, level, who):
    with web_support.recorded() as trail, pytest.raises(AccessRefused):
        offer(world, level, who=who)
    assert trail.refusals() and not trail.writes()
    assert not Handover.objects.exists()


def test_a_nurse_hands_over_a_duty_and_not_a_medicine(world, level):
    with pytest.raises(AccessRefused, match="agree who owns"):
        offer(world, level, who="nurse", scope="medicine")
    assert offer(world, level, who="nurse").is_open


def test_one_offer_at_a_time(world, level):
    offer(world, level)
    with pytest.raises(Refused, match="already offered to Northside CMHT"):
        offer(world, level, to=PCN)


def test_undoing_answers_brings_the_offer_back(world, level):
    made = offer(world, level)
    psychiatrist = world.actor("psychiatrist")
    handovers.accept(psychiatrist, made.pk)
    services.undo(psychiatrist, DutyEvent.objects.get(kind="offer accepted").pk, why="clicked too fast")
    made.refresh_from_db()
    assert (owner(level), level.offered_to, made.state) == (PRACTICE, TRUST, "open")
    handovers.decline_offer(psychiatrist, made.pk, why="no")
    services.undo(psychiatrist, DutyEvent.objects.get(kind="offer declined").pk, why="we can after all")
    handovers.accept(psychiatrist, made.pk)
    assert owner(level) == TRUST


def test_an_acceptance_is_not_undone_under_a_later_offer(world, level):
    handovers.accept(world.actor("psychiatrist"), offer(world, level).pk)
    offer(world, level, who="psychiatrist", to=PRACTICE)
    with pytest.raises(Refused, match="Since then it was offered to Riverside Surgery"):
        services.undo(world.actor("psychiatrist"), DutyEvent.objects.get(kind="offer accepted").pk, why="x")


def test_an_answer_that_had_not_seen_what_happened_is_refused(world, level):
    made = offer(world, level)
    seen = selectors.last_event(selectors.duties_offered(made))
    services.defer(world.actor("gp"), level.pk, until=TODAY + timedelta(7), why="she is away")
    with pytest.raises(Stale, match="not this time") as stale:
        handovers.accept(world.actor("psychiatrist"), made.pk, seen=seen)
    assert [event.kind for event in stale.value.changes] == ["deferred"]
    assert owner(level) == PRACTICE


def test_who_was_asked_and_who_holds_a_duty_reaches_the_person_as_long_as_that_lasts(world, level):
    made = offer(world, level)
    world.tell({"Ada": [sentence for sentence in ADA if "caseload" not in sentence]})
    world.catch_up()
    trust = world.client("psychiatrist")
    assert trust.get(f"/hand-overs/{made.pk}").status_code == 200
    handovers.accept(world.actor("psychiatrist"), made.pk)
    world.catch_up()
    assert trust.get(f"/duties/{level.pk}").status_code == 200
    services.record_results(world.actor("psychiatrist"), world.ids["Ada"], [ResultEntry("lithium-level", 700, TODAY)])
    assert trust.get(f"/duties/{level.pk}").status_code in (403, 404)


def test_every_step_is_in_the_audit_of_the_person(world, level):
    with web_support.recorded() as trail:
        made = offer(world, level)
        handovers.accept(world.actor("psychiatrist"), made.pk)
    assert [(entry.action, entry.person_id) for entry in trail.writes()] == [
        ("duty offered", world.ids["Ada"]),
        ("duty offer accepted", world.ids["Ada"]),
    ]


# At every moment one owner: any order of offers, answers, silence, undoing and evaluations

STEPS = ("offer", "offer medicine", "accept", "decline", "withdraw", "undo", "silence", "evaluate", "records", "assign", "result")


def _step(world, name: str, step: str, turn: int) -> None:
    duty, person = world.duty(name, "lithium.level"), world.ids[name]
    actors = [world.actor(who) for who in ("gp", "psychiatrist", "pharmacist")]
    holder = next((actor for actor in actors if duty.owner_org in actor.organisations), actors[0])
    if step in ("offer", "offer medicine"):
        takers = handovers.possible(holder, duty).takers
        scope = "medicine" if step == "offer medicine" else "duty"
        handovers.offer(holder, duty.pk, to_org=takers[turn % len(takers)][0], why=WHY, scope=scope)
    elif step in ("accept", "decline", "withdraw"):
        waiting = Handover.objects.filter(state="open", person_id=person).latest("pk")
        side = waiting.from_org if step == "withdraw" else waiting.to_org
        actor = next(actor for actor in actors if side in actor.organisations)
        verb = {"accept": handovers.accept, "decline": handovers.decline_offer, "withdraw": handovers.withdraw}[step]
        verb(actor, waiting.pk, why="as told")
    elif step == "undo":
        events = DutyEvent.objects.filter(kind__in=services.UNDOABLE, superseded_by__isnull=True, duty__person_id=person)
        event = events.latest("pk")
        services.undo(next(actor for actor in actors if event.org_code in actor.organisations), event.pk, why="taken back")
    elif step == "assign":
        services.take(holder, duty.pk)
    elif step == "result":
        entry = ResultEntry("lithium-level", 600 + turn, world.today)
        services.record_results(holder, person, [entry], confirmed=True)
    else:
        if step == "silence":
            world.today += timedelta(days=known.parameter("handover_days") + 1)
        if step == "records":
            world.more(name, f"weight {60 + turn} on {world.today}")
        world.catch_up()


def _assert_one_owner(person: int) -> None:
    for duty in Duty.objects.filter(person_id=person, state="open").select_related("offer"):
        assert duty.owner_org in {PRACTICE, TRUST, PCN, "nobody"}
        assert duty.owner_org == duty.handed_to if duty.handed_to else duty.need_owner == {}
        assert (duty.offer_id is None) == (duty.offered_to == "")
        assert duty.offer is None or (duty.offer.is_open and duty.offer.to_org == duty.offered_to)
        assert duty.revision == duty.events.count()
        kept = (arrangement_of(duty), duty.owner_org, duty.owner_label)
        derive(duty)
        duty.refresh_from_db()
        assert (arrangement_of(duty), duty.owner_org, duty.owner_label) == kept, "its events tell another story"
    unowned = {duty.subject for duty in Duty.objects.filter(person_id=person, state="open", owner_org="nobody")}
    asked = {duty.subject for duty in Duty.objects.filter(person_id=person, state="open", kind="agree")}
    assert unowned & known.substances() <= asked, "what is nobody's raises the question who takes it"
    assert Handover.objects.filter(person_id=person, state="open", scope="medicine").count() <= 1


@pytest.mark.parametrize("supplier", ["", " by trust"])
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(STEPS), min_size=4, max_size=9))
def test_at_every_moment_a_duty_has_one_owner(world, supplier, steps):
    """Of the practice's medicine, and of one that nobody owns."""
    name = f"P{len(world.people)}"  # a new person each time: the ledger of the one before stays as it was left
    world.today = TODAY
    world.tell({name: [sentence + (supplier if "800 mg" in sentence else "") for sentence in ADA]})
    world.catch_up()
    for turn, step in enumerate(steps):
        with suppress(Refused, Handover.DoesNotExist, DutyEvent.DoesNotExist):
            _step(world, name, step, turn)
        _assert_one_owner(world.ids[name])
