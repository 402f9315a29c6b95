"""The letters of a plan as letters of the letters area: sent once for each version, kept there, and known on the plan's page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from ledger_world import PRACTICE, TODAY, TRUST, World
from mark_support import missing, strays
from pack_support import text_of
from stepwell.errors import Refused
from stepwell.web.accounts import services as accounts
from stepwell.web.core.actor import Actor
from stepwell.web.core.gate import AccessRefused
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.models import Asked
from stepwell.web.letters import selectors as letters
from stepwell.web.letters import services as letters_services
from stepwell.web.letters.models import Letter
from stepwell.web.privacy import services as privacy
from stepwell.web.tapers import pack_sending, selectors, services
from stepwell.web.tapers.doing import Changed
from stepwell.web.tapers.said import PlanWords
from taper_world import DEE, START, agreed, one_taper_world, proposed, row
from web_support import recorded

pytestmark = pytest.mark.django_db
CHEMIST = "FA001"
MATTERS = "A clear head for the allotment"
DONNA = [*DEE, "on the caseload of trust from 2024-06-01"]


@pytest.fixture(scope="module")
def made(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[World]:
    with django_db_blocker.unblock(), one_taper_world(tmp_path_factory.mktemp("sending"), {"Dee": DONNA}) as world:
        setup = Actor.system("tests")
        accounts.create_organisation(setup, code=CHEMIST, name="Mill Lane Pharmacy", kind="pharmacy", phone="01632 960139")
        accounts.create_organisation(setup, code=PRACTICE, name="Riverside Surgery", kind="practice", phone="01632 960131")
        yield world


@pytest.fixture
def world(db, product_settings, settings, made) -> World:
    settings.AS_OF, settings.STORE = TODAY, str(made.store.path)
    made.settings = settings
    return made


def led_by_the_trust(world) -> int:
    return agreed(world, who="psychiatrist", words=PlanWords(matters=MATTERS))


def sent(plan_id) -> list[Letter]:
    return list(Letter.objects.filter(draft__source="reduction", draft__source_id=str(plan_id)).order_by("id"))


def said(world, plan_id, who="psychiatrist") -> str:
    return re.sub(r" \(letter \d+\)", "", text_of(world.client(who).get(f"/reductions/{plan_id}")))


def test_the_practice_is_told_and_told_again_when_the_plan_changes(world):
    plan_id, client = led_by_the_trust(world), world.client("psychiatrist")
    assert "Riverside Surgery was not told by letter: send" in said(world, plan_id)
    page = text_of(client.get(f"/reductions/{plan_id}/pack/practice"))
    assert "Send version 1 to Riverside Surgery" in page
    body = {"to": PRACTICE, "seen": str(row(plan_id).revision)}
    with recorded() as trail:
        response = client.post(f"/reductions/{plan_id}/pack/practice", body)
    assert response.status_code == 302
    assert "send letter" in [entry.action for entry in trail.writes()]
    assert "The letter is sent" in text_of(client.get(response["Location"]))
    (letter,) = sent(plan_id)
    assert (letter.kind, letter.to_org, letter.medicines, letter.percent) == ("reduction plan", PRACTICE, ["diazepam"], 100)
    assert "Riverside Surgery was told version 1 on 01-Jun-2026 up to date" in said(world, plan_id)
    # The receiver has it in the inbox, and what it asks for is the sender's until they accept.
    gp = world.actor("gp")
    assert [each.pk for each in letters.inbox(gp, "new")] == [letter.pk]
    page = text_of(world.client("gp").get(f"/letters/{letter.pk}"))
    assert "Northside CMHT asks you for one thing" in page and "Prescribe by the steps of the plan to reduce a medicine (version 1)" in page
    assert [asked.owner_org for asked in Asked.objects.filter(source="letter", person_id=world.ids["Dee"])] == [TRUST]
    letters_services.accept(gp, letter.actions.get().pk, role="gp", due_on=START)

    world.today = START
    services.start(world.actor("psychiatrist"), plan_id)
    services.hold(world.actor("psychiatrist"), plan_id, why="a wedding", days=14)
    assert row(plan_id).version == 2
    assert "Version 2 is in force." in said(world, plan_id)
    assert "told version 1 on 01-Jun-2026 version 2 not sent : send" in said(world, plan_id)
    assert "told version 1 on 01-Jun-2026 version 2 not sent" in said(world, plan_id, "gp")  # the receiver sees it too
    newer = pack_sending.send(world.actor("psychiatrist"), plan_id, "practice", PRACTICE)
    assert newer.supersedes_id == letter.pk
    assert not newer.actions.exists()  # they have answered that once
    assert "told version 2 on 08-Jun-2026 up to date" in said(world, plan_id)
    assert "Replaces the letter of 01-Jun-2026" in text_of(client.get(f"/letters/{newer.pk}"))
    services.pause(world.actor("psychiatrist"), plan_id, why="in hospital")
    assert "version 2, paused not sent" in said(world, plan_id)
    services.decline(world.actor("psychiatrist"), plan_id, why="not now")
    assert "not told that it ended" in said(world, plan_id)
    assert "Write a letter that it has ended" in said(world, plan_id)


def test_the_letter_says_the_whole_plan_with_its_marks_and_the_pharmacys_copy_no_reasons(world):
    plan_id, client = led_by_the_trust(world), world.client("psychiatrist")
    plan = selectors.version_of(row(plan_id))
    practice = pack_sending.send(world.actor("psychiatrist"), plan_id, "practice", PRACTICE)
    pharmacy = pack_sending.send(world.actor("psychiatrist"), plan_id, "pharmacy", CHEMIST)
    steps = [(step.rule.words, step.rule) for step in plan.steps]
    for path in (f"/letters/{practice.pk}", f"/letters/{practice.pk}/pdf"):
        text = text_of(client.get(path))
        assert missing(text, [*steps, (plan.bound.words, plan.bound)]) == [], path
        assert strays(text) == [], path
        assert MATTERS in text and "diazepam from 22-Jun-2026: 19 mg a day" in text
    lines = [line for section in pharmacy.parts for line in section.words]
    told = " ".join(lines)
    assert "diazepam from 22-Jun-2026: 19 mg a day, 1½ × 10 mg tablet" in told
    assert "do not turn the person away" in told
    for reason in (MATTERS, steps[1][0], "Decided with", "akathisia"):
        assert reason not in told
    assert all("mark " in line for line in lines if "mg" in line and "supply" not in line.lower() and "Supply" not in line)
    assert "Mill Lane Pharmacy was told version 1" in said(world, plan_id)
    copy = text_of(client.get(f"/letters/{practice.pk}/patient-copy"))
    assert "What happens next" in copy


def test_what_is_no_letter(world):
    own = agreed(world)  # led by the practice itself
    page = said(world, own, "gp")
    assert "Riverside Surgery leads it and needs no letter." in page and "A pharmacy was not told by letter: send" in page
    gp, client = world.actor("gp"), world.client("gp")
    assert "no letter to the GP practice is needed" in text_of(client.get(f"/reductions/{own}/pack/practice"))
    with pytest.raises(Refused, match="to whom it is sent"):
        pack_sending.send(gp, own, "practice", PRACTICE)
    with pytest.raises(Refused, match="to whom it is sent"):
        pack_sending.send(gp, own, "pharmacy", TRUST)
    with pytest.raises(Changed):
        pack_sending.send(gp, own, "pharmacy", CHEMIST, revision=1)
    response = client.post(f"/reductions/{own}/pack/pharmacy", {"to": "", "seen": str(row(own).revision)})
    assert response.status_code == 409 and "Choose to whom it is sent, or print it." in response.content.decode()
    with pytest.raises(AccessRefused):
        pack_sending.send(world.actor("nurse"), own, "pharmacy", CHEMIST)
    assert world.client("nurse").post(f"/reductions/{own}/pack/pharmacy", {"to": CHEMIST}).status_code == 403
    assert "Those who write letters" in text_of(world.client("nurse").get(f"/reductions/{own}/pack/pharmacy"))
    subject = ledger.subject_of(world.ids["Dee"])
    privacy.mark_sensitive(gp, subject, kind="medicine", key="diazepam", organisations=[PRACTICE], why="asked for")
    with pytest.raises(Refused, match="marked sensitive"):
        pack_sending.send(gp, own, "pharmacy", CHEMIST)
    assert sent(own) == []


def test_a_proposal_is_told_to_nobody_and_a_plan_letter_is_not_begun_or_corrected_by_hand(world):
    plan_id, gp = proposed(world), world.actor("gp")
    with pytest.raises(Refused, match="agreed"):
        pack_sending.send(gp, plan_id, "pharmacy", CHEMIST)
    assert "Who was told" not in said(world, plan_id, "gp")
    with pytest.raises(Refused, match="kind of letter"):
        letters_services.begin(gp, world.ids["Dee"], kind="reduction plan", to_org=TRUST, medicines=["diazepam"])
    services.agree(gp, plan_id, clinician_id=gp.user_id, decided_with="Dee")
    letter = pack_sending.send(gp, plan_id, "pharmacy", CHEMIST)
    with pytest.raises(Refused, match="made of a plan"):
        letters_services.correct(gp, letter.pk)
    assert "Made of a plan" in text_of(world.client("gp").get(f"/letters/{letter.pk}"))
    world.today = TODAY + timedelta(1)
    assert "Mill Lane Pharmacy" in text_of(world.client("gp").get("/letters/sent"))
    assert "01632 960131" in text_of(world.client("gp").get(f"/reductions/{plan_id}/pack"))
