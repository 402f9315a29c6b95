"""Which version of each protocol an organisation uses: dated rows over the library of the knowledge base.

An organisation that has no row of its own uses what the area it is part of has adopted; without any, the pack's version, which then
needs approval. A row keeps the protocol as it was, so that an earlier version can still be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import msgspec
from django.db import transaction
from django.db.models import Count, Q

from stepwell import knowledge
from stepwell.errors import Refused
from stepwell.knowledge import model
from stepwell.knowledge.shared_care import Protocol
from stepwell.web.accounts import selectors as accounts
from stepwell.web.agreements.models import Agreement, ProtocolUse
from stepwell.web.agreements.protocol_text import Text, drawn, text_of
from stepwell.web.core import audit, clock
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.gate import require
from stepwell.web.core.permissions import Permission


@dataclass(frozen=True, slots=True)
class InUse:
    """A protocol as an organisation uses it. `since`, `by_org` and `row_id`: the row that says so, None and empty while nobody adopted
    it; `newer`: the pack holds a later version."""

    protocol: Protocol
    version: int
    since: date | None
    by_org: str
    newer: bool
    row_id: int | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """A version that can be used: the pack's, or one that was adopted before and is kept."""

    version: int
    protocol: Protocol
    text: Text
    of_pack: bool


@dataclass(frozen=True, slots=True)
class Touched:
    """Agreements in force whose practice goes by what this organisation adopts, by the version they were made under. `practices`: how
    many keep a version of their own, which goes before."""

    by_version: Mapping[int, int]
    practices_apart: int
    parts: int

    @property
    def number(self) -> int:
        return sum(self.by_version.values())


def in_use(org_code: str, on: date) -> list[InUse]:
    """Every protocol of the library, in its order."""
    rows = _rows(org_code, on)
    found = []
    for key, protocol in knowledge.load().protocols.items():
        row = rows.get(key)
        if row is None:
            found.append(InUse(protocol, protocol.version, None, "", newer=False))
        else:
            found.append(InUse(_kept(row, protocol), row.version, row.from_on, row.org_code, protocol.version > row.version, row.pk))
    return found


def one_in_use(org_code: str, protocol: str, on: date) -> InUse | None:
    return next((each for each in in_use(org_code, on) if each.protocol.protocol == protocol), None)


def _kept(row: ProtocolUse, protocol: Protocol) -> Protocol:
    """The adopted text; the pack's own while that is the same version."""
    return protocol if row.version == protocol.version else model.decode(row.text, Protocol)


def _rows(org_code: str, on: date) -> dict[str, ProtocolUse]:
    """Protocol → the row that holds for the organisation: its own before those of what it is part of, the latest first."""
    order = {code: place for place, code in enumerate(_line_of(org_code, on))}
    rows = ProtocolUse.objects.filter(org_code__in=list(order), from_on__lte=on).order_by("from_on", "id")
    found: dict[str, ProtocolUse] = {}
    for row in rows:
        held = found.get(row.protocol)
        if held is None or order[row.org_code] <= order[held.org_code]:
            found[row.protocol] = row
    return found


def _line_of(org_code: str, on: date) -> list[str]:
    """Whose adoptions count for an organisation, the nearest first."""
    return [org_code, *(whole.code for whole in accounts.wholes_of(org_code, on))]


def adoptions(org_code: str, protocol: str, on: date) -> list[ProtocolUse]:
    """Every adoption that counts or counted for the organisation, the newest first; planned ones too."""
    rows = ProtocolUse.objects.filter(org_code__in=_line_of(org_code, on), protocol=protocol)
    return list(rows.select_related("by").order_by("-from_on", "-id"))


def versions(org_code: str, protocol: str, on: date) -> list[Version]:
    """What can be used, the latest first."""
    pack = knowledge.load()
    entry = pack.protocols[protocol]
    found = {entry.version: Version(entry.version, entry, text_of(entry, drawn(entry, pack)), of_pack=True)}
    for row in adoptions(org_code, protocol, on):
        if row.version not in found:
            kept = _kept(row, entry)
            found[row.version] = Version(row.version, kept, text_of(kept, row.drawn), of_pack=False)
    return sorted(found.values(), key=lambda each: -each.version)


