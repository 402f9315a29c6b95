"""What an organisation did with what was released: told by its staff, never changed, entered in error by another row."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from stepwell.web.core.append_only import AppendOnlyModel


class Reinvestment(AppendOnlyModel):
    """`pence` were put into `what` on `on`, by one organisation. `in_error_of`: the row that this one takes back, with the reason in
    `what`; its own amount is 0."""

    org_code = models.CharField(max_length=20)
    on = models.DateField()
    pence = models.BigIntegerField()
    what = models.TextField()
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    by_name = models.CharField(max_length=200)
    role = models.CharField(max_length=40)
    in_error_of = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="taken_back_by")

    class Meta:
        ordering = ("id",)
        indexes: ClassVar[list[Any]] = [models.Index(fields=("org_code", "on"), name="reinvested_by_organisation")]

    def __str__(self) -> str:
        return f"reinvestment {self.pk}"
