"""Services as they work now, and who is on duty: reads that pages and verbs share."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from stepwell.web.accounts import selectors as accounts
from stepwell.web.accounts.roles import role, roles
from stepwell.web.advice.hours import Clock, holidays_of
from stepwell.web.advice.models import AdviceService, DutyDay, ServiceTerms
from stepwell.web.core.nations import nation_of
from stepwell.web.core.permissions import Permission


@dataclass(frozen=True, slots=True)
class Desk:
    """A service as its latest terms say. `version` is the row of these terms."""

    id: int
    org_code: str
    organisation: str
    name: str
    role: str
    phone: str
    clock: Clock
    fallback_id: int | None
    fallback_words: str
    closed: bool
    version: int

    @property
    def full_name(self) -> str:
        """`Psychiatrist of the day, Northside CMHT`"""
        return f"{self.name}, {self.organisation}"

    @property
    def role_label(self) -> str:
        return roles()[self.role].label if self.role in roles() else self.role

    @property
    def promise(self) -> str:
        """`Answers within 4 working hours: Mon to Fri 09:00 to 17:00, not on bank holidays.`"""
        return f"Answers within {self.clock.promise}: {self.clock.words}."


def desks(ids: Collection[int] | None = None) -> dict[int, Desk]:
    """Services by key, by name of service and organisation; `ids` None: all of them."""
    rows = ServiceTerms.objects.select_related("service").order_by("id")
    if ids is not None:
        rows = rows.filter(service_id__in=list(ids))
    latest = {row.service_id: row for row in rows}
    names = accounts.organisation_names()
    found = [_desk(row, names) for row in latest.values()]
    return {desk.id: desk for desk in sorted(found, key=lambda desk: (desk.name.lower(), desk.organisation.lower(), desk.id))}


def desk(service_id: int) -> Desk | None:
    return desks([service_id]).get(service_id)


def desks_at(organisations: Collection[str]) -> list[Desk]:
    """The services of these organisations."""
    ids = list(AdviceService.objects.filter(org_code__in=list(organisations)).values_list("pk", flat=True))
    return list(desks(ids).values()) if ids else []


def _desk(row: ServiceTerms, names: Mapping[str, str]) -> Desk:
    code = row.service.org_code
    return Desk(
        row.service_id, code, names.get(code, code), row.name, row.role, row.phone, clock_of(row), row.fallback_id, row.fallback_words,
        row.closed, row.pk,
    )  # fmt: skip


def clock_of(row: ServiceTerms) -> Clock:
    return Clock(
        row.unit, row.amount, frozenset(int(digit) for digit in row.weekdays), row.opens, row.closes, row.on_holidays,
        holidays_of(nation_of(row.service.org_code)),
    )  # fmt: skip


# Who is on duty


def on_duty(service_ids: Iterable[int], first: date, last: date) -> dict[tuple[int, date], str]:
    """Who is named for each day of each service; a day without anybody is not there."""
    rows = _named(service_ids, first, last)
    return {key: row.user.display_name for key, row in rows.items() if row.user is not None}


def named_ids(service_id: int, first: date, last: date) -> dict[date, int]:
    """The same of one service as keys of colleagues, for the form."""
    return {day: row.user_id for (_, day), row in _named([service_id], first, last).items() if row.user_id is not None}


def _named(service_ids: Iterable[int], first: date, last: date) -> dict[tuple[int, date], DutyDay]:
    rows = DutyDay.objects.filter(service_id__in=list(service_ids), day__gte=first, day__lte=last).select_related("user")
    return {(row.service_id, row.day): row for row in rows.order_by("id")}


def last_change(service_id: int, first: date, last: date) -> int:
    """The newest row about these days: what a form has seen."""
    rows = DutyDay.objects.filter(service_id=service_id, day__gte=first, day__lte=last)
    return rows.order_by("-id").values_list("pk", flat=True).first() or 0


def changes_since(service_id: int, first: date, last: date, seen: int) -> list[DutyDay]:
    rows = DutyDay.objects.filter(service_id=service_id, day__gte=first, day__lte=last, pk__gt=seen)
    return list(rows.select_related("by", "user").order_by("id"))


def people_of(desk: Desk, on: date) -> list[tuple[int, str]]:
    """Who may be named for a service: staff of its organisation whose role answers, by name."""
    staff = (row for row in accounts.staff_ever(desk.org_code) if row.from_on <= on and (row.to_on is None or on < row.to_on))
    able = (row for row in staff if row.user.is_active and Permission.ANSWER_ADVICE in role(row.role).may)
    return list({row.user_id: row.user.display_name for row in able}.items())


@dataclass(frozen=True, slots=True)
class Cover:
    """What a service can promise to somebody who asks now: who is on duty on the day it is received, and by when it answers.

    `instead`: what is done when nobody is on duty, empty when somebody is."""

    desk: Desk
    day: date
    person: str
    due: datetime
    instead: str

    @property
    def is_gap(self) -> bool:
        return not self.person


def cover_of(found: Collection[Desk], moment: datetime, all_desks: Mapping[int, Desk]) -> list[Cover]:
    """For each service who would receive a question asked at this moment."""
    days = {each.id: each.clock.received(moment) for each in found}
    if not days:
        return []
    names = on_duty(days, min(days.values()), max(days.values()))
    return [_cover(each, days[each.id], names.get((each.id, days[each.id]), ""), moment, all_desks) for each in found]


def _cover(each: Desk, day: date, person: str, moment: datetime, all_desks: Mapping[int, Desk]) -> Cover:
    instead = ""
    if not person:
        other = all_desks.get(each.fallback_id) if each.fallback_id is not None else None
        named = f"{other.full_name}" + (f", {other.phone}" if other is not None and other.phone else "") if other is not None else ""
        instead = "; ".join(part for part in (each.fallback_words, named) if part)
    return Cover(each, day, person, each.clock.due(moment), instead)


@dataclass(frozen=True, slots=True)
class RotaDay:
    """A day of a service's rota; `person` empty and `is_open`: a gap."""

    day: date
    is_open: bool
    person: str

    @property
    def is_gap(self) -> bool:
        return self.is_open and not self.person


def days_ahead(desk: Desk, first: date, days: int) -> list[RotaDay]:
    names = on_duty([desk.id], first, first + timedelta(days=days - 1))
    dates = (first + timedelta(days=number) for number in range(days))
    return [RotaDay(day, desk.clock.is_open_on(day), names.get((desk.id, day), "")) for day in dates]
