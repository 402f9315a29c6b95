"""Agreements: who owns which line of the care of one medicine, from when.

A minimal record: two organisations, dates and lines. `accepted` means agreed, `active` means in force; the effective
date moves the owner, not the click (ruling 2).
"""

from __future__ import annotations

from datetime import date

from django.conf import settings
from django.db import models

from stepwell.web.core.append_only import AppendOnlyModel


class AgreementStatus(models.TextChoices):
    ACCEPTED = "accepted", "Accepted"
    ACTIVE = "active", "Active"
    ENDED = "ended", "Ended"


class Agreement(models.Model):
    person_id = models.BigIntegerField(db_index=True)
    substance = models.CharField(max_length=100)
    between_org = models.CharField(max_length=20)
    and_org = models.CharField(max_length=20)
    label = models.CharField(max_length=200)
    agreed_on = models.DateField()
    from_on = models.DateField()
    to_on = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ("from_on", "id")

    def __str__(self) -> str:
        return f"agreement {self.pk}"

    def status_on(self, day: date) -> AgreementStatus:
        if self.to_on is not None and self.to_on <= day:
            return AgreementStatus.ENDED
        return AgreementStatus.ACTIVE if self.from_on <= day else AgreementStatus.ACCEPTED


class AgreementLine(models.Model):
    """`line` is `all`, `prescribe`, a test key or a rule id; the most specific line wins."""

    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, related_name="lines")
    line = models.CharField(max_length=100)
    owner_org = models.CharField(max_length=20)
    owner_role = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ("id",)
        constraints = (models.UniqueConstraint(fields=("agreement", "line"), name="one_owner_per_line"),)

    def __str__(self) -> str:
        return f"line {self.line} of agreement {self.agreement_id}"


class AgreementEvent(AppendOnlyModel):
    """What was done to an agreement, by whom, as which role, why."""

    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=20)
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=40, blank=True)
    org_code = models.CharField(max_length=20, blank=True)
    why = models.TextField(blank=True)
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.kind} agreement {self.agreement_id}"
