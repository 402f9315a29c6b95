"""Relapse or withdrawal: laid side by side with sources, never a verdict, always somebody to call."""

from __future__ import annotations

from datetime import date

import pytest

from stepwell.knowledge.tapering import TaperSupport
from stepwell.web.tapers import support
from stepwell.web.tapers.telling import timing_words, weigh

MEDICINES = ["sertraline", "diazepam", "zopiclone", "pregabalin", "morphine", "olanzapine"]
TODAY = date(2026, 6, 20)


def told(medicine: str, **answers: str):
    keys = {contrast.label: contrast.support for contrast in support.contrasts(medicine)}
    given = {keys[label.replace("_", " ")]: side for label, side in answers.items()}
    return weigh(support.contrasts(medicine), given, support.of_part("safety-net", medicine))


@pytest.mark.parametrize("medicine", MEDICINES)
def test_timing_kind_and_response_are_asked_of_every_class_with_their_sources(medicine):
    contrasts = support.contrasts(medicine)
    assert {"When it began", "What it is like", "What going back did"} <= {contrast.label for contrast in contrasts}
    found = weigh(contrasts, {contrast.support: "withdrawal" for contrast in contrasts}, support.of_part("safety-net", medicine))
    assert len(found.withdrawal) == len(contrasts)
    assert all(point.source and point.mark for point in found.withdrawal)
    assert any(each.call for each in found.safety)
    assert not any(each.label == "A person decides" for each in contrasts)


def test_each_side_is_given_in_its_own_words_and_what_is_not_known_in_both():
    found = told("sertraline", When_it_began="withdrawal", What_going_back_did="relapse", How_long="nonsense")
    (onset,), (response,) = found.withdrawal, found.relapse
    assert "within days" in onset.words
    assert "weeks" in response.words
    assert all("Withdrawal:" in point.words and "Relapse:" in point.words for point in found.unknown)
    assert {point.label for point in found.unknown} == {"What it is like", "How long"}


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({}, "Nothing was said yet"),
        ({"When_it_began": "withdrawal"}, "Relapse is not excluded"),
        ({"When_it_began": "relapse"}, "Withdrawal is not excluded"),
        ({"When_it_began": "relapse", "How_long": "withdrawal"}, "Both may be true at once"),
    ],
)
def test_it_never_decides(answers, words):
    sentence = told("diazepam", **answers).sentence
    assert words in sentence
    assert not any(word in sentence.lower() for word in ("likely", "probably", "score", "diagnos"))


def test_without_somebody_to_call_it_is_not_told():
    with pytest.raises(ValueError, match="somebody to call"):
        weigh(support.contrasts("diazepam"), {}, [])
    nobody = TaperSupport(support="x", part="safety-net", label="x", words="x", source=["P"], mark="P")
    with pytest.raises(ValueError, match="somebody to call"):
        weigh(support.contrasts("diazepam"), {}, [nobody])


@pytest.mark.parametrize(
    ("changed_on", "began", "words"),
    [
        (None, 3, "has not changed yet"),
        (date(2026, 6, 17), None, "last changed 3 days ago. When symptoms began was not said"),
        (date(2026, 6, 19), 0, "last changed 1 day ago; symptoms were said to have begun on the day of the change"),
        (TODAY, 2, "last changed today; symptoms were said to have begun 2 days after the change"),
    ],
)
def test_timing_is_what_the_plan_knows(changed_on, began, words):
    assert words in timing_words(changed_on, began, TODAY)


@pytest.mark.parametrize(("rating", "advice"), [(0, "go on"), (3, "go on"), (4, "hold"), (6, "hold"), (7, "step back"), (10, "step back")])
def test_what_a_rating_means_stands_in_the_knowledge_base(rating, advice):
    found = support.read_rating("diazepam", rating)
    assert (found.advice, found.mark) == (advice, "P")
