"""Organisations are part of others for a time; only a PCN's practices widen what anybody reaches."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import IntegrityError, transaction

import web_support
from stepwell.errors import Refused
from stepwell.web.accounts import selectors, services
from stepwell.web.accounts.models import PartOf
from stepwell.web.core.actor import Actor

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system("tests")
TODAY = web_support.TODAY


@pytest.fixture
def tree(network):
    """The network's ICB has the PCN and the trust; the trust has a team."""
    rows = network.organisations
    rows["TT"] = services.create_organisation(SYSTEM, code="TT", name="Northside CMHT", kind="team")
    rows["V1"] = services.create_organisation(SYSTEM, code="V1", name="Side by Side", kind="voluntary")
    for whole, part in (("I1", "N1"), ("I1", "T1"), ("T1", "TT")):
        services.make_part_of(SYSTEM, whole=rows[whole], part=rows[part], from_on=web_support.LONG_AGO)
    return network


def join(network, whole, part, from_on, to_on=None):
    rows = network.organisations
    return services.make_part_of(SYSTEM, whole=rows[whole], part=rows[part], from_on=from_on, to_on=to_on)


def test_being_part_of_an_icb_or_a_trust_reaches_nobody(tree):
    assert tree.actor("commissioner").organisations == ("I1",)
    assert tree.actor("psychiatrist").organisations == ("T1",)
    assert tree.actor("pcn pharmacist").organisations == ("N1", "P1", "P2")


def test_wholes_and_parts_of_a_day(tree):
    assert [row.code for row in selectors.wholes_of("N1", TODAY)] == ["I1"]
    assert [row.code for row in selectors.parts_of("I1", TODAY)] == ["N1", "T1"]
    assert selectors.parts_of("I1", date(2014, 1, 1)) == []


def test_a_network_is_everybody_who_belongs_together(tree):
    assert selectors.network_of(["TT"], TODAY) == {"TT", "T1", "I1", "N1", "P1", "P2"}
    assert selectors.network_of(["P3"], TODAY) == {"P3"}
    assert selectors.network_of(["TT"], date(2014, 1, 1)) == {"TT"}


def test_cover_begins_and_ends_on_its_day(network):
    row = PartOf.objects.get(whole__code="N1", part__code="P2")
    with web_support.recorded() as trail:
        services.end_part_of(SYSTEM, row, to_on=date(2026, 6, 1))
    assert [entry.subject_id for entry in trail.writes("end part of")] == ["P2"]
    assert network.actor("pcn pharmacist", on=date(2026, 5, 31)).covered == ("P1", "P2")
    assert network.actor("pcn pharmacist", on=date(2026, 6, 1)).covered == ("P1",)
    join(network, "N1", "P2", date(2026, 9, 1))
    assert network.actor("pcn pharmacist", on=date(2026, 9, 1)).covered == ("P1", "P2")


@pytest.mark.parametrize(
    ("whole", "part", "days", "told"),
    [
        ("P1", "N1", (date(2026, 1, 1), None), "is not part of a general practice"),
        ("I1", "I1", (date(2026, 1, 1), None), "is not part of"),
        ("N1", "P1", (date(2026, 1, 1), None), "is part of Northvale Primary Care Network"),
        ("N1", "P1", (date(2010, 1, 1), None), "is part of Northvale Primary Care Network"),
        ("N1", "P1", (date(2010, 1, 1), date(2015, 4, 2)), "is part of Northvale Primary Care Network"),
        ("N1", "P3", (date(2026, 2, 1), date(2026, 2, 1)), "end must be after"),
    ],
)
def test_what_does_not_fit_is_refused(tree, whole, part, days, told):
    before = PartOf.objects.count()
    with pytest.raises(Refused, match=told):
        join(tree, whole, part, *days)
    assert PartOf.objects.count() == before


def test_a_practice_is_in_one_pcn_at_a_time(network):
    network.organisations["N2"] = services.create_organisation(SYSTEM, code="N2", name="Southvale PCN", kind="pcn")
    with pytest.raises(Refused, match="part of Northvale"):
        join(network, "N2", "P1", date(2026, 1, 1))
    join(network, "N2", "P1", date(2010, 1, 1), web_support.LONG_AGO)  # before it came to this one


def test_a_trust_may_be_in_two_icbs(tree):
    tree.organisations["I2"] = services.create_organisation(SYSTEM, code="I2", name="Southvale ICB", kind="icb")
    join(tree, "I2", "T1", date(2026, 1, 1))
    assert [row.code for row in selectors.wholes_of("T1", TODAY)] == ["I1", "I2"]


def test_saying_it_again_changes_nothing(tree):
    with web_support.recorded() as trail:
        join(tree, "I1", "N1", web_support.LONG_AGO)
    assert trail == []


def test_the_database_refuses_what_slips_past_the_verbs(network):
    rows = network.organisations
    for wrong in (
        {"whole": rows["P1"], "part": rows["P1"], "from_on": date(2026, 1, 1)},
        {"whole": rows["I1"], "part": rows["P1"], "from_on": date(2026, 1, 2), "to_on": date(2026, 1, 1)},
        {"whole": rows["N1"], "part": rows["P1"], "from_on": web_support.LONG_AGO},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            PartOf.objects.create(**wrong)


def test_a_team_employs_staff_and_owns_what_it_takes_on(tree):
    user = services.create_user(SYSTEM, username="t", name="Team Nurse")
    row = services.add_membership(SYSTEM, user=user, organisation=tree.organisations["TT"], role_key="mental health nurse", from_on=TODAY)
    actor = selectors.actor_for(row, TODAY)
    assert (actor.organisation, actor.organisation_kind, actor.organisations) == ("TT", "team", ("TT",))
