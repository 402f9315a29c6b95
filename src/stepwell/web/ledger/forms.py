"""Forms of the ledger's pages. What only the record can refuse is refused by the services; here is what a form can see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundField

from stepwell.errors import Refused
from stepwell.web.core import clock
from stepwell.web.core.forms import CheckboxesField, DateField, Form, RadiosField, SelectField, TextareaField, TextField
from stepwell.web.ledger import known
from stepwell.web.ledger.known import Test
from stepwell.web.ledger.options import options_of, reasons
from stepwell.web.ledger.results import ResultEntry, read_value

LATER, DECLINED, NOT_APPLICABLE = "later", "declined", "not applicable"


class NotThisTimeForm(Form):
    choice = RadiosField(
        label="What should happen?",
        label_size="s",
        choices=[
            (LATER, "Show it again later"),
            (DECLINED, "The patient declined"),
            (NOT_APPLICABLE, "It does not apply to this person"),
        ],
        hints={
            LATER: "It stays owed; the due date does not move.",
            DECLINED: "Closes this cycle. The next one is due one interval later.",
            NOT_APPLICABLE: "Needs an end: a day below, or what would make it apply again.",
        },
        error_messages={"required": "Choose what should happen"},
    )
    day = DateField(
        label="Day",
        label_size="s",
        help_text="Later: the day to show it again. Declined: the day they said so, today if empty. "
        "Does not apply: the first day it applies again, if there is one.",
        required=False,
    )
    ends_when = TextField(
        label="What would make it apply again",
        help_text="Only for “does not apply” without a day. For example: back from abroad",
        required=False,
    )
    why = TextareaField(
        label="Reason",
        rows=3,
        help_text="In a sentence a colleague will understand next year.",
        error_messages={"required": "Give the reason"},
    )

    def __init__(self, *args: Any, only_later: bool = False, **kwargs: Any) -> None:
        """`only_later`: the work behind the duty is answered elsewhere; here it can only be put off."""
        super().__init__(*args, **kwargs)
        if only_later:
            self.fields["choice"].choices = [(LATER, "Show it again later")]  # type: ignore[attr-defined]
            self.fields["choice"].initial = LATER
            self.fields["day"].help_text = "The day to show it again. Whoever cannot do it says so where it was asked."
            del self.fields["ends_when"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        choice, day = cleaned.get("choice"), cleaned.get("day")
        today = clock.today()
        if "day" in self.errors:
            return cleaned
        if choice == LATER and day is None:
            self.add_error("day", "Give the day to show it again")
        elif choice in (LATER, NOT_APPLICABLE) and day is not None and day <= today:
            self.add_error("day", "The day must be after today")
        elif choice == DECLINED and day is not None and day > today:
            self.add_error("day", "The day the patient declined cannot be in the future")
        if choice == NOT_APPLICABLE and day is None and not cleaned.get("ends_when"):
            self.add_error("ends_when", "Give a day above, or say what would make it apply again")
        return cleaned


class AssignForm(Form):
    to = SelectField(label="Who does it", label_size="s", error_messages={"required": "Choose who does it"})
    why = TextField(label="A word to them (optional)", required=False)

    def __init__(self, *args: Any, people: Sequence[tuple[int, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = [(str(pk), name) for pk, name in people]
        self.fields["to"].choices = [("", "Choose a colleague"), *named, ("nobody", "Nobody in particular")]  # type: ignore[attr-defined]

    @property
    def user_id(self) -> int | None:
        chosen = self.cleaned_data["to"]
        return None if chosen == "nobody" else int(chosen)


class DoneForm(Form):
    on = DateField(label="Day it was done", label_size="s", error_messages={"required": "Give the day it was done"})
    why = TextareaField(
        label="What was done and what came of it", rows=3, error_messages={"required": "Say what was done and what came of it"}
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["on"].latest = clock.today()  # type: ignore[attr-defined]


class OptionsForm(DoneForm):
    """What was done, of the options that the knowledge base lists for the rule, in words where they say more."""

    def __init__(self, *args: Any, rule_id: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        listed = options_of(rule_id)
        self.fields["options"] = CheckboxesField(
            label="What was done",
            label_size="s",
            choices=[(option.key, option.label) for option in listed],
            hints={option.key: option.basis for option in listed},
            error_messages={"required": "Choose what was done"},
        )
        if any(option.asks_reason for option in listed):
            self.fields["reasons"] = CheckboxesField(
                label="Clinical reason for no change", label_size="s", choices=list(reasons()), required=False
            )
        self.fields["why"].required = False
        self.fields["why"].label = "In words"
        self.order_fields(["options", "reasons", "why", "on"])


class HandOverForm(Form):
    """`scopes` and `takers` are what can be chosen: (key, words, hint) and (code, name)."""

    scope = RadiosField(label="What do you hand over?", label_size="s", error_messages={"required": "Choose what you hand over"})
    to = RadiosField(label="To whom?", label_size="s", error_messages={"required": "Choose the organisation"})
    why = TextareaField(
        label="Reason",
        label_size="s",
        rows=3,
        help_text="They decide by it: what you ask of them, and why it is better with them.",
        error_messages={"required": "Give the reason"},
    )

    def __init__(self, *args: Any, scopes: Sequence[tuple[str, str, str]], takers: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        scope: Any = self.fields["scope"]
        scope.choices = [(key, words) for key, words, _ in scopes]
        scope.hints = {key: hint for key, _, hint in scopes if hint}
        self.fields["to"].choices = list(takers)  # type: ignore[attr-defined]
        if len(scopes) == 1:
            scope.initial = scopes[0][0]
        if len(takers) == 1:
            self.fields["to"].initial = takers[0][0]


ACCEPT, DECLINE = "accept", "decline"


class AnswerForm(Form):
    answer = RadiosField(label="Your answer", label_size="s", error_messages={"required": "Choose accept or decline"})
    why = TextareaField(
        label="Reason", label_size="s", rows=3, help_text="Needed to decline: they read it, and it stays theirs.", required=False
    )

    def __init__(self, *args: Any, ours: str, theirs: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        answer: Any = self.fields["answer"]
        answer.choices = [(ACCEPT, f"Accept: from now on it is {ours}’s"), (DECLINE, f"Decline: it stays {theirs}’s")]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("answer") == DECLINE and not cleaned.get("why"):
            self.add_error("why", "Say why you do not take it")
        return cleaned


class ReasonForm(Form):
    why = TextareaField(label="Reason", rows=3, error_messages={"required": "Give the reason"})


class ValueField(TextField):
    """A value in the test's unit, which stands in the box; another unit may be typed after the number."""

    def __init__(self, test: Test, **kwargs: Any) -> None:
        self.test = test
        super().__init__(label=test.label, classes="nhsuk-input--width-5", required=False, **kwargs)

    def component_params(self, bound: BoundField, label: dict[str, Any]) -> dict[str, Any]:
        params = {**super().component_params(bound, label), "suffix": self.test.unit}
        # A keyboard of figures only where there is nothing else to type.
        return params if len(known.unit_factors(self.test.test)) > 1 else params | {"inputmode": "decimal"}

    def clean(self, value: Any) -> Any:
        """(thousandths, what was typed where it was converted), or None when nothing was typed."""
        text = super().clean(value)
        if not text:
            return None
        try:
            return read_value(text, self.test)
        except Refused as refusal:
            raise ValidationError(str(refusal)) from refusal


