"""A dose on alternate days: so much one day, less or nothing the next. `dose_ug` is the mean of the two.

Only for a medicine whose rule says that it may be taken so; who asks sees to that. The best pair of days has

1. the least error of its mean, where errors up to `alike_ug` count as none,
2. the least difference between the days, 3. the fewest items in two days, 4. the least error without that allowance (of two equally
   far away the higher dose), 5. the larger first day.

Every pair of doses that the products make is tried: solids of one medicine make few.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from stepwell.clinical.tapering.build import PATCH, amounts, build, is_liquid, release
from stepwell.clinical.tapering.model import QUARTERS, Built, Item
from stepwell.clinical.tapering.words import TWO_DAYS, day_doses
from stepwell.knowledge.tapering import TaperProduct

FIRST, SECOND = TWO_DAYS
DAYS = len(TWO_DAYS)


def may_alternate(products: Sequence[TaperProduct]) -> tuple[TaperProduct, ...]:
    """What alternate days are made of: whole or divided solids of immediate release, so that no liquid is measured every other day."""
    return tuple(each for each in products if not is_liquid(each) and each.form != PATCH and release(each) == "immediate")


def alternate(
    dose_ug: int,
    products: Sequence[TaperProduct],
    *,
    most_a_day_ug: int,
    at_least_ug: int = 1,
    at_most_ug: int | None = None,
    permitted_ug: int | None = None,
    alike_ug: int = 0,
) -> Built | None:
    """The best build on alternate days, None when there is none. most_a_day_ug: what no single day may exceed; the others as of `build`,
    about the mean."""
    best: tuple[tuple[int, ...], Built] | None = None
    doses = [0, *amounts(products, most_a_day_ug)]
    made = {ug: build(ug, products, permitted_ug=0) for ug in doses}
    for one in doses:
        for other in doses:
            mean, over = divmod(one + other, DAYS)
            error = abs(mean - dose_ug)
            if one <= other or over or mean < at_least_ug or (at_most_ug is not None and mean > at_most_ug):
                continue
            if permitted_ug is not None and error > permitted_ug:
                continue
            first, second = made[one], made[other]
            if first is None or second is None:
                continue
            rank = (0 if error <= alike_ug else error, one - other, _pieces(first) + _pieces(second), error, -mean, -one)
            if best is None or rank < best[0]:
                best = rank, Built(items=(*_on(first, FIRST), *_on(second, SECOND)), dose_ug=mean)
    return None if best is None else best[1]


def _pieces(built: Built) -> int:
    return sum(-(-item.quarters // QUARTERS) for item in built.items)


def _on(built: Built, day: int) -> tuple[Item, ...]:
    return tuple(replace(item, day=day) for item in built.items)


def largest_day(built: Built) -> int:
    """The larger of its two days, in whole micrograms; of a dose that is the same every day that dose."""
    return max(day_doses(built), default=built.dose_ug)


def other_day_first(built: Built) -> Built:
    """The same dose, the second day first: where a plan is made anew on a second day."""
    turned = tuple(replace(item, day=FIRST + SECOND - item.day) if item.day else item for item in built.items)
    return replace(built, items=tuple(sorted(turned, key=lambda item: item.day)))
