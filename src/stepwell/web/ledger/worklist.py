"""The worklist: people with duties, cut by whose they are and when they fall due; one row per person.

A tab is a condition on duties; its count is a number of people. What an actor may not open is in no list.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum

from django.db.models import Count, F, Max, Min, Q, QuerySet
from django.db.models.expressions import OrderBy

from stepwell.engine.reconcile import ASKED
from stepwell.web.core.actor import Actor
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


def duties_for(actor: Actor, query: Query, on: date) -> QuerySet[Duty]:
    """The duties of one tab, with the filters, of people the actor may open."""
    return _filtered(actor, query, on).filter(_shown(actor, query, on))


def _filtered(actor: Actor, query: Query, on: date) -> QuerySet[Duty]:
    """What the filters leave in any tab."""
    found = restrict.duties(actor, Duty.objects.filter(person_id__in=visible_ids(actor, on)))
    if query.register or query.reason:
        found = restrict.unmarked(actor, found)
    if query.register:
        found = found.filter(person__register_keys__contains=f"|{query.register}|")
    if query.medicine:
        found = restrict.unmarked(actor, found, medicine=query.medicine).filter(subject__in=known.subjects_of(query.medicine))
    if query.kind:
        found = found.filter(kind=query.kind)
    if query.reason:
        found = found.filter(person__reason_keys__contains=f"|{query.reason}|")
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


def count_people(duties: QuerySet[Duty]) -> int:
    return duties.order_by().values("person_id").distinct().count()


def counts_for(actor: Actor, query: Query, on: date) -> dict[Tab, int]:
    """People in every tab: what is due in one reading, what was offered and what is done each by its own index."""
    found = _filtered(actor, query, on).order_by()
    due = found.filter(state=DutyState.OPEN, due_on__lte=on + SOON)
    row = due.aggregate(
        **{f"in_{tab.value}": Count("person_id", distinct=True, filter=_shown(actor, replace(query, tab=tab), on)) for tab in DUE_TABS}
    )
    others = {tab: count_people(found.filter(_shown(actor, replace(query, tab=tab), on))) for tab in Tab if tab not in DUE_TABS}
    return {tab: others[tab] if tab in others else row[f"in_{tab.value}"] for tab in Tab}


def page_for(actor: Actor, query: Query, on: date) -> Page:
    """One page of the list, the people in order, each with their duties of this tab."""
    found = kept.listing(actor, replace(query, page=1), on, lambda: _listing(actor, query, on))
    total = found.counts[query.tab]
    last = max(1, -(-total // query.size))
    query = replace(query, page=min(max(query.page, 1), last))
    start = (query.page - 1) * query.size
    duties = duties_for(actor, query, on)
    beyond = start >= kept.PEOPLE
    ids = list(_people(duties, query)[start : start + query.size]) if beyond else found.people[start : start + query.size]
    shown: dict[int, list[Duty]] = {}
    for duty in duties.filter(person_id__in=ids).select_related("assigned_to", "offer").order_by("-priority", "due_on", "title", "subject"):
        shown.setdefault(duty.person_id, []).append(duty)
    records = PersonRecord.objects.in_bulk(list(shown))
    restrict.cut_for(actor, list(records.values()))  # takes what is sensitive out of what the rows show
    rows = [Row(records[person_id], shown[person_id]) for person_id in ids if person_id in shown]
    return Page(query, found.counts, rows, total, found.deferred)


def _listing(actor: Actor, query: Query, on: date) -> kept.Listing:
    people = list(_people(duties_for(actor, query, on), query)[: kept.PEOPLE])
    deferred = 0 if query.deferred else count_people(duties_for(actor, replace(query, deferred=True), on).filter(shown_from__gt=on))
    return kept.Listing(counts_for(actor, query, on), people, deferred)


def _people(duties: QuerySet[Duty], query: Query) -> QuerySet[Duty, int]:
    """Keys of the people of these duties, in the order of the list."""
    facts = {"closed": Max("closed_as_of")} if query.tab is Tab.DONE else {"first_due": Min("due_on"), "points": Max("person__points")}
    return duties.order_by().values("person_id").annotate(**facts).order_by(*_order(query)).values_list("person_id", flat=True)


def _order(query: Query) -> tuple[str | OrderBy, ...]:
    if query.tab is Tab.DONE:
        return ("-closed", "person_id")
    if query.order is Order.DUE:
        return (F("first_due").asc(nulls_last=True), "-points", "person_id")
    return ("-points", F("first_due").asc(nulls_last=True), "person_id")
