"""Records opened without a relationship and their reviews, entries marked sensitive, what organisations set. Rows are events.

People are named by the store's surrogate key, organisations by their code, as in the audit trail.
"""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models

from stepwell.web.core.acted import ActedRow
from stepwell.web.core.append_only import AppendOnlyModel

USER = settings.AUTH_USER_MODEL


class Opening(ActedRow):
    """Somebody opened one record without a relationship, until the moment `until`. `reason` is a key of `data/privacy.yaml`."""

    person_id = models.BigIntegerField(db_index=True)
    reason = models.CharField(max_length=20)
    why = models.TextField()
    until = models.DateTimeField()

    class Meta:
        ordering = ("id",)
        indexes = (models.Index(fields=("by", "until"), name="openings_of_user"),)

    def __str__(self) -> str:
        return f"opening {self.pk}"

    @property
    def ended_at(self) -> datetime:
        """When it was ended, or ends by itself."""
        return self.closing.at if hasattr(self, "closing") else self.until


class Closing(AppendOnlyModel):
    """Whoever opened it ended it before its time."""

    opening = models.OneToOneField(Opening, on_delete=models.PROTECT, related_name="closing")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"end of opening {self.opening_id}"


class Review(AppendOnlyModel):
    """One organisation's task to review an opening: the practice of the person, and the organisation of who opened it."""

    opening = models.ForeignKey(Opening, on_delete=models.PROTECT, related_name="reviews")
    org_code = models.CharField(max_length=20)
    due_on = models.DateField()

    class Meta:
        ordering = ("id",)
        indexes = (models.Index(fields=("org_code", "due_on"), name="reviews_of_org"),)

    def __str__(self) -> str:
        return f"review {self.pk}"


class Outcome(AppendOnlyModel):
    """What a review found. The latest holds; earlier ones stay."""

    review = models.ForeignKey(Review, on_delete=models.PROTECT, related_name="outcomes")
    outcome = models.CharField(max_length=20)
    words = models.TextField()
    at = models.DateTimeField()
    by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=40)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"outcome {self.pk}"


class EntryKind(models.TextChoices):
    """`key` of a mark: a substance, a register, `rule|subject|point` of a duty, an agreement's number."""

    MEDICINE = "medicine", "Medicine"
    REGISTER = "register", "Diagnosis or register"
    DUTY = "duty", "Duty"
    AGREEMENT = "agreement", "Agreement"


class SensitiveMark(ActedRow):
    """An entry of a record was marked sensitive, or (`undoes`) a mark was taken off again.

    `organisations` are those that still see it, between bars ("|A81001|RX9|"); in them, roles that may see such entries.
    """

    person_id = models.BigIntegerField(db_index=True)
    kind = models.CharField(max_length=12, choices=EntryKind.choices)
    key = models.CharField(max_length=300)
    organisations = models.TextField()
    why = models.TextField()
    undoes = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="undone_by")

    class Meta:
        ordering = ("id",)
        indexes = (models.Index(fields=("kind", "key"), name="marks_by_entry"),)

    def __str__(self) -> str:
        return f"sensitive mark {self.pk}"


class HouseSetting(AppendOnlyModel):
    """An organisation set something for itself; the latest row of a name holds."""

    org_code = models.CharField(max_length=20)
    name = models.CharField(max_length=40)
    value = models.IntegerField()
    at = models.DateTimeField()
    by = models.ForeignKey(USER, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("id",)
        indexes = (models.Index(fields=("name", "org_code"), name="settings_of_org"),)

    def __str__(self) -> str:
        return f"{self.name} of {self.org_code}"


class RestrictedRow(models.Model):
    """What a mark in force takes with it in lists: a duty, or a person's place on a register. Derived: written again when the person
    is evaluated and when a mark comes or goes (`keep.py`)."""

    mark = models.ForeignKey(SensitiveMark, on_delete=models.CASCADE, related_name="rows")
    person_id = models.BigIntegerField(db_index=True)
    duty_id = models.BigIntegerField(null=True, db_index=True)
    register = models.CharField(max_length=60, blank=True)

    def __str__(self) -> str:
        return f"restricted by mark {self.mark_id}"
