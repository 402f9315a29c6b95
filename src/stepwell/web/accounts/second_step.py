"""The second step of signing in: a code from an authenticator app, a passkey, or a recovery code.

allauth keeps the authenticators and does the cryptography (TOTP, WebAuthn); when a second step is asked for, how often a code
may be tried, and that a code works once, is decided here. A passkey asks for the person's finger, face or PIN and therefore
signs in alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.utils import decrypt
from allauth.mfa.webauthn.internal import auth as webauthn
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from stepwell.errors import Refused
from stepwell.web.accounts.models import Membership, User
from stepwell.web.accounts.roles import role
from stepwell.web.core import audit, limits
from stepwell.web.core.actor import Actor

CODES_TRIED = (5, timedelta(minutes=5))
_CODE_LIVES = timedelta(seconds=90)  # its own half minute and one on either side
_SECRET_KEY = "stepwell_new_app"  # noqa: S105  a session key: the secret of an app that is not confirmed yet
_MAIN = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
_STYLE = re.compile(r' style="[^"]*"')
TOO_OFTEN = "Too many codes tried. Wait five minutes, then try again."
WRONG_CODE = "The code is not right. Codes change every half minute: enter the one that shows now."
_NOT_ACCEPTED = "This passkey was not accepted. Try again, or use another way to sign in."


@dataclass(frozen=True, slots=True)
class Method:
    """One way of theirs. `kind` is app, passkey or codes; `left` is how many recovery codes are unused."""

    id: int
    kind: str
    name: str
    added: datetime
    used: datetime | None
    left: int = 0


def methods_of(user: User) -> list[Method]:
    found = []
    for row in Authenticator.objects.filter(user=user).order_by("type", "pk"):
        if row.type == Authenticator.Type.WEBAUTHN:
            found.append(Method(row.pk, "passkey", row.wrap().name, row.created_at, row.last_used_at))
        elif row.type == Authenticator.Type.TOTP:
            found.append(Method(row.pk, "app", "Authenticator app", row.created_at, row.last_used_at))
        else:
            left = len(row.wrap().get_unused_codes())
            found.append(Method(row.pk, "codes", "Recovery codes", row.created_at, row.last_used_at, left))
    order = ("passkey", "app", "codes")
    return sorted(found, key=lambda method: (order.index(method.kind), method.id))


def has_one(user: User) -> bool:
    return bool(Authenticator.objects.filter(user=user, type__in=_MAIN).exists())


def has_passkey(user: User) -> bool:
    return bool(Authenticator.objects.filter(user=user, type=Authenticator.Type.WEBAUTHN).exists())


def required_of(memberships: Iterable[Membership]) -> bool:
    """Whether somebody with these roles must have a second step here. Nothing else can take it away: no debug mode, no address."""
    if settings.SECOND_STEP == "everyone":
        return True
    return settings.SECOND_STEP == "managers" and any(role(row.role).second_step for row in memberships)


# Codes


def check_code(user: User, code: str) -> str:
    """How the code was right: `code` or `recovery code`. Refused when it is wrong, was used already, or too many were tried."""
    if not limits.take("second step", str(user.pk), most=CODES_TRIED[0], within=CODES_TRIED[1]):
        raise Refused(TOO_OFTEN)
    digits = "".join(character for character in code if character.isdigit())
    for row in Authenticator.objects.filter(user=user).exclude(type=Authenticator.Type.WEBAUTHN):
        if row.type == Authenticator.Type.TOTP:
            right = totp.validate_totp_code(decrypt(row.data["secret"]), digits) and _unused(user, digits)
        else:
            right = bool(digits) and RecoveryCodes(row).validate_code(digits)
        if right:
            limits.forget("second step", str(user.pk))
            row.refresh_from_db()
            row.record_usage()
            return "code" if row.type == Authenticator.Type.TOTP else "recovery code"
    audit.record_refusal(Actor.system("sign-in"), "second step", reason="wrong code")
    raise Refused(WRONG_CODE)


def _unused(user: User, digits: str) -> bool:
    """A code that somebody looked over a shoulder for does not work a second time."""
    return limits.take("code used", f"{user.pk}:{digits}", most=1, within=_CODE_LIVES)


@dataclass(frozen=True, slots=True)
class NewApp:
    """What an authenticator app needs: to scan, to open on the same device, or to type."""

    svg: str
    address: str
    secret: str


def new_app(request: HttpRequest, user: User) -> NewApp:
    """Begin to add an authenticator app, or show again what was begun in this session."""
    secret = request.session.get(_SECRET_KEY)
    if not secret:
        secret = request.session[_SECRET_KEY] = totp.generate_totp_secret()
    address = get_adapter().build_totp_url(user, secret)
    svg = get_adapter().build_totp_svg(address)
    svg = _STYLE.sub("", svg[svg.index("<svg") :])  # the content policy allows no inline style
    return NewApp(svg, address, " ".join(secret[place : place + 4] for place in range(0, len(secret), 4)))


@transaction.atomic
def confirm_app(request: HttpRequest, actor: Actor, user: User, code: str) -> list[str]:
    """The app shows the right code, so it is theirs now. Gives recovery codes when these are the first."""
    secret = request.session.get(_SECRET_KEY)
    digits = "".join(character for character in code if character.isdigit())
    if not secret or not totp.validate_totp_code(secret, digits):
        raise Refused(WRONG_CODE)
    Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).delete()
    totp.TOTP.activate(user, secret)
    del request.session[_SECRET_KEY]
    _unused(user, digits)
    audit.record_write(actor, "add authenticator app", subject_type="user", subject_id=user.pk)
    return _first_codes(user)


def _first_codes(user: User) -> list[str]:
    if Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).exists():
        return []
    return RecoveryCodes.activate(user).generate_codes()


@transaction.atomic
def new_codes(actor: Actor, user: User) -> list[str]:
    """Ten new recovery codes; the old ones stop working."""
    if not has_one(user):
        raise Refused("Add an authenticator app or a passkey first: recovery codes stand in for them.")
    Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).delete()
    audit.record_write(actor, "make recovery codes", subject_type="user", subject_id=user.pk)
    return RecoveryCodes.activate(user).generate_codes()


# Passkeys


def registration_options(user: User) -> dict[str, Any]:
    """What the browser needs to make a passkey; the challenge is kept in the session."""
    return webauthn.begin_registration(user, passwordless=True)


@transaction.atomic
def add_passkey(actor: Actor, user: User, name: str, credential: Any) -> list[str]:
    """Keep a passkey the browser has made. Gives recovery codes when this is the first second step."""
    try:
        if not isinstance(credential, dict):
            raise TypeError("a passkey answers with an object")
        webauthn.parse_registration_response(credential)
        made = webauthn.complete_registration(credential)
    except (ValidationError, ValueError, TypeError, KeyError) as error:
        raise Refused("The passkey could not be added. Try again.") from error
    if not made.is_user_verified():
        raise Refused("The passkey did not ask who you are (finger, face or PIN). Use one that does.")
    webauthn.WebAuthn.add(user, name.strip()[:60] or "Passkey", credential)
    audit.record_write(actor, "add passkey", subject_type="user", subject_id=user.pk)
    return _first_codes(user)


def request_options(user: User | None = None) -> dict[str, Any]:
    """What the browser needs to answer with a passkey: of this user, or of whoever holds one."""
    return webauthn.begin_authentication(user)


def check_passkey(credential: Any, user: User | None = None) -> User:
    """Whose passkey answered. Refused when it is unknown, not this user's, or answers another challenge."""
    try:
        if not isinstance(credential, dict):
            raise TypeError("a passkey answers with an object")
        webauthn.parse_authentication_response(credential)
        found = user or webauthn.extract_user_from_response(credential)
        row = webauthn.complete_authentication(found, credential)
    except (ValidationError, ValueError, TypeError, KeyError) as error:
        audit.record_refusal(Actor.system("sign-in"), "passkey", reason="not accepted")
        raise Refused(_NOT_ACCEPTED) from error
    if not found.is_active:
        raise Refused(_NOT_ACCEPTED)
    row.record_usage()
    return found


# Taking away


@transaction.atomic
def remove(actor: Actor, user: User, method_id: int, memberships: Iterable[Membership]) -> None:
    """Remove an app or a passkey. Refused when it is the last and their roles need one."""
    row = Authenticator.objects.filter(pk=method_id, user=user, type__in=_MAIN).first()
    if row is None:
        raise Refused("This was removed already.")
    others = Authenticator.objects.filter(user=user, type__in=_MAIN).exclude(pk=row.pk).exists()
    if not others and required_of(memberships):
        raise Refused("Your role needs a second step: add another one before you remove this.")
    row.delete()
    if not others:
        Authenticator.objects.filter(user=user).delete()
    audit.record_write(actor, "remove second step", subject_type="user", subject_id=user.pk, reason=str(row.type))


def remove_all(user: User) -> None:
    Authenticator.objects.filter(user=user).delete()
