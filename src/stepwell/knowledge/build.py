"""Makes `data/products.csv` and `data/names.csv` from the published code lists: which product code is which medicine.

The product rows are a product of this module and the lists, kept in the pack so that a pharmacist can read every one of them;
a test makes them again and compares. `stepwell knowledge products` runs it, after a list or a medicine's prefixes changed.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NamedTuple

PRODUCT_COLUMNS = ("code_system", "code", "substance", "strength_ug", "unit", "term", "list")
NAME_COLUMNS = ("term_name", "unit", "substance")

HOURS = 24  # the strength of a patch is what its label says for a day
_FACTOR = {"microgram": 1, "micrograms": 1, "mcg": 1, "mg": 1_000, "g": 1_000_000, "gram": 1_000_000}
_STRENGTH = re.compile(
    r"(?P<value>\d[\d,]*(?:\.\d+)?)\s*(?P<unit>micrograms?|mcg|mg|gram|g)\b"
    r"(?:\s*/\s*\d[\d,.]*\s*(?:micrograms?|mg|g)\b)*"  # further ingredients of a compound name: 8mg/500mg
    r"(?:\s*/\s*(?P<per>\d*(?:\.\d+)?)\s*(?P<per_unit>ml|hours?|hrs?|dose)\b)?",
    re.I,
)
_PREVIOUS = re.compile(r"^VMP (?:previous|subsequent) to (\d+)$")
_FORM = re.compile(
    r"\s+(?:in oral|modified-release|gastro-resistant|orodispersible|dispersible|effervescent|soluble|sublingual"
    r"|tablets?|caplets?|capsules?|oral|sachets?|solution|drops|syrup|elixir)\b"
)
_FORM_WORDS = (
    ("oral", ("oral solution", "oral suspension", "oral liquid")),
    ("injection", ("injection", "infusion", "ampoule", "vial")),
    ("rectal", ("suppositor", "rectal", "enema")),
    ("patch", ("patch",)),
    ("oromucosal", ("sublingual", "buccal", "lozenge", "nasal", "oromucosal", "lyophilisate", "films")),
    ("smoked", ("cigarette",)),
)
UNIT_WORDS = (
    ("dose", ("unit dose", "lozenge", "lyophilisate", "films", "spray")),
    ("injection", ("injection", "infusion", "ampoule", "vial")),
    ("suppository", ("suppositor",)),
    ("patch", ("patch",)),
    ("sachet", ("sachet",)),
    ("capsule", ("capsule", "spansule")),
    ("ml", ("solution", "suspension", "linctus", "syrup", "elixir", "drops", "liquid", "mixture", "concentrate")),
    ("tablet", ("tablet", "caplet", "velotab")),
)


class Product(NamedTuple):
    code_system: str
    code: str
    substance: str
    strength_ug: int | None
    unit: str
    term: str
    list: str


class Claim(NamedTuple):
    """What a medicine entry says about which rows are its own."""

    substance: str
    bnf: tuple[str, ...]
    names: tuple[str, ...]
    ingredients: tuple[str, ...]
    forms: tuple[str, ...]
    not_as: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


def form_of(term: str) -> str:
    """`oral` unless a word of the product name says otherwise."""
    lower = term.lower()
    return next((form for form, words in _FORM_WORDS if any(word in lower for word in words)), "oral")


def unit_of(term: str) -> str:
    """What the product is counted in, as `medication_plans.unit`."""
    lower = term.lower()
    return next((unit for unit, words in UNIT_WORDS if any(word in lower for word in words)), "other")


def strength_of(term: str, ingredients: Sequence[str] = ()) -> int | None:
    """Micrograms per unit as `unit_of` counts it, so per ml of a liquid and in 24 hours of a patch. Of several ingredients the one named;
    None when not stated."""
    unit = unit_of(term)
    parts = re.split(r"\s+/\s+", term)
    if len(parts) > 1:
        own = [part for part in parts if any(name in part.lower() for name in ingredients)]
        if len(own) != 1:
            return None
        term = own[0]
    match = _STRENGTH.search(term)
    if match is None:
        return None
    per_unit = (match["per_unit"] or "").lower()
    if per_unit.startswith("h") != (unit == "patch"):  # a patch is told by its rate and not by its content; nothing else has a rate
        return None
    try:
        micrograms = Decimal(match["value"].replace(",", "")) * _FACTOR[match["unit"].lower()]
    except (InvalidOperation, KeyError):
        return None
    if unit == "patch":
        micrograms *= HOURS / Decimal(match["per"] or 1)
    if per_unit == "ml" and unit not in ("injection", "dose"):
        micrograms /= Decimal(match["per"] or 1)
    return int(micrograms.to_integral_value(rounding="ROUND_HALF_UP"))


def name_of(term: str) -> str:
    """The lower-case name before the first figure or dose form."""
    name = re.split(r"\s*(?<![\w-])\d", term.lower(), maxsplit=1)[0]
    name = _FORM.split(name)[0]
    return name.strip(" ,")


def read_list(path: Path) -> Iterator[tuple[str, str, str]]:
    """(code, name, BNF code or '') of each row of a published list, whatever its columns are called."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            code = row.get("dmd_id") or row.get("code") or row.get("id") or ""
            yield code.strip(), (row.get("dmd_name") or row.get("term") or "").strip(), (row.get("bnf_code") or "").strip()


