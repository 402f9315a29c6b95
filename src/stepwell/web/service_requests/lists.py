"""Lists of requests, and what is counted of them. A count and the list that it opens ask the same question."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from statistics import median
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from stepwell.web.core.actor import Actor
from stepwell.web.ledger import selectors as ledger
from stepwell.web.service_requests import choices, selectors
from stepwell.web.service_requests.models import ENDED, OPEN, EventKind, RequestEvent, ServiceRequest, State, Stop

_E = TypeVar("_E", bound=StrEnum)


class Tab(StrEnum):
    INBOX = "inbox"
    PASSED = "passed"
    CARE = "care"
    SENT = "sent"
    BOUNCED = "bounced"
    ENDED = "ended"
    ALL = "all"


class What(StrEnum):
    """What a service did with a request that reached it."""

    RECEIVED = "received"
    ACCEPTED = "accepted"
    ADVISED = "advised"
    REDIRECTED = "redirected"
    SENT_BACK = "sent-back"
    WAITING = "waiting"


class Since(StrEnum):
    QUARTER = "90"
    YEAR = "365"
    ALWAYS = "always"

    def day(self, on: date) -> date | None:
        """The first day of the period, None for everything."""
        return None if self is Since.ALWAYS else on - timedelta(days=int(self.value))


@dataclass(frozen=True, slots=True)
class Query:
    """What the address of a list asks for. `service` and `to` are services, `asker` an organisation; `ours`: only what the actor's
    organisations asked for; `redirects`: that many redirections, from the figure of bounced people on that many or more."""

    tab: Tab = Tab.INBOX
    what: What | None = None
    service: int | None = None
    to: int | None = None
    reason: str = ""
    asker: str = ""
    ours: bool = False
    redirects: int | None = None
    since: Since = Since.ALWAYS
    page: int = 1

    @property
    def is_count(self) -> bool:
        """The list behind a count, not one of the tabs."""
        return self.tab is Tab.ALL


def query_of(given: Mapping[str, Any]) -> Query:
    """The query that an address asks for; what cannot be read has its default."""
    asks = {name: _number(given.get(name, "")) for name in ("service", "to", "redirects", "page")}
    what = given.get("what", "")
    return Query(
        tab=_one_of(Tab, given.get("tab", ""), Tab.INBOX),
        what=What(what) if what in list(What) else None,
        service=asks["service"],
        to=asks["to"],
        reason=str(given.get("reason", ""))[:60],
        asker=str(given.get("asker", ""))[:20],
        ours=given.get("ours", "") == "yes",
        redirects=asks["redirects"],
        since=_one_of(Since, given.get("since", ""), Since.ALWAYS),
        page=asks["page"] or 1,
    )


def _one_of(kind: type[_E], text: str, default: _E) -> _E:
    return kind(text) if text in list(kind) else default


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() and len(text) < 10 else None


def address(query: Query, **changes: Any) -> str:
    """The query string of a list, without what has its default."""
    wanted, plain = replace(query, **changes), Query()
    values = {
        "tab": wanted.tab, "what": wanted.what, "service": wanted.service, "to": wanted.to, "reason": wanted.reason,
        "asker": wanted.asker, "ours": "yes" if wanted.ours else None, "redirects": wanted.redirects, "since": wanted.since,
        "page": wanted.page,
    }  # fmt: skip
    return "?" + urlencode({name: value for name, value in values.items() if value not in (None, "") and value != getattr(plain, name)})


# Lists


def rows_for(actor: Actor, query: Query, on: date) -> QuerySet[ServiceRequest]:
    """The requests of a list: only those that the actor's organisations are party to."""
    codes = list(actor.organisations)
    rows = ServiceRequest.objects.filter(selectors.party(actor)).select_related(
        "person", "owner_service__organisation", "offered_service__organisation", "asked_by", "duty"
    )
    if query.tab is Tab.INBOX:
        return rows.filter(Q(owner_org__in=codes, state=State.TRIAGE) | Q(offered_org__in=codes)).order_by("due_on", "pk")
    if query.tab is Tab.PASSED:
        return rows.filter(owner_org__in=codes, state=State.OFFERED).order_by("due_on", "pk")
    if query.tab is Tab.CARE:
        return rows.filter(owner_org__in=codes, state__in=(State.TAKEN_ON, State.ADVISED)).order_by("due_on", "pk")
    if query.tab is Tab.SENT:
        return rows.filter(asked_org__in=codes, state__in=OPEN).order_by("due_on", "pk")
    if query.tab is Tab.BOUNCED:
        return selectors.bounced(rows).order_by("asked_on", "pk")
    if query.tab is Tab.ENDED:
        return rows.filter(state__in=ENDED).order_by("-ended_on", "-pk")
    return _counted(rows, query, codes, on).order_by("-asked_on", "-pk")


