"""Runs the stages on DuckDB: fused into one statement for a few people, materialised one by one for many.

The same files serve both. `as_of` and the parameters of the pack are written into the statements as literals; nothing
calls the clock.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from time import perf_counter

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from stepwell.engine import stage_files
from stepwell.engine.contract import TABLES
from stepwell.engine.inputs import Inputs
from stepwell.engine.stage_files import CARRY, CARRY_PASS
from stepwell.knowledge.tables import TABLES as KNOWLEDGE
from stepwell.records.schema import TABLES as RECORDS
from stepwell.records.schema import WORKFLOW
from stepwell.tables import Table

# The tables that stages read; the others of the store stay closed.
READ_RECORDS = (
    "patients",
    "organisations",
    "registrations",
    "medication_plans",
    "medication_issues",
    "observations",
    "conditions",
    "letters",
    "links",
    "stays",
    "appointments",
)
READ_WORKFLOW = (
    "agreement_lines",
    "owner_assertions",
    "owner_requests",
    "dispositions",
    "recorded_results",
    "codings",
    "approvals",
    "asked",
)
READ = READ_RECORDS + READ_WORKFLOW
INPUTS: dict[str, Table] = {name: (RECORDS.get(name) or WORKFLOW[name]) for name in READ} | KNOWLEDGE

# Beyond this many people materialised stages are quicker than one statement.
FUSED_PEOPLE = 20

# date + months with the last day of shorter months, as add_months of Spark and Oracle.
_MACRO = "CREATE OR REPLACE TEMP MACRO add_months(d, n) AS CAST(d + to_months(CAST(n AS INTEGER)) AS DATE)"

# What sorts a table of the contract as all its columns would: its grain, no two rows are equal in it.
KEYS = {
    "courses": "person_id, substance, course",
    "medicines": "person_id, substance",
    "registers": "person_id, register",
    "register_spells": "person_id, register, entered_on",
    "totals": "person_id, load",
    "interactions": "person_id, interaction",
    "results": "person_id, test, effective_on, value_milli, comparator",
    "facts": "person_id, fact, subject",
    "needs": "person_id, rule_id, subject, point",
    "because": "person_id, rule_id, subject, point, seq",
    "priority": "person_id, reason",
}

Progress = Callable[[str, float], None]
Values = Mapping[str, date | int | None]


def values_of(k_param: pa.Table, as_of: date) -> dict[str, date | int | None]:
    """What the placeholders of the stages stand for."""
    values: dict[str, date | int | None] = dict(zip(k_param["name"].to_pylist(), k_param["value"].to_pylist(), strict=True))
    return values | {"as_of": as_of}


# One statement of fifty stages over a few rows: reordering joins costs far more than it saves, and so do threads and
# giving memory back between operators.
_FOR_FEW = (
    "SET threads = 1",
    "SET allocator_flush_threshold = '4GB'",
    "SET allocator_bulk_deallocation_flush_threshold = '4GB'",
    "SET disabled_optimizers = 'join_order,projection_pullup,duplicate_groups,cte_inlining,join_elimination,"
    "aggregate_reuse,column_lifetime,common_subexpressions,cte_filter_pusher'",
)


# Every answer is sorted at the end.
_FOR_MANY = ("SET preserve_insertion_order = false",)


def connect(*, few: bool = False) -> duckdb.DuckDBPyConnection:
    """An in-memory database with the one macro that the stages use; `few` sets it up for the fused statement."""
    connection = duckdb.connect()
    connection.execute(_MACRO)
    connection.execute("SET enable_progress_bar = false")
    for setting in _FOR_FEW if few else _FOR_MANY:
        connection.execute(setting)
    return connection


@dataclass(frozen=True)
class Plan:
    """The stages to run, in order: (name of the relation, SQL with its placeholders filled)."""

    stages: tuple[tuple[str, str], ...]

    @classmethod
    def build(
        cls, values: Values, passes: int, overrides: Mapping[str, str] | None = None, outputs: Collection[str] = tuple(TABLES)
    ) -> Plan:
        """What `outputs` need. `passes` of the carry-over serve 2^passes events of one person and substance.

        `overrides`: stage → other SQL (tests).
        """
        overrides = dict(overrides or {})
        known = stage_files.load()
        if unknown := set(overrides) - set(known):
            raise ValueError(f"no stage {', '.join(sorted(unknown))}; there are {', '.join(known)}")
        sql = {name: overrides.get(name, stage.sql) for name, stage in known.items()}
        built: list[tuple[str, str]] = []
        for name in stage_files.needed(outputs):
            if name == CARRY and passes:
                built.append((f"{CARRY}_0", stage_files.render(sql[CARRY], values)))
                for number in range(passes):
                    # The pass reads the relation before it and has its name one up; the last bears the name the next stage reads.
                    text = stage_files.render(sql[CARRY_PASS], {**values, "step": 2**number})
                    target = CARRY if number == passes - 1 else f"{CARRY}_{number + 1}"
                    built.append((target, _reading(text, f"{CARRY}_{number}")))
            else:
                built.append((name, stage_files.render(sql[name], values)))
        return cls(tuple(built))


def _reading(sql: str, relation: str) -> str:
    return sql.replace(f"FROM {CARRY} AS", f"FROM {relation} AS")


def passes_for(events: int) -> int:
    """Passes of clamp composition that reach across so many events."""
    return max(events - 1, 0).bit_length()


def _columns(table: Table) -> str:
    return ", ".join(f"CAST({c.name} AS {c.type}) AS {c.name}" for c in table.columns)


def run_fused(connection: duckdb.DuckDBPyConnection, plan: Plan, wanted: Collection[str] = tuple(TABLES)) -> dict[str, pa.Table]:
    """One statement; every output comes back as one list, since a statement has one result."""
    parts = ",\n".join(f"{name} AS MATERIALIZED (\n{sql}\n)" for name, sql in plan.stages)
    tables = {name: table for name, table in TABLES.items() if name in wanted}
    outputs = ",\n".join(f"(SELECT list(o) FROM (SELECT {_columns(table)} FROM {name}) AS o) AS {name}" for name, table in tables.items())
    answer = connection.sql(f"WITH {parts}\nSELECT {outputs}").to_arrow_table()
    return {name: _sorted(_unpacked(answer[name], table), table) for name, table in tables.items()}


def _unpacked(column: pa.ChunkedArray, table: Table) -> pa.Table:
    rows = pc.list_flatten(column).combine_chunks()
    return pa.Table.from_arrays(rows.flatten(), names=list(table.names)).cast(table.arrow_schema())


def _sorted(rows: pa.Table, table: Table) -> pa.Table:
    return rows.sort_by([(name, "ascending") for name in table.names]).combine_chunks() if rows.num_rows else rows


def run_staged(
    connection: duckdb.DuckDBPyConnection,
    values: Values,
    overrides: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    wanted: Collection[str] = tuple(TABLES),
) -> dict[str, pa.Table]:
    """Each stage that `wanted` needs into a temporary table, dropped once no later stage reads it.

    `progress` gets each stage's name and seconds.
    """
    made: list[str] = []

    def make(name: str, sql: str) -> None:
        begun = perf_counter()
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS\n{sql}")
        made.append(name)
        if progress:
            progress(name, perf_counter() - begun)

    before = Plan.build(values, 0, overrides, wanted).stages
    last_use = {name: max((n for n, (_, sql) in enumerate(before) if mentions(sql, name)), default=-1) for name, _ in before}
    for number, (name, sql) in enumerate(before):
        make(name, sql)
        if name == CARRY:
            longest = connection.execute(f"SELECT coalesce(max(place), 0) FROM {CARRY}").fetchone()
            for pass_number in range(passes_for(longest[0] if longest else 0)):
                text = stage_files.render(_stage_sql(CARRY_PASS, overrides), {**values, "step": 2**pass_number})
                make(CARRY, text)
        for old, use in last_use.items():
            if use == number and old not in wanted:
                connection.execute(f"DROP TABLE IF EXISTS {old}")
    outputs = {}
    for name in (each for each in TABLES if each in wanted):
        begun = perf_counter()
        rows = connection.sql(f"SELECT {_columns(TABLES[name])} FROM {name} ORDER BY {KEYS[name]}").to_arrow_table()
        outputs[name] = rows.cast(TABLES[name].arrow_schema())
        connection.execute(f"DROP TABLE {name}")
        if progress:
            progress(f"{name}, sorted", perf_counter() - begun)
    for name in dict.fromkeys(made):
        connection.execute(f"DROP TABLE IF EXISTS {name}")
    return outputs


def _stage_sql(name: str, overrides: Mapping[str, str] | None) -> str:
    return (overrides or {}).get(name, stage_files.load()[name].sql)


def mentions(sql: str, name: str) -> bool:
    return f"FROM {name} AS" in sql or f"JOIN {name} AS" in sql


class Session:
    """A connection with one knowledge pack loaded, kept between evaluations. One thread at a time."""

    def __init__(self, knowledge: Mapping[str, pa.Table], *, few: bool) -> None:
        self.few = few
        self.connection = connect(few=few)
        self.k_param = knowledge.get("k_param", KNOWLEDGE["k_param"].arrow_schema().empty_table())
        for name, table in KNOWLEDGE.items():
            rows = _conformed(knowledge.get(name), table)
            self.connection.register("rows_given", rows)
            self.connection.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM rows_given")
            self.connection.unregister("rows_given")

    def run(
        self,
        tables: Mapping[str, pa.Table],
        as_of: date,
        *,
        overrides: Mapping[str, str] | None = None,
        progress: Progress | None = None,
        wanted: Collection[str] = tuple(TABLES),
    ) -> dict[str, pa.Table]:
        """The outputs for these records and workflow tables (missing ones are empty), all in memory; fused in a session for few."""
        values = values_of(self.k_param, as_of)
        given = {name: _conformed(tables.get(name), INPUTS[name]) for name in READ}
        with self._registered(given):
            if not self.few:
                return run_staged(self.connection, values, overrides, progress, wanted)
            return run_fused(self.connection, Plan.build(values, passes_for(_most_events(given)), overrides, wanted), wanted)

    def run_files(
        self,
        files: Mapping[str, Collection[str]],
        tables: Mapping[str, pa.Table],
        as_of: date,
        *,
        overrides: Mapping[str, str] | None = None,
        progress: Progress | None = None,
        wanted: Collection[str] = tuple(TABLES),
    ) -> dict[str, pa.Table]:
        """The outputs for whole Parquet files, `tables` standing in for those named in it."""
        given = {name: _conformed(tables.get(name), INPUTS[name]) for name in READ if name in tables or not files.get(name)}
        viewed = [name for name in READ if name not in given]
        with self._registered(given):
            try:
                for name in viewed:
                    columns = ", ".join(INPUTS[name].names)
                    paths = ", ".join("'" + path.replace("'", "''") + "'" for path in files[name])
                    self.connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT {columns} FROM read_parquet([{paths}])")
                return run_staged(self.connection, values_of(self.k_param, as_of), overrides, progress, wanted)
            finally:
                for name in viewed:
                    self.connection.execute(f"DROP VIEW IF EXISTS {name}")

    @contextlib.contextmanager
    def _registered(self, tables: Mapping[str, pa.Table]) -> Iterator[None]:
        for name, rows in tables.items():
            self.connection.register(name, rows)
        try:
            yield
        finally:
            for name in tables:
                self.connection.unregister(name)


def _conformed(rows: pa.Table | None, table: Table) -> pa.Table:
    schema = table.arrow_schema()
    if rows is None:
        return schema.empty_table()
    return rows if rows.schema.equals(schema) else rows.select(schema.names).cast(schema)


def _most_events(tables: Mapping[str, pa.Table]) -> int:
    """No person has more events of one substance than there are days of issue or admission and plans prescribed elsewhere."""
    days = sum(len(pc.unique(tables[name][column])) for name, column in (("medication_issues", "issued_on"), ("stays", "started_on")))
    return days + int(pc.sum(tables["medication_plans"]["elsewhere"].cast(pa.int64())).as_py() or 0)


_KEPT = threading.local()


def session_for(knowledge: Mapping[str, pa.Table], *, few: bool, threads: int | None = None) -> Session:
    """This thread's session for these very tables, for few people (fused) or many; another pack replaces it.

    `threads`: how many processors it may keep busy; without it as many as there are.
    """
    sessions: dict[bool, tuple[dict[str, pa.Table], Session]] = _KEPT.__dict__.setdefault("sessions", {})
    held = sessions.get(few)
    if held is None or held[0].keys() != knowledge.keys() or any(held[0][name] is not knowledge[name] for name in knowledge):
        held = sessions[few] = (dict(knowledge), Session(knowledge, few=few))
    if threads is not None:
        held[1].connection.execute(f"SET threads = {int(threads)}")
    return held[1]


def run_inputs(
    inputs: Inputs, as_of: date, *, overrides: Mapping[str, str] | None = None, fused: bool | None = None
) -> dict[str, pa.Table]:
    """The outputs for tables in memory; fused when there are few people, unless said."""
    tables = {name: inputs.table(name) for name in READ}
    few = len(pc.unique(tables["links"]["person_id"])) <= FUSED_PEOPLE if fused is None else fused
    return session_for(inputs.knowledge, few=few).run(tables, as_of, overrides=overrides)
