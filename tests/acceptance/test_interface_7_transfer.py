"""Acceptance line 7, transfers and the meeting: the path of a psychiatrist and that of a practice manager, with the GP between them,
each in a browser as that role. The screenshots are looked at by people.
"""

from __future__ import annotations

import pytest

from browser_fixtures import follow
from ledger_world import IRIS, TODAY, TRUST, World
from stepwell.web.team import services as team
from stepwell.web.transfers import selectors
from stepwell.web.transfers.models import State, Transfer

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PHONE = 390


@pytest.fixture
def world(transactional_db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell(
        {
            "Iris": [*IRIS, "on the caseload of trust from 2024-06-01"],
            "Cy": ["on the caseload of trust from 2021-05-01", "diagnosis bipolar on 2018-02-01"],
            "Bo": ["on the caseload of trust from 2026-05-20", "olanzapine 10 mg daily from 2023-04-01 every 28 days"],
        }
    )
    world.catch_up()
    return world


def fits(page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def day(page, label, on=TODAY):
    box = page.get_by_role("group", name=label)
    for part, value in (("Day", on.day), ("Month", on.month), ("Year", on.year)):
        box.get_by_label(part).fill(str(value))


def said(page) -> str:
    return page.locator("main").inner_text()


def test_a_psychiatrist_steps_somebody_down_and_takes_her_back(signed_in_page, world, axe, screenshots):
    doctor = signed_in_page(world.members["psychiatrist"])
    doctor.goto("/transfers/candidates?tab=unknown")
    assert "WORKED, Cy" in said(doctor) and "no contact with them is on record" in said(doctor)
    axe(doctor)
    screenshots(doctor, "transfer-candidates")

    doctor.goto(f"/patients/{world.ids['Iris']}")
    follow(doctor.get_by_role("link", name="Propose a step-down"))
    doctor.get_by_label("Why is this person ready?").fill("Settled since 2024, seen twice a year")
    follow(doctor.get_by_role("button", name="Propose"))
    assert doctor.get_by_label("Why is this person ready?").input_value() == "Settled since 2024, seen twice a year"
    axe(doctor)
    doctor.get_by_label("What the practice does").fill("Repeats and yearly checks; ask at the first sleepless nights")
    day(doctor, "Planned day of the transfer")
    doctor.get_by_role("group", name="Review at transfer").get_by_label("Northside CMHT").check()
    screenshots(doctor, "transfer-propose")
    follow(doctor.get_by_role("button", name="Propose"))
    assert "Riverside Surgery answers the step-down by 19-Jun-2026" in doctor.locator("h1").inner_text()

    gp = signed_in_page(world.members["gp"], width=PHONE)
    gp.goto("/transfers")
    assert fits(gp)
    screenshots(gp, "transfers-phone")
    follow(gp.get_by_role("link", name="Answer"))
    gp.get_by_label("We agree to this plan").check()
    axe(gp)
    screenshots(gp, "transfer-answer")
    follow(gp.get_by_role("button", name="Send answer"))
    assert "Northside CMHT prepares the transfer" in gp.locator("h1").inner_text() and fits(gp)

    row = Transfer.objects.get()
    doctor.goto(f"/transfers/{row.pk}")
    axe(doctor)
    screenshots(doctor, "transfer-agreed")
    follow(doctor.get_by_role("link", name="Record the transfer"))
    day(doctor, "From which day")
    doctor.get_by_label("Why it goes ahead").fill("The letter follows today")
    screenshots(doctor, "transfer-missing")
    follow(doctor.get_by_role("button", name="Record the transfer"))
    assert "Riverside Surgery looks after this person from 01-Jun-2026" in doctor.locator("h1").inner_text()
    assert "Review 3 months after transfer" in said(doctor) and "01-Sep-2026" in said(doctor)

    # One step from the patient's page: the GP asks for her to be taken back.
    gp.goto(f"/patients/{world.ids['Iris']}")
    assert "Review at transfer due 01-Jun-2026, owner Northside CMHT" in said(gp) and fits(gp)
    screenshots(gp, "transfer-patient-phone")
    follow(gp.get_by_role("link", name="Ask for rapid return"))
    gp.get_by_label("What has changed?").fill("Has not slept for four nights")
    follow(gp.get_by_role("button", name="Ask for rapid return"))
    assert "due 08-Jun-2026" in said(gp) and "takes this person back, or both agree another plan" in gp.locator("h1").inner_text()
    axe(gp)
    screenshots(gp, "transfer-return-phone")

    doctor.goto("/transfers")
    assert "1 rapid return waits for an answer" in doctor.locator("h1").inner_text() and "due 08-Jun-2026" in said(doctor)
    screenshots(doctor, "transfers")
    follow(doctor.get_by_role("link", name="Answer the return"))
    doctor.get_by_label("We take this person back").check()
    day(doctor, "We look after this person again from")
    doctor.get_by_label("Who sees the person").fill("Dr Hart, today at 14:00")
    axe(doctor)
    screenshots(doctor, "transfer-take-back")
    follow(doctor.get_by_role("button", name="Save"))
    assert "Northside CMHT has taken this person back" in doctor.locator("h1").inner_text()
    assert Transfer.objects.get().state == State.TAKEN_BACK
    assert not world.duties("Iris", rule_id=selectors.RULE, state="open")


def test_a_practice_manager_arranges_the_meeting_and_reads_what_came_of_it(signed_in_page, world, axe, screenshots):
    team.record(world.actor("nurse"), world.ids["Iris"], team.Entry("agency", "housing", "Riverside Homes", sharing="not asked"))
    manager = signed_in_page(world.members["manager"])
    manager.goto("/meetings")
    assert "No meeting is planned" in manager.locator("h1").inner_text()
    follow(manager.get_by_role("link", name="Arrange a meeting"))
    day(manager, "Day")
    manager.get_by_label("60 minutes").check()
    manager.get_by_label("Northside CMHT", exact=True).check()
    manager.get_by_label("Chair").select_option(label="Dr Amara Osei, Riverside Surgery")
    axe(manager)
    screenshots(manager, "meeting-arrange")
    follow(manager.get_by_role("button", name="Arrange it"))
    assert "WORKED, Iris" in said(manager) and "Nobody’s" in said(manager)
    axe(manager)
    screenshots(manager, "meeting-agenda")
    follow(manager.get_by_role("link", name="Who is here"))
    manager.get_by_label("Who is here").fill("Dr Amara Osei, GP\nDr Lena Hart, psychiatrist")
    follow(manager.get_by_role("button", name="Save"))

    chair = signed_in_page(world.members["gp"])
    chair.goto("/meetings")
    follow(chair.locator("tbody a").first)
    follow(chair.get_by_role("link", name="Go through the agenda"))
    axe(chair)
    screenshots(chair, "meeting-person")
    chair.get_by_label("What is to be done").fill("Agree who takes on risperidone")
    chair.get_by_label("Who does it").select_option(TRUST)
    day(chair, "By")
    follow(chair.get_by_role("button", name="Record the decision"))
    assert "Agree who takes on risperidone" in chair.locator("#decisions ~ ul").first.inner_text()
    follow(chair.get_by_role("link", name="Back to the agenda"))
    follow(chair.get_by_role("link", name="Sign off the minutes"))
    screenshots(chair, "meeting-sign")
    follow(chair.get_by_role("button", name="Sign off"))
    assert "Signed off by Dr Amara Osei" in said(chair)

    manager.goto("/meetings")
    follow(manager.get_by_role("link", name="Minutes of").first)
    assert "Agree who takes on risperidone" in said(manager) and "Northside CMHT, by 01-Jun-2026, open" in said(manager)
    axe(manager)
    screenshots(manager, "meeting-minutes")
    manager.goto(f"/patients/{world.ids['Iris']}/team")
    assert "not asked yet whether anything may be shared" in said(manager)
    assert "No coordinator is named" in said(manager)
    screenshots(manager, "team")
    manager.goto(f"/patients/{world.ids['Iris']}")
    screenshots(manager, "transfer-meeting-team-patient")
