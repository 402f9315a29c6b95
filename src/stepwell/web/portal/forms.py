"""Forms of the person's own page, in plain words. What only the plan or the knowledge base can refuse is refused by the services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError

from stepwell.knowledge.tapering import TaperSupport, WithdrawalScale
from stepwell.web.core.forms import CheckboxesField, DateField, Form, RadiosField, TextareaField, TextField
from stepwell.web.portal import codes
from stepwell.web.preparation.questions import CHOSEN, LONGEST, WORDS, Question
from stepwell.web.tapers.checkins import GO_ON, HOLD, STEP_BACK, Given
from stepwell.web.tapers.doing import LONGEST_WORDS
from stepwell.web.tapers.own import LONGEST_NUMBER

_AS_TYPED = {"autocapitalize": "characters", "autocomplete": "off", "spellcheck": "false"}
WISHES = (
    (GO_ON, "Go on as planned"),
    (HOLD, "Slow down: stay at this dose until somebody has talked with me"),
    (STEP_BACK, "Go back to the dose before: somebody talks with me first"),
)


class SignInForm(Form):
    code = TextField(
        label="Your code", label_size="s", classes="sw-own__code", attributes=_AS_TYPED, max_length=40,
        help_text="The 10 letters and numbers on your paper. Small letters are fine, with or without the space.",
        error_messages={"required": "Enter the code on your paper"},
    )  # fmt: skip
    born = DateField(
        label="Date of birth", label_size="s", help_text="For example, 15 3 1984", error_messages={"required": "Enter your date of birth"}
    )

    def clean_code(self) -> str:
        code = codes.read(self.cleaned_data["code"])
        if not code:
            raise ValidationError(f"The code has {codes.LENGTH} letters and numbers: check what you typed")
        return code


class OwnCheckInForm(Form):
    """How it goes: one number is asked for, everything else is theirs to say or not."""

    rating = RadiosField(label="How hard is it?", label_size="s", inline=True, error_messages={"required": "Choose a number"})
    symptoms = CheckboxesField(
        label="What do you notice?", label_size="s", required=False, classes="nhsuk-checkboxes--small", help_text="Tick all that fit."
    )
    sleep = TextField(label="Sleep, in a few words", required=False, max_length=200)
    mood = TextField(label="Mood, in a few words", required=False, max_length=200)
    words = TextareaField(
        label="Your diary", label_size="s", required=False, rows=4, max_length=LONGEST_WORDS,
        help_text="Whatever you want to write down. Your clinician can read it.",
    )  # fmt: skip
    wish = RadiosField(
        label="What would you like?", label_size="s", choices=WISHES, classes="nhsuk-radios--small", required=False, initial=GO_ON
    )
    ring = CheckboxesField(
        label="A call", label_size="s", required=False, choices=(("yes", "I need somebody to ring me"),), classes="nhsuk-checkboxes--small"
    )

    def __init__(
        self, *args: Any, rating: WithdrawalScale, symptoms: Sequence[TaperSupport], wishes: bool, back: bool, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["rating"]
        field.choices = [(str(number), str(number)) for number in range(rating.low, rating.high + 1)]
        field.label = rating.plain or rating.question
        noticed: Any = self.fields["symptoms"]
        noticed.choices = [(each.support, _capital(each.plain or each.label)) for each in symptoms]
        if not wishes:
            del self.fields["wish"]
        elif not back:
            asked: Any = self.fields["wish"]
            asked.choices = [(key, words) for key, words in WISHES if key != STEP_BACK]

    def given(self) -> Given:
        cleaned = self.cleaned_data
        return Given(
            rating=int(cleaned["rating"]), symptoms=tuple(cleaned["symptoms"]), sleep=cleaned["sleep"], mood=cleaned["mood"],
            words=cleaned["words"], decided=cleaned.get("wish") or GO_ON,
        )  # fmt: skip

    @property
    def wants_a_call(self) -> bool:
        return bool(self.cleaned_data["ring"])


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


class SlowDownForm(Form):
    words = TextareaField(
        label="Do you want to say why?", label_size="s", required=False, rows=3, max_length=LONGEST_WORDS, help_text="You do not have to."
    )


class WrongForm(Form):
    words = TextareaField(
        label="What is wrong?", label_size="s", required=False, rows=4, max_length=LONGEST_WORDS, help_text="You can also send it empty."
    )
    number = TextField(
        label="A phone number that reaches you today", required=False, max_length=LONGEST_NUMBER, classes="nhsuk-input--width-20",
        help_text="Only if it is another than the one we have.", attributes={"inputmode": "tel", "autocomplete": "tel"},
    )  # fmt: skip


class QuestionsForm(Form):
    """The questions before a review as the person reads them; everything may stay empty."""

    def __init__(self, *args: Any, asked: Sequence[Question], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._asked = tuple(asked)
        for question in asked:
            if question.options:
                self.fields[f"{question.key}__{CHOSEN}"] = CheckboxesField(
                    label=question.ask, label_size="s", choices=list(question.option_labels.items()), required=False,
                    help_text=question.hint, classes="nhsuk-checkboxes--small",
                )  # fmt: skip
            self.fields[f"{question.key}__{WORDS}"] = TextareaField(
                label=question.words or question.ask, label_size="" if question.options else "s",
                help_text="" if question.options else question.hint, required=False, rows=2, max_length=LONGEST,
            )  # fmt: skip
        self.fields["helped_by"] = TextField(
            label="Did somebody help you with these answers?", required=False, max_length=120, help_text="Who, for example your daughter"
        )

    def given(self) -> Mapping[str, Mapping[str, Any]]:
        """The answers by question."""
        return {
            question.key: {
                CHOSEN: self.cleaned_data.get(f"{question.key}__{CHOSEN}") or [],
                WORDS: self.cleaned_data.get(f"{question.key}__{WORDS}") or "",
            }
            for question in self._asked
        }


class WithdrawForm(Form):
    """Why a code is withdrawn."""

    why = TextField(
        label="Why?", label_size="s", max_length=200, help_text="For example: the paper was lost",
        error_messages={"required": "Say why, in a few words"},
    )  # fmt: skip
