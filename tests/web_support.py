"""What web tests share: people with roles, signing them in, and asking the audit trail what was recorded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

LONG_AGO = date(2015, 4, 1)
TODAY = date(2026, 11, 21)


@dataclass
class Network:
    """A small network: memberships by key, organisations by code. P1 and P2 are practices that the PCN covers; P3 is not."""

    organisations: dict[str, Any] = field(default_factory=dict)
    members: dict[str, Any] = field(default_factory=dict)

    def actor(self, key: str, on: date = TODAY) -> Any:
        from stepwell.web.accounts.selectors import actor_for

        return actor_for(self.members[key], on)


MEMBERS = {
    "gp": ("Dr", "Amara Osei", "P1", "gp"),
    "nurse": ("", "Priya Nair", "P1", "nurse"),
    "manager": ("", "Colin Marsh", "P1", "practice manager"),
    "privacy": ("", "Una Price", "P1", "privacy officer"),
    "other gp": ("Dr", "Sian Rees", "P2", "gp"),
    "far gp": ("Dr", "Iris Farr", "P3", "gp"),
    "pcn pharmacist": ("", "Tom Reed", "N1", "pharmacist"),
    "psychiatrist": ("Dr", "Lena Hart", "T1", "psychiatrist"),
    "commissioner": ("", "Ola Byrne", "I1", "commissioner"),
}


def build_network() -> Network:
    """Create it in the database, through the product's own verbs."""
    from stepwell.web.accounts import services
    from stepwell.web.core.actor import Actor

    setup = Actor.system("tests")
    network = Network()
    for code, name, kind in (
        ("P1", "Riverside Surgery", "practice"),
        ("P2", "Hillcrest Medical Centre", "practice"),
        ("P3", "Farfield Practice", "practice"),
        ("N1", "Northvale Primary Care Network", "pcn"),
        ("T1", "Northvale Mental Health NHS Trust", "trust"),
        ("I1", "Northvale Integrated Care Board", "icb"),
    ):
        network.organisations[code] = services.create_organisation(setup, code=code, name=name, kind=kind)
    for child in ("P1", "P2"):
        services.cover_practice(setup, pcn=network.organisations["N1"], practice=network.organisations[child], from_on=LONG_AGO)
    for key, (title, name, code, role) in MEMBERS.items():
        user = services.create_user(setup, username=key.replace(" ", "."), name=name, title=title, persona=f"What {name} would do")
        network.members[key] = services.add_membership(
            setup, user=user, organisation=network.organisations[code], role_key=role, from_on=LONG_AGO
        )
    return network


def session_cookie(membership: Any) -> dict[str, str]:
    """The cookie of somebody signed in and acting as `membership`."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    from stepwell.web.accounts import services
    from stepwell.web.core import clock

    now = int(clock.now().timestamp())
    session = SessionStore()
    session[SESSION_KEY] = str(membership.user_id)
    session[BACKEND_SESSION_KEY] = "stepwell.web.accounts.backends.PasswordBackend"
    session[HASH_SESSION_KEY] = membership.user.get_session_auth_hash()
    session[services.MEMBERSHIP_KEY] = membership.pk
    session[services.STARTED_KEY] = session[services.SEEN_KEY] = now
    session.save()
    return {"name": settings.SESSION_COOKIE_NAME, "value": str(session.session_key)}


def sign_in(client: Any, membership: Any) -> Any:
    """Make Django's test client act as `membership`."""
    cookie = session_cookie(membership)
    client.cookies[cookie["name"]] = cookie["value"]
    return client


class Trail(list[Any]):
    """Audit entries written inside `recorded()`."""

    def reads_of(self, person_id: int) -> list[Any]:
        return [entry for entry in self if entry.kind == "read" and (entry.person_id == person_id or person_id in entry.person_ids)]

    def writes(self, action: str | None = None) -> list[Any]:
        return [entry for entry in self if entry.kind == "write" and action in {None, entry.action}]

    def refusals(self) -> list[Any]:
        return [entry for entry in self if entry.kind == "refused"]


@contextmanager
def recorded() -> Iterator[Trail]:
    """`with recorded() as trail: client.get(...)`; afterwards `trail` holds the audit entries that were written meanwhile."""
    from stepwell.web.core.models import AuditEntry

    last = AuditEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    trail = Trail()
    yield trail
    trail.extend(AuditEntry.objects.filter(pk__gt=last).order_by("pk"))


def form_seen(client: Any, address: str) -> dict[str, str]:
    """What the form at this address sends along unseen: how much of the duties' history it has shown, and what it asked for."""
    page = client.get(address).content.decode()
    return dict(re.findall(r'<input type="hidden" name="(version|asked)" value="([^"]*)"', page))
