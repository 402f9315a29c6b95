"""The plan pack: what the person, the practice and the pharmacy hold in their hands, and what each of them must not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from ledger_world import PRACTICE, TODAY, World
from pack_support import pages_of, text_of
from stepwell.clinical.tapering.model import Item
from stepwell.web.contact import services as contact
from stepwell.web.contact.services import Item as Adjustment
from stepwell.web.ledger import selectors as ledger
from stepwell.web.privacy import services as privacy
from stepwell.web.tapers import pack_read, selectors
from stepwell.web.tapers.pack_pictures import picture
from stepwell.web.tapers.pack_words import pack_words
from stepwell.web.tapers.said import PlanWords
from taper_world import DEE, SAM, START, one_taper_world, proposed, reducing, row
from web_support import recorded

pytestmark = pytest.mark.django_db
PATHS = ("", "/pdf", "/practice", "/practice/pdf", "/pharmacy", "/pharmacy/pdf", "/supply")
MATTERS, OWN_WORDS = "A clear head for the allotment", "Not cold turkey again"


@pytest.fixture(scope="module")
def made(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[World]:
    with django_db_blocker.unblock(), one_taper_world(tmp_path_factory.mktemp("pack"), {"Dee": DEE, "Sam": SAM}) as world:
        yield world


@pytest.fixture
def world(db, product_settings, settings, made) -> World:
    settings.AS_OF, settings.STORE = TODAY, str(made.store.path)
    made.settings = settings
    return made


def told(world, plan_id, path="", who="nurse") -> str:
    return text_of(world.client(who).get(f"/reductions/{plan_id}/pack{path}"))


# Pictures


def item(form="tablet", **more) -> Item:
    return Item(product="p", label="10 mg tablets", form=form, strength_ug=10_000, **more)


@pytest.mark.parametrize(
    ("given", "said", "drawn"),
    [
        (item(quarters=8), "2 of 10 mg tablets", {"<circle": 2}),
        (item(quarters=2), "half of one: divide it at the score line", {"<circle": 1, "½": 1}),
        (item(quarters=7), "1 of 10 mg tablets; three quarters of one: divide it at the score lines", {"<circle": 2, "¾": 1}),
        (item(quarters=44), "11 of 10 mg tablets", {"<circle": 1, "× 11": 1}),
        (item("capsule", quarters=4), "1 of 10 mg tablets", {'rx="21"': 1}),
        (item("oral liquid", microlitres=3_750), "3.75 ml in an oral syringe", {"3.75 ml</text>": 1, 'width="112.5"': 1}),
        (item("patch", patches=2), "2 worn at once", {'rx="12"': 2}),
    ],
)
def test_what_to_take_is_drawn_and_said(given, said, drawn):
    found = str(picture(given))
    assert f"<title>{said}</title>" in found
    assert {key: found.count(key) for key in drawn} == drawn
    assert "style=" not in found


# The person's sheet


def test_the_calendar_says_what_to_take_what_to_expect_and_whom_to_ring(world):
    page = told(world, reducing(world))
    assert "Your plan to reduce diazepam" in page
    assert "Today: 20 mg a day This is your dose by the plan since 8 June 2026." in page
    assert "Monday 22 June 2026 to Sunday 5 July 2026 19 mg a day New dose 14 days" in page
    assert "one and a half 10 mg tablets" in page
    assert "You may sleep worse or feel more anxious for a while after a step." in page
    assert "a fit, sudden confusion, or thoughts of ending your life: 999".casefold() in page.casefold()
    assert "Dr Amara Osei , Riverside Surgery. Phone: write the number here" in page
    assert "If it is too hard, go back to the dose before." in page
    assert "When we talk about how it goes We get in touch with you. Monday 22 June 2026" in page
    assert "1 September 2026: 14 mg a day" in page  # after the months of the calendar, in a list
    assert MATTERS not in page


def test_it_is_printed_in_large_letters(world):
    """In normal letters too: `tests/acceptance/test_reduce_7_marks.py` reads that."""
    made = world.client("nurse").get(f"/reductions/{reducing(world)}/pack/pdf?print=large")
    assert re.fullmatch(r'inline; filename="plan-calendar-\w+\.pdf"', made["Content-Disposition"])
    pages = pages_of(made)
    assert len(pages) > 6
    assert "Today: 20 mg a day" in pages[0]
    assert all(f"{number} of {len(pages)}" in page for number, page in enumerate(pages, 1))
    assert "one and a half 10 mg tablets" in " ".join(pages)


def test_what_the_person_asked_for_is_told_and_large_print_comes_first(world):
    plan_id = reducing(world)
    wanted = [Adjustment("language", "pl"), Adjustment("professional", "interpreter"), Adjustment("format", "large-print")]
    contact.save_adjustments(world.actor("gp"), world.ids["Dee"], wanted, seen=0)
    response = world.client("nurse").get(f"/reductions/{plan_id}/pack")
    page = text_of(response)
    assert "They asked for: Polish interpreter; large print ." in page
    assert "What you asked of us: Polish interpreter; large print." in page
    assert page.index("PDF in large print") < page.index("Give it to the person") + 60


def test_who_stays_at_a_dose_is_not_sent_on(world):
    plan_id = reducing(world)
    world.today = START + timedelta(days=16)
    assert (
        world.client("gp").post(f"/reductions/{plan_id}/hold", {"seen": row(plan_id).revision, "why": "sleep", "days": "14"}).status_code
        == 302
    )
    page, letter, supply = (told(world, plan_id, path) for path in ("", "/pharmacy", "/supply"))
    assert "You are staying at this dose for now." in page
    assert "The plan begins" not in page
    assert "19 mg" in letter and "18 mg" not in letter
    assert "Do not prescribe or supply the next step" in letter
    assert "Order 2 strengths of diazepam for this dose" in supply
    assert "What would follow, if it goes on" in supply


@pytest.mark.parametrize(
    ("name", "same"), [("Dr Amara Osei", True), ("amara  osei", True), ("Osei", False), ("", False), ("Ara Osei", False)]
)
def test_a_number_is_printed_only_beside_its_own_name(name, same):
    assert pack_read._is_called("Dr Amara Osei", name) is same


def test_a_proposal_says_so_everywhere(world):
    plan_id = proposed(world)
    assert "This plan is not agreed yet." in told(world, plan_id)
    for path in ("/practice", "/pharmacy", "/supply"):
        assert "Proposed, not agreed yet: prescribe and supply nothing by it." in told(world, plan_id, path)


# Letters and supply


def test_the_practice_reads_the_whole_plan_and_the_pharmacy_only_what_it_supplies(world):
    plan_id = reducing(world, words=PlanWords(matters=MATTERS, own_words=OWN_WORDS))
    practice, pharmacy = told(world, plan_id, "/practice"), told(world, plan_id, "/pharmacy")
    rules = {step.rule.words for step in selectors.version_of(row(plan_id)).steps}
    for words in (MATTERS, OWN_WORDS, "No step takes off more than a quarter", "akathisia"):
        assert words in practice
        assert words not in pharmacy
    assert any(words in practice for words in rules)
    assert not any(words in pharmacy for words in rules)
    for words in (
        "diazepam 10 mg tablets: take 1½ tablets a day for 14 days. Supply 21 tablets.", "Picked up every 14 days.",
        "Asks for more or for it early", "Ring Dr Amara Osei the same day",
        "diazepam 2 mg tablets: 84 tablets, first needed on 22-Jun-2026",
    ):  # fmt: skip
        assert words in practice
        assert words in pharmacy


def test_the_time_of_day_is_put_into_the_prescription(world):
    plan_id = reducing(world)
    assert "take 2 tablets at night for 14 days" in told(world, plan_id, "/supply?when=at-night")
    assert "take 2 tablets a day for 14 days" in told(world, plan_id, "/supply?when=whenever-you-like")
    assert pack_words().times == ["at night", "in the morning"]


# Who may, and when


def test_the_plan_leads_to_it_and_everything_read_is_recorded(world):
    plan_id = reducing(world)
    page = world.client("nurse").get(f"/reductions/{plan_id}").content.decode()
    for path in ("/pack", "/pack/pdf?print=large", "/pack/practice", "/pack/pharmacy", "/pack/supply"):
        assert f'href="/reductions/{plan_id}{path}"' in page
    with recorded() as trail:
        told(world, plan_id, "/pharmacy")
    assert trail.reads_of(world.ids["Dee"])
    assert world.client("nurse").get(f"/reductions/{plan_id}/pack/neighbour").status_code == 404
    assert world.client("nurse").get("/reductions/999999/pack").status_code == 404


def test_who_may_not_open_the_person_or_the_medicine_gets_none_of_it(world):
    plan_id = reducing(world)
    subject = ledger.subject_of(world.ids["Dee"])
    privacy.mark_sensitive(world.actor("gp"), subject, kind="medicine", key="diazepam", organisations=[PRACTICE], why="asked for")
    for path in PATHS:
        assert world.client("other gp").get(f"/reductions/{plan_id}/pack{path}").status_code == 403
        assert world.client("pharmacist").get(f"/reductions/{plan_id}/pack{path}").status_code == 404


def test_a_plan_that_has_ended_has_none(world):
    plan_id = reducing(world)
    world.client("gp").post(f"/reductions/{plan_id}/decline", {"seen": row(plan_id).revision, "why": "not now"})
    assert row(plan_id).state == "declined"
    for path in PATHS:
        response = world.client("gp").get(f"/reductions/{plan_id}/pack{path}")
        assert (response.status_code, "This plan has ended" in response.content.decode()) == (409, True)


def test_the_calendar_ends_with_the_plan(world):
    plan_id = reducing(world)
    world.today = date(2027, 5, 30)
    assert "By the plan the last step has come." in told(world, plan_id)
