"""The team around a person: a coordinator, roles, agencies with consent, carers from the adjustments, numbers from who is who."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from ledger_world import IRIS, PRACTICE, TODAY, World
from stepwell import knowledge
from stepwell.errors import Refused
from stepwell.web.contact import services as contact
from stepwell.web.core.gate import AccessRefused
from stepwell.web.letters import services as letters
from stepwell.web.team import choices, selectors, services
from stepwell.web.team.models import TeamEvent
from stepwell.web.team.services import Entry
from stepwell.web.whoiswho import services as whoiswho


@pytest.fixture
def world(db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Iris": IRIS})
    world.catch_up()
    return world


def team(world, who="gp"):
    return selectors.team_of(world.actor(who), world.ids["Iris"], TODAY)


def read(world, who, address):
    response = world.client(who).get(address)
    assert response.status_code == 200, (who, address, response.status_code)
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def test_a_coordinator_who_is_missing_while_two_organisations_owe_something_is_shown(world):
    world.agree_lithium("Iris")
    assert team(world).owing == ("Northside CMHT", "Riverside Surgery")
    page = read(world, "manager", f"/patients/{world.ids['Iris']}")
    assert "No coordinator is named, and Northside CMHT and Riverside Surgery owe something." in page
    services.record(world.actor("nurse"), world.ids["Iris"], Entry("coordinator", name="Jo Blake", phone="01632 960222"))
    assert team(world).owing == () and team(world).coordinator.name == "Jo Blake"


def test_naming_another_coordinator_ends_the_one_before(world):
    gp, person = world.actor("gp"), world.ids["Iris"]
    services.record(gp, person, Entry("coordinator", name="Jo Blake"))
    services.record(gp, person, Entry("coordinator", name="Ann Moss"))
    assert team(world).coordinator.name == "Ann Moss"
    ended = TeamEvent.objects.get(act="ended")
    assert ended.about.name == "Jo Blake" and ended.why == services.REPLACED


def test_the_number_is_the_one_of_who_is_who(world):
    practice, trust = world.members["gp"].organisation, world.members["psychiatrist"].organisation
    details = whoiswho.Details("Kim Ray", "01632 960109", "Mon to Fri", "")
    whoiswho.add_link(
        world.actor("manager"), practice=practice, organisation=trust, kind="coordinator", details=details, from_on=TODAY - timedelta(9)
    )  # fmt: skip
    link = selectors.callable_for(world.ids["Iris"], TODAY)[0]
    services.record(world.actor("gp"), world.ids["Iris"], Entry("coordinator", link=link.id))
    found = team(world).coordinator
    assert (found.name, found.phone, found.organisation) == ("Kim Ray", "01632 960109", "Northside CMHT")


def test_an_agency_says_whether_anything_may_be_shared(world):
    gp, person = world.actor("gp"), world.ids["Iris"]
    with pytest.raises(Refused, match="agreed that something is shared"):
        services.record(gp, person, Entry("agency", "housing", "Riverside Homes"))
    with pytest.raises(Refused, match="what may be told"):
        services.record(gp, person, Entry("agency", "housing", "Riverside Homes", sharing="agreed"))
    services.record(gp, person, Entry("agency", "housing", "Riverside Homes", sharing="not asked", words="Everything"))
    member = team(world).agencies[0]
    assert member.sharing == selectors.NOT_ASKED_WORDS and not member.may_share and member.told == ""


def test_a_sensitive_agency_is_for_roles_that_see_sensitive_entries(world):
    person = world.ids["Iris"]
    services.record(world.actor("gp"), person, Entry("agency", "police liaison", "PC Lowe", sharing="refused"))
    assert team(world).agencies[0].name == "PC Lowe"
    link = team(world, "link worker")
    assert link.agencies == () and link.restricted == 1
    page = read(world, "link worker", f"/patients/{person}/team")
    assert "PC Lowe" not in page and "1 entry is restricted" in page
    member = TeamEvent.objects.get().pk
    assert world.client("link worker").get(f"/team/{member}/end").status_code == 404


def test_carers_are_those_of_the_adjustments(world):
    person = world.ids["Iris"]
    carer = contact.Item("carer", "carer", "Mia Worked (daughter) about appointments")
    contact.save_adjustments(
        world.actor("nurse"), person, [contact.Item("review", "review", until=TODAY + timedelta(90))], seen=0, carer=carer
    )  # fmt: skip
    assert "Mia Worked" in team(world).carers[0]
    assert "Mia Worked" in read(world, "gp", f"/patients/{person}/team")


def test_ending_keeps_the_history_and_needs_a_reason(world):
    person, gp = world.ids["Iris"], world.actor("gp")
    event = services.record(gp, person, Entry("professional", "social worker", "Sam Hill", "Northvale Council"))
    with pytest.raises(Refused):
        services.end(gp, event.pk, in_error=False, why="")
    assert world.client("gp").post(f"/team/{event.pk}/end", {"how": "ended", "why": "Left the council"}).status_code == 302
    with pytest.raises(Refused, match="ended this on"):
        services.end(gp, event.pk, in_error=True, why="Again")
    assert team(world).people == () and "Left the council" in read(world, "gp", f"/patients/{person}/team")


def test_the_second_writer_is_told_and_loses_nothing(world):
    person = world.ids["Iris"]
    services.record(world.actor("nurse"), person, Entry("coordinator", name="Jo Blake"))
    response = world.client("gp").post(f"/patients/{person}/team/add/coordinator", {"name": "Ann Moss", "seen": "0"})
    page = response.content.decode()
    assert response.status_code == 409 and "Ann Moss" in page and "Jo Blake is coordinator now" in page
    assert team(world).coordinator.name == "Jo Blake"


def test_a_manager_reads_and_does_not_write(world):
    with pytest.raises(AccessRefused):
        services.record(world.actor("manager"), world.ids["Iris"], Entry("coordinator", name="Jo Blake"))
    assert world.client("manager").get(f"/patients/{world.ids['Iris']}/team/add/coordinator").status_code == 403
    assert world.client("gp").get(f"/patients/{world.ids['Iris']}/team/add/nothing").status_code == 404


def test_the_choices_have_sources():
    assert set(choices.sources()) <= {*knowledge.load().sources, "P"}
    assert {each.code for each in choices.options("agency")} >= {"housing", "substance misuse", "police liaison"}


def test_the_team_stands_where_somebody_writes_about_the_person(world):
    """A letter, a request for service, a question: with the number, and cut for the reader as on the patient page."""
    person = world.ids["Iris"]
    services.record(world.actor("nurse"), person, Entry("coordinator", name="Jo Blake", phone="01632 960222"))
    services.record(world.actor("gp"), person, Entry("agency", "housing", "Riverside Homes", sharing="agreed", words="How she is"))
    draft = letters.begin(world.actor("psychiatrist"), person, kind="outpatient", to_org=PRACTICE, medicines=["lithium"])
    for who, address in (
        ("gp", f"/patients/{person}/ask"),
        ("psychiatrist", f"/letters/drafts/{draft.pk}"),
    ):
        page = read(world, who, address)
        assert "Team: Jo Blake" in page and "01632 960222" in page and "1 other around them" in page, address
