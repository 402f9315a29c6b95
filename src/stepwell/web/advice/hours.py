"""The clock of an advice service: which days and hours it works, and by when a question is to be answered.

Pure arithmetic. A question that comes outside the hours is received when the service next opens (ruling 3: on a day without work or
after closing it counts as the next working day, and that day is day 0). Bank holidays are those of the organisation's nation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from stepwell.clinical.working_days import Calendar
from stepwell.web.core.formatting import UK, count

HOURS, DAYS = "hours", "days"
WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WEEKEND = 5
_DAY = timedelta(days=1)
# No service is closed for longer: a clock that finds no open day in so many is a service that never opens.
_LOOK_AHEAD = 60

IsHoliday = Callable[[date], bool]


class NeverOpen(Exception):
    """A clock was asked of a service that has no open day within two months."""


def holidays_of(nation: str) -> IsHoliday:
    """Whether a weekday is a bank holiday in a nation (ENG, WLS, SCT, NIR). Of weekends nothing is told: who opens then says so."""
    calendar = Calendar(nation)
    return lambda day: day.weekday() < _WEEKEND and not calendar.is_working(day)


@dataclass(frozen=True, slots=True)
class Clock:
    """`amount` of `unit` (working hours or working days) to answer; `weekdays` are 0 (Monday) to 6; `opens` and `closes` are UK
    times; `on_holidays`: it works on bank holidays too."""

    unit: str
    amount: int
    weekdays: frozenset[int]
    opens: time
    closes: time
    on_holidays: bool
    is_holiday: IsHoliday

    def is_open_on(self, day: date) -> bool:
        return day.weekday() in self.weekdays and (self.on_holidays or not self.is_holiday(day))

    def is_open_at(self, moment: datetime) -> bool:
        local = moment.astimezone(UK)
        return self.is_open_on(local.date()) and self.opens <= local.time() < self.closes

    def due(self, asked: datetime) -> datetime:
        """The moment by which a question asked at `asked` is to be answered."""
        days = self._open_from(asked)
        if self.unit == DAYS:
            day = next(days)
            for _ in range(self.amount):
                day = next(days)
            return self._at(day, self.closes)
        left = timedelta(hours=self.amount)
        for day in days:
            begins = max(asked.astimezone(UK), self._at(day, self.opens))
            room = self._at(day, self.closes) - begins
            if left <= room:
                return begins + left
            left -= room
        raise NeverOpen

    def received(self, asked: datetime) -> date:
        """The day on which a question asked at `asked` is received: day 0 of its clock."""
        return next(self._open_from(asked))

    def _open_from(self, asked: datetime) -> Iterator[date]:
        """Days it works, from the one on which the question is received."""
        local = asked.astimezone(UK)
        day = local.date() if local.time() < self.closes else local.date() + _DAY
        closed = 0
        while closed < _LOOK_AHEAD:
            if self.is_open_on(day):
                closed = 0
                yield day
            else:
                closed += 1
            day += _DAY
        raise NeverOpen

    @staticmethod
    def _at(day: date, moment: time) -> datetime:
        return datetime.combine(day, moment, tzinfo=UK)

    @property
    def promise(self) -> str:
        """`4 working hours`, `1 working day`"""
        return count(self.amount, f"working {self.unit[:-1]}")

    @property
    def words(self) -> str:
        """`Mon to Fri 09:00 to 17:00, not on bank holidays`"""
        shut = "" if self.on_holidays else ", not on bank holidays"
        return f"{days_words(self.weekdays)} {hour_words(self.opens)} to {hour_words(self.closes)}{shut}"


def hour_words(value: time) -> str:
    return f"{value.hour:02d}:{value.minute:02d}"


def days_words(weekdays: Iterable[int]) -> str:
    """`Mon to Fri`, `Mon, Wed, Thu`"""
    days = sorted(weekdays)
    if len(days) > 2 and days == list(range(days[0], days[-1] + 1)):
        return f"{WEEK[days[0]]} to {WEEK[days[-1]]}"
    return ", ".join(WEEK[day] for day in days)
