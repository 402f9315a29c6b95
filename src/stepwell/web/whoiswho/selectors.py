"""Reads of the named links: for a practice, for a person, for the directory."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from django.db.models import Q, QuerySet

from stepwell.web.accounts import selectors as accounts
from stepwell.web.accounts.models import Organisation, OrganisationKind
from stepwell.web.core import clock
from stepwell.web.core.actor import Actor
from stepwell.web.core.once import once
from stepwell.web.core.permissions import Permission
from stepwell.web.whoiswho.models import Link, LinkEvent, LinkKind

_ORDER = {kind: place for place, kind in enumerate(LinkKind.values)}


@dataclass(frozen=True, slots=True)
class LinkLine:
    """One link as it is shown. `organisation` is the ODS code of who provides it; `direct_line` is as it was written."""

    id: int
    kind: str
    what: str
    name: str
    practice: str
    organisation: str
    organisation_name: str
    direct_line: str
    hours: str
    bleep: str
    from_on: date
    to_on: date | None

    @property
    def dialled(self) -> str:
        """The direct line as a telephone dials it; empty when it is more than a number."""
        digits = "".join(character for character in self.direct_line if character not in " -()")
        return digits if digits.lstrip("+").isdigit() else ""


@once
def links_for(practice: str, organisation: str | None = None, *, on: date | None = None) -> list[LinkLine]:
    """Links of the practice (ODS code) on that day, today by default: those of one organisation and its teams, or all."""
    day = on or clock.today()
    rows = _in_force(day).filter(practice__code=practice)
    if organisation is not None:
        rows = rows.filter(organisation__code__in=accounts.with_parts([organisation], day))
    return _lines(rows)


def links_of_practices(codes: Collection[str], on: date) -> dict[str, list[LinkLine]]:
    """The same for many practices, with one question: code → links."""
    found: dict[str, list[LinkLine]] = {code: [] for code in codes}
    for line in _lines(_in_force(on).filter(practice__code__in=list(codes))):
        found[line.practice].append(line)
    return found


def practices_for(actor: Actor, on: date) -> list[Organisation]:
    """Practices whose links this actor looks up: their own and those they cover first, then those of the same network and those
    that name the actor's organisation."""
    named = set(Link.objects.filter(organisation__code=actor.organisation).values_list("practice__code", flat=True))
    near = accounts.network_of(actor.organisations, on) | named
    rows = [row for row in accounts.organisations_of_kind(OrganisationKind.PRACTICE) if row.code in near]
    return sorted(rows, key=lambda row: (row.code not in actor.organisations, row.name))


def link_row(link_id: int) -> Link | None:
    return Link.objects.select_related("practice", "organisation").filter(pk=link_id).first()


def line_of(row: Link) -> LinkLine:
    return _line(row)


def events_of(link_id: int) -> list[LinkEvent]:
    """What was done to a link, newest first."""
    return list(LinkEvent.objects.filter(link=link_id).order_by("-pk"))


def version_of(link_id: int) -> int:
    """Number of the last event: what a form was filled in on top of."""
    return LinkEvent.objects.filter(link=link_id).order_by("-pk").values_list("pk", flat=True).first() or 0


def may_edit(actor: Actor, practice: str, organisation: str) -> bool:
    """Those who manage staff on either side of the link."""
    return actor.may(Permission.MANAGE_STAFF) and actor.organisation in {practice, organisation}


def providers() -> list[Organisation]:
    """Organisations that may name a link for a practice."""
    return accounts.organisations_of_kind(*(kind for kind in OrganisationKind.values if kind != OrganisationKind.ICB))


def _in_force(on: date) -> QuerySet[Link]:
    return Link.objects.filter(accounts.in_force(on)).select_related("practice", "organisation")


def overlapping(
    practice: Organisation, organisation: Organisation, kind: str, name: str, *, from_on: date, to_on: date | None
) -> QuerySet[Link]:  # fmt: skip
    """The same link once more in the same time."""
    found = Link.objects.filter(practice=practice, organisation=organisation, kind=kind, name__iexact=name)
    found = found.filter(Q(to_on__isnull=True) | Q(to_on__gt=from_on))
    return found if to_on is None else found.filter(from_on__lt=to_on)


def _lines(rows: QuerySet[Link]) -> list[LinkLine]:
    return [_line(row) for row in sorted(rows, key=lambda row: (_ORDER.get(row.kind, 99), row.organisation.name, row.name, row.pk))]


def _line(row: Link) -> LinkLine:
    return LinkLine(
        row.pk, row.kind, str(LinkKind(row.kind).label), row.name, row.practice.code, row.organisation.code, row.organisation.name,
        row.direct_line, row.hours, row.bleep, row.from_on, row.to_on,
    )  # fmt: skip
