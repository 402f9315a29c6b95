"""What the pages of themes are given: numbers by theme, and the questions behind each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date

from stepwell.web.advice.choices import became_words
from stepwell.web.advice.models import ThemeEvent
from stepwell.web.advice.pages import QuestionLine
from stepwell.web.advice.rota import Desk
from stepwell.web.advice.themes import ThemeCount, ThemeNow, words_of
from stepwell.web.core.formatting import clinician, count


class BecameLine:
    """What a theme led to: `Teaching: half a day with Riverside, 12-Mar-2026 (Dr Lena Hart, 01-Apr-2026)`"""

    def __init__(self, event: ThemeEvent) -> None:
        self.what, self.words = became_words(event.became), event.words
        self.who = f"{event.by.display_name if event.by is not None else 'Stepwell'}, {clinician.date(event.at)}"


class ThemeRow:
    def __init__(self, row: ThemeCount, names: Mapping[str, str]) -> None:
        self.theme, self.total, self.last = row.theme, row.total, row.last
        self.suggested = words_of(row.theme)
        self.asked_by = asked_words(row.asked_by, names)
        self.became = [BecameLine(event) for event in row.theme.became]


def asked_words(asked_by: Counter[str], names: Mapping[str, str]) -> str:
    """`Riverside Surgery 4, Hillcrest Medical Centre 1`, most first."""
    return ", ".join(f"{names.get(code, code)} {number}" for code, number in sorted(asked_by.items(), key=lambda pair: (-pair[1], pair[0])))


class ThemesPage:
    """`total`: answered in the time; `without`: those under no theme."""

    def __init__(
        self, desk: Desk, counts: Sequence[ThemeCount], total: int, without: int, *, since: date, names: Mapping[str, str]
    ) -> None:  # fmt: skip
        self.desk, self.total, self.without, self.since = desk, total, without, since
        self.rows = [ThemeRow(row, names) for row in counts]

    @property
    def heading(self) -> str:
        asked = [row for row in self.rows if row.total]
        if not asked:
            return "No answered question has a theme yet"
        first = asked[0]
        return f"Most asked: {first.theme.name} ({count(first.total, 'question')})"


class ThemePage:
    """`named`: keys of questions whose person the actor may open; the others say only where they came from."""

    def __init__(
        self, theme: ThemeNow, desk: Desk, rows: Sequence[QuestionLine], named: set[int], *, since: date, names: Mapping[str, str]
    ) -> None:  # fmt: skip
        self.theme, self.desk, self.since = theme, desk, since
        self.rows = [(line, line.id in named) for line in rows]
        self.became = [BecameLine(event) for event in theme.became]
        self.suggested = words_of(theme)
        self.asked_by = asked_words(Counter(line.row.asked_org for line in rows), names)

    @property
    def heading(self) -> str:
        return f"{self.theme.name}: {count(len(self.rows), 'question')}"
