"""Verbs of transfers. Each decides access, writes the event, the state, the duties it raises or settles, and the audit in one
transaction; the person is evaluated after it. `version` is how many events the page had seen: `Changed` when there are more.

proposed → agreed (or declined, withdrawn) → transferred → return asked → taken back, or transferred again when both agree on
another plan. Whose the care is and whose the next move is are told by the row itself (models.py): always one organisation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import audit, clock
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.gate import require
from stepwell.web.core.nations import calendar_of
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger import services as duties
from stepwell.web.ledger.acts import NOBODY, Written, evaluated, lock_person, needs_words, not_in_future
from stepwell.web.ledger.evaluation import request_evaluation
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.letters import selectors as letters
from stepwell.web.transfers import figures, selectors
from stepwell.web.transfers.models import OPEN_STATES, Kind, State, Transfer, TransferEvent
from stepwell.web.transfers.selectors import SOURCE

if TYPE_CHECKING:
    from stepwell.web.letters.models import Letter

ANSWER, PREPARE = "answer", "prepare"
DONE, NOT_NEEDED = "done", "not needed"
LETTER_KIND = "step-down"
SPECIALIST_KINDS = ("trust", "team")


class Changed(Refused):
    """Somebody was faster: `changes` are the events since the page was opened, the oldest first."""

    def __init__(self, changes: Sequence[TransferEvent]) -> None:
        self.changes = list(changes)
        super().__init__(f"Nothing was saved: this changed after you opened it ({'; '.join(told(event) for event in self.changes)}).")


def told(event: TransferEvent) -> str:
    """`agreed by the practice, Dr Amara Osei, 01-Jun-2026 10:12`"""
    who = event.by.display_name if event.by is not None else "Stepwell"
    return f"{Kind(event.kind).label.lower()}, {who}, {clinician.datetime(event.at)}"


def return_point(number: int) -> str:
    """The point of the duty of the how many-eth rapid return."""
    return f"return {number}"


def specialist_of(actor: Actor, person_id: int) -> str:
    """Why this actor cannot propose that the person steps down; empty when they can."""
    if actor.organisation_kind not in SPECIALIST_KINDS:
        return "A step-down is proposed by the specialist team. Ask them, or put the person on the agenda of the meeting."
    record = ledger.person(person_id)
    if not record.gp_org or record.gp_org == actor.organisation:
        return "No practice is on record for this person: find out where they are registered first."
    if record.death_date is not None:
        return "This person has died."
    for other in selectors.open_for_person(person_id):
        if other.from_org != actor.organisation:
            continue
        if other.state != State.TRANSFERRED:
            return f"A transfer is already under way ({State(other.state).label.lower()}): go on with that one."
        if selectors.reviews_left(other):
            return f"This person was transferred on {clinician.date(other.transferred_on)} and reviews are still due: end those first."
    return ""


# Proposing and answering


def propose(
    actor: Actor, person_id: int, *, why: str, plan: str, planned_on: date, reviewers: Mapping[str, str]
) -> tuple[Transfer, Written]:  # fmt: skip
    """The specialist team proposes that the practice looks after this person from about `planned_on`.

    `plan`: what the practice does and when it should ask for the person to be taken back. `reviewers`: review → organisation, for
    each review of `transfers.yaml`. Nothing moves until the practice agrees; its answer is due in working days of its nation.
    """
    subject = ledger.subject_of(person_id)
    require(actor, Permission.TRANSFER_CARE, subject)
    reason = needs_words(why, "Say why this person is ready to step down.")
    words = needs_words(plan, "Say what the practice does, and when it should ask you to take the person back.")
    if planned_on < clock.today():
        raise Refused("The day of the transfer cannot be past.")
    with transaction.atomic():
        record = lock_person(person_id)
        if problem := specialist_of(actor, person_id):
            raise Refused(problem)
        practice = record.gp_org
        reviews = _reviews(reviewers, {actor.organisation, practice})
        for other in selectors.open_for_person(person_id):
            if other.from_org == actor.organisation:
                other.state = State.FOLLOWED
                _tell(other, Kind.FOLLOWED, actor)
        moment = clock.moment()
        answer_by = calendar_of(practice).due(moment, known.parameter("transfer_answer_days"))
        row = Transfer.objects.create(
            person_id=person_id,
            from_org=actor.organisation,
            to_org=practice,
            why=reason,
            plan=words,
            planned_on=planned_on,
            proposed_at=moment,
            answer_by=answer_by,
            reviews=reviews,
        )
        _tell(row, Kind.PROPOSED, actor, why=reason, plan=words, planned_on=planned_on.isoformat(), reviews=reviews)
        _raise(
            actor, row, ANSWER, f"Answer the step-down proposed by {actor.organisation_name}", practice, due_on=answer_by,
            why=f"{actor.organisation_name} proposes that this person steps down: {reason}",
        )  # fmt: skip
        request_evaluation(person_id)
    return row, evaluated(person_id)


def _reviews(reviewers: Mapping[str, str], parties: set[str]) -> list[dict[str, Any]]:
    """The plan of reviews: every one with its owner."""
    found = []
    for key, review in figures.reviews().items():
        owner = reviewers.get(key, "")
        if owner not in parties:
            raise Refused(f"{review.label}: say which of the two organisations does it.")
        found.append({"review": key, "owner_org": owner, "owner_role": "", "due_on": None})
    return found


def agree(actor: Actor, transfer_id: int, *, why: str = "", version: int | None = None) -> Written:
    """The practice agrees to the plan. The care stays with the specialist until the day of the transfer."""
    with _acting(actor, transfer_id, Permission.TRANSFER_CARE, (State.PROPOSED,), side="to", version=version) as row:
        row.state = State.AGREED
        _tell(row, Kind.AGREED, actor, why=" ".join(why.split()))
        _settle(actor, row, ANSWER, "done", f"Agreed by {actor.display_name}")
        name = ledger.organisation_name(row.to_org)
        _raise(
            actor, row, PREPARE, f"Prepare the transfer to {name}", row.from_org, due_on=max(row.planned_on, clock.today()),
            why=f"{name} agreed to the step-down: joint appointment, checklist and letter come first",
        )  # fmt: skip
        request_evaluation(row.person_id)
    return evaluated(row.person_id)


def decline(actor: Actor, transfer_id: int, *, why: str, version: int | None = None) -> Written:
    """The practice does not take the person on, with a reason; also after it had agreed, until the transfer."""
    words = needs_words(why, "Say why: the specialist team reads it.")
    states = (State.PROPOSED, State.AGREED)
    with _acting(actor, transfer_id, Permission.TRANSFER_CARE, states, side="to", version=version) as row:
        point = ANSWER if row.state == State.PROPOSED else PREPARE
        row.state = State.DECLINED
        _tell(row, Kind.DECLINED, actor, why=words)
        _settle(actor, row, point, "done" if point == ANSWER else "superseded", f"Declined by {actor.display_name}: {words}")
        request_evaluation(row.person_id)
    return evaluated(row.person_id)


def withdraw(actor: Actor, transfer_id: int, *, why: str, version: int | None = None) -> Written:
    """The specialist team takes the proposal back, until the transfer."""
    words = needs_words(why, "Say why it is withdrawn: the practice reads it.")
    states = (State.PROPOSED, State.AGREED)
    with _acting(actor, transfer_id, Permission.TRANSFER_CARE, states, side="from", version=version) as row:
        point = ANSWER if row.state == State.PROPOSED else PREPARE
        row.state = State.WITHDRAWN
        _tell(row, Kind.WITHDRAWN, actor, why=words)
        _settle(actor, row, point, "superseded", f"Withdrawn by {actor.display_name}: {words}")
        request_evaluation(row.person_id)
    return evaluated(row.person_id)


# Preparing


def arrange_joint(actor: Actor, transfer_id: int, *, on: date, who: str, version: int | None = None) -> Written:
    """The joint appointment: its day and who is there; arranged again when it moves."""
    words = needs_words(who, "Say who is at the joint appointment.")
    with _acting(actor, transfer_id, Permission.HAND_OVER, (State.AGREED,), side="either", version=version) as row:
        row.joint_on, row.joint_who = on, words[:200]
        _tell(row, Kind.JOINT, actor, why=words, on=on)
    return Written(row.person_id)


def check_items(actor: Actor, transfer_id: int, items: Mapping[str, tuple[str, str]], *, version: int | None = None) -> Written:
    """What of the checklist is done, or is not needed and why: item → (state, words). One event for each."""
    if not items:
        raise Refused("Choose what is done or not needed.")
    states = (State.AGREED, State.TRANSFERRED, State.RETURN_ASKED)
    for item, (state, words) in items.items():
        entry = figures.checklist().get(item)
        if entry is None or state not in (DONE, NOT_NEEDED):
            raise Refused("This is not on the checklist.")
        if entry.known and state == DONE:
            raise Refused(f"{entry.label}: Stepwell reads this by itself. Say why it is not needed, if so.")
        if state == NOT_NEEDED and not words.strip():
            raise Refused(f"{entry.label}: say why it is not needed.")
    with _acting(actor, transfer_id, Permission.HAND_OVER, states, side="either", version=version) as row:
        for item, (state, words) in items.items():
            said = " ".join(words.split())
            _check(row, actor, item, state, said)
            _tell(row, Kind.CHECKED, actor, why=said, item=item, state=state)
    return Written(row.person_id)


def _check(row: Transfer, actor: Actor, item: str, state: str, words: str) -> None:
    on = clock.today().isoformat()
    row.checks = {**row.checks, item: {"state": state, "words": words, "by": actor.display_name, "org": actor.organisation, "on": on}}


class Check:
    """One line of the checklist as it stands."""

    def __init__(self, entry: figures.CheckItem, state: str, words: str) -> None:
        self.item, self.label, self.known, self.basis = entry.item, entry.label, entry.known, entry.basis
        self.state, self.words = state, words

    @property
    def is_missing(self) -> bool:
        return not self.state


def letter_of(actor: Actor, row: Transfer) -> Letter | None:
    """The step-down letter that went from the specialist to the practice since it was proposed, as the actor may see it."""
    since = timezone.localdate(row.proposed_at)
    for letter in letters.letters_of_person(actor, row.person_id):
        replaced = hasattr(letter, "superseded_by")
        if letter.kind == LETTER_KIND and (letter.from_org, letter.to_org) == (row.from_org, row.to_org) and not replaced:
            return letter if letter.sent_on >= since else None
    return None


def checks_of(row: Transfer, record: PersonRecord, on: date, letter: Letter | None) -> list[Check]:
    """The checklist that applies to this person: what was ticked, and what Stepwell reads by itself."""
    found = []
    for item, entry in figures.checklist().items():
        if entry.register and not any(each["register"] == entry.register for each in record.registers):
            continue
        ticked = row.checks.get(item)
        if ticked is not None:
            said = f"{ticked['words']}, " if ticked["words"] else ""
            found.append(Check(entry, ticked["state"], f"{said}{ticked['by']}, {clinician.date(date.fromisoformat(ticked['on']))}"))
        elif entry.known == "joint":
            found.append(Check(entry, *_joint_state(row, on)))
        elif entry.known == "owners":
            found.append(Check(entry, *_owners_state(record)))
        elif entry.known == "letter":
            found.append(Check(entry, *_letter_state(letter)))
        elif letter is not None and any(part.key == entry.heading and part.state == "held" for part in letter.parts):
            found.append(Check(entry, DONE, f"in the letter of {clinician.date(letter.sent_on)}"))
        else:
            found.append(Check(entry, "", ""))
    return found


def _letter_state(letter: Letter | None) -> tuple[str, str]:
    if letter is None:
        return "", "not sent"
    return DONE, f"{clinician.date(letter.sent_on)}, {letter.filled} of {letter.due} headings"


def _joint_state(row: Transfer, on: date) -> tuple[str, str]:
    if row.joint_on is None:
        return "", "not arranged"
    words = f"{clinician.date(row.joint_on)}, {row.joint_who}"
    return (DONE, words) if row.joint_on <= on else ("", f"arranged for {words}")


def _owners_state(record: PersonRecord) -> tuple[str, str]:
    nobodys = [known.medicine(medicine["substance"]) for medicine in record.medicines if medicine["owner_org"] == NOBODY]
    if nobodys:
        return "", f"nobody looks after {', '.join(nobodys)}"
    return DONE, "every medicine of the registers has an owner" if record.medicines else "no medicine of the registers is on record"


# The transfer, and its reviews


def record_transfer(actor: Actor, transfer_id: int, *, on: date, why_missing: str = "", version: int | None = None) -> Written:
    """From `on` the practice looks after this person. What is missing on the checklist is named, and needs a reason.

    The reviews of the agreed plan become duties of their owners, from this day.
    """
    reason = " ".join(why_missing.split())
    with _acting(actor, transfer_id, Permission.TRANSFER_CARE, (State.AGREED,), side="either", version=version) as row:
        record = ledger.person(row.person_id)
        missing = [check.label for check in checks_of(row, record, clock.today(), letter_of(actor, row)) if check.is_missing]
        if missing and not reason:
            raise Refused(f"Missing: {'; '.join(missing)}. Complete them, or say why the transfer goes ahead without.")
        row.state, row.transferred_on = State.TRANSFERRED, on
        row.reviews = [{**each, "due_on": known.add(on, figures.reviews()[each["review"]].months, 0).isoformat()} for each in row.reviews]
        _tell(row, Kind.TRANSFERRED, actor, why=reason, on=on, missing=missing, reviews=row.reviews)
        _settle(actor, row, PREPARE, "done", f"Transferred from {clinician.date(on)} ({actor.display_name})")
        for each in row.reviews:
            review = figures.reviews()[each["review"]]
            due_on = date.fromisoformat(each["due_on"])
            _raise(
                actor, row, review.review, review.label, each["owner_org"], owner_role=each["owner_role"], due_on=due_on,
                escalates_on=known.add(due_on, 0, review.escalate_days),
                why=f"{ledger.organisation_name(row.to_org)} looks after this person from {clinician.date(on)} ({review.basis})",
            )  # fmt: skip
        request_evaluation(row.person_id)
    return evaluated(row.person_id)


# Rapid return


def ask_return(actor: Actor, transfer_id: int, *, why: str, version: int | None = None) -> Written:
    """One step: the practice asks the specialist to take the person back. It stays open, the specialist's to answer, until they
    have, or both agree on another plan; the care stays with the practice meanwhile."""
    words = needs_words(why, "Say what has changed: the specialist team reads it.")
    with _acting(actor, transfer_id, Permission.HAND_OVER, (State.TRANSFERRED,), side="to", version=version) as row:
        calendar, moment = calendar_of(row.to_org), clock.moment()
        row.state, row.returns = State.RETURN_ASKED, row.returns + 1
        row.return_at, row.return_from, row.return_why = moment, calendar.received_on(moment), words
        row.return_by = calendar.due(moment, known.parameter("rapid_return_days"))
        row.other_by = row.other_plan = ""
        _tell(row, Kind.RETURN_ASKED, actor, why=words, by=row.return_by.isoformat(), number=row.returns)
        name = ledger.organisation_name(row.to_org)
        _raise(
            actor, row, return_point(row.returns), f"Rapid return: take back, or agree another plan with {name}", row.from_org,
            due_on=row.return_by, escalates_on=row.return_by, why=f"{name} asks for rapid return: {words}",
        )  # fmt: skip
        request_evaluation(row.person_id)
    return evaluated(row.person_id)


def take_back(actor: Actor, transfer_id: int, *, on: date, why: str, version: int | None = None) -> Written:
    """The specialist looks after the person again from `on`, asked or not. Reviews that were still due are the specialist's care now."""
    words = needs_words(why, "Say who sees the person, and when.")
    not_in_future(on)
    states = (State.TRANSFERRED, State.RETURN_ASKED)
    with _acting(actor, transfer_id, Permission.TRANSFER_CARE, states, side="from", version=version) as row:
        asked = row.state == State.RETURN_ASKED
        row.state = State.TAKEN_BACK
        _tell(row, Kind.TAKEN_BACK, actor, why=words, on=on, asked=asked)
        said = f"Taken back on {clinician.date(on)}: {words} ({actor.display_name})"
        if asked:
            _settle(actor, row, return_point(row.returns), "done", said, on=on)
        for review in selectors.reviews_left(row):
            _settle(actor, row, review, "superseded", said)
        request_evaluation(row.person_id)
    return evaluated(row.person_id)


