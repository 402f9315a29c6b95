"""Managing staff: one's own organisation only, never oneself, never the last manager; links that work once."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.core.management import CommandError, call_command

import web_support
from stepwell.errors import Refused
from stepwell.web.accounts import selectors, services, staff
from stepwell.web.accounts.models import Invitation, Membership, User
from stepwell.web.core.actor import Actor
from stepwell.web.core.gate import AccessRefused

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system("tests")
PASSWORD = "a long walk down the steps"
TODAY = web_support.TODAY


@pytest.fixture(autouse=True)
def day(settings):
    settings.AS_OF = TODAY


@pytest.fixture
def manager(signed_in):
    return signed_in("manager")


def new_person(**more):
    return {"name": "Ann Lee", "username": "ann.lee", "role": "nurse", "from_on": TODAY.isoformat(), **more}


def link_in(response):
    return re.search(r"http://testserver(/sign-in/invitation/[\w-]+)", response.content.decode())[1]


def test_the_list_shows_who_works_here_and_nobody_else(manager, network):
    html = manager.get("/staff").content.decode()
    assert "4 people work at Riverside Surgery" in html
    assert "Amara Osei" in html
    assert "Sian Rees" not in html
    assert "Tom Reed" not in html


@pytest.mark.parametrize("who", ["gp", "nurse", "privacy", "pcn pharmacist", "psychiatrist", "commissioner"])
def test_only_managers_open_it(signed_in, network, who):
    client = signed_in(who)
    for address in ("/staff", "/staff/new", f"/staff/{network.members['gp'].user_id}"):
        assert client.get(address).status_code == 403
    before = User.objects.count()
    assert client.post("/staff/new", new_person()).status_code == 403
    assert User.objects.count() == before


def test_somebody_new_is_invited_and_signs_in(manager, client, settings):
    with web_support.recorded() as trail:
        response = manager.post("/staff/new", new_person())
    assert {entry.action for entry in trail.writes()} == {"create user", "add membership", "make invitation"}
    assert all(entry.user_name == "Colin Marsh" for entry in trail.writes())
    address = link_in(response)
    assert address.rpartition("/")[2] not in str(list(Invitation.objects.values()))
    visitor = type(manager)()
    assert "Ann Lee" in visitor.get(address).content.decode()
    short = visitor.post(address, {"new": "short", "again": "short"})
    assert short.status_code == 422
    differs = visitor.post(address, {"new": PASSWORD, "again": PASSWORD + "x"})
    assert "The two passwords differ" in differs.content.decode()
    with web_support.recorded() as trail:
        assert visitor.post(address, {"new": PASSWORD, "again": PASSWORD}).headers["Location"] == "/"
    assert trail.writes()[0].action == "use invitation"
    assert "Ann Lee · Practice nurse" in visitor.get("/account").content.decode()
    assert visitor.get(address).status_code == 410
    assert visitor.post(address, {"new": PASSWORD, "again": PASSWORD}).status_code == 410


def test_a_link_lives_for_a_day(network):
    with time_machine.travel(datetime(2026, 11, 21, 9, 0, tzinfo=UTC), tick=False) as clock:
        user, token = staff.invite(network.actor("manager"), username="x", name="X", role_key="nurse", from_on=TODAY)
        clock.shift(timedelta(hours=23, minutes=59))
        assert staff.invitation_of(token) is not None
        clock.shift(timedelta(minutes=1))
        assert staff.invitation_of(token) is None
        with pytest.raises(Refused, match="too old"):
            staff.use_invitation(token, PASSWORD)
    assert not User.objects.get(pk=user.pk).has_usable_password()


def test_a_newer_link_stops_the_older(network):
    user, first = staff.invite(network.actor("manager"), username="x", name="X", role_key="nurse", from_on=TODAY)
    second = staff.invitation(network.actor("manager"), user, staff.JOIN)
    assert staff.invitation_of(first) is None
    assert staff.invitation_of(second).user == user


def test_the_link_of_somebody_who_left_does_not_work(network):
    user, token = staff.invite(network.actor("manager"), username="x", name="X", role_key="nurse", from_on=TODAY)
    user.is_active = False
    user.save()
    assert staff.invitation_of(token) is None


def test_a_user_name_that_is_taken_is_told_and_nothing_typed_is_lost(manager):
    response = manager.post("/staff/new", new_person(username="far.gp"))
    html = response.content.decode()
    assert response.status_code == 422
    assert "signs in as far.gp already" in html
    assert 'value="Ann Lee"' in html


def test_somebody_who_works_elsewhere_gets_the_role_without_a_link(manager, network):
    response = manager.post("/staff/new", new_person(username="FAR.gp", role="gp", already="yes"))
    assert response.status_code == 302
    assert Membership.objects.filter(user=network.members["far gp"].user, organisation__code="P1", role="gp").exists()
    assert not Invitation.objects.exists()
    assert "Nobody signs in as" in manager.post("/staff/new", new_person(already="yes")).content.decode()


def test_roles_of_other_kinds_are_not_offered(manager, network):
    html = manager.get("/staff/new").content.decode()
    assert "Practice nurse" in html
    assert "Psychiatrist" not in html
    assert manager.post("/staff/new", new_person(role="psychiatrist")).status_code == 422


def test_nobody_gives_themselves_a_role(manager, network):
    me = network.members["manager"].user_id
    response = manager.post(f"/staff/{me}/role", {"role": "gp", "from_on": TODAY.isoformat()})
    assert "You cannot give yourself a role" in response.content.decode()
    assert manager.post("/staff/new", new_person(username="manager", role="gp", already="yes")).status_code == 422
    assert list(Membership.objects.filter(user=me).values_list("role", flat=True)) == ["practice manager"]


def test_a_manager_manages_no_covered_practice(network):
    user = network.members["gp"].user
    boss = services.create_user(SYSTEM, username="lead", name="Helen Wu")
    lead = services.add_membership(
        SYSTEM, user=boss, organisation=network.organisations["N1"], role_key="team manager", from_on=web_support.LONG_AGO
    )
    actor = selectors.actor_for(lead, TODAY)
    assert "P1" in actor.covered
    with pytest.raises(Refused, match="You manage the staff of Northvale Primary Care Network"):
        services.add_membership(actor, user=user, organisation=network.organisations["P1"], role_key="nurse", from_on=TODAY)
    with pytest.raises(Refused, match="You manage the staff"):
        services.end_membership(actor, network.members["nurse"], to_on=TODAY)


def test_a_manager_reaches_nobody_of_another_practice(manager, network):
    other = network.members["far gp"]
    for address in (f"/staff/{other.user_id}", f"/staff/{other.user_id}/reset", f"/staff/roles/{other.pk}/end"):
        assert manager.get(address).status_code == 404
        assert manager.post(address, {"to_on": TODAY.isoformat()}).status_code in {404, 405}


def test_the_permission_is_asked_for_below_the_page_too(network):
    with pytest.raises(AccessRefused):
        services.add_membership(
            network.actor("gp"), user=network.members["nurse"].user, organisation=network.organisations["P1"], role_key="gp", from_on=TODAY
        )


def test_ending_a_role_stops_it_on_that_day(manager, network):
    nurse = network.members["nurse"]
    with web_support.recorded() as trail:
        assert manager.post(f"/staff/roles/{nurse.pk}/end", {"to_on": TODAY.isoformat()}).status_code == 302
    assert [(entry.user_name, entry.reason) for entry in trail.writes("end membership")] == [("Colin Marsh", "nurse")]
    assert not selectors.memberships_of(nurse.user, TODAY).exists()
    assert selectors.memberships_of(nurse.user, TODAY - timedelta(1)).exists()
    again = manager.post(f"/staff/roles/{nurse.pk}/end", {"to_on": TODAY.isoformat()})
    assert "ended on 21-Nov-2026 already" in again.content.decode()


@pytest.mark.parametrize("days", [-1, -400])
def test_a_role_cannot_end_in_the_past(manager, network, days):
    response = manager.post(f"/staff/roles/{network.members['nurse'].pk}/end", {"to_on": (TODAY + timedelta(days)).isoformat()})
    assert response.status_code == 422
    with pytest.raises(Refused, match="today or later"):
        services.end_membership(network.actor("manager"), network.members["nurse"], to_on=TODAY + timedelta(days))


def test_the_last_manager_stays(network):
    actor, own = network.actor("manager"), network.members["manager"]
    with pytest.raises(Refused, match="Nobody else would manage staff at Riverside Surgery"):
        services.end_membership(actor, own, to_on=TODAY)
    services.add_membership(
        actor, user=network.members["nurse"].user, organisation=network.organisations["P1"], role_key="practice manager",
        from_on=TODAY + timedelta(7),
    )  # fmt: skip
    with pytest.raises(Refused, match="Nobody else would manage staff"):
        services.end_membership(actor, own, to_on=TODAY + timedelta(6))
    assert services.end_membership(actor, own, to_on=TODAY + timedelta(7)).to_on == TODAY + timedelta(7)


def test_a_manager_who_left_is_no_other_manager(network):
    user = network.members["nurse"].user
    services.add_membership(
        SYSTEM, user=user, organisation=network.organisations["P1"], role_key="practice manager", from_on=web_support.LONG_AGO
    )
    user.is_active = False
    user.save()
    with pytest.raises(Refused, match="Nobody else would manage staff"):
        services.end_membership(network.actor("manager"), network.members["manager"], to_on=TODAY)


def test_tomorrows_role_works_tomorrow(network):
    row = services.add_membership(
        network.actor("manager"), user=network.members["nurse"].user, organisation=network.organisations["P1"], role_key="link worker",
        from_on=TODAY + timedelta(1), to_on=TODAY + timedelta(2),
    )  # fmt: skip
    found = {n: row in selectors.memberships_of(row.user, TODAY + timedelta(n)) for n in range(3)}
    assert found == {0: False, 1: True, 2: False}
    services.end_membership(network.actor("manager"), row, to_on=TODAY + timedelta(1))  # taken back before it began
    assert row not in selectors.memberships_of(row.user, TODAY + timedelta(1))


def test_a_sign_in_set_anew_ends_the_old_one(manager, network, client):
    user = network.members["nurse"].user
    user.set_password(PASSWORD)
    user.save()
    nurse = web_support.sign_in(type(manager)(), network.members["nurse"])
    assert nurse.get("/account").status_code == 200
    with web_support.recorded() as trail:
        address = link_in(manager.post(f"/staff/{user.pk}/reset"))
    assert [entry.action for entry in trail.writes()] == ["reset sign-in", "make invitation"]
    assert nurse.get("/account").status_code == 302
    assert client.post("/sign-in", {"username": "nurse", "password": PASSWORD}).status_code == 422
    other = "another long walk up the steps"
    assert client.post(address, {"new": other, "again": other}).status_code == 302


def test_setting_anew_asks_who_is_at_the_screen(manager, network):
    session = manager.session
    session[services.STARTED_KEY] -= 16 * 60
    session.save()
    response = manager.post(f"/staff/{network.members['nurse'].user_id}/reset", HTTP_REFERER="http://testserver/staff")
    assert response.headers["Location"] == "/sign-in/again?next=%2Fstaff"
    assert not Invitation.objects.exists()


def test_nobody_gets_a_link_to_work_done_elsewhere(network):
    """The link would open the other organisation's patients to this manager."""
    actor, user = network.actor("manager"), network.members["nurse"].user
    services.add_membership(SYSTEM, user=user, organisation=network.organisations["P3"], role_key="nurse", from_on=TODAY + timedelta(9))
    with pytest.raises(Refused, match="also works elsewhere"):
        staff.reset_sign_in(actor, user)
    with pytest.raises(Refused, match="does not work at"):
        staff.reset_sign_in(actor, network.members["far gp"].user)
    with pytest.raises(Refused, match="your account page"):
        staff.reset_sign_in(actor, network.members["manager"].user)


