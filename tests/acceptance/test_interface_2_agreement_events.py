"""Issue 5, line 2: over any sequence of agreement events each responsibility has exactly one owner or is visibly nobody's, and no duty
is lost."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ledger_world import PRACTICE, TODAY, TRUST, World
from shared_care_world import BASELINE, LIO, at_nine, whole_terms
from stepwell.errors import Refused
from stepwell.web.agreements import selectors, services
from stepwell.web.agreements.models import Agreement
from stepwell.web.agreements.story import ALL, ASKING, BACK, NOBODY, Event, Kind, Proposal, State, tell
from stepwell.web.agreements.terms import responsibilities
from stepwell.web.ledger import evaluation
from stepwell.web.ledger import services as ledger
from stepwell.web.ledger.acts import Written
from stepwell.web.ledger.models import Duty, DutyState

UK = ZoneInfo("Europe/London")
PEOPLE = ["Ana", "Bo", "Cat", "Dov"]
EITHER = ("psychiatrist", "gp")


# By the events alone: any order, also orders that no verb would allow


_DAYS = st.integers(0, 40)
_STEPS = st.lists(st.tuples(_DAYS, st.sampled_from(list(Kind)), st.sampled_from(list(Proposal)), _DAYS), max_size=14)


def _events(steps: list[tuple[int, Kind, Proposal, int]]) -> list[Event]:
    shares = {key: TRUST if line.proposed == "specialist" else PRACTICE for key, line in responsibilities().items()}
    found, day = [], TODAY
    kinds = [(0, Kind.DRAFTED, Proposal.DOSE, 0), (0, Kind.REQUESTED, Proposal.DOSE, 0), *steps]
    for number, (gone, kind, what, ahead) in enumerate(kinds, start=1):
        day += timedelta(gone)
        later = (day + timedelta(ahead)).isoformat()
        detail = {
            "terms": {}, "shares": shares, "lines": [[ALL, PRACTICE, ""]], "owner": TRUST, "to": PRACTICE, "what": what.value,
            "from_on": later, "to_on": later, "moment": datetime.combine(day, datetime.min.time(), UK).isoformat(),
        }  # fmt: skip
        found.append(Event(number, kind.value, day, datetime.combine(day, datetime.min.time(), UK), PRACTICE, detail))
    return found


@settings(max_examples=30, deadline=None)
@given(_STEPS)
def test_any_events_leave_one_owner_or_nobody_on_every_day(steps):
    events = _events([step for step in steps if step[1] not in (Kind.ADOPTED, Kind.DRAFTED)])
    story = tell(events)
    periods = story.periods()
    assert all(one.to_on is not None and one.to_on <= other.from_on for one, other in pairwise(periods))
    for day in (TODAY + timedelta(number) for number in range(0, 600, 7)):
        state = story.state_on(day)
        held = [period for period in periods if period.from_on <= day and (period.to_on is None or day < period.to_on)]
        owners = {story.owner_of(key, line.line or ALL, day) for key, line in responsibilities().items()}
        if state in (State.DRAFT, State.ENDED):
            assert owners == {NOBODY} and not held
        else:
            assert owners <= {TRUST, PRACTICE} and len(held) == 1
            assert (owners == {TRUST}) == (state in ASKING | BACK)


# By the verbs, the ledger and the engine


_VERBS = [
    "send", "accept", "accept later", "ask", "answer", "decline", "again", "dose", "suspend", "resume", "renew", "yes", "no", "hand back",
    "keep", "take back", "take back later", "withdraw", "end", "end later",
]  # fmt: skip


class Course:
    """One person's agreement, driven by verbs; what cannot be done now is refused and leaves everything as it is."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name, self.person_id = world, name, world.ids[name]
        self.pk = services.draft_request(world.actor("psychiatrist"), self.person_id, substance="lithium", terms=self.terms()).pk

    def terms(self):
        return whole_terms(self.world.today)

    def do(self, verb: str, who: str) -> None:
        actor = self.world.actor(who)
        soon = self.world.today + timedelta(9)
        match verb:
            case "send":
                services.send_request(self.world.actor("psychiatrist"), self.pk)
            case "accept" | "accept later":
                services.accept(self.world.actor("gp"), self.pk, from_on=soon if verb == "accept later" else None)
            case "ask":
                services.ask_question(self.world.actor("gp"), self.pk, words="why?")
            case "answer":
                services.answer_question(self.world.actor("psychiatrist"), self.pk, words="because", terms=self.terms())
            case "decline":
                services.decline(self.world.actor("gp"), self.pk, reason="not-resourced", why="no nurse")
            case "again":
                self.pk = services.request_again(self.world.actor("psychiatrist"), self.pk).pk
                services.change_draft(self.world.actor("psychiatrist"), self.pk, terms=self.terms())
                services.send_request(self.world.actor("psychiatrist"), self.pk)
            case "dose":
                services.propose_dose_change(actor, self.pk, dose="600 mg", why="level")
            case "suspend":
                services.suspend(self.world.actor("psychiatrist"), self.pk, why="in hospital", review_on=soon)
            case "resume":
                services.resume(actor, self.pk, from_on=soon)
            case "renew":
                services.renew(actor, self.pk, review_on=soon + timedelta(99), specialist_review_on=soon + timedelta(900))
            case "yes" | "no":
                services.answer_proposal(actor, self.pk, agree=verb == "yes", why="so")
            case "hand back":
                services.hand_back(self.world.actor("gp"), self.pk, why="relapse", contingency="week by week")
            case "keep":
                services.withdraw_hand_back(self.world.actor("gp"), self.pk, why="settled")
            case "take back" | "take back later":
                services.take_back(self.world.actor("psychiatrist"), self.pk, from_on=soon if verb == "take back later" else None)
            case _:
                ends = soon if verb == "end later" else self.world.today
                ledger.end_agreement(actor, self.person_id, self.pk, to_on=ends, why="over")

    def told(self) -> dict[str, str]:
        """Responsibility → owner today, by whichever of the person's agreements says so."""
        rows = [
            (row.key, row.owner_org)
            for agreement in Agreement.objects.filter(person_id=self.person_id)
            for row in selectors.responsibilities_on(agreement, self.world.today)
            if row.owner_org != NOBODY
        ]
        assert len({key for key, _ in rows}) == len(rows), "two agreements give the same responsibility away"
        return dict(rows)


