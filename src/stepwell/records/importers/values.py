"""Single values of FHIR as values of the canonical tables: days, codes, quantities, units, references.

Every function that can fail raises `Fault` with the JSON path of what is wrong and what to do about it.
Days: a time with an offset is read as the day it was in the United Kingdom. A date without a day is never given one
silently: `day` returns None for it, `first_day` and `last_day` say in their name which day they take.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from stepwell.records.importers.fhir import CodeableConcept, Coding, Extension, Quantity

_LONDON = ZoneInfo("Europe/London")
_MOST = 2**63 - 1


@cache
def vocabulary() -> dict[str, Any]:
    """Words and codes of the exchange formats (vocabulary.toml)."""
    return tomllib.loads(files(__package__).joinpath("vocabulary.toml").read_text(encoding="utf-8"))


class Fault(Exception):
    """One resource cannot be used. `reason` is the same for all of a kind, `message` says what to do, `path` is JSON path."""

    def __init__(self, reason: str, message: str, path: str = "$") -> None:
        super().__init__(message)
        self.reason, self.message, self.path = reason, message, path


# Days

_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(T.+)?)?)?", re.ASCII)


@lru_cache(maxsize=100_000)
def _read_date(text: str) -> tuple[date, str] | None:
    match = _DATE.fullmatch(text)
    if not match:
        return None
    year, month, day_, time = match.groups()
    try:
        first = date(int(year), int(month or 1), int(day_ or 1))
        if time is not None:
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is not None:
                first = moment.astimezone(_LONDON).date()
    except (ValueError, OverflowError):
        return None
    return first, "day" if day_ else "month" if month else "year"


def dated(text: str | None, path: str) -> tuple[date, str] | None:
    """(first day, precision day | month | year) of a FHIR date or dateTime; None when absent."""
    if text is None:
        return None
    found = _read_date(text)
    if found is None:
        raise Fault("not a date", f"{text[:40]!r} is not a date (YYYY-MM-DD). Correct it at the source and import again.", path)
    return found


def day(text: str | None, path: str) -> date | None:
    """The day; None when absent or when only a month or year is known."""
    found = dated(text, path)
    return found[0] if found and found[1] == "day" else None


def first_day(text: str | None, path: str) -> date | None:
    """The day, or the first day of the month or year when that is all that is known."""
    found = dated(text, path)
    return found[0] if found else None


def last_day(text: str | None, path: str) -> date | None:
    """The day, or the last day of the month or year when that is all that is known."""
    found = dated(text, path)
    if found is None or found[1] == "day":
        return found[0] if found else None
    first = found[0]
    following = date(first.year + 1, 1, 1) if found[1] == "year" or first.month == 12 else date(first.year, first.month + 1, 1)
    return following - timedelta(days=1)


def not_after(value: date | None, today: date, path: str) -> date | None:
    """`value`, refused when it lies after the day of the import."""
    if value is not None and value > today:
        raise Fault("dated in the future", f"{value} is after the day of this import ({today}). Correct the date at the source.", path)
    return value


# Codes


@dataclass(frozen=True, slots=True)
class Code:
    code: str | None = None
    system: str | None = None
    term: str | None = None
    degraded: bool = False


_encode = msgspec.json.Encoder().encode
_concept = msgspec.json.Decoder(CodeableConcept).decode


def code_of(concept: CodeableConcept | None, kind: str) -> Code:
    """`choose`, remembered: the same concepts come again and again."""
    return Code() if concept is None else _code_of(_encode(concept), kind)


@lru_cache(maxsize=100_000)
def _code_of(concept: bytes, kind: str) -> Code:
    return choose(_concept(concept), kind)


def choose(concept: CodeableConcept, kind: str) -> Code:
    """The code to keep, of those given: best system first as `systems_of` has it (`kind`: medicine, observation, condition).

    A transfer-degraded code says that there is no usable one; another code beside it is taken, the text is kept.
    """
    words = vocabulary()
    order, degraded_codes = words["systems_of"][kind], words["degraded"]["codes"]
    best: Coding | None = None
    best_system, best_rank, degraded = "other", 99, False
    for coding in concept.coding:
        if not coding.code:
            continue
        if coding.code in degraded_codes:
            degraded = True
            rank, system = 50, "snomed"
        else:
            system = words["code_system"].get(coding.system, "other")
            rank = order.index(system) if system in order else 20
            if rank == 20:
                system = "other"
        if rank < best_rank:
            best, best_rank, best_system = coding, rank, system
    displayed = next((coding.display for coding in concept.coding if coding.display), None)
    if best is None:
        return Code(None, None, clean(concept.text or displayed), True)
    if best_rank == 50:
        return Code(best.code, best_system, clean(concept.text or best.display), True)
    term = (concept.text or best.display) if degraded else (best.display or concept.text or displayed)
    return Code(best.code, best_system, clean(term), degraded)


def words_of(concept: CodeableConcept | None) -> str | None:
    """A concept in words: its text, otherwise what a coding displays, otherwise the code."""
    if concept is None:
        return None
    found = concept.text or next((coding.display for coding in concept.coding if coding.display), None)
    return clean(found or next((coding.code for coding in concept.coding if coding.code), None))


def snomed_of(concept: CodeableConcept | None) -> str | None:
    if concept is None:
        return None
    systems = vocabulary()["code_system"]
    return next((coding.code for coding in concept.coding if coding.code and systems.get(coding.system) == "snomed"), None)


def codes_in(concept: CodeableConcept | None) -> tuple[str, ...]:
    return tuple(coding.code for coding in concept.coding if coding.code) if concept else ()


def clean(text: str | None) -> str | None:
    """Text without white space around it; None when nothing is left."""
    return (text.strip() or None) if text else None


# Quantities


def milli(value: Decimal | None, path: str) -> int | None:
    """Thousandths, rounded half up. Refused when it is not a number or does not fit."""
    if value is None:
        return None
    found = _milli(value)
    if found is None:
        raise Fault("not a quantity", f"{value} is not a quantity that can be kept. Correct it at the source.", path)
    return found


@lru_cache(maxsize=100_000)
def _milli(value: Decimal) -> int | None:
    if not value.is_finite() or abs(value) >= Decimal(_MOST) / 1000:
        return None
    return int((value * 1000).to_integral_value(rounding=ROUND_HALF_UP))


def milli_of(value: Fraction, path: str) -> int:
    if abs(value) >= Fraction(_MOST, 1000):
        raise Fault("not a quantity", f"{float(value)} is not a quantity that can be kept. Correct it at the source.", path)
    return int((value * 1000 * 2 + 1) // 2)


@cache
def _units() -> dict[str, str]:
    return {word: unit for unit, words in vocabulary()["unit"].items() for word in words}


@lru_cache(maxsize=10_000)
def unit_word(text: str) -> str | None:
    """The canonical singular word for a unit; one that is not known stays as written, in lower case."""
    word = " ".join(text.lower().split())
    return _units().get(word, word) or None


def unit_of(quantity: Quantity) -> str | None:
    word = quantity.unit or quantity.code
    return unit_word(word) if word else None


def days_of(quantity: Quantity | None, path: str) -> int | None:
    """Whole days of a duration; None when absent, nought, or in a unit that is no number of days."""
    if quantity is None or quantity.value is None:
        return None
    days = _days(quantity.value, (quantity.code or "").lower(), (quantity.unit or "").lower())
    if days is not None and days > 36_500:
        raise Fault("not a duration", f"A supply of {days} days cannot be. Correct it at the source.", path)
    return days


@lru_cache(maxsize=10_000)
def _days(value: Decimal, code: str, unit: str) -> int | None:
    known = vocabulary()["days_in"]
    factor = known.get(code) or known.get(unit)
    if factor is None or not value.is_finite():
        return None
    return int(Fraction(value) * Fraction(factor)) or None if value > 0 else None


# Extensions and references


def extension(extensions: tuple[Extension, ...], name: str) -> Extension | None:
    """The extension whose address contains `name` (profiles differ in their prefixes between versions)."""
    return next((found for found in extensions if name in found.url), None)


@lru_cache(maxsize=200_000)
def ref_key(reference: str) -> str:
    """A reference as `Type/id`: without server address or version; `urn:` and `#` references stay as they are."""
    if reference.startswith(("urn:", "#")):
        return reference
    if reference.count("/") == 1:
        return reference
    parts = reference.split("/_history/", maxsplit=1)[0].split("/")
    return "/".join(parts[-2:])
