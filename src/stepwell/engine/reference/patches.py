"""Section 11, patches: how many are worn at once, and how long a box lasts."""

from __future__ import annotations

from stepwell.engine.reference.units import counts_the_same
from stepwell.engine.reference.world import Row

PATCH = "patch"
DAY = 24_000
"""Hours a day, in thousandths: quantities and doses are thousandths of a patch."""


def wearing(row: Row, patch: Row) -> int | None:
    """Patches worn at once, as the instruction says; null when it says nothing that counts."""
    if row["dose_status"] not in ("structured", "text") or row["as_required"] or row["dose_unit"] != PATCH:
        return None
    if row["dose_high_milli"] is None or row["dose_high_milli"] <= 0:
        return None
    return max(1, (row["dose_high_milli"] * patch["wear_hours"] + DAY // 2) // DAY)


def patches_a_day(row: Row, patch: Row, days: int) -> tuple[int, str]:
    """Patches worn at once, and where that was read."""
    worn = wearing(row, patch)
    if worn is not None:
        return worn, row["dose_status"]
    quantity = _patches(row)
    if quantity is None:
        return 1, "estimated"
    return max(1, (quantity * patch["wear_hours"] + DAY // 2 * days) // (DAY * days)), "estimated"


def patches_last(row: Row, patch: Row) -> int | None:
    """Days that the patches of an issue last; null when their number is not known."""
    quantity = _patches(row)
    return None if quantity is None else quantity * patch["wear_hours"] // (DAY * (wearing(row, patch) or 1))


def _patches(row: Row) -> int | None:
    known = row["quantity_milli"] is not None and row["quantity_milli"] > 0 and counts_the_same(row["quantity_unit"], PATCH)
    return row["quantity_milli"] if known else None
