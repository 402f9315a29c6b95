"""Is this installation in order? Each check answers with what was found and, when something is wrong, what to do.

Nothing here names a person: counts, versions, settings and ages only. A check that itself fails is a finding, not a crash.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection

from stepwell.errors import Refused

# How long things may wait before somebody should know; habits of operation, not of medicine.
STUCK = timedelta(minutes=15)
STUCK_ATTEMPTS = 5
UNSEALED = timedelta(minutes=30)
EVALUATION_EVERY = timedelta(hours=26)
RUN_AT_MOST = timedelta(hours=6)
CLOCK_SECONDS = 5
LINKS_CHECKED = 1000
LITTLE_BYTES, LITTLE_SHARE = 1_000_000_000, 0.05
KEY_LENGTH = 32


class Level(StrEnum):
    OK = "ok"
    NOTE = "note"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """`do` says what to do; empty when there is nothing to do."""

    check: str
    level: Level
    found: str
    do: str = ""


Check = Callable[[], Iterator[Finding]]
CHECKS: dict[str, Check] = {}


def check(function: Check) -> Check:
    CHECKS[function.__name__.replace("_", " ")] = function
    return function


def examine(only: tuple[str, ...] = ()) -> list[Finding]:
    """Run the checks, or those named, in order."""
    if unknown := [name for name in only if name not in CHECKS]:
        raise Refused(f"There is no check {unknown[0]!r}. Checks: {', '.join(CHECKS)}.")
    found: list[Finding] = []
    for name, function in CHECKS.items():
        if only and name not in only:
            continue
        try:
            found += list(function())
        except Exception as error:  # whatever it met is the finding; its message could quote a row
            words = str(error) if isinstance(error, Refused) else f"could not be checked ({type(error).__name__})"
            do = "" if isinstance(error, Refused) else "Mend what the lines above name first, then run this again."
            found.append(Finding(name, Level.FAIL, words, do))
    return found


def as_json(found: list[Finding]) -> dict[str, Any]:
    return {"ok": not any(each.level is Level.FAIL for each in found), "findings": [asdict(each) for each in found]}


def _for_others() -> bool:
    """Whether anybody but this machine is served."""
    return not settings.DEMO and settings.ALLOWED_HOSTS != settings.LOOPBACK_HOSTS


# What was set


@check
def serving() -> Iterator[Finding]:
    """Hosts, HTTPS, proxy, demo, fixed day."""
    if settings.DEMO:
        yield Finding("serving", Level.NOTE, "a demo: synthetic people, sign-in without password, this machine only")
        return
    if settings.AS_OF is not None:
        level = Level.FAIL if _for_others() else Level.WARN
        yield Finding("serving", level, "the day is fixed: duties do not fall due any more", "Unset STEPWELL_AS_OF.")
    if not _for_others():
        words = "serves this machine only"
        yield Finding("serving", Level.NOTE, words, "For others set STEPWELL_HOSTS to the name they open.")
        return
    if "*" in settings.ALLOWED_HOSTS:
        yield Finding("serving", Level.FAIL, "answers to any host name", "Set STEPWELL_HOSTS to the name people open.")
    if not settings.HTTPS:
        yield Finding("serving", Level.FAIL, "others are served without HTTPS", "Unset STEPWELL_HTTPS or set it to 1.")
    elif not settings.PROXY:
        do = "If a proxy of yours does HTTPS in front, set STEPWELL_PROXY=1; without it every page redirects to itself."
        yield Finding("serving", Level.WARN, "HTTPS is on and no proxy is believed", do)
    else:
        yield Finding("serving", Level.OK, f"{', '.join(settings.ALLOWED_HOSTS)} over HTTPS behind a proxy")


@check
def secret_key() -> Iterator[Finding]:
    if len(settings.SECRET_KEY) < KEY_LENGTH:
        do = "Unset STEPWELL_SECRET_KEY to have one made, or give 50 random characters."
        yield Finding("secret key", Level.FAIL, f"shorter than {KEY_LENGTH} characters", do)
        return
    path = Path(settings.VAR) / "secret-key"
    if path.exists() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield Finding("secret key", Level.FAIL, f"{path.name} can be read by others", f"chmod 600 {path}")
        return
    yield Finding("secret key", Level.OK, "long enough and readable by its owner only")


@check
def frontend() -> Iterator[Finding]:
    from django.contrib.staticfiles import finders

    missing = [name for name in ("nhsuk/nhsuk-frontend.min.css", "stepwell/stepwell.css") if not finders.find(name)]
    if missing:
        yield Finding("frontend", Level.FAIL, f"{missing[0]} is not there", "Run `make frontend`, or install the wheel.")
    else:
        yield Finding("frontend", Level.OK, "styles are in place")


# The database


@check
def database() -> Iterator[Finding]:
    with connection.cursor() as cursor:

        def asked(query: str) -> Any:
            cursor.execute(query)
            return cursor.fetchone()[0]

        yield from _postgres(asked) if connection.vendor == "postgresql" else _sqlite(asked)


Asked = Callable[[str], Any]


def _postgres(asked: Asked) -> Iterator[Finding]:
    encoding = asked("SHOW server_encoding")
    if encoding != "UTF8":
        do = "Make a database with ENCODING 'UTF8' and restore a backup into it."
        yield Finding("database", Level.FAIL, f"its encoding is {encoding}", do)
    if asked("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
        do = "Give Stepwell a role of its own without SUPERUSER: a superuser can switch off what protects the audit trail."
        yield Finding("database", Level.FAIL if _for_others() else Level.WARN, "Stepwell signs in as a superuser", do)
    for name in ("fsync", "full_page_writes"):
        if asked(f"SHOW {name}") != "on":
            yield Finding("database", Level.FAIL, f"{name} is off: a crash loses what was written", f"Set {name} = on in postgresql.conf.")
    isolation = asked("SHOW default_transaction_isolation")
    if isolation != "read committed":
        do = "ALTER DATABASE … SET default_transaction_isolation = 'read committed'"
        yield Finding("database", Level.FAIL, f"its isolation is {isolation}: writes would fail one another", do)
    yield Finding("database", Level.OK, f"PostgreSQL {asked('SHOW server_version')} answers")


def _sqlite(asked: Asked) -> Iterator[Finding]:
    wanted = {"journal_mode": "wal", "foreign_keys": 1}
    wrong = [name for name, value in wanted.items() if asked(f"PRAGMA {name}") != value]
    if wrong and connection.settings_dict["NAME"] != ":memory:":
        do = "Keep the file on a disk of this machine, not on a network share."
        yield Finding("database", Level.FAIL, f"SQLite does not keep {wrong[0]}", do)
    if _for_others():
        do = "Use PostgreSQL where more than one practice works, or several processes write: docs/guide/production.md."
        yield Finding("database", Level.NOTE, "SQLite serves others than this machine", do)
    yield Finding("database", Level.OK, f"SQLite answers, journal {asked('PRAGMA journal_mode')}")


@check
def tables() -> Iterator[Finding]:
    """Every migration of the code is applied, and none that the code does not know."""
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    newer = [f"{app}.{name}" for app, name in executor.loader.applied_migrations if (app, name) not in executor.loader.disk_migrations]
    ours = {app for app, _ in executor.loader.disk_migrations}
    newer = sorted(name for name in newer if name.partition(".")[0] in ours)
    if newer:
        do = "Install the version of Stepwell that made it, or restore the backup made before the upgrade."
        yield Finding("tables", Level.FAIL, f"the database is newer than this Stepwell ({newer[0]})", do)
    if waiting:
        words = f"{len(waiting)} migrations wait, the first is {waiting[0][0].app_label}.{waiting[0][0].name}"
        yield Finding("tables", Level.FAIL, words, "Make a backup, then run `stepwell manage migrate`.")
    if not newer and not waiting:
        yield Finding("tables", Level.OK, "every migration is applied")


@check
def append_only() -> Iterator[Finding]:
    """The triggers that keep history from being changed."""
    from django.apps import apps

    from stepwell.web.core.append_only import AppendOnlyModel, protected_tables

    wanted = {model._meta.db_table for model in apps.get_models() if issubclass(model, AppendOnlyModel)}
    wanted &= set(connection.introspection.table_names())  # what is not there yet waits for its migration
    missing = sorted(wanted - protected_tables(connection))
    if missing:
        do = "Its triggers were removed: find out by whom, run `stepwell audit verify`, and restore the last backup beside it."
        yield Finding("append only", Level.FAIL, f"{', '.join(missing)} can be changed", do)
    else:
        yield Finding("append only", Level.OK, f"{len(wanted)} tables refuse change")


@check
def audit_trail() -> Iterator[Finding]:
    """The newest links of the chain, and how far sealing is behind. `stepwell audit verify` walks all of it."""
    from django.db.models import Exists, OuterRef

    from stepwell.web.core import audit, clock
    from stepwell.web.core.models import AuditEntry, AuditSeal

    newest = list(AuditSeal.objects.order_by("-position")[: LINKS_CHECKED + 1])[::-1]
    entries = AuditEntry.objects.in_bulk([seal.entry_id for seal in newest])
    for before, seal in pairwise(newest):
        entry = entries.get(seal.entry_id)
        follows = seal.position == before.position + 1 and seal.previous == before.hash
        if not follows or entry is None or seal.hash != audit.link(before.hash, entry):
            do = "Keep a copy of the database as it is, run `stepwell audit verify`, and tell the privacy officer."
            yield Finding("audit trail", Level.FAIL, f"the chain does not hold at seal {seal.position}", do)
            return
    last = newest[-1].entry_id if newest else 0
    open_end = AuditEntry.objects.filter(~Exists(AuditSeal.objects.filter(entry_id=OuterRef("pk"))), pk__gt=last - LINKS_CHECKED)
    oldest = open_end.order_by("at").values_list("at", flat=True).first()
    if oldest is not None and clock.now() - oldest > UNSEALED:
        words = f"entries have waited for their seal since {_ago(oldest)}"
        yield Finding("audit trail", Level.WARN, words, "Run `stepwell audit seal` every few minutes (docs/guide/production.md).")
    else:
        yield Finding("audit trail", Level.OK, f"the newest {max(0, len(newest) - 1):,} links hold")


# Records and duties


@check
def record_store() -> Iterator[Finding]:
    from stepwell.records.store import Store

    path = Path(settings.STORE)
    if not (path / "manifest.json").exists():
        do = "Import records: `stepwell import FOLDER --store " + str(path) + "`, or set STEPWELL_STORE."
        yield Finding("record store", Level.WARN, "there are no records yet", do)
        return
    store = Store.open(path)
    missing = [part.file for part in store.manifest.parts if not (path / part.file).is_file()]
    if missing:
        do = "Restore the store from a backup, or import the records again; the database keeps what people did."
        yield Finding("record store", Level.FAIL, f"{len(missing)} of {len(store.manifest.parts)} files are missing", do)
    else:
        yield Finding("record store", Level.OK, f"version {store.version}, {len(store.manifest.parts):,} files")
    if not _writable(path):
        yield Finding("record store", Level.FAIL, "this user may not write to it", f"Give {path} to the user Stepwell runs as.")


@check
def evaluation() -> Iterator[Finding]:
    """Whether the ledger has read the newest records, day and knowledge, and whether anything is stuck."""
    from stepwell.web.core import clock
    from stepwell.web.ledger import evaluation as ledger
    from stepwell.web.ledger.models import Evaluation, PendingEvaluation

    if not (Path(settings.STORE) / "manifest.json").exists():
        return
    last = Evaluation.objects.filter(finished_at__isnull=False).order_by("-id").first()
    if last is None:
        yield Finding("evaluation", Level.WARN, "nobody has been evaluated yet", "Run `stepwell manage catch_up`.")
    elif ledger.is_behind():
        late = last.finished_at is not None and clock.now() - last.finished_at > EVALUATION_EVERY
        do = "Run `stepwell manage catch_up --if-behind`; every night by a timer (docs/guide/production.md)."
        words = f"the records, the day or the knowledge have moved since the last run, {_ago(last.started_at)}"
        yield Finding("evaluation", Level.FAIL if late else Level.WARN, words, do)
    else:
        yield Finding("evaluation", Level.OK, f"duties are as of {last.as_of.isoformat()}, pack {last.pack_version}")
    begun = Evaluation.objects.filter(finished_at__isnull=True).order_by("-id").first()
    if begun is not None and (last is None or begun.pk > last.pk) and clock.now() - begun.started_at > RUN_AT_MOST:
        words = f"a run that began {_ago(begun.started_at)} has not ended"
        yield Finding("evaluation", Level.WARN, words, "Look at its log, then run `stepwell manage catch_up` again.")
    stuck = PendingEvaluation.objects.filter(since__lt=clock.now() - STUCK)
    if number := stuck.count():
        tried = stuck.order_by("-attempts").values_list("attempts", flat=True).first() or 0
        do = "Run `stepwell manage catch_up --pending` every minute; the log says what an evaluation met."
        level = Level.FAIL if tried >= STUCK_ATTEMPTS else Level.WARN
        yield Finding("evaluation", level, f"{number:,} people wait for their duties, tried up to {tried} times", do)


@check
def imports() -> Iterator[Finding]:
    """Imports asked for on the page that nobody carries out."""
    from stepwell.web.operations import selectors
    from stepwell.web.operations.models import ACTIVE, ImportRun

    under_way = list(ImportRun.objects.filter(state__in=ACTIVE))
    stopped = [run for run in under_way if selectors.has_stopped(run)]
    if stopped:
        do = "Run `stepwell manage db_worker` as a service; then its manager starts the import again on the page."
        yield Finding("imports", Level.WARN, f"import {stopped[0].pk} has stopped, or no worker took it", do)
    else:
        yield Finding("imports", Level.OK, f"{len(under_way)} under way")


@check
def knowledge_pack() -> Iterator[Finding]:
    from stepwell import knowledge
    from stepwell.web.accounts.models import Organisation, OrganisationKind
    from stepwell.web.ledger.models import PackApproval

    pack = knowledge.load()
    approved = PackApproval.objects.filter(version=pack.version).values("org_code")
    waiting = Organisation.objects.filter(kind=OrganisationKind.PRACTICE).exclude(code__in=approved).count()
    if waiting:
        do = "Its manager reads and approves it under Knowledge; until then every figure not read in its source says so."
        yield Finding("knowledge pack", Level.NOTE, f"version {pack.version}: {waiting} practices have not approved it", do)
    else:
        yield Finding("knowledge pack", Level.OK, f"version {pack.version}")


# The machine


@check
def disk() -> Iterator[Finding]:
    places = {Path(settings.VAR), Path(settings.STORE)}
    if connection.vendor == "sqlite":
        places.add(Path(connection.settings_dict["NAME"]).absolute().parent)
    told: dict[int, tuple[Path, Any]] = {}
    for place in places:
        existing = next(folder for folder in (place, *place.parents) if folder.exists())
        told[existing.stat().st_dev] = (place, shutil.disk_usage(existing))
    for place, usage in told.values():
        words = f"{usage.free / 1e9:.1f} GB free where {place.name} is"
        if usage.free < LITTLE_BYTES or usage.free < LITTLE_SHARE * usage.total:
            do = "Make room before the next import: a store keeps the old parts beside the new until an import is in force."
            yield Finding("disk", Level.FAIL if usage.free < LITTLE_BYTES else Level.WARN, words, do)
        else:
            yield Finding("disk", Level.OK, words)


@check
def clock_and_zone() -> Iterator[Finding]:
    ZoneInfo(settings.TIME_ZONE)  # raises when the machine has no time zones
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            apart = abs((cursor.fetchone()[0] - datetime.now(UTC)).total_seconds())
        if apart > CLOCK_SECONDS:
            do = "Keep both machines on the same time server (chrony or systemd-timesyncd)."
            yield Finding("clock and zone", Level.FAIL, f"this machine and the database are {apart:.0f} s apart", do)
            return
    yield Finding("clock and zone", Level.OK, f"{settings.TIME_ZONE}")


@check
def programs() -> Iterator[Finding]:
    """What some parts need: gunicorn to serve, PostgreSQL's tools for its backups; Java and Chromium only for Spark and for tests."""
    if importlib.util.find_spec("gunicorn") is None:
        yield Finding("programs", Level.FAIL, "gunicorn is not installed", "Install Stepwell from its lock file or wheel.")
    if connection.vendor == "postgresql":
        yield from _postgres_tools()
    wanted = {"Java (for Spark)": "java", "Chromium (for the browser tests)": "chromium"}
    absent = [name for name, command in wanted.items() if not shutil.which(command)]
    words = f"not on this machine, and not needed to serve: {', '.join(absent)}" if absent else "all there"
    yield Finding("programs", Level.NOTE if absent else Level.OK, words)


