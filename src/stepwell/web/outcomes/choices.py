"""Figures of `data/outcomes.yaml` and the prices beside it."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources

import msgspec
import yaml


class Longest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    what: int


class Priced(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the prices come from: name of the file, year, place, source, verification mark."""

    file: str
    year: int
    place: str
    source: str
    mark: str


class _Choices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mark: str
    source: tuple[str, ...]
    smallest: int
    rounded: int
    again_days: int
    months: int
    periods: tuple[int, ...]
    most_read: int
    items_a_month: int
    longest: Longest
    prices: Priced


@dataclass(frozen=True, slots=True)
class Price:
    """Of one medicine in the year: items, cost in pence, the names it has in the source, in how many months it occurs."""

    items: int
    pence: int
    drugs: tuple[str, ...]
    months: int

    @property
    def average_pence(self) -> float:
        return self.pence / self.items


def _read(name: str) -> str:
    return resources.files("stepwell.web.outcomes").joinpath(f"data/{name}").read_text(encoding="utf-8")


@cache
def choices() -> _Choices:
    return msgspec.convert(yaml.safe_load(_read("outcomes.yaml")), _Choices)


@cache
def prices() -> dict[str, Price]:
    """By medicine. A medicine that goes by several names in the source is their sum."""
    found: dict[str, Price] = {}
    for row in csv.DictReader(_read(choices().prices.file).splitlines()):
        before = found.get(row["medicine"], Price(0, 0, (), 0))
        found[row["medicine"]] = Price(
            before.items + int(row["items"]), before.pence + int(row["cost_pence"]), (*before.drugs, row["drug"]),
            max(before.months, int(row["months"])),
        )  # fmt: skip
    return found
