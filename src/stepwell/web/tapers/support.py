"""What the knowledge base says about living with a reduction, by medicine: how long a hold lasts without a review, when contact is due,
which scales fit, what to expect, whom to call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from stepwell import knowledge
from stepwell.errors import Refused
from stepwell.knowledge.tapering import (
    SupportPart,
    TaperOutcome,
    TaperSupport,
    WithdrawalScale,
    contact_days,
    rule_of,
    scales_of,
    support_of,
)

RATING = "rating"
Advice = Literal["", "go on", "hold", "step back"]


def class_of(substance: str) -> str:
    """The key of the taper rule of a medicine. Refused: Stepwell does not plan its reduction."""
    rule = rule_of(knowledge.load(), substance)
    if rule is None:
        raise Refused("Stepwell does not plan how this medicine is reduced: ask a specialist.")
    return rule.taper_rule


def of_part(part: SupportPart, substance: str) -> list[TaperSupport]:
    return support_of(knowledge.load(), part, class_of(substance))


def contact(substance: str, after: Literal["step", "stop"]) -> TaperSupport:
    return contact_days(knowledge.load(), after, class_of(substance))


def longest_hold(substance: str) -> TaperSupport | None:
    """How many days somebody holds at most without a review; None where the pack says nothing."""
    return next((one for one in of_part("hold", substance) if one.figure is not None and one.figure.unit == "days"), None)


def scales(substance: str) -> list[WithdrawalScale]:
    return scales_of(knowledge.load(), class_of(substance))


def rating_scale(substance: str) -> WithdrawalScale:
    """Stepwell's own rating. Refused where the pack has none."""
    found = next((scale for scale in scales(substance) if scale.enter == RATING), None)
    if found is None:
        raise Refused("The knowledge base has no rating for this medicine: no check-in can be recorded.")
    return found


@dataclass(frozen=True, slots=True)
class Read:
    """What a rating means by the scale's bands: `label` in words, `advice` what the plan does at such a rating, with its source."""

    label: str
    advice: Advice
    source: tuple[str, ...]
    mark: str


def read_rating(substance: str, rating: int) -> Read:
    scale = rating_scale(substance)
    for band in scale.bands:
        if band.low <= rating <= band.high:
            return Read(band.label, band.advice, tuple(band.source), band.mark)
    return Read("", "", tuple(scale.source), scale.mark)


def symptoms(substance: str) -> list[TaperSupport]:
    """What people may notice, to pick from."""
    return of_part("symptom", substance)


def contrasts(substance: str) -> list[TaperSupport]:
    """What sets withdrawal and relapse apart: entries with both sides."""
    return [each for each in of_part("contrast", substance) if each.withdrawal and each.relapse]


def outcomes() -> list[TaperOutcome]:
    return list(knowledge.load().taper_outcomes.values())


def basis_words(of: Any) -> str:
    """`S57, NG222, mark V`: where something that has a source and a mark is said, for the hint of a field."""
    return ", ".join([*(each for each in of.source if len(each) > 1), f"mark {of.mark}"])
