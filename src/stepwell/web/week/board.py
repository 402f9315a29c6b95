"""The team board: what is due from each organisation, role and colleague, in people; every number opens its list.

A number and the list behind it are one condition of the worklist: nothing is counted here that the list does not show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from django.db.models import Count, Min, Q
from django.urls import reverse

from stepwell.web.accounts import selectors as accounts
from stepwell.web.core.actor import Actor
from stepwell.web.ledger import worklist
from stepwell.web.ledger.models import Duty, DutyState
from stepwell.web.ledger.pages import TAB_WORDS, address
from stepwell.web.ledger.presenters import people
from stepwell.web.ledger.selectors import visible_ids
from stepwell.web.ledger.worklist import LATE, SOON, Query, Tab
from stepwell.web.privacy import restrict
from stepwell.web.week.days import sunday_of, week_ahead
from stepwell.web.week.rota import entries
from stepwell.web.week.tasks import role_label

# The numbers of a line: name → the tab of the worklist behind it, and what more it asks for.
COLUMNS = {"due": "Due or overdue", "late": "For four weeks or more", "soon": "Due soon"}


@dataclass(frozen=True, slots=True)
class Number:
    """People, and the list behind them; no link where there is none."""

    number: int
    href: str
    what: str
    column: str


@dataclass(frozen=True, slots=True)
class Line:
    """A role of an organisation, or a colleague: its numbers, and the oldest due date."""

    label: str
    numbers: Sequence[Number]
    oldest: date | None
    hours: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    label: str
    lines: Sequence[Line]


def _counts(on: date) -> dict[str, Any]:
    """In people, as the worklist counts: what was put off is left out of what is due."""
    shown = Q(shown_from__isnull=True) | Q(shown_from__lte=on)
    numbers = {
        "due": shown & Q(due_on__lte=on),
        "late": shown & Q(due_on__lte=on - LATE),
        "soon": shown & Q(due_on__gt=on, due_on__lte=on + SOON),
    }
    found: dict[str, Any] = {name: Count("person_id", distinct=True, filter=condition) for name, condition in numbers.items()}
    return found | {"oldest": Min("due_on", filter=numbers["due"])}


class Board:
    """What the board page shows to one actor."""

    def __init__(self, actor: Actor, on: date) -> None:
        self.actor, self.on = actor, on
        self._names = accounts.organisation_names()
        found = Duty.objects.filter(state=DutyState.OPEN, person_id__in=visible_ids(actor, on)).order_by()
        self._open = restrict.duties(actor, found)
        self._own = self._open.filter(owner_org__in=actor.organisations)
        self.columns = COLUMNS
        self.places = self._places()
        self.colleagues = self._colleagues()
        self.others = self._others()
        self.tabs = worklist.counts_for(actor, Query(), on)

    def _places(self) -> list[Place]:
        lines: dict[str, list[Line]] = {}
        several = len(self.actor.organisations) > 1
        for row in self._own.values("owner_org", "owner_role").annotate(**_counts(self.on)).order_by("owner_org", "owner_role"):
            role = row["owner_role"] or "any"
            query = Query(role=role, owner=row["owner_org"] if several else "")
            label = "Any role" if role == "any" else role_label(role)
            lines.setdefault(row["owner_org"], []).append(self._line(label, query, row))
        return [Place(self._names.get(code, code), lines[code]) for code in self.actor.organisations if code in lines]

    def _colleagues(self) -> list[Line]:
        """Everybody who has something assigned, with their hours of the week; what nobody has is counted too."""
        found = self._own.values("assigned_to_id", "assigned_to__title", "assigned_to__name").annotate(**_counts(self.on))
        hours = self._hours()
        rows = sorted(found, key=lambda row: (row["assigned_to_id"] is None, row["assigned_to__name"] or ""))
        lines = []
        for row in rows:
            user = row["assigned_to_id"]
            name = f"{row['assigned_to__title'] or ''} {row['assigned_to__name'] or ''}".strip() if user else "Nobody in particular"
            lines.append(self._line(name, Query(assigned=str(user) if user else "none"), row, hours.get(user, 0) if user else 0))
        return lines if any(row["assigned_to_id"] for row in rows) else []

    def _hours(self) -> Mapping[int, int]:
        """Minutes of colleagues by name on the rota of the week ahead."""
        monday = week_ahead(self.on)
        found: dict[int, int] = {}
        for cell, minutes in entries(self.actor.organisation, monday, sunday_of(monday)).items():
            if cell.user_id is not None:
                found[cell.user_id] = found.get(cell.user_id, 0) + minutes
        return found

    def _line(self, label: str, query: Query, row: Mapping[str, Any], hours: int = 0) -> Line:
        asked: dict[str, Query] = {
            "due": replace(query, tab=Tab.MINE),
            "late": replace(query, tab=Tab.MINE, late=True),
            "soon": replace(query, tab=Tab.SOON),
        }
        numbers = [Number(row[name], self._to(asked[name]), f"{label}: {words.lower()}", words) for name, words in COLUMNS.items()]
        return Line(label, numbers, row["oldest"], hours)

    @staticmethod
    def _to(query: Query) -> str:
        return f"{reverse('ledger:list_duties')}{address(query)}"

    def _others(self) -> list[tuple[str, int, str]]:
        """Whom we wait for: people with something of theirs due within the worklist's look ahead."""
        waiting = worklist.duties_for(self.actor, Query(tab=Tab.WAITING), self.on)
        rows = waiting.order_by().values("owner_org").annotate(n=Count("person_id", distinct=True)).order_by("-n", "owner_org")
        return [
            (self._names.get(row["owner_org"], row["owner_org"]), row["n"], self._to(Query(tab=Tab.WAITING, owner=row["owner_org"])))
            for row in rows
        ]

    @property
    def heading(self) -> str:
        """The answer: how many people have something due from us, and what nobody owns."""
        due, nobody = self.tabs[Tab.MINE], self.tabs[Tab.NOBODY]
        first = f"{people(due)} with something due from {self.actor.organisation_name}" if due else "Nothing is due or overdue"
        return f"{first}; for {nobody:,} something is nobody’s" if nobody else first

    @property
    def whole(self) -> list[tuple[str, int, str, bool]]:
        """The tabs of the worklist as numbers: text, people, address, whether it is nobody's."""
        shown = (Tab.MINE, Tab.SOON, Tab.OFFERED, Tab.WAITING, Tab.NOBODY)
        return [(TAB_WORDS[tab], self.tabs[tab], self._to(Query(tab=tab)), tab is Tab.NOBODY and self.tabs[tab] > 0) for tab in shown]
