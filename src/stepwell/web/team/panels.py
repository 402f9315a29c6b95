"""The team on the patient page; and in short beside what is written about a person."""

from __future__ import annotations

from datetime import date

from stepwell.web.core.actor import Actor
from stepwell.web.core.layout import Panel
from stepwell.web.core.permissions import Permission
from stepwell.web.team import selectors


def strip(actor: Actor, person_id: int, on: date) -> Panel:
    """The same in short."""
    return Panel("team/strip.jinja", team(actor, person_id, on).values)


def team(actor: Actor, person_id: int, on: date) -> Panel:
    found = selectors.team_of(actor, person_id, on)
    return Panel("team/panel.jinja", {"team": found, "person_id": person_id, "may_record": actor.may(Permission.RECORD_ADJUSTMENTS)})
