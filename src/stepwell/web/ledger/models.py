"""The ledger: duties and what happened to them, and the little of a person's record that lists and banners need.

`Duty` is the current state, derived from append-only `DutyEvent` rows and from evaluations; `PersonRecord` is a cache of
the store. People are known by the store's surrogate key; organisations by their code.
"""

from __future__ import annotations

from datetime import date

from django.conf import settings
from django.db import models

from stepwell.web.core.access import RelationshipKind
from stepwell.web.core.acted import ToldRow
from stepwell.web.core.append_only import AppendOnlyModel

USER = settings.AUTH_USER_MODEL


class PersonRecord(models.Model):
    """Banner, search and patient-page values of one person, as the last evaluation found them, and how far it had read."""

    person_id = models.BigIntegerField(primary_key=True)
    family_name = models.CharField(max_length=100, blank=True)
    given_name = models.CharField(max_length=100, blank=True)
    title = models.CharField(max_length=20, blank=True)
    search_name = models.CharField(max_length=220, blank=True, db_index=True)
    birth_date = models.DateField(null=True, db_index=True)
    death_date = models.DateField(null=True)
    sex = models.CharField(max_length=10, default="unknown")
    nhs_number = models.CharField(max_length=10, blank=True, db_index=True)
    nhs_status = models.CharField(max_length=10, default="missing")
    address = models.TextField(blank=True)
    phone = models.CharField(max_length=40, blank=True)
    language = models.CharField(max_length=20, blank=True)
    interpreter = models.BooleanField(default=False)
    gp_org = models.CharField(max_length=20, blank=True, db_index=True)

    medicines = models.JSONField(default=list)
    registers = models.JSONField(default=list)
    register_keys = models.TextField(blank=True)
    last_results = models.JSONField(default=list)
    never_recorded = models.JSONField(default=list)
    reasons = models.JSONField(default=list)
    reason_keys = models.TextField(blank=True)
    points = models.IntegerField(default=0)

    # How many writes of the ledger bear on this person; an evaluation states how many it had read.
    workflow_sequence = models.BigIntegerField(default=0)
    read_store_version = models.BigIntegerField(null=True)
    read_sequence = models.BigIntegerField(null=True)
    read_as_of = models.DateField(null=True)
    evaluated_at = models.DateTimeField(null=True)
    pack = models.CharField(max_length=60, blank=True)
    pack_version = models.CharField(max_length=40, blank=True)

    class Meta:
        indexes = (models.Index(fields=("gp_org", "-points"), name="person_by_practice"),)

    def __str__(self) -> str:
        return f"person {self.person_id}"


class Relationship(models.Model):
    """Why an organisation may see a person: derived at every evaluation, read by access decisions and by every list."""

    person = models.ForeignKey(PersonRecord, on_delete=models.CASCADE, related_name="relationships")
    org_code = models.CharField(max_length=20)
    kind = models.CharField(max_length=20, choices=[(kind.value, kind.words) for kind in RelationshipKind])
    from_on = models.DateField(null=True)
    to_on = models.DateField(null=True)
    evidence = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("person", "org_code", "kind"), name="one_relationship_of_a_kind"),)
        indexes = (models.Index(fields=("org_code", "person"), name="people_of_org"),)

    def __str__(self) -> str:
        return f"person {self.person_id} {self.kind} {self.org_code}"


class DutyState(models.TextChoices):
    OPEN = "open", "Open"
    MET = "met", "Done"
    DECLINED = "declined", "Declined by the patient"
    NOT_APPLICABLE = "not applicable", "Not applicable"
    SUPERSEDED = "superseded", "No longer owed"


