"""Reads of the ledger for one person, one duty, one organisation. The worklist's reads are in `worklist.py`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Concat

from stepwell.web.accounts import selectors as accounts
from stepwell.web.core import access, clock, traces
from stepwell.web.core.access import PatientSubject, RelationshipKind
from stepwell.web.core.actor import Actor
from stepwell.web.core.among import Among
from stepwell.web.core.layout import Stamp
from stepwell.web.core.once import once
from stepwell.web.ledger import known
from stepwell.web.ledger.models import (
    BulkAct,
    Duty,
    DutyEvent,
    DutyState,
    Evaluation,
    EventKind,
    Handover,
    HandoverScope,
    HandoverState,
    PackApproval,
    PendingEvaluation,
    PersonRecord,
    Relationship,
)

NOBODY = "nobody"
OFFERS_SHOWN = 200
ANSWERED_KEPT = timedelta(days=28)
RECENT = timedelta(days=365)


# People and who may see them


def person(person_id: int) -> PersonRecord:
    found = find_person(person_id)
    if found is None:
        raise PersonRecord.DoesNotExist
    return found


@once
def find_person(person_id: int) -> PersonRecord | None:
    return PersonRecord.objects.filter(person_id=person_id).first()


def people(person_ids: Collection[int]) -> list[PersonRecord]:
    """Records of these people, for lists that name them."""
    return list(PersonRecord.objects.filter(person_id__in=list(person_ids)))


@once
def subject_of(person_id: int) -> PatientSubject:
    """The person, every relationship known and every grant in force, for `access.decide`."""
    names = accounts.organisation_names()
    # The plainest reason first: it is the one that is shown and audited.
    plain = list(RelationshipKind)
    rows = sorted(Relationship.objects.filter(person_id=person_id), key=lambda row: (plain.index(RelationshipKind(row.kind)), row.org_code))
    found = [
        access.Relationship(RelationshipKind(row.kind), row.org_code, names.get(row.org_code, ""), row.from_on, row.to_on, row.evidence)
        for row in rows
    ]
    now = clock.now()
    return PatientSubject(person_id, found, clock.today(), access.grants_for(person_id, now), now)


def visible_to(actor: Actor, on: date) -> QuerySet[PersonRecord]:
    """People this actor may open: the same rule as `access.decide`, as a query."""
    return PersonRecord.objects.filter(Exists(_reaching(actor, on).filter(person_id=OuterRef("person_id"))))


def visible_ids(actor: Actor, on: date) -> QuerySet[Relationship, int]:
    """Keys of the same people, for lists over everybody: found from the relationships, without a look at each person."""
    return _reaching(actor, on).values_list("person_id", flat=True)


def _reaching(actor: Actor, on: date) -> QuerySet[Relationship]:
    reach = Q(org_code=actor.organisation) | Q(org_code__in=actor.covered, kind=RelationshipKind.REGISTRATION.value)
    in_force = (Q(from_on__isnull=True) | Q(from_on__lte=on)) & (Q(to_on__isnull=True) | Q(to_on__gt=on))
    return Relationship.objects.filter(reach & in_force)


@dataclass(frozen=True, slots=True)
class Search:
    nhs_number: str = ""
    family: str = ""
    given: str = ""
    birth_date: date | None = None


@once
def spoken_by(person_ids: Collection[int]) -> dict[int, tuple[str, bool]]:
    """Of each person the language code and whether an interpreter is needed, as the records have them; without a word of
    either there is no entry."""
    rows = PersonRecord.objects.filter(person_id__in=list(person_ids)).values_list("person_id", "language", "interpreter")
    return {person_id: (language, interpreter) for person_id, language, interpreter in rows if language or interpreter}


SEARCH_LIMIT = 50


def search_people(actor: Actor, search: Search) -> list[PersonRecord]:
    """At most `SEARCH_LIMIT` + 1 people the actor may open, by name; names match from their beginning. A family name that nobody
    has is looked for as the second part of one ("jones" in Smith-Jones)."""
    from stepwell.web.ledger.people import search_name

    today = clock.today()
    if search.nhs_number or search.birth_date:
        found = visible_to(actor, today)
    else:
        # A name is had by many of a region: those whom the reader may open are fewer.
        found = PersonRecord.objects.filter(Among(F("person_id"), visible_ids(actor, today)))
    if search.nhs_number:
        found = found.filter(nhs_number=search.nhs_number)
    if search.birth_date:
        found = found.filter(birth_date=search.birth_date)
    if given := search_name("", search.given):
        found = found.filter(search_name__contains=f" {given}")
    family = search_name(search.family, "")
    people = _by_name(found.filter(search_name__startswith=family) if family else found)
    return people if people or not family else _by_name(found.filter(search_name__contains=f" {family}"))


def _by_name(found: QuerySet[PersonRecord]) -> list[PersonRecord]:
    # Not by the bare column: PostgreSQL would walk its index through a whole region until it has met enough names that fit.
    by_name = Concat("search_name", Value(""))
    return list(found.order_by(by_name, "birth_date", "person_id")[: SEARCH_LIMIT + 1])


def organisations_near(person_ids: Collection[int], on: date) -> dict[int, set[str]]:
    """For each person the organisations that have a relationship with them, and those that cover their practice."""
    in_force = (Q(from_on__isnull=True) | Q(from_on__lte=on)) & (Q(to_on__isnull=True) | Q(to_on__gt=on))
    found: dict[int, set[str]] = {person_id: set() for person_id in person_ids}
    for person_id, code in Relationship.objects.filter(in_force, person_id__in=list(found)).values_list("person_id", "org_code"):
        found[person_id].add(code)
    practices = dict(PersonRecord.objects.filter(person_id__in=list(found)).exclude(gp_org="").values_list("person_id", "gp_org"))
    covers = {code: [whole.code for whole in accounts.wholes_of(code, on) if whole.kind == "pcn"] for code in set(practices.values())}
    for person_id, code in practices.items():
        found[person_id] |= {code, *covers[code]}
    return found


def rules_asked(person_id: int) -> set[str]:
    """Rules whose duties this person has or has had, but for what does not apply to them."""
    found = Duty.objects.filter(person_id=person_id).exclude(state=DutyState.NOT_APPLICABLE)
    return set(found.order_by().values_list("rule_id", flat=True))


# Organisations and staff


def organisation_name(code: str) -> str:
    if code == NOBODY:
        return "Nobody"
    return accounts.organisation_names().get(code, code)


def assignable(actor: Actor) -> list[tuple[int, str]]:
    """Who the actor may name: (user, name), each once."""
    found: dict[int, str] = {}
    for membership in accounts.colleagues(actor, clock.today()):
        found.setdefault(membership.user_id, membership.user.display_name)
    return list(found.items())


# Duties


def duties_with_people(ids: Collection[int]) -> list[Duty]:
    """Duties by key with all that a list shows of them, by person and due date."""
    rows = Duty.objects.filter(pk__in=list(ids)).select_related("person", "assigned_to", "acknowledged_by", "offer")
    return list(rows.order_by("person__search_name", "person_id", "due_on", "title", "pk"))


def person_of_duty(duty_id: int) -> int | None:
    return Duty.objects.filter(pk=duty_id).values_list("person_id", flat=True).first()


def answers_with(person_id: int, kind: str, subject: str, why: str) -> list[int]:
    """Keys of answers with these words to duties of a kind about a subject, of those that stand."""
    found = DutyEvent.objects.filter(duty__person_id=person_id, duty__kind=kind, duty__subject=subject, kind=EventKind.ANSWERED, why=why)
    return list(found.filter(superseded_by__isnull=True).order_by("pk").values_list("pk", flat=True))


def duty_row(duty_id: int) -> Duty | None:
    return Duty.objects.select_related("person", "assigned_to", "acknowledged_by", "offer").filter(pk=duty_id).first()


@once
def open_duties_of(person_id: int) -> list[Duty]:
    rows = Duty.objects.filter(person_id=person_id, state=DutyState.OPEN).select_related("assigned_to", "acknowledged_by", "offer")
    return list(rows.order_by("due_on", "title", "subject", "id"))


def closed_duties_of(person_id: int, on: date, limit: int = 12) -> list[Duty]:
    """Lately closed, the newest first."""
    rows = Duty.objects.filter(person_id=person_id, closed_as_of__gte=on - RECENT).exclude(state=DutyState.OPEN)
    return list(rows.order_by("-closed_as_of", "-ended_on", "title", "id")[:limit])


def instances_of(duty: Duty) -> list[Duty]:
    """Every time this duty was owed, the newest first."""
    rows = Duty.objects.filter(person_id=duty.person_id, rule_id=duty.rule_id, subject=duty.subject, point=duty.point)
    return list(rows.order_by("-instance"))


def events_of(duties: Iterable[Duty]) -> list[DutyEvent]:
    rows = DutyEvent.objects.filter(duty__in=list(duties)).select_related("by", "duty")
    return list(rows.order_by("-id"))


def event_row(event_id: int) -> DutyEvent | None:
    return DutyEvent.objects.select_related("duty", "by").filter(pk=event_id).first()


def tests_to_record(person_id: int, asked: Collection[str], *, by: date) -> list[known.Test]:
    """Tests a form asks for: those asked for that some open duty waits for, else all that are due by a day; with each what comes
    with it (a diastolic pressure with the systolic)."""
    duties = [duty for duty in open_duties_of(person_id) if duty.test]
    keys = {duty.test for duty in duties if duty.test in asked} or {d.test for d in duties if d.due_on is not None and d.due_on <= by}
    keys = keys or {duty.test for duty in duties}
    keys |= {other for key in keys if (test := known.test(key)) is not None for other in test.also}
    found = [test for test in (known.test(key) for key in keys) if test is not None and test.takes_result]
    return sorted(found, key=lambda test: (test.unit is None, test.sample, test.label))


def tests_named(keys: Iterable[str]) -> list[known.Test]:
    """Tests by key in their order, those that take a result."""
    found = (known.test(key) for key in dict.fromkeys(keys))
    return [test for test in found if test is not None and test.takes_result]


def undone_events(events: Iterable[DutyEvent]) -> set[int]:
    ids = [event.pk for event in events]
    return {pk for pk in DutyEvent.objects.filter(supersedes_id__in=ids).values_list("supersedes_id", flat=True) if pk}


# What a page has seen, and what came later


def events_after(duty: Duty, revision: int) -> list[DutyEvent]:
    """The events of a duty that a page of this revision has not seen, the oldest first; never none."""
    events = duty.events.select_related("by").order_by("id")
    later = list(events[revision:]) if 0 <= revision < duty.revision else []
    return later or list(events.reverse()[:1])


def duties_about(person_id: int, tests: Collection[str]) -> QuerySet[Duty]:
    """Every instance of a person's duties that a result of one of these tests may bear on."""
    return Duty.objects.filter(person_id=person_id, test__in=list(tests))


