"""What a structured review asks, as fields of one page: lists of the knowledge base, boxes for words, days.

An answer has a name and a value: words, a key, or a list of keys. `held_on`, `present`, `m.olanzapine.decisions`,
`m.olanzapine.reason`. A draft is these names with their values and nothing else, so that two of them can be compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Any, cast

from stepwell import knowledge
from stepwell.knowledge.reviewing import PartOfReview, ReviewPart, parts_of
from stepwell.web.core.formatting import clinician
from stepwell.web.ledger import known
from stepwell.web.ledger.options import reasons
from stepwell.web.reviews.choices import choices

Value = str | list[str]
Values = Mapping[str, Value]

GENERAL, MEDICINE = "", "m."
HELD_ON, HOW, CONSENT, CONSENT_WORDS = "held_on", "how", "consent", "consent-words"
DECISION, REASON, FOLLOW_UP, CHANGE, ABRUPT, CLINICAL = "decisions", "reason", "follow-up", "change", "abrupt", "clinical-reasons"
MONITORING, WORRIES = "monitoring", "worries"
# Lists of which one entry is chosen; of the others any number.
_ONE = frozenset({"achieved", "decisions", "capacity", "interpreter"})
# Lists that one line beside them is enough for.
_LINES = frozenset({"present", "capacity", "outcome"})
_PARTS_OF_MEDICINE = ("outcome", "achieved", "benefits", "harms", "concerns", "adherence", "alternatives")
ANTIPSYCHOTICS = "antipsychotic-any"
_SPAN = re.compile(r"^(?:in )?(\d{1,3}) ?(d|days?|w|weeks?|m|months?|y|years?)$", re.IGNORECASE)
_TYPED = re.compile(r"^(\d{1,2})[ ./-]+([A-Za-z]{3,9}|\d{1,2})[ ./-]+(\d{4})$")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class Kind(StrEnum):
    ONE = "one"
    MANY = "many"
    LINE = "line"
    WORDS = "words"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Option:
    """One entry to choose. `said`: how many said so in a survey, in words; `basis`: source ids and mark of the entry."""

    key: str
    label: str
    hint: str = ""
    said: str = ""
    basis: str = ""
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """One field. `part`: the list of the knowledge base it comes from; `basis`: source ids and mark of a field's own entry."""

    name: str
    label: str
    kind: Kind
    options: tuple[Option, ...] = ()
    hint: str = ""
    longest: int = 0
    part: str = ""
    substance: str = ""
    basis: str = ""
    required: bool = False

    @property
    def id(self) -> str:
        return self.name.replace(".", "-")

    def chosen(self, values: Values) -> list[Option]:
        """The options that were chosen, in the order of the list."""
        picked = _list(values.get(self.name))
        return [option for option in self.options if option.key in picked]

    def text(self, values: Values) -> str:
        """What was typed; a day as clinicians read it."""
        value = values.get(self.name, "")
        text = value if isinstance(value, str) else ""
        return shown_day(text) if self.kind is Kind.DAY else text

    def told(self, values: Values) -> str:
        """The answer in words: labels, words or a day; empty when there is none."""
        if self.kind in (Kind.ONE, Kind.MANY):
            return "; ".join(option.label for option in self.chosen(values))
        return self.text(values)


@dataclass(frozen=True, slots=True)
class MedicineAsks:
    """The fields about one medicine."""

    substance: str
    asks: tuple[Ask, ...]

    def get(self, key: str) -> Ask | None:
        name = field_name(self.substance, key)
        return next((ask for ask in self.asks if ask.name == name), None)

    def of_part(self, part: str) -> list[Ask]:
        return [ask for ask in self.asks if ask.part == part]


@dataclass(frozen=True, slots=True)
class Sheet:
    """Every field of one review."""

    general: tuple[Ask, ...]
    medicines: tuple[MedicineAsks, ...]

    @property
    def every(self) -> list[Ask]:
        return [*self.general, *(ask for medicine in self.medicines for ask in medicine.asks)]

    def medicine(self, substance: str) -> MedicineAsks | None:
        return next((each for each in self.medicines if each.substance == substance), None)

    def get(self, name: str) -> Ask | None:
        return next((ask for ask in self.every if ask.name == name), None)


def field_name(substance: str, key: str) -> str:
    return f"{MEDICINE}{substance}.{key}"


def sheet(substances: Sequence[str]) -> Sheet:
    """The fields of a review of these medicines."""
    return Sheet(_general(), tuple(MedicineAsks(substance, _of_medicine(substance)) for substance in substances))


