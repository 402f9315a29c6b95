"""The worklist: people with duties, cut by whose they are and when they fall due; one row per person.

A tab is a condition on duties; its count is a number of people. What an actor may not open is in no list.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from django.db.models import F, Max, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from stepwell.engine.reconcile import ASKED
from stepwell.web.core.actor import Actor
from stepwell.web.core.among import Among
from stepwell.web.core.once import once
from stepwell.web.ledger import kept, known
from stepwell.web.ledger.models import Duty, DutyState, PersonRecord
from stepwell.web.ledger.selectors import NOBODY, visible_ids
from stepwell.web.privacy import restrict

# How far ahead "due soon" looks, how long "late" looks back, and how long "done" keeps: habits of a list, not of medicine.
SOON = timedelta(days=28)
LATE = timedelta(days=28)
KEPT = timedelta(days=28)
PAGE_SIZES = (25, 50, 100)


class Tab(StrEnum):
    MINE = "mine"
    NEW = "new"
    SOON = "soon"
    OFFERED = "offered"
    WAITING = "waiting"
    NOBODY = "nobody"
    DONE = "done"


# Each of their conditions asks for open duties that are due soon at the latest.
DUE_TABS = (Tab.MINE, Tab.SOON, Tab.WAITING, Tab.NOBODY)
# Those whose owners have duties all over a region.
OF_OTHERS = (Tab.WAITING, Tab.NOBODY)


class Order(StrEnum):
    PRIORITY = "priority"
    DUE = "due"


class Whose(StrEnum):
    ALL = "all"
    ROLE = "role"
    ME = "me"


@dataclass(frozen=True, slots=True)
class Query:
    """What the address asks for. Everything has a default, so that a shortened address still works.

    role: of the duty (`any`: no particular one); owner: an organisation; assigned: a colleague's key, or `none`; late: due for
    four weeks or more. The team board opens its lists with these.
    """

    tab: Tab = Tab.MINE
    register: str = ""
    medicine: str = ""
    kind: str = ""
    reason: str = ""
    whose: Whose = Whose.ALL
    role: str = ""
    owner: str = ""
    assigned: str = ""
    late: bool = False
    order: Order = Order.PRIORITY
    deferred: bool = False
    page: int = 1
    size: int = PAGE_SIZES[0]


@dataclass(slots=True)
class Row:
    person: PersonRecord
    duties: list[Duty] = field(default_factory=list)


@dataclass(slots=True)
class Page:
    query: Query
    counts: dict[Tab, int]
    rows: list[Row]
    total: int
    deferred: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.query.size))


def duties_for(actor: Actor, query: Query, on: date, *, of: Collection[int] | None = None) -> QuerySet[Duty]:
    """The duties of one tab, with the filters, of people the actor may open; of those among `of` when they are named."""
    return _filtered(actor, query, on, of=of).filter(_shown(actor, query, on))


def _reached(actor: Actor, query: Query, on: date) -> list[int] | QuerySet[Any, int]:
    """People whose duties may be listed: all whom the actor may open, or by key those whose record is as the filters ask."""
    return _people_with(actor, query.register, query.reason, on) if query.register or query.reason else visible_ids(actor, on)


@once
def _people_with(actor: Actor, register: str, reason: str, on: date) -> list[int]:
    # Few of a practice, and asked for by every count: their keys are found once.
    return list(_by_record(Query(register=register, reason=reason), visible_ids(actor, on)))


def _by_record(query: Query, people: QuerySet[Any, int]) -> QuerySet[Any, int]:
    if not query.register and not query.reason:
        return people
    found = PersonRecord.objects.filter(Among(F("person_id"), people))
    if query.register:
        found = found.filter(register_keys__contains=f"|{query.register}|")
    if query.reason:
        found = found.filter(reason_keys__contains=f"|{query.reason}|")
    return found.values_list("person_id", flat=True)


def _filtered(actor: Actor, query: Query, on: date, *, of: Collection[int] | None = None, by_people: bool = False) -> QuerySet[Duty]:
    """What the filters leave in any tab, of people among `of` when they are named. `by_people`: found from all of the people, where
    no owner names few duties of a region."""
    people = _reached(actor, query, on) if of is None else _by_record(query, visible_ids(actor, on).filter(person_id__in=of))
    among = by_people and of is None and isinstance(people, QuerySet)
    found = restrict.duties(actor, Duty.objects.filter(Among(F("person_id"), people) if among else Q(person_id__in=people)))
    if query.register or query.reason:
        found = restrict.unmarked(actor, found)
    if query.medicine:
        found = restrict.unmarked(actor, found, medicine=query.medicine).filter(subject__in=known.subjects_of(query.medicine))
    if query.kind:
        found = found.filter(kind=query.kind)
    if query.whose is Whose.ROLE:
        found = found.filter(owner_role__in=(actor.role, "any", ""))
    elif query.whose is Whose.ME:
        found = found.filter(assigned_to_id=actor.user_id)
    return _of_the_board(found, query, on)


def _of_the_board(found: QuerySet[Duty], query: Query, on: date) -> QuerySet[Duty]:
    if query.role:
        found = found.filter(owner_role__in=("any", "") if query.role == "any" else (query.role,))
    if query.owner:
        found = found.filter(owner_org=query.owner)
    if query.assigned:
        found = found.filter(assigned_to_id=None if query.assigned == "none" else int(query.assigned))
    return found.filter(due_on__lte=on - LATE) if query.late else found


def _shown(actor: Actor, query: Query, on: date) -> Q:
    """The tab's condition; what was put off is left out unless it is asked for."""
    found = _tab(actor, query.tab, on)
    if query.tab is not Tab.DONE and not query.deferred:
        found &= Q(shown_from__isnull=True) | Q(shown_from__lte=on)
    return found


