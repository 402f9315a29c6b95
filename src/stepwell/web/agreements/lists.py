"""Lists of agreements of one organisation: what waits for it, for the others, what is in force, what is over, and the work of it.

Tabs are conditions on the columns that are kept for queries; only the rows of the tab that is shown have their story told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from django.db.models import Count, F, Prefetch, Q, QuerySet

from stepwell.web.agreements.models import Agreement, AgreementEvent
from stepwell.web.agreements.story import Kind, State
from stepwell.web.agreements.terms import Baseline
from stepwell.web.core import traces
from stepwell.web.core.actor import Actor
from stepwell.web.core.once import once
from stepwell.web.ledger import known
from stepwell.web.ledger.models import Duty, DutyState, PersonRecord
from stepwell.web.ledger.selectors import visible_ids
from stepwell.web.privacy import restrict
from stepwell.web.week import selectors as week

SHOWN = 200
MONTH, QUARTER = timedelta(weeks=4), timedelta(weeks=12)
_AGREED = "agreement"  # why a duty has its owner: an agreement says so


class Tab(StrEnum):
    OURS = "ours"
    THEIRS = "theirs"
    FORCE = "force"
    OVER = "over"
    DRAFTS = "drafts"

    @property
    def words(self) -> str:
        return _WORDS[self]


_WORDS = {
    Tab.OURS: "Waiting for you",
    Tab.THEIRS: "Waiting for them",
    Tab.FORCE: "In force",
    Tab.OVER: "Declined or ended",
    Tab.DRAFTS: "Drafts",
}


@dataclass(frozen=True, slots=True)
class Listed:
    """One tab: its rows (at most `SHOWN`), how many there are, whom they are about, and the numbers of all tabs."""

    tab: Tab
    rows: list[Agreement]
    people: dict[int, PersonRecord]
    counts: dict[Tab, int]


def _condition(tab: Tab, actor: Actor, on: date) -> Q:
    # A question does not stop the clock: the practice that asked still owes its answer to the request.
    ours = Q(waits_on__in=actor.organisations) | Q(waits_for="question", and_org__in=actor.organisations)
    over = Q(to_on__lte=on)
    match tab:
        case Tab.OURS:
            return ours & ~over
        case Tab.THEIRS:
            return ~Q(waits_on="") & ~ours & ~over
        case Tab.FORCE:
            return Q(from_on__isnull=False) & ~over
        case Tab.OVER:
            return over | Q(state=State.DECLINED.value)
        case Tab.DRAFTS:
            return Q(state=State.DRAFT.value, between_org__in=actor.organisations) & ~over


_ORDER = {
    Tab.OURS: (F("sent_on").asc(nulls_last=True), "id"),
    Tab.THEIRS: (F("sent_on").asc(nulls_last=True), "id"),
    Tab.FORCE: (F("review_on").asc(nulls_first=True), "id"),
    Tab.OVER: ("-id",),
    Tab.DRAFTS: ("-id",),
}


def _seen(actor: Actor, on: date) -> QuerySet[Agreement]:
    """Agreements to which the actor's organisation is party, of people whom the actor may open."""
    party = Q(between_org__in=actor.organisations) | Q(and_org__in=actor.organisations)
    return Agreement.objects.filter(party, person_id__in=visible_ids(actor, on))


def listed(actor: Actor, tab: Tab, on: date) -> Listed:
    found = _seen(actor, on)
    numbers = {each.value: Count("id", filter=_condition(each, actor, on)) for each in Tab}
    counts = found.order_by().aggregate(**numbers)
    events = AgreementEvent.objects.select_related("by").order_by("id")
    rows = list(
        found.filter(_condition(tab, actor, on))
        .order_by(*_ORDER[tab])
        .prefetch_related("lines", Prefetch("events", queryset=events))[:SHOWN]
    )
    people = PersonRecord.objects.in_bulk({row.person_id for row in rows})
    cuts = restrict.cut_for(actor, list(people.values()))
    rows = [row for row in rows if row.person_id in people and cuts[row.person_id].shown_agreements([row])]
    return Listed(tab, rows, people, {each: counts[each.value] for each in Tab})


