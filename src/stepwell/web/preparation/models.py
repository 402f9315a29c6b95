"""Preparing reviews: who is on whose list of a day, and what people answered before they were seen. Rows are events; of a list the
number of its events is kept beside it, so that a form can say which it has seen."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from stepwell.web.core.append_only import AppendOnlyModel
from stepwell.web.ledger.models import PersonRecord

USER = settings.AUTH_USER_MODEL


class BenchList(models.Model):
    """One colleague's list of one day at one organisation. `revision`: how many events it has."""

    org_code = models.CharField(max_length=20)
    user = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    day = models.DateField()
    revision = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("org_code", "user", "day"), name="one_bench_list_a_day"),)

    def __str__(self) -> str:
        return f"bench list {self.pk}"


class BenchAct(models.TextChoices):
    ADDED = "added", "Added"
    TAKEN_OFF = "taken off", "Taken off"
    MOVED = "moved", "Moved"


class BenchEvent(AppendOnlyModel):
    """Somebody was put on the list, taken off it (`why`), or moved to another place (`place`, from 1).

    `duties`: the review duties that were open when they were put on it: once none of them is, the review is done.
    `minutes`: how long it was reckoned to take.
    """

    bench = models.ForeignKey(BenchList, on_delete=models.PROTECT, related_name="events")
    person = models.ForeignKey(PersonRecord, on_delete=models.PROTECT, related_name="+")
    act = models.CharField(max_length=10, choices=BenchAct.choices)
    place = models.PositiveIntegerField(default=0)
    minutes = models.PositiveIntegerField(default=0)
    duties = models.JSONField(default=list)
    why = models.TextField(blank=True)
    at = models.DateTimeField()
    by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=40)

    class Meta:
        ordering = ("id",)
        indexes: ClassVar[list[Any]] = [models.Index(fields=("person", "bench"), name="bench_of_person")]

    def __str__(self) -> str:
        return f"{self.act} on bench list {self.bench_id}"


class Way(models.TextChoices):
    PHONE = "phone", "By phone"
    WAITING_ROOM = "waiting room", "In the waiting room"
    PAPER = "paper", "On the printed sheet"
    OWN_PAGE = "own page", "On their own page"


class AnswerSheet(AppendOnlyModel):
    """What a person answered before a review. `answers`: key of the question → {"chosen": keys, "words": text}; `asked`: the questions
    in the words they were asked in. `by_person`: they wrote it themselves; `by` is null then.

    `corrects`: the sheet that this one replaces; one without answers says that it was entered in error.
    """

    person = models.ForeignKey(PersonRecord, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    answered_on = models.DateField()
    by = models.ForeignKey(USER, null=True, on_delete=models.PROTECT, related_name="+")
    by_name = models.CharField(max_length=200)
    role = models.CharField(max_length=40, blank=True)
    org_code = models.CharField(max_length=20, blank=True)
    by_person = models.BooleanField(default=False)
    way = models.CharField(max_length=20, choices=Way.choices)
    helped_by = models.CharField(max_length=120, blank=True)
    answers = models.JSONField(default=dict)
    asked = models.JSONField(default=dict)
    pack = models.CharField(max_length=100, blank=True)
    why = models.TextField(blank=True)
    corrects = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="corrected_by")

    class Meta:
        ordering = ("id",)
        indexes: ClassVar[list[Any]] = [models.Index(fields=("person", "-answered_on"), name="answers_of_person")]

    def __str__(self) -> str:
        return f"answers {self.pk}"
