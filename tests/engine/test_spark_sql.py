"""The translation of a stage into Spark's dialect, where it is more than SQLGlot's own. No Spark is started here."""

from __future__ import annotations

import pytest

from stepwell.engine.spark_sql import to_spark


@pytest.mark.parametrize(
    ("duckdb", "spark"),
    [
        ("t.a || t.b + 1 || 'x'", "(t.a || (t.b + 1)) || 'x'"),
        ("t.a = 1 AND NOT t.b OR t.c LIKE 'x' || t.a", r"((t.a = 1) AND (NOT t.b)) OR (t.c LIKE ('x' || t.a) ESCAPE '\001')"),
        ("t.a NOT IN (1, 2) AND t.b BETWEEN 0 AND t.a - 1", "(NOT (t.a IN (1, 2))) AND (t.b BETWEEN 0 AND (t.a - 1))"),
        ("t.a * t.b // 1000", "(t.a * t.b) DIV 1000"),
        ("regexp_matches(t.a, '^[A-Z][0-9]{5}$')", r"t.a RLIKE '(?d)^[A-Z][0-9]{5}\\z'"),
        ("add_months(t.d, 12 * t.n)", "ADD_MONTHS(t.d, CAST(12 * t.n AS INT))"),
        ("lower(t.a)", "LOWER(TRANSLATE(t.a, 'İΣ', 'iσ'))"),
        (
            "string_agg(DISTINCT t.a, '+' ORDER BY t.a)",
            "CASE WHEN COUNT(t.a) > 0 THEN ARRAY_JOIN(SORT_ARRAY(COLLECT_SET(t.a)), '+') END",
        ),
        ("row_number() OVER (ORDER BY t.a, t.b DESC)", "ROW_NUMBER() OVER (ORDER BY t.a NULLS LAST, t.b DESC)"),
    ],
)
def test_what_spark_reads_otherwise_is_said_otherwise(duckdb: str, spark: str) -> None:
    assert to_spark(f"SELECT {duckdb} AS x FROM t AS t") == f"SELECT {spark} AS x FROM t AS t"
