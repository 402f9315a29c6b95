"""Reviews of a person's medicines: what was asked, heard and decided, and the one-page record of a decision.

What was said is events. A review holds the version in force (`content`) and, while somebody writes, their draft beside it; every
version stays readable in the event that made it. Of each version one row a medicine says what was decided.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from stepwell.web.core.acted import ActedRow
from stepwell.web.core.append_only import AppendOnlyModel
from stepwell.web.ledger.models import PersonRecord

USER = settings.AUTH_USER_MODEL


class SaidRow(ActedRow):
    """Who said it, when, as whom, for which organisation."""

    by_name = models.CharField(max_length=200)

    class Meta:
        abstract = True


class ReviewState(models.TextChoices):
    DRAFT = "draft", "Draft"
    CLOSED = "closed", "Done"
    IN_ERROR = "entered in error", "Entered in error"
    DISCARDED = "discarded", "Discarded"


class Review(models.Model):
    """`kind`: a kind of the knowledge base. `held_on`: the day of the version in force, of a draft the day it is meant for.

    content: the version in force, number `version` (0 while none was closed); draft: what is being written (`content.Content.row()`),
    by `draft_by`; null when nobody writes. revision: how many events it has; a form says which it has seen.
    """

    person = models.ForeignKey(PersonRecord, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=60)
    state = models.CharField(max_length=20, choices=ReviewState.choices, default=ReviewState.DRAFT)
    held_on = models.DateField()
    author = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    author_name = models.CharField(max_length=200)
    author_role = models.CharField(max_length=40)
    org_code = models.CharField(max_length=20)
    begun_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=0)
    content = models.JSONField(default=dict)
    draft = models.JSONField(null=True)
    draft_by = models.ForeignKey(USER, null=True, on_delete=models.PROTECT, related_name="+")
    revision = models.PositiveIntegerField(default=0)

    class Meta:
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=("person", "-held_on"), name="reviews_of_person"),
            models.Index(fields=("draft_by", "state"), name="review_drafts"),
        ]

    def __str__(self) -> str:
        return f"review {self.pk}"


class ReviewAct(models.TextChoices):
    BEGUN = "begun", "Begun"
    SAVED = "saved", "Saved"
    CLOSED = "closed", "Done"
    AMENDED = "amended", "Amended"
    AMENDING = "amending", "Amendment begun"
    DISCARDED = "discarded", "Draft discarded"
    IN_ERROR = "entered in error", "Entered in error"


class ReviewEvent(SaidRow):
    """Something that was done with a review. SAVED: `detail` holds what of the draft changed; CLOSED and AMENDED: the whole version
    (`content`), its number, the duties it closed, left open (with the reason) and raised."""

    review = models.ForeignKey(Review, on_delete=models.PROTECT, related_name="events")
    act = models.CharField(max_length=20, choices=ReviewAct.choices)
    why = models.TextField(blank=True)
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.act} review {self.review_id}"


class Decided(AppendOnlyModel):
    """What one version of a review decided about one medicine. `decision` is a key of the knowledge base, `label` its words then;
    `answers`: everything else that was said about the medicine, as the form keeps it (`content.py`)."""

    event = models.ForeignKey(ReviewEvent, on_delete=models.PROTECT, related_name="decided")
    review = models.ForeignKey(Review, on_delete=models.PROTECT, related_name="decided")
    person = models.ForeignKey(PersonRecord, on_delete=models.PROTECT, related_name="+")
    version = models.PositiveIntegerField()
    held_on = models.DateField()
    substance = models.CharField(max_length=100)
    decision = models.CharField(max_length=40)
    label = models.CharField(max_length=120)
    reason = models.TextField(blank=True)
    follow_up_on = models.DateField(null=True)
    answers = models.JSONField(default=dict)

    class Meta:
        ordering = ("id",)
        constraints = (models.UniqueConstraint(fields=("review", "version", "substance"), name="one_decision_a_medicine"),)
        indexes: ClassVar[list[Any]] = [models.Index(fields=("person", "substance"), name="decided_of_person")]

    def __str__(self) -> str:
        return f"{self.decision} in review {self.review_id}"


class RecordAct(models.TextChoices):
    SAVED = "saved", "Saved"
    SIGNED = "signed", "Signed"


class RecordEvent(SaidRow):
    """The defensible record of one decision (review and medicine), as somebody saved or signed it. `fields`: what they typed, by
    part of the record; `sheet`: of a signed one the whole page, which never changes; `number`: its version, 0 of a draft; `missing`:
    parts that it lacked."""

    review = models.ForeignKey(Review, on_delete=models.PROTECT, related_name="records")
    substance = models.CharField(max_length=100)
    act = models.CharField(max_length=10, choices=RecordAct.choices)
    number = models.PositiveIntegerField(default=0)
    fields = models.JSONField(default=dict)
    sheet = models.JSONField(default=dict)
    missing = models.JSONField(default=list)

    class Meta:
        ordering = ("id",)
        indexes: ClassVar[list[Any]] = [models.Index(fields=("review", "substance"), name="records_of_review")]
        constraints = (
            models.UniqueConstraint(
                fields=("review", "substance", "number"), condition=models.Q(act="signed"), name="one_record_of_a_number"
            ),
        )

    def __str__(self) -> str:
        return f"{self.act} record of review {self.review_id}"
