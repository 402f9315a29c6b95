"""What the templates of the bench are given: rows, sums and addresses. No database is read here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from stepwell.web.core.actor import Actor
from stepwell.web.core.formatting import clinician, count
from stepwell.web.ledger import known
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.ledger.pages import Banner, Pager
from stepwell.web.ledger.presenters import capital, dose_words
from stepwell.web.preparation import basis
from stepwell.web.preparation.basis import Basis
from stepwell.web.preparation.bench import Candidate, Entry, Today, review_tests
from stepwell.web.preparation.models import BenchEvent
from stepwell.web.preparation.slots import Day
from stepwell.web.tapers.models import TaperPlan

# Where nobody has said how many reviews today holds and the rota has no hours: a habit of lists, and the page says so.
SLOTS_AT_FIRST = 6
MOST_SLOTS, MOST_MINUTES = 60, 600
PAGE_SIZE = 25
REASONS_SHOWN = 3

SAID = {
    "listed": "On your list of today.",
    "off": "Taken off your list. They keep their place in the order.",
    "moved": "Moved.",
    "answers": "The answers are written down.",
    "answers-corrected": "The answers were corrected.",
    "answers-back": "The answers were taken back as entered in error.",
}


@dataclass(frozen=True, slots=True)
class Query:
    """What the address asks for. `slots` and `minutes`: what today holds; neither: as the rota has it. `rest`: those who do not fit."""

    slots: int | None = None
    minutes: int | None = None
    test: str = ""
    register: str = ""
    rest: bool = False
    page: int = 1

    def to(self, **changes: Any) -> str:
        """The address of the bench with something else."""
        query = replace(self, **changes)
        told: dict[str, object] = {
            "slots": query.slots, "minutes": query.minutes, "review": query.test, "register": query.register,
            "show": "rest" if query.rest else "", "page": query.page if query.page > 1 else "",
        }  # fmt: skip
        return "?" + urlencode({key: value for key, value in told.items() if value})


def query_of(given: Mapping[str, Any]) -> Query:
    slots, minutes = _number(given.get("slots", ""), MOST_SLOTS), _number(given.get("minutes", ""), MOST_MINUTES)
    test, register = given.get("review", ""), given.get("register", "")
    return Query(
        slots=slots,
        minutes=None if slots else minutes,
        test=test if test in review_tests() else "",
        register=register if known.register_row(register) else "",
        rest=given.get("show", "") == "rest",
        page=_number(given.get("page", ""), 100_000) or 1,
    )


def _number(text: str, most: int) -> int | None:
    return min(int(text), most) or None if text.isdigit() and len(text) < 6 else None


def day_of(query: Query, rota_minutes: int) -> tuple[Day, str]:
    """What today holds, and where that comes from in words."""
    if query.slots:
        return Day(slots=query.slots), f"You said {count(query.slots, 'review')} today"
    if query.minutes:
        return Day(minutes=query.minutes), f"You said {clinician.hours(query.minutes)} today"
    if rota_minutes:
        return Day(minutes=rota_minutes), f"The rota has {clinician.hours(rota_minutes)} for your role today"
    return Day(
        slots=SLOTS_AT_FIRST
    ), f"No hours are on the rota for your role today: {count(SLOTS_AT_FIRST, 'review')} is where this page begins"


def medicine_words(row: Mapping[str, Any], on: date) -> Markup:
    """`**diazepam** 10 mg a day, since Mar-2019 (7 years)`"""
    started = date.fromisoformat(row["started_on"])
    dose = dose_words(row) or "dose not known"
    since = f", since {clinician.month(started)} ({clinician.span(started, on)})"
    return clinician.drug(known.medicine(row["substance"])) + f" {dose}{since}"


def last_review(person: PersonRecord) -> tuple[str, date] | None:
    """The latest review on record: what it was, and when."""
    names = review_tests()
    found = [(row["effective_on"], row["test"]) for row in person.last_results if row["test"] in names]
    if not found:
        return None
    on, test = max(found)
    return names[test], date.fromisoformat(on)


def reasons_of(person: PersonRecord) -> list[tuple[str, int, Basis | None]]:
    """Every point with its reason and where that comes from, the heaviest first."""
    rows = sorted(person.reasons, key=lambda row: -row["points"])
    return [(row["label"], row["points"], basis.of_reason(row["reason"])) for row in rows]


class BenchRow:
    """One person of the bench: why first, which medicines, what asks for a review, when they would be seen."""

    def __init__(
        self, one: Candidate, person: PersonRecord, *, on: date, seen_on: date | None, before: Sequence[str], plans: Sequence[TaperPlan],
        mine: bool, other: BenchEvent | None,
    ) -> None:  # fmt: skip
        self.person_id, self.points, self.minutes = one.person_id, person.points, one.minutes
        self.banner = Banner(person, on, before)
        reasons = reasons_of(person)
        self.reasons, self.more_reasons = reasons[:REASONS_SHOWN], reasons[REASONS_SHOWN:]
        self.asked = [review_tests()[test] for test in one.tests]
        wanted = known.members("monitored")
        self.medicines = [medicine_words(row, on) for row in person.medicines if row["substance"] in wanted]
        self.last = last_review(person)
        self.due_on, self.late = one.due_on, one.due_on < on
        self.due_words = clinician.lateness(one.due_on, on)
        self.seen_on, self.on = seen_on, on
        self.plans = [
            f"{capital(known.medicine(plan.substance))}: {plan.get_state_display().lower()} since {clinician.date(plan.state_from)}"
            for plan in plans
            if plan.is_open
        ]
        self.mine, self.other = mine, other

    @property
    def other_words(self) -> str:
        return f"on the list of {self.other.by.display_name}" if self.other else ""

    @property
    def seen_words(self) -> str:
        """When they would be seen, if every working day were like today."""
        if self.seen_on is None:
            return "no date: a day holds none"
        return "today" if self.seen_on == self.on else clinician.date(self.seen_on, weekday=True)


class ListRow:
    """Somebody on today's list."""

    def __init__(self, number: int, entry: Entry, person: PersonRecord, on: date, before: Sequence[str]) -> None:
        self.number, self.entry, self.person_id = number, entry, entry.person_id
        self.banner = Banner(person, on, before)
        self.done, self.minutes = entry.done, entry.minutes


