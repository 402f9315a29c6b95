"""The forms of single acts on an agreement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from stepwell.web.core.forms import DateField, Form, RadiosField, TextareaField, TextField

YES, NO = "yes", "no"
_LONG = 2_000


def _day(label: str, **kwargs: Any) -> DateField:
    return DateField(label=label, label_size="s", error_messages={"required": f"Give the day: {label.lower()}"}, **kwargs)


def _words(label: str, asked: str, *, required: bool = True, hint: str = "") -> TextareaField:
    return TextareaField(
        label=label, label_size="s", rows=3, required=required, max_length=_LONG, help_text=hint, error_messages={"required": asked}
    )  # fmt: skip


class ActForm(Form):
    """`earliest`: days that are asked for are not before it."""

    def __init__(self, *args: Any, earliest: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field, DateField):
                field.earliest = earliest


class AcceptForm(ActForm):
    from_on = _day("First day it is yours", help_text="Owners move on this day. Until then it stays with the specialist.")
    why = _words("Note (optional)", "", required=False)


class AskForm(ActForm):
    words = _words("Your question", "Write your question", hint="The clock runs on while it waits for the answer.")


class AnswerForm(ActForm):
    words = _words("Your answer", "Write your answer")


class DeclineForm(ActForm):
    reason = RadiosField(label="Why", label_size="s", error_messages={"required": "Choose why you decline"})
    why = _words("In your words", "Say why you decline, so that the specialist can answer it")

    def __init__(self, *args: Any, reasons: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].choices = list(reasons)  # type: ignore[attr-defined]


class ConfirmForm(ActForm):
    agree = RadiosField(
        label="Your answer",
        label_size="s",
        choices=[(YES, "Yes, confirm it"), (NO, "No, refuse it")],
        error_messages={"required": "Choose whether you confirm it"},
    )
    why = _words("Note, or why not", "", required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("agree") == NO and not cleaned.get("why"):
            self.add_error("why", "Say why not")
        return cleaned

    @property
    def agrees(self) -> bool:
        return bool(self.cleaned_data["agree"] == YES)


class DoseForm(ActForm):
    dose = TextField(
        label="Proposed dose",
        label_size="s",
        max_length=200,
        help_text="With form and times, as it is to be taken.",
        error_messages={"required": "Write the dose that you propose"},
    )
    from_on = _day("From")
    why = _words("Why", "Say why the dose should change")


class SuspendForm(ActForm):
    from_on = _day("From")
    review_on = _day("Looked at again on")
    why = _words("Why", "Say why it is suspended")


class ResumeForm(ActForm):
    from_on = _day("From")
    why = _words("Note (optional)", "", required=False)


class RenewForm(ActForm):
    review_on = _day("Next review of the agreement")
    specialist_review_on = _day("A specialist reviews the medicine by")
    ends_on = DateField(label="Intended end (optional)", label_size="s", required=False)
    why = _words("Note (optional)", "", required=False)


class HandBackForm(ActForm):
    why = _words("Why", "Say why you hand it back")
    contingency = _words("Until the specialist has it", "Say what is done until the specialist has it", hint="Who prescribes, who watches.")


class KeepForm(ActForm):
    why = _words("Why you keep it", "Say why you keep it")


class TakeBackForm(ActForm):
    from_on = _day("From", help_text="From this day every line is the specialist’s.")
    why = _words("Note (optional)", "", required=False)


class EndRequestForm(ActForm):
    to_on = _day("First day it no longer holds")
    why = _words("Why", "Say why it ends")


class NoFields(ActForm):
    """An act that asks nothing."""
