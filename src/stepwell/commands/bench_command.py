"""`stepwell bench`: how long things take, beside a hand-tuned query over the same data in the same run. Figures, not verdicts."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stepwell.errors import Refused

PATIENTS = {"engine": 100_000, "register": 100_000, "courses": 50_000, "patient": 2_000, "import": 2_000, "taper": 1_000, "web": 2_000}

EXPLAINED = """
engine    every duty of everybody; the hand-tuned query gives the main tables (the head of bench/sql/engine.sql says what it leaves out)
register  adults on an antipsychotic in 6 months with their last HbA1c, BMI, blood pressure and lipids and what is due; --all: everybody
courses   `stepwell courses` on a file of 26 issues a patient
patient   one person after another, from the store to their needs
import    the import of synthetic people as FHIR and as a practice's CSV extracts; the query by hand only reads the same files
taper     plans of reduction, one after another: --patients requests; the bar is 20 ms at the median, refusals included
web       gunicorn and PostgreSQL on --cores of this machine, a ledger of --duties, --users at work for --seconds: p50, p95, p99 by page

seconds and sql_seconds: wall clock of a process of its own, cold, ours and by hand (patient: of all timed people together);
ratio_to_sql: one over the other; peak_mb: the most memory our process held; equal: both gave the same rows (of people made here: of
other stores the query by hand leaves out too much). cpu_seconds tell when the machine was busy with other things.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXPLAINED
    parser.add_argument("what", choices=tuple(PATIENTS), help="what to measure")
    made = ", ".join(f"{name} {number:,}" for name, number in PATIENTS.items())
    parser.add_argument("--patients", type=int, metavar="N", help=f"synthetic people to make (default: {made})")
    parser.add_argument("--store", type=Path, metavar="DIR", help="engine, register, patient: an existing store instead")
    parser.add_argument("--data", type=Path, metavar="DIR", help="keep the people made here, and take those of an earlier run")
    parser.add_argument("--as-of", default="2026-06-01", metavar="DATE", help="the day to answer for (default: 2026-06-01)")
    parser.add_argument("--all", dest="everybody", action="store_true", help="register: the whole list, not only those on it")
    parser.add_argument("--growth", action="store_true", help="engine: a tenth of the people as well, and the growth net of start-up")
    parser.add_argument("--people", type=int, default=100, metavar="N", help="patient: how many people to time (default: 100)")
    parser.add_argument("--engine", choices=("auto", "duckdb", "reference"), default="auto", help="engine, patient: which (default: auto)")
    parser.add_argument("--format", choices=("fhir", "emis", "tpp"), help="import: only this one (default: all three)")
    parser.add_argument("--duties", type=int, default=1_500_000, metavar="N", help="web: duties in the ledger (default: 1500000)")
    parser.add_argument("--users", type=int, default=20, metavar="N", help="web: people at work at once (default: 20)")
    parser.add_argument("--seconds", type=float, default=60, metavar="S", help="web: how long they work (default: 60)")
    parser.add_argument("--think", type=float, default=3, metavar="S", help="web: seconds between two pages of one of them (default: 3)")
    parser.add_argument("--cores", type=int, default=2, metavar="N", help="web: cores for everything together (default: 2)")
    parser.add_argument("--database", metavar="URL", help="web: a PostgreSQL on this machine instead of the embedded one")
    parser.add_argument("--json", action="store_true", help="machine-readable")


def run(arguments: argparse.Namespace) -> int:
    from stepwell.bench.benches import BENCHES, Asked
    from stepwell.commands.evaluate_command import day

    as_of = day(arguments.as_of).isoformat()
    patients = arguments.patients if arguments.patients is not None else PATIENTS[arguments.what]
    if patients < 1 or arguments.people < 1:
        raise Refused("--people and --patients: give at least 1")
    if arguments.growth and (arguments.store or patients < 1000):
        raise Refused("--growth makes its own people: leave --store out and give --patients of at least 1000")
    if arguments.store and arguments.what in ("courses", "import", "taper"):
        raise Refused(f"--store: {arguments.what} makes its own files; give --patients")
    with tempfile.TemporaryDirectory(prefix="stepwell-bench-") as folder:
        work, data = Path(folder), arguments.data or Path(folder) / "data"
        data.mkdir(parents=True, exist_ok=True)
        if arguments.what == "web":
            from stepwell.bench import web

            return tell(arguments, {"bench": "web", "as_of": as_of, **_web(arguments, as_of, patients, data)}, web.in_words)
        asked = Asked(
            patients=patients,
            as_of=as_of,
            data=data,
            work=work,
            store=arguments.store,
            engine=arguments.engine,
            people=arguments.people,
            everybody=arguments.everybody,
            growth=arguments.growth,
            format=arguments.format,
        )
        return tell(arguments, {"bench": arguments.what, "as_of": as_of, **BENCHES[arguments.what](asked)})


def _web(arguments: argparse.Namespace, as_of: str, patients: int, data: Path) -> dict[str, Any]:
    from stepwell.bench import web

    if min(arguments.duties, arguments.users, arguments.cores) < 1 or arguments.seconds <= 0 or arguments.think <= 0:
        raise Refused("--duties, --users, --cores, --seconds and --think: give more than 0")
    if arguments.store:
        raise Refused("--store: web makes its own people; give --patients")
    return web.web(
        web.Asked(
            duties=arguments.duties,
            patients=patients,
            users=arguments.users,
            seconds=arguments.seconds,
            think=arguments.think,
            as_of=as_of,
            data=data.absolute(),
            database=arguments.database,
            cores=arguments.cores,
        )
    )


def tell(arguments: argparse.Namespace, report: dict[str, Any], words: Callable[[dict[str, Any]], str] | None = None) -> int:
    print(json.dumps(report, indent=2) if arguments.json else (words or in_words)(report))
    return 0


def in_words(report: dict[str, Any]) -> str:
    def shown(value: Any) -> str:
        return ", ".join(f"{name} {each}" for name, each in value.items()) if isinstance(value, dict) else str(value)

    return "\n".join(f"{name:22} {shown(value)}" for name, value in report.items())