def _counted(rows: QuerySet[ServiceRequest], query: Query, codes: list[str], on: date) -> QuerySet[ServiceRequest]:
    since = query.since.day(on)
    if query.ours:
        rows = rows.filter(asked_org__in=codes)
    if query.asker:
        rows = rows.filter(asked_org=query.asker)
    if query.redirects is not None:
        rows = rows.filter(_redirected_often(query.redirects))
    if query.what is What.REDIRECTED:
        told = RequestEvent.objects.filter(_redirection(since, query.service, query.to, query.reason), request=OuterRef("pk"))
        return rows.filter(Exists(told))
    stops = Stop.objects.filter(_stopped(query.what or What.RECEIVED, since), request=OuterRef("pk"))
    for name, value in (("service", query.service), ("reason", query.reason)):
        stops = stops.filter(**{name: value}) if value else stops
    return rows.filter(Exists(stops))


def _redirected_often(redirects: int) -> Q:
    most = choices.figure("bounced_from")
    return Q(redirects__gte=most) if redirects >= most else Q(redirects=redirects)


def _stopped(what: What, since: date | None) -> Q:
    asked = {
        What.RECEIVED: Q(),
        What.ACCEPTED: Q(taken_on__isnull=False),
        What.ADVISED: Q(answer=EventKind.ADVISED.value),
        What.SENT_BACK: Q(answer=EventKind.NOT_FOR_US.value),
        What.WAITING: Q(answer="", request__state__in=OPEN),
    }[what]
    return asked & (Q(came_on__gte=since) if since else Q())


def _redirection(since: date | None, service: int | None = None, to: int | None = None, reason: str = "") -> Q:
    asked = Q(kind=EventKind.REDIRECTED)
    for name, value in (("on__gte", since), ("owner_service", service), ("offered_service", to), ("reason", reason)):
        if value:
            asked &= Q(**{name: value})
    return asked


def tab_counts(actor: Actor, on: date) -> dict[Tab, int]:
    return {tab: rows_for(actor, Query(tab=tab), on).count() for tab in Tab if tab is not Tab.ALL}


# Counts


@dataclass(frozen=True, slots=True)
class Wait:
    """Days, of those who have had it: how many, the median and the longest."""

    number: int
    middle: int
    longest: int

    @classmethod
    def of(cls, days: Iterable[int]) -> Wait | None:
        found = list(days)
        return cls(len(found), round(median(found)), max(found)) if found else None


@dataclass(frozen=True, slots=True)
class ServiceCounts:
    """What reached one service and what it did with it; waits in days from the day the request reached it."""

    service: int
    numbers: Mapping[What, int]
    first_answer: Wait | None
    acceptance: Wait | None


@dataclass(frozen=True, slots=True)
class Redirection:
    """How many requests one service redirected to another for one reason."""

    service: int
    to: int
    reason: str
    number: int


@dataclass(frozen=True, slots=True)
class SentBack:
    """How many redirected requests one service sent back for one reason."""

    service: int
    reason: str
    number: int


@dataclass(frozen=True, slots=True)
class AskerCounts:
    """What became of the requests of one organisation; `whole_wait`: from the day they were first asked to being taken on anywhere."""

    asker: str
    asked: int
    accepted: int
    waiting: int
    bounced: int
    whole_wait: Wait | None


@dataclass(frozen=True, slots=True)
class Counts:
    """`ours`: services of the actor's organisations, or every service for who sees the region; `asked`: services that they asked."""

    ours: list[ServiceCounts]
    asked: list[ServiceCounts]
    redirections: list[Redirection]
    sent_back: list[SentBack]
    askers: list[AskerCounts]
    redirects: dict[int, int]
    whole_region: bool


def counts_for(actor: Actor, since: Since, on: date, *, region: bool) -> Counts:
    """Counts of what one's organisations are party to, or of the whole region: numbers of everybody, and nobody by name."""
    first = since.day(on)
    rows = ServiceRequest.objects.all() if region else ServiceRequest.objects.filter(selectors.party(actor))
    codes = list(actor.organisations)
    mine = Q() if region else Q(service__organisation__code__in=codes)
    stops = Stop.objects.filter(request__in=rows)
    ours = _by_service(stops.filter(mine), RequestEvent.objects.filter(request__in=rows), first, None if region else codes)
    asked_rows = rows.filter(asked_org__in=codes)
    asked = (
        []
        if region
        else _by_service(Stop.objects.filter(request__in=asked_rows), RequestEvent.objects.filter(request__in=asked_rows), first, None)
    )
    return Counts(ours, asked, _redirections(rows, first), _sent_back(rows, first), _askers(rows, first), _repeated(rows, first), region)


