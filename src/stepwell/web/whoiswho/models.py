"""Named links of a practice: whom to call, where, when. What was changed is an event; the row holds how it is now."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from stepwell.web.core.append_only import AppendOnlyModel


class LinkKind(models.TextChoices):
    PSYCHIATRIST = "psychiatrist", "Link psychiatrist"
    PHARMACIST = "pharmacist", "Mental health pharmacist"
    LINK_WORKER = "link worker", "Link worker"
    COORDINATOR = "coordinator", "Care coordinator"
    TEAM = "team", "Team contact"


class Link(models.Model):
    """`name` (a person, or a desk such as "Duty team") of `organisation` is the practice's link, from `from_on` until `to_on`."""

    practice = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=20, choices=LinkKind.choices)
    name = models.CharField(max_length=160)
    direct_line = models.CharField(max_length=60, blank=True, default="")
    hours = models.CharField(max_length=160, blank=True, default="")
    bleep = models.CharField(max_length=160, blank=True, default="")
    from_on = models.DateField()
    to_on = models.DateField(null=True)

    class Meta:
        indexes: ClassVar[list[Any]] = [models.Index(fields=["practice", "kind"], name="link_of_practice")]
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(to_on__isnull=True) | Q(to_on__gte=F("from_on")), name="link_days"),
        ]

    def __str__(self) -> str:
        return f"{self.name}, {self.get_kind_display()}"


class LinkEvent(AppendOnlyModel):
    """Somebody added, changed or ended a link. `detail` holds each field that changed: [before, after]."""

    link = models.ForeignKey(Link, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=10)  # added | changed | ended
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    by_name = models.CharField(max_length=200)
    org_code = models.CharField(max_length=20, blank=True, default="")
    role = models.CharField(max_length=40, blank=True, default="")
    detail = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.link_id} {self.kind}"
