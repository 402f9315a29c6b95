"""Results, reviews and problems: on schedule, late, patchy or never, drifting towards trouble for some."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from stepwell.records.synthetic.courses import GP, TRUST, WAYS
from stepwell.records.synthetic.dice import Bools, Dice, Floats, Ints, running_sum, spread_over
from stepwell.records.synthetic.frames import NONE, choose, day, ids, known_day, number, table
from stepwell.records.synthetic.scene import Scene
from stepwell.records.synthetic.treatment import Treatment

_BODY, _PANELS, _CHECKS, _PROBLEMS = 61, 62, 63, 64
# Class → panels of tests that go with it.
_PANELS_OF = {
    "antipsychotic": ("antipsychotic",),
    "depot": ("antipsychotic",),
    "clozapine": ("antipsychotic", "clozapine"),
    "lithium": ("lithium",),
    "valproate": ("valproate",),
    "adhd": ("adhd",),
}


@dataclass(slots=True)
class Visits:
    """Columns, one row a test done: whose, which (position in `Body.tests`), when, and at which kind of organisation."""

    person: Ints
    test: Ints
    on: Ints
    by: Ints


class Body:
    """Each person's own levels and habits; a test has a level of its own and, for some people, a drift towards another."""

    def __init__(self, scene: Scene) -> None:
        data, people = scene.world.catalogue.results, scene.people
        self.data, self.today = data, scene.today
        self.tests = list(data.tests)
        draws = scene.draws(_BODY)
        size, count = people.size, len(self.tests)
        entries = list(data.tests.values())
        self.level: Floats = np.array([e.mean for e in entries]) + np.array([e.spread for e in entries]) * draws.normal(
            0, 1, size * count
        ).reshape(size, count)
        self.level[:, self.tests.index("egfr")] -= 0.7 * np.maximum(0, people.age - 50)
        self.towards: Floats = np.full((size, count), np.nan)
        self.years: Floats = np.ones((size, count))
        habits = list(data.habits.values())
        habit = draws.pick([h.share for h in habits], size)
        self.factor = np.array([h.factor for h in habits])[habit]
        self.missed = np.array([h.missed for h in habits])[habit]
        self.never = draws.uniform(size * count).reshape(size, count) < np.array([h.never for h in habits])[habit][:, None]
        smoking = scene.world.catalogue.rates.checks.smoking
        self.smoking = np.array([self.tests.index(name) for name in smoking])[draws.pick(smoking.values(), size)]

    def drift(self, draws: Dice, panel: str, person: Ints) -> None:
        for story in self.data.stories.get(panel, []):
            going = person[draws.chance(story.share, len(person))]
            column = self.tests.index(story.test)
            self.towards[going, column], self.years[going, column] = story.towards, story.years

    def values(self, draws: Dice, person: Ints, test: Ints, on: Ints) -> Ints:
        """Thousandths of the test's unit."""
        entries = list(self.data.tests.values())
        level = self.level[person, test]
        towards, years = self.towards[person, test], self.years[person, test]
        part = 1 - np.clip((self.today - on) / (365.25 * years), 0, 1)
        level = np.where(np.isnan(towards), level, level + (towards - level) * part)
        value = level + np.array([e.noise for e in entries])[test] * draws.normal(0, 1, len(person))
        value = np.clip(value, np.array([e.low for e in entries])[test], np.array([e.high for e in entries])[test])
        digits = 10 ** np.array([e.decimals for e in entries])[test]
        return np.rint(value * digits).astype(np.int64) * 1000 // digits


