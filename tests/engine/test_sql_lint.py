"""Every stage keeps to portable SQL, and the lint sees what does not."""

from __future__ import annotations

from datetime import date

import pytest
import sqlglot

from stepwell.engine import lint, stage_files
from stepwell.engine.spark_sql import to_spark

STAGES = stage_files.load()
HEAD = "-- x: a stage\n-- reads   t, u\n-- gives   a\n-- grain   a\n-- rule    none\n"


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_is_portable(name: str) -> None:
    assert lint.faults(STAGES[name]) == []


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_reads_in_spark(name: str) -> None:
    sql = to_spark(stage_files.render(STAGES[name].sql, {"as_of": date(2026, 6, 1), "step": 1}))
    assert sqlglot.parse_one(sql, read="spark").find(sqlglot.exp.Select)


def test_every_file_is_a_stage() -> None:
    folder = stage_files.resources.files("stepwell.engine") / "stages"
    assert {file.name.removesuffix(".sql") for file in folder.iterdir() if file.name.endswith(".sql")} == set(STAGES)


def test_a_stage_reads_only_inputs_and_stages_before_it() -> None:
    from stepwell.engine.runner import INPUTS

    known = set(INPUTS)
    for name, stage in STAGES.items():
        own = {cte.alias for cte in sqlglot.parse_one(stage.sql, read="duckdb").find_all(sqlglot.exp.CTE)}
        read = {table.name for table in sqlglot.parse_one(stage.sql, read="duckdb").find_all(sqlglot.exp.Table)} - own
        assert read <= known, f"{name} reads {read - known}"
        known.add(name)


@pytest.mark.parametrize(
    ("sql", "fault"),
    [
        ("SELECT list(t.a) AS x FROM t AS t", "not on the list"),
        ("SELECT list_reduce(t.a, (x, y) -> x + y) AS x FROM t AS t", "list_reduce is not on the list"),
        ("SELECT median(t.a) AS x FROM t AS t", "median is not on the list"),
        ("SELECT now() AS x FROM t AS t", "now is not on the list"),
        ("SELECT round(t.a) AS x FROM t AS t", "round is not on the list"),
        ("SELECT any_value(t.a) AS x FROM t AS t", "any_value is not on the list"),
        ("SELECT t.d + to_months(3) AS x FROM t AS t", "to_months is not on the list"),
        ("SELECT t.a / 2 AS x FROM t AS t", "division /"),
        ("SELECT t.a // t.b AS x FROM t AS t", "guard the divisor"),
        ("SELECT t.a % t.b AS x FROM t AS t", "guard the divisor"),
        ("SELECT t.a // 0 AS x FROM t AS t", "guard the divisor"),
        ("SELECT t.d + INTERVAL 3 MONTH AS x FROM t AS t", "interval arithmetic"),
        ("SELECT date_diff('month', t.a, t.b) AS x FROM t AS t", "use 'day'"),
        ("SELECT t.a AS x FROM t AS t QUALIFY row_number() OVER (PARTITION BY t.a ORDER BY t.b) = 1", "QUALIFY"),
        ("SELECT 1.5 AS x FROM t AS t", "decimal literal"),
        ("SELECT CAST(t.a AS DOUBLE) AS x FROM t AS t", "cast to DOUBLE"),
        ("SELECT TRY_CAST(t.a AS BIGINT) AS x FROM t AS t", "TRY_CAST"),
        ("SELECT string_agg(t.a, ';') AS x FROM t AS t", "without ORDER BY"),
        ("SELECT sum(t.a) OVER (ORDER BY t.b RANGE BETWEEN 3 PRECEDING AND CURRENT ROW) AS x FROM t AS t", "RANGE frame"),
        ("WITH RECURSIVE c AS (SELECT 1 AS x UNION ALL SELECT c.x + 1 AS x FROM c AS c) SELECT c.x FROM c AS c", "RECURSIVE"),
        ("SELECT t.a AS x FROM t AS t LIMIT 3", "LIMIT"),
        ("SELECT DISTINCT ON (t.a) t.a AS x FROM t AS t", "DISTINCT ON"),
        ("SELECT string_agg(DISTINCT t.a, ';' ORDER BY t.b) AS x FROM t AS t", "ordered by something else"),
        ("SELECT string_agg(DISTINCT t.a, ';' ORDER BY t.a DESC) AS x FROM t AS t", "ordered by something else"),
        (r"SELECT regexp_matches(t.a, '^\\s$') AS x FROM t AS t", "differ in Java"),
        ("SELECT regexp_matches(t.a, '^[[:alpha:]]$') AS x FROM t AS t", "differ in Java"),
        ("SELECT regexp_matches(t.a, t.b) AS x FROM t AS t", "differ in Java"),
        ("SELECT trim(t.a) AS x FROM t AS t", "say what to take off"),
        ("SELECT t.a AS x FROM v AS t", "reads v"),
        ("SELECT a.a AS x FROM t a", "put AS between"),
        ("SELECT t.a x FROM t AS t", "put AS between"),
        ("SELECT t.a AS x FROM t", "name it with AS"),
        ("SELECT t.a + 1 FROM t AS t", "name the column with AS"),
        ("DELETE FROM t", "one SELECT"),
        ("SELECT t.a AS x FROM t AS t; SELECT t.a AS x FROM t AS t", "one SELECT"),
        ("SELECT FROM WHERE", "one SELECT"),
    ],
)
def test_what_is_not_portable_is_named(sql: str, fault: str) -> None:
    found = lint.faults(stage_files.parse("x", HEAD + sql))
    assert any(fault in each or ("cannot be read" in each and fault == "one SELECT") for each in found), found


def test_a_stage_without_its_contract_is_refused() -> None:
    with pytest.raises(ValueError, match="grain"):
        stage_files.parse("x", "-- x: a stage\n-- reads   t\n-- gives   a\n-- rule    none\nSELECT 1 AS a")
    with pytest.raises(ValueError, match="first line"):
        stage_files.parse("x", "SELECT 1 AS a")
