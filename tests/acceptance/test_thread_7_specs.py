"""Line 7: each of the eight medicines has specs with worked patients (has the duty, has not, edge).

They run on both engines (all specs together also on Spark: tests/spec) and are rendered into the guide.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from spark_machine import QUICK

from stepwell import knowledge
from stepwell.engine import specs

MEDICINES = ["olanzapine", "risperidone", "lithium", "sertraline", "diazepam", "zopiclone", "codeine", "pregabalin"]
KNOWLEDGE = knowledge.load().tables()
SPECS = specs.load()


@pytest.mark.parametrize("medicine", MEDICINES)
@pytest.mark.parametrize("engine", QUICK)
def test_the_specs_hold(medicine, engine):
    own = [spec for spec in SPECS if spec.medicine == medicine]
    assert own
    assert specs.check(own, KNOWLEDGE, engine) == []


@pytest.mark.parametrize("medicine", MEDICINES)
def test_there_are_people_who_have_the_duty_and_people_who_have_not(medicine):
    lines = [person.owed for spec in SPECS if spec.medicine == medicine for person in spec.people]
    assert sum(any(": open" in line for line in owed) for owed in lines) >= 2
    assert sum(not any(": open" in line for line in owed) for owed in lines) >= 2


@pytest.mark.parametrize("medicine", MEDICINES)
def test_the_page_of_the_guide_is_fresh_and_names_every_worked_patient(medicine):
    page = Path("docs/guide/rules", f"{medicine}.md").read_text(encoding="utf-8")
    assert page == specs.pages(SPECS, KNOWLEDGE)[f"{medicine}.md"]
    assert all(f"| {person.name} |" in page for spec in SPECS if spec.medicine == medicine for person in spec.people)


def test_every_rule_that_a_spec_names_is_in_the_pack():
    known = set(KNOWLEDGE["k_rule"]["rule_id"].to_pylist())
    assert {rule for spec in SPECS for rule in spec.rules} <= known
