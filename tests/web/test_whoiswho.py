"""Named links: shown where one would call them, kept by either side, changed by events."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.db import DatabaseError, transaction

import web_support
from ledger_world import IRIS, OTHER_PRACTICE, PCN, PRACTICE, TODAY, TRUST, World
from stepwell.errors import Refused
from stepwell.web.accounts import services as accounts
from stepwell.web.core.actor import Actor
from stepwell.web.core.append_only import AppendOnlyError
from stepwell.web.core.gate import AccessRefused
from stepwell.web.whoiswho import selectors, services
from stepwell.web.whoiswho.models import Link, LinkEvent
from stepwell.web.whoiswho.services import Details

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system("tests")
LENA = Details("Dr Lena Hart", "01632 960121", "Mon, Wed", "Duty desk, 01632 960109")


@pytest.fixture
def world(settings, tmp_path):
    return World(settings, tmp_path)


def add(world, actor="manager", *, to=PRACTICE, of=TRUST, kind="psychiatrist", details=LENA, from_on=date(2026, 1, 1), to_on=None):
    who = world.actor(actor) if isinstance(actor, str) else actor
    rows = {row.organisation.code: row.organisation for row in world.members.values()}
    return services.add_link(who, practice=rows[to], organisation=rows[of], kind=kind, details=details, from_on=from_on, to_on=to_on)


@pytest.fixture
def trust_manager(world):
    user = accounts.create_user(SYSTEM, username="grace", name="Grace Adeyemi")
    trust = world.members["psychiatrist"].organisation
    world.members["trust manager"] = accounts.add_membership(
        SYSTEM, user=user, organisation=trust, role_key="team manager", from_on=date(2015, 4, 1)
    )
    return world.actor("trust manager")


def names(lines):
    return [line.name for line in lines]


def test_links_of_a_day(world):
    add(world, from_on=date(2026, 1, 1), to_on=date(2026, 3, 1))
    add(world, details=Details("Dr Next", "1"), from_on=date(2026, 3, 1))
    add(world, of=PCN, kind="pharmacist", details=Details("Tom Reed", "2"))
    found = {day: names(selectors.links_for(PRACTICE, on=day)) for day in (date(2025, 12, 31), date(2026, 2, 28), date(2026, 3, 1))}
    assert list(found.values()) == [[], ["Dr Lena Hart", "Tom Reed"], ["Dr Next", "Tom Reed"]]
    assert names(selectors.links_for(PRACTICE, TRUST, on=TODAY)) == ["Dr Next"]
    assert selectors.links_for(OTHER_PRACTICE) == []


def test_what_was_done_is_kept_and_told(world):
    link = add(world)
    with web_support.recorded() as trail:
        services.change_link(
            world.actor("manager"), link.pk, details=Details("Dr Lena Hart", "01632 960999", "Mon, Wed", LENA.bleep),
            version=selectors.version_of(link.pk),
        )  # fmt: skip
    assert [entry.action for entry in trail.writes()] == ["changed link"]
    told = [services.told(event) for event in selectors.events_of(link.pk)]
    assert told[0].startswith("Colin Marsh changed direct line from 01632 960121 to 01632 960999 on ")
    assert told[1].startswith("Colin Marsh added this on ")


def test_events_are_never_changed(world):
    event = add(world).events.get()
    event.by_name = "Somebody"
    with pytest.raises(AppendOnlyError):
        event.save()
    for attempt in (lambda: LinkEvent.objects.update(by_name="x"), lambda: LinkEvent.objects.all().delete()):
        with pytest.raises(DatabaseError), transaction.atomic():
            attempt()
    assert LinkEvent.objects.get().by_name == "Colin Marsh"


def test_a_stale_form_is_refused_with_what_changed(world, trust_manager):
    link = add(world)
    read = selectors.version_of(link.pk)
    services.change_link(trust_manager, link.pk, details=replace(LENA, direct_line="01632 960777"), version=read)
    with pytest.raises(Refused, match="Meanwhile Grace Adeyemi changed direct line from 01632 960121 to 01632 960777"):
        services.change_link(world.actor("manager"), link.pk, details=Details("Dr Lena Hart", "1"), version=read)
    with pytest.raises(Refused, match="Meanwhile Grace Adeyemi"):
        services.end_link(world.actor("manager"), link.pk, to_on=TODAY, version=read)
    client = world.client("manager")
    response = client.post(f"/who-is-who/{link.pk}", {"name": "Dr Lena Hart", "direct_line": "typed", "version": read})
    html = response.content.decode()
    assert response.status_code == 422
    assert "Meanwhile Grace Adeyemi" in html
    assert 'value="typed"' in html
    again = client.post(
        f"/who-is-who/{link.pk}", {"name": "Dr Lena Hart", "direct_line": "typed", "version": selectors.version_of(link.pk)}
    )
    assert again.status_code == 302
    assert Link.objects.get().direct_line == "typed"


def test_either_side_keeps_it_and_nobody_else(world, trust_manager):
    link = add(world)
    add(world, trust_manager, details=Details("Northside duty desk", "01632 960109"), kind="team")
    for who in ("gp", "psychiatrist", "pharmacist"):
        with pytest.raises(AccessRefused):
            add(world, who, kind="coordinator")
        assert world.client(who).get("/who-is-who/new").status_code == 403
        assert world.client(who).post(f"/who-is-who/{link.pk}/end", {"to_on": TODAY.isoformat()}).status_code == 403
    with pytest.raises(Refused, match="links between Northside CMHT and somebody else"):
        add(world, trust_manager, of=PCN, kind="pharmacist")
    other = add(world, SYSTEM, to=OTHER_PRACTICE)
    assert world.client("manager").get(f"/who-is-who/{other.pk}").status_code == 404
    assert world.client("trust manager").get(f"/who-is-who/{other.pk}").status_code == 200


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"details": Details(" ", "1")}, "Enter a name"),
        ({"details": Details("X")}, "direct line, or how else"),
        ({"kind": "wizard"}, "what they are"),
        ({"to": TRUST, "of": PRACTICE}, "named for a practice"),
        ({"to_on": date(2026, 1, 1)}, "end must be after"),
        ({"details": Details("dr LENA hart", "1"), "from_on": date(2026, 2, 1)}, "is named for Riverside Surgery as this already"),
    ],
)
def test_what_makes_no_sense_is_refused(world, more, told):
    add(world)
    with pytest.raises(Refused, match=told):
        add(world, SYSTEM, **more)
    assert Link.objects.count() == 1


def test_ending_is_today_or_later_and_once(world):
    link, manager = add(world), world.actor("manager")
    with pytest.raises(Refused, match="today or later"):
        services.end_link(manager, link.pk, to_on=TODAY - timedelta(1), version=selectors.version_of(link.pk))
    services.end_link(manager, link.pk, to_on=TODAY, version=selectors.version_of(link.pk))
    assert selectors.links_for(PRACTICE) == []
    with pytest.raises(Refused, match="ended on 01-Jun-2026 already"):
        services.end_link(manager, link.pk, to_on=TODAY, version=selectors.version_of(link.pk))


def test_nothing_different_is_not_recorded(world):
    link = add(world)
    with pytest.raises(Refused, match="Nothing is different"):
        services.change_link(world.actor("manager"), link.pk, details=LENA, version=selectors.version_of(link.pk))


def test_by_the_form(world):
    client = world.client("manager")
    html = client.get("/who-is-who/new").content.decode()
    assert "Riverside Surgery" in html
    assert "Hillcrest" not in html.split("They work for")[0]
    given = {"practice": PRACTICE, "organisation": TRUST, "kind": "coordinator", "name": "Marcus Bell", "from_on": TODAY.isoformat()}
    assert "Enter a direct line" in client.post("/who-is-who/new", given).content.decode()
    assert client.post("/who-is-who/new", {**given, "direct_line": "01632 960125"}).status_code == 302
    shown = client.get(f"/who-is-who?practice={PRACTICE}&said=added").content.decode()
    assert 'href="tel:01632960125"' in shown
    assert "Care coordinator" in shown
    other = client.post("/who-is-who/new", {**given, "practice": OTHER_PRACTICE, "direct_line": "1"})
    assert other.status_code == 422


def test_the_directory_shows_ones_own_network(world):
    add(world)
    add(world, SYSTEM, to=OTHER_PRACTICE, of=PCN, kind="pharmacist", details=Details("Tom Reed", "2"))
    shown = {who: [row.code for row in selectors.practices_for(world.actor(who), TODAY)] for who in ("gp", "other gp", "psychiatrist")}
    assert shown == {"gp": [PRACTICE], "other gp": [OTHER_PRACTICE], "psychiatrist": [PRACTICE]}
    assert [row.code for row in selectors.practices_for(world.actor("pharmacist"), TODAY)] == [PRACTICE, OTHER_PRACTICE]
    assert "Tom Reed" not in world.client("gp").get("/who-is-who").content.decode()
    assert "Tom Reed" not in world.client("gp").get(f"/who-is-who?practice={OTHER_PRACTICE}").content.decode()


def test_beside_the_patient_those_who_have_them_come_first(world):
    world.tell({"Iris": IRIS})
    world.catch_up()
    add(world, of=PCN, kind="psychiatrist", details=Details("Tom Reed", "01632 960122"))
    add(world, kind="team", details=Details("Northside duty desk", "01632 960109 ext. 4"))
    html = world.client("gp").get(f"/patients/{world.ids['Iris']}").content.decode()
    panel = html[html.index('id="who-to-call"') : html.index('id="contact"')]
    assert panel.index("Northside duty desk") < panel.index("Tom Reed")
    assert "tel:01632960122" in panel
    assert "01632 960109 ext. 4" in panel
    assert "tel:01632960109" not in panel


def test_on_a_duty_that_the_trust_owes_stand_the_trust_and_its_teams(world):
    world.tell({"Iris": IRIS})
    world.catch_up()
    world.agree_lithium("Iris")
    trust = world.members["psychiatrist"].organisation
    team = accounts.create_organisation(SYSTEM, code="RX901", name="Northside East", kind="team")
    accounts.make_part_of(SYSTEM, whole=trust, part=team, from_on=date(2015, 4, 1))
    practice = world.members["gp"].organisation
    services.add_link(
        SYSTEM, practice=practice, organisation=team, kind="team", details=Details("East desk", "7"), from_on=date(2026, 1, 1)
    )
    add(world)
    add(world, of=PCN, kind="pharmacist", details=Details("Tom Reed", "2"))
    assert names(selectors.links_for(PRACTICE, TRUST)) == ["Dr Lena Hart", "East desk"]
    theirs = next(duty for duty in world.duties("Iris", state="open") if duty.owner_org == TRUST)
    ours = next(duty for duty in world.duties("Iris", state="open") if duty.owner_org == PRACTICE)
    html = world.client("gp").get(f"/duties/{theirs.pk}").content.decode()
    shown = html[html.index("Who to call there") :]
    assert "Dr Lena Hart" in shown
    assert "East desk" in shown
    assert "Tom Reed" not in shown
    assert "Who to call there" not in world.client("gp").get(f"/duties/{ours.pk}").content.decode()
    assert "Who to call there" not in world.client("psychiatrist").get(f"/duties/{theirs.pk}").content.decode()


def test_beside_the_patient_nothing_stands_when_nobody_is_named(world):
    world.tell({"Iris": IRIS})
    world.catch_up()
    assert "Who to call" not in world.client("gp").get(f"/patients/{world.ids['Iris']}").content.decode()
    assert "Nobody is named for Riverside Surgery yet" in world.client("manager").get(f"/patients/{world.ids['Iris']}").content.decode()


def test_the_demos_links_can_be_sown_twice(settings):
    plan = accounts.demo_plan()
    accounts.seed(SYSTEM, plan, from_on=date(2020, 1, 1))
    for _ in range(2):
        services.seed_links(SYSTEM, plan["links"], from_on=date(2020, 1, 1))
    assert Link.objects.count() == len(plan["links"])
    assert all(line.startswith("01632 960") for line in Link.objects.values_list("direct_line", flat=True))
