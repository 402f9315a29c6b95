"""Who may see whom: one table of examples, and what must hold whatever the examples."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.web.accounts.roles import roles
from stepwell.web.core.access import (
    GRANTED,
    EntrySubject,
    Grant,
    OrganisationSubject,
    PatientSubject,
    Relationship,
    RelationshipKind,
    decide,
)
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
LINK_WORKER = actor("link worker", "P1", "practice")
NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)

REGISTERED = Relationship(RelationshipKind.REGISTRATION, "P1", "Riverside Surgery", date(2020, 1, 1), None, "registrations/5")
LEFT = Relationship(RelationshipKind.REGISTRATION, "P1", "Riverside Surgery", date(2020, 1, 1), date(2026, 11, 21), "registrations/5")
LAST_DAY = Relationship(RelationshipKind.REGISTRATION, "P1", "Riverside Surgery", date(2020, 1, 1), date(2026, 11, 22), "registrations/5")
COMING = Relationship(RelationshipKind.REGISTRATION, "P1", "Riverside Surgery", date(2026, 11, 22), None, "registrations/6")
CASELOAD = Relationship(RelationshipKind.CASELOAD, "T1", "Northvale", date(2025, 1, 1), None, "registrations/9")
SUPPLY = Relationship(RelationshipKind.SUPPLY, "T1", "Northvale", date(2026, 9, 1), None, "medication_issues/77")
AGREEMENT = Relationship(RelationshipKind.AGREEMENT, "T1", "Northvale", date(2025, 2, 20), None, "agreements/3")
REQUEST = Relationship(RelationshipKind.REQUEST, "T1", "Northvale", date(2026, 11, 1), date(2027, 11, 1), "requests/4")
APPOINTMENT = Relationship(RelationshipKind.APPOINTMENT, "T1", "Northvale", None, date(2026, 12, 1), "appointments/8")
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
    "a trust with a request open": (TRUST, [REQUEST], True, "requests/4"),
    "a trust with an appointment": (TRUST, [APPOINTMENT], True, "appointments/8"),
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


def test_break_glass_is_offered_only_to_those_who_may_do_it():
    subject = PatientSubject(7, [REGISTERED], ON)
    assert decide(FAR_GP, Permission.VIEW_PATIENT, subject).needs_break_glass
    for who in (COMMISSIONER, PRIVACY, actor("link worker", "P3", "practice"), actor("practice manager", "P3", "practice")):
        assert not decide(who, Permission.VIEW_PATIENT, subject).needs_break_glass


def test_who_may_not_know_that_a_person_exists():
    """Everybody else is told why, because they may open the record or break the glass."""
    stranger = PatientSubject(7, [], ON)
    own = PatientSubject(7, [REGISTERED], ON)
    assert decide(LINK_WORKER, Permission.VIEW_PATIENT, stranger).conceal
    assert decide(LINK_WORKER, Permission.ACT_ON_DUTY, stranger).conceal
    assert not decide(LINK_WORKER, Permission.ACT_ON_DUTY, own).conceal
    assert decide(PRIVACY, Permission.VIEW_PATIENT, own).conceal
    assert not decide(FAR_GP, Permission.VIEW_PATIENT, stranger).conceal


def grant(**changes) -> Grant:
    values = {"user_id": 1, "organisation": "P3", "until": NOW + timedelta(minutes=60), "words": "emergency care", "evidence": "openings/3"}
    return Grant(**(values | changes))


def through(given: Grant, who: Actor = FAR_GP, action: Permission = Permission.VIEW_PATIENT, now: datetime | None = NOW):
    return decide(who, action, PatientSubject(7, [REGISTERED], ON, [given], now))


def test_a_grant_opens_one_record_to_one_member_of_staff():
    decision = through(grant())
    assert (decision.allow, decision.reason, decision.evidence) == (True, "opened without a relationship: emergency care", "openings/3")
    assert not through(grant(user_id=2)).allow
    assert not through(grant(organisation="P2")).allow
    assert not through(grant(), now=None).allow
    # The role decides first: losing it ends the grant.
    assert not through(grant(), actor("link worker", "P3", "practice")).allow


def test_a_grant_ends_to_the_second():
    until = NOW + timedelta(minutes=60)
    assert through(grant(), now=until - timedelta(seconds=1)).allow
    assert not through(grant(), now=until).allow
    assert through(grant(), now=until).needs_break_glass


def test_a_grant_reaches_reading_and_adding_only():
    for action in FAR_GP.permissions:
        assert through(grant(), action=action).allow == (action in GRANTED), action
    assert Permission.AGREE_OWNERS not in GRANTED and Permission.HAND_OVER not in GRANTED
    assert Permission.SEE_SENSITIVE not in GRANTED


def test_a_relationship_is_the_reason_before_a_grant():
    own = PatientSubject(7, [REGISTERED], ON, [grant(organisation="P1")], NOW)
    assert decide(GP, Permission.VIEW_PATIENT, own).evidence == "registrations/5"


def test_sensitive_entries_are_seen_where_they_were_named():
    assert decide(GP, Permission.SEE_SENSITIVE, EntrySubject(frozenset({"P1", "T1"}))).allow
    assert not decide(GP, Permission.SEE_SENSITIVE, EntrySubject(frozenset({"T1"}))).allow
    assert not decide(PCN, Permission.SEE_SENSITIVE, EntrySubject(frozenset({"P1"}))).allow
    assert not decide(LINK_WORKER, Permission.SEE_SENSITIVE, EntrySubject(frozenset({"P1"}))).allow


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


GRANTS = st.builds(
    Grant,
    user_id=st.sampled_from([1, 2]),
    organisation=st.sampled_from(["P1", "T1"]),
    until=st.sampled_from([NOW - timedelta(seconds=1), NOW, NOW + timedelta(seconds=1)]),
    words=st.just("emergency care"),
    evidence=st.just("openings/3"),
)


@given(ACTORS, st.lists(RELATIONSHIPS, max_size=5), st.lists(GRANTS, max_size=2), st.sampled_from(Permission))
def test_nothing_is_allowed_without_a_permission_and_a_way_in(who, relationships, grants, action):
    decision = decide(who, action, PatientSubject(7, relationships, ON, grants, NOW))
    own = [r for r in relationships if r.in_force(ON) and r.organisation == who.organisation]
    covered = [r for r in relationships if r.in_force(ON) and r.organisation in who.covered and r.kind is RelationshipKind.REGISTRATION]
    related = bool(own or covered)
    breaks = {Permission.BREAK_GLASS, Permission.VIEW_PATIENT} <= who.permissions
    granted = breaks and any(g.user_id == 1 and g.organisation == who.organisation and g.until > NOW for g in grants)
    assert decision.allow == (action in who.permissions and (related or (granted and action in GRANTED)))
    assert decision.needs_break_glass == (action in who.permissions and breaks and not related and not granted)
    if decision.conceal:
        assert not decision.allow and not breaks and not (related and Permission.VIEW_PATIENT in who.permissions)
