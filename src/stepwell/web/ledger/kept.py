"""Who is on a list and where, kept between two looks at it and put right by what has happened in between.

Over a region a list is made in a tenth of a second and looked at every few. What has happened to somebody the reader may open since
it was made is looked up, and those people alone are placed anew: the next look shows what anybody did. It is made whole again when
records are evaluated anew or an entry is marked as sensitive, when very much has happened, and after two minutes in any case (a
relationship, or the points that somebody stands by, may have changed without any of them).
Only keys and places are kept, under the organisations and the role they were found for; what a page shows is read anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import astuple, dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

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
PEOPLE = 10_000
# So many events at once are an evaluation: making the list is quicker than looking through them, or than placing so many people.
MANY = 2_000
FEW = 200


@dataclass(frozen=True)
class Tabs:
    """People by tab: those it shows, each with the first day (ordinal) something is due, and those it leaves out as put off."""

    shown: dict[Any, dict[int, int]]
    put_off: dict[Any, frozenset[int]]

    @property
    def counts(self) -> dict[Any, int]:
        return {tab: len(people) for tab, people in self.shown.items()}

    def put_right(self, changed: frozenset[int], now: Tabs) -> Tabs | None:
        return Tabs(
            {tab: {key: day for key, day in people.items() if key not in changed} | now.shown[tab] for tab, people in self.shown.items()},
            {tab: people - changed | now.put_off[tab] for tab, people in self.put_off.items()},
        )


@dataclass(frozen=True)
class Places:
    """At most `PEOPLE` of a list in its order: what they go by, and last the person's key."""

    rows: list[tuple[int, ...]]

    @property
    def people(self) -> list[int]:
        return [row[-1] for row in self.rows]

    def put_right(self, changed: frozenset[int], now: Places) -> Places | None:
        # Who comes after the last of a list that was cut off is not known.
        if len(self.rows) >= PEOPLE:
            return None
        return Places(sorted([row for row in self.rows if row[-1] not in changed] + now.rows)[:PEOPLE])


_F = TypeVar("_F", Tabs, Places)


@dataclass(frozen=True)
class _Held(Generic[_F]):
    """`made`: when it was made whole; `seen` and `at`: up to which event, and when, it was last put right."""

    found: _F
    made: datetime
    seen: int
    at: datetime


class Look:
    """One look of a reader at their lists."""

    def __init__(self, actor: Actor, on: date) -> None:
        self._actor, self._on = actor, on
        self._seen = DutyEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        self._at = clock.now()
        reader = (actor.user_id, actor.organisation, sorted(actor.organisations), sorted(actor.covered), actor.role)
        run = Evaluation.objects.order_by("-pk").values_list("pk", "finished_at").first()
        self._of = repr((reader, on, run, privacy.latest_mark()))
        self._changed: dict[tuple[int, datetime], frozenset[int]] = {}

    def kept(self, what: str, query: Query, find: Callable[[Collection[int] | None], _F]) -> _F:
        """What was kept of this question, put right; or what `find` finds now: of everybody, or of the people named."""
        key = f"worklist-{what}:" + hashlib.sha256(repr((self._of, astuple(query))).encode()).hexdigest()
        held: _Held[_F] | None = cache.get(key)
        found, made = None, self._at
        if held is not None and self._may_be_put_right(held):
            changed = self._changed_since(held.seen, held.at)
            if not changed:
                return held.found
            if len(changed) <= FEW:
                found, made = held.found.put_right(changed, find(changed)), held.made
        if found is None:
            found, made = find(None), self._at
        cache.set(key, _Held(found, made, self._seen, self._at), KEPT_FOR.total_seconds())
        return found

    def _may_be_put_right(self, held: _Held[_F]) -> bool:
        return held.at <= self._at < held.made + KEPT_FOR and held.seen <= self._seen < held.seen + MANY

    def _changed_since(self, seen: int, at: datetime) -> frozenset[int]:
        """People the reader may open of whom something may have happened that the list does not know of."""
        if (seen, at) not in self._changed:
            # Keys are given before they can be read, so a lower one may have come since.
            since = DutyEvent.objects.filter(pk__gt=seen - MANY, at__gte=at - UNSEEN)
            # These few first: beside all whom the reader may open, PostgreSQL would begin with them.
            people = set(since.order_by().values_list("duty__person_id", flat=True).distinct())
            near = visible_ids(self._actor, self._on).filter(person_id__in=people) if people else ()
            self._changed[seen, at] = frozenset(near)
        return self._changed[seen, at]
