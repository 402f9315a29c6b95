"""Reads of the registers. A count on the overview and the list it opens are one condition: `condition` of the same query.

What an actor may not open is in no list and in no count.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Any

from django.db.models import Count, F, Q, QuerySet
from django.db.models.expressions import OrderBy

from stepwell.web.core.actor import Actor
from stepwell.web.ledger import known, known_loads
from stepwell.web.ledger.selectors import NOBODY, visible_ids
from stepwell.web.privacy import restrict
from stepwell.web.registers.bars import unbarred
from stepwell.web.registers.models import Interaction, Load, Membership, Spell

PAGE_SIZES = (25, 50, 100)
# Age bands of a list: a habit of lists, not of medicine. First age, first age no longer in it.
AGES = {"under-18": (0, 18), "18-64": (18, 65), "65-74": (65, 75), "75": (75, None)}


class Who(StrEnum):
    ALL = "all"
    NEW = "new"
    LONG = "long"
    LAPSED = "lapsed"
    LEFT = "left"


class Order(StrEnum):
    PRIORITY = "priority"
    DURATION = "duration"
    DOSE = "dose"
    ENTRY = "entry"
    OVERDUE = "overdue"


class Whose(StrEnum):
    MINE = "mine"
    THEIRS = "theirs"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Query:
    """What the address of a list asks for. Everything has a default, so that a shortened address still works."""

    who: Who = Who.ALL
    medicine: str = ""
    licence: str = ""
    owner: Whose | None = None
    overdue: str = ""
    age: str = ""
    line: str = ""
    classes: bool = False
    finding: str = ""
    practice: str = ""
    order: Order = Order.PRIORITY
    page: int = 1
    size: int = PAGE_SIZES[0]


@dataclass(frozen=True, slots=True)
class Seen:
    """Who asks, and on what day."""

    actor: Actor
    on: date


# The numbers of the overview: name → what the list behind it asks for.
COUNTS: dict[str, Query] = {
    "on": Query(),
    "new": Query(who=Who.NEW),
    "long": Query(who=Who.LONG),
    "lapsed": Query(who=Who.LAPSED),
    "off-licence": Query(licence="off-licence"),
    "unknown": Query(licence="unknown"),
    "nobody": Query(owner=Whose.NOBODY),
    "overdue": Query(overdue="yes"),
}


def condition(query: Query, seen: Seen) -> Q:
    """The filters of a query as a condition on `Membership`; who is on the list at all is `members`'s."""
    found = Q()
    match query.who:
        case Who.NEW:
            found &= Q(new_starter=True)
        case Who.LONG:
            found &= Q(long_term=True)
        case Who.LAPSED:
            found &= Q(status="lapsed")
        case _:
            pass
    if query.medicine:
        found &= Q(substances__contains=f"|{query.medicine}|")
    if query.licence:
        found &= Q(licence=query.licence)
    if query.owner is not None:
        found &= _owner(query.owner, seen.actor)
    if query.overdue:
        found &= Q(overdue__gt=0) if query.overdue == "yes" else Q(overdue=0)
    if query.age:
        found &= _age(query.age, seen.on)
    if query.classes:
        found &= Q(classes__gte=2)
    if query.finding:
        found &= Q(findings__contains=f"|{query.finding}|")
    if query.practice:
        found &= Q(gp_org=query.practice)
    if line := known_loads.line(query.line):
        over = Load.objects.filter(load=line.load, **{f"value__{'gte' if line.op == '>=' else 'gt'}": line.value})
        found &= Q(person__in=over.values("person_id"))
    return found


def _owner(whose: Whose, actor: Actor) -> Q:
    nobody = Q(owners__contains=f"|{NOBODY}|")
    mine = Q()
    for code in actor.organisations:
        mine |= Q(owners__contains=f"|{code}|")
    return {Whose.NOBODY: nobody, Whose.MINE: mine, Whose.THEIRS: ~Q(owners="") & ~nobody & ~mine}[whose]


def _age(band: str, on: date) -> Q:
    low, high = AGES[band]
    found = Q(person__birth_date__lte=_years_before(on, low))
    return found if high is None else found & Q(person__birth_date__gt=_years_before(on, high))


