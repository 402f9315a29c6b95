"""The defensible record of one decision: a page that says what was decided and why, what was known, who shared it, and what happens if it
goes wrong. Drawn from the review, the record, the plan and the advice; its author shortens, adds and signs it.

A part has lines that are offered (from the record or the knowledge base, each with its source and mark), of which some are taken, and
words. Fixed lines are on every record. A part without any of them is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from django.urls import reverse

from stepwell import knowledge
from stepwell.clinical.tapering import words as taper_words
from stepwell.knowledge.reviewing import ReviewPart, parts_of
from stepwell.knowledge.tapering import TaperSupport
from stepwell.web.accounts.roles import roles
from stepwell.web.advice import selectors as advice
from stepwell.web.advice.models import Question, QuestionState
from stepwell.web.core.formatting import UK, clinician, count
from stepwell.web.ledger import known
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.reviews import asks, prefill
from stepwell.web.reviews.asks import Value
from stepwell.web.reviews.choices import choices
from stepwell.web.reviews.closing import CONTINUE, MONITOR, REFER
from stepwell.web.reviews.facts import MedicineFacts
from stepwell.web.reviews.models import Decided, RecordEvent, Review, ReviewEvent
from stepwell.web.tapers import selectors as tapers
from stepwell.web.tapers.models import PlanState, TaperPlan

WORDS, LINES = "words", "lines"
TICKED_AT_FIRST = 4


@dataclass(frozen=True, slots=True)
class Line:
    """Something offered for a part; `basis`: source and mark, or where in the record it stands; `usual`: taken until it is unticked."""

    key: str
    text: str
    basis: str = ""
    usual: bool = True
    href: str = ""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What is at hand for one part: lines that always stand there, lines that are offered (told after `lead`), words to begin with."""

    fixed: tuple[str, ...] = ()
    offered: tuple[Line, ...] = ()
    words: str = ""
    lead: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the record as it stands: `asks` is its question to the author, `too_long` how many characters are over its limit."""

    key: str
    label: str
    ask: str
    hint: str
    basis: str
    required: bool
    fixed: tuple[str, ...]
    offered: tuple[Line, ...]
    taken: tuple[str, ...]
    words: str
    lead: str = ""

    @property
    def lines(self) -> list[str]:
        """Everything that stands under its heading, in order."""
        by_basis: dict[str, list[str]] = {}
        for line in self.offered:
            if line.key in self.taken:
                by_basis.setdefault(line.basis, []).append(line.text.rstrip("."))
        chosen = [f"{self.lead}{'; '.join(texts)}{f' ({basis})' if basis else ''}" for basis, texts in by_basis.items()]
        return [*self.fixed, *([self.words] if self.words else []), *chosen]

    @property
    def links(self) -> list[tuple[str, str]]:
        """Where lines that were taken can be read in full: words and address."""
        return [(line.basis, line.href) for line in self.offered if line.key in self.taken and line.href]

    @property
    def is_missing(self) -> bool:
        return self.required and not self.lines

    @property
    def too_long(self) -> int:
        return max(0, len(self.words) - choices().record.words)

    @property
    def short(self) -> str:
        """Its beginning, for a list of parts."""
        return _cut(" ".join(self.lines))

    @property
    def words_name(self) -> str:
        return f"{self.key}.{WORDS}"

    @property
    def lines_name(self) -> str:
        return f"{self.key}.{LINES}"

    @property
    def id(self) -> str:
        return f"{self.key}-{WORDS}"


@dataclass(frozen=True, slots=True)
class Context:
    """What the parts are drawn from, cut for the author. `event` made the version of the review that decided."""

    review: Review
    event: ReviewEvent
    row: Decided
    person: PersonRecord
    facts: MedicineFacts | None
    plan: TaperPlan | None
    answered: tuple[Question, ...]
    on: date

    @property
    def values(self) -> Mapping[str, Value]:
        return self.event.detail["content"]  # type: ignore[no-any-return]

    def told(self, key: str) -> str:
        """An answer about the medicine, or about the whole review, in words."""
        sheet = asks.sheet([self.row.substance])
        ask = sheet.medicines[0].get(key) or next((each for each in sheet.general if each.name == key), None)
        return ask.told(self.values) if ask is not None else ""

    def both(self, *keys: str) -> str:
        """Several answers in one sentence each."""
        return " ".join(f"{text.rstrip('.')}." for key in keys if (text := self.told(key)))

    @property
    def rule_class(self) -> str:
        rule = knowledge.load().taper_rule_of(self.row.substance)
        return rule.taper_rule if rule is not None else ""


def context_of(review: Review, event: ReviewEvent, row: Decided, person: PersonRecord, *, facts: MedicineFacts | None, on: date) -> Context:
    """`person` and `facts` are cut for the author; the questions are those about this medicine that were answered."""
    plans = [plan for plan in tapers.plans_of(review.person_id) if plan.substance == row.substance and plan.state != PlanState.DECLINED]
    plan = next((each for each in plans if each.review_id == review.pk), plans[0] if plans and plans[0].is_open else None)
    asked = [
        each for each in advice.for_person(review.person_id) if each.substance == row.substance and each.state == QuestionState.ANSWERED
    ]
    return Context(review, event, row, person, facts, plan, tuple(asked), on)


# The parts


def parts(context: Context, fields: Mapping[str, Any] | None) -> list[Part]:
    """Every part of the record, in the order of the knowledge base. `fields`: what was saved; None at the first opening."""
    rows = parts_of(knowledge.load(), "record", context.row.substance)
    found = [_part(row, _DRAW.get(row.review_part, _nothing)(context), fields) for row in rows]
    stays = context.row.decision in (CONTINUE, MONITOR, REFER)
    return [replace(part, required=False) if stays and part.key in _WHEN_REDUCING else part for part in found]


def _part(row: ReviewPart, drawn: Drawn, fields: Mapping[str, Any] | None) -> Part:
    if fields is None:
        taken = tuple(line.key for line in drawn.offered if line.usual)
        words = " ".join(drawn.words.split())
    else:
        given = fields.get(row.review_part, {})
        taken, words = tuple(given.get(LINES, ())), str(given.get(WORDS, ""))
    hint = row.hint
    if row.review_part == "record-early-signs":
        hint = " ".join(each.ask for each in parts_of(knowledge.load(), "early-sign"))
    return Part(
        row.review_part, row.label, row.ask or row.label, hint, asks.basis(row), row.required, drawn.fixed, drawn.offered, taken, words,
        drawn.lead,
    )  # fmt: skip


def typed(context: Context, posted: Any) -> dict[str, Any]:
    """What a form holds, by part: words in one paragraph, the lines that were taken."""
    found = {}
    for part in parts(context, {}):
        offered = {line.key for line in part.offered}
        found[part.key] = {
            WORDS: " ".join(posted.get(part.words_name, "").split()),
            LINES: [key for key in posted.getlist(part.lines_name) if key in offered],
        }
    return found


def missing(found: Sequence[Part]) -> list[str]:
    return [part.label for part in found if part.is_missing]


def percent(found: Sequence[Part]) -> int:
    """How much of what the record must hold is there: whole per cent of the required parts."""
    required = [part for part in found if part.required]
    return 100 * sum(not part.is_missing for part in required) // len(required) if required else 0


def _nothing(_: Context) -> Drawn:
    return Drawn()


def _decision(context: Context) -> Drawn:
    row = context.row
    change = str(row.answers.get(asks.CHANGE, ""))
    to = f", to {change}" if change else ""
    told = f"{row.label}: {known.medicine(row.substance)}{to}, decided on {clinician.date(row.held_on)}."
    fixed = [told]
    if context.facts is not None:
        fixed.append(f"Now: {context.facts.words(context.on)}.")
    if context.plan is not None:
        fixed.append(_plan_words(context.plan))
    if row.follow_up_on is not None:
        fixed.append(f"Reviewed again on {clinician.date(row.follow_up_on)} by {ledger.organisation_name(context.review.org_code)}.")
    return Drawn(tuple(fixed))


def _plan_words(plan: TaperPlan) -> str:
    """`Plan (agreed): from 10 mg a day to nothing in 12 steps, the last on 01-Jun-2027.`"""
    made = tapers.version_of(plan)
    start, end = taper_words.dose(made.from_ug, made.unit), taper_words.dose(made.to_ug, made.unit) if made.to_ug else "nothing"
    steps = sum(step.kind in ("down", "end") for step in made.steps)
    told = f"from {start} a day to {end} in {count(steps, 'step')}, the last on {clinician.date(made.ends_on)}"
    return f"Plan ({PlanState(plan.state).label.lower()}): {told}."


def _reasoning(context: Context) -> Drawn:
    clinical, matters = context.told(asks.CLINICAL), context.both("matters", "matters-words")
    told = (context.row.reason, f"Clinical reason: {clinical}." if clinical else "", f"What matters: {matters}" if matters else "")
    return Drawn(words=" ".join(part for part in told if part))


def _options(context: Context) -> Drawn:
    """What was offered beside the medicine, and every decision that was open: whoever writes ticks those that were looked at."""
    rows = [row for row in parts_of(knowledge.load(), "decisions") if row.review_part != context.row.decision]
    offered = tuple(Line(row.review_part, row.label, usual=False) for row in rows)
    return Drawn(offered=offered, words=context.both("alternatives", "alternatives-words"), lead="Looked at: ")


def _evidence(context: Context) -> Drawn:
    """What was known of the person, then what the knowledge base says, each with where it comes from."""
    lines: list[Line] = []
    if context.facts is not None:
        lines += [Line(f"risk-{number}", text, "open duty of the record") for number, text in enumerate(context.facts.risks, start=1)]
    results = prefill.results(context.person, context.row.substance)
    lines += [Line(f"result-{number}", text, "record", usual=False) for number, text in enumerate(results, start=1)]
    for row in knowledge.load().taper_support.values():
        if row.part in ("wording", "rule") and _about(row.classes, context.rule_class):
            lines.append(Line(row.support, row.words, asks.basis(row), usual=row.part == "wording"))
    return Drawn(offered=_short(lines, choices().record.evidence))


def _about(classes: Sequence[str], rule_class: str) -> bool:
    return not classes or rule_class in classes


def _short(lines: Sequence[Line], usual: int) -> tuple[Line, ...]:
    """The lines, the first so many of the usual ones taken."""
    found, left = [], usual
    for line in lines:
        take = line.usual and left > 0
        left -= take
        found.append(Line(line.key, line.text, line.basis, take))
    return tuple(found)


def _cut(text: str) -> str:
    """The beginning of a long text, at a word, with a sign that there is more."""
    most = choices().record.line
    return text if len(text) <= most else f"{text[: most - 1].rsplit(' ', 1)[0].rstrip(',;')} …"


def _advice(context: Context) -> Drawn:
    lines = []
    for number, row in enumerate(context.answered):
        day = clinician.date(row.answered_at.astimezone(UK).date()) if row.answered_at is not None else ""
        basis = f"{row.answered_by_name}, {ledger.organisation_name(row.answering_org)}, {day}, question {row.pk}"
        told = _cut(str(row.answer.get("do", "")))
        href = reverse("advice:show_question", args=[row.pk])
        lines.append(Line(f"advice-{row.pk}", told, basis, number < choices().record.advice, href))
    return Drawn(offered=tuple(lines))


def _shared(context: Context) -> Drawn:
    role = roles().get(context.event.role)
    by = f"{context.event.by_name}{f', {role.label}' if role is not None else ''}"
    told = [f"Review by {by}, {_lower(context.told(asks.HOW))}."]
    for label, key in (("Consent", asks.CONSENT), ("Capacity", "capacity"), ("Interpreter", "interpreter")):
        if text := context.told(key):
            told.append(f"{label}: {_lower(text)}.")
    return Drawn(tuple(told), words=context.both("present", "present-words"))


def _risks(context: Context) -> Drawn:
    return Drawn(words=context.both("harms", "harms-words", "benefits", "benefits-words"))


def _support(*wanted: str) -> Callable[[Context], Drawn]:
    def draw(context: Context) -> Drawn:
        rows = [row for row in knowledge.load().taper_support.values() if row.part in wanted and _about(row.classes, context.rule_class)]
        return Drawn(offered=_short([Line(row.support, _told(row), asks.basis(row.figure or row)) for row in rows], TICKED_AT_FIRST))

    return draw


def _told(row: TaperSupport) -> str:
    """Its words, with whom to call and its figure."""
    figure = f": {row.figure.value:g} {'%' if row.figure.unit == 'percent' else row.figure.unit}" if row.figure is not None else ""
    return f"{row.words.rstrip('.')}{figure}{f': {row.call}' if row.call else ''}"


def _early(context: Context) -> Drawn:
    """Signs of the knowledge base, in one line as they share a source; the person's own are written."""
    rows = [row for row in knowledge.load().taper_support.values() if row.part == "early-sign" and _about(row.classes, context.rule_class)]
    return Drawn(offered=_short([Line(row.support, row.words, asks.basis(row)) for row in rows], len(rows)))


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


