"""Reads of the person's own page: their code, and which of their plans they are shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from stepwell.web.portal import codes
from stepwell.web.portal.models import CodeEvent, CodeState, OwnCode
from stepwell.web.tapers import selectors as tapers
from stepwell.web.tapers.models import ACTIVE_STATES, PlanState, TaperPlan

# A plan is shown once the person has agreed to it, also when it has ended; what was never agreed, or was a mistake, is not.
ENDED = (PlanState.STABLE, PlanState.PLATEAU, PlanState.STOPPED, PlanState.DECLINED, PlanState.LEFT)
SHOWN = (*ACTIVE_STATES, PlanState.PAUSED, *ENDED)


def code_of(person_id: int) -> OwnCode | None:
    """The person's code that is neither withdrawn nor replaced; its time may be over."""
    return OwnCode.objects.select_related("person").filter(person_id=person_id, state=CodeState.IN_FORCE).first()


def code_found(code: str) -> OwnCode | None:
    """The code in force that somebody typed (`codes.read`)."""
    return OwnCode.objects.select_related("person").filter(look_up=codes.look_up(code), state=CodeState.IN_FORCE).first()


def code_row(code_id: int) -> OwnCode | None:
    return OwnCode.objects.select_related("person").filter(pk=code_id, state=CodeState.IN_FORCE).first()


def opens(row: OwnCode, on: date) -> bool:
    """Whether it opens the page on that day: not after its last day, and not after the person's death."""
    return row.state == CodeState.IN_FORCE and on <= row.until and row.person.death_date is None


def events_of(person_id: int) -> list[CodeEvent]:
    """What happened to this person's codes, the newest first."""
    return list(CodeEvent.objects.filter(code__person_id=person_id).select_related("by", "code").order_by("-id"))


@dataclass(frozen=True, slots=True)
class OwnPlans:
    """`main`: what their page is about: the plan on its way, else one that pauses, else the last that ended; None without any. `others`:
    the rest."""

    main: TaperPlan | None
    others: tuple[TaperPlan, ...]


def plans_of(person_id: int) -> OwnPlans:
    found = [row for row in tapers.plans_of(person_id) if row.state in SHOWN and row.agreed_on is not None]
    found.sort(key=lambda row: (row.state not in ACTIVE_STATES, not row.is_open, -(row.ended_on or row.state_from).toordinal()))
    return OwnPlans(found[0] if found else None, tuple(found[1:]))
