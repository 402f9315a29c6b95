"""Acceptance line 3: a hand-over between practice and trust, declined, then left without an answer, then accepted, seen in two
browsers; at every point the duty has exactly one owner value, and what is nobody's raises its second duty."""

from __future__ import annotations

from datetime import timedelta

import pytest

from browser_fixtures import follow
from ledger_world import PRACTICE, TODAY, TRUST, World
from stepwell.web.ledger import known
from stepwell.web.ledger.models import Duty, DutyEvent

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ADA = [
    "female",
    "on the caseload of trust from 2024-01-01",
    "lithium 800 mg daily from 2024-01-10 every 28 days",
    "diagnosis bipolar on 2020-01-01",
    "lithium-level 0.6 on 2025-11-20",
]
CY = ["on the caseload of trust from 2026-01-01", "risperidone 2 mg daily from 2026-01-01 every 28 days by trust"]


@pytest.fixture
def world(transactional_db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Ada": ADA, "Cy": CY})
    world.catch_up()
    return world


@pytest.fixture
def practice(signed_in_page, world):
    return signed_in_page(world.members["gp"])


@pytest.fixture
def trust(signed_in_page, world):
    return signed_in_page(world.members["psychiatrist"])


def assert_owner(world, duty, owner: str) -> None:
    """One open instance, one owner value, and it is this one; every duty of everybody has one, and nobody's has its question."""
    rows = Duty.objects.filter(person_id=duty.person_id, rule_id=duty.rule_id, subject=duty.subject, point=duty.point, state="open")
    assert list(rows.values_list("owner_org", flat=True)) == [owner]
    for each in Duty.objects.filter(state="open"):
        assert each.owner_org in {PRACTICE, TRUST, "nobody"}
    unowned = set(Duty.objects.filter(state="open", owner_org="nobody").values_list("person_id", "subject"))
    asked = set(Duty.objects.filter(state="open", kind="agree").values_list("person_id", "subject"))
    assert {pair for pair in unowned if pair[1] in known.substances()} <= asked


def is_listed(page, tab: str, level) -> bool:
    """Whether the person stands on this tab of the worklist, filtered to the medicine."""
    page.goto(f"/worklist?tab={tab}&medicine={level.subject}")
    return page.locator("tbody tr").count() == 1


def offer(page, level, to: str, why: str) -> None:
    page.goto(f"/duties/{level.pk}")
    follow(page.get_by_role("link", name="Hand over"))
    page.get_by_label("This duty only").check()
    page.get_by_label(to).check()
    page.get_by_label("Reason").fill(why)
    follow(page.get_by_role("button", name="Offer it"))
    assert "Offered. Until they accept, nothing moves." in page.locator(".sw-done").inner_text()


def answer(page, level, choice: str, why: str = "") -> None:
    page.goto("/worklist?tab=offered")
    follow(page.get_by_role("link", name="Answer").first)
    follow(page.get_by_role("link", name="Accept or decline").first)
    page.get_by_label(choice).check()
    page.get_by_label("Reason").fill(why)
    follow(page.get_by_role("button", name="Send answer"))


def notes(page, level) -> str:
    page.goto(f"/duties/{level.pk}")
    return page.locator("main").inner_text()


def test_a_duty_offered_declined_left_in_silence_and_accepted(practice, trust, world, axe, screenshots):
    level = world.duty("Ada", "lithium.level")
    assert_owner(world, level, PRACTICE)
    assert is_listed(practice, "mine", level) and not is_listed(trust, "mine", level)

    # Offered: seen on both sides, still the practice's.
    offer(practice, level, "Northside CMHT", "She comes to your clinic every week")
    assert_owner(world, level, PRACTICE)
    assert is_listed(practice, "mine", level) and is_listed(trust, "offered", level)
    axe(trust)
    assert "offered to Northside CMHT, answer by 15-Jun-2026" in notes(practice, level)
    assert "offered to you by Riverside Surgery" in notes(trust, level)

    # Declined, with a reason that the practice reads.
    trust.goto("/worklist?tab=offered")
    follow(trust.get_by_role("link", name="Answer").first)
    follow(trust.get_by_role("link", name="Accept or decline").first)
    axe(trust)
    screenshots(trust, "handover-answer")
    trust.get_by_label("Decline: it stays Riverside Surgery’s").check()
    follow(trust.get_by_role("button", name="Send answer"))
    assert "Say why you do not take it" in trust.locator("main").inner_text()
    trust.get_by_label("Reason").fill("No phlebotomy in our clinic")
    follow(trust.get_by_role("button", name="Send answer"))
    assert_owner(world, level, PRACTICE)
    told = notes(practice, level)
    assert "Declined by Northside CMHT" in told and "No phlebotomy in our clinic" in told
    assert is_listed(practice, "mine", level) and not is_listed(trust, "offered", level)

    # Offered again; nobody answers; the day passes.
    offer(practice, level, "Northside CMHT", "The phlebotomist comes to you on Mondays now")
    world.today = TODAY + timedelta(days=known.parameter("handover_days") + 1)
    world.catch_up()
    assert_owner(world, level, PRACTICE)
    assert "no answer from Northside CMHT by 15-Jun-2026: still yours" in notes(practice, level)
    practice.goto("/worklist")
    assert "1 offer of yours has had no answer in time" in practice.locator("main").inner_text()
    follow(practice.get_by_role("link", name="1 offer of yours has had no answer in time"))
    assert "no answer by 15-Jun-2026" in practice.locator("main").inner_text()
    axe(practice)
    screenshots(practice, "handovers")
    assert_owner(world, level, PRACTICE)

    # Accepted at last: the trust's, on both sides, and evaluations leave it there.
    answer(trust, level, "Accept: from now on it is Northside CMHT’s")
    assert "Accepted: it is yours now." in trust.locator(".sw-done").inner_text()
    assert_owner(world, level, TRUST)
    world.more("Ada", "weight 71 on 2026-05-30")
    world.catch_up()
    assert_owner(world, level, TRUST)
    assert is_listed(trust, "mine", level)
    told = notes(practice, level)
    assert "Accepted by Northside CMHT" in told and "Hand over" not in told
    assert "Northside CMHT accepted it from Riverside Surgery" in told

    # Taken back by another event: it waits for an answer again.
    trust.goto(f"/duties/{level.pk}")
    follow(trust.get_by_role("link", name="Undo Accepted by Northside CMHT"))
    trust.get_by_label("Reason").fill("That was for another person")
    follow(trust.get_by_role("button", name="Undo it"))
    assert_owner(world, level, PRACTICE)
    assert "no answer from Northside CMHT by 15-Jun-2026: still yours" in notes(practice, level)

    # And withdrawn by who offered it.
    follow(practice.get_by_role("link", name="Withdraw offer"))
    practice.get_by_label("Reason").fill("We take it after all")
    follow(practice.get_by_role("button", name="Withdraw it"))
    assert_owner(world, level, PRACTICE)
    assert not is_listed(trust, "offered", level)
    kinds = list(DutyEvent.objects.filter(duty=level, by__isnull=False).order_by("pk").values_list("kind", flat=True))
    assert kinds == ["offered", "offer declined", "offered", "offer accepted", "undone", "offer withdrawn"]


def test_nobodys_medicine_is_offered_and_is_nobodys_until_it_is_accepted(practice, trust, world, axe, screenshots):
    check = next(duty for duty in world.duties("Cy", state="open", owner_org="nobody") if duty.subject == "risperidone")
    assert_owner(world, check, "nobody")
    practice.goto(f"/patients/{world.ids['Cy']}")
    follow(practice.get_by_role("link", name="Offer it to…").first)
    axe(practice)
    screenshots(practice, "handover-offer")
    practice.get_by_label("Everything about risperidone").check()
    practice.get_by_label("Northside CMHT").check()
    practice.get_by_label("Reason").fill("You supply it and see them")
    follow(practice.get_by_role("button", name="Offer it"))
    assert_owner(world, check, "nobody")
    answer(trust, check, "Decline: it stays nobody’s", "Discharged next week")
    assert_owner(world, check, "nobody")
    practice.goto(f"/patients/{world.ids['Cy']}")
    follow(practice.get_by_role("link", name="Offer it to…").first)
    practice.get_by_label("Everything about risperidone").check()
    practice.get_by_label("Northside CMHT").check()
    practice.get_by_label("Reason").fill("Until the discharge letter says who monitors")
    follow(practice.get_by_role("button", name="Offer it"))
    answer(trust, check, "Accept: from now on it is Northside CMHT’s")
    assert_owner(world, check, TRUST)
    assert not Duty.objects.filter(person_id=world.ids["Cy"], state="open", kind="agree", subject="risperidone").exists()
    assert {duty.owner_org for duty in world.duties("Cy", state="open", subject="risperidone")} == {TRUST}
