"""Signing in with somebody else's word for it: an OpenID Connect provider of the organisation, and NHS CIS2.

Authlib speaks the protocol (state, nonce, PKCE, the provider's signature, our own for CIS2). What the word is worth is decided
here: nobody gets an account or a role by it. Somebody who already has an account links it once; afterwards the provider's name
for them (`sub`) signs them in, and a smartcard narrows the roles they can act in to those it carries.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from authlib.integrations.base_client import OAuthError
from authlib.integrations.django_client import OAuth
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet, RSAKey
from requests import RequestException

from stepwell.errors import Refused
from stepwell.web.accounts import sessions
from stepwell.web.accounts.models import Identity, Membership, ProviderSession, User
from stepwell.web.core import audit, clock, limits
from stepwell.web.core.actor import Actor

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
CIS2 = "cis2"
_SIGNED_WITH = "RS512"
_TIMEOUT = 10  # seconds for each of the provider's answers
_LEEWAY = 60  # seconds by which the provider's clock may differ
_LOGOUT_VALID = 300
_ROLES_CLAIM = "nhsid_nrbac_roles"  # what the scope nationalrbacaccess answers


@dataclass(frozen=True, slots=True)
class Provider:
    """`key_file` is our private key (PEM) where the provider wants signed requests instead of a secret. `acr` are the levels of
    assurance that we ask for; a provider that answers with one of them has done the second step."""

    key: str
    name: str
    issuer: str
    client_id: str
    scopes: str
    client_secret: str = ""
    key_file: str = ""
    acr: tuple[str, ...] = ()

    @property
    def narrows_roles(self) -> bool:
        return self.key == CIS2


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider said, after every check. `strong`: with the level of assurance that we asked for."""

    provider: Provider
    subject: str
    sid: str
    strong: bool
    proved_at: int
    carried: tuple[tuple[str, str], ...] = ()


def configured() -> list[Provider]:
    return [Provider(**row) for row in settings.SIGN_IN_PROVIDERS]


def provider(key: str) -> Provider | None:
    return next((each for each in configured() if each.key == key), None)


def of_user(user: User) -> list[Provider]:
    """Providers with which this user can show who they are."""
    linked = set(Identity.objects.filter(user=user, ended_at__isnull=True).values_list("provider", flat=True))
    return [each for each in configured() if each.key in linked]


def client(chosen: Provider) -> Any:
    return _client(chosen)


@cache
def _client(chosen: Provider) -> Any:
    arguments: dict[str, Any] = {"scope": chosen.scopes, "code_challenge_method": "S256", "default_timeout": _TIMEOUT}
    methods = []
    secret: Any = chosen.client_secret
    if chosen.key_file:
        secret = _own_key(chosen.key_file)
        methods = [PrivateKeyJWT(headers={"kid": secret.kid}, alg=_SIGNED_WITH)]
        arguments["token_endpoint_auth_method"] = PrivateKeyJWT.name
    return OAuth().register(
        chosen.key,
        client_id=chosen.client_id,
        client_secret=secret,
        server_metadata_url=f"{chosen.issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs=arguments,
        client_auth_methods=methods,
    )


@cache
def _own_key(path: str) -> RSAKey:
    key = RSAKey.import_key(Path(path).read_text(encoding="ascii"), {"use": "sig", "alg": _SIGNED_WITH})
    key.ensure_kid()
    return key


def own_keys() -> dict[str, Any]:
    """The public halves of our keys, for the providers that check our signature."""
    return {"keys": [_own_key(each.key_file).as_dict(private=False) for each in configured() if each.key_file]}


def answer_of(request: HttpRequest, chosen: Provider) -> Answer:
    """Fetch and check what the provider says of whoever came back from it. Refused with words that tell nothing to outsiders."""
    speaker = client(chosen)
    try:
        metadata = speaker.load_server_metadata()
        if metadata.get("issuer") != chosen.issuer:
            raise Refused(f"{chosen.name} answers under another name than it is set up with. Tell your system lead.")
        options = {"iss": {"essential": True, "values": [chosen.issuer]}, "aud": {"essential": True, "value": chosen.client_id}}
        token = speaker.authorize_access_token(request, claims_options=options, leeway=_LEEWAY)
        claims = token.get("userinfo")
        if not claims:
            raise Refused(f"{chosen.name} did not say who you are. Try again.")
        carried = _carried(speaker, token, str(claims["sub"])) if chosen.narrows_roles else ()
    except (OAuthError, JoseError, RequestException, ValueError, KeyError, RuntimeError) as error:
        raise Refused(f"Signing in with {chosen.name} did not work. Try again, or sign in another way.") from error
    strong = bool(chosen.acr) and str(claims.get("acr", "")) in chosen.acr
    if chosen.acr and not strong:
        raise Refused(f"{chosen.name} signed you in, but not as strongly as Stepwell needs ({', '.join(chosen.acr)}).")
    return Answer(chosen, str(claims["sub"]), str(claims.get("sid", "")), strong, int(claims.get("auth_time") or 0), carried)


