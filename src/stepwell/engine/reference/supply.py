"""Sections 2 and 11: issues and prescribed-elsewhere plans become one event per substance and day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise

from stepwell.engine.reference.dates import add
from stepwell.engine.reference.patches import patches_a_day, patches_last, wearing
from stepwell.engine.reference.units import MICROGRAMS, counts_the_same
from stepwell.engine.reference.world import Case, Known, Row

NOT_SUPPLY = ("cancelled", "draft", "entered in error")
WORST_FIRST = ("unknown", "estimated", "text", "structured")


@dataclass
class Issue:
    """A row that supplies a substance, with the supply it stands for."""

    substance: str
    on: date
    kind: str
    org: str | None
    same: tuple[object, ...]
    """Rows of one day with the same value here are repeats of one prescription: their days add, their dose does not."""
    days: int
    daily_ug: int | None
    provenance: str
    as_required: bool
    dose_text: str | None
    term: str | None
    amount_ug: int | None = None
    """Micrograms supplied, where quantity and strength tell them."""
    plan_ends_on: date | None = None
    """For a prescribed-elsewhere plan: first day it no longer counts as supply."""


@dataclass
class Event:
    """All supply of one substance on one day."""

    on: date
    days: int
    daily_ug: int | None
    provenance: str
    as_required: bool
    dose_text: str | None
    term: str | None
    kinds: set[str]
    orgs: set[str]
    issued: bool
    plans: list[Issue] = field(default_factory=list)
    only_stay: bool = False
    """Nothing but a stay in hospital began that day: it covers days and says nothing else."""
    ends_on: date = date.min
    """First day that its supply, with what was left over before it, no longer covers (`courses_of` sets it)."""

    @property
    def from_instruction(self) -> bool:
        return self.provenance in ("text", "structured")


Product = tuple[str, int | None, str | None]
"""Substance, strength in micrograms, unit."""


def products_of(row: Row, known: Known) -> list[Product]:
    """Products of a plan or issue; empty when it is no medicine of interest."""
    found: list[Row] = []
    if row["code_system"] is not None and row["code"] is not None:
        decided = known.coding(code_system=row["code_system"], code=row["code"])
        found = known.products.get((row["code_system"], row["code"]), []) if decided is None else [decided]
    if not found and row["term"] is not None:
        decided = known.coding(term=row["term"].lower())
        if decided is not None:
            found = [decided]
    if not found and row["term_name"] is not None:
        named = known.names.get(row["term_name"], [])
        found = [name for name in named if name["unit"] is not None and name["unit"] == row["unit"]]
        found = found or [name for name in named if name["unit"] is None]
    products = []
    for product in found:
        strength = product.get("strength_ug")
        unit = product.get("unit")
        if product["substance"] is not None:
            products.append(
                (
                    product["substance"],
                    strength if strength is not None else row["strength_ug"],
                    unit if unit is not None else row["unit"],
                )
            )
    return list(dict.fromkeys(products))


def daily_micrograms(row: Row, strength: int | None, unit: str | None) -> int | None:
    """Micrograms a day that the instruction says; null when it cannot be known."""
    if not _has_daily_units(row):
        return None
    milli, dose_unit = row["dose_high_milli"], row["dose_unit"]
    if dose_unit in MICROGRAMS:
        return milli * MICROGRAMS[dose_unit] // 1000
    if strength is not None and counts_the_same(dose_unit, unit):
        return milli * strength // 1000
    return None


def _has_daily_units(row: Row) -> bool:
    return (
        row["dose_status"] in ("structured", "text")
        and not row["as_required"]
        and row["dose_high_milli"] is not None
        and row["dose_high_milli"] > 0
        and row["dose_unit"] is not None
    )


def _has_quantity(row: Row) -> bool:
    return row["quantity_milli"] is not None and row["quantity_milli"] > 0


def days_by_quantity(row: Row, strength: int | None, unit: str | None) -> int | None:
    """Quantity divided by what is taken in a day."""
    if not _has_quantity(row) or not _has_daily_units(row):
        return None
    quantity, quantity_unit = row["quantity_milli"], row["quantity_unit"]
    dose, dose_unit = row["dose_high_milli"], row["dose_unit"]
    if counts_the_same(quantity_unit, dose_unit):
        return quantity // dose
    if quantity_unit in MICROGRAMS and dose_unit in MICROGRAMS:
        return quantity * MICROGRAMS[quantity_unit] // (dose * MICROGRAMS[dose_unit])
    if dose_unit in MICROGRAMS and counts_the_same(quantity_unit, unit) and strength is not None and strength > 0:
        daily = daily_micrograms(row, strength, unit)
        if daily is not None and daily > 0:
            return quantity * strength // daily // 1000
    return None


def lower_median(values: list[int]) -> int:
    return sorted(values)[(len(values) - 1) // 2]


def kind_of_supply(row: Row, gp_org: str | None) -> str:
    """Setting of the supplier; where it is not known, the organisation tells practice from others."""
    if row["setting"] in ("gp", "trust", "private"):
        return row["setting"]
    return "gp" if row["org_code"] is None or row["org_code"] == gp_org else "trust"


def counting_issues(case: Case, as_of: date) -> list[Row]:
    return [
        row
        for row in case.rows["medication_issues"]
        if row["status"] not in NOT_SUPPLY and row["issued_on"] is not None and row["issued_on"] <= as_of
    ]


def read_issues(case: Case, known: Known, gp_org: str | None) -> list[Issue]:
    matched = [(row, product) for row in counting_issues(case, known.as_of) for product in products_of(row, known)]
    intervals: dict[str, list[int]] = {}
    for substance in {product[0] for _, product in matched}:
        dates = sorted({row["issued_on"] for row, product in matched if product[0] == substance})
        intervals[substance] = [(later - earlier).days for earlier, later in pairwise(dates)]

    return [_issue(row, product, intervals[product[0]], known, gp_org) for row, product in matched]


def _issue(row: Row, product: Product, intervals: list[int], known: Known, gp_org: str | None) -> Issue:
    substance, strength, unit = product
    patch = known.patch(substance, strength, unit)
    days = _days(row, product, patch, intervals, known)
    amount_ug = None
    if _has_quantity(row) and strength is not None and counts_the_same(row["quantity_unit"], unit):
        amount_ug = row["quantity_milli"] * strength // 1000
    if patch is not None:
        worn, provenance = patches_a_day(row, patch, days)
        daily_ug: int | None = worn * patch["daily_ug"]
    else:
        daily_ug = daily_micrograms(row, strength, unit)
        provenance = row["dose_status"] if daily_ug is not None else "unknown"
        if daily_ug is None and amount_ug is not None:
            daily_ug, provenance = amount_ug // days, "estimated"
    kind = kind_of_supply(row, gp_org)
    return Issue(
        substance=substance,
        on=row["issued_on"],
        kind=kind,
        org=row["org_code"],
        same=(kind, row["org_code"], row["code"], row["term"], row["dose_text"]),
        days=days,
        daily_ug=daily_ug,
        provenance=provenance,
        as_required=bool(row["as_required"]) and patch is None,
        dose_text=row["dose_text"],
        term=row["term"],
        amount_ug=amount_ug if strength else None,
    )


def _days(row: Row, product: Product, patch: Row | None, intervals: list[int], known: Known) -> int:
    days: int | None = row["days_supply"] if row["days_supply"] is not None and row["days_supply"] > 0 else None
    if days is None:
        days = days_by_quantity(row, product[1], product[2]) if patch is None else patches_last(row, patch)
    if days is None and len(intervals) >= max(1, known.param["interval_min_issues"] - 1):
        days = lower_median(intervals)
    if days is None:
        days = known.param["default_days"]
    return max(known.param["min_days"], min(known.param["max_days"], days))


def read_elsewhere(case: Case, known: Known, gp_org: str | None) -> list[Issue]:
    """Plans recorded here and prescribed elsewhere, without an issue of their own: supply from start to end."""
    issued = {(row["source"], row["plan_id"]) for row in counting_issues(case, known.as_of) if row["plan_id"] is not None}
    plans = []
    for row in case.rows["medication_plans"]:
        if not row["elsewhere"] or row["status"] != "active" or (row["source"], row["native_id"]) in issued:
            continue
        asserted_on = row["asserted_on"] if row["asserted_on"] is not None and row["asserted_on"] <= known.as_of else None
        start = row["started_on"] or asserted_on
        if start is None or start > known.as_of:
            continue
        end = add(asserted_on or start, known.param["elsewhere_months"])
        if row["review_on"] is not None and row["review_on"] > start:
            end = min(end, row["review_on"])
        if end <= start:
            continue
        for substance, strength, unit in products_of(row, known):
            patch = known.patch(substance, strength, unit)
            if patch is not None:
                worn = wearing(row, patch)
                daily_ug = worn * patch["daily_ug"] if worn is not None else None
            else:
                daily_ug = daily_micrograms(row, strength, unit)
            plans.append(
                Issue(
                    substance=substance,
                    on=start,
                    kind=row["setting"] if row["setting"] in ("trust", "private") else "trust",
                    org=row["org_code"] if row["org_code"] != gp_org else None,
                    same=("plan", row["source"], row["native_id"], strength, unit),
                    days=(end - start).days,
                    daily_ug=daily_ug,
                    provenance=row["dose_status"] if daily_ug is not None else "unknown",
                    as_required=bool(row["as_required"]) and patch is None,
                    dose_text=row["dose_text"],
                    term=row["term"],
                    plan_ends_on=end,
                )
            )
    return plans


def events_of(rows: list[Issue]) -> dict[str, list[Event]]:
    """Events by substance, in order of date."""
    days: dict[tuple[str, date], list[Issue]] = {}
    for row in rows:
        days.setdefault((row.substance, row.on), []).append(row)
    events: dict[str, list[Event]] = {}
    for substance, on in sorted(days):
        events.setdefault(substance, []).append(_event(on, days[substance, on]))
    return events


def _event(on: date, rows: list[Issue]) -> Event:
    groups: dict[tuple[object, ...], list[Issue]] = {}
    for row in rows:
        groups.setdefault(row.same, []).append(row)
    group_days = [max(r.days for r in group) if group[0].plan_ends_on else sum(r.days for r in group) for group in groups.values()]
    group_doses = [max((r.daily_ug for r in group if r.daily_ug is not None), default=None) for group in groups.values()]
    known_doses = [dose for dose in group_doses if dose is not None]
    return Event(
        on=on,
        days=max(group_days),
        daily_ug=sum(known_doses) if len(known_doses) == len(group_doses) else None,
        provenance=min((row.provenance for row in rows), key=WORST_FIRST.index),
        as_required=all(row.as_required for row in rows),
        dose_text=joined(row.dose_text for row in rows),
        term=joined(row.term for row in rows),
        kinds={row.kind for row in rows},
        orgs={row.org for row in rows if row.org is not None},
        issued=any(row.plan_ends_on is None for row in rows),
        plans=[row for row in rows if row.plan_ends_on is not None],
    )


def joined(words: Iterable[str | None]) -> str | None:
    """The distinct words, sorted, "; " between; null when there is none."""
    return "; ".join(sorted({word for word in words if word is not None})) or None
