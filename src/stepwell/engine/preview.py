"""What other points would do to the priority score, before anybody agrees to them (docs/engine.md 16).

The stage `priority` runs again over the needs and facts of an evaluation with some points changed. Nothing is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from stepwell.engine import stage_files
from stepwell.errors import Refused

STAGE = "priority"
SCHEMA = pa.schema(
    [
        ("person_id", pa.int64()),
        ("before", pa.int64()),  # points of the score
        ("after", pa.int64()),
        ("place_before", pa.int64()),  # 1 = most points; equal points share the better place
        ("place_after", pa.int64()),
    ]
)


def preview(
    needs: pa.Table,
    facts: pa.Table,
    k_priority: pa.Table,
    as_of: date,
    points: Mapping[str, int],
    *,
    caps: Mapping[str, int | None] | None = None,
) -> pa.Table:
    """One row per person with points before or after, in order of place after, place before, person: see `SCHEMA`.

    needs, facts: tables of `contract.TABLES` as evaluated on `as_of`; k_priority: the pack's (`knowledge.tables()`).
    points: reason → points instead of the pack's, 0 to leave it out; caps: reason → most points it gives, None for no cap.
    Who moves are the rows whose places differ (`moved`). Refused for a reason that the pack does not have.
    """
    changed = _changed(k_priority, points, dict(caps or {}))
    before, after = (_scores(needs, facts, table, as_of) for table in (k_priority, changed))
    rows = [
        {"person_id": person, "before": before.get(person, 0), "after": after.get(person, 0)}
        for person in sorted(before.keys() | after.keys())
    ]
    for column in ("before", "after"):
        places = _places([row[column] for row in rows])
        for row in rows:
            row[f"place_{column}"] = places[row[column]]
    rows.sort(key=lambda row: (row["place_after"], row["place_before"], row["person_id"]))
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def moved(found: pa.Table) -> pa.Table:
    """The rows of a preview whose place changes."""
    return found.filter(pc.not_equal(found["place_before"], found["place_after"]))


def _changed(k_priority: pa.Table, points: Mapping[str, int], caps: Mapping[str, int | None]) -> pa.Table:
    rows = k_priority.to_pylist()
    if unknown := (points.keys() | caps.keys()) - {row["reason"] for row in rows}:
        known = ", ".join(sorted(row["reason"] for row in rows))
        raise Refused(f"no reason {', '.join(sorted(unknown))} gives points; the reasons are {known}")
    for row in rows:
        row["points"] = points.get(row["reason"], row["points"])
        row["cap"] = caps.get(row["reason"], row["cap"])
    return pa.Table.from_pylist(rows, schema=k_priority.schema)


def _scores(needs: pa.Table, facts: pa.Table, k_priority: pa.Table, as_of: date) -> dict[int, int]:
    from stepwell.engine import runner

    connection = runner.connect()
    try:
        for name, rows in (("needs", needs), ("facts", facts), ("k_priority", k_priority)):
            connection.register(name, rows)
        sql = stage_files.render(stage_files.load()[STAGE].sql, {"as_of": as_of})
        found = connection.execute(f"SELECT person_id, CAST(sum(points) AS BIGINT) FROM ({sql}) AS p GROUP BY person_id").fetchall()
        return dict(found)
    finally:
        connection.close()


def _places(scores: list[int]) -> dict[int, int]:
    """Score → place, the highest first."""
    places: dict[int, int] = {}
    for place, score in enumerate(sorted(scores, reverse=True), start=1):
        places.setdefault(score, place)
    return places
