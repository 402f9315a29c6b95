"""Acceptance line 4: a request redirected three times is on a list of bounced people with its age; nothing in the data model allows a
request nobody owns. Run again with STEPWELL_TEST_DATABASE=postgres for the other database."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from requests_world import PCN, SIDE, TODAY, TRIAGER, TRUST, RequestsWorld
from stepwell.errors import Refused
from stepwell.web.core.append_only import AppendOnlyError
from stepwell.web.core.gate import AccessRefused
from stepwell.web.service_requests import lists, selectors, services
from stepwell.web.service_requests.models import ENDED, OPEN, EventKind, RequestEvent, ServiceRequest, State

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db, settings, tmp_path, monkeypatch):
    world = RequestsWorld(settings, tmp_path)
    world.quiet(monkeypatch)
    return world


def bounced(world, who):
    return list(lists.rows_for(world.actor(who), lists.Query(tab=lists.Tab.BOUNCED), world.today))


def test_a_request_redirected_three_times_is_on_the_list_of_bounced_people_with_its_age(world):
    person = world.person("Ada")
    pk = world.ask(person, on=TODAY - timedelta(35))
    world.redirect(pk, "triage", "therapy", on=TODAY - timedelta(28))
    services.not_for_us(
        world.actor("therapy nurse"), pk, reason="too-complex", why="Needs more than we give", on=TODAY - timedelta(21)
    )  # fmt: skip
    world.redirect(pk, "triage", "review", on=TODAY - timedelta(20))
    assert bounced(world, "gp") == []
    world.redirect(pk, "review", "side", on=TODAY - timedelta(7))
    assert [row.pk for row in bounced(world, "gp")] == [pk]
    page = world.client("gp").get("/requests?tab=bounced").content.decode()
    assert "1 person redirected 3 times or more" in page and "5 weeks" in page  # since it was first asked
    assert "WEEK, Ada" in page and "Network medication review" in page  # who has it now
    for stop in ("Northside triage", "Northside talking therapy (not for us", "Side by Side (waiting)"):
        assert stop in page, "its way so far"
    assert pk in [row.pk for row in bounced(world, "side worker")]
    assert bounced(world, "nurse") and not bounced(world, "commissioner")
    assert "1 redirected 3 times or more" in world.client("commissioner").get("/requests/region").content.decode()
    assert "WEEK" not in world.client("commissioner").get("/requests/region").content.decode()


def test_who_accepts_at_last_takes_the_person_off_the_list_only_at_the_end(world):
    person = world.person("Ada")
    pk = world.bounce(person)
    services.take_on(world.actor("side worker"), pk, outcome="accept", why="We ring her", seen_by=TODAY + timedelta(3))
    assert bounced(world, "gp"), "taken on is not seen"
    services.close(world.actor("side worker"), pk, why="Seen; comes to the group")
    assert not bounced(world, "gp")


# The data model


@pytest.fixture
def asked(world):
    return world.row(world.ask(world.person("Ada")))


OWNERLESS = {
    "no owning service": ("service_requests_servicerequest", "owner_service_id = NULL"),
    "no owning organisation": ("service_requests_servicerequest", "owner_org = NULL"),
    "an empty owning organisation": ("service_requests_servicerequest", "owner_org = ''"),
    "a service that does not exist": ("service_requests_servicerequest", "owner_service_id = 999999"),
    "redirected to nobody": ("service_requests_servicerequest", "state = 'offered'"),
    "offered while somebody triages": ("service_requests_servicerequest", "offered_org = 'RX9'"),
    "offered to its own owner": (
        "service_requests_servicerequest",
        "state = 'offered', offered_service_id = owner_service_id, offered_org = owner_org",
    ),
    "rejected": ("service_requests_servicerequest", "state = 'rejected'"),
    "open without a clock": ("service_requests_servicerequest", "due_on = NULL"),
    "over and open": ("service_requests_servicerequest", "ended_on = '2026-06-01'"),
}


@pytest.mark.parametrize(("table", "change"), OWNERLESS.values(), ids=OWNERLESS.keys())
def test_the_database_refuses_a_request_nobody_owns(asked, table, change):
    with pytest.raises(DatabaseError), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"UPDATE {table} SET {change} WHERE id = %s", [asked.pk])
        connection.check_constraints()
    asked.refresh_from_db()
    assert asked.owner_org == TRUST and asked.state == State.TRIAGE


BAD_EVENTS = {
    "an event without an owner": {"owner_service_id": None},
    "an event without an owning organisation": {"owner_org": ""},
    "a redirection to nobody": {"kind": "redirected"},
    "a rejection": {"kind": "rejected"},
}


@pytest.mark.parametrize("values", BAD_EVENTS.values(), ids=BAD_EVENTS.keys())
def test_the_database_refuses_an_event_that_leaves_nobody(asked, values):
    good = {
        "request_id": asked.pk, "kind": "closed", "at": timezone.now(), "on": TODAY, "owner_service_id": asked.owner_service_id,
        "owner_org": asked.owner_org,
    }  # fmt: skip
    with pytest.raises(DatabaseError), transaction.atomic():
        RequestEvent.objects.bulk_create([RequestEvent(**(good | values))])
    assert RequestEvent.objects.filter(request=asked).count() == 1


def test_what_happened_is_never_changed(asked):
    event = RequestEvent.objects.get(request=asked)
    event.why = "something else"
    with pytest.raises(AppendOnlyError):
        event.save()
    for attempt in (lambda: RequestEvent.objects.update(owner_org=PCN), lambda: RequestEvent.objects.all()._raw_delete(using="default")):
        with pytest.raises(DatabaseError), transaction.atomic():
            attempt()


def test_there_is_no_word_for_rejecting():
    assert not {kind for kind in EventKind.values if "reject" in kind or "declin" in kind}
    assert not {state for state in State.values if "reject" in state or "declin" in state}
    assert {State(state) for state in (*OPEN, *ENDED)} == set(State)


# Any sequence of events

SERVICE = st.sampled_from(sorted(TRIAGER))
STEP = st.one_of(
    st.tuples(st.just("redirect"), SERVICE, SERVICE),
    st.tuples(st.sampled_from(["take_over", "take_on", "advise", "not_for_us", "take_back", "close"]), SERVICE, st.none()),
    st.tuples(st.sampled_from(["read_advice", "return_advice", "withdraw"]), st.just("gp"), st.none()),
)


def act(world, pk, step) -> bool:
    """Whether it was allowed."""
    what, who, other = step
    actor = world.actor(TRIAGER.get(who, who))
    given = {
        "redirect": lambda: {"to_service_id": world.services[other].pk, "reason": "not-our-kind", "why": "they do this"},
        "take_over": dict,
        "take_on": lambda: {"outcome": "accept", "why": "we ring", "seen_by": TODAY},
        "advise": lambda: {"advice": "Try this"},
        "not_for_us": lambda: {"reason": "age", "why": "too old"},
        "read_advice": dict,
    }.get(what, lambda: {"why": "because"})()
    try:
        getattr(services, what)(actor, pk, **given)
    except (Refused, AccessRefused):
        return False
    return True


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=st.sampled_from([None, *sorted(TRIAGER)]), steps=st.lists(STEP, min_size=1, max_size=8))
def test_exactly_one_owner_at_every_point(world, first, steps):
    person = world.person("Any")
    kind = {"therapy": "therapy", "review": "medication-review", "side": "social-prescribing", "physical": "other"}.get(first, "step-up")
    pk = world.ask(person, to=first, kind=kind)
    owners = [world.row(pk).owner_org]
    for step in steps:
        before = world.row(pk)
        done = act(world, pk, step)
        row = world.row(pk)
        assert row.owner_org == row.owner_service.organisation.code != ""
        # It moves to nobody but whoever was offered it, and only by their own act.
        if row.owner_service_id != before.owner_service_id:
            assert done and row.owner_service_id in (before.offered_service_id,) and before.state == State.OFFERED
            assert row.owner_org in world.actor(TRIAGER[step[1]]).organisations
        assert (row.offered_service_id is not None) == (row.state == State.OFFERED)
        if not done:
            assert row.version == before.version
        events = selectors.events_of(pk)
        assert len(events) == row.version
        assert events[-1].owner_service_id == row.owner_service_id, "the last event names the owner of now"
        owners.append(row.owner_org)
        reach = {code for code, *_ in selectors.reach([person]).get(person, [])}
        assert reach == ({row.owner_org, row.offered_org} - {""} if row.is_open else set())
    assert all(owners)
    assert all(event.owner_org for event in selectors.events_of(pk))
    assert ServiceRequest.objects.filter(owner_org="").count() == 0
    assert SIDE in {row.organisation.code for row in world.services.values()}
