"""The people of a practice: who they are, which groups they belong to, and which classes of medicine they take.

Classes come together through one shared normal liability (a Gaussian copula). Of each class a practice gets as many people as
its people's probabilities add up to: what varies is who, not how many, so that rates come out as aimed at in small networks too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stepwell.records.synthetic import stories
from stepwell.records.synthetic.catalogue import NameGroup
from stepwell.records.synthetic.dice import Bools, Dice, Floats, Ints, quantile
from stepwell.records.synthetic.world import ADULT, NUMBERED, Place, World, dice, fifth_shares, relative

YEAR = 365.25
_WHO, _NAMES, _HOME, _GROUPS, _LEAVING, _CLASSES = range(1, 7)
_LETTERS = np.array(list("ABDEFGHJLNPQRSTUWXYZ"))


@dataclass(slots=True)
class People:
    """Columns, one row a person. Days are counted from 1970-01-01; -1 stands for "never" in `died` and `moved`."""

    place: Place
    number: Ints  # in the network
    born: Ints
    age: Ints
    band: Ints
    female: Bools
    fifth: Ints  # 0 least deprived
    died: Ints
    moved: Ints
    registered: Ints
    given: np.ndarray
    family: np.ndarray
    title: np.ndarray
    address: np.ndarray
    postcode: np.ndarray
    phone: np.ndarray
    language: np.ndarray
    interpreter: Bools
    nhs: Ints  # 0 for none
    nhs_invalid: Bools
    groups: dict[str, Bools] = field(default_factory=dict)
    diagnosis: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))  # of severe mental illness, position in rates
    frailty: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=object))
    takes: dict[str, Bools] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return len(self.number)

    @property
    def adult(self) -> Bools:
        return self.age >= ADULT

    def leaves(self, as_of: int) -> Ints:
        """Last day of the practice's record."""
        last = np.where(self.died >= 0, self.died, np.where(self.moved >= 0, self.moved, as_of))
        return np.minimum(last, as_of)


def make_people(world: World, place: Place, as_of: int) -> People:
    """The people of one place; those of the place outside all take an antipsychotic that the trust supplies."""
    rates = world.catalogue.rates
    size = place.size
    who = dice(world, place, _WHO)
    bands = rates.age_bands
    share = np.array([band.share for band in bands])
    if place.outside:
        share = share * np.array([band.low >= ADULT for band in bands])
    band = who.even_pick(share, size)
    low = np.array([b.low for b in bands])[band]
    width = np.array([b.high - b.low + 1 for b in bands])[band]
    days = ((low + who.uniform(size) * width) * YEAR).astype(np.int64)
    female = who.even_chance(rates.female, size)
    fifth = who.even_pick(fifth_shares(place.lean), size)
    age = (days / YEAR).astype(np.int64)
    born = as_of - days
    leaving = dice(world, place, _LEAVING)
    going = leaving.uniform(size)
    when = as_of - leaving.between(5, 720, size)
    # Deaths fall on the old far more often than on the young.
    died = np.where((going < rates.deceased * (age / 55.0) ** 3 * 0.6) & (when > born), when, -1)
    moved = np.where((going > 1 - rates.moved) & (when > born) & (died < 0), when, -1)
    leaves = np.where(died >= 0, died, np.where(moved >= 0, moved, as_of))
    registered = np.maximum(np.minimum(born + 1, as_of), np.minimum(as_of - leaving.between(420, 9000, size), leaves - 30))
    home = dice(world, place, _HOME)
    number = place.first + np.arange(size)
    words: dict[str, Any] = _names(world, dice(world, place, _NAMES), size, female=female, age=age) | _home(world, home, size)
    people = People(
        place, number, born, age, band, female, fifth, died, moved, registered,
        **words,
        nhs=_nhs(world, place, number), nhs_invalid=home.chance(rates.nhs_invalid, size),
    )  # fmt: skip
    people.nhs[home.chance(rates.nhs_missing, size)] = 0
    _groups(world, people)
    homeless = people.groups["homeless"]
    people.address[homeless], people.postcode[homeless] = "No fixed abode", "ZZ99 3VZ"
    people.takes = takes(world, people)
    if stories.told(place, size).any():
        stories.identify(world, people, as_of)
    return people


