"""Verbs of the directory: services, and the reasons that an organisation offers for redirecting. Kept by its manager."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from django.db import transaction

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.accounts.models import Organisation
from stepwell.web.core import audit, clock, gate
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.permissions import Permission
from stepwell.web.service_requests import choices, selectors
from stepwell.web.service_requests.models import ReasonEvent, Service, ServiceEvent

LONGEST_REASON = 120


@dataclass(frozen=True, slots=True)
class Details:
    """What a service says of itself. `kinds` are keys of `data/requests.yaml`; days are working days to the first answer."""

    name: str
    kinds: Sequence[str]
    serves: str
    contact: str
    routine_days: int
    urgent_days: int
    hours: str = ""
    criteria: str = ""
    any_kind: bool = False

    def columns(self) -> dict[str, Any]:
        return {**asdict(self), "kinds": selectors.barred(self.kinds)}


@transaction.atomic
def add_service(actor: Actor, *, organisation: str, details: Details) -> Service:
    """Put a service of the actor's organisation (ODS code) into the directory."""
    _may_keep(actor, organisation)
    row = accounts.organisation(organisation)
    if row is None:
        raise Refused("There is no such organisation.")
    _check(details)
    Organisation.objects.select_for_update().get(pk=row.pk)
    if Service.objects.filter(organisation=row, name__iexact=details.name, ended_on__isnull=True).exists():
        raise Refused(f"{row.name} has a service called {details.name} already. Change that entry instead.")
    service = Service.objects.create(organisation=row, **details.columns())
    _tell(actor, service, "added", {})
    return service


@transaction.atomic
def change_service(actor: Actor, service_id: int, *, details: Details, version: int) -> Service:
    """Other details from now on. `version` is the last event the form was filled in on top of; a stale one is refused with what changed
    meanwhile. Clocks that run keep their day."""
    service = _locked(actor, service_id, version)
    _check(details)
    changed = {name: [getattr(service, name), value] for name, value in details.columns().items() if getattr(service, name) != value}
    if not changed:
        raise Refused("Nothing is different from before.")
    same = Service.objects.filter(organisation=service.organisation, name__iexact=details.name, ended_on__isnull=True)
    if same.exclude(pk=service.pk).exists():
        raise Refused(f"{service.organisation.name} has another service called {details.name}.")
    for name, value in details.columns().items():
        setattr(service, name, value)
    service.save()
    _tell(actor, service, "changed", changed)
    return service


@transaction.atomic
def end_service(actor: Actor, service_id: int, *, why: str, version: int) -> Service:
    """It takes nothing more, from today. Refused while anybody is with it: first they go somewhere."""
    words = " ".join(why.split())
    if not words:
        raise Refused("Say why the service ends: askers read it.")
    service = _locked(actor, service_id, version)
    if number := selectors.waiting_with(service):
        raise Refused(
            f"{service.name} has {number} open {'request' if number == 1 else 'requests'}: answer or redirect each first, "
            "so that nobody is left with a service that is gone."
        )
    service.ended_on = clock.today()
    service.save(update_fields=["ended_on"])
    _tell(actor, service, "ended", {"ended_on": ["", service.ended_on.isoformat()], "why": ["", words]})
    return service


@transaction.atomic
def seed_services(actor: Actor, rows: Iterable[Mapping[str, Any]]) -> None:
    """Services from mappings (`organisation` by code, then the names of `Details`). Those that are there stay as they are."""
    for row in rows:
        values = {name: value for name, value in row.items() if name != "organisation"}
        if not Service.objects.filter(organisation__code=row["organisation"], name=row["name"]).exists():
            add_service(actor, organisation=row["organisation"], details=Details(**values))


@transaction.atomic
def add_reason(actor: Actor, label: str) -> ReasonEvent:
    """One more reason that services of the actor's organisation can choose."""
    gate.require(actor, Permission.MANAGE_STAFF)
    words = " ".join(label.split())
    if not words:
        raise Refused("Write the reason.")
    if len(words) > LONGEST_REASON:
        raise Refused(f"A reason has at most {LONGEST_REASON} characters: it stands in tables.")
    if words.lower() in {text.lower() for text in selectors.reasons_of(actor.organisation).values()}:
        raise Refused("This reason is on the list already.")
    before = selectors.reason_key(actor.organisation, words)
    return _reason(actor, before or f"{actor.organisation}-{selectors.next_reason(actor.organisation)}", words, offered=True)


