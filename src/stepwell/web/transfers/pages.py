"""What the templates of transfers are given. No database is read here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from stepwell.web.accounts.roles import roles
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician, count
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger.models import Duty
from stepwell.web.ledger.pages import Banner, Pager
from stepwell.web.ledger.presenters import DutyPresenter
from stepwell.web.privacy.restrict import NOTHING, Cut
from stepwell.web.transfers import figures
from stepwell.web.transfers.candidates import Answer, Candidate, Finding, Verdict
from stepwell.web.transfers.models import Kind, State, Transfer, TransferEvent
from stepwell.web.transfers.services import Check

_TONES = {
    State.PROPOSED: "blue", State.AGREED: "blue", State.TRANSFERRED: "green", State.RETURN_ASKED: "red", State.DECLINED: "grey",
    State.WITHDRAWN: "grey", State.TAKEN_BACK: "grey", State.FOLLOWED: "grey",
}  # fmt: skip
CANDIDATES_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock in working days, as both sides see it: gone of how many, until when."""

    days: int
    gone: int
    due_on: date
    on: date

    @property
    def is_late(self) -> bool:
        return self.on > self.due_on

    @property
    def words(self) -> str:
        if self.is_late:
            return f"no answer: it was due {clinician.date(self.due_on)}"
        gone = f"working day {self.gone} of {self.days}" if self.gone > 0 else f"{self.days} working days"
        return f"{gone}, due {clinician.date(self.due_on)}"

    @property
    def tone(self) -> str:
        if self.is_late:
            return "red"
        return "amber" if self.days - self.gone <= 1 else "blue"


class ReviewLine:
    """One review of the plan: `Review at 3 months due 12-Mar-2027, owner Riverside Surgery`."""

    def __init__(self, row: Mapping[str, Any], duty: Duty | None, actor: Actor, on: date, names: Mapping[str, str]) -> None:
        review = figures.reviews().get(row["review"])
        self.label = review.label if review else row["review"]
        self.duty = DutyPresenter(duty, actor, on, names) if duty is not None else None
        owner = duty.owner_org if duty is not None else row["owner_org"]
        self.owner = "nobody" if owner == "nobody" else names.get(owner, owner)
        due = duty.due_on if duty is not None else date.fromisoformat(row["due_on"]) if row["due_on"] else None
        self.due_on = due
        self.is_open = duty is not None and duty.is_open
        if self.duty is None:
            months = f"{review.months} months after the transfer" if review and review.months else "on the day of the transfer"
            self.state = (months if due is None else f"due {clinician.date(due)}, being worked out", "grey")
        else:
            self.state = (self.duty.due_text, self.duty.due_tone) if self.is_open else (self.duty.ended, self.duty.ended_tone)

    @property
    def words(self) -> str:
        due = f" due {clinician.date(self.due_on)}" if self.due_on is not None else ""
        return f"{self.label}{due}, owner {self.owner}"


class EventLine:
    def __init__(self, event: TransferEvent, names: Mapping[str, str], told: Callable[[str], str]) -> None:
        self.at, self.why = event.at, told(event.why)
        self.title = str(Kind(event.kind).label)
        detail = event.detail
        if event.kind == Kind.TRANSFERRED:
            self.title = f"Transferred from {clinician.date(event.on)}"
        elif event.kind == Kind.JOINT:
            self.title = f"{self.title} for {clinician.date(event.on)}"
        elif event.kind == Kind.TAKEN_BACK:
            self.title = f"{self.title}, {clinician.date(event.on)}"
        elif event.kind == Kind.CHECKED:
            entry = figures.checklist().get(detail["item"])
            self.title = f"{entry.label if entry else detail['item']}: {detail['state']}"
        self.missing = "; ".join(detail.get("missing", []))
        role = roles()[event.role].label if event.role in roles() else event.role
        by = event.by.display_name if event.by is not None else "Stepwell"
        self.who = ", ".join(part for part in (by, role, names.get(event.org_code, event.org_code)) if part)


