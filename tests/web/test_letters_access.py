"""Who may write, read and answer letters; everybody else is told what they would be told of nothing."""

from __future__ import annotations

import pytest
from django.urls import reverse

import letters_world
from ledger_world import IRIS, OTHER_PRACTICE, PRACTICE, TRUST, World
from privacy_support import join
from stepwell.web.accounts import services as accounts
from stepwell.web.core.actor import Actor
from stepwell.web.ledger.models import Relationship
from stepwell.web.letters.models import LetterEvent
from web_support import recorded

pytestmark = pytest.mark.django_db

STAFF = {
    "link worker": False, "manager": False, "nurse": False, "gp": False, "other gp": False, "psychiatrist": True, "team manager": False,
    "trust nurse": True, "commissioner": False,
}  # fmt: skip


@pytest.fixture
def world(settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Iris": IRIS})
    world.catch_up()
    join(world, "team manager", "Tess Low", TRUST, "team manager")
    join(world, "trust nurse", "Max Stone", TRUST, "mental health nurse")
    accounts.create_organisation(Actor.system("tests"), code="QX1", name="Northvale ICB", kind="icb")
    join(world, "commissioner", "Ola Byrne", "QX1", "commissioner")
    return world


def status(world, who, name, *values, **posted):
    client, address = world.client(who), reverse(f"letters:{name}", args=values)
    return (client.post(address, posted) if posted else client.get(address)).status_code


def test_drafts_are_for_those_who_write_at_the_sender(world):
    draft = letters_world.begun(world)
    for who, may in STAFF.items():
        for page in ("edit_draft", "send_draft", "discard_draft"):
            assert (status(world, who, page, draft.pk) == 200) == may, f"{who}: {page}"


def test_a_letter_is_for_its_sender_and_its_receiver(world):
    letter = letters_world.letter(world)
    reads = {"link worker", "manager", "nurse", "gp", "psychiatrist", "team manager", "trust nurse", "pharmacist"}
    for who in (*STAFF, "pharmacist"):
        assert (status(world, who, "show_letter", letter.pk) == 200) == (who in reads), who


def test_without_a_relationship_even_the_receiver_does_not_read(world):
    letter = letters_world.letter(world)
    Relationship.objects.filter(org_code=PRACTICE).delete()
    assert status(world, "gp", "show_letter", letter.pk) == 403
    assert status(world, "link worker", "show_letter", letter.pk) == 404
    assert not world.client("gp").get(reverse("letters:list_inbox")).context


def test_somebody_with_a_relationship_who_is_no_party_does_not_read(world):
    letter = letters_world.letter(world)
    Relationship.objects.create(person_id=world.ids["Iris"], org_code=OTHER_PRACTICE, kind="request", evidence="requests/1")
    assert status(world, "other gp", "show_letter", letter.pk) == 404
    assert status(world, "other gp", "answer_action", letter.actions.get().pk) == 404


def test_answering_needs_the_receiver_and_its_permission(world):
    letter = letters_world.letter(world)
    action = letter.actions.get().pk
    answers = {who: status(world, who, "answer_action", action) for who in (*STAFF, "pharmacist")}
    assert {who for who, code in answers.items() if code == 200} == {"nurse", "gp", "pharmacist"}
    assert answers["link worker"] in (403, 404)
    assert status(world, "link worker", "answer_action", action, do="decline", why="No") in (403, 404)
    assert not LetterEvent.objects.exists()


def test_only_the_sender_corrects_and_notes(world):
    letter = letters_world.letter(world)
    assert status(world, "gp", "correct_letter", letter.pk, go="1") == 422
    assert status(world, "team manager", "correct_letter", letter.pk, go="1") == 403
    assert status(world, "gp", "note_answers", letter.pk, go="1") == 422
    assert status(world, "psychiatrist", "judge_letter", letter.pk, enough="yes") == 422
    assert status(world, "other gp", "judge_letter", letter.pk, enough="yes") == 404
    assert not LetterEvent.objects.exclude(act="read").exists()


def test_measures_are_for_lists_and_numbers_and_letters_behind_them_for_readers(world):
    letters_world.letter(world)
    shows = {who: status(world, who, "show_measures") for who in STAFF}
    assert {who for who, code in shows.items() if code != 200} == {"link worker"}
    behind = reverse("letters:list_measured") + f"?team={TRUST}&month=2026-06"
    opened = {who: world.client(who).get(behind).status_code for who in STAFF}
    assert {who for who, code in opened.items() if code != 200} == {"link worker", "commissioner"}


def test_every_read_and_write_is_recorded(world):
    letter = letters_world.letter(world)
    person = world.ids["Iris"]
    gp = world.client("gp")
    with recorded() as trail:
        gp.get(reverse("letters:show_letter", args=[letter.pk]))
    assert trail.reads_of(person)
    assert trail.writes("letter read")
    with recorded() as trail:
        gp.get(reverse("letters:list_inbox") + "?show=read")
    assert trail.reads_of(person)
    with recorded() as trail:
        gp.post(reverse("letters:judge_letter", args=[letter.pk]), {"enough": "no"})
    assert trail.writes("letter enough")
