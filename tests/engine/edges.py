"""People placed by hand on the edges that random histories seldom meet: the last day of a span, a tie, the same day twice.

`batch()` gives them under the wide invented knowledge and three rules more; faults.py counts on them.
"""

from __future__ import annotations

from datetime import date

import pyarrow as pa
from builders import point, rule, table, with_rows
from wide import WIDE_BANDS, WIDE_POINTS, WIDE_RULES, WIDE_WHENS, wide_knowledge

from stepwell.engine.inputs import Inputs
from stepwell.engine.worked import WorkedPatient, worked

AS_OF = date(2026, 6, 1)
PEOPLE = {
    # Adds row by row below: person 1, subject 10.
    "ended today": ["born 1960-01-01", "beta 2 mg daily from 2025-06-01 every 28 days"],
    # gamma is in both sets of the rule "greek and late": it may not stand on both sides.
    "one medicine, two sets": ["gamma 1 mg daily from 2025-06-01 every 28 days"],
    "admitted on the day of an issue": [
        "beta 2 mg daily from 2025-11-01 to 2026-03-07 every 14 days for 14 days",
        "in hospital from 2026-03-07 to 2026-05-30",
    ],
    "answered before it ended": [
        "alpha 10 mg daily from 2025-03-01 to 2025-12-01 every 28 days",
        "done greek.nobody of alpha, 2026-01-03 on 2025-09-01",
    ],
    "asked to share until today": [
        "alpha 10 mg daily from 2024-01-01 every 28 days by trust",
        "trust asked practice to share alpha from 2026-01-01 to 2026-06-01",
    ],
    "pregnancy and birth on a day": ["female", "pregnancy on 2026-02-01", "birth on 2026-02-01"],
    "an end that was known": [
        "beta 2 mg daily from 2025-08-30 to 2026-05-07 every 25 days for 25 days",
        "beta 2 mg daily repeat plan from 2025-08-30 intended to end 2026-06-01",
    ],
    "baseline before and after": [
        "gamma 1 mg daily from 2025-06-01 every 28 days",
        "weight 60 on 2025-03-01",
        "weight 90 on 2025-06-10",
        "weight 58.001 on 2026-05-01",
    ],
    "fell and fell": [
        "alpha 10 mg daily from 2025-06-01 every 28 days",
        "level 0.9 on 2026-02-01",
        "level 0.6 on 2026-03-01",
        "level 0.55 on 2026-05-01",
        "level 0.6 on 2026-05-20",
    ],
    "level but once": ["alpha 10 mg daily from 2025-06-01 every 28 days", "level 0.9 on 2026-02-01"],
    "missed a year ago": ["missed appointment on 2025-06-01", "fall on 2026-06-01", "fall on 2025-06-01"],
    "two suppliers, answered that day": [
        "delta 400 mg daily from 2025-01-01 every 28 days",
        "delta 400 mg daily on 2026-05-15 by trust",
        "done late.both of delta, ongoing on 2026-05-15",
    ],
    "answered, and high again after four weeks": [
        "alpha 10 mg daily from 2025-06-01 every 28 days",
        "level 1.2 on 2026-02-01",
        "level 1.3 on 2026-03-01",
        "level 1.4 on 2026-03-29",
        "level 1.1 on 2026-04-20",
        "done level.high of alpha, 2026-02-01 on 2026-03-01",
    ],
    "answered twice, and high again": [
        "alpha 10 mg daily from 2025-06-01 every 28 days",
        "level 1.2 on 2026-01-01",
        "level 1.2 on 2026-03-01",
        "level 1.2 on 2026-05-01",
        "done level.high of alpha, 2026-01-01 on 2026-01-05",
        "declined level.high of alpha, 2026-03-01 on 2026-03-05",
    ],
    "answered in the middle of a run": [
        "alpha 10 mg daily from 2025-06-01 every 28 days",
        "level 1.2 on 2026-01-01",
        "level 1.2 on 2026-03-01",
        "level 1.2 on 2026-03-20",
        "done level.high of alpha, 2026-03-01 on 2026-03-05",
    ],
    "out of range a year ago to the day": [
        "gamma 1 mg daily from 2025-03-01 every 28 days",
        "weight 60 on 2025-02-20",
        "weight 70 on 2025-06-01",
    ],
    "two parts of a risk": [
        "alpha 10 mg daily from 2025-06-01 every 28 days",
        "weight 60 on 2025-06-01",
        "level 1.2 on 2026-02-01",
        "level 1.2 on 2026-03-20",
        "weight 70 on 2026-04-01",
        "done level.high of alpha, 2026-02-01 on 2026-02-03",
    ],
    "two suppliers, answered so long ago": [
        "delta 400 mg daily from 2024-01-01 every 28 days",
        "delta 400 mg daily from 2024-01-08 every 28 days by trust",
        "done late.both of delta, ongoing on 2025-06-01",
    ],
    "died on the day of the asking": ["died 2026-05-01", 'advice 7 asks practice: "ring" as call on 2026-05-01, due 2026-05-15'],
    "asked and taken back": [
        'letter 2 asks trust: "see her" by level as review on 2026-05-01, due 2026-05-15',
        "letter 2 settles review as superseded on 2026-06-01",
        "level 0.7 on 2026-05-01",
    ],
    "a result on the day its point lapses": ["alpha 10 mg daily from 2025-03-01 every 28 days", "level 0.5 on 2025-12-01"],
}
RULES = [
    *WIDE_RULES,
    rule("greek and late", kind="combination", per="class", set_name="greek", set_b="late"),
    rule("level.still", set_name="alpha", kind="result", test="repeat"),
    rule("weight.loss", kind="result", set_name="greek", per="class", test="review"),
]
POINTS = [
    *WIDE_POINTS,
    point("greek and late", "ongoing", 1, "ongoing", every_months=6),
    point("level.still", "trigger", 1, "window", anchor="trigger", due_days=30),
    point("weight.loss", "trigger", 1, "window", anchor="trigger", due_days=30),
]
BANDS = [
    *WIDE_BANDS,
    {"rule_id": "weight.loss", "test": "weight", "measure": "rise percent", "high_milli": -334, "high_closed": True},
    {"rule_id": "level.still", "test": "level", "measure": "rise within", "within_days": 30, "high_milli": 100, "high_closed": True},
]


