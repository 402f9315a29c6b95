"""Reductions a person lives with: the plan with its versions, everything that was done about it, and check-ins.

What was done is events; a plan holds how it stands now, as its events tell it (`story.py`). A version of the plan is never changed:
holding, stepping up and resuming each make another, planned from where the person is.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from stepwell.web.core.append_only import AppendOnlyModel
from stepwell.web.ledger.models import PersonRecord

USER = settings.AUTH_USER_MODEL


class SaidRow(AppendOnlyModel):
    """Who said it, when, as whom, for which organisation; `by` is empty of what the software or the person themselves said.
    `on`: the day it holds from on the ledger's own calendar."""

    at = models.DateTimeField()
    on = models.DateField()
    by = models.ForeignKey(USER, null=True, on_delete=models.PROTECT, related_name="+")
    role_of_by = models.CharField(max_length=40)
    org_code = models.CharField(max_length=20)

    class Meta:
        abstract = True


class PlanState(models.TextChoices):
    """None of these is a failure: holding and stepping up are part of a plan, and so is another end than the one first meant."""

    PROPOSED = "proposed", "Proposed"
    AGREED = "agreed", "Agreed"
    REDUCING = "reducing", "Reducing"
    HOLDING = "holding", "Holding"
    STEPPED_UP = "stepped up", "Stepped up"
    PAUSED = "paused", "Paused"
    STABLE = "reduced and stable", "Reduced and stable"
    PLATEAU = "plateau agreed", "Plateau agreed"
    STOPPED = "stopped", "Stopped"
    DECLINED = "declined", "Declined"
    LEFT = "not followed here", "Not followed here any longer"
    IN_ERROR = "entered in error", "Entered in error"


OPEN_STATES = (
    PlanState.PROPOSED, PlanState.AGREED, PlanState.REDUCING, PlanState.HOLDING, PlanState.STEPPED_UP, PlanState.PAUSED,
)  # fmt: skip
# While a plan of one medicine is in one of these, no other medicine is reduced.
ACTIVE_STATES = (PlanState.AGREED, PlanState.REDUCING, PlanState.HOLDING, PlanState.STEPPED_UP)
# The person is on their way: there are check-ins and supplies.
RUNNING_STATES = (PlanState.REDUCING, PlanState.HOLDING, PlanState.STEPPED_UP)


class TaperPlan(models.Model):
    """One reduction of one medicine. `from_ug` and `to_ug` are of a day (of patches: an hour), `to_ug` the person's own end point;
    `version` is the number of the version in force, `revision` counts the events.

    clinician, org_code: who is named for it, and where; check_by: who does the check-ins (`staff`, `person`), check_role: of the staff.
    state_from: since when it is in its state; until: the last day of a hold that was agreed on. outcome: key of the knowledge
    base, of a plan that ended. review_id: the review it was decided in. first_note: why this medicine first, where there are several.
    """

    person = models.ForeignKey(PersonRecord, on_delete=models.PROTECT, related_name="+")
    substance = models.CharField(max_length=100)
    state = models.CharField(max_length=20, choices=PlanState.choices, default=PlanState.PROPOSED)
    state_from = models.DateField()
    from_ug = models.BigIntegerField()
    to_ug = models.BigIntegerField()
    unit = models.CharField(max_length=20)
    clinician = models.ForeignKey(USER, null=True, on_delete=models.PROTECT, related_name="+")
    org_code = models.CharField(max_length=20)
    check_by = models.CharField(max_length=10, default="staff")
    check_role = models.CharField(max_length=40, blank=True)
    review_id = models.BigIntegerField(null=True)
    first_note = models.TextField(blank=True)
    proposed_on = models.DateField()
    agreed_on = models.DateField(null=True)
    started_on = models.DateField(null=True)
    until = models.DateField(null=True)
    ended_on = models.DateField(null=True)
    outcome = models.CharField(max_length=40, blank=True)
    version = models.PositiveIntegerField(default=1)
    revision = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=("person", "substance"), condition=Q(state__in=OPEN_STATES), name="one_open_plan_of_a_medicine"),
            models.CheckConstraint(
                condition=Q(state="proposed") | Q(state="declined") | Q(state="entered in error") | Q(clinician__isnull=False),
                name="agreed_plan_names_its_clinician",
            ),
        ]
        indexes: ClassVar[list[Any]] = [models.Index(fields=("org_code", "state"), name="plans_of_organisation")]

    def __str__(self) -> str:
        return f"reduction {self.pk}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def is_running(self) -> bool:
        return self.state in RUNNING_STATES