def _years_before(day: date, years: int) -> date:
    """The last birth date of somebody who is that old; born on 29 February, one is a year older on 1 March."""
    last = 28 if (day.month, day.day) == (2, 29) and (day.year - years) % 4 else day.day
    return date(day.year - years, day.month, last)


def members(seen: Seen, register: str | None = None) -> QuerySet[Membership]:
    """Everyone on a register (or on any) whom the actor may open."""
    found = restrict.memberships(seen.actor, Membership.objects.filter(person_id__in=visible_ids(seen.actor, seen.on)))
    return found if register is None else found.filter(register=register)


def leavers(seen: Seen, register: str, query: Query) -> QuerySet[Spell]:
    """Times on a register that are over, of people whom the actor may open."""
    found = Spell.objects.filter(register=register, person_id__in=visible_ids(seen.actor, seen.on))
    found = restrict.memberships(seen.actor, found)
    return found.filter(gp_org=query.practice) if query.practice else found


def people_on(registers: Collection[str], practices: Collection[str]) -> set[int]:
    """Everybody at these practices who is on one of these registers, whoever asks: for counting."""
    rows = Membership.objects.filter(register__in=list(registers), gp_org__in=list(practices)).order_by()
    return set(rows.values_list("person_id", flat=True))


@dataclass(frozen=True, slots=True)
class Overview:
    """register → number by name of `COUNTS`; register → rule → people with it due; register → practice → people on it;
    register → line → people over it; register → people on two or more registers of its group."""

    counts: dict[str, dict[str, int]]
    findings: dict[str, dict[str, int]]
    practices: dict[str, dict[str, int]]
    lines: dict[str, dict[str, int]]
    classes: dict[str, int]


def overview(seen: Seen, practice: str = "") -> Overview:
    found = members(seen)
    if practice:
        found = found.filter(gp_org=practice)
    numbers = {name.replace("-", "_"): Count("id", filter=condition(query, seen) or Q(pk__isnull=False)) for name, query in COUNTS.items()}
    two = Count("id", filter=condition(Query(classes=True), seen))
    counts, classes = {}, {}
    names = [name.replace("-", "_") for name in COUNTS]
    for register, in_two, *values in (
        found.order_by().values("register").annotate(**numbers, two=two).values_list("register", "two", *names)
    ):
        counts[register] = dict(zip(COUNTS, values, strict=True))
        classes[register] = in_two
    findings: dict[str, dict[str, int]] = {}
    due = found.exclude(findings="").order_by().values("register", "findings").annotate(n=Count("id"))
    for register, rules, number in due.values_list("register", "findings", "n"):
        own = findings.setdefault(register, {})
        for rule in unbarred(rules):
            own[rule] = own.get(rule, 0) + number
    practices: dict[str, dict[str, int]] = {}
    if len(seen.actor.covered) > 1:
        cut = found.order_by().values("register", "gp_org").annotate(n=Count("id"))
        for register, code, number in cut.values_list("register", "gp_org", "n"):
            practices.setdefault(register, {})[code] = number
    return Overview(counts, findings, practices, _over_lines(found, counts), classes)


def _over_lines(found: QuerySet[Membership], registers: Collection[str]) -> dict[str, dict[str, int]]:
    """The load by which a register is put in order of dose, cut at its lines; only values over the lowest line are read."""
    lines = {register: known_loads.lines(load.load) for register in registers if (load := known_loads.register_load(register))}
    lines = {register: own for register, own in lines.items() if own}
    if not lines:
        return {}
    over = Q(pk__in=())
    for register, own in lines.items():
        over |= Q(register=register, person__loads__load=own[0].load, person__loads__value__gte=own[0].value)
    numbers: dict[str, dict[str, int]] = {}
    for register, value in found.order_by().filter(over).values_list("register", "person__loads__value"):
        own_numbers = numbers.setdefault(register, {})
        for line in lines[register]:
            if line.reached(value):
                own_numbers[line.key] = own_numbers.get(line.key, 0) + 1
    # In the order of the lines, whatever the order of the rows.
    return {
        register: {line.key: numbers[register][line.key] for line in own if line.key in numbers[register]}
        for register, own in lines.items()
        if register in numbers
    }


