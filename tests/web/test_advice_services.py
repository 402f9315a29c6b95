"""Questions and answers: who owes what at every moment, what both records hold, and that nobody writes over another."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import web_support
from advice_world import Still, advice_duties, advice_world, ask, open_desk
from ledger_world import OTHER_PRACTICE, PCN, PRACTICE, TODAY, TRUST
from stepwell.errors import Refused
from stepwell.web.advice import running, selectors, services
from stepwell.web.advice.choices import choices
from stepwell.web.advice.models import AdviceEvent, Question
from stepwell.web.advice.services import DESK, Answer, Changed, ToDo
from stepwell.web.core.gate import AccessRefused
from stepwell.web.ledger.models import Relationship

HALF = Answer(
    "Halve it and give it at night", substance="olanzapine", dose="5 mg at night", monitoring="Weight in 4 weeks", back="She sleeps less"
)


@pytest.fixture
def still(monkeypatch):
    return Still(monkeypatch)


@pytest.fixture
def world(db, settings, tmp_path, still):
    return advice_world(settings, tmp_path)


@pytest.fixture
def desk(world):
    return open_desk(world)


@pytest.fixture
def question(world, desk):
    return ask(world, desk)


def again(question) -> Question:
    return selectors.question(question.pk)


def acts(question) -> list[str]:
    return list(AdviceEvent.objects.filter(question=question).order_by("pk").values_list("act", flat=True))


def test_asking_owes_the_answer_to_one_service_with_its_clock_on_both_sides(world, desk, question, still):
    assert (question.owed_by, question.asked_org, question.answering_org) == (TRUST, PRACTICE, TRUST)
    assert question.due_at == still.at(14) and question.new_for_desk and not question.new_for_asker
    assert advice_duties(world) == {"answer": (TRUST, TODAY), "chase": (PRACTICE, TODAY + timedelta(1))}
    duty = world.duties("Ada", rule_id="asked.advice", point="answer")[0]
    assert duty.owner_role == "psychiatrist" and duty.escalate_on == TODAY + timedelta(1)
    assert "olanzapine" not in duty.title.lower()  # a duty is shown to whoever may open the person


def test_the_record_goes_along_as_it_was_shown(world, desk):
    level = world.duty("Ada", "lithium.level")
    question = ask(world, desk, duty_id=level.pk, kind="monitoring", substance="lithium")
    kept = question.facts
    assert kept["as_of"] == TODAY.isoformat() and kept["medicines"][0]["substance"] == "lithium"
    assert kept["medicines"][0]["dose"] == "800 mg a day" and kept["medicines"][0]["since"] == "2024-01-10"
    level_fact = next(row for row in kept["results"] if row["test"] == "lithium-level")
    assert (level_fact["value"], level_fact["on"]) == ("0.8 mmol/L", "2025-11-20") and level_fact["before"] == "0.6 mmol/L"
    assert level.pk in [row["id"] for row in kept["duties"]] and kept["earlier"] == []
    world.more("Ada", "lithium-level 1.1 on 2026-05-30")
    world.catch_up()
    assert again(question).facts == kept  # what was shown stays, whatever the record says now
    assert ask(world, desk).facts["earlier"] == [question.pk]


def test_the_service_reaches_the_record_while_it_owes_and_some_days_after(world, desk, still):
    def reach() -> Relationship | None:
        return Relationship.objects.filter(person_id=world.ids["Bo"], org_code=TRUST).first()

    psychiatrist = world.actor("psychiatrist")
    assert reach() is None
    question = ask(world, desk, "Bo")
    assert (reach().kind, reach().to_on) == ("request", None)
    services.answer(psychiatrist, question.pk, Answer("Go on"))
    assert reach().to_on == TODAY + timedelta(choices().sees_days)
    world.today = reach().to_on
    with pytest.raises(AccessRefused):
        services.ask(psychiatrist, world.ids["Bo"], service_id=desk.id, kind="dose", words="Still well?")


def test_a_question_that_was_withdrawn_opens_nothing(world, desk):
    question = ask(world, desk, "Bo")
    services.withdraw(world.actor("gp"), question.pk, words="He stopped it himself")
    assert not Relationship.objects.filter(person_id=world.ids["Bo"], org_code=TRUST).exists()
    assert advice_duties(world, "Bo") == {} and acts(question) == ["asked", "withdrawn"]


def test_an_answer_is_on_both_records_and_makes_dated_duties(world, desk, question):
    weigh, ring = ToDo("Weigh her", TODAY + timedelta(28)), ToDo("Ring her about sleep", TODAY + timedelta(7), DESK)
    with web_support.recorded() as trail:
        services.answer(world.actor("psychiatrist"), question.pk, HALF, to_do=[weigh, ring])
    assert trail.writes("advice answered")[0].person_id == world.ids["Ada"]
    row = again(question)
    assert (row.state, row.owed_by, row.answered_by_name) == ("answered", "", "Dr Lena Hart") and row.new_for_asker
    assert row.answer["dose"] == "5 mg at night" and row.answer["substance"] == "olanzapine"
    assert [each["owner"] for each in row.answer["duties"]] == [PRACTICE, TRUST]
    assert advice_duties(world) == {
        "read": (PRACTICE, TODAY), "to do 1": (PRACTICE, TODAY + timedelta(28)), "to do 2": (TRUST, TODAY + timedelta(7)),
    }  # fmt: skip
    closed = {duty.point: duty.state for duty in world.duties("Ada", rule_id="asked.advice") if not duty.is_open}
    assert closed == {"answer": "met", "chase": "superseded"}
    assert selectors.new_for_asker(world.actor("gp")) == [question.pk]


def test_reading_is_done_once_and_by_the_side_that_asked(world, desk, question):
    services.answer(world.actor("psychiatrist"), question.pk, HALF)
    services.read(world.actor("nurse"), question.pk)
    assert not again(question).new_for_asker and advice_duties(world) == {}
    read = world.duties("Ada", rule_id="asked.advice", point="read")[0]
    assert read.state == "met" and "Priya Nair" in read.ended_why
    services.read(world.actor("gp"), question.pk)  # a second reader changes nothing
    assert acts(question) == ["asked", "answered", "read", "read"] and selectors.new_for_asker(world.actor("gp")) == []


def test_asking_back_moves_what_is_owed_and_the_reply_moves_it_back(world, desk, question, still):
    services.ask_back(world.actor("psychiatrist"), question.pk, words="What is her weight now?")
    row = again(question)
    assert (row.state, row.owed_by) == ("asked back", PRACTICE) and row.new_for_asker
    assert advice_duties(world) == {"answer": (PRACTICE, TODAY)}
    with pytest.raises(Refused, match="Riverside Surgery owes the reply"):
        services.ask_back(world.actor("psychiatrist"), question.pk, words="And?")
    still.at(16)
    services.add(world.actor("gp"), question.pk, words="83 kg")
    row = again(question)
    assert (row.state, row.owed_by, row.due_at) == ("waiting", TRUST, still.at(12, days=1))
    assert advice_duties(world) == {"answer": (TRUST, TODAY + timedelta(1)), "chase": (PRACTICE, TODAY + timedelta(2))}
    assert acts(question) == ["asked", "asked back", "replied"]


def test_passing_on_moves_nothing_until_it_is_taken_and_the_clock_goes_on(world, desk, question):
    line = open_desk(world, "pcn manager", None, name="Pharmacist line", role="pharmacist", unit="days", amount=1)
    promised = question.due_at
    services.pass_on(world.actor("psychiatrist"), question.pk, service_id=line.id, words="A question of formulation")
    row = again(question)
    assert (row.owed_by, row.answering_org, row.passed_to_id) == (TRUST, TRUST, line.id) and advice_duties(world)["answer"][0] == TRUST
    with pytest.raises(Refused, match="Take it over first"):
        services.answer(world.actor("pharmacist"), question.pk, HALF)
    services.refuse_pass(world.actor("pharmacist"), question.pk, words="Nobody here this week")
    assert again(question).passed_to_id is None and again(question).owed_by == TRUST
    services.pass_on(world.actor("psychiatrist"), question.pk, service_id=line.id, words="Back on Monday, he said")
    services.take(world.actor("pharmacist"), question.pk)
    row = again(question)
    assert (row.owed_by, row.answering_org, row.service_id, row.passed_to_id) == (PCN, PCN, line.id, None)
    assert row.due_at == promised and advice_duties(world)["answer"] == (PCN, TODAY)
    services.answer(world.actor("pharmacist"), question.pk, HALF)
    assert again(question).state == "answered"


def test_a_second_answer_sees_what_changed(world, desk, question):
    seen = selectors.version_of(question.pk)
    services.answer(world.actor("psychiatrist"), question.pk, HALF, seen=seen)
    with pytest.raises(Changed, match=r"Dr Lena Hart answered, 01-Jun-2026 10:00.*kept below") as refusal:
        services.answer(world.actor("second psychiatrist"), question.pk, Answer("Stop it"), seen=seen)
    assert [event.act for event in refusal.value.changes] == ["answered"]
    assert again(question).answer["do"] == HALF.do and acts(question) == ["asked", "answered"]
    with pytest.raises(Refused, match="answered already"):
        services.answer(world.actor("second psychiatrist"), question.pk, Answer("Stop it"))


def test_a_further_answer_takes_the_place_of_the_first_and_is_read_anew(world, desk, question):
    services.answer(world.actor("psychiatrist"), question.pk, HALF, to_do=[ToDo("Weigh her", TODAY + timedelta(28))])
    services.read(world.actor("gp"), question.pk)
    services.answer(world.actor("second psychiatrist"), question.pk, Answer("Stop"), to_do=[ToDo("Ring", TODAY)], further=True)
    row = again(question)
    assert (row.answer["do"], row.answered_by_name, row.new_for_asker) == ("Stop", "Dr Max Klein", True)
    assert set(advice_duties(world)) == {"read", "to do 1", "to do 2"}
    assert [event.words for event in AdviceEvent.objects.filter(act="answered").order_by("pk")] == [HALF.do, "Stop"]
    withdrawn = ask(world, desk)
    services.withdraw(world.actor("gp"), withdrawn.pk, words="Not needed")
    with pytest.raises(Refused, match="withdrawn already"):
        services.answer(world.actor("psychiatrist"), withdrawn.pk, HALF, further=True)


def test_what_is_added_meanwhile_is_seen_before_the_answer_goes(world, desk, question):
    seen = selectors.version_of(question.pk)
    services.add(world.actor("gp"), question.pk, words="She is pregnant")
    with pytest.raises(Changed, match="added something"):
        services.answer(world.actor("psychiatrist"), question.pk, HALF, seen=seen)
    assert again(question).is_open


def test_an_overdue_question_stays_and_escalates(world, desk, question):
    world.today = TODAY + timedelta(3)
    world.catch_up()
    assert again(question).is_open
    answer = world.duties("Ada", rule_id="asked.advice", point="answer")[0]
    chase = world.duties("Ada", rule_id="asked.advice", point="chase")[0]
    assert answer.is_open and answer.due_on < world.today and answer.escalate_on < world.today and answer.owner_org == TRUST
    assert chase.is_open and chase.due_on < world.today and chase.owner_org == PRACTICE


def test_a_call_is_written_down_by_the_desk(world, desk):
    done = services.log_call(
        world.actor("psychiatrist"), world.ids["Ada"], service_id=desk.id, kind="stop", question="May she stop?", given=HALF,
        other_org=PRACTICE, other_name="Dr Osei", to_do=[ToDo("Weigh her", TODAY + timedelta(28))],
    )  # fmt: skip
    row = selectors.question(done.question_id)
    assert (row.state, row.by_phone, row.asked_org, row.asked_by) == ("answered", True, PRACTICE, None)
    assert row.answered_by_name == "Dr Lena Hart" and row.new_for_asker and not row.new_for_desk
    assert advice_duties(world) == {"read": (PRACTICE, TODAY), "to do 1": (PRACTICE, TODAY + timedelta(28))}
    services.read(world.actor("gp"), row.pk)
    assert "read" not in advice_duties(world)


def test_a_call_is_written_down_by_who_asked_and_read_by_who_answered(world, desk):
    done = services.log_call(
        world.actor("gp"), world.ids["Ada"], service_id=desk.id, kind="stop", question="May she stop?", given=Answer("Not yet"),
        other_org="", other_name="Dr Lena Hart",
    )  # fmt: skip
    row = selectors.question(done.question_id)
    assert (row.asked_org, row.answered_by, row.answered_by_name) == (PRACTICE, None, "Dr Lena Hart")
    assert row.new_for_desk and not row.new_for_asker and advice_duties(world) == {"read": (TRUST, TODAY)}
    assert [each.pk for each in selectors.told_to_desk(world.actor("psychiatrist"))] == [row.pk]
    services.read(world.actor("psychiatrist"), row.pk)
    assert advice_duties(world) == {} and not again(row).new_for_desk


def test_a_network_asks_for_the_practice_it_covers(world, desk):
    assert ask(world, desk, who="pharmacist").asked_org == PRACTICE


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"words": "  "}, "Write the question"),
        ({"kind": "gossip"}, "Choose what the question is about"),
        ({"substance": "clozapine"}, "a medicine that is on this person's record"),
        ({"duty_id": 10_000_000}, "not open any more"),
        ({"words": "x" * 2001}, "at most 2,000 characters"),
    ],
)
def test_questions_that_cannot_be_asked(world, desk, given, told):
    with pytest.raises(Refused, match=told):
        ask(world, desk, **given)
    assert not Question.objects.exists()


def test_a_closed_service_takes_none_and_still_owes_those_it_has(world, desk, question):
    from advice_world import terms

    running.change_service(world.actor("team manager"), desk.id, terms(closed=True))
    with pytest.raises(Refused, match="takes no questions"):
        ask(world, desk)
    services.answer(world.actor("psychiatrist"), question.pk, HALF)
    assert again(question).state == "answered"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((Answer(" "), []), "Write what to do"),
        ((Answer("Go on", substance="clozapine"), []), "on this person's record"),
        ((Answer("Go on", dose="5 mg"), []), "Choose the medicine"),
        ((Answer("Go on"), [ToDo("Weigh", TODAY - timedelta(1))]), "before today"),
        ((Answer("Go on"), [ToDo(" ", TODAY)]), "what is to be done"),
    ],
)
def test_answers_that_cannot_be_given(world, desk, question, given, told):
    answer, to_do = given
    with pytest.raises(Refused, match=told):
        services.answer(world.actor("psychiatrist"), question.pk, answer, to_do=to_do)
    assert again(question).is_open and advice_duties(world)["answer"][0] == TRUST


def test_each_side_does_its_own(world, desk, question):
    with pytest.raises(AccessRefused):
        services.answer(world.actor("gp"), question.pk, HALF)
    with pytest.raises(AccessRefused):
        services.ask(world.actor("link worker"), world.ids["Ada"], service_id=desk.id, kind="dose", words="May she?")
    with pytest.raises(AccessRefused):
        ask(world, desk, who="other gp")
    with pytest.raises(Refused, match="of those who asked it"):
        services.withdraw(world.actor("psychiatrist"), question.pk, words="No")
    with pytest.raises(Refused, match="of those who answer it"):
        services.take(world.actor("pharmacist"), question.pk)
    assert acts(question) == ["asked"]


def test_the_database_holds_no_open_question_that_nobody_owes(world, desk, question):
    for wrong in ({"owed_by": ""}, {"due_at": None}, {"state": "answered"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Question.objects.filter(pk=question.pk).update(**wrong)


STEPS = {
    "take": lambda w, q, d: services.take(w.actor("psychiatrist"), q),
    "back": lambda w, q, d: services.ask_back(w.actor("psychiatrist"), q, words="Weight?"),
    "add": lambda w, q, d: services.add(w.actor("gp"), q, words="83 kg"),
    "pass": lambda w, q, d: services.pass_on(w.actor("psychiatrist"), q, service_id=d.id, words="Yours"),
    "take over": lambda w, q, d: services.take(w.actor("pharmacist"), q),
    "leave": lambda w, q, d: services.refuse_pass(w.actor("pharmacist"), q, words="No"),
    "pass back": lambda w, q, d: services.pass_on(
        w.actor("pharmacist"), q, service_id=q and Question.objects.get(pk=q).service_id, words="x"
    ),
    "withdraw": lambda w, q, d: services.withdraw(w.actor("gp"), q, words="Not needed"),
    "answer": lambda w, q, d: services.answer(w.actor("psychiatrist"), q, HALF),
    "line answers": lambda w, q, d: services.answer(w.actor("pharmacist"), q, HALF),
    "read": lambda w, q, d: services.read(w.actor("gp"), q),
}


@given(steps=st.lists(st.sampled_from(sorted(STEPS)), max_size=5))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_over_any_sequence_one_organisation_owes_the_next_step(steps, world, desk):
    """While it is open its answer is owed by exactly one, on the question and in the ledger; closed, by none."""
    with transaction.atomic():
        line = open_desk(world, "pcn manager", None, name="Pharmacist line", role="pharmacist", unit="days", amount=1)
        question = ask(world, desk)
        for step in steps:
            with suppress(Refused, AccessRefused), transaction.atomic():
                STEPS[step](world, question.pk, line)
            row, owed = again(question), advice_duties(world)
            assert (row.owed_by in {TRUST, PRACTICE, PCN}) if row.is_open else row.owed_by == ""
            assert (owed.get("answer", ("",))[0]) == row.owed_by
            assert ("chase" in owed) == (row.state == "waiting")
        transaction.set_rollback(True)


def test_another_practice_learns_nothing(world, desk, question):
    assert selectors.asked_by(world.actor("other gp")) == [] and selectors.new_for_asker(world.actor("other gp")) == []
    assert OTHER_PRACTICE not in {question.asked_org, question.answering_org}
