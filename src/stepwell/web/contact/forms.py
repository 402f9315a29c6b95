"""The form of adjustments: one page, everything that is in force already ticked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from django.utils.datastructures import MultiValueDict

from stepwell.web.contact import choices
from stepwell.web.contact.choices import ADDRESS, CARER, LANGUAGE, PROFESSIONAL, REVIEW, SAFE
from stepwell.web.contact.services import LONGEST, Item
from stepwell.web.core.forms import CheckboxesField, DateField, Form, RadiosField, SelectField, TextareaField, TextField

TICKED = (SAFE, PROFESSIONAL, "slot", "format", "support", "contact")
ONLY_CALL, NO_FIXED = "only-call", "no-fixed"
ENDED, IN_ERROR = "ended", "in error"
_TOO_LONG = f"Say it in at most {LONGEST} characters"


def _ticks(kind: str) -> CheckboxesField:
    group = choices.group(kind)
    return CheckboxesField(
        label=group.label,
        label_size="s",
        help_text=group.hint,
        required=False,
        choices=[(each.code, each.label) for each in group.choices],
        classes="nhsuk-checkboxes--small",
    )


class AdjustmentsForm(Form):
    language = SelectField(label="Language", required=False)
    number = TextField(
        label="Which number, and when",
        required=False,
        max_length=LONGEST,
        help_text="For “call only this number”. For example: 07700 900123, weekdays 10:00 to 12:00",
        error_messages={"max_length": _TOO_LONG},
    )
    why_safe = TextareaField(label="Reason (optional)", rows=2, required=False)
    route = TextField(
        label="No fixed address: how to reach them",
        required=False,
        max_length=LONGEST,
        help_text="For example: letters to the practice, messages through the pharmacy in Mill Lane",
        error_messages={"max_length": _TOO_LONG},
    )
    carer_name = TextField(label="Name", required=False, max_length=100)
    carer_relation = TextField(label="Who they are", required=False, max_length=60, help_text="For example: daughter, support worker")
    carer_told = TextField(
        label="What they may be told", required=False, max_length=120, help_text="For example: appointments and test results"
    )
    carer_until = DateField(label="Agreed until (optional)", required=False)
    review_on = DateField(
        label="Look at all this again on", label_size="s", error_messages={"required": "Give the day to look at it again"}
    )

    def __init__(self, *args: Any, today: date, sees_reasons: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for kind in TICKED:
            self.fields[kind] = _ticks(kind)
        named = sorted(choices.languages().items(), key=lambda pair: (pair[0] != "en", pair[1]))
        self.fields["language"].choices = [("", "As in the GP record"), *named]  # type: ignore[attr-defined]
        self.fields["carer_until"].earliest = today  # type: ignore[attr-defined]
        self.fields["review_on"].earliest = today  # type: ignore[attr-defined]
        self.fields["why_safe"].help_text = (
            "Kept with the rules above and shown to roles that may see sensitive entries. Leave it empty to keep what is there."
            if sees_reasons
            else "Your role may write it and will not see it again. Leave it empty to keep what is there."
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if ONLY_CALL in cleaned.get(SAFE, []) and not cleaned.get("number"):
            self.add_error("number", "Give the number, and when to call it")
        if cleaned.get("number") and ONLY_CALL not in cleaned.get(SAFE, []):
            self.add_error("number", "Tick “Call only this number” too, or take the number out")
        if cleaned.get("why_safe") and not cleaned.get(SAFE):
            self.add_error("why_safe", "Tick the rule that this is the reason for")
        carer = [cleaned.get(name) for name in ("carer_name", "carer_relation", "carer_told")]
        if any(carer) or cleaned.get("carer_until"):
            for name, value, words in zip(
                ("carer_name", "carer_relation", "carer_told"),
                carer,
                ("Give the carer’s name", "Say who the carer is", "Say what the carer may be told"),
                strict=True,
            ):
                if not value and name not in self.errors:
                    self.add_error(name, words)
        return cleaned

    def items(self, *, carers: bool) -> list[Item]:
        """What is asked for; the day to look again only when there is anything, `carers` included, to look at."""
        cleaned = self.cleaned_data
        found = [Item(kind, code, cleaned["number"] if code == ONLY_CALL else "") for kind in TICKED for code in cleaned.get(kind, [])]
        if cleaned["route"]:
            found.append(Item(ADDRESS, NO_FIXED, cleaned["route"]))
        if cleaned["language"]:
            found.append(Item(LANGUAGE, cleaned["language"]))
        if found or carers or self.carer() is not None:
            found.append(Item(REVIEW, REVIEW, until=cleaned["review_on"]))
        return found

    def carer(self) -> Item | None:
        cleaned = self.cleaned_data
        if not cleaned["carer_name"]:
            return None
        told = f"{cleaned['carer_name']} ({cleaned['carer_relation']}) about {cleaned['carer_told']}"
        return Item(CARER, CARER, told, cleaned["carer_until"])

    def ticks(self) -> list[Any]:
        """The groups of ticks that stand by themselves; interpreters stand with the language, safe contact above."""
        return [self[kind] for kind in TICKED if kind not in (SAFE, PROFESSIONAL)]


def initial_of(items: Iterable[Item], review_on: date) -> dict[str, Any]:
    """The fields that say these items."""
    found: dict[str, Any] = {kind: [] for kind in TICKED} | {"review_on": review_on}
    for item in items:
        if item.kind in TICKED:
            found[item.kind].append(item.code)
            if item.code == ONLY_CALL:
                found["number"] = item.words
        elif item.kind == ADDRESS:
            found["route"] = item.words
        elif item.kind == LANGUAGE:
            found["language"] = item.code
        elif item.kind == REVIEW and item.until is not None:
            found["review_on"] = item.until
    return found


def posted_with(posted: Mapping[str, Any], items: Iterable[Item], review_on: date) -> MultiValueDict[str, Any]:
    """What was posted, with the choices of `items` instead of those that were ticked: nothing else typed is lost."""
    values = initial_of(items, review_on)
    data: MultiValueDict[str, Any] = MultiValueDict({key: posted.getlist(key) for key in posted})  # type: ignore[attr-defined]
    for part in ("day", "month", "year"):
        data.pop(f"review_on-{part}", None)
    for name in (*TICKED, "number", "route", "language", "review_on"):
        value = values.get(name, "")
        data.setlist(name, value if isinstance(value, list) else [value])
    return data


class EndForm(Form):
    how = RadiosField(
        label="What happened?",
        label_size="s",
        choices=[(ENDED, "It is no longer needed"), (IN_ERROR, "It was recorded in error")],
        error_messages={"required": "Choose what happened"},
    )
    why = TextareaField(label="Reason", rows=2, error_messages={"required": "Give the reason"})
