"""Reads settings from the environment: databases, folders, the secret key. Errors say what to set."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from stepwell.errors import Refused

SQLITE_OPTIONS: dict[str, Any] = {
    "transaction_mode": "IMMEDIATE",  # a reader that turns writer half-way would meet "database is locked" at once
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=5000; PRAGMA foreign_keys=ON;",
}


def folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where this installation keeps its own files: `STEPWELL_VAR`, else `var` under the working directory."""
    return Path(environ.get("STEPWELL_VAR", "var")).absolute()


def flag(name: str, environ: Mapping[str, str] = os.environ) -> bool:
    """True for 1, true, yes, on; False when empty or 0, false, no, off."""
    value = environ.get(name, "").strip().lower()
    if value in {"", "0", "false", "no", "off"}:
        return False
    if value in {"1", "true", "yes", "on"}:
        return True
    raise Refused(f"{name} is {value!r}. Set it to 1 or 0.")


def number(name: str, default: int, environ: Mapping[str, str] = os.environ) -> int:
    value = environ.get(name, "").strip()
    if not value:
        return default
    if not value.isdigit():
        raise Refused(f"{name} is {value!r}. Set it to a whole number.")
    return int(value)


def choice(name: str, allowed: Sequence[str], default: str, environ: Mapping[str, str] = os.environ) -> str:
    value = environ.get(name, "").strip().lower() or default
    if value not in allowed:
        raise Refused(f"{name} is {value!r}. Set it to one of: {', '.join(allowed)}.")
    return value


def day(name: str, environ: Mapping[str, str] = os.environ) -> date | None:
    """A date as YYYY-MM-DD, or None when it is not set."""
    value = environ.get(name, "").strip()
    if not value:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise Refused(f"{name} is {value!r}. Write the day as YYYY-MM-DD, for example 2026-11-21.") from error


def database(url: str) -> dict[str, Any]:
    """Django's description of the database at `url`: `sqlite:///relative.sqlite3`, `sqlite:////absolute.sqlite3`,
    or `postgresql://user:password@host:port/name?host=/socket/folder`."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        path = unquote(parts.path)[1:]
        if not path:
            raise Refused("STEPWELL_DATABASE_URL names no file. Write sqlite:///var/stepwell.sqlite3")
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": path, "OPTIONS": dict(SQLITE_OPTIONS)}
    if parts.scheme in {"postgresql", "postgres"}:
        name = unquote(parts.path)[1:]
        if not name:
            raise Refused("STEPWELL_DATABASE_URL names no database. Write postgresql://user@host:5432/stepwell")
        query = dict(parse_qsl(parts.query))
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": name,
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": query.pop("host", parts.hostname or ""),
            "PORT": query.pop("port", str(parts.port or "")),
            "CONN_MAX_AGE": 60,
            "CONN_HEALTH_CHECKS": True,
            "OPTIONS": query,
        }
    raise Refused(f"STEPWELL_DATABASE_URL starts with {parts.scheme!r}. Use sqlite:/// or postgresql://")


def secret_key(var: Path, environ: Mapping[str, str] = os.environ) -> str:
    """`STEPWELL_SECRET_KEY`, else a key made once for this installation and kept in `var/secret-key`, readable by its owner only."""
    if given := environ.get("STEPWELL_SECRET_KEY", "").strip():
        return given
    path = var / "secret-key"
    var.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(handle, "w", encoding="ascii") as file:
        key = secrets.token_urlsafe(48)
        file.write(key)
    return key


def sign_in_providers(environ: Mapping[str, str] = os.environ) -> list[dict[str, Any]]:
    """What `STEPWELL_OIDC_*` and `STEPWELL_CIS2_*` describe, as `accounts.providers.Provider` takes it; nothing when they are not set."""
    found = []
    if _value("STEPWELL_OIDC_ISSUER", environ):
        described = _provider("STEPWELL_OIDC", {"scopes": "openid profile", "acr": ""}, environ)
        name = _value("STEPWELL_OIDC_NAME", environ) or "your organisation's sign-in"
        found.append({"key": "oidc", "name": name, "client_secret": _needed("STEPWELL_OIDC_CLIENT_SECRET", environ), **described})
    if _value("STEPWELL_CIS2_ISSUER", environ):
        usual = {"scopes": "openid profile nhsperson nationalrbacaccess associatedorgs", "acr": "AAL3_ANY"}
        described = _provider("STEPWELL_CIS2", usual, environ)
        found.append({"key": "cis2", "name": "NHS Care Identity", "key_file": _needed("STEPWELL_CIS2_KEY_FILE", environ), **described})
    return found


def _provider(prefix: str, usual: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, Any]:
    issuer = _needed(f"{prefix}_ISSUER", environ)
    parts = urlsplit(issuer)
    if parts.scheme != "https" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
        raise Refused(f"{prefix}_ISSUER is {issuer!r}. A sign-in provider is reached by https:// only.")
    return {
        "issuer": issuer,
        "client_id": _needed(f"{prefix}_CLIENT_ID", environ),
        "scopes": _value(f"{prefix}_SCOPES", environ) or usual["scopes"],
        "acr": tuple((_value(f"{prefix}_ACR", environ) or usual["acr"]).split()),
    }


def _value(name: str, environ: Mapping[str, str]) -> str:
    return environ.get(name, "").strip()


def _needed(name: str, environ: Mapping[str, str]) -> str:
    if value := _value(name, environ):
        return value
    raise Refused(f"{name} is not set. The sign-in provider needs it.")
