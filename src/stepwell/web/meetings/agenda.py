"""Who the ledger brings on the agenda of a meeting, and why: each line says it. The agenda is cut to the meeting's length; who does
not fit is carried to the next meeting by name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar

from django.db.models import Q

from stepwell.web.accounts import selectors as accounts
from stepwell.web.core.access import RelationshipKind
from stepwell.web.core.formatting import clinician, count
from stepwell.web.ledger import known
from stepwell.web.ledger.models import Duty, DutyState, PersonRecord, Relationship
from stepwell.web.meetings import standing
from stepwell.web.transfers import selectors as transfers
from stepwell.web.transfers.models import State as TransferState

RULE = "asked.meeting"
NOBODY = "nobody"
RETURN = "Rapid return asked for"
Reason = tuple[str, str]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Place:
    """Somebody whom the ledger brings on the agenda."""

    person_id: int
    reasons: tuple[Reason, ...]
    points: int


def capacity(minutes: int) -> int:
    """How many people a meeting of so many minutes has time for; at least one."""
    return max(1, minutes // known.parameter("meeting_person_minutes"))


def order(reasons: Iterable[Sequence[str]], points: int, name: str) -> tuple[int, int, str]:
    """The first reason decides, then the priority points, then the name."""
    ranks = standing.ranks()
    return min((ranks.get(reason[0], len(ranks)) for reason in reasons), default=len(ranks)), -points, name


def fits(rows: Sequence[_T], minutes: int) -> tuple[list[_T], list[_T]]:
    """Those there is time for, and the others; nobody is in neither."""
    most = capacity(minutes)
    return list(rows[:most]), list(rows[most:])


def scope(org_code: str, with_orgs: Sequence[str], on: date) -> list[int]:
    """People of the organisation that holds the meeting whom one of those that come knows too; all of them when nobody comes."""
    own = _related(accounts.with_parts([org_code], on), on)
    if not with_orgs:
        return sorted(own)
    return sorted(own & _related([code for other in with_orgs for code in accounts.with_parts([other], on)], on))


def _related(codes: Collection[str], on: date) -> set[int]:
    in_force = (Q(from_on__isnull=True) | Q(from_on__lte=on)) & (Q(to_on__isnull=True) | Q(to_on__gt=on))
    return set(Relationship.objects.filter(in_force, org_code__in=list(codes)).values_list("person_id", flat=True))


def places(org_code: str, with_orgs: Sequence[str], on: date, *, since: date | None) -> list[Place]:
    """Everybody of the scope whom a reason brings, in the order of the agenda. `since`: the day of the last meeting."""
    ids = scope(org_code, with_orgs, on)
    people = {row.person_id: row for row in PersonRecord.objects.filter(person_id__in=ids, death_date__isnull=True)}
    found: dict[int, list[Reason]] = {person_id: [] for person_id in people}
    for kind, rows in (("transfer", _transfers(people, on)), ("new", _new(people, org_code, with_orgs, on, since))):
        for person_id, words in rows.items():
            # A rapid return is told by the transfer it belongs to.
            found[person_id].append(("return" if words.startswith(RETURN) else kind, words))
    for person_id, reasons in _owed(people, on).items():
        found[person_id] += reasons
    for person_id, person in people.items():
        if person.points >= known.parameter("meeting_points"):
            labels = ", ".join(row["label"] for row in person.reasons[:3])
            found[person_id].append(("complex", f"{count(person.points, 'priority point')}: {labels}"))
    brought = [Place(person_id, _sorted(reasons), people[person_id].points) for person_id, reasons in found.items() if reasons]
    return sorted(brought, key=lambda place: order(place.reasons, place.points, people[place.person_id].search_name))


def _sorted(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    ranks = standing.ranks()
    return tuple(sorted(reasons, key=lambda reason: ranks.get(reason[0], len(ranks))))


def _transfers(people: Mapping[int, PersonRecord], on: date) -> dict[int, str]:
    found: dict[int, str] = {}
    for person_id, rows in transfers.open_of_people(list(people)).items():
        row = rows[0]
        if row.state == TransferState.RETURN_ASKED:
            found[person_id] = f"{RETURN}, answer due {clinician.date(row.return_by)}"
        elif row.state == TransferState.PROPOSED:
            found[person_id] = f"Step-down proposed, answer due {clinician.date(row.answer_by)}"
        elif row.state == TransferState.AGREED:
            found[person_id] = f"Step-down planned for {clinician.date(row.planned_on)}"
    return found


def _new(
    people: Mapping[int, PersonRecord], org_code: str, with_orgs: Sequence[str], on: date, since: date | None
) -> dict[int, str]:  # fmt: skip
    first = max(since or date.min, on - timedelta(days=known.parameter("meeting_new_days")))
    kinds = (RelationshipKind.CASELOAD, RelationshipKind.REGISTRATION)
    rows = Relationship.objects.filter(
        person_id__in=list(people), kind__in=kinds, org_code__in=[org_code, *with_orgs], from_on__gt=first, from_on__lte=on
    )
    names = accounts.organisation_names()
    return {
        person_id: f"{RelationshipKind(kind).words} {names.get(code, code)} since {clinician.date(from_on)}"
        for person_id, kind, code, from_on in rows.values_list("person_id", "kind", "org_code", "from_on")
    }


def _owed(people: Mapping[int, PersonRecord], on: date) -> dict[int, list[Reason]]:
    """Nobody's duties, actions of earlier meetings that are overdue, transfer reviews that are overdue, and what else is overdue
    for long."""
    late = on - timedelta(days=known.parameter("meeting_overdue_days"))
    due = Q(due_on__lte=on) | Q(rule_id__in=standing.asked_rules(), due_on__isnull=False)
    rows = Duty.objects.filter(due, person_id__in=list(people), state=DutyState.OPEN).order_by("due_on", "title")
    told: dict[int, dict[str, list[str]]] = {}
    columns = ("person_id", "rule_id", "point", "title", "owner_org", "due_on")
    for person_id, rule_id, point, title, owner, due_on in rows.values_list(*columns):
        kind = _kind(rule_id, point, owner, waits=due_on is None or due_on > on, late=due_on is not None and due_on < late)
        if kind:
            told.setdefault(person_id, {}).setdefault(kind, []).append(f"{title}, due {clinician.date(due_on)}")
    return {
        person_id: [(kind, words[0] if len(words) == 1 else f"{words[0]} and {len(words) - 1} more") for kind, words in kinds.items()]
        for person_id, kinds in told.items()
    }


def _kind(rule_id: str, point: str, owner: str, *, waits: bool, late: bool) -> str:
    """Which reason an open duty is; empty for one that brings nobody on the agenda."""
    if asked := standing.asked(rule_id, point):
        return asked
    if waits:
        return ""
    if owner == NOBODY:
        return "nobody"
    return {RULE: "action", transfers.RULE: "transfer"}.get(rule_id, "overdue" if late else "")
