"""Lists that can be kept as a file or under a name: what their address means, and their rows.

A place is `worklist`, `week`, `shared-care` (its gaps), or `register:<key>`; with a query string it is one list of one actor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from django.http import QueryDict
from django.urls import reverse

from stepwell.errors import Refused
from stepwell.web.accounts import selectors as accounts
from stepwell.web.agreements import inventory
from stepwell.web.agreements import inventory_pages as gap_pages
from stepwell.web.agreements.orphans import Orphan
from stepwell.web.core import clock, layout
from stepwell.web.core.actor import Actor
from stepwell.web.core.exports import Cell, Sheet
from stepwell.web.core.formatting import clinician, count
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known, worklist
from stepwell.web.ledger import pages as worklist_pages
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.ledger.pages import Banner
from stepwell.web.ledger.presenters import DutyPresenter
from stepwell.web.privacy import restrict
from stepwell.web.registers import pages as register_pages
from stepwell.web.registers import selectors as registers
from stepwell.web.week import selectors
from stepwell.web.week.days import week_asked
from stepwell.web.week.pages import LIST_WORDS, WeekPage, WorkRow, query_of
from stepwell.web.week.pages import address as week_address
from stepwell.web.week.selectors import Asked

WORKLIST, WEEK, REGISTER, SHARED_CARE = "worklist", "week", "register", "shared-care"
# A file of more rows is no list to work from: it is asked to be cut down.
MOST_ROWS = 5_000
_PERSON = ("Family name", "Given name", "NHS number", "Born", "Before you contact")


@dataclass(frozen=True, slots=True)
class Place:
    """One list, as its own page reads the address: `query` is its canonical form without the page number."""

    kind: str
    register: str
    query: str
    label: str
    href: str
    permission: Permission

    @property
    def key(self) -> str:
        return f"{REGISTER}:{self.register}" if self.kind == REGISTER else self.kind


def place_of(place: str, query: str, actor: Actor) -> Place | None:
    """None for a place that does not exist. What cannot be read in the query has its default, as on the list's own page."""
    given = QueryDict(query[:500])
    kind, _, register = place.partition(":")
    if kind == WORKLIST and not register:
        asked = worklist_pages.address(worklist_pages.query_of(given), page=1).lstrip("?")
        tab = worklist_pages.TAB_WORDS[worklist_pages.query_of(given).tab]
        return Place(kind, "", asked, f"Worklist: {tab}", f"{reverse('ledger:list_duties')}?{asked}", Permission.VIEW_WORKLIST)
    if kind == WEEK and not register:
        week = query_of(given, week_asked(given.get("from", ""), clock.today()), actor)
        asked = week_address(week, page=1).lstrip("?")
        label = f"Week of {clinician.date(week.monday)}: {LIST_WORDS[week.listed].lower()}"
        return Place(kind, "", asked, label, f"{reverse('week:show_week')}?{asked}", Permission.VIEW_WEEK)
    if kind == SHARED_CARE and not register:
        gaps = gap_pages.query_of(given)
        asked = gap_pages.address(gaps, page=1)
        label = f"Gaps in shared care: {gaps.kind.words.lower() if gaps.kind else 'all'}"
        return Place(kind, "", asked, label, f"{reverse('agreements:show_inventory')}?{asked}", Permission.VIEW_AGREEMENTS)
    row = known.register_row(register) if kind == REGISTER else None
    if row is None:
        return None
    wanted = register_pages.query_of(given, register)
    asked = register_pages.address(wanted, page=1).lstrip("?")
    label = f"{row['label']}: {register_pages.WHO[wanted.who].lower()}"
    return Place(kind, register, asked, label, f"{reverse('registers:show_register', args=[register])}?{asked}", Permission.VIEW_REGISTERS)


@dataclass(frozen=True, slots=True)
class Listing:
    """The rows of a list and whom they are about."""

    sheet: Sheet
    person_ids: Sequence[int]
    rows: int


