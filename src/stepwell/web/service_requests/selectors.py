"""Reads of services and requests: the directory, one request, one person, who reaches whom because of a request."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from stepwell.web.accounts import selectors as accounts
from stepwell.web.accounts.roles import role
from stepwell.web.core import traces
from stepwell.web.core.actor import Actor
from stepwell.web.core.permissions import Permission
from stepwell.web.service_requests import choices
from stepwell.web.service_requests.models import (
    OPEN,
    ReasonEvent,
    RequestEvent,
    Service,
    ServiceEvent,
    ServiceRequest,
    State,
    Stop,
)


def barred(keys: Iterable[str]) -> str:
    """`|therapy|crisis|` in the order of the choices, so that one key can be looked for between bars."""
    wanted = set(keys)
    return "|" + "".join(f"{key}|" for key in choices.kinds() if key in wanted)


def unbarred(text: str) -> list[str]:
    return [key for key in text.split("|") if key]


# The directory


def services(*, ended: bool = False) -> list[Service]:
    """Every service that takes requests, by organisation and name; with `ended` those that no longer do."""
    rows = Service.objects.filter(ended_on__isnull=not ended).select_related("organisation")
    return list(rows.order_by("organisation__name", "name", "pk"))


def service_row(service_id: int) -> Service | None:
    return Service.objects.select_related("organisation").filter(pk=service_id).first()


def events_of_service(service_id: int) -> list[ServiceEvent]:
    """What was done to an entry of the directory, newest first."""
    return list(ServiceEvent.objects.filter(service=service_id).order_by("-pk"))


def version_of_service(service_id: int) -> int:
    return ServiceEvent.objects.filter(service=service_id).order_by("-pk").values_list("pk", flat=True).first() or 0


def may_keep(actor: Actor, service: Service) -> bool:
    return actor.may(Permission.MANAGE_STAFF) and service.organisation.code == actor.organisation and service.ended_on is None


def answering(on: date) -> set[str]:
    """Codes of organisations with somebody who can answer a request on that day. Nobody is sent to an empty desk."""
    codes = set(Service.objects.filter(ended_on__isnull=True).values_list("organisation__code", flat=True))
    found = set()
    for code in codes:
        staff = (row for row in accounts.staff_ever(code) if row.from_on <= on and (row.to_on is None or on < row.to_on))
        if any(row.user.is_active and Permission.TRIAGE_REQUESTS in role(row.role).may for row in staff):
            found.add(code)
    return found


def askable(on: date, *, without: int | None = None) -> list[Service]:
    """Services that a request can go to: in the directory, with somebody there who can answer."""
    able = answering(on)
    return [row for row in services() if row.organisation.code in able and row.pk != without]


def first_door(kind: str, gp_org: str, on: date) -> Service | None:
    """Where a request goes whose asker leaves it to triage: a service that says it takes such requests. One that takes on this kind
    before others, one that belongs together with the person's practice before those that do not, then by name."""
    near = accounts.network_of([gp_org], on) if gp_org else set()
    doors = [row for row in askable(on) if row.any_kind]
    doors.sort(key=lambda row: (kind not in unbarred(row.kinds), row.organisation.code not in near, row.name, row.pk))
    return doors[0] if doors else None


def crisis_lines(on: date) -> list[Service]:
    """Whom to phone in a crisis: services that take crises on."""
    return [row for row in askable(on) if choices.CRISIS in unbarred(row.kinds)]


def waiting_with(service: Service) -> int:
    """How many open requests a service owns or is offered."""
    return ServiceRequest.objects.filter(Q(owner_service=service) | Q(offered_service=service), state__in=OPEN).count()


# Reasons for redirecting


def _reason_rows(org_code: str) -> dict[str, ReasonEvent]:
    return {row.key: row for row in ReasonEvent.objects.filter(org_code=org_code).order_by("id")}


def reasons_of(org_code: str) -> dict[str, str]:
    """The reasons that this organisation offers: key → words."""
    found = dict(choices.reasons())
    for key, row in _reason_rows(org_code).items():
        if row.offered:
            found[key] = row.label
        else:
            found.pop(key, None)
    return found


def reason_labels() -> dict[str, str]:
    """Words of every reason that was ever offered anywhere."""
    return dict(choices.reasons()) | {row.key: row.label for row in ReasonEvent.objects.order_by("id")}


def reason_events(org_code: str) -> list[ReasonEvent]:
    return list(ReasonEvent.objects.filter(org_code=org_code).select_related("by").order_by("-id"))


def reason_key(org_code: str, label: str) -> str:
    """The key of a reason that was taken off and comes back in the same words; empty for a new one."""
    known = dict(choices.reasons()) | {key: row.label for key, row in _reason_rows(org_code).items()}
    return next((key for key, words in known.items() if words.lower() == label.lower()), "")