class BenchPage:
    """The ranked list cut to what today holds, and the actor's own list of the day."""

    def __init__(
        self, actor: Actor, query: Query, *, on: date, day: Day, told: str, listed: Today, total: int, fits: int, kinds: Mapping[str, int]
    ) -> None:  # fmt: skip
        self.actor, self.query, self.on, self.day, self.basis = actor, query, on, day, told
        self.listed, self.total, self.fits = listed, total, fits
        self.rest = total - fits
        self.rows: list[BenchRow] = []
        self.list_rows: list[ListRow] = []
        self.kinds = [(key, review_tests()[key], kinds.get(key, 0)) for key in review_tests() if kinds.get(key) or key == query.test]
        self.registers = [(key, label) for key, label in known.registers()]
        self.last_seen: date | None = None

    @property
    def heading(self) -> str:
        waiting = count(self.total, "person waits", "people wait")
        if not self.total:
            return "Nobody waits for a review"
        if not self.rest:
            return f"{waiting} for a review: all fit today"
        return f"{self.fits:,} of {self.total:,} {'person' if self.total == 1 else 'people'} who wait for a review fit today"

    @property
    def rest_words(self) -> str:
        """What becomes of those who do not fit."""
        if not self.rest:
            return ""
        told = f"{count(self.rest, 'person does', 'people do')} not fit today"
        if self.last_seen is None:
            return f"{told}; at this rate not all of them would be seen within a year"
        return f"{told}; if every working day were like this, the last would be seen on {clinician.date(self.last_seen, weekday=True)}"

    @property
    def searched(self) -> str:
        what = review_tests()[self.query.test].lower() if self.query.test else "reviews of medicines"
        where = f" of people on the register {known.register_label(self.query.register)}" if self.query.register else ""
        return f"{what}{where} that {self.actor.organisation_name} owes or nobody owns, due by four weeks from today"

    @property
    def pager(self) -> Pager:
        number = self.rest if self.query.rest else self.fits
        pages = max(1, -(-number // PAGE_SIZE))
        page = min(self.query.page, pages)
        first, last = (page - 1) * PAGE_SIZE + 1 if number else 0, min(page * PAGE_SIZE, number)
        return Pager(
            number=page,
            count=pages,
            previous=self.query.to(page=page - 1) if page > 1 else "",
            next=self.query.to(page=page + 1) if page < pages else "",
            summary=f"{first:,} to {last:,} of {number:,}",
        )

    @property
    def part(self) -> slice:
        """Which of all candidates the page shows."""
        start = (self.fits if self.query.rest else 0) + (self.pager.number - 1) * PAGE_SIZE
        end = self.total if self.query.rest else self.fits
        return slice(start, min(start + PAGE_SIZE, end))

    @property
    def tabs(self) -> list[tuple[str, int, str, bool]]:
        return [
            ("Fit today", self.fits, self.query.to(rest=False, page=1), not self.query.rest),
            ("Do not fit", self.rest, self.query.to(rest=True, page=1), self.query.rest),
        ]

    @property
    def done_words(self) -> str:
        entries = self.listed.entries
        return f"{len(self.listed.done)} of {count(len(entries), 'review')} done" if entries else ""
