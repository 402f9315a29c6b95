"""What people said about the week: hours on the rota, minutes of a task here, what is taken into a week or put after it, and
the lists they named. Every row is an event; the latest that was not undone holds."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from stepwell.web.core.append_only import AppendOnlyModel
from stepwell.web.ledger.models import PersonRecord

USER = settings.AUTH_USER_MODEL


class SaidRow(AppendOnlyModel):
    """Who said it, when, as whom. `org_code` is the organisation it is about."""

    org_code = models.CharField(max_length=20)
    at = models.DateTimeField()
    by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    role_of_by = models.CharField(max_length=40)

    class Meta:
        abstract = True


class RotaEntry(SaidRow):
    """Minutes of one day for a role, or for a colleague in it; the latest row of (organisation, day, role, colleague) holds.

    A day of which nothing was ever said has no row; a row of 0 minutes says that nobody works.
    """

    day = models.DateField()
    role = models.CharField(max_length=40)
    user = models.ForeignKey(USER, null=True, on_delete=models.PROTECT, related_name="+")
    minutes = models.PositiveIntegerField()

    class Meta:
        ordering = ("id",)
        indexes = (models.Index(fields=("org_code", "day"), name="rota_of_org"),)

    def __str__(self) -> str:
        return f"rota entry {self.pk}"


class MinutesSetting(SaidRow):
    """How long a task of the knowledge base takes here. Both empty: as the pack says again."""

    task = models.CharField(max_length=60)
    minutes = models.PositiveIntegerField(null=True)
    role = models.CharField(max_length=40, blank=True)
    why = models.TextField()

    class Meta:
        ordering = ("id",)
        indexes = (models.Index(fields=("org_code", "task"), name="minutes_of_org"),)

    def __str__(self) -> str:
        return f"minutes of {self.task}"


class ArrangementKind(models.TextChoices):
    TAKE = "take", "Taken into the week"
    PUT_AFTER = "put after", "Put after the week"
    UNDONE = "undone", "Undone"


class Arrangement(SaidRow):
    """A person decided when a piece of work is done; the computed order only advises.

    (person, org_code, task, share) name the piece as the plan does; `duties` are those it was decided about, so that another
    that falls due later is not put off with them. TAKE: into the week of `week`. PUT_AFTER: not before the Monday `until`.
    UNDONE: `undoes` no longer holds. Of one piece the latest row that was not undone holds.
    """

    person = models.ForeignKey(PersonRecord, on_delete=models.PROTECT, related_name="+")
    task = models.CharField(max_length=60)
    share = models.CharField(max_length=120, blank=True)
    duties = models.JSONField(default=list)
    kind = models.CharField(max_length=12, choices=ArrangementKind.choices)
    week = models.DateField()
    until = models.DateField(null=True)
    why = models.TextField()
    undoes = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="undone_by")

    class Meta:
        ordering = ("id",)
        indexes = (models.Index(fields=("org_code", "person"), name="arranged_for_person"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class ViewKind(models.TextChoices):
    SAVED = "saved", "Saved"
    RENAMED = "renamed", "Renamed"
    REMOVED = "removed", "Removed"


class ViewEvent(SaidRow):
    """A list somebody named. `view` is its key; its latest row says what it is called now, or that it was removed.

    place: `worklist` or `register:<key>`; query: the list's own address after `?`, checked when it was saved and again when it
    is opened; shared: with everybody at `org_code`, else only for whoever saved it.
    """

    view = models.CharField(max_length=16)
    kind = models.CharField(max_length=8, choices=ViewKind.choices)
    name = models.CharField(max_length=60)
    place = models.CharField(max_length=80)
    query = models.CharField(max_length=500, blank=True)
    shared = models.BooleanField(default=False)

    class Meta:
        ordering = ("id",)
        indexes = (models.Index(fields=("org_code", "view"), name="views_of_org"),)

    def __str__(self) -> str:
        return f"view {self.view}"