def waiting_requests(actor: Actor) -> list[Agreement]:
    """Requests of and to the actor's organisation that have no answer yet."""
    party = Q(between_org__in=actor.organisations) | Q(and_org__in=actor.organisations)
    found = Agreement.objects.filter(party, waits_for__in=("request", "question"))
    return list(found.prefetch_related("lines", Prefetch("events", queryset=AgreementEvent.objects.select_related("by").order_by("id"))))


# What shared care asks of an organisation


@dataclass(slots=True)
class Work:
    """Of one medicine: agreements in force and requests that wait, and of the duties that agreements give to the organisation how
    many are overdue, due in 4 and in 12 weeks, and the minutes until then."""

    substance: str
    in_force: int = 0
    waiting: int = 0
    overdue: int = 0
    month: int = 0
    quarter: int = 0
    minutes: int = 0


def workload(actor: Actor, on: date) -> list[Work]:
    """By medicine, the most work first."""
    found: dict[str, Work] = {}
    counted = _seen(actor, on).order_by().values("substance")
    for row in counted.annotate(
        force=Count("id", filter=_condition(Tab.FORCE, actor, on) & Q(from_on__lte=on)),
        waiting=Count("id", filter=_condition(Tab.OURS, actor, on)),
    ):
        if row["force"] or row["waiting"]:
            found[row["substance"]] = Work(row["substance"], row["force"], row["waiting"])
    duties = list(_agreed_duties(actor, on))
    minutes = week.minutes_of(duties)
    by_subject = {subject: substance for substance in sorted(found, reverse=True) for subject in known.subjects_of(substance)}
    for duty in duties:
        work = found.get(duty.subject) or found.get(by_subject.get(duty.subject, ""))
        if work is None:
            continue
        late = duty.due_on is None or duty.due_on < on
        work.overdue += late
        work.month += not late and duty.due_on is not None and duty.due_on <= on + MONTH
        work.quarter += not late
        work.minutes += minutes[duty.pk]
    return sorted(found.values(), key=lambda each: (-each.minutes, -each.in_force, known.medicine(each.substance)))


def _agreed_duties(actor: Actor, on: date) -> QuerySet[Duty]:
    """Open duties that are the actor's organisation's because an agreement says so, due within a quarter, the earliest first."""
    due = Q(due_on__lte=on + QUARTER) | Q(due_on__isnull=True)
    mine = Duty.objects.filter(due, state=DutyState.OPEN, owner_org__in=actor.organisations, owner_basis=_AGREED)
    return restrict.duties(actor, mine.filter(person_id__in=visible_ids(actor, on))).order_by("due_on", "id")


def shown_of(actor: Actor, record: PersonRecord, agreements: Sequence[Agreement]) -> list[Agreement]:
    """Of one person's agreements those that this actor is shown."""
    cut = restrict.cut_for(actor, [record])[record.person_id]
    return list(cut.shown_agreements(agreements))


@once
def of_person(actor: Actor, person_id: int, on: date) -> list[Agreement]:
    """What goes or went through Stepwell for one person and is not over: drafts of the actor's organisation, open requests, declined
    ones that were not asked again, and what was agreed. Only what this actor is shown."""
    if not traces.any_of(Agreement, person_id):
        return []
    own_draft = Q(state=State.DRAFT.value, between_org__in=actor.organisations)
    found = Agreement.objects.filter(own_draft | ~Q(state=State.DRAFT.value), person_id=person_id, requested=True)
    events = AgreementEvent.objects.select_related("by").order_by("id")
    rows = list(found.exclude(to_on__lte=on).order_by("sent_on", "id").prefetch_related("lines", Prefetch("events", queryset=events)))
    record = PersonRecord.objects.filter(person_id=person_id).first() if rows else None
    return shown_of(actor, record, rows) if record is not None else []


def baseline_sent(agreement: Agreement) -> list[Baseline]:
    """The baseline results as they were sent with the request; none of a draft or of an agreement from paper."""
    sent = [event for event in agreement.events.all() if event.kind == Kind.REQUESTED]
    rows = sent[-1].detail.get("baseline", []) if sent else []
    return [Baseline(**{**row, "on": date.fromisoformat(row["on"]) if row["on"] else None}) for row in rows]
