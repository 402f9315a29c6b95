"""What is owed: the engine computes every need from the store, the knowledge and `as_of` (docs/engine.md)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal

import pyarrow as pa

from stepwell.engine.inputs import Inputs

if TYPE_CHECKING:
    from stepwell.engine.runner import Progress
    from stepwell.knowledge import Knowledge
    from stepwell.records.store import Store

__all__ = ["ENGINES", "Engine", "Evaluation", "Inputs", "evaluate", "run"]

Engine = Literal["duckdb", "spark", "reference"]
ENGINES: tuple[Engine, ...] = ("duckdb", "spark", "reference")


@dataclass(frozen=True)
class Evaluation:
    """The tables of `contract.TABLES` and what they were computed from."""

    tables: dict[str, pa.Table]
    as_of: date
    store_version: int
    pack: str
    pack_version: str


def run(inputs: Inputs, as_of: date, engine: Engine = "duckdb", *, overrides: Mapping[str, str] | None = None) -> dict[str, pa.Table]:
    """Every table of the contract for tables in memory, sorted by all columns, nulls last.

    `overrides` puts another SQL text in the place of a stage, so that a test can break one on purpose.
    """
    if engine == "reference":
        if overrides:
            raise ValueError("the reference engine has no stages to override")
        from stepwell.engine import reference

        return reference.evaluate(inputs, as_of)
    if engine == "spark":
        from stepwell.engine import spark

        return spark.run(inputs, as_of, overrides=overrides)
    if engine != "duckdb":
        raise ValueError(f"no engine {engine!r}: {', '.join(ENGINES)}")
    from stepwell.engine import runner

    return runner.run_inputs(inputs, as_of, overrides=overrides)


def evaluate(
    store: Store,
    knowledge: Knowledge,
    as_of: date,
    *,
    person_ids: Collection[int] | None = None,
    workflow: Mapping[str, pa.Table] | None = None,
    engine: Engine | Literal["auto"] = "auto",
    progress: Progress | None = None,
    outputs: Collection[str] | None = None,
) -> Evaluation:
    """Evaluate the store, or these people of it.

    `auto` takes the plain-Python engine for a few people and DuckDB for more: their answers are equal, and for one
    person preparing fifty stages takes DuckDB longer than Python needs for everything (docs/adr).

    `workflow` holds workflow tables that stand in for the store's (for these people, when people are named).
    `outputs` names the tables of the contract that are wanted: only they are given, and only the stages they need are run.
    `progress` hears each stage's name and seconds when stages are materialised (once for every portion of people, portions side
    by side: it may be called from several threads).
    Refused when Spark is asked for and not there.
    """
    from stepwell.engine import runner
    from stepwell.engine.contract import TABLES

    k_tables = knowledge.tables()
    wanted = tuple(TABLES) if outputs is None else tuple(outputs)
    if unknown := set(wanted) - set(TABLES):
        raise ValueError(f"no table {', '.join(sorted(unknown))}: there are {', '.join(TABLES)}")
    people = sum(part.rows for part in store.manifest.parts if part.table == "links") if person_ids is None else len(person_ids)
    few = people <= runner.FUSED_PEOPLE
    if engine == "auto":
        engine = "reference" if few else "duckdb"
    stand_ins = dict(workflow or {})
    if engine == "duckdb" and person_ids is None:
        tables = _everybody(store, k_tables, as_of, stand_ins, wanted=wanted, progress=progress)
    elif engine == "spark":
        from stepwell.engine import spark

        tables = spark.evaluate(store, knowledge, as_of, person_ids=person_ids, workflow=stand_ins, progress=progress)
    else:
        rows = {name: store.table(name, person_ids) for name in runner.READ if name not in stand_ins} | stand_ins
        if engine == "duckdb":
            tables = runner.session_for(k_tables, few=few).run(rows, as_of, progress=progress, wanted=wanted)
        else:
            tables = run(Inputs(rows, {}, k_tables), as_of, engine)
    pack = k_tables["k_pack"].to_pylist()
    name, version = (pack[0]["pack"], pack[0]["version"]) if pack else ("", "")
    return Evaluation({each: tables[each] for each in TABLES if each in wanted}, as_of, store.version, name, version)


def _everybody(
    store: Store,
    k_tables: dict[str, pa.Table],
    as_of: date,
    stand_ins: Mapping[str, pa.Table],
    *,
    wanted: Collection[str],
    progress: Progress | None,
) -> dict[str, pa.Table]:
    """DuckDB, portions of people side by side, each in a session of its own."""
    from concurrent.futures import ThreadPoolExecutor

    from stepwell.engine import portions, runner
    from stepwell.engine.contract import TABLES

    cut = list(portions.portions(store))
    workers = min(portions.side_by_side(), max(1, len(cut)))
    threads = max(1, portions.processors() // workers)

    def run_one(portion: portions.Portion) -> dict[str, pa.Table]:
        session = runner.session_for(k_tables, few=False, threads=threads)
        files = {name: paths for name, paths in portion.files.items() if name in runner.READ and name not in stand_ins}
        return session.run_files(files, {"links": portion.links, **stand_ins}, as_of, progress=progress, wanted=wanted)

    found: dict[str, list[pa.Table]] = {name: [TABLES[name].arrow_schema().empty_table()] for name in wanted}
    with ThreadPoolExecutor(workers, thread_name_prefix="portion") as pool:
        # A thread of its own would load the knowledge again: what is all of it one portion runs here, in the session that is kept.
        for tables in (map if len(cut) == 1 else pool.map)(run_one, cut):
            for name in wanted:
                found[name].append(tables[name])
    return {name: pa.concat_tables(parts) for name, parts in found.items()}
