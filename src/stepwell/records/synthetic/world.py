"""A synthetic network: which practices it has, how large they are, and how many people of each kind take each class.

Everything about a practice follows from the world and the seed, so that practices can be made in any order and in any batches.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from stepwell.errors import Refused
from stepwell.records.synthetic.catalogue import Catalogue, ClassRate, Enrich, catalogue
from stepwell.records.synthetic.dice import Dice, Floats, Ints, stream

ADULT = 18
NHS_NUMBERS = 909_091  # of 999 000 0000 - 999 999 9999 pass the check; none is ever issued
NUMBERED = 900_000  # people of a network who get one; the rest is for people known to the trust only, and for stories
FEWEST = 20
MOST = 20_000_000
_SIZES, _NUMBERS, _EFFECTS = 11, 12, 13
_PER_SIDE = 2


@dataclass(frozen=True, slots=True)
class Place:
    """A practice of the network; the last place of a world is the practice outside, whose people only the trust knows."""

    index: int
    code: str
    name: str
    size: int
    first: int  # number of its first person in the network
    lean: float  # log odds of one step of deprivation
    phone: str = ""
    outside: bool = False


@dataclass(frozen=True)
class World:
    catalogue: Catalogue
    patients: int
    seed: int
    places: tuple[Place, ...]
    enriched: float

    @property
    def practices(self) -> tuple[Place, ...]:
        return self.places[:-1]

    @property
    def trust(self) -> str:
        return self.catalogue.network.trust.code

    @cached_property
    def fifths(self) -> Floats:
        """Share of the network's people by deprivation fifth, 0 least."""
        return np.sum([place.size * fifth_shares(place.lean) for place in self.practices], axis=0) / self.patients

    @cached_property
    def scales(self) -> dict[str, float]:
        """Class → factor on the relative rates that gives the rate aimed at, averaged over the network."""
        rates = self.catalogue.rates
        share = np.array([band.share for band in rates.age_bands])
        adult = np.array([band.low >= ADULT for band in rates.age_bands])
        sexes = np.array([1 - rates.female, rates.female])
        found = {}
        for name, rate in rates.classes.items():
            bands = share * adult if rate.of == "adults" else share
            weight = (bands / bands.sum())[:, None, None] * sexes[None, :, None] * self.fifths[None, None, :]
            factor = self.enriched if rate.enriched else 1.0
            found[name] = rate.per_1000 / 1000 * factor / float((relative(rate) * weight).sum())
        return found

    def effect(self, place: Place, number: int) -> float:
        """A practice's own level of class `number`. In each four practices two lie above the mean and two below, and of both one leans
        to deprivation and one away from it, so that neither the network's rates nor its ratios move."""
        four, side = divmod(place.index, 4)
        if place.outside or (four + 1) * 4 > len(self.practices):
            return 1.0
        draw = float(stream(self.seed, _EFFECTS, four, number).standard_normal()) * self.catalogue.rates.practice_spread
        return 1 + float(np.clip(draw, -0.25, 0.25)) * (1 if side < _PER_SIDE else -1)

    @cached_property
    def nhs_numbers(self) -> Ints:
        """All NHS numbers of the 999 range that pass modulus 11, in an order of this seed."""
        return nhs_numbers(self.seed)


def relative(rate: ClassRate) -> Floats:
    """Relative rate by age band, sex (0 male, 1 female) and deprivation fifth (0 least)."""
    fifths = rate.deprived ** (np.arange(5) / 4)
    return np.asarray(np.array(rate.ages)[:, None, None] * np.array([1.0, rate.female])[None, :, None] * fifths[None, None, :])


def fifth_shares(lean: float) -> Floats:
    odds = np.exp(lean * (np.arange(5) - 2) / 2)
    return np.asarray(odds / odds.sum())


def nhs_numbers(seed: int) -> Ints:
    first_nine = 999_000_000 + np.arange(1_000_000, dtype=np.int64)
    total = np.zeros_like(first_nine)
    left = first_nine.copy()
    for weight in range(2, 11):
        total += (left % 10) * weight
        left //= 10
    check = (11 - total % 11) % 11
    return stream(seed, _NUMBERS).permutation((first_nine * 10 + check)[check != 10])


def make_world(patients: int, seed: int, *, practices: int | None = None) -> World:
    """The network of so many people. Refused when such a network cannot be made."""
    if not FEWEST <= patients <= MOST:
        raise Refused(f"--patients {patients}: ask for {FEWEST} to {MOST:,} people")
    if seed < 0:
        raise Refused(f"--seed {seed}: give a whole number from 0 up")
    data = catalogue()
    rates = data.rates
    small = patients < rates.small_network.below
    usual = rates.small_network.practices if small else max(rates.fewest_practices, -(-patients // rates.list_size))
    count = usual if practices is None else practices
    if not 1 <= count <= 900 or count * 5 > patients:
        raise Refused(f"--practices {count}: give 1 to 900 practices, of at least five people each")
    places = []
    first = 0
    for index, size in enumerate(_sizes(data, patients, seed, count)):
        code, name, phone = _named(data, index)
        places.append(Place(index, code, name, size, first, _lean(index, count), phone))
        first += size
    outside = data.network.outside
    known = max(1, round(patients * rates.outside_share))
    places.append(Place(count, outside.code, outside.name, known, first, 0.0, outside=True))
    return World(data, patients, seed, tuple(places), _enriched(rates.enrich, patients))


def _enriched(enrich: Enrich, patients: int) -> float:
    """Factor on specialist medicines: the smaller a network, the more, so that there is something to see."""
    if patients >= enrich.below:
        return 1.0
    return min(enrich.most, max(1.0, enrich.factor * float(np.sqrt(enrich.at / patients))))


def _sizes(data: Catalogue, patients: int, seed: int, count: int) -> list[int]:
    shares = np.array([practice.share for practice in data.network.practices])
    if count != len(shares):
        shares = 0.8 + 0.4 * stream(seed, _SIZES).random(count)
    exact = patients * shares / shares.sum()
    sizes = np.floor(exact).astype(int)
    sizes[np.argsort(-(exact - sizes), kind="stable")[: patients - sizes.sum()]] += 1
    return [int(size) for size in sizes]


def _named(data: Catalogue, index: int) -> tuple[str, str, str]:
    known = [*data.network.practices, *data.network.more]
    if index < len(known):
        return known[index].code, known[index].name, known[index].phone
    taken = int(data.network.outside.code[3:])
    number = index + 1 if index + 1 < taken else index + 2
    towns = data.names.towns
    return f"Z99{number:03d}", f"{towns[index % len(towns)]} Surgery {number}", f"01632 96{number:04d}"


def _lean(index: int, count: int) -> float:
    if count == 1 or (index == count - 1 and index % 2 == 0):
        return 0.0
    pair, side = divmod(index, 2)
    return (0.5, 0.3, 0.7)[pair % 3] * (1 if side == 0 else -1)


def dice(world: World, place: Place, *purpose: int) -> Dice:
    """Draws for one purpose at one place."""
    return Dice(world.seed, 1000 + place.index, *purpose)
