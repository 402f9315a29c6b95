"""Verbs of letters: begin, save, send, correct, discard; read, judge, accept and decline what a letter asks for.

Each decides access and writes its events and the audit in one transaction. A letter moves no owner by itself (ruling 1): what it
asks for belongs to the sender until the receiver accepts it, and belongs to the sender again when they decline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from django.db import transaction
from django.urls import reverse

from stepwell.clinical.letter_completeness import Section, as_rows, as_sent, completeness, from_rows, said
from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import audit, clock
from stepwell.web.core.access import PatientSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.gate import require
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger import services as ledger_services
from stepwell.web.letters import selectors
from stepwell.web.letters.compose import AUTHOR, author_words, begun_by_hand, compose, kinds
from stepwell.web.letters.drafting import Action, Conflict, Said, merge
from stepwell.web.letters.held import held, of_person
from stepwell.web.letters.models import Draft, DraftAct, DraftEvent, Letter, LetterAct, LetterAction, LetterEvent
from stepwell.web.privacy import restrict

SOURCE = "letter"
YES, PARTLY, NO = "yes", "partly", "no"
ANSWERS = (YES, PARTLY, NO)
MOST_ACTIONS = 12


class Changed(Refused):
    """Somebody else changed the same heading meanwhile. What was not in conflict is saved; `last` is the draft's newest event."""

    def __init__(self, conflicts: Sequence[Conflict], last: int) -> None:
        self.conflicts, self.last = list(conflicts), last
        told = "; ".join(f"{each.by} changed “{each.heading}” ({clinician.time(each.event.at)})" for each in conflicts)
        super().__init__(f"Not everything was saved: {told}. Both versions are below: put them together and save again.")


@dataclass(frozen=True, slots=True)
class MadeOf:
    """What another area made a letter of: the area's own name for it, its key, and its version in words of that area."""

    source: str
    source_id: str
    version: str


@dataclass(frozen=True, slots=True)
class Saved:
    """`theirs`: headings that somebody else changed meanwhile, both kept; `last` is the newest event of the draft."""

    last: int
    theirs: tuple[Conflict, ...] = ()
    changed: bool = True


# Writing


def begin(actor: Actor, person_id: int, *, kind: str, to_org: str, medicines: Sequence[str]) -> Draft:
    """A new draft, composed from what the actor is shown of the record. Refused: an unknown kind, a receiver who has nothing to do
    with the person, medicines that are not on the record."""
    require(actor, Permission.WRITE_LETTERS, ledger.subject_of(person_id))
    person = ledger.find_person(person_id)
    chosen = begun_by_hand().get(kind)
    if person is None or chosen is None:
        raise Refused("Choose the kind of letter.")
    if to_org not in dict(selectors.receivers(actor, person_id)):
        raise Refused("Choose a receiver who has to do with this person.")
    found = held(actor, person, to_org=to_org, medicines=medicines, on=clock.today())
    if len(found.medicines) != len(set(medicines)):
        raise Refused("Choose medicines that are on this person’s record.")
    return _begin(actor, person_id, kind=kind, version=chosen.version, to_org=to_org, medicines=medicines, sections=compose(chosen, found))


def _begin(
    actor: Actor, person_id: int, *, kind: str, version: int, to_org: str, medicines: Sequence[str], sections: Sequence[Section],
    actions: Sequence[Action] = (), corrects: Letter | None = None, made_of: MadeOf | None = None,
) -> Draft:  # fmt: skip
    with transaction.atomic():
        draft = Draft.objects.create(
            person_id=person_id,
            kind=kind,
            kind_version=version,
            from_org=actor.organisation,
            to_org=to_org,
            medicines=list(medicines),
            sections=as_rows(sections),
            actions=[action.row() for action in actions],
            by_id=actor.user_id or 0,
            by_name=actor.display_name,
            role=actor.role,
            at=clock.now(),
            corrects=corrects,
            source=made_of.source if made_of else "",
            source_id=made_of.source_id if made_of else "",
            source_version=made_of.version if made_of else "",
        )
        audit.record_write(actor, "begin letter", person_id=person_id, subject_type="letter draft", subject_id=draft.pk)
    return draft


