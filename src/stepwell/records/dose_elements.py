"""What a dose instruction is made of once its words are read: amounts, times, ceilings, and the marks between them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


class Unclear(Exception):
    """The text has no certain daily amount; the message says why."""


@dataclass(frozen=True, slots=True)
class Amount:
    low: Fraction
    high: Fraction
    unit: str
    sure: bool = True  # False: a plain figure without a unit that may be milligrams
    upto: bool = False
    strength: bool = False  # mass reckoned from a count of a stated strength ("two 5mg tablets")
    worded: bool = False  # the unit is written, not only understood


@dataclass(frozen=True, slots=True)
class Rate:
    """Times a day. `bare`: only "daily", which says nothing of how the amount is divided."""

    low: Fraction
    high: Fraction
    bare: bool = False
    upto: bool = False


@dataclass(frozen=True, slots=True)
class Every:
    """`low` to `high` times in a stretch of days, spread evenly: an average. `counted`: "once a week", not only "weekly"."""

    low: Fraction
    high: Fraction
    counted: bool = False


@dataclass(frozen=True, slots=True)
class Slot:
    name: str


@dataclass(frozen=True, slots=True)
class Alternate:
    days: int


@dataclass(frozen=True, slots=True)
class Weekdays:
    days: frozenset[str]


@dataclass(frozen=True, slots=True)
class Cap:
    """A ceiling: `amount` a day, or `times` a day, or `amount` at one time."""

    amount: Amount | None = None
    times: Fraction | None = None
    a_day: bool = False
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    name: str  # and, or, sep, to, prn, directed, divided, both sides, equals, open, close, total


Element = Amount | Rate | Every | Slot | Alternate | Weekdays | Cap | Mark
WHEN = (Rate, Every, Slot, Alternate, Weekdays)

MASS = {"microgram": Fraction(1), "mg": Fraction(1000), "gram": Fraction(1_000_000)}
MEASURED = {*MASS, "ml"}
SOLID = {"tablet", "capsule", "patch", "sachet", "suppository", "injection"}
UNSIZED = {"spoon": "a spoon has no stated size", "drop": "drops have no stated size", "syringe": "a syringe has no stated size"}
DAY_GROUPS = {"weekend": ("sat", "sun"), "weekdays": ("mon", "tue", "wed", "thu", "fri")}
NEAR = {
    frozenset(pair) for pair in (("evening", "night"), ("tea", "evening"), ("dinner", "evening"), ("noon", "dinner"), ("noon", "afternoon"))
}