@cache
def _general() -> tuple[Ask, ...]:
    longest = choices().longest
    return (
        Ask(HELD_ON, "Day of the review", Kind.DAY, longest=longest.line, required=True),
        Ask(HOW, "How", Kind.ONE, _house(choices().how), required=True),
        *_part("present", "Who was present", required=True, words="Names, and anybody else"),
        *_part("interpreter", "Interpreter"),
        Ask(CONSENT, "Consent", Kind.ONE, _house(choices().consent), required=True),
        *_part("capacity", "Capacity for these decisions", required=True, words="What was done about it"),
        *_part("matters", "What matters to the person", words="In their own words"),
    )


def _of_medicine(substance: str) -> tuple[Ask, ...]:
    longest, prefix = choices().longest, field_name(substance, "")
    labels = {
        "outcome": "What it is meant to do",
        "achieved": "Is that achieved?",
        "benefits": "Benefits discussed",
        "harms": "Risks and harms discussed",
        "concerns": "Concerns",
        "adherence": "If not taken as prescribed, why",
        "alternatives": "Alternatives offered",
    }
    words = {
        "outcome": "In words", "benefits": "What was said of the benefits", "harms": "What was said of the risks",
        "concerns": "What they worry about, in their words", "adherence": "How it is really taken",
        "alternatives": "What was offered, and what they said",
    }  # fmt: skip
    asks: list[Ask] = []
    for part in _PARTS_OF_MEDICINE:
        asks += _part(part, labels[part], substance=substance, words=words.get(part, ""))
    asks += _part("antipsychotic", "Antipsychotic", substance=substance)
    asks += _part("decisions", "Decision", substance=substance)
    asks += [
        Ask(f"{prefix}{CHANGE}", "New dose, or the medicine switched to, or the service", Kind.LINE, longest=longest.line),
        Ask(f"{prefix}{REASON}", "Reason", Kind.WORDS, longest=longest.words),
        Ask(f"{prefix}{MONITORING}", "Tests to arrange", Kind.LINE, longest=longest.line),
        Ask(f"{prefix}{FOLLOW_UP}", "Follow up", Kind.DAY, hint="A day, or for example 3 months", longest=longest.line),
        Ask(f"{prefix}{ABRUPT}", "Why stop at once", Kind.ONE, _house(choices().abrupt)),
        Ask(
            f"{prefix}{CLINICAL}", "Clinical reason for no change in spite of the risk", Kind.MANY,
            tuple(Option(key, label) for key, label in reasons()),
        ),
    ]  # fmt: skip
    return tuple(ask if ask.substance else _of(ask, substance) for ask in asks)


def _of(ask: Ask, substance: str) -> Ask:
    return Ask(
        ask.name, ask.label, ask.kind, ask.options, ask.hint, ask.longest, ask.part, substance, ask.basis, ask.required
    )  # fmt: skip


def _part(part: str, label: str, *, substance: str = "", words: str = "", required: bool = False) -> list[Ask]:
    """The fields of one list of the knowledge base: its entries to choose from, entries that ask for words, and a box beside it."""
    longest, prefix = choices().longest, field_name(substance, "") if substance else GENERAL
    rows = parts_of(knowledge.load(), cast(PartOfReview, part), substance or None)
    listed = [row for row in rows if not row.ask]
    asks = []
    if listed:
        kind = Kind.ONE if part in _ONE else Kind.MANY
        must = required or any(row.required for row in listed)
        asks.append(
            Ask(f"{prefix}{part}", label, kind, tuple(_option(row) for row in listed), part=part, substance=substance, required=must)
        )
    asks += [
        Ask(
            f"{prefix}{row.review_part}", row.ask, Kind.WORDS, hint=row.hint, longest=longest.words, part=part, substance=substance,
            basis=basis(row), required=row.required,
        )
        for row in rows
        if row.ask
    ]  # fmt: skip
    if words:
        kind, most = (Kind.LINE, longest.line) if part in _LINES else (Kind.WORDS, longest.words)
        asks.append(Ask(f"{prefix}{part}-words", words, kind, longest=most, part=part, substance=substance))
    return asks


def _option(row: ReviewPart) -> Option:
    said = ""
    if row.percent is not None:
        said = f"{row.percent.value:g} % of staff asked named it ({basis(row.percent)})"
    return Option(row.review_part, row.label, row.hint, said, basis(row), tuple(row.needs))


def _house(listed: Mapping[str, str]) -> tuple[Option, ...]:
    return tuple(Option(key, label) for key, label in listed.items())


