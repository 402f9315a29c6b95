"""Letters that came from outside Stepwell: what was filed, the file it came as, and what was done with it. Rows are written once."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from stepwell.web.core.acted import ActedRow
from stepwell.web.core.append_only import AppendOnlyModel

USER = settings.AUTH_USER_MODEL


class ReceivedFile(AppendOnlyModel):
    """A PDF as it was sent, with the text found in it (empty for a scan). It is kept as soon as it could be read, so that a form
    that is not complete does not lose it; a letter that is filed names it. Its name is not kept: it may name a patient."""

    person_id = models.BigIntegerField(db_index=True)
    org_code = models.CharField(max_length=20)
    content = models.BinaryField()
    bytes = models.PositiveIntegerField()
    pages = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    text = models.TextField(blank=True)
    at = models.DateTimeField()
    by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=40)

    def __str__(self) -> str:
        return f"received file {self.pk}"


class ReceivedLetter(AppendOnlyModel):
    """A letter from outside in the keeping of `org_code`. `from_org` is the sender's code, empty for one that Stepwell does not know;
    `kind` is a letter kind of the knowledge base at `kind_version`: the headings that it is scored against; `month` the first day
    of the month in which it was written."""

    person_id = models.BigIntegerField(db_index=True)
    org_code = models.CharField(max_length=20)
    kind = models.CharField(max_length=40)
    kind_version = models.PositiveIntegerField()
    kind_label = models.CharField(max_length=80)
    from_org = models.CharField(max_length=20, blank=True)
    from_name = models.CharField(max_length=200)
    written_on = models.DateField()
    month = models.DateField()
    received_on = models.DateField()
    text = models.TextField()
    sha256 = models.CharField(max_length=64)
    file = models.OneToOneField(ReceivedFile, null=True, on_delete=models.PROTECT, related_name="letter")
    at = models.DateTimeField()
    by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    by_name = models.CharField(max_length=200)
    role = models.CharField(max_length=40)

    class Meta:
        ordering = ("-id",)
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["org_code", "-id"], name="received_by_org"),
            models.Index(fields=["from_org", "month"], name="received_by_sender"),
        ]

    def __str__(self) -> str:
        return f"received letter {self.pk}"


class Act(models.TextChoices):
    SCORED = "scored", "Scored"
    PROPOSED = "proposed", "Action found"
    ACCEPTED = "accepted", "Action accepted"
    DECLINED = "declined", "Action declined"
    READ = "read", "Read"
    IN_ERROR = "entered in error", "Entered in error"


class ReceivedEvent(ActedRow):
    """What was done with a letter. `about` is the action that an answer is to. `detail` of `scored`: the mark given to each heading,
    `filled` of `due` and the headings missing; of `proposed`: its text and day; of `accepted`: owner and day of the duty."""

    letter = models.ForeignKey(ReceivedLetter, on_delete=models.PROTECT, related_name="events")
    act = models.CharField(max_length=20, choices=Act.choices)
    about = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="answer")
    why = models.TextField(blank=True)
    detail = models.JSONField(default=dict)
    by_name = models.CharField(max_length=200)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=("letter",), condition=models.Q(act="entered in error"), name="received_in_error_once"),
        )

    def __str__(self) -> str:
        return f"{self.act} received letter {self.letter_id}"

    @property
    def due_on(self) -> date:
        """Of a proposed or accepted action."""
        return date.fromisoformat(self.detail["due_on"])
