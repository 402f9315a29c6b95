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


class _Standing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reasons: list[Reason]
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


def lengths() -> Sequence[int]:
    return _standing().lengths
