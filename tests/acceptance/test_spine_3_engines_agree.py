"""Line 3: DuckDB, Spark and the reference engine give equal tables on 5,000 generated people and under Hypothesis, in batches.

DuckDB and the reference engine meet far more batches in `tests/engine/test_engines_agree.py`, and a fault in any one stage
in `test_thread_5_engines_agree.py`; here Spark joins them. Its tests share one worker and one Java machine.
"""

from __future__ import annotations

import json
import os
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from agreement import first_difference
from catalogues import catalogue
from dice import SeededDice
from histories import history
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from random_rules import random_knowledge
from spark_machine import ON_SPARK
from test_engines_agree import AGREE

from stepwell.cli import main
from stepwell.engine import ENGINES, run, spark, spark_tables, stage_files
from stepwell.engine.contract import TABLES
from stepwell.records.store import Store
from stepwell.records.synthetic.network import generate

pytestmark = ON_SPARK

AS_OF = date(2026, 6, 1)
PEOPLE = 5000
# Examples: each is one run of every stage on Spark.
EXAMPLES = int(os.environ.get("STEPWELL_SPARK_BATCHES", "1"))


def test_on_5000_generated_people(tmp_path, capsys):
    generate(PEOPLE, 11, AS_OF, tmp_path / "store", format="store")
    assert len(set(Store.open(tmp_path / "store").table("links")["person_id"].to_pylist())) >= PEOPLE
    found: dict[str, dict[str, pa.Table]] = {}
    for engine in ENGINES:
        out = tmp_path / engine
        asked = ["--store", str(tmp_path / "store"), "--as-of", AS_OF.isoformat(), "--out", str(out), "--engine", engine, "--json"]
        assert main(["evaluate", *asked]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["engine"] == engine
        assert engine == "reference" or set(told["seconds"]["stages"]) >= set(stage_files.ORDER)
        found[engine] = {path.stem: pq.read_table(path) for path in out.glob("*.parquet")}
    assert set(found) == {"duckdb", "spark", "reference"}
    assert found["duckdb"].keys() == found["spark"].keys() > TABLES.keys()
    assert found["duckdb"]["needs"].num_rows > PEOPLE / 2
    # To the row and its place, and the duties and changes that follow from them.
    assert {name: table.equals(found["duckdb"][name]) for name, table in found["spark"].items()} == dict.fromkeys(found["duckdb"], True)
    assert first_difference(found["reference"], found["spark"]) is None


@pytest.fixture
def hardly_compiled(monkeypatch):
    """Work is divided as for a large population; compiling seventy stages for two hundred people would take minutes."""
    spared = ("spark.sql.adaptive.enabled", "spark.sql.codegen.wholeStage", "spark.sql.codegen.factoryMode")
    monkeypatch.setattr(spark_tables, "FOR_MUCH", {**spark_tables.FOR_MUCH, **{key: spark_tables.FOR_LITTLE[key] for key in spared}})


@pytest.mark.usefixtures("hardly_compiled")
@settings(AGREE, max_examples=EXAMPLES, phases=(Phase.explicit, Phase.generate))
@given(seed=st.integers(1, 2**32), people=st.integers(200, 260), medicines=st.integers(6, 12))
def test_under_hypothesis(seed, people, medicines):
    """Batches of 200 people and more under random rules, since a run takes Spark as long for one: Hypothesis draws what to throw the
    dice with. Divided as for many; the people above, under the pack, are not."""
    inputs, as_of = history(SeededDice(seed), catalogue(random_knowledge(SeededDice(seed))), people, medicines)
    plain, duckdb = (run(inputs, as_of, engine=engine) for engine in ("reference", "duckdb"))
    found = spark.run(inputs, as_of, divided=True)
    assert plain["courses"].num_rows > people
    # What people asked of each other is among it: statements in several rounds, and requests that keep an owner until they are answered.
    assert inputs.table("asked").num_rows > people / 2 and inputs.table("owner_requests").num_rows > people / 2
    assert sum(rule.startswith("asked.") for rule in plain["needs"]["rule_id"].to_pylist()) > people / 20
    assert "request" in plain["medicines"]["owner_basis"].to_pylist()
    assert first_difference(plain, found) is None
    assert {name: table.equals(duckdb[name]) for name, table in found.items()} == dict.fromkeys(TABLES, True)
