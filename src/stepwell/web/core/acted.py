"""What every row about an act says: when, who, in which role, for which organisation.

class TeamEvent(ActedRow): ...           # people alone do this
class DutyEvent(ToldRow): ...            # people, or the software (then `by` is empty), with their reason
"""

from __future__ import annotations

from django.conf import settings
from django.db import models

from stepwell.web.core.append_only import AppendOnlyModel


class ActedRow(AppendOnlyModel):
    """Somebody did it. `org_code`: the organisation they acted for."""

    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=40)
    org_code = models.CharField(max_length=20)

    class Meta:
        abstract = True
        ordering = ("id",)


class ToldRow(AppendOnlyModel):
    """Somebody or the software did it, and may have said why."""

    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=40, blank=True)
    org_code = models.CharField(max_length=20, blank=True)
    why = models.TextField(blank=True)

    class Meta:
        abstract = True
        ordering = ("id",)
