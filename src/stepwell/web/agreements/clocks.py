"""The clocks of an agreement: days in which an answer is due, in working days of the practice's nation (ruling 3). Pure but for the
nation; nothing depends on a job having run.

A question does not stop the clock: no source says that it does, and a stopped clock would hide that nobody has answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from stepwell.clinical.working_days import Calendar
from stepwell.web.agreements.story import PENDING, Event, Story
from stepwell.web.core.nations import nation_of
from stepwell.web.ledger import known

REQUEST, HAND_BACK = "request", "hand-back"


class ClockState(StrEnum):
    WAITING = "waiting"
    FIRST_REMINDER = "first reminder"
    SECOND_REMINDER = "second reminder"
    SILENT = "silent"
    """The last day has passed without an answer. That is no consent."""
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True)
class Clock:
    """`what` is `request`, `hand-back` or a `Proposal`. Working days; `days_left` is negative after the last day, and counts to the
    answer where there is one."""

    what: str
    day0: date
    due_on: date
    days_gone: int
    days_left: int
    days: int
    state: ClockState

    @property
    def silent_on(self) -> date:
        """The first day on which the silence counts as such."""
        return self.due_on + timedelta(days=1)

    @property
    def runs(self) -> bool:
        return self.state is not ClockState.ANSWERED


def running(story: Story, practice: str, now: datetime) -> Clock | None:
    """The clock that runs now, else that of the request; None when nothing was ever asked."""
    if story.hand_back is not None:
        return clock(HAND_BACK, story.hand_back, practice, now)
    if story.proposal is not None:
        return clock(str(story.proposal.detail["what"]), story.proposal, practice, now)
    return request_clock(story, practice, now)


def request_clock(story: Story, practice: str, now: datetime) -> Clock | None:
    """Of the request itself; once it was answered or withdrawn it stands still."""
    if story.sent is None:
        return None
    if story.answered is None and story.state_on(now.date()) not in PENDING:
        return None
    return clock(REQUEST, story.sent, practice, now, story.answered)


def clock(what: str, asked: Event, practice: str, now: datetime, answered: Event | None = None) -> Clock:
    """How long an answer to `asked` has been awaited at `now`."""
    calendar = Calendar(nation_of(practice))
    days = days_for(what)
    day0 = calendar.received_on(asked.moment)
    due_on = calendar.add(day0, days)
    until = answered.on if answered is not None else now.date()
    gone = max(calendar.between(day0, until), 0)
    left = calendar.between(until, due_on) if until <= due_on else -calendar.between(due_on, until)
    return Clock(what, day0, due_on, gone, left, days, _state(what, gone, until > due_on, answered is not None))


def days_for(what: str) -> int:
    """Working days that the knowledge base gives for an answer."""
    return known.parameter({REQUEST: "share_answer_days", HAND_BACK: "hand_back_days"}.get(what, "dose_change_days"))


def due_on(what: str, moment: datetime, practice: str) -> date:
    """The last day for an answer to what was asked at that moment."""
    return Calendar(nation_of(practice)).due(moment, days_for(what))


def _state(what: str, gone: int, late: bool, answered: bool) -> ClockState:
    if answered:
        return ClockState.ANSWERED
    if late:
        return ClockState.SILENT
    if what == REQUEST and gone >= known.parameter("share_second_reminder"):
        return ClockState.SECOND_REMINDER
    if what == REQUEST and gone >= known.parameter("share_first_reminder"):
        return ClockState.FIRST_REMINDER
    return ClockState.WAITING
