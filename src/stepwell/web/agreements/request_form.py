"""The form of a request for shared care. Nothing in it is required: what is missing is told when it is sent, and the draft stays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stepwell.knowledge.shared_care import Responsibility
from stepwell.web.agreements.terms import Baseline, Missing, Share, Terms
from stepwell.web.core.forms import DateField, Form, RadiosField, SelectField, TextareaField, TextField

LICENSED, OFF_LICENCE = "licensed", "off-licence"
WITHOUT, SHARE = "without-", "share-"
_LONG = 2_000

_PLAIN = (
    "indication", "licence", "licence_words", "started_on", "dose", "target", "stable_since", "stability", "duration", "ends_on", "plan",
    "review_on", "specialist_review_on", "triggers", "route_back", "contact", "told", "from_on",
)  # fmt: skip


class RequestForm(Form):
    """`lines`: the baseline as the record has it; `sides`: (code, name) of the specialist and of the practice."""

    indication = TextField(label="What it is for", label_size="s", required=False, max_length=300)
    licence = RadiosField(
        label="Licence", label_size="s", required=False, choices=[(LICENSED, "Licensed for this"), (OFF_LICENCE, "Off licence")]
    )  # fmt: skip
    licence_words = TextField(
        label="If off licence: why, and what the evidence is (optional)", label_size="s", required=False, max_length=500
    )  # fmt: skip
    dose = TextField(label="Dose now", label_size="s", required=False, max_length=200, help_text="With form and times, as it is taken.")
    target = TextField(
        label="Target (optional)",
        label_size="s",
        required=False,
        max_length=200,
        help_text="A level, a score, or what would count as well.",
    )
    started_on = DateField(label="Started", label_size="s", required=False)
    stable_since = DateField(label="Medicine and dose stable since", label_size="s", required=False)
    stability = TextField(label="How you know (optional)", label_size="s", required=False, max_length=500)
    duration = TextField(
        label="Intended duration",
        label_size="s",
        required=False,
        max_length=200,
        help_text="For example: two years, or as long as it helps",
    )
    ends_on = DateField(label="Intended end (optional)", label_size="s", required=False)
    plan = TextareaField(
        label="Plan to review, reduce and stop",
        label_size="s",
        rows=3,
        required=False,
        max_length=_LONG,
        help_text="Who decides, when, and how.",
    )
    review_on = DateField(label="This agreement is reviewed on", label_size="s", required=False)
    specialist_review_on = DateField(
        label="A specialist reviews the medicine by",
        label_size="s",
        required=False,
        help_text="The five-yearly specialist review, or earlier.",
    )
    triggers = TextareaField(
        label="When to stop, or to call you at once (optional)", label_size="s", rows=3, required=False, max_length=_LONG
    )  # fmt: skip
    route_back = TextareaField(
        label="How the practice gets the person back to you",
        label_size="s",
        rows=2,
        required=False,
        max_length=_LONG,
        help_text="Whom to call, and how soon you see them.",
    )
    contact = TextField(label="Contact for advice", label_size="s", required=False, max_length=300)
    told = TextareaField(label="What the person was told and agreed to", label_size="s", rows=2, required=False, max_length=_LONG)
    from_on = DateField(
        label="Proposed first day",
        label_size="s",
        required=False,
        help_text="You supply until the practice has accepted; owners move on the day it names.",
    )

    def __init__(
        self,
        *args: Any,
        lines: Sequence[Baseline],
        responsibilities: Mapping[str, Responsibility],
        sides: Sequence[tuple[str, str]],
        answers: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.lines, self.sides, self.responsibilities = list(lines), list(sides), responsibilities
        if answers:
            self.fields["answer"] = TextareaField(
                label="Your answer", label_size="s", rows=3, max_length=_LONG, error_messages={"required": "Write your answer"}
            )
        for line in self.lines:
            if line.on is None:
                self.fields[WITHOUT + line.test] = TextField(
                    label=f"Why there is no {line.label}", label_size="s", required=False, max_length=300
                )
        for key, each in responsibilities.items():
            if not each.fixed:
                self.fields[SHARE + key] = SelectField(
                    label=each.label, required=False, choices=self.sides, error_messages={"invalid_choice": "Choose one of the two sides"}
                )

    def terms(self) -> Terms:
        """What was typed, readable or not yet filled in."""
        cleaned = self.cleaned_data
        values: dict[str, Any] = {name: cleaned.get(name) or (None if isinstance(self.fields[name], DateField) else "") for name in _PLAIN}
        without = {line.test: " ".join((cleaned.get(WITHOUT + line.test) or "").split()) for line in self.lines if line.on is None}
        return Terms(**values, baseline_without={test: words for test, words in without.items() if words})

    def shares(self) -> list[Share]:
        """Whose each line is; those that are fixed keep their side."""
        codes = {"specialist": self.sides[0][0], "practice": self.sides[1][0]}
        return [
            Share(key, codes[each.proposed] if each.fixed else self.cleaned_data.get(SHARE + key) or "")
            for key, each in self.responsibilities.items()
        ]

    def refuse(self, missing: Sequence[Missing]) -> None:
        """Put each thing that is missing at its field."""
        for key, words in missing:
            self.add_error(self._field_of(key, words), words)

    def _field_of(self, key: str, words: str) -> str | None:
        if key == "baseline":
            return next((WITHOUT + line.test for line in self.lines if line.on is None and words.startswith(f"{line.label}:")), None)
        return key if key in self.fields else None

    # For the template

    def baseline(self) -> Iterator[tuple[Baseline, Any]]:
        """Each baseline test with the field that says why there is none, None where there is a result."""
        for line in self.lines:
            yield line, self[WITHOUT + line.test] if line.on is None else None

    def matrix(self) -> Iterator[tuple[str, Any, str]]:
        """Each responsibility with its field, or with the side that it always has."""
        names = {"specialist": self.sides[0][1], "practice": self.sides[1][1]}
        for key, each in self.responsibilities.items():
            yield each.label, None if each.fixed else self[SHARE + key], names[each.proposed]


def initial_of(terms: Terms, shares: Mapping[str, str]) -> dict[str, Any]:
    """What the form shows first."""
    found: dict[str, Any] = {name: getattr(terms, name) for name in _PLAIN}
    found |= {WITHOUT + test: words for test, words in terms.baseline_without.items()}
    return found | {SHARE + key: owner for key, owner in shares.items()}
