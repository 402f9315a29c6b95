"""Courses of treatment as they were: who took what from when to when, and who supplied it. Nothing here is a record yet."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from stepwell.records.synthetic.dice import Bools, Dice, Floats, Ints, running_sum, spread_over
from stepwell.records.synthetic.persons import People
from stepwell.records.synthetic.scene import Scene
from stepwell.records.synthetic.stories import told
from stepwell.records.synthetic.world import World

NEVER = 10_000_000  # a day that does not come: the end of what goes on
GP, TRUST, PRIVATE, OTHER_TRUST = range(4)
_COURSES, _SUPPLY, _ORDINARY = 21, 22, 23


@dataclass(slots=True)
class Courses:
    """Columns, one row a course of one medicine of one person. `ended` is the first day without it, NEVER while it goes on."""

    person: Ints
    group: Ints  # position in Formulary.classes
    medicine: Ints
    started: Ints
    ended: Ints
    acute: Bools  # one to three acute issues
    fading: Bools  # no issue any more although the repeat is active
    forgotten: Bools  # stopped, but the plan was not ended
    taper: Bools
    lapses: Floats  # breaks a year
    way: Ints  # position in WAYS

    @property
    def size(self) -> int:
        return len(self.person)

    def take(self, rows: Ints | Bools) -> Courses:
        return Courses(*(getattr(self, column.name)[rows] for column in fields(self)))


WAYS = ("gp", "handover", "both", "trust with plan", "trust only", "elsewhere", "private with plan", "private with issues")


@dataclass(slots=True)
class Supply:
    """Columns, one row a stretch of a course supplied by one organisation (GP, TRUST, PRIVATE or OTHER_TRUST)."""

    course: Ints
    by: Ints
    started: Ints
    ended: Ints


def _joined(parts: list[Courses]) -> Courses:
    return Courses(*(np.concatenate([getattr(part, column.name) for part in parts]) for column in fields(Courses)))


def make_courses(scene: Scene) -> Courses:
    people, rates = scene.people, scene.world.catalogue.rates
    parts = []
    for number, (name, rate) in enumerate(rates.classes.items()):
        draws = scene.draws(_COURSES, number)
        users = np.flatnonzero(people.takes[name])
        now_and_then = draws.even_chance(rate.intermittent, len(users)) & (not people.place.outside)
        part = _class(scene, draws, name, users[~now_and_then])
        parts.append(part)
        if rate.intermittent:
            parts.append(_intermittent(scene, draws, name, users[now_and_then]))
        if name in rates.five:
            parts.append(_earlier(scene, draws, part))
        if name == "opioid":
            parts.append(_second(scene, draws, part))
    parts.append(_ordinary(scene))
    found = _joined(parts)
    oldest = people.born[found.person] + (365 * 3)
    found.started = np.maximum(found.started, oldest)
    leaves = scene.leaves[found.person]
    by_hand = told(people.place, people.size)[found.person]
    found = found.take((found.started < leaves) & (found.ended > found.started) & ~by_hand)
    return found


def _class(scene: Scene, draws: Dice, name: str, users: Ints) -> Courses:
    world, people, formulary = scene.world, scene.people, scene.formulary
    rates = world.catalogue.rates
    rate = rates.classes[name]
    size = len(users)
    group = rate.medicine_class or name
    medicine = formulary.pick(draws, group, size)
    if group == "antipsychotic":
        aged = people.groups["dementia"][users] & (people.age[users] >= 65)
        medicine = np.where(aged, formulary.pick_of(draws, rates.dementia_medicines, size), medicine)
    # Records of those who have left go back from the day they left.
    until = scene.leaves[users]
    current = draws.even_chance(_together(world, people, users, rate.current), size)
    length = draws.even_pick(rate.lengths, size)
    longest = np.maximum(formulary.long[medicine] * 365, 1200)
    days = np.where(
        length == 0,
        draws.between(5, 365, size),
        np.where(length == 1, draws.between(366, 1095, size), 1096 + ((longest - 1096) * draws.uniform(size) ** 1.3).astype(np.int64)),
    )
    fresh = ~current & draws.even_chance(rate.fresh, size)
    begun = until - draws.between(3, 355, size)
    brief = draws.between(5, 80, size)
    stopped = until - draws.between(5, 335, size)
    started = np.where(current, until - days, np.where(fresh, begun, stopped - np.maximum(days, 120)))
    ended = np.where(current, NEVER, np.where(fresh, np.minimum(begun + brief, until), stopped))
    short = formulary.has_short[medicine]
    acute = fresh & short
    if group == "opioid":
        # Of all users, those who get some now and then included.
        among = rate.current * sum(rate.lengths[1:]) * (1 - rate.intermittent)
        high = current & (length > 0) & draws.even_chance(rates.high_dose_opioid / max(among, 0.01), size)
        medicine = np.where(high, formulary.pick(draws, "high-dose opioid", size), medicine)
    mess = rates.mess
    fading = current & draws.chance(mess.fading, size) & (days > 300)
    ended = np.where(fading, until - draws.between(40, 150, size), ended)
    ways = np.array([WAYS.index(way) for way in rate.ways])[draws.even_pick(rate.ways.values(), size)]
    if people.place.outside:
        ways = np.full(size, WAYS.index("trust only"))
    ways = np.where((ways == 1) & (until - started > 1100), 0, ways)
    # What the trust supplies is known for as long as it has kept records of it.
    ours = (ways >= 3) | (ways == 2)
    started = np.where(ours, np.maximum(started, until - 4 * 365), started)
    return Courses(
        users, np.full(size, formulary.classes.index(group)), medicine, started, ended, acute, fading,
        draws.chance(mess.forgotten, size), draws.chance(rate.taper, size) & ~current, np.full(size, rate.lapses), ways,
    )  # fmt: skip


def _together(world: World, people: People, users: Ints, share: float) -> Floats:
    """Probability of still taking a class: higher, to the same mean, for those who take several of the five, most so where it is poor."""
    rates = world.catalogue.rates
    classes = np.sum([people.takes[name] for name in rates.five], axis=0)[users]
    least, most = rates.together
    weight = np.where(classes > 1, least + (most - least) * people.fifth[users] / 4, 1.0)
    factor = share
    for _ in range(8):
        reached = float(np.minimum(weight * factor, 0.97).mean()) if len(users) else share
        factor *= share / max(reached, 1e-9)
    return np.minimum(weight * factor, 0.97)


def _intermittent(scene: Scene, draws: Dice, name: str, users: Ints) -> Courses:
    """Those who get a few acute issues now and then, for years: every time is a course of its own."""
    formulary = scene.formulary
    size = len(users)
    medicines = formulary.data.formulary.medicines
    medicine = formulary.pick_of(draws, {key: m.weight for key, m in medicines.items() if m.group == name and m.short}, size)
    turns = draws.between(2, 14, size)
    until = scene.leaves[users]
    row, turn = spread_over(turns)
    wait = np.where(turn == 0, draws.between(0, 200, len(row)), draws.between(70, 165, len(row)))
    started = until[row] - running_sum(wait, turn == 0) - 1
    none = np.zeros(len(row), dtype=bool)
    return Courses(
        users[row], np.full(len(row), formulary.classes.index(name)), medicine[row], started, started + 40, ~none, none, none.copy(),
        none.copy(), np.zeros(len(row)), np.zeros(len(row), dtype=np.int64),
    )  # fmt: skip


def _earlier(scene: Scene, draws: Dice, part: Courses) -> Courses:
    """Another medicine of the class before: the later course is cut, the earlier one runs into it by a few days."""
    formulary = scene.formulary
    size = part.size
    length = np.minimum(part.ended, scene.today) - part.started
    switched = (length > 200) & ~part.acute & draws.chance(scene.world.catalogue.rates.mess.switch, size)
    other = formulary.pick(draws, formulary.classes[int(part.group[0])] if size else "opioid", size)
    switched &= other != part.medicine
    at = part.started + draws.between(60, np.maximum(length - 45, 61), size)
    before = part.take(switched)
    before.medicine = other[switched]
    before.ended = (at + draws.between(-5, 25, size))[switched]
    before.fading = np.zeros(before.size, dtype=bool)
    before.taper = before.taper & False
    part.started = np.where(switched, at, part.started)
    return before


def _second(scene: Scene, draws: Dice, part: Courses) -> Courses:
    second = part.take(draws.chance(scene.world.catalogue.rates.second_opioid, part.size) & ~part.acute)
    second.medicine = scene.formulary.pick(draws, "opioid", second.size)
    return second


def _ordinary(scene: Scene) -> Courses:
    people, formulary, rates = scene.people, scene.formulary, scene.world.catalogue.rates
    draws = scene.draws(_ORDINARY)
    column = np.where(people.age < 45, 0, np.where(people.age < 65, 1, 2))
    users, medicines = [], []
    for name, shares in rates.ordinary.items():
        found = np.flatnonzero(people.adult & draws.chance(np.array(shares)[column], people.size))
        users.append(found)
        medicines.append(np.full(len(found), formulary.names.index(name)))
    person, medicine = np.concatenate(users), np.concatenate(medicines)
    if people.place.outside:
        person, medicine = person[:0], medicine[:0]
    size = len(person)
    first, last = rates.ordinary_days
    started = scene.leaves[person] - draws.between(first, last, size)
    none = np.zeros(size, dtype=bool)
    return Courses(
        person, np.full(size, formulary.classes.index("ordinary")), medicine, started, np.full(size, NEVER), none, none, none, none,
        np.zeros(size), np.zeros(size, dtype=np.int64),
    )  # fmt: skip


def make_supply(scene: Scene, courses: Courses) -> Supply:
    """Who supplied each course when: the practice, the trust, both, one after the other, or somebody who sends no records."""
    draws = scene.draws(_SUPPLY)
    size = courses.size
    over = np.minimum(courses.started + draws.between(60, 150, size), courses.ended)
    joins = courses.started + draws.between(30, 200, size)
    way = courses.way
    rows: list[tuple[Ints, int, Ints, Ints]] = []

    def add(chosen: Bools, by: int, started: Ints, ended: Ints) -> None:
        here = np.flatnonzero(chosen & (ended > started))
        rows.append((here, by, started[here], ended[here]))

    add(way == 0, GP, courses.started, courses.ended)
    add(way == 1, TRUST, courses.started, over)
    add(way == 1, GP, over, courses.ended)
    add(way == 2, TRUST, courses.started, courses.ended)
    add(way == 2, GP, joins, courses.ended)
    add((way == 3) | (way == 4), TRUST, courses.started, courses.ended)
    add(way == 5, OTHER_TRUST, courses.started, courses.ended)
    add(way >= 6, PRIVATE, courses.started, courses.ended)
    course = np.concatenate([row[0] for row in rows])
    by = np.concatenate([np.full(len(row[0]), row[1]) for row in rows])
    started = np.concatenate([row[2] for row in rows])
    ended = np.concatenate([row[3] for row in rows])
    order = np.lexsort((by, started, course))
    return Supply(course[order], by[order], started[order], ended[order])
