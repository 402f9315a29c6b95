"""The SQL engine and the plain-Python engine give equal tables, on nasty histories under real and under random rules.

`STEPWELL_AGREE_BATCHES` asks for more batches than the 42 of an ordinary run.
"""

from __future__ import annotations

import os
from datetime import date

import pytest
from agreement import disagreement
from builders import small_knowledge
from catalogues import catalogue
from hypothesis import HealthCheck, Phase, given, settings
from strategies import batches, random_knowledge
from wide import wide_knowledge

from stepwell import knowledge
from stepwell.engine.inputs import Inputs

BATCHES = int(os.environ.get("STEPWELL_AGREE_BATCHES", "42"))
AGREE = settings(
    derandomize="STEPWELL_AGREE_BATCHES" not in os.environ,
    deadline=None,
    database=None,
    print_blob=False,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
SMALL = catalogue(small_knowledge())
WIDE = catalogue(wide_knowledge())
REAL = catalogue(knowledge.load().tables())


@settings(AGREE, max_examples=BATCHES // 6)
@given(batches(SMALL))
def test_under_small_invented_rules(batch: tuple[Inputs, date]) -> None:
    assert disagreement(*batch) is None


@settings(AGREE, max_examples=BATCHES // 6)
@given(batches(WIDE, most=6))
def test_under_wide_invented_rules(batch: tuple[Inputs, date]) -> None:
    assert disagreement(*batch) is None


@settings(AGREE, max_examples=BATCHES // 3)
@given(random_knowledge().flatmap(lambda tables: batches(catalogue(tables), most=6)))
def test_under_random_rules(batch: tuple[Inputs, date]) -> None:
    assert disagreement(*batch) is None


@settings(AGREE, max_examples=BATCHES // 3)
@given(batches(REAL, medicines=8))
def test_under_the_knowledge_pack(batch: tuple[Inputs, date]) -> None:
    assert disagreement(*batch) is None


@pytest.mark.parametrize("tables", [small_knowledge(), wide_knowledge(), knowledge.load().tables()], ids=["small", "wide", "pack"])
def test_of_nobody_nothing(tables) -> None:
    assert disagreement(Inputs(knowledge=tables), date(2026, 6, 1)) is None
