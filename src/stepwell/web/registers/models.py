"""What lists are made of: who is on which register, with which medicines and loads, as the last evaluation found them.

Rows are a cache of an evaluation, replaced person by person in the transaction that reconciles their duties
(`keep.py`), so that a list, its count and the duties behind it always come from the same evaluation.
"""

from __future__ import annotations

from django.db import models

from stepwell.web.ledger.models import PersonRecord


class Membership(models.Model):
    """One person on one register now.

    `substances`, `owners` and `findings` hold keys between bars ("|codeine|morphine|"): medicines that put the person on it
    (for a condition: all registered ones), organisations that own those medicines or what is due about them, and rules whose
    open duties about them are due. `dose` is in stored units of the register's load, or micrograms where the register is one
    medicine; null when there is no such measure or it is not known. `classes`: registers of the same group now.
    """

    person = models.ForeignKey(PersonRecord, on_delete=models.CASCADE, related_name="memberships")
    gp_org = models.CharField(max_length=20, blank=True)
    register = models.CharField(max_length=60)
    status = models.CharField(max_length=10)
    entered_on = models.DateField(null=True)
    months = models.IntegerField(null=True)
    new_starter = models.BooleanField(default=False)
    long_term = models.BooleanField(default=False)
    substances = models.TextField(blank=True)
    licence = models.CharField(max_length=12, blank=True)
    owners = models.TextField(blank=True)
    overdue = models.IntegerField(default=0)
    oldest_due_on = models.DateField(null=True)
    findings = models.TextField(blank=True)
    dose = models.BigIntegerField(null=True)
    classes = models.SmallIntegerField(default=1)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("person", "register"), name="once_on_a_register"),)
        indexes = (models.Index(fields=("register", "gp_org"), name="register_of_practice"),)

    def __str__(self) -> str:
        return f"person {self.person_id} on {self.register}"


class Spell(models.Model):
    """A time on a register that is over."""

    person = models.ForeignKey(PersonRecord, on_delete=models.CASCADE, related_name="register_spells")
    gp_org = models.CharField(max_length=20, blank=True)
    register = models.CharField(max_length=60)
    entered_on = models.DateField()
    left_on = models.DateField()
    reason = models.CharField(max_length=20)

    class Meta:
        indexes = (models.Index(fields=("register", "-left_on"), name="left_a_register"),)

    def __str__(self) -> str:
        return f"person {self.person_id} left {self.register}"


class Load(models.Model):
    """A load of a person: percent of maximum, oral morphine, burdens; in stored units (k_load.scale). `unknown`: contributing
    medicines whose dose is not known, so that the value is at least this."""

    person = models.ForeignKey(PersonRecord, on_delete=models.CASCADE, related_name="loads")
    load = models.CharField(max_length=60)
    value = models.BigIntegerField()
    prescribed = models.BigIntegerField(null=True)
    unknown = models.IntegerField(default=0)
    from_on = models.DateField(null=True)
    parts = models.TextField(blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("person", "load"), name="one_value_of_a_load"),)
        indexes = (models.Index(fields=("load", "value"), name="people_over_a_line"),)

    def __str__(self) -> str:
        return f"person {self.person_id} {self.load}"


class Interaction(models.Model):
    """Medicines of a person that are not safe together."""

    person = models.ForeignKey(PersonRecord, on_delete=models.CASCADE, related_name="interactions")
    interaction = models.CharField(max_length=20)
    severity = models.CharField(max_length=10)
    from_on = models.DateField(null=True)
    substances = models.TextField()

    def __str__(self) -> str:
        return f"person {self.person_id} {self.interaction}"
