"""Relapse or withdrawal: what speaks for which, contrast by contrast, from the knowledge base. Never a verdict, never a score: it lays
the two sides next to each other with their sources, and always ends with a person to call.

Which side of a contrast fits is what people say who know the person; here it is only sorted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from stepwell.knowledge.tapering import TaperSupport
from stepwell.web.core.formatting import count

Side = Literal["withdrawal", "relapse", "unknown"]
WITHDRAWAL, RELAPSE, UNKNOWN = "withdrawal", "relapse", "unknown"


@dataclass(frozen=True, slots=True)
class Point:
    """A contrast with the side that was said to fit. `words` are that side's; of what is not known both sides are given."""

    key: str
    label: str
    side: str
    words: str
    source: tuple[str, ...]
    mark: str


@dataclass(frozen=True, slots=True)
class Telling:
    """What speaks for withdrawal, what for relapse, what is not known; `safety`: signs and whom to call, always there."""

    withdrawal: tuple[Point, ...]
    relapse: tuple[Point, ...]
    unknown: tuple[Point, ...]
    safety: tuple[TaperSupport, ...]

    @property
    def sentence(self) -> str:
        """Which side more was said for, in words; both may be true at once, and nothing here decides."""
        for_withdrawal, for_relapse = len(self.withdrawal), len(self.relapse)
        if not for_withdrawal and not for_relapse:
            return "Nothing was said yet that would speak for either."
        if for_withdrawal and for_relapse:
            return "Some of what was said fits withdrawal and some fits relapse. Both may be true at once."
        if for_withdrawal:
            return "What was said fits withdrawal. Relapse is not excluded by it."
        return "What was said fits relapse. Withdrawal is not excluded by it."


def weigh(contrasts: Sequence[TaperSupport], answers: Mapping[str, str], safety: Sequence[TaperSupport]) -> Telling:
    """Sort the contrasts by what was answered; an unknown key or side is not an answer.

    ValueError without anybody to call: such a page must not be shown.
    """
    if not any(each.call for each in safety):
        raise ValueError("relapse or withdrawal is never told without somebody to call")
    sides: dict[str, list[Point]] = {WITHDRAWAL: [], RELAPSE: [], UNKNOWN: []}
    for contrast in contrasts:
        side = answers.get(contrast.support, UNKNOWN)
        if side not in sides:
            side = UNKNOWN
        words = {
            WITHDRAWAL: contrast.withdrawal,
            RELAPSE: contrast.relapse,
            UNKNOWN: f"Withdrawal: {contrast.withdrawal} Relapse: {contrast.relapse}",
        }[side]
        sides[side].append(Point(contrast.support, contrast.label, side, words, tuple(contrast.source), contrast.mark))
    return Telling(tuple(sides[WITHDRAWAL]), tuple(sides[RELAPSE]), tuple(sides[UNKNOWN]), tuple(safety))


def timing_words(changed_on: date | None, began: int | None, today: date) -> str:
    """What the plan itself knows about timing: how long ago the dose changed, and when symptoms were said to have begun."""
    if changed_on is None:
        return "The dose has not changed yet under this plan."
    days = (today - changed_on).days
    ago = "today" if days == 0 else f"{count(days, 'day')} ago"
    if began is None:
        return f"The dose last changed {ago}. When symptoms began was not said."
    after = "on the day of the change" if began == 0 else f"{count(began, 'day')} after the change"
    return f"The dose last changed {ago}; symptoms were said to have begun {after}."