class Duty(models.Model):
    """One instance of a duty. Values of the need are as last applied; the arrangement (assigned, deferred, acknowledged)
    belongs to the duty and no evaluation touches it."""

    person = models.ForeignKey(PersonRecord, on_delete=models.PROTECT, related_name="duties")
    rule_id = models.CharField(max_length=120)
    subject = models.CharField(max_length=120)
    point = models.CharField(max_length=40)
    instance = models.PositiveIntegerField()
    state = models.CharField(max_length=20, choices=DutyState.choices, default=DutyState.OPEN)

    rule_version = models.IntegerField()
    kind = models.CharField(max_length=20)
    title = models.CharField(max_length=200)
    test = models.CharField(max_length=60, blank=True)
    anchor_on = models.DateField(null=True)
    opens_on = models.DateField(null=True)
    due_on = models.DateField(null=True)
    escalate_on = models.DateField(null=True)
    served_on = models.DateField(null=True)
    served_by = models.CharField(max_length=20, blank=True)
    owner_org = models.CharField(max_length=20)
    owner_role = models.CharField(max_length=40, blank=True)
    owner_basis = models.CharField(max_length=20, blank=True)
    owner_label = models.TextField(blank=True)
    mark = models.CharField(max_length=2, blank=True)
    needs_approval = models.BooleanField(default=False)
    priority = models.IntegerField(default=0)
    because = models.JSONField(default=list)

    base_on = models.DateField(null=True)
    withdrawn_on = models.DateField(null=True)
    ended_on = models.DateField(null=True)
    ended_by = models.CharField(max_length=20, blank=True)
    ended_why = models.TextField(blank=True)
    until = models.DateField(null=True)
    opened_as_of = models.DateField()
    closed_as_of = models.DateField(null=True)

    shown_from = models.DateField(null=True)
    deferred_why = models.TextField(blank=True)
    assigned_to = models.ForeignKey(USER, null=True, on_delete=models.PROTECT, related_name="duties")
    acknowledged_by = models.ForeignKey(USER, null=True, on_delete=models.PROTECT, related_name="+")
    acknowledged_at = models.DateTimeField(null=True)
    second_look = models.BooleanField(default=False)

    # How many events it has: a form says which it has seen, and one that has not seen them all is refused.
    revision = models.PositiveIntegerField(default=0)
    # The offer that waits for an answer; until then the duty stays with its owner.
    offer = models.ForeignKey("ledger.Handover", null=True, on_delete=models.PROTECT, related_name="duties")
    offered_to = models.CharField(max_length=20, blank=True)
    # Who accepted this duty alone. While it holds, the owner that evaluations give waits in `need_owner` (holding.py).
    handed_to = models.CharField(max_length=20, blank=True)
    need_owner = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name_plural = "duties"
        constraints = (
            models.UniqueConstraint(fields=("person", "rule_id", "subject", "point", "instance"), name="one_instance"),
            models.UniqueConstraint(
                fields=("person", "rule_id", "subject", "point"), condition=models.Q(state="open"), name="one_open_instance"
            ),
        )
        indexes = (
            models.Index(fields=("owner_org", "state", "due_on"), name="duties_of_owner"),
            models.Index(fields=("person", "state"), name="duties_of_person"),
            models.Index(fields=("state", "closed_as_of"), name="duties_closed"),
            models.Index(fields=("offered_to",), condition=models.Q(offered_to__gt=""), name="duties_offered"),
            models.Index(fields=("owner_org", "person"), condition=models.Q(state="open", kind="asked"), name="duties_asked"),
            # All that lists of a region ask of a duty before they show it, so that PostgreSQL reads these and not the rows.
            models.Index(
                fields=("owner_org", "due_on", "person", "shown_from", "state"), condition=models.Q(state="open"), name="open_of_owner"
            ),
            models.Index(
                fields=("person", "due_on", "owner_org", "shown_from", "state"), condition=models.Q(state="open"), name="open_of_person"
            ),
            models.Index(
                fields=("owner_org", "closed_as_of", "person", "state"), condition=~models.Q(state="open"), name="closed_of_owner"
            ),
        )

    def __str__(self) -> str:
        return f"duty {self.pk}"

    @property
    def is_open(self) -> bool:
        return self.state == DutyState.OPEN


class EventKind(models.TextChoices):
    """The first six come from evaluations, the others from people."""

    OPENED = "opened", "Opened"
    CHANGED = "changed", "Changed"
    MET = "met", "Done"
    DECLINED = "declined", "Declined by the patient"
    NOT_APPLICABLE = "not applicable", "Not applicable"
    SUPERSEDED = "superseded", "No longer owed"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    ASSIGNED = "assigned", "Assigned"
    DEFERRED = "deferred", "Not this time"
    ANSWERED = "answered", "Answer given"
    RESULT = "result recorded", "Result recorded"
    TAKEN_ON = "taken on", "Taken on"
    UNDONE = "undone", "Undone"
    OFFERED = "offered", "Offered"
    ACCEPTED = "offer accepted", "Accepted"
    OFFER_DECLINED = "offer declined", "Offer declined"
    WITHDRAWN = "offer withdrawn", "Offer withdrawn"
    MOVED = "moved", "Moved"
    SETTLED = "settled", "Settled where it was asked"


