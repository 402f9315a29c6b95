"""Exporting the worklist, a register and the week: who may, for what reason, recorded with whom, never too much at once."""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta

import pytest
import time_machine

import web_support
from ledger_world import IRIS, OTHER_PRACTICE, PRACTICE, TODAY, World
from stepwell.web.core import clock
from stepwell.web.core.models import AuditEntry
from stepwell.web.week import list_views, listings
from week_world import WHY, WeekWorld, by_column, taken


@pytest.fixture
def world(db, settings, tmp_path):
    world = WeekWorld(settings, tmp_path)
    for name, family in (("Ada", "=1+1"), ("Bo", "@SUM"), ("Łucja 👩🏽‍⚕️", 'O\'Neil, "Sue"\nSecond line')):
        person = world.person(name, family=family, points=len(name))
        world.duty(person, "antipsychotic.hba1c", due=TODAY - timedelta(days=30))
        world.duty(person, "antipsychotic.weight", due=TODAY + timedelta(days=10))
    far = world.person("Far", family="Unseen", practice=OTHER_PRACTICE)
    world.duty(far, "antipsychotic.hba1c", owner=OTHER_PRACTICE)
    world.hours([20, 0, 0, 0, 0, 0, 0])
    return world


def test_the_worklist_as_its_page_shows_it(world):
    client = world.client("gp")
    page = client.get("/lists/worklist/export").content.decode()
    assert "Export 3 rows: Worklist: Mine and overdue" in page
    rows = taken(client.post("/lists/worklist/export", WHY))
    assert by_column(rows, "Family name") == ['O\'Neil, "Sue"\nSecond line', "'=1+1", "'@SUM"], "in the order of priority, text intact"
    assert by_column(rows, "Owed") == ["HbA1c (or fasting glucose)"] * 3
    assert by_column(rows, "Days overdue") == ["30"] * 3 and by_column(rows, "Due") == ["2026-05-02"] * 3
    assert by_column(rows, "NHS number")[0].count(" ") == 2
    assert len(taken(client.post("/lists/worklist/export?tab=soon", WHY))) == 4
    assert [row[0] for row in taken(client.post("/lists/worklist/export?medicine=lithium", WHY))] == ["Family name"]


def test_the_week_and_what_does_not_fit(world):
    client = world.client("manager")
    fits = taken(client.post("/lists/week/export", WHY))
    rest = taken(client.post("/lists/week/export?list=rest", WHY))
    assert by_column(fits, "When") == ["Mon 01-Jun-2026"] * 2 and by_column(rest, "When") == ["week of 15-Jun-2026"]
    assert by_column(rest, "By then") == ["6 weeks late by then"], "in between others fall due who go first"
    assert by_column(rest, "Carries it until then") == ["Riverside Surgery, practice nurse"]


