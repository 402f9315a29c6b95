"""Services and what is asked of them. What happened is an event; the rows beside them hold how it is now.

Nothing here can be nobody's: a request has an owning service in every row, events included, and a rejection is a redirection,
which names the service that is asked next. The database refuses anything else.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from stepwell.web.core.acted import ToldRow
from stepwell.web.core.append_only import AppendOnlyModel

USER = settings.AUTH_USER_MODEL


class Service(models.Model):
    """One door of an organisation. `kinds` are keys of `data/requests.yaml` between bars. `routine_days` and `urgent_days` are its own
    clock, in working days to the first answer. `any_kind`: it takes requests whose asker does not know which service is right.
    `ended_on`: the first day on which it takes nothing more."""

    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=160)
    kinds = models.CharField(max_length=300)
    serves = models.TextField()
    criteria = models.TextField(blank=True, default="")
    contact = models.CharField(max_length=200)
    hours = models.CharField(max_length=160, blank=True, default="")
    routine_days = models.PositiveSmallIntegerField()
    urgent_days = models.PositiveSmallIntegerField()
    any_kind = models.BooleanField(default=False)
    ended_on = models.DateField(null=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["organisation", "name"], condition=Q(ended_on__isnull=True), name="one_request_service_of_name"
            ),
            models.CheckConstraint(condition=~Q(name="") & ~Q(kinds=""), name="request_service_is_named"),
        ]

    def __str__(self) -> str:
        return self.name


class ServiceEvent(AppendOnlyModel):
    """Somebody added, changed or ended a service. `detail` holds each field that changed: [before, after]."""

    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=10)  # added | changed | ended
    at = models.DateTimeField()
    by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True)
    by_name = models.CharField(max_length=200)
    org_code = models.CharField(max_length=20, blank=True, default="")
    role = models.CharField(max_length=40, blank=True, default="")
    detail = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.kind} service {self.service_id}"


class ReasonEvent(AppendOnlyModel):
    """An organisation added a reason for redirecting to its list, or took one off. The latest row of a key holds."""

    org_code = models.CharField(max_length=20)
    key = models.CharField(max_length=60)
    label = models.CharField(max_length=120)
    offered = models.BooleanField()
    at = models.DateTimeField()
    by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("id",)
        indexes = (models.Index(fields=("org_code", "key"), name="redirect_reasons_of_org"),)

    def __str__(self) -> str:
        return f"reason {self.key} of {self.org_code}"


class State(models.TextChoices):
    TRIAGE = "triage", "Waiting for an answer"
    OFFERED = "offered", "Redirected, not yet accepted"
    ADVISED = "advised", "Advised, not yet read"
    TAKEN_ON = "taken on", "Taken on"
    CLOSED = "closed", "Closed"
    WITHDRAWN = "withdrawn", "Withdrawn"


OPEN = (State.TRIAGE, State.OFFERED, State.ADVISED, State.TAKEN_ON)
ENDED = (State.CLOSED, State.WITHDRAWN)


def _has_owner() -> Q:
    return ~Q(owner_org="")


def _one_offer() -> Q:
    """Somebody is offered it exactly while it is redirected; there is one column for them, so never two."""
    offered = Q(state=State.OFFERED, offered_service__isnull=False) & ~Q(offered_org="")
    return offered | (~Q(state=State.OFFERED) & Q(offered_service__isnull=True, offered_org=""))


class ServiceRequest(models.Model):
    """What is asked for one person, as its events tell it.

    `owner_service` has it, from the moment it is asked to the end and after. `offered_service` was named by the owner and has not
    accepted. `due_on`: by when the next word is owed, from `clock_from` (day 0). `step`: the number of the event from which that clock
    runs. `version`: how many events there are; a form says which it has seen. `facts`: what the record showed when it was asked,
    by keys, cut for whoever reads it (facts.py).
    """

    person = models.ForeignKey("ledger.PersonRecord", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=40)
    urgency = models.CharField(max_length=20)
    need = models.TextField()
    why_now = models.TextField()
    wish = models.TextField()
    agreement = models.CharField(max_length=20)
    tried = models.TextField(blank=True, default="")
    phoned = models.TextField(blank=True, default="")
    facts = models.JSONField(default=dict)
    duty = models.ForeignKey("ledger.Duty", on_delete=models.PROTECT, related_name="+", null=True)
    undecided = models.BooleanField(default=False)

    asked_org = models.CharField(max_length=20)
    asked_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True)
    asked_on = models.DateField()

    owner_service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="+")
    owner_org = models.CharField(max_length=20)
    offered_service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="+", null=True)
    offered_org = models.CharField(max_length=20, blank=True, default="")
    state = models.CharField(max_length=12, choices=State.choices, default=State.TRIAGE)
    outcome = models.CharField(max_length=20, blank=True, default="")
    seen_by = models.DateField(null=True)
    clock_from = models.DateField(null=True)
    due_on = models.DateField(null=True)
    redirects = models.PositiveSmallIntegerField(default=0)
    step = models.PositiveIntegerField(default=0)
    version = models.PositiveIntegerField(default=0)
    ended_on = models.DateField(null=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=_has_owner(), name="request_has_an_owner"),
            models.CheckConstraint(condition=~Q(asked_org=""), name="request_has_an_asker"),
            models.CheckConstraint(condition=Q(state__in=State.values), name="request_state_known"),
            models.CheckConstraint(condition=_one_offer(), name="request_one_offer"),
            models.CheckConstraint(
                condition=Q(offered_service__isnull=True) | ~Q(offered_service=F("owner_service")), name="request_offered_to_another"
            ),
            models.CheckConstraint(
                condition=Q(state__in=ENDED, ended_on__isnull=False) | Q(state__in=OPEN, ended_on__isnull=True, due_on__isnull=False),
                name="request_open_has_a_clock",
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["owner_org", "state", "due_on"], name="service_requests_of_owner"),
            models.Index(fields=["offered_org", "due_on"], name="service_requests_offered", condition=~Q(offered_org="")),
            models.Index(fields=["asked_org", "state", "asked_on"], name="service_requests_of_asker"),
            models.Index(fields=["person", "state"], name="service_requests_of_person"),
        ]

    def __str__(self) -> str:
        return f"service request {self.pk}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


class EventKind(models.TextChoices):
    ASKED = "asked", "Asked"
    TAKEN_OVER = "taken over", "Taken over"
    TAKEN_ON = "taken on", "Taken on"
    ADVISED = "advised", "Advised"
    REDIRECTED = "redirected", "Redirected"
    NOT_FOR_US = "not for us", "Sent back to triage"
    TAKEN_BACK = "taken back", "Redirection taken back"
    READ = "advice read", "Advice read"
    RETURNED = "advice returned", "Advice does not answer it"
    WITHDRAWN = "withdrawn", "Withdrawn"
    CLOSED = "closed", "Closed"


class RequestEvent(ToldRow):
    """What happened to a request, and whose it was from then on."""

    request = models.ForeignKey(ServiceRequest, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=20, choices=EventKind.choices)
    on = models.DateField()
    reason = models.CharField(max_length=60, blank=True)
    outcome = models.CharField(max_length=20, blank=True)
    owner_service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="+")
    owner_org = models.CharField(max_length=20)
    offered_service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="+", null=True)
    due_on = models.DateField(null=True)
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(condition=_has_owner(), name="request_event_has_an_owner"),
            models.CheckConstraint(condition=Q(kind__in=EventKind.values), name="request_event_kind_known"),
            # There is no rejection: who cannot take somebody on names the service that is asked next.
            models.CheckConstraint(
                condition=~Q(kind=EventKind.REDIRECTED) | Q(offered_service__isnull=False), name="request_redirected_somewhere"
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} service request {self.request_id}"


class Stop(models.Model):
    """One stop on a request's way, at one service: when it came, from where, what the service first answered, and where it went. Derived
    from the events, for lists and counts. `answer` is empty while it waits, else an outcome's key or a kind of event."""

    request = models.ForeignKey(ServiceRequest, on_delete=models.PROTECT, related_name="stops")
    number = models.PositiveSmallIntegerField()
    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="+")
    came_from = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="+", null=True)
    came_on = models.DateField()
    answered_on = models.DateField(null=True)
    answer = models.CharField(max_length=20, blank=True, default="")
    taken_on = models.DateField(null=True)
    reason = models.CharField(max_length=60, blank=True, default="")
    why = models.TextField(blank=True, default="")
    went_to = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="+", null=True)

    class Meta:
        ordering = ("request_id", "number")
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["request", "number"], name="one_request_stop_at_a_time")]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["service", "came_on"], name="request_stops_of_service")]

    def __str__(self) -> str:
        return f"stop {self.number} of service request {self.request_id}"
