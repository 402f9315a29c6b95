"""Signing in, choosing whom one acts for, signing out."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any, cast

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from stepwell.web.accounts import selectors, services
from stepwell.web.accounts.forms import AgainForm, SignInForm
from stepwell.web.accounts.models import Membership, User
from stepwell.web.accounts.roles import role
from stepwell.web.core import clock
from stepwell.web.core.declare import no_patient_data


def personas_allowed(request: HttpRequest) -> bool:
    """Sign-in without a password: only when the demo is on, and only from this machine, not through a proxy."""
    if not settings.DEMO or "HTTP_X_FORWARDED_FOR" in request.META or "HTTP_FORWARDED" in request.META:
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@no_patient_data
def sign_in(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated and request.method != "POST":
        return redirect("core:home")
    form = SignInForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        user = _authenticated(request, form)
        if user is not None:
            return _start(request, user, list(selectors.memberships_of(user, clock.today())))
    return render(
        request,
        "accounts/sign_in.jinja",
        {
            "form": form,
            "organisations": _persona_groups() if personas_allowed(request) else [],
            "next": request.POST.get("next") or request.GET.get("next", ""),
        },
        status=422 if form.errors else 200,
    )


def _authenticated(request: HttpRequest, form: SignInForm) -> User | None:
    username, address = form.cleaned_data["username"], _address(request)
    if services.too_many_attempts(username, address):
        form.add_error(None, "Too many attempts. Wait five minutes, then try again, or ask your system lead for a new password.")
        return None
    user = authenticate(request, username=username, password=form.cleaned_data["password"])
    if isinstance(user, User):
        return user
    services.record_failed_sign_in(username, address)
    form.add_error(None, "The user name or the password is not right. Check both and try again.")
    return None


def _address(request: HttpRequest) -> str:
    """Where the request came from: what our own proxy added last, or the connection itself."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "") if settings.PROXY else ""
    return forwarded.rpartition(",")[2].strip() or str(request.META.get("REMOTE_ADDR", ""))


def _persona_groups() -> list[dict[str, Any]]:
    groups: dict[str, dict[str, Any]] = {}
    for row in selectors.personas(clock.today()):
        group = groups.setdefault(row.organisation.code, {"name": row.organisation.name, "people": []})
        group["people"].append({"membership": row, "role": role(row.role).label})
    return list(groups.values())


@login_not_required
@require_POST
@no_patient_data
def sign_in_as_persona(request: HttpRequest) -> HttpResponse:
    if not personas_allowed(request):
        raise PermissionDenied
    chosen = request.POST.get("membership", "")
    rows = [row for row in selectors.personas(clock.today()) if str(row.pk) == chosen]
    if not rows:
        raise Http404
    return _start(request, rows[0].user, rows)


def _start(request: HttpRequest, user: User, memberships: Sequence[Membership]) -> HttpResponse:
    services.sign_in(request, user, memberships)
    if len(memberships) != 1:
        return redirect("accounts:choose_membership")
    return redirect(_safe(request, request.POST.get("next", "")))


def _safe(request: HttpRequest, target: str) -> str:
    """Where to go next: `target` when it is a page of ours, else the start page."""
    ours = url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return target if ours else reverse("core:home")


@require_http_methods(["GET", "HEAD", "POST"])
@no_patient_data
def sign_in_again(request: HttpRequest) -> HttpResponse:
    """Before something that matters (an export, a record without a relationship): show once more that it is you, and go on."""
    user = cast(User, request.user)
    target = _safe(request, request.POST.get("next") or request.GET.get("next", ""))
    without_password = bool(user.persona) and personas_allowed(request)
    form = AgainForm(request.POST if request.method == "POST" and not without_password else None)
    if request.method == "POST":
        if without_password:
            services.proved_again(request, request.actor, "persona")  # type: ignore[attr-defined]
            return redirect(target)
        if form.is_valid() and _proved(request, user, form):
            services.proved_again(request, request.actor, "password")  # type: ignore[attr-defined]
            return redirect(target)
    context = {"form": form, "next": target, "without_password": without_password, "user_name": user.display_name}
    return render(request, "accounts/sign_in_again.jinja", context, status=422 if form.errors else 200)


sign_in_again.without_actor = True  # type: ignore[attr-defined]


def _proved(request: HttpRequest, user: User, form: AgainForm) -> bool:
    address = _address(request)
    if services.too_many_attempts(user.username, address):
        form.add_error(None, "Too many attempts. Wait five minutes, then try again.")
        return False
    if user.check_password(form.cleaned_data["password"]):
        return True
    services.record_failed_sign_in(user.username, address)
    form.add_error("password", "The password is not right. Check it and try again.")
    return False


@require_http_methods(["GET", "HEAD", "POST"])
@no_patient_data
def choose_membership(request: HttpRequest) -> HttpResponse:
    """Which role and organisation to act for, for those who have several; says so when there is none."""
    rows = selectors.memberships_of(request.user, clock.today())  # type: ignore[arg-type]
    if request.method == "POST":
        chosen = rows.filter(pk=request.POST["membership"]).first() if request.POST.get("membership", "").isdigit() else None
        if chosen is None:
            raise Http404
        services.choose_membership(request, chosen)
        return redirect("core:home")
    choices = [{"membership": row, "role": role(row.role).label} for row in rows]
    return render(request, "accounts/choose_membership.jinja", {"choices": choices})


choose_membership.without_actor = True  # type: ignore[attr-defined]


@login_not_required
@require_POST
@no_patient_data
def sign_out(request: HttpRequest) -> HttpResponse:
    services.sign_out(request, getattr(request, "actor", None))
    return redirect("accounts:sign_in")
