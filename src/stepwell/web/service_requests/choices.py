"""The choices of `data/requests.yaml`: kinds, how soon, outcomes, reasons, figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

CRISIS, ROUTINE, URGENT = "crisis", "routine", "urgent"
AGREED = "agreed"


@dataclass(frozen=True, slots=True)
class Choice:
    """`short` is how it reads inside a line; `points` put a duty before others on a list."""

    key: str
    label: str
    hint: str = ""
    short: str = ""
    tone: str = "grey"
    points: int = 0

    @property
    def in_line(self) -> str:
        return self.short or self.label[:1].lower() + self.label[1:]


@cache
def _data() -> dict[str, Any]:
    text = resources.files("stepwell.web.service_requests").joinpath("data/requests.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def _choices(group: str) -> dict[str, Choice]:
    return {key: Choice(key, **row) for key, row in _data()[group].items()}


@cache
def kinds() -> Mapping[str, Choice]:
    return _choices("kinds")


@cache
def urgencies() -> Mapping[str, Choice]:
    return _choices("urgencies")


@cache
def agreements() -> Mapping[str, Choice]:
    return _choices("agreements")


@cache
def outcomes() -> Mapping[str, Choice]:
    return _choices("outcomes")


@cache
def reasons() -> Mapping[str, str]:
    """The reasons every organisation begins with: key → words."""
    return dict(_data()["reasons"])


@cache
def figure(name: str) -> int:
    return int(_data()["figures"][name]["value"])


def kind_label(key: str) -> str:
    """A kind that is no longer offered reads as it is."""
    found = kinds().get(key)
    return found.label if found else key
