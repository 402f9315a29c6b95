"""Line 5: both engines give equal tables on 2,000 generated people and under Hypothesis, and a fault in any one stage is noticed.

More Hypothesis batches are in `tests/engine/test_engines_agree.py`; here people are generated, imported and read from the store too.
"""

from __future__ import annotations

from datetime import date

import pytest
from agreement import disagreement, first_difference
from builders import small_knowledge
from catalogues import catalogue
from dice import SeededDice
from edges import approved
from edges import batch as edges
from faults import FAULTS
from histories import history
from hypothesis import given, settings
from random_rules import random_knowledge
from stage_tables import Stages
from strategies import batches
from test_engines_agree import AGREE
from wide import wide_knowledge

from stepwell import knowledge
from stepwell.engine import evaluate, reference, runner, stage_files
from stepwell.engine.inputs import Inputs
from stepwell.records.importers import run_import
from stepwell.records.store import Store
from stepwell.records.synthetic.network import generate

# Made once: its tests stay on one worker.
pytestmark = pytest.mark.xdist_group("faults")

AS_OF = date(2026, 6, 1)
PEOPLE = 2000


@pytest.fixture(scope="module")
def generated(tmp_path_factory) -> Store:
    """People as FHIR from the generator, brought in through the importer."""
    folder = tmp_path_factory.mktemp("generated")
    generate(PEOPLE, 11, AS_OF, folder / "fhir")
    store = Store.open(folder / "store", create=True)
    run_import(folder / "fhir", store, today=AS_OF)
    return store


@pytest.mark.parametrize("as_of", [AS_OF, date(2025, 2, 28)])
def test_on_generated_people(generated, as_of):
    pack = knowledge.load()
    duckdb = evaluate(generated, pack, as_of, engine="duckdb")
    plain = evaluate(generated, pack, as_of, engine="reference")
    assert len(set(generated.table("links")["person_id"].to_pylist())) >= PEOPLE
    assert duckdb.tables["needs"].num_rows > PEOPLE / 2
    assert first_difference(plain.tables, duckdb.tables) is None


@settings(AGREE, max_examples=10)
@given(batches(catalogue(knowledge.load().tables()), medicines=8))
def test_under_hypothesis(batch):
    assert disagreement(*batch) is None


@pytest.fixture(scope="module")
def nasty() -> list[tuple[Inputs, date]]:
    """Batches on which a fault has to show."""
    found = [edges(), approved()]
    found += [history(SeededDice(seed), catalogue(tables()), 200, 8) for seed in (1, 2) for tables in (small_knowledge, wide_knowledge)]
    found += [history(SeededDice(seed), catalogue(random_knowledge(SeededDice(seed))), 60, 8) for seed in range(8)]
    return found


@pytest.fixture(scope="module")
def held(nasty) -> list[Stages]:
    return [Stages(*batch) for batch in nasty]


def test_without_a_fault_they_agree(nasty):
    """Stage by stage, as faults are looked for; fused statements are held equal in tests/engine/test_sql_runner.py."""
    for inputs, as_of in nasty:
        expected = reference.evaluate(inputs, as_of)
        assert first_difference(expected, runner.run_inputs(inputs, as_of, fused=False)) is None


def test_there_is_a_fault_for_every_stage():
    assert set(stage_files.load()) == {stage for stage, _, _ in FAULTS}


@pytest.mark.parametrize(("stage", "text", "instead"), FAULTS, ids=[f"{stage}: {text[:50]}" for stage, text, _ in FAULTS])
def test_a_fault_is_noticed(held, stage, text, instead):
    sql = stage_files.load()[stage].sql
    assert text in sql, f"{stage}.sql no longer says this: write another fault into tests/engine/faults.py"
    broken = sql.replace(text, instead, 1)
    assert any(stages.differ(stage, broken) for stages in held)
