"""What the register templates are given: rows and queries in words. No database is read here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlencode

from markupsafe import Markup

from stepwell.web.core import layout
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician, count
from stepwell.web.ledger import known, known_loads
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.ledger.pages import Banner, Pager
from stepwell.web.ledger.presenters import capital, dose_words, people
from stepwell.web.registers.bars import unbarred
from stepwell.web.registers.models import Load, Membership, Spell
from stepwell.web.registers.selectors import AGES, COUNTS, NOBODY, PAGE_SIZES, Order, Overview, Page, Query, Seen, Who, Whose

_E = TypeVar("_E", bound=StrEnum)

GROUPS = {
    "antipsychotic": "Antipsychotics",
    "mood": "Mood stabilisers",
    "dependence": "Dependence and withdrawal",
    "adhd": "ADHD",
    "sleep": "Sleep",
    "condition": "Conditions",
    "gap": "Between services",
}
COLUMNS = {
    "on": "On it",
    "new": "New starters",
    "long": "Long term",
    "lapsed": "Supply ended",
    "off-licence": "Off-licence",
    "unknown": "Indication not known",
    "nobody": "Nobody’s",
    "overdue": "Monitoring or review overdue",
}
WHO = {Who.ALL: "On it", Who.NEW: "New starters", Who.LONG: "Long term", Who.LAPSED: "Supply ended", Who.LEFT: "Left it"}
LICENCE = {"licensed": "licensed", "off-licence": "off-licence", "unknown": "indication not known"}
WHOSE = {Whose.MINE: "us", Whose.THEIRS: "others", Whose.NOBODY: "nobody"}
AGE_WORDS = {"under-18": "under 18", "18-64": "18 to 64", "65-74": "65 to 74", "75": "75 and over"}
ORDERS = {
    Order.PRIORITY: "priority",
    Order.DURATION: "longest on it",
    Order.ENTRY: "latest to start",
    Order.DOSE: "highest dose",
    Order.OVERDUE: "longest overdue",
}
_LEFT = {
    "supply ended": "supply ended",
    "answered": "answered as stopped",
    "left the practice": "left the practice",
    "died": "died",
}
_LICENCE_TONES = {"licensed": "green", "off-licence": "amber", "unknown": "grey"}


def columns() -> dict[str, str]:
    """What each number of the overview counts; what "long term" means is the knowledge base's."""
    return COLUMNS | {"long": f"{known.parameter('long_term_months')} months or more"}


# Addresses


def query_of(given: Mapping[str, Any], register: str) -> Query:
    """The query that an address asks for; what cannot be read has its default."""
    size = _number(given.get("size", ""), PAGE_SIZES[0])
    line = known_loads.line(given.get("line", ""))
    return Query(
        who=_one_of(Who, given.get("who", "")) or Who.ALL,
        medicine=_known(given.get("medicine", ""), known.substances()),
        licence=_known(given.get("licence", ""), LICENCE),
        owner=_one_of(Whose, given.get("owner", "")),
        overdue=_known(given.get("overdue", ""), ("yes", "no")),
        age=_known(given.get("age", ""), AGES),
        line=line.key if line else "",
        classes=given.get("classes", "") == "2",
        finding=_known(given.get("finding", ""), known.rule_titles()),
        practice=given.get("practice", "")[:20],
        order=_order_of(given.get("order", ""), register),
        page=_number(given.get("page", ""), 1),
        size=size if size in PAGE_SIZES else PAGE_SIZES[0],
    )


def _order_of(text: str, register: str) -> Order:
    order = _one_of(Order, text) or Order.PRIORITY
    return Order.PRIORITY if order is Order.DOSE and not has_dose(register) else order


def has_dose(register: str) -> bool:
    """Whether doses of people on the register can be compared: by a load, or because it is one medicine."""
    return known_loads.register_load(register) is not None or len(known.register_members(register)) == 1


def has_classes(register: str) -> bool:
    """Whether being on two registers of the group says more than being on one: their medicines are different ones."""
    row = known.register_row(register)
    if row is None or row["kind"] != "medicine":
        return False
    others = [known.register_members(r["register"]) for r in known.register_rows() if r["grp"] == row["grp"] and r["register"] != register]
    return bool(others) and all(known.register_members(register).isdisjoint(members) for members in others)


def _known(text: str, allowed: Any) -> str:
    return text if text in allowed else ""


def _one_of(kind: type[_E], text: str) -> _E | None:
    return kind(text) if text in set(kind) else None


def _number(text: str, default: int) -> int:
    return int(text) if text.isdigit() and len(text) < 6 else default


