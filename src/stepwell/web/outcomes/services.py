"""Verbs of outcomes: what released money was put into, told by the organisation, and taken back when it was entered in error."""

from __future__ import annotations

from datetime import date

from django.db import transaction

from stepwell.errors import Refused
from stepwell.web.core import audit, clock
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.gate import require
from stepwell.web.core.permissions import Permission
from stepwell.web.outcomes.choices import choices
from stepwell.web.outcomes.models import Reinvestment


def record_reinvestment(actor: Actor, *, on: date, pence: int, what: str) -> int:
    """The actor's organisation put `pence` into `what`. Refused: nothing said, no amount, a day to come. Gives the key."""
    require(actor, Permission.VIEW_OUTCOMES, OrganisationSubject(actor.organisation))
    words = _words(what, "Say what it was put into.")
    if pence <= 0:
        raise Refused("Give an amount above nothing.")
    if on > clock.today():
        raise Refused("The day cannot be after today.")
    with transaction.atomic():
        return _tell(actor, on, pence, words, error=None, act="record reinvestment").pk


def take_back(actor: Actor, key: int, *, why: str) -> int:
    """Entered in error: it stays, and counts no longer. Refused when it is not theirs, or was taken back already."""
    require(actor, Permission.VIEW_OUTCOMES, OrganisationSubject(actor.organisation))
    words = _words(why, "Say what was wrong.")
    with transaction.atomic():
        row = Reinvestment.objects.select_for_update().filter(pk=key, org_code=actor.organisation, in_error_of__isnull=True).first()
        if row is None:
            raise Refused(f"{actor.organisation_name} recorded no such reinvestment.")
        if Reinvestment.objects.filter(in_error_of=row).exists():
            raise Refused("It was entered in error already.")
        return _tell(actor, clock.today(), 0, words, error=row, act="reinvestment entered in error").pk


def _words(text: str, missing: str) -> str:
    words = " ".join(text.split())
    if not words:
        raise Refused(missing)
    if len(words) > choices().longest.what:
        raise Refused(f"Use at most {choices().longest.what} characters.")
    return words


def _tell(actor: Actor, on: date, pence: int, words: str, *, error: Reinvestment | None, act: str) -> Reinvestment:
    if actor.user_id is None:
        raise Refused("Somebody has to write it down.")
    row = Reinvestment.objects.create(
        org_code=actor.organisation, on=on, pence=pence, what=words, at=clock.moment(), by_id=actor.user_id, by_name=actor.display_name,
        role=actor.role, in_error_of=error,
    )  # fmt: skip
    audit.record_write(actor, Permission.VIEW_OUTCOMES, subject_type=act, subject_id=row.pk)
    return row
