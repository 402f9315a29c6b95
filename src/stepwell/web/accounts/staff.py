"""Who works here: what a manager of staff sees, invitations, and a sign-in that has to be set anew.

An invitation is a link that is shown once, on screen, to the person who made it; they hand it over themselves. Stepwell sends
nothing. It works once, for a day, and only a keyed hash of it is kept.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.contrib.auth.password_validation import validate_password
from django.db import transaction
from django.db.models import Q

from stepwell.errors import Refused
from stepwell.web.accounts import second_step, services, sessions
from stepwell.web.accounts.models import Identity, Invitation, Membership, Organisation, User
from stepwell.web.accounts.roles import Role, role, roles
from stepwell.web.core import audit, clock, gate, limits
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.permissions import Permission

INVITED_FOR = timedelta(hours=24)
ENDED_SHOWN = timedelta(days=365)
JOIN, RESET = "join", "reset"


@dataclass(frozen=True, slots=True)
class Post:
    """One role of somebody, with its dates in words."""

    id: int
    label: str
    dates: str
    state: str  # now | later | ended


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody who works here, worked here lately or will."""

    user: User
    posts: Sequence[Post]
    sign_in: str

    @property
    def works_now(self) -> bool:
        return any(post.state == "now" for post in self.posts)


def staff_of(actor: Actor, on: date) -> list[Colleague]:
    """Everybody with a role at the actor's own organisation, those who work there now first, by name."""
    gate.require(actor, Permission.MANAGE_STAFF, OrganisationSubject(actor.organisation))
    rows = Membership.objects.filter(organisation__code=actor.organisation)
    rows = rows.filter(Q(to_on__isnull=True) | Q(to_on__gt=on - ENDED_SHOWN)).select_related("user").order_by("-from_on", "pk")
    by_user: dict[int, list[Membership]] = {}
    for row in rows:
        by_user.setdefault(row.user_id, []).append(row)
    waiting = _waiting(list(by_user))
    found = [
        Colleague(posts[0].user, [_post(row, on) for row in posts], _sign_in(posts[0].user, waiting.get(user_id)))
        for user_id, posts in by_user.items()
    ]
    return sorted(found, key=lambda each: (not each.works_now, each.user.name.casefold(), each.user.pk))


def colleague_of(actor: Actor, user_id: int, on: date) -> Colleague | None:
    return next((each for each in staff_of(actor, on) if each.user.pk == user_id), None)


def membership_at(actor: Actor, membership_id: int) -> Membership | None:
    """A role at the actor's own organisation."""
    rows = Membership.objects.filter(pk=membership_id, organisation__code=actor.organisation)
    return rows.select_related("user", "organisation").first()


def roles_for(kind: str) -> list[Role]:
    """Roles that an organisation of this kind can give."""
    return sorted((each for each in roles().values() if kind in each.kinds), key=lambda each: each.label)


def _post(row: Membership, on: date) -> Post:
    state = "ended" if row.to_on is not None and row.to_on <= on else "later" if row.from_on > on else "now"
    until = f" to {clinician.date(row.to_on)}" if row.to_on else ""
    return Post(row.pk, role(row.role).label, f"from {clinician.date(row.from_on)}{until}", state)


def _waiting(user_ids: Sequence[int]) -> dict[int, datetime]:
    rows = Invitation.objects.filter(user__in=user_ids, used_at__isnull=True, withdrawn_at__isnull=True, expires_at__gt=clock.now())
    return dict(rows.order_by("expires_at").values_list("user_id", "expires_at"))


def _sign_in(user: User, waiting: datetime | None) -> str:
    if waiting is not None:
        return f"invited; the link works until {clinician.datetime(waiting)}"
    if user.last_login is None:
        return "has not signed in yet"
    return f"last signed in {clinician.date(user.last_login)}"


# Verbs


