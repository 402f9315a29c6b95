"""A letter as its documents need it: who writes to whom about whom, its sections in the order of its kind, what it asks for.
Reads no database."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from stepwell.clinical.letter_completeness import Conformance, Section, State

CLINICIAN, PATIENT = "clinician", "patient"


@dataclass(frozen=True, slots=True)
class Party:
    """An organisation; of the sender also the person who wrote, and their role in words."""

    code: str
    name: str
    person: str = ""
    role: str = ""


@dataclass(frozen=True, slots=True)
class About:
    """The person the letter is about. `nhs_number` is empty unless it is a valid one."""

    key: int
    family: str
    given: str
    title: str
    birth_date: date | None
    death_date: date | None
    sex: str
    nhs_number: str
    address: str
    phone: str


@dataclass(frozen=True, slots=True)
class Action:
    """What the receiver is asked to do; `role` in words, empty where the letter names none."""

    text: str
    role: str
    due_on: date


@dataclass(frozen=True, slots=True)
class Paper:
    """A letter as it was sent. `number` is its own key; `code` the SNOMED CT code of its kind, empty for none; `medicines` what it is
    about, by label. `sent_on` is the working day of `sent_at`, and what a reader is told. `replaces`: number and moment of the
    letter that it corrects; `superseded_on`: the day a newer one took its place, which every document then says."""

    number: int
    kind: str
    code: str
    sender: Party
    receiver: Party
    about: About
    sent_at: datetime
    sent_on: date
    sections: Sequence[Section]
    actions: Sequence[Action] = ()
    medicines: Sequence[str] = ()
    replaces: tuple[int, datetime] | None = None
    superseded_on: date | None = None

    @property
    def shown(self) -> list[Section]:
        """Sections that say something, and mandatory ones whether they do or not."""
        return [part for part in self.sections if part.words or part.says or part.conformance == Conformance.MANDATORY]

    def under(self, keys: Collection[str]) -> list[Section]:
        return [part for part in self.shown if part.key in keys]


def missing(part: Section) -> str:
    """What stands in place of what is not there, or beside it: `Not known: asked of Riverside Surgery`; empty where nothing lacks."""
    says = part.says or ("" if part.words or part.state == State.HELD else State.NOT_KNOWN.value)
    return says[:1].upper() + says[1:]
