"""The week through Django: hours entered and copied, minutes of a task, pieces of work, decisions of people, access and audit."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest

import web_support
from ledger_world import OTHER_PRACTICE, PCN, PRACTICE, TODAY, TRUST
from stepwell.errors import Refused
from stepwell.web.core.gate import AccessRefused
from stepwell.web.week import rota, selectors, services
from stepwell.web.week.models import Arrangement, MinutesSetting, RotaEntry
from stepwell.web.week.plan import WEEK, Fate
from stepwell.web.week.rota import Cell
from week_world import MONDAY, WeekWorld

DAY = timedelta(days=1)
BLOOD = "antipsychotic.hba1c"


@pytest.fixture
def world(db, settings, tmp_path):
    return WeekWorld(settings, tmp_path)


def text(response, status=200) -> str:
    assert response.status_code == status, response.status_code
    return " ".join(response.content.decode().split())


def placed(week) -> dict[tuple[int, str], tuple[str, date | None, int]]:
    """(person, task) → fate, week, minutes."""
    return {(each.work.person_id, each.work.task): (each.fate.value, each.week, each.work.minutes) for each in week.plan.placed}


# Pieces of work


def test_one_visit_counts_once_and_reviews_by_what_answers_them(world):
    ada = world.person("Ada")
    for rule in (BLOOD, "antipsychotic.lipids", "lithium.level", "antipsychotic.weight", "antipsychotic.bp", "antipsychotic.ecg"):
        world.duty(ada, rule)
    world.duty(ada, "combination.opioid-bz")
    world.duty(ada, "dependence.bz")  # answered by the same medication review
    world.duty(ada, "dependence.op")  # another review
    world.duty(ada, "antipsychotic.hba1c-raised")
    world.duty(ada, "antipsychotic.bmi-raised")
    found = [(each.work.task, each.work.share, each.work.duties, each.work.minutes) for each in world.week().plan.placed]
    results = [row for row in found if row[0] == "act on a result"]
    assert len(results) == 2 and all(row[2:] == (1, 10) for row in results), "each result is acted on by itself"
    assert sorted(row for row in found if row[0] != "act on a result") == [
        ("blood", "", 3, 10),
        ("check", "", 2, 10),
        ("ecg", "", 1, 20),
        ("review", "medication-review", 2, 20),
        ("review", "opioid-review", 1, 20),
    ]


def test_roles_of_a_practice_and_of_a_trust(world):
    ada = world.person("Ada")
    world.duty(ada, BLOOD, owner_role="gp")  # blood is taken by the nurse, whoever the duty names
    world.duty(ada, "antipsychotic.specialist-yearly", due=TODAY)  # a practice that owes it arranges it through its GP
    world.duty(ada, "clozapine.gp-questions")
    found = {each.work.task: each.work.pool for each in world.week().plan.placed}
    assert {task: (pool.org_code, pool.role) for task, pool in found.items()} == {
        "blood": (PRACTICE, "nurse"),
        "specialist review": (PRACTICE, "gp"),
        "questions": (PRACTICE, "nurse"),
    }
    world.duty(ada, "clozapine.fbc", owner=TRUST)
    from stepwell.web.ledger.models import Relationship

    Relationship.objects.create(person_id=ada, org_code=TRUST, kind="caseload")
    assert [each.work.pool.role for each in world.week("psychiatrist").plan.placed] == ["mental health nurse"]


def test_what_is_due_counts_by_the_end_of_the_week_and_only_if_it_is_ours_and_open(world):
    ada, far = world.person("Ada"), world.person("Far", practice=OTHER_PRACTICE)
    world.duty(ada, BLOOD, due=MONDAY + 6 * DAY)
    world.duty(ada, "antipsychotic.weight", due=MONDAY + 7 * DAY)
    world.duty(ada, "antipsychotic.ecg", owner=TRUST)
    world.duty(ada, "antipsychotic.smoking", state="met")
    world.duty(far, BLOOD, owner=OTHER_PRACTICE)
    assert set(placed(world.week())) == {(ada, "blood")}
    assert set(placed(world.week(monday=MONDAY + WEEK))) == {(ada, "blood"), (ada, "check")}


def test_a_duty_put_off_on_its_page_waits_and_is_not_lost(world):
    ada = world.person("Ada")
    world.hours([60] * 5 + [0, 0])
    world.duty(ada, BLOOD, shown_from=MONDAY + 16 * DAY, deferred_why="On holiday")
    assert placed(world.week()) == {(ada, "blood"): ("put off", MONDAY + 2 * WEEK, 10)}
    page = text(world.client("manager").get("/week?list=put-off"))
    assert "Put off by a person 1" in page and "Put off until 17-Jun-2026: On holiday" in page
    world.duty(ada, "antipsychotic.lipids")
    assert placed(world.week()) == {(ada, "blood"): ("fits", MONDAY, 10)}, "another test of the same visit is due now"


# Hours


def test_hours_are_entered_kept_and_changed_by_events(world):
    manager = world.client("manager")
    page = text(manager.get("/week/rota"))
    assert "Practice nurse" in page and "Mon 01-Jun-2026" in page
    with web_support.recorded() as trail:
        answer = manager.post("/week/rota", {"seen": "0", "nurse.0.0": "3.5", "nurse.0.2": "3:30", "gp.0.1": "2"})
    assert answer.status_code == 302 and trail.writes("plan week")
    assert RotaEntry.objects.count() == 3
    assert rota.entries(PRACTICE, MONDAY, MONDAY + 6 * DAY) == {
        Cell(MONDAY, "nurse"): 210, Cell(MONDAY + 2 * DAY, "nurse"): 210, Cell(MONDAY + DAY, "gp"): 120,
    }  # fmt: skip
    page = text(manager.get(answer["Location"]))
    assert "The hours are saved" in page and 'value="3.5"' in page
    seen = re.search(r'name="seen" value="(\d+)"', page).group(1)
    manager.post("/week/rota", {"seen": seen, "nurse.0.0": "", "nurse.0.2": "3.5", "gp.0.1": "2"})
    assert rota.entries(PRACTICE, MONDAY, MONDAY + 6 * DAY)[Cell(MONDAY, "nurse")] == 0
    assert RotaEntry.objects.count() == 4, "only what differs is written; nothing is overwritten"


@pytest.mark.parametrize(("typed", "words"), [("three", "give hours such as"), ("-1", "give hours such as"), ("999", "at most 200 hours")])
def test_hours_that_cannot_be_read_are_told_and_nothing_typed_is_lost(world, typed, words):
    page = text(world.client("manager").post("/week/rota", {"seen": "0", "nurse.0.0": typed, "gp.0.1": "7"}), 422)
    assert words in page and f'value="{typed}"' in page and 'value="7"' in page
    assert 'href="#id_nurse.0.0"' in page and RotaEntry.objects.count() == 0


def test_who_saves_second_sees_what_changed(world):
    manager = world.client("manager")
    world.hours([120, 0, 0, 0, 0, 0, 0])
    page = text(manager.post("/week/rota", {"seen": "0", "nurse.0.0": "5", "nurse.0.1": "4"}), 422)
    assert "changed by Colin Marsh" in page and "Practice nurse, Mon 01-Jun-2026: 2hr (Colin Marsh)" in page
    assert 'value="5"' in page and 'value="4"' in page and RotaEntry.objects.count() == 1


def test_copying_the_week_before_leaves_bank_holidays_out(world):
    manager = world.client("manager")
    assert "No hours were entered for the week before" in text(manager.post("/week/rota", {"copy": "yes", "seen": "0"}), 422)
    august = date(2026, 8, 24)  # the Monday of the week after is a bank holiday in England
    world.hours([180, 120, 0, 0, 60, 0, 0], monday=august)
    page = text(manager.get(f"/week/rota?from={august + WEEK}"))
    assert "Summer Bank Holiday" in page or "Bank Holiday" in page
    answer = manager.post(f"/week/rota?from={august + WEEK}", {"copy": "yes", "seen": "0"})
    assert answer.status_code == 302
    copied = rota.entries(PRACTICE, august + WEEK, august + WEEK + 6 * DAY)
    assert {cell.day.weekday(): minutes for cell, minutes in copied.items() if minutes} == {1: 120, 4: 60}


def test_a_colleague_by_name_adds_to_the_role(world):
    manager, nurse = world.client("manager"), world.actor("nurse")
    page = text(manager.get(f"/week/rota?with={nurse.user_id}"))
    assert "Priya Nair, Practice nurse" in page
    manager.post(f"/week/rota?with={nurse.user_id}", {"seen": "0", "nurse.0.0": "1", f"nurse.{nurse.user_id}.0": "2"})
    assert "Priya Nair, Practice nurse" in text(manager.get("/week/rota")), "who has hours keeps the line"
    assert rota.known_hours(PRACTICE, MONDAY).weeks[MONDAY]["nurse"][0] == 180


def test_a_week_without_hours_counts_as_the_usual_one(world):
    ada = world.person("Ada")
    world.duty(ada, BLOOD)
    assert placed(world.week()) == {(ada, "blood"): ("no hours", None, 10)}
    assert "No hours were ever entered" in text(world.client("gp").get("/week"))
    world.hours([0, 60, 0, 0, 0, 0, 0])
    assert placed(world.week(monday=MONDAY + WEEK)) == {(ada, "blood"): ("fits", MONDAY + WEEK, 10)}
    page = text(world.client("gp").get(f"/week?from={MONDAY + WEEK}"))
    assert "No hours are entered for this week: it is counted like the week of 01-Jun-2026" in page
    whitsun = date(2026, 5, 25)  # a week with a bank holiday is not the usual one
    world.hours([0, 0, 0, 0, 30, 0, 0], monday=whitsun)
    assert rota.known_hours(PRACTICE, whitsun + WEEK).usual_week == MONDAY
    assert rota.known_hours(PRACTICE, whitsun).usual_week == whitsun, "without another it has to do"


def test_hours_of_days_that_are_past_are_gone(world):
    ada = world.person("Ada")
    world.duty(ada, BLOOD)
    world.hours([60, 60, 0, 0, 0, 0, 0])
    world.today = MONDAY + 2 * DAY
    assert placed(world.week()) == {(ada, "blood"): ("later", MONDAY + WEEK, 10)}


def test_only_who_plans_may_enter_hours_and_only_at_home(world):
    assert world.client("gp").get("/week/rota").status_code == 200
    assert 'name="nurse.0.0"' not in world.client("gp").get("/week/rota").content.decode()
    assert world.client("gp").post("/week/rota", {"seen": "0", "nurse.0.0": "3"}).status_code == 403
    assert world.client("link worker").get("/week").status_code == 403
    assert world.client("link worker").get("/week/rota").status_code == 403
    with pytest.raises(AccessRefused):
        services.set_hours(world.actor("gp"), MONDAY, {Cell(MONDAY, "nurse"): 60})
    with pytest.raises(Refused):
        services.set_hours(world.actor("manager"), MONDAY, {Cell(MONDAY, "psychiatrist"): 60})
    with pytest.raises(Refused):
        services.set_hours(world.actor("manager"), MONDAY, {Cell(MONDAY, "nurse", world.actor("psychiatrist").user_id): 60})
    with pytest.raises(Refused):
        services.set_hours(world.actor("manager"), MONDAY, {Cell(MONDAY + WEEK, "nurse"): 60})
    assert RotaEntry.objects.count() == 0


# A network


def test_a_network_pools_only_the_hours_that_a_practice_does_not_have(world):
    ada = world.person("Ada")
    world.duty(ada, "dependence.op")
    world.duty(ada, BLOOD)
    world.hours([60, 0, 0, 0, 0, 0, 0])
    entry = {"day": MONDAY, "role": "pharmacist", "minutes": 60, "org_code": PCN, "role_of_by": "team manager"}
    RotaEntry.objects.create(**entry, at=web_now(), by_id=world.actor("pharmacist").user_id)
    week = world.week("pharmacist")
    assert {each.work.task: each.work.pool.org_code for each in week.plan.fits} == {"review": PCN, "blood": PRACTICE}
    own = world.week("manager")
    assert {each.work.task: each.fate for each in own.plan.placed} == {"review": Fate.NO_HOURS, "blood": Fate.FITS}
    page = text(world.client("pharmacist").get("/week"))
    assert "Pharmacist, Northvale PCN" in page and "Practice nurse, Riverside Surgery" in page
    one, none = (text(world.client("pharmacist").get(f"/week?org={org}")) for org in (PRACTICE, PCN))
    assert "Fits this week 2" in one and "Fits this week 0" in none and "duties of Northvale PCN" in none
    assert "2 pieces of work" in none, "the sums stay those of the whole plan"


def web_now():
    from stepwell.web.core import clock

    return clock.now()


# Minutes


def test_an_organisation_enters_its_own_minutes(world):
    ada = world.person("Ada")
    world.duty(ada, BLOOD)
    manager = world.client("manager")
    assert "only proposes minutes" in text(manager.get("/week/minutes"))
    assert "Give the reason" in text(manager.post("/week/minutes/blood", {"minutes": "15"}), 422)
    assert "Give at most 480 minutes" in text(manager.post("/week/minutes/blood", {"minutes": "481", "why": "slow"}), 422)
    with web_support.recorded() as trail:
        assert manager.post("/week/minutes/blood", {"minutes": "15", "role": "gp", "why": "One room only"}).status_code == 302
    assert trail.writes("set minutes")
    assert [(each.work.minutes, each.work.pool.role) for each in world.week().plan.placed] == [(15, "gp")]
    assert "One room only" in text(manager.get("/week/minutes"))
    assert manager.post("/week/minutes/blood", {"minutes": "", "why": "Two rooms again"}).status_code == 302
    assert [(each.work.minutes, each.work.pool.role) for each in world.week().plan.placed] == [(10, "nurse")]
    assert MinutesSetting.objects.count() == 2
    assert "Two rooms again" in text(manager.get("/week/minutes/blood"))
    assert manager.get("/week/minutes/nonsense").status_code == 404
    assert world.client("gp").get("/week/minutes/blood").status_code == 403


# What people decide


@pytest.fixture
def two(world):
    """Ada goes first by points; there is room for one."""
    ada, bo = world.person("Ada", points=5), world.person("Bo")
    world.duty(ada, BLOOD)
    world.duty(bo, BLOOD)
    world.hours([10, 0, 0, 0, 0, 0, 0])
    return ada, bo


def arrange(person):
    return f"/week/patients/{person}/arrange?from={MONDAY}&org={PRACTICE}&task=blood&share="


def test_a_person_takes_work_into_the_week(world, two):
    ada, bo = two
    assert {key[0]: row[0] for key, row in placed(world.week()).items()} == {ada: "fits", bo: "later"}
    nurse = world.client("nurse")
    page = text(nurse.get(arrange(bo)))
    assert "HbA1c (or fasting glucose)" in page and "Take it into the week of 01-Jun-2026" in page
    assert "Give the reason" in text(nurse.post(arrange(bo), {"choice": "take"}), 422)
    with web_support.recorded() as trail:
        answer = nurse.post(arrange(bo), {"choice": "take", "why": "Comes on Monday anyway"})
    assert trail.writes("week: take")[0].person_id == bo
    assert {key[0]: row[0] for key, row in placed(world.week()).items()} == {ada: "later", bo: "fits"}
    page = text(nurse.get(answer["Location"]))
    assert "Taken into the week by Priya Nair: Comes on Monday anyway" in page
    row = Arrangement.objects.get()
    assert nurse.post(f"/week/arrangements/{row.pk}/undo", {"why": "Moved"}).status_code == 302
    assert {key[0]: row[0] for key, row in placed(world.week()).items()} == {ada: "fits", bo: "later"}
    assert nurse.get(f"/week/arrangements/{row.pk}/undo").status_code == 404, "taken back once"


def test_work_put_after_the_week_keeps_its_date_and_does_not_hide_what_comes(world, two):
    ada, _ = two
    nurse = world.client("nurse")
    assert "Choose the week in which it is done" in text(nurse.post(arrange(ada), {"choice": "put after", "why": "x"}), 422)
    until = MONDAY + 3 * WEEK
    nurse.post(arrange(ada), {"choice": "put after", "week": until.isoformat(), "why": "In hospital; Dr Osei knows"})
    assert placed(world.week())[ada, "blood"] == ("put off", until, 10)
    assert placed(world.week(monday=MONDAY + WEEK))[ada, "blood"] == ("put off", until, 10)
    assert placed(world.week(monday=until))[ada, "blood"][0] == "fits"
    page = text(nurse.get("/week?list=put-off"))
    assert "Put after this week until the week of 22-Jun-2026 by Priya Nair: In hospital; Dr Osei knows" in page
    world.duty(ada, "lithium.level")
    assert placed(world.week())[ada, "blood"] == ("fits", MONDAY, 10), "a lithium level that fell due since is not put off with it"


def test_only_the_latest_decision_holds(world, two):
    _, bo = two
    gp, key = world.actor("gp"), (two[1], PRACTICE, "blood", "")
    asked = selectors.Asked(gp, MONDAY, TODAY, (PRACTICE,))
    services.put_after(gp, asked, key, until=MONDAY + 2 * WEEK, why="Away")
    services.take_into_week(gp, asked, key, why="Back early")
    assert placed(world.week())[bo, "blood"][0] == "fits"
    assert placed(world.week(monday=MONDAY + WEEK))[bo, "blood"][0] == "later", "the earlier decision does not come back"
    with pytest.raises(Refused):
        services.put_after(gp, asked, key, until=MONDAY, why="Nonsense")
    with pytest.raises(Refused):
        services.put_after(gp, asked, (bo, PRACTICE, "ecg", ""), until=MONDAY + WEEK, why="Not owed")


def test_deciding_needs_the_person_and_the_organisation(world, two):
    ada, _ = two
    far = world.actor("other gp")
    with pytest.raises(AccessRefused):
        services.take_into_week(far, selectors.Asked(far, MONDAY, TODAY, (PRACTICE,)), (ada, PRACTICE, "blood", ""), why="x")
    assert world.client("other gp").get(arrange(ada)).status_code in (403, 404)
    assert world.client("link worker").get(arrange(ada)).status_code == 403
    assert world.client("gp").get(arrange(ada).replace("task=blood", "task=ecg")).status_code == 404
    assert world.client("gp").get(arrange(999_999)).status_code == 404


def test_the_list_is_recorded_with_who_was_on_it(world, two):
    ada, bo = two
    with web_support.recorded() as trail:
        world.client("manager").get("/week")
        world.client("manager").get("/week?list=rest")
    assert [(entry.action, entry.person_ids) for entry in trail] == [("view week", [ada]), ("view week", [bo])]


def test_the_same_question_gives_the_same_answer(world):
    for number in range(12):
        person = world.person(f"P{number}", points=number % 3)
        world.duty(person, BLOOD, due=TODAY - timedelta(days=number % 2))
    world.hours([30, 0, 20, 0, 0, 0, 0])
    one, other = world.week().plan, world.week().plan
    assert (one.fits, one.overflow) == (other.fits, other.overflow)


def test_an_address_that_cannot_be_read_shows_the_week_ahead(world):
    assert "01-Jun-2026" in text(world.client("gp").get("/week?from=nonsense&list=x&page=-3&size=9&role=%00&org=zz"))
    world.today = date(2026, 6, 6)
    assert "08-Jun-2026" in text(world.client("gp").get("/week")), "on a Saturday the week ahead is the next"
