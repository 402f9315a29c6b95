"""The section of the patient page."""

from __future__ import annotations

from datetime import date

from stepwell.web.core.actor import Actor
from stepwell.web.core.layout import Panel
from stepwell.web.core.permissions import Permission
from stepwell.web.incoming import selectors
from stepwell.web.incoming.pages import Row

SHOWN = 5


def received(actor: Actor, person_id: int, on: date) -> Panel | None:
    letters = selectors.letters_of_person(actor, person_id)
    may_file = actor.may(Permission.FILE_LETTERS)
    if not letters and not may_file:
        return None
    standings = selectors.standings(letters[:SHOWN])
    rows = [Row(letter, standings[letter.pk]) for letter in letters[:SHOWN]]
    values = {"rows": rows, "more": len(letters) - len(rows), "may_file": may_file, "person_id": person_id}
    return Panel("incoming/panel.jinja", values)
