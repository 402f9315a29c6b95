"""What has happened in the demo before anybody signs in: staff, agreements, an approved pack, and first acts on duties.

Everything goes through the same verbs as the pages do, as the person who would do it, and is in the audit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice

from django.db import transaction
from django.db.models import QuerySet

from stepwell import knowledge
from stepwell.records.synthetic.stories import TWO_OWNERS
from stepwell.web.accounts import selectors as accounts
from stepwell.web.accounts.services import demo_plan, seed
from stepwell.web.agreements.services import Line, record_agreement
from stepwell.web.contact.selectors import last_event
from stepwell.web.contact.services import Item, save_adjustments
from stepwell.web.core.actor import Actor
from stepwell.web.demo import advice, asking, letters, reducing
from stepwell.web.ledger import services as ledger
from stepwell.web.ledger.approvals import approve_pack
from stepwell.web.ledger.evaluation import reevaluate_waiting, request_evaluation
from stepwell.web.ledger.models import Duty, PersonRecord
from stepwell.web.ledger.results import ResultEntry
from stepwell.web.ledger.selectors import subject_of, visible_to
from stepwell.web.ledger.worklist import Query, duties_for
from stepwell.web.week.days import days_of, week_ahead
from stepwell.web.week.plan import WEEK
from stepwell.web.week.rota import Cell
from stepwell.web.week.services import set_hours
from stepwell.web.whoiswho.services import seed_links

TRUST = "RZ9"
SHARED = ("antipsychotic", "lithium")
STAFF_SINCE = timedelta(days=900)


@dataclass(frozen=True, slots=True)
class Count:
    agreements: int
    events: int


def staff(username: str, as_of: date) -> Actor:
    """The actor that a persona of the sign-in page becomes."""
    membership = next(row for row in accounts.personas(as_of) if row.user.username == username)
    return accounts.actor_for(membership, as_of)


def seed_people(as_of: date) -> None:
    """Organisations, staff and whom to call. Again in a demo that is there already, it adds those that a newer Stepwell brings."""
    plan, demo = demo_plan(), Actor.system("demo")
    seed(demo, plan, from_on=as_of - STAFF_SINCE)
    seed_links(demo, plan["links"], from_on=as_of - STAFF_SINCE)
    asking.seed(demo)


def seed_staff(as_of: date) -> None:
    """Everybody; the first practice has approved the knowledge pack, the second not yet."""
    seed_people(as_of)
    approve_pack(staff("amara.osei", as_of), version=knowledge.load().version, evaluate=False)


def work(as_of: date) -> Count:
    agreements = _agreements(as_of)
    _rotas(as_of)
    events = _acts(as_of) + _adjustments(as_of) + asking.requests(as_of, staff) + letters.letters(as_of, staff)
    events += reducing.reduce(as_of, staff)
    _advice(as_of)  # last: what it asks for is not answered by the acts above
    return Count(agreements, events)


def _advice(as_of: date) -> None:
    """Two services with who is on duty, and questions of one practice in every state."""
    manager, network_manager, psychiatrist = (staff(name, as_of) for name in ("grace.adeyemi", "helen.wu", "lena.hart"))
    advice.seed_services(manager, network_manager, psychiatrist, as_of)
    advice.ask_questions(staff("amara.osei", as_of), psychiatrist, as_of)


# Hours a day of a usual week, Monday to Sunday, by who enters them.
_HOURS: dict[str, dict[str, tuple[float, ...]]] = {
    "colin.marsh": {"gp": (1, 0, 1, 0, 1, 0, 0), "nurse": (4, 3.5, 4, 0, 3, 0, 0), "pharmacist": (0, 2, 0, 2, 0, 0, 0)},
    "omar.khan": {"gp": (1, 1, 0, 0, 1, 0, 0), "nurse": (3, 0, 3, 0, 3, 0, 0)},
    "grace.adeyemi": {"psychiatrist": (2, 0, 2, 0, 2, 0, 0), "mental health nurse": (6, 6, 0, 6, 6, 0, 0)},
    "helen.wu": {"pharmacist": (3, 0, 3, 0, 3, 0, 0)},
}


def _rotas(as_of: date) -> None:
    """Every organisation has entered the week before; two of them this one too."""
    monday = week_ahead(as_of)
    for number, (username, roles) in enumerate(_HOURS.items()):
        for week in (monday - WEEK, monday)[: 1 + (number % 2 == 0)]:
            cells = {Cell(day, role): round(60 * hours[day.weekday()]) for role, hours in roles.items() for day in days_of(week)}
            set_hours(staff(username, as_of), week, cells)


def _agreements(as_of: date) -> int:
    """Of the people whom the trust supplies: some shared, some kept, some lapsed, one from next month, the rest with nobody."""
    psychiatrist = staff("lena.hart", as_of)
    turn = recorded = 0
    for record, substance in _supplied_by_the_trust(psychiatrist, as_of):
        two_owners = (record.given_name, record.family_name) == TWO_OWNERS
        if two_owners and substance != "lithium":
            continue  # the third medicine of the story: nobody took it on
        terms = _KEPT if two_owners else _TURNS[turn % len(_TURNS)]
        turn += 1
        if terms is not None:
            _record(psychiatrist, record, substance, terms, as_of)
            recorded += 1
    reevaluate_waiting()  # once for all of them, instead of person by person
    return recorded


@dataclass(frozen=True, slots=True)
class _Terms:
    """Days before the demo's day, negative ahead of it. `shared`: the practice monitors what the trust prescribes."""

    agreed: int
    begins: int
    ends: int | None = None
    shared: bool = True


_SHARED, _KEPT = _Terms(300, 300), _Terms(400, 400, shared=False)
_LAPSED, _COMING = _Terms(500, 500, ends=60), _Terms(10, -28)
_TURNS = (_SHARED, _KEPT, None, _SHARED, _LAPSED, None, _COMING)