def approved() -> tuple[Inputs, date]:
    """Two people of a practice that approved the pack in March: one was overdue then, the other was not."""
    known = wide_knowledge(
        rules=[*WIDE_RULES, rule("greek.spread", set_name="greek", per="class", test="repeat")],
        points=[*WIDE_POINTS, point("greek.spread", "ongoing", 1, "ongoing", every_months=12, spread=True)],
    )
    people = {
        "overdue when it began": ["beta 2 mg daily from 2025-01-01 every 28 days", "pack approved on 2026-03-01"],
        "not yet due when it began": ["beta 2 mg daily from 2025-09-01 every 28 days"],
    }
    return worked([WorkedPatient(name, lines) for name, lines in people.items()], known, AS_OF)[0], AS_OF


def batch() -> tuple[Inputs, date]:
    """The people above and the day they are evaluated on."""
    known: dict[str, pa.Table] = {**wide_knowledge(rules=RULES, points=POINTS, whens=WIDE_WHENS), "k_band": table("k_band", BANDS)}
    inputs, _ = worked([WorkedPatient(name, lines) for name, lines in PEOPLE.items()], known, AS_OF)
    row = {"subject_id": 10, "source": "A81001", "code": "frail", "code_system": "snomed", "status": "active"}
    return with_rows(inputs, {"conditions": [{**row, "native_id": "edge", "onset_on": date(2020, 1, 1), "ended_on": AS_OF}]}), AS_OF
