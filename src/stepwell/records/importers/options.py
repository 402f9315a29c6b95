"""What an import is asked to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime


@dataclass(frozen=True, slots=True)
class Options:
    """`practice`: only its records are taken. `source`: an organisation code the whole input comes from, else by each record."""

    practice: str | None = None
    source: str | None = None
    format: str = "auto"
    scope: str = "auto"
    today: date = field(default_factory=date.today)
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(tzinfo=None))