def _nhs(world: World, place: Place, number: Ints) -> Ints:
    """Numbers of this seed's order; people of the place outside take theirs behind those of the network."""
    if place.outside:
        position = np.arange(len(number)) + min(world.patients, NUMBERED)
        fits = position < len(world.nhs_numbers) - 10
    else:
        position, fits = number, number < NUMBERED
    return np.where(fits, world.nhs_numbers[np.where(fits, position, 0)], 0)


def _names(world: World, names: Dice, size: int, *, female: Bools, age: Ints) -> dict[str, np.ndarray]:
    groups = world.catalogue.names.groups
    group = names.pick([g.share for g in groups], size)
    given = np.empty(size, dtype=object)
    family = np.empty(size, dtype=object)
    language = np.empty(size, dtype=object)
    first, second, draws = names.uniform(size), names.uniform(size), names.uniform(size)
    tongue, double = names.uniform(size), names.chance(0.03, size)
    for number, one in enumerate(groups):
        here = group == number
        _fill(given, here & female, one.female, first)
        _fill(given, here & ~female, one.male, first)
        _fill(family, here, one.family, second)
        hyphen = here & double
        family[hyphen] = family[hyphen] + "-" + np.array(one.family, dtype=object)[(draws[hyphen] * len(one.family)).astype(int)]
        _language(language, here, one, tongue)
    grown = np.array(["Ms", "Mrs", "Miss", "Mr", "Dr"], dtype=object)
    title = np.where(
        age < ADULT,
        np.where(female, "Miss", "Master"),
        np.where(female, grown[names.pick([0.4, 0.45, 0.15], size)], grown[3 + names.pick([0.97, 0.03], size)]),
    )
    speaks = np.array([each is not None for each in language], dtype=bool)
    interpreter = speaks & names.chance(world.catalogue.rates.interpreter_share, size)
    return {"given": given, "family": family, "title": title, "language": language, "interpreter": interpreter}


def _fill(column: np.ndarray, rows: Bools, words: list[str], draws: Floats) -> None:
    column[rows] = np.array(words, dtype=object)[(draws[rows] * len(words)).astype(int)]


def _language(column: np.ndarray, rows: Bools, group: NameGroup, draws: Floats) -> None:
    if group.language:
        speaks = rows & (draws < group.language_share)
        _fill(column, speaks, group.language, draws / group.language_share)


def _home(world: World, home: Dice, size: int) -> dict[str, np.ndarray]:
    names = world.catalogue.names
    house = home.between(1, 180, size).astype(str).astype(object)
    street = np.array(names.streets, dtype=object)[home.between(0, len(names.streets) - 1, size)]
    town = np.array(names.towns, dtype=object)[home.between(0, len(names.towns) - 1, size)]
    letters = _LETTERS[home.between(0, len(_LETTERS) - 1, size)].astype(object) + _LETTERS[home.between(0, len(_LETTERS) - 1, size)].astype(
        object
    )
    postcode = "ZZ99 " + home.between(1, 9, size).astype(str).astype(object) + letters
    phone = "07700 900" + np.char.zfill(home.between(0, 999, size).astype(str), 3).astype(object)
    return {"address": house + " " + street + ", " + town, "postcode": postcode, "phone": phone}


