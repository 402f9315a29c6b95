"""Sections that other areas put beside a plan, on its page and on its pack. They do so in their `AppConfig.ready`.

add_beside(panels.of_plan)      # (actor, plan, on) → Panel, None when there is nothing for this actor
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from stepwell.web.core.actor import Actor
from stepwell.web.core.layout import Panel
from stepwell.web.tapers.models import TaperPlan

BesideFor = Callable[[Actor, TaperPlan, date], Panel | None]
_beside: list[BesideFor] = []


def add_beside(provider: BesideFor) -> None:
    if provider not in _beside:
        _beside.append(provider)


def beside(actor: Actor, row: TaperPlan, on: date) -> list[Panel]:
    return [panel for provider in _beside if (panel := provider(actor, row, on)) is not None]