def save(actor: Actor, draft_id: int, typed: Mapping[str, Said], actions: Sequence[Action] | None, *, seen: int) -> Saved:
    """Keep what was typed. `seen` is the newest event that the form knew; `actions` None leaves them as they are. Changed: somebody
    else changed the same heading; everything else of the form is kept."""
    draft = _own(actor, draft_id)
    if actions is not None and len(actions) > MOST_ACTIONS:
        raise Refused(f"A letter asks for at most {MOST_ACTIONS} things.")
    with transaction.atomic():
        _lock(draft)
        now, before = selectors.content_of(draft), selectors.content_of(draft, upto=seen)
        put = merge(before, now, typed, actions, by=actor.user_id)
        blocked = {conflict.key for conflict in put.conflicts}
        changes = dict(put.changes)
        if "sections" in changes:
            changes["sections"] = {key: row for key, row in changes["sections"].items() if key not in blocked}
        changes = {key: value for key, value in changes.items() if value != {} and key not in blocked}
        last = _event(actor, draft, DraftAct.SAVED, changes).pk if changes else now.last
    if put.conflicts:
        raise Changed(put.conflicts, last)
    return Saved(last, tuple(put.theirs), bool(changes))


def discard(actor: Actor, draft_id: int) -> Draft:
    """Nobody will send it. What was written stays on record."""
    draft = _own(actor, draft_id)
    with transaction.atomic():
        _lock(draft)
        _event(actor, draft, DraftAct.DISCARDED, {})
    return draft


def send(actor: Actor, draft_id: int, *, asked: Mapping[str, str], seen: int) -> Letter:
    """Send it: from now on nobody changes it. `asked`: for each heading that is due and says nothing, whom is asked for it.

    Refused: a gap without that, a draft that changed after it was looked at, nobody to write to any more.
    """
    draft = _own(actor, draft_id)
    if draft.to_org not in dict(selectors.receivers(actor, draft.person_id)):
        raise Refused("The receiver has nothing to do with this person any more: begin a letter to somebody else.")
    with transaction.atomic():
        _lock(draft)
        now = selectors.content_of(draft)
        if now.last != seen:
            raise Refused("The draft changed after you looked at it. Look at it again, then send it.")
        changes = {
            section.key: Said(tuple(section.words), asked.get(section.key, "")).row()
            for section in now.score.gaps
            if " ".join(asked.get(section.key, "").split())
        }
        if changes:
            _event(actor, draft, DraftAct.SAVED, {"sections": changes})
            now = selectors.content_of(draft)
        if not now.score.may_be_sent:
            missing = ", ".join(section.heading for section in now.score.gaps)
            raise Refused(f"Fill these headings or say whom you asked: {missing}.")
        letter = _put(actor, draft, [as_sent(section) for section in now.sections], now.actions)
        _event(actor, draft, DraftAct.SENT, {})
        _supersede(actor, draft, letter)
        audit.record_write(actor, "send letter", person_id=draft.person_id, subject_type="letter", subject_id=letter.pk)
    return letter