@check
def letters() -> Iterator[Finding]:
    """Letters as PDF: the libraries and a font, tried by making a page."""
    from stepwell.web.core import pdf

    if problem := pdf.problem():
        yield Finding("letters", Level.WARN, problem, f"Install what is missing: {pdf.INSTALL}")
    else:
        yield Finding("letters", Level.OK, "PDFs can be made")


def _postgres_tools() -> Iterator[Finding]:
    tool = shutil.which("pg_dump")
    do = "Install PostgreSQL's client of the server's version and put it first on the path: `stepwell backup` needs pg_dump."
    if tool is None:
        yield Finding("programs", Level.WARN, "pg_dump is not on the path", do)
        return
    said = subprocess.run([tool, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603 - found on the path
    version = re.search(r"(\d+)[.\d]*", said)
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        server = int(cursor.fetchone()[0]) // 10_000
    if version is None or int(version[1]) < server:
        yield Finding("programs", Level.WARN, f"pg_dump is older than the server ({server})", do)


def _writable(path: Path) -> bool:
    return os.access(path, os.W_OK)


def _ago(moment: datetime) -> str:
    from stepwell.web.core import clock

    minutes = max(0, int((clock.now() - moment).total_seconds() // 60))
    if minutes < 120:
        return f"{minutes} minutes ago"
    return f"{minutes // 60} hours ago" if minutes < 60 * 48 else f"{minutes // (60 * 24)} days ago"
