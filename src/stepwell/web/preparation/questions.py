"""What is asked before a review: the questions of the knowledge base, and its lists as things to tick, in words for patients.

questions()                       # in the order they are asked
checked({"concerns": {...}})      # what is kept of a form; Refused for what was never asked
lines(sheet.answers, sheet.asked) # question and answer in words
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import msgspec
import yaml

from stepwell import knowledge
from stepwell.errors import Refused
from stepwell.knowledge.reviewing import PartOfReview, ReviewPart, parts_of

LONGEST = 1000
# The sentence of the knowledge base that stands on every sheet about medicines that may be reduced.
NEVER_AT_ONCE = "never-abrupt"
CHOSEN, WORDS = "chosen", "words"


class _Lead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: str
    part: PartOfReview
    ask: str
    words: str
    source: list[str]
    mark: str


@dataclass(frozen=True, slots=True)
class Option:
    """Something to tick: `label` in words for patients, `clinical` as a review has it."""

    key: str
    label: str
    clinical: str


@dataclass(frozen=True, slots=True)
class Question:
    """`options`: what can be ticked, none where only words are asked for; `words`: the label of the text box beside them."""

    key: str
    ask: str
    hint: str
    options: tuple[Option, ...]
    words: str
    source: tuple[str, ...]
    mark: str
    part: str

    @property
    def option_labels(self) -> dict[str, str]:
        return {option.key: option.label for option in self.options}


@cache
def _leads() -> tuple[_Lead, ...]:
    text = resources.files("stepwell.web.preparation").joinpath("questions.yaml").read_text(encoding="utf-8")
    return tuple(msgspec.convert(yaml.safe_load(text)["questions"], list[_Lead]))


def questions() -> tuple[Question, ...]:
    """First the lists that can be ticked, then the questions that are answered in words; a list that is empty is not asked."""
    known = knowledge.load()
    found = [_ticked(lead, listed) for lead in _leads() if (listed := parts_of(known, lead.part))]
    return (*found, *(_open(part) for part in parts_of(known, "beforehand")))


def _ticked(lead: _Lead, listed: Sequence[ReviewPart]) -> Question:
    options = tuple(_option(part) for part in listed)
    return Question(lead.key, lead.ask, "Tick all that fit.", options, lead.words, tuple(lead.source), lead.mark, lead.part)


def _option(part: ReviewPart) -> Option:
    return Option(part.review_part, part.plain or part.label, part.label)


def _open(part: ReviewPart) -> Question:
    return Question(part.review_part, part.plain or part.ask or part.label, part.hint, (), "", tuple(part.source), part.mark, "beforehand")


def warning() -> str:
    """What everybody who is asked is told of stopping, in words for patients."""
    return knowledge.load().taper_support[NEVER_AT_ONCE].plain


def checked(answers: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """What is kept of answers: known questions and options only, without empty ones, in the order of the questions."""
    asked = {question.key: question for question in questions()}
    if unknown := set(answers) - set(asked):
        raise Refused(f"Nobody asks “{sorted(unknown)[0]}” any more. Open the page again.")
    found: dict[str, dict[str, Any]] = {}
    for key, question in asked.items():
        given = answers.get(key, {})
        ticked = {str(each) for each in given.get(CHOSEN, ())}
        if strange := ticked - question.option_labels.keys():
            raise Refused(f"“{sorted(strange)[0]}” cannot be chosen any more. Open the page again.")
        chosen = [each for each in question.option_labels if each in ticked]
        words = str(given.get(WORDS, "")).strip()
        if len(words) > LONGEST:
            raise Refused(f"Write at most {LONGEST:,} characters for each question.")
        if chosen or words:
            found[key] = {CHOSEN: chosen, WORDS: words}
    return found


def asked_words(given: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The questions and the options chosen in the words of today's pack: what the person read."""
    asked = {question.key: question for question in questions()}
    return {
        key: {"ask": asked[key].ask, "options": {each: asked[key].option_labels[each] for each in answer[CHOSEN]}}
        for key, answer in given.items()
    }


@dataclass(frozen=True, slots=True)
class Line:
    """A question with its answer as it was given. `hidden`: it tells of something that the reader is not shown."""

    key: str
    ask: str
    chosen: tuple[str, ...]
    words: str
    hidden: bool = False

    @property
    def answer(self) -> str:
        return "; ".join(part for part in (*self.chosen, f"“{self.words}”" if self.words else "") if part)


def lines(answers: Mapping[str, Any], asked: Mapping[str, Any], tells: Callable[[str], bool] = lambda _: False) -> Sequence[Line]:
    """In the words they were asked in. `tells`: whether words give away what the reader is not shown."""
    found = []
    for key, answer in answers.items():
        told = asked.get(key, {})
        chosen = tuple(told.get("options", {}).get(each, each) for each in answer.get(CHOSEN, ()))
        words = answer.get(WORDS, "")
        hidden = any(tells(text) for text in (words, *chosen))
        found.append(Line(key, told.get("ask", key), () if hidden else chosen, "" if hidden else words, hidden))
    return found
