"""A transfer from proposal to rapid return: one owner at each point, clocks in working days, no review lost."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_world import IRIS, PRACTICE, TODAY, TRUST, World
from stepwell.errors import Refused
from stepwell.web.core import clock
from stepwell.web.core.gate import AccessRefused
from stepwell.web.ledger.acts import Written
from stepwell.web.ledger.models import Asked
from stepwell.web.ledger.services import done_with_review
from stepwell.web.transfers import figures, panels, selectors, services
from stepwell.web.transfers.models import OPEN_STATES, State, Transfer

REVIEWERS = {"at transfer": TRUST, "month 3": PRACTICE, "month 6": PRACTICE}
LONDON = ZoneInfo("Europe/London")


@pytest.fixture
def world(db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Iris": IRIS})
    world.catch_up()
    return world


def propose(world: World, planned_on: date = TODAY) -> int:
    row, _ = services.propose(
        world.actor("psychiatrist"),
        world.ids["Iris"],
        why="Settled for three years",
        plan="Repeats and yearly checks; ask at the first sleepless nights",
        planned_on=planned_on,
        reviewers=REVIEWERS,
    )
    return row.pk


def agreed(world: World) -> int:
    transfer = propose(world)
    services.agree(world.actor("gp"), transfer)
    return transfer


def transferred(world: World) -> int:
    transfer = agreed(world)
    services.record_transfer(world.actor("psychiatrist"), transfer, on=world.today, why_missing="Moves on Friday, the rest follows")
    return transfer


def owed(world: World) -> dict[str, tuple[str, date]]:
    """Open duties of transfers: point → (owner, due)."""
    return {duty.point: (duty.owner_org, duty.due_on) for duty in world.duties("Iris", rule_id=selectors.RULE, state="open")}


def row_of(transfer: int) -> Transfer:
    row = selectors.transfer_row(transfer)
    assert row is not None
    return row


# The ordinary way


def test_a_proposal_is_the_practices_to_answer_within_fourteen_working_days(world, monkeypatch):
    # Friday evening before the August holiday counts as received on the Tuesday after it.
    monkeypatch.setattr(clock, "moment", lambda: datetime(2026, 8, 28, 18, 0, tzinfo=LONDON))
    world.today = date(2026, 8, 28)
    row = row_of(propose(world, world.today))
    assert row.answer_by == date(2026, 9, 21)
    assert owed(world) == {"answer": (PRACTICE, row.answer_by)}
    ticking = panels.clock_of(row, date(2026, 9, 2))
    assert ticking.words == "working day 1 of 14, due 21-Sep-2026"
    assert row.care_of(world.today) == TRUST and row.next_of() == PRACTICE


def test_silence_is_never_a_yes(world):
    transfer = propose(world)
    world.today = TODAY + timedelta(60)
    world.catch_up()
    row = row_of(transfer)
    assert row.state == State.PROPOSED and row.care_of(world.today) == TRUST
    assert panels.clock_of(row, world.today).is_late
    assert owed(world)["answer"][0] == PRACTICE


def test_agreeing_moves_nothing_and_asks_the_team_to_prepare(world):
    row = row_of(agreed(world))
    assert row.care_of(TODAY) == TRUST and row.next_of() == TRUST
    assert owed(world) == {"prepare": (TRUST, TODAY)}


def test_a_transfer_names_what_is_missing_and_raises_the_reviews_of_the_plan(world):
    transfer = agreed(world)
    with pytest.raises(Refused, match=r"^Missing: .*Joint appointment has taken place; Who prescribes"):
        services.record_transfer(world.actor("psychiatrist"), transfer, on=TODAY)
    services.record_transfer(world.actor("psychiatrist"), transfer, on=TODAY, why_missing="Moves on Friday")
    assert owed(world) == {
        "at transfer": (TRUST, TODAY),
        "month 3": (PRACTICE, date(2026, 9, 1)),
        "month 6": (PRACTICE, date(2026, 12, 1)),
    }
    row = row_of(transfer)
    event = selectors.events_of(row)[0]
    assert "Joint appointment has taken place" in event.detail["missing"]
    assert row.care_of(TODAY) == PRACTICE and row.care_of(TODAY - timedelta(1)) == TRUST


def test_the_care_moves_on_the_day_and_not_on_the_click(world):
    transfer = agreed(world)
    services.record_transfer(world.actor("psychiatrist"), transfer, on=TODAY + timedelta(10), why_missing="Booked")
    row = row_of(transfer)
    assert row.care_of(TODAY) == TRUST and row.care_of(TODAY + timedelta(10)) == PRACTICE


def test_what_stepwell_knows_of_the_checklist_is_not_ticked_by_hand(world):
    transfer = agreed(world)
    gp = world.actor("gp")
    with pytest.raises(Refused, match="reads this by itself"):
        services.check_items(gp, transfer, {"owners": (services.DONE, "")})
    with pytest.raises(Refused, match="say why"):
        services.check_items(gp, transfer, {"owners": (services.NOT_NEEDED, " ")})
    services.check_items(gp, transfer, {"owners": (services.NOT_NEEDED, "agreed on the phone"), "agrees": (services.DONE, "")})
    services.arrange_joint(gp, transfer, on=TODAY, who="Dr Hart and Priya Nair")
    row = row_of(transfer)
    record = world_record(world)
    state = {check.item: check.state for check in services.checks_of(row, record, TODAY, None)}
    assert state["owners"] == services.NOT_NEEDED and state["agrees"] == services.DONE and state["joint"] == services.DONE
    assert state["letter"] == "" and "depot" not in state


def world_record(world):
    from stepwell.web.ledger import selectors as ledger

    return ledger.person(world.ids["Iris"])


def test_a_review_is_done_like_any_other_duty(world):
    transfer = transferred(world)
    duty = world.duty("Iris", selectors.RULE, "at transfer")
    done_with_review(world.actor("psychiatrist"), duty.pk, on=TODAY, why="Well, sleeping, no change")
    assert selectors.reviews_left(row_of(transfer)) == ["month 3", "month 6"]


def test_declining_leaves_the_care_where_it_is(world):
    transfer = propose(world)
    with pytest.raises(Refused):
        services.decline(world.actor("gp"), transfer, why=" ")
    services.decline(world.actor("gp"), transfer, why="No room for depots until the autumn")
    row = row_of(transfer)
    assert row.state == State.DECLINED and row.care_of(TODAY) == TRUST and owed(world) == {}
    assert propose(world) != transfer


# Rapid return


def test_a_rapid_return_has_a_clock_both_see_and_stays_the_teams_until_they_take_the_person_back(world, monkeypatch):
    transfer = transferred(world)
    monkeypatch.setattr(clock, "moment", lambda: datetime(2026, 6, 1, 9, 0, tzinfo=LONDON))
    services.ask_return(world.actor("nurse"), transfer, why="Not sleeping for four nights")
    row = row_of(transfer)
    assert row.return_by == date(2026, 6, 8) and owed(world)["return 1"] == (TRUST, date(2026, 6, 8))
    assert row.care_of(TODAY) == PRACTICE and row.next_of() == TRUST
    for who in ("gp", "psychiatrist"):
        page = world.client(who).get(f"/transfers/{transfer}").content.decode()
        assert "5 working days, due 08-Jun-2026" in page
    world.today = date(2026, 7, 1)
    world.catch_up()
    assert owed(world)["return 1"][0] == TRUST
    assert selectors.late_returns(world.actor("gp"), world.today) == selectors.late_returns(world.actor("psychiatrist"), world.today) == 1
    services.take_back(world.actor("psychiatrist"), transfer, on=world.today, why="Seen today by Dr Hart")
    row = row_of(transfer)
    assert row.care_of(world.today) == TRUST and owed(world) == {}
    closed = {duty.point: (duty.state, duty.ended_why) for duty in world.duties("Iris", rule_id=selectors.RULE) if not duty.is_open}
    assert closed["return 1"][0] == "met" and closed["month 3"][0] == "superseded" and "Seen today" in closed["month 3"][1]


def test_another_plan_needs_both_sides(world):
    transfer = transferred(world)
    services.ask_return(world.actor("gp"), transfer, why="Tearful")
    services.propose_other(world.actor("psychiatrist"), transfer, plan="Dr Hart rings her tomorrow")
    assert row_of(transfer).state == State.RETURN_ASKED and "return 1" in owed(world)
    with pytest.raises(Refused, match="the other side has to agree"):
        services.agree_other(world.actor("psychiatrist"), transfer)
    services.agree_other(world.actor("gp"), transfer)
    row = row_of(transfer)
    assert row.state == State.TRANSFERRED and row.care_of(TODAY) == PRACTICE
    assert owed(world).keys() == REVIEWERS.keys()
    services.ask_return(world.actor("gp"), transfer, why="Worse again")
    assert "return 2" in owed(world)


def test_the_team_reaches_the_person_while_a_return_is_open(world):
    transfer = transferred(world)
    services.ask_return(world.actor("gp"), transfer, why="Worse")
    reach = selectors.reach([world.ids["Iris"]])[world.ids["Iris"]]
    assert (TRUST, f"transfers/{transfer}", None, None) in reach


def test_the_reach_ends_when_the_reviews_are_over(world):
    transfer = transferred(world)
    for point in REVIEWERS:
        duty = world.duty("Iris", selectors.RULE, point)
        who = "gp" if duty.owner_org == PRACTICE else "psychiatrist"
        done_with_review(world.actor(who), duty.pk, on=TODAY, why="Well")
    until = {end for _, _, _, end in selectors.reach([world.ids["Iris"]])[world.ids["Iris"]]}
    assert until == {date(2026, 12, 29)}
    assert row_of(transfer).is_open


# Who may, and who was faster


def test_each_step_is_for_its_side(world):
    transfer = propose(world)
    with pytest.raises(Refused, match="This is for Riverside Surgery to do"):
        services.agree(world.actor("psychiatrist"), transfer)
    with pytest.raises(AccessRefused):
        services.agree(world.actor("nurse"), transfer)
    with pytest.raises(AccessRefused):
        services.agree(world.actor("other gp"), transfer)
    services.agree(world.actor("gp"), transfer)
    with pytest.raises(Refused, match="This is for Northside CMHT to do"):
        services.withdraw(world.actor("gp"), transfer, why="No")


def test_only_the_specialist_side_proposes(world):
    with pytest.raises(Refused, match="proposed by the specialist team"):
        services.propose(world.actor("gp"), world.ids["Iris"], why="Well", plan="All", planned_on=TODAY, reviewers=REVIEWERS)
    propose(world)
    with pytest.raises(Refused, match="already under way"):
        propose(world)


def test_every_review_has_an_owner(world):
    actor = world.actor("psychiatrist")
    with pytest.raises(Refused, match="Review 3 months after transfer: say which"):
        services.propose(actor, world.ids["Iris"], why="Well", plan="All", planned_on=TODAY, reviewers=REVIEWERS | {"month 3": "nobody"})


def test_the_second_person_sees_what_changed(world):
    transfer = propose(world)
    services.agree(world.actor("gp"), transfer, version=1)
    with pytest.raises(services.Changed, match="agreed by the practice, Dr Amara Osei"):
        services.decline(world.actor("gp"), transfer, why="No room", version=1)


# Any sequence of events


VERBS = {
    "propose": lambda actor, row, day, person: services.propose(
        actor, person, why="Settled", plan="Repeats", planned_on=day, reviewers=REVIEWERS
    ),
    "agree": lambda actor, row, day, person: services.agree(actor, row),
    "decline": lambda actor, row, day, person: services.decline(actor, row, why="No room"),
    "withdraw": lambda actor, row, day, person: services.withdraw(actor, row, why="Not now"),
    "transfer": lambda actor, row, day, person: services.record_transfer(actor, row, on=day, why_missing="Booked"),
    "ask return": lambda actor, row, day, person: services.ask_return(actor, row, why="Worse"),
    "take back": lambda actor, row, day, person: services.take_back(actor, row, on=day, why="Seen"),
    "other": lambda actor, row, day, person: services.propose_other(actor, row, plan="Ring her"),
    "agree other": lambda actor, row, day, person: services.agree_other(actor, row),
}
STEPS = st.lists(
    st.tuples(st.sampled_from([*VERBS, "wait"]), st.sampled_from(["gp", "psychiatrist"]), st.integers(0, 40)), min_size=4, max_size=24
)
WALK = [
    ("propose", "psychiatrist", 0), ("agree", "gp", 0), ("transfer", "gp", 0), ("ask return", "gp", 0), ("other", "gp", 0),
    ("agree other", "psychiatrist", 0), ("ask return", "gp", 0), ("take back", "psychiatrist", 0), ("propose", "psychiatrist", 0),
]  # fmt: skip


@pytest.fixture
def unevaluated(world, monkeypatch):
    """What is stated is what counts here; evaluations of it are told above and in the ledger's own tests."""
    monkeypatch.setattr(services, "evaluated", Written)
    return world


