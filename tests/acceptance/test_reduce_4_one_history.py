"""Holding, stepping up and resuming five times keeps one coherent history and plans anew from where the person is.

Once through the product with its database, and as a property over any order of such acts, days apart as life has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from itertools import count as numbers
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_world import TODAY, World
from stepwell import knowledge
from stepwell.clinical.tapering.model import Change, ChangeKind, NotPlanned, Plan
from stepwell.clinical.tapering.replan import replan
from stepwell.web.tapers import checkins, selectors, services, story
from stepwell.web.tapers.checkins import Given
from stepwell.web.tapers.models import Act
from taper_world import START, asked, later, one_taper_world, planned, reducing, row, taper_duties

ROUNDS = 5


@pytest.fixture(scope="module")
def made(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[World]:
    with django_db_blocker.unblock(), one_taper_world(tmp_path_factory.mktemp("history")) as world:
        yield world


@pytest.fixture
def world(db, product_settings, settings, made) -> World:
    settings.AS_OF, settings.STORE = TODAY, str(made.store.path)
    made.settings = settings
    return made


def lived(plan_id: int, until: date) -> list[tuple[date, int]]:
    return [(on, dose) for on, dose in selectors.doses_of(row(plan_id)) if on <= until]


def test_five_times_held_stepped_up_and_gone_on(world: World) -> None:
    plan_id = reducing(world)
    gp, nurse = world.actor("gp"), world.actor("nurse")
    for _ in range(ROUNDS):
        world.today = selectors.version_of(row(plan_id)).steps[1].on  # a step down has come
        before, past = selectors.standing(row(plan_id)), lived(plan_id, world.today - timedelta(1))

        checkins.record(nurse, plan_id, Given(rating=5, decided="hold"))
        held = selectors.standing(row(plan_id))
        assert (row(plan_id).state, held.dose_ug) == ("holding", before.dose_ug)

        day = later(world, 3)
        checkins.record(nurse, plan_id, Given(rating=8, decided="step back"))
        back = selectors.standing(row(plan_id))
        assert (row(plan_id).state, back.dose_ug, back.since) == ("stepped up", held.before_ug, day)

        day = later(world, 10)
        services.resume(gp, plan_id, why="slept through")
        on = selectors.standing(row(plan_id))
        plan = selectors.version_of(row(plan_id))
        assert (row(plan_id).state, on.dose_ug) == ("reducing", back.dose_ug)
        assert (plan.steps[0].on, plan.steps[0].built.dose_ug, plan.steps[-1].built.dose_ug) == (day, back.dose_ug, 0)
        assert lived(plan_id, past[-1][0]) == past, "the past does not change"

    versions, events = selectors.versions_of(plan_id), selectors.events_of(plan_id)
    assert [version.number for version in versions] == list(range(1, 3 * ROUNDS + 2))
    assert [event.act for event in events if event.version and event.act != Act.PROPOSED] == ["held", "stepped back", "resumed"] * ROUNDS
    assert row(plan_id).revision == len(events)
    assert row(plan_id).version == versions[-1].number
    doses = selectors.doses_of(row(plan_id))
    assert [on for on, _ in doses] == sorted({on for on, _ in doses})
    assert len(taper_duties(world)) == len({"check in", "supply", "call"} & taper_duties(world).keys())

    # Taken back one by one, the plan stands where it stood.
    services.undo(gp, plan_id, why="too early")
    assert (row(plan_id).state, selectors.standing(row(plan_id)).dose_ug) == ("stepped up", back.dose_ug)
    services.undo(gp, plan_id, why="the check-in was another person's")
    assert (row(plan_id).state, selectors.standing(row(plan_id)).dose_ug) == ("holding", held.dose_ug)
    assert lived(plan_id, past[-1][0]) == past


# Any order of acts


@dataclass
class Event:
    pk: int
    act: str
    on: date
    version: int | None = None
    undoes_id: int | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass
class Course:
    """A plan on its way, in memory: the same story over the same arithmetic, without a database."""

    plans: dict[int, Plan]
    events: list[Event]
    today: date = START
    keys: Any = field(default_factory=lambda: numbers(10))

    @property
    def story(self) -> story.Story:
        return story.tell(self.events)

    @property
    def standing(self) -> selectors.Standing:
        return selectors.standing_of(self.story, self.plans, self.today)

    @property
    def doses(self) -> tuple[tuple[date, int], ...]:
        return story.doses(self.story, self.plans, self.today)

    def do(self, kind: ChangeKind) -> bool:
        """False where the arithmetic says no; nothing has changed then."""
        told = self.story
        act = {ChangeKind.HOLD: Act.HELD, ChangeKind.STEP_BACK: Act.STEPPED_BACK, ChangeKind.RESUME: Act.RESUMED}.get(kind, Act.CHANGED)
        if told.state not in story.MAY_IN[act]:
            return False
        try:
            plan = replan(self.plans[told.version], self.standing.told, Change(kind=kind), knowledge.load())
        except NotPlanned:
            return False
        number = max(self.plans) + 1
        self.plans[number] = plan
        self.events.append(Event(next(self.keys), act, self.today, number))
        return True


@cache
def first_plan(medicine: str, dose_mg: int, to_mg: int) -> Plan:
    return planned(asked(medicine, dose_mg, to_ug=to_mg * 1000))


def begun(medicine: str, dose_mg: int, to_mg: int) -> Course:
    plan = first_plan(medicine, dose_mg, to_mg)
    events = [Event(1, Act.PROPOSED, TODAY, 1, detail={"org": "A"})]
    agreed = {"clinician": 1, "org": "A", "check_by": "staff", "check_role": ""}
    events += [Event(2, Act.AGREED, TODAY, detail=agreed), Event(3, Act.STARTED, START)]
    return Course({1: plan}, events)


ACTS = st.sampled_from([ChangeKind.HOLD, ChangeKind.STEP_BACK, ChangeKind.RESUME, ChangeKind.SLOWER])
LIFE = st.lists(st.tuples(st.integers(0, 45), ACTS), min_size=3, max_size=8)
MEDICINES = st.sampled_from([("diazepam", 20, 0), ("diazepam", 20, 5), ("sertraline", 100, 0)])


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(MEDICINES, LIFE)
def test_in_any_order_the_past_stays_and_the_plan_goes_on_from_where_the_person_is(medicine, life) -> None:
    course = begun(*medicine)
    for days, kind in life:
        course.today += timedelta(days)
        before, past = course.standing, [each for each in course.doses if each[0] < course.today]
        if not course.do(kind):
            continue
        told, now = course.story, course.standing
        assert [each for each in course.doses if each[0] < course.today] == past, "the past does not change"
        first, second = now.plan.steps[0], now.plan.steps[1]
        assert (told.version, first.on) == (max(course.plans), course.today)
        # A step that was due by now is taken on the day on which somebody goes on.
        assert now.dose_ug == (first if first.days else second).built.dose_ug
        if kind == ChangeKind.STEP_BACK:
            assert first.built.dose_ug == now.dose_ug == before.before_ug
            assert now.dose_ug in {dose for _, dose in past}
        else:
            assert first.built.dose_ug == before.dose_ug
        assert now.plan.to_ug == medicine[2] * 1000
        assert all(step.on >= course.today for step in now.plan.steps)
        assert first.days or kind in (ChangeKind.RESUME, ChangeKind.SLOWER)
        assert told.is_still == (kind in (ChangeKind.HOLD, ChangeKind.STEP_BACK) or (kind == ChangeKind.SLOWER and before.still))
    days_of = [on for on, _ in course.doses]
    assert days_of == sorted(set(days_of))
    assert all(one != other for (_, one), (_, other) in zip(course.doses, course.doses[1:], strict=False))
    while course.story.last != 3:  # taken back one by one it is the plan that was agreed
        course.events.append(Event(next(course.keys), Act.UNDONE, course.today, undoes_id=course.story.last))
    assert course.doses == story.doses(begun(*medicine).story, {1: course.plans[1]}, course.today)
