"""Letters between the practice and the trust of `ledger_world`, written and sent through the product's own verbs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from ledger_world import PRACTICE, TODAY, World

SUMMARY = "Well on lithium for a year. No relapse, sleeps well."
ACTION = "Check lithium level and kidney function"


def begun(
    world: World, name: str = "Iris", *, who: str = "psychiatrist", kind: str = "outpatient", to: str = PRACTICE, about=("lithium",)
) -> Any:
    from stepwell.web.letters import services

    return services.begin(world.actor(who), world.ids[name], kind=kind, to_org=to, medicines=list(about))


def saved(world: World, draft: Any, words: Mapping[str, str], actions: Sequence[Any] = (), *, who: str = "psychiatrist") -> Any:
    """Keep these words under their headings, and these actions."""
    from stepwell.web.letters import selectors, services
    from stepwell.web.letters.drafting import Said

    typed = {key: Said.typed(text) for key, text in words.items()}
    now = selectors.content_of(draft)
    return services.save(world.actor(who), draft.pk, typed, list(actions) or None, seen=now.last)


def sent(world: World, draft: Any, *, who: str = "psychiatrist", asked: str = "Riverside Surgery") -> Any:
    """Send it; whatever says nothing is asked of somebody."""
    from stepwell.web.letters import selectors, services

    now = selectors.content_of(draft)
    return services.send(world.actor(who), draft.pk, asked={each.key: asked for each in now.score.gaps}, seen=now.last)


def action(text: str = ACTION, *, role: str = "nurse", days: int = 28) -> Any:
    from stepwell.web.letters.drafting import Action

    return Action(text, TODAY + timedelta(days), role)


def letter(world: World, name: str = "Iris", **how: Any) -> Any:
    """An outpatient letter of the trust to the practice about lithium, with one action."""
    draft = begun(world, name, **how)
    saved(world, draft, {"clinical-summary": SUMMARY}, [action()])
    return sent(world, draft)