def duties_offered(offered: Handover) -> QuerySet[Duty]:
    """What an offer is about, and the duty that it was made from."""
    return Duty.objects.filter(Q(offer=offered) | Q(pk=offered.duty_id))


def last_event(duties: QuerySet[Duty]) -> int:
    """The last thing that happened to any of these duties: what a form about several has seen."""
    return DutyEvent.objects.filter(duty__in=duties).aggregate(last=Max("id"))["last"] or 0


def later_events(duties: QuerySet[Duty], seen: int | None) -> list[DutyEvent]:
    """What happened to these duties after `seen`, the oldest first; none when no page was seen."""
    if seen is None:
        return []
    return list(DutyEvent.objects.filter(duty__in=duties, pk__gt=seen).select_related("by", "duty").order_by("id"))


# Hand-overs


def handover_row(handover_id: int) -> Handover | None:
    found = Handover.objects.select_related("person", "duty", "offered_by", "answered_by")
    return found.filter(pk=handover_id).first()


def _offers() -> QuerySet[Handover]:
    """Offers with something left to hand over: a duty that was closed takes its offer with it."""
    waits = Exists(Duty.objects.filter(offer=OuterRef("pk"), state=DutyState.OPEN))
    found = Handover.objects.filter(Q(state=HandoverState.OPEN) & (Q(scope=HandoverScope.MEDICINE) | waits))
    return found.select_related("person", "duty", "offered_by", "answered_by")