def propose_other(actor: Actor, transfer_id: int, *, plan: str, version: int | None = None) -> Written:
    """Either side proposes another plan instead of the return. Nothing closes until the other side agrees."""
    words = needs_words(plan, "Say what should happen instead.")
    with _acting(actor, transfer_id, Permission.HAND_OVER, (State.RETURN_ASKED,), side="either", version=version) as row:
        row.other_by = row.from_org if row.from_org in actor.organisations else row.to_org
        row.other_plan = words
        _tell(row, Kind.OTHER_PROPOSED, actor, why=words)
    return Written(row.person_id)


def agree_other(actor: Actor, transfer_id: int, *, why: str = "", version: int | None = None) -> Written:
    """The other side agrees: the return is settled, the practice goes on, the reviews stay due."""
    with _acting(actor, transfer_id, Permission.TRANSFER_CARE, (State.RETURN_ASKED,), side="either", version=version) as row:
        if not row.other_by:
            raise Refused("No other plan has been proposed.")
        if row.other_by in actor.organisations:
            raise Refused(f"{ledger.organisation_name(row.other_by)} proposed this: the other side has to agree.")
        plan = row.other_plan
        row.state, row.other_by, row.other_plan = State.TRANSFERRED, "", ""
        _tell(row, Kind.OTHER_AGREED, actor, why=" ".join(why.split()), plan=plan)
        _settle(actor, row, return_point(row.returns), "done", f"Both agreed instead: {plan} ({actor.display_name})")
        request_evaluation(row.person_id)
    return evaluated(row.person_id)


