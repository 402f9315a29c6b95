"""Forms of letters: beginning one, the actions it asks for, answering them. Headings are typed in plain boxes (`views.py`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stepwell.web.accounts.models import OrganisationKind
from stepwell.web.accounts.roles import roles
from stepwell.web.core import clock
from stepwell.web.core.forms import CheckboxesField, DateField, Form, RadiosField, SelectField, TextareaField, TextField
from stepwell.web.core.permissions import Permission
from stepwell.web.letters.drafting import Action

ANYBODY = ("", "Anybody there")
SPARE_ACTIONS = 2
LONGEST_ACTION = 180


def roles_at(kind: str) -> list[tuple[str, str]]:
    """Roles of a kind of organisation that act on duties, for choosing who does something."""
    found = [(key, role.label) for key, role in roles().items() if kind in role.kinds and Permission.ACT_ON_DUTY in role.may]
    return [ANYBODY, *found]


class BeginForm(Form):
    kind = RadiosField(label="What kind of letter?", label_size="s", error_messages={"required": "Choose the kind of letter"})
    to = SelectField(label="To", label_size="s", error_messages={"required": "Choose whom it is to"})
    medicines = CheckboxesField(
        label="Which medicines is it about?",
        label_size="s",
        required=False,
        help_text="The letter lists every medicine on record. For these it says what for, until when, what is checked and how to stop.",
        classes="nhsuk-checkboxes--small",
    )

    def __init__(
        self,
        *args: Any,
        kinds: Sequence[tuple[str, str]],
        to: Sequence[tuple[str, str]],
        medicines: Sequence[tuple[str, str]],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].choices = kinds  # type: ignore[attr-defined]
        self.fields["to"].choices = to  # type: ignore[attr-defined]
        self.fields["medicines"].choices = medicines  # type: ignore[attr-defined]
        if not medicines:
            del self.fields["medicines"]


class ActionForm(Form):
    """One thing the receiver is asked to do; all empty is no action."""

    text = TextField(
        label="What",
        required=False,
        max_length=LONGEST_ACTION,
        error_messages={"max_length": f"Say what is asked in at most {LONGEST_ACTION} characters"},
    )
    role = SelectField(label="By whom", required=False)
    due_on = DateField(label="By when", required=False)

    def __init__(self, *args: Any, choices: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = choices  # type: ignore[attr-defined]
        self.fields["due_on"].earliest = clock.today()  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("text") and not cleaned.get("due_on") and "due_on" not in self.errors:
            self.add_error("due_on", "Give the day by which it should be done")
        if not cleaned.get("text") and (cleaned.get("due_on") or cleaned.get("role")) and "text" not in self.errors:
            self.add_error("text", "Say what should be done, or take the date out")
        return cleaned

    @property
    def action(self) -> Action | None:
        cleaned = self.cleaned_data
        return Action(" ".join(cleaned["text"].split()), cleaned["due_on"], cleaned["role"]) if cleaned.get("text") else None


def action_forms(posted: Mapping[str, Any] | None, actions: Sequence[Action], kind: str, most: int) -> list[ActionForm]:
    """A form for each action and some spare ones. What was posted decides how many there are."""
    choices = roles_at(kind or OrganisationKind.PRACTICE)
    if posted is not None:
        number = sum(f"action-{place}-text" in posted for place in range(most + SPARE_ACTIONS))
        return [ActionForm(posted, prefix=f"action-{place}", choices=choices) for place in range(number)]
    rows: list[Action | None] = [*actions, *[None] * min(SPARE_ACTIONS, most - len(actions))]
    return [
        ActionForm(
            prefix=f"action-{place}",
            choices=choices,
            initial={"text": row.text, "role": row.role, "due_on": row.due_on} if row else {},
        )
        for place, row in enumerate(rows)
    ]


class AcceptForm(Form):
    role = SelectField(label="Who does it", label_size="s", required=False)
    due_on = DateField(label="By when", label_size="s", error_messages={"required": "Give the day by which you will do it"})

    def __init__(self, *args: Any, choices: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = choices  # type: ignore[attr-defined]
        self.fields["due_on"].earliest = clock.today()  # type: ignore[attr-defined]


class DeclineForm(Form):
    why = TextareaField(
        label="Why do you not take it on?", label_size="s", rows=2, error_messages={"required": "Say why: the sender reads it"}
    )
