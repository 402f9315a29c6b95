"""The knowledge base: versioned clinical figures as data, checked when they are loaded.

`load()` gives the pack that ships with Stepwell, `load(path)` another one; a pack with a fault is refused.
The engine sees knowledge only as the tables of `stepwell.knowledge.tables`.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from stepwell.errors import Refused
from stepwell.knowledge.check import check
from stepwell.knowledge.compile import Knowledge, compiled
from stepwell.knowledge.pack import Finding, read

__all__ = ["DATA", "Finding", "Knowledge", "findings", "load"]

DATA = Path(__file__).resolve().parent / "data"


def findings(path: Path | None = None) -> list[Finding]:
    """Every fault of the pack at `path` (default: the one that ships), in the order of files and lines."""
    return check(read(path or DATA))


def load(path: Path | None = None) -> Knowledge:
    """The pack at `path`, or the one that ships. Raises Refused when it has a fault; `stepwell knowledge check` tells all of them."""
    # Asked thousands of times for a page: the way to the pack that ships is not looked up each time.
    if path is None or (path := path.resolve()) == DATA:
        return _load(DATA, 0)
    return _load(path, _changed(path))


def _changed(path: Path) -> int:
    """When something of a pack changed last: one that was edited, or another that came to its place, is read again."""
    return max((each.stat().st_mtime_ns for each in path.rglob("*")), default=0)


@lru_cache(maxsize=4)
def _load(path: Path, _at: int) -> Knowledge:
    raw = read(path)
    faults = check(raw)
    if faults:
        first = faults[0]
        raise Refused(
            f"the knowledge pack at {path} has {len(faults)} fault{'s' * (len(faults) > 1)}; "
            f"the first: {first.file} line {first.line}: {first.message}. "
            "Run 'stepwell knowledge check' on it for all of them"
        )
    return compiled(raw)
