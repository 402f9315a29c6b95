"""Who there is: age, sex, deprivation, name, NHS number and which classes of medicine a person takes.

Drawn with NumPy in blocks of fixed size, each block from (seed, practice, block), so that a person is the same however the work
is cut and however many people are asked for. Classes come together through one shared normal liability (a Gaussian copula),
which leaves every class at the rate it aims at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from stepwell.records.synthetic.catalogue import Catalogue, ClassRate
from stepwell.records.synthetic.draws import Draws, stream

BLOCK = 512
ADULT = 18
NHS_NUMBERS = 909_091  # of 999 000 0000 - 999 999 9999 pass the check; none is ever issued
_POPULATION, _PERSON, _NUMBERS = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Person:
    """One synthetic person; dates are proleptic ordinals (`date.toordinal`)."""

    place: int
    index: int
    born: int
    female: bool
    deprivation: int
    given: str
    family: str
    title: str
    address: str
    postcode: str
    phone: str
    language: str | None
    interpreter: bool
    nhs_number: str | None
    died: int | None
    moved: int | None
    classes: tuple[str, ...]

    def age_on(self, day: int) -> int:
        return int((day - self.born) // 365.25)


def person_draws(seed: int, place: int, index: int) -> Draws:
    """The stream of everything that happens to one person."""
    return Draws(stream(seed, place, _PERSON, index))


@cache
def nhs_numbers(seed: int) -> npt.NDArray[np.int64]:
    """All NHS numbers of the 999 range that pass modulus 11, in an order of this seed."""
    first_nine = 999_000_000 + np.arange(1_000_000, dtype=np.int64)
    total = np.zeros_like(first_nine)
    left = first_nine.copy()
    for weight in range(2, 11):
        total += (left % 10) * weight
        left //= 10
    check = (11 - total % 11) % 11
    return stream(seed, _NUMBERS).permutation((first_nine * 10 + check)[check != 10])


def nhs_number(seed: int, place: int, index: int, places: int) -> str:
    """Unique over the network: place and index choose the position in the seed's order."""
    return str(nhs_numbers(seed)[index * places + place])


def deprivation_shares(place: int) -> npt.NDArray[np.float64]:
    """Share of people by deprivation fifth (0 least): the first practice leans to the deprived fifths, the second away from them."""
    odds = np.exp((0.5, -0.5)[place % 2] * (np.arange(5) - 2) / 2)
    return odds / odds.sum()


def class_probabilities(rate: ClassRate, catalogue: Catalogue) -> npt.NDArray[np.float64]:
    """Probability by adult age band, sex (0 male, 1 female) and deprivation fifth (0 least), averaging the rate aimed at."""
    bands = [band for band in catalogue.population.age_bands if band.low >= ADULT]
    share = np.array([band.share for band in bands])
    sexes = np.array([1 - catalogue.population.female, catalogue.population.female])
    fifths = rate.deprived ** (np.arange(5) / 4)
    relative = np.array(rate.ages)[:, None, None] * np.array([1.0, rate.female])[None, :, None] * fifths[None, None, :]
    practices = catalogue.network.practices
    network = np.sum([practice.share * deprivation_shares(place) for place, practice in enumerate(practices)], axis=0)
    weight = (share / share.sum())[:, None, None] * sexes[None, :, None] * network[None, None, :]
    return np.minimum(0.9, relative * rate.aim / float((relative * weight).sum()))


