"""The figures of `data/portal.yaml`."""

from __future__ import annotations

from functools import cache
from importlib import resources

import msgspec
import yaml


class Tries(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    address: int
    code: int
    minutes: int
    code_a_day: int
    wrong_at_all: int


class _Choices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mark: str
    valid_days: int
    idle_minutes: int
    hours: int
    tries: Tries
    sent_an_hour: int
    shown: int
    demo_code: str


@cache
def choices() -> _Choices:
    text = resources.files("stepwell.web.portal").joinpath("data/portal.yaml").read_text(encoding="utf-8")
    return msgspec.convert(yaml.safe_load(text), _Choices)
