"""Verbs of meetings. Each writes its events, the duties it raises, and the audit in one transaction. Once the minutes are signed off
nothing of the meeting changes; who was not reached is carried to the next one by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, time
from typing import Any

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
from stepwell.web.ledger import services as duties
from stepwell.web.ledger.acts import Written, evaluated, lock_person, needs_words
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.meetings import agenda, selectors
from stepwell.web.meetings.models import AgendaItem, ItemEvent, ItemKind, Meeting, MeetingEvent, MeetingKind, Minutes, State
from stepwell.web.meetings.selectors import SOURCE, Line

LONGEST = 200


class Changed(Refused):
    """Somebody was faster."""


def arrange(
    actor: Actor, *, on: date, minutes: int, chair_id: int, starts: time | None = None, place: str = "", with_orgs: Sequence[str] = ()
) -> Meeting:  # fmt: skip
    """A meeting held by the actor's organisation with those that come; its agenda is drawn up at once."""
    require(actor, Permission.HOLD_MEETINGS, OrganisationSubject(actor.organisation))
    if on < clock.today():
        raise Refused("The day of the meeting cannot be past.")
    if chair_id not in dict(chairs(actor, with_orgs)):
        raise Refused("Choose a chair who works at one of the organisations that come.")
    known = accounts.organisation_names()
    if any(code not in known or code == actor.organisation for code in with_orgs):
        raise Refused("Choose organisations that Stepwell knows.")
    with transaction.atomic():
        row = Meeting.objects.create(
            org_code=actor.organisation,
            with_orgs=list(dict.fromkeys(with_orgs)),
            on=on,
            starts=starts,
            minutes=minutes,
            place=" ".join(place.split()),
            chair_id=chair_id,
        )
        _tell(row, MeetingKind.ARRANGED, actor, on=on.isoformat(), minutes=minutes, with_orgs=list(with_orgs), chair=chair_id)
        _draw_up(actor, row)
    return row


def chairs(actor: Actor, with_orgs: Sequence[str]) -> list[tuple[int, str]]:
    """Who may chair: staff of today of the organisation that holds the meeting and of those that come, (user, name)."""
    on = clock.today()
    found: dict[int, str] = {}
    for code in (actor.organisation, *with_orgs):
        for row in accounts.staff_ever(code):
            if row.user.is_active and row.from_on <= on and (row.to_on is None or on < row.to_on):
                found.setdefault(row.user_id, f"{row.user.display_name}, {row.organisation.name}")
    return list(found.items())


def draw_up(actor: Actor, meeting_id: int) -> int:
    """Bring in who has come since: nobody is taken off, nobody twice. Gives how many."""
    with _meeting(actor, meeting_id) as row:
        return _draw_up(actor, row)


def _draw_up(actor: Actor, row: Meeting) -> int:
    """First those whom earlier meetings did not reach, then whom the ledger brings."""
    before = selectors.last_before(row)
    there = set(AgendaItem.objects.filter(meeting=row).values_list("person_id", flat=True))
    places = {place.person_id: place for place in agenda.places(row.org_code, row.with_orgs, row.on, since=before.on if before else None)}
    near = set(agenda.scope(row.org_code, (), clock.today()))
    alive = set(PersonRecord.objects.filter(person_id__in=near, death_date__isnull=True).values_list("person_id", flat=True))
    added: list[int] = []
    for item in selectors.not_reached(row.org_code):
        if item.person_id not in alive:
            _of_item(item, ItemKind.TAKEN_OFF, actor, why="No longer a patient of this organisation, or has died")
            continue
        if item.person_id in there:
            continue
        since = f"not reached on {clinician.date(item.meeting.on)}"
        place = places.pop(item.person_id, None)
        told = [list(reason) for reason in place.reasons] if place is not None else _still(item)
        _put(row, item.person_id, [["carried", since], *told], actor, carried_from=item, points=place.points if place else item.points)
        there.add(item.person_id)
        added.append(item.person_id)
    for place in places.values():
        if place.person_id not in there:
            _put(row, place.person_id, [list(reason) for reason in place.reasons], actor, points=place.points)
            added.append(place.person_id)
    _tell(row, MeetingKind.DRAWN_UP, actor, person_ids=added, added=len(added))
    return len(added)


