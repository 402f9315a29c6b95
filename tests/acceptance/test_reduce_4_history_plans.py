"""Line 4 of review and reduce, the arithmetic of it: holding, stepping up and resuming five times and more keeps one coherent history and
plans anew from where the person is. What is kept of it in the database is in the tests of the web."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepwell import knowledge
from stepwell.clinical.tapering.model import Change, ChangeKind, History, Mode, NotPlanned, Plan, Request, Standing, Step
from stepwell.clinical.tapering.propose import propose
from stepwell.clinical.tapering.replan import lived, replan

START = date(2026, 6, 1)
KNOWN = History(conditions_known=True)
CASES = [
    ("diazepam", 20_000, None), ("diazepam", 12_000, Mode.PROPORTIONAL), ("sertraline", 100_000, Mode.HYPERBOLIC),
    ("citalopram", 40_000, None), ("pregabalin", 600_000, None), ("zopiclone", 7_500, None),
    ("codeine", 240_000, Mode.LINEAR), ("fentanyl patch", 75, None),
    ("venlafaxine", 225_000, None), ("quetiapine", 300_000, None),
]  # fmt: skip
ORDINARY = st.sampled_from([ChangeKind.HOLD, ChangeKind.STEP_BACK, ChangeKind.RESUME, ChangeKind.SLOWER, ChangeKind.SMALLER])


def begin(medicine: str, dose_ug: int, mode: Mode | None, **asked: object) -> Plan:
    return propose(Request(medicine=medicine, dose_ug=dose_ug, start_on=START, mode=mode, history=KNOWN, **asked), knowledge.load())  # type: ignore[arg-type]


def standing(versions: list[Plan], on: date) -> Standing:
    """Where the person is by what was lived through."""
    steps = lived(versions, on)
    last = steps[-1]
    since = next(step.on for number, step in enumerate(steps) if all(each.built.dose_ug == last.built.dose_ug for each in steps[number:]))
    before = next((step.built.dose_ug for step in reversed(steps) if step.built.dose_ug > last.built.dose_ug), None)
    return Standing(on=on, dose_ug=last.built.dose_ug, since=since, before_ug=before)


def coherent(steps: tuple[Step, ...], until: date) -> None:
    """One line of days and doses without a gap: each step lasts until the next, and it goes up only where somebody stepped back."""
    assert [step.number for step in steps] == list(range(len(steps)))
    for before, step in pairwise(steps):
        assert before.on + timedelta(days=before.days) == step.on
        if step.built.dose_ug > before.built.dose_ug:
            assert step.kind == "up"
        if step.kind in ("hold", "start"):
            assert step.built.dose_ug == before.built.dose_ug
    assert steps[-1].on + timedelta(days=steps[-1].days) == until


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(CASES), st.lists(st.tuples(st.integers(0, 80), ORDINARY, st.integers(1, 40)), min_size=5, max_size=9))
def test_many_changes_are_one_history(case: tuple[str, int, Mode | None], changes: list[tuple[int, ChangeKind, int]]) -> None:
    known = knowledge.load()
    versions, today = [begin(*case)], START
    for days, kind, length in changes:
        today += timedelta(days=days)
        here = standing(versions, today)
        change = Change(kind=kind, days=length if kind == ChangeKind.HOLD else None)
        try:
            plan = replan(versions[-1], here, change, known)
        except NotPlanned as refusal:
            assert refusal.words
            continue
        first = plan.steps[0]
        assert first.on == today and plan.to_ug == versions[0].to_ug == plan.steps[-1].built.dose_ug
        assert plan.request is not None and plan.request.first_ug == versions[0].from_ug
        if kind == ChangeKind.STEP_BACK:
            assert first.kind == "up" and first.built.dose_ug == here.before_ug
            assert plan.interval_days >= versions[-1].interval_days
        else:
            assert first.built.dose_ug == here.dose_ug
        if kind == ChangeKind.HOLD:
            assert (plan.steps[1].on - today).days >= length
            assert [step.built for step in plan.steps[1:]] == _rest(versions[-1], here.dose_ug)
        if kind in (ChangeKind.SLOWER, ChangeKind.RESUME) and len(plan.steps) > 1:
            assert [step.built for step in plan.steps[1:]] == _rest(versions[-1], here.dose_ug)
        assert all(after.built.dose_ug < before.built.dose_ug for before, after in pairwise(plan.steps))
        versions.append(plan)
    coherent(lived(versions, today + timedelta(days=30)), today + timedelta(days=30))
    # What was lived through before a change is not touched by it.
    for number in range(1, len(versions)):
        begun = versions[number].steps[0].on
        earlier = [(step.on, step.built) for step in lived(versions[:number], begun) if step.on < begun]
        assert [(step.on, step.built) for step in lived(versions, today) if step.on < begun][: len(earlier)] == earlier


def _rest(plan: Plan, dose_ug: int) -> list:  # type: ignore[type-arg]
    return [step.built for step in plan.steps if step.built.dose_ug < dose_ug]


def test_held_stepped_up_and_resumed_five_times() -> None:
    """By hand: diazepam from 20 mg. Down, hold, up, resume, and so on; the doses that were taken, day by day."""
    known = knowledge.load()
    versions = [begin("diazepam", 20_000, Mode.PRODUCT_STEPS)]
    today = START
    for turn in range(5):
        for days, change in (
            (30 + turn, Change(kind=ChangeKind.HOLD, days=14)),
            (10, Change(kind=ChangeKind.STEP_BACK)),
            (60, Change(kind=ChangeKind.RESUME)),
        ):
            today += timedelta(days=days)
            versions.append(replan(versions[-1], standing(versions, today), change, known))
    told = lived(versions, today)
    coherent(told, today)
    assert sum(step.kind == "up" for step in told) == 5 and len(versions) == 16
    assert told[0].built.dose_ug == 20_000 and told[-1].built.dose_ug < 20_000
    last = versions[-1]
    assert last.to_ug == 0 and last.steps[-1].built.dose_ug == 0 and last.from_ug == told[-1].built.dose_ug
    # Smaller and slower after the first step back, and never longer than the longest interval that is offered.
    assert last.interval_days == 28 and last.request is not None and last.request.step_ug == 500


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Change(kind=ChangeKind.STEP_BACK), "no dose before"),
        (Change(kind=ChangeKind.SLOWER, days=7), "not slower"),
        (Change(kind=ChangeKind.HOLD, days=0), "at least 1"),
        (Change(kind=ChangeKind.OTHER_END), "down to which dose"),
        (Change(kind=ChangeKind.OTHER_END, to_ug=30_000), "not below the present dose"),
        (Change(kind=ChangeKind.MOVE_STEP, number=0, dose_ug=1_000), "still to come"),
        (Change(kind=ChangeKind.MOVE_STEP, number=1, dose_ug=5_000), "too much in one step"),
        (Change(kind=ChangeKind.MOVE_STEP, number=1, dose_ug=25_000), "would go up"),
        (Change(kind=ChangeKind.MOVE_STEP, number=2, on=date(2026, 6, 16)), "too soon"),
    ],
)
def test_what_cannot_be_changed_says_why(change: Change, said: str) -> None:
    plan = begin("diazepam", 20_000, Mode.PRODUCT_STEPS)
    here = Standing(on=START, dose_ug=20_000, since=START)
    with pytest.raises(NotPlanned, match=said):
        replan(plan, here, change, knowledge.load())


def test_a_step_is_moved_to_another_dose_and_day() -> None:
    known = knowledge.load()
    plan = begin("diazepam", 20_000, Mode.PRODUCT_STEPS)
    here = Standing(on=date(2026, 7, 20), dose_ug=17_000, since=date(2026, 7, 13), before_ug=18_000)
    lower = replan(plan, here, Change(kind=ChangeKind.MOVE_STEP, number=5, dose_ug=14_500), known)
    assert [step.built.dose_ug for step in lower.steps][:4] == [17_000, 16_000, 14_500, 13_500]
    later = replan(plan, here, Change(kind=ChangeKind.MOVE_STEP, number=5, on=date(2026, 8, 25)), known)
    assert [step.on for step in later.steps][:3] == [date(2026, 7, 20), date(2026, 7, 27), date(2026, 8, 25)]
    # A dose of one's own stays where it was put when the plan is held.
    held = replan(lower, here, Change(kind=ChangeKind.HOLD, days=28), known)
    assert [step.built.dose_ug for step in held.steps][:3] == [17_000, 16_000, 14_500] and held.steps[1].on == date(2026, 8, 17)


def test_another_end_and_back_from_the_end() -> None:
    known = knowledge.load()
    plan = begin("diazepam", 20_000, Mode.PRODUCT_STEPS)
    here = Standing(on=date(2026, 7, 20), dose_ug=17_000, since=date(2026, 7, 13), before_ug=18_000)
    other = replan(plan, here, Change(kind=ChangeKind.OTHER_END, to_ug=5_000), known)
    assert other.to_ug == 5_000 == other.steps[-1].built.dose_ug and other.steps[1].on == date(2026, 7, 27)
    done = Standing(on=date(2027, 6, 1), dose_ug=0, since=date(2027, 5, 4), before_ug=1_000)
    with pytest.raises(NotPlanned, match="end point is reached"):
        replan(plan, done, Change(kind=ChangeKind.HOLD, days=7), known)
    back = replan(plan, done, Change(kind=ChangeKind.STEP_BACK), known)
    assert back.steps[0].built.dose_ug == 1_000 and back.steps[0].kind == "up" and back.steps[-1].built.dose_ug == 0