class TransferPage:
    """One transfer as the actor sees it on a day. `clock`: of the answer or the return, when one runs."""

    def __init__(
        self,
        row: Transfer,
        *,
        actor: Actor,
        on: date,
        names: Mapping[str, str],
        duties: Sequence[Duty],
        clock: Clock | None,
        checks: Sequence[Check] = (),
        events: Sequence[TransferEvent] = (),
        letter: int | None = None,
        registered: str = "",
        cut: Cut = NOTHING,
    ) -> None:
        self.row, self.id, self.actor, self.on = row, row.pk, actor, on
        self._names, self.letter = names, letter
        self.specialist, self.practice = names.get(row.from_org, row.from_org), names.get(row.to_org, row.to_org)
        by_point = {duty.point: duty for duty in duties}
        self.reviews = [ReviewLine(each, by_point.get(each["review"]), actor, on, names) for each in row.reviews]
        self.clock, self.checks = clock, list(checks)
        self.ours, self.theirs = row.from_org in actor.organisations, row.to_org in actor.organisations
        # The two sides wrote it to each other; a third is not told what is hidden from it.
        self._cut = NOTHING if self.ours or self.theirs else cut
        self.events = [EventLine(event, names, self.told) for event in events]
        self.moved_to = names.get(registered, registered) if row.is_open and registered not in ("", row.to_org) else ""

    def told(self, words: str) -> str:
        """Free text as this actor may read it."""
        return "restricted" if self._cut.hidden and self._cut.hidden.tells(words) else words

    @property
    def missing(self) -> list[Check]:
        return [check for check in self.checks if check.is_missing]

    @property
    def is_return(self) -> bool:
        return self.row.state == State.RETURN_ASKED

    @property
    def state(self) -> tuple[str, str]:
        state = State(self.row.state)
        if state == State.TRANSFERRED and self.row.transferred_on is not None and self.row.transferred_on > self.on:
            return f"transfers on {clinician.date(self.row.transferred_on)}", "blue"
        return str(state.label).lower(), _TONES[state]

    @property
    def care(self) -> str:
        """Whose the care is today, by name."""
        code = self.row.care_of(self.on)
        return self._names.get(code, code)

    @property
    def heading(self) -> str:
        """The answer: who has to do what."""
        match State(self.row.state):
            case State.PROPOSED:
                return f"{self.practice} answers the step-down by {clinician.date(self.row.answer_by)}"
            case State.AGREED:
                return f"{self.specialist} prepares the transfer, planned for {clinician.date(self.row.planned_on)}"
            case State.TRANSFERRED:
                verb = "looks" if (self.row.transferred_on or self.on) <= self.on else "will look"
                return f"{self.practice} {verb} after this person from {clinician.date(self.row.transferred_on)}"
            case State.RETURN_ASKED:
                return f"{self.specialist} takes this person back, or both agree another plan, by {clinician.date(self.row.return_by)}"
            case State.TAKEN_BACK:
                return f"{self.specialist} has taken this person back"
            case State.DECLINED:
                return f"{self.practice} declined: the care stays with {self.specialist}"
            case State.WITHDRAWN:
                return f"{self.specialist} withdrew the step-down"
            case _:
                return "Another transfer has followed this one"

    @property
    def next_words(self) -> str:
        """`waits for Northside CMHT`; empty when it waits for nobody."""
        code = self.row.next_of()
        if not code or self.row.state == State.TRANSFERRED:
            return ""
        return "waits for you" if code in self.actor.organisations else f"waits for {self._names.get(code, code)}"

    @property
    def next_review(self) -> ReviewLine | None:
        return next((review for review in self.reviews if review.is_open), None)

    @property
    def lead(self) -> str:
        """One line for lists and the patient page."""
        if self.row.state == State.RETURN_ASKED and self.clock is not None:
            return f"Rapid return asked for: {self.clock.words}"
        if self.row.state == State.PROPOSED and self.clock is not None:
            return f"Step-down proposed: {self.clock.words}"
        if self.row.state == State.AGREED:
            gone = f", {count(len(self.missing), 'item')} missing" if self.missing else ""
            return f"Planned for {clinician.date(self.row.planned_on)}{gone}"
        if self.next_review is not None:
            return self.next_review.words
        if self.row.state == State.TRANSFERRED:
            return f"Transferred {clinician.date(self.row.transferred_on)}, no review is due"
        return str(State(self.row.state).label)

    # What this actor may do

    def _may(self, permission: Permission, state: Sequence[State], side: bool) -> bool:
        return side and self.row.state in state and self.actor.may(permission)

    @property
    def may_answer(self) -> bool:
        return self._may(Permission.TRANSFER_CARE, (State.PROPOSED,), self.theirs)

    @property
    def may_decline(self) -> bool:
        return self._may(Permission.TRANSFER_CARE, (State.AGREED,), self.theirs)

    @property
    def may_withdraw(self) -> bool:
        return self._may(Permission.TRANSFER_CARE, (State.PROPOSED, State.AGREED), self.ours)

    @property
    def may_prepare(self) -> bool:
        return self._may(Permission.HAND_OVER, (State.AGREED,), self.ours or self.theirs)

    @property
    def may_write_letter(self) -> bool:
        states = (State.AGREED, State.TRANSFERRED)
        return self.letter is None and self._may(Permission.WRITE_LETTERS, states, self.ours)

    @property
    def may_check(self) -> bool:
        states = (State.AGREED, State.TRANSFERRED, State.RETURN_ASKED)
        return bool(self.missing) and self._may(Permission.HAND_OVER, states, self.ours or self.theirs)

    @property
    def may_transfer(self) -> bool:
        return self._may(Permission.TRANSFER_CARE, (State.AGREED,), self.ours or self.theirs)

    @property
    def may_ask_return(self) -> bool:
        return self._may(Permission.HAND_OVER, (State.TRANSFERRED,), self.theirs)

    @property
    def return_act(self) -> str:
        """What this side can do about an open return."""
        if self.ours:
            return "Answer the return"
        return "Answer the other plan" if self.row.other_by == self.row.from_org else "Propose another plan"

    @property
    def may_answer_return(self) -> bool:
        states = (State.RETURN_ASKED, State.TRANSFERRED) if self.ours else (State.RETURN_ASKED,)
        return self._may(Permission.HAND_OVER, states, self.ours or self.theirs)


