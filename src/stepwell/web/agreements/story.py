"""What the events of an agreement add up to, on any day: its state, whose each line is, what waits for whom. Pure.

Everything that happens by itself (an agreement comes into force on its day, an answer is late) is read from the events and the day
asked about; nothing depends on a job having run. Owners follow docs/adr/0009-agreements-as-events.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

NOBODY = "nobody"
ALL, PRESCRIBE = "all", "prescribe"


class State(StrEnum):
    DRAFT = "draft"
    REQUESTED = "requested"
    INFORMATION_REQUESTED = "information_requested"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    RETURNED = "returned_to_specialist"
    ENDED = "ended"

    @property
    def words(self) -> str:
        return _WORDS[self]


_WORDS = {
    State.DRAFT: "Draft",
    State.REQUESTED: "Requested",
    State.INFORMATION_REQUESTED: "Question asked",
    State.ACCEPTED: "Accepted",
    State.DECLINED: "Declined",
    State.ACTIVE: "Active",
    State.SUSPENDED: "Suspended",
    State.RETURNED: "With the specialist again",
    State.ENDED: "Ended",
}

PENDING = frozenset({State.REQUESTED, State.INFORMATION_REQUESTED})
# While one of these holds, whoever asked prescribes and monitors because of the request; nobody else has agreed to.
ASKING = PENDING | {State.DECLINED, State.ACCEPTED}
# An agreement was in force, and what it says about the way back holds: the specialist has everything.
BACK = frozenset({State.SUSPENDED, State.RETURNED})


class Kind(StrEnum):
    """What an event says was done."""

    RECORDED = "recorded"
    ADOPTED = "adopted"
    DRAFTED = "drafted"
    REQUESTED = "requested"
    ASKED = "asked"
    ANSWERED = "answered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    PROPOSED = "proposed"
    AGREED = "agreed"
    REFUSED = "refused"
    SUSPENDED = "suspended"
    HAND_BACK = "hand_back"
    KEPT = "hand_back_withdrawn"
    TAKEN_BACK = "taken_back"
    ENDED = "ended"
    SILENT = "silent"


class Proposal(StrEnum):
    """What needs the other side's word while an agreement is in force or suspended."""

    DOSE = "dose change"
    RENEW = "renewal"
    RESUME = "resumption"


@dataclass(frozen=True, slots=True)
class Event:
    """`on` and `moment` are the ledger's own day and time of day (a demo plays another day than the clock on the wall)."""

    id: int
    kind: str
    on: date
    moment: datetime
    org: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Opening:
    """An agreement that was recorded or adopted whole, without a request: its dates, and lines as (line, organisation, role)."""

    agreed_on: date
    from_on: date
    to_on: date | None
    lines: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Segment:
    """From this day the state holds. `owner` has everything where no matrix speaks; `shares` is responsibility → organisation and
    `lines` (line, organisation, role) while an agreement is in force."""

    from_on: date
    state: State
    owner: str = ""
    shares: Mapping[str, str] = field(default_factory=dict)
    lines: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Text:
    """One agreed text: what was agreed, from when, who proposed it and who agreed."""

    number: int
    from_on: date
    terms: Mapping[str, Any]
    shares: Mapping[str, str]
    proposed: Event | None
    agreed: Event


@dataclass(frozen=True, slots=True)
class Period:
    """Days in which the engine reads the same owners: `request` (one owner, no lines) or `agreement` (lines). `to_on` is the
    first day that no longer belongs to it."""

    basis: str
    from_on: date
    to_on: date | None
    owner: str
    lines: tuple[tuple[str, str, str], ...]
    state: State


