"""The section of the patient page: open drafts, the newest letters, and writing one."""

from __future__ import annotations

from datetime import date

from stepwell.web.core.actor import Actor
from stepwell.web.core.layout import Panel
from stepwell.web.core.permissions import Permission
from stepwell.web.letters import selectors
from stepwell.web.letters.compose import kinds
from stepwell.web.letters.pages import Line

SHOWN = 4


def letters(actor: Actor, person_id: int, on: date) -> Panel | None:
    found = selectors.letters_of_person(actor, person_id)
    writes = actor.may(Permission.WRITE_LETTERS)
    if not found and not writes:
        return None
    shown = found[:SHOWN]
    answered = selectors.answered([letter.pk for letter in shown])
    drafts = selectors.drafts_of_person(actor, person_id) if writes else []
    labels = {key: kind.label for key, kind in kinds().items()}
    values = {
        "person_id": person_id,
        "lines": [Line(letter, None, answered=answered[letter.pk]) for letter in shown],
        "more": len(found) if len(found) > SHOWN else 0,
        "drafts": [(draft, labels.get(draft.kind, draft.kind)) for draft in drafts],
        "may_write": writes,
    }
    return Panel("letters/panel.jinja", values)
