"""Forms of preparing. What only the record can refuse is refused by the services; here is what a form can see."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from stepwell.web.core.forms import CheckboxesField, DateField, Form, RadiosField, TextareaField, TextField
from stepwell.web.preparation.models import Way
from stepwell.web.preparation.questions import CHOSEN, LONGEST, WORDS, Question

# How long ago somebody may have answered for a sheet to be entered now: a slip of the keyboard beyond it.
LOOK_BACK = timedelta(days=90)
STAFF_WAYS = (Way.PHONE, Way.WAITING_ROOM, Way.PAPER)


class OffForm(Form):
    """Why somebody is taken off the list."""

    why = TextField(
        label="Why?",
        max_length=200,
        help_text="They keep their place in the order, and every duty stays as it is.",
        error_messages={"required": "Say why, in a few words"},
    )


class AnswersForm(Form):
    """The questions as staff ask them: each in its own words, nothing ticked, everything may stay empty."""

    def __init__(self, *args: Any, asked: tuple[Question, ...], today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._asked = asked
        self.fields["way"] = RadiosField(
            label="How did they answer?", choices=[(way.value, way.label) for way in STAFF_WAYS], inline=True,
            error_messages={"required": "Choose how they answered"},
        )  # fmt: skip
        self.fields["answered_on"] = DateField(
            label="On which day?",
            initial=today,
            earliest=today - LOOK_BACK,
            latest=today,
            error_messages={"required": "Enter the day on which they answered"},
        )
        self.fields["helped_by"] = TextField(
            label="Did somebody answer for them or help them?",
            required=False,
            max_length=120,
            help_text="Who, for example a carer or an interpreter",
        )
        for question in asked:
            if question.options:
                self.fields[f"{question.key}__{CHOSEN}"] = CheckboxesField(
                    label=question.ask, choices=list(question.option_labels.items()), required=False, help_text=question.hint
                )
            self.fields[f"{question.key}__{WORDS}"] = TextareaField(
                label=question.words or question.ask,
                help_text="" if question.options else question.hint,
                required=False,
                rows=2,
                max_length=LONGEST,
            )

    def given(self) -> Mapping[str, Mapping[str, Any]]:
        """The answers by question."""
        found = {}
        for question in self._asked:
            found[question.key] = {
                CHOSEN: self.cleaned_data.get(f"{question.key}__{CHOSEN}") or [],
                WORDS: self.cleaned_data.get(f"{question.key}__{WORDS}") or "",
            }
        return found


class BackForm(Form):
    """Why answers are taken back."""

    why = TextField(
        label="What was wrong?",
        max_length=200,
        help_text="For example: another person’s answers",
        error_messages={"required": "Say what was wrong, in a few words"},
    )
