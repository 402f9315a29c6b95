"""The benches. Each gives one report: patients, seconds, sql_seconds, ratio_to_sql, peak_mb, and what is its own."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepwell.bench import cold

# People of whom start-up is measured: what is left of the time when there is next to nothing to do.
FEW = 100
FORMATS = ("fhir", "emis", "tpp")


@dataclass(frozen=True)
class Asked:
    """What the command line asks for. `data`: a folder where people made for a bench are kept; `store`: an existing store instead."""

    patients: int
    as_of: str
    data: Path
    work: Path
    store: Path | None
    engine: str
    people: int
    everybody: bool
    growth: bool
    format: str | None

    def store_of(self, patients: int) -> Path:
        """A store with so many people, made when it is not there yet."""
        if self.store is not None:
            return self.store
        made = self.data / f"people-{patients}-{self.as_of}"
        if not (made / "done").exists():
            cold.task("people", folder=str(made), patients=patients, as_of=self.as_of)
            (made / "done").touch()
        return made


def figures(ours: float, by_hand: float, peak_mb: int) -> dict[str, Any]:
    return {
        "seconds": round(ours, 3),
        "sql_seconds": round(by_hand, 3),
        "ratio_to_sql": round(ours / by_hand, 2) if by_hand else None,
        "peak_mb": peak_mb,
    }


def register(asked: Asked) -> dict[str, Any]:
    """Adults on an antipsychotic and their checks, or everybody's; each a cold process from start to exit."""
    store = asked.store_of(asked.patients)
    cold.task("register_lists", folder=str(asked.work))
    ours, hand = asked.work / "register.parquet", asked.work / "register.hand.parquet"
    given = {"store": str(store), "as_of": asked.as_of, "everybody": asked.everybody}
    by_hand = cold.task("register_sql", **given, lists=str(asked.work), answer=str(hand))
    ran = cold.task("register", **given, answer=str(ours))
    compared = cold.task("same", left=str(ours), right=str(hand)).told
    return {
        **counted(store),
        **figures(ran.seconds, by_hand.seconds, ran.peak_mb),
        "sql_peak_mb": by_hand.peak_mb,
        "cpu_seconds": round(ran.cpu_seconds, 3),
        "sql_cpu_seconds": round(by_hand.cpu_seconds, 3),
        "task": "ALL" if asked.everybody else "AP",
        "rows": ran.told["rows"],
        "equal": compared["equal"],
    }


def courses(asked: Asked) -> dict[str, Any]:
    """`stepwell courses` on a file of issues, from start to exit; the hand-tuned query has no cap, so that is timed as well."""
    source = asked.data / f"issues-{asked.patients}.csv"
    made = cold.task("issues_file", file=str(source), rows=asked.patients * 26).told
    shown = {name: str(asked.work / f"courses.{name}.csv") for name in ("capped", "uncapped", "hand")}
    common = ("courses", "--in", str(source), "--gap", "60", "--json")
    by_hand = cold.task("courses_sql", file=str(source), answer=shown["hand"], gap=60)
    capped = cold.command(*common, "--carry-cap", "28", "--out", shown["capped"])
    uncapped = cold.command(*common, "--carry-cap", "none", "--out", shown["uncapped"])
    return {
        "patients": made["patients"],
        **figures(capped.seconds, by_hand.seconds, max(capped.peak_mb, uncapped.peak_mb)),
        "cpu_seconds": round(capped.cpu_seconds, 3),
        "sql_cpu_seconds": round(by_hand.cpu_seconds, 3),
        "rows_read": made["rows"],
        "rows_per_second": round(made["rows"] / capped.seconds),
        "rows": capped.told["courses"],
        "uncapped_seconds": round(uncapped.seconds, 3),
        "uncapped_ratio_to_sql": round(uncapped.seconds / by_hand.seconds, 2),
        "equal": cold.task("same", left=shown["uncapped"], right=shown["hand"]).told["equal"],
    }


