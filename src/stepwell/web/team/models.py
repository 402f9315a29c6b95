"""The team around a person: a coordinator, people with roles, agencies. Rows are events: somebody was recorded, is no longer
involved, or was recorded in error; nothing is changed or deleted. Carers are adjustments (contact)."""

from __future__ import annotations

from django.db import models

from stepwell.web.core.acted import ActedRow


class Act(models.TextChoices):
    RECORDED = "recorded", "Recorded"
    ENDED = "ended", "No longer involved"
    IN_ERROR = "entered in error", "Entered in error"


class TeamEvent(ActedRow):
    """`kind` and `code` are those of `team.yaml`. A row that ends another names it in `about`; what is recorded and named by no
    other row is in force.

    `link`: key of the link of who-is-who this person is, whose number is then read there. `sharing` (of an agency): agreed,
    refused, not asked; `words` what may be told. `until`: the last day, when one is known.
    """

    person_id = models.BigIntegerField(db_index=True)
    act = models.CharField(max_length=20, choices=Act.choices)
    kind = models.CharField(max_length=20)
    code = models.CharField(max_length=30, blank=True)
    name = models.CharField(max_length=160)
    organisation = models.CharField(max_length=160, blank=True)
    phone = models.CharField(max_length=60, blank=True)
    link = models.BigIntegerField(null=True)
    sharing = models.CharField(max_length=10, blank=True)
    words = models.CharField(max_length=300, blank=True)
    from_on = models.DateField()
    until = models.DateField(null=True)
    why = models.TextField(blank=True)
    about = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="closed_by")

    def __str__(self) -> str:
        return f"team event {self.pk}"
