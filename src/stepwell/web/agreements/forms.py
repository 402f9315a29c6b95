"""The form of an agreement: one medicine, the other party, who does what, from when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from stepwell.web.agreements.services import ALL, Line
from stepwell.web.core import clock
from stepwell.web.core.forms import DateField, Form, RadiosField, SelectField, TextareaField, TextField

PRESCRIBE = "prescribe"


class AgreementForm(Form):
    substance = SelectField(label="Medicine", label_size="s", error_messages={"required": "Choose the medicine"})
    other = SelectField(label="Agreed with", label_size="s", error_messages={"required": "Choose the other organisation"})
    monitors = RadiosField(label="Who monitors it?", label_size="s", error_messages={"required": "Choose who monitors it"})
    prescribes = RadiosField(label="Who prescribes it?", label_size="s", error_messages={"required": "Choose who prescribes it"})
    agreed_on = DateField(label="Day it was agreed", label_size="s", error_messages={"required": "Give the day it was agreed"})
    from_on = DateField(
        label="In force from",
        label_size="s",
        help_text="Duties move on this day.",
        error_messages={"required": "Give the first day"},
    )
    to_on = DateField(label="Until (optional)", label_size="s", help_text="The first day it no longer holds.", required=False)
    label = TextField(
        label="In short",
        label_size="s",
        help_text="Shown with every duty it decides. For example: shared care with Northside CMHT",
        error_messages={"required": "Name the agreement in a few words"},
        max_length=160,
    )

    def __init__(
        self,
        *args: Any,
        medicines: Sequence[tuple[str, str]],
        organisations: Sequence[tuple[str, str]],
        ours: tuple[str, str],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.ours = ours
        self.fields["substance"].choices = [("", "Choose a medicine"), *medicines]  # type: ignore[attr-defined]
        self.fields["other"].choices = [("", "Choose an organisation"), *organisations]  # type: ignore[attr-defined]
        for name in ("monitors", "prescribes"):
            self.fields[name].choices = [("us", ours[1]), ("them", "The other organisation")]  # type: ignore[attr-defined]
        self.fields["agreed_on"].latest = clock.today()  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        agreed, first, last = (cleaned.get(name) for name in ("agreed_on", "from_on", "to_on"))
        if agreed and first and first < agreed:
            self.add_error("from_on", "An agreement cannot begin before it was agreed")
        if first and last and last <= first:
            self.add_error("to_on", "The end must be after the first day")
        return cleaned

    def lines(self) -> list[Line]:
        parties = {"us": self.ours[0], "them": self.cleaned_data["other"]}
        return [Line(ALL, parties[self.cleaned_data["monitors"]]), Line(PRESCRIBE, parties[self.cleaned_data["prescribes"]])]


class EndForm(Form):
    to_on = DateField(
        label="First day it no longer holds", label_size="s", error_messages={"required": "Give the first day it no longer holds"}
    )
    why = TextareaField(label="Reason", label_size="s", rows=3, error_messages={"required": "Say why it ends"})

    def __init__(self, *args: Any, earliest: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to_on"].earliest = earliest  # type: ignore[attr-defined]


class VersionForm(Form):
    """Which version of a protocol, and from when."""

    version = RadiosField(label="Version", label_size="s", error_messages={"required": "Choose the version"})
    from_on = DateField(label="From", label_size="s", error_messages={"required": "Give the day from which it is used"})

    def __init__(self, *args: Any, choices: Sequence[tuple[str, str]], earliest: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["version"].choices = list(choices)  # type: ignore[attr-defined]
        self.fields["from_on"].earliest = earliest  # type: ignore[attr-defined]


class AdoptForm(Form):
    why = TextareaField(
        label="Why", label_size="s", rows=3, help_text="Who decided it, and where it is written.", error_messages={"required": "Say why"}
    )
