"""The verbs of preparing: put people on today's list, take them off, move them; write down what somebody answered before a review.

Each decides access and writes its event with the audit in one transaction. None of them moves a duty: being on a list is no answer to
what is owed, and who is taken off it stays where they were in the order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

from django.db import transaction

from stepwell.errors import Refused
from stepwell.web.core import audit, clock
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician, count
from stepwell.web.core.gate import require
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.acts import lock_person
from stepwell.web.preparation import bench, questions
from stepwell.web.preparation.models import AnswerSheet, BenchAct, BenchEvent, BenchList, Way

# More than anybody reviews in a day: a slip of the mouse.
MOST_ON_A_LIST = 60
LONGEST_WORDS = 2000


class Stale(Refused):
    """The list was changed elsewhere after the page was opened; `changes` are the events since, the oldest first."""

    def __init__(self, changes: Sequence[BenchEvent]) -> None:
        self.changes = list(changes)
        told = "; ".join(f"somebody was {event.act} at {clinician.time(event.at)}" for event in self.changes[-3:])
        super().__init__(f"Nothing was saved: your list was changed after you opened this page ({told}). It is shown as it is now.")


@contextmanager
def _listing(actor: Actor, day: date, seen: int | None) -> Iterator[BenchList]:
    """The actor's list of a day, locked; `seen`: how many of its events the page had shown, None when that does not matter."""
    if actor.user_id is None:
        raise Refused("Only a colleague who is signed in has a list.")
    with transaction.atomic():
        made, _ = BenchList.objects.get_or_create(org_code=actor.organisation, user_id=actor.user_id, day=day)
        row = BenchList.objects.select_for_update().get(pk=made.pk)
        if seen is not None and row.revision > seen:
            raise Stale(bench.events_since(row, seen))
        yield row


def _tell(actor: Actor, row: BenchList, person_id: int, act: BenchAct, **told: Any) -> None:
    said = {"at": clock.now(), "by_id": row.user_id, "role": actor.role}
    BenchEvent.objects.create(bench=row, person_id=person_id, act=act, **said, **told)
    row.revision += 1
    row.save(update_fields=["revision"])
    audit.record_write(
        actor,
        Permission.REVIEW_MEDICINES,
        person_id=person_id,
        subject_type="review bench list",
        subject_id=row.day.isoformat(),
        reason=act.label,
    )


def put_on_list(actor: Actor, day: date, person_ids: Collection[int], *, seen: int | None = None) -> int:
    """At the end of the actor's list of that day, in the order given; who is on it already stays where they are. Gives how many came on."""
    wanted = list(dict.fromkeys(person_ids))
    if not wanted:
        raise Refused("Choose at least one person.")
    if len(wanted) > MOST_ON_A_LIST:
        raise Refused(f"Choose at most {count(MOST_ON_A_LIST, 'person', 'people')} at once.")
    for person_id in wanted:
        require(actor, Permission.REVIEW_MEDICINES, ledger.subject_of(person_id))
    with _listing(actor, day, seen) as row:
        there = {entry.person_id for entry in bench.today_of(row).entries}
        new = [person_id for person_id in wanted if person_id not in there]
        if len(there) + len(new) > MOST_ON_A_LIST:
            raise Refused(f"A list holds at most {count(MOST_ON_A_LIST, 'person', 'people')}. Take somebody off first.")
        found = bench.review_duties(actor, day).filter(person_id__in=new)
        for person_id in new:
            own = [duty for duty in found if duty.person_id == person_id]
            _tell(
                actor, row, person_id, BenchAct.ADDED, duties=sorted(duty.pk for duty in own), minutes=bench.minutes_of(actor, own)
            )  # fmt: skip
    return len(new)


def take_off_list(actor: Actor, day: date, person_id: int, *, why: str, seen: int | None = None) -> None:
    """Off the actor's own list. They stay in the order of the bench, and every duty stays as it is."""
    require(actor, Permission.REVIEW_MEDICINES, ledger.subject_of(person_id))
    words = _words(why, "Say why, in a few words.")
    with _listing(actor, day, seen) as row:
        if bench.today_of(row).place_of(person_id) is None:
            raise Refused("This person is not on your list any more.")
        _tell(actor, row, person_id, BenchAct.TAKEN_OFF, why=words)


