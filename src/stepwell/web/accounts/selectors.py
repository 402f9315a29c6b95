"""Reads about organisations and staff."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from types import MappingProxyType
from typing import NamedTuple

from django.core.cache import cache
from django.db.models import Q, QuerySet

from stepwell.web.accounts.models import Membership, Organisation, OrganisationKind, PartOf, User
from stepwell.web.accounts.roles import role
from stepwell.web.core.actor import Actor
from stepwell.web.core.once import once
from stepwell.web.core.permissions import Permission


def in_force(on: date) -> Q:
    """Rows with `from_on` and `to_on` that hold on that day."""
    return Q(from_on__lte=on) & (Q(to_on__isnull=True) | Q(to_on__gt=on))


def memberships_of(user: User, on: date) -> QuerySet[Membership]:
    """What `user` may act as on that day, newest first."""
    return Membership.objects.filter(in_force(on), user=user).select_related("organisation", "user").order_by("-from_on", "pk")


def actor_for(membership: Membership, on: date) -> Actor:
    """The actor that stands for this membership on that day, with the practices its organisation covers."""
    organisation = membership.organisation
    covered: tuple[str, ...] = ()
    if organisation.kind == OrganisationKind.PCN:
        rows = PartOf.objects.filter(in_force(on), whole=organisation, part__kind=OrganisationKind.PRACTICE)
        covered = tuple(rows.order_by("part__code").values_list("part__code", flat=True))
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
    rows = Membership.objects.filter(in_force(on), user__is_active=True).exclude(user__persona="")
    return list(rows.select_related("organisation", "user").order_by("pk"))


def organisation(code: str) -> Organisation | None:
    return Organisation.objects.filter(code=code).first()


def organisations_of_kind(*kinds: str) -> list[Organisation]:
    return list(Organisation.objects.filter(kind__in=kinds).order_by("name", "code"))


def opens_records(code: str, on: date) -> bool:
    """Whether anybody who works there on that day may open people's records here: else a letter lies unread."""
    works = Membership.objects.filter(in_force(on), organisation__code=code, user__is_active=True).order_by()
    return any(Permission.VIEW_PATIENT in role(key).may for key in works.values_list("role", flat=True).distinct())


def wholes_of(code: str, on: date) -> list[Organisation]:
    """What the organisation is part of on that day."""
    rows = PartOf.objects.filter(in_force(on), part__code=code).select_related("whole")
    return [row.whole for row in rows.order_by("whole__kind", "whole__code")]


def parts_of(code: str, on: date) -> list[Organisation]:
    rows = PartOf.objects.filter(in_force(on), whole__code=code).select_related("part")
    return [row.part for row in rows.order_by("part__kind", "part__name", "part__code")]


def with_parts(codes: Collection[str], on: date) -> set[str]:
    """These organisations and what is part of them on that day: whoever calls a trust may be put through to one of its teams."""
    return set(codes) | set(PartOf.objects.filter(in_force(on), whole__code__in=list(codes)).values_list("part__code", flat=True))


def below(code: str, on: date) -> set[str]:
    """Codes of everything that is part of the organisation on that day, however far down; not itself."""
    pairs = list(PartOf.objects.filter(in_force(on)).values_list("whole__code", "part__code"))
    found: set[str] = set()
    edge = {code}
    while edge:
        edge = {part for whole, part in pairs if whole in edge} - found - {code}
        found |= edge
    return found


def network_of(codes: Collection[str], on: date) -> set[str]:
    """Codes of every organisation that belongs together with these on that day, upwards, downwards and sideways.

    It tells whose numbers are in one's directory. It gives no reach to any patient.
    """
    pairs = list(PartOf.objects.filter(in_force(on)).values_list("whole__code", "part__code"))
    found, edge = set(codes), set(codes)
    while edge:
        edge = {other for pair in pairs for one, other in (pair, pair[::-1]) if one in edge} - found
        found |= edge
    return found


KNOWN = "organisations-known"
KNOWN_FOR = 60  # seconds until another process's new name is seen here


def organisation_names() -> dict[str, str]:
    """Name by code, for pages that show owners."""
    return {code: found.name for code, found in _known().items()}


def nation_of_organisation(code: str) -> str | None:
    """For the clocks of working days; None for one that Stepwell does not know."""
    found = _known().get(code)
    return found.nation if found is not None else None


def phone_of_organisation(code: str) -> str:
    """The number that patients ring; empty where none was entered."""
    found = _known().get(code)
    return found.phone if found is not None else ""


class _Known(NamedTuple):
    name: str
    nation: str
    phone: str


@once
def _known() -> Mapping[str, _Known]:
    """By code: asked several times for every page, changed once in a year."""
    known: dict[str, _Known] | None = cache.get(KNOWN)
    if known is None:
        known = {code: _Known(*row) for code, *row in Organisation.objects.values_list("code", "name", "nation", "phone")}
        cache.set(KNOWN, known, KNOWN_FOR)
    return MappingProxyType(known)


def forget_organisations(**_: object) -> None:
    """An organisation was written: it is read anew."""
    cache.delete(KNOWN)


def colleagues(actor: Actor, on: date) -> list[Membership]:
    """Who else works at the actor's organisation today: people a duty can be assigned to, by name."""
    rows = Membership.objects.filter(in_force(on), organisation__code=actor.organisation, user__is_active=True)
    return list(rows.select_related("user", "organisation").order_by("user__name", "pk"))


def staff_ever(org_code: str) -> list[Membership]:
    """Everybody who works or ever worked at the organisation, by name; somebody with two roles is there twice."""
    rows = Membership.objects.filter(organisation__code=org_code).select_related("user", "organisation")
    return list(rows.order_by("user__name", "pk"))
