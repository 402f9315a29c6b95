"""A record opened without a relationship: the form, the hour, the line on every page, the end, the reviews; and what it tells nobody."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine

import web_support
from ledger_world import NHS_NUMBERS, OTHER_PRACTICE, PRACTICE, TODAY, World
from privacy_support import join
from stepwell.errors import Refused
from stepwell.web.accounts.services import PROVED_KEY, STARTED_KEY
from stepwell.web.core import clock
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.models import Duty
from stepwell.web.privacy import selectors, services
from stepwell.web.privacy.models import Closing, Opening, Outcome, Review

pytestmark = pytest.mark.django_db
GIVEN = {"reason": "emergency", "why": "Collapsed in our waiting room"}


@pytest.fixture
def world(db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Iris": ["born 1980-03-14", "olanzapine 10 mg daily from 2023-04-01 every 28 days"]})
    world.catch_up()
    join(world, "privacy", "Una Price", PRACTICE, "privacy officer")
    join(world, "other privacy", "Ed Rowe", OTHER_PRACTICE, "privacy officer")
    join(world, "other link worker", "Kay Dunn", OTHER_PRACTICE, "link worker")
    return world


def text(response) -> str:
    return " ".join(response.content.decode().split())


def patient(world) -> str:
    return f"/patients/{world.ids['Iris']}"


def open_it(world, client=None, **values):
    return (client or world.client("other gp")).post(f"{patient(world)}/break-glass", GIVEN | values)


# The form


def test_the_refusal_offers_the_form_and_shows_nothing_of_the_person(world):
    response = world.client("other gp").get(patient(world))
    page = text(response)
    assert response.status_code == 403
    assert "Open it without a relationship" in page and f'action="{patient(world)}/break-glass"' in page
    assert "WORKED" not in page and "Iris" not in page and "999 000" not in page and "olanzapine" not in page


def test_it_opens_one_record_for_an_hour(world):
    client = world.client("other gp")
    with web_support.recorded() as trail:
        response = open_it(world, client)
    assert (response.status_code, response.headers["Location"]) == (302, patient(world))
    opening = Opening.objects.get()
    assert opening.until - opening.at == timedelta(minutes=60)
    written = trail.writes("break glass")[0]
    assert (written.person_id, written.reason) == (world.ids["Iris"], "emergency care: Collapsed in our waiting room")
    with web_support.recorded() as trail:
        page = text(client.get(patient(world)))
    assert "WORKED, Iris" in page and "You opened a record without a relationship: emergency care." in page and "End now" in page
    read = trail.reads_of(world.ids["Iris"])[0]
    assert (read.reason, read.evidence) == ("opened without a relationship: emergency care", f"openings/{opening.pk}")


def test_the_line_stands_on_every_page_of_that_member_of_staff_alone(world):
    client = world.client("other gp")
    open_it(world, client)
    for address in ("/worklist", "/search", "/library", "/registers"):
        page = text(client.get(address))
        assert "You opened a record without a relationship" in page, address
        assert "Iris" not in page, address
    assert "You opened a record" not in text(world.client("gp").get("/worklist"))


def test_it_ends_to_the_second(world):
    with time_machine.travel("2026-06-01T09:00:00Z", tick=False) as moment:
        client = world.client("other gp")
        open_it(world, client)
        for minutes in (10, 20, 30, 40, 50):  # somebody at work, so that the session lasts
            moment.move_to(f"2026-06-01T09:{minutes}:00Z")
            client.get("/worklist")
        moment.move_to("2026-06-01T09:59:59Z")
        assert client.get(patient(world)).status_code == 200
        moment.move_to("2026-06-01T10:00:00Z")
        response = client.get(patient(world))
        assert response.status_code == 403 and "You opened a record" not in text(response)


def test_it_can_be_ended_sooner_and_only_by_who_opened_it(world):
    client = world.client("other gp")
    open_it(world, client)
    address = f"/break-glass/{Opening.objects.get().pk}/end"
    assert world.client("gp").post(address).status_code == 404
    assert world.client("other link worker").post(address).status_code == 403
    assert client.get(patient(world)).status_code == 200
    assert client.get(address).status_code == 405
    with web_support.recorded() as trail:
        assert client.post(address).status_code == 302
    assert trail.writes("end break glass")[0].person_id == world.ids["Iris"]
    assert client.get(patient(world)).status_code == 403
    assert client.post(address).status_code == 302
    assert Closing.objects.count() == 1


def test_nobody_else_comes_in_through_it(world):
    open_it(world)
    join(world, "other nurse", "Ann Low", OTHER_PRACTICE, "nurse")
    assert world.client("other nurse").get(patient(world)).status_code == 403


def test_another_role_of_the_same_person_does_not_come_in_through_it(world):
    """The same member of staff, acting as a link worker of the same practice."""
    from stepwell.web.accounts import services as accounts
    from stepwell.web.core.actor import Actor

    open_it(world)
    gp = world.members["other gp"]
    world.members["same person"] = accounts.add_membership(
        Actor.system("tests"), user=gp.user, organisation=gp.organisation, role_key="link worker", from_on=gp.from_on
    )
    assert world.client("same person").get(patient(world)).status_code == 404


def test_it_widens_no_list(world):
    client = world.client("other gp")
    open_it(world, client)
    assert "WORKED" not in text(client.get("/worklist?tab=mine")) + text(client.get("/worklist?tab=waiting"))
    assert "WORKED" not in text(client.post("/search", {"nhs_number": NHS_NUMBERS[0]}))
    assert "WORKED" not in text(client.get("/registers/antipsychotic"))


def test_it_reaches_reading_and_adding_not_deciding(world):
    client = world.client("other gp")
    open_it(world, client)
    assert client.get(f"{patient(world)}/results?test=weight").status_code == 200
    response = client.get(f"{patient(world)}/agreements/new")
    assert response.status_code == 403 and "it may be read and added to" in text(response)
    assert "Open for 60 minutes" not in text(response)
    duty = Duty.objects.filter(person_id=world.ids["Iris"], state="open").first()
    assert client.get(f"/duties/{duty.pk}").status_code == 200
    assert client.post(f"/duties/{duty.pk}/acknowledge").status_code == 403


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"reason": ""}, "Choose the reason"),
        ({"reason": "curiosity"}, "Select a valid choice"),
        ({"why": "   "}, "Say in a sentence why you need this record now"),
    ],
)
def test_without_a_reason_nothing_opens_and_nothing_typed_is_lost(world, given, said):
    response = open_it(world, **given)
    assert response.status_code == 422 and said in text(response)
    if given.get("why") is None:
        assert GIVEN["why"] in text(response)
    assert not Opening.objects.exists()


def test_what_may_be_opened_anyway_is_not_opened_this_way(world):
    assert world.client("gp").get(f"{patient(world)}/break-glass").headers["Location"] == patient(world)
    assert open_it(world, world.client("gp")).headers["Location"] == patient(world)
    with pytest.raises(Refused, match="already"):
        services.open_record(world.actor("gp"), ledger.subject_of(world.ids["Iris"]), reason="emergency", why="x")
    assert not Opening.objects.exists()
    open_it(world)
    assert open_it(world).headers["Location"] == patient(world)
    assert Opening.objects.count() == 1


# Show again that it is you


def stale(world, key="other gp"):
    """A client whose last sign-in was twenty minutes ago."""
    client = world.client(key)
    session = client.session
    session[STARTED_KEY] -= 20 * 60
    session.pop(PROVED_KEY, None)
    session.save()
    return client


def test_after_a_while_they_show_again_that_it_is_them(world):
    user = world.members["other gp"].user
    user.set_password("a long password of theirs")
    user.save()
    client = stale(world)
    page = text(client.get(patient(world)))
    assert "Show that it is still you" in page and "Why you need it now" not in page
    address = f"{patient(world)}/break-glass"
    response = open_it(world, client)
    assert response.headers["Location"] == f"/sign-in/again?next={address}" and not Opening.objects.exists()
    response = client.post(f"/sign-in/again?next={address}", {"password": "a long password of theirs"})
    assert response.headers["Location"] == address
    page = text(client.get(address))
    assert GIVEN["why"] in page and re.search(r'value="emergency"[^>]*checked', page)
    assert open_it(world, client).headers["Location"] == patient(world)


# Somebody who is here and whom search does not show


def test_somebody_who_is_here_is_found_by_number_and_birth_date(world):
    client = world.client("other gp")
    who = {"nhs_number": "999 000 0018", "birth_date": "1980-03-14"}
    for wrong in ({"birth_date": "1980-03-15"}, {"nhs_number": NHS_NUMBERS[1]}):
        with web_support.recorded() as trail:
            response = client.post("/break-glass", GIVEN | who | wrong)
        assert response.status_code == 422 and "Nobody here has this NHS number and this date of birth" in text(response)
        assert len(trail.refusals()) == 1 and not Opening.objects.exists()
    assert client.post("/break-glass", GIVEN | who).headers["Location"] == patient(world)
    assert Opening.objects.get().person_id == world.ids["Iris"]
    assert world.client("gp").post("/break-glass", GIVEN | who).headers["Location"] == patient(world)
    assert Opening.objects.count() == 1


def test_a_search_that_finds_nobody_shows_the_way_to_those_who_may(world):
    words = "open their record without a relationship"
    assert words in text(world.client("other gp").post("/search", {"nhs_number": "999 000 0018"}))
    join(world, "other manager", "Bea Ford", OTHER_PRACTICE, "practice manager")
    page = text(world.client("other manager").post("/search", {"nhs_number": "999 000 0018"}))
    assert "Nobody found" in page and words not in page


def test_guessing_numbers_is_stopped(world, settings):
    settings.SEARCHES_MOST = 2
    client, guess = world.client("other gp"), GIVEN | {"nhs_number": NHS_NUMBERS[1], "birth_date": "1980-03-14"}
    assert [client.post("/break-glass", guess).status_code for _ in range(3)] == [422, 422, 429]


# What it must not tell


def normal(response) -> str:
    """The page without what differs from request to request."""
    page = re.sub(r"nonce[^>\s]*|<strong>[0-9a-f]{16}</strong>|value=\"[\w]{64}\"", "", text(response))
    return re.sub(r"signed out at \d\d:\d\d", "", page)


def test_who_may_not_break_the_glass_cannot_tell_a_stranger_from_nobody(world):
    duty = Duty.objects.filter(person_id=world.ids["Iris"], state="open").first()
    pairs = [
        (patient(world), "/patients/999999"),
        (f"{patient(world)}/trends", "/patients/999999/trends"),
        (f"{patient(world)}/results", "/patients/999999/results"),
        (f"{patient(world)}/who-looked", "/patients/999999/who-looked"),
        (f"{patient(world)}/agreements/new", "/patients/999999/agreements/new"),
        (f"/duties/{duty.pk}", "/duties/999999"),
        (f"/duties/{duty.pk}/done", "/duties/999999/done"),
        (f"{patient(world)}/break-glass", "/patients/999999/break-glass"),
    ]
    join(world, "far manager", "Bea Ford", OTHER_PRACTICE, "practice manager")
    for who in ("other link worker", "other privacy", "privacy", "far manager"):
        client = world.client(who)
        for stranger, nobody in pairs:
            for method in ("get", "post"):
                first, second = getattr(client, method)(stranger), getattr(client, method)(nobody)
                assert first.status_code == second.status_code and first.status_code in (403, 404, 405), (who, method, stranger)
                assert normal(first) == normal(second), (who, method, stranger)
                with web_support.recorded() as trail:
                    getattr(client, method)(nobody)
                assert len(trail.refusals()) == (first.status_code != 405)


def test_who_may_break_the_glass_is_told_apart(world):
    client = world.client("other gp")
    assert client.get(patient(world)).status_code == 403
    assert client.get("/patients/999999").status_code == 404
    assert client.get("/patients/999999/break-glass").status_code == 404


def test_a_colleague_of_the_practice_is_told_why_they_may_not(world):
    """The link worker knows the person: a duty they may not act on says so."""
    duty = Duty.objects.filter(person_id=world.ids["Iris"], state="open", owner_org=PRACTICE).first()
    response = world.client("link worker").post(f"/duties/{duty.pk}/acknowledge")
    assert response.status_code == 403 and "may not act on duties" in text(response)


# Reviews


@pytest.fixture
def opened(world):
    client = world.client("other gp")
    open_it(world, client)
    client.get(patient(world))
    client.get(f"{patient(world)}/trends")
    return Opening.objects.get()


def test_the_practice_and_the_actors_organisation_review_it_within_a_week(world, opened):
    assert [(row.org_code, row.due_on) for row in opened.reviews.order_by("org_code")] == [
        (PRACTICE, TODAY + timedelta(7)),
        (OTHER_PRACTICE, TODAY + timedelta(7)),
    ]
    page = text(world.client("privacy").get("/privacy"))
    for words in (
        "1 opened record to review",
        "Dr Sian Rees",
        "GP, Hillcrest Medical Centre",
        "emergency care",
        GIVEN["why"],
        "due 08-Jun-2026",
    ):
        assert words in page, words
    assert "Iris" not in page and "1 opened record to review" in text(world.client("other privacy").get("/privacy"))


def test_a_review_shows_what_was_read_meanwhile(world, opened):
    review = Review.objects.get(org_code=PRACTICE)
    with web_support.recorded() as trail:
        page = text(world.client("privacy").get(f"/privacy/reviews/{review.pk}"))
    for words in ("WORKED, Iris", "opened: patient page", "opened: trends", "changed: break glass", "Your review"):
        assert words in page, words
    assert trail.reads_of(world.ids["Iris"])[0].evidence == f"reviews/{review.pk}"


def test_an_outcome_closes_the_review_of_that_organisation_and_a_later_one_holds(world, opened):
    review = Review.objects.get(org_code=PRACTICE)
    client = world.client("privacy")
    assert client.post(f"/privacy/reviews/{review.pk}", {"outcome": "appropriate", "words": ""}).status_code == 422
    assert client.post(f"/privacy/reviews/{review.pk}", {"outcome": "needs action", "words": "Asked the practice"}).status_code == 302
    page = text(client.get("/privacy?said=reviewed"))
    assert "No opened record waits for review" in page and "needs action" in page and "Asked the practice" in page
    client.post(f"/privacy/reviews/{review.pk}", {"outcome": "appropriate", "words": "She was registered there that day"})
    assert [row.outcome for row in Outcome.objects.order_by("id")] == ["needs action", "appropriate"]
    page = text(client.get(f"/privacy/reviews/{review.pk}"))
    assert page.index("She was registered there that day") < page.index("Asked the practice")
    assert "1 opened record to review" in text(world.client("other privacy").get("/privacy"))


def test_a_review_that_is_late_says_so(world, opened):
    world.today = TODAY + timedelta(9)
    assert "1 opened record to review, 1 overdue" in text(world.client("privacy").get("/privacy"))


def test_reviews_belong_to_one_organisation_and_one_role(world, opened):
    theirs = Review.objects.get(org_code=OTHER_PRACTICE)
    assert world.client("privacy").get(f"/privacy/reviews/{theirs.pk}").status_code == 404
    assert world.client("gp").get("/privacy").status_code == 403
    with pytest.raises(Refused, match="no such review"):
        services.record_outcome(world.actor("privacy"), theirs.pk, outcome="appropriate", words="x")


def test_nobody_reviews_what_they_opened_themselves(world, opened):
    from dataclasses import replace

    themselves = replace(world.actor("other privacy"), user_id=opened.by_id)
    with pytest.raises(Refused, match="somebody else"):
        services.record_outcome(themselves, Review.objects.get(org_code=OTHER_PRACTICE).pk, outcome="appropriate", words="x")


# House rules


def test_house_rules_are_changed_by_the_privacy_officer_and_kept(world):
    client = world.client("privacy")
    before = {name: selectors.setting(PRACTICE, name) for name in ("review_days", "appointment_days", "request_days", "report_names")}
    assert before == {"review_days": 7, "appointment_days": 28, "request_days": 365, "report_names": 0}
    assert client.post("/privacy/settings", before | {"review_days": 0}).status_code == 422
    with web_support.recorded() as trail:
        assert client.post("/privacy/settings", before | {"review_days": 3}).status_code == 302
    assert [(entry.subject_id, entry.reason) for entry in trail.writes("change privacy setting")] == [("review_days", "7 → 3")]
    assert selectors.setting(PRACTICE, "review_days") == 3 and selectors.setting(OTHER_PRACTICE, "review_days") == 7
    assert "Una Price" in text(client.get("/privacy/settings"))
    open_it(world)
    assert Review.objects.get(org_code=PRACTICE).due_on == clock.today() + timedelta(3)
    assert world.client("gp").get("/privacy/settings").status_code == 403
