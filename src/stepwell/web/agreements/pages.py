"""Agreements in words: one on its page, many in a list, one line beside a medicine. What may be done next is in `next_acts.py`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from markupsafe import Markup

from stepwell import knowledge
from stepwell.web.accounts.roles import roles
from stepwell.web.agreements import selectors
from stepwell.web.agreements.clocks import HAND_BACK, REQUEST, Clock, ClockState
from stepwell.web.agreements.models import Agreement, AgreementEvent
from stepwell.web.agreements.next_acts import Act, Side, acts_of, side_of
from stepwell.web.agreements.story import NOBODY, PENDING, Kind, Proposal, State, Story
from stepwell.web.agreements.terms import Baseline, Terms
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician, count
from stepwell.web.ledger import known
from stepwell.web.ledger.pages import Banner

TONES = {
    State.DRAFT: "grey",
    State.REQUESTED: "amber",
    State.INFORMATION_REQUESTED: "amber",
    State.ACCEPTED: "blue",
    State.DECLINED: "red",
    State.ACTIVE: "green",
    State.SUSPENDED: "amber",
    State.RETURNED: "blue",
    State.ENDED: "grey",
}
_CLOCK_TONES = {
    ClockState.WAITING: "blue",
    ClockState.FIRST_REMINDER: "amber",
    ClockState.SECOND_REMINDER: "amber",
    ClockState.SILENT: "red",
    ClockState.ANSWERED: "grey",
}
_CLOCK_NAMES = {
    REQUEST: "",
    HAND_BACK: "hand-back: ",
    str(Proposal.DOSE): "dose change: ",
    str(Proposal.RENEW): "renewal: ",
    str(Proposal.RESUME): "resumption: ",
}
_NEEDS_NO_APPROVAL = "V"


def clock_words(clock: Clock | None) -> tuple[str, str] | None:
    """`day 6 of 14, answer by 12-May-2026`: the same for both sides. None when no clock runs."""
    if clock is None or not clock.runs:
        return None
    name = _CLOCK_NAMES.get(clock.what, "")
    if clock.state is ClockState.SILENT:
        over = count(-clock.days_left, "working day", "working days")
        return f"{name}no answer by {clinician.date(clock.due_on)}, {over} over: not a yes", "red"
    return f"{name}day {clock.days_gone} of {clock.days}, answer by {clinician.date(clock.due_on)}", _CLOCK_TONES[clock.state]


class AgreementLine:
    """An agreement in a line: for lists, the patient's panel and beside the medicine."""

    def __init__(self, agreement: Agreement, actor: Actor, on: date, names: Mapping[str, str]) -> None:
        self.agreement, self.actor, self.on, self.names = agreement, actor, on, names
        self.story: Story = selectors.story_of(agreement)
        self.state_now = self.story.state_on(on)
        self.clock = selectors.clock_of(agreement)
        self.side = side_of(agreement, actor)
        self._acts = acts_of(agreement, self.story, actor, on)

    @property
    def id(self) -> int:
        return self.agreement.pk

    @property
    def medicine(self) -> str:
        return known.medicine(self.agreement.substance)

    @property
    def medicine_marked(self) -> Markup:
        return known.marked(self.medicine)

    def name(self, code: str) -> str:
        return "nobody" if code in ("", NOBODY) else self.names.get(code, code)

    @property
    def asker(self) -> str:
        return self.name(self.agreement.between_org)

    @property
    def asked(self) -> str:
        return self.name(self.agreement.and_org)

    @property
    def other(self) -> str:
        """The other side, for whoever is on one."""
        return self.asker if self.side is Side.PRACTICE else self.asked

    @property
    def between(self) -> str:
        return f"{self.asker} and {self.asked}"

    @property
    def state(self) -> tuple[str, str]:
        words = self.state_now.words.lower()
        if self.state_now is State.ACTIVE:
            words = "in force"
        if self.state_now is State.ACCEPTED and self.agreement.from_on:
            words = f"accepted, from {clinician.date(self.agreement.from_on)}"
        return words, TONES[self.state_now]

    @property
    def clocks(self) -> list[tuple[str, str]]:
        """The clock that runs, and a review that is due."""
        found = [words] if (words := clock_words(self.clock)) is not None else []
        review = self.agreement.review_on
        if review is not None and review <= self.on and self.state_now in (State.ACTIVE, State.SUSPENDED):
            found.append((f"review was due {clinician.date(review)}" if review < self.on else "review due today", "red"))
        return found

    @property
    def is_ours(self) -> bool:
        """Whether the actor's organisation owes an answer; to a request it does so while its own question is open too."""
        row = self.agreement
        asked = row.waits_for == "question" and row.and_org in self.actor.organisations
        return asked or (bool(row.waits_on) and row.waits_on in self.actor.organisations)

    @property
    def is_silent(self) -> bool:
        """Whether the last day for an answer has passed."""
        return self.clock is not None and self.clock.state is ClockState.SILENT

    @property
    def whose(self) -> str:
        return "mine" if self.is_ours else "theirs"

    @property
    def next_act(self) -> Act | None:
        """The one act that moves it on, when it is the actor's to do."""
        return self._acts[0] if self._acts and self._acts[0].is_next else None

    @property
    def acts(self) -> list[Act]:
        return [act for act in self._acts if not act.is_next]

    @property
    def button(self) -> str:
        return "Answer" if self.is_ours else "Open"

    @property
    def dose(self) -> str:
        return selectors.terms_of(self.agreement).dose

    @property
    def next_words(self) -> str:
        """What it waits for, in a sentence for this side."""
        story, waits = self.story, self.name(self.agreement.waits_on)
        by = f" by {clinician.date(self.clock.due_on)}" if self.clock is not None and self.clock.runs and not self.is_silent else ""
        if story.hand_back is not None:
            asks = self.name(story.hand_back.org)
            if self.is_ours:
                return f"{asks} hands it back: answer{by}. Until you take it back, the lines stay whose they are."
            return f"{waits} answers{by} to the hand-back. Until then the lines stay whose they are."
        if story.proposal is not None:
            what = str(story.proposal.detail["what"])
            if self.is_ours:
                return f"{self.name(story.proposal.org)} proposes a {what}: confirm or refuse it{by}. Until then nothing changes."
            return f"{waits} confirms or refuses the {what}{by}. Until then nothing changes."
        return self._words_of_state(waits, by)

    def _words_of_state(self, waits: str, by: str) -> str:
        practice = self.side is Side.PRACTICE
        match self.state_now:
            case State.DRAFT:
                return "Not sent: nobody but your organisation sees it."
            case State.REQUESTED if self.is_silent:
                if practice:
                    return f"The day to answer has passed: accept, ask or decline now. It stays {self.asker}’s; silence is not a yes."
                return f"{self.asked} did not answer in time: speak to them. It stays yours; silence is not a yes."
            case State.REQUESTED:
                if self.is_ours:
                    return f"Accept, ask or decline{by}. Until you accept, {self.asker} supplies and monitors."
                return f"{self.asked} answers{by}. Until they accept, {'it stays yours' if not practice else f'it stays {self.asker}’s'}."
            case State.INFORMATION_REQUESTED:
                runs = "the day to answer has passed" if self.is_silent else f"the clock runs on, answer{by}"
                if practice:
                    return f"{waits} owes the answer to your question; {runs}. You can accept or decline before it comes."
                return f"{self.asked} asked a question: answer it; {runs}."
            case State.ACCEPTED:
                return f"Owners move on {clinician.date(self.agreement.from_on)}. Until then it stays {self.asker}’s."
            case State.DECLINED:
                return f"It stays {self.asker}’s. " + ("" if practice else "You can answer the reason and ask again.")
            case State.ACTIVE:
                day = self.agreement.review_on
                if day is None:
                    return "No review has a date: renew it with one."
                if day <= self.on:
                    return f"The review was due on {clinician.date(day)}: renew it, or end it."
                return f"Nothing waits. Reviewed next on {clinician.date(day)}."
            case State.SUSPENDED:
                return f"{self.asker} has all of it until both agree to go on."
            case State.RETURNED:
                return f"{self.asker} has all of it."
            case _:
                return "It is over. What it said stays on record."