def make_visits(treatment: Treatment, body: Body) -> Visits:
    scene, courses = treatment.scene, treatment.courses
    people, formulary, leaves = scene.people, scene.formulary, scene.leaves
    draws = scene.draws(_PANELS)
    parts = []
    supplied = [WAYS.index("trust with plan"), WAYS.index("trust only")]
    at_trust = np.isin(courses.way, supplied) & draws.chance(scene.world.catalogue.rates.checks.at_trust, courses.size)
    if people.place.outside:
        at_trust |= True
    for group, panels in _PANELS_OF.items():
        rows = np.flatnonzero(courses.group == formulary.classes.index(group))
        # One course of a class after another is one line of checks.
        rows = rows[np.unique(courses.person[rows], return_index=True)[1]]
        person = courses.person[rows]
        for panel in panels:
            until = np.minimum(courses.ended[rows], leaves[person])
            who = _Watched(person, courses.started[rows], until, np.where(at_trust[rows], TRUST, GP))
            parts += _panel(body, draws, panel, who)
    checks, rates = scene.draws(_CHECKS), scene.world.catalogue.rates.checks
    size = people.size
    medicated = np.zeros(size, dtype=bool)
    medicated[courses.person] = True
    dependence = np.isin(
        courses.group, [formulary.classes.index(name) for name in ("benzodiazepine", "z-drug", "opioid", "gabapentinoid", "antidepressant")]
    )
    grown = people.adult & (not people.place.outside)
    depends = np.zeros(size, dtype=bool)
    depends[courses.person[dependence]] = True
    for panel, share in (
        ("general", np.full(size, rates.general)),
        ("blood", np.where(people.age < rates.blood_age, rates.blood[0], rates.blood[1])),
        ("review", np.where(medicated, rates.review, 0.0)),
        ("dependence", np.where(depends, rates.dependence, 0.0)),
    ):
        person = np.flatnonzero(grown & checks.chance(share, size))
        first = leaves[person] - checks.between(60, 1400, len(person))
        parts += _panel(body, checks, panel, _Watched(person, first, leaves[person], np.full(len(person), GP)))
    person = np.flatnonzero(grown & depends & checks.chance(rates.structured_review, size))
    once = body.tests.index("structured-review")
    parts.append(
        Visits(person, np.full(len(person), once), leaves[person] - checks.between(10, 500, len(person)), np.full(len(person), GP))
    )
    found = Visits(*(np.concatenate([getattr(part, name) for part in parts]) for name in Visits.__slots__))
    keep = (found.on <= leaves[found.person]) & (found.on >= people.born[found.person])
    return Visits(found.person[keep], found.test[keep], found.on[keep], found.by[keep])


@dataclass(slots=True)
class _Watched:
    """Who is watched with a panel, from when to when, and by which kind of organisation."""

    person: Ints
    first: Ints
    last: Ints
    by: Ints


def _panel(body: Body, draws: Dice, name: str, watched: _Watched) -> list[Visits]:
    """Every visit of a panel between two days, as each person keeps them."""
    person, first, last, by = watched.person, watched.first, watched.last, watched.by
    body.drift(draws, name, person)
    parts = []
    for panel in body.data.panels[name]:
        every = np.maximum(14, panel.every * body.factor[person])
        begin = first + draws.between(-20, 25, len(person))
        counts = np.maximum(((last - begin) / (every * 0.85)).astype(np.int64) + 2, 1)
        row, turn = spread_over(counts)
        wait = np.where(turn == 0, 0, np.maximum(14, np.rint(every[row] + draws.normal(0, panel.every * 0.1, len(row))))).astype(np.int64)
        on = begin[row] + running_sum(wait, turn == 0)
        keep = on <= last[row]
        row, on = row[keep], on[keep]
        for test in panel.tests:
            who = person[row]
            # Smoking has no code of its own: the answer is the code.
            which = body.smoking[who] if test == "smoking" else np.full(len(who), body.tests.index(test))
            done = ~body.never[who, which] & ~draws.chance(body.missed[who], len(who))
            parts.append(Visits(who[done], which[done], on[done], by[row[done]]))
            if test == "systolic":
                parts.append(Visits(who[done], np.full(int(done.sum()), body.tests.index("diastolic")), on[done], by[row[done]]))
    return parts


def observation_table(scene: Scene, body: Body, visits: Visits) -> pa.Table:
    """Results of the practice and of the trust together; `org_code` tells them apart."""
    world, place = scene.world, scene.place
    data, mess = world.catalogue.results, world.catalogue.rates.mess
    draws = scene.draws(_BODY, 1)
    order = np.lexsort((visits.test, visits.on, visits.person))
    person, test, on, by = visits.person[order], visits.test[order], visits.on[order], visits.by[order]
    size = len(person)
    entries = list(data.tests.values())
    measured = np.array([entry.unit is not None for entry in entries])[test]
    value = body.values(draws, person, test, on)
    spellings = [spelling for entry in entries for spelling in data.untidy_units.get(entry.unit or "", [entry.unit])]
    counts = np.array([len(data.untidy_units.get(entry.unit or "", [entry.unit])) for entry in entries])
    first = np.cumsum(counts) - counts
    untidy = np.where(draws.chance(mess.abnormal_unit, size), (draws.uniform(size) * counts[test]).astype(np.int64), 0)
    wrong = draws.chance(mess.entered_in_error, size)
    return table(
        "observations",
        size,
        {
            "subject_id": person + 1,
            "source": choose([place.code, world.trust], by),
            "native_id": ids(f"o{place.index}-", size),
            "version": "1",
            "org_code": choose([place.code, world.trust], by),
            "code": choose([entry.code for entry in entries], test),
            "code_system": "snomed",
            "term": choose([entry.term for entry in entries], test),
            "effective_on": known_day(on),
            "precision": "day",
            "value_milli": number(value, measured),
            "value_unit": choose(spellings, np.where(measured, first[test] + untidy, -1)),
            "status": choose(["final", "entered in error"], wrong.astype(np.int64)),
        },
    )


