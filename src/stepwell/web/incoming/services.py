"""Verbs of letters from outside: file one, score it, say what it asks for and what becomes of that, mark it read, take it out.

A letter that is filed is a duty of whoever keeps it, to read it, until somebody has. A letter moves no owner by itself (ruling 1):
what it asks for becomes a duty when somebody who may act on duties takes it on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any

from django.db import transaction
from django.urls import reverse

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import audit, clock
from stepwell.web.core.access import OrganisationSubject, PatientSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.gate import require
from stepwell.web.core.permissions import Permission
from stepwell.web.incoming import reading, scoring, selectors
from stepwell.web.incoming.models import Act, ReceivedEvent, ReceivedFile, ReceivedLetter
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger import services as ledger_services
from stepwell.web.ledger.acts import lock_person

SOURCE = "received letter"
READ = "read"
LONGEST_TEXT, LONGEST_ACTION = 200_000, 180
_PCN = "pcn"


# Filing


def keep_file(actor: Actor, person_id: int, data: bytes) -> ReceivedFile:
    """Read a PDF and keep it, until the rest of its form is there. Refused where it cannot be read; a scan is kept without text."""
    require(actor, Permission.FILE_LETTERS, ledger.subject_of(person_id))
    found = reading.read(data)
    with transaction.atomic():
        file = ReceivedFile.objects.create(
            person_id=person_id,
            org_code=keeper(actor, person_id),
            content=data,
            bytes=len(data),
            pages=found.pages,
            sha256=hashlib.sha256(data).hexdigest(),
            text="" if found.is_scan else found.text,
            at=clock.now(),
            by_id=actor.user_id or 0,
            role=actor.role,
        )
        audit.record_write(actor, "keep received file", person_id=person_id, subject_type="received file", subject_id=file.pk)
    return file


def file_letter(
    actor: Actor, person_id: int, *, kind: str, from_org: str, from_name: str, written_on: date, received_on: date, text: str = "",
    file: ReceivedFile | None = None,
) -> ReceivedLetter:  # fmt: skip
    """File a letter about this person: typed, or a file that was kept, or both (a scan and what it says).

    Refused: neither, an unknown kind or sender, days that cannot be, and a letter that was filed before.
    """
    subject = ledger.subject_of(person_id)
    require(actor, Permission.FILE_LETTERS, subject)
    chosen = scoring.kinds().get(kind)
    if chosen is None:
        raise Refused("Choose the kind of letter.")
    names = accounts.organisation_names()
    if from_org and from_org not in names:
        raise Refused("Choose the sender.")
    sender = names.get(from_org, " ".join(from_name.split()))
    if not sender:
        raise Refused("Say who sent the letter.")
    _check_days(written_on, received_on)
    words = _words(text, file)
    org_code = keeper(actor, person_id)
    digest = hashlib.sha256(f"{file.sha256 if file else ''}\n{text.strip()}".encode()).hexdigest()
    with transaction.atomic():
        lock_person(person_id)
        if before := selectors.same_letter(person_id, org_code, digest):
            raise Refused(f"This letter was filed on {clinician.date(before.at)} by {before.by_name}. Nothing was filed twice.")
        letter = ReceivedLetter.objects.create(
            person_id=person_id,
            org_code=org_code,
            kind=kind,
            kind_version=chosen.version,
            kind_label=chosen.label,
            from_org=from_org,
            from_name=sender,
            written_on=written_on,
            month=written_on.replace(day=1),
            received_on=received_on,
            text=words,
            sha256=digest,
            file=file,
            at=clock.now(),
            by_id=actor.user_id or 0,
            by_name=actor.display_name,
            role=actor.role,
        )
        audit.record_write(actor, "file letter", person_id=person_id, subject_type="received letter", subject_id=letter.pk)
        ledger_services.raise_duty(
            actor, subject, source=SOURCE, source_id=str(letter.pk), point=READ, title=f"Read the letter from {sender}"[:200],
            owner_org=org_code, due_on=max(received_on, clock.today()), why=f"a letter of {clinician.date(written_on)} was filed",
            source_label=_label(letter), action_url=reverse("incoming:show_letter", args=[letter.pk]),
        )  # fmt: skip
    return letter


def keeper(actor: Actor, person_id: int) -> str:
    """Who keeps what this actor files: their organisation, for a network the practice it covers."""
    person = ledger.find_person(person_id)
    if actor.organisation_kind == _PCN and person is not None and person.gp_org in actor.covered:
        return person.gp_org
    return actor.organisation


def _check_days(written_on: date, received_on: date) -> None:
    if received_on > clock.today() or written_on > clock.today():
        raise Refused("The day cannot be in the future.")
    if received_on < written_on:
        raise Refused("A letter cannot come before it was written: look at both days.")


def _words(text: str, file: ReceivedFile | None) -> str:
    typed = reading.tidy(text)
    if len(typed) > LONGEST_TEXT:
        raise Refused("This is longer than a letter. File it without its enclosures.")
    found = file.text if file else ""
    if not typed and not found:
        if file is not None:
            raise Refused("This PDF is a picture: it holds no text. Type what it says; the PDF is kept beside it.")
        raise Refused("Choose a PDF, or type the letter.")
    return "\n\n".join(part for part in (typed, found) if part)


def _label(letter: ReceivedLetter) -> str:
    return f"letter of {clinician.date(letter.written_on)} from {letter.from_name}"


# What is done with it


def score(actor: Actor, letter_id: int, marks: Mapping[str, str], *, seen: int | None = None) -> ReceivedEvent:
    """`marks`: heading → a mark of `scoring.Mark`. The last scoring counts; a form that had not seen the last act is refused."""
    with _acting(actor, letter_id, Permission.FILE_LETTERS, seen=seen) as (letter, _):
        kind = scoring.kinds()[letter.kind]
        asked = scoring.asked(kind)
        for section in asked:
            if marks.get(section.key) not in scoring.choices(section):
                raise Refused(f"Say what the letter says under {section.heading}.")
        found = scoring.score(kind, marks)
        detail = {
            "kind_version": kind.version,
            "marks": {section.key: str(marks[section.key]) for section in asked},
            "filled": found.filled,
            "due": found.due,
            "missing": [section.key for section in found.missing],
        }
        return _tell(actor, letter, Act.SCORED, detail=detail)


def propose_action(actor: Actor, letter_id: int, *, text: str, due_on: date) -> ReceivedEvent:
    """What the letter asks for, by when: it waits for somebody who may act on duties."""
    words = " ".join(text.split())
    if not words:
        raise Refused("Say what the letter asks for.")
    if len(words) > LONGEST_ACTION:
        raise Refused(f"Say what the letter asks for in at most {LONGEST_ACTION} characters.")
    with _acting(actor, letter_id, Permission.FILE_LETTERS) as (letter, subject):
        if any(action.event.detail["text"] == words and action.waits for action in selectors.standing(letter).actions):
            raise Refused("This is already on the list.")
        event = _tell(actor, letter, Act.PROPOSED, detail={"text": words, "due_on": due_on.isoformat()})
        _raise_reading(actor, subject, letter, "a letter that was read asks for something that nobody has answered")
        return event


def accept_action(actor: Actor, action_id: int, *, role: str, due_on: date) -> ledger_services.Written:
    """It becomes a duty of whoever keeps the letter."""
    if due_on < clock.today():
        raise Refused("The date must be today or later.")
    with _answering(actor, action_id) as (event, letter, subject):
        _tell(actor, letter, Act.ACCEPTED, about=event, detail={"role": role, "due_on": due_on.isoformat()})
        ledger_services.raise_duty(
            actor, subject, source=SOURCE, source_id=str(letter.pk), point=f"action {event.pk}", title=event.detail["text"],
            owner_org=letter.org_code, owner_role=role, due_on=due_on, why=f"accepted from the {_label(letter)}",
            source_label=_label(letter), action_url=reverse("incoming:show_letter", args=[letter.pk]),
        )  # fmt: skip
    return ledger_services.evaluated(letter.person_id)


def decline_action(actor: Actor, action_id: int, *, why: str) -> None:
    """Not taken on, with the reason; the sender is told by whoever declines, because they are not on Stepwell here."""
    words = " ".join(why.split())
    if not words:
        raise Refused("Say why it is not taken on.")
    with _answering(actor, action_id) as (event, letter, _):
        _tell(actor, letter, Act.DECLINED, about=event, why=words)


def mark_read(actor: Actor, letter_id: int) -> ledger_services.Written:
    """Read, and everything it asks for answered. Refused while something waits."""
    with _acting(actor, letter_id, Permission.ACT_ON_DUTY) as (letter, subject):
        found = selectors.standing(letter)
        if found.waiting:
            raise Refused("Answer what the letter asks for first: accept it or say why not.")
        _tell(actor, letter, Act.READ)
        ledger_services.settle_raised(
            actor, subject, source=SOURCE, source_id=str(letter.pk), point=READ, on=clock.today(), how="done", why="the letter was read"
        )  # fmt: skip
    return ledger_services.evaluated(letter.person_id)


def take_out(actor: Actor, letter_id: int, *, why: str) -> ledger_services.Written:
    """Entered in error (another person's letter, filed twice): it stays on record and is shown and counted no more. Duties that
    were accepted from it stay, each to be closed by whoever owns it."""
    words = " ".join(why.split())
    if not words:
        raise Refused("Say what was wrong.")
    with _acting(actor, letter_id, Permission.FILE_LETTERS) as (letter, subject):
        _tell(actor, letter, Act.IN_ERROR, why=words)
        ledger_services.settle_raised(
            actor, subject, source=SOURCE, source_id=str(letter.pk), point=READ, on=clock.today(), how="superseded",
            why="the letter was entered in error",
        )  # fmt: skip
    return ledger_services.evaluated(letter.person_id)


def _raise_reading(actor: Actor, subject: PatientSubject, letter: ReceivedLetter, why: str) -> None:
    """Something new waits in a letter that was read: reading it is owed again."""
    found = selectors.standing(letter)
    if found.read is None:
        return
    ledger_services.raise_duty(
        actor, subject, source=SOURCE, source_id=str(letter.pk), point=READ, title=f"Answer the letter from {letter.from_name}"[:200],
        owner_org=letter.org_code, due_on=clock.today(), why=why, source_label=_label(letter),
        action_url=reverse("incoming:show_letter", args=[letter.pk]),
    )  # fmt: skip


@contextmanager
def _acting(
    actor: Actor, letter_id: int, permission: Permission, *, seen: int | None = None
) -> Iterator[tuple[ReceivedLetter, PatientSubject]]:
    """The letter, kept by the actor's organisations and not taken out, with its person locked; one transaction."""
    letter = selectors.letter_row(actor, letter_id)
    if letter is None:
        raise Refused("There is no such letter.")
    subject = ledger.subject_of(letter.person_id)
    require(actor, permission, subject)
    require(actor, permission, OrganisationSubject(letter.org_code))
    with transaction.atomic():
        lock_person(letter.person_id)
        found = selectors.standing(letter)
        if found.in_error is not None:
            raise Refused(f"{found.in_error.by_name} took this letter out on {clinician.datetime(found.in_error.at)}: {found.in_error.why}")
        if seen is not None and found.last != seen:
            last = found.events[-1]
            raise Refused(
                f"{last.by_name} was faster ({Act(last.act).label.lower()}, {clinician.datetime(last.at)}). "
                "What you chose is still below: send it again if it is still right."
            )
        yield letter, subject


@contextmanager
def _answering(actor: Actor, action_id: int) -> Iterator[tuple[ReceivedEvent, ReceivedLetter, PatientSubject]]:
    action = selectors.action_row(actor, action_id)
    if action is None:
        raise Refused("There is no such action.")
    with _acting(actor, action.letter_id, Permission.ACT_ON_DUTY) as (letter, subject):
        answer = ReceivedEvent.objects.filter(about=action).first()
        if answer is not None:
            raise Refused(f"{answer.by_name} answered this on {clinician.datetime(answer.at)} ({Act(answer.act).label.lower()}).")
        yield action, letter, subject


def _tell(
    actor: Actor, letter: ReceivedLetter, act: Act, *, about: ReceivedEvent | None = None, why: str = "",
    detail: Mapping[str, Any] | None = None,
) -> ReceivedEvent:  # fmt: skip
    event = ReceivedEvent.objects.create(
        letter=letter,
        act=act,
        about=about,
        why=why,
        detail=dict(detail or {}),
        at=clock.now(),
        by_id=actor.user_id or 0,
        by_name=actor.display_name,
        role=actor.role,
        org_code=actor.organisation,
    )
    audit.record_write(
        actor, f"received letter {act.value}", person_id=letter.person_id, subject_type="received letter", subject_id=letter.pk, reason=why
    )  # fmt: skip
    return event
