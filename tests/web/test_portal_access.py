"""What a patient may do for themselves, and nobody else for them: the one decision, tried over every permission and subject."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st

from stepwell.web.accounts.roles import roles
from stepwell.web.core.access import EntrySubject, Grant, OrganisationSubject, PatientSubject, Relationship, RelationshipKind, decide
from stepwell.web.core.actor import Actor
from stepwell.web.core.permissions import OWN, Permission
from stepwell.web.portal import codes, services

ON = date(2026, 11, 21)
NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
PRACTICE = "P1"

permissions = st.sampled_from(list(Permission))
people = st.integers(1, 6)
relationships = st.lists(
    st.builds(Relationship, st.sampled_from(list(RelationshipKind)), st.sampled_from(["", PRACTICE, "on their own page"])), max_size=3
)
grants = st.lists(
    st.builds(
        Grant, st.integers(1, 3), st.sampled_from(["", PRACTICE]), st.just(NOW + timedelta(hours=1)), st.just("words"), st.just("row/1")
    ),
    max_size=2,
)


def staff(role: str) -> Actor:
    as_role = roles()[role]
    return Actor(1, "Somebody", PRACTICE, "Riverside", as_role.kinds and next(iter(as_role.kinds)), role, as_role.label, 1, as_role.may)


@tries(max_examples=60, deadline=None)
@given(people, people, permissions, relationships, grants)
def test_a_person_reaches_themselves_and_only_by_their_own_acts(me, subject, action, related, granted):
    decision = decide(Actor.themselves(me), action, PatientSubject(subject, related, ON, granted, NOW))
    assert decision.allow == (me == subject and action in OWN)
    if not decision.allow:
        assert decision.conceal and not decision.needs_break_glass and not decision.evidence


@tries(max_examples=60, deadline=None)
@given(people, permissions, st.sampled_from([None, OrganisationSubject(""), OrganisationSubject(PRACTICE), EntrySubject(frozenset({""}))]))
def test_a_person_reaches_nothing_that_is_not_themselves(me, action, subject):
    decision = decide(Actor.themselves(me), action, subject)
    assert not decision.allow and decision.conceal


@tries(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(roles())), st.sampled_from(sorted(OWN)), relationships, grants)
def test_no_member_of_staff_acts_as_a_patient(role, action, related, granted):
    """Whatever the role holds: also where somebody wrote such a permission into `roles.yaml`."""
    for may in (roles()[role].may, roles()[role].may | OWN):
        actor = staff(role)
        actor = Actor(1, "Somebody", PRACTICE, "Riverside", "practice", role, actor.role_label, 1, may)
        decision = decide(actor, action, PatientSubject(7, related, ON, granted, NOW))
        plain = decide(actor, Permission.VIEW_PATIENT, PatientSubject(7, related, ON, granted, NOW))
        assert not decision.allow
        assert decision.conceal == plain.conceal


def test_no_role_holds_what_is_the_persons_own():
    assert not [role for role, row in roles().items() if row.may & OWN]
    assert Actor.themselves(3).permissions == OWN


def test_the_software_itself_is_nobodys_patient():
    subject = PatientSubject(7, [], ON)
    assert not any(decide(actor, action, subject).allow for action in OWN for actor in (None, Actor.system("own page")))


def test_who_looks_after_reductions_gives_codes():
    assert {role for role in roles() if services.gives_codes(staff(role))} == {
        "gp", "nurse", "pharmacist", "psychiatrist", "mental health nurse",
    }  # fmt: skip


# Codes


def test_a_code_is_ten_characters_that_are_not_mistaken_for_others():
    made = {codes.make() for _ in range(200)}
    assert len(made) == 200
    assert all(len(code) == 10 and not set(code) & set("ILOU") for code in made)
    assert codes.written("7Q2MXK04TD") == "7Q2MX K04TD"


@pytest.mark.parametrize("typed", ["7Q2MX K04TD", "7q2mx-ko4td", " 7Q2MXK04TD ", "7q2mx.k04td", "7Q2MX\u2013KO4TD"])
def test_a_code_is_read_as_people_type_it(typed):
    assert codes.read(typed) == "7Q2MXK04TD"


@pytest.mark.parametrize("typed", ["", "7Q2MX", "7Q2MXK04TDX", "7Q2MXK04T!", "7Q2MXK04TU", "١٢٣٤٥٦٧٨٩٠", "ＡＢＣＤＥＦＧＨＪＫ"])
def test_what_is_no_code_is_none(typed):
    assert codes.read(typed) == ""


@tries(max_examples=60, deadline=None)
@given(st.text(alphabet=codes.ALPHABET, min_size=10, max_size=10))
def test_what_was_written_is_read_again(code):
    assert codes.read(codes.written(code).lower()) == code


def test_a_code_is_kept_as_a_keyed_hash(settings):
    settings.SECRET_KEY = "one"
    kept = codes.look_up("7Q2MXK04TD")
    assert len(kept) == 64 and "7Q2MX" not in kept.upper()
    settings.SECRET_KEY = "two"
    assert codes.look_up("7Q2MXK04TD") != kept
