"""Roles, read once from `roles.yaml`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

from stepwell.errors import Refused
from stepwell.web.core.permissions import Permission


@dataclass(frozen=True, slots=True)
class Role:
    key: str
    label: str
    kinds: frozenset[str]
    may: frozenset[Permission]
    second_step: bool = False  # needs one even where the setting asks managers only


@cache
def roles() -> dict[str, Role]:
    text = resources.files("stepwell.web.accounts").joinpath("roles.yaml").read_text(encoding="utf-8")
    return {
        key: Role(
            key,
            row["label"],
            frozenset(row["kinds"]),
            frozenset(Permission(name) for name in row["may"]),
            second_step=bool(row.get("second_step", False)),
        )
        for key, row in yaml.safe_load(text).items()
    }


def role(key: str) -> Role:
    try:
        return roles()[key]
    except KeyError:
        raise Refused(f"There is no role {key!r}. Roles: {', '.join(sorted(roles()))}.") from None
