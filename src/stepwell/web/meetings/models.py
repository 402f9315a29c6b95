"""Multidisciplinary meetings: who is on the agenda and why, what was decided, the minutes. Rows are events; the few columns of
`Meeting` that change are the state as those events tell it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from stepwell.web.core.acted import ToldRow

USER = settings.AUTH_USER_MODEL


class State(models.TextChoices):
    PLANNED = "planned", "Planned"
    SIGNED = "signed off", "Signed off"
    CANCELLED = "cancelled", "Cancelled"


class Meeting(models.Model):
    """`org_code` holds it about its people; `with_orgs` are the organisations that come. `minutes`: how long it lasts.
    `attendance`: names with role and organisation, one to a line, as last recorded. `revision` counts what was done to it."""

    org_code = models.CharField(max_length=20)
    with_orgs = models.JSONField(default=list)
    on = models.DateField()
    starts = models.TimeField(null=True)
    minutes = models.PositiveIntegerField()
    place = models.CharField(max_length=160, blank=True)
    chair = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    attendance = models.TextField(blank=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.PLANNED)
    revision = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("on", "id")
        indexes: ClassVar[list[Any]] = [models.Index(fields=["org_code", "on"], name="meetings_of_org")]

    def __str__(self) -> str:
        return f"meeting {self.pk}"

    @property
    def is_planned(self) -> bool:
        return self.state == State.PLANNED


class MeetingKind(models.TextChoices):
    ARRANGED = "arranged", "Arranged"
    DRAWN_UP = "drawn up", "Agenda drawn up"
    ATTENDANCE = "attendance", "Attendance recorded"
    SIGNED = "signed off", "Minutes signed off"
    CANCELLED = "cancelled", "Cancelled"


class MeetingEvent(ToldRow):
    meeting = models.ForeignKey(Meeting, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=12, choices=MeetingKind.choices)
    detail = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.kind} meeting {self.meeting_id}"


class AgendaItem(ToldRow):
    """One person on one agenda. `reasons`: [[kind of `meetings.yaml`, words]]. `carried_from`: the item of an earlier meeting that
    was not reached; it is carried once. `points`: the person's priority points when it was put on."""

    meeting = models.ForeignKey(Meeting, on_delete=models.PROTECT, related_name="items")
    person_id = models.BigIntegerField(db_index=True)
    reasons = models.JSONField(default=list)
    points = models.IntegerField(default=0)
    carried_from = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="carried_to")

    class Meta(ToldRow.Meta):
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=("meeting", "person_id"), name="once_on_an_agenda")]

    def __str__(self) -> str:
        return f"agenda item {self.pk}"


class ItemKind(models.TextChoices):
    ACTION = "action", "Action"
    NO_ACTION = "no action", "No action"
    TAKEN_OFF = "taken off", "Taken off the agenda"
    IN_ERROR = "in error", "Entered in error"


class ItemEvent(ToldRow):
    """A decision about a person (`why` are its words), or that the person was taken off the agenda and why. A row that takes
    another back names it in `about`."""

    item = models.ForeignKey(AgendaItem, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=12, choices=ItemKind.choices)
    owner_org = models.CharField(max_length=20, blank=True)
    owner_role = models.CharField(max_length=40, blank=True)
    due_on = models.DateField(null=True)
    about = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="taken_back")

    def __str__(self) -> str:
        return f"{self.kind} agenda item {self.item_id}"


class Minutes(ToldRow):
    """The minutes as the chair signed them: `content` is all they say; nothing of a meeting changes after."""

    meeting = models.OneToOneField(Meeting, on_delete=models.PROTECT, related_name="signed")
    content = models.JSONField()

    def __str__(self) -> str:
        return f"minutes of meeting {self.meeting_id}"
