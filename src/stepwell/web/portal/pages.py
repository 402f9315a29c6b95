"""What the person's own pages show: presenters over a plan, and whom to call; nothing here reads the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from stepwell.knowledge.tapering import TaperSupport
from stepwell.web.ledger import known
from stepwell.web.tapers.chart import a_day, amount
from stepwell.web.tapers.models import ACTIVE_STATES, CheckIn, PlanState, TaperPlan
from stepwell.web.tapers.own import SLOWER, Written
from stepwell.web.tapers.pack import Caller, Card, Pack


@dataclass(frozen=True, slots=True)
class Help:
    """Whom to call: `callers` with their numbers, the named clinician first; `safety` says for what at once; `urgent` for every hour."""

    place: str
    desk: str
    callers: Sequence[Caller]
    safety: Sequence[TaperSupport]
    urgent: str

    @property
    def first(self) -> Caller:
        return self.callers[0] if self.callers else Caller("", self.place, self.desk)


@dataclass(frozen=True)
class OwnPlan:
    """A plan as its person sees it. `pack`: what is taken by it, None when it has ended or cannot be told; `asked`: it stands still because
    they asked to slow down; `written`: what they wrote, the newest first."""

    row: TaperPlan
    today: date
    pack: Pack | None
    written: Sequence[Written]
    asked: bool

    @property
    def medicine(self) -> str:
        return known.medicine(self.row.substance)

    @property
    def state(self) -> PlanState:
        return PlanState(self.row.state)

    @property
    def ended(self) -> bool:
        return not self.row.is_open

    @property
    def may_slow_down(self) -> bool:
        return self.row.state in (*ACTIVE_STATES, PlanState.PAUSED)

    @property
    def waiting(self) -> list[Written]:
        return [each for each in self.written if each.answered is None]

    @property
    def waits_for_pace(self) -> bool:
        return any(each.kind == SLOWER for each in self.waiting)

    @property
    def last_answered(self) -> Written | None:
        """The last thing that was answered, where nothing newer waits."""
        return self.written[0] if self.written and self.written[0].answered is not None else None

    @property
    def late_start(self) -> bool:
        """Agreed, and the day on which it was to begin has gone by."""
        return self.pack is not None and not self.pack.begun and self.pack.begins_on < self.today

    @property
    def until(self) -> date | None:
        """The last day of today's dose; None while it stands still, or when nothing comes after it."""
        if self.pack is None or self.pack.still or not self.pack.begun:
            return None
        return self.pack.now.until

    @property
    def next(self) -> Card | None:
        """The next step; None while the plan stands still, or at its end."""
        if self.pack is None or self.pack.still or len(self.pack.cards) < 2:
            return None
        return self.pack.cards[1]

    @property
    def reached(self) -> str:
        """What a plan that ended has come to, in a sentence. None of it is a failure."""
        dose, start = a_day(self._last_ug, self.row.unit), amount(self.row.from_ug, self.row.unit)
        match self.state:
            case PlanState.STOPPED:
                return f"You stopped {self.medicine}. You began at {start}."
            case PlanState.STABLE:
                return f"You reached {dose} of {self.medicine}, as you meant to. You began at {start}."
            case PlanState.PLATEAU:
                return f"You stay at {dose} of {self.medicine}, as agreed. You began at {start}."
            case PlanState.DECLINED:
                return f"You chose not to go on with this plan for {self.medicine}. You can come back to it at any time."
            case _:
                return f"This plan for {self.medicine} is not followed here any more."

    last_ug: int | None = None

    @property
    def _last_ug(self) -> int:
        return self.last_ug if self.last_ug is not None else self.row.to_ug


@dataclass(frozen=True, slots=True)
class DiaryLine:
    """A check-in as its person reads it. `noticed`: in plain words; `by_me`: they wrote it themselves."""

    row: CheckIn
    noticed: str
    dose: str

    @property
    def by_me(self) -> bool:
        return self.row.by_person


def diary_lines(rows: Sequence[CheckIn], symptoms: Sequence[TaperSupport], unit: str) -> list[DiaryLine]:
    """The newest first."""
    words = {each.support: each.plain or each.label for each in symptoms}
    doses = {row.pk: a_day(row.dose_ug, unit) if row.dose_ug else "none" for row in rows}
    return [DiaryLine(row, ", ".join(words.get(key, key) for key in row.symptoms), doses[row.pk]) for row in reversed(rows)]
