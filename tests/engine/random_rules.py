"""Small random rule tables, drawn from dice, of the kind that the knowledge check allows."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from builders import PARAMETERS, point, rule, table
from dice import Dice, Roll
from wide import wide_knowledge

SETS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "greek", "early", "late", "outer", "mild"]
TESTS = ["level", "weight", "egfr", "review"]
KINDS = ["monitor", "monitor", "review", "combination", "result", "result", "licence", "agree", "finding", "finding", "supply", "supply"]
PARAMETER_CHOICES = {
    "carry_cap_days": [28, 0, 7],
    "interval_min_issues": [3, 2],
    "min_days": [1, 7],
    "rate_days": [84, 28],
    "early_days": [7, 0],
    "covered_days": [180, 30],
    "lapsed_months": [12, 3],
    "expected_days": [84, 28, 400],
    "both_months": [12, 1],
    "baseline_days": [14, 90],
    "baseline_months": [3, 0],
}


def random_knowledge(dice: Dice) -> dict[str, pa.Table]:
    """The wide invented knowledge with random rules: windows, intervals, sets, measures, conditions as the knowledge check allows."""
    roll = Roll(dice)
    choose = roll.choose
    rules, points, whens, bands = [], [], [], []
    for number in range(roll.integer(1, 5)):
        kind = choose(KINDS)
        rule_id = f"r{number}"
        combination = roll.several(SETS, 2, 3)
        rules.append(
            rule(
                rule_id,
                kind=kind,
                about=choose(["nobody", "nobody always", "both"]) if kind == "supply" else None,
                per=choose(["substance", "class"]),
                set_name=combination[0],
                set_b=combination[1] if kind == "combination" else None,
                set_c=combination[2] if kind == "combination" and len(combination) == 3 else None,
                test=choose([*TESTS, None]) if kind != "supply" else None,
                after_months=choose([None, None, 1, 6]) if kind != "supply" else None,
                after_days=choose([None, 7, 14, 28]) if kind == "supply" else choose([None, None, 28]),
                lookback_months=choose([3, 0, None, 12]),
                owner=choose(["ruling", "practice", "specialist"]),
                escalate_days=choose([None, 14]),
                points=choose([0, 1, 3, None]),
                mark=choose(["V", "P"]),
            )
        )
        if kind == "result":
            bands.append({"rule_id": rule_id, **_band(roll)})
            points.append(
                point(rule_id, "trigger", 1, "window", anchor="trigger", due_days=choose([None, 7, 30]), lapse_days=choose([None, 90]))
            )
        elif kind not in ("agree", "supply"):
            points += _points(roll, rule_id, ["start", "change", "trigger"] if kind == "finding" else ["start", "change"])
        parts = roll.several(["applies", "unless", "sooner"], 0, 2)
        if kind == "finding" and "applies" not in parts:
            parts.append("applies")
        for part in parts:
            whens += _whens(roll, rule_id, part)
    base = wide_knowledge()
    parameters = {**PARAMETERS, **{name: choose(values) for name, values in PARAMETER_CHOICES.items()}}
    return {
        **base,
        "k_param": table("k_param", [{"name": name, "value": value} for name, value in parameters.items()]),
        "k_rule": table("k_rule", rules),
        "k_point": table("k_point", points),
        "k_when": table("k_when", whens),
        "k_band": table("k_band", bands),
        "k_risk": table("k_risk", _risks(roll, [band["rule_id"] for band in bands])),
    }


def _risks(roll: Roll, rule_ids: list[str]) -> list[dict[str, Any]]:
    """Every result rule in one of three parts, now and then in a second one."""
    return [
        {"risk": "one", "part": part, "label": f"part {part}", "within_months": roll.choose([None, 3, 12]), "rule_id": rule_id}
        for rule_id in rule_ids
        for part in roll.several(["a", "b", "c"], 1, 2)
    ]


def _band(roll: Roll) -> dict[str, Any]:
    measure = roll.choose(["value", None, "rise", "rise percent", "rise within", "fall within"])
    if measure in ("value", None):
        low, high = roll.choose([(None, 1_000), (1_000, 2_000), (1_000, None), (45_000, 80_000)])
    else:
        low, high = roll.choose([(None, 0), (0, 400), (500, None), (1, None), (15_000, None), (-100, 1_000)])
    return {
        "test": roll.choose(["level", "egfr", "weight"]),
        "measure": measure,
        "within_days": roll.choose([30, 90, 365]) if measure in ("rise within", "fall within") else None,
        "low_milli": low,
        "high_milli": high,
        "low_closed": roll.boolean(),
        "high_closed": roll.boolean(),
        **roll.choose([{}, {"again_days": 0}, {"again_days": 28}, {"again_months": 3, "again_days": 0}]),
    }


def _points(roll: Roll, rule_id: str, anchors: list[str]) -> list[dict[str, Any]]:
    choose = roll.choose
    points: list[dict[str, Any]] = []
    if roll.boolean():
        end = choose([{}, {"to_days": 14}, {"to_months": 2, "to_days": -1}])
        lapse = choose([{}, {"lapse_months": 12}, {"lapse_days": 90}])
        span = {**end, **lapse, "from_months": choose([None, -3, 0]), "due_days": choose([None, 7])}
        points.append(point(rule_id, "baseline", 1, "window", anchor=choose(anchors), **span))
    opening, closing = choose([0, 14, 56]), 0
    anchor = choose(anchors)
    chain = roll.integer(0, 3)
    for number in range(chain):
        length = roll.integer(30, 200)
        opening = max(opening, closing - roll.integer(0, 25))
        before_last, closing = closing, opening + length
        span = {"lapse_days": closing} if number < chain - 1 or roll.boolean() else {}
        span |= {"from_days": opening, "due_days": opening + roll.integer(0, 30)}
        points.append(point(rule_id, f"point {number}", 2 + number, "chain", anchor=anchor, **span))
        opening = max(before_last, opening + 26)
    if roll.boolean():
        points += _ongoing(roll, rule_id, choose(anchors))
    return points


def _ongoing(roll: Roll, rule_id: str, anchor: str) -> list[dict[str, Any]]:
    choose = roll.choose
    common = {
        "anchor": anchor,
        "spread": choose([None, False, True]),
        **choose([{}, {"sooner_months": 3}, {"sooner_days": 400}]),
        **choose([{}, {}, {"due_days": 28}, {"due_months": 2, "due_days": -1}, {"due_days": 0}]),
    }
    points = []
    if roll.boolean():
        until = choose([{"until_months": 12}, {"until_days": 90}, {"until_months": 3, "until_days": 14}])
        points.append(point(rule_id, "ongoing", 8, "ongoing", every_months=roll.integer(1, 14), **common, **until))
    every = choose([{"every_months": 6}, {"every_days": 90}, {"every_months": 12}])
    return [*points, point(rule_id, "ongoing", 9, "ongoing", **common, **every)]


ASKED = [
    ("age", "", ">=", 65),
    ("age", "", "<", 75),
    ("age", None, ">", 18),
    ("sex", "female", "is", None),
    ("has", "psychosis", "is", None),
    ("has", "frail", "is", None),
    ("has", "fall", "is", None),
    ("has", "pregnancy", "is", None),
    ("takes", "late", "is", None),
    ("takes", "beta", "is", None),
    ("takes", "*", "is", None),
    ("last", "level", ">=", 800),
    ("last", "egfr", "<=", 45_000),
    ("falling", "egfr", "is", None),
    ("load", "sum", ">=", 10_000),
    ("load", "maximum", ">", 10_000),
    ("load", "burden", "<=", 3),
    ("count", "greek", ">=", 2),
    ("count", "*", ">=", 1),
    ("classes", "one", ">=", 2),
    ("months", "*", ">=", 3),
    ("months", "late", "<", 12),
    ("covered", "*", "<", 80),
    ("early", "*", ">=", 1),
    ("registered", "", "<", 6),
    ("missed", "", ">=", 1),
    ("interpreter", "", "is", None),
    ("repeats", "", ">=", 1),
    ("risk", "one", ">=", 1),
    ("risk", "one", ">=", 2),
]


def _whens(roll: Roll, rule_id: str, part: str) -> list[dict[str, Any]]:
    rows = []
    for group in range(1, roll.integer(1, 2) + 1):
        for seq in range(1, roll.integer(1, 2) + 1):
            fact, subject, op, value = roll.choose(ASKED)
            asked = {"fact": fact, "subject": subject, "op": op, "value": value}
            rows.append({"rule_id": rule_id, "part": part, "grp": group, "seq": seq, **asked, "label": "it is so"})
    return rows
