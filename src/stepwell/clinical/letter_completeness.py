"""How complete a letter is: headings filled of headings due.

Due are mandatory headings, minimum fields, and required headings where something is held or written. A heading counts as filled
when it says something and leaves no blank. One that is due and not filled is a gap until it says "not known: asked of …" (it
still does not count as filled) or, for a minimum field or a required heading, why it does not apply (then it is not due).
Reads no database and no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

# What stands where something is still to be written: `risperidone: for ___`.
BLANK = "___"
NOT_KNOWN_WORDS = "not known"


class State(StrEnum):
    HELD = "held"
    NOT_KNOWN = "not known"
    NOT_APPLICABLE = "not applicable"
    MISSING = "missing"


class Conformance(StrEnum):
    MANDATORY = "mandatory"
    REQUIRED = "required"
    OPTIONAL = "optional"
    MINIMUM = "minimum"


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """One heading of a letter. `words`: one statement a line. `asked_of`: who was asked for what is not known. `code`: SNOMED CT
    code of the section, empty for a minimum field, which stands `under` the heading of that key. `drawn`: the record held
    something for it. `facts`: what the words were made from (`kind` medicine, result or diagnosis), while nobody changed them."""

    key: str
    heading: str
    conformance: str
    words: list[str] = []
    state: str = State.MISSING.value
    asked_of: str = ""
    code: str = ""
    under: str = ""
    drawn: bool = False
    facts: list[dict[str, Any]] = []

    @property
    def text(self) -> str:
        """The words as a writer edits them, a line each."""
        return "\n".join(self.words)

    @property
    def says(self) -> str:
        """What a reader is told where the words do not say it all: `not known: asked of Riverside Surgery`."""
        if self.state == State.NOT_KNOWN:
            return f"{NOT_KNOWN_WORDS}: asked of {self.asked_of}"
        if self.state == State.NOT_APPLICABLE:
            return "does not apply"
        return ""

    @property
    def is_due(self) -> bool:
        if self.state == State.NOT_APPLICABLE or self.conformance == Conformance.OPTIONAL:
            return False
        return self.conformance != Conformance.REQUIRED or self.drawn or bool(self.words)

    @property
    def is_filled(self) -> bool:
        return self.state == State.HELD

    @property
    def is_gap(self) -> bool:
        """Due, and says neither anything nor that it is not known."""
        return self.is_due and self.state == State.MISSING

    @property
    def may_not_apply(self) -> bool:
        return self.conformance in (Conformance.MINIMUM, Conformance.REQUIRED)


def lines(text: str) -> list[str]:
    """What was typed as lines, without empty ones and without space around them."""
    return [tidy for line in text.splitlines() if (tidy := " ".join(line.split()))]


def said(section: Section, *, words: Sequence[str], asked_of: str = "", not_applicable: bool = False) -> Section:
    """The section with these words and the state that they make. "Does not apply" needs its reason in the words, and holds for
    minimum fields and required headings only."""
    words, asked_of = [line for line in words if line.strip()], " ".join(asked_of.split())
    complete = bool(words) and not any(BLANK in line for line in words)
    not_applicable = not_applicable and section.may_not_apply
    unsaid = State.NOT_KNOWN if asked_of else State.MISSING
    told = State.NOT_APPLICABLE if not_applicable else State.HELD
    state = told if complete else unsaid
    kept = asked_of if state == State.NOT_KNOWN else ""
    facts = section.facts if words == section.words else []
    return msgspec.structs.replace(section, words=words, state=state.value, asked_of=kept, facts=facts)


def as_sent(section: Section) -> Section:
    """Nothing is sent with a blank in it: where one was left, the reader is told that it is not known."""
    return msgspec.structs.replace(section, words=[line.replace(BLANK, f"({NOT_KNOWN_WORDS})") for line in section.words])


@dataclass(frozen=True, slots=True)
class Completeness:
    """`filled` of `due` headings; `gaps` say nothing at all, `not_known` say whom was asked."""

    filled: int
    due: int
    gaps: tuple[Section, ...]
    not_known: tuple[Section, ...]

    @property
    def percent(self) -> int:
        return percent(self.filled, self.due)

    @property
    def may_be_sent(self) -> bool:
        return not self.gaps

    @property
    def missing(self) -> tuple[Section, ...]:
        """Every heading due that is not filled."""
        return self.gaps + self.not_known


def percent(filled: int, due: int) -> int:
    """Whole percent, halves up; nothing due is complete."""
    return (200 * filled + due) // (2 * due) if due else 100


def completeness(sections: Iterable[Section]) -> Completeness:
    due = [section for section in sections if section.is_due]
    return Completeness(
        filled=sum(section.is_filled for section in due),
        due=len(due),
        gaps=tuple(section for section in due if section.is_gap),
        not_known=tuple(section for section in due if section.state == State.NOT_KNOWN),
    )


def as_rows(sections: Iterable[Section]) -> list[dict[str, Any]]:
    """Sections as plain values, to be kept."""
    return [msgspec.to_builtins(section) for section in sections]


def from_rows(rows: Iterable[Mapping[str, Any]]) -> list[Section]:
    return [msgspec.convert(row, Section) for row in rows]