def _by_service(
    stops: QuerySet[Stop], events: QuerySet[RequestEvent], since: date | None, codes: list[str] | None
) -> list[ServiceCounts]:  # fmt: skip
    numbers: dict[int, dict[What, int]] = {}
    told = events.filter(_redirection(since))
    told = told if codes is None else told.filter(owner_org__in=codes)
    for service, number in told.values_list("owner_service").annotate(number=Count("request", distinct=True)):
        numbers.setdefault(service, {})[What.REDIRECTED] = number
    for what in (each for each in What if each is not What.REDIRECTED):
        found = stops.filter(_stopped(what, since)).values_list("service").annotate(number=Count("request", distinct=True))
        for service, number in found:
            numbers.setdefault(service, {})[what] = number
    first: dict[int, list[int]] = {}
    taken: dict[int, list[int]] = {}
    in_time = stops.filter(_stopped(What.RECEIVED, since))
    for service, came, answered, accepted in in_time.values_list("service", "came_on", "answered_on", "taken_on"):
        if answered is not None:
            first.setdefault(service, []).append((answered - came).days)
        if accepted is not None:
            taken.setdefault(service, []).append((accepted - came).days)
    return [
        ServiceCounts(service, own, Wait.of(first.get(service, [])), Wait.of(taken.get(service, []))) for service, own in numbers.items()
    ]


def _redirections(rows: QuerySet[ServiceRequest], since: date | None) -> list[Redirection]:
    told = RequestEvent.objects.filter(_redirection(since), request__in=rows).values_list("owner_service", "offered_service", "reason")
    found = told.annotate(number=Count("request", distinct=True)).order_by("-number", "owner_service", "offered_service", "reason")
    return [Redirection(service, to, reason, number) for service, to, reason, number in found]


def _sent_back(rows: QuerySet[ServiceRequest], since: date | None) -> list[SentBack]:
    stops = Stop.objects.filter(_stopped(What.SENT_BACK, since), request__in=rows).values_list("service", "reason")
    found = stops.annotate(number=Count("request", distinct=True)).order_by("-number", "service", "reason")
    return [SentBack(service, reason, number) for service, reason, number in found]


def _askers(rows: QuerySet[ServiceRequest], since: date | None) -> list[AskerCounts]:
    stops = Stop.objects.filter(_stopped(What.RECEIVED, since), request=OuterRef("pk"))
    rows = rows.filter(Exists(stops))
    accepted = Stop.objects.filter(_stopped(What.ACCEPTED, since), request__in=rows)
    # The first to take somebody on counts.
    taken = {pk: day for pk, day in accepted.order_by("-taken_on").values_list("request", "taken_on") if day is not None}
    waiting = set(Stop.objects.filter(_stopped(What.WAITING, since), request__in=rows).values_list("request", flat=True))
    found: dict[str, list[tuple[int, date, int]]] = {}
    for pk, asker, asked_on, redirects in rows.values_list("pk", "asked_org", "asked_on", "redirects"):
        found.setdefault(asker, []).append((pk, asked_on, redirects))
    return [
        AskerCounts(
            asker,
            len(own),
            sum(pk in taken for pk, _, _ in own),
            sum(pk in waiting for pk, _, _ in own),
            sum(redirects >= choices.figure("bounced_from") for _, _, redirects in own),
            Wait.of((taken[pk] - asked_on).days for pk, asked_on, _ in own if pk in taken),
        )
        for asker, own in sorted(found.items(), key=lambda pair: (-len(pair[1]), ledger.organisation_name(pair[0])))
    ]


def _repeated(rows: QuerySet[ServiceRequest], since: date | None) -> dict[int, int]:
    """How many requests were redirected never, once, twice, and so often that the person counts as bounced."""
    stops = Stop.objects.filter(_stopped(What.RECEIVED, since), request=OuterRef("pk"))
    most = choices.figure("bounced_from")
    found = dict.fromkeys(range(most + 1), 0)
    for redirects, number in rows.filter(Exists(stops)).values_list("redirects").annotate(number=Count("pk")).order_by():
        found[min(redirects, most)] += number
    return found