def _still(item: AgendaItem) -> list[list[str]]:
    """Why somebody was on the earlier agenda, when nothing brings them today."""
    return [list(reason) for reason in item.reasons if reason[0] != "carried"]


def _put(
    row: Meeting,
    person_id: int,
    reasons: list[list[str]],
    actor: Actor,
    *,
    points: int,
    carried_from: AgendaItem | None = None,
    why: str = "",
) -> AgendaItem:
    return AgendaItem.objects.create(
        meeting=row, person_id=person_id, reasons=reasons, points=points, carried_from=carried_from, why=why, **_signed(actor)
    )


def add_person(actor: Actor, meeting_id: int, person_id: int, *, why: str) -> AgendaItem:
    """Put somebody on the agenda by hand, with the reason."""
    words = needs_words(why, "Say why this person is to be talked about.")
    require(actor, Permission.HOLD_MEETINGS, ledger.subject_of(person_id))
    with _meeting(actor, meeting_id) as row:
        there = AgendaItem.objects.filter(meeting=row, person_id=person_id).first()
        reason = ["by hand", f"{words} ({actor.display_name})"]
        if there is not None:
            off = selectors.line_of(there).taken_off
            if off is None:
                raise Refused("This person is on the agenda already.")
            _of_item(there, ItemKind.IN_ERROR, actor, why=words, about=off)
            return there
        earlier = next((item for item in selectors.not_reached(row.org_code) if item.person_id == person_id), None)
        item = _put(row, person_id, [reason], actor, points=ledger.person(person_id).points, carried_from=earlier, why=words)
        audit.record_write(actor, "put on agenda", person_id=person_id, subject_type="meeting", subject_id=row.pk, reason=words)
        return item


def take_off(actor: Actor, item_id: int, *, why: str) -> None:
    """Off this agenda, with the reason; what brought the person stays in the ledger."""
    words = needs_words(why, "Say why this person need not be talked about.")
    with _item(actor, item_id, Permission.HOLD_MEETINGS) as line:
        if line.decisions:
            raise Refused("Something was decided about this person: take that back first.")
        if line.taken_off is not None:
            raise Refused("This person was taken off the agenda already.")
        _of_item(line.item, ItemKind.TAKEN_OFF, actor, why=words)


# Decisions


def owners_of(person_id: int, meeting: Meeting) -> list[tuple[str, str]]:
    """Who can be given an action about this person: organisations that know them, those of the meeting first. (code, name)"""
    names = accounts.organisation_names()
    near = ledger.organisations_near([person_id], clock.today())[person_id]
    ours = [code for code in (meeting.org_code, *meeting.with_orgs) if code in near]
    rest = sorted((code for code in near if code not in ours and code in names), key=lambda code: names[code].lower())
    return [(code, names.get(code, code)) for code in (*ours, *rest)]


def decide(
    actor: Actor, item_id: int, *, what: str, owner_org: str, due_on: date, owner_role: str = "", seen: int | None = None
) -> tuple[ItemEvent, Written]:  # fmt: skip
    """An action: who does it, by when. It becomes a duty of that organisation like any other. `seen`: the last event the page knew."""
    words = needs_words(what, "Say what is to be done.")
    if len(words) > LONGEST:
        raise Refused(f"Say it in at most {LONGEST} characters; the rest belongs in the record.")
    if due_on < clock.today():
        raise Refused("The day by which it is done cannot be past.")
    with _item(actor, item_id, Permission.ACT_ON_DUTY, seen=seen) as line:
        _check_on_agenda(line)
        meeting = line.item.meeting
        if owner_org not in dict(owners_of(line.item.person_id, meeting)):
            raise Refused("Choose an organisation that knows this person.")
        event = _of_item(line.item, ItemKind.ACTION, actor, why=words, owner_org=owner_org, owner_role=owner_role, due_on=due_on)
        duties.raise_duty(
            actor,
            ledger.subject_of(line.item.person_id),
            source=SOURCE,
            source_id=str(meeting.pk),
            point=_point(event),
            title=words[:1].upper() + words[1:],
            owner_org=owner_org,
            owner_role=owner_role,
            due_on=due_on,
            why=f"decided at the meeting of {clinician.date(meeting.on)}",
            source_label=f"multidisciplinary meeting of {clinician.date(meeting.on)}",
            action_url=f"/meetings/{meeting.pk}/minutes",
        )
    return event, evaluated(line.item.person_id)