@dataclass(frozen=True, slots=True)
class Story:
    """`sent`, `question`, `proposal` and `hand_back` are the events that wait for an answer, None when nothing waits (`sent` stays:
    it started the clock). `answered` is the event that ended the waiting for the request."""

    segments: tuple[Segment, ...] = ()
    draft: Event | None = None
    sent: Event | None = None
    question: Event | None = None
    answered: Event | None = None
    proposal: Event | None = None
    hand_back: Event | None = None
    texts: tuple[Text, ...] = ()

    def segment_on(self, day: date) -> Segment | None:
        """The one that holds on that day: the last that has begun."""
        return next((segment for segment in reversed(self.segments) if segment.from_on <= day), None)

    def state_on(self, day: date) -> State:
        """Before anything happened it was a draft."""
        segment = self.segment_on(day)
        return segment.state if segment else State.DRAFT

    @property
    def ends_on(self) -> date | None:
        return next((segment.from_on for segment in self.segments if segment.state is State.ENDED), None)

    @property
    def comes(self) -> Segment | None:
        """The last state that is known to come or to hold, but for the end."""
        return next((segment for segment in reversed(self.segments) if segment.state is not State.ENDED), None)

    @property
    def text(self) -> Text | None:
        """The latest agreed text."""
        return self.texts[-1] if self.texts else None

    def owner_of(self, responsibility: str, line: str, day: date) -> str:
        """The one organisation whose this is on that day, or NOBODY. `line`: the line of an agreement it stands for when the
        agreement was recorded without a matrix."""
        segment = self.segment_on(day)
        if segment is None or segment.state in (State.DRAFT, State.ENDED):
            return NOBODY
        if segment.owner:
            return segment.owner
        if segment.shares:
            return segment.shares.get(responsibility, NOBODY)
        owners = {name: org for name, org, _role in segment.lines}
        return owners.get(line) or owners.get(ALL) or NOBODY

    def periods(self) -> list[Period]:
        """In order, without gaps between states that follow each other. A draft and an end own nothing."""
        found: list[Period] = []
        for place, segment in enumerate(self.segments):
            to_on = self.segments[place + 1].from_on if place + 1 < len(self.segments) else None
            if to_on == segment.from_on:
                continue
            if segment.state in ASKING and segment.owner:
                found.append(Period("request", segment.from_on, to_on, segment.owner, (), segment.state))
            elif segment.state in BACK:
                everything = ((ALL, segment.owner, ""), (PRESCRIBE, segment.owner, ""))
                found.append(Period("agreement", segment.from_on, to_on, segment.owner, everything, segment.state))
            elif segment.state is State.ACTIVE:
                found.append(Period("agreement", segment.from_on, to_on, "", segment.lines, segment.state))
        return found


def tell(events: Iterable[Event], opening: Opening | None = None) -> Story:
    """The story that these events, in order, make."""
    story = Story() if opening is None else Story(_opened(opening))
    for event in events:
        handler = _HANDLERS.get(event.kind)
        if handler is not None and not (opening is not None and event.kind == Kind.ENDED):
            story = handler(story, event)
    return story


def _opened(opening: Opening) -> tuple[Segment, ...]:
    begun = Segment(opening.from_on, State.ACTIVE, lines=opening.lines)
    before = (Segment(opening.agreed_on, State.ACCEPTED),) if opening.agreed_on < opening.from_on else ()
    after = (Segment(opening.to_on, State.ENDED),) if opening.to_on is not None else ()
    return (*before, begun, *after)


def _from(segments: Sequence[Segment], *new: Segment, over: bool = False) -> tuple[Segment, ...]:
    """What was to come from the first of the new days on is replaced. An end that is already fixed stays, unless it is renewed
    away (`over`)."""
    first = new[0].from_on
    before = [segment for segment in segments if segment.from_on < first]
    end = [segment for segment in segments if segment.state is State.ENDED and segment.from_on > new[-1].from_on and not over]
    return (*before, *new, *end)


def _day(event: Event, name: str) -> date:
    return date.fromisoformat(event.detail[name])


def _lines(detail: Mapping[str, Any]) -> tuple[tuple[str, str, str], ...]:
    return tuple((row[0], row[1], row[2]) for row in detail["lines"])


def _on_adopted(story: Story, event: Event) -> Story:
    """A request that was found in the store of an earlier database: it is open, and its clock runs from the day it was sent."""
    if "owner" not in event.detail:
        return story
    sent = replace(event, on=_day(event, "from_on"), moment=datetime.fromisoformat(event.detail["moment"]))
    segment = Segment(sent.on, State.REQUESTED, event.detail["owner"])
    return replace(story, sent=sent, segments=_from(story.segments, segment))


def _on_drafted(story: Story, event: Event) -> Story:
    segments = story.segments or (Segment(event.on, State.DRAFT),)
    return replace(story, draft=event, segments=segments)


def _on_requested(story: Story, event: Event) -> Story:
    segment = Segment(event.on, State.REQUESTED, event.detail["owner"])
    return replace(story, sent=event, draft=event, segments=_from(story.segments, segment))


