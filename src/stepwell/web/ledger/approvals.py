"""Approving the knowledge pack for an organisation: until then every figure that was not read in its source says so (ruling 23)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Changes:
    """Rules by (id, title), in the order of their titles: what is in one version and not, or not the same, in the other."""

    since: PackApproval
    added: list[tuple[str, str]]
    changed: list[tuple[str, str]]
    removed: list[tuple[str, str]]

    @property
    def any(self) -> bool:
        return bool(self.added or self.changed or self.removed)


def changes_since_approval(organisation: str) -> Changes | None:
    """What the version in use does otherwise than the last other one this organisation approved; None when there is none, or when
    it was approved without a list of its rules."""
    pack, version = known.pack()
    rows = PackApproval.objects.filter(org_code=organisation, pack=pack).exclude(version=version)
    last = rows.order_by("-approved_on", "-id").first()
    if last is None or not last.rules:
        return None
    now, then = known.rules_now(), last.rules

    def named(rules: Iterable[str], titles: Mapping[str, Mapping[str, str]]) -> list[tuple[str, str]]:
        return sorted(((rule, titles[rule]["title"]) for rule in rules), key=lambda pair: (pair[1].lower(), pair[0]))

    changed = [rule for rule in now.keys() & then.keys() if now[rule]["digest"] != then[rule]["digest"]]
    return Changes(last, named(now.keys() - then.keys(), now), named(changed, now), named(then.keys() - now.keys(), then))


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
                "rules": known.rules_now(),
            },
        )
        if not created:
            raise Refused(f"{actor.organisation_name} approved version {version} on {clinician.date(approval.approved_on)}.")
        audit.record_write(actor, "approve pack", subject_type="pack", subject_id=f"{pack} {version}")
    if evaluate:
        catch_up()
    return approval
