"""Builds the demo's store and ledger in one folder, and finds it again: nothing is done twice.

`make_network` runs without Django (the folder and the day have to be known before settings load); `fill_ledger` needs it.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import msgspec

from stepwell import knowledge
from stepwell.errors import Refused
from stepwell.records.importers import run_import
from stepwell.records.store import Store
from stepwell.records.synthetic.network import GENERATOR, check, generate

STATE = "demo.json"
DATABASE = "stepwell.sqlite3"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for. `as_of` None: the day of an existing demo, otherwise today."""

    folder: Path
    patients: int
    seed: int
    as_of: date | None
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """What the folder holds; written only when everything is in place."""

    patients: int
    seed: int
    as_of: date
    generator: int


@contextmanager
def step(say: Say, words: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    say(f"{words}: {time.perf_counter() - started:.1f} s")


def found(wanted: Wanted) -> State | None:
    """The finished demo in the folder, when it is the one asked for."""
    path = wanted.folder / STATE
    if wanted.fresh or not path.exists():
        return None
    try:
        state = msgspec.json.decode(path.read_bytes(), type=State)
    except msgspec.DecodeError:
        return None
    same = (state.patients, state.seed, state.generator) == (wanted.patients, wanted.seed, GENERATOR)
    return state if same and wanted.as_of in (None, state.as_of) else None


def prepare(wanted: Wanted) -> None:
    """An empty place for a new demo. Refused where the folder holds something the demo did not make."""
    check(wanted.patients, wanted.seed)
    folder = wanted.folder
    ours = {STATE, "people", "people.part", "store", "secret-key", *(DATABASE + end for end in ("", "-wal", "-shm", "-journal"))}
    if folder.exists() and not folder.is_dir():
        raise Refused(f"{folder} is a file; name a folder with --dir")
    others = sorted(entry.name for entry in folder.iterdir() if entry.name not in ours) if folder.exists() else []
    if others:
        raise Refused(f"{folder} holds other files ({others[0]}); name a new folder with --dir, so that nothing of yours is removed")
    for name in ours - {"secret-key"}:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)


def environment(folder: Path, as_of: date) -> None:
    """The settings of this demo. Set before Django loads; they also reach the server that is started afterwards."""
    os.environ.update(
        DJANGO_SETTINGS_MODULE="stepwell.web.config.settings",
        STEPWELL_VAR=str(folder.absolute()),
        STEPWELL_DATABASE_URL=f"sqlite:///{(folder / DATABASE).absolute()}",
        STEPWELL_STORE=str((folder / "store").absolute()),
        STEPWELL_AS_OF=as_of.isoformat(),
        STEPWELL_DEMO="1",
    )


def make_network(wanted: Wanted, as_of: date, say: Say) -> None:
    """Synthetic people as their systems export them (EMIS, TPP, FHIR), then into the store, organisation by organisation."""
    people = wanted.folder / "people"
    with step(say, f"made {wanted.patients:,} synthetic people"):
        generate(wanted.patients, wanted.seed, as_of, people, format="mixed")
    store = Store.open(wanted.folder / "store", create=True)
    for folder in sorted(path for path in people.iterdir() if path.is_dir()):
        with step(say, f"imported the records of {folder.name}"):
            report = run_import(folder, store, source="auto", today=as_of)
        if report.rejected:
            raise Refused(f"{folder.name}: {report.rejected} synthetic rows were rejected; this is a fault of Stepwell, please report it")


def fill_ledger(wanted: Wanted, as_of: date, say: Say) -> None:
    """The database: tables, organisations, people, duties, and what people did with some of them."""
    from django.core.management import call_command

    from stepwell.web.demo import lived_in
    from stepwell.web.ledger.evaluation import catch_up

    with step(say, "made the database"):
        call_command("migrate", verbosity=0, interactive=False)
        lived_in.seed_staff(as_of)
    with step(say, "computed every duty"):
        done = catch_up()
    with step(say, "let people work with it"):
        count = lived_in.work(as_of)
    say(f"{done.applied.people:,} people; {count.agreements} agreements, {count.events} acts on duties and adjustments")
    (wanted.folder / STATE).write_bytes(msgspec.json.encode(asdict(State(wanted.patients, wanted.seed, as_of, GENERATOR))))


def catch_up_if_behind(say: Say, as_of: date) -> None:
    """A new version of the knowledge, or tables and people that a newer Stepwell added: bring an existing demo up to date."""
    from django.core.management import call_command

    from stepwell.web.demo import lived_in
    from stepwell.web.ledger.evaluation import catch_up, is_behind

    call_command("migrate", verbosity=0, interactive=False)
    lived_in.seed_people(as_of)
    if is_behind():
        with step(say, f"computed every duty again, with knowledge {knowledge.load().version}"):
            catch_up()


__all__ = ["State", "Wanted", "catch_up_if_behind", "environment", "fill_ledger", "found", "make_network", "prepare", "step"]
