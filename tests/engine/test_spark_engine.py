"""Spark: every function a stage may use means what it means on DuckDB, and failures name no patient.

Whole populations are compared in `tests/acceptance/test_spine_3_engines_agree.py`, in the same worker, so that one JVM serves all.
"""

from __future__ import annotations

from datetime import date

import duckdb
import pyarrow as pa
import pytest
from builders import small_knowledge
from catalogues import catalogue
from dice import SeededDice
from histories import history
from spark_machine import ON_SPARK

from stepwell.engine import runner, spark, spark_session
from stepwell.engine.inputs import Inputs
from stepwell.engine.spark_sql import to_spark

pytestmark = ON_SPARK

TEXTS = [None, "", "a", " a ", "\u00a0", " \u2003x\u2003 ", "\tx\n", "A81001", "A81001\n", "A81001\u2028", "İstanbul", "ΟΔΟΣ", "ΟΔΟΣ Σ"]
TEXTS += ["STRASSE ẞ", "Ａ", "é", "e\u0301", "z", "Z", "\U0001f600", "\uffff", "a\\b", "it's", "a%b_c", "K", "Å"]
NUMBERS = [None, 0, 1, -1, 7, -7, 999, -999, 1000, -1999, 2**31, -(2**31), 2**53 + 1]
DAYS = [None, date(2024, 2, 29), date(2023, 1, 31), date(100, 1, 1), date(1582, 10, 10), date(1899, 12, 31), date(2026, 6, 1)]

OF_A_ROW = {
    "trimmed": "trim(r.t, ' ')",
    "trimmed of noughts": "rtrim(r.t, '0')",
    "lower": "lower(r.t)",
    "a practice's code": "regexp_matches(r.t, '^[A-Z][0-9]{5}$')",
    "before": "r.t < r.u",
    "joined": "r.t || r.u || 'x'",
    "a sum in a text": "r.t || CAST(r.n + 1 AS VARCHAR)",
    "greatest": "greatest(r.t, r.u)",
    "least": "least(r.n, r.m)",
    "filled": "lpad(CAST(abs(r.n) % 1000 AS VARCHAR), 3, '0')",
    "quotient": "r.n // nullif(r.m, 0)",
    "rest": "r.n % nullif(r.m, 0)",
    "months on": "add_months(r.d, r.n % 13)",
    "days between": "date_diff('day', r.d, r.e)",
    "days on": "r.d + CAST(r.n % 100 AS INTEGER)",
    "written day": "CAST(r.d AS VARCHAR)",
    "year": "year(r.d)",
    "distinct": "r.n IS DISTINCT FROM r.m",
    "one of": "r.n IN (1, NULL, 7)",
    "none of": "r.n NOT IN (1, 7)",
    "like": "'+' || r.t || '+' LIKE '%' || r.u || '%'",
    "backslash": r"r.t = 'a\b'",
    "apostrophe": "r.t = 'it''s'",
    "case": "CASE r.t WHEN 'a' THEN 1 WHEN 'z' THEN 2 END",
    "not": "NOT r.b OR r.n > 0 AND r.m < 0",
}
OF_A_WINDOW = {
    "number": "row_number() OVER (PARTITION BY r.b ORDER BY r.t, r.u DESC, r.i)",
    "three before": "lag(r.t, 3) OVER (PARTITION BY r.b ORDER BY r.i)",
    "running sum": "CAST(sum(r.n % 10) OVER (PARTITION BY r.b ORDER BY r.n NULLS FIRST) AS BIGINT)",
    "largest before": "max(r.n) OVER (PARTITION BY r.b ORDER BY r.i ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)",
}
OF_A_GROUP = {
    "together": "string_agg(DISTINCT r.t, '+' ORDER BY r.t)",
    "also together": "string_agg(DISTINCT r.u, '; ' ORDER BY r.u)",
    "of nothing": "string_agg(DISTINCT CASE WHEN r.i < 0 THEN r.t END, '+' ORDER BY CASE WHEN r.i < 0 THEN r.t END)",
    "in order": "string_agg(r.u, '+' ORDER BY r.i)",
    "sum": "CAST(sum(r.n % 1000) AS BIGINT)",
    "any": "bool_or(r.b)",
    "all": "bool_and(r.b)",
    "largest": "max(r.t)",
    "kinds": "count(DISTINCT r.t)",
    "known": "count(r.n)",
}


