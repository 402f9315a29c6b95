"""`stepwell bench`: how long the engine takes, on a store or on synthetic people made for it. Figures, not verdicts."""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import tempfile
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from stepwell.errors import Refused

if TYPE_CHECKING:
    from stepwell.records.store import Store

WARM_UP = 3


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("engine", "patient"), help="engine: everybody at once; patient: one person after another")
    parser.add_argument("--store", type=Path, metavar="DIR", help="an existing store (default: synthetic people in a temporary one)")
    parser.add_argument("--patients", type=int, default=2000, metavar="N", help="synthetic people to make without --store (default: 2000)")
    parser.add_argument("--as-of", default="2026-06-01", metavar="DATE", help="the day to answer for (default: 2026-06-01)")
    parser.add_argument("--people", type=int, default=100, metavar="N", help="patient: how many people to time (default: 100)")
    parser.add_argument("--engine", choices=("auto", "duckdb", "reference"), default="auto", help="which engine (default: auto)")
    parser.add_argument("--json", action="store_true", help="machine-readable")


def run(arguments: argparse.Namespace) -> int:
    from stepwell.commands.evaluate_command import day
    from stepwell.records.store import Store

    as_of = day(arguments.as_of)
    if arguments.people < 1 or arguments.patients < 1:
        raise Refused("--people and --patients: give at least 1")
    if arguments.store:
        report = measured(arguments, Store.open(arguments.store), as_of)
    else:
        with tempfile.TemporaryDirectory(prefix="stepwell-bench-") as folder:
            report = measured(arguments, synthetic_store(Path(folder), arguments.patients, as_of), as_of)
    # ru_maxrss is kilobytes on Linux and bytes on macOS.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    report["peak_mb"] = round(peak / (1024 * 1024 if sys.platform == "darwin" else 1024))
    if arguments.json:
        print(json.dumps(report, indent=2))
    else:
        print("\n".join(f"{name:10} {value}" for name, value in report.items()))
    return 0


def synthetic_store(folder: Path, patients: int, as_of: date) -> Store:
    from stepwell.records.importers import run_import
    from stepwell.records.store import Store
    from stepwell.records.synthetic.network import generate

    generate(patients, 7, as_of, folder / "records")
    store = Store.open(folder / "store", create=True)
    run_import(folder / "records", store)
    return store.refresh()


def measured(arguments: argparse.Namespace, store: Store, as_of: date) -> dict[str, Any]:
    import pyarrow.compute as pc

    from stepwell import knowledge
    from stepwell.engine import evaluate

    pack = knowledge.load()
    links = store.table("links")
    people = sorted(links.filter(pc.is_null(links["undone_at"]))["person_id"].unique().to_pylist())
    report: dict[str, Any] = {"bench": arguments.what, "as_of": as_of.isoformat(), "patients": len(people), "engine": arguments.engine}
    if arguments.what == "engine":
        begun = perf_counter()
        evaluation = evaluate(store, pack, as_of, engine=arguments.engine)
        took = perf_counter() - begun
        return report | {"seconds": round(took, 3), "rows": {name: table.num_rows for name, table in evaluation.tables.items()}}
    # Evenly over the list, so that no practice is left out; the first few load the pack and are not counted.
    step = max(1, len(people) // arguments.people)
    chosen = people[::step][: arguments.people]
    if not chosen:
        raise Refused("the store holds nobody: import records first, or leave --store out")
    times, rows = [], 0
    for person in [*chosen[:WARM_UP], *chosen]:
        begun = perf_counter()
        needs = evaluate(store, pack, as_of, person_ids=[person], engine=arguments.engine).tables["needs"].num_rows
        times.append(perf_counter() - begun)
        rows += needs
    times = times[min(WARM_UP, len(chosen)) :]
    cuts = statistics.quantiles(times, n=20, method="inclusive") if len(times) > 1 else times * 19
    return report | {
        "seconds": round(sum(times), 3),
        "timed": len(times),
        "rows": rows,
        "p50_ms": round(statistics.median(times) * 1000, 1),
        "p95_ms": round(cuts[18] * 1000, 1),
    }
