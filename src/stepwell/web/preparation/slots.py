"""How many reviews fit into a day, and on which day the others would be seen: taken in their order, day by day, nobody skipped.

Pure: minutes and days in, days out. Whoever does not fit keeps their place and gets a date; nobody is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

# A list that would take longer than this says so instead of a date: nothing so far ahead is a plan.
MOST_DAYS = 260


@dataclass(frozen=True, slots=True)
class Day:
    """What fits into one working day: so many reviews, or so many minutes of them."""

    slots: int | None = None
    minutes: int | None = None

    @property
    def is_empty(self) -> bool:
        return not (self.slots or self.minutes)

    def takes(self, number: int, minutes: int, more: int) -> bool:
        """Whether one of `more` minutes still fits after so many, of so many minutes. The first of a day always does: a review that is
        longer than every day would otherwise never be seen."""
        if number == 0:
            return True
        if self.slots is not None:
            return number < self.slots
        return minutes + more <= (self.minutes or 0)


def seen_on(
    lengths: Sequence[int], day: Day, today: date, next_day: Callable[[date], date], *, used: Sequence[int] = ()
) -> list[date | None]:  # fmt: skip
    """For each review in order (its minutes) the day on which it would be done; None beyond `MOST_DAYS` working days, and everywhere
    when a day takes nothing. `used`: minutes of those that were done today already. `next_day`: the working day after a day."""
    if day.is_empty:
        return [None] * len(lengths)
    found: list[date | None] = []
    on, number, minutes, passed = today, len(used), sum(used), 0
    for length in lengths:
        if not day.takes(number, minutes, length):
            on, number, minutes, passed = next_day(on), 0, 0, passed + 1
        if passed > MOST_DAYS:
            found += [None] * (len(lengths) - len(found))
            break
        found.append(on)
        number, minutes = number + 1, minutes + length
    return found
