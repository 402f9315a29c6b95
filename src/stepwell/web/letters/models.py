"""Letters between organisations: drafts as events, what was sent once and for ever, and what the receiver made of it.

A draft is a row that never changes and its events: each save says which headings changed, so that nothing typed is lost and
two writers can be put together. A sent letter is a copy of what stood there; a correction is a new letter that supersedes it.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from stepwell.clinical.letter_completeness import Completeness, Section, completeness, from_rows, percent
from stepwell.web.core.acted import ActedRow
from stepwell.web.core.append_only import AppendOnlyModel

USER = settings.AUTH_USER_MODEL


class Draft(AppendOnlyModel):
    """What is being written. `kind` is a letter kind of the knowledge base at `kind_version`; `medicines` are those the letter is
    about; `sections` is what the record gave when it was begun; `corrects` is the letter that it will supersede. `source`, `source_id`
    and `source_version`: what another area made it of (a plan to reduce a medicine, its key and version), empty for what is written."""

    person_id = models.BigIntegerField(db_index=True)
    kind = models.CharField(max_length=40)
    kind_version = models.PositiveIntegerField()
    from_org = models.CharField(max_length=20)
    to_org = models.CharField(max_length=20)
    medicines = models.JSONField(default=list)
    sections = models.JSONField(default=list)
    actions = models.JSONField(default=list)
    by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    by_name = models.CharField(max_length=200)
    role = models.CharField(max_length=40)
    at = models.DateTimeField()
    corrects = models.ForeignKey("letters.Letter", null=True, on_delete=models.PROTECT, related_name="corrections")
    source = models.CharField(max_length=30, blank=True, default="")
    source_id = models.CharField(max_length=20, blank=True, default="")
    source_version = models.CharField(max_length=40, blank=True, default="")

    class Meta:
        ordering = ("id",)
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["from_org", "person_id"], name="drafts_of_org"),
            models.Index(fields=["source", "source_id"], condition=~models.Q(source=""), name="drafts_made_of"),
        ]

    def __str__(self) -> str:
        return f"draft {self.pk}"


class DraftAct(models.TextChoices):
    SAVED = "saved", "Saved"
    SENT = "sent", "Sent"
    DISCARDED = "discarded", "Discarded"


class DraftEvent(ActedRow):
    """`changes`: heading → {words, asked_of, not_applicable} of the headings that this save changed, and `actions` when they did."""

    draft = models.ForeignKey(Draft, on_delete=models.PROTECT, related_name="events")
    act = models.CharField(max_length=10, choices=DraftAct.choices)
    changes = models.JSONField(default=dict)
    by_name = models.CharField(max_length=200)

    def __str__(self) -> str:
        return f"{self.act} draft {self.draft_id}"


class Letter(AppendOnlyModel):
    """A letter as it was sent. `sections` are rows of `clinical.letter_completeness.Section`; `filled` of `due` headings is the
    score it was sent with; `month` is the first day of the month of sending."""

    draft = models.OneToOneField(Draft, on_delete=models.PROTECT, related_name="letter")
    person_id = models.BigIntegerField(db_index=True)
    kind = models.CharField(max_length=40)
    kind_version = models.PositiveIntegerField()
    kind_label = models.CharField(max_length=80)
    from_org = models.CharField(max_length=20)
    from_name = models.CharField(max_length=200)
    to_org = models.CharField(max_length=20)
    to_name = models.CharField(max_length=200)
    medicines = models.JSONField(default=list)
    sections = models.JSONField(default=list)
    author = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    author_name = models.CharField(max_length=200)
    author_role = models.CharField(max_length=40)
    written_at = models.DateTimeField()
    sent_at = models.DateTimeField()
    sent_on = models.DateField()
    month = models.DateField()
    filled = models.PositiveIntegerField()
    due = models.PositiveIntegerField()
    missing = models.JSONField(default=list)
    supersedes = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="superseded_by")

    class Meta:
        ordering = ("-id",)
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["to_org", "-id"], name="letters_to_org"),
            models.Index(fields=["from_org", "month"], name="letters_by_team"),
        ]

    def __str__(self) -> str:
        return f"letter {self.pk}"

    @property
    def parts(self) -> list[Section]:
        """The sections in reading order."""
        return from_rows(self.sections)

    @property
    def completeness(self) -> Completeness:
        return completeness(self.parts)

    @property
    def percent(self) -> int:
        return percent(self.filled, self.due)


class LetterAction(AppendOnlyModel):
    """Something the letter asks the receiver to do: proposed until it is accepted or declined."""

    letter = models.ForeignKey(Letter, on_delete=models.PROTECT, related_name="actions")
    number = models.PositiveIntegerField()
    text = models.CharField(max_length=180)
    role = models.CharField(max_length=40, blank=True)
    due_on = models.DateField()

    class Meta:
        ordering = ("letter_id", "number")
        constraints = (models.UniqueConstraint(fields=("letter", "number"), name="one_action_of_a_number"),)

    def __str__(self) -> str:
        return f"action {self.number} of letter {self.letter_id}"


class LetterAct(models.TextChoices):
    READ = "read", "Read"
    ENOUGH = "enough", "Was this enough?"
    ACCEPTED = "accepted", "Accepted"
    DECLINED = "declined", "Declined"
    NOTED = "noted", "Answer noted by the sender"


class LetterEvent(ActedRow):
    """What was done with a letter. `action` is set where it is about one; `answer` of `enough` is yes, partly or no; `detail` of
    `enough` names the headings that were missing, of `accepted` the owner and the date."""

    letter = models.ForeignKey(Letter, on_delete=models.PROTECT, related_name="events")
    action = models.ForeignKey(LetterAction, null=True, on_delete=models.PROTECT, related_name="events")
    act = models.CharField(max_length=10, choices=LetterAct.choices)
    answer = models.CharField(max_length=10, blank=True)
    why = models.TextField(blank=True)
    detail = models.JSONField(default=dict)
    by_name = models.CharField(max_length=200)

    class Meta:
        ordering = ("id",)
        constraints = (
            # An action is answered once: a change of mind is an act on the duty it became.
            models.UniqueConstraint(
                fields=("action",), condition=models.Q(act__in=("accepted", "declined")), name="one_answer_to_an_action"
            ),
        )

    def __str__(self) -> str:
        return f"{self.act} letter {self.letter_id}"
