"""How often something may be done: searches, exports, codes tried. Counted in the database, so that every process counts alike.

    limits.limit(actor, "search", most=60, within=timedelta(minutes=10))      # raises TooMany
    if not limits.take("code", str(user.pk), most=5, within=timedelta(minutes=5)): ...

What is kept is a keyed hash and a moment: no name, no address, nothing that was searched for.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction

from stepwell.errors import Refused
from stepwell.web.core import audit, clock
from stepwell.web.core.actor import Actor
from stepwell.web.core.models import RateUse

_KEPT = timedelta(days=1)


class TooMany(Refused):
    """Something was done too often to be done again now. A view may show its words; unhandled it becomes the 429 page."""


def limit(actor: Actor, what: str, *, most: int, within: timedelta) -> None:
    """Count one use of `what` by this member of staff. With `most` uses inside `within` already: record the refusal, raise `TooMany`.

    Call it outside a transaction that may be rolled back: the refusal must stay on record.
    """
    if take(f"use:{what}", str(actor.user_id), most=most, within=within):
        return
    audit.record_refusal(actor, what, reason=f"more than {most} in {_words(within)}")
    raise TooMany(f"You have done this {most} times in {_words(within)}. Wait a little, then try again.")


def take(kind: str, value: str, *, most: int, within: timedelta) -> bool:
    """Count one use under `kind` and `value` (both are hashed). False, and nothing is counted, when `most` were used already."""
    key, now = hashed(kind, value), clock.now()
    with transaction.atomic():
        _one_at_a_time(key)
        used = RateUse.objects.filter(key=key, at__gt=now - within).count()
        if used >= most:
            return False
        RateUse.objects.filter(key=key, at__lt=now - max(within, _KEPT)).delete()
        RateUse.objects.create(key=key, at=now)
    return True


def _one_at_a_time(key: str) -> None:
    """Two requests in the same moment count one after the other. SQLite's write transactions do so anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int(key[:15], 16)])


def forget(kind: str, value: str) -> None:
    """Begin counting anew: a right code after two wrong ones."""
    RateUse.objects.filter(key=hashed(kind, value)).delete()


def hashed(kind: str, value: str) -> str:
    return hmac.new(settings.SECRET_KEY.encode(), f"{kind}:{value}".encode(), hashlib.sha256).hexdigest()


def _words(within: timedelta) -> str:
    minutes = max(1, round(within.total_seconds() / 60))
    return "a minute" if minutes == 1 else f"{minutes} minutes"