def people(catalogue: Catalogue, seed: int, place: int, numbers: range, *, as_of: int, only: str | None = None) -> Iterator[Person]:
    """The people of one place who have these numbers. `only`: all are adults who take this class."""
    for block in range(numbers.start // BLOCK, (numbers.stop + BLOCK - 1) // BLOCK):
        rows = _Block(catalogue, seed, place, block, as_of=as_of, only=only)
        for index in range(max(numbers.start, block * BLOCK), min(numbers.stop, (block + 1) * BLOCK)):
            yield rows.person(index - block * BLOCK, index)


class _Block:
    def __init__(self, catalogue: Catalogue, seed: int, place: int, block: int, *, as_of: int, only: str | None) -> None:
        self.catalogue, self.seed, self.place, self.as_of = catalogue, seed, place, as_of
        population = catalogue.population
        generator = stream(seed, place, _POPULATION, block)
        bands = population.age_bands
        adult_bands = [number for number, band in enumerate(bands) if band.low >= ADULT]
        share = np.array([band.share for band in bands])
        if only:
            share[: adult_bands[0]] = 0
        band = np.searchsorted(np.cumsum(share / share.sum()), generator.random(BLOCK), side="right").clip(max=len(bands) - 1)
        low = np.array([b.low for b in bands])[band]
        width = np.array([b.high - b.low + 1 for b in bands])[band]
        self.age_days = ((low + generator.random(BLOCK) * width) * 365.25).astype(int)
        self.female = generator.random(BLOCK) < population.female
        self.fifth = np.searchsorted(np.cumsum(deprivation_shares(place)), generator.random(BLOCK), side="right").clip(max=4)
        adult_band = (band - adult_bands[0]).clip(min=0)
        shared = generator.standard_normal(BLOCK)
        normal = NormalDist()
        self.takes: dict[str, npt.NDArray[np.bool_]] = {}
        for name, rate in population.classes.items():
            own = generator.standard_normal(BLOCK)
            r = population.shared_liability
            liability = np.sqrt(r) * shared + np.sqrt(1 - r) * own
            probability = class_probabilities(rate, catalogue)[adult_band, self.female.astype(int), self.fifth]
            cut = np.array([normal.inv_cdf(1 - p) for p in np.unique(probability)])[np.unique(probability, return_inverse=True)[1]]
            takes = (liability > cut) & (band >= adult_bands[0])
            self.takes[name] = np.ones(BLOCK, dtype=bool) if name == only else takes

    def person(self, row: int, index: int) -> Person:
        catalogue = self.catalogue
        population = catalogue.population
        draws = Draws(stream(self.seed, self.place, _PERSON, index, 0))
        group = catalogue.names.groups[draws.weighted({number: g.share for number, g in enumerate(catalogue.names.groups)})]
        female = bool(self.female[row])
        born = self.as_of - int(self.age_days[row])
        family = draws.one_of(group.family)
        if draws.chance(0.03):
            family = f"{family}-{draws.one_of(group.family)}"
        titles = {"Ms": 0.4, "Mrs": 0.45, "Miss": 0.15} if female else {"Mr": 0.97, "Dr": 0.03}
        language = draws.one_of(group.language) if group.language and draws.chance(group.language_share) else None
        number: str | None = nhs_number(self.seed, self.place, index, len(catalogue.network.practices) + 1)
        quality = draws.uniform()
        if quality < population.nhs_missing:
            number = None
        elif quality < population.nhs_missing + population.nhs_invalid:
            number = f"{str(number)[:9]}{(int(str(number)[9]) + 1) % 10}"
        age = int(self.age_days[row] // 365.25)
        died = moved = None
        leaving = draws.uniform()
        # Deaths fall on the old far more often than on the young.
        if leaving < population.deceased * (age / 55) ** 3 * 0.6:
            died = self.as_of - draws.integer(5, 720)
        elif leaving > 1 - population.moved:
            moved = self.as_of - draws.integer(5, 720)
        return Person(
            place=self.place,
            index=index,
            born=born,
            female=female,
            deprivation=5 - int(self.fifth[row]),
            given=draws.one_of(group.female if female else group.male),
            family=family,
            title=draws.weighted(titles) if age >= ADULT else ("Miss" if female else "Master"),
            address=f"{draws.integer(1, 180)} {draws.one_of(catalogue.names.streets)}, {draws.one_of(catalogue.names.towns)}",
            postcode=f"ZZ99 {draws.integer(1, 9)}{draws.one_of('ABDEFGHJLNPQRSTUWXYZ')}{draws.one_of('ABDEFGHJLNPQRSTUWXYZ')}",
            phone=f"07700 900{draws.integer(0, 999):03d}",
            language=language,
            interpreter=language is not None and draws.chance(0.5),
            nhs_number=number,
            died=died if died and died > born else None,
            moved=moved if moved and moved > born else None,
            classes=tuple(name for name, takes in self.takes.items() if takes[row]),
        )
