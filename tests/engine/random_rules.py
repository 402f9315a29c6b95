"""Small random rule tables, drawn from dice, of the kind that the knowledge check allows."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from builders import PARAMETERS, point, rule, small_knowledge, table
from histories import Dice, Roll


def random_knowledge(dice: Dice) -> dict[str, pa.Table]:
    """The small knowledge with random rules: windows, intervals, sets and conditions such as the knowledge check allows."""
    roll = Roll(dice)
    choose = roll.choose
    sets = ["alpha", "beta", "gamma", "delta", "greek", "early", "late"]
    tests = ["level", "weight", "egfr", "review"]
    rules, points, whens, bands = [], [], [], []
    for number in range(roll.integer(1, 4)):
        kind = choose(["monitor", "monitor", "review", "combination", "result", "licence", "agree"])
        rule_id = f"r{number}"
        combination = roll.several(sets, 2, 3)
        rules.append(
            rule(
                rule_id,
                kind=kind,
                per=choose(["substance", "class"]),
                set_name=combination[0],
                set_b=combination[1] if kind == "combination" else None,
                set_c=combination[2] if kind == "combination" and len(combination) == 3 else None,
                test=choose([*tests, None]),
                after_months=choose([None, None, 1, 6]),
                after_days=choose([None, None, 28]),
                lookback_months=choose([3, 0, None, 12]),
                owner=choose(["ruling", "practice", "specialist"]),
                escalate_days=choose([None, 14]),
                points=choose([0, 1, 3, None]),
                mark=choose(["V", "P"]),
            )
        )
        if kind == "result":
            low, high = choose([(None, 1_000), (1_000, 2_000), (1_000, None), (45_000, 80_000)])
            closed = {"low_closed": roll.boolean(), "high_closed": roll.boolean()}
            bands.append({"rule_id": rule_id, "test": choose(["level", "egfr", "weight"]), "low_milli": low, "high_milli": high, **closed})
            points.append(
                point(rule_id, "trigger", 1, "window", anchor="trigger", due_days=choose([None, 7, 30]), lapse_days=choose([None, 90]))
            )
        elif kind != "agree":
            points += _points(roll, rule_id)
        for part in roll.several(["applies", "unless", "sooner"], 0, 2):
            whens += _whens(roll, rule_id, part)
    base = small_knowledge()
    parameters = {**PARAMETERS, "carry_cap_days": choose([28, 0, 7]), "interval_min_issues": choose([3, 2]), "min_days": choose([1, 7])}
    return {
        **base,
        "k_param": table("k_param", [{"name": name, "value": value} for name, value in parameters.items()]),
        "k_rule": table("k_rule", rules),
        "k_point": table("k_point", points),
        "k_when": table("k_when", whens),
        "k_band": table("k_band", bands),
    }


def _points(roll: Roll, rule_id: str) -> list[dict[str, Any]]:
    choose = roll.choose
    points: list[dict[str, Any]] = []
    if roll.boolean():
        end = choose([{}, {"to_days": 14}, {"to_months": 2, "to_days": -1}])
        lapse = choose([{}, {"lapse_months": 12}, {"lapse_days": 90}])
        anchor = choose(["start", "change"])
        points.append(
            point(
                rule_id,
                "baseline",
                1,
                "window",
                anchor=anchor,
                from_months=choose([None, -3, 0]),
                due_days=choose([None, 7]),
                **end,
                **lapse,
            )
        )
    opening, closing = choose([0, 14, 56]), 0
    anchor = choose(["start", "change"])
    chain = roll.integer(0, 3)
    for number in range(chain):
        span = roll.integer(30, 200)
        opening = max(opening, closing - roll.integer(0, 25))
        before_last, closing = closing, opening + span
        lapse = {"lapse_days": closing} if number < chain - 1 or roll.boolean() else {}
        points.append(
            point(
                rule_id,
                f"point {number}",
                2 + number,
                "chain",
                anchor=anchor,
                from_days=opening,
                due_days=opening + roll.integer(0, 30),
                **lapse,
            )
        )
        opening = max(before_last, opening + 26)
    if roll.boolean():
        anchor = choose(["start", "change"])
        sooner = choose([{}, {"sooner_months": 3}, {"sooner_days": 400}])
        if roll.boolean():
            points.append(
                point(rule_id, "ongoing", 8, "ongoing", anchor=anchor, every_months=roll.integer(1, 14), until_months=12, **sooner)
            )
        points.append(
            point(
                rule_id,
                "ongoing",
                9,
                "ongoing",
                anchor=anchor,
                **choose([{"every_months": 6}, {"every_days": 90}, {"every_months": 12}]),
                **sooner,
            )
        )
    return points


def _whens(roll: Roll, rule_id: str, part: str) -> list[dict[str, Any]]:
    choices = [
        ("age", "", ">=", 65),
        ("age", "", "<", 75),
        ("age", None, ">", 18),
        ("sex", "female", "is", None),
        ("has", "psychosis", "is", None),
        ("has", "frail", "is", None),
        ("takes", "late", "is", None),
        ("takes", "beta", "is", None),
        ("last", "level", ">=", 800),
        ("last", "egfr", "<=", 45_000),
        ("falling", "egfr", "is", None),
    ]
    rows = []
    for group in range(1, roll.integer(1, 2) + 1):
        for seq in range(1, roll.integer(1, 2) + 1):
            fact, subject, op, value = roll.choose(choices)
            rows.append(
                {
                    "rule_id": rule_id,
                    "part": part,
                    "grp": group,
                    "seq": seq,
                    "fact": fact,
                    "subject": subject,
                    "op": op,
                    "value": value,
                    "label": "it is so",
                }
            )
    return rows
