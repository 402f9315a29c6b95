"""Synthetic people are like the published figures: measured on the records of 100,000 people, as the figures were measured.

The tolerances are those of targets.yaml, which says why each is what it is: 2 % for the rates of the five classes, more where the
people counted are few. (At a million people the ratios of fifths come within 5 %; that run is too long for a test.)
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.records.synthetic.calibration import Tally
from stepwell.records.synthetic.catalogue import Target, catalogue
from stepwell.records.synthetic.dice import Dice, running_sum, spread_over
from stepwell.records.synthetic.network import organisations
from stepwell.records.synthetic.world import make_world

# Made once: its tests stay on one worker.
pytestmark = pytest.mark.xdist_group("calibration")

AS_OF = date(2026, 6, 1)
TARGETS = catalogue().targets


@pytest.fixture(scope="module")
def tally() -> Tally:
    world = make_world(100_000, 7)
    found = Tally(world, AS_OF)
    for _ in organisations(world, 7, AS_OF, found):
        pass
    return found


@pytest.mark.parametrize("target", TARGETS, ids=[target.label for target in TARGETS])
def test_published_figures_come_out(tally: Tally, target: Target) -> None:
    achieved = tally.achieved(target)
    assert achieved == pytest.approx(target.value, rel=target.tolerance)


def test_the_rates_of_the_five_classes_keep_two_percent() -> None:
    rates = {target.subject: target for target in TARGETS if target.measure == "per 1000 adults"}
    assert set(rates) == set(catalogue().rates.five)
    assert all(target.tolerance <= 0.02 for target in rates.values())
    assert all(target.source and target.mark for target in TARGETS)


def test_the_report_compares_every_target(tally: Tally) -> None:
    report = tally.report()
    assert [row["what"] for row in report["targets"]] == [target.label for target in TARGETS]
    assert report["enriched"] == 1
    for row in report["targets"]:
        assert row["difference"] == pytest.approx(row["achieved"] / row["target"] - 1, abs=1e-4)
    assert all(count > 0 for count in report["mess"].values())


@given(st.lists(st.floats(0, 0.9), min_size=1, max_size=300), st.integers(0, 50))
def test_even_chances_take_as_many_as_they_add_up_to(probabilities: list[float], seed: int) -> None:
    chosen = Dice(seed).even_chance(np.array(probabilities), len(probabilities))
    assert abs(int(chosen.sum()) - sum(probabilities)) <= 1


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40))
def test_groups_laid_end_to_end(counts: list[int]) -> None:
    group, number = spread_over(np.array(counts))
    assert group.tolist() == [place for place, count in enumerate(counts) for _ in range(count)]
    assert number.tolist() == [turn for count in counts for turn in range(count)]
    values = np.arange(len(group)) + 1
    if len(group):
        sums = running_sum(values, number == 0)
        assert sums.tolist() == [int(values[place - turn : place + 1].sum()) for place, turn in enumerate(number.tolist())]