@dataclass(frozen=True, slots=True)
class MatrixLine:
    label: str
    owner: str
    whose: str


@dataclass(frozen=True, slots=True)
class Said:
    text: str
    who: str
    at: datetime
    is_answer: bool


@dataclass(frozen=True, slots=True)
class Happened:
    """One line of the history."""

    what: str
    why: str
    who: str
    at: datetime


@dataclass(frozen=True, slots=True)
class VersionLine:
    heading: str
    text: str


class AgreementPage(AgreementLine):
    """One agreement, whole."""

    def __init__(  # noqa: PLR0917
        self,
        agreement: Agreement,
        events: Iterable[AgreementEvent],
        actor: Actor,
        on: date,
        names: Mapping[str, str],
        baseline: Sequence[Baseline] = (),
    ) -> None:
        super().__init__(agreement, actor, on, names)
        self.events = list(events)
        self.terms: Terms = selectors.terms_of(agreement)
        self._baseline = baseline

    @property
    def heading(self) -> str:
        care = f"shared care of {self.medicine}"
        match self.state_now:
            case State.DRAFT:
                return f"Request for {care}, not sent yet"
            case State.REQUESTED:
                return f"{self.asker} asks {self.asked} to share the care of {self.medicine}"
            case State.INFORMATION_REQUESTED:
                return f"{self.asked} asked a question about {care}"
            case State.ACCEPTED:
                return f"{care.capitalize()} is accepted and begins on {clinician.date(self.agreement.from_on)}"
            case State.DECLINED:
                return f"{self.asked} declined {care}"
            case State.ACTIVE:
                return f"{care.capitalize()} is in force"
            case State.SUSPENDED:
                return f"{care.capitalize()} is suspended"
            case State.RETURNED:
                return f"{self.asker} took {self.medicine} back"
            case _:
                return f"{care.capitalize()} ended on {clinician.date(self.agreement.to_on)}"

    @property
    def matrix(self) -> list[MatrixLine]:
        """Who does what: as it holds today, or as it was asked for while nothing is agreed."""
        if self.state_now in (State.ACTIVE, State.SUSPENDED, State.RETURNED):
            rows = [(row.label, row.owner_org) for row in selectors.responsibilities_on(self.agreement, self.on)]
        else:
            labels = knowledge.load().responsibilities
            rows = [(labels[key].label, owner) for key, owner in selectors.shares_of(self.agreement).items() if key in labels]
        return [MatrixLine(label, self.name(owner), self._whose(owner)) for label, owner in rows]

    def _whose(self, owner: str) -> str:
        return "nobody" if owner in ("", NOBODY) else "mine" if owner in self.actor.organisations else "theirs"

    @property
    def text_first(self) -> bool:
        """Whoever has to decide reads what is asked for before who would do it."""
        return self.state_now in (State.DRAFT, *PENDING)

    @property
    def matrix_told(self) -> str:
        match self.state_now:
            case State.ACTIVE:
                return f"In force since {clinician.date(self.agreement.from_on)}. One owner a line."
            case State.SUSPENDED | State.RETURNED:
                return f"{self.asker} has every line now."
            case State.ACCEPTED:
                return f"From {clinician.date(self.agreement.from_on)}. Until then every line is {self.asker}’s."
            case State.ENDED:
                return "As it was agreed. It no longer holds."
            case State.DECLINED:
                return f"As it was asked for. Every line stays {self.asker}’s."
            case _:
                return f"As it is asked for. Until it is accepted every line is {self.asker}’s."

    @property
    def facts(self) -> list[tuple[str, str]]:
        terms = self.terms
        licence = {"licensed": "Licensed for this", "off-licence": "Off licence"}.get(terms.licence, "")
        told = [
            ("What it is for", terms.indication),
            ("Licence", ". ".join(part for part in (licence, terms.licence_words) if part)),
            ("Dose", terms.dose),
            ("Target", terms.target),
            ("Started", _day(terms.started_on)),
            ("Stable since", ". ".join(part for part in (_day(terms.stable_since), terms.stability) if part)),
            ("Intended duration", ", until ".join(part for part in (terms.duration, _day(terms.ends_on)) if part)),
            ("Plan to review and stop", terms.plan),
            ("Agreement reviewed on", _day(terms.review_on)),
            ("Specialist review by", _day(terms.specialist_review_on)),
            ("Stop, or call at once", terms.triggers),
            ("Route back", terms.route_back),
            ("Contact", terms.contact),
            ("What the person was told", terms.told),
            ("Proposed first day", _day(terms.from_on)),
            ("Protocol", self._protocol()),
        ]
        if not self.agreement.requested:
            told = [("In short", self.agreement.label), ("In force from", _day(self.agreement.from_on)), *told]
        return [(label, text) for label, text in told if text]

    def _protocol(self) -> str:
        pack = knowledge.load().protocols.get(self.agreement.protocol)
        if pack is None:
            return ""
        version = self.agreement.protocol_version or pack.version
        return f"{pack.label}, version {version}" + ("" if pack.mark == _NEEDS_NO_APPROVAL else " (needs local approval)")

    @property
    def baseline(self) -> list[Any]:
        return [BaselineLine(line) for line in self._baseline]

    @property
    def conversation(self) -> list[Said]:
        """Questions and answers, the oldest first; a decline and its reason belong to it."""
        found = []
        for event in self.events:
            if event.kind in (Kind.ASKED, Kind.ANSWERED) and event.why:
                found.append(Said(event.why, self._who(event), event.moment or event.at, event.kind == Kind.ANSWERED))
        return found

    @property
    def history(self) -> list[Happened]:
        """Everything, the newest first."""
        return [self.happened(event) for event in reversed(self.events)]

    def happened(self, event: AgreementEvent) -> Happened:
        why = event.why if event.kind not in (Kind.ASKED, Kind.ANSWERED) else ""
        return Happened(event_words(event), why, self._who(event), event.moment or event.at)

    def _who(self, event: AgreementEvent) -> str:
        who = event.by.display_name if event.by is not None else "Stepwell"
        role = roles()[event.role].label if event.role in roles() else ""
        return ", ".join(part for part in (who, role, self.names.get(event.org_code, event.org_code)) if part)

    @property
    def versions(self) -> list[VersionLine]:
        """Each agreed text, the newest first: who proposed it, who agreed, when."""
        found = []
        for text in reversed(self.story.texts):
            proposed = text.proposed
            told = f"{proposed.by}, {self.name(proposed.org)}, proposed it on {clinician.date(proposed.on)}; " if proposed else ""
            told += f"{text.agreed.by}, {self.name(text.agreed.org)}, agreed on {clinician.date(text.agreed.on)}."
            dose = Terms.of(text.terms).dose
            told += f" Dose: {dose}." if dose else ""
            found.append(VersionLine(f"Version {text.number}, from {clinician.date(text.from_on)}", told))
        return found


