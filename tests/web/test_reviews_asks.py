"""The fields of a review and what they hold: days as they are typed, what changed, what is missing before it is closed."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from django.http import QueryDict

from stepwell.web.reviews import asks, closing, facts

TODAY = date(2026, 6, 1)
SHEET = asks.sheet(["olanzapine", "sertraline"])
FINE = {
    "held_on": "2026-06-01", "how": "face", "consent": "given", "present": ["present-person"], "capacity": "capacity-has",
    "m.sertraline.decisions": "continue", "m.sertraline.follow-up": "2027-06-01",
}  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("01-Dec-2026", date(2026, 12, 1)),
        ("1 12 2026", date(2026, 12, 1)),
        ("1/12/2026", date(2026, 12, 1)),
        ("2026-12-01", date(2026, 12, 1)),
        ("1 december 2026", date(2026, 12, 1)),
        ("3 months", date(2026, 9, 1)),
        ("in 6 weeks", date(2026, 7, 13)),
        ("14d", date(2026, 6, 15)),
        ("1 year", date(2027, 6, 1)),
        ("soon", None),
        ("31 2 2026", None),
        ("3 fortnights", None),
        ("", None),
    ],
)
def test_days_as_they_are_typed(typed, meant):
    assert asks.day_of(typed, TODAY) == meant


def test_a_form_is_read_by_what_it_may_say_and_nothing_typed_is_lost():
    posted = QueryDict(mutable=True)
    posted.setlist("present", ["present-person", "nonsense"])
    posted.update(
        {"how": "by pigeon", "held_on": "some day", "m.olanzapine.reason": " two  words \n and a line ", "m.clozapine.reason": "x"}
    )
    read = asks.read(SHEET, posted, TODAY)
    assert read == {"present": ["present-person"], "held_on": "some day", "m.olanzapine.reason": "two words\nand a line"}


def test_what_changed_can_be_told_and_put_together():
    before = {"how": "face", "m.olanzapine.reason": "a"}
    after = {"m.olanzapine.reason": "b", "consent": "given"}
    changes = asks.changed(before, after)
    assert changes == {"how": None, "m.olanzapine.reason": "b", "consent": "given"}
    assert asks.merged(before, changes) == after
    assert asks.label_of("m.olanzapine.reason") == "Reason (olanzapine)"


def test_lists_of_a_medicine_are_those_of_its_class_and_say_where_they_come_from():
    antipsychotic, antidepressant = (SHEET.medicine(name) for name in ("olanzapine", "sertraline"))
    assert antipsychotic.of_part("antipsychotic") and not antidepressant.of_part("antipsychotic")
    concerns = antipsychotic.of_part("concerns")[0]
    side_effects = concerns.options[0]
    assert side_effects.label == "Side effects" and "80 %" in side_effects.said and "S1, mark S" in side_effects.said
    assert asks.bases(concerns.options) == [("all", "S1, mark S")]


def problems(**changed):
    values = {name: value for name, value in {**FINE, **changed}.items() if value}
    return [each.text for each in closing.problems(SHEET, values, [], TODAY)]


def test_nothing_is_asked_that_is_there():
    assert problems() == []


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"consent": ""}, "Consent: choose it"),
        ({"held_on": "2026-06-02"}, "cannot have been held in the future"),
        ({"held_on": "soon"}, "write a day like 01-Dec-2026"),
        ({"m.sertraline.decisions": ""}, "Choose a decision for at least one medicine"),
        ({"m.sertraline.follow-up": ""}, "Give the day of the follow-up (sertraline)"),
        ({"m.sertraline.follow-up": "2026-06-01"}, "The follow-up must come after the review"),
        ({"m.sertraline.decisions": "change-dose", "m.sertraline.reason": "better"}, "Write the new dose (sertraline)"),
        ({"m.sertraline.decisions": "switch", "m.sertraline.reason": "better"}, "Write the medicine and dose"),
        ({"m.sertraline.decisions": "refer", "m.sertraline.reason": "better"}, "Write the service that is asked"),
        ({"m.sertraline.decisions": "start-monitoring", "m.sertraline.reason": "QT"}, "Write the tests to arrange"),
        ({"m.sertraline.decisions": "taper"}, "Say why: reduce step by step"),
        ({"m.sertraline.decisions": "stop", "m.sertraline.reason": "hives"}, "or say why it is stopped at once"),
        ({"m.sertraline.reason": "x" * 605}, "5 characters too long"),
    ],
)
def test_what_is_missing_is_said_with_what_to_do(changed, says):
    assert any(says in each for each in problems(**changed)), problems(**changed)


def test_an_antipsychotic_that_stays_in_spite_of_a_risk_needs_a_clinical_reason():
    values = {
        **FINE, "m.sertraline.decisions": "", "m.olanzapine.decisions": "continue", "m.olanzapine.follow-up": "2027-06-01",
        "m.olanzapine.antipsychotic-indication": "Bipolar: licensed", "m.olanzapine.antipsychotic-end-plan": "Stays for now",
    }  # fmt: skip
    at_risk = facts.MedicineFacts("olanzapine", "10 mg a day", None, "bipolar", "licensed", None, False, risks=("HbA1c 48: action",))
    told = [each.text for each in closing.problems(SHEET, values, [at_risk], TODAY)]
    assert told == [
        "It stays in spite of a risk: choose the clinical reason (olanzapine)",
        "It stays in spite of a risk: say why in words (olanzapine)",
    ]
    values |= {"m.olanzapine.clinical-reasons": ["relapse"], "m.olanzapine.reason": "Relapse in 2024"}
    assert closing.problems(SHEET, values, [at_risk], TODAY) == []


def test_clocks_are_the_kinds_own_or_the_medicines():
    clock = facts.clock_of("antipsychotic-annual", "olanzapine", TODAY)
    assert clock.on == date(2027, 6, 1)
    assert facts.clock_of("post-transfer", "olanzapine", TODAY).on == date(2026, 9, 1)
    assert facts.clock_of("structured", "diazepam", TODAY).kind.review_kind == "sedative"
    assert facts.clock_of("quarterly", "lithium", TODAY).on == date(2026, 9, 1)


def chosen(substance, decision, **answers):
    option = SHEET.medicine("sertraline").get("decisions")
    found = next(each for each in option.options if each.key == decision)
    follow_up = answers.pop("follow_up", None)
    return closing.Chosen(substance, found, "because", answers.pop("change", ""), answers.pop("monitoring", ""), follow_up, answers)


def test_what_is_decided_opens_duties_that_keep_their_key_over_versions():
    made = [
        chosen("olanzapine", "taper", follow_up=date(2026, 7, 1)),
        chosen("sertraline", "change-dose", change="25 mg", follow_up=date(2026, 7, 1), monitoring="sodium"),
    ]
    opened = closing.openings(made, TODAY, TODAY)
    assert [(each.what, each.about) for each in opened] == [
        ("reduction", ("olanzapine",)),
        ("prescribe", ("sertraline",)),
        ("monitoring", ("sertraline",)),
        ("follow-up", ("olanzapine", "sertraline")),
    ]
    assert not any("olanzapine" in each.title or "sertraline" in each.title for each in opened)
    first = [{"key": each.key, "point": point} for each, point in closing.points(opened, [])]
    made.insert(0, chosen("diazepam", "taper"))
    again = {each.key: point for each, point in closing.points(closing.openings(made, TODAY, TODAY), first)}
    assert again["reduction.olanzapine"] == "reduction 1" and again["reduction.diazepam"] == "reduction 2"


def test_the_history_of_a_duty_names_no_medicine():
    made = [chosen("olanzapine", "continue", follow_up=date(2027, 6, 1)), chosen("sertraline", "continue")]
    assert closing.summary(made, "Yearly") == "Yearly, 2 medicines: continue (2); follow up 01-Jun-2027"


def only(duty, *taken):
    return closing.Open([duty], {}, frozenset(taken or ("sertraline",)))


def test_an_offer_to_reduce_is_not_answered_by_going_on_as_before():
    duty = SimpleNamespace(
        pk=1,
        kind="review",
        rule_id="dependence.ad-2y",
        subject="antidepressant",
        test="taper-offer",
        title="Offer",
        owner_org="A81001",
        opens_on=None,
    )
    actor = SimpleNamespace(role="gp", organisations=("A81001",))
    stays, reduces = chosen("sertraline", "continue"), chosen("sertraline", "taper")
    assert not closing.answers(actor, "antidepressant-annual", [stays], only(duty), TODAY)[0].proposed
    assert closing.answers(actor, "antidepressant-annual", [reduces], only(duty), TODAY)[0].proposed
    duty.opens_on = TODAY + timedelta(1)
    assert closing.answers(actor, "antidepressant-annual", [reduces], only(duty), TODAY) == []


def test_a_duty_about_more_than_was_decided_is_not_presumed_to_be_answered():
    actor = SimpleNamespace(role="pharmacist", organisations=("A81001",))
    three = SimpleNamespace(
        pk=1, kind="combination", rule_id="combination.three", subject="opioid+benzodiazepine or z-drug+gabapentinoid",
        test="structured-review", title="All three", owner_org="A81001", opens_on=None,
    )  # fmt: skip
    one = [chosen("zopiclone", "taper")]
    every = [chosen(name, "continue") for name in ("zopiclone", "tramadol", "pregabalin")]
    standing = only(three, "zopiclone", "tramadol", "pregabalin", "citalopram")
    assert not closing.answers(actor, "sedative", one, standing, TODAY)[0].proposed
    assert not closing.answers(actor, "structured", one, standing, TODAY)[0].proposed
    told = closing.answers(actor, "structured", one, standing, TODAY)[0].note
    assert told == "It is also about pregabalin, tramadol, which this review did not decide."
    assert closing.answers(actor, "structured", every, standing, TODAY)[0].proposed


def stopping(**changed):
    """What is said of stopping sertraline, by the facts of the record."""
    values = FINE | {"m.sertraline.decisions": "stop", "m.sertraline.reason": "Hives", "m.sertraline.abrupt": changed.pop("abrupt", "")}
    told = facts.MedicineFacts("sertraline", "", changed.get("since"), "", "licensed", None, False, daily_ug=changed.get("daily_ug"))
    return [each.text for each in closing.problems(SHEET, {name: value for name, value in values.items() if value}, [told], TODAY)]


def test_stopping_at_once_is_for_what_was_taken_briefly_an_emergency_or_a_dose_that_may():
    april = date(2026, 4, 1)
    assert "say why it is stopped at once" in stopping(daily_ug=100_000)[0]
    assert stopping(daily_ug=50_000) == []  # may be stopped directly from this dose
    assert stopping(daily_ug=100_000, abrupt="brief", since=TODAY - timedelta(10)) == []
    assert "taken since 01-Apr-2026; briefly is up to 14 days (mark P)" in stopping(daily_ug=100_000, abrupt="brief", since=april)[0]
    assert stopping(daily_ug=100_000, abrupt="emergency", since=april) == []
