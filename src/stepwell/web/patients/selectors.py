"""Who looked at a patient."""

from __future__ import annotations

from stepwell.web.core.models import AuditEntry

READS_SHOWN = 200


def reads_of(person_id: int) -> list[AuditEntry]:
    """Who opened or changed this person's pages, the newest first; lists in which the person was shown are not told here."""
    return list(AuditEntry.objects.filter(person_id=person_id).order_by("-id")[:READS_SHOWN])
