"""What was really taken: each course as segments of one dose, with changes, breaks and tapers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stepwell.records.synthetic.courses import NEVER, Courses
from stepwell.records.synthetic.dice import Bools, Ints
from stepwell.records.synthetic.scene import Scene

_DOSES = 31
_START, _CHANGE, _LAPSE, _BACK, _TAPER = range(5)
_TAPER_STEPS = 3
_TAPER_DAYS = 28


@dataclass(slots=True)
class Segments:
    """Columns, one row a stretch of one dose, in order of course and day. `plan` counts the plans of a course from 0."""

    course: Ints
    plan: Ints
    started: Ints
    ended: Ints
    step: Ints  # position in the flat list of steps


def make_segments(scene: Scene, courses: Courses) -> Segments:
    """Every course cut at its events: an early change, later ones, up to two breaks, and the steps of a taper."""
    formulary, mess = scene.formulary, scene.world.catalogue.rates.mess
    draws = scene.draws(_DOSES)
    size = courses.size
    until = np.minimum(courses.ended, scene.leaves[courses.person] + 1)
    length = until - courses.started
    count = formulary.step_count[courses.medicine]
    can = (count > 1) & ~courses.acute
    ordinary = courses.group == formulary.classes.index("ordinary")
    can &= ~ordinary
    days = [courses.started]
    kinds = [_START]

    def event(kind: int, chosen: Bools, day: Ints) -> None:
        days.append(np.where(chosen & (day < until), day, NEVER))
        kinds.append(kind)

    event(_CHANGE, can & (length > 60) & draws.chance(mess.early_change, size), courses.started + draws.between(14, 56, size))
    for share in mess.later_changes:
        event(
            _CHANGE, can & (length > 400) & draws.chance(share, size), courses.started + draws.between(120, np.maximum(length, 121), size)
        )
    low, high = mess.lapse_days
    for _ in range(2):
        lapses = (length > 250) & draws.chance(1 - np.exp(-courses.lapses * length / 365 / 2), size)
        away = courses.started + draws.between(60, np.maximum(length - high - 30, 61), size)
        event(_LAPSE, lapses, away)
        event(_BACK, lapses, away + draws.between(low, high, size))
    tapered = courses.taper & (length > 200) & (count > 1) & ~courses.acute
    for number in range(_TAPER_STEPS, 0, -1):
        event(_TAPER, tapered, until - number * _TAPER_DAYS)
    day = np.stack(days, axis=1)
    order = np.argsort(day, axis=1, kind="stable")
    day = np.take_along_axis(day, order, axis=1)
    kind = np.array(kinds)[order]
    step = np.minimum((draws.uniform(size) * count).astype(np.int64), count - 1)
    up = draws.uniform(size * len(kinds)).reshape(size, -1) < 0.5
    return _walk(scene, courses, until, _Events(day, kind, step, up))


@dataclass(slots=True)
class _Events:
    """Of each course, in order: days and kinds of what happens to its dose, the first step, and whether a change goes up."""

    day: Ints
    kind: Ints
    step: Ints
    up: Bools


def _walk(scene: Scene, courses: Courses, until: Ints, events: _Events) -> Segments:
    formulary, day, kind, step = scene.formulary, events.day, events.kind, events.step
    size, columns = day.shape
    most = formulary.step_count[courses.medicine] - 1
    plan = np.zeros(size, dtype=np.int64)
    away = np.zeros(size, dtype=bool)
    rows = []
    for column in range(columns):
        real = day[:, column] < NEVER
        which = kind[:, column]
        # Doses mostly climb at first; later they move either way.
        first = (which == _CHANGE) & (plan == 0)
        move = np.where(first | events.up[:, column], 1, -1)
        moved = np.where(which == _CHANGE, np.clip(step + move, 0, most), np.where(which == _TAPER, np.maximum(step - 1, 0), step))
        changed = real & (moved != step) & ~away
        step = np.where(changed, moved, step)
        plan = plan + changed
        away = np.where(real & (which == _LAPSE), True, np.where(real & (which == _BACK), False, away))
        following = day[:, column + 1] if column + 1 < columns else np.full(size, NEVER)
        end = np.minimum(following, until)
        here = np.flatnonzero(real & ~away & (end > day[:, column]))
        rows.append((here, plan[here], day[here, column], end[here], step[here]))
    course, plans, started, ended, steps = (np.concatenate([row[number] for row in rows]) for number in range(5))
    order = np.lexsort((started, course))
    steps = formulary.first_step[courses.medicine[course]] + steps
    return _joined(Segments(course[order], plans[order], started[order], ended[order], steps[order]))


def _joined(segments: Segments) -> Segments:
    """Segments that touch and have one dose become one."""
    same = np.zeros(len(segments.course), dtype=bool)
    same[1:] = (
        (segments.course[1:] == segments.course[:-1])
        & (segments.plan[1:] == segments.plan[:-1])
        & (segments.started[1:] == segments.ended[:-1])
    )
    first = np.flatnonzero(~same)
    last = np.append(first[1:], len(same)) - 1
    return Segments(segments.course[first], segments.plan[first], segments.started[first], segments.ended[last], segments.step[first])
