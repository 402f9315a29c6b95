"""The coding queue in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from stepwell.web.coding.models import CodingEvent
from stepwell.web.core.formatting import clinician, count
from stepwell.web.ledger import known
from stepwell.web.ledger.pages import Pager
from stepwell.web.ledger.presenters import people

SIZE = 25
REASONS = {
    "no code": "no code, only text",
    "name only": "read by its name alone",
    "similar name": "not read; the name resembles a medicine",
}
_SAID = {"decided": "Decided", "undone": "Taken back: it waits again"}


def event_words(event: CodingEvent) -> str:
    """`“Sertralin 50mg” is sertraline`"""
    product = event.term or f"{event.code_system} {event.code}"
    if event.undoes_id is not None:
        return f"“{product}”: the decision was taken back"
    told = known.medicine(event.substance) if event.substance else "not a medicine of interest"
    strength = f", {clinician.mass(event.strength_ug)}" if event.strength_ug else ""
    return f"“{product}” is {told}{strength}"


class EventLine:
    def __init__(self, event: CodingEvent) -> None:
        self.id, self.words, self.why = event.pk, event_words(event), event.why
        self.who = f"{event.by.display_name}, {clinician.date(event.at)}"
        self.people = people(event.people)
        self.is_undone = hasattr(event, "undone_by")
        self.may_undo = event.undoes_id is None and not self.is_undone


class QueuePage:
    def __init__(self, products: Sequence[Mapping[str, Any]], decisions: Sequence[CodingEvent], given: Mapping[str, str]) -> None:
        self.all = len(products)
        self.counts = Counter(row["reason"] for row in products)
        self.reason = given.get("reason", "") if given.get("reason", "") in REASONS else ""
        shown = [row for row in products if self.reason in ("", row["reason"])]
        pages = max(1, -(-len(shown) // SIZE))
        asked = given.get("page", "")
        self.number = min(max(int(asked) if asked.isdigit() and len(asked) < 6 else 1, 1), pages)
        self.rows = shown[(self.number - 1) * SIZE : self.number * SIZE]
        self._total, self._pages = len(shown), pages
        self.decisions = [EventLine(event) for event in decisions]
        self.reasons = REASONS
        self._said, self._people = given.get("said", ""), given.get("people", "")

    @property
    def heading(self) -> str:
        return f"{count(self.all, 'medicine')} the record does not identify" if self.all else "Every medicine on record is identified"

    @property
    def said(self) -> str:
        words = _SAID.get(self._said.removesuffix("-waiting"), "")
        if not words:
            return ""
        number = int(self._people) if self._people.isdigit() and len(self._people) < 8 else 0
        waiting = self._said.endswith("-waiting")
        return f"{words}. Duties of {people(number)} {'are being worked out again' if waiting else 'were worked out again'}."

    @property
    def tabs(self) -> list[tuple[str, int, str, bool]]:
        found = [("all", self.all, "?", not self.reason)]
        return found + [(words, self.counts[key], "?" + urlencode({"reason": key}), key == self.reason) for key, words in REASONS.items()]

    @property
    def pager(self) -> Pager:
        def to(number: int) -> str:
            return "?" + urlencode({"reason": self.reason, "page": number} if self.reason else {"page": number})

        first = (self.number - 1) * SIZE + 1 if self._total else 0
        summary = f"{first:,} to {min(self._total, self.number * SIZE):,} of {self._total:,}"
        return Pager(
            self.number,
            self._pages,
            to(self.number - 1) if self.number > 1 else "",
            to(self.number + 1) if self.number < self._pages else "",
            summary,
        )