def open_offers_of(person_id: int, organisations: Collection[str]) -> list[Handover]:
    """Offers about a person that wait for an answer from or to these organisations."""
    if not traces.any_of(Handover, person_id):
        return []
    mine = Q(to_org__in=list(organisations)) | Q(from_org__in=list(organisations))
    return list(_offers().filter(mine, person_id=person_id).order_by("answer_by", "id"))


def offers_for(actor: Actor, *, ours: bool) -> list[Handover]:
    """Open offers by (`ours`) or to the actor's organisations about people they may open, the longest waiting first."""
    side = {"from_org__in": actor.organisations} if ours else {"to_org__in": actor.organisations}
    found = _offers().filter(**side, person_id__in=visible_ids(actor, clock.today()))
    return list(found.order_by("answer_by", "id")[:OFFERS_SHOWN])


def answered_for(actor: Actor, on: date) -> list[Handover]:
    """Offers by or to the actor's organisations that were answered lately, the newest first."""
    mine = Q(to_org__in=actor.organisations) | Q(from_org__in=actor.organisations)
    found = Handover.objects.filter(mine, answered_at__date__gte=on - ANSWERED_KEPT, person_id__in=visible_ids(actor, on))
    return list(found.exclude(state=HandoverState.OPEN).select_related("person", "duty", "answered_by").order_by("-answered_at")[:50])


