"""Hypothesis strategies over `histories.py` and `random_rules.py`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import histories
import pyarrow as pa
import random_rules
from catalogues import Catalogue
from hypothesis import strategies as st

from stepwell.engine.inputs import Inputs

Draw = Callable[[st.SearchStrategy[Any]], Any]


class DrawnDice:
    """Dice that Hypothesis throws, so that it can shrink what it found."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw

    def integer(self, low: int, high: int) -> int:
        return self._draw(st.integers(low, high))


@st.composite
def batches(draw: Draw, found: Catalogue, most: int = 10, medicines: int = 6) -> tuple[Inputs, date]:
    """Inputs for up to `most` people, and the day to evaluate them on."""
    return histories.history(DrawnDice(draw), found, draw(st.integers(1, most)), medicines)


@st.composite
def random_knowledge(draw: Draw) -> dict[str, pa.Table]:
    return random_rules.random_knowledge(DrawnDice(draw))
