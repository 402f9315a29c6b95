"""Sessions end when idle or old; every request of somebody signed in acts as one membership."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from stepwell.web.accounts import selectors, services
from stepwell.web.core import clock

GetResponse = Callable[[HttpRequest], HttpResponse]
_WRITE_EVERY = 60  # seconds: "last seen" is kept to the minute, so that reading pages does not write sessions


class SessionLimitsMiddleware:
    """Signs out after `IDLE_SECONDS` without a request, and `SESSION_COOKIE_AGE` after signing in whatever happens."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            now = int(clock.now().timestamp())
            started = request.session.get(services.STARTED_KEY, 0)
            seen = request.session.get(services.SEEN_KEY, 0)
            if now - started > settings.SESSION_COOKIE_AGE or now - seen > settings.IDLE_SECONDS:
                logout(request)
            elif now - seen >= _WRITE_EVERY:
                request.session[services.SEEN_KEY] = now
        return self.get_response(request)


class ActorMiddleware:
    """Sets `request.actor`: who is acting, as what, for whom. None when nobody is signed in.

    Somebody signed in without a membership in force is sent to choose one; a membership that ended stops at once.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.actor = None  # type: ignore[attr-defined]
        chosen = request.session.get(services.MEMBERSHIP_KEY) if request.user.is_authenticated else None
        if chosen is not None:
            today = clock.today()
            membership = selectors.membership_in_force(request.user, chosen, today)  # type: ignore[arg-type]
            if membership is not None:
                request.actor = selectors.actor_for(membership, today)  # type: ignore[attr-defined]
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        if request.user.is_authenticated and request.session.get(services.MUST_SET_UP_KEY) and not _before_second_step(view):
            return redirect("accounts:set_up_second_step")
        if request.user.is_authenticated and request.actor is None and not _without_actor(view):  # type: ignore[attr-defined]
            return redirect("accounts:choose_membership")
        return None


def _without_actor(view: Any) -> bool:
    return bool(getattr(view, "without_actor", False)) or not getattr(view, "login_required", True)


def _before_second_step(view: Any) -> bool:
    return bool(getattr(view, "before_second_step", False)) or not getattr(view, "login_required", True)
