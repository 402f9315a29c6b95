"""What the ledger's templates are given: pages put together from rows and presenters, without reading the database."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import urlencode

from stepwell.engine.reconcile import ASKED
from stepwell.web.accounts.roles import roles
from stepwell.web.core import layout
from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known
from stepwell.web.ledger.models import HANDOVER_ANSWERS, Duty, DutyEvent, HandoverScope, PersonRecord
from stepwell.web.ledger.options import options_of
from stepwell.web.ledger.presenters import DutyPresenter, EventPresenter, people, visit
from stepwell.web.ledger.services import UNDOABLE
from stepwell.web.ledger.worklist import PAGE_SIZES, SOON, Order, Page, Query, Row, Tab, Whose
from stepwell.web.ledger.workplaces import Workplace

_SEX = {"female": "Female", "male": "Male", "other": "Other"}
_E = TypeVar("_E", bound=StrEnum)

KINDS = {
    "monitor": "Tests and checks",
    "review": "Reviews",
    "result": "Results to act on",
    "finding": "Findings",
    "supply": "Supply: nobody or two prescribe",
    "combination": "Combinations",
    "licence": "Off-licence use",
    "agree": "Agree who",
    ASKED: "Asked by colleagues",
}
TAB_WORDS = {
    Tab.MINE: "Mine and overdue",
    Tab.NEW: "Just asked",
    Tab.SOON: "Due soon",
    Tab.OFFERED: "Offered to you",
    Tab.WAITING: "Waiting for others",
    Tab.NOBODY: "Nobody’s",
    Tab.DONE: "Done",
}


class Banner:
    """One patient, for the banner macro. `before` is what to know before contact; lists use `banners`, which asks once."""

    def __init__(self, person: PersonRecord, on: date, before: Sequence[str] | None = None) -> None:
        self.person_id = person.person_id
        self.family, self.given, self.title = person.family_name, person.given_name, person.title
        self.birth_date, self.death_date = person.birth_date, person.death_date
        self.sex = _SEX.get(person.sex, "")
        self.nhs_number = person.nhs_number
        self.on = on
        self.address, self.phone = person.address, person.phone
        known = layout.before_contact([person.person_id], on)[person.person_id] if before is None else before
        self.before = "; ".join(words for words in known if words)

    @property
    def name(self) -> str:
        return clinician.name(self.family, self.given, self.title)


def banners(people: Sequence[PersonRecord], on: date) -> list[Banner]:
    known = layout.before_contact([person.person_id for person in people], on)
    return [Banner(person, on, known[person.person_id]) for person in people]


def last_values(person: PersonRecord) -> dict[str, str]:
    """The last figure of each test: `last 40 on 09-Aug-2025`."""
    found: dict[str, str] = {}
    for row in person.last_results:
        if row["value_milli"] is not None and row["test"] not in found:
            on = clinician.date(date.fromisoformat(row["effective_on"]))
            found[row["test"]] = f"last {row['comparator'] or ''}{clinician.milli(row['value_milli'])} on {on}"
    return found


class ActBar:
    """The acts the actor may do on one duty. `first` is the one that closes it."""

    def __init__(self, duty: DutyPresenter) -> None:
        self.duty = duty
        may = duty.actor.may
        self.own = duty.is_open and (duty.is_mine or duty.is_nobody)
        self.act = self.own and may(Permission.ACT_ON_DUTY)
        # A result that asks for an action is answered by what was done; a new result may show that it is back in range.
        self.options = bool(options_of(duty.duty.rule_id))
        takes_result = duty.closes_by == "result" or (self.options and duty.test is not None and duty.test.takes_result)
        self.result = duty.is_open and takes_result and may(Permission.RECORD_RESULT)
        has_test = bool(duty.duty.test) and not self.options
        self.there = duty.workplace if self.own else None
        by_hand = duty.is_open and duty.closes_by == "review" and duty.workplace is None
        self.done = by_hand and (may(Permission.RECORD_RESULT) if has_test else self.act)
        single = duty.duty.kind == "agree" or duty.is_nobody
        self.agree = duty.is_open and single and may(Permission.AGREE_OWNERS)
        self.acknowledge = self.act and (not duty.acknowledged or duty.duty.second_look)
        self.put_off = self.act
        self.assign = self.act
        self.take = self.act and duty.duty.assigned_to_id != duty.actor.user_id
        offered = duty.duty.offer if duty.is_open and duty.duty.offer_id is not None else None
        moves = may(Permission.HAND_OVER) and (offered is None or offered.scope == HandoverScope.DUTY or may(Permission.AGREE_OWNERS))
        self.answer = offered if moves and duty.is_offered_to_me else None
        self.withdraw = offered if moves and offered is not None and offered.from_org in duty.actor.organisations else None
        whole = duty.duty.kind == "agree"  # a question about a medicine: only the medicine can be offered
        self.hand_over = self.own and offered is None and may(Permission.HAND_OVER) and (not whole or may(Permission.AGREE_OWNERS))

    @property
    def any(self) -> bool:
        return any((self.act, self.there, self.result, self.done, self.agree, self.answer, self.withdraw, self.hand_over))


class DutyPage:
    """A duty's whole history, the newest first, with earlier times it was owed."""

    def __init__(
        self,
        duty: Duty,
        *,
        instances: Iterable[Duty],
        events: Iterable[DutyEvent],
        undone: Collection[int],
        actor: Actor,
        names: Mapping[str, str],
    ) -> None:
        self.duty = duty
        self.several = len(list(instances)) > 1
        self.history = [
            EventPresenter(event, actor, names, undone, undoable=event.kind in UNDOABLE and actor.may(_undo_permission(event)))
            for event in events
        ]


