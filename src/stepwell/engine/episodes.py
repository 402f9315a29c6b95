"""Treatment episodes ("courses") from a plain list of issues: who, which medicine, when, for how many days, at which dose.

The engine's own courses (`stages/courses.sql`) come from whole records; this is the same arithmetic for a file of issues, with
each decision of the field named (guide: running.md). Everything is set-based; the statements are in `episode_stages/`.

Stock is counted in dose units (days × dose), whole numbers in millionths, so that a change of dose rescales what is left over
and no comparison rounds. Ideas and names of the decisions: AdhereR (`compute.treatment.episodes`), drugprepr; no code of theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Literal

from stepwell.engine.stage_files import parse, render

if TYPE_CHECKING:
    import duckdb

SameDay = Literal["regimen", "stack"]
SAME_DAY: tuple[SameDay, ...] = ("regimen", "stack")

# Dose units are counted in millionths of the file's unit of dose.
DOSE_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Decisions:
    """How issues become courses. `gap_days` and `carry_cap_days` in days; no cap: None. `until` is the last day known."""

    gap_days: int
    carry_cap_days: int | None
    same_day: SameDay
    dose_aware: bool
    until: date


@cache
def _sql(name: str) -> str:
    file = resources.files("stepwell.engine") / "episode_stages" / f"{name}.sql"
    return parse(name, file.read_text(encoding="utf-8")).sql


def compute(connection: duckdb.DuckDBPyConnection, decisions: Decisions, progress: Callable[[str], None] | None = None) -> None:
    """Make the table `courses` (chain, course, start_on, end_on, gap, censored) from the table `issues`.

    `issues`: chain (whole number: one patient and medicine), on_date (none after `until`), days (BIGINT, 1 or more), dose (BIGINT,
    millionths, null when not known; 1 in every row when doses are not to count) and, to stack, place (order within the file).
    `progress` hears the name of each statement as it begins. duckdb.Error when a stock is beyond 64 bits.
    """

    def make(name: str, statement: str, **values: int | date) -> None:
        if progress:
            progress(statement)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS\n{render(_sql(statement), values)}")

    def count(expression: str, table: str) -> int:
        row = connection.execute(f"SELECT {expression} FROM {table}").fetchone()
        return int(row[0] or 0) if row else 0

    make("events", decisions.same_day, dose_aware=int(decisions.dose_aware))
    if count("count(*) - count(dose)", "events"):
        make("events", "doses")
    make("steps", "steps", until=decisions.until)
    connection.execute("DROP TABLE events")
    make("carried", "carried")
    connection.execute("DROP TABLE steps")
    stock = "carried"
    if decisions.carry_cap_days is not None:
        make("clamps", "clamps", carry_cap=decisions.carry_cap_days)
        if longest := count("max(place)", "clamps"):
            # 2^passes events are reached across.
            for number in range((longest - 1).bit_length()):
                make("clamps", "clamp_pass", step=2**number)
            make("capped", "capped")
            stock = "capped"
    connection.execute(f"CREATE OR REPLACE TEMP VIEW held_stock AS SELECT * FROM {stock}")
    make("courses", "courses", gap=decisions.gap_days, until=decisions.until)
