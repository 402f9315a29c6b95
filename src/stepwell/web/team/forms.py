"""Forms of the team: one for each kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stepwell.web.core import clock
from stepwell.web.core.forms import DateField, Form, RadiosField, SelectField, TextareaField, TextField
from stepwell.web.team import choices
from stepwell.web.team.choices import AGENCY, AGREED, NOT_ASKED, REFUSED
from stepwell.web.team.services import Entry

ENDED, IN_ERROR = "ended", "in error"


class AddForm(Form):
    code = SelectField(label="What are they to this person?", label_size="s", error_messages={"required": "Choose what they are"})
    link = SelectField(label="From who is who", label_size="s", required=False, help_text="Their number is then always the one there.")
    name = TextField(label="Name", label_size="s", required=False, max_length=160)
    organisation = TextField(label="Organisation", label_size="s", required=False, max_length=160)
    phone = TextField(label="Number", label_size="s", required=False, max_length=60)
    sharing = RadiosField(
        label="May anything be shared with them?",
        label_size="s",
        choices=[(AGREED, "The person agreed"), (REFUSED, "The person does not want it"), (NOT_ASKED, "Not asked yet")],
        error_messages={"required": "Say whether anything may be shared"},
    )
    words = TextField(label="What may be told", required=False, max_length=300, help_text="For example: appointments and missed injections")
    until = DateField(label="Until (optional)", label_size="s", required=False)

    def __init__(self, *args: Any, kind: str, links: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = kind
        options = choices.options(kind)
        if options:
            self.fields["code"].choices = [("", "Choose"), *((each.code, each.label) for each in options)]  # type: ignore[attr-defined]
        else:
            del self.fields["code"]
        if links and kind != AGENCY:
            self.fields["link"].choices = [("", "Somebody else"), *links]  # type: ignore[attr-defined]
        else:
            del self.fields["link"]
        if kind != AGENCY:
            del self.fields["sharing"], self.fields["words"]
        self.fields["until"].earliest = clock.today()  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not cleaned.get("link") and not cleaned.get("name") and "name" not in self.errors:
            self.add_error("name", "Give the name" + ("" if "link" not in self.fields else ", or choose somebody from who is who"))
        if cleaned.get("sharing") == AGREED and not cleaned.get("words"):
            self.add_error("words", "Say what may be told to them")
        return cleaned

    def entry(self) -> Entry:
        cleaned = self.cleaned_data
        return Entry(
            kind=self.kind,
            code=cleaned.get("code", ""),
            name=cleaned["name"],
            organisation=cleaned["organisation"],
            phone=cleaned["phone"],
            link=int(cleaned["link"]) if cleaned.get("link") else None,
            sharing=cleaned.get("sharing", ""),
            words=cleaned.get("words", ""),
            until=cleaned["until"],
        )


class EndForm(Form):
    how = RadiosField(
        label="What happened?",
        label_size="s",
        choices=[(ENDED, "They are no longer involved"), (IN_ERROR, "It was recorded in error")],
        error_messages={"required": "Choose what happened"},
    )
    why = TextareaField(label="Reason", rows=2, error_messages={"required": "Give the reason"})
