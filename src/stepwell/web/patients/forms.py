from __future__ import annotations

from typing import Any

from stepwell.web.core.forms import DateField, Form, NhsNumberField, TextField
from stepwell.web.ledger.selectors import Search


class SearchForm(Form):
    """An NHS number, or a name, or a date of birth; the more is given, the fewer are found."""

    nhs_number = NhsNumberField(label="NHS number", label_size="s", required=False, classes="nhsuk-input--width-10")
    family = TextField(label="Family name", label_size="s", required=False)
    given = TextField(label="Given name", label_size="s", required=False)
    birth_date = DateField(label="Date of birth", label_size="s", required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        given = (cleaned.get("nhs_number"), cleaned.get("family"), cleaned.get("birth_date"))
        if not self.errors and not any(given):
            self.add_error("nhs_number", "Enter an NHS number, a family name or a date of birth")
        return cleaned

    def search(self) -> Search:
        cleaned = self.cleaned_data
        return Search(cleaned["nhs_number"], cleaned["family"], cleaned["given"], cleaned["birth_date"])