def _groups(world: World, people: People) -> None:
    rates = world.catalogue.rates
    draws = dice(world, people.place, _GROUPS)
    size = people.size
    people.groups = _membership(world, draws, people.band, people.fifth)
    if people.place.outside:
        people.groups["smi"] = draws.chance(0.7, size)
    people.diagnosis = draws.pick(rates.smi_diagnoses.values(), size)
    old = np.clip((people.age - rates.frailty.low_age) // 10, 0, 2)
    draw, total = draws.uniform(size), np.zeros(size)
    people.frailty = np.full(size, "", dtype=object)
    for name, shares in rates.frailty.shares.items():
        up_to = total + np.array(shares)[old]
        people.frailty[(people.age >= rates.frailty.low_age) & (draw >= total) & (draw < up_to)] = name
        total = up_to
    falls = np.where(people.age < rates.frailty.low_age, rates.falls.under_65, np.array(rates.falls.shares)[old])
    people.groups["fall"] = people.adult & draws.chance(falls, size)
    fertile = people.female & (people.age >= rates.pregnant.low_age) & (people.age <= rates.pregnant.high_age)
    people.groups["pregnant"] = fertile & draws.chance(rates.pregnant.share, size)


def _membership(world: World, draws: Dice, band: Ints, fifth: Ints) -> dict[str, Bools]:
    rates = world.catalogue.rates
    groups: dict[str, Bools] = {}
    adult = np.array([b.low >= ADULT for b in rates.age_bands])[band]
    for name, rate in rates.groups.items():
        slope = rate.deprived ** (np.arange(5) / 4)
        slope = slope / float((slope * world.fifths).sum())
        found = draws.even_chance(np.array(rate.shares)[band] * slope[fifth], len(band))
        if name == "care-home":
            for other, share in rates.care_home_with.items():
                found |= draws.even_chance(np.where(groups[other] & adult, share, 0.0), len(band))
        groups[name] = found
    return groups


# Who takes what


def takes(world: World, people: People) -> dict[str, Bools]:
    """Class → who takes it in the last year (or the length of the record, for those who have left)."""
    rates = world.catalogue.rates
    draws = dice(world, people.place, _CLASSES)
    size = people.size
    shared = draws.normal(0, 1, size)
    least, most = rates.shared_liability_least, rates.shared_liability
    load = np.sqrt(least + (most - least) * people.fifth / 4)
    found: dict[str, Bools] = {}
    for number, (name, rate) in enumerate(rates.classes.items()):
        own = draws.normal(0, 1, size)
        odds = draws.uniform(1)[0]
        probability = (
            relative(rate)[people.band, people.female.astype(int), people.fifth] * world.scales[name] * world.effect(people.place, number)
        )
        if rate.by_group:
            probability = 1 - _excess(world, name).spared(probability, people.groups)
        if rate.smi_only:
            share = float(np.array(rates.groups["smi"].shares) @ np.array([band.share for band in rates.age_bands]))
            probability = np.where(
                people.groups["smi"], rate.per_1000 / 1000 / share * world.enriched * np.array(rate.ages)[people.band], 0.0
            )
        if people.place.outside:
            found[name] = np.full(size, name == "antipsychotic elsewhere")
            continue
        probability = np.minimum(probability, 0.9)
        liability = load * shared + np.sqrt(1 - load**2) * own - quantile(1 - probability)
        liability[probability <= 0] = -np.inf
        count = int(probability.sum() + odds)
        chosen = np.zeros(size, dtype=bool)
        if count:
            chosen[np.argpartition(-liability, count - 1)[:count]] = True
        found[name] = chosen & (probability > 0)
    return found


@dataclass(frozen=True, slots=True)
class _Excess:
    """What each group adds to the probability of a class, and the factor on what everybody has."""

    by_group: dict[str, float]
    base: float

    def spared(self, probability: Floats, groups: dict[str, Bools]) -> Floats:
        """Probability of not taking it."""
        left = 1 - np.minimum(probability * self.base, 0.9)
        for name, excess in self.by_group.items():
            left = left * np.where(groups[name], 1 - excess, 1.0)
        return np.asarray(left)


_REFERENCE = 80_000
_solved: dict[tuple[int, int, str], _Excess] = {}


def _excess(world: World, name: str) -> _Excess:
    """Such that the rates of rates.yaml come out in each group and overall, on the network's mix of ages, sexes and groups."""
    key = (world.patients, world.seed, name)
    if key in _solved:
        return _solved[key]
    rates = world.catalogue.rates
    rate = rates.classes[name]
    draws = Dice(world.seed, 999)
    band = draws.pick([b.share for b in rates.age_bands], _REFERENCE)
    female, fifth = draws.chance(rates.female, _REFERENCE), draws.pick(world.fifths, _REFERENCE)
    groups = _membership(world, draws, band, fifth)
    probability = relative(rate)[band, female.astype(int), fifth] * world.scales[name]
    enriched = min(world.enriched, 2.0)  # a group of whom four in ten take it cannot have three times as many
    excess, base = dict.fromkeys(rate.by_group, 0.0), 0.5
    for _ in range(60):
        for group, per_1000 in rate.by_group.items():
            rest = _Excess({g: e for g, e in excess.items() if g != group}, base).spared(probability, groups)[groups[group]]
            excess[group] = float(np.clip(1 - (1 - per_1000 / 1000 * enriched) / rest.mean(), 0, 0.95))
        reached = 1 - _Excess(excess, base).spared(probability, groups).mean()
        base *= float(np.clip(rate.per_1000 / 1000 * world.enriched / reached, 0.5, 2.0)) ** 1.5
    _solved[key] = _Excess(excess, base)
    return _solved[key]
