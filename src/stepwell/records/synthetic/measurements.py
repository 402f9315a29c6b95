"""Test results and reviews over time: on schedule, late, patchy or never, drifting towards trouble for some."""

from __future__ import annotations

from stepwell.records.synthetic.catalogue import Catalogue
from stepwell.records.synthetic.chart import Measurement
from stepwell.records.synthetic.draws import Draws


class Body:
    """One person's own values: each test has a level of its own and, for some people, a drift towards another value."""

    def __init__(self, catalogue: Catalogue, draws: Draws, as_of: int, age: int) -> None:
        self._results, self._draws, self._as_of = catalogue.results, draws, as_of
        self._level: dict[str, float] = {}
        self._drift: dict[str, tuple[float, float]] = {}
        self._age = age
        self._smoking = draws.weighted({"smoker": 0.22, "ex-smoker": 0.28, "never-smoked": 0.5})
        self.habit = catalogue.results.habits[draws.weighted({name: habit.share for name, habit in catalogue.results.habits.items()})]

    def drift(self, panel: str) -> None:
        for story in self._results.stories.get(panel, []):
            if self._draws.chance(story.share):
                self._drift[story.test] = (story.towards, story.years)

    def value(self, test: str, on: int) -> float | None:
        entry = self._results.tests[test]
        if entry.unit is None:
            return None
        if test not in self._level:
            ageing = 0.7 * max(0, self._age - 50) if test == "egfr" else 0
            self._level[test] = self._draws.normal(entry.mean, entry.spread) - ageing
        level = self._level[test]
        if test in self._drift:
            towards, years = self._drift[test]
            part = 1 - min(1.0, max(0.0, (self._as_of - on) / (365.25 * years)))
            level += (towards - level) * part
        value = self._draws.normal(level, entry.noise)
        return round(min(max(value, entry.low), entry.high), entry.decimals)

    def panel(self, name: str, first: int, last: int) -> list[Measurement]:
        """Every visit of a panel between two days, as this person keeps them."""
        draws, habit = self._draws, self.habit
        rows: list[Measurement] = []
        self.drift(name)
        for panel in self._results.panels[name]:
            never = {test for test in panel.tests if draws.chance(habit.never)}
            day = first + draws.integer(-20, 25)
            while day <= last:
                rows += [self._one(test, day) for test in panel.tests if test not in never and not draws.chance(habit.missed)]
                day += max(14, round(panel.every * habit.factor + draws.normal(0, panel.every * 0.1)))
        return rows

    def once(self, test: str, on: int) -> Measurement:
        return self._one(test, on)

    def _one(self, test: str, on: int) -> Measurement:
        if test == "smoking":  # the answer is the code
            test = self._smoking
        unit = self._results.tests[test].unit
        value = self.value(test, on)
        if unit in self._results.untidy_units:
            spellings = self._results.untidy_units[unit]
            unit = spellings[0] if self._draws.chance(0.85) else self._draws.one_of(spellings)
        second = self.value("diastolic", on) if test == "systolic" else None
        return Measurement(test, on, value, unit, second)
