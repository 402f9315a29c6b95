"""Verbs that write about organisations and staff. Each records who did it in the same transaction."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from importlib import resources
from typing import Any
from urllib.parse import urlencode, urlsplit

import yaml
from django.conf import settings
from django.contrib.auth import login, logout
from django.contrib.auth.password_validation import validate_password
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse

from stepwell.errors import Refused
from stepwell.web.accounts.models import Membership, Organisation, OrganisationKind, PartOf, SignInAttempt, User
from stepwell.web.accounts.roles import role, roles
from stepwell.web.accounts.selectors import actor_for, in_force
from stepwell.web.core import audit, clock, gate
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.nations import NATIONS
from stepwell.web.core.permissions import Permission

ATTEMPTS_PER_NAME = (5, timedelta(minutes=5))
ATTEMPTS_PER_ADDRESS = (10, timedelta(minutes=1))

MEMBERSHIP_KEY = "stepwell_membership"
STARTED_KEY = "stepwell_started"
SEEN_KEY = "stepwell_seen"
PROVED_KEY = "stepwell_proved"  # when they last showed that it is them: at sign-in, or when asked again
MUST_SET_UP_KEY = "stepwell_must_set_up"  # their role needs a second step and they have none yet
ALLOWED_KEY = "stepwell_allowed"  # memberships that the sign-in provider's word allows in this session; absent: all of theirs
RECENT_MINUTES = 15
LONGEST_PHONE, FEWEST_DIGITS = 40, 3


@transaction.atomic
def create_organisation(actor: Actor, *, code: str, name: str, kind: str, phone: str = "") -> Organisation:
    """Register an organisation, or give it a new name; its kind never changes. `phone` is kept where it has none yet."""
    if kind not in OrganisationKind.values:
        raise Refused(f"There is no kind of organisation {kind!r}. Kinds: {', '.join(OrganisationKind.values)}.")
    row, created = Organisation.objects.get_or_create(code=code, defaults={"name": name, "kind": kind})
    if row.kind != kind:
        raise Refused(f"{code} is already registered as {row.kind}, not {kind}.")
    if created or row.name != name or (phone and not row.phone):
        row.name, row.phone = name, row.phone or phone
        row.save()
        audit.record_write(actor, "create organisation", subject_type="organisation", subject_id=code)
    return row


@transaction.atomic
def set_nation(actor: Actor, nation: str) -> Organisation:
    """In which nation the actor's own organisation works: from now on its clocks keep that nation's bank holidays."""
    gate.require(actor, Permission.MANAGE_STAFF, OrganisationSubject(actor.organisation))
    if nation not in NATIONS:
        raise Refused("Choose England, Wales, Scotland or Northern Ireland.")
    row = Organisation.objects.select_for_update().get(code=actor.organisation)
    if row.nation != nation:
        said = f"{row.nation} → {nation}"
        row.nation = nation
        row.save(update_fields=["nation"])
        audit.record_write(actor, "set nation", subject_type="organisation", subject_id=row.code, reason=said)
    return row


@transaction.atomic
def set_phone(actor: Actor, phone: str) -> Organisation:
    """The number under which patients reach the actor's own organisation; empty takes it away. Refused: no number, or more than one
    line of it."""
    gate.require(actor, Permission.MANAGE_STAFF, OrganisationSubject(actor.organisation))
    given = " ".join(phone.split())
    if len(given) > LONGEST_PHONE:
        raise Refused(f"Use at most {LONGEST_PHONE} characters: the number, and an option if it needs one.")
    if given and sum(character.isdigit() for character in given) < FEWEST_DIGITS:
        raise Refused("Enter the number with its digits, for example 01632 960101, or leave it empty.")
    row = Organisation.objects.select_for_update().get(code=actor.organisation)
    if row.phone != given:
        said = f"{row.phone or 'none'} → {given or 'none'}"
        row.phone = given
        row.save(update_fields=["phone"])
        audit.record_write(actor, "set telephone", subject_type="organisation", subject_id=row.code, reason=said)
    return row


# Which kinds belong to which. True: to one of that kind at a time.
_BELONGS = {
    (OrganisationKind.ICB, OrganisationKind.PCN): True,
    (OrganisationKind.ICB, OrganisationKind.PRACTICE): True,
    (OrganisationKind.ICB, OrganisationKind.TRUST): False,
    (OrganisationKind.ICB, OrganisationKind.PHARMACY): True,
    (OrganisationKind.ICB, OrganisationKind.VOLUNTARY): False,
    (OrganisationKind.PCN, OrganisationKind.PRACTICE): True,
    (OrganisationKind.PCN, OrganisationKind.PHARMACY): False,
    (OrganisationKind.PCN, OrganisationKind.VOLUNTARY): False,
    (OrganisationKind.TRUST, OrganisationKind.TEAM): True,
}


@transaction.atomic
def make_part_of(
    actor: Actor, *, whole: Organisation, part: Organisation, from_on: date, to_on: date | None = None, action: str = "make part of"
) -> PartOf:  # fmt: skip
    """From `from_on`, `part` belongs to `whole`. Saying the same again changes nothing.

    Refused: kinds that do not belong together, dates the wrong way round, the same belonging twice at a time, a second whole
    of a kind of which there is only one (a practice is in one PCN, a team in one trust).
    """
    kinds = (OrganisationKind(whole.kind), OrganisationKind(part.kind))
    if kinds not in _BELONGS:
        raise Refused(f"A {kinds[1].label.lower()} is not part of a {kinds[0].label.lower()}.")
    if to_on is not None and to_on <= from_on:
        raise Refused("The end must be after the beginning.")
    Organisation.objects.select_for_update().get(pk=part.pk)  # two at once would each find no other
    others = PartOf.objects.filter(part=part).filter(Q(to_on__isnull=True) | Q(to_on__gt=from_on)).select_related("whole")
    if to_on is not None:
        others = others.filter(from_on__lt=to_on)
    for other in others:
        if other.whole_id == whole.pk and (other.from_on, other.to_on) == (from_on, to_on):
            return other
        if other.whole_id == whole.pk or (_BELONGS[kinds] and other.whole.kind == whole.kind):
            raise Refused(f"{part} is part of {other.whole} from {clinician.date(other.from_on)}. End that first.")
    row = PartOf.objects.create(whole=whole, part=part, from_on=from_on, to_on=to_on)
    audit.record_write(actor, action, subject_type="organisation", subject_id=part.code, reason=f"by {whole.code}")
    return row


@transaction.atomic
def end_part_of(actor: Actor, row: PartOf, *, to_on: date) -> PartOf:
    """From the day `to_on` it no longer belongs. A PCN's reach to the practice's patients ends that day."""
    if to_on <= row.from_on:
        raise Refused("The end must be after the beginning.")
    row.to_on = to_on
    row.save(update_fields=["to_on"])
    audit.record_write(actor, "end part of", subject_type="organisation", subject_id=row.part.code, reason=f"by {row.whole.code}")
    return row


def cover_practice(actor: Actor, *, pcn: Organisation, practice: Organisation, from_on: date, to_on: date | None = None) -> PartOf:
    """From `from_on` the PCN works for the practice's patients."""
    if pcn.kind != OrganisationKind.PCN or practice.kind != OrganisationKind.PRACTICE:
        raise Refused(f"Only a PCN covers a practice; {pcn} is a {pcn.kind} and {practice} a {practice.kind}.")
    return make_part_of(actor, whole=pcn, part=practice, from_on=from_on, to_on=to_on, action="cover practice")


