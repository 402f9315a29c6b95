"""The patient copy: the same facts in plain words (`plain_words.yaml`), what happens next and whom to call first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources

import msgspec
import yaml

from stepwell.clinical.letter_completeness import Section, State
from stepwell.web.core.formatting import patient
from stepwell.web.letters.documents.paper import Paper

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAY = re.compile(rf"\b(\d{{2}})-({'|'.join(_MONTHS)})-(\d{{4}})\b")


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`headings` by the key of the letter's heading; `says`: what Stepwell writes into letters; `terms` as they stand in a letter;
    `urgent` by nation."""

    source: str
    mark: str
    next_steps: list[str]
    contacts: list[str]
    headings: dict[str, str]
    asked: str
    ask_sender: str
    not_known: str
    not_known_asked: str
    not_applicable: str
    says: dict[str, str]
    terms: dict[str, str]
    urgent: dict[str, str]


@cache
def words() -> Words:
    found = resources.files("stepwell.web.letters.documents").joinpath("plain_words.yaml").read_text(encoding="utf-8")
    return msgspec.convert(yaml.safe_load(found), Words)


@cache
def _terms() -> re.Pattern[str]:
    longest_first = sorted(words().terms, key=len, reverse=True)
    return re.compile(rf"(?<![\w&-])({'|'.join(map(re.escape, longest_first))})(?![\w&-])")


@dataclass(frozen=True, slots=True)
class Block:
    """A heading and what stands under it, a statement each."""

    heading: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PatientCopy:
    """`next_steps` and `call` come first, then the letter in its own order. `asked`: what the receiver was asked to do, and by when;
    `asked_heading` names the receiver. `source` and `mark` are of the plain words."""

    title: str
    next_steps: Sequence[Block]
    asked_heading: str
    asked: Sequence[tuple[str, date]]
    call: Sequence[str]
    urgent: str
    blocks: Sequence[Block]
    source: str
    mark: str


def patient_copy(paper: Paper, nation: str) -> PatientCopy:
    """`nation`: of the sender, ENG, WLS, SCT or NIR: whom to call when it cannot wait."""
    known, teller = words(), _Teller()
    first = [part for part in paper.under(known.next_steps) if part.state != State.NOT_APPLICABLE]
    contacts = paper.under(known.contacts)
    # In the order in which the person reads: an explanation stands where a word comes first.
    next_steps = [teller.block(part) for part in first]
    asked = [(teller.say(action.text), action.due_on) for action in paper.actions]
    call = [teller.say(text) for part in contacts if part.state == State.HELD for text in part.words] or [_ask(paper)]
    rest = [teller.block(part) for part in paper.shown if part not in first and part not in contacts]
    heading = known.asked.format(receiver=paper.receiver.name)
    title = f"Your letter from {paper.sender.name}"
    return PatientCopy(title, next_steps, heading, asked, call, known.urgent.get(nation, ""), rest, known.source, known.mark)


def _ask(paper: Paper) -> str:
    who = f"{paper.sender.person} at {paper.sender.name}" if paper.sender.person else paper.sender.name
    return words().ask_sender.format(who=who, receiver=paper.receiver.name)


class _Teller:
    """Says things plainly; each word is explained once, where it first stands."""

    def __init__(self) -> None:
        self._explained: set[str] = set()

    def block(self, part: Section) -> Block:
        heading, told = words().headings.get(part.key, part.heading), tuple(map(self.say, part.words))
        if part.state == State.HELD:
            return Block(heading, told)
        if part.state == State.NOT_APPLICABLE:
            return Block(heading, (words().not_applicable, *told))
        known = words().not_known_asked.format(asked_of=part.asked_of) if part.asked_of else words().not_known
        return Block(heading, (*told, known))

    def say(self, text: str) -> str:
        for written, plainly in words().says.items():
            text = text.replace(written, plainly)
        return _terms().sub(self._explain, _DAY.sub(_written_out, text))

    def _explain(self, found: re.Match[str]) -> str:
        term = found[1]
        meaning = words().terms[term]
        if meaning in self._explained:
            return term
        self._explained.add(meaning)
        return f"{term} ({meaning})"


def _written_out(found: re.Match[str]) -> str:
    """`03-Mar-2024` becomes `3 March 2024`; what is no day stays as it is."""
    try:
        return patient.date(date(int(found[3]), _MONTHS.index(found[2]) + 1, int(found[1])))
    except ValueError:
        return found[0]