def _order(query: Query) -> tuple[str | OrderBy, ...]:
    match query.order:
        case Order.DURATION | Order.ENTRY:
            first = F("entered_on").asc(nulls_last=True) if query.order is Order.DURATION else F("entered_on").desc(nulls_last=True)
            return (first, "person_id")
        case Order.DOSE:
            return (F("dose").desc(nulls_last=True), "person_id")
        case Order.OVERDUE:
            return (F("oldest_due_on").asc(nulls_last=True), "person_id")
        case _:
            return ("-person__points", "person_id")


@dataclass(slots=True)
class Page:
    query: Query
    register: str
    rows: list[Membership] = field(default_factory=list)
    left: list[Spell] = field(default_factory=list)
    total: int = 0
    tabs: dict[Who, int] = field(default_factory=dict)
    loads: dict[int, Load] = field(default_factory=dict)

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.query.size))


def page_for(seen: Seen, register: str, query: Query) -> Page:
    """One page of a register's list; the filters hold in every tab, so that a tab's count is its list's length."""
    base = members(seen, register)
    tabs = _tabs(seen, base, register, query)
    total = tabs[query.who]
    query = replace(query, page=min(max(query.page, 1), max(1, -(-total // query.size))))
    start = (query.page - 1) * query.size
    page = Page(query, register, total=total, tabs=tabs)
    _fill(seen, page, slice(start, start + query.size))
    return page


def size_of(seen: Seen, register: str, query: Query) -> int:
    """How many rows the list has."""
    if query.who is Who.LEFT:
        return leavers(seen, register, query).count()
    return members(seen, register).filter(condition(query, seen)).count()


def everybody(seen: Seen, register: str, query: Query) -> Page:
    """The whole list, in its order, without pages and tabs."""
    page = Page(query, register, total=size_of(seen, register, query))
    _fill(seen, page, slice(None))
    return page


def _fill(seen: Seen, page: Page, part: slice) -> None:
    query, register = page.query, page.register
    if query.who is Who.LEFT:
        rows = leavers(seen, register, query).select_related("person").order_by("-left_on", "person_id", "id")
        page.left = list(rows[part])
        return
    found = members(seen, register).filter(condition(query, seen)).select_related("person")
    page.rows = list(found.order_by(*_order(query))[part])
    restrict.cut_for(seen.actor, [row.person for row in page.rows])  # takes what is sensitive out of what the rows show
    line = known_loads.line(query.line)
    load = line.load if line else load_of.load if (load_of := known_loads.register_load(register)) else None
    if load:
        page.loads = {row.person_id: row for row in Load.objects.filter(load=load, person_id__in=[row.person_id for row in page.rows])}


def _tabs(seen: Seen, base: QuerySet[Membership], register: str, query: Query) -> dict[Who, int]:
    current = (Who.ALL, Who.NEW, Who.LONG, Who.LAPSED)
    numbers: dict[str, Any] = {
        who.value: Count("id", filter=condition(replace(query, who=who), seen) or Q(pk__isnull=False)) for who in current
    }
    row = base.order_by().aggregate(**{f"n_{name}": number for name, number in numbers.items()})
    return {who: row[f"n_{who.value}"] for who in current} | {Who.LEFT: leavers(seen, register, query).count()}


def options(seen: Seen, register: str) -> tuple[list[str], list[str]]:
    """Medicines and due findings that occur on the register: what its filters can choose from."""
    rows = members(seen, register).order_by().values_list("substances", "findings").distinct()
    medicines, findings = set(), set()
    for substances, rules in rows:
        medicines |= set(unbarred(substances))
        findings |= set(unbarred(rules))
    titles = known.rule_titles()
    return sorted(medicines), sorted(findings, key=lambda rule: titles.get(rule, rule))


# One person


def registers_of(person_id: int) -> list[Membership]:
    return list(Membership.objects.filter(person_id=person_id).order_by("register"))


def spells_of(person_id: int) -> list[Spell]:
    """Times on registers that are over, the latest first."""
    return list(Spell.objects.filter(person_id=person_id).order_by("-left_on", "register"))


def loads_of(person_id: int) -> list[Load]:
    return list(Load.objects.filter(person_id=person_id).order_by("load"))


def interactions_of(person_id: int) -> list[Interaction]:
    return list(Interaction.objects.filter(person_id=person_id).order_by("interaction"))