def size_of(place: Place, actor: Actor) -> int:
    """How many rows the file would have."""
    return _SIZES[place.kind](place, actor)


def listing_of(place: Place, actor: Actor) -> Listing:
    """Every row of the list, at most `MOST_ROWS`; refused beyond."""
    number = size_of(place, actor)
    if number > MOST_ROWS:
        raise Refused(f"This list has {number:,} rows; a file holds at most {MOST_ROWS:,}. Filter it first.")
    columns, rows, ids = _ROWS[place.kind](place, actor)
    asked = f"{place.label}, {actor.organisation_name}, {count(len(rows), 'row')}"
    made = f"Made by {actor.display_name} at {clinician.datetime(clock.now())}. Holds patients' records: keep it as you keep them."
    return Listing(Sheet(place.label, columns, rows, (asked, made)), ids, len(rows))


_Made = tuple[Sequence[str], list[list[Cell]], list[int]]


def _who(person: PersonRecord, before: Sequence[str], on: date) -> list[Cell]:
    return [
        person.family_name,
        person.given_name,
        clinician.nhs_number(person.nhs_number, missing=""),
        person.birth_date,
        Banner(person, on, before).before,
    ]  # fmt: skip


# The worklist: a row for each duty


def _duties(place: Place, actor: Actor):  # type: ignore[no-untyped-def]
    return worklist.duties_for(actor, worklist_pages.query_of(QueryDict(place.query)), clock.today())


def _worklist_rows(place: Place, actor: Actor) -> _Made:
    on, names = clock.today(), accounts.organisation_names()
    found = list(
        _duties(place, actor)
        .select_related("person", "assigned_to")
        .order_by("-person__points", "person_id", "-priority", "due_on", "title", "subject", "id")
    )
    people = {duty.person_id: duty.person for duty in found}
    cuts = restrict.cut_for(actor, list(people.values()))
    before = layout.before_contact(people, on)
    rows: list[list[Cell]] = []
    for duty in (shown for each in found for shown in cuts[each.person_id].shown([each])):
        duty.person = people[duty.person_id]
        told = DutyPresenter(duty, actor, on, names)
        late = (on - duty.due_on).days if duty.due_on else None
        rows.append(
            [
                *_who(duty.person, before[duty.person_id], on),
                told.what,
                told.medicine,
                duty.due_on,
                max(0, late) if late is not None else None,
                "Nobody" if told.is_nobody else names.get(duty.owner_org, duty.owner_org),
                told.owner_role,
                duty.assigned_to.display_name if duty.assigned_to else "",
                duty.person.points,
                told.facts_line,
                duty.state,
            ]
        )
    columns = (
        *_PERSON,
        "Owed",
        "Medicine",
        "Due",
        "Days overdue",
        "Owner",
        "Role",
        "Assigned to",
        "Priority of the person",
        "Because",
        "State",
    )
    return columns, rows, list(dict.fromkeys(duty.person_id for duty in found))


# A register: a row for each person, or for each time somebody left it


def _seen(actor: Actor) -> registers.Seen:
    return registers.Seen(actor, clock.today())


def _register_query(place: Place) -> registers.Query:
    return register_pages.query_of(QueryDict(place.query), place.register)


def _register_size(place: Place, actor: Actor) -> int:
    return registers.size_of(_seen(actor), place.register, _register_query(place))


