"""What the record says of each medicine that is reviewed, and where a review begins: nothing is typed that is known already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from stepwell import knowledge
from stepwell.knowledge.reviewing import ReviewKind
from stepwell.web.core.formatting import clinician
from stepwell.web.ledger import known
from stepwell.web.ledger.models import Duty, PersonRecord
from stepwell.web.ledger.presenters import capital, dose_words
from stepwell.web.reviews.models import Decided

LICENCE = {"licensed": "licensed", "off-licence": "off-licence", "unknown": "licence not known"}
# Duties that tell of a risk a medicine carries for this person now.
RISK_KINDS = ("result", "finding", "combination")


@cache
def covered(substance: str) -> bool:
    """Whether the product looks after this medicine: it is on the register of a class."""
    registers = knowledge.load().registers
    return any(substance in known.register_members(key) for key in registers if known.register_kind(key) == "medicine")


@dataclass(frozen=True, slots=True)
class MedicineFacts:
    """One medicine of the record: since when, what for, whether that is licensed, what was decided last, what speaks against it now.
    daily_ug: micrograms a day, None where they are not known."""

    substance: str
    dose: str
    since: date | None
    indication: str
    licence: str
    until: date | None
    lapsed: bool
    last: Decided | None = None
    risks: tuple[str, ...] = ()
    daily_ug: int | None = None

    @property
    def name(self) -> str:
        return known.medicine(self.substance)

    def words(self, on: date) -> str:
        """`10 mg a day, since 01-Apr-2023 (3 years), for bipolar: licensed`."""
        since = f"since {clinician.date(self.since)} ({clinician.span(self.since, on)})" if self.since else "start not known"
        what_for = f"for {self.indication}: {self.licence}" if self.indication else "indication not recorded"
        parts = [self.dose or "dose not known", since, what_for]
        if self.until:
            parts.append(f"meant to end {clinician.date(self.until)}")
        return ", ".join([*parts, *(["supply ended"] if self.lapsed else [])])


def of_record(person: PersonRecord, last: Mapping[str, Decided], duties: Iterable[Duty], titles: Mapping[int, str]) -> list[MedicineFacts]:
    """The medicines of a record that was cut for its reader, those the product covers first, each with its risks by the open duties
    (`titles`: duty → what it says)."""
    open_duties = [duty for duty in duties if duty.kind in RISK_KINDS and not _is_check(duty)]
    found = [_facts(row, last.get(row["substance"]), open_duties, titles) for row in person.medicines]
    found.sort(key=lambda each: (not covered(each.substance), each.name))
    return found


def _facts(row: Mapping[str, Any], last: Decided | None, duties: Sequence[Duty], titles: Mapping[int, str]) -> MedicineFacts:
    substance = row["substance"]
    about = [duty for duty in duties if substance in known.members(duty.subject)]
    return MedicineFacts(
        substance,
        dose_words(row),
        _day(row["started_on"]),
        (row["indication"] or "").replace("-", " "),
        LICENCE.get(row["licence"] or "unknown", LICENCE["unknown"]),
        _day(row["intended_end_on"]),
        row["status"] == "lapsed",
        last,
        tuple(dict.fromkeys(titles.get(duty.pk, capital(duty.title)) for duty in about)),
        row["daily_ug"],
    )


def _is_check(duty: Duty) -> bool:
    """A measurement to be made because of something that was found: due, and no risk by itself."""
    test = known.test(duty.test) if duty.kind == "finding" and duty.test else None
    return test is not None and test.takes_result


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


# Kinds of review and their clocks


def kinds() -> Mapping[str, ReviewKind]:
    """Kinds of review by key, in the order of the knowledge base."""
    return knowledge.load().review_kinds


def kind_label(key: str) -> str:
    """A kind in words; one that the pack in use no longer has reads as it is."""
    row = kinds().get(key)
    return row.label if row is not None else key


def offered(substances: Iterable[str]) -> list[ReviewKind]:
    """Kinds that fit somebody who takes these medicines."""
    taken = set(substances)
    return [row for row in kinds().values() if not row.sets or any(taken & known.members(name) for name in row.sets)]


def suggested(substances: Iterable[str], duties: Iterable[Duty]) -> str:
    """The kind that open duties ask for, the one due first; else the first that fits."""
    fitting = offered(substances)
    for duty in sorted(duties, key=lambda each: (each.due_on is None, each.due_on or date.max)):
        for row in fitting:
            if duty.rule_id in row.rules:
                return row.review_kind
    return fitting[0].review_kind if fitting else ""


@dataclass(frozen=True, slots=True)
class Clock:
    """When a medicine is looked at again: the day, how long after, and whose clock that is."""

    on: date
    span: str
    kind: ReviewKind


def clock_of(kind: str, substance: str, on: date) -> Clock | None:
    """When a medicine is reviewed next after a review of this kind held on a day: by the kind's own clock, else by that of the
    medicine's class, else by the one for everybody that leaves most time."""
    row = kinds().get(kind)
    if row is not None and (not row.sets or _is_of(row, substance)):
        own = [row.every] if row.every else row.after if len(row.after) > 1 else ()
        for span in own:
            if parts_of_span(span) != (0, 0):
                return Clock(known.add(on, *parts_of_span(span)), span, row)
    repeated = [each for each in kinds().values() if each.every and each.who != ("psychiatrist",)]
    of_class = next((each for each in repeated if each.sets and _is_of(each, substance)), None)
    for_all = [(known.add(on, *parts_of_span(each.every or "")), each) for each in repeated if not each.sets]
    general = max(for_all, key=lambda pair: pair[0])[1] if for_all else None
    found = of_class or general
    if found is None or found.every is None:
        return None
    return Clock(known.add(on, *parts_of_span(found.every)), found.every, found)


def clock_while_reducing(substance: str, on: date) -> Clock | None:
    """When a medicine that is reduced is looked at next: before the next step. None for one that is not reduced in steps here."""
    row = next((each for each in kinds().values() if each.since == "step" and _is_of(each, substance)), None)
    if row is None or not row.after or knowledge.load().taper_rule_of(substance) is None:
        return None
    return Clock(known.add(on, *parts_of_span(row.after[0])), row.after[0], row)


def is_about(kind: str, substance: str) -> bool:
    """Whether a kind of review is about this medicine: one without sets is about every one."""
    row = kinds().get(kind)
    return row is None or not row.sets or _is_of(row, substance)


def _is_of(row: ReviewKind, substance: str) -> bool:
    return any(substance in known.members(name) for name in row.sets)


def parts_of_span(span: str) -> tuple[int, int]:
    """Months and days of a span of the knowledge base: `3 months`, `14 days`, `1 month 14 days`."""
    words = span.split()
    found = {"month": 0, "day": 0}
    for number, unit in zip(words[::2], words[1::2], strict=True):
        found[unit.rstrip("s")] = int(number)
    return found["month"], found["day"]
