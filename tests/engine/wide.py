"""The invented knowledge of `builders.py` with everything else that a pack can say: patches, depots, loads, interactions,
events, registers of conditions, findings, duties of supply and measured results. None of the figures here is clinical."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from builders import POINTS, RULES, WHENS, point, rule, small_knowledge, table

PATCHES = [("epsilon", 600, 72, 600), ("epsilon", 1_260, 168, 1_200), ("beta", 240, 24, 240)]
INJECTIONS = [("zeta", 40_000), ("zeta", 100_000)]
SETS = [("epsilon", "epsilon"), ("epsilon", "outer"), ("zeta", "zeta"), ("zeta", "outer"), ("beta", "mild"), ("epsilon", "mild")]

REGISTERS: list[dict[str, Any]] = [
    {"register": "greek", "kind": "medicine", "grp": "one", "set_name": "greek"},
    {"register": "late", "kind": "medicine", "grp": "one", "set_name": "late"},
    {"register": "outer", "kind": None, "grp": "two", "set_name": "outer"},
    {"register": "mild", "kind": "medicine", "grp": "", "set_name": "mild"},
    {"register": "psychosis", "kind": "condition", "grp": "condition", "condition": "psychosis"},
    {"register": "fall", "kind": "condition", "grp": "condition", "condition": "fall"},
]

NAMES: list[dict[str, Any]] = [
    {"term_name": "gamma", "unit": "injection", "substance": "zeta"},
    {"term_name": "alpha", "unit": "ml", "substance": None},
    {"term_name": "epsilon", "unit": "patch", "substance": "epsilon"},
    {"term_name": "epsilon", "unit": None, "substance": "beta"},
    {"term_name": "zeta", "unit": None, "substance": "zeta"},
]

LOADS: list[dict[str, Any]] = [
    *(
        {"load": "sum", "label": "sum", "unit": "mg", "scale": 1_000, "substance": name, "numerator": over, "denominator": under}
        for name, over, under in (("alpha", 1, 1), ("beta", 7, 3), ("epsilon", 100, 1), ("zeta", 1, 2))
    ),
    *(
        {
            "load": "maximum",
            "label": "percent",
            "unit": "percent",
            "scale": 100,
            "substance": name,
            "numerator": 10_000,
            "denominator": most,
        }
        for name, most in (("alpha", 20_000), ("gamma", 3_000), ("delta", 1_200_000))
    ),
    *(
        {"load": "burden", "label": "burden", "unit": "points", "scale": 1, "substance": name, "flat": flat}
        for name, flat in (("beta", 1), ("gamma", 3))
    ),
]

INTERACTIONS: list[dict[str, Any]] = [
    {"interaction": "IX1", "set_a": "alpha", "set_b": "late", "severity": "high"},
    {"interaction": "IX2", "set_a": "greek", "set_b": "greek", "window_days": 0, "severity": "moderate"},
    {"interaction": "IX3", "set_a": "greek", "set_b": "late", "set_c": "outer", "window_days": 28, "severity": "critical"},
    {"interaction": "IX4", "set_a": "early", "set_b": "mild", "window_days": 120, "severity": "critical"},
]

CONDITIONS: list[dict[str, Any]] = [
    *({"condition": name, "label": name} for name in ("psychosis", "frail", "sleep")),
    {"condition": "fall", "label": "fall", "lasts_months": 12},
    {"condition": "pregnancy", "label": "pregnancy", "lasts_months": 9, "lasts_days": 14, "ended_by": "birth"},
    {"condition": "birth", "label": "birth", "lasts_days": 42},
]
CONDITION_CODES = [
    *((name, name) for name in ("psychosis", "frail", "sleep", "fall", "pregnancy", "birth")),
    ("fall", "frail-fall"),
    ("frail", "frail-fall"),
]


Asked = tuple[str, str, str, int | None]
"""Fact, subject, op, value."""


def when(rule_id: str, *groups: list[Asked], part: str = "applies") -> list[dict[str, Any]]:
    """The rows of a rule's condition: groups joined by OR, what each asks by AND."""
    return [
        {
            "rule_id": rule_id,
            "part": part,
            "grp": grp,
            "seq": seq,
            "fact": fact,
            "subject": subject,
            "op": op,
            "value": value,
            "label": f"{fact} {subject}",
        }
        for grp, asked in enumerate(groups, start=1)
        for seq, (fact, subject, op, value) in enumerate(asked, start=1)
    ]


