"""Verbs of the named links. Staff managers of the practice or of the organisation that provides the link may use them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from django.db import transaction

from stepwell.errors import Refused
from stepwell.web.accounts.models import Organisation, OrganisationKind
from stepwell.web.core import audit, clock, gate
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.permissions import Permission
from stepwell.web.whoiswho import selectors
from stepwell.web.whoiswho.models import Link, LinkEvent, LinkKind


@dataclass(frozen=True, slots=True)
class Details:
    """What a link says."""

    name: str
    direct_line: str = ""
    hours: str = ""
    bleep: str = ""


@transaction.atomic
def add_link(
    actor: Actor,
    *,
    practice: Organisation,
    organisation: Organisation,
    kind: str,
    details: Details,
    from_on: date,
    to_on: date | None = None,
) -> Link:
    """Name a link. Refused: not a practice, nobody of either side, no name, no way to reach them, the same link twice in a time."""
    _may_edit(actor, practice, organisation)
    if practice.kind != OrganisationKind.PRACTICE:
        raise Refused("Links are named for a practice.")
    if kind not in LinkKind.values:
        raise Refused("Choose what they are for the practice.")
    _check(details)
    if to_on is not None and to_on <= from_on:
        raise Refused("The end must be after the beginning.")
    Organisation.objects.select_for_update().get(pk=practice.pk)
    if selectors.overlapping(practice, organisation, kind, details.name, from_on=from_on, to_on=to_on).exists():
        raise Refused(f"{details.name} is named for {practice.name} as this already. Change that entry instead.")
    link = Link.objects.create(
        practice=practice, organisation=organisation, kind=kind, from_on=from_on, to_on=to_on, **asdict(details)
    )  # fmt: skip
    _event(actor, link, "added", {name: ["", value] for name, value in asdict(details).items() if value})
    return link


@transaction.atomic
def change_link(actor: Actor, link_id: int, *, details: Details, version: int) -> Link:
    """Other details from now on. `version` is the last event the form was filled in on top of: a stale one is refused, with what
    changed meanwhile."""
    link = _locked(actor, link_id, version)
    _check(details)
    changed = {name: [getattr(link, name), value] for name, value in asdict(details).items() if getattr(link, name) != value}
    if not changed:
        raise Refused("Nothing is different from before.")
    for name, value in asdict(details).items():
        setattr(link, name, value)
    link.save(update_fields=list(asdict(details)))
    _event(actor, link, "changed", changed)
    return link


@transaction.atomic
def end_link(actor: Actor, link_id: int, *, to_on: date, version: int) -> Link:
    """From `to_on` they are no longer the practice's link. The entry stays on record."""
    link = _locked(actor, link_id, version)
    if link.to_on is not None and link.to_on <= clock.today():
        raise Refused(f"This link ended on {clinician.date(link.to_on)} already.")
    if to_on < max(link.from_on, clock.today()):
        raise Refused("It can end today or later.")
    before, link.to_on = link.to_on, to_on
    link.save(update_fields=["to_on"])
    _event(actor, link, "ended", {"to_on": [before.isoformat() if before else "", to_on.isoformat()]})
    return link


@transaction.atomic
def seed_links(actor: Actor, rows: Iterable[Mapping[str, str]], *, from_on: date) -> None:
    """Name links from mappings (practice, organisation, kind, name, direct_line, hours, bleep; organisations by code). Those that are
    there already stay as they are."""
    organisations = {row.code: row for row in Organisation.objects.all()}
    for row in rows:
        details = Details(row["name"], row.get("direct_line", ""), row.get("hours", ""), row.get("bleep", ""))
        practice, organisation = organisations[row["practice"]], organisations[row["organisation"]]
        if selectors.overlapping(practice, organisation, row["kind"], details.name, from_on=from_on, to_on=None).exists():
            continue
        add_link(actor, practice=practice, organisation=organisation, kind=row["kind"], details=details, from_on=from_on)


def _may_edit(actor: Actor, practice: Organisation, organisation: Organisation) -> None:
    if actor.user_id is None:
        return
    gate.require(actor, Permission.MANAGE_STAFF)
    if not selectors.may_edit(actor, practice.code, organisation.code):
        raise Refused(f"You can name and change links between {actor.organisation_name} and somebody else.")


def _locked(actor: Actor, link_id: int, version: int) -> Link:
    link = Link.objects.select_for_update().filter(pk=link_id).first()
    if link is None:
        raise Refused("There is no such link.")
    _may_edit(actor, link.practice, link.organisation)
    since = list(LinkEvent.objects.filter(link=link, pk__gt=version).order_by("pk"))
    if since:
        raise Refused(f"Meanwhile {'; '.join(told(event) for event in since)}. Look at the entry as it is now, then try again.")
    return link


def _check(details: Details) -> None:
    if not details.name.strip():
        raise Refused("Enter a name, or what the desk is called.")
    if not (details.direct_line or details.bleep):
        raise Refused("Enter a direct line, or how else to reach them.")


_NAMES = {"name": "name", "direct_line": "direct line", "hours": "hours", "bleep": "bleep", "to_on": "end"}


def told(event: LinkEvent) -> str:
    """`Colin Marsh changed direct line from 01632 960001 to 01632 960002 on 21-Nov-2026 06:10`"""
    when = clinician.datetime(event.at)
    if event.kind == "added":
        return f"{event.by_name} added this on {when}"
    parts = [
        f"{words} from {_shown(field, event.detail[field][0]) or 'nothing'} to {_shown(field, event.detail[field][1]) or 'nothing'}"
        for field, words in _NAMES.items()
        if field in event.detail
    ]
    return f"{event.by_name} changed {', '.join(parts)} on {when}"


def _shown(field: str, value: str) -> str:
    return clinician.date(date.fromisoformat(value)) if field == "to_on" and value else value


def _event(actor: Actor, link: Link, kind: str, detail: dict[str, Any]) -> None:
    LinkEvent.objects.create(
        link=link, kind=kind, at=clock.now(), by_id=actor.user_id, by_name=actor.display_name, org_code=actor.organisation,
        role=actor.role, detail=detail,
    )  # fmt: skip
    audit.record_write(actor, f"{kind} link", subject_type="link", subject_id=link.pk, reason=link.practice.code)