_DRAW: Mapping[str, Callable[[Context], Drawn]] = {
    "record-decision": _decision,
    "record-reasoning": _reasoning,
    "record-options": _options,
    "record-evidence": _evidence,
    "record-advice": _advice,
    "record-shared": _shared,
    "record-risks": _risks,
    "record-safety-net": _support("safety-net"),
    "record-early-signs": _early,
    "record-route-back": _support("step-back"),
}
# What only somebody needs who takes less than before.
_WHEN_REDUCING = ("record-early-signs", "record-route-back")


# The page


@dataclass(frozen=True, slots=True)
class Signature:
    """Who puts their name to it, as what, when; `number`: of the version, 0 of a draft."""

    by: str
    role: str
    at: datetime
    number: int


def sheet(context: Context, found: Sequence[Part], signature: Signature, versions: Sequence[RecordEvent]) -> dict[str, Any]:
    """The whole page as it is printed, kept with the signature: nothing of it is worked out again later."""
    role = roles().get(signature.role)
    pack, version = known.pack()
    before = versions[: choices().record.versions]
    return {
        "medicine": known.medicine(context.row.substance),
        "decision": context.row.label,
        "parts": [{"key": part.key, "label": part.label, "lines": part.lines, "links": part.links} for part in found if part.lines],
        "missing": missing(found),
        "author": signature.by,
        "role": role.label if role is not None else signature.role,
        "organisation": ledger.organisation_name(context.review.org_code),
        "at": signature.at.isoformat(),
        "number": signature.number,
        "review": context.review.pk,
        "review_version": context.row.version,
        "held_on": context.row.held_on.isoformat(),
        "versions": [f"version {row.number} signed by {row.by_name}, {clinician.datetime(row.at)}" for row in before],
        "pack": f"{pack} {version}",
        "pending": ledger.is_pending([context.review.org_code]),
    }