def send_made(
    actor: Actor, person_id: int, *, kind: str, to_org: str, medicines: Sequence[str], given: Mapping[str, Sequence[str]],
    made_of: MadeOf, actions: Sequence[Action] = (),
) -> Letter:  # fmt: skip
    """Send in one act what another area has made: `given` are its statements by heading, and its page has shown them. Kept, read,
    answered and printed like every letter. It takes the place of the sender's letter of this kind, of the same thing to the same receiver.

    Refused: a receiver that Stepwell does not know, or from whom an entry about one of these medicines is hidden; a heading that says
    nothing.
    """
    require(actor, Permission.WRITE_LETTERS, ledger.subject_of(person_id))
    person, chosen = ledger.find_person(person_id), kinds().get(kind)
    if person is None or chosen is None or not chosen.from_plan:
        raise ValueError(f"{kind!r} is no kind of letter that is made of a plan")
    if to_org not in dict(selectors.receivers_of_plans(actor, person_id)):
        raise Refused("Choose a practice or a pharmacy that Stepwell knows; print it for anybody else.")
    hidden = restrict.hidden_at(to_org, person)
    if any(hidden.hides_medicine(substance) for substance in medicines):
        name = ledger.organisation_name(to_org)
        raise Refused(f"This medicine is marked sensitive, and {name} is not named to see it. Name them first, or print the letter.")
    about = [{"substance": substance} for substance in medicines]
    sections = compose(chosen, replace(of_person(actor, person, to_org=to_org, on=clock.today()), medicines=about), given)
    score = completeness(sections)
    if not score.may_be_sent:
        raise Refused(f"These headings say nothing: {', '.join(section.heading for section in score.gaps)}.")
    with transaction.atomic():
        before = selectors.newest_made_of(actor, made_of.source, made_of.source_id, kind=kind, to_org=to_org, lock=True)
        draft = _begin(
            actor, person_id, kind=kind, version=chosen.version, to_org=to_org, medicines=medicines, sections=sections, actions=actions,
            corrects=before, made_of=made_of,
        )  # fmt: skip
        letter = _put(actor, draft, [as_sent(section) for section in sections], actions)
        _event(actor, draft, DraftAct.SENT, {})
        _supersede(actor, draft, letter)
        audit.record_write(actor, "send letter", person_id=person_id, subject_type="letter", subject_id=letter.pk)
    return letter


def _put(actor: Actor, draft: Draft, sections: Sequence[Section], actions: Sequence[Action]) -> Letter:
    score, names, on = completeness(sections), accounts.organisation_names(), clock.today()
    letter = Letter.objects.create(
        draft=draft,
        person_id=draft.person_id,
        kind=draft.kind,
        kind_version=draft.kind_version,
        kind_label=kinds()[draft.kind].label if draft.kind in kinds() else draft.kind,
        from_org=draft.from_org,
        from_name=names.get(draft.from_org, draft.from_org),
        to_org=draft.to_org,
        to_name=names.get(draft.to_org, draft.to_org),
        medicines=draft.medicines,
        sections=as_rows(sections),
        author_id=actor.user_id or 0,
        author_name=actor.display_name,
        author_role=actor.role_label,
        written_at=draft.at,
        sent_at=clock.now(),
        sent_on=on,
        month=on.replace(day=1),
        filled=score.filled,
        due=score.due,
        missing=[section.key for section in score.missing],
        supersedes=draft.corrects,
    )
    subject = ledger.subject_of(draft.person_id)
    for number, action in enumerate(actions, start=1):
        row = LetterAction.objects.create(letter=letter, number=number, text=action.text, role=action.role, due_on=action.due_on)
        why = f"asked of {letter.to_name} in the letter of {clinician.date(on)}; until they accept, it is the sender’s"
        _raise(actor, subject, letter, row, owner_org=letter.from_org, due_on=row.due_on, why=why)
    return letter


def _address(letter: Letter) -> str:
    return reverse("letters:show_letter", args=[letter.pk])


def _raise(
    actor: Actor, subject: PatientSubject, letter: Letter, action: LetterAction, *, owner_org: str, due_on: date, why: str,
    owner_role: str = "",
) -> None:  # fmt: skip
    """One duty for one action, whoever owns it now: the ledger keeps it the same duty while it is open."""
    ledger_services.raise_duty(
        actor,
        subject,
        source=SOURCE,
        source_id=str(letter.pk),
        point=_point(action),
        title=action.text,
        owner_org=owner_org,
        owner_role=owner_role,
        due_on=due_on,
        why=why,
        source_label=f"{letter.kind_label} of {clinician.date(letter.sent_on)}",
        action_url=_address(letter),
    )


def _point(action: LetterAction) -> str:
    return f"action {action.number}"


def _supersede(actor: Actor, draft: Draft, letter: Letter) -> None:
    """What the letter before asked for and nobody has answered is asked for by the new one alone."""
    before = draft.corrects
    if before is None:
        return
    for action in before.actions.all():
        if selectors.answer_of(action) is None:
            ledger_services.settle_raised(
                actor, ledger.subject_of(draft.person_id), source=SOURCE, source_id=str(before.pk), point=_point(action),
                on=clock.today(), how="superseded", why=f"the letter was corrected on {clinician.date(letter.sent_on)}",
            )  # fmt: skip


