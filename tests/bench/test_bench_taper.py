"""`stepwell bench taper`: says what was measured, over the same requests for the same seed. No time is judged here."""

from __future__ import annotations

import json
from datetime import date

import pytest

from stepwell import knowledge
from stepwell.bench import taper
from stepwell.cli import main

AS_OF = date(2026, 6, 1)


def test_it_counts_plans_and_refusals(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "taper", "--patients", "12", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["requests"] == 12 == told["plans"] + told["refused"] and told["steps"] > told["plans"] > 0
    assert told["bar_ms"] == 20 and 0 < told["p50_ms"] <= told["p95_ms"] <= told["cold_max_ms"] and told["peak_mb"] > 0


def test_the_same_seed_asks_the_same() -> None:
    pack = knowledge.load()
    one, two, other = (list(taper.requests(pack, 20, AS_OF, seed)) for seed in (1, 1, 2))
    assert one == two != other and len({request.medicine for request in one}) > 5


def test_quantiles_of_one() -> None:
    assert taper.quantiles([0.002]) == {"p50_ms": 2.0, "p95_ms": 2.0, "max_ms": 2.0}
