"""The person's own report of who looked at their record, in plain words. Reads no database.

Entries of one day by the same organisation, role and reason are told as one line. What staff typed as a reason may be about
somebody else, so only the reasons that the product itself writes are told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from stepwell.web.core.actor import PERSON
from stepwell.web.core.formatting import UK, count
from stepwell.web.core.models import AuditEntry
from stepwell.web.core.permissions import Permission
from stepwell.web.privacy.pages import role_label

# Reasons that `access.decide` gives, as the person reads them; the order matters.
_BECAUSE: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"^registered with (?P<a>.+), covered by (?P<b>.+)$", "you are registered with {a}, and {b} works for its patients"),
        (r"^registered with (?P<a>.+)$", "you are registered with {a}"),
        (r"^on the caseload of (?P<a>.+)$", "you are on the caseload of {a}"),
        (r"^supplied by (?P<a>.+)$", "{a} supplies one of your medicines"),
        (r"^under an agreement with (?P<a>.+)$", "{a} shares your care under an agreement"),
        (r"^with a request open at (?P<a>.+)$", "you were referred to {a}"),
        (r"^with an appointment at (?P<a>.+)$", "you have or had an appointment at {a}"),
    )
)
_GLASS = re.compile(r"^opened without a relationship: (?P<a>.+)$")
_EXCEPTIONAL = "they were not known to be involved in your care. The reason they gave: {}"
_PAGES = {
    "patient page": "your main page",
    "trends": "your test results over time",
    "who looked": "the list of who looked at your record",
    "duty page": "one of the checks you are due",
    "access report": "this report",
    "review of an opening": "how your record was opened before",
    "break glass form": "the form with which staff ask for a record in an emergency",
}


@dataclass(slots=True)
class Line:
    """One organisation, role and reason on one day."""

    who: str
    why: str
    without_relationship: bool
    pages: dict[str, int] = field(default_factory=dict)
    lists: int = 0
    changes: int = 0
    refusals: int = 0

    @property
    def what(self) -> str:
        parts = []
        if self.pages:
            parts.append(f"looked at {_joined(list(self.pages))}")
        if self.lists:
            parts.append(f"saw your name on {count(self.lists, 'list')}")
        if self.changes:
            parts.append(f"recorded or changed something {_times(self.changes)}")
        if self.refusals:
            parts.append(f"asked for your record {_times(self.refusals)} and was refused")
        told = "; ".join(parts)
        return f"{told[:1].upper()}{told[1:]}."


@dataclass(frozen=True, slots=True)
class Day:
    on: date
    lines: list[Line]


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def _joined(parts: list[str]) -> str:
    return " and ".join(part for part in (", ".join(parts[:-1]), parts[-1]) if part)


def because(reason: str) -> tuple[str, bool]:
    """The reason in plain words, empty where it is not one of the product's own; and whether there was no relationship."""
    if found := _GLASS.match(reason):
        return _EXCEPTIONAL.format(found["a"]), True
    for pattern, words in _BECAUSE:
        if found := pattern.match(reason):
            return words.format(**found.groupdict()), False
    return "", False


def days(entries: Iterable[AuditEntry], names: Mapping[str, str], *, with_names: bool) -> list[Day]:
    """By day, the newest first, each day in the order of `entries`.

    `names` are organisations by code; `with_names` tells members of staff by name.
    """
    found: dict[date, dict[tuple[str, str], Line]] = {}
    for entry in entries:
        words, without = because(entry.reason)
        opens = entry.action == Permission.BREAK_GLASS and entry.kind == "write"
        if opens:
            # The sentence they typed may name somebody else; the reason they chose stands before it.
            words, without = _EXCEPTIONAL.format(entry.reason.partition(": ")[0]), True
        who = _who(entry, names, with_names)
        lines = found.setdefault(entry.at.astimezone(UK).date(), {})
        line = lines.setdefault((who, words), Line(who, words, without))
        if entry.kind == "refused":
            line.refusals += 1
        elif opens:
            line.pages.setdefault("your record", 0)
        elif entry.kind == "write":
            line.changes += 1
        elif entry.person_id is None:
            line.lists += 1
        else:
            page = _PAGES.get(entry.subject_id, "a page about you")
            line.pages[page] = line.pages.get(page, 0) + 1
    return [Day(day, _merged(list(found[day].values()))) for day in sorted(found, reverse=True)]


def _merged(lines: list[Line]) -> list[Line]:
    """What somebody did without a reason of its own (lists, changes) goes with the reason they had on that day, if it was one."""
    told = []
    for line in lines:
        others = [other for other in lines if other.who == line.who and other.why and not other.without_relationship]
        if line.why or line.refusals or len(others) != 1:
            told.append(line)
            continue
        others[0].lists += line.lists
        others[0].changes += line.changes
        others[0].pages.update(line.pages)
    return told


def _who(entry: AuditEntry, names: Mapping[str, str], with_names: bool) -> str:
    if entry.role == PERSON:
        return "You, on your own page"
    if entry.user_id is None:
        return "Stepwell, the software itself"
    works = f"{role_label(entry.role)}, {names.get(entry.organisation, entry.organisation)}"
    return f"{entry.user_name}, {works}" if with_names else works
