"""Imports in words: how far, what came of it, what to do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from stepwell.web.core import clock
from stepwell.web.core.formatting import count
from stepwell.web.ledger.pages import Pager
from stepwell.web.operations import selectors
from stepwell.web.operations.models import ImportRun, RunState
from stepwell.web.operations.selectors import Entry

SIZE = 50
FOLLOW_SECONDS = 5
SCOPE_WORDS = {"full": "a whole record", "patients": "the whole record of some people", "delta": "changes"}
# What an evaluation does to duties, in the order in which it is told.
_CHANGES = {
    "opened": "new",
    "met": "done",
    "superseded": "no longer owed",
    "declined": "declined",
    "not applicable": "not applicable",
    "changed": "changed",
}
_TONES = {RunState.DONE: "green", RunState.FAILED: "red"}


def size_words(number: int) -> str:
    """`4 KB`, `1.2 GB`"""
    for unit, step in (("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1_000)):
        if number >= step:
            return f"{number / step:,.1f} {unit}" if number < 10 * step else f"{number / step:,.0f} {unit}"
    return f"{number} bytes"


def duration(seconds: float) -> str:
    """`40 seconds`, `3 minutes`"""
    whole = max(0, round(seconds))
    return count(whole, "second") if whole < 90 else count(round(whole / 60), "minute")


class EntryLine:
    def __init__(self, entry: Entry) -> None:
        self.key, self.name, self.changed_at = entry.key, entry.name, entry.changed_at
        self.told = f"{count(entry.files, 'file')}, {size_words(entry.bytes)}"
        self.unsettled = not entry.settled
        self.last = RunLine(entry.last) if entry.last is not None else None


class RunLine:
    """One import in a list."""

    def __init__(self, run: ImportRun) -> None:
        self.id, self.name, self.asked_at = run.pk, run.name, run.asked_at
        self.who = run.asked_by.display_name
        self.state = "Stopped" if selectors.has_stopped(run) else RunState(run.state).label
        self.tone = "red" if self.state == "Stopped" else _TONES.get(RunState(run.state), "blue")
        totals = run.report.get("totals") or {}
        self.told = f"{totals['accepted']:,} accepted, {totals['rejected']:,} rejected" if totals else ""


class ListPage:
    def __init__(self, entries: list[Entry], runs: list[ImportRun], folder: str) -> None:
        self.entries, self.runs, self.folder = [EntryLine(entry) for entry in entries], [RunLine(run) for run in runs], folder

    @property
    def heading(self) -> str:
        waiting = sum(line.last is None for line in self.entries)
        return f"{count(waiting, 'export')} not imported yet" if waiting else "Bring records in"


class RunPage:
    """One import: `follow` lets the page ask again by itself every few seconds."""

    def __init__(self, run: ImportRun, rejects: tuple[int, list[dict[str, Any]]], given: Mapping[str, str], *, may_code: bool) -> None:
        self.run, self.line, self.may_code = run, RunLine(run), may_code
        self.stopped = selectors.has_stopped(run)
        self.active = run.is_active and not self.stopped
        self.follow = self.active and given.get("follow") == "1"
        self.report: dict[str, Any] = run.report
        self.rejected, self.rows = rejects
        self.number = page_of(given)

    @property
    def heading(self) -> str:
        if self.stopped:
            return "The import stopped before its end"
        match RunState(self.run.state):
            case RunState.WAITING:
                return "The import waits"
            case RunState.READING:
                return f"Reading {count(self.run.files, 'file')}"
            case RunState.EVALUATING:
                return "Records are in; working out duties"
            case RunState.FAILED:
                return "Nothing was imported" if self.run.read_at is None else "Records are in; duties were not worked out"
            case _:
                return f"{self.totals['accepted']:,} records taken, {self.totals['rejected']:,} rejected"

    @property
    def totals(self) -> Mapping[str, int]:
        return self.report.get("totals") or {"read": 0, "accepted": 0, "not_used": 0, "rejected": 0}

    @property
    def progress(self) -> str:
        """What is happening now, and how long that took last time."""
        run = self.run
        if run.state == RunState.WAITING:
            if selectors.running_elsewhere(run):
                return "Another import is at work; this one follows."
            return f"It is tried again in a moment. {run.error}" if run.error else "A worker takes it in a few seconds."
        began = run.read_at if run.state == RunState.EVALUATING else run.started_at
        words = f"For {duration((clock.now() - began).total_seconds())} so far" if began else ""
        before = selectors.earlier_run(run)
        took = _took(before, run.state) if before is not None else None
        return f"{words}; last time this took {duration(took)}." if took is not None else f"{words}."

    @property
    def steps(self) -> list[tuple[str, str]]:
        """(step, done | now | later)"""
        order = [RunState.WAITING, RunState.READING, RunState.EVALUATING, RunState.DONE]
        reached = RunState(self.run.state)
        if reached == RunState.FAILED:
            return []
        at = order.index(reached)
        words = ("Asked for", "Files read and put in force", "Duties worked out")
        return [(text, "done" if place < at else "now" if place == at else "later") for place, text in enumerate(words)]

    @property
    def facts(self) -> list[tuple[str, str]]:
        report = self.report
        if not report:
            return []
        accepted = report["accepted"]
        not_used = ", ".join(f"{name} {number:,}" for name, number in report["not_used"].items())
        found = [
            ("Read", f"{self.totals['read']:,} = {self.totals['accepted']:,} taken + {self.totals['not_used']:,} not used "
                     f"+ {self.totals['rejected']:,} rejected"),
            ("Taken", f"{accepted['new']:,} new, {accepted['unchanged']:,} as before, {accepted['superseded']:,} changed"),
            ("Not used", not_used or "nothing"),
            ("Gone at the source", f"{report['removed']:,} removed here as well" if report["removed"] else "nothing"),
            ("Taken as", f"{report['format']}, {SCOPE_WORDS.get(report['scope'], report['scope'])}"),
            ("From", ", ".join(report["by_source"]) or "nowhere"),
        ]  # fmt: skip
        return found

    @property
    def flags(self) -> list[tuple[str, int, str]]:
        return [(group["flag"], group["count"], group["message"]) for group in self.report.get("flags", ())]

    @property
    def reasons(self) -> list[tuple[str, int, str]]:
        return [(group["reason"], group["count"], group["message"]) for group in self.report.get("rejected", ())]

    @property
    def changes(self) -> str:
        """`41 new, 12 done`; across everybody, because everybody was evaluated."""
        told = [f"{self.run.changes[kind]:,} {words}" for kind, words in _CHANGES.items() if self.run.changes.get(kind)]
        return ", ".join(told) or "no duty opened, closed or changed"

    @property
    def pager(self) -> Pager:
        pages = max(1, -(-self.rejected // SIZE))
        first = (self.number - 1) * SIZE + 1 if self.rejected else 0

        def to(number: int) -> str:
            return f"?{urlencode({'page': number})}#rejects"

        return Pager(
            self.number,
            pages,
            to(self.number - 1) if self.number > 1 else "",
            to(self.number + 1) if self.number < pages else "",
            f"{first:,} to {min(self.rejected, self.number * SIZE):,} of {self.rejected:,}",
        )


def page_of(given: Mapping[str, str]) -> int:
    asked = given.get("page", "")
    return max(1, int(asked)) if asked.isdigit() and len(asked) < 6 else 1


def _took(run: ImportRun, state: str) -> float | None:
    def between(begin: datetime | None, end: datetime | None) -> float | None:
        return (end - begin).total_seconds() if begin and end else None

    return between(run.started_at, run.read_at) if state == RunState.READING else between(run.read_at, run.finished_at)
