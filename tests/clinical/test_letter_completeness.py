"""How complete a letter is: what is due, what counts as filled, when it may be sent."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.clinical.letter_completeness import (
    BLANK,
    Conformance,
    Section,
    State,
    as_rows,
    as_sent,
    completeness,
    from_rows,
    lines,
    percent,
    said,
)


def section(conformance: str = "mandatory", *, drawn: bool = False, key: str = "summary") -> Section:
    return Section(key=key, heading=key.capitalize(), conformance=conformance, drawn=drawn)


@pytest.mark.parametrize(
    ("conformance", "drawn", "words", "due", "filled"),
    [
        ("mandatory", False, [], True, False),
        ("mandatory", False, ["Well"], True, True),
        ("minimum", False, [], True, False),
        ("required", False, [], False, False),
        ("required", True, [], True, False),  # the record holds it and the writer took it out
        ("required", False, ["Told about driving"], True, True),
        ("optional", True, ["A result"], False, True),
    ],
)
def test_what_is_due_and_filled(conformance, drawn, words, due, filled):
    one = said(section(conformance, drawn=drawn), words=words)
    assert (one.is_due, one.is_filled) == (due, filled)


def test_a_blank_is_not_filled_and_says_whom_was_asked():
    asked = said(section("minimum"), words=[f"risperidone: for {BLANK}"], asked_of=" Riverside  Surgery ")
    assert (asked.state, asked.asked_of, asked.says) == (State.NOT_KNOWN, "Riverside Surgery", "not known: asked of Riverside Surgery")
    assert not asked.is_filled
    assert not asked.is_gap
    assert as_sent(asked).words == ["risperidone: for (not known)"]
    assert said(section("minimum"), words=[f"risperidone: for {BLANK}"]).is_gap


def test_what_is_filled_asks_nobody():
    assert said(section(), words=["None known"], asked_of="the practice").asked_of == ""


def test_does_not_apply_needs_its_reason_and_is_not_for_mandatory_headings():
    minimum = said(section("minimum"), words=["No medicine is to be stopped"], not_applicable=True)
    assert minimum.state == State.NOT_APPLICABLE
    assert not minimum.is_due
    assert said(section("minimum"), words=[], not_applicable=True).is_gap
    assert said(section("mandatory"), words=["None known"], not_applicable=True).state == State.HELD
    assert said(section("mandatory"), words=[], not_applicable=True).is_gap


def test_the_score_names_what_is_missing():
    sections = [
        said(section(key="summary"), words=["Well"]),
        said(section(key="allergies"), words=[], asked_of="the practice"),
        section("minimum", key="duration"),
        section("optional", key="family"),
    ]
    score = completeness(sections)
    assert (score.filled, score.due, score.percent) == (1, 3, 33)
    assert [each.key for each in score.gaps] == ["duration"]
    assert [each.key for each in score.not_known] == ["allergies"]
    assert [each.key for each in score.missing] == ["duration", "allergies"]
    assert not score.may_be_sent
    sections[2] = said(sections[2], words=[], asked_of="Dr Hart")
    assert completeness(sections).may_be_sent


@pytest.mark.parametrize(("filled", "due", "wanted"), [(0, 0, 100), (1, 3, 33), (2, 3, 67), (1, 2, 50), (1, 8, 13), (7, 7, 100)])
def test_percent(filled, due, wanted):
    assert percent(filled, due) == wanted


def test_facts_stand_only_while_nobody_changed_the_words():
    drawn = Section(key="d", heading="D", conformance="required", words=["Bipolar"], facts=[{"kind": "diagnosis", "term": "Bipolar"}])
    assert said(drawn, words=["Bipolar"]).facts
    assert not said(drawn, words=["Bipolar, perhaps"]).facts


def test_lines_are_tidy():
    assert lines("  one \r\n\n two\tthree ") == ["one", "two three"]


WORDS = st.lists(st.sampled_from(["Well", f"for {BLANK}", "", "  ", "Stop if pregnant"]), max_size=3)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(list(Conformance)), st.booleans(), WORDS, st.sampled_from(["", " ", "the practice"]), st.booleans()),
        max_size=8,
    )
)
def test_each_heading_is_in_one_state_and_the_score_adds_up(rows):
    sections = [
        said(section(conformance.value, drawn=drawn, key=str(number)), words=words, asked_of=asked, not_applicable=na)
        for number, (conformance, drawn, words, asked, na) in enumerate(rows)
    ]
    score = completeness(sections)
    assert score.filled + len(score.gaps) + len(score.not_known) == score.due
    assert 0 <= score.percent <= 100
    assert (score.percent == 100) == (score.filled == score.due)
    assert from_rows(as_rows(sections)) == sections
    for each in sections:
        assert (each.state == State.NOT_KNOWN) == bool(each.asked_of)
        assert not each.is_filled or (each.words and not any(BLANK in line for line in each.words))
        assert BLANK not in as_sent(each).text
        # Saying the same again changes nothing.
        again = said(each, words=each.words, asked_of=each.asked_of, not_applicable=each.state == State.NOT_APPLICABLE)
        assert again == each


@settings(max_examples=30, deadline=None)
@given(WORDS, st.sampled_from(list(Conformance)))
def test_saying_more_never_makes_a_letter_less_complete(words, conformance):
    before = said(section(conformance.value, drawn=True), words=words)
    after = said(section(conformance.value, drawn=True), words=["Something that is known"])
    assert completeness([after]).percent >= completeness([before]).percent
