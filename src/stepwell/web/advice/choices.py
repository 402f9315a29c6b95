"""What `data/advice.yaml` offers: kinds of question, the themes a new service begins with, the figures of the exchange."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources

import msgspec
import yaml


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`for_duty`: kinds of duty for which it is offered first."""

    label: str
    for_duty: list[str] = []


class StarterTheme(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    kinds: list[str] = []
    sets: list[str] = []
    rules: list[str] = []


class Longest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Most characters of what is typed."""

    question: int
    answer: int
    line: int


class _Choices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mark: str
    sees_days: int
    lately_days: int
    themes_months: int
    points: dict[str, int]
    longest: Longest
    kinds: dict[str, Kind]
    themes: list[StarterTheme]
    became: dict[str, str]


@cache
def choices() -> _Choices:
    text = resources.files("stepwell.web.advice").joinpath("data/advice.yaml").read_text(encoding="utf-8")
    return msgspec.convert(yaml.safe_load(text), _Choices)


def kinds() -> Mapping[str, str]:
    """Kinds of question by key, in words."""
    return {key: kind.label for key, kind in choices().kinds.items()}


def kind_words(key: str) -> str:
    """A kind in words; a key that is no longer offered reads as it is."""
    return kinds().get(key, key)


def kind_of_duty(duty_kind: str) -> str:
    """The kind of question that a duty of this kind suggests; empty when none does."""
    return next((key for key, kind in choices().kinds.items() if duty_kind in kind.for_duty), "")


def became_words(key: str) -> str:
    return choices().became.get(key, key)
