"""The hand-tuned queries: their text, and the plain DuckDB they run on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from importlib import resources
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from stepwell.records.store import Store


def sql(name: str, words: Mapping[str, str] | None = None) -> str:
    """The text of `sql/<name>.sql`, `$word` replaced."""
    text = (resources.files("stepwell.bench") / "sql" / f"{name}.sql").read_text(encoding="utf-8")
    for word, value in sorted((words or {}).items(), key=lambda each: -len(each[0])):
        text = text.replace(f"${word}", value)
    return text


def engine(k_tables: Mapping[str, pa.Table]) -> duckdb.DuckDBPyConnection:
    """A connection with the knowledge tables, set as a careful analyst would set it."""
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET preserve_insertion_order = false")
    for name, rows in k_tables.items():
        connection.register("given", rows)
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
        connection.unregister("given")
    return connection


def engine_statements(as_of: date, k_tables: Mapping[str, pa.Table]) -> list[str]:
    """`sql/engine.sql`, parameters of the pack filled in, statement by statement."""
    values = {row["name"]: str(row["value"]) for row in k_tables["k_param"].to_pylist()}
    text = sql("engine", values | {"as_of": f"DATE '{as_of.isoformat()}'"})
    return [statement for statement in text.split("\n;\n") if statement.strip()]


def run(connection: duckdb.DuckDBPyConnection, statements: Iterable[str]) -> dict[str, float]:
    """Seconds of each statement, by the table it makes."""
    seconds: dict[str, float] = {}
    for statement in statements:
        begun = perf_counter()
        connection.execute(statement)
        if made := re.search(r"CREATE TEMP TABLE (\w+)", statement):
            seconds[made[1]] = round(perf_counter() - begun, 3)
    return seconds


def over(connection: duckdb.DuckDBPyConnection, store: Store, views: Mapping[str, str]) -> None:
    """Views by name over the Parquet files of tables of the store; empty tables too."""
    for view, table in views.items():
        files = store.files(table)
        if files:
            paths = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
            connection.execute(f"CREATE VIEW {view} AS SELECT * FROM read_parquet([{paths}])")
        else:
            connection.register(view, store.table(table))
