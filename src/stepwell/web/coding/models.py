"""What people decided about medicines that the record does not identify. Rows are events: a decision, or that one was undone."""

from __future__ import annotations

from django.db import models

from stepwell.web.core.acted import ActedRow


class CodingEvent(ActedRow):
    """A decision about a code, or about a term where the record has no code. `substance` empty: not a medicine of interest.

    `undoes` names the decision that this row takes back; such a row decides nothing itself. Of several decisions about one
    code or term the latest that was not undone holds. `term` is as the record has it; it is compared in lower case.
    """

    code_system = models.CharField(max_length=20, blank=True)
    code = models.CharField(max_length=40, blank=True)
    term = models.TextField(blank=True)
    substance = models.CharField(max_length=100, blank=True)
    strength_ug = models.BigIntegerField(null=True)
    unit = models.CharField(max_length=20, blank=True)
    people = models.IntegerField(default=0)
    why = models.TextField()
    undoes = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="undone_by")

    def __str__(self) -> str:
        return f"coding event {self.pk}"


class MatchEvent(ActedRow):
    """A decision about two records that may be of one person, or that one was undone.

    `answer`: "same" joined `moved` (records, by their subjects) to `person_id`, away from `other_id`; "apart" keeps the two;
    "parted" undoes a joining: `moved` are of `other_id` again, a person of their own. `subject_a`, `subject_b` name the pair.
    """

    answer = models.CharField(max_length=10, choices=[(word, word) for word in ("same", "apart", "parted")])
    ground = models.CharField(max_length=60)
    subject_a = models.BigIntegerField()
    subject_b = models.BigIntegerField()
    person_id = models.BigIntegerField()
    other_id = models.BigIntegerField()
    moved = models.JSONField(default=list)
    why = models.TextField()
    undoes = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="undone_by")

    def __str__(self) -> str:
        return f"match event {self.pk}"
