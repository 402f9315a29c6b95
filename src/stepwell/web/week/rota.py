"""The rota as it holds: hours a day by role and by colleague, what a usual week is, and minutes of a task here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from stepwell.web.core.nations import calendar_of
from stepwell.web.week.days import bank_holidays, days_of, sunday_of
from stepwell.web.week.models import MinutesSetting, RotaEntry
from stepwell.web.week.plan import DAYS, WEEK, Pool, Rota, monday_of
from stepwell.web.week.tasks import Task, pack_tasks, task

# How far back a week is looked for that says what is usual, and how far ahead weeks may be entered.
LOOK_BACK, LOOK_AHEAD = 26 * WEEK, 52 * WEEK


@dataclass(frozen=True, slots=True)
class Cell:
    """Whose minutes of one day: a role's, or a colleague's in that role."""

    day: date
    role: str
    user_id: int | None = None


def entries(org_code: str, first: date, last: date) -> dict[Cell, int]:
    """What holds for each cell of these days that was ever entered, in minutes."""
    rows = RotaEntry.objects.filter(org_code=org_code, day__range=(first, last)).order_by("id")
    return {Cell(day, role, user_id): minutes for day, role, user_id, minutes in rows.values_list("day", "role", "user_id", "minutes")}


def last_entry(org_code: str, monday: date, *, lock: bool = False) -> int:
    """Id of the newest row about a week, 0 without one: what a form must have seen. `lock` it while hours are written."""
    rows = RotaEntry.objects.filter(org_code=org_code, day__range=(monday, sunday_of(monday)))
    if lock:
        rows = rows.select_for_update()
    newest = rows.order_by("-id").first()
    return newest.pk if newest else 0


def entries_since(org_code: str, monday: date, entry_id: int) -> list[RotaEntry]:
    rows = RotaEntry.objects.filter(org_code=org_code, day__range=(monday, sunday_of(monday)), pk__gt=entry_id)
    return list(rows.select_related("by", "user").order_by("id"))


@dataclass(frozen=True, slots=True)
class Known:
    """Hours of one organisation around a week. `weeks`: of each week that was entered, seven days of minutes by role; `usual_week`: the
    Monday of the week that says what is usual, None where none was entered."""

    org_code: str
    weeks: Mapping[date, Mapping[str, list[int]]]
    usual_week: date | None

    @property
    def usual(self) -> Mapping[str, list[int]]:
        return self.weeks[self.usual_week] if self.usual_week else {}

    @property
    def roles(self) -> set[str]:
        return {role for week in self.weeks.values() for role, minutes in week.items() if any(minutes)}


def known_hours(org_code: str, monday: date) -> Known:
    """The usual week is the latest one entered, up to the week shown, without a bank holiday; else the latest one."""
    cells = entries(org_code, monday - LOOK_BACK, monday + LOOK_AHEAD)
    weeks: dict[date, dict[str, list[int]]] = {}
    for cell, minutes in cells.items():
        week = weeks.setdefault(monday_of(cell.day), {})
        week.setdefault(cell.role, [0] * DAYS)[cell.day.weekday()] += minutes
    past = sorted(week for week in weeks if week <= monday)
    calendar = calendar_of(org_code)
    plain = [week for week in past if not calendar.holidays(week, sunday_of(week))]
    best = plain or past
    return Known(org_code, weeks, best[-1] if best else None)


def rota_for(known: Iterable[Known], monday: date, today: date) -> Rota:
    """What is left of the week from `today` on, the usual week, and later weeks that were entered, by pool."""
    days: dict[Pool, dict[date, int]] = {}
    usual: dict[Pool, list[int]] = {}
    entered: dict[date, dict[Pool, list[int]]] = defaultdict(dict)
    told = list(known)
    closed_at = {each.org_code: frozenset(bank_holidays(each.org_code, monday, monday + LOOK_AHEAD)) for each in told}
    for each in told:
        closed = closed_at[each.org_code]
        for role, minutes in each.usual.items():
            usual[Pool(each.org_code, role)] = minutes
        for role in each.roles:
            pool = Pool(each.org_code, role)
            if monday in each.weeks:
                hours = each.weeks[monday].get(role, [0] * DAYS)
            else:
                hours = [0 if day in closed else m for day, m in zip(days_of(monday), each.usual.get(role, [0] * DAYS), strict=True)]
            days[pool] = {day: m for day, m in zip(days_of(monday), hours, strict=True) if day >= today}
    later = sorted({week for each in told for week in each.weeks if week > monday})
    for week in later:
        for each in told:
            closed = closed_at[each.org_code]
            for role in each.roles:
                pool = Pool(each.org_code, role)
                if week in each.weeks:
                    entered[week][pool] = each.weeks[week].get(role, [0] * DAYS)
                else:
                    as_usual = each.usual.get(role, [0] * DAYS)
                    entered[week][pool] = [0 if day in closed else m for day, m in zip(days_of(week), as_usual, strict=True)]
    # Further ahead a week counts as usual but for the days on which all of them are closed.
    shut = frozenset.intersection(*closed_at.values()) if closed_at else frozenset()
    return Rota(days, usual, dict(entered), shut)


# Minutes of a task here


def settings_of(org_codes: Collection[str]) -> dict[tuple[str, str], MinutesSetting]:
    """(organisation, task) → what holds there; without one the pack's figure holds."""
    rows = MinutesSetting.objects.filter(org_code__in=list(org_codes)).select_related("by").order_by("id")
    latest = {(row.org_code, row.task): row for row in rows}
    return {key: row for key, row in latest.items() if row.minutes is not None}


def tasks_at(org_codes: Collection[str]) -> dict[tuple[str, str], Task]:
    """(organisation, task) → the task as it is done there."""
    local = settings_of(org_codes)
    return {(org, key): _here(each, local.get((org, key))) for org in org_codes for key, each in pack_tasks().items()}


def _here(each: Task, setting: MinutesSetting | None) -> Task:
    if setting is None or setting.minutes is None:
        return each
    return replace(each, minutes=setting.minutes, role=setting.role or each.role)


def settings_history(org_code: str, key: str) -> list[MinutesSetting]:
    return list(MinutesSetting.objects.filter(org_code=org_code, task=key).select_related("by").order_by("-id"))


def task_here(org_code: str, key: str) -> Task:
    return tasks_at([org_code]).get((org_code, key)) or task(key)
