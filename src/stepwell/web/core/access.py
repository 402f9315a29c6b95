"""The one decision about access. Pure: it reads what it is given and nothing else, and denies unless something allows.

A patient may be seen by an organisation that has a *relationship* with them; the relationship in force is the reason,
goes to the audit and can be shown. Working in a role that may open records is not enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from stepwell.web.core.actor import Actor
from stepwell.web.core.permissions import Permission


class RelationshipKind(StrEnum):
    REGISTRATION = "registration"
    CASELOAD = "caseload"
    SUPPLY = "supply"
    AGREEMENT = "agreement"
    REQUEST = "request"
    APPOINTMENT = "appointment"

    @property
    def words(self) -> str:
        return _KIND_WORDS[self]


_KIND_WORDS = {
    RelationshipKind.REGISTRATION: "registered with",
    RelationshipKind.CASELOAD: "on the caseload of",
    RelationshipKind.SUPPLY: "supplied by",
    RelationshipKind.AGREEMENT: "under an agreement with",
    RelationshipKind.REQUEST: "with a request open at",
    RelationshipKind.APPOINTMENT: "with an appointment at",
}


@dataclass(frozen=True, slots=True)
class Relationship:
    """Why an organisation may see a person. `evidence` names the row it was read from (`registrations/123`).

    `from_on` is the first day; `to_on` the first day it no longer holds, None while it lasts (as in the record tables).
    """

    kind: RelationshipKind
    organisation: str
    organisation_name: str = ""
    from_on: date | None = None
    to_on: date | None = None
    evidence: str = ""

    def in_force(self, on: date) -> bool:
        return (self.from_on is None or self.from_on <= on) and (self.to_on is None or on < self.to_on)


@dataclass(frozen=True, slots=True)
class PatientSubject:
    """A person, and the relationships that selectors found for them; `on` is the day of asking."""

    person_id: int
    relationships: Sequence[Relationship]
    on: date


@dataclass(frozen=True, slots=True)
class OrganisationSubject:
    """Something that belongs to one organisation (its worklist, its members, its settings)."""

    organisation: str


Subject = PatientSubject | OrganisationSubject | None


@dataclass(frozen=True, slots=True)
class Decision:
    """`reason` is shown and audited; `evidence` names the rows that allowed it; with `needs_break_glass` a role that may
    open records asked for a person it has no relationship with."""

    allow: bool
    reason: str
    evidence: str = ""
    needs_break_glass: bool = False


def decide(actor: Actor | None, action: Permission, subject: Subject) -> Decision:
    """May `actor` do `action` to `subject`? `None` as subject asks about the permission alone."""
    if actor is None:
        return Decision(False, "Nobody is signed in.")
    if not actor.may(action):
        return Decision(False, f"The role {actor.role_label} at {actor.organisation_name} may not {action.words}.")
    if isinstance(subject, PatientSubject):
        return _decide_patient(actor, subject)
    if isinstance(subject, OrganisationSubject):
        return _decide_organisation(actor, subject)
    if subject is None:
        return Decision(True, f"{actor.role_label} may {action.words}")
    return Decision(False, "Access to this kind of record is not defined.")


def _decide_patient(actor: Actor, subject: PatientSubject) -> Decision:
    for relationship in subject.relationships:
        if not relationship.in_force(subject.on):
            continue
        if relationship.organisation == actor.organisation:
            return Decision(True, f"{relationship.kind.words} {actor.organisation_name}", relationship.evidence)
        # Cover reaches the registered patients of a practice, not what a trust in the same town knows.
        if relationship.kind is RelationshipKind.REGISTRATION and relationship.organisation in actor.covered:
            name = relationship.organisation_name or relationship.organisation
            return Decision(True, f"registered with {name}, covered by {actor.organisation_name}", relationship.evidence)
    return Decision(
        False,
        f"{actor.organisation_name} has no registration, caseload, supply or agreement with this person today.",
        needs_break_glass=True,
    )


def _decide_organisation(actor: Actor, subject: OrganisationSubject) -> Decision:
    if subject.organisation == actor.organisation:
        return Decision(True, f"works at {actor.organisation_name}")
    if subject.organisation in actor.covered:
        return Decision(True, f"covered by {actor.organisation_name}")
    return Decision(False, f"This belongs to another organisation than {actor.organisation_name}.")