def _undo_permission(event: DutyEvent) -> Permission:
    return Permission.HAND_OVER if event.kind in HANDOVER_ANSWERS else Permission.ACT_ON_DUTY


# The worklist


def query_of(given: Mapping[str, Any]) -> Query:
    """The query that an address asks for; what cannot be read has its default."""
    size = _number(given.get("size", ""), PAGE_SIZES[0])
    return Query(
        tab=_one_of(Tab, given.get("tab", "")) or Tab.MINE,
        register=given.get("register", "") if known.register_row(given.get("register", "")) else "",
        medicine=given.get("medicine", "") if given.get("medicine", "") in known.substances() else "",
        kind=given.get("kind", "") if given.get("kind", "") in KINDS else "",
        reason=given.get("reason", "") if given.get("reason", "") in _reasons() else "",
        whose=_one_of(Whose, given.get("whose", "")) or Whose.ALL,
        role=given.get("role", "") if given.get("role", "") in ("any", *roles()) else "",
        owner=given.get("owner", "")[:20],
        assigned=given.get("assigned", "") if given.get("assigned", "") == "none" or _number(given.get("assigned", ""), 0) else "",
        late=given.get("late", "") == "yes",
        order=_one_of(Order, given.get("order", "")) or Order.PRIORITY,
        deferred=given.get("deferred", "") == "yes",
        page=_number(given.get("page", ""), 1),
        size=size if size in PAGE_SIZES else PAGE_SIZES[0],
    )


def _reasons() -> dict[str, str]:
    return {key: words for key, words, _ in known.priority_reasons()}


def _one_of(kind: type[_E], text: str) -> _E | None:
    return kind(text) if text in set(kind) else None


def _number(text: str, default: int) -> int:
    return int(text) if text.isdigit() and len(text) < 6 else default


def address(query: Query, **changes: Any) -> str:
    """The query string of a query with changes; what has its default is left out."""
    values = {
        "tab": query.tab, "register": query.register, "medicine": query.medicine, "kind": query.kind, "reason": query.reason,
        "whose": query.whose, "role": query.role, "owner": query.owner, "assigned": query.assigned,
        "late": "yes" if query.late else "", "order": query.order,
        "deferred": "yes" if query.deferred else "", "size": query.size, "page": query.page,
    }  # fmt: skip
    values |= changes
    default = {"tab": Tab.MINE, "whose": Whose.ALL, "order": Order.PRIORITY, "size": PAGE_SIZES[0], "page": 1}
    return "?" + urlencode({name: str(value) for name, value in values.items() if value and value != default.get(name)})