def _record(psychiatrist: Actor, record: PersonRecord, substance: str, terms: _Terms, as_of: date) -> None:
    practice = Line("all", record.gp_org, "gp")
    trust = Line("prescribe" if terms.shared else "all", TRUST, "psychiatrist")
    with transaction.atomic():
        record_agreement(
            psychiatrist,
            subject_of(record.person_id),
            substance=substance,
            between_org=TRUST,
            and_org=record.gp_org,
            lines=[trust, practice] if terms.shared else [trust],
            agreed_on=as_of - timedelta(days=terms.agreed),
            from_on=as_of - timedelta(days=terms.begins),
            to_on=None if terms.ends is None else as_of - timedelta(days=terms.ends),
            label="Shared care with Northside CMHT" if terms.shared else "Northside CMHT prescribes and monitors",
        )
        request_evaluation(record.person_id)


def _supplied_by_the_trust(psychiatrist: Actor, as_of: date) -> Iterator[tuple[PersonRecord, str]]:
    members = {row["substance"] for row in knowledge.load().tables()["k_set"].to_pylist() if row["set_name"] in SHARED}
    people = visible_to(psychiatrist, as_of).filter(death_date__isnull=True).exclude(gp_org="")
    for record in people.order_by("person_id"):
        for medicine in record.medicines:
            if medicine["substance"] in members and "trust" in (medicine["supplied_by"] or ""):
                yield record, medicine["substance"]


def _acts(as_of: date) -> int:
    """The first mornings of the practice and of the team: seen, given to a colleague, put off with a reason, answered."""
    gp, nurse, psychiatrist = (staff(name, as_of) for name in ("amara.osei", "priya.nair", "lena.hart"))
    mornings = _overdue(gp, as_of)
    events = 0
    for number, duty in enumerate(mornings[:8]):
        ledger.acknowledge(gp, duty)
        events += 1
        if number % 2 == 0:
            ledger.assign(gp, duty, to_user_id=nurse.user_id, why="Please fit in with the next blood test")
            events += 1
    for duty in mornings[8:12]:
        ledger.defer(nurse, duty, until=as_of + timedelta(days=14), why="Asked to come after the holidays")
        events += 1
    for duty in mornings[12:15]:
        ledger.decline(nurse, duty, on=as_of - timedelta(days=3), why="Does not want it this year; knows how to ask for it")
        events += 1
    for duty in _overdue(psychiatrist, as_of)[:4]:
        ledger.acknowledge(psychiatrist, duty)
        events += 1
    for person_id, entry in islice(_repeatable(nurse, as_of, set(mornings[:15])), 4):
        ledger.record_results(nurse, person_id, [entry])
        events += 1
    return events


# What some people asked for before and at a contact; the last is a rule of safe contact, with its reason.
_ASKED_FOR = (
    (Item("slot", "longer"), Item("slot", "quiet")),
    (Item("language", "ur"), Item("professional", "interpreter"), Item("slot", "longer")),
    (Item("format", "easy-read"), Item("support", "advocate")),
    (Item("professional", "bsl"), Item("contact", "text")),
    (Item("address", "no-fixed", "letters to the practice, messages through the day centre"), Item("slot", "last")),
    (Item("format", "large-print"), Item("slot", "home")),
    (Item("safe", "only-call", "07700 900142, weekdays 10:00 to 12:00"), Item("safe", "no-messages"), Item("safe", "no-letters")),
)


def _adjustments(as_of: date) -> int:
    """The nurse asked the first people on the list what they need; one named a sister who may be told about appointments."""
    nurse = staff("priya.nair", as_of)
    people = dict.fromkeys(_overdue_rows(nurse, as_of).values_list("person_id", flat=True)[:200])
    review = Item("review", "review", until=as_of + timedelta(days=300))
    sister = Item("carer", "carer", "Nadia Rahman (sister) about appointments", as_of + timedelta(days=200))
    events = 0
    for number, (person_id, asked) in enumerate(zip(people, _ASKED_FOR, strict=False)):
        why = "Said when alone: letters and calls at home are read and heard by her partner" if asked[0].kind == "safe" else ""
        events += save_adjustments(
            nurse, person_id, [*asked, review], seen=last_event(person_id), carer=sister if number == 1 else None, safe_why=why
        )
    return events


def _repeatable(actor: Actor, as_of: date, but_not: set[int]) -> Iterator[tuple[int, ResultEntry]]:
    """Overdue tests that the record already has a value for, one a person: the same value, taken yesterday."""
    done: set[int] = set()
    for duty in _overdue_rows(actor, as_of).exclude(id__in=but_not).exclude(test="").select_related("person"):
        person_id = duty.person.person_id
        values = [row["value_milli"] for row in duty.person.last_results if row["test"] == duty.test and row["value_milli"] is not None]
        if values and person_id not in done:
            done.add(person_id)
            yield person_id, ResultEntry(duty.test, values[0], as_of - timedelta(days=1))


def _overdue(actor: Actor, as_of: date) -> list[int]:
    """One overdue duty a person, most urgent people first."""
    first: dict[int, int] = {}
    for person_id, duty_id in _overdue_rows(actor, as_of).values_list("person_id", "id"):
        first.setdefault(person_id, duty_id)
    return list(first.values())


def _overdue_rows(actor: Actor, as_of: date) -> QuerySet[Duty]:
    """Overdue duties of the actor's organisation, most urgent people first; the person of the story stays untouched."""
    given, family = TWO_OWNERS
    rows = duties_for(actor, Query(), as_of).exclude(kind="agree").exclude(person__given_name=given, person__family_name=family)
    return rows.order_by("-person__points", "person_id", "due_on", "id")
