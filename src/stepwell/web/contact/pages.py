"""What the templates of adjustments are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from stepwell.web.accounts.roles import roles
from stepwell.web.contact import words
from stepwell.web.contact.choices import CARER, REVIEW, SAFE, group
from stepwell.web.contact.models import Act, AdjustmentEvent
from stepwell.web.contact.services import REPLACED
from stepwell.web.contact.words import GP_RECORD, Spoken, spoken_words
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.permissions import Permission

HIDDEN = "A reason is recorded; your role does not see it."
_VERBS = {Act.RECORDED: "Recorded", Act.ENDED: "No longer needed", Act.IN_ERROR: "Entered in error"}


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


class Line:
    """One adjustment in force: the words of the strip, who recorded it, and the reason where the actor may see it."""

    def __init__(self, row: AdjustmentEvent, actor: Actor, on: date, names: Mapping[str, str]) -> None:
        self.id, self.kind = row.pk, group(row.kind).label
        self.is_safe = row.kind == SAFE
        self.text = capital(words.phrase(row))
        self.who = f"{row.by.display_name}, {names.get(row.org_code, row.org_code)}, {clinician.date(row.at)}"
        self.ended_consent = words.ended_consent(row, on)
        self.why = reason(row, actor)


def reason(row: AdjustmentEvent, actor: Actor) -> str:
    """The reason of a rule of safe contact is for those who may see sensitive entries; others learn that there is one."""
    if row.kind == SAFE and row.why and row.why != REPLACED and not actor.may(Permission.SEE_SENSITIVE):
        return HIDDEN
    return row.why


class HistoryLine:
    def __init__(self, row: AdjustmentEvent, actor: Actor, names: Mapping[str, str]) -> None:
        self.at = row.at
        self.what = f"{_VERBS[Act(row.act)]}: {words.phrase(row)}"
        self.who = f"{row.by.display_name}, {roles()[row.role].label if row.role in roles() else row.role}, "
        self.who += names.get(row.org_code, row.org_code)
        self.why = reason(row, actor)


class AdjustmentsPage:
    """Of one person: what is in force, what the record says beside it, and everything that happened."""

    def __init__(
        self,
        rows: Sequence[AdjustmentEvent],
        events: Sequence[AdjustmentEvent],
        *,
        record: Spoken | None,
        actor: Actor,
        on: date,
        names: Mapping[str, str],
    ) -> None:
        self.lines = [Line(row, actor, on, names) for row in rows if row.kind != REVIEW]
        self.history = [HistoryLine(event, actor, names) for event in events]
        self.record = f"{capital(GP_RECORD)}: {told}." if record and (told := spoken_words(*record)) else ""
        self.review_on = next((row.until for row in rows if row.kind == REVIEW), None)
        self.review_due = words.review_due(rows, on)
        self.has_carer = any(row.kind == CARER for row in rows)
        self.may_record = actor.may(Permission.RECORD_ADJUSTMENTS)

    @property
    def heading(self) -> str:
        return "Adjustments and ways of contact"
