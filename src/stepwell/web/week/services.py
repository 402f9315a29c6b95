"""The verbs of the week: enter hours, say how long a task takes here, take work into a week or put it after it, take that back.

Each decides access and writes its event with the audit in one transaction. None of them moves a duty: what is owed, by whom and
by when stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from django.db import transaction

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import audit, clock
from stepwell.web.core.access import OrganisationSubject
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.gate import require
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.week import rota, selectors
from stepwell.web.week.days import bank_holidays, days_of, sunday_of
from stepwell.web.week.models import Arrangement, ArrangementKind, MinutesSetting, RotaEntry
from stepwell.web.week.plan import WEEK, monday_of
from stepwell.web.week.rota import Cell
from stepwell.web.week.selectors import Asked, Key
from stepwell.web.week.tasks import pack_tasks, rota_roles

MINUTES_A_DAY = 24 * 60
# More than a whole surgery works in a day is a slip of the keyboard.
MOST_OF_A_ROLE = 200 * 60
MOST_MINUTES = 480


class Stale(Refused):
    """Somebody entered hours of the same week after the form was opened; `rows` are theirs."""

    def __init__(self, rows: list[RotaEntry]) -> None:
        who = ", ".join(dict.fromkeys(f"{row.by.display_name} at {clinician.time(row.at)}" for row in rows))
        told = "after you opened the page. What you typed is kept below: check it and save again."
        super().__init__(f"The hours of this week were changed by {who} {told}")
        self.rows = rows


def _words(why: str, ask: str) -> str:
    words = " ".join(why.split())
    if not words:
        raise Refused(ask)
    return words


def _said(actor: Actor, org_code: str) -> dict[str, object]:
    return {"org_code": org_code, "at": clock.now(), "by_id": actor.user_id, "role_of_by": actor.role}


# The rota


def set_hours(actor: Actor, monday: date, wanted: Mapping[Cell, int], *, seen: int | None = None) -> int:
    """Minutes of cells of a week at the actor's organisation; what does not differ writes nothing. Gives how many cells changed.

    seen: id of the newest row that the form had read; when others wrote since, `Stale`.
    """
    require(actor, Permission.PLAN_WEEK, OrganisationSubject(actor.organisation))
    _check_cells(actor, monday, wanted)
    with transaction.atomic():
        if seen is not None and rota.last_entry(actor.organisation, monday, lock=True) > seen:
            raise Stale(rota.entries_since(actor.organisation, monday, seen))
        held = rota.entries(actor.organisation, monday, sunday_of(monday))
        changed = {cell: minutes for cell, minutes in wanted.items() if held.get(cell) != minutes and (minutes or cell in held)}
        said = _said(actor, actor.organisation)
        RotaEntry.objects.bulk_create(
            [
                RotaEntry(day=cell.day, role=cell.role, user_id=cell.user_id, minutes=minutes, **said)
                for cell, minutes in sorted(changed.items(), key=lambda pair: (pair[0].day, pair[0].role, pair[0].user_id or 0))
            ]
        )
        audit.record_write(
            actor, Permission.PLAN_WEEK, subject_type="rota", subject_id=monday.isoformat(), reason=f"{len(changed)} entries changed"
        )  # fmt: skip
        return len(changed)


def _check_cells(actor: Actor, monday: date, wanted: Mapping[Cell, int]) -> None:
    if monday.weekday() != 0:
        raise Refused("A week begins on a Monday.")
    days = set(days_of(monday))
    roles = rota_roles(actor.organisation_kind)
    colleagues = {row.user_id for row in accounts.colleagues(actor, clock.today())}
    for cell, minutes in wanted.items():
        if cell.day not in days:
            raise Refused("These hours belong to another week.")
        if cell.role not in roles:
            raise Refused(f"Nobody works as {cell.role} at {actor.organisation_name}.")
        if cell.user_id is not None and cell.user_id not in colleagues:
            raise Refused(f"Choose somebody who works at {actor.organisation_name} today.")
        if not 0 <= minutes <= (MINUTES_A_DAY if cell.user_id else MOST_OF_A_ROLE):
            raise Refused(f"{clinician.date(cell.day, weekday=True)}: give hours that a day can hold.")


def copy_week(actor: Actor, monday: date, *, seen: int | None = None) -> int:
    """The hours of the week before into this one; on a bank holiday none. Refused where there is nothing to copy."""
    before = rota.entries(actor.organisation, monday - WEEK, sunday_of(monday - WEEK))
    colleagues = {row.user_id for row in accounts.colleagues(actor, clock.today())}
    closed = bank_holidays(actor.organisation, monday, sunday_of(monday))
    wanted = {
        Cell(cell.day + WEEK, cell.role, cell.user_id): 0 if cell.day + WEEK in closed else minutes
        for cell, minutes in before.items()
        if cell.user_id is None or cell.user_id in colleagues
    }
    if not any(before.values()):
        raise Refused("No hours were entered for the week before.")
    return set_hours(actor, monday, wanted, seen=seen)


# Minutes of a task here


def set_minutes(actor: Actor, key: str, *, minutes: int | None, role: str = "", why: str) -> MinutesSetting:
    """How long a task takes at the actor's organisation, and who does it there; `minutes` None: as the pack says again."""
    require(actor, Permission.PLAN_WEEK, OrganisationSubject(actor.organisation))
    words = _words(why, "Give the reason.")
    if key not in pack_tasks():
        raise Refused("There is no such task in the knowledge pack in use.")
    if minutes is not None and not 1 <= minutes <= MOST_MINUTES:
        raise Refused(f"Give minutes from 1 to {MOST_MINUTES}.")
    if role and role not in rota_roles(actor.organisation_kind):
        raise Refused(f"Nobody works as {role} at {actor.organisation_name}.")
    with transaction.atomic():
        row = MinutesSetting.objects.create(
            task=key, minutes=minutes, role=role if minutes is not None else "", why=words, **_said(actor, actor.organisation)
        )
        audit.record_write(actor, "set minutes", subject_type="task", subject_id=key, reason=words)
        return row