def address(query: Query, **changes: Any) -> str:
    """The query string of a query with changes; what has its default is left out."""
    query, default = replace(query, **changes), Query()
    told = {}
    for each in fields(Query):
        value = getattr(query, each.name)
        if value != getattr(default, each.name) and value not in ("", None):
            told[each.name] = "2" if each.name == "classes" else str(value)
    return "?" + urlencode(told)


# The overview


@dataclass(frozen=True, slots=True)
class Cell:
    """A number and the list behind it; `what` says what is counted, for those who do not see the column."""

    number: int
    href: str
    what: str
    column: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    number: int
    words: str
    href: str


class RegisterRow:
    SHOWN = 3

    def __init__(self, row: Mapping[str, Any], found: Overview, practice: str, names: Mapping[str, str], path: str) -> None:
        self.key, self.label, self.path = row["register"], row["label"], path
        counts = found.counts.get(self.key, dict.fromkeys(COUNTS, 0))
        self.on = counts["on"]
        self.is_condition = row["kind"] != "medicine"
        told = columns()
        self.cells = [
            Cell(counts[name], path + address(query, practice=practice), f"{self.label}: {told[name].lower()}", told[name],
                 "nobody" if name == "nobody" and counts[name] else "")
            for name, query in COUNTS.items()
        ]  # fmt: skip
        findings = self._findings(found, practice)
        self.findings, self.more = findings[: self.SHOWN], findings[self.SHOWN :]
        self.practices = [
            Finding(number, names.get(code, code or "no practice"), path + address(Query(practice=code)))
            for code, number in sorted(found.practices.get(self.key, {}).items(), key=lambda pair: -pair[1])
        ]

    def _findings(self, found: Overview, practice: str) -> list[Finding]:
        """What weighs most in the priority score first; lines through the dose and several classes at once before all."""
        told = []
        load = known_loads.register_load(self.key)
        for key, number in found.lines.get(self.key, {}).items():
            line = known_loads.line(key)
            if line and load:
                told.append(Finding(number, f"{load.name} {line.words}{load.how_often}", self._to(practice, line=key)))
        told.reverse()
        if has_classes(self.key) and found.classes.get(self.key):
            told.append(Finding(found.classes[self.key], "two or more such classes at once", self._to(practice, classes=True)))
        titles, points = known.rule_titles(), known.rule_points()
        for rule, number in sorted(found.findings.get(self.key, {}).items(), key=lambda pair: (-points.get(pair[0], 0), -pair[1], pair[0])):
            told.append(Finding(number, titles.get(rule, rule), self._to(practice, finding=rule)))
        return told

    def _to(self, practice: str, **changes: Any) -> str:
        return self.path + address(Query(practice=practice, **changes))


@dataclass(frozen=True, slots=True)
class Group:
    key: str
    label: str
    rows: list[RegisterRow]


class OverviewPage:
    """`path`: register → address of its list."""

    def __init__(self, found: Overview, actor: Actor, names: Mapping[str, str], *, practice: str, path: Mapping[str, str]) -> None:
        self.actor, self.practice = actor, practice
        self.practices = [(code, names.get(code, code)) for code in actor.covered]
        self.place = names.get(practice, practice) if practice else actor.organisation_name
        rows = [RegisterRow(row, found, practice, names, path[row["register"]]) for row in known.register_rows()]
        self.empty = [row for row in rows if not row.on]
        by_group: dict[str, list[RegisterRow]] = {}
        for row, source in zip(rows, known.register_rows(), strict=True):
            if row.on:
                by_group.setdefault(source["grp"] or "", []).append(row)
        order = list(GROUPS)
        keys = sorted(by_group, key=lambda key: order.index(key) if key in order else len(order))
        self.groups = [Group(key, GROUPS.get(key, capital(key) or "Other"), by_group[key]) for key in keys]
        self.columns = columns()

    @property
    def heading(self) -> str:
        shown = sum(len(group.rows) for group in self.groups)
        if not shown:
            return f"Nobody at {self.place} is on a register"
        return f"{count(shown, 'register')} with people at {self.place}"

    @property
    def empty_words(self) -> str:
        return ", ".join(row.label for row in self.empty)


# One register


