"""Lists that people named: saving, renaming, removing, and which of them somebody sees."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from django.db import transaction

from stepwell.errors import Refused
from stepwell.web.core import audit, clock
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.gate import require
from stepwell.web.week.listings import WEEK, Place, place_of
from stepwell.web.week.models import ViewEvent, ViewKind

LONGEST_NAME, LONGEST_QUERY = 60, 500
# More names than this are no help in finding one.
MOST_OWN = 50


@dataclass(frozen=True, slots=True)
class SavedView:
    """A named list as it is now. `mine`: saved by the actor, who alone renames or removes it."""

    view: str
    name: str
    place: Place
    shared: bool
    mine: bool
    by: str


def views_for(actor: Actor, place_key: str = "") -> list[SavedView]:
    """The actor's own and those shared at the organisation, of one place or of all, by name; none of a list the role may not see."""
    latest: dict[str, ViewEvent] = {}
    for row in ViewEvent.objects.filter(org_code=actor.organisation).select_related("by").order_by("id"):
        latest[row.view] = row
    found = []
    for row in latest.values():
        if row.kind == ViewKind.REMOVED or not (row.shared or row.by_id == actor.user_id) or place_key not in ("", row.place):
            continue
        place = place_of(row.place, row.query, actor)
        if place is not None and actor.may(place.permission):
            found.append(SavedView(row.view, row.name, place, row.shared, row.by_id == actor.user_id, row.by.display_name))
    return sorted(found, key=lambda view: (view.name.lower(), view.view))


def save(actor: Actor, *, place: str, query: str, name: str, shared: bool) -> SavedView:
    """Name a list. The address is kept as its page reads it, so that what it cannot read is not kept."""
    found = place_of(place, query, actor)
    if found is None or found.kind == WEEK:
        raise Refused("Only a worklist or a register can be saved under a name.")
    require(actor, found.permission, OrganisationSubject(actor.organisation))
    if len(found.query) > LONGEST_QUERY:
        raise Refused("This list asks for too much to be saved. Take some of its filters away.")
    words = _name(actor, name)
    own = views_for(actor)
    if sum(view.mine for view in own) >= MOST_OWN:
        raise Refused(f"You have saved {MOST_OWN} lists. Remove one you no longer use first.")
    return _write(actor, secrets.token_hex(6), ViewKind.SAVED, words, found, shared)


def rename(actor: Actor, view: str, *, name: str, shared: bool) -> SavedView:
    """Another name, or shared with the organisation or no longer."""
    mine = _own(actor, view)
    return _write(actor, view, ViewKind.RENAMED, _name(actor, name, but_not=view), mine.place, shared)


def remove(actor: Actor, view: str) -> None:
    mine = _own(actor, view)
    _write(actor, view, ViewKind.REMOVED, mine.name, mine.place, mine.shared)


def _own(actor: Actor, view: str) -> SavedView:
    found = own_view(actor, view)
    if found is None:
        raise Refused("This list is not saved any more, or somebody else saved it.")
    return found


def own_view(actor: Actor, view: str) -> SavedView | None:
    return next((each for each in views_for(actor) if each.view == view and each.mine), None)


def _name(actor: Actor, name: str, but_not: str = "") -> str:
    words = " ".join(name.split())
    if not words:
        raise Refused("Give the list a name.")
    if len(words) > LONGEST_NAME:
        raise Refused(f"Give a name of at most {LONGEST_NAME} characters.")
    if any(view.mine and view.view != but_not and view.name.lower() == words.lower() for view in views_for(actor)):
        raise Refused(f"You have saved a list called “{words}” already.")
    return words


def _write(actor: Actor, view: str, kind: ViewKind, name: str, place: Place, shared: bool) -> SavedView:  # noqa: PLR0917
    with transaction.atomic():
        ViewEvent.objects.create(
            view=view, kind=kind, name=name, place=place.key, query=place.query, shared=shared,
            org_code=actor.organisation, at=clock.now(), by_id=actor.user_id or 0, role_of_by=actor.role,
        )  # fmt: skip
        audit.record_write(actor, f"list {kind.value}", subject_type="saved list", subject_id=view)
    return SavedView(view, name, place, shared, mine=True, by=actor.display_name)
