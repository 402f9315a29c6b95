"""The one decision about access. Pure: it reads what it is given and nothing else, and denies unless something allows.

A patient may be seen by an organisation that has a *relationship* with them; the relationship in force is the reason,
goes to the audit and can be shown. Working in a role that may open records is not enough. Without a relationship a *grant*
may reach further: one member of staff, one patient, for minutes (break-glass). A patient on their own page reaches themselves and
nothing else, by permissions that no role of staff holds. Who may not know that a person exists is told
the same as about a person who does not (`Decision.conceal`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from stepwell.web.core.actor import Actor
from stepwell.web.core.permissions import OWN, Permission


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
class Grant:
    """A way to one record without a relationship, for one member of staff acting for one organisation, before the moment
    `until`. `words` is the reason given; `evidence` names the row."""

    user_id: int
    organisation: str
    until: datetime
    words: str
    evidence: str

    def holds(self, actor: Actor, now: datetime | None) -> bool:
        return now is not None and now < self.until and (self.user_id, self.organisation) == (actor.user_id, actor.organisation)


# What a grant reaches: reading, and adding what was found. Deciding whose a duty is needs a relationship.
GRANTED = frozenset({Permission.VIEW_PATIENT, Permission.RECORD_RESULT, Permission.RECORD_ADJUSTMENTS})


@dataclass(frozen=True, slots=True)
class PatientSubject:
    """A person, and the relationships and grants that selectors found for them; `on` is the day and `now` the moment of asking
    (without a moment no grant holds)."""

    person_id: int
    relationships: Sequence[Relationship]
    on: date
    grants: Sequence[Grant] = ()
    now: datetime | None = None


@dataclass(frozen=True, slots=True)
class OrganisationSubject:
    """Something that belongs to one organisation (its worklist, its members, its settings)."""

    organisation: str


@dataclass(frozen=True, slots=True)
class EntrySubject:
    """A sensitive entry of a record that the actor may open: who marked it named the organisations that see it."""

    organisations: frozenset[str]


Subject = PatientSubject | OrganisationSubject | EntrySubject | None


@dataclass(frozen=True, slots=True)
class Decision:
    """`reason` is shown and audited; `evidence` names the rows that allowed it; with `needs_break_glass` somebody who may open
    records without a relationship asked for a person they have none with; with `conceal` the answer must not tell that the
    person exists."""

    allow: bool
    reason: str
    evidence: str = ""
    needs_break_glass: bool = False
    conceal: bool = False


def decide(actor: Actor | None, action: Permission, subject: Subject) -> Decision:
    """May `actor` do `action` to `subject`? `None` as subject asks about the permission alone."""
    if actor is None:
        return Decision(False, "Nobody is signed in.")
    if actor.person_id is not None:
        return _decide_themselves(actor, action, subject)
    if action in OWN:
        return Decision(False, f"Only the person themselves may {action.words}.", conceal=_conceals(actor, subject))
    if isinstance(subject, PatientSubject):
        return _decide_patient(actor, action, subject)
    if not actor.may(action):
        return Decision(False, _role_may_not(actor, action))
    if isinstance(subject, OrganisationSubject):
        return _decide_organisation(actor, subject)
    if isinstance(subject, EntrySubject):
        return _decide_entry(actor, subject)
    if subject is None:
        return Decision(True, f"{actor.role_label} may {action.words}")
    return Decision(False, "Access to this kind of record is not defined.")


def _decide_themselves(actor: Actor, action: Permission, subject: Subject) -> Decision:
    if action in OWN and actor.may(action) and isinstance(subject, PatientSubject) and subject.person_id == actor.person_id:
        return Decision(True, "the person themselves")
    return Decision(False, "On this page people see and do what is their own.", conceal=True)


def _conceals(actor: Actor, subject: Subject) -> bool:
    """Whether this member of staff may not know that the patient exists: neither may they open the record, nor break the glass."""
    if not isinstance(subject, PatientSubject):
        return False
    return not _may_go_further(actor) and (_related(actor, subject) is None or not actor.may(Permission.VIEW_PATIENT))


def _may_go_further(actor: Actor) -> bool:
    return actor.may(Permission.BREAK_GLASS) and actor.may(Permission.VIEW_PATIENT)


def _role_may_not(actor: Actor, action: Permission) -> str:
    return f"The role {actor.role_label} at {actor.organisation_name} may not {action.words}."


def _decide_patient(actor: Actor, action: Permission, subject: PatientSubject) -> Decision:
    related = _related(actor, subject)
    may_go_further, conceal = _may_go_further(actor), _conceals(actor, subject)
    if not actor.may(action):
        return Decision(False, _role_may_not(actor, action), conceal=conceal)
    if related is not None:
        return related
    grant = next((grant for grant in subject.grants if grant.holds(actor, subject.now)), None) if may_go_further else None
    if grant is None:
        none = "no registration, caseload, supply, agreement, request or appointment"
        reason = f"{actor.organisation_name} has {none} with this person today."
        return Decision(False, reason, needs_break_glass=may_go_further, conceal=conceal)
    if action not in GRANTED:
        return Decision(False, f"This record was opened without a relationship: it may be read and added to. To {action.words} needs one.")
    return Decision(True, f"opened without a relationship: {grant.words}", grant.evidence)


def _related(actor: Actor, subject: PatientSubject) -> Decision | None:
    for relationship in subject.relationships:
        if not relationship.in_force(subject.on):
            continue
        if relationship.organisation == actor.organisation:
            return Decision(True, f"{relationship.kind.words} {actor.organisation_name}", relationship.evidence)
        # Cover reaches the registered patients of a practice, not what a trust in the same town knows.
        if relationship.kind is RelationshipKind.REGISTRATION and relationship.organisation in actor.covered:
            name = relationship.organisation_name or relationship.organisation
            return Decision(True, f"registered with {name}, covered by {actor.organisation_name}", relationship.evidence)
    return None


def _decide_entry(actor: Actor, subject: EntrySubject) -> Decision:
    # Cover does not count here: an organisation sees what it was named for.
    if actor.organisation in subject.organisations:
        return Decision(True, f"{actor.organisation_name} was named when this was marked sensitive")
    return Decision(False, f"This was marked sensitive and {actor.organisation_name} was not named.")


def _decide_organisation(actor: Actor, subject: OrganisationSubject) -> Decision:
    if subject.organisation == actor.organisation:
        return Decision(True, f"works at {actor.organisation_name}")
    if subject.organisation in actor.covered:
        return Decision(True, f"covered by {actor.organisation_name}")
    return Decision(False, f"This belongs to another organisation than {actor.organisation_name}.")


# Grants are kept by an area; the selectors that build subjects ask for them here.

GrantProvider = Callable[[int, datetime], Sequence[Grant]]
_providers: list[GrantProvider] = []


def add_grants(provider: GrantProvider) -> None:
    """`provider(person_id, now)`: the grants to this record that hold at that moment."""
    if provider not in _providers:
        _providers.append(provider)


def grants_for(person_id: int, now: datetime) -> list[Grant]:
    return [grant for provider in _providers for grant in provider(person_id, now)]