class MemberRow:
    """One person on a register: what they take, since when, what stands out."""

    def __init__(  # noqa: PLR0917
        self, row: Membership, load: Load | None, actor: Actor, on: date, names: Mapping[str, str], before: Sequence[str] = ()
    ) -> None:  # fmt: skip
        self.row, self.actor, self.on, self.names, self._load = row, actor, on, names, load
        self.person = Banner(row.person, on, before)
        self.person_id = row.person_id
        self.points = row.person.points
        self.reasons = [f"{reason['label'][:1].lower()}{reason['label'][1:]} {reason['points']}" for reason in row.person.reasons]

    @property
    def medicines(self) -> list[Markup]:
        """What puts them on it, each with its dose."""
        wanted = unbarred(self.row.substances)
        return [_medicine(medicine) for medicine in self.row.person.medicines if medicine["substance"] in wanted]

    @property
    def medicine_words(self) -> list[str]:
        """The same without markup, for a file."""
        wanted = unbarred(self.row.substances)
        own = [medicine for medicine in self.row.person.medicines if medicine["substance"] in wanted]
        return [f"{known.medicine(medicine['substance'])} {dose_words(medicine)}".strip() for medicine in own]

    @property
    def since(self) -> date | None:
        return self.row.entered_on

    @property
    def duration(self) -> str:
        return clinician.span(self.row.entered_on, self.on) if self.row.entered_on else ""

    @property
    def load(self) -> str:
        """The load by which the list is ordered or cut."""
        about = known_loads.loads().get(self._load.load) if self._load else None
        if about is None or self._load is None:
            return ""
        return f"{about.name} {about.told(self._load.value, self._load.unknown)}"

    @property
    def tags(self) -> list[tuple[str, str]]:
        found = []
        if self.row.status == "lapsed":
            found.append(("supply ended", "amber"))
        if self.row.new_starter:
            found.append(("new starter", "blue"))
        if self.row.licence and self.row.licence != "licensed":
            found.append((LICENCE[self.row.licence], _LICENCE_TONES[self.row.licence]))
        if self.row.overdue:
            found.append((f"{self.row.overdue} overdue", "red"))
        return found

    @property
    def findings(self) -> list[str]:
        titles = known.rule_titles()
        return [titles.get(rule, rule) for rule in unbarred(self.row.findings)]

    @property
    def whose(self) -> str:
        owners = set(unbarred(self.row.owners))
        return "nobody" if NOBODY in owners else "mine" if owners & set(self.actor.organisations) else "theirs"

    @property
    def owners(self) -> str:
        others = [code for code in unbarred(self.row.owners) if code != NOBODY]
        return ", ".join("You" if code == self.actor.organisation else self.names.get(code, code) for code in others)


def _medicine(row: Mapping[str, Any]) -> Markup:
    name = clinician.drug(known.medicine(row["substance"]))
    if row["daily_ug"] is None:
        return name
    return Markup('{} <span class="sw-nowrap">{}</span>').format(name, dose_words(row))


class LeaverRow:
    def __init__(self, row: Spell, on: date, before: Sequence[str] = ()) -> None:
        person: PersonRecord = row.person
        self.row = row
        self.person, self.person_id = Banner(person, on, before), row.person_id
        self.entered_on, self.left_on = row.entered_on, row.left_on
        self.reason = _LEFT.get(row.reason, row.reason)
        self.duration = clinician.span(row.entered_on, row.left_on)


@dataclass(frozen=True, slots=True)
class Tab:
    text: str
    count: int
    href: str
    current: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """One filter: its name in the address, its label, and what it offers as (value, words, chosen)."""

    name: str
    label: str
    options: list[tuple[str, str, bool]]