def _rows() -> pa.Table:
    pairs = range(len(TEXTS) ** 2)
    return pa.table(
        {
            "i": pa.array(pairs, pa.int64()),
            "t": pa.array([TEXTS[i // len(TEXTS)] for i in pairs]),
            "u": pa.array([TEXTS[i % len(TEXTS)] for i in pairs]),
            "n": pa.array([NUMBERS[i % len(NUMBERS)] for i in pairs], pa.int64()),
            "m": pa.array([NUMBERS[i // len(NUMBERS) % len(NUMBERS)] for i in pairs], pa.int64()),
            "d": pa.array([DAYS[i % len(DAYS)] for i in pairs], pa.date32()),
            "e": pa.array([DAYS[i // len(DAYS) % len(DAYS)] for i in pairs], pa.date32()),
            "b": pa.array([[None, True, False][i % 3] for i in pairs]),
        }
    )


@pytest.mark.parametrize(
    ("asked", "rest"),
    [(OF_A_ROW, ""), (OF_A_WINDOW, ""), (OF_A_GROUP, " GROUP BY r.m")],
    ids=["functions", "windows", "aggregates"],
)
def test_what_stages_may_use_means_the_same(asked: dict[str, str], rest: str) -> None:
    key = "r.m" if rest else "r.i"
    columns = ", ".join(f"{words} AS c{number}" for number, words in enumerate(asked.values()))
    sql = f"SELECT {key} AS key, {columns} FROM given_rows AS r{rest}"
    connection = runner.connect()
    connection.register("given_rows", _rows())
    spark_here = spark_session.session()
    spark_here.createDataFrame(_rows()).coalesce(1).createOrReplaceTempView("given_rows")
    expected = {row["key"]: row for row in connection.sql(sql).to_arrow_table().to_pylist()}
    found = {row["key"]: row for row in spark_here.sql(to_spark(sql)).toArrow().to_pylist()}
    assert expected.keys() == found.keys()
    for number, name in enumerate(asked):
        differing = [(key, expected[key][f"c{number}"], found[key][f"c{number}"]) for key in expected]
        assert [each for each in differing if each[1] != each[2]] == [], name


def test_a_failure_names_the_stage_and_no_patient(capfd: pytest.CaptureFixture[str]) -> None:
    inputs, as_of = history(SeededDice(5), catalogue(small_knowledge()), 2, 2)
    links = inputs.records["links"]
    told = links.set_column(links.schema.get_field_index("local_id"), "local_id", pa.array(["Mrs Secret"] * links.num_rows))
    broken = {"subjects": "SELECT l.subject_id, CAST(l.local_id AS BIGINT) AS person_id FROM links AS l"}
    with pytest.raises(duckdb.ConversionException):
        runner.run_inputs(Inputs({**inputs.records, "links": told}, inputs.workflow, inputs.knowledge), as_of, overrides=broken)
    with pytest.raises(RuntimeError, match=r"^stage subjects: Spark stopped \(CAST_INVALID_INPUT\)$") as raised:
        spark.run(Inputs({**inputs.records, "links": told}, inputs.workflow, inputs.knowledge), as_of, overrides=broken)
    assert raised.value.__suppress_context__
    said = capfd.readouterr()
    assert "Secret" not in said.out + said.err


def test_nobody_reaches_it_from_outside() -> None:
    settings = dict(spark_session.session().sparkContext.getConf().getAll())
    assert settings["spark.driver.host"] == settings["spark.driver.bindAddress"] == "127.0.0.1"
    assert settings["spark.ui.enabled"] == "false"