def _register_rows(place: Place, actor: Actor) -> _Made:
    seen, query, names = _seen(actor), _register_query(place), accounts.organisation_names()
    page = registers.everybody(seen, place.register, query)
    before = layout.before_contact([*(row.person_id for row in page.rows), *(row.person_id for row in page.left)], seen.on)
    if query.who is registers.Who.LEFT:
        left = [register_pages.LeaverRow(row, seen.on, before[row.person_id]) for row in page.left]
        rows = [[*_who(each.row.person, before[each.person_id], seen.on), each.entered_on, each.left_on, each.reason] for each in left]
        return (*_PERSON, "On it from", "Left it", "Why"), rows, list(dict.fromkeys(each.person_id for each in left))
    members = [
        register_pages.MemberRow(row, page.loads.get(row.person_id), actor, seen.on, names, before[row.person_id]) for row in page.rows
    ]
    rows = [
        [
            *_who(each.row.person, before[each.person_id], seen.on),
            "; ".join(each.medicine_words),
            each.load,
            each.since,
            "; ".join(text for text, _ in each.tags),
            "; ".join(each.findings),
            each.points,
            "; ".join(each.reasons),
            "; ".join(part for part in ("Nobody" if each.whose == "nobody" else "", each.owners) if part),
        ]
        for each in members
    ]
    columns = (*_PERSON, "Takes", "Dose or burden", "On it since", "Stands out", "Findings", "Priority", "Because", "Looks after it")
    return columns, rows, [each.person_id for each in members]


# The week: a row for each piece of work


def _week(place: Place, actor: Actor) -> WeekPage:
    given = QueryDict(place.query)
    query = query_of(given, week_asked(given.get("from", ""), clock.today()), actor)
    week = selectors.week_for(Asked(actor, query.monday, clock.today(), actor.organisations))
    return WeekPage(week, query, accounts.organisation_names())


def _week_rows(place: Place, actor: Actor) -> _Made:
    page, on = _week(place, actor), clock.today()
    found = page.of(page.query.listed)
    people = selectors.people_of(actor, found)
    before = layout.before_contact(list(people), on)
    duties = selectors.duties_of(page.asked, [each.work.key for each in found])
    rows: list[list[Cell]] = []
    for each in found:
        person = people[each.work.person_id]
        row = WorkRow(
            each, Banner(person, on, before[person.person_id]), person, duties.get(each.work.key, []),
            page.week.decided.get(each.work.key), page.asked, page.names,
        )  # fmt: skip
        rows.append(
            [
                *_who(person, before[person.person_id], on),
                row.task,
                "; ".join(dict.fromkeys(told.what for told in row.told)),
                row.minutes,
                each.work.due_on,
                row.when,
                row.waits,
                row.who,
                row.points,
                "; ".join(row.reasons),
                row.decision,
            ]
        )
    columns = (
        *_PERSON, "Work", "Duties", "Minutes", "Due since", "When", "By then", "Carries it until then", "Priority", "Because", "Decided",
    )  # fmt: skip
    return columns, rows, list(dict.fromkeys(each.work.person_id for each in found))


# Gaps in shared care: a row for each medicine of a person


def _gaps(place: Place, actor: Actor) -> tuple[inventory.Found, list[Orphan]]:
    found = inventory.orphans_for(actor, clock.today())
    return found, gap_pages.chosen(found, gap_pages.query_of(QueryDict(place.query)))


def _gap_rows(place: Place, actor: Actor) -> _Made:
    on, names = clock.today(), accounts.organisation_names()
    found, gaps = _gaps(place, actor)
    ids = list(dict.fromkeys(gap.person_id for gap in gaps))
    before = layout.before_contact(ids, on)
    rows: list[list[Cell]] = [
        [*_who(found.people[gap.person_id], before[gap.person_id], on), *gap_pages.cells(gap_pages.GapWords(gap, actor, on, names))]
        for gap in gaps
    ]
    return (*_PERSON, *gap_pages.columns()), rows, ids


_SIZES: dict[str, Callable[[Place, Actor], int]] = {
    WORKLIST: lambda place, actor: _duties(place, actor).count(),
    REGISTER: _register_size,
    WEEK: lambda place, actor: len((page := _week(place, actor)).of(page.query.listed)),
    SHARED_CARE: lambda place, actor: len(_gaps(place, actor)[1]),
}
_ROWS: dict[str, Callable[[Place, Actor], _Made]] = {
    WORKLIST: _worklist_rows,
    REGISTER: _register_rows,
    WEEK: _week_rows,
    SHARED_CARE: _gap_rows,
}