def no_action(actor: Actor, item_id: int, *, because: str, seen: int | None = None) -> ItemEvent:
    """Talked about, and nothing to do: because."""
    words = needs_words(because, "Say why nothing is to be done.")
    with _item(actor, item_id, Permission.ACT_ON_DUTY, seen=seen) as line:
        _check_on_agenda(line)
        return _of_item(line.item, ItemKind.NO_ACTION, actor, why=words)


def _check_on_agenda(line: Line) -> None:
    if line.taken_off is not None:
        raise Refused(f"This person was taken off the agenda ({line.taken_off.why}): put them on again first.")


def take_back(actor: Actor, event_id: int, *, why: str) -> Written:
    """A decision typed in error, until the minutes are signed off: its duty is no longer asked, both stay on record."""
    words = needs_words(why, "Say why it is taken back.")
    found = selectors.event_row(event_id)
    if found is None or found.kind not in selectors.DECIDED:
        raise Refused("There is no such decision.")
    with _item(actor, found.item_id, Permission.ACT_ON_DUTY) as line:
        if all(event.pk != event_id for event in line.events):
            raise Refused("This was already taken back.")
        _of_item(line.item, ItemKind.IN_ERROR, actor, why=words, about=found)
        if found.kind == ItemKind.ACTION:
            duties.settle_raised(
                actor, ledger.subject_of(line.item.person_id), source=SOURCE, source_id=str(line.item.meeting_id), point=_point(found),
                on=clock.today(), how="superseded", why=f"Taken back at the meeting: {words}",
            )  # fmt: skip
    return evaluated(line.item.person_id)


def _point(event: ItemEvent) -> str:
    return f"decision {event.pk}"


# Attendance and minutes


def record_attendance(actor: Actor, meeting_id: int, names: str, *, version: int | None = None) -> None:
    """Who is there: one to a line, as it is to stand in the minutes."""
    lines = [" ".join(line.split()) for line in names.splitlines() if line.strip()]
    if not lines:
        raise Refused("Write who is there, one to a line.")
    with _meeting(actor, meeting_id) as row:
        if version is not None and version != row.revision:
            raise Changed("Nothing was saved: the meeting was changed after you opened it. Look at it and save again.")
        row.attendance = "\n".join(lines)
        _tell(row, MeetingKind.ATTENDANCE, actor, names=lines)


def cancel(actor: Actor, meeting_id: int, *, why: str) -> None:
    """It does not take place: whoever was on its agenda waits for the next one."""
    words = needs_words(why, "Say why it is cancelled.")
    with _meeting(actor, meeting_id) as row:
        if any(line.decisions for line in selectors.lines_of(row)):
            raise Refused("Decisions were typed at this meeting: sign off its minutes instead.")
        row.state = State.CANCELLED
        _tell(row, MeetingKind.CANCELLED, actor, why=words)


def sign_off(actor: Actor, meeting_id: int) -> Minutes:
    """The chair signs the minutes: they do not change any more. Who was not reached is named and carried to the next meeting."""
    with _meeting(actor, meeting_id) as row:
        if actor.user_id != row.chair_id:
            raise Refused(f"The chair signs the minutes: {row.chair.display_name}.")
        if not row.attendance:
            raise Refused("Record who was there first.")
        if row.on > clock.today():
            raise Refused(f"The meeting is on {clinician.date(row.on)}: its minutes are signed then.")
        signed = Minutes.objects.create(meeting=row, content=content_of(row, selectors.lines_of(row)), **_signed(actor))
        row.state = State.SIGNED
        _tell(row, MeetingKind.SIGNED, actor)
        return signed


