"""Requests for service: who owns what, clocks, access, duties, and two people at once."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

import web_support
from requests_world import OTHER_PRACTICE, PCN, PRACTICE, SIDE, TODAY, TRUST, RequestsWorld
from stepwell.errors import Refused
from stepwell.web.core.access import decide
from stepwell.web.core.gate import AccessRefused
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import raised
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.models import Asked as Stated
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.service_requests import clocks, directory, selectors, services
from stepwell.web.service_requests.models import EventKind, ServiceRequest, State, Stop

pytestmark = pytest.mark.django_db
LATER = TODAY + timedelta(5)


@pytest.fixture
def world(db, settings, tmp_path, monkeypatch):
    world = RequestsWorld(settings, tmp_path)
    world.quiet(monkeypatch)
    return world


@pytest.fixture
def ada(world):
    return world.person("Ada")


def reaches(world, who, person_id):
    return decide(world.actor(who), Permission.VIEW_PATIENT, ledger.subject_of(person_id)).allow


def owed(person_id):
    """The duties that the request asks for now: (point without its number, owner, due)."""
    latest: dict[str, Stated] = {}
    for row in Stated.objects.filter(person_id=person_id, source="service request").order_by("seq", "pk"):
        latest[row.point] = row
    return sorted((row.point.split()[0], row.owner_org, row.due_on) for row in latest.values() if row.kind == "asked")


def kinds(pk):
    return [event.kind for event in selectors.events_of(pk)]


def test_from_the_moment_it_is_asked_it_is_the_services(world, ada):
    with web_support.recorded() as trail:
        pk = world.ask(ada, on=TODAY)
    row = world.row(pk)
    assert (row.owner_service, row.owner_org, row.asked_org) == (world.services["triage"], TRUST, PRACTICE)
    assert row.state == State.TRIAGE and row.undecided
    assert row.due_on == date(2026, 6, 8)  # asked on a Monday morning, five working days
    assert owed(ada) == [("answer", TRUST, row.due_on)]
    assert next(entry.action for entry in trail.writes()) == "service request asked"


def test_clocks_are_the_services_own(world):
    """A Friday evening counts as Monday, which is a bank holiday in England: day 0 is Tuesday 26 May 2026."""
    evening = clocks.moment_of(date(2026, 5, 22)).replace(hour=18)
    found = clocks.first_word(world.services["triage"], "routine", evening)
    assert (found.day0, found.due_on) == (date(2026, 5, 26), date(2026, 6, 2))
    assert clocks.first_word(world.services["triage"], "urgent", evening).due_on == date(2026, 5, 27)
    assert clocks.first_word(world.services["triage"], "crisis", evening).due_on == date(2026, 5, 22)
    assert clocks.words(TODAY - timedelta(3), TRUST, TODAY) == ("1 working day overdue", "red")


def test_an_open_request_gives_access_from_the_day_of_the_offer_until_it_is_over(world, ada):
    assert not reaches(world, "psychiatrist", ada)
    pk = world.ask(ada)
    assert reaches(world, "psychiatrist", ada)
    assert decide(world.actor("psychiatrist"), Permission.VIEW_PATIENT, ledger.subject_of(ada)).evidence == f"service-requests/{pk}"
    assert not reaches(world, "side worker", ada)
    world.redirect(pk, "triage", "side")
    assert reaches(world, "side worker", ada) and reaches(world, "psychiatrist", ada)
    services.take_over(world.actor("side worker"), pk)
    assert reaches(world, "side worker", ada) and not reaches(world, "psychiatrist", ada)
    services.take_on(world.actor("side worker"), pk, outcome="accept", why="We ring", seen_by=LATER)
    services.close(world.actor("side worker"), pk, why="Comes to the group")
    assert not reaches(world, "side worker", ada)
    assert reaches(world, "gp", ada)


def test_an_evaluation_keeps_what_requests_open(world, ada, settings):
    """The relationships that evaluations write come from the same rows."""
    pk = world.ask(ada, on=TODAY)
    assert selectors.reach([ada]) == {ada: [(TRUST, f"service-requests/{pk}", TODAY, None)]}
    services.withdraw(world.actor("gp"), pk, why="Moved away")
    assert selectors.reach([ada]) == {}


def test_a_redirection_needs_a_service_and_stays_owned_until_it_is_accepted(world, ada):
    pk = world.ask(ada, on=TODAY)
    with pytest.raises(Refused, match="Name another service"):
        world.redirect(pk, "triage", "triage")
    with pytest.raises(Refused, match="takes no requests"):
        services.redirect(world.actor("psychiatrist"), pk, to_service_id=999, reason="age", why="x")
    with pytest.raises(Refused, match="Choose the reason"):
        world.redirect(pk, "triage", "side", reason="because")
    world.redirect(pk, "triage", "side", on=TODAY)
    row = world.row(pk)
    assert (row.owner_org, row.offered_org, row.state, row.redirects) == (TRUST, SIDE, State.OFFERED, 1)
    due = date(2026, 6, 5)  # the new service's own four working days
    assert owed(ada) == [("chase", TRUST, due), ("offer", SIDE, due)]
    services.take_over(world.actor("side worker"), pk)
    row = world.row(pk)
    assert (row.owner_org, row.offered_org, row.state) == (SIDE, "", State.TRIAGE)
    assert owed(ada) == [("answer", SIDE, due)]


def test_a_declined_redirection_is_back_in_triage_and_never_with_the_person(world, ada):
    pk = world.ask(ada)
    world.redirect(pk, "triage", "review")
    with pytest.raises(Refused, match="Say why"):
        services.not_for_us(world.actor("pharmacist"), pk, reason="age", why=" ")
    services.not_for_us(world.actor("pharmacist"), pk, reason="not-met", why="No medicine to review")
    row = world.row(pk)
    assert (row.owner_org, row.state, row.offered_org) == (TRUST, State.TRIAGE, "")
    assert [point for point, *_ in owed(ada)] == ["answer"] and owed(ada)[0][1] == TRUST
    assert [(stop.service.name, stop.answer) for stop in selectors.stops_of([pk])[pk]] == [
        ("Northside triage", "redirected"),
        ("Network medication review", "not for us"),
    ]


def test_a_silent_service_is_the_owners_to_chase_and_to_take_back(world, ada):
    pk = world.ask(ada, on=TODAY - timedelta(20))
    world.redirect(pk, "triage", "side", on=TODAY - timedelta(14))
    chase = next(row for row in Stated.objects.filter(person_id=ada, kind="asked") if row.point.startswith("chase"))
    assert chase.owner_org == TRUST and chase.opens_on == chase.due_on < TODAY
    with pytest.raises(Refused, match="offered to Side by Side"):
        services.advise(world.actor("psychiatrist"), pk, advice="Try again")
    services.take_back(world.actor("psychiatrist"), pk, why="No answer in time")
    assert world.row(pk).state == State.TRIAGE
    assert not reaches(world, "side worker", ada)


def test_whoever_is_offered_it_answers_in_one_step(world, ada):
    pk = world.ask(ada)
    world.redirect(pk, "triage", "review")
    services.take_on(world.actor("pharmacist"), pk, outcome="see-once", why="On Thursday", seen_by=LATER)
    row = world.row(pk)
    assert (row.owner_org, row.state, row.outcome, row.seen_by) == (PCN, State.TAKEN_ON, "see-once", LATER)
    assert kinds(pk)[-2:] == [EventKind.TAKEN_OVER, EventKind.TAKEN_ON]
    assert owed(ada) == [("see", PCN, LATER)]


def test_who_took_somebody_on_and_cannot_go_on_names_the_next(world, ada):
    pk = world.ask(ada)
    services.take_on(world.actor("psychiatrist"), pk, outcome="accept", why="We ring", seen_by=LATER)
    world.redirect(pk, "triage", "therapy")
    row = world.row(pk)
    assert (row.state, row.owner_org, row.outcome, row.seen_by) == (State.OFFERED, TRUST, "", None)


def test_advice_waits_to_be_read_and_may_be_sent_back(world, ada):
    pk = world.ask(ada)
    services.advise(world.actor("psychiatrist"), pk, advice="Raise the dose\nand ring us in a month", on=TODAY)
    row = world.row(pk)
    assert (row.state, row.owner_org, row.due_on) == (State.ADVISED, TRUST, date(2026, 6, 8))
    assert owed(ada) == [("advice", PRACTICE, row.due_on)]
    with pytest.raises(Refused, match="asked for this; they decide"):
        services.read_advice(world.actor("psychiatrist"), pk)
    services.return_advice(world.actor("gp"), pk, why="She takes the highest dose already")
    assert world.row(pk).state == State.TRIAGE and owed(ada)[0][:2] == ("answer", TRUST)
    services.advise(world.actor("psychiatrist"), pk, advice="Then we see her")
    services.read_advice(world.actor("gp"), pk)
    assert world.row(pk).state == State.CLOSED and owed(ada) == []


def test_the_asker_can_withdraw_with_a_reason_until_it_is_over(world, ada):
    pk = world.ask(ada)
    with pytest.raises(Refused, match="Say why"):
        services.withdraw(world.actor("gp"), pk, why="")
    services.withdraw(world.actor("gp"), pk, why="She moved away")
    row = world.row(pk)
    assert row.state == State.WITHDRAWN and row.ended_on == TODAY and row.owner_org == TRUST
    assert owed(ada) == []
    with pytest.raises(Refused, match="is withdrawn"):
        services.withdraw(world.actor("gp"), pk, why="Again")


def test_in_a_crisis_one_phones_first(world, ada):
    with pytest.raises(Refused, match="Phone first"):
        world.ask(ada, urgency="crisis")
    pk = world.ask(ada, urgency="crisis", phoned="Dr Hart, 10:12: a nurse comes at noon", on=TODAY)
    row = world.row(pk)
    assert row.due_on == TODAY and row.phoned.startswith("Dr Hart")


def test_what_is_missing_is_asked_for(world, ada):
    for name, words in (("need", "what is needed"), ("why_now", "why now"), ("wish", "what the person wants")):
        with pytest.raises(Refused, match=words):
            world.ask(ada, **{name: "  "})
    with pytest.raises(Refused, match="takes on talking therapy"):
        world.ask(ada, kind="social-prescribing", to="therapy")
    assert not ServiceRequest.objects.exists()


def test_a_second_click_asks_nothing_new(world, ada):
    pk = world.ask(ada)
    with pytest.raises(Refused, match="asked already, of Northside triage"):
        world.ask(ada)
    services.withdraw(world.actor("gp"), pk, why="Wrong person")
    assert world.ask(ada) != pk


def test_nobody_is_sent_to_an_empty_desk(world, ada):
    from stepwell.web.accounts import services as accounts

    for key in ("psychiatrist", "therapy nurse"):
        accounts.end_membership(world.actor("trust manager"), world.members[key], to_on=TODAY)
    assert TRUST not in selectors.answering(TODAY)
    with pytest.raises(Refused, match="where triage decides"):
        world.ask(ada)
    with pytest.raises(Refused, match="Nobody at Northside CMHT can answer"):
        world.ask(ada, to="therapy")


def test_where_triage_decides_a_service_of_that_kind_comes_first(world, ada):
    row = selectors.service_row(world.services["review"].pk)
    row.any_kind = True
    row.save()
    person = PersonRecord.objects.get(person_id=ada)
    assert selectors.first_door("medication-review", person.gp_org, TODAY) == world.services["review"]
    assert selectors.first_door("step-up", person.gp_org, TODAY) == world.services["triage"]


def test_a_person_who_died_is_not_asked_for(world, ada):
    PersonRecord.objects.filter(person_id=ada).update(death_date=TODAY)
    with pytest.raises(Refused, match="has died"):
        world.ask(ada)


@pytest.mark.parametrize(
    ("who", "verb", "values"),
    [
        ("gp", "take_on", {"outcome": "accept", "why": "x", "seen_by": LATER}),
        ("other gp", "advise", {"advice": "x"}),
        ("manager", "withdraw", {"why": "x"}),
        ("trust manager", "take_on", {"outcome": "accept", "why": "x", "seen_by": LATER}),
        ("side worker", "take_over", {}),
    ],
)
def test_only_those_whose_it_is_may_answer(world, ada, who, verb, values):
    pk = world.ask(ada)
    with pytest.raises((Refused, AccessRefused)):
        getattr(services, verb)(world.actor(who), pk, **values)
    assert kinds(pk) == [EventKind.ASKED]


def test_a_stranger_cannot_ask(world, ada):
    with pytest.raises(AccessRefused):
        world.ask(ada, "other gp")
    with pytest.raises(AccessRefused):
        world.ask(ada, "manager")


def test_who_has_not_seen_the_latest_is_told(world, ada):
    pk = world.ask(ada)
    seen = world.row(pk).version
    services.advise(world.actor("psychiatrist"), pk, advice="Try this", version=seen)
    with pytest.raises(services.Changed, match="advised, Dr Lena Hart"):
        services.take_on(world.actor("therapy nurse"), pk, outcome="accept", why="x", seen_by=LATER, version=seen)
    assert kinds(pk) == [EventKind.ASKED, EventKind.ADVISED]


def test_the_same_question_asked_again_is_a_duty_again(world, ada):
    pk = world.ask(ada)
    for _ in range(2):
        world.redirect(pk, "triage", "side")
        services.not_for_us(world.actor("side worker"), pk, reason="age", why="Too young")
    points = set(Stated.objects.filter(person_id=ada, point__startswith="answer").values_list("point", flat=True))
    assert len(points) == 3 and [each[0] for each in owed(ada)] == ["answer"]


def test_waits_are_told_by_stop(world, ada):
    pk = world.bounce(ada)
    stops = [(stop.service.name, stop.came_on, stop.answered_on) for stop in Stop.objects.filter(request=pk).select_related("service")]
    first = TODAY - timedelta(35)
    assert stops == [
        ("Northside triage", first, first + timedelta(7)),
        ("Northside talking therapy", first + timedelta(7), first + timedelta(14)),
        ("Network medication review", first + timedelta(15), first + timedelta(28)),
        ("Side by Side", first + timedelta(28), None),
    ]
    assert world.row(pk).redirects == 3


def test_a_day_in_the_future_is_refused(world, ada):
    with pytest.raises(Refused, match="future"):
        world.ask(ada, on=TODAY + timedelta(1))


# The directory


def details(**values):
    given = {
        "name": "Crisis house", "kinds": ["crisis"], "serves": "Adults", "contact": "01632 960111", "routine_days": 1, "urgent_days": 0,
    }  # fmt: skip
    return directory.Details(**(given | values))


def test_a_manager_keeps_the_services_of_their_organisation(world):
    manager = world.actor("trust manager")
    made = directory.add_service(manager, organisation=TRUST, details=details())
    with pytest.raises(Refused, match="already"):
        directory.add_service(manager, organisation=TRUST, details=details(name="crisis HOUSE"))
    with pytest.raises(Refused, match="keep the services of"):
        directory.add_service(manager, organisation=OTHER_PRACTICE, details=details())
    with pytest.raises(AccessRefused):
        directory.add_service(world.actor("psychiatrist"), organisation=TRUST, details=details(name="Another"))
    seen = selectors.version_of_service(made.pk)
    directory.change_service(manager, made.pk, details=details(routine_days=2), version=seen)
    with pytest.raises(Refused, match="Meanwhile Grace Adeyemi changed days for routine requests from 1 to 2"):
        directory.change_service(manager, made.pk, details=details(routine_days=3), version=seen)
    told = [directory.told(event) for event in selectors.events_of_service(made.pk)]
    assert told[1].startswith("Grace Adeyemi added this on")


def test_a_service_with_people_cannot_end(world, ada):
    pk = world.ask(ada)
    manager, service = world.actor("trust manager"), world.services["triage"]
    version = selectors.version_of_service(service.pk)
    with pytest.raises(Refused, match="1 open request"):
        directory.end_service(manager, service.pk, why="Merged", version=version)
    services.withdraw(world.actor("gp"), pk, why="Moved")
    directory.end_service(manager, service.pk, why="Merged", version=version)
    assert service not in selectors.services() and service in selectors.services(ended=True)
    with pytest.raises(Refused, match="triage decides"):
        world.ask(ada)


def test_reasons_are_each_organisations_own_list(world, ada):
    manager = world.actor("trust manager")
    made = directory.add_reason(manager, "Lives in a  care home")
    assert selectors.reasons_of(TRUST)[made.key] == "Lives in a care home" and made.key not in selectors.reasons_of(PCN)
    with pytest.raises(Refused, match="already"):
        directory.add_reason(manager, "lives in a care home")
    pk = world.ask(ada)
    world.redirect(pk, "triage", "side", reason=made.key)
    directory.take_reason_off(manager, made.key)
    assert made.key not in selectors.reasons_of(TRUST) and selectors.reason_labels()[made.key] == "Lives in a care home"
    assert directory.add_reason(manager, "Lives in a care home").key == made.key
    with pytest.raises(AccessRefused):
        directory.add_reason(world.actor("psychiatrist"), "Too far")


def test_raised_duties_name_the_page_where_they_are_done(world, ada):
    pk = world.ask(ada, urgency="urgent")
    row = raised.latest(ada, "service request", str(pk), "answer 1")
    assert row is not None and row.action_url == f"/requests/{pk}/answer" and row.points == 5
