"""There and back: signing in with a provider, linking one to an account, and being told that somebody signed out there."""

from __future__ import annotations

from typing import cast

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe
from requests import RequestException

from stepwell.errors import Refused
from stepwell.web.accounts import providers, selectors, services
from stepwell.web.accounts.declare import before_second_step
from stepwell.web.accounts.models import User
from stepwell.web.accounts.views import first_step_done, safe, start
from stepwell.web.core import clock
from stepwell.web.core.actor import Actor
from stepwell.web.core.declare import no_patient_data

_GOING_KEY = "stepwell_provider"  # why they went to the provider, and where they want to go afterwards
SIGN_IN, LINK, AGAIN = "sign in", "link", "again"


def _provider(key: str) -> providers.Provider:
    found = providers.provider(key)
    if found is None:
        raise Http404
    return found


@login_not_required
@require_safe
@no_patient_data
def go_to_provider(request: HttpRequest, key: str) -> HttpResponse:
    """Off to the provider: to sign in, or (signed in already) to link it or to show again that it is them; `?for=` says which."""
    chosen = _provider(key)
    wanted = request.GET.get("for", "") if request.user.is_authenticated else ""
    purpose = {"link": LINK, "again": AGAIN}.get(wanted, SIGN_IN)
    if purpose == SIGN_IN and request.user.is_authenticated:
        return redirect("core:home")
    if purpose == LINK and (away := services.needs_fresh_sign_in(request)):
        return away
    request.session[_GOING_KEY] = {"purpose": purpose, "next": request.GET.get("next", "")}
    extra = {"acr_values": " ".join(chosen.acr)} if chosen.acr else {}
    if purpose != SIGN_IN:
        extra["prompt"], extra["max_age"] = "login", "0"
    back = request.build_absolute_uri(reverse("accounts:back_from_provider", args=[chosen.key]))
    try:
        return cast(HttpResponse, providers.client(chosen).authorize_redirect(request, back, **extra))
    except (RequestException, RuntimeError, ValueError):
        return _refused(request, f"{chosen.name} does not answer. Sign in another way, or try again later.", 503)


@login_not_required
@require_safe
@no_patient_data
def back_from_provider(request: HttpRequest, key: str) -> HttpResponse:
    chosen = _provider(key)
    going = request.session.pop(_GOING_KEY, None)
    if going is None:
        return _refused(request, "This sign-in was not begun here, or it took too long. Begin again.")
    try:
        answer = providers.answer_of(request, chosen)
        if going["purpose"] == SIGN_IN:
            return _sign_in(request, answer, going["next"])
        if not request.user.is_authenticated:
            return redirect("accounts:sign_in")
        return _prove(request, answer, going)
    except Refused as refusal:
        return _refused(request, str(refusal))


def _sign_in(request: HttpRequest, answer: providers.Answer, target: str) -> HttpResponse:
    identity = providers.identity_of(answer)
    if identity is None:
        raise Refused(
            f"Stepwell does not know this {answer.provider.name} sign-in. Sign in with your password once, then link it on your "
            "account page. If you have no account, ask whoever manages staff where you work."
        )
    memberships = list(selectors.memberships_of(identity.user, clock.today()))
    allowed = providers.allowed_by(answer, memberships)
    if allowed == [] and memberships:
        raise Refused("None of your roles in Stepwell is on this smartcard. Sign in another way, or ask whoever manages your smartcard.")
    origin = (identity.pk, answer.sid)
    if not answer.strong:
        return first_step_done(request, identity.user, target, origin=origin)
    return start(request, identity.user, target, second_step_done=True, allowed=allowed, origin=origin)


def _prove(request: HttpRequest, answer: providers.Answer, going: dict[str, str]) -> HttpResponse:
    user = cast(User, request.user)
    actor = cast(Actor | None, request.actor) or Actor.system("sign-in")  # type: ignore[attr-defined]
    if going["purpose"] == LINK:
        providers.link(actor, user, answer)
        return redirect(f"{reverse('accounts:show_account')}?said=linked")
    identity = providers.identity_of(answer)
    if identity is None or identity.user_id != user.pk:
        raise Refused("This is somebody else's sign-in.")
    if answer.proved_at and clock.now().timestamp() - answer.proved_at > 60 * services.RECENT_MINUTES:
        raise Refused(f"{answer.provider.name} did not ask you again. Sign out there, then try again.")
    services.proved_again(request, request.actor, "provider")  # type: ignore[attr-defined]
    return redirect(safe(request, going["next"]))


back_from_provider = before_second_step(back_from_provider)


@csrf_exempt
@login_not_required
@require_POST
@no_patient_data
def signed_out_there(request: HttpRequest, key: str) -> HttpResponse:
    """OpenID Connect back-channel logout: the provider itself tells that somebody signed out. Its signature is the proof."""
    chosen = _provider(key)
    try:
        providers.signed_out_there(chosen, request.POST.get("logout_token", ""))
    except Refused as refusal:
        return HttpResponseBadRequest(str(refusal), content_type="text/plain")
    return HttpResponse(status=200)


@login_not_required
@require_safe
@no_patient_data
def own_keys(request: HttpRequest) -> HttpResponse:
    """The public keys with which a provider checks what we sign."""
    return JsonResponse(providers.own_keys())


def _refused(request: HttpRequest, words: str, status: int = 422) -> HttpResponse:
    return render(request, "accounts/provider_refused.jinja", {"words": words}, status=status)