@dataclass(frozen=True, slots=True)
class TabLink:
    text: str
    count: int
    href: str
    current: bool
    nobody: bool


@dataclass(frozen=True, slots=True)
class Pager:
    number: int
    count: int
    previous: str
    next: str
    summary: str


def _lower(text: str) -> str:
    """A label inside a line: `takes a Z-drug`."""
    return text[:1].lower() + text[1:]


class WorklistRow:
    """One person: what is owed, why first, how late, whose."""

    SHOWN = 4

    def __init__(self, row: Row, actor: Actor, on: date, names: Mapping[str, str], before: Sequence[str] = ()) -> None:
        self.person = Banner(row.person, on, before)
        self.person_id = row.person.person_id
        self.points = row.person.points
        # Every point of the score stands with its reason (row C1).
        self.reasons = [f"{_lower(reason['label'])} {reason['points']}" for reason in row.person.reasons]
        self.duties = [DutyPresenter(duty, actor, on, names) for duty in row.duties]
        self.on = on

    @cached_property
    def _whats(self) -> list[str]:
        return list(dict.fromkeys(duty.what for duty in self.duties))

    @property
    def titles(self) -> list[str]:
        """What is owed, each title once, at most a few."""
        return self._whats[: self.SHOWN]

    @property
    def more(self) -> int:
        return max(0, len(self._whats) - self.SHOWN)

    @cached_property
    def medicines(self) -> str:
        """The medicines that the titles beside them do not name already; a class is left out where one of its medicines is told."""
        titles = " ".join(self.titles).lower()
        subjects = dict.fromkeys(part for duty in self.duties if not duty.is_asked for part in duty.duty.subject.split("+"))
        told = {part for part in subjects if known.medicine(part).lower() in titles}
        named = subjects.keys() & known.substances()
        shown = [part for part in subjects if part not in told and (part in named or not named & known.members(part))]
        return ", ".join(known.medicine(part) for part in shown)

    @property
    def is_new(self) -> bool:
        return any(duty.is_new for duty in self.duties)

    @cached_property
    def visit(self) -> str:
        found = visit(self.duties, by=self.on + SOON)
        return found.words if found else ""

    @cached_property
    def first(self) -> DutyPresenter:
        """The one that is due first."""
        return min(self.duties, key=lambda duty: duty.duty.due_on or date.max)

    @property
    def workplace(self) -> Workplace | None:
        """Where to do it, when that is all the row asks of the actor."""
        only = self.duties[0] if len(self.duties) == 1 else None
        return only.workplace if only is not None and only.is_mine else None

    @cached_property
    def whose(self) -> str:
        return next((kind for kind in ("nobody", "mine") if any(d.whose == kind for d in self.duties)), "theirs")

    @cached_property
    def owners(self) -> str:
        return ", ".join(dict.fromkeys(duty.owner for duty in self.duties if not duty.is_nobody))

    @property
    def offers(self) -> list[tuple[str, str]]:
        """Offers that wait for an answer, each once, with their tone."""
        return list(dict.fromkeys(note for duty in self.duties if (note := duty.offer_note) is not None))

    @property
    def picks(self) -> str:
        """The row's duties as a list of them is sent: which, and how much of each was seen."""
        return ",".join(f"{duty.id}.{duty.duty.revision}" for duty in self.duties)

    @property
    def assigned(self) -> str:
        names = dict.fromkeys(duty.duty.assigned_to.display_name for duty in self.duties if duty.duty.assigned_to is not None)
        return ", ".join(names)

    @property
    def closed(self) -> str:
        return self.duties[0].ended


