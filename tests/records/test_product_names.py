"""Product names: name before the strength, micrograms per counted unit, unit."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.records.product import Product, parse_product

TABLE = Path(__file__).parent / "data" / "products.csv"
UNITS = {None, "tablet", "capsule", "ml", "patch", "sachet", "suppository", "injection", "dose", "other"}


def rows() -> list[dict[str, str]]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["term"])
def test_names_by_hand(row):
    strength = int(row["strength_ug"]) if row["strength_ug"] else None
    assert parse_product(row["term"]) == Product(row["term_name"], strength, row["unit"] or None)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["term"])
def test_case_and_spaces_do_not_matter(row):
    term = row["term"]
    assert parse_product(term.upper()) == parse_product(f"  {term.replace(' ', '   ')} ") == parse_product(term)


@pytest.mark.parametrize("term", [None, "", "   ", "(Essential Pharma Ltd)"])
def test_nothing_to_read(term):
    assert parse_product(term) == Product(None, None, None)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80))
def test_never_raises(term):
    product = parse_product(term)
    assert product.unit in UNITS
    assert product.strength_ug is None or product.strength_ug > 0
    assert product.term_name is None or product.term_name == product.term_name.strip() != ""


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 5000), st.sampled_from([("tablets", "tablet"), ("capsules", "capsule"), ("suppositories", "suppository")]))
def test_strength_and_unit_of_dmd_style_names(milligrams, form):
    words, unit = form
    assert parse_product(f"Sertraline {milligrams}mg {words}") == Product("sertraline", milligrams * 1000, unit)
    assert parse_product(f"Sertraline {milligrams}micrograms {words}") == Product("sertraline", milligrams, unit)
    assert parse_product(f"Sertraline {words} {milligrams}mg") == Product("sertraline", milligrams * 1000, unit)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 500))
def test_liquids_are_per_ml(milligrams):
    assert parse_product(f"Sertraline {5 * milligrams}mg/5ml oral solution").strength_ug == milligrams * 1000
    assert parse_product(f"Sertraline {milligrams}mg/ml oral solution").strength_ug == milligrams * 1000
