"""Changed points: the score before and after, and who moves; worked by hand."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest
from builders import table

from stepwell.engine.contract import TABLES
from stepwell.engine.preview import moved, preview
from stepwell.errors import Refused

AS_OF = date(2026, 6, 1)
REASONS = table(
    "k_priority",
    [
        {"reason": "overdue", "grp": "overdue", "label": "months overdue", "points": 2, "kind": "overdue", "per_days": 30, "cap": 6},
        {"reason": "old", "grp": "harm", "label": "75 or older", "points": 3, "kind": "fact", "fact": "age", "op": ">=", "value": 75},
        {"reason": "supply", "grp": "harm", "label": "supply", "points": 4, "kind": "needs", "subject": "supply", "cap": 5},
    ],
)


def rows(name: str, *given: dict[str, object]) -> pa.Table:
    return pa.Table.from_pylist([dict.fromkeys(TABLES[name].names) | row for row in given], schema=TABLES[name].arrow_schema())


# 1: 62 days overdue, young: 4. 2: due today, 80: 3. 3: two supply duties, due today: 8, at most 5. 4: nothing due.
NEEDS = rows(
    "needs",
    {"person_id": 1, "kind": "monitor", "state": "open", "due_on": date(2026, 3, 31), "owner_org": "A81001"},
    {"person_id": 2, "kind": "monitor", "state": "open", "due_on": AS_OF, "owner_org": "A81001"},
    {"person_id": 3, "kind": "supply", "state": "open", "due_on": AS_OF, "owner_org": "A81001"},
    {"person_id": 3, "kind": "supply", "state": "open", "due_on": AS_OF, "owner_org": "A81001"},
    {"person_id": 3, "kind": "supply", "state": "met", "due_on": AS_OF, "owner_org": "A81001"},
    {"person_id": 4, "kind": "supply", "state": "open", "due_on": date(2026, 6, 2), "owner_org": "A81001"},
)
FACTS = rows("facts", *({"person_id": person, "fact": "age", "subject": "", "value": age} for person, age in ((1, 40), (2, 80), (4, 90))))


def table_of(points: dict[str, int], **caps: int | None) -> list[tuple[int, ...]]:
    return [tuple(row.values()) for row in preview(NEEDS, FACTS, REASONS, AS_OF, points, caps=caps).to_pylist()]


def test_nothing_changed_nobody_moves() -> None:
    found = preview(NEEDS, FACTS, REASONS, AS_OF, {})
    assert [tuple(row.values()) for row in found.to_pylist()] == [(3, 5, 5, 1, 1), (1, 4, 4, 2, 2), (2, 3, 3, 3, 3)]
    assert moved(found).num_rows == 0


def test_more_points_for_age_move_who_is_old() -> None:
    found = preview(NEEDS, FACTS, REASONS, AS_OF, {"old": 9})
    assert [tuple(row.values()) for row in found.to_pylist()] == [(2, 3, 9, 3, 1), (3, 5, 5, 1, 2), (1, 4, 4, 2, 3)]
    assert moved(found)["person_id"].to_pylist() == [2, 3, 1]


def test_a_reason_left_out_and_equal_points_share_a_place() -> None:
    assert table_of({"old": 0}) == [(3, 5, 5, 1, 1), (1, 4, 4, 2, 2), (2, 3, 0, 3, 3)]
    assert table_of({"old": 5}) == [(3, 5, 5, 1, 1), (2, 3, 5, 3, 1), (1, 4, 4, 2, 3)]


def test_another_cap() -> None:
    assert table_of({}, supply=None) == [(3, 5, 8, 1, 1), (1, 4, 4, 2, 2), (2, 3, 3, 3, 3)]


def test_an_unknown_reason_is_refused() -> None:
    with pytest.raises(Refused, match="no reason colour gives points; the reasons are old, overdue, supply"):
        preview(NEEDS, FACTS, REASONS, AS_OF, {"colour": 1})


def test_nobody_has_points() -> None:
    assert preview(NEEDS.slice(0, 0), FACTS, REASONS, AS_OF, {"old": 9}).num_rows == 0
