"""Runs the same stages on Spark, for populations that outgrow one machine (docs/adr/0007-spark-runs-the-same-stages.md).

Each stage is translated by SQLGlot (`spark_sql.py`) and computed in turn; what it gives is kept for the stages after it
(`spark_tables.py`).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from time import perf_counter
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from stepwell.engine import spark_session, stage_files
from stepwell.engine.contract import TABLES
from stepwell.engine.inputs import Inputs
from stepwell.engine.runner import INPUTS, READ, Plan, Progress, Values, mentions, passes_for, values_of
from stepwell.engine.spark_sql import to_spark
from stepwell.engine.spark_tables import InMemory, OnDisk, Tables
from stepwell.engine.stage_files import CARRY, CARRY_PASS
from stepwell.knowledge.tables import TABLES as KNOWLEDGE

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from stepwell.knowledge import Knowledge
    from stepwell.records.store import Store

# Up to so much input (bytes of Parquet, or of tables in memory) nothing is divided.
SMALL_BYTES = 16_000_000


def evaluate(
    store: Store,
    knowledge: Knowledge,
    as_of: date,
    *,
    person_ids: Collection[int] | None = None,
    workflow: Mapping[str, pa.Table] | None = None,
    progress: Progress | None = None,
) -> dict[str, pa.Table]:
    """Every table of the contract for the store, or for these people of it; `workflow` stands in for the store's tables.

    `progress` hears each stage's name and seconds. Refused when PySpark or Java is missing.
    """
    given = {**knowledge.tables(), **(workflow or {})}
    files: dict[str, list[str]] = {}
    for name in READ:
        if name in given:
            continue
        if person_ids is None:
            files[name] = store.files(name)
        else:
            given[name] = store.table(name, person_ids)
    return _run(given, files, as_of, progress=progress)


def run(
    inputs: Inputs,
    as_of: date,
    *,
    overrides: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    divided: bool | None = None,
) -> dict[str, pa.Table]:
    """Every table of the contract for tables in memory, as `engine.run`.

    `divided` says whether to divide the work as for a large population; by size when it is not given.
    """
    given = {name: inputs.table(name) for name in INPUTS}
    return _run(given, {}, as_of, overrides=overrides, progress=progress, divided=divided)


def _run(
    given: Mapping[str, pa.Table],
    files: Mapping[str, list[str]],
    as_of: date,
    *,
    overrides: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    divided: bool | None = None,
) -> dict[str, pa.Table]:
    size = sum(os.stat(path).st_size for paths in files.values() for path in paths) + sum(rows.nbytes for rows in given.values())
    spark = spark_session.session()
    large = size > SMALL_BYTES if divided is None else divided
    tables: Tables = OnDisk(spark, size) if large else InMemory(spark)
    try:
        for name, table in INPUTS.items():
            if files.get(name):
                tables.give_files(table, list(files[name]))
            else:
                schema = table.arrow_schema()
                tables.give(table, given[name].select(schema.names).cast(schema) if name in given else schema.empty_table())
        k_param = given.get("k_param", KNOWLEDGE["k_param"].arrow_schema().empty_table())
        _stages(spark, tables, values_of(k_param, as_of), overrides, progress)
        return {name: _output(tables, name) for name in TABLES}
    finally:
        tables.close()


def _stages(spark: SparkSession, tables: Tables, values: Values, overrides: Mapping[str, str] | None, progress: Progress | None) -> None:
    """Every stage in order; a table that no later stage reads is dropped."""

    def make(name: str, sql: str) -> None:
        begun = perf_counter()
        with _without_rows(name):
            tables.keep(name, spark.sql(to_spark(sql)))
        if progress:
            progress(name, perf_counter() - begun)

    planned = Plan.build(values, 0, overrides).stages
    carry_pass = (overrides or {}).get(CARRY_PASS, stage_files.load()[CARRY_PASS].sql)
    last_use = {name: max((n for n, (_, sql) in enumerate(planned) if mentions(sql, name)), default=-1) for name, _ in planned}
    for number, (name, sql) in enumerate(planned):
        make(name, sql)
        if name == CARRY:
            longest = pc.max(tables.read(CARRY, ["place"])["place"]).as_py() or 0
            for pass_number in range(passes_for(longest)):
                make(CARRY, stage_files.render(carry_pass, {**values, "step": 2**pass_number}))
        for old, use in last_use.items():
            if use == number and old not in TABLES:
                tables.drop(old)


def _output(tables: Tables, name: str) -> pa.Table:
    """The table with the types and the order of the contract."""
    table = TABLES[name]
    rows = tables.read(name, list(table.names)).cast(table.arrow_schema())
    return rows.sort_by([(column, "ascending") for column in table.names]).combine_chunks() if rows.num_rows else rows


@contextlib.contextmanager
def _without_rows(stage: str) -> Iterator[None]:
    """Spark's errors without what may stand in them: an error at run time quotes the value it met, which is a patient's."""
    from py4j.protocol import Py4JError
    from pyspark.errors import AnalysisException, ParseException, PySparkException

    try:
        yield
    except (AnalysisException, ParseException):
        # Of the statement alone: no row has been read.
        raise
    except (PySparkException, Py4JError) as error:
        condition = error.getCondition() if isinstance(error, PySparkException) else None
        raise RuntimeError(f"stage {stage}: Spark stopped ({condition or type(error).__name__})") from None
