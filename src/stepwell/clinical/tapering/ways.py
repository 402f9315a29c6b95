"""Ways in which a plan can be gone about, the proposed one first, and which products each takes in which order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from stepwell.clinical.tapering import words
from stepwell.clinical.tapering.build import build, by_release, divisible, is_liquid
from stepwell.clinical.tapering.model import QUARTERS, Mode, Request
from stepwell.knowledge.tapering import TaperProduct, TaperRule

_PLAIN = frozenset({"tablet", "capsule"})
_MELTING = frozenset({"orodispersible tablet", "soluble tablet", "sublingual tablet"})


@dataclass(frozen=True, slots=True)
class Way:
    """One way of going about it: a mode, an interval, and which products. `also`: products taken only where the others do not do."""

    mode: Mode
    interval_days: int
    products: tuple[TaperProduct, ...]
    also: tuple[TaperProduct, ...] = ()


def usable(request: Request, products: Sequence[TaperProduct]) -> tuple[TaperProduct, ...]:
    """Products that may be used: those named, otherwise all that need not be named. Of these of liquids only the one that measures most
    finely: two strengths of a liquid in one house are mistaken for each other; and tablets that melt only where there are no others."""
    if request.products is not None:
        return tuple(product for product in products if product.product in request.products)
    free = unnamed(products)
    if any(product.form in _PLAIN for product in free):
        free = tuple(product for product in free if product.form not in _MELTING)
    liquids = sorted((product for product in free if is_liquid(product)), key=smallest)
    return tuple(product for product in free if product not in liquids[1:])


def unnamed(products: Sequence[TaperProduct]) -> tuple[TaperProduct, ...]:
    """Products that nobody has to name."""
    return tuple(product for product in products if not product.by_choice) or tuple(products)


def ways(request: Request, rule: TaperRule, products: Sequence[TaperProduct]) -> Iterator[Way]:
    """Ways to try, the proposed one first: where nobody chose, other modes and longer intervals follow. Of products that release
    differently those come first that make the present dose of the fewest items; the others only where these do not do."""
    chosen = usable(request, products)
    groups = by_release(chosen)

    def size(kind: str) -> tuple[int, int]:
        solids = [product for product in groups[kind] if not is_liquid(product)]
        found = build(request.dose_ug, solids, permitted_ug=0)
        items = sum(-(-item.quarters // QUARTERS) + item.patches for item in found.items) if found else request.dose_ug
        return items, list(groups).index(kind)

    first = min(groups, key=size)
    also = tuple(product for kind, group in groups.items() if kind != first for product in group)
    modes = [request.mode] if request.mode else _modes(request, rule)
    for others in ((), also) if also else ((),):
        for interval in _intervals(request, rule, Mode(modes[0])):
            for mode in modes:
                yield Way(mode, interval, groups[first], others)


def _modes(request: Request, rule: TaperRule) -> list[Mode]:
    """Modes where nobody chose one, the proposed one first. A rate is a proportion, an amount the same every time."""
    offered = [Mode(each.mode) for each in rule.modes]
    if request.step_ug is not None:
        return [mode for mode in (Mode.LINEAR, *offered) if mode in offered][:1]
    if request.rate_percent is not None:
        return [mode for mode in (Mode.PROPORTIONAL, Mode.LINEAR, *offered) if mode in offered][:1]
    if request.points is not None and Mode.HYPERBOLIC in offered:
        return [Mode.HYPERBOLIC]
    return sorted(offered, key=lambda mode: mode != rule.default_mode)


def _intervals(request: Request, rule: TaperRule, mode: Mode) -> list[int]:
    if request.interval_days is not None:
        return [request.interval_days]
    usual = rule.interval.default.whole
    if mode == Mode.PRODUCT_STEPS and rule.published and rule.published[0].every_days:
        usual = max(rule.published[0].every_days, rule.interval.shortest.whole)
    longer = sorted(option.whole for option in rule.interval.options if option.whole > usual)
    return [usual, *longer]


def smallest(product: TaperProduct) -> int:
    """The smallest dose that one product makes, in whole micrograms upwards."""
    if is_liquid(product):
        return -(-product.strength_ug * product.measure_ul // words.UL_PER_ML)
    return -(-product.strength_ug // divisible(product))


def blocks(way: Way) -> list[list[tuple[TaperProduct, ...]]]:
    """Products in the order in which they are tried: of those that release alike whole ones and licensed halves, any halves, then liquids;
    then the same with those that release differently."""
    found = []
    for products in (way.products, (*way.products, *way.also))[: 2 if way.also else 1]:
        solids = tuple(product for product in products if not is_liquid(product))
        licensed = tuple(msgspec.structs.replace(product, parts=1) if product.off_label else product for product in solids)
        tiers = [licensed] if licensed else []
        tiers += [tier for tier in (solids, products) if tier and tier not in tiers]
        found.append(tiers)
    return found