@transaction.atomic
def create_user(
    actor: Actor, *, username: str, name: str, title: str = "", password: str | None = None, persona: str = ""
) -> User:  # fmt: skip
    """Register a member of staff. Without a password they cannot sign in by password; with `persona` they are the demo's."""
    if User.objects.filter(username__iexact=username).exists():
        raise Refused(f"There is already somebody with the user name {username!r}.")
    user = User(username=username, name=name, title=title, persona=persona)
    if password is None:
        user.set_unusable_password()
    else:
        validate_password(password, user)
        user.set_password(password)
    user.save()
    audit.record_write(actor, "create user", subject_type="user", subject_id=user.pk)
    return user


@transaction.atomic
def change_password(actor: Actor, user: User, password: str) -> None:
    """A new password of their own; the caller has checked the old one and ends the other sessions."""
    validate_password(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    audit.record_write(actor, "change password", subject_type="user", subject_id=user.pk)


@transaction.atomic
def add_membership(
    actor: Actor, *, user: User, organisation: Organisation, role_key: str, from_on: date, to_on: date | None = None
) -> Membership:  # fmt: skip
    """From `from_on`, `user` works for `organisation` in this role.

    A member of staff may do this for their own organisation alone, with MANAGE_STAFF, and never for themselves.
    """
    as_role = role(role_key)
    if organisation.kind not in as_role.kinds:
        raise Refused(f"A {as_role.label} does not work at a {organisation.kind}. The role is for: {', '.join(sorted(as_role.kinds))}.")
    _may_manage(actor, organisation)
    if actor.user_id is not None and actor.user_id == user.pk:
        raise Refused("You cannot give yourself a role. Ask somebody else who manages staff.")
    if to_on is not None and to_on <= from_on:
        raise Refused("The last day must be after the first.")
    if actor.user_id is not None:
        _check_not_twice(user, organisation, role_key, from_on, to_on)
    row, created = Membership.objects.get_or_create(
        user=user, organisation=organisation, role=role_key, from_on=from_on, defaults={"to_on": to_on}
    )
    if created:
        audit.record_write(actor, "add membership", subject_type="user", subject_id=user.pk, reason=f"{role_key} at {organisation.code}")
    return row


@transaction.atomic
def end_membership(actor: Actor, membership: Membership, *, to_on: date) -> Membership:
    """From the day `to_on` they no longer act in this role; sessions that act as it end at the next request.

    Refused: when it has ended already, a day that is over, and the end of the last role that manages staff there.
    """
    organisation = Organisation.objects.select_for_update().get(pk=membership.organisation_id)  # two managers cannot end each other at once
    _may_manage(actor, organisation)
    membership.refresh_from_db()
    today = clock.today()
    if membership.to_on is not None and membership.to_on <= today:
        raise Refused(f"This role ended on {clinician.date(membership.to_on)} already.")
    if to_on < (membership.from_on if actor.user_id is None else max(membership.from_on, today)):
        raise Refused("A role can end today or later: what was done in it until now stays so.")
    if actor.user_id is not None and _is_last_manager(membership, to_on):
        raise Refused(f"Nobody else would manage staff at {organisation.name} then. Give somebody else that role first.")
    membership.to_on = to_on
    membership.save(update_fields=["to_on"])
    audit.record_write(actor, "end membership", subject_type="user", subject_id=membership.user_id, reason=membership.role)
    return membership


def _check_not_twice(user: User, organisation: Organisation, role_key: str, from_on: date, to_on: date | None) -> None:
    there = Membership.objects.filter(user=user, organisation=organisation, role=role_key)
    there = there.filter(Q(to_on__isnull=True) | Q(to_on__gt=from_on) | Q(from_on=from_on))
    if to_on is not None:
        there = there.filter(from_on__lt=to_on)
    if row := there.first():
        raise Refused(f"{user.display_name} has this role from {clinician.date(row.from_on)} already.")


def _may_manage(actor: Actor, organisation: Organisation) -> None:
    """The software itself (a command, the demo) may; staff may for the organisation they act for, not for those it covers."""
    if actor.user_id is None:
        return
    gate.require(actor, Permission.MANAGE_STAFF, OrganisationSubject(organisation.code))
    if organisation.code != actor.organisation:
        raise Refused(f"You manage the staff of {actor.organisation_name}. Ask a manager of {organisation.name}.")


def _is_last_manager(membership: Membership, on: date) -> bool:
    managing = [key for key, each in roles().items() if Permission.MANAGE_STAFF in each.may]
    if membership.role not in managing:
        return False
    others = Membership.objects.filter(in_force(on), organisation=membership.organisation_id, role__in=managing, user__is_active=True)
    return not others.exclude(pk=membership.pk).exists()


@transaction.atomic
def seed(actor: Actor, plan: Mapping[str, Any], *, from_on: date) -> None:
    """Register organisations, covers and people from a mapping, as `personas.yaml` holds it; running it again changes nothing.

    `organisations` {code: {name, kind, phone, covers: [codes], parts: [codes]}}, `people` [{username, title, name, persona, works:
    [{at, as}]}].
    """
    if not isinstance(plan.get("organisations"), Mapping):
        raise Refused("The plan names no organisations: write organisations: {CODE: {name: ..., kind: ...}}.")
    rows = {
        code: create_organisation(actor, code=code, name=row["name"], kind=row["kind"], phone=row.get("phone", ""))
        for code, row in plan["organisations"].items()
    }
    for code, row in plan["organisations"].items():
        for child in row.get("covers", ()):
            cover_practice(actor, pcn=rows[code], practice=rows[child], from_on=from_on)
        for child in row.get("parts", ()):
            make_part_of(actor, whole=rows[code], part=rows[child], from_on=from_on)
    for person in plan.get("people", ()):
        user = User.objects.filter(username=person["username"]).first() or create_user(
            actor, username=person["username"], name=person["name"], title=person.get("title", ""), persona=person.get("persona", "")
        )
        for work in person["works"]:
            add_membership(actor, user=user, organisation=rows[work["at"]], role_key=work["as"], from_on=from_on)


def demo_plan() -> dict[str, Any]:
    """The demo's organisations and people, for `seed`."""
    text = resources.files("stepwell.web.accounts").joinpath("personas.yaml").read_text(encoding="utf-8")
    plan: dict[str, Any] = yaml.safe_load(text)
    return plan


# Signing in and out


def sign_in(
    request: HttpRequest,
    user: User,
    memberships: Sequence[Membership],
    *,
    must_set_up: bool = False,
    allowed: Sequence[int] | None = None,
) -> None:
    """Start a session for `user`, acting as the only membership there is; with several they choose on the next page.

    `must_set_up`: nothing else opens until they have added a second step. `allowed`: the memberships that this way of signing
    in carries, where it carries not all of theirs.
    """
    with transaction.atomic():
        login(request, user, backend="stepwell.web.accounts.backends.PasswordBackend")
        for left in (MEMBERSHIP_KEY, MUST_SET_UP_KEY, ALLOWED_KEY, PROVED_KEY):
            request.session.pop(left, None)  # of an earlier sign-in in the same browser: each one stands for itself
        now = int(clock.now().timestamp())
        request.session[STARTED_KEY] = request.session[SEEN_KEY] = now
        if must_set_up:
            request.session[MUST_SET_UP_KEY] = True
        if allowed is not None:
            request.session[ALLOWED_KEY] = list(allowed)
        if len(memberships) == 1:
            choose_membership(request, memberships[0])
        else:
            audit.record_write(Actor.system("sign-in"), "password accepted", subject_type="user", subject_id=user.pk)


@transaction.atomic
def choose_membership(request: HttpRequest, membership: Membership) -> Actor:
    """Act as this membership until signing out."""
    if membership.user_id != request.user.pk:
        raise Refused("This membership belongs to somebody else.")
    allowed = request.session.get(ALLOWED_KEY)
    if allowed is not None and membership.pk not in allowed:
        raise Refused("Your sign-in does not carry this role.")
    actor = actor_for(membership, clock.today())
    request.session[MEMBERSHIP_KEY] = membership.pk
    audit.record_write(actor, "sign in", subject_type="user", subject_id=actor.user_id or "")
    return actor


def signed_in_recently(request: HttpRequest, minutes: int = RECENT_MINUTES) -> bool:
    """Whether whoever is signed in has shown within `minutes` that it is them: asked before opening a record without a
    relationship and before an export, where an unattended screen would do most harm."""
    proved = max(request.session.get(PROVED_KEY, 0), request.session.get(STARTED_KEY, 0))
    return bool(request.user.is_authenticated and clock.now().timestamp() - proved < 60 * minutes)


def needs_fresh_sign_in(request: HttpRequest, minutes: int = RECENT_MINUTES) -> HttpResponseRedirect | None:
    """None when they signed in recently, else the redirect to the page that asks again and comes back here.

    Ask on the page that shows the form, not only when it is sent: what was typed does not survive the way there and back.
    """
    if signed_in_recently(request, minutes):
        return None
    if request.method in {"GET", "HEAD"}:
        back = request.get_full_path()
    else:
        back = _path_of_referer(request)
        actor: Actor | None = getattr(request, "actor", None)
        audit.record_refusal(actor or Actor.system("sign-in"), "act without a fresh sign-in", reason="asked to sign in again")
    return HttpResponseRedirect(f"{reverse('accounts:sign_in_again')}?{urlencode({'next': back})}")


def _path_of_referer(request: HttpRequest) -> str:
    """The page a form was sent from; its address alone would answer a GET with "not allowed"."""
    referer = urlsplit(request.META.get("HTTP_REFERER", ""))
    return f"{referer.path}?{referer.query}".rstrip("?") if referer.netloc == request.get_host() else "/"


def proved_again(request: HttpRequest, actor: Actor | None, how: str) -> None:
    """They showed again that it is them, by `how` (password, code, passkey, persona, provider)."""
    with transaction.atomic():
        request.session[PROVED_KEY] = int(clock.now().timestamp())
        who = actor or Actor.system("sign-in")
        audit.record_write(who, "sign in again", subject_type="user", subject_id=request.user.pk or "", reason=how)


def sign_out(request: HttpRequest, actor: Actor | None) -> None:
    with transaction.atomic():
        user_id = request.user.pk or ""
        audit.record_write(actor or Actor.system("sign-in"), "sign out", subject_type="user", subject_id=user_id)
        logout(request)


def too_many_attempts(username: str, address: str) -> bool:
    """True when this name or this address has failed too often to try again now."""
    now = clock.now()
    return any(
        SignInAttempt.objects.filter(key=key, at__gt=now - within).count() >= most
        for key, (most, within) in _limits(username, address)
    )  # fmt: skip


@transaction.atomic
def record_failed_sign_in(username: str, address: str) -> None:
    now = clock.now()
    SignInAttempt.objects.filter(at__lt=now - timedelta(days=1)).delete()
    SignInAttempt.objects.bulk_create(SignInAttempt(key=key, at=now) for key, _ in _limits(username, address))
    audit.record_refusal(Actor.system("sign-in"), "sign in", reason="wrong user name or password")


def _limits(username: str, address: str) -> list[tuple[str, tuple[int, timedelta]]]:
    return [(_hashed("name", username.strip().lower()), ATTEMPTS_PER_NAME), (_hashed("address", address), ATTEMPTS_PER_ADDRESS)]


def _hashed(kind: str, value: str) -> str:
    return hmac.new(settings.SECRET_KEY.encode(), f"{kind}:{value}".encode(), hashlib.sha256).hexdigest()