def problem_table(treatment: Treatment, reason: Ints) -> pa.Table:
    """Groups a person belongs to, reasons for treatment that reached the problem list, falls, pregnancy and frailty."""
    scene, courses = treatment.scene, treatment.courses
    world, people, place, leaves = scene.world, scene.people, scene.place, scene.leaves
    mess, names = world.catalogue.rates.mess, scene.formulary.conditions
    draws = scene.draws(_PROBLEMS)
    parts: list[tuple[Ints, Ints, Ints, Ints]] = []

    def add(person: Ints, condition: Ints | str, since: Ints, ended: Ints | None = None) -> None:
        which = np.full(len(person), names.index(condition)) if isinstance(condition, str) else condition
        parts.append((person, which, since, np.full(len(person), NONE) if ended is None else ended))

    listed = np.flatnonzero((reason >= 0) & draws.chance(mess.problem_listed, courses.size))
    over = (courses.ended[listed] <= leaves[courses.person[listed]]) & draws.chance(mess.problem_ended, len(listed))
    severe = np.array([names.index(name) for name in world.catalogue.rates.smi_diagnoses])
    lasting = np.isin(reason[listed], [*severe, names.index("dementia")])
    since = courses.started[listed] - draws.between(0, 700, len(listed))
    add(courses.person[listed], reason[listed], since, np.where(over & ~lasting, courses.ended[listed], NONE))
    for group, conditions, low, high in (
        ("smi", severe, 400, 5000),
        ("dementia", np.array([names.index("dementia"), names.index("alzheimer")]), 30, 2200),
        ("learning-disability", np.array([names.index("learning-disability"), names.index("learning-disability-moderate")]), 700, 6000),
        ("autism", np.array([names.index("autism")]), 200, 3000),
        ("care-home", np.array([names.index("care-home"), names.index("nursing-home")]), 20, 1500),
        ("homeless", np.array([names.index("homeless")]), 20, 700),
        ("fall", np.array([names.index("fall")]), 3, 1090),
        ("pregnant", np.array([names.index("pregnant")]), 5, 220),
    ):
        person = np.flatnonzero(people.groups[group])
        which = conditions[(draws.uniform(len(person)) * len(conditions)).astype(np.int64)]
        if group == "smi":
            which = severe[people.diagnosis[person]]
        add(person, which, leaves[person] - draws.between(low, high, len(person)))
    for name in world.catalogue.rates.frailty.shares:
        person = np.flatnonzero(people.frailty == name)
        add(person, name, leaves[person] - draws.between(20, 1200, len(person)))
    person, condition, since, ended = (np.concatenate([part[number] for part in parts]) for number in range(4))
    # One row a person and condition, the earliest.
    order = np.lexsort((since, condition, person))
    person, condition, since, ended = person[order], condition[order], since[order], ended[order]
    new: Bools = np.ones(len(person), dtype=bool)
    new[1:] = (person[1:] != person[:-1]) | (condition[1:] != condition[:-1])
    new &= since <= leaves[person]
    person, condition, since, ended = person[new], condition[new], np.maximum(since[new], people.born[person[new]]), ended[new]
    size = len(person)
    data = [world.catalogue.formulary.conditions[name] for name in names]
    return table(
        "conditions",
        size,
        {
            "subject_id": person + 1,
            "source": place.code,
            "native_id": ids(f"c{place.index}-", size),
            "version": "1",
            "org_code": place.code,
            "code": choose([entry.code for entry in data], condition),
            "code_system": "snomed",
            "term": choose([entry.term for entry in data], condition),
            "onset_on": known_day(since),
            "recorded_on": known_day(since),
            "ended_on": day(ended),
            "status": choose(["active", "resolved"], (ended >= 0).astype(np.int64)),
        },
    )