def correct(actor: Actor, letter_id: int) -> Draft:
    """A new draft with what was sent, to be put right; when sent it supersedes the letter. Actions that were answered stay as they are."""
    letter = _letter(actor, letter_id, sender=True)
    require(actor, Permission.WRITE_LETTERS, ledger.subject_of(letter.person_id))
    _not_superseded(letter)
    if letter.draft.source:
        raise Refused("This letter was made of a plan: change the plan there and send it anew, which takes this one’s place.")
    shown = selectors.letter(actor, letter_id)
    if shown is None or shown.sections != letter.sections:
        raise Refused("Parts of this letter are restricted for you: somebody who may see them can correct it.")
    waiting = [asked.action for asked in selectors.actions_of(actor, letter) if asked.waits]
    return _begin(
        actor,
        letter.person_id,
        kind=letter.kind,
        version=letter.kind_version,
        to_org=letter.to_org,
        medicines=letter.medicines,
        sections=[_signed(section, actor, letter) for section in from_rows(letter.sections)],
        actions=[Action(action.text, action.due_on, action.role) for action in waiting],
        corrects=letter,
    )


def _signed(section: Section, actor: Actor, corrected: Letter) -> Section:
    """Who completes the record is whoever corrects it."""
    if section.key != AUTHOR:
        return section
    words = [author_words(actor, clock.today()), f"Corrects the letter of {clinician.date(corrected.sent_on)} by {corrected.author_name}"]
    return said(section, words=words)


def _not_superseded(letter: Letter) -> None:
    newer = getattr(letter, "superseded_by", None)
    if newer is not None:
        raise Refused(f"This letter was superseded on {clinician.date(newer.sent_on)}: use the newer one.")


def _own(actor: Actor, draft_id: int) -> Draft:
    """An open draft of the actor's organisation."""
    draft = selectors.draft(actor, draft_id)
    if draft is None:
        raise Refused("There is no such draft.")
    require(actor, Permission.WRITE_LETTERS, ledger.subject_of(draft.person_id))
    return draft


def _lock(draft: Draft) -> None:
    """One writer of this draft at a time; Refused when it is over."""
    Draft.objects.select_for_update().get(pk=draft.pk)
    over = draft.events.exclude(act=DraftAct.SAVED).select_related("by").first()
    if over is not None:
        what = "sent it" if over.act == DraftAct.SENT else "discarded it"
        raise Refused(f"{over.by_name} {what} on {clinician.datetime(over.at)}. Nothing was changed.")


def _event(actor: Actor, draft: Draft, act: DraftAct, changes: Mapping[str, Any]) -> DraftEvent:
    event = DraftEvent.objects.create(
        draft=draft,
        act=act,
        changes=dict(changes),
        by_id=actor.user_id or 0,
        by_name=actor.display_name,
        role=actor.role,
        org_code=actor.organisation,
        at=clock.now(),
    )
    audit.record_write(actor, f"letter draft {act.value}", person_id=draft.person_id, subject_type="letter draft", subject_id=draft.pk)
    return event


# Reading and answering


def _letter(actor: Actor, letter_id: int, *, sender: bool = False, receiver: bool = False) -> Letter:
    letter = selectors.letter_row(actor, letter_id)
    if letter is None:
        raise Refused("There is no such letter.")
    if sender and letter.from_org != actor.organisation:
        raise Refused(f"{letter.from_name} wrote this letter; they can do that.")
    if receiver and letter.to_org not in actor.organisations:
        raise Refused(f"This letter is to {letter.to_name}; they can answer it.")
    return letter


def mark_read(actor: Actor, letter: Letter) -> bool:
    """The receiver has opened it: once, by whoever is first. True when this was the first time."""
    if letter.to_org not in actor.organisations or selectors.is_read(letter):
        return False
    require(actor, Permission.VIEW_PATIENT, ledger.subject_of(letter.person_id))
    with transaction.atomic():
        Letter.objects.select_for_update().get(pk=letter.pk)
        if selectors.is_read(letter):
            return False
        _tell(actor, letter, LetterAct.READ)
    return True


