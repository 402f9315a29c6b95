"""Who is acting: one member of staff in one role for one organisation, chosen once per sign-in; the software itself; or a patient on
their own page. Carried by every verb."""

from __future__ import annotations

from dataclasses import dataclass, field

from stepwell.web.core.permissions import OWN, Permission

PERSON = "person"


@dataclass(frozen=True, slots=True)
class Actor:
    """`organisation` and `covered` are ODS codes; `covered` are the practices that the organisation covers today (a PCN's).
    `person_id`: the patient who acts for themselves; None of everybody else."""

    user_id: int | None
    display_name: str
    organisation: str
    organisation_name: str
    organisation_kind: str
    role: str
    role_label: str
    membership_id: int | None = None
    permissions: frozenset[Permission] = field(default_factory=frozenset)
    covered: tuple[str, ...] = ()
    person_id: int | None = None

    @property
    def organisations(self) -> tuple[str, ...]:
        """Codes of the organisations whose patients this actor works with: their own, then those it covers."""
        return (self.organisation, *self.covered)

    @property
    def label(self) -> str:
        """`Dr Amara Osei · GP, Riverside Surgery`"""
        return f"{self.display_name} · {self.role_label}, {self.organisation_name}"

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions

    @classmethod
    def system(cls, name: str) -> Actor:
        """The software itself, in a command or a task (`Actor.system("import")`). It may see nothing on a page."""
        return cls(None, f"Stepwell {name}", "", "Stepwell", "system", "system", "System")

    @classmethod
    def themselves(cls, person_id: int) -> Actor:
        """A patient on their own page: no member of staff, of no organisation; only their own acts, and only about themselves. Their name
        is left out on purpose: what they do is told to whoever sees that it is about them."""
        return cls(
            None, "the person themselves", "", "on their own page", PERSON, PERSON, "Patient", permissions=OWN, person_id=person_id
        )  # fmt: skip
