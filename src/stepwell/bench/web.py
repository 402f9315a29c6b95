"""`stepwell bench web`: the product as it is deployed, with a ledger of a whole region in PostgreSQL, under people who work with it.

Everything runs on this machine and on as many cores as asked: PostgreSQL, gunicorn, and the simulated people themselves. The data is
made once and kept (`--data`); what people do in a run stays in it, as it would.
"""

from __future__ import annotations

import http.client
import json
import math
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

from stepwell.bench import cold, web_database
from stepwell.bench.web_users import Timed, Visitor, work
from stepwell.errors import Refused

CORES = 2
# Kinds of the acceptance figure; forms that are opened on the way to an action are told beside them.
PAGES = ("worklist", "patient", "search", "action")
START_SECONDS = 60


@dataclass(frozen=True)
class Asked:
    """What the command line asks for. `database`: a server on this machine instead of the embedded one."""

    duties: int
    patients: int
    users: int
    seconds: float
    think: float
    as_of: str
    data: Path
    database: str | None
    cores: int = CORES


def web(asked: Asked) -> dict[str, Any]:
    """Fill what is not filled yet, serve it, let people work, and tell how long they waited."""
    cores = _keep_to(asked.cores)
    before = os.getloadavg()[0]
    with web_database.server(asked.data, asked.database) as url:
        filled = _filled(url, asked)
        database = web_database.on_server(url, web_database.NAME)
        environment = web_database.environment(database, asked.data, asked.as_of)
        told = cold.process(
            [sys.executable, "-m", "stepwell.bench.web_fill", "sessions", json.dumps(
                {"users": asked.users, "as_of": asked.as_of, "folder": str(asked.data)}
            )],
            environment,
        ).told["users"]  # fmt: skip
        with served(environment, asked.data) as port:
            timed, elapsed = _measure(port, told, asked)
        settings = web_database.settings(database)
    cpu = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        **{name: filled[name] for name in ("duties", "open_duties", "people", "events", "organisations", "networks")},
        "users": asked.users,
        "roles": dict(sorted(Counter(f"{row['role']} ({row['organisation']})" for row in told).items())),
        "think_seconds": asked.think,
        "measured_seconds": round(elapsed, 1),
        **summary(timed),
        "fill_seconds": {name: filled[name] for name in ("sample_seconds", "copy_seconds", "total_seconds")},
        "machine": machine(cores, before) | {"children_cpu_seconds": round(cpu.ru_utime + cpu.ru_stime, 1)},
        "database": settings,
    }


def _keep_to(cores: int) -> int:
    """This process and all it starts stay on so many cores; gives how many there are."""
    if not hasattr(os, "sched_setaffinity"):
        return os.cpu_count() or 1
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    os.sched_setaffinity(0, allowed)
    return len(allowed)


def _filled(url: str, asked: Asked) -> dict[str, Any]:
    """What the database holds: from an earlier run when it is what is asked for, made now otherwise."""
    wanted = {"asked_duties": asked.duties, "patients": asked.patients, "as_of": asked.as_of, "made_by": _made_by()}
    found = web_database.state(url)
    if found and wanted.items() <= found.items() and (asked.data / "sample" / "demo.json").exists():
        return found
    begun = perf_counter()
    web_database.remove_sample(asked.data)
    database = web_database.make_anew(url)
    given = {"folder": str(asked.data), "patients": asked.patients, "duties": asked.duties, "as_of": asked.as_of}
    environment = web_database.environment(database, asked.data, asked.as_of)
    told = _process([sys.executable, "-m", "stepwell.bench.web_fill", "fill", json.dumps(given)], environment)
    made = {**wanted, **told}
    made["total_seconds"] = round(perf_counter() - begun, 1)
    web_database.mark(database, made)
    return made


def _process(words: Sequence[str], environment: Mapping[str, str]) -> dict[str, Any]:
    """As `cold.process`, but what it says on the way is seen: this one takes minutes."""
    child = subprocess.run(words, env=dict(environment), stdout=subprocess.PIPE, check=False)  # noqa: S603 - our own interpreter
    if child.returncode:
        raise Refused("the ledger could not be filled; the lines above say why")
    told: dict[str, Any] = json.loads(child.stdout)
    return told


def _made_by() -> str:
    """Names the code that shapes the tables: a ledger filled before a migration is filled again."""
    from stepwell.records.synthetic.network import GENERATOR

    web_folder = Path(__file__).resolve().parent.parent / "web"
    migrations = sorted(f"{path.parent.parent.name}/{path.stem}" for path in web_folder.glob("*/migrations/0*.py"))
    return f"{GENERATOR} {' '.join(migrations)}"


# The server


