"""Reviewing as knowledge: what a structured review asks, in which words, which kinds of review are due when, what a defensible record
must hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from stepwell.knowledge import model
from stepwell.knowledge.tapering import Figure

if TYPE_CHECKING:
    from stepwell.knowledge.compile import Knowledge

PartOfReview = Literal[
    "matters", "outcome", "achieved", "benefits", "harms", "concerns", "adherence", "alternatives", "decisions", "present", "capacity",
    "interpreter", "antipsychotic", "beforehand", "early-sign", "record",
]  # fmt: skip


class ReviewPart(model.Sourced, frozen=True, kw_only=True):
    """One entry of a list of the review. Lists keep the order of the file; `part` says which list.

    sets: shown only of medicines of one of these sets (empty: of every one). percent: how many said so in the published survey, beside
    the label and never pre-selected. plain: the same in words for patients. ask: the question of a text field, where the entry is one.
    needs: what must be said when it is chosen ("follow-up", "reduction", "route"); required: the record is not complete without it.
    """

    review_part: model.Key
    part: PartOfReview
    label: model.Text
    plain: str = ""
    ask: str = ""
    hint: str = ""
    sets: tuple[model.Key, ...] = ()
    percent: Figure | None = None
    needs: tuple[Literal["follow-up", "reduction", "route", "words", "dose", "medicine"], ...] = ()
    required: bool = False


class ReviewKind(model.Sourced, frozen=True, kw_only=True):
    """A kind of review and its clock. every: comes again after so long; after: once each so long after `since`, "0 days" at it.

    sets: of medicines it is for. rules: rules of the pack that raise the duty, so that a review of this kind settles them (none: it is
    made by a person). who: whose work it usually is.
    """

    review_kind: model.Key
    label: model.Text
    why: model.Text
    sets: tuple[model.Key, ...] = ()
    every: model.Span | None = None
    after: tuple[model.Span, ...] = ()
    since: Literal["", "start", "transfer", "remission", "last review", "step"] = ""
    who: Annotated[tuple[Literal["pharmacist", "gp", "nurse", "psychiatrist"], ...], msgspec.Meta(min_length=1)]
    rules: tuple[model.Key, ...] = ()


def parts_of(known: Knowledge, part: PartOfReview, medicine: str | None = None) -> list[ReviewPart]:
    """One list of the review, in the order of the pack; with a medicine, only what is asked of it."""
    return [
        one
        for one in known.review_parts.values()
        if one.part == part and (medicine is None or not one.sets or any(medicine in known.members.get(name, ()) for name in one.sets))
    ]


def kinds_of(known: Knowledge, medicine: str) -> list[ReviewKind]:
    """The kinds of review that a person on this medicine may be due, in the order of the pack."""
    return [one for one in known.review_kinds.values() if not one.sets or any(medicine in known.members.get(name, ()) for name in one.sets)]
