"""What runs in a process of its own: `python -m stepwell.bench.tasks NAME JSON` prints JSON. Imports are part of what is timed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

TASKS: dict[str, Callable[..., dict[str, Any]]] = {}


def task(function: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    TASKS[function.__name__] = function
    return function


# People


@task
def people(folder: str, patients: int, as_of: str, seed: int = 7) -> dict[str, Any]:
    """Make people straight in the store's layout."""
    from stepwell import knowledge
    from stepwell.bench import population

    begun = perf_counter()
    store = population.make(Path(folder), patients, knowledge.load(), date.fromisoformat(as_of), seed=seed)
    return {"seconds": perf_counter() - begun, "parts": len(store.manifest.parts)}


@task
def census(store: str) -> dict[str, Any]:
    """How many people, issues and results a store holds."""
    import pyarrow.compute as pc

    from stepwell.records.store import Store

    opened = Store.open(store)
    links = opened.table("links", columns=["person_id", "undone_at"])
    rows = {name: sum(part.rows for part in opened.manifest.parts if part.table == name) for name in ("medication_issues", "observations")}
    return {"patients": len(pc.unique(links.filter(pc.is_null(links["undone_at"]))["person_id"])), "rows_read": rows}


# Register


def body_test(k_tables: dict[str, Any]) -> str:
    """The pack's test for body mass index that a monitoring rule asks for; otherwise the one its codes serve."""
    asked = {row["test"] for row in k_tables["k_rule"].to_pylist() if row["kind"] == "monitor"}
    return "bmi" if "bmi" in asked else "weight"


@task
def register(store: str, as_of: str, everybody: bool, answer: str) -> dict[str, Any]:
    """Ours: `engine.register.checks`."""
    import pyarrow.parquet as pq

    from stepwell import knowledge
    from stepwell.engine.register import Question, checks
    from stepwell.records.store import Store

    pack = knowledge.load()
    tests = ("hba1c", body_test(pack.tables()), "systolic-bp", "lipids")
    question = Question("antipsychotic", tests, months=6, from_age=18, everybody=everybody)
    found = checks(Store.open(store), pack, date.fromisoformat(as_of), question)
    pq.write_table(found, answer)
    return {"rows": found.num_rows}


@task
def register_lists(folder: str) -> dict[str, Any]:
    """The lists of codes the hand-tuned query reads, as an analyst would have them."""
    import duckdb

    from stepwell import knowledge

    k_tables = knowledge.load().tables()
    body = body_test(k_tables)
    connection = duckdb.connect()
    for name in ("k_product", "k_set", "k_register", "k_test_code"):
        connection.register(name, k_tables[name])
    members = "SELECT s.substance FROM k_set s JOIN k_register r ON r.set_name = s.set_name WHERE r.register = 'antipsychotic'"
    codes = f"SELECT DISTINCT code, substance FROM k_product WHERE code_system = 'snomed' AND substance IN ({members})"
    tests = (
        "SELECT test, code, unit, numerator, denominator FROM k_test_code "
        f"WHERE code_system = 'snomed' AND test IN ('hba1c', '{body}', 'systolic-bp', 'lipids')"
    )
    for name, query in (("medicine_codes", codes), ("test_codes", tests)):
        connection.execute(f"COPY ({query} ORDER BY ALL) TO '{folder}/{name}.csv' (HEADER)")
    return {}


@task
def register_sql(store: str, as_of: str, everybody: bool, lists: str, answer: str) -> dict[str, Any]:
    """By hand: `sql/register.sql`."""
    import duckdb

    from stepwell.bench import hand
    from stepwell.records.store import Store

    connection = duckdb.connect()
    connection.execute("SET preserve_insertion_order = false")
    for name in ("medicine_codes", "test_codes"):
        kinds = "{'code': 'VARCHAR', 'unit': 'VARCHAR'}" if name == "test_codes" else "{'code': 'VARCHAR'}"
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM read_csv('{lists}/{name}.csv', types = {kinds})")
    views = {each: each for each in ("observations", "patients", "registrations", "links")} | {"issues": "medication_issues"}
    hand.over(connection, Store.open(store), views)
    day = f"DATE '{as_of}'"
    words = {
        "as_of": day,
        "since": f"CAST({day} - INTERVAL 6 MONTH AS DATE)",
        "born": f"CAST({day} - INTERVAL 18 YEAR AS DATE)",
        "join": "LEFT JOIN" if everybody else "JOIN",
        "only": "" if everybody else "AND o.subject_id IN (SELECT subject_id FROM takers)",
        # The test that body mass index codes serve, whichever it is in the pack.
        "body": next(
            row[0] for row in connection.execute("SELECT DISTINCT test FROM test_codes").fetchall() if row[0] in ("bmi", "weight")
        ),
    }
    connection.execute(f"COPY ({hand.sql('register', words)}) TO '{answer}' (FORMAT parquet)")
    return {}