def basis(row: Any) -> str:
    """Source ids and mark of an entry: `S1, mark S`, and `mark P` of what has no published source. What marks mean, and which need local
    approval, a page says once (`legend`)."""
    return ", ".join([*(source for source in row.source if source not in known.MARKS), f"mark {row.mark}"])


def legend(pending: bool) -> str:
    """What marks mean; `pending`: nobody here has approved the pack, so that all but the first need local approval."""
    told = "; ".join(f"{mark} {words}" for mark, words in known.MARKS.items())
    return f"Marks: {told}.{' All but V need local approval.' if pending else ''}"


def bases(options: Iterable[Option]) -> list[tuple[str, str]]:
    """Source and mark of the entries of a list, each basis once with the labels it stands for: for a note under the list."""
    found: dict[str, list[str]] = {}
    for option in options:
        if option.basis:
            found.setdefault(option.basis, []).append(option.label)
    return [("all" if len(found) == 1 else ", ".join(labels), text) for text, labels in found.items()]


# Values


def _list(value: Value | None) -> list[str]:
    return value if isinstance(value, list) else [value] if value else []


def read(asked: Sheet, posted: Any, today: date) -> dict[str, Value]:
    """What a form holds, by name, without what is empty. A field that the form did not carry is left out. A day that cannot be read
    is kept as it was typed."""
    found: dict[str, Value] = {}
    for ask in asked.every:
        known_keys = {option.key for option in ask.options}
        if ask.kind is Kind.MANY:
            value: Value = [key for key in posted.getlist(ask.name) if key in known_keys]
        elif ask.kind is Kind.ONE:
            key = posted.get(ask.name, "")
            value = key if key in known_keys else ""
        elif ask.kind is Kind.DAY:
            typed = " ".join(posted.get(ask.name, "").split())
            day = day_of(typed, today)
            value = day.isoformat() if day else typed
        else:
            value = tidy(posted.get(ask.name, ""))
        if value:
            found[ask.name] = value
    return found


def tidy(text: str) -> str:
    """Words with single spaces and their line breaks."""
    return "\n".join(" ".join(line.split()) for line in text.strip().splitlines()).strip()


def day_of(text: str, today: date) -> date | None:
    """`01-Dec-2026`, `1 12 2026`, `2026-12-01`, or a span from today: `3 months`, `6 weeks`; None when it is neither."""
    if span := _SPAN.match(text):
        number, unit = int(span.group(1)), span.group(2)[0].lower()
        months, days = {"d": (0, number), "w": (0, 7 * number), "m": (number, 0), "y": (12 * number, 0)}[unit]
        return known.add(today, months, days)
    try:
        return date.fromisoformat(text)
    except ValueError:
        pass
    typed = _TYPED.match(text)
    if typed is None:
        return None
    day, month, year = typed.groups()
    word = month.lower()[:3]
    try:
        return date(int(year), _MONTHS.index(word) + 1 if word in _MONTHS else int(month), int(day))
    except ValueError:
        return None


def shown_day(text: str) -> str:
    """A kept day as clinicians read it; what could not be read as it was typed."""
    try:
        return clinician.date(date.fromisoformat(text))
    except ValueError:
        return text


def kept_day(values: Values, name: str) -> date | None:
    value = values.get(name, "")
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def changed(before: Values, after: Values) -> dict[str, Value | None]:
    """What differs, with its new value; None where it was emptied."""
    names = sorted(before.keys() | after.keys())
    return {name: after.get(name) for name in names if before.get(name) != after.get(name)}


def merged(before: Values, changes: Mapping[str, Value | None]) -> dict[str, Value]:
    found = {**before, **changes}
    return {name: value for name, value in found.items() if value}


def substances_in(values: Values) -> list[str]:
    """The medicines that a draft or version says anything about, in the order of their names."""
    return sorted({name.removeprefix(MEDICINE).split(".")[0] for name in values if name.startswith(MEDICINE)})


def of_medicine(values: Values, substance: str) -> dict[str, Value]:
    """What was said about one medicine, by key without its prefix."""
    prefix = field_name(substance, "")
    return {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}


def label_of(name: str) -> str:
    """The label of a field: `Reason (olanzapine)`."""
    substances = substances_in({name: "x"})
    ask = sheet(substances).get(name)
    label = ask.label if ask is not None else name
    return f"{label} ({known.medicine(substances[0])})" if substances else label


def is_antipsychotic(substance: str) -> bool:
    return substance in known.members(ANTIPSYCHOTICS)
