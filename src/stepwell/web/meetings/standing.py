"""What `meetings.yaml` says: the reasons that bring a person on the agenda, in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources

import msgspec
import yaml


class Reason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: str
    label: str
    source: list[str]
    mark: str


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Duties that the work `source` raised under points that begin with `point`."""

    source: str
    point: str
    reason: str


class _Standing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reasons: list[Reason]
    asked: list[Asked]
    lengths: list[int]


@cache
def _standing() -> _Standing:
    text = resources.files("stepwell.web.meetings").joinpath("meetings.yaml").read_text(encoding="utf-8")
    return msgspec.convert(yaml.safe_load(text), _Standing)


@cache
def reasons() -> Mapping[str, Reason]:
    return {each.reason: each for each in _standing().reasons}


@cache
def ranks() -> Mapping[str, int]:
    """Which reason is taken first."""
    return {key: place for place, key in enumerate(reasons())}


def asked(rule_id: str, point: str) -> str:
    """The reason that a raised duty of this rule and point is; empty when it is none."""
    source = rule_id.removeprefix("asked.")
    return next((each.reason for each in _standing().asked if each.source == source and point.startswith(each.point)), "")


def asked_rules() -> list[str]:
    return sorted({f"asked.{each.source}" for each in _standing().asked})


def lengths() -> Sequence[int]:
    return _standing().lengths
