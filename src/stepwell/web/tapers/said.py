"""What people said when a plan was made or agreed, and how a plan is kept as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import msgspec

from stepwell.clinical.tapering.model import Plan, Request


@dataclass(frozen=True, slots=True)
class PlanWords:
    """`matters`: what matters to the person; `own_words`: how they say it; `decided_with`: with whom it was decided; `first`: why this
    medicine first, where there are several that could be reduced."""

    matters: str = ""
    own_words: str = ""
    decided_with: str = ""
    first: str = ""

    def as_json(self) -> dict[str, str]:
        return {name: " ".join(value.split()) for name, value in asdict(self).items() if value.strip()}

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> PlanWords:
        known = {field.name for field in fields(cls)}
        return cls(**{name: str(value) for name, value in values.items() if name in known})

    def filled_from(self, earlier: PlanWords) -> PlanWords:
        """What was not said anew is as it was said before."""
        return PlanWords(**{name: value or getattr(earlier, name) for name, value in asdict(self).items()})


def encode(value: Plan | Request) -> str:
    # Steps are numbered, and what is ordered must have keys of text.
    return msgspec.json.encode(msgspec.to_builtins(value, str_keys=True, order="deterministic")).decode()


def plan_of(text: str) -> Plan:
    return msgspec.json.decode(text, type=Plan)


def request_of(text: str) -> Request:
    return msgspec.json.decode(text, type=Request)