def content_of(row: Meeting, lines: Sequence[Line]) -> dict[str, Any]:
    """All that the minutes say: people by key, so that who may not see one is not shown one."""
    return {
        "attendance": row.attendance.splitlines(),
        "people": [
            {
                "person_id": line.item.person_id,
                "reasons": line.item.reasons,
                "decisions": [
                    {
                        "kind": event.kind,
                        "words": event.why,
                        "owner_org": event.owner_org,
                        "owner_role": event.owner_role,
                        "due_on": event.due_on.isoformat() if event.due_on else None,
                        "point": _point(event),
                        "by": event.by.display_name if event.by else "",
                    }
                    for event in line.decisions
                ],
                "taken_off": line.taken_off.why if line.taken_off else "",
                "carried": line.waits,
            }
            for line in lines
        ],
    }


# What every verb goes through


@contextmanager
def _meeting(actor: Actor, meeting_id: int) -> Iterator[Meeting]:
    """The meeting, locked, still to be held, of an organisation of the actor's; what the body changes is written with it."""
    require(actor, Permission.HOLD_MEETINGS, OrganisationSubject(actor.organisation))
    with transaction.atomic():
        row = Meeting.objects.select_for_update().filter(pk=meeting_id).first()
        if row is None or not selectors.comes(actor, row):
            raise Refused("There is no such meeting of your organisation.")
        _check_planned(row)
        yield row
        row.save()


def _check_planned(row: Meeting) -> None:
    if not row.is_planned:
        raise Refused(f"This meeting is {State(row.state).label.lower()}: nothing of it changes.")


@contextmanager
def _item(actor: Actor, item_id: int, permission: Permission, *, seen: int | None = None) -> Iterator[Line]:
    """Somebody on the agenda of a meeting still to be held, whom the actor may open; the person locked, then the meeting."""
    item = selectors.item_row(item_id)
    if item is None or not selectors.comes(actor, item.meeting):
        raise Refused("There is no such person on an agenda of your organisation.")
    subject = ledger.subject_of(item.person_id)
    require(actor, Permission.HOLD_MEETINGS, subject)
    require(actor, permission, subject)
    with transaction.atomic():
        lock_person(item.person_id)
        item.meeting = Meeting.objects.select_for_update().get(pk=item.meeting_id)
        _check_planned(item.meeting)
        line = selectors.line_of(item)
        last = line.events[-1].pk if line.events else 0
        if seen is not None and last > seen:
            told = "; ".join(f"{event.why} ({event.by.display_name if event.by else ''})" for event in line.events if event.pk > seen)
            raise Changed(f"Nothing was saved: meanwhile this was typed: {told}. Look at it and save again if yours is another.")
        yield line


def _signed(actor: Actor) -> dict[str, Any]:
    return {"at": clock.now(), "by_id": actor.user_id, "role": actor.role, "org_code": actor.organisation}


def _tell(
    row: Meeting, kind: MeetingKind, actor: Actor, *, why: str = "", person_ids: Sequence[int] = (), **detail: Any
) -> MeetingEvent:  # fmt: skip
    event = MeetingEvent.objects.create(meeting=row, kind=kind, why=why, detail=detail, **_signed(actor))
    row.revision += 1
    row.save()
    audit.record_write(
        actor, f"meeting {kind.value}", person_ids=person_ids, subject_type="meeting", subject_id=row.pk, reason=why
    )  # fmt: skip
    return event


def _of_item(item: AgendaItem, kind: ItemKind, actor: Actor, *, why: str, **values: Any) -> ItemEvent:
    event = ItemEvent.objects.create(item=item, kind=kind, why=why, **values, **_signed(actor))
    audit.record_write(
        actor, f"meeting {kind.value}", person_id=item.person_id, subject_type="agenda item", subject_id=item.pk, reason=why
    )  # fmt: skip
    return event
