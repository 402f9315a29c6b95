"""Advice services with their clock, who is on duty when, questions with everything said about them, and themes.

What was said is events; a question holds how it stands now, as its events tell it. Of terms, duty days and themes the latest row
holds.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from stepwell.web.core.append_only import AppendOnlyModel
from stepwell.web.ledger.models import Duty, PersonRecord

USER = settings.AUTH_USER_MODEL


class SaidRow(AppendOnlyModel):
    """Who said it, when, as whom, for which organisation."""

    at = models.DateTimeField()
    by = models.ForeignKey(USER, null=True, on_delete=models.PROTECT, related_name="+")
    role_of_by = models.CharField(max_length=40)
    org_code = models.CharField(max_length=20)

    class Meta:
        abstract = True


class AdviceService(models.Model):
    """A desk that answers: a psychiatrist of the day, a pharmacist line. What it is called and how it works is in its terms."""

    org_code = models.CharField(max_length=20, db_index=True)
    opened_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"advice service {self.pk}"


class ServiceTerms(SaidRow):
    """How a service works; the latest row holds. `amount` of `unit` is its promise to answer; `weekdays` are the digits of the days
    it works (0 Monday); `fallback` is asked when nobody is on duty, `fallback_words` says it in words; `closed`: it takes no new
    questions, and still owes those it has."""

    service = models.ForeignKey(AdviceService, on_delete=models.PROTECT, related_name="terms")
    name = models.CharField(max_length=80)
    role = models.CharField(max_length=40)
    phone = models.CharField(max_length=60, blank=True)
    unit = models.CharField(max_length=5)
    amount = models.PositiveSmallIntegerField()
    weekdays = models.CharField(max_length=7)
    opens = models.TimeField()
    closes = models.TimeField()
    on_holidays = models.BooleanField(default=False)
    fallback = models.ForeignKey(AdviceService, null=True, on_delete=models.PROTECT, related_name="+")
    fallback_words = models.CharField(max_length=200, blank=True)
    closed = models.BooleanField(default=False)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"terms {self.pk} of advice service {self.service_id}"


class DutyDay(SaidRow):
    """Who is on duty at a service on a day; the latest row of a day holds, a row without a colleague takes whoever was named off."""

    service = models.ForeignKey(AdviceService, on_delete=models.PROTECT, related_name="duty_days")
    day = models.DateField()
    user = models.ForeignKey(USER, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("id",)
        indexes: ClassVar[list[Any]] = [models.Index(fields=("service", "day"), name="duty_days_of_service")]

    def __str__(self) -> str:
        return f"duty day {self.pk}"


class QuestionState(models.TextChoices):
    WAITING = "waiting", "Waiting for an answer"
    ASKED_BACK = "asked back", "Asked back"
    ANSWERED = "answered", "Answered"
    WITHDRAWN = "withdrawn", "Withdrawn"


OPEN_STATES = (QuestionState.WAITING, QuestionState.ASKED_BACK)


class Question(models.Model):
    """One question about one person. Exactly one organisation owes the next step while it is open (`owed_by`): the service's, or the
    asking one when it was asked back. A service it was passed to (`passed_to`) owes nothing until it has taken it.

    substance: a medicine of the record, empty when it is about none; facts: what the record showed when it was asked (facts.py);
    answer: as `services.Answer` says; themes: keys; new_for_asker, new_for_desk: something was said that this side has not looked at.
    """

    person = models.ForeignKey(PersonRecord, on_delete=models.PROTECT, related_name="+")
    service = models.ForeignKey(AdviceService, on_delete=models.PROTECT, related_name="questions")
    answering_org = models.CharField(max_length=20)
    asked_org = models.CharField(max_length=20)
    asked_by = models.ForeignKey(USER, null=True, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    by_phone = models.BooleanField(default=False)
    kind = models.CharField(max_length=20)
    substance = models.CharField(max_length=100, blank=True)
    duty = models.ForeignKey(Duty, null=True, on_delete=models.PROTECT, related_name="+")
    words = models.TextField()
    facts = models.JSONField(default=dict)

    state = models.CharField(max_length=12, choices=QuestionState.choices, default=QuestionState.WAITING)
    owed_by = models.CharField(max_length=20, blank=True)
    due_at = models.DateTimeField(null=True)
    passed_to = models.ForeignKey(AdviceService, null=True, on_delete=models.PROTECT, related_name="+")
    taken_by = models.ForeignKey(USER, null=True, on_delete=models.PROTECT, related_name="+")
    answered_at = models.DateTimeField(null=True)
    answered_by = models.ForeignKey(USER, null=True, on_delete=models.PROTECT, related_name="+")
    answered_by_name = models.CharField(max_length=200, blank=True)
    answer = models.JSONField(default=dict)
    themes = models.JSONField(default=list)
    new_for_asker = models.BooleanField(default=False)
    new_for_desk = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=Q(state__in=("waiting", "asked back"), owed_by__gt="", due_at__isnull=False)
                | Q(state__in=("answered", "withdrawn"), owed_by=""),
                name="open_question_has_owner",
            ),
            models.CheckConstraint(condition=Q(passed_to__isnull=True) | Q(state="waiting"), name="passed_while_waiting"),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=("answering_org", "state", "due_at"), name="questions_of_desk"),
            models.Index(fields=("asked_org", "state"), name="questions_of_asker"),
        ]

    def __str__(self) -> str:
        return f"question {self.pk}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES


class Act(models.TextChoices):
    ASKED = "asked", "Asked"
    ADDED = "added", "Added"
    TAKEN = "taken", "Taken"
    ASKED_BACK = "asked back", "Asked back"
    REPLIED = "replied", "Replied"
    PASSED = "passed", "Passed on"
    PASS_TAKEN = "pass taken", "Taken over"
    PASS_REFUSED = "pass refused", "Not taken over"
    ANSWERED = "answered", "Answered"
    WITHDRAWN = "withdrawn", "Withdrawn"
    LOGGED = "logged", "Logged from the telephone"
    READ = "read", "Read"
    THEMED = "themed", "Themes chosen"


class AdviceEvent(SaidRow):
    """Something that was said or done about a question."""

    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="events")
    act = models.CharField(max_length=16, choices=Act.choices)
    words = models.TextField(blank=True)
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.act} question {self.question_id}"


class Theme(models.Model):
    """What questions of a service keep coming back to. What it is called is in its events."""

    service = models.ForeignKey(AdviceService, on_delete=models.PROTECT, related_name="theme_rows")

    def __str__(self) -> str:
        return f"theme {self.pk}"


class ThemeAct(models.TextChoices):
    SET = "set", "Named"
    REMOVED = "removed", "Removed"
    BECAME = "became", "Became"


class ThemeEvent(SaidRow):
    """SET: its name, and for which questions it is suggested (kinds, sets of medicines, rules of the duty asked about; what is
    given must all hold). REMOVED: it is suggested no more. BECAME: what it led to (`became`: teaching, pathway), in words."""

    theme = models.ForeignKey(Theme, on_delete=models.PROTECT, related_name="events")
    act = models.CharField(max_length=8, choices=ThemeAct.choices)
    name = models.CharField(max_length=80, blank=True)
    kinds = models.JSONField(default=list)
    sets = models.JSONField(default=list)
    rules = models.JSONField(default=list)
    became = models.CharField(max_length=20, blank=True)
    words = models.TextField(blank=True)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.act} theme {self.theme_id}"
