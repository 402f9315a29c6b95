"""Issues by a renewal process: asked for a little early or late, doubled before holidays, given up or kept back in hospital."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stepwell.records.synthetic.courses import GP, Courses, Supply
from stepwell.records.synthetic.dice import Bools, Floats, Ints, running_sum, spread_over
from stepwell.records.synthetic.doses import Segments
from stepwell.records.synthetic.scene import Scene

_MANNER, _ISSUES = 41, 42
_FEWEST_DAYS = 4


@dataclass(slots=True)
class Manner:
    """How each course is prescribed. `days`: days of an issue; `late`: days after the supply ran out, usually; `spread`: give or take."""

    days: Ints
    late: Floats
    spread: Floats
    as_required: Bools


@dataclass(slots=True)
class Runs:
    """Columns, one row a stretch of issues of one dose by one supplier. `ended` is the first day without an issue."""

    course: Ints
    by: Ints
    plan: Ints
    started: Ints
    ended: Ints
    step: Ints

    def take(self, rows: Ints | Bools) -> Runs:
        return Runs(self.course[rows], self.by[rows], self.plan[rows], self.started[rows], self.ended[rows], self.step[rows])


def make_manner(scene: Scene, courses: Courses) -> Manner:
    """People keep their habit over all their medicines; depots and clinics keep their interval."""
    people, formulary, mess = scene.people, scene.formulary, scene.world.catalogue.rates.mess
    draws = scene.draws(_MANNER)
    habit = np.where(
        draws.chance(mess.late_people, people.size), draws.normal(mess.late_days, 3, people.size), draws.normal(0.5, 0.8, people.size)
    )
    usual = formulary.supply_days(draws, courses.medicine)
    # Two courses of one medicine keep one interval; a person's own choice of 28 or 56 days is drawn per course.
    days = usual
    pattern = formulary.step_pattern[formulary.first_step[courses.medicine], 0]
    depot = courses.group == formulary.classes.index("depot")
    days = np.where(depot, formulary.every[pattern], days)
    required = draws.chance(formulary.as_required[courses.medicine], courses.size) | formulary.prn_pattern[pattern]
    # Injections are appointments: close to their day, but for the person who is always late.
    return Manner(days, habit[courses.person], np.where(depot, 1.3, 3.0), required & ~depot)


def make_runs(courses: Courses, segments: Segments, supply: Supply) -> Runs:
    """Segments of dose cut by who supplied them."""
    # Each course has few stretches of supply: join by course, keep what overlaps.
    first = np.searchsorted(supply.course, segments.course, side="left")
    count = np.searchsorted(supply.course, segments.course, side="right") - first
    row, number = spread_over(count)
    stretch = first[row] + number
    started = np.maximum(segments.started[row], supply.started[stretch])
    ended = np.minimum(segments.ended[row], supply.ended[stretch])
    keep = ended > started
    runs = Runs(segments.course[row], supply.by[stretch], segments.plan[row], started, ended, segments.step[row])
    return runs.take(keep & ~courses.acute[runs.course])


@dataclass(slots=True)
class Issues:
    run: Ints
    on: Ints


def make_issues(scene: Scene, runs: Runs, manner: Manner) -> Issues:
    """Days of issue of every run, in order of run and day."""
    formulary, mess = scene.formulary, scene.world.catalogue.rates.mess
    draws = scene.draws(_ISSUES)
    days = manner.days[runs.course]
    pattern = formulary.step_pattern[runs.step, 0]
    days = np.where(formulary.every[pattern] > 7, formulary.every[pattern], days)
    required = manner.as_required[runs.course]
    # Enough draws that a run is hardly ever cut short: intervals are a little longer than `days` on average.
    counts = ((runs.ended - runs.started) / (days * 0.93)).astype(np.int64) + 3
    run, number = spread_over(counts)
    size = len(run)
    day, first = days[run], number == 0
    wait = day + np.rint(np.clip(draws.normal(manner.late[runs.course][run], manner.spread[runs.course][run], size), -9, 21))
    wait = np.where(required[run], np.maximum(7, np.rint(draws.normal(day * 1.5, day * 0.6, size))), wait)
    wait = np.where(first, 0, np.maximum(_FEWEST_DAYS, wait)).astype(np.int64)
    on = runs.started[run] + running_sum(wait, first)
    month = (on.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)) % 12 + 1
    double = np.isin(month, mess.holiday_months) & draws.chance(mess.holiday, size) & ~required[run] & (day <= 28) & (day > 14)
    # A doubled issue puts every later one off by its days.
    on = on + running_sum(np.where(double, day, 0), first) - np.where(double, day, 0)
    keep = on < runs.ended[run]
    run, on, double = run[keep], on[keep], double[keep]
    twice = np.repeat(np.arange(len(run)), 1 + double)
    return Issues(run[twice], on[twice])


def acute_days(draws_between: Floats, courses: Courses, rows: Ints, until: Ints) -> tuple[Ints, Ints]:
    """Course and day of acute issues: one for most, two or three for some; `draws_between` is a column of uniforms per course."""
    count = np.where(draws_between < 0.6, 1, np.where(draws_between < 0.85, 2, 3))
    row, number = spread_over(count)
    gap = 7 + (draws_between[row] * 24).astype(np.int64)
    on = courses.started[rows][row] + number * gap
    keep = on <= until[row]
    return rows[row[keep]], on[keep]


def without_stays(people_of_issue: Ints, on: Ints, by: Ints, stays: tuple[Ints, Ints, Ints]) -> Bools:
    """Which issues stand: the practice issues nothing to somebody in hospital."""
    person, started, ended = stays
    first = np.full(int(people_of_issue.max(initial=0)) + 1, 10**9)
    last = np.full(len(first), -(10**9))
    inside = person < len(first)
    first[person[inside]], last[person[inside]] = started[inside], ended[inside]
    return ~((by == GP) & (on > first[people_of_issue]) & (on < last[people_of_issue]))
