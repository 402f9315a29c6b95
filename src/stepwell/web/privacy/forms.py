from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from stepwell.web.core.forms import CheckboxesField, DateField, Form, IntegerField, NhsNumberField, RadiosField, SelectField, TextareaField
from stepwell.web.privacy import house


class OpenForm(Form):
    """Why a record is opened without a relationship."""

    reason = RadiosField(
        label="Reason",
        label_size="s",
        choices=[(each.key, each.label) for each in house.reasons().values()],
        error_messages={"required": "Choose the reason"},
    )
    why = TextareaField(
        label="Why you need it now",
        label_size="s",
        rows=2,
        help_text="In a sentence, for whoever reviews it. Do not name other people.",
        error_messages={"required": "Say in a sentence why you need this record now"},
    )


class FindAndOpenForm(OpenForm):
    """The same for somebody in front of one: both must fit one person exactly."""

    nhs_number = NhsNumberField(
        label="NHS number", label_size="s", classes="nhsuk-input--width-10", error_messages={"required": "Enter the NHS number"}
    )
    birth_date = DateField(label="Date of birth", label_size="s", error_messages={"required": "Enter the date of birth"})
    field_order = ("nhs_number", "birth_date", "reason", "why")


class OutcomeForm(Form):
    outcome = RadiosField(
        label="What did you find?",
        label_size="s",
        choices=[(each.key, each.label) for each in house.outcomes().values()],
        hints={each.key: each.hint for each in house.outcomes().values()},
        error_messages={"required": "Choose what you found"},
    )
    words = TextareaField(
        label="In words",
        label_size="s",
        rows=3,
        help_text="What you looked at, whom you asked, what follows.",
        error_messages={"required": "Say what you found and what follows from it"},
    )


class SettingsForm(Form):
    """House rules of one organisation, by the names of `data/privacy.yaml`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for kind in house.settings().values():
            self.fields[kind.name] = IntegerField(
                label=kind.label,
                label_size="s",
                help_text=kind.hint,
                min_value=kind.least,
                max_value=kind.most,
                classes="nhsuk-input--width-4",
                error_messages={
                    name: f"{kind.label}: enter a number from {kind.least} to {kind.most}"
                    for name in ("required", "invalid", "min_value", "max_value")
                },
            )


class MarkForm(Form):
    """Which entry is sensitive, who still sees it, why."""

    entry = SelectField(label="Entry", label_size="s", error_messages={"required": "Choose the entry"})
    organisations = CheckboxesField(
        label="Organisations that still see it",
        label_size="s",
        help_text="In these, only roles that may see sensitive entries do. Whoever treats the person without seeing it works without it.",
        error_messages={"required": "Choose at least your own organisation"},
    )
    why = TextareaField(label="Reason", label_size="s", rows=2, error_messages={"required": "Say why it is sensitive"})

    def __init__(self, *args: Any, entries: list[tuple[str, str]], organisations: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices: Any = self.fields["entry"]
        choices.choices = [("", "Choose"), *entries]
        offered: Any = self.fields["organisations"]
        offered.choices = organisations


KINDS = {
    "all": "everything",
    "read": "opened",
    "write": "changed",
    "refused": "refused",
    "openings": "opened without a relationship",
}
WEEK = timedelta(days=7)


class AuditForm(Form):
    """What part of the trail to show. Sent by POST: it may name a patient."""

    from_on = DateField(label="From", label_size="s")
    to_on = DateField(label="To", label_size="s")
    user = SelectField(label="Member of staff", label_size="s", required=False)
    kind = SelectField(label="What happened", label_size="s", choices=list(KINDS.items()))
    nhs_number = NhsNumberField(label="Patient’s NHS number", label_size="s", required=False, classes="nhsuk-input--width-10")

    def __init__(self, *args: Any, staff: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people: Any = self.fields["user"]
        people.choices = [("", "everybody"), *staff]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("from_on"), cleaned.get("to_on")
        if isinstance(first, date) and isinstance(last, date) and last < first:
            self.add_error("to_on", "The last day is before the first")
        return cleaned


class ReportForm(Form):
    nhs_number = NhsNumberField(
        label="NHS number", label_size="s", classes="nhsuk-input--width-10", error_messages={"required": "Enter the NHS number"}
    )
