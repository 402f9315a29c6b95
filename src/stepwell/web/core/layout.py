"""What every page carries: navigation, who is signed in, how old the data is. Areas add to it in their `AppConfig.ready`.

add_navigation(NavItem("Worklist", "ledger:list_duties", Permission.VIEW_WORKLIST, order=10))
provide_stamp(selectors.stamp)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest
from django.urls import reverse

from stepwell.web.config.compat import csp_nonce
from stepwell.web.core import clock
from stepwell.web.core.actor import Actor
from stepwell.web.core.permissions import Permission


@dataclass(frozen=True, slots=True)
class NavItem:
    """`permission` None shows it to everyone who is signed in; the lowest `order` is the home page."""

    text: str
    url_name: str
    permission: Permission | None = None
    order: int = 50


@dataclass(frozen=True, slots=True)
class Stamp:
    """How old what is on the page is. `as_at` is when the records were last brought in, `as_of` the day duties were computed
    for, `approval` who approved the knowledge pack, in words ("approved by Riverside PCN", "not yet approved")."""

    as_at: datetime | None = None
    as_of: date | None = None
    pack: str = ""
    pack_version: str = ""
    approval: str = ""


_navigation: dict[str, NavItem] = {}
_stamp: Callable[[Actor], Stamp | None] | None = None


def add_navigation(item: NavItem) -> None:
    _navigation[item.url_name] = item


def provide_stamp(provider: Callable[[Actor], Stamp | None]) -> None:
    """The area that keeps the ledger tells how old its data is."""
    global _stamp  # noqa: PLW0603
    _stamp = provider


def navigation_for(actor: Actor | None) -> list[NavItem]:
    if actor is None:
        return []
    allowed = (item for item in _navigation.values() if item.permission is None or actor.may(item.permission))
    return sorted(allowed, key=lambda item: (item.order, item.text))


def home_for(actor: Actor | None) -> str | None:
    """Address of the first page this actor may open."""
    items = navigation_for(actor)
    return reverse(items[0].url_name) if items else None


def context(request: HttpRequest) -> Mapping[str, Any]:
    """Template context of every page, error pages included: it never fails for want of a session or a database."""
    actor: Actor | None = getattr(request, "actor", None)
    match = getattr(request, "resolver_match", None)
    return {
        "actor": actor,
        "navigation": navigation_for(actor),
        "current_view": match.view_name if match else "",
        "stamp": _stamp_for(actor),
        "demo": settings.DEMO,
        "cspNonce": csp_nonce(request),
        "signs_out_at": clock.now() + timedelta(seconds=settings.IDLE_SECONDS) if actor else None,
        "idle_seconds": settings.IDLE_SECONDS,
    }


def _stamp_for(actor: Actor | None) -> Stamp | None:
    if actor is None or _stamp is None:
        return None
    try:
        return _stamp(actor)
    except DatabaseError:
        return None
