"""What the record shows of a person when a question is asked: kept with the question as facts with their dates.

Pages draw the record as it is now; these facts say what the one who asked, and the one who answered then, had before them. What is
sensitive is cut for whoever reads them, as everywhere.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from functools import cache
from typing import Any

from stepwell import knowledge
from stepwell.web.core.formatting import clinician
from stepwell.web.ledger import known
from stepwell.web.ledger.models import Duty, PersonRecord
from stepwell.web.ledger.presenters import DutyPresenter, dose_words
from stepwell.web.privacy.restrict import Cut

RESULTS_SHOWN = 8


@dataclass(frozen=True, slots=True)
class MedicineFact:
    substance: str
    dose: str
    since: date | None
    indication: str
    lapsed: bool = False

    @property
    def name(self) -> str:
        return known.medicine(self.substance)

    def words(self, on: date) -> str:
        """`olanzapine 10 mg a day, since 01-Apr-2023 (3 years), for bipolar`; what is not known is said."""
        since = f"since {clinician.date(self.since)} ({clinician.span(self.since, on)})" if self.since else "start not known"
        indication = f"for {self.indication}" if self.indication else "indication not recorded"
        parts = [f"{self.name} {self.dose or 'dose not known'}", since, indication]
        return ", ".join([*parts, *(["supply ended"] if self.lapsed else [])])


@dataclass(frozen=True, slots=True)
class ResultFact:
    """The last result of a test and the one before."""

    test: str
    value: str
    on: date
    before: str = ""
    before_on: date | None = None

    @property
    def label(self) -> str:
        test = known.test(self.test)
        return test.label if test else self.test

    @property
    def words(self) -> str:
        """`Weight 71 kg on 20-Apr-2025 (before: 68 kg on 02-Mar-2024)`"""
        before = f" (before: {self.before} on {clinician.date(self.before_on)})" if self.before else ""
        return f"{self.label} {self.value} on {clinician.date(self.on)}{before}"


@dataclass(frozen=True, slots=True)
class DutyFact:
    id: int
    what: str
    due: date | None


@dataclass(frozen=True, slots=True)
class Facts:
    """As of a day. `earlier`: keys of questions that had been asked before."""

    as_of: date
    medicines: tuple[MedicineFact, ...]
    results: tuple[ResultFact, ...]
    duties: tuple[DutyFact, ...]
    earlier: tuple[int, ...] = ()


def of_record(person: PersonRecord, duties: Iterable[DutyPresenter], on: date, *, about: str = "", earlier: Collection[int] = ()) -> Facts:
    """The facts of a record that was cut for its reader. `about`: a medicine; it comes first, and its tests."""
    medicines = [_medicine(row) for row in person.medicines]
    medicines.sort(key=lambda fact: (fact.substance != about, fact.name))
    wanted = [DutyFact(each.id, each.what, each.duty.due_on) for each in duties]
    return Facts(on, tuple(medicines), tuple(_results(person, about)), tuple(wanted), tuple(earlier))


def _medicine(row: Mapping[str, Any]) -> MedicineFact:
    indication = (row["indication"] or "").replace("-", " ")
    return MedicineFact(row["substance"], dose_words(row), _day(row["started_on"]), indication, row["status"] == "lapsed")


def _results(person: PersonRecord, about: str) -> list[ResultFact]:
    by_test: dict[str, list[Mapping[str, Any]]] = {}
    for row in person.last_results:
        if row["value_milli"] is not None:
            by_test.setdefault(row["test"], []).append(row)
    asked = tests_of(about)
    order = sorted(by_test, key=lambda test: (test not in asked, -_ordinal(by_test[test][0]["effective_on"]), test))
    return [_result(test, by_test[test]) for test in order[:RESULTS_SHOWN]]


def _result(test: str, rows: list[Mapping[str, Any]]) -> ResultFact:
    unit = (known.test(test) or known.Test(test, test, "", "", "")).unit or ""
    values = [f"{row['comparator'] or ''}{clinician.milli(row['value_milli'], unit)}" for row in rows[:2]]
    days = [date.fromisoformat(row["effective_on"]) for row in rows[:2]]
    return ResultFact(test, values[0], days[0], *((values[1], days[1]) if len(values) > 1 else ()))


def _ordinal(text: str) -> int:
    return date.fromisoformat(text).toordinal()


@cache
def tests_of(substance: str) -> frozenset[str]:
    """The tests that rules ask for because of a medicine."""
    rows = knowledge.load().tables()["k_rule"].to_pylist()
    return frozenset(row["test"] for row in rows if row["test"] and row["set_name"] and substance in known.members(row["set_name"]))


# Kept as JSON


def kept(facts: Facts, duties: Iterable[Duty]) -> dict[str, Any]:
    """As it is stored; of each duty also what says whether a later reader may see it."""
    keys = {duty.pk: [duty.rule_id, duty.subject, duty.point] for duty in duties}
    return {
        "as_of": facts.as_of.isoformat(),
        "medicines": [asdict(m) | {"since": _text(m.since)} for m in facts.medicines],
        "results": [asdict(r) | {"on": _text(r.on), "before_on": _text(r.before_on)} for r in facts.results],
        "duties": [{"id": d.id, "what": d.what, "due": _text(d.due), "key": keys.get(d.id, ["", "", ""])} for d in facts.duties],
        "earlier": list(facts.earlier),
    }


def read(kept_facts: Mapping[str, Any], cut: Cut) -> Facts | None:
    """What was kept, without what the reader is not shown; None when nothing was kept."""
    if not kept_facts:
        return None
    conditions = {words for condition in cut.hidden.conditions for words in (condition, condition.replace("-", " "))}
    medicines = [
        MedicineFact(
            row["substance"], row["dose"], _day(row["since"]), "restricted" if row["indication"] in conditions else row["indication"],
            row["lapsed"],
        )
        for row in kept_facts["medicines"]
        if not cut.hides_medicine(row["substance"])
    ]  # fmt: skip
    results = [
        ResultFact(row["test"], row["value"], date.fromisoformat(row["on"]), row["before"], _day(row["before_on"]))
        for row in kept_facts["results"]
        if not cut.hides_test(row["test"])
    ]
    duties = [
        DutyFact(row["id"], row["what"], _day(row["due"]))
        for row in kept_facts["duties"]
        if not cut.hidden.hides_duty(row["key"][0], row["key"][1], row["key"][2], [])
    ]
    return Facts(date.fromisoformat(kept_facts["as_of"]), tuple(medicines), tuple(results), tuple(duties), tuple(kept_facts["earlier"]))


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _text(day: date | None) -> str | None:
    return day.isoformat() if day else None