@contextmanager
def served(environment: Mapping[str, str], data: Path) -> Iterator[int]:
    """gunicorn as the production guide starts it, on a free port of this machine; its port, once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [sys.executable, "-m", "gunicorn", "-c", "python:stepwell.web.config.serving", "stepwell.web.config.wsgi:application"]
    log = data / "gunicorn.log"
    with open(log, "wb") as said:
        child = subprocess.Popen(  # noqa: S603 - our own interpreter
            words, env={**environment, "STEPWELL_BIND": f"127.0.0.1:{port}"}, stdout=said, stderr=said, start_new_session=True
        )
        try:
            _wait(child, port, log)
            yield port
        finally:
            _stop(child)


def _wait(child: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = perf_counter() + START_SECONDS
    while perf_counter() < deadline:
        if child.poll() is not None:
            raise Refused(f"the server ended before it answered; {log} says why")
        with suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.2)
    raise Refused(f"the server did not answer within {START_SECONDS} s; {log} says why")


def _stop(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _measure(port: int, told: list[dict[str, Any]], asked: Asked) -> tuple[list[Timed], float]:
    """Everybody opens one of everything first; then the clock begins, and only what began after it counts."""
    start = [math.inf]
    today = date.fromisoformat(asked.as_of)
    visitors = [Visitor(port, row, seed, today, lambda: start[0]) for seed, row in enumerate(told)]
    # Twice, because each of the two workers has to have met every page.
    for _ in range(2):
        for visitor in visitors:
            visitor.begin()
    wrong = [each for visitor in visitors for each in visitor.timed if each.wrong]
    if wrong:
        raise Refused(f"before the clock began: {wrong[0].kind}: {wrong[0].wrong}; gunicorn.log in the data folder says more")
    for visitor in visitors:
        visitor.timed.clear()
    start[0] = perf_counter()
    work(visitors, seconds=asked.seconds, think=asked.think, clock=lambda: start[0])
    return [each for visitor in visitors for each in visitor.timed], perf_counter() - start[0]


# The report


def summary(timed: Sequence[Timed]) -> dict[str, Any]:
    """Requests, errors and waiting times in milliseconds: of the four kinds of page together, and of each kind of request."""
    kinds: dict[str, list[float]] = defaultdict(list)
    for each in timed:
        kinds[each.kind].append(each.seconds)
    wrong = Counter(f"{each.kind}: {each.wrong}" for each in timed if each.wrong)
    pages = [seconds for kind in PAGES for seconds in kinds.get(kind, ())]
    return {
        "requests": len(timed),
        "errors": sum(wrong.values()),
        **({"wrong": dict(wrong.most_common())} if wrong else {}),
        "pages": waiting(pages),
        "all": waiting([each.seconds for each in timed]),
        "by_page": {kind: waiting(kinds[kind]) for kind in sorted(kinds, key=lambda kind: -len(kinds[kind]))},
    }


def waiting(seconds: Sequence[float]) -> dict[str, float]:
    """Count and p50, p95, p99 (nearest rank) and longest, in milliseconds."""
    if not seconds:
        return {"n": 0}
    ordered = sorted(seconds)

    def rank(share: float) -> float:
        return round(1000 * ordered[max(0, math.ceil(share * len(ordered)) - 1)], 1)

    return {"n": len(ordered), "p50_ms": rank(0.5), "p95_ms": rank(0.95), "p99_ms": rank(0.99), "max_ms": rank(1)}


def in_words(report: Mapping[str, Any]) -> str:
    """The report for a person at a terminal: what there was, then a line for each kind of request."""
    lines = [
        f"{report['duties']:,} duties ({report['open_duties']:,} open) of {report['people']:,} people in {report['networks']} networks",
        f"{report['users']} people at work for {report['measured_seconds']} s, {report['think_seconds']} s between two pages, "
        f"on {report['machine']['cores']} cores (load before: {report['machine']['load_before']})",
        f"{report['requests']} requests, {report['errors']} errors",
        *(f"  {number} × {what}" for what, number in report.get("wrong", {}).items()),
        f"{'':14}{'n':>6}{'p50':>8}{'p95':>8}{'p99':>8}{'longest':>9}  ms",
    ]
    for name, row in {"the four kinds": report["pages"], **report["by_page"]}.items():
        if row["n"]:
            lines.append(f"{name:14}{row['n']:6}{row['p50_ms']:8}{row['p95_ms']:8}{row['p99_ms']:8}{row['max_ms']:9}")
    return "\n".join(lines)


def machine(cores: int, load_before: float) -> dict[str, Any]:
    """What it ran on, and how busy that was before."""
    processor, memory = "", 0
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
        processor = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    with suppress(OSError, ValueError):
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1_000_000
    return {
        "cores": cores,
        "processor": processor,
        "memory_mb": memory,
        "python": sys.version.split()[0],
        "load_before": round(load_before, 2),
    }