def test_a_register_who_left_it_and_gaps(db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Iris": IRIS, "Gone": ["sertraline 50 mg daily from 2023-01-10 to 2024-03-01 every 28 days"]})
    world.catch_up()
    client = world.client("gp")
    rows = taken(client.post("/lists/register:antipsychotic/export", WHY))
    assert by_column(rows, "Given name") == ["Iris"]
    assert "olanzapine 10 mg a day" in by_column(rows, "Takes")[0]
    left = taken(client.post("/lists/register:antidepressant/export?who=left", WHY))
    assert (by_column(left, "Given name"), by_column(left, "Why")) == (["Gone"], ["supply ended"])
    # A specialist takes the gaps that their page shows; a nurse sees them and takes no file.
    gaps = "/lists/shared-care/export"
    rows = taken(world.client("psychiatrist").post(gaps, WHY))
    assert by_column(rows, "Given name") and set(by_column(rows, "Given name")) == {"Iris"}
    assert gaps in world.client("psychiatrist").get("/shared-care/gaps").content.decode()
    assert gaps not in world.client("nurse").get("/shared-care/gaps").content.decode()
    assert world.client("nurse").post(gaps, WHY).status_code == 403
    assert client.get("/lists/register:nonsense/export").status_code == 404
    assert client.get("/lists/nonsense/export").status_code == 404
    assert client.get("/lists/week:x/export").status_code == 404


def test_a_workbook_is_what_excel_opens(world):
    response = world.client("gp").post("/lists/worklist/export", {**WHY, "kind": "xlsx"})
    data = b"".join(response.streaming_content)
    assert response["Content-Type"].startswith("application/vnd.openxmlformats")
    assert response["Content-Disposition"].endswith('.xlsx"') and "Ada" not in response["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        sheet = file.read("xl/worksheets/sheet1.xml").decode()
    assert "=1+1" in sheet and "<f>" not in sheet


def test_it_is_recorded_with_everybody_in_the_file_and_why(world):
    client = world.client("gp")
    with web_support.recorded() as trail:
        client.post("/lists/worklist/export", WHY)
    [entry] = [entry for entry in trail if entry.action == "export lists"]
    assert (entry.kind, entry.reason, entry.subject_id, entry.result_count) == ("read", WHY["why"], "worklist as csv", 3)
    assert sorted(entry.person_ids) == sorted(world.ids[name] for name in ("Ada", "Bo", "Łucja 👩🏽‍⚕️"))


def test_a_reason_is_asked_and_what_was_typed_is_kept(world):
    client = world.client("gp")
    before = AuditEntry.objects.filter(action="export lists").count()
    answer = client.post("/lists/worklist/export", {"kind": "csv", "why": "  "})
    assert answer.status_code == 422 and "Say what the file is for" in answer.content.decode()
    assert 'value="csv" checked' in answer.content.decode()
    assert client.post("/lists/worklist/export", {"kind": "exe", "why": "x"}).status_code == 422
    assert AuditEntry.objects.filter(action="export lists").count() == before


def test_more_than_a_file_holds_is_refused(world, monkeypatch):
    monkeypatch.setattr(listings, "MOST_ROWS", 2)
    monkeypatch.setattr(list_views, "MOST_ROWS", 2)
    client = world.client("gp")
    assert "Go back and filter the list first" in client.get("/lists/worklist/export").content.decode()
    answer = client.post("/lists/worklist/export", WHY)
    assert answer.status_code == 422 and "Unseen" not in answer.content.decode()
    assert "This list has 3 rows; a file holds at most 2" in answer.content.decode()


def test_not_too_often(world, settings):
    settings.EXPORTS_MOST = 1
    client = world.client("gp")
    assert client.post("/lists/worklist/export", WHY).status_code == 200
    answer = client.post("/lists/worklist/export", WHY)
    assert answer.status_code == 422 and "Wait a little, then try again" in answer.content.decode()
    assert AuditEntry.objects.filter(kind="refused", action="export lists").count() == 1


def test_only_by_somebody_who_is_there(world):
    client = world.client("gp")
    with time_machine.travel(clock.now() + timedelta(minutes=14, seconds=50)):
        client.get("/worklist")  # keeps the session
    with time_machine.travel(clock.now() + timedelta(minutes=20)):
        assert client.get("/lists/worklist/export").headers["Location"].startswith("/sign-in/again?next=")
        assert client.post("/lists/worklist/export", WHY).status_code == 302


@pytest.mark.parametrize(
    ("who", "status"), [("gp", 200), ("manager", 200), ("pharmacist", 200), ("nurse", 403), ("link worker", 403), ("psychiatrist", 200)]
)
def test_who_may(world, who, status):
    client = world.client(who)
    assert client.get("/lists/worklist/export").status_code == status
    answer = client.post("/lists/worklist/export", WHY)
    assert answer.status_code == status
    if status == 403:
        assert "1+1" not in answer.content.decode()
    assert ("Export</a>" in client.get("/worklist").content.decode()) == (status == 200)


def test_nobody_is_in_a_file_whom_one_may_not_open(world):
    for who in ("gp", "manager", "pharmacist"):
        for place in ("worklist", "worklist?tab=nobody", "week", "week?list=rest", "register:antipsychotic"):
            name, _, query = place.partition("?")
            rows = taken(world.client(who).post(f"/lists/{name}/export?{query}", WHY))
            assert "Unseen" not in by_column(rows, "Family name"), (who, place)
    assert len(taken(world.client("pharmacist").post("/lists/worklist/export", WHY))) == 4, PRACTICE