# Commands, for whoever runs Stepwell


def test_organisations_and_the_first_manager_by_command(tmp_path, capsys, client):
    file = tmp_path / "organisations.yaml"
    file.write_text(
        "organisations:\n  A1: {name: One, kind: practice}\n  U1: {name: Net, kind: pcn, covers: [A1]}\n"
        "  Q1: {name: Board, kind: icb, parts: [U1]}\n"
    )
    for _ in range(2):
        call_command("organisations", str(file), "--from", "2020-01-01")
    assert selectors.network_of(["A1"], TODAY) == {"A1", "U1", "Q1"}
    capsys.readouterr()
    call_command("invite", "pat", "--name", "Pat Moss", "--at", "A1", "--as", "practice manager")
    address = capsys.readouterr().out.strip()
    assert client.post(address, {"new": PASSWORD, "again": PASSWORD}).status_code == 302
    call_command("invite", "pat", "--at", "A1", "--as", "nurse")
    assert "as before" in capsys.readouterr().out
    call_command("invite", "pat", "--reset")
    assert capsys.readouterr().out.startswith("/sign-in/invitation/")
    assert not User.objects.get(username="pat").has_usable_password()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nobody", "--reset"], "Nobody signs in"),
        (["new", "--name", "N", "--at", "none", "--as", "gp"], "registered organisation"),
        (["new", "--at", "P1", "--as", "gp"], "--name"),
        (["new", "--name", "N", "--at", "P1", "--as", "wizard"], "no role"),
    ],
)
def test_a_command_that_cannot_be_done_says_why(network, arguments, told):
    before = User.objects.count()
    with pytest.raises(CommandError, match=told):
        call_command("invite", *arguments)
    assert User.objects.count() == before


@pytest.mark.parametrize("text", ["", "organisations: 3", "- a", "organisations: {A: {name: x, kind: shop}}", ": : :"])
def test_a_file_that_is_none_is_refused(tmp_path, db, text):
    file = tmp_path / "organisations.yaml"
    file.write_text(text)
    with pytest.raises(CommandError):
        call_command("organisations", str(file))


def test_dates_are_shown_as_the_house_shows_them(manager, network):
    services.add_membership(
        SYSTEM, user=network.members["nurse"].user, organisation=network.organisations["P1"], role_key="link worker",
        from_on=date(2026, 12, 1), to_on=date(2027, 1, 1),
    )  # fmt: skip
    html = manager.get(f"/staff/{network.members['nurse'].user_id}").content.decode()
    assert "from 01-Dec-2026 to 01-Jan-2027" in html
    assert "to come" in html
