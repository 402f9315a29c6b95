"""Doses and what to take, in words: for clinicians `1½ × 2 mg tablet + 3.75 ml oral solution 2 mg in 5 ml`, for people `one and a half 2 mg
tablets and 3.75 ml of oral solution 2 mg in 5 ml`. One formatter for every dose: mg, below one micrograms in full, no trailing zeros.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from stepwell.clinical.tapering.model import QUARTERS, Built, Item
from stepwell.knowledge.tapering import Figure

MG, PATCHES = "mg", "micrograms/hour"
UG_PER_MG = 1000
UL_PER_ML = 1000
TWO_DAYS = (1, 2)
_FRACTIONS = {1: "¼", 2: "½", 3: "¾"}
_PARTS = {1: "a quarter", 2: "a half", 3: "three quarters"}
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def number(value: Decimal | float) -> str:
    """`14.5`, `300`, `0.25`: no trailing zeros, no exponent."""
    text = f"{Decimal(str(value)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def thousandths(value: int) -> str:
    return number(Decimal(value) / UG_PER_MG)


def percent(value: float) -> str:
    return f"{number(value)} %"


def dose(ug: int, unit: str = MG) -> str:
    """`14.5 mg`, `500 micrograms`, `25 micrograms an hour`, `nothing`."""
    if ug == 0:
        return "nothing"
    if unit == PATCHES:
        return f"{ug} microgram{'s' * (ug != 1)} an hour"
    if ug < UG_PER_MG:
        return f"{ug} microgram{'s' * (ug != 1)}"
    return f"{thousandths(ug)} mg"


def figure_of(said: Figure) -> str:
    """A dose of the knowledge base as it is written there: `12.5 micrograms an hour`, `500 micrograms`, `75 mg`."""
    if said.unit == PATCHES:
        return f"{number(said.value)} microgram{'s' * (said.value != 1)} an hour"
    return dose(said.ug)


def figure(ug: int, unit: str = MG) -> float | int:
    """A dose as a number of its unit: mg, of patches micrograms an hour."""
    value = Decimal(ug) if unit == PATCHES else Decimal(ug) / UG_PER_MG
    return int(value) if value == value.to_integral_value() else float(value)


def millilitres(microlitres: int) -> str:
    return f"{thousandths(microlitres)} ml"


def counted(quarters: int) -> str:
    """`1½`, `½`, `3`"""
    whole, rest = divmod(quarters, QUARTERS)
    return (str(whole) if whole or not rest else "") + _FRACTIONS.get(rest, "")


def _single(label: str) -> str:
    """`2 mg tablets` → `2 mg tablet`"""
    return label.replace("tablets", "tablet").replace("capsules", "capsule").replace("patches", "patch").replace("sachets", "sachet")


def item(what: Item) -> str:
    """`1½ × 2 mg tablet`, `3.75 ml oral solution 2 mg in 5 ml`, `2 × 25 micrograms/hour patch`; on how many days is not said."""
    if what.microlitres:
        return f"{millilitres(what.microlitres)} {what.label}"
    return f"{what.patches or counted(what.quarters)} × {_single(what.label)}"


def items(built: Built) -> str:
    """A day's dose for clinicians; `nothing` when there is none; on alternate days `1 × 20 mg capsule one day, none the next`."""
    if built.alternates:
        first, second = (" + ".join(item(each) for each in built.on_day(day)) or "none" for day in TWO_DAYS)
        return f"{first} one day, {second} the next"
    return " + ".join(item(each) for each in built.items) or "nothing"


def day_doses(built: Built) -> tuple[int, ...]:
    """Micrograms on the first and on the second of two days where they differ; empty where every day is the same."""
    if not built.alternates:
        return ()
    return tuple(sum(each.strength_ug * each.quarters for each in built.on_day(day)) // QUARTERS for day in TWO_DAYS)


def plain_number(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def plain_item(what: Item) -> str:
    """`one and a half 2 mg tablets`, `half of a 2 mg tablet`, `two 25 micrograms/hour patches`, `3.75 ml of oral solution 2 mg in 5 ml`"""
    if what.microlitres:
        return f"{millilitres(what.microlitres)} of {what.label}"
    if what.patches:
        return f"{plain_number(what.patches)} {what.label if what.patches > 1 else _single(what.label)}"
    whole, rest = divmod(what.quarters, QUARTERS)
    if not whole:
        return f"{_PARTS[rest].removeprefix('a half') or 'half'} of a {_single(what.label)}"
    if rest:
        return f"{plain_number(whole)} and {_PARTS[rest]} {what.label}"
    return f"{plain_number(whole)} {what.label if whole > 1 else _single(what.label)}"


def plain_items(built: Built) -> str:
    """A day's dose for the person; `nothing` when there is none; on alternate days `one 20 mg capsule one day, none the next`."""
    if built.alternates:
        first, second = (listed(plain_item(each) for each in built.on_day(day)) or "none" for day in TWO_DAYS)
        return f"{first} one day, {second} the next"
    return listed(plain_item(each) for each in built.items) or "nothing"


def listed(parts: Iterable[str], joined: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`"""
    *first, last = list(parts) or [""]
    return f"{', '.join(first)} {joined} {last}" if first else last
