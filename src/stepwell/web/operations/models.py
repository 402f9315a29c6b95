"""Imports asked for on the page: what was asked, how far it is, what came of it. Each row is also its own retry."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q


class RunState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    READING = "reading", "Reading the files"
    EVALUATING = "evaluating", "Working out duties"
    DONE = "done", "Done"
    FAILED = "failed", "Not imported"


RUNNING = (RunState.READING, RunState.EVALUATING)
ACTIVE = (RunState.WAITING, *RUNNING)


class ImportRun(models.Model):
    """`name` is what stands in the organisation's drop folder. `report` is the importer's own (counts, reasons, examples without
    names), `changes` what the evaluation afterwards did to duties, `error` what to do when nothing was imported.

    `lane` lets the database itself see to it that only one runs at a time.
    """

    org_code = models.CharField(max_length=20)
    name = models.CharField(max_length=255)
    scope = models.CharField(max_length=10, default="auto")
    files = models.IntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    state = models.CharField(max_length=12, choices=RunState.choices, default=RunState.WAITING)
    lane = models.SmallIntegerField(default=1)
    asked_at = models.DateTimeField()
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=40)
    started_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)
    heard_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    import_id = models.CharField(max_length=40, blank=True)
    report = models.JSONField(default=dict)
    people = models.IntegerField(default=0)
    changes = models.JSONField(default=dict)
    error = models.TextField(blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("lane",), condition=Q(state__in=("reading", "evaluating")), name="one_import_at_a_time"),
        )
        indexes = (models.Index(fields=("org_code", "-id"), name="imports_of_org"),)

    def __str__(self) -> str:
        return f"import {self.pk}"

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE
