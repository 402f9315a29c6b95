"""Approving the knowledge pack for an organisation: until then every figure that was not read in its source says so (ruling 23)."""

from __future__ import annotations

from django.db import transaction

from stepwell.errors import Refused
from stepwell.web.core import audit, clock
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.gate import require
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known
from stepwell.web.ledger.evaluation import catch_up
from stepwell.web.ledger.models import PackApproval


def approve_pack(actor: Actor, *, version: str, evaluate: bool = True) -> PackApproval:
    """The actor's organisation approves the version in use for its patients; everyone is evaluated afterwards."""
    require(actor, Permission.APPROVE_KNOWLEDGE, OrganisationSubject(actor.organisation))
    pack, current = known.pack()
    if version != current:
        raise Refused(f"The pack has changed to version {current} since you opened the page. Read it, then approve that one.")
    now, today = clock.now(), clock.today()
    with transaction.atomic():
        approval, created = PackApproval.objects.get_or_create(
            org_code=actor.organisation,
            pack=pack,
            version=version,
            defaults={
                "approved_on": today,
                "approved_by_id": actor.user_id,
                "recorded_at": now,
                "label": f"{actor.display_name}, {actor.role_label}, {clinician.date(today)}",
            },
        )
        if not created:
            raise Refused(f"{actor.organisation_name} approved version {version} on {clinician.date(approval.approved_on)}.")
        audit.record_write(actor, "approve pack", subject_type="pack", subject_id=f"{pack} {version}")
    if evaluate:
        catch_up()
    return approval
