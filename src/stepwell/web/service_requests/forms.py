"""Forms of requests and of the directory. What only the record can refuse is refused by the services; here is what a form can see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stepwell.web.core import clock, exports
from stepwell.web.core.forms import (
    CheckboxesField,
    DateField,
    Form,
    IntegerField,
    RadiosField,
    SelectField,
    TextareaField,
    TextField,
)
from stepwell.web.service_requests import choices
from stepwell.web.service_requests.choices import CRISIS
from stepwell.web.service_requests.directory import Details
from stepwell.web.service_requests.models import Service
from stepwell.web.service_requests.pages import CRISIS_WORDS, service_words
from stepwell.web.service_requests.selectors import unbarred
from stepwell.web.service_requests.services import Asked

TRIAGE = "triage"
ADVISE, REDIRECT, TAKE_OVER, NOT_FOR_US = "advise", "redirect", "take-over", "not-for-us"
READ, RETURN = "read", "return"


def _named(rows: Mapping[str, choices.Choice]) -> list[tuple[str, str]]:
    return [(key, row.label) for key, row in rows.items()]


def _hints(rows: Mapping[str, choices.Choice]) -> dict[str, str]:
    return {key: row.hint for key, row in rows.items() if row.hint}


class AskForm(Form):
    """One form for all kinds. Which service is right need not be known."""

    kind = RadiosField(
        label="What is needed?", label_size="s", choices=_named(choices.kinds()), hints=_hints(choices.kinds()),
        error_messages={"required": "Choose what is needed"},
    )  # fmt: skip
    service = SelectField(
        label="Who should get it?",
        label_size="s",
        initial=TRIAGE,
        help_text="Leave it to triage when you are not sure.",
        error_messages={"required": "Choose who should get it"},
    )
    urgency = RadiosField(
        label="How soon?", label_size="s", choices=_named(choices.urgencies()), hints=_hints(choices.urgencies()),
        error_messages={"required": "Choose how soon"},
    )  # fmt: skip
    phoned = TextareaField(label="In a crisis: whom you phoned, when, and what was agreed", rows=2, required=False, help_text=CRISIS_WORDS)
    need = TextareaField(
        label="The question or need", label_size="s", rows=3, help_text="What should be different afterwards?",
        error_messages={"required": "Say what is needed"},
    )  # fmt: skip
    why_now = TextareaField(
        label="Why now", label_size="s", rows=3, help_text="What has changed, and what happens if it waits.",
        error_messages={"required": "Say why now"},
    )  # fmt: skip
    wish = TextareaField(
        label="What the person wants", label_size="s", rows=3, help_text="In their words where you can.",
        error_messages={"required": "Say what the person wants"},
    )  # fmt: skip
    agreement = RadiosField(
        label="Did they agree to this request?", label_size="s", choices=_named(choices.agreements()), hints=_hints(choices.agreements()),
        error_messages={"required": "Choose whether they agreed"},
    )  # fmt: skip
    tried = TextareaField(
        label="What was tried, and what came of it (optional)", label_size="s", rows=3, required=False,
        help_text="Besides the medicines that the record shows: therapy, groups, what helped before.",
    )  # fmt: skip

    def __init__(self, *args: Any, services: Sequence[Service], triage: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._services = {str(row.pk): row for row in services}
        first = (TRIAGE, "I do not know: let triage decide") if triage else ("", "Choose a service")
        named = [(key, f"{service_words(row)}: {_takes(row)}") for key, row in self._services.items()]
        self.fields["service"].choices = [first, *named]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        crisis = CRISIS in (cleaned.get("urgency"), cleaned.get("kind"))
        if crisis and not cleaned.get("phoned"):
            self.add_error("phoned", "Phone first. Then say here whom you spoke to, when, and what was agreed")
        service = self._services.get(cleaned.get("service", ""))
        kind = cleaned.get("kind")
        if service is not None and kind and kind not in unbarred(service.kinds) and not service.any_kind:
            self.add_error("service", f"{service.name} does not take this on: choose another, or let triage decide")
        return cleaned

    def asked(self, duty_id: int | None) -> Asked:
        cleaned = self.cleaned_data
        return Asked(
            kind=cleaned["kind"],
            urgency=cleaned["urgency"],
            need=cleaned["need"],
            why_now=cleaned["why_now"],
            wish=cleaned["wish"],
            agreement=cleaned["agreement"],
            service_id=None if cleaned["service"] == TRIAGE else int(cleaned["service"]),
            tried=cleaned["tried"],
            phoned=cleaned["phoned"],
            duty_id=duty_id,
        )


def _takes(row: Service) -> str:
    return ", ".join(choices.kind_label(key).lower() for key in unbarred(row.kinds))


class TriageForm(Form):
    """One answer. There is none that leaves the person with nobody."""

    answer = RadiosField(label="What do you answer?", label_size="s", error_messages={"required": "Choose your answer"})
    seen_by = DateField(label="Seen or spoken to by", help_text="For everything that you take on.", required=False)
    to = SelectField(label="The service that is right", required=False, help_text="For redirecting. It stays yours until they accept.")
    reason = SelectField(label="Why it is not for you", required=False, help_text="For redirecting or sending back. It is counted.")
    words = TextareaField(
        label="What the asker reads", label_size="s", rows=4, required=False,
        help_text="The advice; what happens next; or why another service is right.",
    )  # fmt: skip

    def __init__(
        self, *args: Any, services: Sequence[Service], seen: Mapping[int, str], reasons: Mapping[str, str], owner: str, offered: bool,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        """`seen`: what services said that had it before; `offered`: another service redirected it."""
        super().__init__(*args, **kwargs)
        answers = [*_named(choices.outcomes()), (ADVISE, "We advise"), (REDIRECT, "Another service is right: redirect it")]
        hints = _hints(choices.outcomes()) | {
            ADVISE: "It closes when the asker has confirmed reading it; they can send it back.",
            REDIRECT: "Name the service. Until it accepts, the request stays yours.",
        }
        if offered:
            answers += [(TAKE_OVER, "It is ours; we decide later"), (NOT_FOR_US, f"Not for us: back to {owner}")]
            hints |= {
                TAKE_OVER: "From now on it is yours, with the clock that runs.",
                NOT_FOR_US: f"{owner} decides again and reads why. It does not go back to the person.",
            }
        self.fields["answer"].choices, self.fields["answer"].hints = answers, hints  # type: ignore[attr-defined]
        named = [(str(row.pk), service_words(row) + (f" (had it: {seen[row.pk]})" if row.pk in seen else "")) for row in services]
        self.fields["to"].choices = [("", "Choose a service"), *named]  # type: ignore[attr-defined]
        self.fields["reason"].choices = [("", "Choose the reason"), *reasons.items()]  # type: ignore[attr-defined]
        self.fields["seen_by"].earliest = clock.today()  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        answer = cleaned.get("answer")
        if answer in choices.outcomes() and not cleaned.get("seen_by") and "seen_by" not in self.errors:
            self.add_error("seen_by", "Give the day by which they will be seen")
        if answer == REDIRECT and not cleaned.get("to"):
            self.add_error("to", "Name the service that is right: nobody is left without one")
        if answer in (REDIRECT, NOT_FOR_US) and not cleaned.get("reason"):
            self.add_error("reason", "Choose the reason")
        if answer and answer != TAKE_OVER and not cleaned.get("words"):
            asked = {ADVISE: "Write the advice", REDIRECT: "Say why another service is right", NOT_FOR_US: "Say why it is not for you"}
            self.add_error("words", asked.get(answer, "Say what happens next"))
        return cleaned


class AdviceForm(Form):
    answer = RadiosField(
        label="Does it answer what you asked?",
        label_size="s",
        choices=[(READ, "I have read it and act on it"), (RETURN, "It does not answer it: back to them")],
        hints={READ: "The request is closed.", RETURN: "Say below what is still missing; they decide again."},
        error_messages={"required": "Choose your answer"},
    )
    why = TextareaField(label="What is still missing, or what you do now", rows=3, required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("answer") == RETURN and not cleaned.get("why"):
            self.add_error("why", "Say what is still missing")
        return cleaned


class WordsForm(Form):
    """One reason, or one account."""

    why = TextareaField(label="Reason", label_size="s", rows=3, error_messages={"required": "Write it down"})

    def __init__(self, *args: Any, label: str = "Reason", hint: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["why"].label, self.fields["why"].help_text = label, hint


class ServiceForm(Form):
    name = TextField(label="Name of the service", label_size="s", max_length=160, error_messages={"required": "Give the service its name"})
    kinds = CheckboxesField(
        label="What it takes on", label_size="s", choices=_named(choices.kinds()), classes="nhsuk-checkboxes--small",
        error_messages={"required": "Choose what it takes on"},
    )  # fmt: skip
    any_kind = CheckboxesField(
        label="Triage", label_size="s", choices=[("yes", "It takes requests whose asker does not know which service is right")],
        required=False, classes="nhsuk-checkboxes--small",
    )  # fmt: skip
    serves = TextareaField(
        label="Whom it serves", label_size="s", rows=2, help_text="Ages, area, practices.",
        error_messages={"required": "Say whom it serves"},
    )  # fmt: skip
    criteria = TextareaField(
        label="Stated criteria (optional)", label_size="s", rows=3, required=False,
        help_text="What askers can check before they ask. Counts show how often they are the reason for redirecting.",
    )  # fmt: skip
    contact = TextField(
        label="How it is reached", label_size="s", max_length=200, help_text="A telephone number for colleagues.",
        error_messages={"required": "Say how it is reached"},
    )  # fmt: skip
    hours = TextField(label="When (optional)", label_size="s", required=False, max_length=160)
    routine_days = IntegerField(
        label="Working days to the first word, routine", label_size="s", min_value=0, max_value=260, classes="nhsuk-input--width-3",
        error_messages={"required": "Give the days for routine requests"},
    )  # fmt: skip
    urgent_days = IntegerField(
        label="Working days to the first word, urgent", label_size="s", min_value=0, max_value=60, classes="nhsuk-input--width-3",
        help_text="0: the same working day.", error_messages={"required": "Give the days for urgent requests"},
    )  # fmt: skip

    def details(self) -> Details:
        cleaned = self.cleaned_data
        return Details(
            name=cleaned["name"].strip(),
            kinds=cleaned["kinds"],
            serves=cleaned["serves"].strip(),
            contact=cleaned["contact"].strip(),
            routine_days=cleaned["routine_days"],
            urgent_days=cleaned["urgent_days"],
            hours=cleaned["hours"].strip(),
            criteria=cleaned["criteria"].strip(),
            any_kind="yes" in cleaned["any_kind"],
        )

    @staticmethod
    def initial_of(service: Service) -> dict[str, Any]:
        names = ("name", "serves", "criteria", "contact", "hours", "routine_days", "urgent_days")
        found: dict[str, Any] = {name: getattr(service, name) for name in names}
        return found | {"kinds": unbarred(service.kinds), "any_kind": ["yes"] if service.any_kind else []}


class ReasonForm(Form):
    label = TextField(label="Another reason", label_size="s", error_messages={"required": "Write the reason"})


class ExportForm(Form):
    kind = RadiosField(
        label="As", label_size="s", choices=[(exports.XLSX, "Excel workbook"), (exports.CSV, "CSV")], initial=exports.XLSX,
        error_messages={"required": "Choose the kind of file"},
    )  # fmt: skip
    why = TextareaField(
        label="What is it for?", rows=2, help_text="It is kept with the record of who took which patients’ details.",
        error_messages={"required": "Say what the file is for"},
    )  # fmt: skip
