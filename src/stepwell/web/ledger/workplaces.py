"""Where the work behind a raised duty is done: answering a question, triaging a request, reading a letter.

Closing such a duty by hand would leave the question without an answer, so the ledger refuses it and leads there; the act of that area
settles it (`raised.settle_raised`). An area says so for its points in `ready()`. A point that is not named here has no act of its own
(ring the pharmacy, repeat the level): it is closed by hand, with words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.urls import reverse

from stepwell.engine.reconcile import ASKED
from stepwell.web.ledger.models import Duty


@dataclass(frozen=True, slots=True)
class Workplace:
    """The page where it is done, and the words of a button that leads there (`Answer the question`)."""

    words: str
    href: str

    @property
    def refusal(self) -> str:
        return f"This duty closes by the work itself, not by hand. Do it where it was asked: “{self.words}”. Nothing was changed."


_PLACES: dict[str, dict[str, tuple[str, str]]] = {}


def done_there(source: str, points: Mapping[str, tuple[str, str]]) -> None:
    """`points`: the word that a point begins with (`answer` of `answer 12`) → words of the button, name of the page. The page takes the
    key of the work."""
    _PLACES[source] = dict(points)


def workplace_of(duty: Duty) -> Workplace | None:
    """None for a duty of a rule, and for one that is closed by hand."""
    if duty.kind != ASKED:
        return None
    points = _PLACES.get(duty.rule_id.removeprefix(f"{ASKED}."), {})
    # A point may carry a number (`return 2`); its name is what stands before it.
    found = points.get(duty.point) or points.get(duty.point.rstrip("0123456789").rstrip())
    if found is None or not duty.subject.isdigit():
        return None
    words, page = found
    return Workplace(words, reverse(page, args=[int(duty.subject)]))