def _tab(actor: Actor, tab: Tab, on: date) -> Q:
    mine = Q(owner_org__in=actor.organisations)
    is_open = Q(state=DutyState.OPEN)
    soon = on + SOON
    match tab:
        case Tab.MINE:
            return is_open & mine & Q(due_on__lte=on)
        case Tab.NEW:
            return is_open & mine & Q(kind=ASKED, acknowledged_at__isnull=True)
        case Tab.SOON:
            return is_open & mine & Q(due_on__gt=on, due_on__lte=soon)
        case Tab.OFFERED:
            return is_open & Q(offered_to__gt="", offered_to__in=actor.organisations)
        case Tab.WAITING:
            return is_open & ~mine & ~Q(owner_org=NOBODY) & Q(due_on__lte=soon)
        case Tab.NOBODY:
            return is_open & Q(owner_org=NOBODY, due_on__lte=soon)
        case Tab.DONE:
            return Q(state__in=(DutyState.MET, DutyState.DECLINED, DutyState.NOT_APPLICABLE), closed_as_of__gt=on - KEPT) & mine


def counts_for(actor: Actor, query: Query, on: date) -> dict[Tab, int]:
    return tabs_for(actor, query, on).counts


def tabs_for(actor: Actor, query: Query, on: date, of: Collection[int] | None = None) -> kept.Tabs:
    """People in every tab, and those left out as put off (of those among `of` when they are named): what is due in one reading, what
    was offered and what is done each by its own index."""
    shown: dict[Tab, dict[int, int]] = {}
    put_off: dict[Tab, frozenset[int]] = {}

    def read(duties: QuerySet[Duty], *tabs: Tab) -> None:
        conditions = [_shown(actor, replace(query, tab=tab), on) for tab in tabs]
        conditions += [_tab(actor, tab, on) & Q(shown_from__gt=on) for tab in tabs]
        due = Coalesce("due_on", date.max)
        firsts = {f"in_{number}": Min(due, filter=condition) for number, condition in enumerate(conditions)}
        rows = list(duties.order_by().values("person_id").annotate(**firsts).values_list("person_id", *firsts))
        for number, tab in enumerate(tabs, start=1):
            shown[tab] = {row[0]: row[number].toordinal() for row in rows if row[number] is not None}
            put_off[tab] = frozenset(row[0] for row in rows if row[number + len(tabs)] is not None)

    due = _filtered(actor, query, on, of=of, by_people=True).filter(state=DutyState.OPEN, due_on__lte=on + SOON)
    read(due, *DUE_TABS)
    others = _filtered(actor, query, on, of=of)
    for tab in Tab:
        if tab not in DUE_TABS:
            read(others.filter(_tab(actor, tab, on)), tab)
    return kept.Tabs({tab: shown[tab] for tab in Tab}, put_off)


