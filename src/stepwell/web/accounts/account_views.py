"""One's own account: where one is signed in, and how one signs in."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.contrib.auth import update_session_auth_hash
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from stepwell.errors import Refused
from stepwell.web.accounts import providers, second_step, selectors, services, sessions
from stepwell.web.accounts.declare import before_second_step, without_actor
from stepwell.web.accounts.forms import ChangePasswordForm, ConfirmAppForm, credential_of
from stepwell.web.accounts.models import Membership, User
from stepwell.web.accounts.roles import role
from stepwell.web.accounts.views import FORM_METHODS, plain, saying
from stepwell.web.core import audit, clock
from stepwell.web.core.actor import Actor
from stepwell.web.core.declare import no_patient_data

_SAID = {
    "ended": "Signed out everywhere else.",
    "password": "Password changed. Every other session of yours was ended.",
    "added": "Added.",
    "removed": "Removed.",
    "linked": "Linked. It signs you in from now on.",
    "unlinked": "Taken away. It no longer signs you in.",
}


def _who(request: HttpRequest) -> tuple[Actor, User]:
    user = cast(User, request.user)
    return cast(Actor | None, request.actor) or Actor.system("sign-in"), user  # type: ignore[attr-defined]


def _memberships(user: User) -> list[Membership]:
    return list(selectors.memberships_of(user, clock.today()))


def freshly(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Asks them to show again that it is them before they change how they sign in. Whoever has just signed in to set it up has."""

    @wraps(view)
    def ask_first(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return services.needs_fresh_sign_in(request) or view(request, *args, **kwargs)

    return ask_first


@require_safe
@no_patient_data
@without_actor
def show_account(request: HttpRequest) -> HttpResponse:
    actor, user = _who(request)
    roles = [(role(row.role).label, row.organisation.name, row.from_on, row.to_on) for row in _memberships(user)]
    linked = providers.of_user(user)
    context = {
        "person": user,
        "acting_as": actor.label if actor.membership_id else "",
        "roles": roles,
        "methods": second_step.methods_of(user),
        "has_second_step": second_step.has_one(user),
        "required": second_step.required_of(_memberships(user)),
        "has_password": user.has_usable_password(),
        "linked": linked,
        "others": [each for each in providers.configured() if each not in linked],
        "sessions": sessions.sessions_of(request, user),
        "said": _SAID.get(request.GET.get("said", ""), ""),
    }
    return render(request, "accounts/account.jinja", context)


def _back(said: str) -> HttpResponse:
    return redirect(f"{reverse('accounts:show_account')}?said={said}")


@require_POST
@no_patient_data
@without_actor
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    actor, user = _who(request)
    sessions.end_others(request, user, actor)
    return _back("ended")


@require_http_methods(FORM_METHODS)
@no_patient_data
@without_actor
def change_password(request: HttpRequest) -> HttpResponse:
    actor, user = _who(request)
    if not user.has_usable_password():
        raise Http404
    form = ChangePasswordForm(request.POST if request.method == "POST" else None, user=user)
    if request.method == "POST" and form.is_valid():
        services.change_password(actor, user, form.cleaned_data["new"])
        update_session_auth_hash(request, user)
        sessions.end_others(request, user, actor)
        sessions.begin(request, user, request.META.get("REMOTE_ADDR", ""))
        return _back("password")
    return render(request, "accounts/change_password.jinja", {"form": form}, status=422 if form.errors else 200)


# Second steps


@require_safe
@no_patient_data
@before_second_step
def set_up_second_step(request: HttpRequest) -> HttpResponse:
    """Which second step to add: an app or a passkey."""
    _, user = _who(request)
    must = bool(request.session.get(services.MUST_SET_UP_KEY))
    return render(request, "accounts/set_up.jinja", {"must": must, "has_second_step": second_step.has_one(user)})


@require_http_methods(FORM_METHODS)
@no_patient_data
@before_second_step
@freshly
def add_app(request: HttpRequest) -> HttpResponse:
    actor, user = _who(request)
    form = ConfirmAppForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            return _added(request, second_step.confirm_app(request, actor, user, form.cleaned_data["code"]))
        except Refused as refusal:
            form = saying(ConfirmAppForm, str(refusal), "code")
    context = {"form": form, "app": second_step.new_app(request, user)}
    return render(request, "accounts/add_app.jinja", context, status=422 if form.errors else 200)


@require_http_methods(FORM_METHODS)
@no_patient_data
@before_second_step
@freshly
def add_passkey(request: HttpRequest) -> HttpResponse:
    actor, user = _who(request)
    wrong = ""
    if request.method == "POST":
        credential, name = credential_of(request.POST)
        try:
            return _added(request, second_step.add_passkey(actor, user, name, credential))
        except Refused as refusal:
            wrong = str(refusal)
    return render(request, "accounts/add_passkey.jinja", {"wrong": wrong}, status=422 if wrong else 200)


@require_safe
@no_patient_data
@before_second_step
@freshly
def new_passkey_options(request: HttpRequest) -> HttpResponse:
    return JsonResponse(plain(second_step.registration_options(cast(User, request.user))))


def _added(request: HttpRequest, codes: list[str]) -> HttpResponse:
    """Show recovery codes once, when these are the first."""
    request.session.pop(services.MUST_SET_UP_KEY, None)
    return render(request, "accounts/recovery_codes.jinja", {"codes": codes}) if codes else _back("added")


@require_http_methods(FORM_METHODS)
@no_patient_data
@without_actor
@freshly
def make_recovery_codes(request: HttpRequest) -> HttpResponse:
    actor, user = _who(request)
    wrong = ""
    if request.method == "POST":
        try:
            return render(request, "accounts/recovery_codes.jinja", {"codes": second_step.new_codes(actor, user)})
        except Refused as refusal:
            wrong = str(refusal)
    return render(request, "accounts/make_recovery_codes.jinja", {"wrong": wrong}, status=422 if wrong else 200)


@require_http_methods(FORM_METHODS)
@no_patient_data
@without_actor
@freshly
def remove_method(request: HttpRequest, method_id: int) -> HttpResponse:
    actor, user = _who(request)
    method = next((each for each in second_step.methods_of(user) if each.id == method_id and each.kind != "codes"), None)
    if method is None:
        raise Http404
    wrong = ""
    if request.method == "POST":
        try:
            second_step.remove(actor, user, method_id, _memberships(user))
            return _back("removed")
        except Refused as refusal:
            wrong = str(refusal)
    return render(request, "accounts/remove_method.jinja", {"method": method, "wrong": wrong}, status=422 if wrong else 200)


@require_POST
@no_patient_data
@without_actor
@freshly
def unlink_provider(request: HttpRequest, key: str) -> HttpResponse:
    actor, user = _who(request)
    try:
        providers.unlink(actor, user, key)
    except Refused as refusal:
        audit.record_refusal(actor, "unlink sign-in", reason=str(refusal))
    return _back("unlinked")
