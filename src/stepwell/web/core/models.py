"""The audit trail: entries written in the transaction they describe, seals written afterwards in commit order."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from stepwell.web.core.append_only import AppendOnlyModel


class AuditEntry(AppendOnlyModel):
    """One read or write, by whom, as what, about whom, and why it was allowed.

    People, organisations and roles are copied as they were, not pointed at: an entry means the same for ever.
    """

    at = models.DateTimeField()
    kind = models.CharField(max_length=8)  # read | write | refused
    action = models.CharField(max_length=80)
    user_id = models.BigIntegerField(null=True)
    user_name = models.CharField(max_length=200)
    membership_id = models.BigIntegerField(null=True)
    organisation = models.CharField(max_length=20)
    role = models.CharField(max_length=40)
    person_id = models.BigIntegerField(null=True)
    person_ids = models.JSONField(default=list)  # a list's page of patients: one entry, not fifty
    subject_type = models.CharField(max_length=60)
    subject_id = models.CharField(max_length=120)
    reason = models.TextField()
    evidence = models.TextField()
    result_count = models.IntegerField(null=True)
    request_id = models.CharField(max_length=40)

    class Meta:
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["person_id", "at"], name="audit_person_at"),
            models.Index(fields=["user_id", "at"], name="audit_user_at"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.action}"


class RateUse(models.Model):
    """One use of something that may not be done too often (`limits.py`). `key` is a keyed hash; old rows go when it is used again."""

    key = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar[list[Any]] = [models.Index(fields=["key", "at"], name="rate_use_key")]

    def __str__(self) -> str:
        return f"{self.key[:8]} {self.at}"


class AuditSeal(AppendOnlyModel):
    """One link of the hash chain. `entry_id` is a plain number, so that a removed entry is found rather than forgotten."""

    position = models.BigIntegerField(primary_key=True)
    entry_id = models.BigIntegerField(unique=True)
    previous = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)
    sealed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.position} {self.hash[:12]}"
