"""What `data/reviews.yaml` offers beside the lists of the knowledge base, and the figures of reviewing."""

from __future__ import annotations

from functools import cache
from importlib import resources

import msgspec
import yaml


class Longest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Most characters of what is typed."""

    line: int
    words: int


class RecordLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of the one-page record: most characters under a heading and in a drawn line, most lines drawn."""

    words: int
    line: int
    evidence: int
    advice: int
    versions: int


class _Choices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mark: str
    how: dict[str, str]
    consent: dict[str, str]
    abrupt: dict[str, str]
    days: dict[str, int]
    points: dict[str, int]
    longest: Longest
    draft_days: int
    record: RecordLimits


@cache
def choices() -> _Choices:
    text = resources.files("stepwell.web.reviews").joinpath("data/reviews.yaml").read_text(encoding="utf-8")
    return msgspec.convert(yaml.safe_load(text), _Choices)
