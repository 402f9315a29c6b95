"""Signing in, choosing whom one acts for, signing out."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from stepwell.errors import Refused
from stepwell.web.accounts import providers, second_step, selectors, services, sessions, staff
from stepwell.web.accounts.declare import before_second_step, without_actor
from stepwell.web.accounts.forms import AgainForm, CodeForm, SetPasswordForm, SignInForm, credential_of
from stepwell.web.accounts.models import Membership, User
from stepwell.web.accounts.roles import role
from stepwell.web.core import audit, clock, limits
from stepwell.web.core.actor import Actor
from stepwell.web.core.declare import no_patient_data
from stepwell.web.core.forms import Form

F = TypeVar("F", bound=Form)
FORM_METHODS = ["GET", "HEAD", "POST"]
PENDING_KEY = "stepwell_pending"
PENDING_SECONDS = 5 * 60
Origin = tuple[int, str]  # a provider's identity that signed somebody in, and the provider's own name for that session


def personas_allowed(request: HttpRequest) -> bool:
    """Sign-in without a password: only when the demo is on, and only from this machine, not through a proxy."""
    if not settings.DEMO or "HTTP_X_FORWARDED_FOR" in request.META or "HTTP_FORWARDED" in request.META:
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


@login_not_required
@require_http_methods(FORM_METHODS)
@no_patient_data
def sign_in(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated and request.method != "POST":
        return redirect("core:home")
    form = SignInForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        user = _authenticated(request, form)
        if user is not None:
            return first_step_done(request, user, request.POST.get("next", ""))
    return _sign_in_page(request, form)


def _sign_in_page(request: HttpRequest, form: SignInForm) -> HttpResponse:
    return render(
        request,
        "accounts/sign_in.jinja",
        {
            "form": form,
            "organisations": _persona_groups() if personas_allowed(request) else [],
            "providers": providers.configured(),
            "next": request.POST.get("next") or request.GET.get("next", ""),
        },
        status=422 if form.errors else 200,
    )


def _authenticated(request: HttpRequest, form: SignInForm) -> User | None:
    username, address = form.cleaned_data["username"], address_of(request)
    if services.too_many_attempts(username, address):
        form.add_error(None, "Too many attempts. Wait five minutes, then try again, or ask your system lead for a new password.")
        return None
    user = authenticate(request, username=username, password=form.cleaned_data["password"])
    if isinstance(user, User):
        return user
    services.record_failed_sign_in(username, address)
    form.add_error(None, "The user name or the password is not right. Check both and try again.")
    return None


def address_of(request: HttpRequest) -> str:
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
    return first_step_done(request, rows[0].user, request.POST.get("next", ""), only=rows[0])


@login_not_required
@require_POST
@no_patient_data
def sign_in_with_passkey(request: HttpRequest) -> HttpResponse:
    """A passkey alone: it asks for the finger, the face or the PIN, so it is both steps."""
    credential, _ = credential_of(request.POST)
    try:
        if not limits.take("passkey", address_of(request), most=10, within=timedelta(minutes=1)):
            raise Refused(second_step.TOO_OFTEN)
        user = second_step.check_passkey(credential)
    except Refused as refusal:
        return _sign_in_page(request, saying(SignInForm, str(refusal)))
    return start(request, user, request.POST.get("next", ""), second_step_done=True)


@login_not_required
@require_safe
@no_patient_data
def passkey_options(request: HttpRequest) -> HttpResponse:
    """The challenge that a passkey answers: of whoever is half-way through signing in, or signed in, or of anybody."""
    pending = pending_of(request)
    user = pending.user if pending else cast(User, request.user) if request.user.is_authenticated else None
    return JsonResponse(plain(second_step.request_options(user)))


# The second step


@dataclass(frozen=True, slots=True)
class Pending:
    """Somebody whose first step was right and whose second is asked for."""

    user: User
    next: str
    only: int | None
    origin: Origin | None


def first_step_done(
    request: HttpRequest, user: User, target: str, *, only: Membership | None = None, origin: Origin | None = None
) -> HttpResponse:  # fmt: skip
    """Ask for the second step where they have one, else begin the session. `only`: the membership that a persona stands for;
    `origin`: the provider's sign-in that was the first step."""
    if not second_step.has_one(user):
        return start(request, user, target, only=only.pk if only else None, origin=origin)
    request.session[PENDING_KEY] = {
        "user": user.pk,
        "password": user.get_session_auth_hash(),
        "at": int(clock.now().timestamp()),
        "next": target,
        "only": only.pk if only else None,
        "origin": origin,
    }
    with transaction.atomic():
        audit.record_write(Actor.system("sign-in"), "first step done", subject_type="user", subject_id=user.pk)
    return redirect("accounts:second_step")