def touched(org_code: str, protocol: str, on: date) -> Touched:
    """Agreements that an adoption by this organisation is about, on that day."""
    codes = [org_code, *(part.code for part in accounts.parts_of(org_code, on))]
    force = Q(from_on__lte=on) & (Q(to_on__isnull=True) | Q(to_on__gt=on))
    rows = Agreement.objects.filter(force, and_org__in=codes, protocol=protocol, protocol_version__isnull=False).order_by()
    counted = rows.values_list("and_org", "protocol_version").annotate(number=Count("id"))
    found: dict[int, int] = {}
    apart: dict[str, bool] = {}
    for practice, version, number in counted:
        if practice not in apart:
            apart[practice] = _goes_before(practice, org_code, protocol, on)
        if not apart[practice]:
            found[version or 0] = found.get(version or 0, 0) + number
    return Touched(found, sum(apart.values()), len(codes) - 1)


def _goes_before(practice: str, org_code: str, protocol: str, on: date) -> bool:
    """Whether an adoption nearer to the practice than the organisation's holds for it."""
    row = _rows(practice, on).get(protocol)
    line = _line_of(practice, on)
    return row is not None and line.index(row.org_code) < line.index(org_code)


def superseded_since(agreement: Agreement, on: date) -> date | None:
    """See `selectors.superseded_since`."""
    if not agreement.protocol or agreement.protocol_version is None:
        return None
    now = one_in_use(agreement.and_org, agreement.protocol, on)
    if now is None or now.version == agreement.protocol_version:
        return None
    if now.since is None and now.version < agreement.protocol_version:
        return None  # made under a version that this pack does not have yet: nobody has gone back
    return now.since or date.fromisoformat(knowledge.load().info.authored)


def use_protocol(
    actor: Actor, protocol: str, *, from_on: date, version: int | None = None, why: str = "", seen: int | None = None
) -> ProtocolUse:  # fmt: skip
    """From that day the actor's organisation, and what is part of it, uses this version: the library's present one, or an earlier one
    that was adopted before. `seen`: the last adoption that the form knew; refused when somebody was faster."""
    require(actor, Permission.APPROVE_KNOWLEDGE, OrganisationSubject(actor.organisation))
    pack, today = knowledge.load(), clock.today()
    entry = pack.protocols.get(protocol)
    if entry is None:
        raise Refused("There is no such protocol in the library.")
    if from_on < today:
        raise Refused("A version can be used from today on: what was agreed before stays as it was.")
    with transaction.atomic():
        before = adoptions(actor.organisation, protocol, today)
        if seen is not None and seen != max((row.pk for row in before), default=0):
            raise Refused("Somebody adopted a version of this protocol meanwhile: nothing was changed. Look at it again.")
        kept = next((row for row in before if row.version == version), None)
        held = _rows(actor.organisation, from_on).get(protocol)
        wanted = entry.version if version is None else version
        if wanted != entry.version and kept is None:
            raise Refused(f"Version {version} is not in the library and was never adopted here.")
        if held is not None and held.org_code == actor.organisation and held.version == wanted:
            raise Refused(f"Version {wanted} is in use on that day already.")
        of_pack = wanted == entry.version
        row = ProtocolUse.objects.create(
            org_code=actor.organisation,
            protocol=protocol,
            version=wanted,
            from_on=from_on,
            text=msgspec.to_builtins(entry) if of_pack or kept is None else kept.text,
            drawn=drawn(entry, pack) if of_pack or kept is None else kept.drawn,
            why=" ".join(why.split()),
            at=clock.now(),
            by_id=actor.user_id,
            role=actor.role,
        )
        audit.record_write(actor, "use protocol", subject_type="protocol", subject_id=f"{protocol} {wanted}", reason=row.why)
    return row
