"""The choices of `team.yaml`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources

import msgspec
import yaml

COORDINATOR, PROFESSIONAL, AGENCY = "coordinator", "professional", "agency"
AGREED, REFUSED, NOT_ASKED = "agreed", "refused", "not asked"


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    label: str
    button: str


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: str
    label: str
    sensitive: bool = False


class _Choices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    source: list[str]
    mark: str
    kinds: dict[str, Kind]
    roles: list[Choice]
    agencies: list[Choice]


@cache
def _choices() -> _Choices:
    text = resources.files("stepwell.web.team").joinpath("team.yaml").read_text(encoding="utf-8")
    return msgspec.convert(yaml.safe_load(text), _Choices)


def kinds() -> Mapping[str, Kind]:
    return _choices().kinds


def options(kind: str) -> Sequence[Choice]:
    """Roles of a person, kinds of an agency; none for the coordinator."""
    return {PROFESSIONAL: _choices().roles, AGENCY: _choices().agencies}.get(kind, [])


def choice(kind: str, code: str) -> Choice | None:
    return next((each for each in options(kind) if each.code == code), None)


def sources() -> list[str]:
    return _choices().source
