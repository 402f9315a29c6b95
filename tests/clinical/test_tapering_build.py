"""A day's dose from products: the exact search equals trying everything, and never takes what cannot be measured."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product as every
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepwell.clinical.tapering.build import MEASURE_UL, build, divisible, is_liquid, release
from stepwell.clinical.tapering.model import QUARTERS, Built
from stepwell.knowledge.tapering import TaperProduct


def made(form: str, strength_ug: int, *, parts: Any = 1, off_label: bool = False, measure_ul: int = 0, key: str = "") -> TaperProduct:
    return TaperProduct(
        product=key or f"{form} {strength_ug}",
        medicine="diazepam",
        label=f"{form} {strength_ug}",
        form=form,  # type: ignore[arg-type]
        strength_ug=strength_ug,
        parts=parts,
        off_label=off_label,
        measure_ul=measure_ul,
        source=["P"],
        mark="P",
    )


TEN, FIVE, TWO = (made("tablet", mg * 1000, parts=2) for mg in (10, 5, 2))
LIQUID = made("oral liquid", 400, measure_ul=100)
CAPSULES = [made("capsule", mg * 1000) for mg in (25, 50, 75, 100, 150, 200, 225, 300)]


def taken(built: Built | None) -> list[tuple[str, int]]:
    assert built is not None
    return [(item.label, item.quarters or item.microlitres or item.patches) for item in built.items]


@pytest.mark.parametrize(
    ("dose_ug", "products", "expected"),
    [
        (20_000, [TEN, FIVE, TWO], [("tablet 10000", 8)]),
        # Four items: 10 and four of 2 are five.
        (18_000, [TEN, FIVE, TWO], [("tablet 10000", 6), ("tablet 2000", 6)]),
        (3_000, [TWO], [("tablet 2000", 6)]),
        # As few different products as the fewest items allow.
        (3_000, [TWO, made("tablet", 1_000)], [("tablet 2000", 6)]),
        (4_000, [TWO, made("tablet", 4_000)], [("tablet 4000", 4)]),
        (500, [TWO, LIQUID], [("oral liquid 400", 1300)]),
        (14_520, [TEN, TWO, LIQUID], [("tablet 10000", 4), ("oral liquid 400", 11300)]),
        (600_000, CAPSULES, [("capsule 300000", 8)]),
        (525_000, CAPSULES, [("capsule 300000", 4), ("capsule 225000", 4)]),
    ],
)
def test_worked(dose_ug: int, products: list[TaperProduct], expected: list[tuple[str, int]]) -> None:
    assert taken(build(dose_ug, products)) == expected


def test_nothing_is_made_of_nothing() -> None:
    assert build(0, [TEN]) == Built(items=(), dose_ug=0)
    assert build(1000, []) is None


def test_what_releases_slowly_or_late_is_whole_and_by_itself() -> None:
    slow = made("modified-release tablet", 50_000, parts=2)
    assert divisible(slow) == 1
    assert taken(build(60_000, [slow, made("tablet", 10_000)])) == [("tablet 10000", 24)]
    assert taken(build(60_000, [slow, made("tablet", 10_000)], mixed=True)) == [("modified-release tablet 50000", 4), ("tablet 10000", 4)]
    assert build(60_000, [slow], permitted_ug=5_000) is None
    assert build(25_000, [slow], at_most_ug=40_000) is None


def test_patches_are_worn_whole_and_never_with_others() -> None:
    patches = [made("patch", 5, parts=2), made("patch", 20)]
    assert taken(build(25, patches)) == [("patch 20", 1), ("patch 5", 1)]
    assert build(3, patches, permitted_ug=1) is None
    assert taken(build(26, [*patches, made("tablet", 1)], at_most_ug=30, mixed=True)) == [("tablet 1", 104)]


def test_equal_errors_give_the_smaller_step_and_alike_errors_fewer_items() -> None:
    assert taken(build(5_500, [FIVE, TWO], at_most_ug=7_000)) == [("tablet 5000", 2), ("tablet 2000", 6)]
    assert taken(build(5_500, [FIVE, TWO], alike_ug=500)) == [("tablet 5000", 4)]
    two = [made("tablet", 4_000), made("tablet", 6_000)]
    assert taken(build(5_000, two)) == [("tablet 6000", 4)]
    assert taken(build(5_000, two, at_most_ug=5_900)) == [("tablet 4000", 4)]


def test_dividing_outside_the_product_text_is_avoided_where_it_costs_nothing() -> None:
    off, fine = made("tablet", 3_000, parts=2, off_label=True), made("tablet", 1_500)
    assert taken(build(1_500, [off, fine])) == [("tablet 1500", 4)]
    built = build(1_500, [off])
    assert built is not None and built.items[0].notes == ("dividing this product is outside its product text",)


PRODUCTS = st.lists(
    st.one_of(
        st.builds(
            lambda strength, parts, off: made("tablet", strength * 500, parts=parts, off_label=off),
            st.integers(1, 12),
            st.sampled_from([1, 2, 4]),
            st.booleans(),
        ),
        st.builds(lambda strength: made("capsule", strength * 500), st.integers(1, 12)),
        st.builds(lambda strength: made("oral liquid", strength * 100, measure_ul=1000), st.integers(1, 12)),
        st.builds(lambda strength: made("modified-release tablet", strength * 500), st.integers(2, 12)),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda each: each.product,
)


def ways(product: TaperProduct, most_ug: int) -> list[tuple[int, int, int, int, int]]:
    """(micrograms times 1000, items, divided off label, count, divided) of all that can be taken of one product."""
    if is_liquid(product):
        one = product.strength_ug * product.measure_ul
        return [(n * one, -(-n * product.measure_ul // MEASURE_UL), 0, n, 0) for n in range(most_ug * 1000 // one + 1)]
    piece, found = QUARTERS // divisible(product), []
    for quarters in range(0, most_ug * QUARTERS // product.strength_ug + 1, piece):
        whole, rest = divmod(quarters, QUARTERS)
        pieces = {0: 0, 1: 1, 2: 1, 3: 2}[rest]
        off = int(bool(rest) and product.off_label)
        found.append((product.strength_ug * quarters * 1000 // QUARTERS, whole + pieces, off, quarters, int(bool(rest))))
    return found


def brute(dose_ug: int, products: Sequence[TaperProduct], low: int, high: int, alike: int) -> tuple[Any, ...] | None:
    """The rank of the best of all builds, by trying every one."""
    best = None
    ordered = sorted(products, key=lambda each: (is_liquid(each), -each.strength_ug, each.product))
    for kind in {release(each) for each in products}:
        group = [each for each in ordered if release(each) == kind]
        for taking in every(*(ways(each, high) for each in group)):
            amount = sum(way[0] for way in taking)
            if amount % 1000 or not max(1, low) * 1000 <= amount <= high * 1000:
                continue
            error = abs(amount - dose_ug * 1000)
            rank = (
                0 if error <= alike * 1000 else error,
                sum(way[1] for way in taking),
                sum(bool(way[3]) for way in taking),
                sum(way[2] for way in taking),
                sum(way[4] for way in taking),
                error,
                -amount,
            )
            last = (*rank, kind != release(products[0]), tuple(-way[3] for way in taking))
            best = last if best is None else min(best, last)
    return best


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PRODUCTS, st.integers(1, 24), st.integers(0, 24), st.integers(0, 6), st.sampled_from([0, 500, 1000]))
def test_the_search_is_exact(products: list[TaperProduct], dose: int, low: int, above: int, alike: int) -> None:
    dose_ug, low_ug, high_ug = dose * 500, low * 500, (dose + above) * 500
    built = build(dose_ug, products, at_least_ug=low_ug, at_most_ug=high_ug, alike_ug=alike)
    expected = brute(dose_ug, products, low_ug, high_ug, alike)
    if built is None or expected is None:
        assert built is None and expected is None
        return
    by_key = {each.product: each for each in products}
    items = off = divided = 0
    for item in built.items:
        product = by_key[item.product]
        count = item.quarters or item.microlitres // product.measure_ul
        way = next(way for way in ways(product, high_ug) if way[3] == count)
        items, off, divided = items + way[1], off + way[2], divided + way[4]
    error = abs(built.dose_ug - dose_ug) * 1000
    beyond = 0 if error <= alike * 1000 else error
    assert (beyond, items, len(built.items), off, divided, error, -built.dose_ug * 1000) == expected[:7]
    if len({release(each) for each in products}) == 1:
        counts = {item.product: item.quarters or item.microlitres // by_key[item.product].measure_ul for item in built.items}
        ordered = sorted(products, key=lambda each: (is_liquid(each), -each.strength_ug, each.product))
        assert tuple(-counts.get(each.product, 0) for each in ordered) == expected[8]
