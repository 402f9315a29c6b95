"""A draft as its events make it, and two writers put together. No database is read here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from stepwell.clinical.letter_completeness import Completeness, Section, State, completeness, from_rows, lines, said
from stepwell.web.letters.models import Draft, DraftAct, DraftEvent

ACTIONS = "actions"
PLAN = "plan-and-requested-actions"


@dataclass(frozen=True, slots=True)
class Said:
    """What a writer puts under one heading."""

    words: tuple[str, ...] = ()
    asked_of: str = ""
    not_applicable: bool = False

    @classmethod
    def of(cls, section: Section) -> Said:
        return cls(tuple(section.words), section.asked_of, section.state == State.NOT_APPLICABLE)

    @classmethod
    def typed(cls, words: str, asked_of: str = "", not_applicable: bool = False) -> Said:
        return cls(tuple(lines(words)), " ".join(asked_of.split()), not_applicable)

    def row(self) -> dict[str, Any]:
        return {"words": list(self.words), "asked_of": self.asked_of, "not_applicable": self.not_applicable}


@dataclass(frozen=True, slots=True)
class Action:
    """What the receiver is asked to do, by a day; `role` at the receiver is empty for anybody."""

    text: str
    due_on: date
    role: str = ""

    def row(self) -> dict[str, Any]:
        return {"text": self.text, "due_on": self.due_on.isoformat(), "role": self.role}

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Action:
        return cls(row["text"], date.fromisoformat(row["due_on"]), row["role"])


@dataclass(frozen=True)
class Content:
    """A draft up to its event `last` (0: as it was begun). `said_by` tells who last changed a heading, and when."""

    sections: Sequence[Section]
    actions: Sequence[Action]
    last: int
    said_by: Mapping[str, DraftEvent] = field(default_factory=dict)

    @property
    def score(self) -> Completeness:
        return completeness(self.sections)

    def section(self, key: str) -> Section | None:
        return next((section for section in self.sections if section.key == key), None)

    @property
    def keys(self) -> list[str]:
        return [section.key for section in self.sections]


def content(draft: Draft, events: Iterable[DraftEvent], *, upto: int | None = None) -> Content:
    """The draft as its saves made it, in their order."""
    sections = {section.key: section for section in from_rows(draft.sections)}
    actions, last, said_by = [Action.of(row) for row in draft.actions], 0, {}
    for event in events:
        if event.act != DraftAct.SAVED or (upto is not None and event.pk > upto):
            continue
        for key, row in event.changes.get("sections", {}).items():
            if key in sections:
                sections[key] = said(sections[key], **row)
                said_by[key] = event
        if ACTIONS in event.changes:
            actions = [Action.of(row) for row in event.changes[ACTIONS]]
            said_by[ACTIONS] = event
        last = event.pk
    return Content(_with_plan(list(sections.values()), actions), actions, last, said_by)


def _with_plan(sections: list[Section], actions: Sequence[Action]) -> list[Section]:
    """Actions asked for are a plan on record: the heading is then due, and filled by them even without words."""
    return [_planned(section) if section.key == PLAN and actions else section for section in sections]


def _planned(section: Section) -> Section:
    if section.words or section.state == State.NOT_APPLICABLE:
        return section
    return said(section, words=["What you are asked to do is listed as actions of this letter."])


@dataclass(frozen=True)
class Conflict:
    """A heading that both changed: what the other wrote, and who."""

    key: str
    heading: str
    theirs: str
    by: str
    event: DraftEvent


@dataclass(frozen=True)
class Merge:
    """`changes` to be saved; `conflicts` to be looked at first; `theirs`: headings that somebody else changed meanwhile."""

    changes: dict[str, Any]
    conflicts: Sequence[Conflict]
    theirs: Sequence[Conflict]


def merge(seen: Content, now: Content, typed: Mapping[str, Said], actions: Sequence[Action] | None, *, by: int | None) -> Merge:
    """`seen` is what the writer (user `by`) had before them, `typed` all that their form holds. What they did not touch stays as it is
    now; what they wrote themselves since then is no conflict."""
    changes: dict[str, Any] = {}
    conflicts, theirs = [], []
    sections: dict[str, Any] = {}
    for section in now.sections:
        before = seen.section(section.key)
        own = typed.get(section.key)
        if before is None:
            continue
        moved = Said.of(section) != Said.of(before)
        mine = own is not None and own != Said.of(before)
        event = now.said_by.get(section.key)
        if moved and event is not None and event.by_id != by:
            other = Conflict(section.key, section.heading, _told(section), event.by_name, event)
            theirs.append(other)
            if mine and own != Said.of(section):
                conflicts.append(other)
        if mine and own is not None and own != Said.of(section):
            sections[section.key] = own.row()
    if sections:
        changes["sections"] = sections
    if actions is not None and list(actions) != list(seen.actions) and list(actions) != list(now.actions):
        event = now.said_by.get(ACTIONS)
        if list(now.actions) != list(seen.actions) and event is not None and event.by_id != by:
            told = "; ".join(action.text for action in now.actions) or "no action"
            conflicts.append(Conflict(ACTIONS, "Actions you ask for", told, event.by_name, event))
        changes[ACTIONS] = [action.row() for action in actions]
    return Merge(changes, conflicts, theirs)


def _told(section: Section) -> str:
    return "; ".join([*section.words, *([section.says] if section.says else [])]) or "nothing"
