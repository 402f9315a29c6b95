"""Who works here: for those who manage staff."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from stepwell.errors import Refused
from stepwell.web.accounts import selectors, services, staff
from stepwell.web.accounts.forms import EndRoleForm, PersonForm, RoleForm
from stepwell.web.accounts.models import User
from stepwell.web.accounts.roles import role
from stepwell.web.accounts.views import FORM_METHODS
from stepwell.web.core import clock, gate
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.declare import no_patient_data
from stepwell.web.core.nations import NATIONS, nation_of
from stepwell.web.core.permissions import Permission

_SAID = {
    "role": "Role given.",
    "ended": "Role ended.",
    "added": "Added. They sign in with the user name they have.",
    "phone": "Saved. It is printed on what patients are given from now on.",
    "nation": "Saved. Clocks count working days by this nation’s bank holidays from now on.",
}


def _actor(request: HttpRequest) -> Actor:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    gate.require(actor, Permission.MANAGE_STAFF, OrganisationSubject(actor.organisation))
    return actor


def _choices(actor: Actor) -> list[tuple[str, str]]:
    return [(each.key, each.label) for each in staff.roles_for(actor.organisation_kind)]


def _colleague(actor: Actor, user_id: int) -> staff.Colleague:
    found = staff.colleague_of(actor, user_id, clock.today())
    if found is None:
        raise Http404
    return found


@require_safe
@no_patient_data
def list_staff(request: HttpRequest) -> HttpResponse:
    return _staff_page(request, _actor(request))


def _staff_page(request: HttpRequest, actor: Actor, *, phone: str | None = None, error: str = "") -> HttpResponse:
    """`phone`: what was typed, with the `error` in it."""
    held = selectors.phone_of_organisation(actor.organisation)
    people = staff.staff_of(actor, clock.today())
    context = {
        "now": [each for each in people if each.works_now],
        "others": [each for each in people if not each.works_now],
        "wholes": selectors.wholes_of(actor.organisation, clock.today()),
        "parts": selectors.parts_of(actor.organisation, clock.today()),
        "said": _SAID.get(request.GET.get("said", ""), ""),
        "nation": nation_of(actor.organisation),
        "nations": NATIONS,
        "held": held,
        "phone": held if phone is None else phone,
        "error": error,
    }
    return render(request, "accounts/staff.jinja", context, status=422 if error else 200)


@require_POST
@no_patient_data
def set_phone(request: HttpRequest) -> HttpResponse:
    """The number that is printed on what patients are given."""
    actor, typed = _actor(request), request.POST.get("phone", "")
    try:
        services.set_phone(actor, typed)
    except Refused as refusal:
        return _staff_page(request, actor, phone=typed, error=str(refusal))
    return redirect(f"{reverse('accounts:list_staff')}?said=phone")


@require_POST
@no_patient_data
def set_nation(request: HttpRequest) -> HttpResponse:
    """A button: whose bank holidays the clocks of this organisation keep."""
    actor = _actor(request)
    try:
        services.set_nation(actor, request.POST.get("nation", ""))
    except Refused as refusal:
        return HttpResponseBadRequest(str(refusal), content_type="text/plain; charset=utf-8")
    return redirect(f"{reverse('accounts:list_staff')}?said=nation")


@require_http_methods(FORM_METHODS)
@no_patient_data
def add_person(request: HttpRequest) -> HttpResponse:
    actor = _actor(request)
    form = PersonForm(request.POST if request.method == "POST" else None, roles=_choices(actor))
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            user, token = staff.invite(
                actor,
                username=given["username"],
                name=given["name"],
                title=given["title"],
                role_key=given["role"],
                from_on=given["from_on"],
                to_on=given["to_on"],
                already_signs_in=bool(given["already"]),
            )
            return _link_page(request, user, token) if token else redirect(f"{reverse('accounts:list_staff')}?said=added")
        except Refused as refusal:
            form.add_error(None, str(refusal))
    return render(request, "accounts/staff_new.jinja", {"form": form}, status=422 if form.errors else 200)


def _link_page(request: HttpRequest, user: User, token: str) -> HttpResponse:
    """The only time the link is shown."""
    address = request.build_absolute_uri(reverse("accounts:use_invitation", args=[token]))
    return render(request, "accounts/invitation_made.jinja", {"invited": user, "link": address})


@require_safe
@no_patient_data
def show_colleague(request: HttpRequest, user_id: int) -> HttpResponse:
    actor = _actor(request)
    context = {
        "colleague": _colleague(actor, user_id),
        "is_self": actor.user_id == user_id,
        "said": _SAID.get(request.GET.get("said", ""), ""),
    }
    return render(request, "accounts/staff_person.jinja", context)


def _back(user_id: int, said: str) -> HttpResponse:
    return redirect(f"{reverse('accounts:show_colleague', args=[user_id])}?said={said}")


@require_http_methods(FORM_METHODS)
@no_patient_data
def give_role(request: HttpRequest, user_id: int) -> HttpResponse:
    actor = _actor(request)
    colleague = _colleague(actor, user_id)
    form = RoleForm(request.POST if request.method == "POST" else None, roles=_choices(actor))
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        organisation = selectors.organisation(actor.organisation)
        assert organisation is not None
        try:
            services.add_membership(
                actor,
                user=colleague.user,
                organisation=organisation,
                role_key=given["role"],
                from_on=given["from_on"],
                to_on=given["to_on"],
            )
            return _back(user_id, "role")
        except Refused as refusal:
            form.add_error(None, str(refusal))
    return render(request, "accounts/staff_role.jinja", {"form": form, "colleague": colleague}, status=422 if form.errors else 200)


@require_http_methods(FORM_METHODS)
@no_patient_data
def end_role(request: HttpRequest, membership_id: int) -> HttpResponse:
    actor = _actor(request)
    membership = staff.membership_at(actor, membership_id)
    if membership is None:
        raise Http404
    form = EndRoleForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            services.end_membership(actor, membership, to_on=form.cleaned_data["to_on"])
            return _back(membership.user_id, "ended")
        except Refused as refusal:
            form.add_error(None, str(refusal))
    context: dict[str, Any] = {"form": form, "membership": membership, "role": role(membership.role).label}
    return render(request, "accounts/staff_end.jinja", context, status=422 if form.errors else 200)


@require_http_methods(FORM_METHODS)
@no_patient_data
def reset_sign_in(request: HttpRequest, user_id: int) -> HttpResponse:
    actor = _actor(request)
    colleague = _colleague(actor, user_id)
    wrong = ""
    if request.method == "POST":
        if away := services.needs_fresh_sign_in(request):
            return away
        try:
            return _link_page(request, colleague.user, staff.reset_sign_in(actor, colleague.user))
        except Refused as refusal:
            wrong = str(refusal)
    return render(request, "accounts/staff_reset.jinja", {"colleague": colleague, "wrong": wrong}, status=422 if wrong else 200)
