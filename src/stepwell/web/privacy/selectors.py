"""Reads: what organisations set, who may open a record without a relationship now, reviews, sensitive marks.

This module reads no other area, so that the ledger itself may ask it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

from stepwell.web.core import clock
from stepwell.web.core.access import EntrySubject, Grant, decide
from stepwell.web.core.actor import Actor
from stepwell.web.core.layout import Notice
from stepwell.web.core.once import once
from stepwell.web.core.permissions import Permission
from stepwell.web.privacy import house
from stepwell.web.privacy.models import Closing, HouseSetting, Opening, Outcome, Review, SensitiveMark

# Settings


class SettingOf:
    """One setting of every organisation, read once: `SettingOf("appointment_days")("A81001")`."""

    def __init__(self, name: str) -> None:
        self._default = house.settings()[name].default
        rows = HouseSetting.objects.filter(name=name).order_by("id")
        self._set = dict(rows.values_list("org_code", "value"))

    def __call__(self, org_code: str) -> int:
        return self._set.get(org_code, self._default)

    @property
    def most(self) -> int:
        """The largest in use anywhere."""
        return max([self._default, *self._set.values()])


def setting(org_code: str, name: str) -> int:
    row = HouseSetting.objects.filter(org_code=org_code, name=name).order_by("-id").first()
    return house.settings()[name].default if row is None else row.value


def settings_history(org_code: str) -> list[HouseSetting]:
    return list(HouseSetting.objects.filter(org_code=org_code).select_related("by").order_by("-id"))


# Records opened without a relationship


def _open(now: datetime) -> QuerySet[Opening]:
    return Opening.objects.filter(until__gt=now).exclude(Exists(Closing.objects.filter(opening_id=OuterRef("pk"))))


def grants(person_id: int, now: datetime) -> list[Grant]:
    """Who may open this record now without a relationship; for `access.grants_for`."""
    return [
        Grant(row.by_id, row.org_code, row.until, house.reason_words(row.reason), evidence_of(row.pk))
        for row in _open(now).filter(person_id=person_id)
    ]


def evidence_of(opening_id: int) -> str:
    """How the audit names an opening."""
    return f"openings/{opening_id}"


def open_of(actor: Actor) -> list[Opening]:
    """What this actor has open now."""
    return list(_open(clock.now()).filter(by_id=actor.user_id, org_code=actor.organisation)) if actor.user_id is not None else []


def opening_row(opening_id: int) -> Opening | None:
    return Opening.objects.select_related("closing", "by").filter(pk=opening_id).first()


def notices(actor: Actor) -> list[Notice]:
    """For every page: that a record is open without a relationship, why, and until when. No name: the line is on every page."""
    from django.urls import reverse

    from stepwell.web.core.formatting import clinician

    if not actor.may(Permission.BREAK_GLASS):
        return []
    return [
        Notice(
            f"You opened a record without a relationship: {house.reason_words(row.reason)}. It closes at {clinician.time(row.until)}, "
            "and a privacy officer reviews it.",
            reverse("privacy:end_opening", args=[row.pk]),
            "End now",
        )
        for row in open_of(actor)
    ]


# Reviews


def reviews_of(org_code: str) -> QuerySet[Review]:
    return Review.objects.filter(org_code=org_code).select_related("opening__by", "opening__closing").prefetch_related("outcomes__by")


def waiting(org_code: str) -> QuerySet[Review]:
    """Reviews without an outcome, the first due first."""
    return reviews_of(org_code).exclude(Exists(Outcome.objects.filter(review_id=OuterRef("pk")))).order_by("due_on", "id")


def reviewed(org_code: str) -> QuerySet[Review]:
    """Reviews with an outcome, the newest first."""
    return reviews_of(org_code).filter(Exists(Outcome.objects.filter(review_id=OuterRef("pk")))).order_by("-id")


def review_of(org_code: str, review_id: int) -> Review | None:
    return reviews_of(org_code).filter(pk=review_id).first()


# Sensitive entries


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark in force. `organisations` still see the entry."""

    id: int
    person_id: int
    kind: str
    key: str
    organisations: frozenset[str]

    def seen_by(self, actor: Actor) -> bool:
        return decide(actor, Permission.SEE_SENSITIVE, EntrySubject(self.organisations)).allow


def _in_force() -> QuerySet[SensitiveMark]:
    return SensitiveMark.objects.filter(undoes__isnull=True, undone_by__isnull=True)


def as_mark(row: SensitiveMark) -> Mark:
    return Mark(row.pk, row.person_id, row.kind, row.key, frozenset(part for part in row.organisations.split("|") if part))


@once
def marks_of(person_ids: Collection[int]) -> list[Mark]:
    return [as_mark(row) for row in _in_force().filter(person_id__in=list(person_ids))]


def hidden_marks(actor: Actor) -> QuerySet[SensitiveMark]:
    """Marks in force whose entries this actor does not see: `Mark.seen_by` as a query."""
    rows = _in_force()
    return rows.exclude(organisations__contains=f"|{actor.organisation}|") if actor.may(Permission.SEE_SENSITIVE) else rows


@once
def hides_from(actor: Actor) -> bool:
    """Whether there is anything at all that this actor does not see."""
    return hidden_marks(actor).exists()


def latest_mark() -> int:
    """Key of the last mark that was set or taken off; another one whenever what is hidden may have changed."""
    return SensitiveMark.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def mark_rows(person_id: int) -> Sequence[SensitiveMark]:
    """Every event about this person's entries, the newest first."""
    return list(SensitiveMark.objects.filter(person_id=person_id).select_related("by", "undone_by").order_by("-id"))


def mark_row(person_id: int, mark_id: int) -> SensitiveMark | None:
    return _in_force().filter(pk=mark_id, person_id=person_id).first()
