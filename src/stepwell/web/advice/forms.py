"""Forms of advice. What only the record can refuse is refused by the services; here is what a form can see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, time
from typing import Any

from stepwell.web.advice.choices import choices, kind_of_duty, kinds
from stepwell.web.advice.hours import DAYS, HOURS, WEEK, hour_words
from stepwell.web.advice.rota import Cover, Desk
from stepwell.web.advice.running import Sorting, Terms, answering_roles
from stepwell.web.advice.services import ASKER, DESK, Answer, ToDo
from stepwell.web.core.formatting import clinician
from stepwell.web.core.forms import CheckboxesField, DateField, Form, IntegerField, RadiosField, SelectField, TextareaField, TextField
from stepwell.web.ledger import known

TO_DO_ROWS = (1, 2)


def _medicines(substances: Sequence[str]) -> list[tuple[str, str]]:
    return [("", "No medicine in particular"), *((substance, known.medicine(substance)) for substance in substances)]


class AskForm(Form):
    """`covers`: the services to choose from, each with who is on duty and by when it answers."""

    service = RadiosField(label="Whom do you ask?", label_size="s", error_messages={"required": "Choose whom you ask"})
    kind = SelectField(label="What is it about?", label_size="s", error_messages={"required": "Choose what it is about"})
    substance = SelectField(label="Which medicine?", label_size="s", required=False)
    words = TextareaField(
        label="Your question",
        label_size="s",
        rows=4,
        help_text="The medicines, results, duties and earlier answers go along by themselves: do not copy them.",
        error_messages={"required": "Write the question"},
    )

    def __init__(self, *args: Any, covers: Sequence[Cover], substances: Sequence[str], duty_kind: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["service"].choices = [(str(cover.desk.id), cover.desk.full_name) for cover in covers]  # type: ignore[attr-defined]
        self.fields["service"].hints = {str(cover.desk.id): cover_words(cover) for cover in covers}  # type: ignore[attr-defined]
        # What the duty suggests comes first; nothing that can be asked is left out.
        first = kind_of_duty(duty_kind)
        listed = sorted(kinds().items(), key=lambda pair: pair[0] != first)
        self.fields["kind"].choices = [("", "Choose"), *listed]  # type: ignore[attr-defined]
        self.fields["substance"].choices = _medicines(substances)  # type: ignore[attr-defined]


def cover_words(cover: Cover) -> str:
    """What asking now means: by when, by whom, or that nobody is on duty and what to do instead."""
    due = f"Asked now: answer by {clinician.date(cover.due, weekday=True)} {clinician.time(cover.due)}."
    if cover.is_gap:
        day = clinician.date(cover.day, weekday=True)
        return f"Nobody is named for {day}. Instead: {cover.instead}. A question is kept and stays owed. {cover.desk.promise} {due}"
    return f"On duty {clinician.date(cover.day, weekday=True)}: {cover.person}. {cover.desk.promise} {due}"


class _AnswerFields(Form):
    """What an answer consists of; the first is the only one that is required."""

    do = TextareaField(label="What to do", label_size="s", rows=4, error_messages={"required": "Write what to do"})
    medicine = SelectField(label="Medicine", required=False)
    dose = TextField(label="Dose, in words", required=False, help_text="For example: half the dose, at night, for four weeks")
    monitoring = TextField(label="Monitoring", required=False)
    back = TextField(label="Come back when", required=False)
    who = RadiosField(label="Who does it", choices=[], required=False)

    def __init__(self, *args: Any, substances: Sequence[str], asker: str, desk: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["medicine"].choices = _medicines(substances)  # type: ignore[attr-defined]
        sides = [(ASKER, asker), (DESK, desk)]
        self.fields["who"].choices = sides  # type: ignore[attr-defined]
        self.fields["who"].initial = ASKER
        for number in TO_DO_ROWS:
            self.fields[f"duty{number}"] = TextField(
                label="What is to be done" if number == 1 else "And what else", required=False, max_length=200
            )
            self.fields[f"due{number}"] = DateField(label="By" if number == 1 else "And by", required=False)
            self.fields[f"owner{number}"] = SelectField(
                label="Who owes it" if number == 1 else "And who owes that", choices=sides, required=False
            )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("dose") and not cleaned.get("medicine"):
            self.add_error("medicine", "Choose the medicine that the dose is about")
        for number in TO_DO_ROWS:
            what, due = cleaned.get(f"duty{number}"), cleaned.get(f"due{number}")
            if what and due is None and f"due{number}" not in self.errors:
                self.add_error(f"due{number}", "Give the day by which it is to be done")
            if due is not None and not what:
                self.add_error(f"duty{number}", "Say what is to be done by that day")
        return cleaned

    def given(self) -> Answer:
        cleaned = self.cleaned_data
        return Answer(
            cleaned["do"], cleaned["medicine"], cleaned["dose"], cleaned["monitoring"], cleaned["back"], cleaned["who"] or ASKER
        )  # fmt: skip

    def to_do(self) -> list[ToDo]:
        cleaned = self.cleaned_data
        return [
            ToDo(cleaned[f"duty{number}"], cleaned[f"due{number}"], cleaned[f"owner{number}"] or ASKER)
            for number in TO_DO_ROWS
            if cleaned[f"duty{number}"]
        ]

    @property
    def more_is_open(self) -> bool:
        """Whether what is folded away holds something typed or wrong."""
        names = [f"{name}{number}" for name in ("duty", "due", "owner") for number in TO_DO_ROWS]
        return any(self[name].errors or (self.is_bound and name[:4] == "duty" and self[name].value()) for name in names)

    def duty_rows(self) -> list[list[Any]]:
        return [[self[f"{name}{number}"] for name in ("duty", "due", "owner")] for number in TO_DO_ROWS]


class AnswerForm(_AnswerFields):
    """The reply at the desk. `themes`: keys and names; what the structure of the question suggests is ticked."""

    def __init__(self, *args: Any, themes: Sequence[tuple[int, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if themes:
            self.fields["themes"] = CheckboxesField(
                label="Themes",
                required=False,
                choices=[(str(key), name) for key, name in themes],
                classes="nhsuk-checkboxes--small",
                help_text="Ticked: suggested by kind, medicine and duty. They are counted, never who.",
            )

    def themed(self) -> list[int]:
        return [int(key) for key in self.cleaned_data.get("themes", [])]


class CallForm(_AnswerFields):
    """A telephone answer, written down in thirty seconds: who, the question in a line, the answer."""

    service = SelectField(label="Service", label_size="s", error_messages={"required": "Choose the service"})
    other_org = SelectField(label="Where from", label_size="s", required=False)
    other_name = TextField(label="Who rang", label_size="s", max_length=300)
    kind = SelectField(label="What was it about?", label_size="s", error_messages={"required": "Choose what it was about"})
    question = TextField(label="The question, in a line", label_size="s", error_messages={"required": "Write the question in a line"})

    def __init__(self, *args: Any, desks: Sequence[Desk], organisations: Sequence[tuple[str, str]], by_desk: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["service"].choices = [(str(desk.id), desk.full_name) for desk in desks]  # type: ignore[attr-defined]
        self.fields["kind"].choices = [("", "Choose"), *kinds().items()]  # type: ignore[attr-defined]
        if by_desk:
            self.fields["other_org"].choices = list(organisations)  # type: ignore[attr-defined]
        else:
            del self.fields["other_org"]
        self.fields["other_name"].label = "Who rang" if by_desk else "Who answered"
        self.fields["other_name"].error_messages["required"] = "Say who rang" if by_desk else "Say who answered"
        self.fields["do"].label = "The answer"
        self.fields["do"].error_messages["required"] = "Write the answer"
        self.fields["do"].widget.attrs["rows"] = 3
        self.order_fields(["service", "other_org", "other_name", "kind", "medicine", "question", "do"])


class WordsForm(Form):
    """One box, and for passing on the service that it goes to."""

    words = TextareaField(label="", label_size="s", rows=4)

    def __init__(
        self, *args: Any, label: str, missing: str, hint: str = "", covers: Sequence[Cover] | None = None, **kwargs: Any
    ) -> None:  # fmt: skip
        super().__init__(*args, **kwargs)
        self.fields["words"].label, self.fields["words"].help_text = label, hint
        self.fields["words"].error_messages["required"] = missing
        if covers is not None:
            self.fields["service"] = RadiosField(
                label="To which service?",
                label_size="s",
                choices=[(str(cover.desk.id), cover.desk.full_name) for cover in covers],
                hints={str(cover.desk.id): cover_words(cover) for cover in covers},
                error_messages={"required": "Choose the service"},
            )
            self.order_fields(["service", "words"])


class ThemesForm(Form):
    themes = CheckboxesField(label="Themes", label_size="s", required=False, classes="nhsuk-checkboxes--small")

    def __init__(self, *args: Any, themes: Sequence[tuple[int, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["themes"].choices = [(str(key), name) for key, name in themes]  # type: ignore[attr-defined]


# Running a service


def _time(text: str) -> time | None:
    """`9`, `9:00`, `09.30`; None when it cannot be read."""
    parts = text.strip().replace(".", ":").split(":")
    if not all(part.isdigit() and len(part) <= 2 for part in parts) or not 1 <= len(parts) <= 2:
        return None
    hour, minute = int(parts[0]), int(parts[1]) if len(parts) > 1 else 0
    return time(hour, minute) if hour < 24 and minute < 60 else None


class TermsForm(Form):
    name = TextField(
        label="Name",
        label_size="s",
        help_text="For example: Psychiatrist of the day",
        error_messages={"required": "Give the service a name"},
    )
    role = SelectField(label="Who answers", label_size="s")
    phone = TextField(label="Telephone (optional)", label_size="s", required=False, max_length=60)
    amount = IntegerField(
        label="Answers within", label_size="s", classes="nhsuk-input--width-2", error_messages={"required": "Give how many hours or days"}
    )
    unit = RadiosField(
        label="Counted in",
        label_size="s",
        choices=[(HOURS, "working hours"), (DAYS, "working days")],
        hints={DAYS: "The day it is received is day 0; the answer is due at closing time."},
        error_messages={"required": "Choose hours or days"},
    )
    weekdays = CheckboxesField(
        label="Works on", label_size="s", choices=[(str(number), name) for number, name in enumerate(WEEK)],
        classes="nhsuk-checkboxes--small", error_messages={"required": "Choose at least one day"},
    )  # fmt: skip
    on_holidays = CheckboxesField(
        label="Bank holidays", label_size="s", choices=[("yes", "It works on bank holidays too")], required=False,
        classes="nhsuk-checkboxes--small",
    )  # fmt: skip
    opens = TextField(label="Opens", label_size="s", classes="nhsuk-input--width-5", help_text="For example: 09:00")
    closes = TextField(
        label="Closes", label_size="s", classes="nhsuk-input--width-5", help_text="What comes later counts as received the next working day"
    )
    fallback = SelectField(label="When nobody is on duty: ask", label_size="s", required=False)
    fallback_words = TextField(
        label="When nobody is on duty: in words",
        label_size="s",
        required=False,
        max_length=200,
        help_text="Shown before somebody asks. For example: ring the duty team, 01632 960109",
    )
    closed = CheckboxesField(
        label="Closing it", label_size="s", choices=[("yes", "It takes no new questions")], required=False,
        hints={"yes": "Those that wait are still owed."}, classes="nhsuk-checkboxes--small",
    )  # fmt: skip

    def __init__(self, *args: Any, others: Sequence[Desk], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = list(answering_roles().items())  # type: ignore[attr-defined]
        self.fields["fallback"].choices = [("", "No other service"), *((str(desk.id), desk.full_name) for desk in others)]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name, word in (("opens", "opens"), ("closes", "closes")):
            if name in cleaned:
                found = _time(cleaned[name])
                if found is None:
                    self.add_error(name, f"Say when it {word} as hours and minutes, for example 09:00")
                cleaned[name] = found
        if "fallback_words" in cleaned and not cleaned["fallback_words"] and not cleaned.get("fallback"):
            self.add_error("fallback_words", "Say what somebody does when nobody is on duty")
        return cleaned

    def terms(self) -> Terms:
        cleaned = self.cleaned_data
        return Terms(
            name=cleaned["name"],
            role=cleaned["role"],
            unit=cleaned["unit"],
            amount=cleaned["amount"],
            weekdays=frozenset(int(day) for day in cleaned["weekdays"]),
            opens=cleaned["opens"],
            closes=cleaned["closes"],
            on_holidays=bool(cleaned["on_holidays"]),
            phone=cleaned["phone"],
            fallback_id=int(cleaned["fallback"]) if cleaned["fallback"] else None,
            fallback_words=cleaned["fallback_words"],
            closed=bool(cleaned["closed"]),
        )


def initial_of(desk: Desk) -> dict[str, Any]:
    """The fields that say these terms."""
    return {
        "name": desk.name,
        "role": desk.role,
        "phone": desk.phone,
        "amount": desk.clock.amount,
        "unit": desk.clock.unit,
        "weekdays": [str(day) for day in sorted(desk.clock.weekdays)],
        "on_holidays": ["yes"] if desk.clock.on_holidays else [],
        "opens": hour_words(desk.clock.opens),
        "closes": hour_words(desk.clock.closes),
        "fallback": str(desk.fallback_id or ""),
        "fallback_words": desk.fallback_words,
        "closed": ["yes"] if desk.closed else [],
    }


class RotaForm(Form):
    """A select for each day on which the service works."""

    def __init__(
        self, *args: Any, days: Sequence[date], people: Sequence[tuple[int, str]], held: Mapping[date, int], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._days = list(days)
        named = [("", "Nobody"), *((str(key), name) for key, name in people)]
        for day in self._days:
            self.fields[self._name(day)] = SelectField(
                label=clinician.date(day, weekday=True), choices=named, required=False, initial=str(held.get(day, ""))
            )

    @staticmethod
    def _name(day: date) -> str:
        return f"day-{day.isoformat()}"

    def field_of(self, day: date) -> Any:
        return self[self._name(day)]

    def wanted(self) -> dict[date, int | None]:
        found = {day: self.cleaned_data[self._name(day)] for day in self._days}
        return {day: int(key) if key else None for day, key in found.items()}


class SortingForm(Form):
    """A theme: its name, and the questions it is suggested for."""

    name = TextField(label="Name", label_size="s", error_messages={"required": "Give the theme a name"})
    kinds = CheckboxesField(label="Suggested for kinds of question", label_size="s", required=False, classes="nhsuk-checkboxes--small")
    sets = CheckboxesField(label="Suggested for medicines", label_size="s", required=False, classes="nhsuk-checkboxes--small")
    rule = SelectField(label="Suggested for the duty", label_size="s", required=False)

    def __init__(self, *args: Any, sets: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kinds"].choices = list(kinds().items())  # type: ignore[attr-defined]
        self.fields["sets"].choices = list(sets)  # type: ignore[attr-defined]
        titles = sorted(known.rule_titles().items(), key=lambda pair: pair[1].lower())
        self.fields["rule"].choices = [("", "No duty in particular"), *titles]  # type: ignore[attr-defined]

    def sorting(self) -> Sorting:
        cleaned = self.cleaned_data
        return Sorting(cleaned["name"], cleaned["kinds"], cleaned["sets"], [cleaned["rule"]] if cleaned["rule"] else [])


class BecameForm(Form):
    became = RadiosField(label="What did it lead to?", label_size="s", error_messages={"required": "Choose what it led to"}, inline=True)
    words = TextField(label="What was done, and when", label_size="s", error_messages={"required": "Say what was done, and when"})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["became"].choices = list(choices().became.items())  # type: ignore[attr-defined]