class PlanVersion(SaidRow):
    """A plan as it was made, from `on` on. `plan` and `request` are `clinical.tapering.model` as JSON; `words`: what was said when it
    was made (`words.PlanWords`); `pack`: name and version of the knowledge base."""

    taper = models.ForeignKey(TaperPlan, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    plan = models.TextField()
    request = models.TextField()
    words = models.JSONField(default=dict)
    why = models.TextField(blank=True)
    pack = models.CharField(max_length=80, blank=True)

    class Meta:
        ordering = ("id",)
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=("taper", "number"), name="versions_are_numbered")]

    def __str__(self) -> str:
        return f"version {self.number} of reduction {self.taper_id}"


class Act(models.TextChoices):
    PROPOSED = "proposed", "Proposed"
    REVISED = "revised", "Proposed anew"
    AGREED = "agreed", "Agreed"
    STARTED = "started", "Started"
    HELD = "held", "Holding"
    STEPPED_BACK = "stepped back", "Back to the dose before"
    RESUMED = "resumed", "Went on"
    CHANGED = "changed", "Plan changed"
    PAUSED = "paused", "Paused"
    PLATEAU = "plateau", "Stays at this dose"
    STABLE = "stable", "Reached the dose that was meant"
    STOPPED = "stopped", "Stopped"
    DECLINED = "declined", "Does not want it"
    LEFT = "left", "Not followed here any longer"
    CHECKED = "checked in", "Check-in"
    WROTE = "wrote", "Wrote on their own page"
    ANSWERED = "answered", "Answered the person"
    NAMED = "named", "Another clinician named"
    IN_ERROR = "in error", "Entered in error"
    UNDONE = "undone", "Undone"


class TaperEvent(SaidRow):
    """Something that was done about a plan. `version`: the number of the version it put in force, if it made one; `undoes`: the event
    that it takes back. Undone acts count no longer, and stay."""

    taper = models.ForeignKey(TaperPlan, on_delete=models.PROTECT, related_name="events")
    act = models.CharField(max_length=16, choices=Act.choices)
    why = models.TextField(blank=True)
    detail = models.JSONField(default=dict)
    version = models.PositiveIntegerField(null=True)
    undoes = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="undone_by")

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.act} reduction {self.taper_id}"


class CheckIn(SaidRow):
    """How somebody is on a dose. `rating`: 0 to 10, how hard the withdrawal is to bear; `symptoms`: keys of the knowledge base; `began`:
    how many days after the last change of dose they began; `scores`: figures of scales filled in elsewhere, by key; `by_person`: the
    person themselves said it; `decided`: what came of it (`go on`, `hold`, `step back`, `call`)."""

    taper = models.ForeignKey(TaperPlan, on_delete=models.PROTECT, related_name="check_ins")
    step_number = models.PositiveIntegerField()
    dose_ug = models.BigIntegerField()
    step_on = models.DateField()
    by_person = models.BooleanField(default=False)
    rating = models.PositiveSmallIntegerField()
    symptoms = models.JSONField(default=list)
    began = models.PositiveIntegerField(null=True)
    scores = models.JSONField(default=dict)
    sleep = models.CharField(max_length=200, blank=True)
    mood = models.CharField(max_length=200, blank=True)
    words = models.TextField(blank=True)
    decided = models.CharField(max_length=12)

    class Meta:
        ordering = ("on", "id")
        constraints: ClassVar[list[Any]] = [models.CheckConstraint(condition=Q(rating__lte=10), name="rating_is_of_ten")]

    def __str__(self) -> str:
        return f"check-in {self.pk} of reduction {self.taper_id}"