class RegisterPage:
    def __init__(self, page: Page, seen: Seen, names: Mapping[str, str], *, medicines: list[str], findings: list[str]) -> None:
        actor, on = seen.actor, seen.on
        self.page, self.query, self.total, self.actor, self.on, self.names = page, page.query, page.total, actor, on, names
        row = known.register_row(page.register) or {}
        self.label = str(row.get("label", page.register))
        self.is_condition = row.get("kind") == "condition"
        self.is_group = row.get("kind") == "group"
        shown = [*(row.person_id for row in page.rows), *(row.person_id for row in page.left)]
        before = layout.before_contact(shown, on)
        self.rows = [MemberRow(each, page.loads.get(each.person_id), actor, on, names, before[each.person_id]) for each in page.rows]
        group = known.people_group(page.register)
        self.ways_back = layout.ways_back(actor, shown) if group is not None and group.way_back else {}
        self.left = [LeaverRow(each, on, before[each.person_id]) for each in page.left]
        self.is_left = page.query.who is Who.LEFT
        self._medicines, self._findings = medicines, findings
        self.sizes = PAGE_SIZES

    @property
    def heading(self) -> str:
        words = {Who.ALL: "on it", Who.NEW: "new to it", Who.LONG: "on it long term", Who.LAPSED: "on it whose supply ended"}
        if self.is_left:
            return f"{self.label}: {count(self.total, 'time', 'times')} somebody left it"
        return f"{self.label}: {people(self.total)} {words[self.query.who]}"

    @property
    def about(self) -> str:
        """Of a group: who is in it, and where that definition comes from."""
        group = known.people_group(self.page.register)
        if group is None:
            return ""
        sources = "; ".join(known.source_title(key) for key in group.source if key not in known.MARKS)
        note = f" {group.note[:1].upper()}{group.note[1:]}." if group.note else ""
        return f"{group.about}{note} Definition: {known.MARKS[group.mark]}; after {sources}."

    @property
    def told(self) -> str:
        """What the filters say, in a sentence; empty without one."""
        parts = self._filter_words()
        return f"Shown: {', '.join(parts)}." if parts else ""

    def _filter_words(self) -> list[str]:
        query, parts = self.query, []
        if query.practice:
            parts.append(f"registered with {self.names.get(query.practice, query.practice)}")
        if self.is_left:
            return parts
        if query.medicine:
            parts.append(f"taking {known.medicine(query.medicine)}")
        if query.licence:
            parts.append(LICENCE[query.licence])
        if query.owner is not None:
            parts.append(f"looked after by {WHOSE[query.owner]}" if query.owner is not Whose.NOBODY else "something of it is nobody’s")
        if query.overdue:
            parts.append("monitoring or review overdue" if query.overdue == "yes" else "no monitoring or review overdue")
        if query.age:
            parts.append(f"aged {AGE_WORDS[query.age]}")
        if line := known_loads.line(query.line):
            load = known_loads.loads()[line.load]
            parts.append(f"{load.name} {line.words}{load.how_often}")
        if query.classes:
            parts.append("two or more such classes at once")
        if query.finding:
            parts.append(f"due: {known.rule_titles()[query.finding]}")
        return parts

    @property
    def has_filters(self) -> bool:
        return bool(self._filter_words())

    @property
    def clear_address(self) -> str:
        return address(Query(who=self.query.who))

    @property
    def searched(self) -> str:
        """What was looked for, for a list that is empty."""
        filters = f", {', '.join(self._filter_words())}" if self.has_filters else ""
        return f"“{WHO[self.query.who]}” of the register {self.label}, people whom {self.actor.organisation_name} may see{filters}"

    @property
    def tabs(self) -> list[Tab]:
        return [
            Tab(words, self.page.tabs[who], address(self.query, who=who, page=1), who is self.query.who)
            for who, words in WHO.items()
            if who is Who.ALL or (not self.is_condition and (who is Who.LEFT or not self.is_group))
        ]

    @property
    def filters(self) -> list[Choice]:
        if self.is_left:
            return [choice for choice in [self._practices()] if choice.options]
        query = self.query
        found = [
            Choice("medicine", "Medicine", [(key, known.medicine(key), key == query.medicine) for key in self._medicines]),
            Choice("finding", "Finding", [(key, known.rule_titles().get(key, key), key == query.finding) for key in self._findings]),
            Choice("line", "Dose and burden", self._lines()),
            Choice("owner", "Looked after by", [(key.value, words, key is query.owner) for key, words in WHOSE.items()]),
            Choice("overdue", "Overdue", [(key, key, key == query.overdue) for key in ("yes", "no")]),
            Choice("licence", "Licence", [(key, words, key == query.licence) for key, words in LICENCE.items()]),
            Choice("age", "Age", [(key, words, key == query.age) for key, words in AGE_WORDS.items()]),
            self._practices(),
        ]
        if has_classes(self.page.register):
            found.append(Choice("classes", "Classes", [("2", "two or more at once", query.classes)]))
        return [choice for choice in found if choice.options]

    def _lines(self) -> list[tuple[str, str, bool]]:
        loads = known_loads.register_loads(self.page.register) or (tuple(known_loads.loads().values()) if self.is_condition else ())
        return [
            (line.key, f"{load.name} {line.words}{load.how_often}", line.key == self.query.line)
            for load in loads
            for line in known_loads.lines(load.load)
        ]

    def _practices(self) -> Choice:
        covered = [(code, self.names.get(code, code), code == self.query.practice) for code in self.actor.covered]
        return Choice("practice", "Practice", covered)

    @property
    def orders(self) -> list[tuple[str, str, bool]]:
        shown = [order for order in ORDERS if order is not Order.DOSE or has_dose(self.page.register)]
        return [(order.value, ORDERS[order], order is self.query.order) for order in shown]

    @property
    def pager(self) -> Pager:
        number, size = self.query.page, self.query.size
        first = (number - 1) * size + 1 if self.total else 0
        what = count(self.total, "time", "times") if self.is_left else people(self.total)
        return Pager(
            number,
            self.page.pages,
            address(self.query, page=number - 1) if number > 1 else "",
            address(self.query, page=number + 1) if number < self.page.pages else "",
            f"{first:,} to {min(self.total, number * size):,} of {what}",
        )
