"""What may be chosen for one medicine: modes, rates, intervals, products and end points, with what the knowledge base proposes."""

from __future__ import annotations

from datetime import date

import msgspec

from stepwell.clinical.tapering import words
from stepwell.clinical.tapering.build import build, is_liquid
from stepwell.clinical.tapering.model import Mode, Request
from stepwell.clinical.tapering.plan import known, unit_of, usable
from stepwell.knowledge.compile import Knowledge
from stepwell.knowledge.tapering import Figure, GuardFlag, Interval, ModeRule, Rate, SwitchTo, TaperProduct, TaperRule, guards_of

PARTS = (2, 4)


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """For a form. `products`: all; `usual`: keys of those used when nobody chooses. ends_ug: end points that can be built, nothing first.
    asks: what the record cannot know and a person is asked. switch_to: a change to a long-acting relative, never made by itself."""

    medicine: str
    unit: str
    modes: tuple[ModeRule, ...]
    default_mode: Mode
    rates: tuple[Rate, ...]
    steps: tuple[Figure, ...]
    interval: Interval
    points: int | None
    products: tuple[TaperProduct, ...]
    usual: frozenset[str]
    ends_ug: tuple[int, ...]
    asks: tuple[GuardFlag, ...]
    switch_to: SwitchTo | None
    occupancy: bool
    rule: TaperRule


def choices(medicine: str, knowledge: Knowledge, dose_ug: int | None = None) -> Choices:
    """What is offered; with the present dose the end points below it. NotPlanned where its reduction is not planned here."""
    request = Request(medicine=medicine, dose_ug=dose_ug or 1, start_on=date.min)
    rule, products = known(request, knowledge)
    usual = usable(request, products)
    flags = [flag for guard in guards_of(knowledge, medicine) for flag in (guard.flag, guard.lifted_by) if flag is not None]
    return Choices(
        medicine=medicine,
        unit=unit_of(products),
        modes=rule.modes,
        default_mode=Mode(rule.default_mode),
        rates=rule.rates,
        steps=rule.steps,
        interval=rule.interval,
        points=rule.points.whole if rule.points else None,
        products=products,
        usual=frozenset(product.product for product in usual),
        ends_ug=_ends(usual, dose_ug),
        asks=tuple({flag.flag: flag for flag in flags}.values()),
        switch_to=rule.switch_to,
        occupancy=medicine in knowledge.occupancies,
        rule=rule,
    )


def _ends(products: tuple[TaperProduct, ...], dose_ug: int | None) -> tuple[int, ...]:
    """Nothing, then parts of the present dose as near as solids make them, the lowest first."""
    if dose_ug is None:
        return (0,)
    solids = [product for product in products if not is_liquid(product)] or list(products)
    found = {built.dose_ug for part in PARTS if (built := build(dose_ug // part, solids, at_most_ug=dose_ug - 1)) is not None}
    return (0, *sorted(found))


def in_words(offered: Choices, ug: int) -> str:
    """An end point: `stop`, `stay at 10 mg`."""
    return f"stay at {words.dose(ug, offered.unit)}" if ug else "stop"
