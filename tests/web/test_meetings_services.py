"""Meetings: the agenda says why, nobody is lost from one meeting to the next, decisions become duties, minutes stay as signed."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_world import IRIS, PRACTICE, TODAY, TRUST, World
from stepwell import knowledge
from stepwell.errors import Refused
from stepwell.web.core import clock
from stepwell.web.core.append_only import AppendOnlyError
from stepwell.web.core.gate import AccessRefused
from stepwell.web.ledger.acts import Written
from stepwell.web.meetings import agenda, selectors, services, standing
from stepwell.web.meetings.models import AgendaItem, ItemEvent, Meeting, Minutes
from stepwell.web.transfers import services as transfers

SHARED = ["lithium 800 mg daily from 2024-06-10 every 28 days by trust"]


@pytest.fixture
def world(db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell(
        {
            "Iris": IRIS,
            "Bo": ["olanzapine 10 mg daily from 2023-04-01 every 28 days", "on the caseload of trust from 2026-05-20", *SHARED],
            "Cy": ["olanzapine 10 mg daily from 2023-04-01 every 28 days"],
        }
    )
    world.catch_up()
    return world


def arranged(world, days=0, minutes=30):
    gp = world.actor("gp")
    return services.arrange(gp, on=TODAY + timedelta(days), minutes=minutes, chair_id=gp.user_id, with_orgs=[TRUST])


def item_of(meeting, world, name):
    return AgendaItem.objects.get(meeting=meeting, person_id=world.ids[name])


# The agenda


def test_the_agenda_is_of_people_whom_both_sides_know_and_says_why(world):
    meeting = arranged(world)
    lines = {line.person.given_name: line for line in selectors.lines_of(meeting)}
    assert set(lines) == {"Iris", "Bo"}
    bo = dict(lines["Bo"].item.reasons)
    assert bo["new"] == "on the caseload of Northside CMHT since 20-May-2026"
    iris = dict(lines["Iris"].item.reasons)
    assert "nobody" in iris and all(words for words in iris.values())


def test_a_rapid_return_comes_first(world):
    plan = {"at transfer": TRUST, "month 3": PRACTICE, "month 6": PRACTICE}
    row, _ = transfers.propose(world.actor("psychiatrist"), world.ids["Bo"], why="Well", plan="All", planned_on=TODAY, reviewers=plan)
    transfers.agree(world.actor("gp"), row.pk)
    transfers.record_transfer(world.actor("gp"), row.pk, on=TODAY, why_missing="Booked")
    transfers.ask_return(world.actor("gp"), row.pk, why="Worse")
    first = selectors.lines_of(arranged(world))[0]
    assert first.person.given_name == "Bo"
    assert first.item.reasons[0] == ["return", "Rapid return asked for, answer due 08-Jun-2026"]


def test_it_is_cut_to_the_time_there_is():
    each = knowledge.load().parameters["meeting_person_minutes"].value
    assert each == 5
    now, rest = agenda.fits(list(range(20)), 60)
    assert (len(now), len(rest)) == (12, 8) and now + rest == list(range(20))
    assert agenda.capacity(3) == 1


def test_a_person_is_put_on_by_hand_with_the_reason_and_taken_off_with_one(world):
    meeting = arranged(world)
    with pytest.raises(Refused):
        services.add_person(world.actor("nurse"), meeting.pk, world.ids["Cy"], why=" ")
    item = services.add_person(world.actor("nurse"), meeting.pk, world.ids["Cy"], why="Missed three injections")
    assert item.reasons == [["by hand", "Missed three injections (Priya Nair)"]]
    with pytest.raises(Refused, match="already"):
        services.add_person(world.actor("gp"), meeting.pk, world.ids["Cy"], why="Again")
    services.take_off(world.actor("gp"), item.pk, why="Seen today")
    assert services.draw_up(world.actor("gp"), meeting.pk) == 0
    assert selectors.line_of(item).taken_off.why == "Seen today"
    with pytest.raises(Refused, match="put them on again"):
        services.no_action(world.actor("gp"), item.pk, because="Seen today")
    services.add_person(world.actor("gp"), meeting.pk, world.ids["Cy"], why="Not seen after all")
    assert selectors.line_of(item).waits


# Decisions


def test_a_decision_is_typed_once_and_becomes_a_duty(world):
    meeting = arranged(world)
    item = item_of(meeting, world, "Iris")
    by = TODAY + timedelta(7)
    event, _ = services.decide(
        world.actor("gp"), item.pk, what="ring about the lithium level", owner_org=TRUST, owner_role="psychiatrist", due_on=by
    )  # fmt: skip
    duty = world.duty("Iris", agenda.RULE, f"decision {event.pk}")
    assert (duty.title, duty.owner_org, duty.owner_role, duty.due_on) == (
        "Ring about the lithium level", TRUST, "psychiatrist", TODAY + timedelta(7),
    )  # fmt: skip
    services.take_back(world.actor("gp"), event.pk, why="Meant Bo")
    assert not world.duty("Iris", agenda.RULE, f"decision {event.pk}").is_open
    assert selectors.line_of(item).waits


def test_no_action_needs_a_because(world):
    item = item_of(arranged(world), world, "Iris")
    with pytest.raises(Refused):
        services.no_action(world.actor("gp"), item.pk, because="")
    services.no_action(world.actor("gp"), item.pk, because="Seen last week, all agreed")
    assert not selectors.line_of(item).waits


def test_an_action_goes_to_somebody_who_knows_the_person(world):
    item = item_of(arranged(world), world, "Iris")
    with pytest.raises(Refused, match="knows this person"):
        services.decide(world.actor("gp"), item.pk, what="Ring", owner_org="B82002", due_on=TODAY)
    with pytest.raises(AccessRefused):
        services.decide(world.actor("manager"), item.pk, what="Ring", owner_org=PRACTICE, due_on=TODAY)


def test_the_second_writer_sees_what_the_first_typed(world):
    item = item_of(arranged(world), world, "Iris")
    services.no_action(world.actor("gp"), item.pk, because="Settled", seen=0)
    with pytest.raises(services.Changed, match="Settled"):
        services.no_action(world.actor("psychiatrist"), item.pk, because="Stable", seen=0)


# Minutes


def test_the_chair_signs_and_nothing_changes_after(world):
    meeting = arranged(world)
    item = item_of(meeting, world, "Iris")
    services.decide(world.actor("gp"), item.pk, what="Ring her", owner_org=PRACTICE, due_on=TODAY)
    with pytest.raises(Refused, match="Record who was there"):
        services.sign_off(world.actor("gp"), meeting.pk)
    services.record_attendance(world.actor("manager"), meeting.pk, "Dr Osei, GP\n\nDr Hart, psychiatrist")
    with pytest.raises(Refused, match="The chair signs"):
        services.sign_off(world.actor("psychiatrist"), meeting.pk)
    signed = services.sign_off(world.actor("gp"), meeting.pk)
    told = {row["person_id"]: row for row in signed.content["people"]}
    assert told[world.ids["Iris"]]["decisions"][0]["words"] == "Ring her" and told[world.ids["Bo"]]["carried"]
    for act in (
        lambda: services.no_action(world.actor("gp"), item.pk, because="No"),
        lambda: services.record_attendance(world.actor("gp"), meeting.pk, "Nobody"),
        lambda: services.draw_up(world.actor("gp"), meeting.pk),
        lambda: services.sign_off(world.actor("gp"), meeting.pk),
    ):
        with pytest.raises(Refused, match="signed off"):
            act()
    with pytest.raises(AppendOnlyError):
        signed.save()
    with pytest.raises(DatabaseError), transaction.atomic():
        Minutes.objects.filter(pk=signed.pk).update(content={})


def test_actions_of_the_last_meeting_open_the_next(world):
    meeting = arranged(world)
    services.decide(world.actor("gp"), item_of(meeting, world, "Iris").pk, what="Ring her", owner_org=PRACTICE, due_on=TODAY)
    services.record_attendance(world.actor("gp"), meeting.pk, "Dr Osei")
    services.sign_off(world.actor("gp"), meeting.pk)
    following = arranged(world, days=14)
    actions = selectors.actions_of(selectors.earlier(following))
    assert [(duty.title, duty.is_open) for duty in actions] == [("Ring her", True)]


def test_who_was_not_reached_begins_the_next_meeting(world):
    meeting = arranged(world)
    services.no_action(world.actor("gp"), item_of(meeting, world, "Iris").pk, because="Settled")
    services.record_attendance(world.actor("gp"), meeting.pk, "Dr Osei")
    services.sign_off(world.actor("gp"), meeting.pk)
    following = arranged(world, days=14)
    first = selectors.lines_of(following)[0]
    assert first.person.given_name == "Bo" and first.item.reasons[0] == ["carried", "not reached on 01-Jun-2026"]
    assert first.item.carried_from == item_of(meeting, world, "Bo")
    assert selectors.not_reached(PRACTICE) == []


def test_a_cancelled_meeting_loses_nobody(world):
    meeting = arranged(world)
    services.cancel(world.actor("manager"), meeting.pk, why="Chair is ill")
    assert {item.person_id for item in selectors.not_reached(PRACTICE)} == {world.ids["Iris"], world.ids["Bo"]}
    assert {line.item.reasons[0][0] for line in selectors.lines_of(arranged(world, days=7))} == {"carried"}


# Any sequence of meetings

ACTS = st.lists(
    st.tuples(st.sampled_from(["arrange", "decide", "nothing", "off", "add", "sign", "cancel", "take back"]), st.integers(0, 5)),
    min_size=4, max_size=14,
)  # fmt: skip


@pytest.fixture
def unevaluated(world, monkeypatch):
    monkeypatch.setattr(services, "evaluated", Written)
    return world


def act(world, gp, verb, number):
    """One act on whatever is there: refusals are answers too."""
    people = [world.ids[name] for name in ("Iris", "Bo", "Cy")]
    planned = Meeting.objects.filter(state="planned").order_by("-id").first()
    lines = selectors.lines_of(planned) if planned else []
    line = lines[number % len(lines)] if lines else None
    match verb:
        case "arrange":
            services.arrange(gp, on=clock.today(), minutes=5, chair_id=gp.user_id, with_orgs=[TRUST])
        case "add" if planned:
            services.add_person(gp, planned.pk, people[number % 3], why="Worries")
        case "sign" if planned:
            services.record_attendance(gp, planned.pk, "Dr Osei")
            services.sign_off(gp, planned.pk)
        case "cancel" if planned:
            services.cancel(gp, planned.pk, why="Ill")
        case "decide" if line:
            services.decide(gp, line.item.pk, what="Ring", owner_org=PRACTICE, due_on=clock.today())
        case "nothing" if line:
            services.no_action(gp, line.item.pk, because="Settled")
        case "off" if line:
            services.take_off(gp, line.item.pk, why="Seen")
        case "take back" if line and line.decisions:
            services.take_back(gp, line.decisions[0].pk, why="Slip")


def lost(world):
    """People of meetings that are over who are nowhere: not decided, not taken off with a reason, not carried, not waiting."""
    waiting = {item.pk for item in selectors.not_reached(PRACTICE)}
    found = []
    for item in AgendaItem.objects.exclude(meeting__state="planned"):
        line = selectors.line_of(item)
        ends = [bool(line.decisions), line.taken_off is not None, hasattr(item, "carried_to"), item.pk in waiting]
        if sum(ends) != 1:
            found.append((item.pk, ends))
    return found


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_over_any_sequence_nobody_is_lost(unevaluated, acts):
    world, gp = unevaluated, unevaluated.actor("gp")
    with transaction.atomic():
        for verb, number in [("arrange", 0), *acts]:
            with suppress(Refused):
                act(world, gp, verb, number)
            assert lost(world) == []
            assert all(event.why for event in ItemEvent.objects.all())
        transaction.set_rollback(True)


def test_every_reason_has_a_source_and_a_mark():
    sources = {*knowledge.load().sources, "P", "K"}
    for each in standing.reasons().values():
        assert each.source and set(each.source) <= sources and each.mark in "VSKCDP"
