"""Forms of the week: hours of a rota, minutes of a task, and where a piece of work goes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError

from stepwell.web.core.formatting import clinician
from stepwell.web.core.forms import Form, IntegerField, RadiosField, SelectField, TextareaField, TextField
from stepwell.web.week.days import days_of
from stepwell.web.week.models import ArrangementKind
from stepwell.web.week.rota import Cell
from stepwell.web.week.services import MINUTES_A_DAY, MOST_MINUTES, MOST_OF_A_ROLE
from stepwell.web.week.tasks import Task, role_label

_CLOCK = re.compile(r"^(\d{1,3}):([0-5]\d)$")
_NUMBER = re.compile(r"^\d{1,3}(?:[.,]\d{1,2})?$")


def minutes_of(text: str) -> int:
    """Minutes of hours as typed: `3`, `3.5`, `3:30`; nothing typed is none. Raises ValueError."""
    text = text.strip().lower().removesuffix("h")
    if not text:
        return 0
    if match := _CLOCK.match(text):
        return int(match[1]) * 60 + int(match[2])
    if not _NUMBER.match(text):
        raise ValueError(text)
    whole, _, rest = text.replace(",", ".").partition(".")
    return int(whole) * 60 + round(int(rest.ljust(2, "0")) * 60 / 100) if rest else int(whole) * 60


def hours_text(minutes: int) -> str:
    """Minutes as one would type them: `3`, `3.5`, `3:20`; empty for none."""
    if not minutes:
        return ""
    whole, rest = divmod(minutes, 60)
    return str(whole) if not rest else f"{whole}.5" if rest == 30 else f"{whole}:{rest:02d}"


class HoursField(TextField):
    """Hours of one day, as minutes."""

    def __init__(self, *args: Any, most: int, **kwargs: Any) -> None:
        super().__init__(*args, required=False, **kwargs)
        self.most = most

    def clean(self, value: Any) -> int:
        text = super().clean(value)
        try:
            minutes = minutes_of(text)
        except ValueError:
            raise ValidationError(f"{self.label}: give hours such as 3, 3.5 or 3:30", code="invalid") from None
        if minutes > self.most:
            raise ValidationError(f"{self.label}: at most {self.most // 60} hours a day", code="most")
        return minutes


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the rota: a role, or a colleague in it."""

    role: str
    user_id: int | None = None
    name: str = ""

    @property
    def label(self) -> str:
        return f"{self.name}, {role_label(self.role)}" if self.name else role_label(self.role)

    def field(self, day: date) -> str:
        return f"{self.role.replace(' ', '-')}.{self.user_id or 0}.{day.weekday()}"


class RotaForm(Form):
    """Hours of a week, a row for each line and a box for each day."""

    def __init__(self, *args: Any, monday: date, lines: Sequence[Line], held: Mapping[Cell, int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lines, self.days = lines, days_of(monday)
        for line, day in self._places():
            field = HoursField(label=f"{line.label}, {clinician.date(day, weekday=True)}", most=self._most(line))
            field.initial = hours_text(held.get(Cell(day, line.role, line.user_id), 0))
            self.fields[line.field(day)] = field

    @staticmethod
    def _most(line: Line) -> int:
        return MINUTES_A_DAY if line.user_id else MOST_OF_A_ROLE

    def _places(self) -> Iterator[tuple[Line, date]]:
        return ((line, day) for line in self.lines for day in self.days)

    def rows(self) -> list[tuple[Line, list[Any]]]:
        """Each line with its seven bound fields."""
        return [(line, [self[line.field(day)] for day in self.days]) for line in self.lines]

    def cells(self) -> dict[Cell, int]:
        return {Cell(day, line.role, line.user_id): self.cleaned_data[line.field(day)] for line, day in self._places()}


class MinutesForm(Form):
    """How long a task takes here."""

    minutes = IntegerField(
        label="Minutes here",
        label_size="s",
        required=False,
        min_value=1,
        max_value=MOST_MINUTES,
        classes="nhsuk-input--width-4",
        help_text="Leave it empty to go by the knowledge pack again.",
        error_messages={"invalid": "Minutes must be a whole number", "min_value": "Give at least 1 minute",
                        "max_value": f"Give at most {MOST_MINUTES} minutes"},
    )  # fmt: skip
    role = SelectField(label="Who does it here", label_size="s", required=False)
    why = TextareaField(label="Reason", rows=2, error_messages={"required": "Give the reason"})

    def __init__(self, *args: Any, task: Task, roles: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        usual = role_label(task.role) if task.role else "whoever the duty names"
        choices: Any = self.fields["role"]
        choices.choices = [("", f"As in the pack: {usual}"), *((key, role_label(key)) for key in roles)]


class ArrangeForm(Form):
    """Into this week, or after it."""

    choice = RadiosField(label="When is it done?", label_size="s", error_messages={"required": "Choose when it is done"})
    week = SelectField(label="Which week", required=False, help_text="Only for “put after this week”.")
    why = TextareaField(
        label="Reason", rows=2, help_text="Who decided, and who knows of the risk.", error_messages={"required": "Give the reason"}
    )

    def __init__(self, *args: Any, monday: date, later: Sequence[date], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice: Any = self.fields["choice"]
        choice.choices = [
            (ArrangementKind.TAKE.value, f"Take it into the week of {clinician.date(monday)}"),
            (ArrangementKind.PUT_AFTER.value, "Put it after this week"),
        ]
        choice.hints = {
            ArrangementKind.TAKE.value: "It goes before everything that the computed order puts first.",
            ArrangementKind.PUT_AFTER.value: "It stays owed, and its due date does not move.",
        }
        week: Any = self.fields["week"]
        week.choices = [("", "Choose a week"), *((day.isoformat(), f"week of {clinician.date(day)}") for day in later)]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("choice") == ArrangementKind.PUT_AFTER and not cleaned.get("week"):
            self.add_error("week", "Choose the week in which it is done")
        return cleaned
