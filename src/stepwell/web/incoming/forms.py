"""Forms of letters from outside: filing, scoring by hand, what a letter asks for, taking one out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from stepwell.clinical.letter_completeness import Section
from stepwell.web.core.forms import DateField, FileField, Form, RadiosField, SelectField, TextareaField, TextField
from stepwell.web.incoming import scoring
from stepwell.web.incoming.reading import MOST_BYTES
from stepwell.web.incoming.services import LONGEST_ACTION

OTHER = "other"


class FileLetterForm(Form):
    from_org = SelectField(label="Who sent it?", label_size="s", error_messages={"required": "Choose who sent the letter"})
    from_name = TextField(
        label="Name of the sender, if not on the list",
        required=False,
        max_length=200,
        error_messages={"max_length": "Give the name in at most 200 characters"},
    )
    kind = SelectField(label="What kind of letter is it?", label_size="s", error_messages={"required": "Choose the kind of letter"})
    written_on = DateField(label="Day it was written", label_size="s", error_messages={"required": "Give the day it was written"})
    received_on = DateField(label="Day it came", label_size="s", error_messages={"required": "Give the day it came"})
    file = FileField(
        label="The letter as a PDF",
        label_size="s",
        required=False,
        error_messages={"empty": "The file is empty. Choose it again, or type the letter"},
        attributes={"accept": ".pdf,application/pdf"},
    )
    text = TextareaField(
        label="Or its text",
        label_size="s",
        rows=10,
        required=False,
        help_text="Typed or pasted. Of a scan: what matters, in the letter’s own words.",
    )

    def __init__(self, *args: Any, senders: Sequence[tuple[str, str]], today: date, has_file: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.has_file = has_file
        kinds = [(key, kind.label) for key, kind in scoring.kinds().items() if not kind.from_plan]
        self.fields["from_org"].choices = [("", "Choose"), *senders, (OTHER, "Somebody who is not on this list")]  # type: ignore[attr-defined]
        self.fields["kind"].choices = [("", "Choose"), *kinds]  # type: ignore[attr-defined]
        self.fields["kind"].help_text = "It decides the headings the letter is scored against."  # type: ignore[attr-defined]
        self.fields["written_on"].latest = today  # type: ignore[attr-defined]
        self.fields["received_on"].latest = today  # type: ignore[attr-defined]
        self.fields["file"].help_text = (  # type: ignore[attr-defined]
            f"A PDF that holds text is read; a scan is kept as it is. Up to {MOST_BYTES // 1_000_000} MB."
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("from_org") == OTHER and not cleaned.get("from_name"):
            self.add_error("from_name", "Give the name of the sender")
        if cleaned.get("from_name") and cleaned.get("from_org") not in (OTHER, None, ""):
            self.add_error("from_name", "Take the name out, or choose “Somebody who is not on this list”")
        written, received = cleaned.get("written_on"), cleaned.get("received_on")
        if written and received and received < written:
            self.add_error("received_on", "A letter cannot come before it was written: look at both days")
        if not self.has_file and not cleaned.get("file") and not cleaned.get("text") and "file" not in self.errors:
            self.add_error("file", "Choose a PDF, or type the letter below")
        return cleaned

    @property
    def sender(self) -> tuple[str, str]:
        """Code and name; no code for one that is not on the list."""
        chosen = self.cleaned_data["from_org"]
        return ("", self.cleaned_data["from_name"]) if chosen == OTHER else (chosen, "")


class ScoreForm(Form):
    """For each heading that counts, what the letter says."""

    def __init__(self, *args: Any, sections: Sequence[Section], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for section in sections:
            self.fields[section.key] = RadiosField(
                label=section.heading,
                label_size="s",
                choices=[(mark.value, scoring.WORDS[mark]) for mark in scoring.choices(section)],
                classes="nhsuk-radios--small",
                inline=True,
                error_messages={"required": f"Say what the letter says under {section.heading}"},
            )


class ActionForm(Form):
    text = TextField(
        label="What the letter asks for",
        max_length=LONGEST_ACTION,
        error_messages={
            "required": "Say what the letter asks for",
            "max_length": f"Say what the letter asks for in at most {LONGEST_ACTION} characters",
        },
    )
    due_on = DateField(label="By when", error_messages={"required": "Give the day by which it should be done"})


class AcceptForm(Form):
    role = SelectField(label="Who does it", label_size="s", required=False)
    due_on = DateField(label="By when", label_size="s", error_messages={"required": "Give the day by which you will do it"})

    def __init__(self, *args: Any, choices: Sequence[tuple[str, str]], today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = [("", "Anybody here"), *choices]  # type: ignore[attr-defined]
        self.fields["due_on"].earliest = today  # type: ignore[attr-defined]


class WhyForm(Form):
    why = TextareaField(label="Why", label_size="s", rows=2, error_messages={"required": "Say why"})
