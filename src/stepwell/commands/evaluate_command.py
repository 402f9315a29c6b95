"""`stepwell evaluate`: compute every duty from the store and write the tables as Parquet."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from stepwell.errors import Refused

if TYPE_CHECKING:
    import pyarrow as pa

    from stepwell.engine import Evaluation
    from stepwell.knowledge import Knowledge
    from stepwell.records.store import Store

RUN_FILE = "run.json"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", type=Path, default=Path("var/store"), metavar="DIR", help="folder of the store (default: var/store)")
    parser.add_argument("--as-of", required=True, metavar="DATE", help="the day to answer for, YYYY-MM-DD")
    parser.add_argument("--previous", type=Path, metavar="DIR", help="an earlier --out: duties go on from there, changes are listed")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the tables; made when it is not there")
    parser.add_argument("--knowledge", type=Path, metavar="DIR", help="another knowledge pack (default: the one that ships)")
    parser.add_argument(
        "--engine", choices=("duckdb", "spark", "reference"), default="duckdb", help="which engine computes it (default: duckdb)"
    )
    parser.add_argument("--json", action="store_true", help="print the run as JSON")


def day(text: str, option: str = "--as-of") -> date:
    """A date from the command line; Refused when it is none."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Refused(f"{option} {text}: write the date as YYYY-MM-DD, for example 2026-06-01") from error


def run(arguments: argparse.Namespace) -> int:
    from stepwell import knowledge
    from stepwell.engine import evaluate
    from stepwell.records.store import Store

    as_of = day(arguments.as_of)
    store = Store.open(arguments.store)
    pack = knowledge.load(arguments.knowledge)
    previous = read_run(arguments.previous) if arguments.previous else None
    seconds: dict[str, float] = {}

    def progress(stage: str, took: float) -> None:
        seconds[stage] = round(seconds.get(stage, 0.0) + took, 3)
        print(f"{stage:16} {took:8.3f} s", file=sys.stderr, flush=True)

    begun = perf_counter()
    evaluation = evaluate(store, pack, as_of, engine=arguments.engine, progress=progress)
    tables = dict(evaluation.tables)
    tables["duties"], tables["changes"] = reconciled(evaluation, store, pack, arguments.previous, previous)
    report = {
        "as_of": as_of.isoformat(),
        "store_version": evaluation.store_version,
        "pack": evaluation.pack,
        "pack_version": evaluation.pack_version,
        "engine": arguments.engine,
        "previous": str(arguments.previous) if arguments.previous else None,
        "rows": {name: table.num_rows for name, table in tables.items()},
        "seconds": {"total": round(perf_counter() - begun, 3), "stages": seconds},
    }
    write(arguments.out, tables, report)
    print(json.dumps(report, indent=2) if arguments.json else in_words(report, arguments.out))
    return 0


def read_run(folder: Path) -> dict[str, Any]:
    """The run that an earlier evaluation left in `folder`."""
    try:
        report: dict[str, Any] = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Refused(f"--previous {folder}: no evaluation there ({RUN_FILE} cannot be read); give the --out of an earlier run") from error
    if not (folder / "duties.parquet").exists():
        raise Refused(f"--previous {folder}: its duties.parquet is missing; evaluate once without --previous to start anew")
    return report


def reconciled(
    evaluation: Evaluation, store: Store, pack: Knowledge, folder: Path | None, previous: dict[str, Any] | None
) -> tuple[pa.Table, pa.Table]:
    """Duties and what this run did to them; without a previous run every open need opens its duty."""
    import pyarrow.parquet as pq

    from stepwell.engine.reconcile import Mark
    from stepwell.engine.reconcile_tables import reconcile_tables

    before = Mark(previous["store_version"], 0, date.fromisoformat(previous["as_of"])) if previous else None
    tables = evaluation.tables
    return reconcile_tables(
        pq.read_table(folder / "duties.parquet") if folder and previous else None,
        tables["needs"],
        tables["because"],
        mark=Mark(evaluation.store_version, 0, evaluation.as_of),
        previous_mark=before,
        dispositions=store.table("dispositions"),
        rules=set(pack.rules),
        medicines=tables["medicines"],
        substances=set(pack.substances),
    )


def write(folder: Path, tables: dict[str, pa.Table], report: dict[str, Any]) -> None:
    """The tables, then the run: a folder without `run.json` is not a finished evaluation."""
    import pyarrow.parquet as pq

    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / RUN_FILE).unlink(missing_ok=True)
        for name, table in tables.items():
            pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
        part = folder / f"{RUN_FILE}.part"
        part.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        part.replace(folder / RUN_FILE)
    except OSError as error:
        raise Refused(f"cannot write to {folder}: {error.strerror}; choose another folder with --out") from error


def in_words(report: dict[str, Any], folder: Path) -> str:
    rows = ", ".join(f"{name} {count:,}" for name, count in report["rows"].items())
    return f"evaluated as of {report['as_of']} in {report['seconds']['total']:.1f} s: {rows}\nwritten to {folder}"