class TransferLine:
    """A row of the list: the person, the transfer, its clock."""

    def __init__(self, person: Banner, page: TransferPage) -> None:
        self.person, self.transfer, self.id = person, page, page.id


class TransfersPage:
    def __init__(self, lines: Sequence[TransferLine], ended: Sequence[TransferLine], actor: Actor) -> None:
        codes = actor.organisations
        self.returns = [line for line in lines if line.transfer.row.state == State.RETURN_ASKED]
        rest = [line for line in lines if line.transfer.row.state != State.RETURN_ASKED]
        self.yours = [line for line in rest if line.transfer.row.state != State.TRANSFERRED and line.transfer.row.next_of() in codes]
        self.theirs = [line for line in rest if line.transfer.row.state != State.TRANSFERRED and line.transfer.row.next_of() not in codes]
        self.after = [line for line in rest if line.transfer.row.state == State.TRANSFERRED]
        self.ended = list(ended)

    @property
    def heading(self) -> str:
        if self.returns:
            return f"{count(len(self.returns), 'rapid return waits', 'rapid returns wait')} for an answer"
        if self.yours:
            return f"{count(len(self.yours), 'transfer waits', 'transfers wait')} for you"
        return "No transfer waits for you"

    @property
    def person_ids(self) -> list[int]:
        lines = [*self.returns, *self.yours, *self.theirs, *self.after, *self.ended]
        return list(dict.fromkeys(line.person.person_id for line in lines))


class CandidateLine:
    def __init__(self, candidate: Candidate, person: Banner, names: Mapping[str, str]) -> None:
        self.person, self._candidate = person, candidate
        self.team = names.get(candidate.org_code, candidate.org_code)
        self.holds, self.unknown = candidate.of(Answer.HOLDS), candidate.of(Answer.UNKNOWN)
        self.against = candidate.of(Answer.AGAINST)

    @property
    def visits(self) -> str:
        return self._candidate.last_seen

    @property
    def key(self) -> str:
        return f"{self.person.person_id}-{self._candidate.org_code}"

    @staticmethod
    def said(findings: Sequence[Finding]) -> str:
        """Each in words; those that the same words explain stand together."""
        labels: dict[str, list[str]] = {}
        for finding in findings:
            labels.setdefault(finding.words, []).append(finding.label.lower())
        return "; ".join(f"{', '.join(own)}: {words}" for words, own in labels.items())


TABS = {Verdict.CANDIDATE: "May be ready", Verdict.UNKNOWN: "Cannot tell", Verdict.NOT_NOW: "Not now"}


class CandidatesPage:
    """One tab of the list of people on a caseload, by what the records tell."""

    def __init__(self, found: Sequence[Candidate], tab: Verdict, number: int, actor: Actor) -> None:
        self.tab = tab
        self._counts = {each: sum(candidate.verdict is each for candidate in found) for each in Verdict}
        own = [candidate for candidate in found if candidate.verdict is tab]
        pages = max(1, -(-len(own) // CANDIDATES_SHOWN))
        number = min(max(1, number), pages)
        first = (number - 1) * CANDIDATES_SHOWN
        self.shown = own[first : first + CANDIDATES_SHOWN]
        before, after = f"?tab={tab.name.lower()}&page={number - 1}", f"?tab={tab.name.lower()}&page={number + 1}"
        summary = f"{first + 1:,} to {first + len(self.shown):,} of {count(len(own), 'person', 'people')}" if own else ""
        self.pager = Pager(number, pages, before if number > 1 else "", after if number < pages else "", summary)
        self.is_specialist = actor.organisation_kind in ("trust", "team")
        self.may_propose = self.is_specialist and actor.may(Permission.TRANSFER_CARE)
        self.place = actor.organisation_name
        self.lines: list[CandidateLine] = []

    def fill(self, people: Mapping[int, Banner], names: Mapping[str, str]) -> None:
        self.lines = [CandidateLine(each, people[each.person.person_id], names) for each in self.shown]

    @property
    def tabs(self) -> list[tuple[str, str, int, bool]]:
        return [(words, f"?tab={each.name.lower()}", self._counts[each], each is self.tab) for each, words in TABS.items()]

    @property
    def heading(self) -> str:
        number = self._counts[Verdict.CANDIDATE]
        return f"{count(number, 'person', 'people')} may be ready to step down" if number else "Nobody is plainly ready to step down"

    @property
    def whole(self) -> int:
        return sum(self._counts.values())

    @property
    def criteria(self) -> list[tuple[str, str, bool]]:
        return [(each.label, each.basis, each.any) for each in figures.criteria().values()]


def tab_of(text: str) -> Verdict:
    return next((each for each in Verdict if each.name.lower() == text), Verdict.CANDIDATE)
