"""What goes with a request from the record: medicines, diagnoses, what was tried before, what is still owed.

Kept by keys as the asker saw it, and cut again for each reader: what is hidden from a reader does not reach them through a request.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from stepwell.web.core.formatting import clinician, count
from stepwell.web.ledger import known
from stepwell.web.ledger.models import Duty, PersonRecord
from stepwell.web.ledger.presenters import DutyPresenter, dose_words
from stepwell.web.privacy.restrict import Cut
from stepwell.web.registers import selectors as registers

_TRIED_MOST = 12
OWN_DUTIES = "asked.service request"  # what requests themselves owe


def gather(person: PersonRecord, cut: Cut, duties: Iterable[Duty], on: date) -> dict[str, Any]:
    """The facts of a person whose record was already cut for the asker (`restrict.cut_for`)."""
    taken = {row["substance"] for row in person.medicines}
    rows = cut.shown_registers(registers.registers_of(person.person_id))
    conditions = [row for row in rows if known.register_kind(row.register) == "condition"]
    tried = [row for row in cut.shown_registers(registers.spells_of(person.person_id)) if known.register_kind(row.register) == "medicine"]
    return {
        "as_at": on.isoformat(),
        "medicines": [
            {"key": row["substance"], "words": _medicine_words(row), "since": row["started_on"]}
            for row in person.medicines
            if row["substance"] in taken
        ],
        "conditions": [
            {"key": row.register, "words": known.register_label(row.register), "since": _iso(row.entered_on)} for row in conditions
        ],
        "tried": [
            {"key": row.register, "words": known.register_label(row.register), "from": _iso(row.entered_on), "to": _iso(row.left_on)}
            for row in tried[:_TRIED_MOST]
        ],
        "duties": [{"key": duty.pk} for duty in cut.shown(duties) if duty.rule_id != OWN_DUTIES],
    }


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _medicine_words(row: Mapping[str, Any]) -> str:
    return " ".join(part for part in (known.medicine(row["substance"]), dose_words(row)) if part)


@dataclass(frozen=True, slots=True)
class Shown:
    """The facts in words for one reader. `duties`: what was open and still is, with whose it is; what is due later as a number."""

    as_at: str
    medicines: list[str]
    conditions: list[str]
    tried: list[str]
    duties: list[str]

    @property
    def any(self) -> bool:
        return bool(self.medicines or self.conditions or self.tried or self.duties)


def shown(facts: Mapping[str, Any], cut: Cut, duties: Iterable[DutyPresenter]) -> Shown:
    """`duties`: the person's open duties as this reader sees them."""
    as_at = facts.get("as_at")
    wanted = {row["key"] for row in facts.get("duties", [])}
    still = [duty for duty in duties if duty.id in wanted and duty.is_open]
    now = [duty for duty in still if duty.is_due or duty.is_nobody]
    told = [f"{duty.what} ({duty.due_text}): {'you' if duty.is_mine else duty.owner}" for duty in now]
    if later := len(still) - len(now):
        told.append(f"{count(later, 'more is', 'more are')} due later")
    return Shown(
        clinician.date(date.fromisoformat(as_at)) if as_at else "",
        [_since(row["words"], row["since"]) for row in facts.get("medicines", []) if not cut.hides_medicine(row["key"])],
        [_since(row["words"], row["since"]) for row in facts.get("conditions", []) if not cut.hidden.hides_register(row["key"])],
        [
            f"{row['words']}, {_day(row['from'])} to {_day(row['to'])}"
            for row in facts.get("tried", [])
            if not cut.hidden.hides_register(row["key"])
        ],
        told,
    )


def _since(words: str, day: str | None) -> str:
    return f"{words}, since {_day(day)}" if day else words


def _day(text: str | None) -> str:
    return clinician.date(date.fromisoformat(text)) if text else "an unknown day"
