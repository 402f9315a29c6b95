"""Reads for the week: open duties as pieces of work, whose hours do them, and what a person decided about them.

The database sums duties up to pieces; only pieces are read, so that a list over tens of thousands of people stays quick.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from django.db.models import Count, F, Max, Min, Q, QuerySet
from django.db.models.functions import Coalesce, TruncWeek

from stepwell.web.accounts import selectors as accounts
from stepwell.web.core.actor import Actor
from stepwell.web.ledger.models import Duty, DutyState, PersonRecord
from stepwell.web.ledger.selectors import visible_ids
from stepwell.web.privacy import restrict
from stepwell.web.week.days import sunday_of
from stepwell.web.week.models import Arrangement, ArrangementKind
from stepwell.web.week.plan import WEEK, Coming, Key, Placed, Plan, Pool, Work, plan
from stepwell.web.week.rota import Known, known_hours, rota_for, tasks_at
from stepwell.web.week.tasks import DUTY, rota_role, share_expression, share_of, task, task_expression, task_of

# Duties that fall due later than this do not yet compete for the weeks to come.
COMING = 52 * WEEK


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose week: `orgs` are the owners of the duties; `places` are the organisations whose rotas do them."""

    actor: Actor
    monday: date
    today: date
    orgs: tuple[str, ...]

    @property
    def places(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.orgs, self.actor.organisation)))


def open_duties(asked: Asked) -> QuerySet[Duty]:
    """Open duties of these organisations, of people whom the actor may open."""
    found = Duty.objects.filter(state=DutyState.OPEN, owner_org__in=asked.orgs, person_id__in=visible_ids(asked.actor, asked.today))
    return restrict.duties(asked.actor, found)


def _due_by(last: date) -> Q:
    """A duty without a date is due at once."""
    return Q(due_on__lte=last) | Q(due_on__isnull=True)


def _pieces(duties: QuerySet[Duty]) -> Iterable[tuple[Any, ...]]:
    """Duties summed up to pieces by role: person, owner, role, task, share, number, earliest due, first day to be shown,
    highest priority, points."""
    by_piece = duties.annotate(task=task_expression()).annotate(share=share_expression()).order_by()
    found = by_piece.values("person_id", "owner_org", "owner_role", "task", "share").annotate(
        n=Count("id"),
        due=Min(Coalesce("due_on", "opened_as_of")),
        shown=Min(Coalesce("shown_from", "opened_as_of")),
        high=Max("priority"),
        points=Max("person__points"),
    )
    return found.values_list(
        "person_id", "owner_org", "owner_role", "task", "share", "n", "due", "shown", "high", "points"
    ).iterator(chunk_size=5000)  # fmt: skip


class _Pools:
    """Whose hours do a piece: the owner's own where its rota has the role, else those of the organisation that covers it."""

    def __init__(self, asked: Asked, known: Mapping[str, Known]) -> None:
        self._asked, self._known = asked, known
        self._kinds = {code: (row.kind if (row := accounts.organisation(code)) else "") for code in asked.orgs}
        self._tasks = tasks_at(asked.orgs)
        self._found: dict[tuple[str, str, str], Pool] = {}

    def minutes(self, org: str, key: str) -> int:
        return self._tasks[org, key].minutes

    def of(self, org: str, owner_role: str, key: str) -> Pool:
        place = (org, owner_role, key)
        if place not in self._found:
            self._found[place] = self._pool(org, self._tasks[org, key].role or owner_role)
        return self._found[place]

    def _pool(self, org: str, role: str) -> Pool:
        role = rota_role(self._kinds.get(org, ""), role)
        own, cover = self._known.get(org), self._asked.actor.organisation
        covers = org in self._asked.actor.covered and role in self._known[cover].roles
        return Pool(cover if covers and (own is None or role not in own.roles) else org, role)


def _work(rows: Iterable[tuple[Any, ...]], pools: _Pools, today: date) -> dict[Key, Work]:
    """Pieces by key; a visit whose duties name several roles is one piece, of the role of its most urgent duty."""
    found: dict[Key, Work] = {}
    for person_id, org, role, key, share, number, due, shown, high, points in rows:
        piece = Work(
            person_id, org, key, share, pools.of(org, role, key), pools.minutes(org, key), number, points, high, due,
            shown if shown > today else None,
        )  # fmt: skip
        other = found.get(piece.key)
        found[piece.key] = piece if other is None else _merged(piece, other)
    return found


def _merged(one: Work, other: Work) -> Work:
    first = min(one, other, key=lambda each: (-each.priority, each.due_on, each.pool.role))
    waits = None if one.not_before is None or other.not_before is None else min(one.not_before, other.not_before)
    return replace(
        first,
        duties=one.duties + other.duties,
        priority=max(one.priority, other.priority),
        due_on=min(one.due_on, other.due_on),
        not_before=waits,
    )


