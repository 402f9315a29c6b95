"""Units: what is a mass, and when two counted units speak of the same thing (section 2, "the test")."""

from __future__ import annotations

MICROGRAMS = {"mg": 1_000, "microgram": 1, "gram": 1_000_000}
ANY_UNIT = ("dose", "unit", "other")
SOLID = ("tablet", "capsule")


def counts_the_same(one: str | None, other: str | None) -> bool:
    """Two counted units speak of the same thing."""
    if one is None or other is None or one in MICROGRAMS or other in MICROGRAMS:
        return False
    if one == other or (one in SOLID and other in SOLID):
        return True
    return "ml" not in (one, other) and (one in ANY_UNIT or other in ANY_UNIT)
