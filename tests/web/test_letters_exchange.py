"""Drafts, sending, answering, correcting: what is kept, who owns what is asked for, what cannot be changed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

import letters_world
from ledger_world import IRIS, PRACTICE, TODAY, TRUST, World
from letters_world import ACTION, SUMMARY
from stepwell.errors import Refused
from stepwell.web.core.append_only import AppendOnlyError
from stepwell.web.ledger.models import Duty
from stepwell.web.letters import selectors, services
from stepwell.web.letters.drafting import Said
from stepwell.web.letters.models import DraftEvent, Letter, LetterEvent
from web_support import recorded

# Evaluations follow the commit, so the tests commit.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(transactional_db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Iris": IRIS})
    world.catch_up()
    return world


def duties(letter, **only):
    return list(Duty.objects.filter(rule_id="asked.letter", subject=str(letter.pk), **only).order_by("point", "instance"))


def only_action(letter):
    return letter.actions.get()


# Drafts


def test_every_save_keeps_what_changed_and_nothing_else(world):
    draft = letters_world.begun(world)
    letters_world.saved(world, draft, {"clinical-summary": SUMMARY})
    letters_world.saved(world, draft, {"clinical-summary": SUMMARY})
    event = DraftEvent.objects.get()
    assert list(event.changes) == ["sections"]
    assert list(event.changes["sections"]) == ["clinical-summary"]
    letters_world.saved(world, draft, {"stop-plan": "Halve it over four weeks"})
    now = selectors.content_of(draft)
    assert now.section("clinical-summary").words == [SUMMARY]
    assert now.section("stop-plan").words == ["Halve it over four weeks"]


def second_writer(world):
    from privacy_support import join

    join(world, "colleague", "Max Stone", TRUST, "mental health nurse")
    return world.actor("colleague")


def test_two_writers_of_different_headings_are_put_together(world):
    draft = letters_world.begun(world)
    other = second_writer(world)
    services.save(other, draft.pk, {"stop-plan": Said.typed("Call us first"), "clinical-summary": Said.typed("")}, None, seen=0)
    mine = services.save(
        world.actor("psychiatrist"), draft.pk, {"stop-plan": Said.typed(""), "clinical-summary": Said.typed(SUMMARY)}, None, seen=0
    )
    assert [(each.heading, each.by) for each in mine.theirs] == [("Plan to switch, wean or stop", "Max Stone")]
    now = selectors.content_of(draft)
    assert now.section("stop-plan").words == ["Call us first"], "what I did not touch is theirs"
    assert now.section("clinical-summary").words == [SUMMARY]


def test_two_writers_of_one_heading_see_both_versions(world):
    draft = letters_world.begun(world)
    services.save(second_writer(world), draft.pk, {"clinical-summary": Said.typed("Relapsed in May")}, None, seen=0)
    psychiatrist = world.actor("psychiatrist")
    typed = {"clinical-summary": Said.typed(SUMMARY), "stop-plan": Said.typed("Slowly")}
    with pytest.raises(services.Changed, match="Max Stone changed “Clinical summary”") as changed:
        services.save(psychiatrist, draft.pk, typed, None, seen=0)
    assert changed.value.conflicts[0].theirs == "Relapsed in May"
    now = selectors.content_of(draft)
    assert now.section("stop-plan").words == ["Slowly"], "what was not in conflict is kept"
    assert now.section("clinical-summary").words == ["Relapsed in May"]
    services.save(psychiatrist, draft.pk, typed, None, seen=changed.value.last)
    assert selectors.content_of(draft).section("clinical-summary").words == [SUMMARY]


def test_saving_again_from_an_old_form_of_ones_own_is_no_conflict(world):
    draft = letters_world.begun(world)
    psychiatrist = world.actor("psychiatrist")
    services.save(psychiatrist, draft.pk, {"clinical-summary": Said.typed("We")}, None, seen=0)
    services.save(psychiatrist, draft.pk, {"clinical-summary": Said.typed("Well")}, None, seen=0)
    assert selectors.content_of(draft).section("clinical-summary").words == ["Well"]


def test_a_discarded_draft_is_over_and_stays_on_record(world):
    draft = letters_world.begun(world)
    letters_world.saved(world, draft, {"clinical-summary": SUMMARY})
    services.discard(world.actor("psychiatrist"), draft.pk)
    assert not selectors.drafts_of_person(world.actor("psychiatrist"), world.ids["Iris"])
    with pytest.raises(Refused, match="discarded it"):
        letters_world.saved(world, draft, {"clinical-summary": "Again"})
    assert selectors.content_of(draft).section("clinical-summary").words == [SUMMARY]


# Sending


def test_a_letter_with_gaps_goes_only_when_each_says_whom_was_asked(world):
    draft = letters_world.begun(world)
    letters_world.saved(world, draft, {"clinical-summary": SUMMARY})
    seen = selectors.content_of(draft).last
    with pytest.raises(Refused, match="Allergies and adverse reactions"):
        services.send(world.actor("psychiatrist"), draft.pk, asked={"allergies-and-adverse-reactions": "  "}, seen=seen)
    assert not Letter.objects.exists()
    letter = letters_world.sent(world, draft)
    assert not letter.completeness.gaps
    assert all(each.is_filled or each.says for each in letter.parts if each.is_due)
    assert "___" not in "\n".join(each.text for each in letter.parts)


def test_the_score_is_kept_with_team_and_month(world):
    letter = letters_world.letter(world)
    score = letter.completeness
    assert (letter.filled, letter.due) == (score.filled, score.due)
    assert (letter.from_org, letter.month) == (TRUST, TODAY.replace(day=1))
    assert set(letter.missing) == {each.key for each in score.not_known}


def test_what_changed_after_the_look_is_not_sent_unseen(world):
    draft = letters_world.begun(world)
    seen = selectors.content_of(draft).last
    letters_world.saved(world, draft, {"clinical-summary": "Something else"})
    with pytest.raises(Refused, match="changed after you looked"):
        services.send(world.actor("psychiatrist"), draft.pk, asked={}, seen=seen)


def test_it_is_sent_once(world):
    draft = letters_world.begun(world)
    letters_world.sent(world, draft)
    with pytest.raises(Refused, match="sent it"):
        letters_world.sent(world, draft)
    assert Letter.objects.count() == 1


def test_a_sent_letter_cannot_be_changed(world):
    letter = letters_world.letter(world)
    letter.filled = 99
    with pytest.raises(AppendOnlyError):
        letter.save()
    with pytest.raises(DatabaseError), transaction.atomic():
        Letter.objects.filter(pk=letter.pk).update(filled=99)
    with pytest.raises(DatabaseError), transaction.atomic():
        LetterEvent.objects.all().delete() if LetterEvent.objects.exists() else Letter.objects.all().delete()


# What it asks


def test_until_it_is_accepted_the_sender_owes_it(world):
    letter = letters_world.letter(world)
    (duty,) = duties(letter)
    assert (duty.title, duty.owner_org, duty.due_on, duty.state) == (ACTION, TRUST, TODAY + timedelta(28), "open")


def test_a_letter_moves_no_owner_by_itself(world):
    owners = dict(Duty.objects.values_list("pk", "owner_org"))
    letters_world.letter(world)
    assert dict(Duty.objects.filter(pk__in=owners).values_list("pk", "owner_org")) == owners


def test_accepting_makes_it_the_receivers_with_their_role_and_date(world):
    letter = letters_world.letter(world)
    later = TODAY + timedelta(35)
    with recorded() as trail:
        services.accept(world.actor("gp"), only_action(letter).pk, role="pharmacist", due_on=later)
    (duty,) = duties(letter)
    assert (duty.owner_org, duty.owner_role, duty.due_on, duty.state) == (PRACTICE, "pharmacist", later, "open")
    assert "letter accepted" in {entry.action for entry in trail.writes()}
    with pytest.raises(Refused, match="Amara Osei accepted this"):
        services.decline(world.actor("gp"), only_action(letter).pk, why="No")


def test_declining_tells_the_sender_whose_it_stays(world):
    letter = letters_world.letter(world)
    with pytest.raises(Refused, match="Say why"):
        services.decline(world.actor("gp"), only_action(letter).pk, why="  ")
    services.decline(world.actor("gp"), only_action(letter).pk, why="You agreed to monitor lithium")
    (duty,) = duties(letter)
    assert (duty.owner_org, duty.state) == (TRUST, "open")
    psychiatrist = world.actor("psychiatrist")
    assert selectors.unnoted(psychiatrist) == 1
    assert "You agreed to monitor lithium" in str([row for row in duty.because]) or "declined" in duty.owner_label
    services.note_answers(psychiatrist, letter.pk)
    assert selectors.unnoted(psychiatrist) == 0


def test_what_the_sender_did_meanwhile_is_not_asked_again_by_a_no(world):
    from stepwell.web.ledger import services as ledger

    letter = letters_world.letter(world)
    (duty,) = duties(letter)
    ledger.done_with_review(world.actor("psychiatrist"), duty.pk, on=TODAY, why="Taken in clinic")
    services.decline(world.actor("gp"), only_action(letter).pk, why="Was done")
    assert not duties(letter, state="open")


def test_only_the_receiver_answers(world):
    letter = letters_world.letter(world)
    with pytest.raises(Refused, match="no such action"):
        services.accept(world.actor("psychiatrist"), only_action(letter).pk, role="", due_on=TODAY)
    with pytest.raises(Refused, match="no such action"):
        services.accept(world.actor("other gp"), only_action(letter).pk, role="", due_on=TODAY)
    with pytest.raises(Refused, match="today or later"):
        services.accept(world.actor("gp"), only_action(letter).pk, role="", due_on=TODAY - timedelta(1))


# Reading and judging


def test_it_is_new_until_somebody_of_the_receiver_opens_it(world):
    letter = letters_world.letter(world)
    gp = world.actor("gp")
    assert selectors.counts(gp) == {"new": 1, "waiting": 1, "read": 0}
    assert not services.mark_read(world.actor("psychiatrist"), letter)
    assert services.mark_read(gp, letter)
    assert not services.mark_read(world.actor("nurse"), letter)
    assert selectors.counts(gp) == {"new": 0, "waiting": 1, "read": 1}
    services.accept(gp, only_action(letter).pk, role="", due_on=TODAY)
    assert selectors.counts(gp) == {"new": 0, "waiting": 0, "read": 1}


def test_the_last_word_on_was_this_enough_counts(world):
    letter = letters_world.letter(world)
    gp = world.actor("gp")
    services.judge(gp, letter.pk, answer="yes")
    services.judge(gp, letter.pk, answer="partly", missing=["stop-plan", "no such heading"], words="How do we stop it?")
    last = selectors.judgement_of(letter)
    assert (last.answer, last.detail["missing"], last.why) == ("partly", ["stop-plan"], "How do we stop it?")
    with pytest.raises(Refused, match="they can answer it"):
        services.judge(world.actor("psychiatrist"), letter.pk, answer="yes")
    with pytest.raises(Refused):
        services.judge(gp, letter.pk, answer="perhaps")


# Corrections


def test_a_correction_supersedes_and_asks_once(world):
    first = letters_world.letter(world)
    draft = services.correct(world.actor("psychiatrist"), first.pk)
    now = selectors.content_of(draft)
    assert now.section("clinical-summary").words == [SUMMARY]
    assert [each.text for each in now.actions] == [ACTION]
    letters_world.saved(world, draft, {"clinical-summary": "Well. The level was 0.6, not 0.9."})
    second = letters_world.sent(world, draft)
    assert second.supersedes == first
    assert "Corrects the letter of 01-Jun-2026" in next(each for each in second.parts if each.key == "person-completing-record").text
    assert [duty.state for duty in duties(first)] == ["superseded"]
    assert [duty.state for duty in duties(second)] == ["open"]
    with pytest.raises(Refused, match="superseded"):
        services.accept(world.actor("gp"), only_action(first).pk, role="", due_on=TODAY)
    with pytest.raises(Refused, match="superseded"):
        services.correct(world.actor("psychiatrist"), first.pk)
    assert [each.pk for each in selectors.inbox(world.actor("gp"), "waiting")] == [second.pk]


def test_an_accepted_action_outlives_the_correction(world):
    first = letters_world.letter(world)
    services.accept(world.actor("gp"), only_action(first).pk, role="", due_on=TODAY + timedelta(7))
    draft = services.correct(world.actor("psychiatrist"), first.pk)
    second = letters_world.sent(world, draft)
    assert not second.actions.exists()
    assert [(duty.owner_org, duty.state) for duty in duties(first)] == [(PRACTICE, "open")]
