"""Dose texts: readings that a clinician would check one by one, and properties that hold for any text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.records.dose import Dose, parse_dose
from stepwell.records.dose_words import vocabulary

PHRASES = sorted(" ".join(written) for group in vocabulary().phrases.values() for written, _, _ in group)
SIGNS = [*"()/-.,+=x½", "1", "2", "3", "5", "10", "28", "0.5", "1/2", "5/7", "08:00", "8am", "0"]


def day(text: str) -> tuple[str, int | None, int | None, str | None, bool]:
    dose = parse_dose(text)
    return dose.status, dose.low_milli, dose.high_milli, dose.unit, dose.as_required


@pytest.mark.parametrize("text", [None, "", "  ", "\n"])
def test_no_text_is_none(text):
    assert parse_dose(text) == Dose("none", note="no dose text")


@pytest.mark.parametrize(
    ("text", "high", "unit"),
    [
        ("one in the morning and two at night", 3000, "dose"),
        ("20mg mane, 40mg nocte", 60000, "mg"),
        ("5ml (2mg) at night", 5000, "ml"),
        ("one 5ml spoonful three times a day", 15000, "ml"),
        ("two 5mg tablets bd", 20000, "mg"),
        ("70 mg once a week", 10000, "mg"),
        ("one patch every 72 hours", 333, "patch"),
        ("one every other day", 500, "dose"),
        ("Take 3 tablets daily (1 in the morning and 2 at night)", 3000, "tablet"),
        ("one tds for 5/7", 3000, "dose"),
        ("1 bd x 28", 2000, "dose"),
        ("half a 10mg tablet at night", 5000, "mg"),
        ("one dose (5ml) at night", 5000, "ml"),
        ("two tablets tds. Do not take more than 8 in 24 hours", 6000, "tablet"),
        ("1-0-1", 2000, "dose"),
    ],
)
def test_one_constant_amount(text, high, unit):
    assert day(text) == ("text", high, high, unit, False)


@pytest.mark.parametrize(
    "text",
    [
        "reduce by one tablet every week",
        "10mg nocte for 2/52 then 5mg nocte",
        "2 NOW THEN 1 DAILY",
        "25mg bd increasing to 50mg bd after 1 week",
        "as directed",
        "MDU",
        "one at night and one prn",
        "1/2 tablets at night",
        "10 at night",
        "5mg Mon-Fri, 10mg Sat and Sun",
        "one daily blorp",
        "1,5mg daily",
        "T/D",
        "one monthly",
        "one daily up to three daily",
        "10mg nocte max 20mg",
        "one bd up to tds",
        "2 doses (10ml) at night",
        "1-2-3",
        "1 bd / 2 nocte",
        "one at night weekly",
    ],
)
def test_no_certain_daily_amount(text):
    dose = parse_dose(text)
    assert (dose.status, dose.low_milli, dose.high_milli, dose.unit) == ("not understood", None, None, None)
    assert dose.note


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("reduce by one tablet every week", "changes"),
        ("as directed", "as directed"),
        ("one daily blorp", "blorp"),
        ("400mg monthly", "month"),
        ("1 T/D", "more than one meaning"),
        ("two spoons at night", "no stated size"),
        ("10 at night", "milligrams"),
        ("one tablet", "how often"),
    ],
)
def test_the_note_says_why(text, reason):
    assert reason in parse_dose(text).note


@pytest.mark.parametrize(
    ("text", "high"),
    [
        ("1-2 tablets up to four times a day when required (max 8 in 24 hours)", 8000),
        ("1-2 tablets four times a day when required (max 6 in 24 hours)", 6000),
        ("one tablet when required max 3 a day", 3000),
        ("one tablet up to twice a day", 2000),
        ("one tablet every 4 to 6 hours prn", 6000),
    ],
)
def test_as_required_is_a_ceiling_from_nothing(text, high):
    assert day(text) == ("text", 0, high, "tablet", True)


def test_as_required_is_kept_when_the_rest_is_not_understood():
    dose = parse_dose("as required")
    assert (dose.status, dose.as_required) == ("not understood", True)


@pytest.mark.parametrize(
    "aside",
    [
        "weekly dispensing",
        "collect on Mondays",
        "bloods every 12 weeks",
        "review every 2 weeks",
        "pick up Mon, Wed and Fri",
        "dispensed weekly",
        "in weekly dosette box",
    ],
)
@pytest.mark.parametrize("dose", ["one at night", "one daily", "one in the morning"])
def test_when_it_is_supplied_or_tested_is_not_when_it_is_taken(dose, aside):
    assert day(f"{dose} {aside}")[:4] == ("text", 1000, 1000, "dose")
    assert day(f"{dose}. {aside}")[:4] == ("text", 1000, 1000, "dose")


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=120))
def test_never_raises_on_any_text(text):
    check(parse_dose(text))


@settings(max_examples=1000, deadline=None)
@given(st.lists(st.sampled_from(PHRASES + SIGNS * 8), max_size=9).map(" ".join))
def test_never_raises_on_any_words_it_knows(text):
    check(parse_dose(text))
    assert parse_dose(text) == parse_dose.__wrapped__(text)


def check(dose: Dose) -> None:
    assert dose.note
    if dose.status == "text":
        assert 0 <= dose.low_milli <= dose.high_milli
        assert dose.high_milli > 0
        assert dose.unit
        assert dose.low_milli == 0 or not dose.as_required
    else:
        assert (dose.low_milli, dose.high_milli, dose.unit) == (None, None, None)


AMOUNTS = st.sampled_from([1, 2, 3, 4])
FREQUENCIES = st.sampled_from(
    [
        ("daily", 1),
        ("twice a day", 2),
        ("tds", 3),
        ("qds", 4),
        ("at night", 1),
        ("every 6 hours", 4),
        ("morning and night", 2),
        ("12 hourly", 2),
    ]
)
UNITS = st.sampled_from([("tablets", "tablet"), ("mg", "mg"), ("ml", "ml"), ("capsules", "capsule"), ("micrograms", "microgram")])
DRESSING = st.sampled_from(
    ["{}", "Take {}", "{} when needed", "{} after food", "{}. Avoid alcohol", "{} for 5/7", "{} - weekly dispensing", "{} (review 2/52)"]
)


@settings(max_examples=200, deadline=None)
@given(AMOUNTS, FREQUENCIES, UNITS, DRESSING)
def test_amount_times_frequency_and_doubling(amount, frequency, unit, dressing):
    words, times = frequency
    written, name = unit
    one = parse_dose(dressing.format(f"{amount} {written} {words}"))
    two = parse_dose(dressing.format(f"{2 * amount} {written} {words}"))
    assert (one.status, one.high_milli, one.unit) == ("text", amount * times * 1000, name)
    assert (two.low_milli, two.high_milli) == (2 * one.low_milli, 2 * one.high_milli)


@settings(max_examples=200, deadline=None)
@given(AMOUNTS, FREQUENCIES, UNITS, DRESSING)
def test_case_and_spaces_do_not_matter(amount, frequency, unit, dressing):
    text = dressing.format(f"{amount} {unit[0]} {frequency[0]}")
    assert parse_dose(text.upper()) == parse_dose("  " + text.replace(" ", "   ")) == parse_dose(text)


@settings(max_examples=100, deadline=None)
@given(AMOUNTS, AMOUNTS, UNITS)
def test_parts_of_a_day_add(morning, night, unit):
    written, name = unit
    dose = parse_dose(f"{morning} {written} in the morning and {night} {written} at night")
    assert (dose.low_milli, dose.high_milli, dose.unit) == ((morning + night) * 1000, (morning + night) * 1000, name)


def test_averages_round_half_up():
    assert day("one injection every 12 weeks")[2] == 12  # 1000 / 84 = 11.9
    assert day("one patch every 3 days")[2] == 333
    assert day("two patches every 3 days")[2] == 667


def test_long_text_is_refused_at_once():
    assert parse_dose("one daily " * 500).status == "not understood"
