"""Organisations, staff and roles: what is refused, and that what is written is recorded."""

from __future__ import annotations

from datetime import date
from importlib import resources

import pytest
import yaml
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

import web_support
from stepwell.errors import Refused
from stepwell.web.accounts import selectors, services
from stepwell.web.accounts.models import Membership, Organisation, OrganisationKind, User
from stepwell.web.accounts.roles import role, roles
from stepwell.web.core.actor import Actor
from stepwell.web.core.permissions import Permission

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system("tests")


def test_writes_are_recorded_with_who_did_them(network):
    with web_support.recorded() as trail:
        services.create_organisation(network.actor("gp"), code="P9", name="New Practice", kind="practice")
    assert [(entry.user_name, entry.role, entry.subject_id) for entry in trail.writes("create organisation")] == [
        ("Dr Amara Osei", "gp", "P9")
    ]


def test_saying_it_again_changes_nothing(network):
    with web_support.recorded() as trail:
        services.create_organisation(SYSTEM, code="P1", name="Riverside Surgery", kind="practice")
    assert trail == []


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (lambda n: services.create_organisation(SYSTEM, code="P9", name="X", kind="shop"), "no kind of organisation 'shop'"),
        (lambda n: services.create_organisation(SYSTEM, code="P1", name="X", kind="trust"), "already registered as practice"),
        (lambda n: services.create_user(SYSTEM, username="GP", name="X"), "already somebody"),
        (
            lambda n: services.cover_practice(SYSTEM, pcn=n.organisations["T1"], practice=n.organisations["P1"], from_on=date(2026, 1, 1)),
            "Only a PCN covers a practice",
        ),
        (
            lambda n: services.add_membership(
                SYSTEM, user=n.members["gp"].user, organisation=n.organisations["P1"], role_key="psychiatrist", from_on=date(2026, 1, 1)
            ),
            "does not work at a practice",
        ),
        (
            lambda n: services.add_membership(
                SYSTEM, user=n.members["gp"].user, organisation=n.organisations["P1"], role_key="wizard", from_on=date(2026, 1, 1)
            ),
            "no role 'wizard'",
        ),
    ],
)
def test_refusals_say_what_is_wrong(network, act, told):
    with pytest.raises(Refused, match=told):
        act(network)


def test_a_weak_password_is_refused(network):
    with pytest.raises(ValidationError):
        services.create_user(SYSTEM, username="new", name="New", password="short")
    assert not User.objects.filter(username="new").exists()


def test_a_membership_cannot_end_before_it_begins(network):
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.create(
            user=network.members["gp"].user,
            organisation=network.organisations["P1"],
            role="gp",
            from_on=date(2026, 2, 1),
            to_on=date(2026, 1, 31),
        )


def test_the_demo_network_can_be_sown_twice():
    for _ in range(2):
        services.seed(SYSTEM, services.demo_plan(), from_on=date(2020, 1, 1))
    shown = selectors.personas(date(2026, 1, 1))
    assert len(shown) == len({row.user_id for row in shown}) == len(services.demo_plan()["people"])
    assert all(row.user.persona.strip() for row in shown)
    assert {row.role for row in shown} == set(roles())  # somebody to sign in as in every role, the commissioner's too
    assert selectors.phone_of_organisation("Z99001") and selectors.phone_of_organisation("FZ999")
    pharmacist = next(row for row in shown if row.role == "pharmacist")
    assert selectors.actor_for(pharmacist, date(2026, 1, 1)).covered == tuple(f"Z9900{number}" for number in range(1, 7))


def test_the_demo_network_is_the_synthetic_network():
    synthetic = yaml.safe_load(resources.files("stepwell.records.synthetic").joinpath("data/organisations.yaml").read_text("utf-8"))
    named = {row["code"]: row["name"] for row in [*synthetic["practices"], *synthetic["more"], synthetic["trust"], synthetic["pcn"]]}
    demo = services.demo_plan()["organisations"]
    assert {code: demo[code]["name"] for code in named} == named
    assert {demo[code]["kind"] for code in demo.keys() - named.keys()} == {"team", "pharmacy", "voluntary", "icb"}


def test_roles_are_whole():
    assert {"gp", "nurse", "pharmacist", "psychiatrist"} <= set(roles())
    kinds = set(OrganisationKind.values)
    for key in roles():
        assert role(key).kinds <= kinds
        assert role(key).label
    clinical = {Permission.ACT_ON_DUTY, Permission.RECORD_RESULT}
    assert not any(clinical & role(key).may for key in ("commissioner", "privacy officer", "practice manager"))


def test_names_and_colleagues(network):
    assert selectors.organisation_names()["P1"] == "Riverside Surgery"
    assert selectors.organisation("T1") == Organisation.objects.get(code="T1")
    assert selectors.organisation("none") is None
    names = [row.user.name for row in selectors.colleagues(network.actor("gp"), web_support.TODAY)]
    assert names == ["Amara Osei", "Colin Marsh", "Priya Nair", "Una Price"]
