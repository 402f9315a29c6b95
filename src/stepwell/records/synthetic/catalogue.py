"""What synthetic people are made from: names, rates, medicines, dose texts and tests, read from the YAML beside this file.

Nothing here is clinical knowledge and no rule reads it: the doses, values and rates are chosen to look like records.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import msgspec
import yaml


class _Data(msgspec.Struct, forbid_unknown_fields=True):
    pass


class Practice(_Data):
    code: str
    name: str
    team: str
    share: float
    phone: str


class Trust(_Data):
    code: str
    name: str
    team: str
    phone: str


class Organisation(_Data):
    code: str
    name: str


class Network(_Data):
    practices: list[Practice]
    trust: Trust
    pcn: Organisation
    outside: Organisation


class NameGroup(_Data):
    name: str
    share: float
    female: list[str]
    male: list[str]
    family: list[str]
    language: list[str] = []
    language_share: float = 0.0


class Names(_Data):
    groups: list[NameGroup]
    streets: list[str]
    towns: list[str]


class AgeBand(_Data):
    low: int
    high: int
    share: float


class ClassRate(_Data):
    """Rate per 1,000 adults in a year; how it varies; share of users by length: under 3 months, to 1, to 3, and over 3 years."""

    per_1000: float
    ages: list[float]
    female: float
    deprived: float
    source: str
    duration: list[float]
    oversample: float = 1.0

    @property
    def aim(self) -> float:
        return self.per_1000 * self.oversample / 1000


class Population(_Data):
    age_bands: list[AgeBand]
    female: float
    deceased: float
    moved: float
    nhs_missing: float
    nhs_invalid: float
    shared_liability: float
    any_of_five_target: float
    five: list[str]
    classes: dict[str, ClassRate]
    ordinary: dict[str, list[float]]


class Product(_Data):
    term: str
    code: str
    unit: str
    pack: int | None = None


class Medicine(_Data, rename={"group": "class"}):
    group: str
    weight: float
    steps: list[dict[str, str]]
    reasons: dict[str, float]
    long: int = 8
    as_required: float = 0.0
    short: list[str] = []
    short_pattern: str = ""
    short_quantity: list[int] = []


class Condition(_Data):
    code: str
    term: str


class Medicines(_Data):
    products: dict[str, Product]
    medicines: dict[str, Medicine]
    conditions: dict[str, Condition]


class Pattern(_Data):
    units: int
    times: int
    when: str
    texts: list[str]
    low: int | None = None
    as_required: bool = False

    @property
    def per_day(self) -> int:
        return self.units * self.times


class Doses(_Data):
    unclear: list[str]
    unclear_share: float
    patterns: dict[str, Pattern]


class Test(_Data):
    code: str
    term: str
    unit: str | None = None
    mean: float = 0.0
    spread: float = 0.0
    noise: float = 0.0
    decimals: int = 0
    low: float = 0.0
    high: float = 0.0


class Panel(_Data):
    every: int
    tests: list[str]


class Habit(_Data):
    share: float
    factor: float
    missed: float
    never: float


class Story(_Data):
    share: float
    test: str
    towards: float
    years: float


class Results(_Data):
    tests: dict[str, Test]
    panels: dict[str, list[Panel]]
    habits: dict[str, Habit]
    stories: dict[str, list[Story]]
    untidy_units: dict[str, list[str]]


class Catalogue(_Data):
    network: Network
    names: Names
    population: Population
    medicines: Medicines
    doses: Doses
    results: Results

    def of_class(self, group: str) -> dict[str, float]:
        """Medicines of a class with their weights."""
        return {name: medicine.weight for name, medicine in self.medicines.medicines.items() if medicine.group == group}


def _read(name: str) -> Any:
    text = resources.files("stepwell.records.synthetic").joinpath("data", name).read_text(encoding="utf-8")
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both loaders are the safe one


@cache
def catalogue() -> Catalogue:
    return Catalogue(
        network=msgspec.convert(_read("organisations.yaml"), Network),
        names=msgspec.convert(_read("names.yaml"), Names),
        population=msgspec.convert(_read("population.yaml"), Population),
        medicines=msgspec.convert(_read("medicines.yaml"), Medicines),
        doses=msgspec.convert(_read("doses.yaml"), Doses),
        results=msgspec.convert(_read("results.yaml"), Results),
    )