def pending_of(request: HttpRequest) -> Pending | None:
    held = request.session.get(PENDING_KEY)
    if not held or clock.now().timestamp() - held["at"] > PENDING_SECONDS:
        return None
    user = User.objects.filter(pk=held["user"], is_active=True).first()
    if user is None or not constant_time_compare(held["password"], user.get_session_auth_hash()):
        return None
    origin = held["origin"]
    return Pending(user, held["next"], held["only"], (origin[0], origin[1]) if origin else None)


@login_not_required
@require_http_methods(FORM_METHODS)
@no_patient_data
def check_second_step(request: HttpRequest) -> HttpResponse:
    """A code or a passkey, after the password."""
    pending = pending_of(request)
    if pending is None:
        if request.method == "POST":
            audit.record_refusal(Actor.system("sign-in"), "second step", reason="no first step, or too long ago")
        return redirect("accounts:sign_in")
    credential, _ = credential_of(request.POST)
    form = CodeForm(request.POST if request.method == "POST" and credential is None else None)
    if request.method == "POST":
        try:
            if credential is not None:
                second_step.check_passkey(credential, pending.user)
                return start(request, pending.user, pending.next, only=pending.only, second_step_done=True, origin=pending.origin)
            if form.is_valid():
                second_step.check_code(pending.user, form.cleaned_data["code"])
                return start(request, pending.user, pending.next, only=pending.only, second_step_done=True, origin=pending.origin)
        except Refused as refusal:
            form = saying(CodeForm, str(refusal), "code")
    context = {"form": form, "has_passkey": second_step.has_passkey(pending.user)}
    return render(request, "accounts/second_step.jinja", context, status=422 if form.errors else 200)


def start(
    request: HttpRequest,
    user: User,
    target: str,
    *,
    only: int | None = None,
    second_step_done: bool = False,
    allowed: Sequence[int] | None = None,
    origin: Origin | None = None,
) -> HttpResponse:
    """Begin the session of somebody who has shown who they are. `only`: act as this membership; `allowed`: as one of these."""
    memberships = list(selectors.memberships_of(user, clock.today()))
    if allowed is not None:
        memberships = [row for row in memberships if row.pk in allowed]
    if only is not None:
        memberships = [row for row in memberships if row.pk == only]
    must_set_up = not second_step_done and not second_step.has_one(user) and second_step.required_of(memberships)
    request.session.pop(PENDING_KEY, None)
    services.sign_in(request, user, memberships, must_set_up=must_set_up, allowed=allowed)
    sessions.begin(request, user, address_of(request))
    if origin is not None:
        providers.remember(request, *origin)
    if len(memberships) != 1:
        return redirect("accounts:choose_membership")
    return redirect(safe(request, target))


def safe(request: HttpRequest, target: str) -> str:
    """Where to go next: `target` when it is a page of ours, else the start page."""
    ours = url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return target if ours else reverse("core:home")


