"""What `data/privacy.yaml` offers: reasons, outcomes, settings with their defaults. House rules, read once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Choice:
    key: str
    label: str
    hint: str = ""
    tone: str = "grey"


@dataclass(frozen=True, slots=True)
class SettingKind:
    """A whole number between `least` and `most`."""

    name: str
    label: str
    hint: str
    default: int
    least: int
    most: int


@cache
def _data() -> dict[str, Any]:
    text = resources.files("stepwell.web.privacy").joinpath("data/privacy.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def minutes() -> int:
    """How long a record stays open without a relationship."""
    return int(_data()["minutes"])


@cache
def reasons() -> dict[str, Choice]:
    """Why a record may be opened without a relationship."""
    return {key: Choice(key, label) for key, label in _data()["reasons"].items()}


def reason_words(key: str) -> str:
    """`emergency care`; a code that is no longer offered reads as it is."""
    found = reasons().get(key)
    return found.label[:1].lower() + found.label[1:] if found else key


@cache
def outcomes() -> dict[str, Choice]:
    """What a review may find."""
    return {key: Choice(key, row["label"], row["hint"], row["tone"]) for key, row in _data()["outcomes"].items()}


@cache
def settings() -> dict[str, SettingKind]:
    return {name: SettingKind(name, **row) for name, row in _data()["settings"].items()}
