"""People who may be one, side by side and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from stepwell.web.coding.models import MatchEvent
from stepwell.web.core.formatting import clinician, count
from stepwell.web.ledger.pages import Pager

SIZE = 25
SEX = {"female": "Female", "male": "Male", "other": "Other"}
_SAID = {"same": "Joined: their records are read together now", "apart": "Kept apart", "parted": "Parted again"}
_ANSWERS = {"same": "One person", "apart": "Two people", "parted": "Parted again"}


class Side:
    """One of the two records, as a column of the comparison."""

    def __init__(self, row: Mapping[str, Any], source: str) -> None:
        self.source = source
        self.name = clinician.name(row["family_name"] or "", row["given_name"] or "", row["title"] or "")
        self.born = clinician.date(row["birth_date"], missing="Not Known")
        self.sex = SEX.get(row["sex"] or "", "Not Known")
        self.number = clinician.nhs_number(row["nhs_number"]) if row["nhs_number"] else f"Not Known ({row['nhs_status']})"
        address, postcode = row["address"] or "", row["postcode"] or ""
        self.address = ", ".join(part for part in (address, "" if postcode in address else postcode) if part) or "Not Known"

    @property
    def values(self) -> list[tuple[str, str]]:
        return [("Name", self.name), ("Born", self.born), ("Gender", self.sex), ("NHS No.", self.number), ("Address", self.address)]


class PairLine:
    def __init__(self, pair: Mapping[str, Any], records: Mapping[int, Mapping[str, Any]], names: Mapping[str, str]) -> None:
        self.key, self.why = pair["key"], pair["why"]
        self.sides = [
            Side(records[pair[subject]], names.get(pair[source], pair[source]))
            for subject, source in (("subject_a", "source_a"), ("subject_b", "source_b"))
        ]

    @property
    def rows(self) -> list[tuple[str, str, str, bool]]:
        """(what, first, second, they agree)"""
        one, other = (side.values for side in self.sides)
        return [(label, left, right, left == right) for (label, left), (_, right) in zip(one, other, strict=True)]


class MatchLine:
    def __init__(self, event: MatchEvent) -> None:
        self.id, self.why, self.ground = event.pk, event.why, event.ground
        self.answer = _ANSWERS[event.answer]
        self.who = f"{event.by.display_name}, {clinician.date(event.at)}"
        self.is_undone = hasattr(event, "undone_by")
        self.may_undo = event.answer == "same" and not self.is_undone


class PairsPage:
    def __init__(
        self, pairs: Sequence[Mapping[str, Any]], decisions: Sequence[MatchEvent], given: Mapping[str, str], names: Mapping[str, str]
    ) -> None:
        self.all, self._names = len(pairs), names
        self._pages = max(1, -(-len(pairs) // SIZE))
        asked = given.get("page", "")
        self.number = min(max(int(asked) if asked.isdigit() and len(asked) < 6 else 1, 1), self._pages)
        self.shown = list(pairs[(self.number - 1) * SIZE : self.number * SIZE])
        self.lines: list[PairLine] = []
        self.decisions = [MatchLine(event) for event in decisions]
        self._said = given.get("said", "")

    def read(self, records: Mapping[int, Mapping[str, Any]]) -> None:
        self.lines = [PairLine(pair, records, self._names) for pair in self.shown]

    @property
    def heading(self) -> str:
        return f"{count(self.all, 'pair')} of records may be of one person" if self.all else "No two records wait to be told apart"

    @property
    def said(self) -> str:
        words = _SAID.get(self._said.removesuffix("-waiting"), "")
        return words and f"{words}. {'Duties are being worked out again.' if self._said.endswith('-waiting') else ''}".strip()

    @property
    def pager(self) -> Pager:
        def to(number: int) -> str:
            return "?" + urlencode({"page": number})

        first = (self.number - 1) * SIZE + 1 if self.all else 0
        summary = f"{first:,} to {min(self.all, self.number * SIZE):,} of {self.all:,}"
        back = to(self.number - 1) if self.number > 1 else ""
        return Pager(self.number, self._pages, back, to(self.number + 1) if self.number < self._pages else "", summary)