def _carried(speaker: Any, token: Mapping[str, Any], subject: str) -> tuple[tuple[str, str], ...]:
    """Organisation and job role code of each role on the smartcard."""
    told = speaker.userinfo(token=token)
    if str(told.get("sub", "")) != subject:
        raise ValueError("the answer is about somebody else")
    rows = told.get(_ROLES_CLAIM) or []
    return tuple((str(row["org_code"]), str(row["role_code"]).rpartition(":")[2]) for row in rows if row.get("org_code"))


# What the word is worth


@cache
def national_roles() -> dict[str, dict[str, Any]]:
    text = resources.files("stepwell.web.accounts").joinpath("national_roles.yaml").read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = yaml.safe_load(text)
    return found


def allowed_by(answer: Answer, memberships: Sequence[Membership]) -> list[int] | None:
    """Which memberships the answer carries; None: all of them, because the provider says nothing about roles."""
    if not answer.provider.narrows_roles:
        return None
    carries = {(org, role) for org, code in answer.carried for role in national_roles().get(code, {}).get("carries", ())}
    return [row.pk for row in memberships if (row.organisation.code, row.role) in carries]


def identity_of(answer: Answer) -> Identity | None:
    rows = Identity.objects.filter(provider=answer.provider.key, subject=answer.subject, ended_at__isnull=True)
    return rows.select_related("user").filter(user__is_active=True).first()


@transaction.atomic
def link(actor: Actor, user: User, answer: Answer) -> Identity:
    """From now on this provider's word signs `user` in. Refused when it already signs somebody else in."""
    there = Identity.objects.filter(provider=answer.provider.key, subject=answer.subject, ended_at__isnull=True).first()
    if there is not None and there.user_id != user.pk:
        raise Refused("This sign-in belongs to another account of Stepwell. Ask your system lead.")
    if there is not None:
        return there
    row = Identity.objects.create(user=user, provider=answer.provider.key, subject=answer.subject, linked_at=clock.now())
    audit.record_write(actor, "link sign-in", subject_type="user", subject_id=user.pk, reason=answer.provider.key)
    return row


@transaction.atomic
def unlink(actor: Actor, user: User, key: str) -> None:
    rows = Identity.objects.filter(user=user, provider=key, ended_at__isnull=True)
    if not rows.update(ended_at=clock.now()):
        raise Refused("This was taken away already.")
    audit.record_write(actor, "unlink sign-in", subject_type="user", subject_id=user.pk, reason=key)


def remember(request: HttpRequest, identity_id: int, sid: str) -> None:
    """Which session of ours this sign-in began, so that signing out at the provider ends it."""
    ProviderSession.objects.update_or_create(
        session_key=str(request.session.session_key), defaults={"identity_id": identity_id, "sid": sid, "at": clock.now()}
    )  # fmt: skip


def _signed_by(chosen: Provider, token: str) -> dict[str, Any]:
    """The claims of a token with the provider's signature. New keys are fetched now and then, not for everybody who asks."""
    speaker = client(chosen)
    try:
        return dict(jwt.decode(token, KeySet.import_key_set(speaker.fetch_jwk_set())).claims)
    except InvalidKeyIdError:
        if not limits.take("provider keys", chosen.key, most=5, within=timedelta(minutes=1)):
            raise
        return dict(jwt.decode(token, KeySet.import_key_set(speaker.fetch_jwk_set(force=True))).claims)


def signed_out_there(chosen: Provider, logout_token: str) -> int:
    """Back-channel logout: end the sessions the token names; gives how many. Refused unless the provider signed it, for us, just now."""
    try:
        claims = _signed_by(chosen, logout_token)
    except (JoseError, ValueError, RequestException, RuntimeError) as error:
        raise Refused("The token is not the provider's.") from error
    audience = claims.get("aud")
    ours = chosen.client_id in (audience if isinstance(audience, list) else [audience])
    fresh = isinstance(claims.get("iat"), (int, float)) and abs(time.time() - claims["iat"]) <= _LOGOUT_VALID
    expired = isinstance(claims.get("exp"), (int, float)) and claims["exp"] < time.time() - _LEEWAY
    about, sid = str(claims.get("sub", "")), str(claims.get("sid", ""))
    is_logout = LOGOUT_EVENT in (claims.get("events") or {}) and "nonce" not in claims
    if claims.get("iss") != chosen.issuer or not ours or not fresh or expired or not is_logout or not (about or sid):
        raise Refused("The token is not one for signing out here now.")
    rows = ProviderSession.objects.filter(identity__provider=chosen.key)
    if about:
        rows = rows.filter(identity__subject=about)
    if sid:
        rows = rows.filter(sid=sid)
    with transaction.atomic():
        ended = sessions.end_keys(list(rows.values_list("session_key", flat=True)))
        audit.record_write(
            Actor.system("sign-in"), "signed out at provider", subject_type="provider", subject_id=chosen.key, reason=str(ended)
        )
    return ended
