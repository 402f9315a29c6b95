from __future__ import annotations

from typing import Any

from django.conf import settings

from stepwell.web.core.forms import FileField, Form, RadiosField, SelectField

SCOPES = {
    "auto": ("Told from the files", ""),
    "full": ("The whole record of this organisation", "What is not in the files is no longer in the record and goes."),
    "patients": ("The whole record of some people", "Only what these people no longer have goes."),
    "delta": ("Changes only", "Nothing goes, except what the files name as deleted."),
}


class UploadForm(Form):
    export = FileField(label="A small export", label_size="s", error_messages={"required": "Choose a file", "empty": "The file is empty"})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        most = settings.UPLOAD_BYTES // 1_000_000
        self.fields["export"].help_text = (  # type: ignore[attr-defined]
            f"JSON, NDJSON or CSV, each may be packed with gzip, or a zip of them; up to {most} MB. Larger ones are put into the folder."
        )


class StartForm(Form):
    """Which export, and what goes from the record when it is not in the files."""

    export = SelectField(label="Export", label_size="s", error_messages={"required": "Choose the export"})
    scope = RadiosField(
        label="What the files are",
        label_size="s",
        choices=[(key, words) for key, (words, _) in SCOPES.items()],
        hints={key: hint for key, (_, hint) in SCOPES.items() if hint},
        initial="auto",
        error_messages={"required": "Choose what the files are"},
    )

    def __init__(self, *args: Any, entries: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(entry.key, entry.name) for entry in entries]
        self.fields["export"].choices = choices if len(choices) == 1 else [("", "Choose"), *choices]  # type: ignore[attr-defined]
