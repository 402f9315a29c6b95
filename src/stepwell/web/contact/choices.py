"""The choices of `choices.yaml`, and languages by name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import msgspec
import yaml

SAFE, ADDRESS, LANGUAGE, PROFESSIONAL, CARER, REVIEW = "safe", "address", "language", "professional", "carer", "review"
INTERPRETER = "interpreter"
ENGLISH = ("en", "eng", "english")


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`asks`: what has to be written beside it; empty when the choice says it all."""

    code: str
    label: str
    strip: str
    asks: str = ""
    not_with: list[str] = []


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    label: str
    choices: list[Choice]
    hint: str = ""


class _Choices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    groups: list[Group]
    review_after_months: int


def _read(name: str) -> Any:
    return yaml.safe_load(resources.files("stepwell.web.contact").joinpath(name).read_text(encoding="utf-8"))


@cache
def _choices() -> _Choices:
    return msgspec.convert(_read("choices.yaml"), _Choices)


def groups() -> list[Group]:
    return _choices().groups


@cache
def group(kind: str) -> Group:
    return next(each for each in groups() if each.kind == kind)


@cache
def _by_code() -> Mapping[tuple[str, str], Choice]:
    return {(each.kind, choice.code): choice for each in groups() for choice in each.choices}


def choice(kind: str, code: str) -> Choice | None:
    """The choice of that kind and code; a language is any that has a name here."""
    if kind == LANGUAGE:
        name = languages().get(code)
        return Choice(code, name, name) if name else None
    return _by_code().get((kind, code))


@cache
def places() -> Mapping[tuple[str, str], int]:
    """Where each choice stands, for sorting."""
    return {key: place for place, key in enumerate(_by_code())} | {(LANGUAGE, ""): 0}


def review_after_months() -> int:
    return _choices().review_after_months


@cache
def languages() -> Mapping[str, str]:
    """Languages by ISO 639 code, English first."""
    return {"en": "English", **_read("languages.yaml")}


def spoken(code: str) -> str:
    """A language by name from its code, with or without a region (`pl`, `pl-PL`); empty for English and for none; a code
    without a name as it is."""
    base = base_code(code)
    return "" if base in ("", *ENGLISH) else languages().get(base, code.strip())


def base_code(code: str) -> str:
    return code.strip().split("-")[0].lower()
