"""The pages of meetings, as the chair, a practice manager and somebody from another practice."""

from __future__ import annotations

import re

import pytest

from ledger_world import IRIS, OTHER_PRACTICE, PRACTICE, TODAY, TRUST, World
from stepwell.web.core import clock
from stepwell.web.ledger import selectors as ledger
from stepwell.web.meetings import services
from stepwell.web.meetings.models import AgendaItem, ItemEvent, Meeting
from stepwell.web.privacy import services as privacy
from web_support import recorded

OWN = ("", "/attendance", "/cancel", "/minutes", "/sign-off")


@pytest.fixture
def world(db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Iris": IRIS, "Cy": ["olanzapine 10 mg daily from 2023-04-01 every 28 days"]})
    world.catch_up()
    return world


@pytest.fixture
def meeting(world):
    body = {"on": TODAY.isoformat(), "starts": "13:00", "minutes": "30", "with_orgs": [TRUST], "chair": str(world.members["gp"].user_id)}
    response = world.client("manager").post("/meetings/new", body)
    assert response.status_code == 302, response.content.decode()[-3000:]
    return Meeting.objects.get()


def read(world, who, address):
    response = world.client(who).get(address)
    assert response.status_code == 200, (who, address, response.status_code)
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split()).replace(" ,", ",")


def test_the_manager_arranges_and_the_chair_walks_through(world, meeting):
    page = read(world, "gp", f"/meetings/{meeting.pk}")
    assert "1 person on Mon 01-Jun-2026" in page and "WORKED, Iris" in page and "at 13:00, 30 minutes" in page
    item = AgendaItem.objects.get()
    page = read(world, "psychiatrist", f"/meetings/people/{item.pk}")
    assert "1 of 1, 5 minutes" in page and "lithium" in page and "Due now" in page and "Nobody" in page
    body = {"kind": "action", "words": "Agree who takes on risperidone", "owner": TRUST, "due_on": TODAY.isoformat(), "seen": "0"}
    assert world.client("gp").post(f"/meetings/people/{item.pk}", body).status_code == 302
    assert "Agree who takes on risperidone" in read(world, "psychiatrist", f"/patients/{world.ids['Iris']}")
    assert (
        world.client("manager").post(f"/meetings/{meeting.pk}/attendance", {"names": "Dr Osei\nDr Hart", "version": "2"}).status_code == 302
    )
    assert world.client("gp").post(f"/meetings/{meeting.pk}/sign-off").status_code == 302
    minutes = read(world, "manager", f"/meetings/{meeting.pk}/minutes")
    assert "Signed off by Dr Amara Osei" in minutes and "Agree who takes on risperidone" in minutes
    assert "Northside CMHT, by 01-Jun-2026, open" in minutes
    assert "Agree who takes on risperidone" in read(world, "gp", f"/patients/{world.ids['Iris']}")


def test_a_decision_without_an_owner_is_not_lost(world, meeting):
    item = AgendaItem.objects.get()
    response = world.client("gp").post(f"/meetings/people/{item.pk}", {"kind": "action", "words": "Ring her", "seen": "0"})
    page = response.content.decode()
    assert response.status_code == 422 and "Choose who does it" in page and "Ring her" in page
    assert not ItemEvent.objects.exists()


def test_who_is_not_of_the_meeting_sees_nothing_of_it(world, meeting):
    item = AgendaItem.objects.get()
    for part in OWN:
        assert world.client("other gp").get(f"/meetings/{meeting.pk}{part}").status_code == 404
        assert world.client("link worker").get(f"/meetings/{meeting.pk}{part}").status_code == 403
    assert world.client("other gp").post(f"/meetings/{meeting.pk}/agenda").status_code == 404
    assert world.client("link worker").post(f"/meetings/{meeting.pk}/agenda").status_code == 403
    assert world.client("other gp").get(f"/meetings/people/{item.pk}").status_code == 403
    assert world.client("psychiatrist").get(f"/meetings/{meeting.pk}").status_code == 200


def test_whom_the_viewer_may_not_open_is_counted_and_not_named(world, meeting):
    """Cy is the practice's alone: the trust at the table is told that there is somebody."""
    services.add_person(world.actor("gp"), meeting.pk, world.ids["Cy"], why="Missed injections")
    own, theirs = (read(world, who, f"/meetings/{meeting.pk}") for who in ("gp", "psychiatrist"))
    assert "WORKED, Cy" in own and "WORKED, Cy" not in theirs and "Missed injections" not in theirs
    assert "1 person on this agenda whom you may not open is not shown" in theirs
    minutes = read(world, "psychiatrist", f"/meetings/{meeting.pk}/minutes")
    assert "WORKED, Cy" not in minutes and "1 person whom you may not open is not shown" in minutes


def test_every_person_shown_is_in_the_trail(world, meeting):
    with recorded() as trail:
        world.client("manager").get(f"/meetings/{meeting.pk}")
        world.client("manager").get(f"/meetings/{meeting.pk}/minutes")
        world.client("gp").get(f"/meetings/people/{AgendaItem.objects.get().pk}")
    assert len(trail.reads_of(world.ids["Iris"])) == 3


def test_what_is_marked_sensitive_is_not_told_on_the_agenda(world, meeting):
    subject = ledger.subject_of(world.ids["Iris"])
    privacy.mark_sensitive(world.actor("gp"), subject, kind="medicine", key="risperidone", organisations=[PRACTICE], why="She asked")
    AgendaItem.objects.create(
        meeting=Meeting.objects.create(org_code=PRACTICE, with_orgs=[TRUST], on=TODAY, minutes=30, chair_id=world.members["gp"].user_id),
        person_id=world.ids["Iris"],
        reasons=[["nobody", "Risperidone: prolactin, due 01-May-2026"]],
        at=clock.now(),
    )
    last = Meeting.objects.latest("pk").pk
    own, theirs = (read(world, who, f"/meetings/{last}") for who in ("gp", "psychiatrist"))
    assert "prolactin" in own and "prolactin" not in theirs and "restricted" in theirs


def test_no_meeting_says_so(world):
    assert "No meeting is planned" in read(world, "gp", "/meetings")
    assert "Arrange a meeting first" in read(world, "gp", f"/patients/{world.ids['Iris']}/meeting").replace(" first.", " first")
    assert world.members["other gp"].organisation.code == OTHER_PRACTICE


def test_a_stale_attendance_is_refused_and_kept(world, meeting):
    services.record_attendance(world.actor("manager"), meeting.pk, "Dr Osei")
    response = world.client("gp").post(f"/meetings/{meeting.pk}/attendance", {"names": "Dr Hart", "version": "1"})
    assert response.status_code == 409 and "Dr Hart" in response.content.decode()
    assert Meeting.objects.get().attendance == "Dr Osei"


def test_a_meeting_that_is_past_and_not_signed_off_says_so(world, meeting):
    world.today = TODAY.replace(day=20)
    assert "past, not signed off" in read(world, "gp", "/meetings")