def page_for(actor: Actor, query: Query, on: date) -> Page:
    """One page of the list, the people in order, each with their duties of this tab."""
    look = kept.Look(actor, on)
    # The tabs tell the same numbers whichever of them is open, and in whatever order.
    of_tabs = replace(query, tab=Tab.MINE, order=Order.PRIORITY, page=1, size=0)
    tabs = look.kept("tabs", of_tabs, lambda of: tabs_for(actor, query, on, of))
    firsts = tabs.shown[query.tab]
    people = look.kept("people", replace(query, page=1, size=0), lambda of: _places(actor, query, on, of, firsts)).people
    total = len(firsts)
    last = max(1, -(-total // query.size))
    query = replace(query, page=min(max(query.page, 1), last))
    start = (query.page - 1) * query.size
    end = start + query.size
    # Beyond those whose places are kept they are looked up.
    ids = people[start:end] if start < kept.PEOPLE else [row["person_id"] for row in _people(actor, query, on)[start:end]]
    shown: dict[int, list[Duty]] = {}
    duties = duties_for(actor, query, on, of=ids).select_related("assigned_to", "offer")
    # What a row does not show and costs most to read.
    for duty in duties.defer("because", "need_owner").order_by("-priority", "due_on", "title", "subject"):
        shown.setdefault(duty.person_id, []).append(duty)
    records = PersonRecord.objects.in_bulk(list(shown))
    restrict.cut_for(actor, list(records.values()))  # takes what is sensitive out of what the rows show
    rows = [Row(records[person_id], shown[person_id]) for person_id in ids if person_id in shown]
    return Page(query, tabs.counts, rows, total, 0 if query.deferred else len(tabs.put_off[query.tab]))


def _places(actor: Actor, query: Query, on: date, of: Collection[int] | None, firsts: Mapping[int, int]) -> kept.Places:
    """Where on the list people stand: numbers that sort as the database does, the person's key last. `firsts`: who is on it, with the
    first day something is due."""
    if query.tab is Tab.DONE or len(firsts) > kept.PEOPLE:
        return kept.Places([_place(query, row) for row in _people(actor, query, on, of)[: kept.PEOPLE]])
    keys = list(firsts) if of is None else [key for key in of if key in firsts]
    if not keys:
        return kept.Places([])
    points = PersonRecord.objects.filter(Among(F("person_id"), keys)).values_list("person_id", "points")
    return kept.Places(sorted(_by_points_or_day(query, key, number, firsts[key]) for key, number in points))


def _place(query: Query, row: dict[str, Any]) -> tuple[int, ...]:
    if query.tab is Tab.DONE:
        return -row["closed"].toordinal(), row["person_id"]
    return _by_points_or_day(query, row["person_id"], row["points"], (row["first_due"] or date.max).toordinal())


def _by_points_or_day(query: Query, person_id: int, points: int, due: int) -> tuple[int, ...]:
    return (due, -points, person_id) if query.order is Order.DUE else (-points, due, person_id)


def _people(actor: Actor, query: Query, on: date, of: Collection[int] | None = None) -> QuerySet[Duty, Any]:
    """Keys of the people of one tab (of those among `of`), in the order of the list, each with what it goes by."""
    found = _filtered(actor, query, on, of=of, by_people=query.tab in OF_OTHERS).filter(_shown(actor, query, on))
    people = found.order_by().values("person_id")
    if query.tab is Tab.DONE:
        return people.annotate(closed=Max("closed_as_of")).order_by("-closed", "person_id")
    # Points are asked once for each person and not for each of their duties, as a join would.
    points = Subquery(PersonRecord.objects.filter(person_id=OuterRef("person_id")).values("points"))
    due = F("first_due").asc(nulls_last=True)
    order = (due, "-points") if query.order is Order.DUE else ("-points", due)
    return people.annotate(first_due=Min("due_on"), points=points).order_by(*order, "person_id")