# Arrangements


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of work with its duties, found open at the moment of acting."""

    key: Key
    duty_ids: tuple[int, ...]


def _permission(actor: Actor) -> Permission:
    """Whoever plans the week may arrange it, and whoever may act on the duties themselves."""
    return Permission.PLAN_WEEK if actor.may(Permission.PLAN_WEEK) else Permission.ACT_ON_DUTY


def _piece(actor: Actor, asked: Asked, key: Key) -> Piece:
    person_id, org, _, _ = key
    permission = _permission(actor)
    require(actor, permission, OrganisationSubject(org))
    require(actor, permission, ledger.subject_of(person_id))
    duties = selectors.duties_of(asked, [key]).get(key, [])
    if not duties:
        raise Refused("Nothing of this is open and due by this week any more. Nothing was changed.")
    return Piece(key, tuple(duty.pk for duty in duties))


def take_into_week(actor: Actor, asked: Asked, key: Key, *, why: str) -> Arrangement:
    """This piece is done in the week shown, before the computed order."""
    words = _words(why, "Say why it goes first.")
    return _arrange(actor, asked, key, ArrangementKind.TAKE, None, words)


def put_after(actor: Actor, asked: Asked, key: Key, *, until: date, why: str) -> Arrangement:
    """This piece waits until the week of `until`; it stays owed, and its due date does not move."""
    words = _words(why, "Say why it waits, and who knows.")
    if monday_of(until) <= asked.monday:
        raise Refused("Choose a week after this one.")
    if monday_of(until) > asked.monday + rota.LOOK_AHEAD:
        raise Refused("Choose a week within a year: what waits longer is better put off on the duty itself.")
    return _arrange(actor, asked, key, ArrangementKind.PUT_AFTER, monday_of(until), words)


def _arrange(  # noqa: PLR0917
    actor: Actor, asked: Asked, key: Key, kind: ArrangementKind, until: date | None, why: str
) -> Arrangement:  # fmt: skip
    piece = _piece(actor, asked, key)
    person_id, org, task, share = key
    with transaction.atomic():
        row = Arrangement.objects.create(
            person_id=person_id, task=task, share=share, duties=list(piece.duty_ids), kind=kind, week=asked.monday, until=until,
            why=why, **_said(actor, org),
        )  # fmt: skip
        duties = ", ".join(str(pk) for pk in piece.duty_ids)
        audit.record_write(
            actor, f"week: {kind.value}", person_id=person_id, subject_type="duties", subject_id=duties[:120], reason=why
        )  # fmt: skip
        return row


def undo_arrangement(actor: Actor, arrangement_id: int, *, why: str) -> Arrangement:
    """The decision no longer holds: another row; the computed order decides again."""
    words = _words(why, "Give the reason.")
    row = selectors.arrangement_in_force(arrangement_id)
    if row is None:
        raise Refused("This decision is not in force any more.")
    permission = _permission(actor)
    require(actor, permission, OrganisationSubject(row.org_code))
    require(actor, permission, ledger.subject_of(row.person_id))
    with transaction.atomic():
        undone = Arrangement.objects.create(
            person_id=row.person_id, task=row.task, share=row.share, duties=row.duties, kind=ArrangementKind.UNDONE,
            week=row.week, until=row.until,
            why=words, undoes=row, **_said(actor, row.org_code),
        )  # fmt: skip
        audit.record_write(actor, "week: undone", person_id=row.person_id, subject_type="arrangement", subject_id=row.pk, reason=words)
        return undone
