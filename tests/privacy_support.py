"""More members of staff for a `World`: every role, at any of its organisations."""

from __future__ import annotations

from datetime import date
from typing import Any

from ledger_world import World

SINCE = date(2015, 4, 1)


def join(world: World, key: str, name: str, code: str, role: str) -> Any:
    """Somebody new works at the organisation in this role; `world.client(key)` and `world.actor(key)` know them."""
    from stepwell.web.accounts import services
    from stepwell.web.accounts.models import Organisation
    from stepwell.web.core.actor import Actor

    setup = Actor.system("tests")
    user = services.create_user(setup, username=f"{code}.{key}".replace(" ", "."), name=name)
    organisation = Organisation.objects.get(code=code)
    world.members[key] = services.add_membership(setup, user=user, organisation=organisation, role_key=role, from_on=SINCE)
    return world.members[key]
