from __future__ import annotations

from decimal import Decimal
from typing import Any

from stepwell.web.core.forms import DecimalField, Form, RadiosField, SelectField, TextareaField
from stepwell.web.ledger import known

NOT_OF_INTEREST, OTHER = "none", "other"
UG_PER_MG = 1000


class DecisionForm(Form):
    """Which medicine a product is: a suggestion, another one, or none that matters here."""

    answer = RadiosField(label="What is it?", label_size="s", error_messages={"required": "Choose what it is"})
    other = SelectField(label="Another medicine", required=False, help_text="Only for “another medicine”.")
    strength = DecimalField(
        label="Strength of one tablet, capsule or mL (optional)",
        suffix="mg",
        required=False,
        min_value=Decimal("0.001"),
        max_digits=10,
        decimal_places=3,
        classes="nhsuk-input--width-5",
        help_text="Leave it empty to read the record’s own.",
    )
    why = TextareaField(label="Reason", rows=2, error_messages={"required": "Give the reason"})

    def __init__(self, *args: Any, product: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._suggested = {row["substance"]: row for row in product["suggestions"]}
        answers: Any = self.fields["answer"]
        answers.choices = [
            *((key, row["label"]) for key, row in self._suggested.items()),
            (OTHER, "Another medicine"),
            (NOT_OF_INTEREST, "Not a medicine of interest here"),
        ]
        answers.hints = {key: row["why"][:1].upper() + row["why"][1:] for key, row in self._suggested.items()}
        others: Any = self.fields["other"]
        others.choices = [("", "Choose"), *sorted(((key, known.medicine(key)) for key in known.substances()), key=lambda pair: pair[1])]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("answer") == OTHER and not cleaned.get("other"):
            self.add_error("other", "Choose the medicine")
        if cleaned.get("answer") == NOT_OF_INTEREST and cleaned.get("strength") is not None:
            self.add_error("strength", "What is not a medicine of interest has no strength here")
        return cleaned

    @property
    def substance(self) -> str | None:
        answer: str = self.cleaned_data["answer"]
        return None if answer == NOT_OF_INTEREST else self.cleaned_data["other"] if answer == OTHER else answer

    @property
    def strength_ug(self) -> int | None:
        """As typed; otherwise what the suggestion read in the term."""
        typed = self.cleaned_data["strength"]
        if typed is not None:
            return int(typed * UG_PER_MG)
        suggested = self._suggested.get(self.cleaned_data["answer"])
        return suggested["strength_ug"] if suggested else None

    @property
    def unit(self) -> str | None:
        suggested = self._suggested.get(self.cleaned_data["answer"])
        return suggested["unit"] if suggested else None


class MatchForm(Form):
    """Are these two records of one person?"""

    answer = RadiosField(
        label="Are they one person?",
        label_size="s",
        choices=[("same", "Yes, one person"), ("apart", "No, two people")],
        hints={
            "same": "Their records are read together from now on, and their duties are worked out again.",
            "apart": "They stay as they are, and are not asked about again.",
        },
        error_messages={"required": "Choose whether they are one person"},
    )
    why = TextareaField(label="How you know", rows=2, error_messages={"required": "Say how you know"})
