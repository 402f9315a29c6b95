"""Settings from the environment, the frontend's collection, the management commands."""

from __future__ import annotations

import stat
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import time_machine
from django.core.management import call_command
from django.core.management.base import CommandError

from stepwell.cli import main
from stepwell.errors import Refused
from stepwell.web.config import environment
from stepwell.web.core import clock
from stepwell.web.core.management.commands import collect_frontend


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///var/x.sqlite3", {"NAME": "var/x.sqlite3"}),
        ("sqlite:////srv/with%20space/x.sqlite3", {"NAME": "/srv/with space/x.sqlite3"}),
        (
            "postgresql://step%40well:p%2Fw@db.example:5433/well?sslmode=require",
            {
                "NAME": "well",
                "USER": "step@well",
                "PASSWORD": "p/w",
                "HOST": "db.example",
                "PORT": "5433",
                "OPTIONS": {"sslmode": "require"},
            },
        ),
        ("postgresql://postgres:@/postgres?host=/run/socket", {"NAME": "postgres", "HOST": "/run/socket", "PORT": "", "OPTIONS": {}}),
    ],
)
def test_database_urls(url, expected):
    described = environment.database(url)
    assert {key: described[key] for key in expected} == expected


@pytest.mark.parametrize("url", ["mysql://x/y", "x", "sqlite://", "postgresql://host"])
def test_a_wrong_database_url_says_what_to_write(url):
    with pytest.raises(Refused, match="STEPWELL_DATABASE_URL"):
        environment.database(url)


def test_flags_numbers_and_days():
    assert environment.flag("X", {"X": "Yes"}) is True
    assert environment.flag("X", {"X": "0"}) is environment.flag("X", {}) is False
    assert environment.number("X", 15, {"X": "5"}) == 5
    assert environment.day("X", {"X": "2026-11-21"}) == date(2026, 11, 21)
    assert environment.day("X", {}) is None
    for read in (environment.flag, environment.day, lambda name, environ: environment.number(name, 1, environ)):
        with pytest.raises(Refused, match="X is 'maybe'"):
            read("X", {"X": "maybe"})


def test_the_secret_key_is_made_once_and_only_its_owner_reads_it(tmp_path):
    key = environment.secret_key(tmp_path / "var", {})
    assert len(key) >= 50
    assert environment.secret_key(tmp_path / "var", {}) == key
    assert stat.S_IMODE((tmp_path / "var" / "secret-key").stat().st_mode) == 0o600
    assert environment.secret_key(tmp_path / "other", {"STEPWELL_SECRET_KEY": "given"}) == "given"
    assert not (tmp_path / "other").exists()


@pytest.mark.django_db
def test_sqlite_is_set_up_for_many_readers_and_one_writer():
    from django.db import connection

    if connection.vendor != "sqlite":
        assert connection.vendor == "postgresql"
        return
    with connection.cursor() as cursor:
        read = {name: cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "busy_timeout", "foreign_keys")}
    assert read == {"journal_mode": "wal", "busy_timeout": 5000, "foreign_keys": 1}
    assert connection.transaction_mode == "IMMEDIATE"


def test_today_is_the_day_in_the_uk_or_the_fixed_day(settings):
    with time_machine.travel(datetime(2026, 6, 30, 23, 30, tzinfo=UTC)):
        settings.AS_OF = None
        assert clock.today() == date(2026, 7, 1)
        settings.AS_OF = date(2019, 6, 30)
        assert clock.today() == date(2019, 6, 30)
        assert clock.now().year == 2026


def package(folder: Path, css: str) -> Path:
    built = folder / "dist" / "nhsuk"
    (built / "assets" / "images").mkdir(parents=True)
    (built / "nhsuk-frontend.min.css").write_text(css)
    (built / "nhsuk-frontend.min.js").write_text("export{};\n//# sourceMappingURL=x.map\n")
    (built / "assets" / "images" / "icon.svg").write_text("<svg/>")
    (folder / "package.json").write_text('{"name": "nhsuk-frontend", "version": "0", "license": "MIT"}')
    (folder / "README.md").write_text("# x\n\n## Licence\n\nMIT, as stated.\n")
    return folder


def test_the_frontend_is_collected_without_fonts_or_maps(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(collect_frontend, "TARGET", tmp_path / "static")
    font = "@font-face{font-family:F;src:url(https://assets.nhs.uk/f.woff2)}"
    css = f"{font}.a{{background:url(/assets/images/icon.svg)}}/*# sourceMappingURL=x.map */"
    call_command("collect_frontend", "--from", str(package(tmp_path / "npm", css)))
    assert (tmp_path / "static" / "nhsuk-frontend.min.css").read_text() == ".a{background:url(images/icon.svg)}"
    assert "sourceMappingURL" not in (tmp_path / "static" / "nhsuk-frontend.min.js").read_text()
    assert (tmp_path / "static" / "images" / "icon.svg").exists()
    assert "MIT, as stated." in (tmp_path / "static" / "NOTICE.txt").read_text()


def test_a_frontend_that_reaches_out_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(collect_frontend, "TARGET", tmp_path / "static")
    with pytest.raises(CommandError, match="addresses this command does not know"):
        call_command("collect_frontend", "--from", str(package(tmp_path / "npm", ".a{background:url(https://assets.nhs.uk/x.png)}")))
    with pytest.raises(CommandError, match="npm ci"):
        call_command("collect_frontend", "--from", str(tmp_path / "none"))


def test_manage_passes_on_to_django(capsys):
    assert main(["manage", "check"]) == 0
    assert "no issues" in capsys.readouterr().out


@pytest.mark.django_db
def test_models_and_migrations_agree():
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


@pytest.mark.django_db
def test_seal_audit_command(capsys):
    from stepwell.web.core import audit
    from stepwell.web.core.actor import Actor

    audit.record_read(Actor.system("tests"), "view patient")
    call_command("seal_audit")
    assert "sealed 1" in capsys.readouterr().out
