"""Organisations, the people who work in them, and in which role from when to when.

"User" is a member of staff; "person" elsewhere in Stepwell is a patient.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import F, Q


class OrganisationKind(models.TextChoices):
    PRACTICE = "practice", "General practice"
    TRUST = "trust", "NHS trust"
    TEAM = "team", "Team of a trust"
    PCN = "pcn", "Primary care network"
    PHARMACY = "pharmacy", "Community pharmacy"
    VOLUNTARY = "voluntary", "Voluntary organisation"
    ICB = "icb", "Integrated care board"


class Organisation(models.Model):
    code = models.CharField(max_length=20, unique=True)  # ODS code
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=12, choices=OrganisationKind.choices)
    # Whose bank holidays it keeps: a key of `core.nations.NATIONS`.
    nation = models.CharField(max_length=3, default="ENG")
    # The number that patients ring; empty where nobody has entered one.
    phone = models.CharField(max_length=40, blank=True, default="")

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"


class PartOf(models.Model):
    """`part` belongs to `whole` from `from_on` until the day `to_on`: a practice to a PCN, a team to a trust, all to an ICB.

    What it means for access is decided elsewhere, and is narrow: a PCN works for the registered patients of its practices
    (`selectors.actor_for`). No other belonging gives any reach.
    """

    whole = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="parts")
    part = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="wholes")
    from_on = models.DateField()
    to_on = models.DateField(null=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["whole", "part", "from_on"], name="part_of_once"),
            models.CheckConstraint(condition=Q(to_on__isnull=True) | Q(to_on__gt=F("from_on")), name="part_of_dates"),
            models.CheckConstraint(condition=~Q(whole=F("part")), name="part_of_other"),
        ]

    def __str__(self) -> str:
        return f"{self.part} is part of {self.whole}"


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(username__iexact=username)


class User(AbstractBaseUser):
    """A member of staff. `persona` is the line the demo's sign-in page shows; empty for real people."""

    username = models.CharField(max_length=150, unique=True)
    title = models.CharField(max_length=35, blank=True, default="")
    name = models.CharField(max_length=160)
    email = models.EmailField(blank=True, default="")
    is_active = models.BooleanField(default=True)
    persona = models.CharField(max_length=200, blank=True, default="")

    objects = UserManager()

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.display_name

    @property
    def display_name(self) -> str:
        """`Dr Amara Osei`"""
        return f"{self.title} {self.name}".strip()


class Membership(models.Model):
    """`user` works for `organisation` as `role` (a key of `roles.yaml`), from `from_on` until the day `to_on`."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=40)
    from_on = models.DateField()
    to_on = models.DateField(null=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["user", "organisation", "role", "from_on"], name="membership_once"),
            # Both days alike: taken back before it was ever in force, or on its first day.
            models.CheckConstraint(condition=Q(to_on__isnull=True) | Q(to_on__gte=F("from_on")), name="membership_days"),
        ]

    def __str__(self) -> str:
        return f"{self.user}, {self.role}, {self.organisation}"


class SignInAttempt(models.Model):
    """A failed sign-in, for the rate limit only. `key` is a keyed hash of the user name or the address it came from."""

    key = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar[list[Any]] = [models.Index(fields=["key", "at"], name="sign_in_attempt_key")]

    def __str__(self) -> str:
        return f"{self.key[:8]} {self.at}"


class Invitation(models.Model):
    """A link that lets one person set how they sign in, once, for a day. Only a keyed hash of it is kept; it is shown once.

    `purpose` is join (somebody new) or reset (somebody who lost their password, phone or key).
    """

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="invitations")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+", null=True)
    purpose = models.CharField(max_length=8)
    key = models.CharField(max_length=64, unique=True)
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", null=True)
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.purpose} {self.user}"


class Identity(models.Model):
    """Who a member of staff is at a sign-in provider: `subject` is the provider's own name for them and never changes."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="identities")
    provider = models.CharField(max_length=40)
    subject = models.CharField(max_length=255)
    linked_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["provider", "subject"], condition=Q(ended_at__isnull=True), name="identity_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user} at {self.provider}"


class ProviderSession(models.Model):
    """A session of ours that a provider's sign-in began, so that signing out there ends it here."""

    identity = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="sessions")
    sid = models.CharField(max_length=255, blank=True, default="")
    session_key = models.CharField(max_length=40, unique=True)
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar[list[Any]] = [models.Index(fields=["sid"], name="provider_session_sid")]

    def __str__(self) -> str:
        return f"{self.identity} {self.at}"
