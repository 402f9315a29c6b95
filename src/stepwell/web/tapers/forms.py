"""Forms of a living plan. What only the plan or the knowledge base can refuse is refused by the services; here is what a form can see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError

from stepwell.clinical.tapering.model import Change, ChangeKind
from stepwell.knowledge.tapering import TaperSupport, WithdrawalScale
from stepwell.web.core.forms import (
    CheckboxesField,
    DateField,
    DecimalField,
    Form,
    IntegerField,
    RadiosField,
    SelectField,
    TextareaField,
    TextField,
)
from stepwell.web.tapers.checkins import DECISIONS, GO_ON, STEP_BACK, Given
from stepwell.web.tapers.services import PERSON, STAFF

LONGEST_WORDS = 2000
UG_PER_MG = 1000
_CHECK_BY = ((STAFF, "Staff"), (PERSON, "The person themselves, on their own page"))


class WordsForm(Form):
    """An act that needs only its reason."""

    why = TextareaField(label="Why", label_size="s", rows=3, max_length=LONGEST_WORDS)

    def __init__(self, *args: Any, label: str = "Why", hint: str = "", missing: str = "Say why", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["why"]
        field.label, field.help_text = label, hint
        field.error_messages["required"] = missing


class WhenForm(Form):
    """An act that has a day: it began, it was reached."""

    on = DateField(label="From which day", label_size="s", error_messages={"required": "Give the day"})
    why = TextareaField(label="In a few words", label_size="s", rows=2, required=False, max_length=LONGEST_WORDS)

    def __init__(self, *args: Any, label: str, latest: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["on"].label = label
        self.fields["on"].latest = latest  # type: ignore[attr-defined]


class HoldForm(WordsForm):
    days = IntegerField(
        label="For how many days", label_size="s", min_value=1, max_value=366, classes="nhsuk-input--width-4",
        error_messages={"required": "Give the number of days", "invalid": "Give a whole number of days"},
    )  # fmt: skip
    field_order = ("days", "why")


class SlowerForm(WordsForm):
    """Days of a step from now on; empty: the next longer that the rule offers."""

    days = IntegerField(
        label="Days of a step from now on", label_size="s", min_value=1, max_value=366, required=False, classes="nhsuk-input--width-4",
        help_text="Leave it empty for the next longer interval.", error_messages={"invalid": "Give a whole number of days"},
    )  # fmt: skip
    field_order = ("days", "why")


class OtherEndForm(WordsForm):
    to = DecimalField(
        label="Down to", label_size="s", min_value=Decimal(0), max_digits=8, decimal_places=3, classes="nhsuk-input--width-5",
        error_messages={"required": "Give the dose", "invalid": "Give the dose as a number"},
    )  # fmt: skip
    field_order = ("to", "why")

    def __init__(self, *args: Any, unit: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._scale = UG_PER_MG if unit == "mg" else 1
        self.fields["to"].suffix = f"{unit} a day" if unit == "mg" else unit  # type: ignore[attr-defined]

    def to_ug(self) -> int:
        return int(self.cleaned_data["to"] * self._scale)


class LeaveForm(WordsForm):
    outcome = RadiosField(label="How it ended", label_size="s", error_messages={"required": "Choose how it ended"})
    field_order = ("outcome", "why")

    def __init__(self, *args: Any, outcomes: Sequence[tuple[str, str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["outcome"].choices = [(key, label) for key, label, _ in outcomes]  # type: ignore[attr-defined]
        self.fields["outcome"].hints = {key: meaning for key, _, meaning in outcomes}  # type: ignore[attr-defined]


class NameForm(Form):
    """Who is named for it, and who checks in."""

    clinician = SelectField(label="Named clinician", label_size="s", error_messages={"required": "Choose who is named"})
    check_by = RadiosField(label="Check-ins by", label_size="s", choices=_CHECK_BY, initial=STAFF, inline=True)
    why = TextareaField(label="Anything to add", label_size="s", rows=2, required=False, max_length=LONGEST_WORDS)

    def __init__(self, *args: Any, staff: Sequence[tuple[int, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["clinician"].choices = [(str(key), name) for key, name in staff]  # type: ignore[attr-defined]


class AgreeForm(NameForm):
    decided_with = TextField(
        label="Decided with", label_size="s", max_length=300, error_messages={"required": "Say with whom it was decided"},
        help_text="The person, and whoever shared the decision.",
    )  # fmt: skip
    matters = TextareaField(label="What matters to the person", label_size="s", rows=2, required=False, max_length=LONGEST_WORDS)
    own_words = TextareaField(
        label="How they say it", label_size="s", rows=2, required=False, max_length=LONGEST_WORDS, help_text="In their own words."
    )
    field_order = ("decided_with", "clinician", "check_by", "matters", "own_words", "why")


def change_of(kind: ChangeKind, form: Form) -> Change:
    """The change that a valid form asks for."""
    cleaned = form.cleaned_data
    match kind:
        case ChangeKind.HOLD | ChangeKind.SLOWER:
            return Change(kind=kind, days=cleaned["days"])
        case ChangeKind.OTHER_END if isinstance(form, OtherEndForm):
            return Change(kind=kind, to_ug=form.to_ug())
        case _:
            return Change(kind=kind)


# Check-in


class CheckInForm(Form):
    """One screen: how hard, what, since when, what next. Scores and words are folded away."""

    rating = RadiosField(
        label="How hard is it?", label_size="s", inline=True, error_messages={"required": "Choose a number from the scale"}
    )
    symptoms = CheckboxesField(label="What do you notice?", label_size="s", required=False, classes="nhsuk-checkboxes--small")
    began = IntegerField(
        label="It began how many days after the last change of dose?", label_size="s", required=False, min_value=0, max_value=3660,
        classes="nhsuk-input--width-4", error_messages={"invalid": "Give a whole number of days"},
    )  # fmt: skip
    decided = RadiosField(
        label="What next?", label_size="s", classes="nhsuk-radios--small", error_messages={"required": "Choose what comes next"}
    )
    hold_days = IntegerField(
        label="Hold for how many days", required=False, min_value=1, max_value=366, classes="nhsuk-input--width-4",
        help_text="Only for a hold. Empty: as long as one step.", error_messages={"invalid": "Give a whole number of days"},
    )  # fmt: skip
    why = TextField(label="Why", required=False, max_length=LONGEST_WORDS, help_text="Needed when it is not what the rating means.")
    call = CheckboxesField(label="A call", required=False, choices=(("yes", "A clinician rings today"),), classes="nhsuk-checkboxes--small")
    sleep = TextField(label="Sleep, in a few words", required=False, max_length=200)
    mood = TextField(label="Mood, in a few words", required=False, max_length=200)
    words = TextareaField(label="In the person's own words", required=False, rows=2, max_length=LONGEST_WORDS)

    def __init__(
        self, *args: Any, rating: WithdrawalScale, symptoms: Sequence[TaperSupport], scales: Sequence[WithdrawalScale],
        decisions: Sequence[str], hints: Mapping[str, str] | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(*args, **kwargs)
        self.scales = list(scales)
        numbers = range(rating.low, rating.high + 1)
        field: Any = self.fields["rating"]
        field.choices = [(str(number), str(number)) for number in numbers]
        field.label = rating.question or "How hard is it?"
        chosen: Any = self.fields["symptoms"]
        chosen.choices = [(each.support, each.label) for each in symptoms]
        decided: Any = self.fields["decided"]
        decided.choices = [(key, DECISIONS[key]) for key in decisions]
        decided.hints = dict(hints or {})
        if len(decisions) == 1:
            decided.initial = decisions[0]
        for scale in self.scales:
            self.fields[f"score-{scale.scale}"] = IntegerField(
                label=f"{scale.label}: total, {scale.low} to {scale.high}", required=False, classes="nhsuk-input--width-4",
                error_messages={"invalid": "Give the total as a whole number"},
            )  # fmt: skip

    def clean_rating(self) -> int:
        return int(self.cleaned_data["rating"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("hold_days") and cleaned.get("decided") != "hold":
            raise ValidationError("Days are given for a hold only: choose to hold, or leave the days empty.")
        return cleaned

    def given(self) -> Given:
        cleaned = self.cleaned_data
        scores = {scale.scale: cleaned[f"score-{scale.scale}"] for scale in self.scales if cleaned.get(f"score-{scale.scale}") is not None}
        return Given(
            rating=cleaned["rating"], symptoms=tuple(cleaned["symptoms"]), began=cleaned["began"], scores=scores, sleep=cleaned["sleep"],
            mood=cleaned["mood"], words=cleaned["words"], decided=cleaned["decided"], hold_days=cleaned["hold_days"],
            call=bool(cleaned["call"]), why=cleaned["why"],
        )  # fmt: skip

    def score_fields(self) -> list[Any]:
        return [self[f"score-{scale.scale}"] for scale in self.scales]

    @property
    def more_is_open(self) -> bool:
        """Whether what is folded away holds something typed or wrong."""
        names = ["hold_days", "why", "call", "sleep", "mood", "words", *(f"score-{scale.scale}" for scale in self.scales)]
        return bool(self.non_field_errors()) or any(self[name].errors or (self.is_bound and self[name].value()) for name in names)


class ContrastForm(Form):
    """For each contrast which side fits the person; none is answered by itself."""

    def __init__(self, *args: Any, contrasts: Sequence[TaperSupport], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for contrast in contrasts:
            self.fields[f"c-{contrast.support}"] = RadiosField(
                label=contrast.label, label_size="s", required=False, initial="unknown", classes="nhsuk-radios--small",
                choices=(("withdrawal", contrast.withdrawal), ("relapse", contrast.relapse), ("unknown", "Neither, or not known")),
            )  # fmt: skip

    def answers(self) -> dict[str, str]:
        """Support key → side."""
        return {name.removeprefix("c-"): value or "unknown" for name, value in self.cleaned_data.items() if name.startswith("c-")}


__all__ = [
    "GO_ON", "STEP_BACK", "AgreeForm", "CheckInForm", "ContrastForm", "HoldForm", "LeaveForm", "NameForm", "OtherEndForm", "SlowerForm",
    "WhenForm", "WordsForm", "change_of",
]  # fmt: skip
