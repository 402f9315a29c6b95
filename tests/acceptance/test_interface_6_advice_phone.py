"""Acceptance line 6: advice answered from a phone in three taps on a 390 px screen; the practice sees it on the next load of the
patient page, and its worklist shows it as new.

A tap is a touch of the screen: every one is counted, that which puts the cursor into the one required field included. Typing is no
tap. One: the line above every page leads to the question with the oldest clock. Two: the field. Three: send.
"""

from __future__ import annotations

import pytest

from advice_world import Still, advice_world, ask, open_desk
from ledger_world import TODAY
from stepwell.web.advice import selectors

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PHONE = 390


@pytest.fixture
def world(transactional_db, settings, tmp_path, monkeypatch):
    Still(monkeypatch)
    return advice_world(settings, tmp_path)


class Phone:
    """A page at 390 px on which every touch is counted."""

    def __init__(self, page) -> None:
        self.page, self.taps = page, 0

    def tap(self, control, *, opens: bool = False) -> None:
        self.taps += 1
        if not opens:
            control.click()
            return
        with self.page.expect_navigation():
            control.click()

    def fits(self) -> bool:
        return self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_a_question_is_answered_in_three_taps_and_seen_at_once(signed_in_page, world, axe, screenshots):
    question = ask(world, open_desk(world), words="Sedated on 10 mg, works nights. Lower, or at another time?")
    practice, patient = signed_in_page(world.members["gp"]), f"/patients/{world.ids['Ada']}"
    practice.goto(patient)
    assert "Northside CMHT owes the next step" in practice.locator("main").inner_text()

    phone = Phone(signed_in_page(world.members["psychiatrist"], width=PHONE))
    phone.page.goto("/worklist")
    phone.tap(phone.page.get_by_role("link", name="Answer it"), opens=True)
    said = phone.page.locator("main").inner_text()
    assert "Sedated on 10 mg, works nights" in said and "10 mg a day, since 01-Apr-2023 (3 years)" in said
    assert "Lithium level 0.8 mmol/L on 20-Nov-2025 (before: 0.6 mmol/L" in said and "None was asked before" in said
    assert phone.fits()
    axe(phone.page)
    screenshots(phone.page, "advice-question-desk")
    phone.tap(phone.page.get_by_label("What to do"))
    phone.page.keyboard.type("5 mg after the night shift for two weeks, then ring me")
    phone.tap(phone.page.get_by_role("button", name="Send answer"), opens=True)
    assert phone.taps == 3
    assert "Answered. They see it now" in phone.page.locator(".sw-done").inner_text() and phone.fits()

    practice.reload()
    said = practice.locator("main").inner_text()
    assert "5 mg after the night shift for two weeks, then ring me" in said and "Dr Lena Hart, Northside CMHT, 01-Jun-2026 10:00" in said
    assert "1 question of yours has something new." in practice.locator(".sw-notice").inner_text()
    screenshots(practice, "advice-patient")
    practice.goto("/worklist")
    row = practice.locator("tbody tr", has_text="WORKED, Ada")
    assert "Read new advice" in row.inner_text()
    assert selectors.question(question.pk).answered_at.date() == TODAY

    # Read, it is no longer new, and the worklist asks no more.
    practice.goto(f"/advice/{question.pk}")
    axe(practice)
    screenshots(practice, "advice-answered")
    with practice.expect_navigation():
        practice.get_by_role("button", name="I have read it").click()
    practice.goto("/worklist")
    assert "Read new advice" not in practice.locator("main").inner_text() and practice.locator(".sw-notice").count() == 0


def test_the_desk_and_asking_on_a_phone(signed_in_page, world, axe, screenshots):
    desk = open_desk(world)
    ask(world, desk)
    ask(world, desk, "Bo", kind="stop", words="Well for a year and wants to stop. How slowly?")
    psychiatrist, gp = signed_in_page(world.members["psychiatrist"], width=PHONE), signed_in_page(world.members["gp"], width=PHONE)
    psychiatrist.goto("/desk")
    assert psychiatrist.locator("h1").inner_text() == "2 questions wait for an answer, the first due today 14:00"
    axe(psychiatrist)
    screenshots(psychiatrist, "advice-desk")
    gp.goto(f"/patients/{world.ids['Ada']}/advice")
    axe(gp)
    screenshots(gp, "advice-ask")
    gp.get_by_label("Psychiatrist of the day, Northside CMHT").check()
    with gp.expect_navigation():
        gp.get_by_role("button", name="Send the question").click()
    assert "Choose what it is about" in gp.locator("main").inner_text()
    axe(gp)
    gp.get_by_label("What is it about?").select_option("stop")
    gp.get_by_label("Your question").fill("And may she stop it one day?")
    with gp.expect_navigation():
        gp.get_by_role("button", name="Send the question").click()
    assert "Northside CMHT owes the answer, due today 14:00" in gp.locator("h1").inner_text()
