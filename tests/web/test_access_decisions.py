"""Who may see whom: one table of examples, and what must hold whatever the examples."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.web.accounts.roles import roles
from stepwell.web.core.access import OrganisationSubject, PatientSubject, Relationship, RelationshipKind, decide
from stepwell.web.core.actor import Actor
from stepwell.web.core.permissions import Permission

ON = date(2026, 11, 21)


def actor(role: str, code: str, kind: str, covered: tuple[str, ...] = ()) -> Actor:
    as_role = roles()[role]
    return Actor(1, "Somebody", code, f"Organisation {code}", kind, role, as_role.label, 1, as_role.may, covered)


GP = actor("gp", "P1", "practice")
FAR_GP = actor("gp", "P3", "practice")
PCN = actor("pharmacist", "N1", "pcn", ("P1", "P2"))
TRUST = actor("psychiatrist", "T1", "trust")
PRIVACY = actor("privacy officer", "P1", "practice")
COMMISSIONER = actor("commissioner", "I1", "icb")

REGISTERED = Relationship(RelationshipKind.REGISTRATION, "P1", "Riverside Surgery", date(2020, 1, 1), None, "registrations/5")
LEFT = Relationship(RelationshipKind.REGISTRATION, "P1", "Riverside Surgery", date(2020, 1, 1), date(2026, 11, 21), "registrations/5")
LAST_DAY = Relationship(RelationshipKind.REGISTRATION, "P1", "Riverside Surgery", date(2020, 1, 1), date(2026, 11, 22), "registrations/5")
COMING = Relationship(RelationshipKind.REGISTRATION, "P1", "Riverside Surgery", date(2026, 11, 22), None, "registrations/6")
CASELOAD = Relationship(RelationshipKind.CASELOAD, "T1", "Northvale", date(2025, 1, 1), None, "registrations/9")
SUPPLY = Relationship(RelationshipKind.SUPPLY, "T1", "Northvale", date(2026, 9, 1), None, "medication_issues/77")
AGREEMENT = Relationship(RelationshipKind.AGREEMENT, "T1", "Northvale", date(2025, 2, 20), None, "agreements/3")
PRACTICE_SUPPLY = Relationship(RelationshipKind.SUPPLY, "P1", "Riverside Surgery", date(2026, 9, 1), None, "medication_issues/78")

CASES = {
    "the registered practice": (GP, [REGISTERED], True, "registrations/5"),
    "another practice": (FAR_GP, [REGISTERED], False, ""),
    "nobody has a relationship": (GP, [], False, ""),
    "a registration that has ended": (GP, [LEFT], False, ""),
    "the last day of a registration": (GP, [LAST_DAY], True, "registrations/5"),
    "a registration that has not begun": (GP, [COMING], False, ""),
    "the PCN that covers the practice": (PCN, [REGISTERED], True, "registrations/5"),
    "a PCN does not follow a practice's supply": (PCN, [PRACTICE_SUPPLY], False, ""),
    "a trust with the person on its caseload": (TRUST, [REGISTERED, CASELOAD], True, "registrations/9"),
    "a trust that supplies": (TRUST, [REGISTERED, SUPPLY], True, "medication_issues/77"),
    "a trust with an agreement": (TRUST, [AGREEMENT], True, "agreements/3"),
    "a trust without anything": (TRUST, [REGISTERED], False, ""),
    "a role that may not open records": (PRIVACY, [REGISTERED], False, ""),
    "a commissioner": (COMMISSIONER, [REGISTERED], False, ""),
}


@pytest.mark.parametrize(("who", "relationships", "allowed", "evidence"), CASES.values(), ids=CASES.keys())
def test_patients(who, relationships, allowed, evidence):
    decision = decide(who, Permission.VIEW_PATIENT, PatientSubject(7, relationships, ON))
    assert (decision.allow, decision.evidence) == (allowed, evidence)
    assert decision.reason


def test_reasons_are_words_for_the_screen_and_the_audit():
    assert decide(GP, Permission.VIEW_PATIENT, PatientSubject(7, [REGISTERED], ON)).reason == "registered with Organisation P1"
    reason = decide(PCN, Permission.VIEW_PATIENT, PatientSubject(7, [REGISTERED], ON)).reason
    assert reason == "registered with Riverside Surgery, covered by Organisation N1"


def test_break_glass_is_offered_only_to_those_who_may_open_records():
    assert decide(FAR_GP, Permission.VIEW_PATIENT, PatientSubject(7, [REGISTERED], ON)).needs_break_glass
    assert not decide(COMMISSIONER, Permission.VIEW_PATIENT, PatientSubject(7, [REGISTERED], ON)).needs_break_glass


def test_organisations():
    assert decide(GP, Permission.VIEW_WORKLIST, OrganisationSubject("P1")).allow
    assert decide(PCN, Permission.VIEW_WORKLIST, OrganisationSubject("P2")).allow
    assert not decide(GP, Permission.VIEW_WORKLIST, OrganisationSubject("P2")).allow
    assert not decide(TRUST, Permission.VIEW_WORKLIST, OrganisationSubject("P1")).allow


def test_nobody_and_the_unknown_are_denied():
    assert not decide(None, Permission.VIEW_PATIENT, PatientSubject(7, [REGISTERED], ON)).allow
    assert not decide(GP, Permission.VIEW_PATIENT, "something else").allow  # type: ignore[arg-type]
    assert not decide(Actor.system("import"), Permission.VIEW_PATIENT, PatientSubject(7, [REGISTERED], ON)).allow


RELATIONSHIPS = st.builds(
    Relationship,
    kind=st.sampled_from(RelationshipKind),
    organisation=st.sampled_from(["P1", "P2", "P3", "N1", "T1", ""]),
    from_on=st.none() | st.dates(date(2026, 11, 1), date(2026, 12, 1)),
    to_on=st.none() | st.dates(date(2026, 11, 1), date(2026, 12, 1)),
)
ACTORS = st.builds(
    actor,
    st.sampled_from(sorted(roles())),
    st.sampled_from(["P1", "P2", "T1", "N1"]),
    st.just("any"),
    st.sampled_from([(), ("P1",), ("P1", "P2")]),
)


@given(ACTORS, st.lists(RELATIONSHIPS, max_size=5), st.sampled_from(Permission))
def test_nothing_is_allowed_without_a_permission_and_a_relationship_in_force(who, relationships, action):
    decision = decide(who, action, PatientSubject(7, relationships, ON))
    own = [r for r in relationships if r.in_force(ON) and r.organisation == who.organisation]
    covered = [r for r in relationships if r.in_force(ON) and r.organisation in who.covered and r.kind is RelationshipKind.REGISTRATION]
    assert decision.allow == (action in who.permissions and bool(own or covered))
    assert decision.needs_break_glass == (action in who.permissions and not decision.allow)
