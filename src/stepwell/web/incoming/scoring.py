"""A letter from outside scored by hand against the headings of its kind, with the measure of letters written here
(`clinical.letter_completeness`). Reads no database."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from stepwell import knowledge
from stepwell.clinical.letter_completeness import Completeness, Conformance, Section, State, completeness
from stepwell.knowledge.letters import LetterKind


class Mark(StrEnum):
    """What the reader found under a heading."""

    SAYS = "says"
    NOT_KNOWN = "not known"
    MISSING = "missing"
    NOT_NEEDED = "not needed"


WORDS = {
    Mark.SAYS: "Says it",
    Mark.NOT_KNOWN: "Says not known",
    Mark.MISSING: "Missing",
    Mark.NOT_NEEDED: "Not needed",
}
_STATES = {
    Mark.SAYS: State.HELD,
    Mark.NOT_KNOWN: State.NOT_KNOWN,
    Mark.MISSING: State.MISSING,
    Mark.NOT_NEEDED: State.NOT_APPLICABLE,
}


def kinds() -> Mapping[str, LetterKind]:
    return knowledge.load().letter_kinds


def asked(kind: LetterKind) -> list[Section]:
    """The headings that count, in the order of the kind: optional ones never lower a score."""
    headings = knowledge.load().letter_headings
    return [
        Section(key=part.heading, heading=headings[part.heading].label, conformance=part.conformance, code=headings[part.heading].code)
        for part in kind.parts
        if part.conformance != Conformance.OPTIONAL
    ]


def choices(section: Section) -> list[Mark]:
    """A mandatory heading is always needed."""
    return [mark for mark in Mark if mark != Mark.NOT_NEEDED or section.may_not_apply]


def score(kind: LetterKind, marks: Mapping[str, str]) -> Completeness:
    """`marks`: heading → `Mark`; a heading without one counts as missing."""
    return completeness([_marked(section, Mark(marks.get(section.key, Mark.MISSING))) for section in asked(kind)])


def _marked(section: Section, mark: Mark) -> Section:
    # `drawn`: the reader says that it was needed, as the record says of a letter written here.
    return Section(key=section.key, heading=section.heading, conformance=section.conformance, state=_STATES[mark].value, drawn=True)
