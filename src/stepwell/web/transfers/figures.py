"""What `transfers.yaml` says: criteria of a step-down, the checklist, the reviews after it. Figures of one number are parameters of
the knowledge pack."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Literal

import msgspec
import yaml

from stepwell.web.ledger import known

Verification = Literal["V", "S", "K", "C", "D", "P"]


class Sourced(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`source`: ids of the pack's sources; `mark`: how sure it is."""

    source: list[str]
    mark: Verification
    note: str = ""

    @property
    def basis(self) -> str:
        """`Healthy London PCMH guidance, taken from a secondary text`; a proposal says that it needs local approval."""
        named = [known.source_title(key) for key in self.source if key != "P"]
        words = "a proposal, needs local approval" if self.mark == "P" else f"{known.MARKS[self.mark]}, needs local approval"
        return "; ".join([*named, words])


class Criterion(Sourced, frozen=True, kw_only=True):
    criterion: str
    label: str
    any: bool = False


class ContactWords(Sourced, frozen=True, kw_only=True):
    words: list[str]


class Staying(Sourced, frozen=True, kw_only=True):
    medicines: list[str]


class Review(Sourced, frozen=True, kw_only=True):
    review: str
    months: int
    label: str
    escalate_days: int


class CheckItem(Sourced, frozen=True, kw_only=True):
    item: str
    label: str
    known: Literal["", "joint", "owners", "letter"] = ""
    heading: str = ""
    register: str = ""


class _Figures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    criteria: list[Criterion]
    contact_words: dict[str, ContactWords]
    stays_with_specialist: Staying
    reviews: list[Review]
    checklist: list[CheckItem]


@cache
def _figures() -> _Figures:
    text = resources.files("stepwell.web.transfers").joinpath("transfers.yaml").read_text(encoding="utf-8")
    return msgspec.convert(yaml.safe_load(text), _Figures)


def criteria() -> Mapping[str, Criterion]:
    return {each.criterion: each for each in _figures().criteria}


def tells(kind: str, words: str) -> bool:
    """Whether the words of a contact are of this kind (`prescriptions`, `crises`)."""
    lower = words.lower()
    return any(word in lower for word in _figures().contact_words[kind].words)


def staying() -> frozenset[str]:
    """Medicines that stay with the specialist."""
    return frozenset(_figures().stays_with_specialist.medicines)


def reviews() -> Mapping[str, Review]:
    return {each.review: each for each in _figures().reviews}


def checklist() -> Mapping[str, CheckItem]:
    return {each.item: each for each in _figures().checklist}


def everything() -> list[Sourced]:
    """All that carries a source, for a check of the sources."""
    found = _figures()
    return [*found.criteria, *found.contact_words.values(), found.stays_with_specialist, *found.reviews, *found.checklist]