def silent_offers(actor: Actor, on: date) -> int:
    """How many offers by the actor's organisations had no answer in time."""
    found = _offers().filter(from_org__in=actor.organisations, answer_by__lt=on)
    return found.filter(person_id__in=visible_ids(actor, on)).count()


def bulk_act_of(actor: Actor, bulk_id: int) -> BulkAct | None:
    """An act on many duties, for whoever did it."""
    return BulkAct.objects.filter(pk=bulk_id, by_id=actor.user_id, org_code=actor.organisation).first()


def pending_since(person_id: int) -> PendingEvaluation | None:
    if not traces.any_of(PendingEvaluation, person_id):
        return None
    return PendingEvaluation.objects.filter(person_id=person_id).first()


# Knowledge pack and how old the data is


def approval_for(organisations: Collection[str]) -> PackApproval | None:
    """The approval of the pack now in use by one of these organisations."""
    pack, version = known.pack()
    rows = PackApproval.objects.filter(org_code__in=list(organisations), pack=pack, version=version)
    return rows.order_by("approved_on").first()


def is_pending(organisations: Collection[str]) -> bool:
    """Whether figures that were not read in their sources still need the approval of these organisations."""
    return approval_for(organisations) is None


def approvals_of(organisation: str) -> list[PackApproval]:
    return list(PackApproval.objects.filter(org_code=organisation).order_by("-approved_on", "-id"))


def stamp(actor: Actor) -> Stamp | None:
    """How old what this actor sees is."""
    last = Evaluation.objects.filter(finished_at__isnull=False).order_by("-id").first()
    if last is None:
        return None
    approval = approval_for(actor.organisations)
    words = f"approved by {organisation_name(approval.org_code)}" if approval else "not yet approved here"
    return Stamp(as_at=last.started_at, as_of=last.as_of, pack=last.pack, pack_version=last.pack_version, approval=words)
