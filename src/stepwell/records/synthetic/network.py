"""Writes a synthetic network: one folder per organisation with NDJSON per resource type, and a manifest that says what was made."""

from __future__ import annotations

import shutil
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from stepwell.errors import Refused
from stepwell.records.synthetic import fhir
from stepwell.records.synthetic.catalogue import Catalogue, catalogue
from stepwell.records.synthetic.chart import Chart
from stepwell.records.synthetic.lives import place_charts, sizes
from stepwell.records.synthetic.people import ADULT, NHS_NUMBERS

GENERATOR = 2  # goes up when the same seed gives other files
MANIFEST = "manifest.json"
FEWEST = 20
MOST = NHS_NUMBERS // 4


def check(patients: int, seed: int) -> None:
    """Refused when such a network cannot be made."""
    if not FEWEST <= patients <= MOST:
        raise Refused(f"--patients {patients}: ask for {FEWEST} to {MOST} people (each needs an NHS number of the 999 range of their own)")
    if seed < 0:
        raise Refused(f"--seed {seed}: give a whole number from 0 up")


def generate(patients: int, seed: int, as_of: date, out: Path, *, chunk: int = 4096) -> dict[str, Any]:
    """Write the network into `out` and return its manifest. Raises Refused when asked for what cannot be made.

    `chunk` is how many people are made at a time; the files do not depend on it.
    """
    check(patients, seed)
    if out.exists() and not out.is_dir():
        raise Refused(f"{out} is a file; name a folder for --out")
    if out.is_dir() and any(out.iterdir()) and not (out / MANIFEST).exists():
        raise Refused(f"{out} holds other files; name a new or empty folder for --out, so that nothing of yours is overwritten")
    made = out.with_name(out.name + ".part")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    world = catalogue()
    with _Folders(made) as folders:
        _organisations(world, folders)
        tally = _Tally(world, as_of.toordinal())
        for place, count in enumerate(sizes(world, patients)):
            for start in range(0, count, chunk):
                for charts in place_charts(world, seed, place, range(start, min(start + chunk, count)), as_of.toordinal()):
                    tally.add(place, charts)
                    for chart in charts:
                        folders.write_all(chart.org, fhir.resources(world, chart))
        manifest = {
            "generator": GENERATOR,
            "seed": seed,
            "as_of": as_of.isoformat(),
            "patients": patients,
            "synthetic": "Every person is made up: NHS numbers 999..., postcodes ZZ99, telephones 07700 900...",
            "organisations": [{"code": code, "name": name, "kind": kind} for code, name, kind in _members(world)],
            "counts": folders.counts(),
            **tally.report(),
        }
    (made / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
    shutil.rmtree(out, ignore_errors=True)
    made.rename(out)
    return manifest


def _members(world: Catalogue) -> list[tuple[str, str, str]]:
    network = world.network
    members = [(practice.code, practice.name, "practice") for practice in network.practices]
    return [*members, (network.trust.code, network.trust.name, "trust"), (network.pcn.code, network.pcn.name, "network")]


def _organisations(world: Catalogue, folders: _Folders) -> None:
    """Each organisation's folder names itself and those it refers to."""
    network = world.network
    trust = fhir.organisation(network.trust.code, network.trust.name, "trust", network.trust.phone)
    practices = [fhir.organisation(p.code, p.name, "practice", p.phone) for p in network.practices]
    for practice, row in zip(network.practices, practices, strict=True):
        folders.write_all(practice.code, [row, trust])
    outside = fhir.organisation(network.outside.code, network.outside.name, "practice")
    folders.write_all(network.trust.code, [trust, *practices, outside])


class _Folders:
    """Open files, one per organisation and resource type; counts what it writes."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[tuple[str, str], BinaryIO] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._encoder = msgspec.json.Encoder()

    def __enter__(self) -> _Folders:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()

    def write_all(self, org: str, rows: Any) -> None:
        for row in rows:
            key = (org, row["resourceType"])
            file = self._files.get(key)
            if file is None:
                folder = self._root / org
                folder.mkdir(exist_ok=True)
                file = self._files[key] = (folder / f"{key[1]}.ndjson").open("wb", buffering=1 << 20)
            file.write(self._encoder.encode(row))
            file.write(b"\n")
            self._counts[key] += 1

    def counts(self) -> dict[str, dict[str, int]]:
        orgs = sorted({org for org, _ in self._counts})
        return {org: {kind: number for (owner, kind), number in sorted(self._counts.items()) if owner == org} for org in orgs}


class _Tally:
    """Achieved against target: adults of the practices who took a class in the year, per 1,000."""

    def __init__(self, world: Catalogue, as_of: int) -> None:
        self._world, self._as_of = world, as_of
        self._adults = 0
        self._any = 0
        self._users: Counter[str] = Counter()
        self._mess: Counter[str] = Counter()

    def add(self, place: int, charts: list[Chart]) -> None:
        for chart in charts:
            self._mess["people without an NHS number"] += chart.person.nhs_number is None
            self._mess["medicines prescribed elsewhere"] += sum(plan.elsewhere for plan in chart.plans)
            self._mess["transfer-degraded medicines"] += sum(plan.degraded for plan in chart.plans)
            self._mess["trust birth dates that differ"] += chart.born != chart.person.born
        if not charts or place >= len(self._world.network.practices):
            return
        person = charts[0].person
        self._mess["deceased"] += person.died is not None
        self._mess["moved away"] += person.moved is not None
        self._mess["known to the trust as well"] += len(charts) > 1
        if person.age_on(self._as_of) >= ADULT:
            self._adults += 1
            self._users.update(person.classes)
            self._any += any(group in self._world.population.five for group in person.classes)

    def report(self) -> dict[str, Any]:
        adults = max(1, self._adults)
        population = self._world.population
        rates = {
            name: {
                "achieved_per_1000_adults": round(self._users[name] * 1000 / adults, 1),
                "target_per_1000_adults": round(rate.aim * 1000, 1),
                "real_per_1000_adults": rate.per_1000,
                "oversampled": rate.oversample,
                "source": rate.source,
            }
            for name, rate in population.classes.items()
        }
        return {
            "adults": self._adults,
            "rates": rates,
            "any_of_five": {"achieved": round(self._any / adults, 3), "target": population.any_of_five_target, "classes": population.five},
            "mess": dict(sorted(self._mess.items())),
        }