@transaction.atomic
def invite(
    actor: Actor,
    *,
    username: str,
    name: str,
    title: str = "",
    role_key: str,
    from_on: date,
    to_on: date | None = None,
    already_signs_in: bool = False,
) -> tuple[User, str]:
    """Give somebody a role at the actor's own organisation; gives them and the token of their link.

    `already_signs_in`: they have a user name from working elsewhere; they get the role and need no link (the token is empty).
    """
    organisation = Organisation.objects.get(code=actor.organisation)
    there = User.objects.filter(username__iexact=username).first()
    if already_signs_in:
        if there is None:
            raise Refused(f"Nobody signs in as {username}. Check the user name, or add them as somebody new.")
        services.add_membership(actor, user=there, organisation=organisation, role_key=role_key, from_on=from_on, to_on=to_on)
        return there, ""
    if there is not None:
        raise Refused(f"Somebody signs in as {username} already. If it is the same person, say so below; if not, choose another name.")
    user = services.create_user(actor, username=username, name=name, title=title)
    services.add_membership(actor, user=user, organisation=organisation, role_key=role_key, from_on=from_on, to_on=to_on)
    return user, invitation(actor, user, JOIN)


@transaction.atomic
def reset_sign_in(actor: Actor, user: User) -> str:
    """Take away every way `user` signs in, end their sessions, and give the token of a link with which they set it anew.

    Refused for oneself, and for somebody who also works elsewhere: the link would open that work to this manager too.
    """
    gate.require(actor, Permission.MANAGE_STAFF, OrganisationSubject(actor.organisation))
    if actor.user_id == user.pk:
        raise Refused("You change your own sign-in on your account page.")
    today = clock.today()
    lasting = Membership.objects.filter(user=user).filter(Q(to_on__isnull=True) | Q(to_on__gt=today))
    if not lasting.filter(organisation__code=actor.organisation).exists():
        raise Refused(f"{user.display_name} does not work at {actor.organisation_name}.")
    if lasting.exclude(organisation__code=actor.organisation).exists():
        raise Refused(f"{user.display_name} also works elsewhere. Ask whoever runs Stepwell to set their sign-in anew.")
    return set_anew(actor, user)


@transaction.atomic
def set_anew(actor: Actor, user: User) -> str:
    """What `reset_sign_in` does, without asking who asks: for the operator's own command."""
    user.set_unusable_password()
    user.save(update_fields=["password"])
    second_step.remove_all(user)
    Identity.objects.filter(user=user, ended_at__isnull=True).update(ended_at=clock.now())
    sessions.end_all(user)
    audit.record_write(actor, "reset sign-in", subject_type="user", subject_id=user.pk)
    return invitation(actor, user, RESET)


@transaction.atomic
def invitation(actor: Actor, user: User, purpose: str) -> str:
    """A new link for `user`; the ones before it stop working. Gives the token, which is kept nowhere."""
    now, token = clock.now(), secrets.token_urlsafe(32)
    Invitation.objects.filter(user=user, used_at__isnull=True, withdrawn_at__isnull=True).update(withdrawn_at=now)
    Invitation.objects.create(
        user=user,
        organisation=Organisation.objects.filter(code=actor.organisation).first(),
        purpose=purpose,
        key=_key(token),
        made_by_id=actor.user_id,
        made_at=now,
        expires_at=now + INVITED_FOR,
    )
    audit.record_write(actor, "make invitation", subject_type="user", subject_id=user.pk, reason=purpose)
    return token


def invitation_of(token: str) -> Invitation | None:
    """The invitation behind a link while it works."""
    rows = Invitation.objects.filter(key=_key(token), used_at__isnull=True, withdrawn_at__isnull=True, expires_at__gt=clock.now())
    return rows.select_related("user").filter(user__is_active=True).first()


@transaction.atomic
def use_invitation(token: str, password: str) -> User:
    """Set the password that signs them in. The link does not work again."""
    row = Invitation.objects.select_for_update().filter(key=_key(token)).first()
    if row is None or invitation_of(token) is None:
        raise Refused("This link has been used or is too old. Ask your manager for a new one.")
    user = row.user
    validate_password(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    row.used_at = clock.now()
    row.save(update_fields=["used_at"])
    audit.record_write(Actor.system("sign-in"), "use invitation", subject_type="user", subject_id=user.pk, reason=row.purpose)
    return user


def _key(token: str) -> str:
    return limits.hashed("invitation", token)
