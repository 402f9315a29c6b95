"""Working days and the clocks that count them, by the bank holidays of each nation.

Ruling 3: what arrives on a day that is no working day, or after 17:00 in the United Kingdom, counts as received on the next
working day; that day is day 0. The holidays are those of the library `holidays` with the one-off days of the knowledge base.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal, cast
from zoneinfo import ZoneInfo

from stepwell import knowledge

Nation = Literal["ENG", "WLS", "SCT", "NIR"]
NATIONS: dict[Nation, str] = {"ENG": "England", "WLS": "Wales", "SCT": "Scotland", "NIR": "Northern Ireland"}

_UK = ZoneInfo("Europe/London")
_DAY = timedelta(days=1)
_SATURDAY = 5


def nation(text: str) -> Nation:
    """The nation of a key. ValueError for another text."""
    if text not in NATIONS:
        raise ValueError(f"no nation {text!r}: {', '.join(NATIONS)}")
    return cast("Nation", text)


@lru_cache(maxsize=256)
def _bank_holidays(of: Nation, year: int) -> dict[date, str]:
    """Bank holidays of a nation on weekdays, by day: as they are published, which names the day that stands in for a weekend."""
    import holidays

    found = {day: str(name) for day, name in holidays.country_holidays("GB", subdiv=of, years=year).items() if day.weekday() < _SATURDAY}
    for key, entry in knowledge.load().one_off_days.items():
        day = date.fromisoformat(key)
        if day.year == year and of in entry.nations:
            found.pop(day, None)
            if entry.holiday:
                found[day] = entry.name
    return dict(sorted(found.items()))


def received_until() -> time:
    """What arrives later counts as received on the next working day."""
    return time(knowledge.load().parameters["received_until_hour"].value)


@dataclass(frozen=True, slots=True)
class Calendar:
    """The working days of a nation (a key of `NATIONS`): Monday to Friday without its bank holidays."""

    nation: str

    def __post_init__(self) -> None:
        nation(self.nation)

    def holidays(self, first: date, last: date) -> dict[date, str]:
        """Bank holidays from `first` to `last`, both included, by name. Those on a weekend are told on the day that stands in."""
        years = range(first.year, last.year + 1)
        return {day: name for year in years for day, name in self._of(year).items() if first <= day <= last}

    def is_working(self, day: date) -> bool:
        return day.weekday() < _SATURDAY and day not in self._of(day.year)

    def next_working(self, day: date) -> date:
        """The day itself when it is a working day, otherwise the first one after it."""
        while not self.is_working(day):
            day += _DAY
        return day

    def received_on(self, moment: datetime) -> date:
        """Day 0 of a clock: the day on which what arrived at `moment` counts as received.

        ValueError for a moment without a zone: which day it was could not be told.
        """
        if moment.tzinfo is None:
            raise ValueError("a moment of receipt needs its time zone")
        here = moment.astimezone(_UK)
        late = here.time() > received_until()
        return self.next_working(here.date() + (_DAY if late else timedelta()))

    def add(self, day0: date, days: int) -> date:
        """The `days`-th working day after `day0`, before it when negative; `day0` itself for 0."""
        step = _DAY if days > 0 else -_DAY
        day, left = day0, abs(days)
        while left:
            day += step
            left -= self.is_working(day)
        return day

    def between(self, day0: date, on: date) -> int:
        """How many working days have gone on `on` since `day0`: those after `day0` up to and with `on`; negative before it."""
        if on < day0:
            return -sum(self.is_working(on + timedelta(days=number)) for number in range((day0 - on).days))
        return sum(self.is_working(day0 + timedelta(days=number)) for number in range(1, (on - day0).days + 1))

    def due(self, moment: datetime, days: int) -> date:
        """The day by which what arrived at `moment` is to be answered within `days` working days."""
        return self.add(self.received_on(moment), days)

    def _of(self, year: int) -> dict[date, str]:
        return _bank_holidays(nation(self.nation), year)