@task
def same(left: str, right: str) -> dict[str, Any]:
    """Whether two answers hold the same rows, column by column in order; names do not count."""
    import duckdb

    connection = duckdb.connect()
    width = [len(connection.execute(f"DESCRIBE SELECT * FROM '{side}'").fetchall()) for side in (left, right)]
    if width[0] != width[1]:
        return {"equal": False}
    names = ", ".join(f"c{place}" for place in range(width[0]))
    sides = [f"SELECT {names} FROM '{side}' AS t({names})" for side in (left, right)]
    differing = [connection.execute(f"SELECT count(*) FROM ({a} EXCEPT ALL {b})").fetchall()[0][0] for a, b in (sides, sides[::-1])]
    return {"equal": differing == [0, 0], "differing": differing}


# Courses


@task
def issues_file(file: str, rows: int, seed: int = 7) -> dict[str, Any]:
    """A file of issues, shuffled: monthly and less regular, early, late, doubled, with changes of dose."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    draw = np.random.default_rng(seed)
    each = 26
    people = max(1, rows // each)
    step = draw.choice([0, 21, 25, 28, 28, 28, 30, 35, 56, 120], (people, each))
    on = np.datetime64("2020-01-01") + (np.cumsum(step, axis=1) + draw.integers(0, 400, (people, 1))).reshape(-1)
    medicine = pa.array(["olanzapine", "sertraline", "zopiclone", "codeine"]).take(pa.array(np.repeat(draw.integers(0, 4, people), each)))
    table = pa.table(
        {
            "patient": pa.array(np.repeat(np.arange(people), each)).cast(pa.string()),
            "medicine": medicine,
            "date": pa.array(on.astype("datetime64[D]")),
            "days": draw.choice([28, 28, 28, 56, 7, 84], people * each),
            "dose": draw.choice([5.0, 10, 10, 10, 20, 2.5], people * each),
        }
    )
    pa_csv.write_csv(table.take(draw.permutation(people * each)), file)
    return {"rows": people * each, "patients": people}


@task
def courses_sql(file: str, answer: str, gap: int) -> dict[str, Any]:
    """By hand: `sql/courses.sql`."""
    import duckdb

    from stepwell.bench import hand

    connection = duckdb.connect()
    connection.execute("SET preserve_insertion_order = false")
    connection.execute(hand.sql("courses", {"file": file, "answer": answer, "gap": str(gap)}))
    return {}


# Engine


ENGINE_VIEWS = {each: each for each in ("observations", "patients", "registrations", "links")} | {"issues": "medication_issues"}
# What the hand-tuned query gives of each table of the engine's.
COMPARED = {
    "courses": "person_id, substance, course, started_on, last_issued_on, supply_ends_on, issues, gap_days",
    "results": "person_id, test, effective_on, value_milli, comparator, roads",
    "registers": "person_id, register, entered_on, status, substances",
}


@task
def engine(store: str, as_of: str, engine: str, answer: str) -> dict[str, Any]:
    """Ours: everything for everybody, as a ledger asks for it. Writing the answer for the comparison is not in the seconds."""
    begun = perf_counter()
    import pyarrow.parquet as pq

    from stepwell import knowledge
    from stepwell.engine import evaluate
    from stepwell.engine.contract import FOR_LEDGER
    from stepwell.records.store import Store

    stages: dict[str, float] = {}

    def progress(stage: str, took: float) -> None:
        stages[stage] = round(stages.get(stage, 0.0) + took, 3)

    evaluation = evaluate(
        Store.open(store),
        knowledge.load(),
        date.fromisoformat(as_of),
        engine=engine,  # type: ignore[arg-type]
        progress=progress,
        outputs=("courses", *FOR_LEDGER),
    )
    took = perf_counter() - begun
    for name in (*COMPARED, "needs"):
        pq.write_table(evaluation.tables[name], Path(answer) / f"{name}.parquet")
    rows = {name: table.num_rows for name, table in evaluation.tables.items()}
    return {"seconds": took, "rows": rows, "stages": dict(sorted(stages.items(), key=lambda each: -each[1]))}


@task
def engine_sql(store: str, as_of: str, answer: str) -> dict[str, Any]:
    """By hand: `sql/engine.sql`."""
    begun = perf_counter()
    from stepwell import knowledge
    from stepwell.bench import hand
    from stepwell.records.store import Store

    connection = hand.engine(knowledge.load().tables())
    hand.over(connection, Store.open(store), ENGINE_VIEWS)
    steps = hand.run(connection, hand.engine_statements(date.fromisoformat(as_of), knowledge.load().tables()))
    took = perf_counter() - begun
    for name in (*COMPARED, "needs"):
        connection.execute(f"COPY {name} TO '{answer}/{name}.hand.parquet' (FORMAT parquet)")
    return {"seconds": took, "steps": steps}


@task
def engine_same(answer: str) -> dict[str, Any]:
    """Rows that differ, by table."""
    import duckdb

    connection = duckdb.connect()
    differing: dict[str, int] = {}
    for name, columns in COMPARED.items():
        sides = [f"SELECT {columns} FROM '{answer}/{name}{suffix}.parquet'" for suffix in ("", ".hand")]
        if name == "registers":
            # The engine also keeps registers of conditions.
            sides[0] += " WHERE substances IS NOT NULL"
        counts = [connection.execute(f"SELECT count(*) FROM ({a} EXCEPT ALL {b})").fetchall()[0][0] for a, b in (sides, sides[::-1])]
        differing[name] = sum(counts)
    differing["needs"] = connection.execute(
        f"""
        SELECT count(*) FILTER (o.person_id IS NULL OR o.state <> h.state OR o.due_on <> h.due_on)
        FROM '{answer}/needs.hand.parquet' AS h LEFT JOIN '{answer}/needs.parquet' AS o USING (person_id, rule_id, subject, point)
        """
    ).fetchall()[0][0]
    return {"equal": not any(differing.values()), "differing": differing}


# One patient

WARM_UP = 3


def _chosen(store: Any, people: int) -> list[int]:
    """Evenly over the list, so that no practice is left out."""
    import pyarrow.compute as pc

    links = store.table("links", columns=["person_id", "undone_at"])
    everybody = sorted(pc.unique(links.filter(pc.is_null(links["undone_at"]))["person_id"]).to_pylist())
    return everybody[:: max(1, len(everybody) // people)][:people]


def _quantiles(times: list[float]) -> dict[str, Any]:
    import statistics

    cuts = statistics.quantiles(times, n=20, method="inclusive") if len(times) > 1 else times * 19
    return {
        "seconds": round(sum(times), 3),
        "timed": len(times),
        "p50_ms": round(statistics.median(times) * 1000, 1),
        "p95_ms": round(cuts[18] * 1000, 1),
    }


@task
def patient(store: str, as_of: str, people: int, engine: str) -> dict[str, Any]:
    """Ours: one person after another, as after a write. The first few load the pack and are not counted."""
    from stepwell import knowledge
    from stepwell.engine import evaluate
    from stepwell.records.store import Store

    opened, pack = Store.open(store), knowledge.load()
    chosen = _chosen(opened, people)
    times, rows = [], 0
    for person in [*chosen[:WARM_UP], *chosen]:
        begun = perf_counter()
        needs = evaluate(opened, pack, date.fromisoformat(as_of), person_ids=[person], engine=engine).tables["needs"]  # type: ignore[arg-type]
        times.append(perf_counter() - begun)
        rows += needs.num_rows
    return _quantiles(times[min(WARM_UP, len(chosen)) :]) | {"rows": rows}


@task
def patient_sql(store: str, as_of: str, people: int) -> dict[str, Any]:
    """By hand: `sql/engine.sql` over one person's rows, which the store finds (as for ours)."""
    from stepwell import knowledge
    from stepwell.bench import hand
    from stepwell.records.store import Store

    opened, day, k_tables = Store.open(store), date.fromisoformat(as_of), knowledge.load().tables()
    chosen = _chosen(opened, people)
    connection = hand.engine(k_tables)
    connection.execute("SET threads = 1")
    statements = hand.engine_statements(day, k_tables)
    times = []
    for person in [*chosen[:WARM_UP], *chosen]:
        begun = perf_counter()
        for view, table in ENGINE_VIEWS.items():
            connection.register(view, opened.table(table, [person]))
        hand.run(connection, statements)
        connection.execute("SELECT * FROM needs").fetchall()
        times.append(perf_counter() - begun)
        for name in connection.execute("SELECT table_name FROM duckdb_tables() WHERE temporary").fetchall():
            connection.execute(f"DROP TABLE {name[0]}")
    return _quantiles(times[min(WARM_UP, len(chosen)) :])


# Import


@task
def import_sql(folder: str, answer: str) -> dict[str, Any]:
    """By hand: only reads the same files and writes their main fields as Parquet; nothing is checked, merged or linked."""
    import duckdb

    from stepwell.bench import hand

    connection = duckdb.connect()
    connection.execute("SET preserve_insertion_order = false")
    lines = sorted(str(file) for file in Path(folder).rglob("*.ndjson"))
    tables = sorted(str(file) for file in Path(folder).rglob("*.csv"))
    if lines:
        connection.execute(hand.sql("import_fhir", {"files": repr(lines), "answer": f"{answer}/fhir.parquet"}))
    for place, file in enumerate(tables):
        connection.execute(hand.sql("import_csv", {"file": file, "answer": f"{answer}/{place}.parquet"}))
    return {"files": len(lines) + len(tables), "bytes": sum(Path(file).stat().st_size for file in (*lines, *tables))}


# Reductions


@task
def taper(requests: int, as_of: str) -> dict[str, Any]:
    """Plans of reduction over generated requests."""
    from stepwell.bench import taper as bench

    return bench.measured(requests, as_of)


def main() -> int:
    name, given = sys.argv[1], json.loads(sys.argv[2])
    print(json.dumps(TASKS[name](**given)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
