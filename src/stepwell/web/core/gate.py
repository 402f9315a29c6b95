"""The gate in front of every patient: decide, record, and only then hand over.

A view calls one of these before it reads. What was refused is recorded too.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.core.exceptions import PermissionDenied

from stepwell.web.core import audit
from stepwell.web.core.access import Decision, OrganisationSubject, PatientSubject, Subject, decide
from stepwell.web.core.actor import Actor
from stepwell.web.core.models import AuditEntry
from stepwell.web.core.permissions import Permission


class AccessRefused(PermissionDenied):
    """Becomes the 403 page, which shows the decision's reason and whom to ask."""

    def __init__(self, decision: Decision, actor: Actor, action: str, person_id: int | None) -> None:
        super().__init__(decision.reason)
        self.decision = decision
        self._actor, self._action, self.person_id = actor, action, person_id
        self._entry_id = self._record()

    def _record(self) -> int:
        return audit.record_refusal(self._actor, self._action, person_id=self.person_id, reason=self.decision.reason).pk

    def keep_record(self) -> None:
        """Record it again when the transaction it was raised in took the entry back with it."""
        if not AuditEntry.objects.filter(pk=self._entry_id).exists():
            self._entry_id = self._record()


def require(actor: Actor, action: Permission, subject: Subject = None) -> Decision:
    """Decide; record and raise `AccessRefused` when the answer is no. Records nothing when it is yes: for services, which
    record their own write."""
    decision = decide(actor, action, subject)
    if not decision.allow:
        person_id = subject.person_id if isinstance(subject, PatientSubject) else None
        raise AccessRefused(decision, actor, action, person_id)
    return decision


def open_patient(actor: Actor, subject: PatientSubject, *, action: Permission = Permission.VIEW_PATIENT, what: str = "") -> Decision:
    """Let `actor` see one patient, and record that they did. `what` names the page or document ("patient page")."""
    decision = require(actor, action, subject)
    audit.record_read(
        actor,
        action,
        person_id=subject.person_id,
        subject_type="page" if what else "",
        subject_id=what,
        reason=decision.reason,
        evidence=decision.evidence,
    )
    return decision


def open_list(actor: Actor, *, action: Permission, what: str, person_ids: Sequence[int], result_count: int | None = None) -> None:
    """Let `actor` see a list of patients (a page of a worklist, search results) that selectors already limited to the actor's
    organisations, and record who was on it: one entry with the ids shown."""
    decision = require(actor, action, OrganisationSubject(actor.organisation))
    audit.record_read(
        actor, action, person_ids=person_ids, subject_type="list", subject_id=what, reason=decision.reason, result_count=result_count
    )  # fmt: skip