def move_on_list(actor: Actor, day: date, person_id: int, *, up: bool, seen: int | None = None) -> None:
    """One place up or down the actor's own list."""
    require(actor, Permission.REVIEW_MEDICINES, ledger.subject_of(person_id))
    with _listing(actor, day, seen) as row:
        listed = bench.today_of(row)
        place = listed.place_of(person_id)
        if place is None:
            raise Refused("This person is not on your list any more.")
        to = place - 1 if up else place + 1
        if not 1 <= to <= len(listed.entries):
            raise Refused("They are at that end of the list already.")
        _tell(actor, row, person_id, BenchAct.MOVED, place=to)


def _words(text: str, ask: str) -> str:
    words = " ".join(text.split())
    if not words:
        raise Refused(ask)
    if len(words) > LONGEST_WORDS:
        raise Refused(f"Write at most {LONGEST_WORDS:,} characters.")
    return words


# Answered beforehand


def record_answers(
    actor: Actor | None,
    person_id: int,
    answers: Mapping[str, Mapping[str, Any]],
    *,
    way: str,
    answered_on: date,
    by_person: bool,
    person_name: str = "",
    helped_by: str = "",
    corrects: int | None = None,
) -> int:
    """What a person answered to the questions before a review; gives the key of the sheet.

    `actor`: who writes it down; None only when the person writes themselves (`by_person`), on a page that has made sure of who they are:
    access was decided there. answers: key of the question → {"chosen": [keys], "words": text}; what was left out was not asked or not
    answered, and is not known. corrects: the sheet that this one replaces.
    """
    if actor is None and not by_person:
        raise Refused("Somebody must say who wrote the answers down.")
    if actor is not None:
        require(actor, Permission.REVIEW_MEDICINES, ledger.subject_of(person_id))
    if way not in Way.values:
        raise Refused("Choose how they answered.")
    today = clock.today()
    if answered_on > today:
        raise Refused("The day of the answers cannot be in the future.")
    given = questions.checked(answers)
    if not given:
        raise Refused("Write down at least one answer. What was not asked stays empty.")
    with transaction.atomic():
        lock_person(person_id)
        before = _sheet(person_id, corrects)
        sheet = AnswerSheet.objects.create(
            person_id=person_id,
            at=clock.now(),
            answered_on=answered_on,
            by_id=actor.user_id if actor else None,
            by_name=actor.display_name if actor else person_name,
            role=actor.role if actor else "",
            org_code=actor.organisation if actor else "",
            by_person=by_person,
            way=way,
            helped_by=" ".join(helped_by.split())[:120],
            answers=given,
            asked=questions.asked_words(given),
            pack=" ".join(known.pack()),
            corrects=before,
        )
        _audit(actor, sheet, "answers corrected" if before else "answers recorded")
    return sheet.pk


def take_back_answers(actor: Actor, sheet_id: int, *, why: str) -> int:
    """It was entered in error (another person's answers): a sheet without answers takes its place. What was said stays in the trail."""
    row = AnswerSheet.objects.filter(pk=sheet_id).first()
    if row is None:
        raise Refused("These answers are not on record.")
    require(actor, Permission.REVIEW_MEDICINES, ledger.subject_of(row.person_id))
    words = _words(why, "Say what was wrong.")
    with transaction.atomic():
        lock_person(row.person_id)
        before = _sheet(row.person_id, sheet_id)
        sheet = AnswerSheet.objects.create(
            person_id=row.person_id, at=clock.now(), answered_on=row.answered_on, by_id=actor.user_id, by_name=actor.display_name,
            role=actor.role, org_code=actor.organisation, way=row.way, why=words, pack=" ".join(known.pack()), corrects=before,
        )  # fmt: skip
        _audit(actor, sheet, "answers entered in error")
    return sheet.pk


def _sheet(person_id: int, sheet_id: int | None) -> AnswerSheet | None:
    """The sheet to replace; nobody may have replaced it before."""
    if sheet_id is None:
        return None
    row = AnswerSheet.objects.filter(pk=sheet_id, person_id=person_id).first()
    if row is None:
        raise Refused("The answers that this corrects are not on record.")
    if AnswerSheet.objects.filter(corrects=row).exists():
        raise Refused("Somebody has corrected these answers already. Open them again.")
    return row


def _audit(actor: Actor | None, sheet: AnswerSheet, reason: str) -> None:
    # What a person says of themselves is written for their practice; the trail says that it was they.
    by = actor if actor is not None else Actor.themselves(sheet.person_id)
    audit.record_write(
        by, Permission.REVIEW_MEDICINES, person_id=sheet.person_id, subject_type="answers beforehand", subject_id=sheet.pk, reason=reason
    )  # fmt: skip
