"""Worked patients and a small, invented knowledge for tests of the engines. None of the figures here is clinical.

tables = evaluate(small_knowledge(), "2026-06-01", {"Ada": ["alpha 10 mg daily from 2024-01-10 every 28 days"]})
rows(tables, "needs", person="Ada")
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pyarrow as pa

from stepwell.engine import reference
from stepwell.engine.inputs import Inputs
from stepwell.engine.worked import WorkedPatient, worked
from stepwell.knowledge.tables import TABLES as KNOWLEDGE

PARAMETERS = {
    "interval_min_issues": 3,
    "default_days": 28,
    "min_days": 1,
    "max_days": 112,
    "carry_cap_days": 28,
    "stop_gap_days": 60,
    "grace_days": 28,
    "supplier_days": 84,
    "elsewhere_months": 12,
    "new_starter_months": 12,
    "specialist_months": 12,
    "egfr_fall_milli": 15_000,
    "egfr_fall_percent": 25,
    "egfr_fall_months": 12,
    "letter_months": 3,
    "rate_days": 84,
    "early_days": 7,
    "early_months": 6,
    "covered_days": 180,
    "lapsed_months": 12,
    "long_term_months": 12,
    "expected_days": 84,
    "both_months": 12,
    "missed_months": 12,
    "baseline_months": 3,
    "baseline_days": 14,
}


def table(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    """A knowledge table from rows that name only what they say."""
    columns = KNOWLEDGE[name].names
    unknown = {key for row in rows for key in row} - set(columns)
    assert not unknown, f"{name} has no column {unknown}"
    return pa.Table.from_pylist([{**dict.fromkeys(columns), **row} for row in rows], schema=KNOWLEDGE[name].arrow_schema())


def rule(rule_id: str, **values: Any) -> dict[str, Any]:
    return {
        "rule_id": rule_id,
        "version": 1,
        "kind": "monitor",
        "title": rule_id,
        "per": "substance",
        "lookback_months": 3,
        "owner": "ruling",
        "role": "gp",
        "points": 1,
        "mark": "P",
        "source": "P",
        "because": "an invented rule",
        **values,
    }


def point(rule_id: str, name: str, seq: int, kind: str, **values: Any) -> dict[str, Any]:
    return {"rule_id": rule_id, "point": name, "seq": seq, "kind": kind, "anchor": "start", **values}


SUBSTANCES = {
    # substance: (specialist_initiated, strengths in micrograms, sets)
    "alpha": (True, (5_000, 10_000), ("greek", "early")),
    "beta": (False, (2_000,), ("greek",)),
    "gamma": (False, (500, 1_000), ("greek", "late")),
    "delta": (True, (400_000,), ("late",)),
}

RULES = [
    rule("alpha.level", set_name="alpha", test="level", escalate_days=14, points=3),
    rule("greek.weight", set_name="greek", per="class", test="weight", owner="practice", role="nurse", mark="V"),
    rule("greek.review", set_name="greek", kind="review", per="class", test="review", owner="specialist", after_months=6),
    rule("level.high", set_name="alpha", kind="result", test="repeat", points=5, lookback_months=0),
    rule("mixed", set_name="early", set_b="late", kind="combination", per="class"),
    rule("greek.licence", set_name="greek", kind="licence", owner="practice"),
    rule("agree", set_name="greek", kind="agree", points=2),
    rule("agree late", set_name="delta", kind="agree", points=2),
]

POINTS = [
    point("alpha.level", "baseline", 1, "window", from_months=-3, to_days=14, lapse_months=12),
    point("alpha.level", "week 12", 2, "chain", from_days=56, due_days=84, lapse_months=9),
    point("alpha.level", "month 12", 3, "chain", from_months=9, due_months=12, lapse_months=21),
    point("alpha.level", "ongoing", 4, "ongoing", every_months=3, until_months=12),
    point("alpha.level", "ongoing", 5, "ongoing", every_months=6, sooner_months=3),
    point("greek.weight", "after change", 1, "window", anchor="change", to_days=28, due_days=7, lapse_days=90),
    point("greek.weight", "ongoing", 2, "ongoing", every_months=12),
    point("greek.review", "ongoing", 1, "ongoing", every_days=180),
    point("level.high", "trigger", 1, "window", anchor="trigger", due_days=7),
    point("mixed", "ongoing", 1, "ongoing", every_months=6),
    point("greek.licence", "ongoing", 1, "ongoing", every_months=12),
]

WHENS = [
    {
        "rule_id": "alpha.level",
        "part": "sooner",
        "grp": 1,
        "seq": 1,
        "fact": "age",
        "subject": "",
        "op": ">=",
        "value": 65,
        "label": "65 or older",
    },
    {
        "rule_id": "alpha.level",
        "part": "sooner",
        "grp": 2,
        "seq": 1,
        "fact": "last",
        "subject": "level",
        "op": ">=",
        "value": 800,
        "label": "high",
    },
    {
        "rule_id": "alpha.level",
        "part": "sooner",
        "grp": 3,
        "seq": 1,
        "fact": "falling",
        "subject": "egfr",
        "op": "is",
        "label": "eGFR falling",
    },
    {"rule_id": "greek.weight", "part": "unless", "grp": 1, "seq": 1, "fact": "has", "subject": "frail", "op": "is", "label": "frailty"},
    {
        "rule_id": "greek.review",
        "part": "applies",
        "grp": 1,
        "seq": 1,
        "fact": "takes",
        "subject": "late",
        "op": "is",
        "label": "takes late",
    },
    {"rule_id": "greek.review", "part": "applies", "grp": 1, "seq": 2, "fact": "sex", "subject": "female", "op": "is", "label": "woman"},
    {
        "rule_id": "greek.review",
        "part": "applies",
        "grp": 2,
        "seq": 1,
        "fact": "has",
        "subject": "psychosis",
        "op": "is",
        "label": "psychosis",
    },
]


def small_knowledge(
    *, rules: list[dict[str, Any]] = RULES, points: list[dict[str, Any]] = POINTS, whens: list[dict[str, Any]] = WHENS
) -> dict[str, pa.Table]:
    """Four invented medicines, five tests, and a rule of every kind."""
    tests = {"level": "mmol/L", "weight": "kg", "egfr": "mL/min", "review": None, "repeat": None}
    sets = [{"set_name": group, "substance": name} for name, (_, _, groups) in SUBSTANCES.items() for group in (name, *groups)]
    products = [
        {"code_system": "snomed", "code": f"{name}-{strength}", "substance": name, "strength_ug": strength, "unit": "tablet"}
        for name, (_, strengths, _) in SUBSTANCES.items()
        for strength in strengths
    ]
    products += [
        {"code_system": "snomed", "code": "beta-gamma", "substance": "beta", "strength_ug": 2_000, "unit": "capsule"},
        {"code_system": "snomed", "code": "beta-gamma", "substance": "gamma", "strength_ug": 500, "unit": "capsule"},
        {"code_system": "snomed", "code": "delta-liquid", "substance": "delta", "strength_ug": 104_000, "unit": "ml"},
    ]
    return {
        "k_param": table("k_param", [{"name": name, "value": value} for name, value in PARAMETERS.items()]),
        "k_substance": table(
            "k_substance",
            [{"substance": name, "label": name, "specialist_initiated": first, "mark": "P"} for name, (first, _, _) in SUBSTANCES.items()],
        ),
        "k_set": table("k_set", sets),
        "k_register": table("k_register", [{"register": name, "label": name, "set_name": name} for name in ("greek", "late")]),
        "k_product": table("k_product", products),
        "k_name": table("k_name", [{"term_name": name, "substance": name} for name in SUBSTANCES]),
        "k_test": table(
            "k_test",
            [
                {"test": name, "label": name.capitalize(), "unit": unit, "kind": "measurement" if unit else "review", "sample": "blood"}
                for name, unit in tests.items()
            ],
        ),
        "k_test_code": table(
            "k_test_code",
            [
                *(
                    {"test": name, "code_system": "snomed", "code": name, "numerator": 1, "denominator": 1}
                    for name in tests
                    if name != "weight"
                ),
                {"test": "weight", "code_system": "snomed", "code": "weight", "unit": "kg", "numerator": 1, "denominator": 1},
                {"test": "weight", "code_system": "snomed", "code": "weight", "unit": "lb", "numerator": 453_592, "denominator": 1_000_000},
            ],
        ),
        "k_category": table("k_category", [{"test": "egfr", "low_milli": edge} for edge in (15_000, 30_000, 45_000, 60_000, 90_000)]),
        "k_condition_code": table(
            "k_condition_code", [{"condition": name, "code_system": "snomed", "code": name} for name in ("psychosis", "frail", "sleep")]
        ),
        "k_indication": table(
            "k_indication",
            [
                {"substance": "alpha", "condition": "psychosis", "licence": "licensed"},
                {"substance": "alpha", "condition": "sleep", "licence": "off-licence"},
                {"substance": "beta", "condition": "sleep", "licence": "licensed"},
            ],
        ),
        "k_rule": table("k_rule", rules),
        "k_point": table("k_point", points),
        "k_when": table("k_when", whens),
        "k_band": table(
            "k_band",
            [{"rule_id": "level.high", "test": "level", "low_milli": 1_000, "low_closed": True, "high_milli": 2_000, "high_closed": False}],
        ),
        "k_priority": table(
            "k_priority",
            [
                {
                    "reason": "overdue",
                    "grp": "overdue",
                    "label": "months overdue",
                    "points": 2,
                    "kind": "overdue",
                    "per_days": 30,
                    "cap": 12,
                },
                {"reason": "nobody", "grp": "harm", "label": "nobody's", "points": 4, "kind": "nobody"},
                {
                    "reason": "old",
                    "grp": "harm",
                    "label": "75 or older",
                    "points": 3,
                    "kind": "fact",
                    "fact": "age",
                    "subject": "",
                    "op": ">=",
                    "value": 75,
                },
            ],
        ),
        "k_pack": table("k_pack", [{"pack": "small", "version": "1"}]),
    }


class Outcome:
    """What an engine gave for a batch of worked patients."""

    def __init__(self, tables: dict[str, pa.Table], person_ids: dict[str, int]) -> None:
        self.tables = tables
        self.person_ids = person_ids

    def rows(self, name: str, person: str = "Ada", **having: Any) -> list[dict[str, Any]]:
        rows = [row for row in self.tables[name].to_pylist() if row["person_id"] == self.person_ids[person]]
        return [row for row in rows if all(row[key] == value for key, value in having.items())]

    def one(self, name: str, person: str = "Ada", **having: Any) -> dict[str, Any]:
        found = self.rows(name, person, **having)
        assert len(found) == 1, f"{len(found)} rows of {name} for {person} with {having}: {found or self.rows(name, person)}"
        return found[0]


def evaluate(
    happened: list[str] | Mapping[str, list[str]],
    as_of: str,
    *,
    knowledge: Mapping[str, pa.Table] | None = None,
    extra: Mapping[str, list[dict[str, Any]]] | None = None,
) -> Outcome:
    """Run the reference engine on one person (named Ada) or several; `extra` adds rows the plain words have no form for."""
    people = {"Ada": happened} if isinstance(happened, list) else happened
    inputs, person_ids = worked(
        [WorkedPatient(name, sentences) for name, sentences in people.items()], knowledge or small_knowledge(), date.fromisoformat(as_of)
    )
    return Outcome(reference.evaluate(with_rows(inputs, extra or {}), date.fromisoformat(as_of)), person_ids)


def with_rows(inputs: Inputs, extra: Mapping[str, list[dict[str, Any]]]) -> Inputs:
    """The same inputs with rows added to canonical or workflow tables; Ada's subject_id is 10."""
    from stepwell.records.schema import TABLES, WORKFLOW

    records, workflow = dict(inputs.records), dict(inputs.workflow)
    for name, rows in extra.items():
        tables, schema = (records, TABLES[name]) if name in TABLES else (workflow, WORKFLOW[name])
        full = [{**dict.fromkeys(schema.names), **row} for row in rows]
        tables[name] = pa.concat_tables([inputs.table(name), pa.Table.from_pylist(full, schema=schema.arrow_schema())])
    return Inputs(records, workflow, inputs.knowledge)