class BaselineLine:
    """A baseline result in words."""

    def __init__(self, line: Baseline) -> None:
        self.label, self.on = line.label, line.on
        self.value = baseline_value(line)


def baseline_value(line: Baseline) -> str:
    if line.on is None:
        return f"none: {line.without}" if line.without else "none on record"
    return f"{line.comparator}{clinician.milli(line.value_milli, line.unit)}" if line.value_milli is not None else "recorded"


def event_words(event: AgreementEvent) -> str:
    """What was done, in words."""
    what = str(event.detail.get("what", ""))
    day = event.detail.get("from_on") or event.detail.get("to_on")
    on = f", from {clinician.date(date.fromisoformat(day))}" if day else ""
    try:
        kind = Kind(event.kind)
    except ValueError:
        # Told by the clock, not done by anybody.
        return "No answer in time"
    match kind:
        case Kind.PROPOSED:
            return f"Proposed a {what}{on}"
        case Kind.AGREED:
            return f"Agreed to the {what}{on}"
        case Kind.REFUSED:
            return f"Refused the {what}"
        case Kind.DECLINED:
            return f"Declined: {_reason(event.detail)}" if _reason(event.detail) else "Declined"
        case _:
            return _EVENTS[kind] + (on if kind in _DATED else "")


_EVENTS = {
    Kind.RECORDED: "Recorded from paper",
    Kind.ADOPTED: "Taken over from the records",
    Kind.DRAFTED: "Wrote the draft",
    Kind.REQUESTED: "Sent the request",
    Kind.ASKED: "Asked a question",
    Kind.ANSWERED: "Answered the question",
    Kind.ACCEPTED: "Accepted",
    Kind.SUSPENDED: "Suspended",
    Kind.HAND_BACK: "Asked to hand it back",
    Kind.KEPT: "Withdrew the hand-back",
    Kind.TAKEN_BACK: "Took it back",
    Kind.ENDED: "Ended",
    Kind.SILENT: "The last day passed",
}
_DATED = (Kind.ACCEPTED, Kind.SUSPENDED, Kind.TAKEN_BACK, Kind.ENDED)


def _reason(detail: Mapping[str, Any]) -> str:
    entry = knowledge.load().decline_reasons.get(str(detail.get("reason", "")))
    return entry.label[:1].lower() + entry.label[1:] if entry else ""


def _day(day: date | None) -> str:
    return clinician.date(day) if day else ""


class AgreementRow(AgreementLine):
    """An agreement with its person, in a list."""

    def __init__(self, agreement: Agreement, actor: Actor, on: date, names: Mapping[str, str], person: Banner) -> None:
        super().__init__(agreement, actor, on, names)
        self.person = person
