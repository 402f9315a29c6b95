"""What of a record this actor is not shown: for lists as a step of their queries, for pages as a cut of what was read.

    found = restrict.duties(actor, Duty.objects.filter(...))         # lists, counts, exports
    cut = restrict.cut_for(actor, [person])[person.person_id]        # pages
    duties = cut.shown(duties)

`cut_for` also takes what is hidden out of the records it is given, in memory: never save such a record. The engine computes
everything; only showing is cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import count
from stepwell.web.privacy import selectors
from stepwell.web.privacy.models import EntryKind, RestrictedRow
from stepwell.web.privacy.reach import Hidden
from stepwell.web.privacy.selectors import Mark

if TYPE_CHECKING:
    from stepwell.web.ledger.models import Duty, PersonRecord

RESTRICTED = "restricted"
_M = TypeVar("_M", bound=Model)


def duties(actor: Actor, rows: QuerySet[_M]) -> QuerySet[_M]:
    """Duties without those that this actor is not shown."""
    return _without(actor, rows, duty_id=OuterRef("pk"))


def memberships(actor: Actor, rows: QuerySet[_M]) -> QuerySet[_M]:
    """Rows with `person_id` and `register` (who is on a register, who left it) without those that this actor is not shown."""
    return _without(actor, rows, person_id=OuterRef("person_id"), register=OuterRef("register"))


def unmarked(actor: Actor, rows: QuerySet[_M], *, medicine: str = "") -> QuerySet[_M]:
    """Rows with `person_id` without people of whom anything (or this medicine) is hidden: for filters that would tell what it is."""
    marks = selectors.hidden_marks(actor)
    if medicine:
        marks = marks.filter(Q(kind=EntryKind.MEDICINE, key=medicine) | Q(kind=EntryKind.REGISTER))
    return rows.exclude(Exists(marks.filter(person_id=OuterRef("person_id")))) if selectors.hides_from(actor) else rows


def _without(actor: Actor, rows: QuerySet[_M], **of_it: Any) -> QuerySet[_M]:
    # Where nothing is marked, and that is nearly everywhere, a list costs what it cost before.
    if not selectors.hides_from(actor):
        return rows
    marks = selectors.hidden_marks(actor)
    return rows.exclude(Exists(RestrictedRow.objects.filter(mark_id__in=marks.values("pk"), **of_it)))


@dataclass(frozen=True)
class Cut:
    """What one person's marks hide from one actor. `entries`: how many, which is all that is told."""

    hidden: Hidden
    entries: int

    @property
    def words(self) -> str:
        return words(self.entries)

    def shown(self, rows: Iterable[Duty]) -> list[Duty]:
        """Duties without the hidden ones; of those that stay, without the reasons that tell of something hidden."""
        found = []
        for duty in rows:
            if self.hidden.hides_duty(duty.rule_id, duty.subject, duty.point, duty.because, duty.title):
                continue
            duty.because = [row for row in duty.because if not self.hidden.names(row)]
            found.append(duty)
        return found

    def hides(self, duty: Duty) -> bool:
        return self.hidden.hides_duty(duty.rule_id, duty.subject, duty.point, duty.because, duty.title)

    def shown_agreements(self, rows: Iterable[Any]) -> list[Any]:
        return [row for row in rows if row.pk not in self.hidden.agreements and not self.hidden.covers(row.substance)]

    def shown_registers(self, rows: Iterable[Any]) -> list[Any]:
        return [row for row in rows if not self.hidden.hides_register(row.register)]

    def shown_loads(self, rows: Iterable[Any]) -> list[Any]:
        return [row for row in rows if self.hidden.substances.isdisjoint(row.parts.split("+"))]

    def shown_interactions(self, rows: Iterable[Any]) -> list[Any]:
        return [row for row in rows if self.hidden.substances.isdisjoint(row.substances.split("+"))]

    def hides_test(self, test: str) -> bool:
        return self.hidden.hides_test(test)

    def hides_medicine(self, substance: str) -> bool:
        return substance in self.hidden.substances


def words(entries: int) -> str:
    """`1 entry is restricted`; empty when none is."""
    return f"{count(entries, 'entry is', 'entries are')} restricted" if entries else ""


NOTHING = Cut(Hidden(), 0)


def cut_for(actor: Actor, people: Sequence[PersonRecord]) -> dict[int, Cut]:
    """For each of these people what is hidden from the actor; one question for all. The records are cut in memory."""
    marks: dict[int, list[Mark]] = {}
    for mark in selectors.marks_of([person.person_id for person in people]):
        if not mark.seen_by(actor):
            marks.setdefault(mark.person_id, []).append(mark)
    found = {}
    for person in people:
        own = marks.get(person.person_id, [])
        cut = Cut(Hidden.of(own, [row["substance"] for row in person.medicines]), len(own)) if own else NOTHING
        if cut.hidden:
            _cut(person, cut.hidden)
        found[person.person_id] = cut
    return found


def hidden_at(org_code: str, person: PersonRecord) -> Cut:
    """What is hidden of a person from everybody at an organisation that something is to be sent to. The record is not cut."""
    own = [mark for mark in selectors.marks_of([person.person_id]) if org_code not in mark.organisations]
    return Cut(Hidden.of(own, [row["substance"] for row in person.medicines]), len(own)) if own else NOTHING


def _cut(person: PersonRecord, hidden: Hidden) -> None:
    person.medicines = [
        {**row, "indication": RESTRICTED} if row["indication"] in hidden.conditions else row
        for row in person.medicines
        if row["substance"] not in hidden.substances
    ]
    person.registers = [row for row in person.registers if not hidden.hides_register(row["register"])]
    person.last_results = [row for row in person.last_results if not hidden.hides_test(row["test"])]
    person.never_recorded = [row for row in person.never_recorded if not hidden.hides_subject(row["subject"])]
    # The score stays the sum of its reasons: what is hidden is told by its points alone.
    person.reasons = [{**row, "label": "Restricted entry"} if hidden.hides_reason(row["reason"]) else row for row in person.reasons]
