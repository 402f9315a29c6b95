"""What synthetic people are made from: names, rates, medicines, dose texts and tests, read from the data beside this file.

Nothing here is clinical knowledge and no rule reads it: the doses, values and rates are chosen to look like records.
"""

from __future__ import annotations

import csv
import io
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
    phone: str
    team: str = "General practice"
    share: float = 0.0


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
    more: list[Practice]
    trust: Trust
    pcn: Organisation
    outside: Organisation
    elsewhere: Organisation


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


class GroupRate(_Data):
    shares: list[float]
    deprived: float


class SmallNetwork(_Data):
    below: int
    practices: int


class Enrich(_Data):
    below: int
    at: int
    factor: float
    most: float


class Frailty(_Data):
    low_age: int
    shares: dict[str, list[float]]


class Falls(_Data):
    under_65: float
    shares: list[float]


class Pregnant(_Data):
    low_age: int
    high_age: int
    share: float


class ClassRate(_Data):
    """How many take a class in a year and for how long; see rates.yaml for the meaning of each figure."""

    per_1000: float
    of: str
    ages: list[float]
    female: float
    deprived: float
    current: float
    lengths: list[float]
    fresh: float
    lapses: float
    taper: float
    intermittent: float = 0.0
    medicine_class: str = ""
    enriched: bool = False
    by_group: dict[str, float] = {}
    smi_only: bool = False
    ways: dict[str, float] = msgspec.field(default_factory=lambda: {"gp": 1.0})


class StayRate(_Data):
    smi: float
    other: float
    days: list[int]


class Mess(_Data):
    early_change: float
    later_changes: list[float]
    switch: float
    lapse_days: list[int]
    late_people: float
    late_days: float
    holiday: float
    holiday_months: list[int]
    fading: float
    forgotten: float
    unclear: float
    behind: float
    milligram_text: float
    quantity_missing: float
    issue_quantity_missing: float
    days_stated: float
    degraded: float
    unknown_code: float
    repeat_dispensing: float
    indication: float
    indication_coded: float
    review_date: float
    intended_end: float
    problem_listed: float
    problem_ended: float
    elsewhere_ended: float
    birth_date_differs: float
    stay: StayRate
    entered_in_error: float
    abnormal_unit: float


class Checks(_Data):
    general: float
    blood_age: int
    blood: list[float]
    review: float
    dependence: float
    structured_review: float
    at_trust: float
    smoking: dict[str, float]


class Contacts(_Data):
    base: list[int]
    with_medicine: list[int]


class Appointments(_Data):
    share: float
    most: int
    missed: float
    missed_excluded: float
    cancelled: float


class Agreements(_Data):
    handover: dict[str, float]
    both: dict[str, float]
    supplied: dict[str, float]


class Rates(_Data):
    age_bands: list[AgeBand]
    female: float
    deceased: float
    moved: float
    nhs_missing: float
    nhs_invalid: float
    list_size: int
    small_network: SmallNetwork
    fewest_practices: int
    practice_spread: float
    enrich: Enrich
    outside_share: float
    groups: dict[str, GroupRate]
    care_home_with: dict[str, float]
    smi_diagnoses: dict[str, float]
    frailty: Frailty
    falls: Falls
    pregnant: Pregnant
    interpreter_share: float
    shared_liability: float
    shared_liability_least: float
    together: list[float]
    five: list[str]
    classes: dict[str, ClassRate]
    high_dose_opioid: float
    second_opioid: float
    dementia_medicines: dict[str, float]
    ordinary: dict[str, list[float]]
    ordinary_days: list[int]
    mess: Mess
    checks: Checks
    contacts: Contacts
    appointments: Appointments
    agreements: Agreements
    stop_reasons: list[str]
    clinic_letters: list[str]
    contact_kinds: list[str]
    trust_contact: str
    elsewhere_texts: list[str]
    appointment_reasons: list[str]


class Product(_Data):
    key: str
    term: str
    code: str
    unit: str
    pack: int | None
    source: str


class Medicine(_Data, rename={"group": "class"}):
    group: str
    weight: float
    steps: list[dict[str, str]]
    reasons: dict[str, float]
    substance: str = ""
    supply: dict[str, float] = {}
    long: int = 8
    as_required: float = 0.0
    short: list[str] = []
    short_pattern: str = ""
    short_quantity: list[int] = []


class Condition(_Data):
    code: str
    term: str


class Formulary(_Data):
    supplies: dict[str, float]
    medicines: dict[str, Medicine]
    conditions: dict[str, Condition]


class Pattern(_Data):
    units: int
    times: int
    texts: list[str]
    every: int = 1
    low: int | None = None
    as_required: bool = False

    @property
    def per_day(self) -> float:
        return self.units * self.times / self.every


class Sigs(_Data):
    unclear: list[str]
    behind: list[str]
    when_required: list[str]
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


class Target(_Data):
    """A published marginal. `measure` names what is measured; `value` in the unit it is published in."""

    measure: str
    label: str
    value: float
    source: str
    mark: str
    subject: str = ""
    tolerance: float = 0.02
    note: str = ""


class Catalogue(_Data):
    network: Network
    names: Names
    rates: Rates
    products: dict[str, Product]
    formulary: Formulary
    sigs: Sigs
    results: Results
    targets: list[Target]


def _text(name: str) -> str:
    return resources.files("stepwell.records.synthetic").joinpath("data", name).read_text(encoding="utf-8")


def _read(name: str, kind: Any) -> Any:
    raw = yaml.load(_text(name), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both loaders are the safe one
    return msgspec.convert(raw, kind)


def _products() -> dict[str, Product]:
    rows = csv.DictReader(io.StringIO(_text("products.csv")))
    return {row["key"]: Product(**(row | {"pack": int(row["pack"]) if row["pack"] else None})) for row in rows}  # type: ignore[arg-type]


@cache
def catalogue() -> Catalogue:
    return Catalogue(
        network=_read("organisations.yaml", Network),
        names=_read("names.yaml", Names),
        rates=_read("rates.yaml", Rates),
        products=_products(),
        formulary=_read("formulary.yaml", Formulary),
        sigs=_read("sigs.yaml", Sigs),
        results=_read("results.yaml", Results),
        targets=_read("targets.yaml", list[Target]),
    )
