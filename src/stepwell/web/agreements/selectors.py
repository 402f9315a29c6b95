"""Reads of agreements: for the engine, for the patient page, for access."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any

from django.db.models import Q, QuerySet

from stepwell.web.agreements.models import Agreement, AgreementLine


def workflow_rows(person_ids: Collection[int] | None = None) -> list[dict[str, Any]]:
    """Rows of the workflow table `agreement_lines`, of everybody or of these people."""
    lines = AgreementLine.objects.select_related("agreement").order_by("id")
    if person_ids is not None:
        lines = lines.filter(agreement__person_id__in=list(person_ids))
    return [
        {
            "person_id": line.agreement.person_id,
            "agreement_id": str(line.agreement_id),
            "substance": line.agreement.substance,
            "line": line.line,
            "owner_org": line.owner_org,
            "owner_role": line.owner_role or None,
            "from_on": line.agreement.from_on,
            "to_on": line.agreement.to_on,
            "label": line.agreement.label,
        }
        for line in lines
    ]


def parties(day: date, person_ids: Collection[int] | None = None) -> dict[int, list[tuple[str, int, date, date | None]]]:
    """Organisations that are party to an agreement in force: person → (code, agreement, from, to)."""
    agreements = Agreement.objects.filter(_in_force(day))
    if person_ids is not None:
        agreements = agreements.filter(person_id__in=list(person_ids))
    found: dict[int, list[tuple[str, int, date, date | None]]] = {}
    for agreement in agreements.prefetch_related("lines"):
        codes = {agreement.between_org, agreement.and_org} | {line.owner_org for line in agreement.lines.all()}
        for code in sorted(codes - {""}):
            found.setdefault(agreement.person_id, []).append((code, agreement.pk, agreement.from_on, agreement.to_on))
    return found


def agreements_of(person_id: int) -> QuerySet[Agreement]:
    return Agreement.objects.filter(person_id=person_id).prefetch_related("lines")


def agreement_of(person_id: int, agreement_id: int) -> Agreement | None:
    return Agreement.objects.filter(person_id=person_id, pk=agreement_id).prefetch_related("lines").first()


def any_agreement() -> bool:
    return Agreement.objects.exists()


def overlapping(person_id: int, substance: str, from_on: date, to_on: date | None) -> QuerySet[Agreement]:
    """Agreements about the same medicine that would be in force at the same time."""
    found = Agreement.objects.filter(person_id=person_id, substance=substance).filter(Q(to_on__isnull=True) | Q(to_on__gt=from_on))
    return found if to_on is None else found.filter(from_on__lt=to_on)


def _in_force(day: date) -> Q:
    return Q(from_on__lte=day) & (Q(to_on__isnull=True) | Q(to_on__gt=day))


def possible_parties(gp_org: str, suppliers: Iterable[str | None], names: Mapping[str, str], *, without: str) -> list[tuple[str, str]]:
    """Whom an agreement about this person may be with: the practice and whoever supplies first, then the others by name."""
    near = [gp_org, *(code for codes in suppliers for code in (codes or "").split("+"))]
    ordered = list(dict.fromkeys([*near, *sorted(names, key=lambda code: names[code].lower())]))
    return [(code, names.get(code, code)) for code in ordered if code and code != without]
