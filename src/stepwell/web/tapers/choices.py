"""The figures of `data/tapers.yaml`."""

from __future__ import annotations

from functools import cache
from importlib import resources

import msgspec
import yaml


class _Choices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`points`: priority by kind of duty; `order_working_days`: how long before a step its supply is ordered."""

    mark: str
    points: dict[str, int]
    order_working_days: int
    check_ins_shown: int
    listed: int


@cache
def choices() -> _Choices:
    text = resources.files("stepwell.web.tapers").joinpath("data/tapers.yaml").read_text(encoding="utf-8")
    return msgspec.convert(yaml.safe_load(text), _Choices)
