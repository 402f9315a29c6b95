"""Codes with which people open their own page. What happened to a code is events; a code holds how it stands now.

Of the code itself only a keyed hash is kept (`codes.look_up`).
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from stepwell.web.core.append_only import AppendOnlyModel
from stepwell.web.ledger.models import PersonRecord

USER = settings.AUTH_USER_MODEL


class CodeState(models.TextChoices):
    IN_FORCE = "in force", "In force"
    WITHDRAWN = "withdrawn", "Withdrawn"
    REPLACED = "replaced", "Replaced"


class OwnCode(models.Model):
    """`until`: the last day on which it opens the page; `wrong`: dates of birth that were wrong since the last right one."""

    person = models.ForeignKey(PersonRecord, on_delete=models.PROTECT, related_name="+")
    org_code = models.CharField(max_length=20)
    look_up = models.CharField(max_length=64, unique=True)
    state = models.CharField(max_length=10, choices=CodeState.choices, default=CodeState.IN_FORCE)
    given_on = models.DateField()
    until = models.DateField()
    first_used_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    wrong = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=("person",), condition=Q(state="in force"), name="one_code_of_a_person")
        ]

    def __str__(self) -> str:
        return f"own page code {self.pk}"


class CodeAct(models.TextChoices):
    GIVEN = "given", "Given"
    FIRST_USED = "first used", "First used"
    WITHDRAWN = "withdrawn", "Withdrawn"
    REPLACED = "replaced", "Replaced by a new one"


class CodeEvent(AppendOnlyModel):
    """What happened to a code, by whom (`by` is empty of what the person or the software did), in which role, for which organisation."""

    code = models.ForeignKey(OwnCode, on_delete=models.PROTECT, related_name="events")
    act = models.CharField(max_length=12, choices=CodeAct.choices)
    at = models.DateTimeField()
    by = models.ForeignKey(USER, null=True, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=40)
    org_code = models.CharField(max_length=20)
    why = models.TextField(blank=True)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.act} own page code {self.code_id}"
