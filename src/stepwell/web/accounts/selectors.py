"""Reads about organisations and staff."""

from __future__ import annotations

from datetime import date

from django.db.models import Q, QuerySet

from stepwell.web.accounts.models import Cover, Membership, Organisation, OrganisationKind, User
from stepwell.web.accounts.roles import role
from stepwell.web.core.actor import Actor


def _in_force(on: date) -> Q:
    return Q(from_on__lte=on) & (Q(to_on__isnull=True) | Q(to_on__gt=on))


def memberships_of(user: User, on: date) -> QuerySet[Membership]:
    """What `user` may act as on that day, newest first."""
    return Membership.objects.filter(_in_force(on), user=user).select_related("organisation", "user").order_by("-from_on", "pk")


def actor_for(membership: Membership, on: date) -> Actor:
    """The actor that stands for this membership on that day, with the practices its organisation covers."""
    organisation = membership.organisation
    covered: tuple[str, ...] = ()
    if organisation.kind == OrganisationKind.PCN:
        rows = Cover.objects.filter(_in_force(on), parent=organisation, child__kind=OrganisationKind.PRACTICE)
        covered = tuple(rows.order_by("child__code").values_list("child__code", flat=True))
    as_role = role(membership.role)
    return Actor(
        user_id=membership.user_id,
        display_name=membership.user.display_name,
        organisation=organisation.code,
        organisation_name=organisation.name,
        organisation_kind=organisation.kind,
        role=as_role.key,
        role_label=as_role.label,
        membership_id=membership.pk,
        permissions=as_role.may,
        covered=covered,
    )


def membership_in_force(user: User, membership_id: int, on: date) -> Membership | None:
    return memberships_of(user, on).filter(pk=membership_id).first()


def personas(on: date) -> list[Membership]:
    """The demo's people with what each acts as, in the order they were registered."""
    rows = Membership.objects.filter(_in_force(on), user__is_active=True).exclude(user__persona="")
    return list(rows.select_related("organisation", "user").order_by("pk"))


def organisation(code: str) -> Organisation | None:
    return Organisation.objects.filter(code=code).first()


def organisation_names() -> dict[str, str]:
    """Name by code, for pages that show owners."""
    return dict(Organisation.objects.values_list("code", "name"))


def colleagues(actor: Actor, on: date) -> list[Membership]:
    """Who else works at the actor's organisation today: people a duty can be assigned to, by name."""
    rows = Membership.objects.filter(_in_force(on), organisation__code=actor.organisation, user__is_active=True)
    return list(rows.select_related("user", "organisation").order_by("user__name", "pk"))
