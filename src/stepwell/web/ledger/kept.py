"""What a list counted, kept between two looks at it while nothing has happened to anybody who is on it.

Over a region a list is counted in a tenth of a second and looked at every few: it is counted again as soon as a duty of somebody
the reader may open has a new event, records are evaluated anew or an entry is marked as sensitive, and after two minutes in any case
(a relationship may have changed without any of them).
Only numbers and keys are kept, under the organisations and the role they were counted for; what a page shows is read anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import astuple, dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.core.cache import cache

from stepwell.web.core import clock
from stepwell.web.core.actor import Actor
from stepwell.web.ledger.models import DutyEvent, Evaluation
from stepwell.web.ledger.selectors import visible_ids
from stepwell.web.privacy import selectors as privacy

if TYPE_CHECKING:
    from stepwell.web.ledger.worklist import Query

KEPT_FOR = timedelta(minutes=2)
# An event is written a moment before it can be read: what is so young may not have been counted.
UNSEEN = timedelta(seconds=10)
# How many people a list names by key; those beyond are looked up when somebody turns so many pages.
PEOPLE = 5_000
# So many events at once are an evaluation: counting is quicker than looking through them.
MANY = 2_000


@dataclass(frozen=True)
class Listing:
    """`counts`: people by tab; `people`: keys in the order of the list, at most `PEOPLE`; `deferred`: people left out as put off."""

    counts: dict[Any, int]
    people: list[int]
    deferred: int


@dataclass(frozen=True)
class _Held:
    listing: Listing
    seen: int
    at: datetime


def listing(actor: Actor, query: Query, on: date, count: Callable[[], Listing]) -> Listing:
    """The kept listing of this query, or a new one."""
    new = _Held(Listing({}, [], 0), DutyEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0, clock.now())
    key = _key(actor, query, on)
    held: _Held | None = cache.get(key)
    if held is not None and not _moved(actor, on, held, new):
        return held.listing
    found = count()
    cache.set(key, replace(new, listing=found), KEPT_FOR.total_seconds())
    return found


def _key(actor: Actor, query: Query, on: date) -> str:
    reader = (actor.user_id, actor.organisation, sorted(actor.organisations), sorted(actor.covered), actor.role)
    run = Evaluation.objects.order_by("-pk").values_list("pk", "finished_at").first()
    return "worklist:" + hashlib.sha256(repr((reader, astuple(query), on, run, privacy.latest_mark())).encode()).hexdigest()


def _moved(actor: Actor, on: date, held: _Held, new: _Held) -> bool:
    if not held.at <= new.at < held.at + KEPT_FOR or not held.seen <= new.seen < held.seen + MANY:
        return True
    # Keys are given before they can be read, so a lower one may have come since.
    since = DutyEvent.objects.filter(pk__gt=held.seen - MANY, at__gte=held.at - UNSEEN)
    return since.filter(duty__person_id__in=visible_ids(actor, on)).exists()