# What every verb goes through


@contextmanager
def _acting(
    actor: Actor, transfer_id: int, permission: Permission, states: Sequence[State], *, side: str, version: int | None
) -> Iterator[Transfer]:  # fmt: skip
    """The transfer, locked, in one of these states, the actor's to act on; what the body changes is written with it."""
    found = selectors.transfer_row(transfer_id)
    if found is None:
        raise Refused("There is no such transfer.")
    require(actor, permission, ledger.subject_of(found.person_id))
    with transaction.atomic():
        lock_person(found.person_id)
        row = Transfer.objects.get(pk=transfer_id)
        if version is not None and version != row.revision:
            raise Changed(selectors.events_after(row, version))
        _check_side(actor, row, side)
        if row.state not in states:
            raise Refused(f"This transfer is {State(row.state).label.lower()}: nothing was changed.")
        yield row
        row.save()


def _check_side(actor: Actor, row: Transfer, side: str) -> None:
    ours, theirs = row.from_org in actor.organisations, row.to_org in actor.organisations
    if (side == "from" and ours) or (side == "to" and theirs) or (side == "either" and (ours or theirs)):
        return
    other = {"from": row.from_org, "to": row.to_org}.get(side)
    name = ledger.organisation_name(other) if other else "the two sides of this transfer"
    raise Refused(f"This is for {name} to do.")