def next_reason(org_code: str) -> int:
    return len({key for key in _reason_rows(org_code) if key.startswith(f"{org_code}-")}) + 1


# Requests


def _rows() -> QuerySet[ServiceRequest]:
    return ServiceRequest.objects.select_related(
        "person", "owner_service__organisation", "offered_service__organisation", "asked_by", "duty"
    )


def request_row(request_id: int) -> ServiceRequest | None:
    return _rows().filter(pk=request_id).first()


def person_of(request_id: int) -> int | None:
    return ServiceRequest.objects.filter(pk=request_id).values_list("person_id", flat=True).first()


def open_for_person(person_id: int) -> list[ServiceRequest]:
    """Open requests for a person, the one whose word is due first before others."""
    if not traces.any_of(ServiceRequest, person_id):
        return []
    return list(_rows().filter(person_id=person_id, state__in=OPEN).order_by("due_on", "pk"))


def open_asked_of_people(actor: Actor, person_ids: Collection[int]) -> dict[int, list[ServiceRequest]]:
    """What the actor's organisations asked for these people and is open, the oldest first."""
    found: dict[int, list[ServiceRequest]] = {}
    for row in _rows().filter(person_id__in=list(person_ids), asked_org__in=actor.organisations, state__in=OPEN).order_by("pk"):
        found.setdefault(row.person_id, []).append(row)
    return found


def ended_for_person(person_id: int, limit: int = 10) -> list[ServiceRequest]:
    """Requests that are over, the latest first."""
    if not traces.any_of(ServiceRequest, person_id):
        return []
    return list(_rows().filter(person_id=person_id).exclude(state__in=OPEN).order_by("-ended_on", "-pk")[:limit])


def events_of(request_id: int) -> list[RequestEvent]:
    """Everything that happened to a request, the oldest first."""
    rows = RequestEvent.objects.filter(request=request_id).select_related(
        "by", "owner_service__organisation", "offered_service__organisation"
    )
    return list(rows.order_by("id"))


def events_after(request_id: int, version: int) -> list[RequestEvent]:
    """The events that a form which had seen `version` of them does not know."""
    return events_of(request_id)[max(version, 0) :]


def stops_of(request_ids: Collection[int]) -> dict[int, list[Stop]]:
    """The way of each request, stop by stop."""
    if not request_ids:
        return {}
    found: dict[int, list[Stop]] = {request_id: [] for request_id in request_ids}
    rows = Stop.objects.filter(request__in=list(found)).select_related("service__organisation", "went_to__organisation")
    for row in rows.order_by("request_id", "number"):
        found[row.request_id].append(row)
    return found


def reach(person_ids: Collection[int]) -> dict[int, list[tuple[str, str, date | None, date | None]]]:
    """Who reaches people because of an open request: the owning service from the day it had it, the offered one from the day of the
    offer, both as long as it is open (ledger/apply.py)."""
    with_it = Q(service=F("request__owner_service")) | Q(service=F("request__offered_service"))
    rows = Stop.objects.filter(with_it, request__person_id__in=list(person_ids), request__state__in=OPEN).order_by("request_id", "number")
    latest: dict[tuple[int, str], tuple[int, date]] = {}
    for pk, person_id, code, came_on in rows.values_list("request_id", "request__person_id", "service__organisation__code", "came_on"):
        latest[pk, code] = (person_id, came_on)
    found: dict[int, list[tuple[str, str, date | None, date | None]]] = {}
    for (pk, code), (person_id, came_on) in latest.items():
        found.setdefault(person_id, []).append((code, evidence(pk), came_on, None))
    return found


def evidence(request_id: int) -> str:
    """How access and audit name a request."""
    return f"service-requests/{request_id}"


def party(actor: Actor) -> Q:
    """Requests that the actor's organisations sent, have, were offered or once had."""
    codes = list(actor.organisations)
    came = Stop.objects.filter(request=OuterRef("pk"), service__organisation__code__in=codes)
    return Q(asked_org__in=codes) | Q(owner_org__in=codes) | Q(offered_org__in=codes) | Q(Exists(came))


def bounced(rows: QuerySet[ServiceRequest]) -> QuerySet[ServiceRequest]:
    """Requests that were redirected so often that the person counts as bounced, and are still open."""
    return rows.filter(redirects__gte=choices.figure("bounced_from"), state__in=OPEN)


def inbox_size(actor: Actor) -> int:
    """How many requests wait for a word of the actor's organisations."""
    codes = actor.organisations
    mine = Q(owner_org__in=codes, state=State.TRIAGE) | Q(offered_org__in=codes)
    return ServiceRequest.objects.filter(mine).count()
