"""`stepwell bench taper`: plans of reduction over generated requests, in a process of its own: median and p95 of `propose`.

Requests are generated from the knowledge base: every medicine with products, present doses as people take them, the modes, rates,
intervals, end points and products that a form offers. A request that is refused counts too: a form waits for it just the same. The
tables that the search keeps between plans are cold for the first pass and warm for the second; both are told.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterator
from datetime import date, timedelta
from time import perf_counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stepwell.clinical.tapering.model import Request
    from stepwell.knowledge.compile import Knowledge

BAR_MS = 20
MILLISECONDS = 1000
_CUTS = 20  # the last cut of so many parts is the 95th percentile


def requests(pack: Knowledge, number: int, as_of: date, seed: int = 7) -> Iterator[Request]:
    """So many requests, the same for the same seed."""
    from stepwell.clinical.tapering.model import History, Mode, Request
    from stepwell.knowledge.tapering import products_of

    draw = random.Random(seed)  # noqa: S311
    medicines = sorted({product.medicine for product in pack.taper_products.values()})
    history = History(conditions_known=True)
    for _ in range(number):
        medicine = draw.choice(medicines)
        rule, products = pack.taper_rule_of(medicine), products_of(pack.taper_products, medicine)
        if rule is None:
            continue
        usual = [product for product in products if not product.by_choice and not product.measure_ul] or products
        dose = draw.choice(usual).strength_ug * draw.randint(1, 3)
        mode = draw.choice([None, *(Mode(each.mode) for each in rule.modes)])
        of = {Mode.PROPORTIONAL: "present", Mode.LINEAR: "first"}.get(mode) if mode else None
        rates = [rate.percent for rate in rule.rates if rate.of == of]
        named = frozenset(product.product for product in usual)
        yield Request(
            medicine=medicine,
            dose_ug=dose,
            to_ug=draw.choice([0, 0, 0, dose // 2]),
            mode=mode,
            start_on=as_of + timedelta(days=draw.randrange(365)),
            interval_days=draw.choice([None, *(option.whole for option in rule.interval.options)]),
            rate_percent=draw.choice([None, *rates]),
            products=draw.choice([None, None, named]),
            history=history,
        )


def measured(number: int, as_of: str, seed: int = 7) -> dict[str, Any]:
    """Time every request twice, after one that loads the pack and the bank holidays."""
    from stepwell import knowledge
    from stepwell.clinical.tapering import build
    from stepwell.clinical.tapering.model import NotPlanned
    from stepwell.clinical.tapering.propose import propose

    pack = knowledge.load()
    asked = list(requests(pack, number, date.fromisoformat(as_of), seed))
    told: dict[str, Any] = {"requests": len(asked), "plans": 0, "refused": 0, "steps": 0}

    def once(request: Request) -> float:
        begun = perf_counter()
        try:
            steps = len(propose(request, pack).steps)
        except NotPlanned:
            steps = 0
        took = perf_counter() - begun
        told["plans"] += bool(steps)
        told["refused"] += not steps
        told["steps"] += steps
        return took

    once(asked[0])
    for name in ("cold", "warm"):
        told |= {"plans": 0, "refused": 0, "steps": 0}
        if name == "cold":
            build.forget()
        times = [once(request) for request in asked]
        told |= {f"{name}_{key}": value for key, value in quantiles(times).items()}
    return told | {"p50_ms": told["cold_p50_ms"], "p95_ms": told["cold_p95_ms"], "bar_ms": BAR_MS}


def quantiles(times: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(times, n=_CUTS, method="inclusive") if len(times) > 1 else times * (_CUTS - 1)
    return {
        "p50_ms": round(statistics.median(times) * MILLISECONDS, 2),
        "p95_ms": round(cuts[-1] * MILLISECONDS, 2),
        "max_ms": round(max(times) * MILLISECONDS, 1),
    }