def _tell(row: Transfer, kind: Kind, actor: Actor, *, why: str = "", on: date | None = None, **detail: Any) -> TransferEvent:
    """Append the event and its audit entry, and count it; the caller has locked the person."""
    event = TransferEvent.objects.create(
        transfer=row,
        kind=kind,
        at=clock.now(),
        by_id=actor.user_id,
        role=actor.role,
        org_code=actor.organisation,
        on=on or clock.today(),
        why=why,
        detail=detail,
    )
    row.revision += 1
    row.save()
    audit.record_write(actor, f"transfer {kind.value}", person_id=row.person_id, subject_type="transfer", subject_id=row.pk, reason=why)
    return event


def _raise(
    actor: Actor, row: Transfer, point: str, title: str, owner: str, *, due_on: date, why: str, owner_role: str = "",
    escalates_on: date | None = None,
) -> None:  # fmt: skip
    """`owner` owes this by `due_on`, as a duty like any other."""
    duties.raise_duty(
        actor,
        ledger.subject_of(row.person_id),
        source=SOURCE,
        source_id=str(row.pk),
        point=point,
        title=title,
        owner_org=owner,
        owner_role=owner_role,
        due_on=due_on,
        escalates_on=escalates_on,
        why=why,
        source_label=f"transfer from {ledger.organisation_name(row.from_org)} to {ledger.organisation_name(row.to_org)}",
        action_url=f"/transfers/{row.pk}",
    )


def _settle(actor: Actor, row: Transfer, point: str, how: str, why: str, *, on: date | None = None) -> None:
    duties.settle_raised(
        actor, ledger.subject_of(row.person_id), source=SOURCE, source_id=str(row.pk), point=point, on=on or clock.today(), how=how,
        why=why,
    )  # fmt: skip


def parties(row: Transfer) -> list[tuple[str, str]]:
    """(code, name) of the two sides."""
    names = accounts.organisation_names()
    return [(code, names.get(code, code)) for code in (row.to_org, row.from_org)]


__all__ = [
    "ANSWER", "DONE", "NOT_NEEDED", "OPEN_STATES", "PREPARE", "Changed", "Check", "agree", "agree_other", "arrange_joint", "ask_return",
    "check_items", "checks_of", "decline", "letter_of", "parties", "propose", "propose_other", "record_transfer", "return_point",
    "specialist_of", "take_back", "told", "withdraw",
]  # fmt: skip