@transaction.atomic
def take_reason_off(actor: Actor, key: str) -> ReasonEvent:
    """It is no longer offered; what was chosen before keeps it."""
    gate.require(actor, Permission.MANAGE_STAFF)
    offered = selectors.reasons_of(actor.organisation)
    if key not in offered:
        raise Refused("This reason is not on the list.")
    if len(offered) == 1:
        raise Refused("One reason has to stay: a redirection says why.")
    return _reason(actor, key, offered[key], offered=False)


def _reason(actor: Actor, key: str, label: str, *, offered: bool) -> ReasonEvent:
    made = ReasonEvent.objects.create(
        org_code=actor.organisation, key=key, label=label, offered=offered, at=clock.now(), by_id=actor.user_id or 0
    )
    audit.record_write(
        actor, "added reason" if offered else "took reason off", subject_type="reason", subject_id=made.pk, reason=label
    )  # fmt: skip
    return made


def _may_keep(actor: Actor, organisation: str) -> None:
    if actor.user_id is None:
        return
    gate.require(actor, Permission.MANAGE_STAFF)
    if organisation != actor.organisation:
        raise Refused(f"You keep the services of {actor.organisation_name}. Other organisations keep their own.")


def _locked(actor: Actor, service_id: int, version: int) -> Service:
    service = Service.objects.select_for_update(of=("self",)).select_related("organisation").filter(pk=service_id).first()
    if service is None:
        raise Refused("There is no such service.")
    _may_keep(actor, service.organisation.code)
    if service.ended_on is not None:
        raise Refused(f"This service ended on {clinician.date(service.ended_on)}.")
    since = list(ServiceEvent.objects.filter(service=service, pk__gt=version).order_by("pk"))
    if since:
        raise Refused(f"Meanwhile {'; '.join(told(event) for event in since)}. Look at the entry as it is now, then try again.")
    return service


def _check(details: Details) -> None:
    if not details.name.strip():
        raise Refused("Give the service its name.")
    if not details.kinds or set(details.kinds) - choices.kinds().keys():
        raise Refused("Choose what it takes on.")
    if not details.serves.strip():
        raise Refused("Say whom it serves.")
    if not details.contact.strip():
        raise Refused("Say how it is reached.")
    if details.urgent_days > details.routine_days:
        raise Refused("Urgent requests cannot be answered later than routine ones.")


_NAMES = {
    "name": "name", "kinds": "what it takes on", "serves": "whom it serves", "criteria": "stated criteria", "contact": "contact",
    "hours": "hours", "routine_days": "days for routine requests", "urgent_days": "days for urgent requests",
    "any_kind": "whether triage decides here", "ended_on": "end", "why": "reason",
}  # fmt: skip


def told(event: ServiceEvent) -> str:
    """`Grace Adeyemi changed days for routine requests from 10 to 7 on 21-Nov-2026 06:10`"""
    when = clinician.datetime(event.at)
    if event.kind == "added":
        return f"{event.by_name} added this on {when}"
    if event.kind == "ended":
        return f"{event.by_name} ended this on {when}: {event.detail['why'][1]}"
    parts = [
        f"{_NAMES[name]} from {_shown(name, before) or 'nothing'} to {_shown(name, after) or 'nothing'}"
        for name, (before, after) in event.detail.items()
    ]
    return f"{event.by_name} changed {', '.join(parts)} on {when}"


def _shown(name: str, value: Any) -> str:
    if name == "kinds":
        return ", ".join(choices.kind_label(key) for key in selectors.unbarred(value))
    if name == "any_kind":
        return "yes" if value else "no"
    if name == "ended_on" and value:
        return clinician.date(date.fromisoformat(value))
    return str(value)


def _tell(actor: Actor, service: Service, kind: str, detail: dict[str, Any]) -> None:
    ServiceEvent.objects.create(
        service=service, kind=kind, at=clock.now(), by_id=actor.user_id, by_name=actor.display_name, org_code=actor.organisation,
        role=actor.role, detail=detail,
    )  # fmt: skip
    audit.record_write(actor, f"{kind} service", subject_type="service", subject_id=service.pk, reason=service.name)