def judge(actor: Actor, letter_id: int, *, answer: str, missing: Sequence[str] = (), words: str = "") -> LetterEvent:
    """Was this enough? The receiver's last answer counts; `missing` are keys of headings."""
    letter = _letter(actor, letter_id, receiver=True)
    require(actor, Permission.VIEW_PATIENT, ledger.subject_of(letter.person_id))
    if answer not in ANSWERS:
        raise Refused("Choose yes, partly or no.")
    known = [section.key for section in letter.parts]
    with transaction.atomic():
        detail = {"missing": [key for key in missing if key in known]} if answer != YES else {}
        return _tell(actor, letter, LetterAct.ENOUGH, answer=answer, why=" ".join(words.split()), detail=detail)


def accept(actor: Actor, action_id: int, *, role: str, due_on: date) -> LetterEvent:
    """The receiver takes it on: the duty becomes theirs, with this role and date."""
    action, letter, subject = _asked(actor, action_id)
    if due_on < clock.today():
        raise Refused("The date must be today or later.")
    with transaction.atomic():
        _unanswered(action)
        event = _tell(actor, letter, LetterAct.ACCEPTED, action=action, detail={"role": role, "due_on": due_on.isoformat()})
        why = f"accepted by {letter.to_name} from the letter of {letter.from_name}, {clinician.date(letter.sent_on)}"
        _raise(actor, subject, letter, action, owner_org=letter.to_org, owner_role=role, due_on=due_on, why=why)
    return event


def decline(actor: Actor, action_id: int, *, why: str) -> LetterEvent:
    """The receiver does not take it on: it stays the sender's, who is told why."""
    action, letter, subject = _asked(actor, action_id)
    words = " ".join(why.split())
    if not words:
        raise Refused("Say why: the sender reads it.")
    with transaction.atomic():
        _unanswered(action)
        event = _tell(actor, letter, LetterAct.DECLINED, action=action, why=words)
        told = f"declined by {letter.to_name}: {words}"
        # What the sender has closed meanwhile is not asked again.
        still_open = ledger_services.move_raised(
            actor, subject, source=SOURCE, source_id=str(letter.pk), point=_point(action), owner_org=letter.from_org, why=told
        )
        if still_open:
            _raise(actor, subject, letter, action, owner_org=letter.from_org, due_on=action.due_on, why=told)
    return event


def note_answers(actor: Actor, letter_id: int) -> None:
    """The sender has seen what was declined."""
    letter = _letter(actor, letter_id, sender=True)
    require(actor, Permission.VIEW_PATIENT, ledger.subject_of(letter.person_id))
    with transaction.atomic():
        _tell(actor, letter, LetterAct.NOTED)


def _asked(actor: Actor, action_id: int) -> tuple[LetterAction, Letter, PatientSubject]:
    action = selectors.action_row(actor, action_id)
    if action is None:
        raise Refused("There is no such action.")
    subject = ledger.subject_of(action.letter.person_id)
    require(actor, Permission.ACT_ON_DUTY, subject)
    _not_superseded(action.letter)
    return action, action.letter, subject


def _unanswered(action: LetterAction) -> None:
    LetterAction.objects.select_for_update().get(pk=action.pk)
    event = selectors.answer_of(action)
    if event is not None:
        raise Refused(f"{event.by_name} {event.act} this on {clinician.datetime(event.at)}. Nothing was changed.")


def _tell(
    actor: Actor, letter: Letter, act: LetterAct, *, action: LetterAction | None = None, answer: str = "", why: str = "",
    detail: Mapping[str, Any] | None = None,
) -> LetterEvent:  # fmt: skip
    event = LetterEvent.objects.create(
        letter=letter,
        action=action,
        act=act,
        answer=answer,
        why=why,
        detail=dict(detail or {}),
        by_id=actor.user_id or 0,
        by_name=actor.display_name,
        role=actor.role,
        org_code=actor.organisation,
        at=clock.now(),
    )
    audit.record_write(actor, f"letter {act.value}", person_id=letter.person_id, subject_type="letter", subject_id=letter.pk, reason=why)
    return event
