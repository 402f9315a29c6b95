"""Forms of transfers. What only the record can refuse is refused by the services."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from stepwell.web.core import clock
from stepwell.web.core.forms import CheckboxesField, DateField, Form, RadiosField, TextareaField, TextField
from stepwell.web.transfers import figures
from stepwell.web.transfers.services import DONE, NOT_NEEDED, Check

AGREE, DECLINE = "agree", "decline"
TAKE_BACK, OTHER, AGREE_OTHER = "take back", "other", "agree other"


class ProposeForm(Form):
    why = TextareaField(
        label="Why is this person ready?", label_size="s", rows=3, error_messages={"required": "Say why this person is ready to step down"}
    )
    plan = TextareaField(
        label="What the practice does, and when it should ask you back",
        label_size="s",
        rows=4,
        help_text="For example: repeat prescriptions and yearly checks; ask at the first sleepless nights or missed prescriptions.",
        error_messages={"required": "Say what the practice does, and when it should ask you to take the person back"},
    )
    planned_on = DateField(
        label="Planned day of the transfer", label_size="s", error_messages={"required": "Give the planned day of the transfer"}
    )

    def __init__(self, *args: Any, parties: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["planned_on"].earliest = clock.today()  # type: ignore[attr-defined]
        for number, review in enumerate(figures.reviews().values()):
            self.fields[f"review-{number}"] = RadiosField(
                label=f"{review.label}: who does it?",
                label_size="s",
                choices=parties,
                initial=parties[0][0],
                inline=True,
                error_messages={"required": f"{review.label}: choose who does it"},
            )

    def reviewers(self) -> dict[str, str]:
        return {key: self.cleaned_data[f"review-{number}"] for number, key in enumerate(figures.reviews())}


class AnswerForm(Form):
    answer = RadiosField(
        label="Your answer",
        label_size="s",
        choices=[(AGREE, "We agree to this plan"), (DECLINE, "We decline")],
        hints={AGREE: "Nothing moves until the day of the transfer.", DECLINE: "The care stays with the specialist. Give the reason."},
        error_messages={"required": "Choose your answer"},
    )
    why = TextareaField(label="Reason, or a word to them", rows=3, required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("answer") == DECLINE and not cleaned.get("why"):
            self.add_error("why", "Say why: the specialist team reads it")
        return cleaned


class ReasonForm(Form):
    why = TextareaField(label="Reason", label_size="s", rows=3, error_messages={"required": "Give the reason"})


class JointForm(Form):
    on = DateField(label="Day of the joint appointment", label_size="s", error_messages={"required": "Give the day"})
    who = TextField(
        label="Who is there",
        label_size="s",
        max_length=200,
        help_text="For example: Dr Hart, Priya Nair, her daughter",
        error_messages={"required": "Say who is there"},
    )


class ChecksForm(Form):
    """The lines that are missing: ticked, or why one is not needed."""

    def __init__(self, *args: Any, checks: Sequence[Check], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.missing = [check for check in checks if check.is_missing]
        ticked = [(check.item, check.label) for check in self.missing if not check.known]
        if ticked:
            self.fields["done"] = CheckboxesField(
                label="Done", label_size="s", choices=ticked, required=False, classes="nhsuk-checkboxes--small"
            )
        for number, check in enumerate(self.missing):
            self.fields[f"not-{number}"] = TextField(label=f"Not needed, because: {check.label}", required=False, max_length=200)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and not self.items():
            self.add_error(None, "Tick what is done, or say why something is not needed")
        return cleaned

    def items(self) -> dict[str, tuple[str, str]]:
        found = {item: (DONE, "") for item in self.cleaned_data.get("done", [])}
        for number, check in enumerate(self.missing):
            if words := self.cleaned_data.get(f"not-{number}"):
                found[check.item] = (NOT_NEEDED, words)
        return found


class TransferForm(Form):
    on = DateField(
        label="From which day does the practice look after this person?",
        label_size="s",
        error_messages={"required": "Give the day of the transfer"},
    )
    why_missing = TextareaField(label="Why it goes ahead without what is missing", rows=3, required=False)

    def __init__(self, *args: Any, missing: Sequence[Check], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.missing = [check.label for check in missing]
        if not self.missing:
            del self.fields["why_missing"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.missing and not cleaned.get("why_missing"):
            self.add_error("why_missing", "Say why it goes ahead without what is missing, or complete it first")
        return cleaned


class ReturnForm(Form):
    why = TextareaField(
        label="What has changed?",
        label_size="s",
        rows=4,
        help_text="Say what you see, what you have done, and how soon. Where somebody is in danger now, ring the crisis team instead.",
        error_messages={"required": "Say what has changed"},
    )


class AnswerReturnForm(Form):
    """What either side can do about an open return: `choices` are those of this actor."""

    answer = RadiosField(label="What happens?", label_size="s", error_messages={"required": "Choose what happens"})
    on = DateField(label="We look after this person again from", required=False)
    words = TextareaField(label="Who sees the person and when, or the other plan", rows=3, required=False)

    def __init__(self, *args: Any, choices: Sequence[tuple[str, str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["answer"].choices = [(key, label) for key, label, _ in choices]  # type: ignore[attr-defined]
        self.fields["answer"].hints = {key: hint for key, _, hint in choices if hint}  # type: ignore[attr-defined]
        self.fields["on"].latest = clock.today()  # type: ignore[attr-defined]
        if not any(key == TAKE_BACK for key, _, _ in choices):
            del self.fields["on"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        answer, words = cleaned.get("answer"), cleaned.get("words")
        if answer == TAKE_BACK and "on" not in self.errors and not cleaned.get("on"):
            self.add_error("on", "Give the day from which you look after this person again")
        if answer == TAKE_BACK and not words:
            self.add_error("words", "Say who sees the person, and when")
        if answer == OTHER and not words:
            self.add_error("words", "Say what should happen instead")
        return cleaned

    @property
    def day(self) -> date:
        day: date = self.cleaned_data["on"]
        return day