class WorklistPage:
    def __init__(self, page: Page, actor: Actor, on: date, names: Mapping[str, str]) -> None:
        self.query, self.counts, self.total, self.actor, self.on = page.query, page.counts, page.total, actor, on
        self._names = names
        before = layout.before_contact([row.person.person_id for row in page.rows], on)
        self.rows = [WorklistRow(row, actor, on, names, before[row.person.person_id]) for row in page.rows]
        self.pages, self.deferred = page.pages, page.deferred
        self.kinds = list(KINDS.items())
        self.reasons = list(_reasons().items())
        self.medicines = sorted(((key, known.medicine(key)) for key in known.substances()), key=lambda pair: pair[1])
        self.sizes = PAGE_SIZES

    @property
    def heading(self) -> str:
        """The answer: how many, whose, and what nobody owns."""
        mine, nobody = self.counts[Tab.MINE], self.counts[Tab.NOBODY]
        place = self.actor.organisation_name
        if mine:
            first = f"{people(mine)} {'has' if mine == 1 else 'have'} something due from {place}"
        else:
            first = f"Nothing is overdue from {place}"
        return f"{first}; for {nobody:,} something is nobody’s" if nobody else first

    @property
    def tabs(self) -> list[TabLink]:
        return [
            TabLink(
                TAB_WORDS[tab], self.counts[tab], address(self.query, tab=tab, page=1), tab is self.query.tab,
                tab is Tab.NOBODY and self.counts[tab] > 0,
            )
            for tab in Tab
        ]  # fmt: skip

    @property
    def may_choose(self) -> bool:
        """Acting on several at once is for duties of one's own, and nobody's."""
        return self.query.tab in (Tab.MINE, Tab.NEW, Tab.SOON, Tab.NOBODY) and self.actor.may(Permission.ACT_ON_DUTY)

    @property
    def may_hand_over(self) -> bool:
        return self.actor.may(Permission.HAND_OVER)

    @property
    def all_picks(self) -> str:
        return ",".join(row.picks for row in self.rows)

    @property
    def here(self) -> str:
        return address(self.query)

    @property
    def is_done_tab(self) -> bool:
        return self.query.tab is Tab.DONE

    @property
    def tab_words(self) -> str:
        return TAB_WORDS[self.query.tab]

    @property
    def searched(self) -> str:
        """What was looked for, for a list that is empty."""
        parts = [f"“{TAB_WORDS[self.query.tab]}” at {self.actor.organisation_name}"]
        if self.query.register:
            parts.append(f"register {known.register_label(self.query.register)}")
        if self.query.medicine:
            parts.append(f"about {known.medicine(self.query.medicine)}")
        if self.query.kind:
            parts.append(KINDS[self.query.kind].lower())
        if self.query.reason:
            parts.append(f"priority because: {_lower(_reasons()[self.query.reason])}")
        parts += self.of_the_board
        if self.query.whose is not Whose.ALL:
            parts.append("assigned to you" if self.query.whose is Whose.ME else f"for the role {self.actor.role_label}")
        return ", ".join(parts)

    @property
    def of_the_board(self) -> list[str]:
        """What the team board asked for, in words: no box of the form says it."""
        query, parts = self.query, []
        if query.role:
            known_role = roles().get(query.role)
            parts.append(
                f"for the role {known_role.label if known_role else query.role}" if query.role != "any" else "for no role in particular"
            )
        if query.owner:
            parts.append(f"owed by {self._names.get(query.owner, query.owner)}")
        if query.assigned:
            named = next((duty.duty.assigned_to.display_name for row in self.rows for duty in row.duties if duty.duty.assigned_to), "")
            parts.append("assigned to nobody" if query.assigned == "none" else f"assigned to {named or 'one colleague'}")
        if query.late:
            parts.append("due for four weeks or more")
        return parts

    @property
    def has_filters(self) -> bool:
        query = self.query
        chosen = query.register or query.medicine or query.kind or query.reason or query.whose is not Whose.ALL
        return bool(chosen or query.role or query.owner or query.assigned or query.late)

    @property
    def clear_address(self) -> str:
        return address(Query(tab=self.query.tab))

    @property
    def deferred_address(self) -> str:
        return address(self.query, deferred="yes", page=1)

    @property
    def pager(self) -> Pager:
        number, size = self.query.page, self.query.size
        first = (number - 1) * size + 1 if self.total else 0
        return Pager(
            number,
            self.pages,
            address(self.query, page=number - 1) if number > 1 else "",
            address(self.query, page=number + 1) if number < self.pages else "",
            f"{first:,} to {min(self.total, number * size):,} of {people(self.total)}",
        )
