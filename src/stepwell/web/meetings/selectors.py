"""Reads of meetings: those of an organisation, the agenda of one in its order, what earlier meetings decided."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from django.db.models import Exists, OuterRef

from stepwell.web.core import traces
from stepwell.web.core.actor import Actor
from stepwell.web.ledger.models import Duty, PersonRecord
from stepwell.web.meetings import agenda
from stepwell.web.meetings.models import AgendaItem, ItemEvent, ItemKind, Meeting, MeetingEvent, Minutes, State

SOURCE = "meeting"
DECIDED = (ItemKind.ACTION, ItemKind.NO_ACTION)
EARLIER_SHOWN = 12


def meeting_row(meeting_id: int) -> Meeting | None:
    return Meeting.objects.select_related("chair").filter(pk=meeting_id).first()


def comes(actor: Actor, meeting: Meeting) -> bool:
    """Whether the actor's organisation holds the meeting or comes to it."""
    return bool({meeting.org_code, *meeting.with_orgs} & set(actor.organisations))


def meetings_for(actor: Actor) -> list[Meeting]:
    """Meetings that the actor's organisations hold or come to, the newest first."""
    rows = Meeting.objects.select_related("chair").order_by("-on", "-id")[:400]
    return [row for row in rows if comes(actor, row)]


def planned_for(actor: Actor) -> list[Meeting]:
    """Those that are still to be held, the next first."""
    return [row for row in reversed(meetings_for(actor)) if row.is_planned]


def last_before(meeting: Meeting) -> Meeting | None:
    """The last meeting of the same organisation whose minutes were signed off before this one."""
    rows = Meeting.objects.filter(org_code=meeting.org_code, state=State.SIGNED).exclude(pk=meeting.pk)
    return rows.filter(on__lte=meeting.on).order_by("-on", "-id").first()


def item_row(item_id: int) -> AgendaItem | None:
    return AgendaItem.objects.select_related("meeting", "meeting__chair").filter(pk=item_id).first()


def event_row(event_id: int) -> ItemEvent | None:
    return ItemEvent.objects.select_related("item", "item__meeting", "by").filter(pk=event_id).first()


def minutes_of(meeting: Meeting) -> Minutes | None:
    return Minutes.objects.select_related("by").filter(meeting=meeting).first()


def events_of(meeting: Meeting) -> list[MeetingEvent]:
    return list(meeting.events.select_related("by").order_by("-id"))


@dataclass(frozen=True, slots=True)
class Line:
    """One person on an agenda: the item, what holds of its events (none that was taken back), the person as on record."""

    item: AgendaItem
    events: tuple[ItemEvent, ...]
    person: PersonRecord | None

    @property
    def decisions(self) -> list[ItemEvent]:
        return [event for event in self.events if event.kind in DECIDED]

    @property
    def taken_off(self) -> ItemEvent | None:
        return next((event for event in self.events if event.kind == ItemKind.TAKEN_OFF), None)

    @property
    def waits(self) -> bool:
        """Neither decided nor taken off: to be talked about, or carried."""
        return not self.decisions and self.taken_off is None


def lines_of(meeting: Meeting) -> list[Line]:
    """The agenda in its order; those taken off last."""
    items = list(AgendaItem.objects.filter(meeting=meeting).select_related("by"))
    events = _events(items)
    people = {row.person_id: row for row in PersonRecord.objects.filter(person_id__in=[item.person_id for item in items])}
    lines = [Line(item, tuple(events.get(item.pk, ())), people.get(item.person_id)) for item in items]

    def place(line: Line) -> tuple[bool, tuple[int, int, str], int]:
        name = line.person.search_name if line.person is not None else ""
        return line.taken_off is not None, agenda.order(line.item.reasons, line.item.points, name), line.item.pk

    return sorted(lines, key=place)


def line_of(item: AgendaItem) -> Line:
    person = PersonRecord.objects.filter(person_id=item.person_id).first()
    return Line(item, tuple(_events([item]).get(item.pk, ())), person)


def _events(items: Collection[AgendaItem]) -> dict[int, list[ItemEvent]]:
    """What holds of each item's events, the oldest first."""
    rows = ItemEvent.objects.filter(item__in=list(items), taken_back__isnull=True).exclude(kind=ItemKind.IN_ERROR)
    found: dict[int, list[ItemEvent]] = {}
    for row in rows.select_related("by").order_by("id"):
        found.setdefault(row.item_id, []).append(row)
    return found


def not_reached(org_code: str) -> list[AgendaItem]:
    """People of meetings that are over who were neither decided about, taken off, nor carried to a later agenda: the next meeting
    of the organisation begins with them."""
    settled = ItemEvent.objects.filter(item=OuterRef("pk"), taken_back__isnull=True, kind__in=[*DECIDED, ItemKind.TAKEN_OFF])
    rows = AgendaItem.objects.filter(meeting__org_code=org_code, carried_to__isnull=True).exclude(meeting__state=State.PLANNED)
    return list(rows.filter(~Exists(settled)).select_related("meeting").order_by("meeting__on", "id"))


def actions_of(meetings: Collection[Meeting]) -> list[Duty]:
    """Duties that these meetings raised, open ones first, by due date; of one that was asked again the latest."""
    rows = Duty.objects.filter(rule_id=agenda.RULE, subject__in=[str(row.pk) for row in meetings]).select_related("person", "assigned_to")
    latest = {(row.person_id, row.subject, row.point): row for row in rows.order_by("instance", "pk")}
    return sorted(latest.values(), key=lambda duty: (not duty.is_open, duty.due_on or date.max, duty.pk))


def earlier(meeting: Meeting) -> list[Meeting]:
    """Meetings of the same organisation that were signed off before it, the newest first."""
    rows = Meeting.objects.filter(org_code=meeting.org_code, state=State.SIGNED, on__lte=meeting.on).exclude(pk=meeting.pk)
    return list(rows.order_by("-on", "-id")[:EARLIER_SHOWN])


def items_of_person(person_id: int) -> list[AgendaItem]:
    """Agendas a person is or was on, the newest meeting first."""
    if not traces.any_of(AgendaItem, person_id):
        return []
    return list(AgendaItem.objects.filter(person_id=person_id).select_related("meeting").order_by("-meeting__on", "-id"))


def decisions_about(person_id: int) -> list[ItemEvent]:
    """What meetings decided about a person, the newest first."""
    if not traces.any_of(AgendaItem, person_id):
        return []
    rows = ItemEvent.objects.filter(item__person_id=person_id, kind__in=DECIDED, taken_back__isnull=True)
    return list(rows.select_related("item__meeting", "by").order_by("-id"))
