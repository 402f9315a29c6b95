from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stepwell.web.core import clock
from stepwell.web.core.forms import DateField, Form, RadiosField, SelectField, TextField
from stepwell.web.whoiswho.models import LinkKind
from stepwell.web.whoiswho.services import Details


class DetailsForm(Form):
    """Whom to call and how."""

    name = TextField(
        label="Name",
        label_size="s",
        help_text="A person, or a desk: “Duty team”",
        max_length=160,
        error_messages={"required": "Enter a name, or what the desk is called"},
    )
    direct_line = TextField(label="Direct line", label_size="s", required=False, max_length=60, classes="nhsuk-input--width-20")
    hours = TextField(
        label="When (optional)", label_size="s", required=False, max_length=160, help_text="For example: Mon to Fri, 09:00 to 17:00"
    )  # fmt: skip
    bleep = TextField(
        label="Otherwise (optional)", label_size="s", required=False, max_length=160, help_text="Bleep, duty desk, who covers leave"
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and not (cleaned.get("direct_line") or cleaned.get("bleep")):
            self.add_error("direct_line", "Enter a direct line, or below how else to reach them")
        return cleaned

    def details(self) -> Details:
        cleaned = self.cleaned_data
        return Details(cleaned["name"].strip(), cleaned["direct_line"].strip(), cleaned["hours"].strip(), cleaned["bleep"].strip())


class NewLinkForm(DetailsForm):
    practice = SelectField(label="Practice", label_size="s", error_messages={"required": "Choose the practice"})
    kind = RadiosField(label="What are they for the practice?", label_size="s", error_messages={"required": "Choose what they are"})
    organisation = SelectField(label="They work for", label_size="s", error_messages={"required": "Choose whom they work for"})
    from_on = DateField(label="From", label_size="s", error_messages={"required": "Give the first day"})
    to_on = DateField(label="Until (optional)", label_size="s", help_text="The first day it no longer holds.", required=False)
    field_order = ("practice", "kind", "organisation", "name", "direct_line", "hours", "bleep", "from_on", "to_on")

    def __init__(
        self, *args: Any, practices: Sequence[tuple[str, str]], organisations: Sequence[tuple[str, str]], **kwargs: Any
    ) -> None:  # fmt: skip
        super().__init__(*args, **kwargs)
        self.fields["practice"].choices = [("", "Choose a practice"), *practices]  # type: ignore[attr-defined]
        self.fields["organisation"].choices = [("", "Choose an organisation"), *organisations]  # type: ignore[attr-defined]
        self.fields["kind"].choices = LinkKind.choices  # type: ignore[attr-defined]
        self.fields["from_on"].initial = clock.today()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        first, last = cleaned.get("from_on"), cleaned.get("to_on")
        if first and last and last <= first:
            self.add_error("to_on", "The end must be after the first day")
        return cleaned


class EndLinkForm(Form):
    to_on = DateField(
        label="First day it no longer holds", label_size="s", error_messages={"required": "Give the first day it no longer holds"}
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to_on"].earliest = clock.today()  # type: ignore[attr-defined]
        self.fields["to_on"].initial = clock.today()
