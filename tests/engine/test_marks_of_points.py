"""Ruling 6: a figure carries its own mark, and an entry is as good as the figure it uses."""

from __future__ import annotations

from datetime import date

import pytest
from spark_machine import QUICK

from stepwell import engine, knowledge
from stepwell.engine.worked import WorkedPatient, worked

AS_OF = date(2026, 6, 1)
PACK = knowledge.load()


@pytest.mark.parametrize("kind", QUICK)
def test_a_baseline_that_was_read_needs_no_approval_though_the_yearly_figure_does(kind):
    happened = ["born 1980-05-05", "olanzapine 10 mg daily from 2026-05-25 every 28 days"]
    inputs, _ = worked([WorkedPatient("Ada", happened)], PACK.tables(), AS_OF)
    needs = engine.run(inputs, AS_OF, engine=kind)["needs"].to_pylist()
    waist = {row["point"]: (row["mark"], row["needs_approval"]) for row in needs if row["rule_id"] == "antipsychotic.waist"}
    assert PACK.rules["antipsychotic.waist"].mark == "K"
    assert waist == {"baseline": ("V", False), "month 12": ("K", True)}


def test_the_reason_names_the_source_of_that_figure():
    assert PACK.basis("antipsychotic.waist", "baseline") == (["S04"], "V")
    assert PACK.basis("antipsychotic.waist", "ongoing")[1] == "K"
