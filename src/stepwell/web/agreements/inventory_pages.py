"""The inventory in words: each gap with why, since when and what to do; the numbers by organisation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from markupsafe import Markup

from stepwell.web.agreements.inventory import Found
from stepwell.web.agreements.orphans import NOBODY, Kind, Missing, Orphan
from stepwell.web.core import layout
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician, count
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known
from stepwell.web.ledger.pages import Banner

PAGE_SIZE = 50
SPECIALIST_KINDS = ("trust", "team")
_TONES = {Kind.DISCHARGED: "red", Kind.WITHOUT: "amber", Kind.REVIEW: "amber", Kind.PROTOCOL: "blue"}
_IN_HEADING = {
    Kind.DISCHARGED: "discharged without a plan",
    Kind.WITHOUT: "without an agreement",
    Kind.REVIEW: "without a review",
    Kind.PROTOCOL: "on a protocol that was superseded",
}


@dataclass(frozen=True, slots=True)
class Query:
    """What the address of the inventory asks for; `org` is the other side of a gap, or a practice, by code."""

    kind: Kind | None = None
    org: str = ""
    page: int = 1


def query_of(given: Mapping[str, Any]) -> Query:
    kind, page = str(given.get("kind", "")), str(given.get("page", ""))
    return Query(
        Kind(kind) if kind in set(Kind) else None, str(given.get("org", ""))[:20], int(page) if page.isdigit() and len(page) < 6 else 1
    )  # fmt: skip


def address(query: Query, **changes: Any) -> str:
    values = {"kind": query.kind or "", "org": query.org, "page": query.page} | changes
    return urlencode({name: value for name, value in values.items() if value and not (name == "page" and value == 1)})


def chosen(found: Found, query: Query) -> list[Orphan]:
    return [
        row for row in found.rows if query.kind in (None, row.kind) and (not query.org or query.org in (row.other, row.practice))
    ]  # fmt: skip


class GapWords:
    """One gap in words, without its person: for pages and files."""

    def __init__(self, gap: Orphan, actor: Actor, on: date, names: Mapping[str, str]) -> None:
        self.gap, self.actor, self.on, self.names = gap, actor, on, names
        self.medicine = known.medicine(gap.substance)
        self.kind = gap.kind.words
        self.tone = "red" if gap.kind is Kind.WITHOUT and gap.owner == NOBODY else _TONES[gap.kind]

    def _name(self, code: str) -> str:
        return self.names.get(code, code) if code else "a specialist service"

    @property
    def medicine_marked(self) -> Markup:
        return known.marked(self.medicine)

    @property
    def other(self) -> str:
        return self.names.get(self.gap.other, self.gap.other) if self.gap.other else "not known"

    @property
    def practice(self) -> str:
        return self.names.get(self.gap.practice, self.gap.practice) if self.gap.practice else "no practice"

    @property
    def owner(self) -> str:
        return "nobody" if self.gap.owner == NOBODY else self._name(self.gap.owner)

    @property
    def since(self) -> str:
        gap = self.gap
        return f"{clinician.date(gap.since)}, {clinician.span(gap.since, self.on)}" if gap.since else "not known since when"

    @property
    def why(self) -> str:
        gap = self.gap
        match gap.kind:
            case Kind.DISCHARGED:
                taken = f", taken since {clinician.date(gap.started_on)}," if gap.started_on else ""
                left = f"{self._name(gap.other)} discharged them on {clinician.date(gap.since)}"
                return f"{left}; {self.medicine}{taken} goes on, looked after by {self.owner}. No agreement says who reviews it."
            case Kind.WITHOUT:
                involved = f"{self._name(gap.other)} has to do with it"
                whose = "nobody owns it" if gap.owner == NOBODY else f"{self.owner} looks after it"
                return f"{involved}, {whose}, and no agreement is in force."
            case Kind.REVIEW:
                return "; ".join(_missing(each, day) for each, day in gap.missing).capitalize() + "."
            case Kind.PROTOCOL:
                return f"Agreed on a version of {gap.protocol} that is no longer the one in use."

    @property
    def to_do(self) -> str:
        gap, specialist = self.gap, self.actor.organisation_kind in SPECIALIST_KINDS
        match gap.kind:
            case Kind.DISCHARGED:
                if specialist:
                    return f"Send {self.practice} a request with a plan."
                return f"Ask {self._name(gap.other)} for a plan, or to see them again."
            case Kind.WITHOUT:
                if specialist:
                    return f"Request shared care from {self.practice}, or keep all of it and say so."
                return f"Ask {self._name(gap.other)} to request shared care, or record what is agreed."
            case _:
                return "Renew the agreement with new dates." if gap.kind is Kind.REVIEW else "Renew it on the present version."

    @property
    def href(self) -> str:
        """Where to do it."""
        gap = self.gap
        if gap.agreement_id is not None:
            return reverse("agreements:show_agreement", args=[gap.agreement_id])
        if self.actor.may(Permission.AGREE_OWNERS) and self.actor.organisation_kind in SPECIALIST_KINDS:
            return f"{reverse('agreements:request_care', args=[gap.person_id])}?{urlencode({'medicine': gap.substance})}"
        return reverse("patients:show_person", args=[gap.person_id])

    @property
    def button(self) -> str:
        if self.gap.agreement_id is not None:
            return "Agreement"
        specialist = self.actor.may(Permission.AGREE_OWNERS) and self.actor.organisation_kind in SPECIALIST_KINDS
        return "Request shared care" if specialist else "Open"


def _missing(missing: Missing, day: date | None) -> str:
    return {
        Missing.NO_REVIEW: "no review has a date",
        Missing.REVIEW_PAST: f"the review was due on {clinician.date(day)}",
        Missing.NO_SPECIALIST: "no five-yearly specialist review has a date",
        Missing.SPECIALIST_PAST: f"the five-yearly specialist review was due on {clinician.date(day)}",
    }[missing]


class GapRow(GapWords):
    """`way`: at a practice, the step that brings somebody who was discharged back to a specialist."""

    def __init__(self, gap: Orphan, actor: Actor, on: date, names: Mapping[str, str], person: Banner, way: layout.ListTool | None) -> None:  # noqa: PLR0917
        super().__init__(gap, actor, on, names)
        self.person = person
        self.way = way if gap.kind is Kind.DISCHARGED else None


@dataclass(frozen=True, slots=True)
class Tab:
    text: str
    count: int
    href: str
    current: bool


@dataclass(frozen=True, slots=True)
class Pager:
    number: int
    count: int
    previous: str
    next: str
    summary: str


class InventoryPage:
    """Gaps of one organisation, one kind or all, a page at a time."""

    def __init__(self, found: Found, query: Query, actor: Actor, on: date, names: Mapping[str, str]) -> None:
        self.found, self.actor, self.on, self.names = found, actor, on, names
        self.by_kind = Counter(row.kind for row in found.rows)
        rows = chosen(found, query)
        self.total = len(rows)
        pages = max(1, -(-self.total // PAGE_SIZE))
        self.query = Query(query.kind, query.org, min(max(query.page, 1), pages))
        start = (self.query.page - 1) * PAGE_SIZE
        shown = rows[start : start + PAGE_SIZE]
        before = layout.before_contact([row.person_id for row in shown], on)
        ways = layout.ways_back(actor, {row.person_id for row in shown}) if actor.organisation_kind not in SPECIALIST_KINDS else {}
        self.rows = [
            GapRow(row, actor, on, names, Banner(found.people[row.person_id], on, before[row.person_id]), ways.get(row.person_id))
            for row in shown
        ]
        here = reverse("agreements:show_inventory")
        number = self.query.page
        self.pager = Pager(
            number,
            pages,
            f"{here}?{address(self.query, page=number - 1)}" if number > 1 else "",
            f"{here}?{address(self.query, page=number + 1)}" if number < pages else "",
            f"{start + 1:,} to {start + len(shown):,} of {self.total:,}" if shown else "none",
        )

    @property
    def person_ids(self) -> list[int]:
        return list(dict.fromkeys(row.gap.person_id for row in self.rows))

    @property
    def heading(self) -> str:
        if not self.found.rows:
            return "No gap in shared care was found"
        parts = [f"{self.by_kind[kind]:,} {_IN_HEADING[kind]}" for kind in Kind if self.by_kind[kind]]
        return f"{count(len(self.found.rows), 'gap', 'gaps')} in shared care: {', '.join(parts)}"

    @property
    def tabs(self) -> list[Tab]:
        here = reverse("agreements:show_inventory")
        asked = [(None, "All", len(self.found.rows)), *((kind, kind.words, self.by_kind[kind]) for kind in Kind)]
        return [
            Tab(text, number, f"{here}?{address(Query(kind, self.query.org))}", kind is self.query.kind) for kind, text, number in asked
        ]  # fmt: skip

    @property
    def organisations(self) -> list[tuple[str, str, bool]]:
        """The other sides that occur, to choose one of."""
        side = self.actor.organisations
        codes = {code for row in self.found.rows for code in (row.other, row.practice) if code and code not in side}
        codes |= {row.practice for row in self.found.rows} if len(side) > 1 else set()
        return sorted(((code, self.names.get(code, code), code == self.query.org) for code in codes), key=lambda each: each[1].lower())

    @property
    def unnamed(self) -> list[tuple[str, int]]:
        """Practice by name, and how many people it has whom this organisation discharged without a plan and may not open."""
        return sorted(((self.names.get(code, code), number) for code, number in self.found.unnamed.items()), key=lambda pair: -pair[1])

    @property
    def searched(self) -> str:
        who = f"people whom {self.actor.organisation_name} may open and who take a medicine that a specialist starts"
        return f"{self.query.kind.words.lower()}, of {who}" if self.query.kind else who


def columns() -> Sequence[str]:
    """Of the inventory as a file, after those that name the person."""
    return ("Medicine", "Gap", "Since", "Why", "What to do", "Practice", "Specialist side", "Looks after it")


def cells(words: GapWords) -> list[Any]:
    return [words.medicine, words.kind, words.gap.since, words.why, words.to_do, words.practice, words.other, words.owner.capitalize()]