class ResultsForm(Form):
    """One visit: one day, a value for each test that has one, a tick for those that were just done."""

    on = DateField(label="Day of the tests", label_size="s", error_messages={"required": "Give the day of the tests"})

    def __init__(self, *args: Any, tests: Sequence[Test], last: Mapping[str, str], ask_to_confirm: bool = False, **kwargs: Any) -> None:
        """`last` has the last result of a test in words, to read beside what is typed."""
        super().__init__(*args, **kwargs)
        self.tests = {self._name(test): test for test in tests if test.unit is not None}
        self.fields["on"].latest = clock.today()  # type: ignore[attr-defined]
        for name, test in self.tests.items():
            self.fields[name] = ValueField(test, help_text=last.get(test.test, ""))
        done = [test for test in tests if test.unit is None]
        if done:
            self.fields["done"] = CheckboxesField(
                label="Done, no figure needed", label_size="s", choices=[(test.test, test.label) for test in done], required=False
            )
        if ask_to_confirm:
            self.fields["confirm"] = CheckboxesField(
                label="A value looks unusual", label_size="s", choices=[("yes", "I have checked: the values are right")], required=False
            )

    @staticmethod
    def _name(test: Test) -> str:
        return f"value-{test.test}"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and not cleaned.get("done") and all(cleaned.get(name) is None for name in self.tests):
            first = next(iter(self.tests), "done")
            self.add_error(first, "Enter at least one result")
        return cleaned

    @property
    def confirmed(self) -> bool:
        return "yes" in self.cleaned_data.get("confirm", [])

    def entries(self) -> list[ResultEntry]:
        on: date = self.cleaned_data["on"]
        values = ((test, self.cleaned_data.get(name)) for name, test in self.tests.items())
        found = [ResultEntry(test.test, value[0], on, value[1]) for test, value in values if value is not None]
        return found + [ResultEntry(key, None, on) for key in self.cleaned_data.get("done", [])]


class LaterForm(Form):
    until = DateField(label="Day to show them again", label_size="s", error_messages={"required": "Give the day to show them again"})
    why = TextareaField(
        label="Reason",
        label_size="s",
        rows=3,
        help_text="They stay owed; no due date moves.",
        error_messages={"required": "Give the reason"},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["until"].earliest = clock.today() + timedelta(days=1)  # type: ignore[attr-defined]


class OfferManyForm(Form):
    to = RadiosField(
        label="To whom?",
        label_size="s",
        help_text="Each duty is offered by itself. Who does not know a person is left out, and the next page says so.",
        error_messages={"required": "Choose the organisation"},
    )
    why = TextareaField(label="Reason", label_size="s", rows=3, error_messages={"required": "Give the reason"})

    def __init__(self, *args: Any, takers: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"].choices = list(takers)  # type: ignore[attr-defined]


def refuse(form: Form, refusal: Refused) -> None:
    """Show a service's refusal in the form's error summary."""
    form.add_error(None, str(refusal))
