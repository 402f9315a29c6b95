"""The printed request in words: which tests, why each, for whom, and what to know before contact."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from markupsafe import Markup

from stepwell.web.core.actor import Actor
from stepwell.web.ledger import known
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.ledger.pages import Banner, last_values
from stepwell.web.ledger.presenters import DutyPresenter, dose_words

_SAMPLES = {"blood": "Blood tests", "physical": "Measurements", "ecg": "ECG"}
_TITLES = {frozenset({"blood"}): "Request for blood tests", frozenset({"ecg"}): "Request for an ECG"}


class Line:
    """One test: every medicine that asks for it, with its reason and its owner."""

    def __init__(self, test: known.Test, duties: Sequence[DutyPresenter], last: str) -> None:
        self.test, self.duties, self.last = test, duties, last

    @property
    def due(self) -> date | None:
        return min((duty.duty.due_on for duty in self.duties if duty.duty.due_on), default=None)

    @property
    def reasons(self) -> list[tuple[Markup, str]]:
        """For each medicine why, as its duty that is due first has it, and to whom else the result matters."""
        by_medicine: dict[str, list[DutyPresenter]] = {}
        for duty in sorted(self.duties, key=lambda each: each.duty.due_on or date.max):
            by_medicine.setdefault(duty.duty.subject, []).append(duty)
        return [(found[0].facts_marked, self._others(found)) for found in by_medicine.values()]

    @staticmethod
    def _others(duties: Sequence[DutyPresenter]) -> str:
        return ", ".join(dict.fromkeys(duty.owner for duty in duties if not duty.is_mine and not duty.is_nobody))


class RequestPage:
    """Tests by what is taken: blood, measurements, ECG. Tests that need no visit are not on a request."""

    def __init__(
        self, person: PersonRecord, tests: Iterable[known.Test], duties: Sequence[DutyPresenter], *, actor: Actor, on: date, at: datetime,
        names: Mapping[str, str],
    ) -> None:  # fmt: skip
        self.person, self.actor, self.on, self.at = person, actor, on, at
        self.banner = Banner(person, on)
        self.practice = names.get(person.gp_org, "")
        last = last_values(person)
        visit = [test for test in tests if test.at_a_visit]
        waiting = {test.test: [duty for duty in duties if duty.duty.test == test.test] for test in visit}
        # What only comes with another test, or may stand for it, is not asked for by itself.
        with_others = {other for test in visit for other in test.also}
        lines = [
            Line(test, waiting[test.test], last.get(test.test, "")) for test in visit if waiting[test.test] or test.test not in with_others
        ]
        self.groups = [(words, [line for line in lines if line.test.sample == sample]) for sample, words in _SAMPLES.items()]
        self.groups = [(words, found) for words, found in self.groups if found]
        self.samples = frozenset(line.test.sample for line in lines)

    @property
    def title(self) -> str:
        return _TITLES.get(self.samples, "Request for one visit")

    @property
    def medicines(self) -> list[Markup]:
        """What the person takes, as drugs are written: a laboratory or a nurse reads a level by the dose."""
        shown = []
        for row in self.person.medicines:
            dose = dose_words(row)
            shown.append(known.marked(known.medicine(row["substance"])) + (f" {dose}" if dose else ""))
        return shown
