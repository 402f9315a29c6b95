"""Reads of the audit trail for those who answer for it: what one opening was used for, what happened at an organisation, and what
happened to a person."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import BooleanField, F, Func, Q, QuerySet

from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import UK
from stepwell.web.core.models import AuditEntry
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.ledger.selectors import visible_ids, visible_to
from stepwell.web.privacy.models import Opening
from stepwell.web.privacy.selectors import evidence_of

PAGE_SIZE = 50


def person_with(nhs_number: str, birth_date: date) -> int | None:
    """The one person with this number and this date of birth; None when nobody or several have them."""
    found = list(PersonRecord.objects.filter(nhs_number=nhs_number, birth_date=birth_date).values_list("person_id", flat=True)[:2])
    return found[0] if len(found) == 1 else None


def own_patient(actor: Actor, nhs_number: str, on: date) -> PersonRecord | None:
    """The one patient of the actor's organisation with this number."""
    found = list(visible_to(actor, on).filter(nhs_number=nhs_number)[:2])
    return found[0] if len(found) == 1 else None


def own_patients(actor: Actor, person_ids: Collection[int], on: date) -> dict[int, PersonRecord]:
    """Those of these people who are patients of the actor's organisation: the others stay without a name."""
    return {row.person_id: row for row in visible_to(actor, on).filter(person_id__in=list(person_ids))}


def during(opening: Opening) -> list[AuditEntry]:
    """What whoever opened the record was shown of it, or changed in it, from then until it ended; the oldest first."""
    by_it = Q(evidence=evidence_of(opening.pk)) | Q(kind__in=("read", "write"), at__gte=opening.at, at__lt=opening.ended_at)
    return list(AuditEntry.objects.filter(by_it, user_id=opening.by_id, person_id=opening.person_id).order_by("id"))


class ListsPerson(Func):
    """Whether an entry's list of people has this one."""

    output_field = BooleanField()

    def __init__(self, person_id: int) -> None:
        super().__init__(F("person_ids"))
        self.person_id = person_id

    def as_sqlite(self, compiler: Any, connection: Any, **_: Any) -> tuple[str, tuple[Any, ...]]:
        column, params = compiler.compile(self.source_expressions[0])
        return f"EXISTS (SELECT 1 FROM json_each({column}) WHERE value = %s)", (*params, self.person_id)

    def as_postgresql(self, compiler: Any, connection: Any, **_: Any) -> tuple[str, tuple[Any, ...]]:
        column, params = compiler.compile(self.source_expressions[0])
        return f"({column} @> %s::jsonb)", (*params, json.dumps([self.person_id]))


def about(person_id: int) -> QuerySet[AuditEntry]:
    """Everything recorded about a person, lists that showed them among it, whichever organisation it was."""
    return AuditEntry.objects.filter(Q(person_id=person_id) | Q(ListsPerson(person_id)))


@dataclass(frozen=True, slots=True)
class Search:
    """What part of the trail is asked for. `kind`: all | read | write | refused | openings. Days are UK days, both included."""

    from_on: date
    to_on: date
    user_id: int | None = None
    kind: str = "all"
    person_id: int | None = None
    page: int = 1


def entries_for(actor: Actor, search: Search, on: date) -> tuple[list[AuditEntry], int]:
    """One page, the newest first, and how many there are: what staff of the actor's organisation did, and what anybody did with a
    patient of it."""
    if search.person_id is not None and visible_to(actor, on).filter(person_id=search.person_id).exists():
        found = about(search.person_id)
    else:
        found = AuditEntry.objects.filter(Q(organisation=actor.organisation) | Q(person_id__in=visible_ids(actor, on)))
        if search.person_id is not None:
            found = found.filter(Q(person_id=search.person_id) | Q(ListsPerson(search.person_id)))
    found = found.filter(at__gte=_start(search.from_on), at__lt=_start(search.to_on + timedelta(days=1)))
    if search.user_id is not None:
        found = found.filter(user_id=search.user_id)
    if search.kind == "openings":
        found = found.filter(Q(evidence__startswith=evidence_of(0).removesuffix("0")) | Q(action=Permission.BREAK_GLASS))
    elif search.kind != "all":
        found = found.filter(kind=search.kind)
    first = (search.page - 1) * PAGE_SIZE
    return list(found.order_by("-id")[first : first + PAGE_SIZE]), found.count()


def _start(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UK)
