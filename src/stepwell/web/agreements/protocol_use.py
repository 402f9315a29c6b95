"""Which version of each protocol an organisation uses: dated rows over the library of the knowledge base.

An organisation that has no row of its own uses what the area it is part of has adopted; without any, the pack's version, which then
needs approval. A row keeps the protocol as it was, so that an earlier version can still be read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import msgspec
from django.db import transaction

from stepwell import knowledge
from stepwell.errors import Refused
from stepwell.knowledge import model
from stepwell.knowledge.shared_care import Protocol
from stepwell.web.accounts import selectors as accounts
from stepwell.web.agreements.models import Agreement, ProtocolUse
from stepwell.web.core import audit, clock
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.gate import require
from stepwell.web.core.permissions import Permission


@dataclass(frozen=True, slots=True)
class InUse:
    """A protocol as an organisation uses it. `since` and `by_org`: the row that says so, None and empty while nobody adopted it;
    `newer`: the pack holds a later version."""

    protocol: Protocol
    version: int
    since: date | None
    by_org: str
    newer: bool


def in_use(org_code: str, on: date) -> list[InUse]:
    """Every protocol of the library, in its order."""
    rows = _rows(org_code, on)
    found = []
    for key, protocol in knowledge.load().protocols.items():
        row = rows.get(key)
        if row is None:
            found.append(InUse(protocol, protocol.version, None, "", newer=False))
        else:
            found.append(InUse(_kept(row, protocol), row.version, row.from_on, row.org_code, newer=protocol.version > row.version))
    return found


def one_in_use(org_code: str, protocol: str, on: date) -> InUse | None:
    return next((each for each in in_use(org_code, on) if each.protocol.protocol == protocol), None)


def _kept(row: ProtocolUse, protocol: Protocol) -> Protocol:
    """The adopted text; the pack's own while that is the same version."""
    return protocol if row.version == protocol.version else model.decode(row.text, Protocol)


def _rows(org_code: str, on: date) -> dict[str, ProtocolUse]:
    """Protocol → the row that holds for the organisation: its own before those of what it is part of, the latest first."""
    wholes = [whole.code for whole in accounts.wholes_of(org_code, on)]
    order = {code: place for place, code in enumerate([org_code, *wholes])}
    rows = ProtocolUse.objects.filter(org_code__in=list(order), from_on__lte=on).order_by("from_on", "id")
    found: dict[str, ProtocolUse] = {}
    for row in rows:
        held = found.get(row.protocol)
        if held is None or order[row.org_code] <= order[held.org_code]:
            found[row.protocol] = row
    return found


def superseded_since(agreement: Agreement, on: date) -> date | None:
    """See `selectors.superseded_since`."""
    if not agreement.protocol or agreement.protocol_version is None:
        return None
    now = one_in_use(agreement.and_org, agreement.protocol, on)
    if now is None or now.version <= agreement.protocol_version:
        return None
    return now.since or date.fromisoformat(knowledge.load().info.authored)


def use_protocol(actor: Actor, protocol: str, *, from_on: date, why: str = "") -> ProtocolUse:
    """From that day the actor's organisation, and what is part of it, uses the library's present version of this protocol."""
    require(actor, Permission.APPROVE_KNOWLEDGE, OrganisationSubject(actor.organisation))
    entry = knowledge.load().protocols.get(protocol)
    if entry is None:
        raise Refused("There is no such protocol in the library.")
    if from_on < clock.today():
        raise Refused("A version can be used from today on: what was agreed before stays as it was.")
    with transaction.atomic():
        row = ProtocolUse.objects.create(
            org_code=actor.organisation,
            protocol=protocol,
            version=entry.version,
            from_on=from_on,
            text=msgspec.to_builtins(entry),
            why=why,
            at=clock.now(),
            by_id=actor.user_id,
            role=actor.role,
        )
        audit.record_write(actor, "use protocol", subject_type="protocol", subject_id=f"{protocol} {entry.version}", reason=why)
    return row
