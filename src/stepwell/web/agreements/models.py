"""Agreements: who owns which line of the care of one medicine, from when, and how that came about.

The events are the truth (`story.py` tells what they add up to on a day); the columns of `Agreement` beside them are kept for
queries. `accepted` means agreed, `active` means in force; the effective date moves the owner, not the click (ruling 2).
"""

from __future__ import annotations

from datetime import date

from django.conf import settings
from django.db import models

from stepwell.web.agreements.story import BACK, State
from stepwell.web.core.acted import ToldRow
from stepwell.web.core.append_only import AppendOnlyModel


class AgreementStatus(models.TextChoices):
    ACCEPTED = "accepted", "Accepted"
    ACTIVE = "active", "Active"
    SUSPENDED = "suspended", "Suspended"
    RETURNED = "returned_to_specialist", "With the specialist again"
    ENDED = "ended", "Ended"


class Agreement(models.Model):
    """One request and what became of it, or an agreement recorded whole (`requested` False).

    `between_org` asks and is the specialist's side of a request, `and_org` is the practice. `agreed_on` and `from_on` are empty until
    it is accepted. `state` is the last state told (before an end), which holds from `state_from`. `waits_on` is the organisation that
    owes an answer, `waits_for` to what (`request`, `question`, `hand-back` or a `Proposal`); empty when nothing waits.
    """

    person_id = models.BigIntegerField(db_index=True)
    substance = models.CharField(max_length=100)
    between_org = models.CharField(max_length=20, db_index=True)
    and_org = models.CharField(max_length=20, db_index=True)
    label = models.CharField(max_length=200)
    agreed_on = models.DateField(null=True, blank=True)
    from_on = models.DateField(null=True, blank=True)
    to_on = models.DateField(null=True, blank=True)

    requested = models.BooleanField(default=False)
    state = models.CharField(max_length=30, default=State.ACTIVE.value, choices=[(state.value, state.words) for state in State])
    state_from = models.DateField(null=True, blank=True)
    sent_on = models.DateField(null=True, blank=True)
    waits_on = models.CharField(max_length=20, blank=True, db_index=True)
    waits_for = models.CharField(max_length=20, blank=True)
    protocol = models.CharField(max_length=60, blank=True)
    protocol_version = models.IntegerField(null=True, blank=True)
    review_on = models.DateField(null=True, blank=True)
    specialist_review_on = models.DateField(null=True, blank=True)
    earlier = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="later")

    class Meta:
        ordering = ("from_on", "id")

    def __str__(self) -> str:
        return f"agreement {self.pk}"

    def status_on(self, day: date) -> AgreementStatus:
        """Of an agreement that was accepted or recorded; a request that was not has a state and no status."""
        if self.to_on is not None and self.to_on <= day:
            return AgreementStatus.ENDED
        if self.state in BACK and self.state_from is not None and self.state_from <= day:
            return AgreementStatus(self.state)
        return AgreementStatus.ACTIVE if self.from_on is not None and self.from_on <= day else AgreementStatus.ACCEPTED


class AgreementLine(models.Model):
    """`line` is `all`, `prescribe`, a test key or a rule id; the most specific line wins. Of a request: the lines of the text that
    was agreed last."""

    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, related_name="lines")
    line = models.CharField(max_length=100)
    owner_org = models.CharField(max_length=20)
    owner_role = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ("id",)
        constraints = (models.UniqueConstraint(fields=("agreement", "line"), name="one_owner_per_line"),)

    def __str__(self) -> str:
        return f"line {self.line} of agreement {self.agreement_id}"


class AgreementEvent(ToldRow):
    """What was done to an agreement, by whom, as which role, why. `at` is real time; `moment` the time on the ledger's own day, from
    which clocks run (a demo plays another day), empty for events of before there were clocks."""

    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=20)
    detail = models.JSONField(default=dict)
    moment = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.kind} agreement {self.agreement_id}"


class ProtocolUse(AppendOnlyModel):
    """From `from_on` an organisation, and what is part of it, uses this version of a protocol. `text` is the protocol as it was then,
    and `drawn` what the rules said beside it (`protocol_text.drawn`), so that an earlier version can still be read and compared."""

    org_code = models.CharField(max_length=20, db_index=True)
    protocol = models.CharField(max_length=60)
    version = models.IntegerField()
    from_on = models.DateField()
    text = models.JSONField(default=dict)
    drawn = models.JSONField(default=dict)
    why = models.TextField(blank=True)
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ("from_on", "id")

    def __str__(self) -> str:
        return f"{self.org_code} uses {self.protocol} {self.version} from {self.from_on}"
