"""What every step of an agreement goes through: the person locked, the right side in the right state, nobody faster, the event, the
duties it raises and the audit in one transaction; then the person is evaluated outside it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from django.db import transaction
from django.urls import reverse

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.agreements import clocks, selectors
from stepwell.web.agreements.models import Agreement, AgreementEvent, AgreementLine
from stepwell.web.agreements.recording import keep_event
from stepwell.web.agreements.story import ALL, Kind, State, Story
from stepwell.web.core import audit, clock
from stepwell.web.core.access import PatientSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.gate import require
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known

Side = Literal["specialist", "practice", "either"]

SOURCE = "agreement"
ANSWER, QUESTION, SILENCE = "answer", "question", "silence"
TELL_PATIENT, REVIEW, SPECIALIST_REVIEW, END = "tell patient", "review", "specialist review", "intended end"
DECLINED, PROPOSAL, HAND_BACK, SUSPENDED = "declined", "proposal", "hand-back", "suspended"
POINTS = (ANSWER, QUESTION, SILENCE, TELL_PATIENT, REVIEW, SPECIALIST_REVIEW, END, DECLINED, PROPOSAL, HAND_BACK, SUSPENDED)

_ROLES = {"specialist": "psychiatrist", "practice": "gp"}


@dataclass(frozen=True, slots=True)
class Step:
    """What came of a step. `up_to_date` is False when the duties could not be evaluated at once: a retry is waiting."""

    agreement: Agreement
    up_to_date: bool = True

    @property
    def person_id(self) -> int:
        return self.agreement.person_id


class Stale(Refused):
    """Somebody was faster. `changes` are the events since the page was opened, the oldest first."""

    def __init__(self, changes: Sequence[AgreementEvent]) -> None:
        self.changes = list(changes)
        said = "; ".join(_said(event) for event in self.changes[-3:])
        super().__init__(f"Nothing was saved: this changed after you opened it ({said}).")


def _said(event: AgreementEvent) -> str:
    who = event.by.display_name if event.by is not None else "Stepwell"
    return f"{event.kind.replace('_', ' ')}, {who}, {clinician.datetime(event.at)}"


def sides(agreement: Agreement) -> tuple[str, str]:
    """(specialist, practice). Of an agreement that was recorded whole the practice is the one the person is registered with.
    Refused when neither side is."""
    if agreement.requested:
        return agreement.between_org, agreement.and_org
    from stepwell.web.ledger import selectors as ledger

    parties = [agreement.between_org, agreement.and_org]
    gp_org = ledger.person(agreement.person_id).gp_org
    if gp_org not in parties or "" in parties:
        raise Refused("This agreement does not say which side is the practice: end it, and ask for shared care anew.")
    return next(code for code in parties if code != gp_org), gp_org


@dataclass
class Doing:
    """A step while it is being done: the agreement as it was found, and what may be written about it."""

    actor: Actor
    agreement: Agreement
    story: Story
    today: date
    specialist: str
    practice: str

    @property
    def medicine(self) -> str:
        return known.medicine(self.agreement.substance)

    def name(self, code: str) -> str:
        return accounts.organisation_names().get(code, code)

    def other(self) -> str:
        """The organisation across from the actor's."""
        return self.practice if self.specialist in self.actor.organisations else self.specialist

    def own(self) -> str:
        return self.specialist if self.other() == self.practice else self.practice

    def tell(self, kind: Kind, why: str = "", **detail: Any) -> AgreementEvent:
        """Append the event, its audit entry, and keep what queries need."""
        event = keep_event(self.agreement, kind, self.actor, why, detail)
        audit.record_write(
            self.actor, f"agreement {kind.value.replace('_', ' ')}", person_id=self.agreement.person_id, subject_type="agreement",
            subject_id=self.agreement.pk, reason=why,
        )  # fmt: skip
        self.story = keep_told(self.agreement)
        return event

    def keep_lines(self, lines: Sequence[tuple[str, str, str]]) -> None:
        """The lines of the text that was agreed last, for whoever shows them; periods come from the events. A line of an earlier text
        that this one does not name is the rest's."""
        named = {line: (owner, role) for line, owner, role in lines}
        earlier = set(self.agreement.lines.values_list("line", flat=True)) - named.keys()
        for line, owner, role in [*lines, *((line, *named[ALL]) for line in sorted(earlier) if ALL in named)]:
            values = {"owner_org": owner, "owner_role": role}
            AgreementLine.objects.update_or_create(agreement=self.agreement, line=line, defaults=values)

    def ask(self, point: str, owner: str, title: str, due_on: date, why: str, *, escalates: bool = False) -> None:
        """Raise a duty for one of the two sides."""
        ledger = _ledger()
        side = "specialist" if owner == self.specialist else "practice"
        ledger.raise_duty(
            self.actor, subject_of(self.agreement.person_id), source=SOURCE, source_id=str(self.agreement.pk), point=point, title=title,
            owner_org=owner, owner_role=_ROLES[side], due_on=due_on, escalates_on=due_on if escalates else None, why=why,
            source_label=f"shared care of {self.medicine}", action_url=reverse("agreements:show_agreement", args=[self.agreement.pk]),
        )  # fmt: skip

    def settle(self, points: Collection[str], why: str, how: str = "done") -> None:
        """Close what was raised under these points, as far as it is open."""
        ledger = _ledger()
        for point in points:
            ledger.settle_raised(
                self.actor, subject_of(self.agreement.person_id), source=SOURCE, source_id=str(self.agreement.pk), point=point,
                on=self.today, how=how, why=why,
            )  # fmt: skip