@require_http_methods(FORM_METHODS)
@no_patient_data
@before_second_step
def sign_in_again(request: HttpRequest) -> HttpResponse:
    """Before something that matters (an export, a record without a relationship): show once more that it is you, and go on."""
    user = cast(User, request.user)
    target = safe(request, request.POST.get("next") or request.GET.get("next", ""))
    credential, _ = credential_of(request.POST)
    how = ""
    form = AgainForm(request.POST if request.method == "POST" and "password" in request.POST else None)
    if request.method == "POST":
        if user.persona and personas_allowed(request) and not user.has_usable_password():
            how = "persona"
        elif credential is not None:
            try:
                second_step.check_passkey(credential, user)
                how = "passkey"
            except Refused as refusal:
                form = saying(AgainForm, str(refusal))
        elif form.is_valid() and _password_right(request, user, form):
            how = "password"
    if how:
        services.proved_again(request, request.actor, how)  # type: ignore[attr-defined]
        return redirect(target)
    context = {
        "form": form,
        "next": target,
        "without_password": bool(user.persona) and personas_allowed(request) and not user.has_usable_password(),
        "has_password": user.has_usable_password(),
        "has_passkey": second_step.has_passkey(user),
        "providers": providers.of_user(user),
        "user_name": user.display_name,
    }
    return render(request, "accounts/sign_in_again.jinja", context, status=422 if form.errors else 200)


def _password_right(request: HttpRequest, user: User, form: AgainForm) -> bool:
    address = address_of(request)
    if services.too_many_attempts(user.username, address):
        form.add_error(None, "Too many attempts. Wait five minutes, then try again.")
        return False
    if user.check_password(form.cleaned_data["password"]):
        return True
    services.record_failed_sign_in(user.username, address)
    form.add_error("password", "The password is not right. Check it and try again.")
    return False


@require_http_methods(FORM_METHODS)
@no_patient_data
@without_actor
def choose_membership(request: HttpRequest) -> HttpResponse:
    """Which role and organisation to act for, for those who have several; says so when there is none."""
    rows = selectors.memberships_of(cast(User, request.user), clock.today())
    allowed = request.session.get(services.ALLOWED_KEY)
    if allowed is not None:
        rows = rows.filter(pk__in=allowed)
    if request.method == "POST":
        chosen = rows.filter(pk=request.POST["membership"]).first() if request.POST.get("membership", "").isdigit() else None
        if chosen is None:
            raise Http404
        services.choose_membership(request, chosen)
        return redirect("core:home")
    choices = [{"membership": row, "role": role(row.role).label} for row in rows]
    return render(request, "accounts/choose_membership.jinja", {"choices": choices})


@login_not_required
@require_POST
@no_patient_data
def sign_out(request: HttpRequest) -> HttpResponse:
    services.sign_out(request, getattr(request, "actor", None))
    return redirect("accounts:sign_in")


# Invitations


@login_not_required
@require_http_methods(FORM_METHODS)
@no_patient_data
def use_invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Somebody new, or somebody who lost their way of signing in, sets a password with the link they were given."""
    found = staff.invitation_of(token)
    if found is None:
        return render(request, "accounts/invitation_over.jinja", status=410)
    form = SetPasswordForm(request.POST if request.method == "POST" else None, user=found.user)
    if request.method == "POST" and form.is_valid():
        try:
            user = staff.use_invitation(token, form.cleaned_data["new"])
        except Refused:
            return render(request, "accounts/invitation_over.jinja", status=410)
        return first_step_done(request, user, "")
    context = {"form": form, "invited": found.user, "joins": found.purpose == staff.JOIN}
    return render(request, "accounts/invitation.jinja", context, status=422 if form.errors else 200)


def saying(kind: type[F], words: str, field: str | None = None) -> F:
    """An empty form of this kind that shows one error."""
    form = kind({})
    form.full_clean()
    form.errors.clear()
    form.add_error(field, words)
    return form


def plain(value: Any) -> Any:
    """Options of the WebAuthn library as plain JSON values: bytes in the web's base64."""
    if isinstance(value, bytes):
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items() if each is not None}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value