def _on_asked(story: Story, event: Event) -> Story:
    segment = Segment(event.on, State.INFORMATION_REQUESTED, _owner(story))
    return replace(story, question=event, segments=_from(story.segments, segment))


def _on_answered(story: Story, event: Event) -> Story:
    """The answer may carry a changed request: that is the text which is then accepted."""
    draft = event if "terms" in event.detail else story.draft
    segment = Segment(event.on, State.REQUESTED, _owner(story))
    return replace(story, question=None, draft=draft, segments=_from(story.segments, segment))


def _owner(story: Story) -> str:
    """Who has everything while the request is open."""
    return next((segment.owner for segment in reversed(story.segments) if segment.owner), "")


def _on_accepted(story: Story, event: Event) -> Story:
    from_on = _day(event, "from_on")
    text = _agreed(story, event, from_on, story.sent)
    active = Segment(from_on, State.ACTIVE, shares=text.shares, lines=_lines(event.detail))
    waits = (Segment(event.on, State.ACCEPTED, _owner(story)),) if event.on < from_on else ()
    segments = _from(story.segments, *waits, active)
    return replace(story, question=None, answered=event, texts=(*story.texts, text), segments=segments)


def _agreed(story: Story, event: Event, from_on: date, proposed: Event | None) -> Text:
    return Text(len(story.texts) + 1, from_on, event.detail["terms"], event.detail["shares"], proposed, event)


def _on_declined(story: Story, event: Event) -> Story:
    segment = Segment(event.on, State.DECLINED, _owner(story))
    return replace(story, question=None, answered=event, segments=_from(story.segments, segment))


def _on_proposed(story: Story, event: Event) -> Story:
    return replace(story, proposal=event)


def _on_refused(story: Story, event: Event) -> Story:
    return replace(story, proposal=None)


def _on_agreed(story: Story, event: Event) -> Story:
    from_on = _day(event, "from_on")
    text = _agreed(story, event, from_on, story.proposal)
    told = replace(story, proposal=None, texts=(*story.texts, text))
    what = event.detail["what"]
    if what == Proposal.DOSE:
        return told
    active = Segment(from_on, State.ACTIVE, shares=text.shares, lines=_lines(event.detail))
    return replace(told, segments=_from(story.segments, active, over=what == Proposal.RENEW))


def _on_suspended(story: Story, event: Event) -> Story:
    segment = Segment(_day(event, "from_on"), State.SUSPENDED, event.detail["owner"])
    return replace(story, hand_back=None, proposal=None, segments=_from(story.segments, segment))


def _on_hand_back(story: Story, event: Event) -> Story:
    return replace(story, hand_back=event)


def _on_kept(story: Story, event: Event) -> Story:
    return replace(story, hand_back=None)


def _on_taken_back(story: Story, event: Event) -> Story:
    segment = Segment(_day(event, "from_on"), State.RETURNED, event.detail["owner"])
    return replace(story, hand_back=None, proposal=None, segments=_from(story.segments, segment))


def _on_ended(story: Story, event: Event) -> Story:
    segment = Segment(_day(event, "to_on"), State.ENDED)
    segments = tuple(each for each in _from(story.segments, segment) if each is segment or each.state is not State.ENDED)
    return replace(story, question=None, proposal=None, hand_back=None, segments=segments)


_HANDLERS: dict[str, Callable[[Story, Event], Story]] = {
    Kind.ADOPTED: _on_adopted,
    Kind.DRAFTED: _on_drafted,
    Kind.REQUESTED: _on_requested,
    Kind.ASKED: _on_asked,
    Kind.ANSWERED: _on_answered,
    Kind.ACCEPTED: _on_accepted,
    Kind.DECLINED: _on_declined,
    Kind.PROPOSED: _on_proposed,
    Kind.REFUSED: _on_refused,
    Kind.AGREED: _on_agreed,
    Kind.SUSPENDED: _on_suspended,
    Kind.HAND_BACK: _on_hand_back,
    Kind.KEPT: _on_kept,
    Kind.TAKEN_BACK: _on_taken_back,
    Kind.ENDED: _on_ended,
}


def months_after(day: date, months: int) -> date:
    """The same day of a later month, or its last day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = (date(year + (month == 11), (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
    return date(year, month + 1, min(day.day, last))
