"""Keeps what marks hide in lists: for people with marks, which duties and places on registers go with them."""

from __future__ import annotations

from collections.abc import Collection

from stepwell.web.ledger import known
from stepwell.web.ledger.apply import Evaluated
from stepwell.web.ledger.models import Duty, PersonRecord
from stepwell.web.privacy import selectors
from stepwell.web.privacy.models import RestrictedRow
from stepwell.web.privacy.reach import Hidden
from stepwell.web.privacy.selectors import Mark


def keep(_: Evaluated, person_ids: Collection[int]) -> None:
    """Called inside the transaction that reconciles these people."""
    recompute(person_ids)


def recompute(person_ids: Collection[int]) -> None:
    """Write the rows of these people again; most have no mark, which costs two questions for all of them."""
    marks: dict[int, list[Mark]] = {}
    for mark in selectors.marks_of(person_ids):
        marks.setdefault(mark.person_id, []).append(mark)
    RestrictedRow.objects.filter(person_id__in=list(person_ids)).delete()
    if not marks:
        return
    records = PersonRecord.objects.in_bulk(list(marks))
    duties: dict[int, list[Duty]] = {}
    for duty in Duty.objects.filter(person_id__in=list(marks)):
        duties.setdefault(duty.person_id, []).append(duty)
    rows: list[RestrictedRow] = []
    for person_id, own in marks.items():
        taken = {row["substance"] for row in records[person_id].medicines} if person_id in records else set()
        rows += _rows(person_id, own, taken, duties.get(person_id, []))
    RestrictedRow.objects.bulk_create(rows, batch_size=500)


def _rows(person_id: int, marks: list[Mark], taken: set[str], duties: list[Duty]) -> list[RestrictedRow]:
    """For each mark what it takes with it; what two marks hide only together belongs to both."""
    found = []
    together = Hidden.of(marks, taken)
    for mark in marks:
        others = together.substances - Hidden.of([mark], taken).substances
        hidden = Hidden.of([mark], taken - others)
        found += [
            RestrictedRow(mark_id=mark.id, person_id=person_id, duty_id=duty.pk)
            for duty in duties
            if hidden.hides_duty(duty.rule_id, duty.subject, duty.point, duty.because, duty.title)
        ]
        found += [
            RestrictedRow(mark_id=mark.id, person_id=person_id, register=row["register"])
            for row in known.register_rows()
            if hidden.hides_register(row["register"])
        ]
    return found
