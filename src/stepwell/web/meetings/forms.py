"""Forms of meetings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import time
from typing import Any

from django.core.exceptions import ValidationError

from stepwell.web.core import clock
from stepwell.web.core.forms import CheckboxesField, DateField, Form, RadiosField, SelectField, TextareaField, TextField
from stepwell.web.meetings import standing

ACTION, NO_ACTION = "action", "no action"
_TIME = re.compile(r"^(\d{1,2})[:.](\d{2})$")


class ArrangeForm(Form):
    on = DateField(label="Day", label_size="s", error_messages={"required": "Give the day of the meeting"})
    starts = TextField(label="Begins at (optional)", label_size="s", required=False, help_text="For example 13:00")
    minutes = RadiosField(label="How long", label_size="s", inline=True, error_messages={"required": "Choose how long it lasts"})
    place = TextField(label="Where (optional)", label_size="s", required=False, max_length=160)
    with_orgs = CheckboxesField(
        label="Who comes",
        label_size="s",
        required=False,
        help_text="The agenda is about people whom both sides know. Nobody ticked: about all of yours.",
        classes="nhsuk-checkboxes--small",
    )
    chair = SelectField(label="Chair", label_size="s", error_messages={"required": "Choose the chair"})

    def __init__(self, *args: Any, organisations: Sequence[tuple[str, str]], chairs: Sequence[tuple[int, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["on"].earliest = clock.today()  # type: ignore[attr-defined]
        self.fields["minutes"].choices = [(str(each), f"{each} minutes") for each in standing.lengths()]  # type: ignore[attr-defined]
        self.fields["with_orgs"].choices = list(organisations)  # type: ignore[attr-defined]
        self.fields["chair"].choices = [("", "Choose the chair"), *((str(key), name) for key, name in chairs)]  # type: ignore[attr-defined]

    def clean_starts(self) -> time | None:
        text = self.cleaned_data["starts"].strip()
        if not text:
            return None
        match = _TIME.match(text)
        if match is None or int(match[1]) > 23 or int(match[2]) > 59:
            raise ValidationError("Write the time like 13:00")
        return time(int(match[1]), int(match[2]))


class AddForm(Form):
    meeting = RadiosField(label="Which meeting?", label_size="s", error_messages={"required": "Choose the meeting"})
    why = TextareaField(
        label="Why is this person to be talked about?",
        label_size="s",
        rows=2,
        error_messages={"required": "Say why this person is to be talked about"},
    )

    def __init__(self, *args: Any, meetings: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["meeting"].choices = list(meetings)  # type: ignore[attr-defined]


class DecideForm(Form):
    """One decision, typed once: an action with its owner and day, or why there is none."""

    kind = RadiosField(
        label="Decision",
        label_size="s",
        inline=True,
        choices=[(ACTION, "Action"), (NO_ACTION, "No action")],
        initial=ACTION,
        error_messages={"required": "Choose action or no action"},
    )
    words = TextareaField(
        label="What is to be done, or why nothing is",
        rows=2,
        error_messages={"required": "Say what is to be done, or why nothing is"},
    )
    owner = SelectField(label="Who does it", required=False)
    role = SelectField(label="Role (optional)", required=False)
    due_on = DateField(label="By", required=False)

    def __init__(self, *args: Any, owners: Sequence[tuple[str, str]], roles: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["owner"].choices = [("", "Choose the organisation"), *owners]  # type: ignore[attr-defined]
        self.fields["role"].choices = [("", "Anybody there"), *roles]  # type: ignore[attr-defined]
        self.fields["due_on"].earliest = clock.today()  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("kind") == ACTION:
            if not cleaned.get("owner"):
                self.add_error("owner", "Choose who does it")
            if "due_on" not in self.errors and not cleaned.get("due_on"):
                self.add_error("due_on", "Give the day by which it is done")
        return cleaned


class ReasonForm(Form):
    why = TextareaField(label="Reason", label_size="s", rows=2, error_messages={"required": "Give the reason"})


class AttendanceForm(Form):
    names = TextareaField(
        label="Who is here, one to a line",
        label_size="s",
        rows=8,
        help_text="Name, role and organisation. For example: Priya Nair, practice nurse, Riverside Surgery",
        error_messages={"required": "Write who is here, one to a line"},
    )


class SignForm(Form):
    """Nothing to type: the page shows what is signed."""
