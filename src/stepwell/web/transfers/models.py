"""Transfers of care from a specialist team to a practice, and back. `Transfer` is the state as its append-only events tell it."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

from django.db import models

from stepwell.web.core.acted import ToldRow


class State(models.TextChoices):
    PROPOSED = "proposed", "Proposed"
    AGREED = "agreed", "Agreed"
    TRANSFERRED = "transferred", "Transferred"
    RETURN_ASKED = "return asked", "Return asked for"
    DECLINED = "declined", "Declined"
    WITHDRAWN = "withdrawn", "Withdrawn"
    TAKEN_BACK = "taken back", "Taken back"
    FOLLOWED = "followed", "Followed by another transfer"


OPEN_STATES = (State.PROPOSED, State.AGREED, State.TRANSFERRED, State.RETURN_ASKED)


class Transfer(models.Model):
    """`from_org` is the specialist side, `to_org` the practice. Whose the care is on a day, and whose the next move is, are always
    exactly one organisation: `care_of` and `next_of`.

    `reviews`: [{review, owner_org, owner_role, due_on}], the plan that the practice agreed to; due dates from the transfer on.
    `checks`: item → {state: done | not needed, words, by, on}. `revision` counts the events.
    """

    person_id = models.BigIntegerField(db_index=True)
    from_org = models.CharField(max_length=20)
    to_org = models.CharField(max_length=20)
    state = models.CharField(max_length=20, choices=State.choices, default=State.PROPOSED)
    why = models.TextField()
    plan = models.TextField()
    planned_on = models.DateField()
    proposed_at = models.DateTimeField()
    answer_by = models.DateField()
    joint_on = models.DateField(null=True)
    joint_who = models.CharField(max_length=200, blank=True)
    transferred_on = models.DateField(null=True)
    reviews = models.JSONField(default=list)
    checks = models.JSONField(default=dict)
    # The rapid return that is open: asked when, to be answered by when, the how many-eth it is; who proposed to do otherwise.
    returns = models.PositiveIntegerField(default=0)
    return_at = models.DateTimeField(null=True)
    return_from = models.DateField(null=True)
    return_by = models.DateField(null=True)
    return_why = models.TextField(blank=True)
    other_by = models.CharField(max_length=20, blank=True)
    other_plan = models.TextField(blank=True)
    revision = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("id",)
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=("person_id", "from_org"), condition=models.Q(state__in=OPEN_STATES), name="one_open_transfer_of_a_team"
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=("from_org", "state"), name="transfers_of_team"),
            models.Index(fields=("to_org", "state"), name="transfers_to_practice"),
        ]

    def __str__(self) -> str:
        return f"transfer {self.pk}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    def care_of(self, on: date) -> str:
        """Whose the care is on that day: it moves on the day of the transfer, not on the click, and back when it is taken back."""
        moved = self.state in (State.TRANSFERRED, State.RETURN_ASKED, State.FOLLOWED)
        return self.to_org if moved and self.transferred_on is not None and self.transferred_on <= on else self.from_org

    def next_of(self) -> str:
        """Whose the next move is while it is open; empty when nothing waits for anybody."""
        if not self.is_open:
            return ""
        return self.to_org if self.state in (State.PROPOSED, State.TRANSFERRED) else self.from_org


class Kind(models.TextChoices):
    PROPOSED = "proposed", "Step-down proposed"
    AGREED = "agreed", "Agreed by the practice"
    DECLINED = "declined", "Declined by the practice"
    WITHDRAWN = "withdrawn", "Withdrawn"
    JOINT = "joint appointment", "Joint appointment arranged"
    CHECKED = "checked", "Checklist"
    TRANSFERRED = "transferred", "Transferred"
    RETURN_ASKED = "return asked", "Rapid return asked for"
    OTHER_PROPOSED = "other plan proposed", "Another plan proposed instead of a return"
    OTHER_AGREED = "other plan agreed", "Both agreed on another plan"
    TAKEN_BACK = "taken back", "Taken back by the specialist"
    FOLLOWED = "followed", "Followed by another transfer"


class TransferEvent(ToldRow):
    """What was done, by whom, as which role, why. `on` is the day it is about."""

    transfer = models.ForeignKey(Transfer, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    on = models.DateField()
    detail = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.kind} transfer {self.transfer_id}"