@pytest.fixture
def world(db, settings, tmp_path, monkeypatch):
    # The trust goes on supplying through all of the days that a sequence may last.
    world = World(settings, tmp_path, TODAY + timedelta(400))
    world.tell({name: [*LIO, *BASELINE] for name in PEOPLE})
    world.today = TODAY
    world.catch_up()
    at_nine(world, monkeypatch)
    # Everybody is evaluated together, once the sequence is over.
    monkeypatch.setattr("stepwell.web.ledger.services.evaluated", lambda person_id: Written(person_id, True))
    return world


def _needs(world: World) -> set[tuple[int, str, str, str]]:
    """What is owed by the records alone, whoever owns it."""
    evaluated, _ids = evaluation.evaluate_people(evaluation.open_store(), world.today, list(world.ids.values()))
    return {
        (person_id, need.key.rule_id, need.key.subject, need.key.point)
        for person_id, needs in evaluated.needs.items()
        for need in needs
        if need.state == "open" and need.kind != "agree" and not need.key.rule_id.startswith("asked.")
    }


_SEQUENCES = st.lists(
    st.tuples(st.integers(0, 30), st.lists(st.tuples(st.sampled_from(_VERBS), st.sampled_from(EITHER)), min_size=4, max_size=4)),
    min_size=3,
    max_size=8,
)


# Without shrinking: a failing example is long, and each takes a second.
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(_SEQUENCES)
def test_any_sequence_of_verbs_leaves_every_duty_with_one_owner_and_loses_none(world, sequence):
    world.today = TODAY
    with transaction.atomic():
        courses = [Course(world, name) for name in PEOPLE]
        for course in courses:
            course.do("send", "psychiatrist")
            course.do("accept" if course.name in PEOPLE[:3] else "ask", "gp")
        for gone, verbs in sequence:
            world.today += timedelta(gone)
            for course, (verb, who) in zip(courses, verbs, strict=True):
                try:
                    with transaction.atomic():
                        course.do(verb, who)
                except Refused:
                    pass
        _check(world, courses)
        transaction.set_rollback(True)


def _check(world: World, courses: list[Course]) -> None:
    services.let_time_pass()
    alone = _without_agreements(world)
    assert evaluation.evaluate_again([course.person_id for course in courses])
    found = list(Duty.objects.filter(person_id__in=[course.person_id for course in courses], state=DutyState.OPEN))
    keys = [(duty.person_id, duty.rule_id, duty.subject, duty.point) for duty in found]
    assert len(keys) == len(set(keys)), "a duty is there twice"
    assert {key for key in keys if not key[1].startswith(("asked.", "agree."))} == alone, "a duty was lost, or came from nowhere"
    for course in courses:
        told = course.told()
        assert told.keys() in (set(), responsibilities().keys())
        mine = [duty for duty in found if duty.person_id == course.person_id]
        asks_who = [duty for duty in mine if duty.rule_id == "agree.who" and duty.subject == "lithium"]
        for duty in mine:
            if duty.rule_id.startswith("asked."):
                assert duty.owner_org in (TRUST, PRACTICE)
            elif duty.subject == "lithium" and duty.rule_id != "agree.who":
                expected = told.get(_responsibility(duty.rule_id), NOBODY)
                assert duty.owner_org == expected, (duty.rule_id, duty.owner_basis, duty.owner_label)
                assert duty.owner_org != NOBODY or asks_who, (duty.rule_id, "nobody's, and nobody is asked to agree whose")
        waiting = Agreement.objects.filter(person_id=course.person_id).exclude(waits_on="")
        assert {agreement.waits_on for agreement in waiting} <= {TRUST, PRACTICE}
        raised = {duty.point for duty in mine if duty.rule_id == "asked.agreement"}
        assert all(_POINT[agreement.waits_for] in raised for agreement in waiting), "an answer is owed and nobody's duty says so"


_POINT = {"request": "answer", "question": "question", "hand-back": "hand-back", **dict.fromkeys(list(Proposal), "proposal")}


def _responsibility(rule_id: str) -> str:
    from stepwell import knowledge
    from stepwell.knowledge import shared_care

    pack = knowledge.load()
    return shared_care.responsibility_of(pack, pack.rules[rule_id]).responsibility


def _without_agreements(world: World) -> set[tuple[int, str, str, str]]:
    """What the same records owe on the same day with no agreement at all."""
    with transaction.atomic():
        Agreement.objects.update(state=State.DRAFT.value)
        found = _needs(world)
        transaction.set_rollback(True)
    return found
