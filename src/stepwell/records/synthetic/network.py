"""Writes a synthetic network: one folder per organisation in an import format (or a store), and a manifest that says what was made."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from stepwell.errors import Refused
from stepwell.records.synthetic.calibration import Tally
from stepwell.records.synthetic.catalogue import catalogue
from stepwell.records.synthetic.population import make_practice, organisation_table
from stepwell.records.synthetic.storing import store_sink
from stepwell.records.synthetic.world import World, make_world

GENERATOR = 4  # goes up when the same seed gives other records
MANIFEST = "manifest.json"
FORMATS = ("fhir", "gpconnect", "emis", "tpp", "mixed", "store")
_PART_PEOPLE = 2500  # people of one source in one bucket of a store, about

Put = Callable[[str, dict[str, pa.Table]], dict[str, int]]


def check(patients: int, seed: int) -> None:
    """Refused when such a network cannot be made."""
    make_world(patients, seed)


def format_of(chosen: str, kind: str, index: int) -> str:
    """The import format of one organisation. Trusts send FHIR: the other formats are of practices."""
    if kind != "practice" or chosen == "fhir":
        return "fhir"
    return ("emis", "tpp")[index % 2] if chosen == "mixed" else chosen


def generate(patients: int, seed: int, as_of: date, out: Path, *, format: str = "fhir", practices: int | None = None) -> dict[str, Any]:
    """Write the network into `out` and return its manifest. Raises Refused when asked for what cannot be made.

    `format`: fhir, gpconnect, emis, tpp, mixed (EMIS and TPP in turn, the trust FHIR), or store: a record store in `out`.
    """
    if format not in FORMATS:
        raise Refused(f"--format {format}: choose one of {', '.join(FORMATS)}")
    world = make_world(patients, seed, practices=practices)
    if out.exists() and not out.is_dir():
        raise Refused(f"{out} is a file; name a folder for --out")
    if out.is_dir() and any(out.iterdir()) and (format == "store" or not (out / MANIFEST).exists()):
        raise Refused(f"{out} holds other files; name a new or empty folder for --out, so that nothing of yours is overwritten")
    made = out.with_name(out.name + ".part")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    counts: dict[str, dict[str, int]] = {}
    tally = Tally(world, as_of)
    with ExitStack() as stack:
        put, finish = _store(world, made, as_of, stack) if format == "store" else _folders(world, made, format)
        for org, tables in organisations(world, seed, as_of, tally):
            counts[org] = put(org, tables)
        finish()
    manifest = {
        "generator": GENERATOR,
        "seed": seed,
        "as_of": as_of.isoformat(),
        "patients": patients,
        "format": format,
        "synthetic": "Every person is made up: NHS numbers 999..., postcodes ZZ99, telephones 07700 900...",
        "organisations": [{"code": code, "name": name, "kind": kind} for code, name, kind in members(world)],
        "counts": counts,
        **tally.report(),
    }
    name = "synthetic.json" if format == "store" else MANIFEST
    (made / name).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
    shutil.rmtree(out, ignore_errors=True)
    made.rename(out)
    return manifest


def _store(world: World, out: Path, as_of: date, stack: ExitStack) -> tuple[Put, Callable[[], Any]]:
    largest = max(place.size for place in world.practices)
    sink = stack.enter_context(store_sink(out, as_of, buckets=max(1, min(16, round(largest / _PART_PEOPLE)))))

    def keep(org: str, tables: dict[str, pa.Table]) -> dict[str, int]:
        sink.put(org, tables)
        return {name: rows.num_rows for name, rows in tables.items()}

    return keep, sink.finish


def _folders(world: World, out: Path, format: str) -> tuple[Put, Callable[[], Any]]:
    index = {place.code: place.index for place in world.practices}

    def write(org: str, tables: dict[str, pa.Table]) -> dict[str, int]:
        which = format_of(format, "practice" if org in index else "trust", index.get(org, 0))
        found: dict[str, int] = import_module(f"stepwell.records.synthetic.writers.{which}").write(out / org, org, tables)
        return found

    return write, lambda: None


def organisations(world: World, seed: int, as_of: date, tally: Tally | None = None) -> Iterator[tuple[str, dict[str, pa.Table]]]:
    """Canonical tables of each practice as it is made, then those of the trust, which are of people of all of them."""
    trust: dict[str, list[pa.Table]] = defaultdict(list)
    known = 0
    for place in world.places:
        made = make_practice(world, seed, place, as_of)
        if tally is not None:
            tally.add(made)
        ours = made.records.pop(world.trust, {})
        for name, rows in ours.items():
            shift = pc.add(rows["subject_id"], pa.scalar(known, pa.int64()))
            trust[name].append(rows.set_column(rows.column_names.index("subject_id"), "subject_id", shift))
        known += ours["patients"].num_rows if ours else 0
        yield from made.records.items()
    if known:
        tables = {name: pa.concat_tables(parts) for name, parts in trust.items()}
        yield world.trust, {"patients": tables.pop("patients"), "organisations": organisation_table(world, world.trust), **tables}


def members(world: World) -> list[tuple[str, str, str]]:
    """Code, name and kind of every organisation of the network."""
    network = catalogue().network
    found = [(place.code, place.name, "practice") for place in world.practices]
    return [*found, (network.trust.code, network.trust.name, "trust"), (network.pcn.code, network.pcn.name, "network")]