WIDE_RULES = [
    *RULES,
    rule("greek.nobody", kind="supply", about="nobody", set_name="greek", after_days=14, points=6),
    rule("outer.nobody", kind="supply", about="nobody always", set_name="outer", after_days=7, owner="practice"),
    rule("late.both", kind="supply", about="both", set_name="late", escalate_days=28),
    rule("sum.high", kind="finding", set_name="greek", per="class", test="review", lookback_months=0),
    rule("covered.low", kind="finding", set_name="greek"),
    rule("weight.rise", kind="result", set_name="greek", per="class", test="review"),
    rule("level.fall", kind="result", set_name="alpha", test="repeat"),
    rule("risk.two", kind="finding", set_name="greek", per="class", lookback_months=0),
]
WIDE_POINTS = [
    *POINTS,
    point("sum.high", "ongoing", 1, "ongoing", anchor="trigger", every_months=12, due_days=28, spread=True),
    point("covered.low", "trigger", 1, "window", anchor="trigger", due_days=30),
    point("weight.rise", "trigger", 1, "window", anchor="trigger", due_days=30),
    point("level.fall", "trigger", 1, "window", anchor="trigger", due_days=7, lapse_days=90),
    point("risk.two", "ongoing", 1, "ongoing", anchor="trigger", every_months=12, due_days=28),
]
WIDE_WHENS: list[dict[str, Any]] = [
    *WHENS,
    *when("sum.high", [("load", "sum", ">=", 20_000)], [("count", "greek", ">=", 2), ("has", "fall", "is", None)]),
    *when("covered.low", [("covered", "*", "<", 80)], [("early", "*", ">=", 1)]),
    *when("risk.two", [("risk", "one", ">=", 2)]),
    *when("greek.nobody", [("has", "pregnancy", "is", None)], part="unless"),
]
WIDE_BANDS: list[dict[str, Any]] = [
    {
        "rule_id": "level.high",
        "test": "level",
        "low_milli": 1_000,
        "low_closed": True,
        "high_milli": 2_000,
        "high_closed": False,
        "again_days": 28,
    },
    {"rule_id": "weight.rise", "test": "weight", "measure": "rise percent", "low_milli": 500, "low_closed": True},
    {"rule_id": "level.fall", "test": "level", "measure": "fall within", "within_days": 90, "low_milli": 200, "low_closed": True},
]
WIDE_RISKS: list[dict[str, Any]] = [
    {"risk": "one", "part": "level", "label": "level", "rule_id": "level.high"},
    {"risk": "one", "part": "level", "label": "level", "rule_id": "level.fall"},
    {"risk": "one", "part": "weight", "label": "body weight", "within_months": 12, "rule_id": "weight.rise"},
]
WIDE_PRIORITY: list[dict[str, Any]] = [
    {"reason": "supply", "grp": "harm", "label": "supply", "points": 3, "kind": "needs", "subject": "supply", "cap": 5},
    {"reason": "findings", "grp": "harm", "label": "findings", "points": 2, "kind": "needs", "subject": "finding"},
    *(
        {
            "reason": fact,
            "grp": "equity",
            "label": f"{fact}!",
            "points": 1,
            "kind": "fact",
            "fact": fact,
            "subject": subject,
            "op": op,
            "value": value,
        }
        for fact, subject, op, value in (
            ("interpreter", "", "is", None),
            ("missed", "", ">=", 2),
            ("registered", "", "<", 6),
            ("repeats", "", ">=", 2),
            ("classes", "one", ">=", 2),
            ("months", "greek", ">=", 12),
        )
    ),
]


def wide_knowledge(
    *, rules: list[dict[str, Any]] = WIDE_RULES, points: list[dict[str, Any]] = WIDE_POINTS, whens: list[dict[str, Any]] = WIDE_WHENS
) -> dict[str, pa.Table]:
    """Six invented medicines, among them patches and a depot, and a rule of every kind and measure."""
    base = small_knowledge(rules=rules, points=points, whens=whens)

    def more(name: str, rows: list[dict[str, Any]]) -> pa.Table:
        return pa.concat_tables([base[name], table(name, rows)])

    patches = [
        {"code_system": "snomed", "code": f"{name}-{strength}h", "substance": name, "strength_ug": strength, "unit": "patch"}
        for name, strength, _, _ in PATCHES
    ]
    odd = {"code_system": "snomed", "code": "epsilon-odd", "substance": "epsilon", "strength_ug": 900, "unit": "patch"}
    injections = [
        {"code_system": "snomed", "code": f"{name}-{strength}", "substance": name, "strength_ug": strength, "unit": "injection"}
        for name, strength in INJECTIONS
    ]
    return {
        **base,
        "k_substance": more(
            "k_substance",
            [
                {"substance": "epsilon", "label": "epsilon", "specialist_initiated": False, "mark": "P"},
                {"substance": "zeta", "label": "zeta", "specialist_initiated": True, "late_days": 7, "mark": "P"},
            ],
        ),
        "k_set": more("k_set", [{"set_name": set_name, "substance": name} for name, set_name in SETS]),
        "k_register": table("k_register", [{"label": row["register"], **row} for row in REGISTERS]),
        "k_product": more("k_product", [*patches, odd, *injections]),
        "k_name": more("k_name", NAMES),
        "k_patch": table("k_patch", [{"substance": n, "strength_ug": s, "wear_hours": h, "daily_ug": d} for n, s, h, d in PATCHES]),
        "k_load": table("k_load", LOADS),
        "k_interaction": table(
            "k_interaction", [{"harm": "harm", "action": "act", "source": "P", "mark": "P", **row} for row in INTERACTIONS]
        ),
        "k_condition": table("k_condition", CONDITIONS),
        "k_condition_code": table(
            "k_condition_code", [{"condition": name, "code_system": "snomed", "code": code} for name, code in CONDITION_CODES]
        ),
        "k_band": table("k_band", WIDE_BANDS),
        "k_risk": table("k_risk", WIDE_RISKS),
        "k_priority": more("k_priority", WIDE_PRIORITY),
    }
