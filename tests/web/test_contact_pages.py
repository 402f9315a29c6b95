"""Adjustments that follow the person: recording, the strip before every contact, what changed meanwhile, who sees reasons."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest

import web_support
from ledger_world import TODAY, World
from stepwell.errors import Refused
from stepwell.web.contact import choices, selectors, services
from stepwell.web.contact.models import AdjustmentEvent
from stepwell.web.contact.services import Item
from stepwell.web.core import clock, layout
from stepwell.web.core.formatting import clinician
from stepwell.web.core.gate import AccessRefused
from stepwell.web.ledger.models import PersonRecord

LITHIUM = ["lithium 800 mg daily from 2024-01-10 every 28 days", "weight 70 on 2025-12-01"]
REVIEW = Item("review", "review", until=TODAY + timedelta(365))
WHY = "Her husband reads the letters"
HERE = "(recorded here {day}); the GP record says"


@pytest.fixture
def world(db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Ada": LITHIUM, "Bo": LITHIUM})
    world.catch_up()
    return world


@pytest.fixture
def ada(world):
    return world.ids["Ada"]


def text(response, status: int = 200) -> str:
    assert response.status_code == status, response.content[:3000]
    return re.sub(r"<[^>]+>", "", " ".join(response.content.decode().split()))


def save(world, person_id: int, *items: Item, by: str = "nurse", **more) -> int:
    seen = more.pop("seen", selectors.last_event(person_id))
    return services.save_adjustments(world.actor(by), person_id, [*items, REVIEW], seen=seen, **more)


def strip(person_id: int, on: date = TODAY) -> str:
    return "; ".join(layout.before_contact([person_id], on)[person_id])


def posted(**fields):
    return {"seen": "0", "language": "", "review_on": (TODAY + timedelta(300)).isoformat(), **fields}


# Recording


def test_a_nurse_fills_in_one_form_and_it_stands_before_every_contact(world, ada):
    client = world.client("nurse")
    page = text(client.get(f"/patients/{ada}/adjustments"))
    assert "Nothing has been recorded here" in page
    fields = posted(
        language="ur", professional=["interpreter"], slot=["longer", "quiet"], format=["easy-read"],
        safe=["only-call", "no-messages", "no-letters"], number="07700 900123 weekdays 10:00 to 12:00", why_safe=WHY,
    )  # fmt: skip
    with web_support.recorded() as trail:
        answer = client.post(f"/patients/{ada}/adjustments", fields)
    assert answer.status_code == 302
    (entry,) = trail.writes("record adjustments")
    assert entry.person_id == ada and WHY not in entry.reason
    expected = (
        "call only 07700 900123 weekdays 10:00 to 12:00; do not leave messages; never write to the address; "
        "Urdu interpreter; easy read; longer appointment; quiet place to wait"
    )
    assert strip(ada) == expected
    for address in (f"/patients/{ada}", f"/patients/{ada}/results", f"/patients/{ada}/adjustments", "/worklist"):
        assert expected in text(client.get(address)), address
    assert strip(world.ids["Bo"]) == ""


def test_safe_contact_comes_first_whatever_was_ticked_first(world, ada):
    save(world, ada, Item("slot", "home"), Item("format", "braille"), Item("safe", "no-texts"), Item("address", "no-fixed", "the hostel"))
    assert strip(ada) == "do not text or email; no fixed address, reach through the hostel; Braille; home visit"


def test_saving_the_form_again_keeps_what_is_there_and_ends_what_was_taken_off(world, ada):
    save(world, ada, Item("slot", "longer"), Item("format", "large-print"))
    first = list(AdjustmentEvent.objects.values_list("id", flat=True))
    save(world, ada, Item("slot", "longer"), Item("format", "audio"))
    assert strip(ada) == "audio; longer appointment"
    newer = AdjustmentEvent.objects.exclude(pk__in=first)
    assert sorted((event.act, event.code) for event in newer) == [("ended", "large-print"), ("recorded", "audio")]
    with pytest.raises(Refused, match="Nothing was changed"):
        save(world, ada, Item("slot", "longer"), Item("format", "audio"))


def test_the_form_shows_what_is_in_force(world, ada):
    save(world, ada, Item("safe", "only-call", "01632 960111 after 17:00"), Item("language", "pl"), Item("slot", "first"))
    page = world.client("nurse").get(f"/patients/{ada}/adjustments").content.decode()
    assert 'value="01632 960111 after 17:00"' in page
    assert re.search(r'<option value="pl" selected>', page)
    for code in ("only-call", "first"):
        assert re.search(rf'value="{code}"[^>]* checked', page), code


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"safe": ["only-call"]}, "Give the number, and when to call it"),
        ({"number": "01632 960111"}, "Tick “Call only this number” too"),
        ({"why_safe": "afraid"}, "Tick the rule that this is the reason for"),
        ({"safe": ["no-texts"], "contact": ["text"]}, "rule each other out"),
        ({"safe": ["nobody-else"], "carer_name": "Maria", "carer_relation": "sister", "carer_told": "dates"}, "rule each other out"),
        ({"carer_name": "Maria"}, "Say what the carer may be told"),
        ({"slot": ["longer"], "review_on": (TODAY - timedelta(1)).isoformat()}, "must be 01-Jun-2026 or later"),
        ({}, "Nothing was changed"),
    ],
)
def test_what_does_not_fit_is_said_and_nothing_typed_is_lost(world, ada, fields, said):
    answer = world.client("nurse").post(f"/patients/{ada}/adjustments", posted(**fields))
    page = answer.content.decode()
    assert said in text(answer, 422)
    for value in fields.values():
        if isinstance(value, str) and not value.startswith("20"):
            assert value in page
    assert not AdjustmentEvent.objects.exists()


def test_unknown_choices_are_refused_by_the_verb_too(world, ada):
    for item in (Item("slot", "never"), Item("language", "xx"), Item("address", "no-fixed"), Item("safe", "only-call", "9" * 301)):
        with pytest.raises(Refused):
            save(world, ada, item)


# Language: the record and what we were told


@pytest.mark.parametrize(
    ("record", "own", "words"),
    [
        (("pl", True), (), "Polish interpreter"),
        (("pl", True), (Item("language", "pl"), Item("professional", "interpreter")), "Polish interpreter"),
        (("pl-PL", True), (Item("professional", "interpreter"),), "Polish interpreter"),
        (("", True), (Item("language", "so"),), "prefers Somali " + HERE + ": interpreter needed, language not recorded"),
        (("pl", True), (Item("language", "ur"), Item("professional", "interpreter")), "Urdu interpreter " + HERE + ": Polish interpreter"),
        (("pl", False), (Item("language", "en"),), "speaks English " + HERE + ": prefers Polish"),
        (("", False), (Item("language", "en"),), ""),
        (("", False), (Item("language", "ur"),), "prefers Urdu"),
    ],
)  # fmt: skip
def test_the_record_stays_shown_and_says_which_is_which(world, ada, record, own, words):
    PersonRecord.objects.filter(person_id=ada).update(language=record[0], interpreter=record[1])
    if own:
        save(world, ada, *own)
    assert strip(ada) == words.replace("{day}", clinician.date(clock.now()))


# Two people at once


def test_the_second_person_sees_what_changed_and_keeps_their_own(world, ada):
    save(world, ada, Item("slot", "longer"))
    seen = selectors.last_event(ada)
    save(world, ada, Item("slot", "longer"), Item("format", "easy-read"), by="gp")
    answer = world.client("nurse").post(f"/patients/{ada}/adjustments", posted(seen=str(seen), slot=["quiet"]))
    page = answer.content.decode()
    said = text(answer, 422)
    assert "Dr Amara Osei recorded “easy read”" in said and "Nothing was saved" in said
    # merged: easy read of the other, quiet of mine, longer taken off by me
    for code, ticked in (("easy-read", True), ("quiet", True), ("longer", False)):
        assert bool(re.search(rf'value="{code}"[^>]* checked', page)) is ticked, code
    newest = re.search(r'name="seen" value="(\d+)"', page)
    assert newest and int(newest[1]) == selectors.last_event(ada)
    again = world.client("nurse").post(
        f"/patients/{ada}/adjustments", posted(seen=newest[1], slot=["quiet"], format=["easy-read"])
    )  # fmt: skip
    assert again.status_code == 302 and strip(ada) == "easy read; quiet place to wait"


# Ending, entered in error


def test_entered_in_error_is_another_event_and_stays_in_the_history(world, ada):
    save(world, ada, Item("slot", "home"))
    row = selectors.in_force_of(ada)[0]
    client = world.client("nurse")
    address = f"/adjustments/{row.pk}/end"
    assert "Choose what happened" in text(client.post(address, {"why": "Another patient"}), 422)
    assert client.post(address, {"how": "in error", "why": "Another patient"}).status_code == 302
    assert strip(ada) == ""
    page = text(client.get(f"/patients/{ada}/adjustments"))
    assert "Entered in error: home visit" in page and "Another patient" in page and "Recorded: home visit" in page
    assert "already ended" in text(client.get(address))
    assert f"Priya Nair ended this on {clinician.date(clock.now())}" in text(client.post(address, {"how": "ended", "why": "again"}), 422)


def test_a_carer_speaks_for_the_person_until_the_consent_ends(world, ada):
    carer = Item("carer", "carer", "Maria Kowalska (sister) about appointments", TODAY + timedelta(10))
    save(world, ada, Item("slot", "longer"), carer=carer)
    assert strip(ada) == "longer appointment; may speak with Maria Kowalska (sister) about appointments (until 11-Jun-2026)"
    save(world, ada, Item("slot", "quiet"))
    assert "Maria" in strip(ada), "saving the form again does not end a carer"
    world.today = TODAY + timedelta(11)
    assert strip(ada, world.today) == "quiet place to wait"
    assert "consent ended" in text(world.client("nurse").get(f"/patients/{ada}/adjustments"))


def test_a_review_that_is_due_says_so_and_saving_the_form_is_the_review(world, ada):
    save(world, ada, Item("slot", "longer"))
    world.today = TODAY + timedelta(366)
    assert strip(ada, world.today) == "longer appointment; ask whether this still holds (due 01-Jun-2027)"
    client = world.client("nurse")
    page = client.get(f"/patients/{ada}/adjustments").content.decode()
    year = re.search(r'name="review_on-year"[^>]*value="(\d+)"', page)
    assert year and year[1] == "2028"
    fields = {"seen": str(selectors.last_event(ada)), "language": "", "slot": ["longer"], "review_on": "2028-06-01"}
    assert client.post(f"/patients/{ada}/adjustments", fields).status_code == 302
    assert strip(ada, world.today) == "longer appointment"


# Who may


def test_reasons_of_safe_contact_are_for_those_who_may_see_sensitive_entries(world, ada):
    save(world, ada, Item("safe", "no-letters"), safe_why=WHY)
    address = f"/patients/{ada}/adjustments"
    assert WHY in text(world.client("nurse").get(address))
    for role in ("link worker", "manager"):
        page = text(world.client(role).get(address))
        assert "Never write to the address" in page and WHY not in page and "your role does not see it" in page
    save(world, ada, Item("safe", "no-letters"), Item("safe", "no-messages"), by="link worker")
    kept = {row.code: row.why for row in selectors.in_force_of(ada) if row.kind == "safe"}
    assert kept == {"no-letters": WHY, "no-messages": ""}, "a rule that stays keeps its reason"
    assert WHY not in strip(ada)


def test_who_may_record_and_who_may_only_read(world, ada):
    assert save(world, ada, Item("slot", "longer"), by="link worker") == 2
    for role in ("manager", "other gp"):
        with pytest.raises(AccessRefused):
            save(world, ada, Item("slot", "quiet"), by=role)
    page = text(world.client("manager").get(f"/patients/{ada}/adjustments"))
    assert "Your role may read this and not change it" in page and "Save" not in page
    assert world.client("manager").post(f"/patients/{ada}/adjustments", posted(slot=["quiet"])).status_code == 403
    assert world.client("other gp").get(f"/patients/{ada}/adjustments").status_code == 403
    row = selectors.in_force_of(ada)[0]
    assert world.client("other gp").get(f"/adjustments/{row.pk}/end").status_code == 403
    assert world.client("nurse").get("/adjustments/999999/end").status_code == 404


def test_a_page_about_a_person_is_in_the_audit(world, ada):
    with web_support.recorded() as trail:
        world.client("nurse").get(f"/patients/{ada}/adjustments")
    (entry,) = trail.reads_of(ada)
    assert entry.subject_id == "adjustments"


def test_the_patient_page_has_them_with_a_link(world, ada):
    save(world, ada, Item("slot", "longer"))
    page = world.client("gp").get(f"/patients/{ada}").content.decode()
    assert f'href="/patients/{ada}/adjustments"' in page and "Longer appointment" in page


def test_a_list_of_people_costs_the_same_number_of_queries(world, ada, django_assert_num_queries):
    save(world, ada, Item("slot", "longer"))
    with django_assert_num_queries(2):
        selectors.before_contact([ada], TODAY)
    with django_assert_num_queries(2):
        selectors.before_contact(list(world.ids.values()), TODAY)


# The choices


def test_every_choice_fits_its_column_and_is_named_once():
    codes = [(group.kind, choice.code) for group in choices.groups() for choice in group.choices]
    assert len(codes) == len(set(codes))
    assert all(len(kind) <= 20 and len(code) <= 20 for kind, code in codes)
    known = {code for _, code in codes}
    for group in choices.groups():
        for choice in group.choices:
            assert ("{words}" in choice.strip) == (bool(choice.asks) or group.kind == "carer")
            assert set(choice.not_with) <= known
    assert all(len(code) <= 20 for code in choices.languages())
