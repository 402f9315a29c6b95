"""Reviews in words: lines of lists, the form with what the record says beside each medicine, a version to read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.urls import reverse

from stepwell import knowledge
from stepwell.web.accounts.roles import roles
from stepwell.web.core.formatting import clinician, count
from stepwell.web.ledger import known
from stepwell.web.ledger.models import Duty
from stepwell.web.reviews import asks, closing, facts
from stepwell.web.reviews.asks import Ask, Kind, MedicineAsks, Values
from stepwell.web.reviews.facts import MedicineFacts
from stepwell.web.reviews.models import Decided, Review, ReviewAct, ReviewEvent, ReviewState

SAID = {
    "saved": "Saved. It is yours until you close it.",
    "discarded": "The draft is discarded.",
    "closed": "The review is done.",
    "closed-waiting": "The review is done. Duties are being worked out again; they may not show it yet.",
    "in-error": "Entered in error: what it had closed is open again.",
    "in-error-waiting": "Entered in error. Duties are being worked out again; they may not show it yet.",
    "signed": "The record is signed.",
    "record-saved": "Saved: not signed yet.",
    "last": "Filled in as last time: look it over.",
}
# How many medicines a heading names; of more it says how many.
NAMED = 3
# Fields of a medicine that are seen at once; the others are behind one click, opened where something is in them.
_FOLDED = ("benefits", "harms", "concerns", "adherence", "alternatives")
_FOLDED_LABELS = {
    "benefits": "Benefits discussed",
    "harms": "Risks and harms discussed",
    "concerns": "Concerns",
    "adherence": "How it is taken",
    "alternatives": "Alternatives offered",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field with its value and what is wrong with it."""

    ask: Ask
    value: Any
    error: str = ""

    @property
    def text(self) -> str:
        return self.ask.text({self.ask.name: self.value or ""})

    @property
    def picked(self) -> list[str]:
        return self.value if isinstance(self.value, list) else [self.value] if self.value else []

    @property
    def is_filled(self) -> bool:
        return bool(self.value)

    @property
    def rows(self) -> int:
        return min(6, max(2, len(self.text) // 70 + 1))

    @property
    def bases(self) -> list[tuple[str, str]]:
        return asks.bases(self.ask.options)


@dataclass(frozen=True, slots=True)
class Group:
    """Fields of one list behind one click."""

    label: str
    fields: tuple[Field, ...]

    @property
    def is_open(self) -> bool:
        return any(field.is_filled or field.error for field in self.fields)


@dataclass(frozen=True, slots=True)
class MedicineForm:
    """One medicine of the form. `plan_first`: stopping it without a plan is against the knowledge base's rule (`rule`)."""

    facts: MedicineFacts
    asks: MedicineAsks
    values: Values
    errors: Mapping[str, str]
    on: date
    kind: str

    def field(self, key: str) -> Field | None:
        ask = self.asks.get(key)
        return self._field(ask) if ask is not None else None

    def _field(self, ask: Ask) -> Field:
        return Field(ask, self.values.get(ask.name), self.errors.get(ask.name, ""))

    def part(self, part: str) -> list[Field]:
        return [self._field(ask) for ask in self.asks.of_part(part)]

    @property
    def groups(self) -> list[Group]:
        found = [Group(_FOLDED_LABELS[part], tuple(self.part(part))) for part in _FOLDED]
        return [group for group in found if group.fields]

    @property
    def substance(self) -> str:
        return self.facts.substance

    @property
    def is_open(self) -> bool:
        """A medicine that this kind of review is about, or that something was decided or is wrong about; others open with one click."""
        return facts.is_about(self.kind, self.substance) or bool(self.values.get(self._name(asks.DECISION))) or any(
            name.startswith(self._name("")) for name in self.errors
        )  # fmt: skip

    def _name(self, key: str) -> str:
        return asks.field_name(self.substance, key)

    @property
    def is_antipsychotic(self) -> bool:
        return asks.is_antipsychotic(self.substance)

    @property
    def words(self) -> str:
        return self.facts.words(self.on)

    @property
    def last(self) -> str:
        """`14-Aug-2025: continue. Reason`; empty when it was never reviewed here."""
        row = self.facts.last
        return f"{clinician.date(row.held_on)}: {row.label.lower()}{f'. {row.reason}' if row.reason else ''}" if row else ""

    @property
    def rule(self) -> list[tuple[str, str]]:
        """Why it is not stopped at once, each sentence with where it is said; empty for a medicine without a rule to reduce it."""
        return never_abrupt(self.substance)

    @property
    def clock(self) -> str:
        """Where the day of the follow-up comes from: `12 months by Yearly antipsychotic review (S58, mark S)`."""
        held = asks.kept_day(self.values, asks.HELD_ON) or self.on
        found = facts.clock_of(self.kind, self.substance, held)
        return f"{found.span} by “{found.kind.label}” ({asks.basis(found.kind)})" if found is not None else ""

    @property
    def reducing(self) -> tuple[str, str]:
        """Of a medicine that is reduced in steps: the day of the next look while it is, and where that comes from."""
        held = asks.kept_day(self.values, asks.HELD_ON) or self.on
        found = facts.clock_while_reducing(self.substance, held)
        return (clinician.date(found.on), f"{found.span} when it is reduced ({asks.basis(found.kind)})") if found is not None else ("", "")

    @property
    def usual_day(self) -> str:
        found = facts.clock_of(self.kind, self.substance, asks.kept_day(self.values, asks.HELD_ON) or self.on)
        return clinician.date(found.on) if found is not None else ""

    @property
    def bases(self) -> list[tuple[str, str, str]]:
        """Where the lists of this medicine come from: list, entries, source and mark."""
        found = [(ask.label, entries, text) for ask in self.asks.asks for entries, text in asks.bases(ask.options)]
        return found + [(ask.label, "", ask.basis) for ask in self.asks.asks if ask.basis]


def never_abrupt(substance: str) -> list[tuple[str, str]]:
    """The rule in words, then what counts as briefly and from which dose it may be stopped, each with its source and its mark; empty for
    a medicine that is not reduced in steps."""
    pack = knowledge.load()
    rule = pack.taper_rule_of(substance)
    if rule is None:
        return []
    never = pack.taper_support.get("never-abrupt")
    found = [(never.words, asks.basis(never)) if never is not None else (rule.bound.words, asks.basis(rule.bound.of_present))]
    if rule.stop_directly is not None:
        told = f"At {clinician.mass(rule.stop_directly.ug)} a day or less it may be stopped directly."
        found.append((told, asks.basis(rule.stop_directly)))
    for row in pack.taper_support.values():
        if row.part == "brief" and row.figure and (not row.classes or rule.taper_rule in row.classes):
            found.append((f"Briefly: up to {row.figure.whole} {row.figure.unit}.", asks.basis(row.figure)))
    return found


@dataclass(frozen=True, slots=True)
class AnswerLine:
    """Duties that closing may answer, as the page asks about them."""

    answer: closing.Answer
    decided: frozenset[str]
    ticked: bool
    reason: str
    error: str = ""

    @property
    def key(self) -> str:
        return self.answer.key

    @property
    def id(self) -> str:
        return self.key.replace(".", "-")

    @property
    def lines(self) -> list[tuple[str, str, str, bool]]:
        """Of each duty its title, the days when it is due and its medicines, and whether it is about something that this review did not
        decide. Points of one rule stand together."""
        found: dict[tuple[str, str, bool], list[str]] = {}
        for duty in self.answer.duties:
            raised = self.answer.key.startswith(closing.FOLLOWING)
            about = "" if raised else known.medicine(duty.subject)
            key = (duty.title, about, not raised and not (known.members(duty.subject) & self.decided))
            found.setdefault(key, []).append(clinician.date(duty.due_on))
        return [(title, " and ".join(days), medicine, other) for (title, medicine, other), days in found.items()]

    @property
    def href(self) -> str:
        return reverse("ledger:show_duty", args=[self.answer.duties[0].pk])


# Reading


@dataclass(frozen=True, slots=True)
class Told:
    """An answer as it is read: label and words; `many`: the entries of a list."""

    label: str
    words: str


@dataclass(frozen=True, slots=True)
class DecisionView:
    """What a version decided about one medicine, with everything that was said about it."""

    row: Decided
    said: tuple[Told, ...]

    @property
    def name(self) -> str:
        return known.medicine(self.row.substance)

    @property
    def id(self) -> str:
        return self.row.substance

    @property
    def reduces(self) -> bool:
        return "reduction" in needs_of(self.row.decision)

    @property
    def refers(self) -> bool:
        return "route" in needs_of(self.row.decision)

    @property
    def change(self) -> str:
        return str(self.row.answers.get(asks.CHANGE, ""))

    @property
    def studio(self) -> str:
        return studio_address(self.row.person_id, self.row.substance, self.row.review_id)


def needs_of(decision: str) -> tuple[str, ...]:
    row = knowledge.load().review_parts.get(decision)
    return tuple(row.needs) if row is not None else ()


def studio_address(person_id: int, substance: str, review_id: int) -> str:
    """Where a reduction is planned, from this review."""
    return f"/patients/{person_id}/reduce?medicine={substance}&review={review_id}"


class ReviewView:
    """One version of a review, cut for its reader: `rows` are the decisions that they may see."""

    def __init__(self, review: Review, event: ReviewEvent, rows: Sequence[Decided], *, hidden: int, events: Sequence[ReviewEvent]) -> None:
        self.review, self.event, self.hidden, self.events = review, event, hidden, events
        self.values: Values = event.detail["content"]
        sheet = asks.sheet([row.substance for row in rows])
        self.general = [Told(ask.label, told) for ask in sheet.general if (told := ask.told(self.values)) and ask.name != asks.HELD_ON]
        self.decisions = [DecisionView(row, _said(sheet.medicine(row.substance), self.values)) for row in rows]

    @property
    def version(self) -> int:
        return int(self.event.detail["version"])

    @property
    def is_in_force(self) -> bool:
        return self.version == self.review.version and self.review.state == ReviewState.CLOSED

    @property
    def kind(self) -> str:
        return facts.kind_label(self.event.detail.get("kind", self.review.kind))

    @property
    def held_on(self) -> date:
        return date.fromisoformat(self.event.detail["held_on"])

    @property
    def by(self) -> str:
        role = roles().get(self.event.role)
        return f"{self.event.by_name}{f' ({role.label})' if role is not None else ''}"

    @property
    def raised(self) -> list[tuple[str, str]]:
        return [(closing.TITLES[row["what"]], clinician.date(date.fromisoformat(row["due_on"]))) for row in self.event.detail["raised"]]

    @property
    def closed(self) -> int:
        return sum(len(row["duties"]) for row in self.event.detail["closed"])

    @property
    def left(self) -> list[str]:
        return [row["why"] for row in self.event.detail["left"]]

    @property
    def story(self) -> list[str]:
        """What happened to the review, without the saves of its drafts."""
        told = [event for event in self.events if event.act not in (ReviewAct.SAVED, ReviewAct.AMENDING)]
        return [
            f"{ReviewAct(event.act).label}, {event.by_name}, {clinician.datetime(event.at)}{f': {event.why}' if event.why else ''}"
            for event in reversed(told)
        ]


def _said(medicine: MedicineAsks | None, values: Values) -> tuple[Told, ...]:
    skipped = {asks.DECISION, asks.REASON, asks.FOLLOW_UP, asks.CHANGE}
    found = []
    for ask in medicine.asks if medicine is not None else ():
        key = ask.name.rsplit(".", 1)[-1]
        if key not in skipped and (told := ask.told(values)):
            found.append(Told(ask.label, told))
    return tuple(found)


# Lists


@dataclass(frozen=True, slots=True)
class Line:
    """A review in a list: its day, kind, who, and what it decided (cut for the reader)."""

    review: Review
    rows: Sequence[Decided]

    @property
    def id(self) -> int:
        return self.review.pk

    @property
    def kind(self) -> str:
        return facts.kind_label(self.review.kind)

    @property
    def decided(self) -> list[tuple[str, str]]:
        return [(known.medicine(row.substance), row.label.lower()) for row in self.rows]

    @property
    def follow_up(self) -> date | None:
        return min((row.follow_up_on for row in self.rows if row.follow_up_on is not None), default=None)


@dataclass(frozen=True, slots=True)
class MedicineLine:
    """A medicine of the record with its last review and when the next is due."""

    facts: MedicineFacts
    due_on: date | None
    due_why: str

    @property
    def name(self) -> str:
        return self.facts.name

    @property
    def last(self) -> Decided | None:
        return self.facts.last


def next_due(substance: str, duties: Iterable[Duty], last: Decided | None) -> tuple[date | None, str]:
    """When this medicine is reviewed next: the first open review duty about it, else the follow-up that was decided."""
    answerable = {rule for row in facts.kinds().values() for rule in row.rules}
    about = [duty for duty in duties if duty.due_on and substance in known.members(duty.subject)]
    open_duties = [duty for duty in about if duty.kind == "review" and duty.rule_id in answerable]
    first = min(open_duties, key=lambda duty: duty.due_on or date.max, default=None)
    follow = last.follow_up_on if last is not None else None
    if first is not None and (follow is None or first.due_on is None or first.due_on <= follow):
        return first.due_on, first.title
    return follow, "follow-up decided at the last review" if follow else ""


def medicine_lines(medicines: Iterable[MedicineFacts], duties: Sequence[Duty]) -> list[MedicineLine]:
    found = [MedicineLine(each, *next_due(each.substance, duties, each.last)) for each in medicines if facts.covered(each.substance)]
    return sorted(found, key=lambda line: (line.due_on is None, line.due_on or date.max, line.name))


def state_words(review: Review) -> str:
    return ReviewState(review.state).label.lower()


def unreviewed(sheet: asks.Sheet, made: Sequence[closing.Chosen]) -> list[str]:
    """Medicines of the form without a decision."""
    chosen = {one.substance for one in made}
    return [known.medicine(each.substance) for each in sheet.medicines if each.substance not in chosen]


def heading_of_form(kind: str, substances: Sequence[str]) -> str:
    """The kind, and the medicines that it is about."""
    about = [known.medicine(name) for name in substances if facts.is_about(kind, name)]
    told = ", ".join(about) if 0 < len(about) <= NAMED else count(len(about), "medicine")
    return f"{facts.kind_label(kind)}: {told}"


__all__ = ["SAID", "AnswerLine", "DecisionView", "Field", "Group", "Kind", "Line", "MedicineForm", "MedicineLine", "ReviewView"]
