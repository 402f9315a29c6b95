"""What an import did, as it is told: read = accepted + not used + rejected, always."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field

from stepwell.errors import Refused

EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Place:
    """Where a resource stands: file, line (or position in the Bundle), type and id as stated, JSON path of the resource."""

    file: str
    line: int
    resource_type: str | None = None
    native_id: str | None = None
    path: str = "$"


@dataclass
class _Group:
    count: int = 0
    message: str = ""
    examples: list[dict[str, object]] = field(default_factory=list)

    def add(self, example: dict[str, object], message: str, count: int = 1) -> None:
        self.count += count
        self.message = self.message or message
        if len(self.examples) < EXAMPLES:
            self.examples.append(example)

    def join(self, other: _Group) -> None:
        self.count += other.count
        self.message = self.message or other.message
        self.examples += other.examples[: EXAMPLES - len(self.examples)]


@dataclass
class ImportReport:
    """Counts of resources, not of rows. `flags` are accepted, but somebody should know."""

    import_id: str = ""
    scope: str = ""
    format: str = ""
    read: int = 0
    new: int = 0
    unchanged: int = 0
    superseded: int = 0
    not_used: Counter[str] = field(default_factory=Counter)
    by_source: dict[str, Counter[str]] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    removed: int = 0
    store_version: int = 0
    _rejected: dict[str, _Group] = field(default_factory=dict)
    _flags: dict[str, _Group] = field(default_factory=dict)

    @property
    def accepted(self) -> int:
        return self.new + self.unchanged + self.superseded

    @property
    def rejected(self) -> int:
        return sum(group.count for group in self._rejected.values())

    def reject(self, reason: str, message: str, place: Place, path: str) -> None:
        example = {"file": place.file, "line": place.line, "path": path, "resource_type": place.resource_type, "id": place.native_id}
        self._rejected.setdefault(reason, _Group()).add({**example, "message": message}, message)

    def flag(self, what: str, message: str, place: Place, count: int = 1) -> None:
        example = {"file": place.file, "line": place.line, "resource_type": place.resource_type, "id": place.native_id}
        self._flags.setdefault(what, _Group()).add(example, message, count)

    def count(self, source: str, what: str, number: int = 1) -> None:
        self.by_source.setdefault(source, Counter())[what] += number

    def join(self, other: ImportReport) -> None:
        """Take in what another reading of the same import did."""
        for name in ("read", "new", "unchanged", "superseded", "removed"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.not_used.update(other.not_used)
        for source, counts in other.by_source.items():
            self.by_source.setdefault(source, Counter()).update(counts)
        for table, count in other.rows.items():
            self.rows[table] = self.rows.get(table, 0) + count
        for mine, theirs in ((self._rejected, other._rejected), (self._flags, other._flags)):
            for name, group in theirs.items():
                mine.setdefault(name, _Group()).join(group)
        self.import_id = hashlib.sha256(f"{self.import_id} {other.import_id}".encode()).hexdigest()[:16]
        self.format = f"{self.format} and {other.format}"
        if other.scope != self.scope:
            self.scope = f"{self.scope} and {other.scope}"

    def flag_count(self, what: str) -> int:
        return self._flags[what].count if what in self._flags else 0

    def to_json(self) -> dict[str, object]:
        """Plain data for `--json`. No names, dates of birth or NHS numbers."""
        return {
            "import_id": self.import_id,
            "format": self.format,
            "scope": self.scope,
            "read": self.read,
            "accepted": {"new": self.new, "unchanged": self.unchanged, "superseded": self.superseded},
            "not_used": dict(sorted(self.not_used.items())),
            "rejected": [
                {"reason": reason, "message": group.message, "count": group.count, "examples": group.examples}
                for reason, group in sorted(self._rejected.items(), key=lambda item: (-item[1].count, item[0]))
            ],
            "totals": {"read": self.read, "accepted": self.accepted, "not_used": self.not_used.total(), "rejected": self.rejected},
            "removed": self.removed,
            "flags": [
                {"flag": what, "message": group.message, "count": group.count, "examples": group.examples}
                for what, group in sorted(self._flags.items())
            ],
            "by_source": {source: dict(counts) for source, counts in sorted(self.by_source.items())},
            "rows": dict(sorted(self.rows.items())),
            "store_version": self.store_version,
        }


class Unusable(Refused):
    """The input as a whole cannot be used; the store is as it was. `report` says how far the reading came."""

    def __init__(self, message: str, report: ImportReport | None = None) -> None:
        super().__init__(message)
        self.report = report
