"""Where somebody is signed in, and ending it elsewhere. allauth keeps which sessions are whose; Django keeps the sessions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest

from stepwell.web.accounts.models import Membership, ProviderSession, User
from stepwell.web.accounts.roles import role
from stepwell.web.accounts.services import MEMBERSHIP_KEY, SEEN_KEY, STARTED_KEY
from stepwell.web.core import audit, clock
from stepwell.web.core.actor import Actor

_BROWSERS = (("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (("Windows", "Windows"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Mac OS X", "Mac"), ("Linux", "Linux"))
_UNKNOWN_ADDRESS = "0.0.0.0"  # noqa: S104  what the column needs where a server tells no address


@dataclass(frozen=True, slots=True)
class SessionLine:
    started: datetime | None
    seen: datetime | None
    browser: str
    address: str
    acting_as: str
    is_this: bool


def begin(request: HttpRequest, user: User, address: str) -> None:
    """Remember that this session is theirs."""
    if request.session.session_key is None:
        request.session.save()
    UserSession.objects.update_or_create(
        session_key=request.session.session_key,
        defaults={
            "user": user,
            "ip": address or _UNKNOWN_ADDRESS,
            "user_agent": request.META.get("HTTP_USER_AGENT", "")[: _length("user_agent")],
        },
    )


def sessions_of(request: HttpRequest, user: User) -> list[SessionLine]:
    """Sessions that still count, this one first. What has timed out meanwhile is cleared away."""
    now, found = clock.now().timestamp(), []
    for row in UserSession.objects.filter(user=user).order_by("-created_at"):
        held = _store(row.session_key).load()
        started, seen = held.get(STARTED_KEY, 0), held.get(SEEN_KEY, 0)
        over = not held or now - started > settings.SESSION_COOKIE_AGE or now - seen > settings.IDLE_SECONDS
        if over and row.session_key != request.session.session_key:
            row.end()
            continue
        found.append(_line(row, request, held))
    return sorted(found, key=lambda line: not line.is_this)


def _line(row: UserSession, request: HttpRequest, held: dict[str, Any]) -> SessionLine:
    membership = Membership.objects.select_related("organisation").filter(pk=held.get(MEMBERSHIP_KEY, 0)).first()
    return SessionLine(
        started=_moment(held.get(STARTED_KEY)),
        seen=_moment(held.get(SEEN_KEY)),
        browser=_browser(row.user_agent),
        address="" if row.ip == _UNKNOWN_ADDRESS else row.ip,
        acting_as=f"{role(membership.role).label}, {membership.organisation.name}" if membership else "no role chosen",
        is_this=row.session_key == request.session.session_key,
    )


def end_others(request: HttpRequest, user: User, actor: Actor | None) -> int:
    """End every session of theirs but this one; gives how many."""
    with transaction.atomic():
        rows = list(UserSession.objects.filter(user=user).exclude(session_key=request.session.session_key))
        for row in rows:
            row.end()
        who = actor or Actor.system("sign-in")
        audit.record_write(who, "end other sessions", subject_type="user", subject_id=user.pk, reason=str(len(rows)))
    return len(rows)


def end_all(user: User) -> None:
    for row in UserSession.objects.filter(user=user):
        row.end()
    ProviderSession.objects.filter(identity__user=user).delete()


def end_keys(keys: list[str]) -> int:
    """End the sessions with these keys, whether or not they are listed; gives how many there were."""
    for key in keys:
        _store(key).delete()
    UserSession.objects.filter(session_key__in=keys).delete()
    ProviderSession.objects.filter(session_key__in=keys).delete()
    return len(keys)


def _store(key: str) -> Any:
    return import_module(settings.SESSION_ENGINE).SessionStore(key)


def _moment(seconds: Any) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def _browser(agent: str) -> str:
    browser = next((name for sign, name in _BROWSERS if sign in agent), "a browser")
    system = next((name for sign, name in _SYSTEMS if sign in agent), "")
    return f"{browser} on {system}" if system else browser


def _length(field: str) -> int:
    return int(UserSession._meta.get_field(field).max_length or 0)
