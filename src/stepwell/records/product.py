"""Name, strength and counted unit from a UK product name: "Sertraline 50mg tablets" → sertraline, 50 000 µg, tablet.

The strength is that of the first-named ingredient (co-codamol 30mg/500mg: 30 mg, the codeine), per tablet, capsule, sachet,
suppository or whole ampoule, vial or rectal tube, or per ml for liquids. Of a patch it is the rate its name states, for 24 hours
(12 micrograms/hour: 288 micrograms); a patch whose name states no rate has none. Names that are brands stay brands ("priadel"); "xl"
and the like before the strength stay in the name, as brands are told apart by them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from importlib import resources

import yaml

_STRENGTH = re.compile(
    r"(?<![\w.])(?P<amount>[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>[a-zµμ]+|%)?"
    r"(?:\s*/\s*(?P<per>[0-9]+(?:\.[0-9]+)?)?\s*(?P<per_unit>[a-zµμ]+))?"
)
_VOLUME = re.compile(r"(?<![\w./])([0-9]+(?:\.[0-9]+)?)\s*ml\b")
_AND_VOLUME = re.compile(r"\s*/\s*([0-9]+(?:\.[0-9]+)?)?\s*ml\b")
_BRACKETED = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_DAY = 24
_TIME = {"hour", "hours", "hr", "hrs", "h"}
_WHOLE = {"injection", "dose", "sachet"}  # counted whole, though the name states the strength of a volume


@dataclass(frozen=True, slots=True)
class Product:
    """`strength_ug`: micrograms of the first-named ingredient in one `unit` (`medication_plans.unit` of `records.schema`), of a patch in
    24 hours as labelled.

    Each is null when the name does not say it.
    """

    term_name: str | None
    strength_ug: int | None
    unit: str | None


@dataclass(frozen=True, slots=True)
class _Words:
    units: tuple[tuple[re.Pattern[str], str], ...]
    form: re.Pattern[str]
    mass: dict[str, int]


def _pattern(phrases: list[str]) -> re.Pattern[str]:
    longest_first = sorted(phrases, key=lambda phrase: -len(phrase))
    return re.compile(r"(?<![\w-])(?:" + "|".join(re.escape(phrase) for phrase in longest_first) + r")(?![\w-])")


@cache
def _words() -> _Words:
    raw = yaml.safe_load(resources.files("stepwell.records").joinpath("data/product_words.yaml").read_text(encoding="utf-8"))
    units = tuple((_pattern(phrases), unit) for unit, phrases in raw["units"].items())
    form = _pattern([phrase for phrases in raw["units"].values() for phrase in phrases] + raw["qualifiers"])
    return _Words(units, form, raw["mass"])


@lru_cache(maxsize=100_000)
def parse_product(term: str | None) -> Product:
    """Read a product name. Never raises; what the name does not say is null."""
    text = " ".join(_BRACKETED.sub(" ", (term or "").lower()).replace("µ", "u").replace("μ", "u").split())
    words = _words()
    unit = next((unit for pattern, unit in words.units if pattern.search(text)), None)
    strength = next((match for match in _STRENGTH.finditer(text) if match["unit"] in words.mass), None)
    starts = [match.start() for match in (words.form.search(text), _figure(text)) if match]
    name = text[: min(starts)] if starts else text
    if not name.strip(" -*/.,") and strength:  # "50mg sertraline tablets"
        after = text[strength.end() :]
        form = words.form.search(after)
        name = after[: form.start()] if form else after
    name = name.strip(" -*/.,:;")
    return Product(name or None, _strength_ug(strength, text, unit, words.mass), _unit(strength, unit))


def _figure(text: str) -> re.Match[str] | None:
    """The first number that stands alone or with a unit: the name ends before it ("priadel 400 tablets", not "b12")."""
    return _STRENGTH.search(text)


def _unit(strength: re.Match[str] | None, unit: str | None) -> str | None:
    if unit is None and strength and strength["per_unit"] == "ml":
        return "ml"
    return unit


def _strength_ug(match: re.Match[str] | None, text: str, unit: str | None, mass: dict[str, int]) -> int | None:
    if not match:
        return None
    amount = Fraction(match["amount"].replace(",", "")) * mass[match["unit"]]
    per_unit = match["per_unit"]
    if unit == "patch":  # "25micrograms/hour", "9.5mg/24hours"; a figure without a time is the content and not what is given
        hours = Fraction(match["per"] or 1)
        return _plain(amount * _DAY / hours) if per_unit in _TIME and hours else None
    if per_unit in _TIME:
        return None
    volume_text = match["per"]
    if per_unit in mass and match["per"]:  # 30mg/500mg: two ingredients, in tablets or (8mg/500mg/5ml) in a volume
        both = _AND_VOLUME.match(text, match.end())
        per_unit, volume_text = ("ml", both.group(1)) if both else (None, None)
    if per_unit == "ml":
        volume = Fraction(volume_text or 1)
        if volume == 0:
            return None
        if unit in _WHOLE:
            pack = _VOLUME.search(text, match.end())
            if volume_text is None and not pack:
                return None  # per ml of an ampoule of unknown size
            amount = amount / volume * Fraction(pack.group(1)) if pack else amount
        else:
            amount /= volume
    elif per_unit is not None and per_unit not in {"dose", "actuation", "spray"}:
        return None if match["per"] else _plain(amount)
    elif unit == "ml":
        return None  # an amount with no volume says nothing of one ml
    return _plain(amount)


def _plain(amount: Fraction) -> int | None:
    """Whole micrograms; a name that states less than that is rounded half up."""
    rounded = int(amount + Fraction(1, 2))
    return rounded if 0 < rounded < 2**62 else None
