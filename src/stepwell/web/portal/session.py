"""The session of a person on their own page. It is no sign-in of staff: nobody is authenticated by it, no page of staff opens, and a
browser in which a member of staff is signed in opens nobody's own page.

    session.begin(request, row)          # a new session, under a new key
    me = session.current(request)        # who it is, None when it has ended
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import rotate_token
from django.shortcuts import redirect, render
from django.urls import reverse

from stepwell.web.core import audit, clock, gate
from stepwell.web.core.actor import Actor
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.portal import selectors
from stepwell.web.portal.choices import choices
from stepwell.web.portal.models import OwnCode

KEY = "stepwell_own_page"
_WRITE_EVERY = 30  # seconds: "last seen" is kept no finer, so that reading pages does not write sessions


@dataclass(frozen=True, slots=True)
class Me:
    """The person whose page it is, as they act. `ends_at`: when they are signed out if they do nothing."""

    actor: Actor
    person: PersonRecord
    org_code: str
    ends_at: datetime


def begin(request: HttpRequest, row: OwnCode) -> None:
    """Nothing of an earlier session is taken over."""
    request.session.flush()
    now = int(clock.now().timestamp())
    request.session[KEY] = {"code": row.pk, "started": now, "seen": now}
    rotate_token(request)


def end(request: HttpRequest) -> None:
    request.session.flush()


def was_here(request: HttpRequest) -> bool:
    return KEY in request.session


def current(request: HttpRequest) -> Me | None:
    """None without a session, when it has timed out, when the code was withdrawn, replaced or is over, and for staff."""
    held = request.session.get(KEY)
    if held is None or request.user.is_authenticated:
        return None
    now, idle = int(clock.now().timestamp()), 60 * choices().idle_minutes
    row = selectors.code_row(held["code"])
    over = now - held["seen"] > idle or now - held["started"] > 3600 * choices().hours
    if over or row is None or not selectors.opens(row, clock.today()):
        return None
    if now - held["seen"] >= _WRITE_EVERY:
        request.session[KEY] = held | {"seen": now}
    ends_at = clock.now() + timedelta(seconds=min(idle, held["started"] + 3600 * choices().hours - now))
    return Me(Actor.themselves(row.person_id), row.person, row.org_code, ends_at)


View = Callable[..., HttpResponse]


def own_page(what: str, permission: Permission = Permission.VIEW_OWN_PLAN) -> Callable[[View], View]:
    """A page of the person themselves: `view(request, me)`. That it was opened is decided and recorded first. `what` names it."""

    def wrap(view: View) -> View:
        @wraps(view)
        def opened(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            me = current(request)
            if me is None:
                return _closed(request)
            gate.open_patient(me.actor, ledger.subject_of(me.person.person_id), action=permission, what=what)
            return view(request, me, *args, **kwargs)

        return login_not_required(opened)

    return wrap


def _closed(request: HttpRequest) -> HttpResponse:
    """Nobody's page is open: to the sign-in, which says so. What was written in a form that came too late was not sent."""
    if request.user.is_authenticated:
        audit.record_refusal(request.actor or Actor.system("own page"), Permission.VIEW_OWN_PLAN, reason="signed in as staff")  # type: ignore[attr-defined]
        return staff_here(request)
    lost = request.method not in {"GET", "HEAD"}
    why = "lost" if lost else "over" if was_here(request) else ""
    if lost:
        audit.record_refusal(Actor.system("own page"), Permission.VIEW_OWN_PLAN, reason="nobody is signed in")
    request.session.pop(KEY, None)
    return redirect(reverse("portal:sign_in") + (f"?why={why}" if why else ""))


def staff_here(request: HttpRequest) -> HttpResponse:
    response = render(request, "portal/staff_here.jinja", status=403)
    response.error_page = True  # type: ignore[attr-defined]  # it shows nobody
    return response
