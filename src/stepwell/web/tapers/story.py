"""What the events of a plan add up to: its state, the version in force, and the doses really meant to be taken day by day.

Pure: no database and no clock. An undone act counts as never done; nothing else is forgotten. While somebody holds, has stepped up or
pauses, the calendar stands still at the dose they are on, until they go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Protocol

from stepwell.clinical.tapering.model import Plan, Step
from stepwell.web.tapers.models import ACTIVE_STATES, OPEN_STATES, RUNNING_STATES, Act, PlanState


class Told(Protocol):
    """An event as it is read here."""

    pk: int
    act: str
    on: date
    version: int | None
    undoes_id: int | None
    detail: Any


# What an act makes of a plan; those that are not named leave its state as it is.
_STATE_AFTER = {
    Act.PROPOSED: PlanState.PROPOSED,
    Act.REVISED: PlanState.PROPOSED,
    Act.AGREED: PlanState.AGREED,
    Act.STARTED: PlanState.REDUCING,
    Act.HELD: PlanState.HOLDING,
    Act.STEPPED_BACK: PlanState.STEPPED_UP,
    Act.RESUMED: PlanState.REDUCING,
    Act.PAUSED: PlanState.PAUSED,
    Act.PLATEAU: PlanState.PLATEAU,
    Act.STABLE: PlanState.STABLE,
    Act.STOPPED: PlanState.STOPPED,
    Act.DECLINED: PlanState.DECLINED,
    Act.LEFT: PlanState.LEFT,
    Act.IN_ERROR: PlanState.IN_ERROR,
}
# In which states an act may be done. A plan is proposed once; undoing and check-ins have rules of their own.
MAY_IN: Mapping[Act, tuple[PlanState, ...]] = {
    Act.REVISED: (PlanState.PROPOSED, PlanState.AGREED),
    Act.AGREED: (PlanState.PROPOSED,),
    Act.STARTED: (PlanState.AGREED,),
    Act.HELD: RUNNING_STATES,
    Act.STEPPED_BACK: (*RUNNING_STATES, PlanState.PAUSED),
    Act.RESUMED: (PlanState.HOLDING, PlanState.STEPPED_UP, PlanState.PAUSED),
    Act.CHANGED: RUNNING_STATES,
    Act.PAUSED: (PlanState.AGREED, *RUNNING_STATES),
    Act.PLATEAU: (*RUNNING_STATES, PlanState.PAUSED),
    Act.STABLE: RUNNING_STATES,
    Act.STOPPED: (*RUNNING_STATES, PlanState.PAUSED),
    Act.DECLINED: OPEN_STATES,
    Act.LEFT: (PlanState.AGREED, *RUNNING_STATES, PlanState.PAUSED),
    Act.NAMED: ACTIVE_STATES,
    Act.CHECKED: (*RUNNING_STATES, PlanState.PAUSED, PlanState.STOPPED, PlanState.STABLE, PlanState.PLATEAU),
    # Also after the end: withdrawal may come late, and who asked is answered.
    Act.WROTE: (*ACTIVE_STATES, PlanState.PAUSED, PlanState.STOPPED, PlanState.STABLE, PlanState.PLATEAU, PlanState.DECLINED),
    Act.ANSWERED: tuple(state for state in PlanState if state not in (PlanState.PROPOSED, PlanState.IN_ERROR)),
    Act.IN_ERROR: tuple(state for state in PlanState if state != PlanState.IN_ERROR),
}
# What is said about a plan and changes nothing of it.
_SAID = frozenset({Act.CHECKED, Act.WROTE, Act.ANSWERED})
# The calendar stands still from these acts on.
_STILL = frozenset({Act.HELD, Act.STEPPED_BACK, Act.PAUSED})
_MOVING = frozenset({Act.STARTED, Act.RESUMED})
_ENDS = frozenset({Act.PLATEAU, Act.STABLE, Act.STOPPED, Act.DECLINED, Act.LEFT, Act.IN_ERROR})


@dataclass(frozen=True, slots=True)
class Stretch:
    """From `on` this version holds; `still`: its calendar does not move on. `ended`: from then on the plan is not followed; `nothing`:
    from then on none is taken."""

    on: date
    version: int
    still: bool = False
    ended: bool = False
    nothing: bool = False


@dataclass(frozen=True, slots=True)
class Story:
    """`since`: from when it is in its state. `counted`: keys of the events that count, the oldest first; `last` of those the last
    that changed anything."""

    state: PlanState
    since: date
    version: int
    agreed_on: date | None = None
    started_on: date | None = None
    until: date | None = None
    ended_on: date | None = None
    outcome: str = ""
    clinician: int | None = None
    org_code: str = ""
    check_by: str = "staff"
    check_role: str = ""
    stretches: tuple[Stretch, ...] = ()
    counted: tuple[int, ...] = ()
    last: int = 0

    @property
    def is_still(self) -> bool:
        return bool(self.stretches) and self.stretches[-1].still


def tell(events: Iterable[Told]) -> Story:
    """Fold the events, given in the order in which they were written. The first is `proposed`."""
    rows = list(events)
    undone = {row.undoes_id for row in rows if row.undoes_id is not None}
    counting = [row for row in rows if row.pk not in undone and row.act != Act.UNDONE]
    story: Story | None = None
    for row in counting:
        story = _after(story, row)
    if story is None:
        raise ValueError("a plan without an event that counts")
    return story


def _after(before: Story | None, row: Told) -> Story:
    act, detail = Act(row.act), row.detail
    if before is None:
        if row.version is None:
            raise ValueError("a plan begins with a version")
        return Story(PlanState.PROPOSED, row.on, row.version, org_code=detail.get("org", ""), counted=(row.pk,), last=row.pk)
    state = _STATE_AFTER.get(act, before.state)
    version = row.version if row.version is not None else before.version
    story = replace(
        before,
        state=state,
        since=row.on if act in _STATE_AFTER else before.since,
        version=version,
        until=_day(detail.get("until")) if act in _STATE_AFTER else before.until,
        stretches=_stretches(before, act, row.on, version, detail),
        counted=(*before.counted, row.pk),
        last=before.last if act in _SAID else row.pk,
    )
    if act in (Act.AGREED, Act.NAMED):
        story = replace(
            story, clinician=detail["clinician"], org_code=detail["org"], check_by=detail["check_by"], check_role=detail["check_role"]
        )  # fmt: skip
    if act == Act.AGREED:
        story = replace(story, agreed_on=row.on)
    if act == Act.STARTED:
        story = replace(story, started_on=row.on)
    if act in _ENDS:
        story = replace(story, ended_on=row.on, outcome=detail.get("outcome", ""))
    return story


def _stretches(before: Story, act: Act, on: date, version: int, detail: Mapping[str, Any]) -> tuple[Stretch, ...]:
    if act in _ENDS and before.started_on is not None:
        return (*before.stretches, Stretch(on, version, still=True, ended=True, nothing=detail.get("dose_ug") == 0))
    if before.started_on is None and act != Act.STARTED:
        return before.stretches
    if act in _STILL or act in _MOVING or act == Act.CHANGED:
        still = act in _STILL or (act == Act.CHANGED and before.is_still)
        return (*before.stretches, Stretch(on, version, still=still))
    return before.stretches


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


# Doses by day


def step_on(plan: Plan, day: date) -> Step:
    """The step of the calendar on a day; before it begins the first."""
    held = plan.steps[0]
    for step in plan.steps:
        if step.on <= day:
            held = step
    return held


def doses(story: Story, plans: Mapping[int, Plan], today: date) -> tuple[tuple[date, int], ...]:
    """What was to be taken from which day on, until today: each change once, micrograms a day (of patches an hour). Empty before the
    start. What the plan says, not what anybody has seen being swallowed."""
    found: list[tuple[date, int]] = []
    for number, stretch in enumerate(story.stretches):
        if stretch.on > today:
            break
        ends = story.stretches[number + 1].on if number + 1 < len(story.stretches) else today + timedelta(1)
        found.extend(_of_stretch(stretch, plans[stretch.version], min(ends, today + timedelta(1)), found[-1][1] if found else None))
    changes: list[tuple[date, int]] = []
    for on, dose in found:
        if changes and changes[-1][0] == on:
            changes.pop()
        if not changes or changes[-1][1] != dose:
            changes.append((on, dose))
    return tuple(changes)


def _of_stretch(stretch: Stretch, plan: Plan, ends: date, before: int | None) -> list[tuple[date, int]]:
    if stretch.nothing:
        return [(stretch.on, 0)]
    if stretch.ended:
        return [(stretch.on, before)] if before is not None else []
    found = [(stretch.on, step_on(plan, stretch.on).built.dose_ug)]
    if not stretch.still:
        found += [(step.on, step.built.dose_ug) for step in plan.steps if stretch.on < step.on < ends]
    return found


def dose_on(changes: Sequence[tuple[date, int]], day: date) -> int | None:
    """The dose of a day; None before the first."""
    held = None
    for on, dose in changes:
        if on <= day:
            held = dose
    return held
