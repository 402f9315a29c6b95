"""A day's dose from products that exist: exact search.

What can be taken of one product: of solids whole ones and at most one divided one, in as many equal parts as its product text or
score line allows; of liquids multiples of the smallest volume that can be measured; of patches whole ones. The best build has

1. the least error, where errors up to `alike_ug` count as none,
2. the fewest items (a tablet, a piece of one, a measure of up to 5 ml, a patch),
3. the fewest different products, 4. the fewest products divided outside their text, 5. the fewest divided at all, 6. the least error
   without that allowance (of two equally far away the higher dose), 7. the most of the largest strengths.

Dynamic programming over the greatest common measure of all that can be taken: a table a product tells for every amount the
cheapest way to make it from this product and smaller ones, so the search is exact and all steps of a plan share it. Costs are
whole numbers whose digits are the ranks 2 to 5. Whole numbers only: micrograms, quarters, microlitres.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from math import gcd
from typing import NamedTuple

import numpy as np

from stepwell.clinical.tapering.model import QUARTERS, Built, Item
from stepwell.knowledge.tapering import TaperProduct

PATCH = "patch"
LIQUIDS = frozenset({"oral liquid", "oral drops"})
# What one draw of an oral syringe or one spoon holds: a convention for counting items, not a dose.
MEASURE_UL = 5000

_ITEM, _PRODUCT, _OFF_LABEL, _DIVIDED = 1_000_000_000, 1_000_000, 1_000, 1
_NEVER = np.int64(2**62)


class _Kind(NamedTuple):
    """What the search needs of a product, as something that can be a key. Amounts in micrograms times 1000: exact for microlitres."""

    product: str
    one: int  # a whole tablet or patch, or the smallest measure
    parts: int  # a liquid: 0
    off_label: bool
    at_once: int  # measures of a liquid that count as one item

    def pieces(self) -> Iterator[tuple[int, int, int]]:
        """(amount, quarters, cost) of a divided one."""
        for part in range(1, self.parts):
            # Three quarters are a half and a quarter.
            items = 2 if (self.parts, part) == (QUARTERS, QUARTERS - 1) else 1
            yield self.one * part // self.parts, QUARTERS * part // self.parts, items * _ITEM + self.off_label * _OFF_LABEL + _DIVIDED


def release(product: TaperProduct) -> str:
    """How a product lets its medicine go; what differs in it is not mixed in one dose: `immediate`, the form of one that releases slowly or
    late (tablets and capsules may differ in hours), patches with the days they are worn."""
    if product.form == PATCH:
        return f"{PATCH}, {product.wear_days} days"
    return product.form if product.form.startswith(("modified-release", "gastro-resistant")) else "immediate"


def by_release(products: Iterable[TaperProduct]) -> dict[str, tuple[TaperProduct, ...]]:
    """Products by the way they release, in the order they were given."""
    found: dict[str, list[TaperProduct]] = {}
    for product in products:
        found.setdefault(release(product), []).append(product)
    return {kind: tuple(each) for kind, each in found.items()}


def is_liquid(product: TaperProduct) -> bool:
    return product.form in LIQUIDS


def divisible(product: TaperProduct) -> int:
    """Into how many equal parts one may be divided: never a patch, a capsule, or anything that releases slowly or late."""
    return product.parts if product.form in ("tablet", "soluble tablet") else 1


def _kind(product: TaperProduct) -> _Kind:
    if is_liquid(product):
        return _Kind(product.product, product.strength_ug * product.measure_ul, 0, False, max(1, MEASURE_UL // product.measure_ul))
    return _Kind(product.product, product.strength_ug * 1000, divisible(product), product.off_label, 1)


class _Tables:
    """For every amount up to `most` (in `unit`s) the cheapest cost from the products from each place on."""

    def __init__(self, kinds: tuple[_Kind, ...], most: int) -> None:
        self.kinds = kinds
        measures = [amount for kind in kinds for amount in (kind.one, *(piece for piece, _, _ in kind.pieces()))]
        self.unit = gcd(*measures)
        size = most // self.unit + 1
        nothing = np.full(size, _NEVER, dtype=np.int64)
        nothing[0] = 0
        self.costs = [nothing]
        for kind in reversed(kinds):
            self.costs.append(self._with(kind, self.costs[-1]))
        self.costs.reverse()
        reached = self.costs[0] < _NEVER
        reached[0] = False
        reached &= np.arange(size) * self.unit % 1000 == 0
        self.reached = np.flatnonzero(reached)

    def _with(self, kind: _Kind, rest: np.ndarray) -> np.ndarray:
        return self._liquid(kind, rest) if not kind.parts else self._solid(kind, rest)

    def _solid(self, kind: _Kind, rest: np.ndarray) -> np.ndarray:
        one = kind.one // self.unit
        whole = rest + _PRODUCT
        for start in range(one, len(rest), one):
            stop = min(start + one, len(rest))
            before = whole[start - one : stop - one] + _ITEM
            np.minimum(whole[start:stop], before, out=whole[start:stop])
        # `whole` may hold none of this product, with the product already counted: right under a piece or one more.
        best = np.minimum(rest, _shifted(whole, one, _ITEM))
        for amount, _, cost in kind.pieces():
            np.minimum(best, _shifted(whole, amount // self.unit, cost), out=best)
        return best

    def _liquid(self, kind: _Kind, rest: np.ndarray) -> np.ndarray:
        one = kind.one // self.unit
        full = rest + _PRODUCT
        chunk = one * kind.at_once
        for start in range(chunk, len(rest), chunk):
            stop = min(start + chunk, len(rest))
            np.minimum(full[start:stop], full[start - chunk : stop - chunk] + _ITEM, out=full[start:stop])
        best = rest.copy()
        for measures in range(1, kind.at_once + 1):
            if measures * one >= len(rest):
                break
            np.minimum(best, _shifted(full, measures * one, _ITEM), out=best)
        return best

    def taken(self, amount: int) -> list[tuple[_Kind, int]]:
        """(product, quarters or measures or patches) of the best way to make `amount` units: the most of the first product first."""
        found = []
        for place, kind in enumerate(self.kinds):
            here, rest = int(self.costs[place][amount]), self.costs[place + 1]
            used, count = next((used, count) for used, count, cost in self._ways(kind, amount) if rest[amount - used] + cost == here)
            if count:
                found.append((kind, count))
            amount -= used
        return found

    def _ways(self, kind: _Kind, amount: int) -> Iterator[tuple[int, int, int]]:
        """(units, count, cost) of what may be taken of one product, the most first; nothing last."""
        one = kind.one // self.unit
        if not kind.parts:
            for count in range(amount // one, 0, -1):
                yield count * one, count, -(-count // kind.at_once) * _ITEM + _PRODUCT
        else:
            pieces = [(0, 0, 0), *((piece // self.unit, quarters, cost) for piece, quarters, cost in kind.pieces())]
            for wholes in range(amount // one, -1, -1):
                for piece, quarters, cost in reversed(pieces):
                    used = wholes * one + piece
                    if (wholes or quarters) and used <= amount:
                        yield used, wholes * QUARTERS + quarters, wholes * _ITEM + cost + _PRODUCT
        yield 0, 0, 0


def _shifted(costs: np.ndarray, units: int, cost: int) -> np.ndarray:
    """The costs after `units` more at `cost`."""
    moved = np.full(len(costs), _NEVER, dtype=np.int64)
    if units < len(costs):
        np.minimum(costs[: len(costs) - units] + cost, _NEVER, out=moved[units:])
    return moved


@lru_cache(maxsize=128)
def _tables(kinds: tuple[_Kind, ...], most: int) -> _Tables:
    return _Tables(kinds, most)


def forget() -> None:
    """Drop the tables kept between plans: what a bench measures cold."""
    _tables.cache_clear()


def _room(ug: int) -> int:
    """The size of a table that reaches `ug`: doses of a plan, and of plans alike, share one. A power of two, and three halves of it."""
    power = 1 << max(0, ug - 1).bit_length()
    return power * 3 // 4 if ug <= power * 3 // 4 else power


def build(
    dose_ug: int,
    products: Sequence[TaperProduct],
    *,
    at_least_ug: int = 1,
    at_most_ug: int | None = None,
    permitted_ug: int | None = None,
    alike_ug: int = 0,
    mixed: bool = False,
) -> Built | None:
    """The best build of a dose (micrograms a day; of patches an hour), None when there is none.

    at_least_ug, at_most_ug: what it must lie between. permitted_ug: the largest error, either way; None: any. alike_ug: errors up to
    this are alike. mixed: products that release differently may stand in one dose, because somebody said so; patches never with others.
    """
    if dose_ug == 0:
        return Built(items=(), dose_ug=0)
    groups = by_release(products)
    if mixed:
        groups["mixed"] = tuple(product for product in products if product.form != PATCH)
    best: tuple[tuple[int, ...], _Tables, int] | None = None
    largest = max((product.strength_ug for product in products), default=0)
    most = dose_ug + largest if at_most_ug is None else at_most_ug
    low, high = max(1, at_least_ug), most
    if permitted_ug is not None:
        low, high = max(low, dose_ug - permitted_ug), min(high, dose_ug + permitted_ug)
    for group in groups.values():
        found = _best(group, dose_ug, low, high, alike_ug)
        if found is not None and (best is None or found[0] < best[0]):
            best = found
    return None if best is None else _built(best[1].taken(best[2]), products)


def amounts(products: Sequence[TaperProduct], most_ug: int) -> list[int]:
    """Every dose up to `most_ug` that products of one way of releasing make in a day, the smallest first."""
    if not products or most_ug < 1:
        return []
    tables = _tables_of(products, most_ug)
    return [int(amount) * tables.unit // 1000 for amount in tables.reached if amount * tables.unit <= most_ug * 1000]


def _tables_of(products: Sequence[TaperProduct], most_ug: int) -> _Tables:
    ordered = sorted(products, key=lambda each: (is_liquid(each), -each.strength_ug, each.product))
    return _tables(tuple(_kind(each) for each in ordered), _room(most_ug) * 1000)


def _best(
    products: Sequence[TaperProduct], dose_ug: int, low: int, high: int, alike_ug: int
) -> tuple[tuple[int, ...], _Tables, int] | None:
    if not products or high < low:
        return None
    tables = _tables_of(products, high)
    first, last = np.searchsorted(tables.reached, [-(-low * 1000 // tables.unit), high * 1000 // tables.unit + 1])
    amounts = tables.reached[first:last]
    if not len(amounts):
        return None
    errors = np.abs(amounts * tables.unit - dose_ug * 1000)
    beyond = np.where(errors <= alike_ug * 1000, 0, errors)
    costs = tables.costs[0][amounts]
    place = np.lexsort((-amounts, errors, costs, beyond))[0]
    rank = (int(beyond[place]), int(costs[place]), int(errors[place]), -int(amounts[place]) * tables.unit)
    return rank, tables, int(amounts[place])


def _built(taken: Sequence[tuple[_Kind, int]], products: Sequence[TaperProduct]) -> Built:
    by_key = {product.product: product for product in products}
    items = tuple(_item(by_key[kind.product], count) for kind, count in taken)
    return Built(items=items, dose_ug=sum(held_nanograms(item) for item in items) // 1000)


def _item(product: TaperProduct, count: int) -> Item:
    notes = []
    if not is_liquid(product) and count % QUARTERS and product.form != PATCH:
        if product.off_label:
            notes.append("dividing this product is outside its product text")
        if product.check:
            notes.append("the score line differs between makers: the pharmacist checks the brand")
    return Item(
        product=product.product,
        label=product.label,
        form=product.form,
        strength_ug=product.strength_ug,
        quarters=0 if is_liquid(product) or product.form == PATCH else count,
        microlitres=count * product.measure_ul if is_liquid(product) else 0,
        patches=count // QUARTERS if product.form == PATCH else 0,
        notes=tuple(notes),
    )


def held_nanograms(item: Item) -> int:
    """What an item holds, in thousandths of a microgram: a tenth of a millilitre need not be whole micrograms."""
    return item.strength_ug * (item.quarters * 1000 // QUARTERS + item.microlitres + item.patches * 1000)