def _claims(claim: Claim, prefix: str, term: str) -> bool:
    lower = f" {term.lower()} "
    return bool(claim.bnf) and prefix.startswith(claim.bnf) and (not claim.words or any(word in lower for word in claim.words))


def products(lists: Iterable[tuple[str, str, Path]], claims: Sequence[Claim]) -> list[Product]:
    """Product rows of (list name, code system, file) by the claims. A form that no entry claims gets its own substance,
    "medicine (form)", so that its name never falls back to the oral medicine."""
    out: dict[tuple[str, str, str], Product] = {}
    by_name = {name: claim for claim in claims for name in claim.names}
    for list_name, system, path in lists:
        rows = list(read_list(path))
        terms = {code: term for code, term, _ in rows}
        for code, written, bnf in rows:
            previous = _PREVIOUS.match(written)
            term = terms.get(previous[1], "") if previous else written
            prefix = code if system == "bnf" else bnf
            if system == "bnf" and len(code) < 15:  # chapters and paragraphs of the hierarchy, not products
                continue
            own = [claim for claim in claims if _claims(claim, prefix, term)] if prefix else []
            own.sort(key=lambda claim: not claim.words)
            if not own and not prefix:
                own = [claim] if (claim := by_name.get(name_of(term))) else []
            if not own:
                continue
            form = form_of(term or written)
            claim = next((c for c in own if form in c.forms), None)
            main = claim or next((c for c in own if "oral" in c.forms), own[0])
            substance = main.substance if claim else f"{main.substance} ({form})"
            ingredients = main.ingredients
            product = Product(
                system,
                code,
                substance,
                strength_of(term, ingredients) if term else None,
                unit_of(term) if term else "other",
                written,
                list_name,
            )
            out.setdefault((system, code, substance), product)
            if bnf and system == "snomed" and len(bnf) == 15:
                out.setdefault(("bnf", bnf, substance), product._replace(code_system="bnf", code=bnf))
    return sorted(out.values())


def names(rows: Iterable[Product], claims: Sequence[Claim]) -> list[tuple[str, str | None, str | None]]:
    """(name, unit, medicine) rows, sorted. Unit None: whatever it is counted in; a brand that stands for two medicines has no such row.

    A unit is given where the name means another medicine when counted in it ("flupentixol" as an injection), or nothing of interest
    (medicine None; `not_as` of a claim).
    """
    chosen = {name: claim.substance for claim in claims for name in claim.names}
    seen: dict[str, set[str]] = {}
    by_unit: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        if " / " in row.term or _PREVIOUS.match(row.term):
            continue
        if name := name_of(row.term):
            seen.setdefault(name, set()).add(row.substance)
            by_unit.setdefault((name, row.unit), set()).add(row.substance)
    for name, substances in seen.items():
        plain = {substance for substance in substances if "(" not in substance} or substances
        if name not in chosen and len(plain) == 1:
            chosen[name] = plain.pop()
    out: dict[tuple[str, str | None], str | None] = {(name, None): substance for name, substance in chosen.items()}
    for (name, unit), substances in by_unit.items():
        if unit != "other" and len(substances) == 1 and substances != {chosen.get(name)}:
            out[name, unit] = min(substances)
    for claim in claims:
        for name in claim.names:
            out.update({(name, unit): None for unit in claim.not_as})
    return [(name, unit, substance) for (name, unit), substance in sorted(out.items(), key=lambda item: (item[0][0], item[0][1] or ""))]