def stated(row: Transfer) -> dict[str, Asked]:
    """Of each duty that the transfer raised, what was said last."""
    rows = Asked.objects.filter(source=selectors.SOURCE, source_id=str(row.pk)).order_by("seq")
    return {each.point: each for each in rows}


def check(person: int, today: date) -> None:
    rows = list(Transfer.objects.filter(person_id=person))
    assert len([row for row in rows if row.is_open]) <= 1
    for row in rows:
        parties = {row.from_org, row.to_org}
        assert row.care_of(today) in parties
        assert (row.next_of() in parties) if row.is_open else row.next_of() == ""
        said = stated(row)
        open_points = {point for point, each in said.items() if each.kind == "asked"}
        assert all(said[point].owner_org in parties for point in open_points)
        assert all(each.ended_why for point, each in said.items() if point not in open_points)
        wanted = {
            State.PROPOSED: {"answer"}, State.AGREED: {"prepare"}, State.TRANSFERRED: set(REVIEWERS),
            State.RETURN_ASKED: {*REVIEWERS, services.return_point(row.returns)},
        }.get(State(row.state), set())  # fmt: skip
        assert open_points == wanted, (row.state, open_points)
        if row.state == State.RETURN_ASKED:
            assert said[services.return_point(row.returns)].owner_org == row.from_org
        assert row.revision == row.events.count()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, walk=st.integers(0, len(WALK)))
def test_over_any_sequence_there_is_one_owner_and_no_review_is_lost(unevaluated, settings, steps, walk):
    world, person = unevaluated, unevaluated.ids["Iris"]
    actors = {who: world.actor(who) for who in ("gp", "psychiatrist")}
    settings.AS_OF = TODAY
    with transaction.atomic():
        for verb, who, days in [*WALK[:walk], *steps]:
            day = clock.today()
            if verb == "wait":
                settings.AS_OF = day + timedelta(days)
            else:
                last = Transfer.objects.filter(person_id=person).order_by("-id").first()
                with suppress(Refused):
                    VERBS[verb](actors[who], last.pk if last else 0, day, person)
            check(person, clock.today())
        transaction.set_rollback(True)
    settings.AS_OF = TODAY


def test_open_states_are_those_with_a_next_owner():
    for state in State:
        row = Transfer(from_org=TRUST, to_org=PRACTICE, state=state)
        assert bool(row.next_of()) == (state in OPEN_STATES)


def test_the_reviews_are_at_transfer_three_and_six_months():
    assert [(each.review, each.months) for each in figures.reviews().values()] == [("at transfer", 0), ("month 3", 3), ("month 6", 6)]