HANDOVER_ANSWERS = (EventKind.ACCEPTED, EventKind.OFFER_DECLINED, EventKind.WITHDRAWN)


class DutyEvent(ToldRow):
    """What happened to a duty. `by` is null when an evaluation did it."""

    duty = models.ForeignKey(Duty, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=20, choices=EventKind.choices)
    detail = models.JSONField(default=dict)
    supersedes = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="superseded_by")
    as_of = models.DateField()

    def __str__(self) -> str:
        return f"{self.kind} duty {self.duty_id}"


class HandoverScope(models.TextChoices):
    DUTY = "duty", "This duty only"
    MEDICINE = "medicine", "Everything about the medicine"


class HandoverState(models.TextChoices):
    OPEN = "open", "Waiting for an answer"
    ACCEPTED = "accepted", "Accepted"
    DECLINED = "declined", "Declined"
    WITHDRAWN = "withdrawn", "Withdrawn"


class Handover(models.Model):
    """An offer of one organisation to another: one duty, or everything about a medicine of this person. The current state, as
    the events of its duties tell it. Silence is no state: an offer that is open after `answer_by` has not been answered."""

    person = models.ForeignKey(PersonRecord, on_delete=models.PROTECT, related_name="handovers")
    duty = models.ForeignKey(Duty, on_delete=models.PROTECT, related_name="+")
    scope = models.CharField(max_length=10, choices=HandoverScope.choices)
    substance = models.CharField(max_length=100, blank=True)
    from_org = models.CharField(max_length=20)
    to_org = models.CharField(max_length=20)
    # Whose it was when it was offered: `from_org` or nobody. Should it have moved since, the offer cannot be accepted.
    owner_was = models.CharField(max_length=20)
    why = models.TextField()
    offered_at = models.DateTimeField()
    offered_by = models.ForeignKey(USER, null=True, on_delete=models.PROTECT, related_name="+")
    answer_by = models.DateField()
    state = models.CharField(max_length=10, choices=HandoverState.choices, default=HandoverState.OPEN)
    answered_at = models.DateTimeField(null=True)
    answered_by = models.ForeignKey(USER, null=True, on_delete=models.PROTECT, related_name="+")
    answer_why = models.TextField(blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("person", "substance"), condition=models.Q(state="open", scope="medicine"), name="one_offer_of_a_medicine"
            ),
        )
        indexes = (
            models.Index(fields=("to_org", "state"), name="offers_to_org"),
            models.Index(fields=("from_org", "state"), name="offers_of_org"),
        )

    def __str__(self) -> str:
        return f"hand-over {self.pk}"

    @property
    def is_open(self) -> bool:
        return self.state == HandoverState.OPEN

    def is_silent(self, on: date) -> bool:
        """No answer came by its day. Never a yes: the duty stays where it is, and both sides see it."""
        return self.is_open and self.answer_by < on


class BulkAct(AppendOnlyModel):
    """One act on many duties, as it went: `outcome` is a list of {duty, person, refused (why, empty when done)}."""

    at = models.DateTimeField()
    by = models.ForeignKey(USER, null=True, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=40, blank=True)
    org_code = models.CharField(max_length=20, blank=True)
    act = models.CharField(max_length=20)
    words = models.TextField()
    outcome = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"bulk act {self.pk}"