def engine(asked: Asked) -> dict[str, Any]:
    """Everything for everybody; the seconds are of a cold process, without writing its answer."""

    def measured(patients: int) -> tuple[Path, cold.Ran]:
        store = asked.store_of(patients)
        return store, cold.task("engine", store=str(store), as_of=asked.as_of, engine=asked.engine, answer=str(asked.work))

    grown = growth(asked, measured) if asked.growth else {}
    store, ran = measured(asked.patients)
    by_hand = cold.task("engine_sql", store=str(store), as_of=asked.as_of, answer=str(asked.work))
    return {
        **counted(store),
        **figures(ran.told["seconds"], by_hand.told["seconds"], ran.peak_mb),
        "sql_peak_mb": by_hand.peak_mb,
        "cpu_seconds": round(ran.cpu_seconds, 3),
        "sql_cpu_seconds": round(by_hand.cpu_seconds, 3),
        "engine": asked.engine,
        **grown,
        "rows": ran.told["rows"],
        **cold.task("engine_same", answer=str(asked.work)).told,
        "stages": ran.told["stages"],
        "sql_steps": by_hand.told["steps"],
    }


def growth(asked: Asked, measured: Any) -> dict[str, Any]:
    """Time of all people over time of a tenth of them, both net of start-up."""
    start_up, tenth, whole = (measured(n)[1].told["seconds"] for n in (FEW, asked.patients // 10, asked.patients))
    return {
        "start_up_seconds": round(start_up, 3),
        "tenth_seconds": round(tenth, 3),
        "growth": round((whole - start_up) / (tenth - start_up), 2) if tenth > start_up else None,
    }


def patient(asked: Asked) -> dict[str, Any]:
    """One person after another in one process: from the rows of the store to their needs."""
    store = asked.store_of(asked.patients)
    given = {"store": str(store), "as_of": asked.as_of, "people": asked.people}
    ran = cold.task("patient", **given, engine=asked.engine)
    by_hand = cold.task("patient_sql", **given)
    return {
        **counted(store),
        **figures(ran.told["seconds"], by_hand.told["seconds"], ran.peak_mb),
        "engine": asked.engine,
        **{name: ran.told[name] for name in ("timed", "rows", "p50_ms", "p95_ms")},
        "sql_p50_ms": by_hand.told["p50_ms"],
        "sql_p95_ms": by_hand.told["p95_ms"],
    }


def imports(asked: Asked) -> dict[str, Any]:
    """Bring synthetic people in, as FHIR and as extracts of two GP systems; records are resources, or rows of files."""
    by_format = {name: _import(asked, name) for name in ((asked.format,) if asked.format else FORMATS)}
    seconds, by_hand = (sum(each[name] for each in by_format.values()) for name in ("seconds", "sql_seconds"))
    return {
        "patients": asked.patients,
        **figures(seconds, by_hand, max(each["peak_mb"] for each in by_format.values())),
        "formats": by_format,
    }


def _import(asked: Asked, format: str) -> dict[str, Any]:
    folder = asked.data / f"{format}-{asked.patients}-{asked.as_of}"
    if not (folder / "manifest.json").exists():
        words = ("--patients", str(asked.patients), "--as-of", asked.as_of, "--format", format, "--out", str(folder), "--json")
        cold.command("generate", *words)
        if format != "fhir":
            # The trust sends FHIR beside them; here only extracts count.
            for part in folder.iterdir():
                if part.is_dir() and not any(part.rglob("*.csv")):
                    shutil.rmtree(part)
    answer, store = asked.work / f"{format}-hand", asked.work / f"{format}-store"
    answer.mkdir()
    by_hand = cold.task("import_sql", folder=str(folder), answer=str(answer))
    ran = cold.command("import", str(folder), "--store", str(store), "--json")
    read = ran.told["read"]
    return {
        **figures(ran.seconds, by_hand.seconds, ran.peak_mb),
        "cpu_seconds": round(ran.cpu_seconds, 3),
        "records": read,
        "per_second": round(read / ran.seconds),
        "per_core_second": round(read / ran.cpu_seconds),
        "rejected": ran.told["totals"]["rejected"],
        "megabytes": round(by_hand.told["bytes"] / 1e6, 1),
    }


def taper(asked: Asked) -> dict[str, Any]:
    """Plans of reduction: median and p95 of `propose`, refusals with their proposals included. Nothing by hand to compare with."""
    ran = cold.task("taper", requests=asked.patients, as_of=asked.as_of)
    return {**ran.told, "seconds": round(ran.seconds, 3), "peak_mb": ran.peak_mb}


def counted(store: Path) -> dict[str, Any]:
    return cold.task("census", store=str(store)).told


BENCHES = {"engine": engine, "register": register, "courses": courses, "patient": patient, "import": imports, "taper": taper}
