"""What people asked us to do before and at a contact. Rows are events: something was recorded, is no longer needed, or was
recorded in error; nothing is changed or deleted."""

from __future__ import annotations

from django.db import models

from stepwell.web.core.acted import ActedRow


class Act(models.TextChoices):
    RECORDED = "recorded", "Recorded"
    ENDED = "ended", "No longer needed"
    IN_ERROR = "entered in error", "Entered in error"


class AdjustmentEvent(ActedRow):
    """`kind` and `code` are those of `choices.yaml` (a language: its ISO 639 code). A row that ends another names it in `about`
    and repeats its kind and code; what is recorded and named by no other row is in force.

    `words` is what stands beside the choice: a number and times, a way to reach them, a carer and what they may be told.
    `why` of a safe-contact rule may tell of abuse: it is for those who may see sensitive entries. `until` is the last day of
    a carer's consent, or the day to look at everything again (kind `review`).
    """

    person_id = models.BigIntegerField(db_index=True)
    act = models.CharField(max_length=20, choices=Act.choices)
    kind = models.CharField(max_length=20)
    code = models.CharField(max_length=20)
    words = models.CharField(max_length=300, blank=True)
    why = models.TextField(blank=True)
    until = models.DateField(null=True)
    about = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="closed_by")

    def __str__(self) -> str:
        return f"adjustment event {self.pk}"

    @property
    def key(self) -> tuple[str, str]:
        return self.kind, self.code