class WorkflowRow(models.Model):
    """What the engine reads of what people did: said once, ended by another event, never deleted."""

    person = models.ForeignKey(PersonRecord, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()
    recorded_by = models.ForeignKey(USER, null=True, on_delete=models.PROTECT, related_name="+")
    org_code = models.CharField(max_length=20, blank=True)
    label = models.CharField(max_length=300)
    undone_at = models.DateTimeField(null=True)
    event = models.ForeignKey(DutyEvent, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        abstract = True


class RecordedResult(WorkflowRow):
    """A result typed in: thousandths of the test's unit; null for a review or a process."""

    test = models.CharField(max_length=60)
    effective_on = models.DateField()
    value_milli = models.BigIntegerField(null=True)

    def __str__(self) -> str:
        return f"recorded result {self.pk}"


class Disposition(WorkflowRow):
    """An answer to a duty: done without a result, declined, not applicable."""

    rule_id = models.CharField(max_length=120)
    subject = models.CharField(max_length=120)
    point = models.CharField(max_length=40)
    kind = models.CharField(max_length=20)
    on_date = models.DateField()
    until = models.DateField(null=True)
    ends_when = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return f"disposition {self.pk}"


class OwnerAssertion(WorkflowRow):
    """An organisation took a medicine on without an agreement."""

    substance = models.CharField(max_length=100)
    owner_org = models.CharField(max_length=20)
    owner_role = models.CharField(max_length=40, blank=True)
    from_on = models.DateField()
    to_on = models.DateField(null=True)

    def __str__(self) -> str:
        return f"owner assertion {self.pk}"


class AskedKind(models.TextChoices):
    ASKED = "asked", "Asked"
    DONE = "done", "Done"
    SUPERSEDED = "superseded", "No longer asked"


class Asked(AppendOnlyModel):
    """A statement about a duty that people's work raised: asked for, moved (asked again with other values), settled. The last one
    about a key holds; the engine reads them all (records/schema.py `asked`). `round` counts how often it was raised anew."""

    person = models.ForeignKey(PersonRecord, on_delete=models.PROTECT, related_name="+")
    source = models.CharField(max_length=60)
    source_id = models.CharField(max_length=120)
    point = models.CharField(max_length=40)
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=12, choices=AskedKind.choices)
    stated_on = models.DateField()
    round = models.PositiveIntegerField()
    raised_on = models.DateField()
    title = models.CharField(max_length=200)
    test = models.CharField(max_length=60, blank=True)
    opens_on = models.DateField()
    due_on = models.DateField()
    escalate_on = models.DateField(null=True)
    owner_org = models.CharField(max_length=20)
    owner_role = models.CharField(max_length=40, blank=True)
    points = models.IntegerField(default=0)
    why = models.TextField()
    label = models.TextField()
    ended_on = models.DateField(null=True)
    ended_why = models.TextField(blank=True)
    source_label = models.CharField(max_length=300, blank=True)
    action_url = models.CharField(max_length=300, blank=True)

    recorded_at = models.DateTimeField()
    recorded_by = models.ForeignKey(USER, null=True, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=40, blank=True)
    org_code = models.CharField(max_length=20, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("person", "source", "source_id", "point", "seq"), name="one_statement"),)

    def __str__(self) -> str:
        return f"asked {self.pk}"


class PackApproval(models.Model):
    """An organisation approved a version of the knowledge pack for its patients."""

    org_code = models.CharField(max_length=20)
    pack = models.CharField(max_length=60)
    version = models.CharField(max_length=40)
    approved_on = models.DateField()
    approved_by = models.ForeignKey(USER, null=True, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()
    label = models.CharField(max_length=300)
    # The rules as they were: rule → title and digest of what it asks for; empty where an approval came with records.
    rules = models.JSONField(default=dict)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("org_code", "pack", "version"), name="one_approval_of_a_version"),)

    def __str__(self) -> str:
        return f"approval {self.pk}"


class Evaluation(models.Model):
    """A run over everyone: what it read and what it did."""

    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    as_of = models.DateField()
    store_version = models.BigIntegerField()
    records_digest = models.CharField(max_length=64)
    pack = models.CharField(max_length=60)
    pack_version = models.CharField(max_length=40)
    people = models.IntegerField(default=0)
    stale = models.IntegerField(default=0)
    counts = models.JSONField(default=dict)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"evaluation {self.pk}"


class PendingEvaluation(models.Model):
    """A person whose duties may be behind what people wrote. The row is the retry: it goes when an evaluation that has
    read the write is applied."""

    person = models.OneToOneField(PersonRecord, primary_key=True, on_delete=models.CASCADE, related_name="pending")
    since = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    last_error = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return f"pending evaluation of person {self.person_id}"
