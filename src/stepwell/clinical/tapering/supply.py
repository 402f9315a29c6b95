"""What to supply for a plan: per step the quantity of each product for exactly its days, how often it is picked up, and the words of the
prescription. Packs are not assumed; a controlled drug is never supplied for longer than the knowledge base says.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import msgspec

from stepwell.clinical.tapering import words
from stepwell.clinical.tapering.alternate import DAYS, FIRST, SECOND
from stepwell.clinical.tapering.bounds import cited
from stepwell.clinical.tapering.model import QUARTERS, Item, Plan, Rule, Step
from stepwell.knowledge.compile import Knowledge
from stepwell.knowledge.tapering import TaperProduct

_ONE = {"tablet": "tablet", "capsule": "capsule", "granules": "sachet", "patch": "patch"}
_MANY = {"tablet": "tablets", "capsule": "capsules", "sachet": "sachets", "patch": "patches"}


class SupplyLine(msgspec.Struct, frozen=True, kw_only=True):
    """One product of one step. `units`: whole tablets, capsules, sachets or patches for `days` days; of liquids 0 and `microlitres`.

    pick_up_days: days of one supply; pick_ups: how many supplies make the step. ongoing: the end point is a dose, supplied from then on.
    text: the words of the prescription of the whole step. rule: why it is supplied so.
    """

    step: int
    on: date
    days: int
    product: str
    label: str
    units: int
    microlitres: int
    quantity: str
    pick_up_days: int
    pick_ups: int
    text: str
    rule: Rule
    ongoing: bool = False
    notes: tuple[str, ...] = ()


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A product that the pharmacy needs for the plan: from which day, and how much in all."""

    product: str
    label: str
    first_on: date
    units: int
    microlitres: int
    quantity: str


def supply(plan: Plan, knowledge: Knowledge, *, when: str = "") -> tuple[SupplyLine, ...]:
    """Every supply of the plan in order. `when`: the time of day as the prescriber wants it (`at night`); empty: a day."""
    return tuple(line for step in plan.steps for line in supply_of(plan, step, knowledge, when=when))


def supply_of(plan: Plan, step: Step, knowledge: Knowledge, *, when: str = "") -> Iterable[SupplyLine]:
    """Supplies of one step; none for nothing."""
    rule = knowledge.taper_rule_of(plan.medicine)
    ongoing = step.number == len(plan.steps) - 1 and step.built.dose_ug > 0
    days = plan.interval_days if ongoing else step.days
    if not days or rule is None:
        return
    longest = rule.supply.longest
    most = longest.whole if longest else days
    pick_ups = -(-days // most)
    why = cited(rule.supply.words, longest or rule.supply, f"{rule.taper_rule}: supply")
    for item in step.built.items:
        product = knowledge.taper_products[item.product]
        units, microlitres = needed(item, product, days)
        if not units and not microlitres:
            continue  # the second of two days, of a step that lasts one
        yield SupplyLine(
            step=step.number,
            on=step.on,
            days=days,
            product=item.product,
            label=item.label,
            units=units,
            microlitres=microlitres,
            quantity=quantity(product, units, microlitres),
            pick_up_days=-(-days // pick_ups),
            pick_ups=pick_ups,
            text=prescription(_name(plan.medicine, product), item, product, days, when=when),
            rule=why,
            ongoing=ongoing,
            notes=item.notes,
        )


def needed(item: Item, product: TaperProduct, days: int) -> tuple[int, int]:
    """(whole tablets, capsules or patches, microlitres) for so many days. The other half of a divided tablet is the next day's; what is
    taken on one of two days is taken on half of the days, of an odd number on one more of the first."""
    if item.day:
        days = (days + FIRST + SECOND - item.day - 1) // DAYS
    if item.microlitres:
        return 0, item.microlitres * days
    if item.patches:
        return item.patches * -(-days // max(1, product.wear_days)), 0
    return -(-item.quarters * days // QUARTERS), 0


def orders(lines: Iterable[SupplyLine], knowledge: Knowledge) -> tuple[Order, ...]:
    """Strengths that the pharmacy needs, by the day they are first needed."""
    found: dict[str, Order] = {}
    for line in lines:
        before = found.get(line.product)
        units = line.units + (before.units if before else 0)
        microlitres = line.microlitres + (before.microlitres if before else 0)
        product = knowledge.taper_products[line.product]
        found[line.product] = Order(
            product=line.product,
            label=line.label,
            first_on=before.first_on if before else line.on,
            units=units,
            microlitres=microlitres,
            quantity=quantity(product, units, microlitres),
        )
    return tuple(sorted(found.values(), key=lambda order: (order.first_on, order.product)))


def quantity(product: TaperProduct, units: int, microlitres: int) -> str:
    """`21 tablets`, `52.5 ml`, `5 patches`"""
    return words.millilitres(microlitres) if microlitres else f"{units} {_noun(product, units)}"


def prescription(name: str, item: Item, product: TaperProduct, days: int, *, when: str = "") -> str:
    """`diazepam 2 mg tablets: take 1½ tablets at night for 14 days. Supply 21 tablets.`"""
    units, microlitres = needed(item, product, days)
    time = f" {when.strip()}" if when.strip() else " a day"
    span = f"for {days} day{'s' * (days != 1)}"
    if item.patches:
        worn = f"apply {item.patches} {_noun(product, item.patches)} and change every {max(1, product.wear_days)} days"
        return f"{name}: {worn} {span}. Supply {quantity(product, units, microlitres)}."
    if item.microlitres:
        holds = words.dose(item.strength_ug * item.microlitres // words.UL_PER_ML)
        return f"{name}: take {words.millilitres(item.microlitres)} ({holds}){time} {span}. Supply {quantity(product, units, microlitres)}."
    amount = f"{words.counted(item.quarters)} {_noun(product, 2 if item.quarters > QUARTERS else 1)}"
    if item.day:
        which = "first" if item.day == FIRST else "second"
        time = f"{f' {when.strip()}' if when.strip() else ''} every other day, beginning on the {which} day,"
    return f"{name}: take {amount}{time} {span}. Supply {quantity(product, units, microlitres)}."


def _noun(product: TaperProduct, count: int) -> str:
    one = next(noun for word, noun in _ONE.items() if word in product.form)
    return one if count == 1 else _MANY[one]


def _name(medicine: str, product: TaperProduct) -> str:
    """The product as it is prescribed; one with something else inside has its own name."""
    return product.label if product.also else f"{medicine.removesuffix(' patch').removesuffix(' modified release')} {product.label}"