@contextmanager
def doing(actor: Actor, agreement_id: int, *, side: Side, states: Collection[State], seen: int | None = None) -> Iterator[Doing]:
    """One step, in one transaction. `seen`: the last event the form knew; `Stale` when there is a later one.

    Refused: no such agreement, not this side's step, not in this state. Access is decided before anything else.
    """
    found = selectors.find(agreement_id)
    if found is None:
        raise Refused("There is no such agreement.")
    require(actor, Permission.AGREE_OWNERS, subject_of(found.person_id))
    with transaction.atomic():
        _ledger().lock_person(found.person_id)
        agreement = Agreement.objects.select_for_update().get(pk=agreement_id)
        check_seen(agreement, seen)
        specialist, practice = sides(agreement)
        step = Doing(actor, agreement, selectors.story_of(agreement), clock.today(), specialist, practice)
        _check_side(step, side)
        _check_state(step, states)
        yield step
        _ledger().request_evaluation(found.person_id)


def evaluated(agreement: Agreement) -> Step:
    """After the commit: the person's duties brought up to date."""
    return Step(agreement, _ledger().evaluated(agreement.person_id).up_to_date)


def check_seen(agreement: Agreement, seen: int | None) -> None:
    if seen is None:
        return
    later = list(selectors.events_of(agreement).filter(pk__gt=seen))
    if later:
        raise Stale(later)


def _check_side(step: Doing, side: Side) -> None:
    ours = {"specialist": {step.specialist}, "practice": {step.practice}, "either": {step.specialist, step.practice}}[side]
    if not ours & set(step.actor.organisations):
        names = " or ".join(step.name(code) for code in sorted(ours - {""}))
        raise Refused(f"This is for {names or 'the other side'} to do.")


def _check_state(step: Doing, states: Collection[State]) -> None:
    state = step.story.state_on(step.today)
    if state not in states:
        raise Refused(f"That cannot be done now: it is {state.words.lower()}.")


def keep_told(agreement: Agreement) -> Story:
    """Bring the columns that queries use in line with the events; gives the story."""
    tale = selectors.story_of(Agreement.objects.get(pk=agreement.pk))
    comes = tale.comes
    if comes is not None:
        agreement.state, agreement.state_from = comes.state.value, comes.from_on
    if agreement.requested:
        agreement.to_on = tale.ends_on
        agreement.sent_on = tale.sent.on if tale.sent is not None else None
        agreement.from_on = tale.texts[0].from_on if tale.texts else None
        agreement.agreed_on = tale.texts[0].agreed.on if tale.texts else None
    agreement.waits_on, agreement.waits_for = _waits(agreement, tale)
    agreement.save()
    return tale


def _waits(agreement: Agreement, tale: Story) -> tuple[str, str]:
    """Who owes an answer to what."""
    if tale.ends_on is not None and tale.hand_back is None and tale.proposal is None:
        return "", ""
    if tale.hand_back is not None:
        return tale.hand_back.detail["to"], clocks.HAND_BACK
    if tale.proposal is not None:
        return tale.proposal.detail["to"], str(tale.proposal.detail["what"])
    match agreement.state:
        case State.REQUESTED:
            return agreement.and_org, clocks.REQUEST
        case State.INFORMATION_REQUESTED:
            return agreement.between_org, "question"
    return "", ""


def needs_words(why: str, ask: str) -> str:
    words = " ".join(why.split())
    if not words:
        raise Refused(ask)
    return words


def not_before_today(day: date, what: str) -> None:
    if day < clock.today():
        raise Refused(f"{what} today or later: what was owned until now stays so.")


# The ledger reads agreements when it is imported, so agreements ask for it when they act.


def _ledger() -> Any:
    from stepwell.web.ledger import services

    return services


def subject_of(person_id: int) -> PatientSubject:
    from stepwell.web.ledger import selectors as ledger

    return ledger.subject_of(person_id)