def _coming(asked: Asked, pools: _Pools) -> list[Coming]:
    """What falls due in the weeks after, in numbers: it takes its place in them."""
    last = sunday_of(asked.monday)
    later = open_duties(asked).filter(due_on__gt=last, due_on__lte=last + COMING)
    alike = later.annotate(task=task_expression(), week=TruncWeek("due_on"), points=F("person__points")).order_by()
    rows = alike.values("owner_org", "owner_role", "task", "week", "points").annotate(
        n=Count("id"), people=Count("person_id", distinct=True)
    )
    return [
        Coming(pools.of(org, role, key), pools.minutes(org, key), number if task(key).once == DUTY else people, points, week)
        for org, role, key, week, points, number, people in rows.values_list(
            "owner_org", "owner_role", "task", "week", "points", "n", "people"
        )
    ]


def arrangements(asked: Asked) -> dict[Key, Arrangement]:
    """What people decided that bears on this week: of each piece the latest decision, when it is about this week or a later one."""
    rows = Arrangement.objects.filter(org_code__in=asked.orgs, week__gte=asked.monday - COMING, undone_by__isnull=True)
    rows = rows.exclude(kind=ArrangementKind.UNDONE).select_related("by").order_by("id")
    latest = {(row.person_id, row.org_code, row.task, row.share): row for row in rows}
    return {key: row for key, row in latest.items() if _bears(row, asked.monday)}


def _bears(row: Arrangement, monday: date) -> bool:
    if row.kind == ArrangementKind.TAKE:
        return row.week == monday
    return row.until is not None and row.until > monday


def _holds(row: Arrangement, duties: Collection[Duty]) -> bool:
    """A piece is put off only with the duties it was decided about: one that fell due since is not hidden with them."""
    now, then = {duty.pk for duty in duties}, set(row.duties)
    return bool(now & then) if row.kind == ArrangementKind.TAKE else bool(now) and now <= then


@dataclass(frozen=True, slots=True)
class Week:
    asked: Asked
    plan: Plan
    decided: Mapping[Key, Arrangement]
    known: Mapping[str, Known]

    @property
    def entered(self) -> bool:
        """Whether somebody entered this week's hours at any of the places."""
        return any(self.asked.monday in each.weeks for each in self.known.values())


def week_for(asked: Asked) -> Week:
    """The week's plan: every open duty that is due by its Sunday, as pieces of work, each with its day or its later week."""
    known = {code: known_hours(code, asked.monday) for code in asked.places}
    pools = _Pools(asked, known)
    work = _work(_pieces(open_duties(asked).filter(_due_by(sunday_of(asked.monday)))), pools, asked.today)
    decided = {key: row for key, row in arrangements(asked).items() if key in work}
    duties = duties_of(asked, decided)
    decided = {key: row for key, row in decided.items() if _holds(row, duties.get(key, []))}
    for key, row in decided.items():
        work[key] = _arranged(work[key], row)
    rota = rota_for(known.values(), asked.monday, asked.today)
    return Week(asked, plan(work.values(), rota, asked.monday, arriving=_coming(asked, pools)), decided, known)


def _arranged(piece: Work, row: Arrangement) -> Work:
    if row.kind == ArrangementKind.TAKE:
        return replace(piece, taken=True, not_before=None)
    return replace(piece, not_before=row.until)


def duties_of(asked: Asked, keys: Collection[Key]) -> dict[Key, list[Duty]]:
    """The duties behind pieces of work, the most urgent first."""
    wanted = set(keys)
    if not wanted:
        return {}
    rows = open_duties(asked).filter(_due_by(sunday_of(asked.monday)), person_id__in={key[0] for key in wanted})
    found: dict[Key, list[Duty]] = {}
    for duty in rows.select_related("assigned_to").order_by("-priority", "due_on", "title", "subject", "id"):
        key = key_of(duty)
        if key in wanted:
            found.setdefault(key, []).append(duty)
    return found


def key_of(duty: Duty) -> Key:
    key = task_of(duty.rule_id)
    return (duty.person_id, duty.owner_org, key, share_of(key, duty.test, duty.pk))


def minutes_of(duties: Iterable[Duty]) -> dict[int, int]:
    """Minutes of each duty by its key, as its owner reckons them; what one visit or check settles together counts with the first."""
    rows = list(duties)
    tasks = tasks_at({duty.owner_org for duty in rows})
    counted: set[Key] = set()
    found: dict[int, int] = {}
    for duty in rows:
        key = key_of(duty)
        found[duty.pk] = 0 if key in counted else tasks[duty.owner_org, key[2]].minutes
        counted.add(key)
    return found


def people_of(actor: Actor, placed: Iterable[Placed]) -> dict[int, PersonRecord]:
    """Who they are, without what is sensitive and not the actor's to see. Never save such a record."""
    found = PersonRecord.objects.in_bulk({each.work.person_id for each in placed})
    restrict.cut_for(actor, list(found.values()))
    return found


def arrangement_in_force(arrangement_id: int) -> Arrangement | None:
    """A decision that nobody has taken back."""
    rows = Arrangement.objects.filter(pk=arrangement_id, undone_by__isnull=True).exclude(kind=ArrangementKind.UNDONE)
    return rows.select_related("by", "person").first()
