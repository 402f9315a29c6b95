"""Drawing a plan for one person: what is asked for, against the whole of their record, told to whoever may see what of it.

    drawn = draw(taken, asked, histories, nation="ENG")

Guards are decided on the whole history. Where something that its reader is not shown is the reason for a refusal or a warning, it still
holds, and its reader is told that, and whom to ask, and nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from stepwell import knowledge
from stepwell.clinical.tapering.dates import good_day
from stepwell.clinical.tapering.model import History, Instead, NotPlanned, Plan, Request, Rule, Warned
from stepwell.clinical.tapering.propose import propose
from stepwell.knowledge.tapering import GuardFlag, TaperGuard, guards_of
from stepwell.web.preparation.selectors import HIDDEN_REASON
from stepwell.web.tapers import said
from stepwell.web.tapers.studio_facts import Taken, products
from stepwell.web.tapers.studio_form import NO, YES, Asked
from stepwell.web.tapers.studio_offers import increment

GUARD = "guard: "


@dataclass(frozen=True, slots=True)
class Histories:
    """What the record knows that bears on it: all of it, and what its reader is shown of that. `never`: conditions that this person
    cannot have, so that nobody is asked about them."""

    whole: History
    shown: History
    never: frozenset[str] = frozenset()

    @property
    def is_cut(self) -> bool:
        return self.whole != self.shown


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why it is not planned here, whom to ask, what can be done instead; `rule` None where its reader is not shown the reason."""

    words: str
    route: str = ""
    rule: Rule | None = None
    instead: tuple[Instead, ...] = ()
    guard: TaperGuard | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """Something that only asking tells. answer: yes, no, or empty while it was not asked."""

    flag: str
    ask: str
    rule: Rule
    answer: str = ""

    @property
    def is_open(self) -> bool:
        return not self.answer


@dataclass(frozen=True, slots=True)
class Drawn:
    """A plan or a refusal; neither while the dose is not known. `hidden`: what speaks against it and is not shown."""

    asked: Asked
    request: Request | None = None
    plan: Plan | None = None
    refusal: Refusal | None = None
    warnings: tuple[Warned, ...] = ()
    questions: tuple[Question, ...] = ()
    hidden: str = ""

    @property
    def open_questions(self) -> list[Question]:
        return [question for question in self.questions if question.is_open]

    @property
    def may_save(self) -> bool:
        return self.plan is not None and not self.asked.wrong

    @property
    def may_agree(self) -> bool:
        return self.may_save and not self.open_questions and not self.hidden

    @property
    def digest(self) -> str:
        """Names what was drawn, so that what is saved is what was seen."""
        if self.plan is None or self.request is None:
            return ""
        return hashlib.sha256(f"{said.encode(self.plan)}{said.encode(self.request)}".encode()).hexdigest()[:20]


def first_day(today: date, nation: str) -> date:
    """The day proposed to begin on: the next on which a step may fall."""
    return good_day(today + timedelta(1), nation)


def draw(taken: Taken, asked: Asked, histories: Histories, *, nation: str) -> Drawn:
    """What comes of it. A move of one step is done first, on the plan as it stood before."""
    if asked.dose_ug is None:
        return Drawn(replace(asked, move=None), questions=questions_of(taken.substance, asked, ()))
    if asked.move is not None:
        before, _ = _propose(asked.request(taken.substance, histories.whole, nation=nation))
        dose_ug = asked.dose_ug if before is None else _dose_at(before, asked.move[0])
        asked = asked.moved(before, increment(products(taken.substance), dose_ug)) if before else replace(asked, move=None)
    if asked.rest_no:
        left = _drawn(taken, replace(asked, rest_no=False), histories, nation).open_questions
        asked = replace(asked, rest_no=False, answers={**asked.answers, **{question.flag: NO for question in left}})
    return _drawn(taken, asked, histories, nation)


def is_needless(medicine: str, question: Question, never: frozenset[str]) -> bool:
    guard = _guard_of(medicine, question.rule)
    return guard is not None and guard.guard == question.flag and bool(guard.conditions) and never.issuperset(guard.conditions)


def _drawn(taken: Taken, asked: Asked, histories: Histories, nation: str) -> Drawn:
    request = asked.request(taken.substance, histories.whole, nation=nation)
    plan, refused = _propose(request)
    if histories.is_cut:
        shown = _propose(asked.request(taken.substance, histories.shown, nation=nation))
        drawn = _told_in_part(taken.substance, asked, request, (plan, refused), shown)
    else:
        drawn = _told(taken.substance, asked, request, plan, refused)
    return replace(drawn, questions=tuple(one for one in drawn.questions if not is_needless(taken.substance, one, histories.never)))


def _propose(request: Request) -> tuple[Plan | None, NotPlanned | None]:
    try:
        return propose(request, knowledge.load()), None
    except NotPlanned as refused:
        return None, refused


def _dose_at(plan: Plan, number: int) -> int:
    return next((step.built.dose_ug for step in plan.steps if step.number == number), plan.from_ug)


def _told(medicine: str, asked: Asked, request: Request, plan: Plan | None, refused: NotPlanned | None) -> Drawn:
    warnings = plan.warnings if plan is not None else ()
    refusal = refusal_of(medicine, refused) if refused is not None else None
    questions = questions_of(medicine, asked, warnings, refusal.guard if refusal is not None else None)
    spoken = spoken_of(medicine, questions)
    if spoken is not None:
        plan, refusal = None, spoken
    return Drawn(
        asked=asked,
        request=request,
        plan=plan,
        refusal=refusal,
        warnings=tuple(warning for warning in warnings if not warning.asks) if plan is not None else (),
        questions=questions,
    )


def _told_in_part(
    medicine: str,
    asked: Asked,
    request: Request,
    whole: tuple[Plan | None, NotPlanned | None],
    shown: tuple[Plan | None, NotPlanned | None],
) -> Drawn:
    """The outcome of the whole record in words that tell nothing of what is hidden."""
    plan, refused = whole
    shown_plan, shown_refused = shown
    if refused is not None and (shown_refused is None or shown_refused.words != refused.words):
        questions = questions_of(medicine, asked, shown_plan.warnings if shown_plan else ())
        return Drawn(asked, request, refusal=Refusal(HIDDEN_REASON), questions=questions)
    drawn = _told(medicine, asked, request, plan, refused)
    told = {(each.words, each.asks) for each in shown_plan.warnings} if shown_plan is not None else set()
    kept = tuple(each for each in drawn.warnings if (each.words, each.asks) in told)
    return replace(drawn, warnings=kept, hidden=HIDDEN_REASON if len(kept) < len(drawn.warnings) else "")


def refusal_of(medicine: str, refused: NotPlanned) -> Refusal:
    """With the guard that speaks, where it is one: what may lift it is asked beside it."""
    return Refusal(refused.words, refused.route, refused.rule, refused.instead, _guard_of(medicine, refused.rule))


# What only asking tells


def _guard_of(medicine: str, rule: Rule | None) -> TaperGuard | None:
    """The guard that a rule was made of."""
    if rule is None or not rule.entry.startswith(GUARD):
        return None
    return next((guard for guard in guards_of(knowledge.load(), medicine) if GUARD + guard.guard == rule.entry), None)


def _keys(medicine: str) -> Mapping[str, GuardFlag]:
    """Every flag that the guards of this medicine read."""
    found: dict[str, GuardFlag] = {}
    for guard in guards_of(knowledge.load(), medicine):
        for flag in (guard.flag, guard.lifted_by):
            if flag is not None:
                found.setdefault(flag.flag, flag)
    return found


def questions_of(medicine: str, asked: Asked, warnings: tuple[Warned, ...], guard: TaperGuard | None = None) -> tuple[Question, ...]:
    """What the plan asks, what was answered already, and what may lift the refusal of `guard`. A question about something that the
    record should know has no flag: it goes by the key of its guard."""
    flags = _keys(medicine)
    found: dict[str, Question] = {}
    for warning in warnings:
        if not warning.asks:
            continue
        speaks = _guard_of(medicine, warning.rule)
        key = next((flag.flag for flag in flags.values() if flag.ask == warning.asks), speaks.guard if speaks else warning.asks)
        found[key] = Question(key, warning.asks, warning.rule, asked.answers.get(key, ""))
    lifts = guard.lifted_by.flag if guard is not None and guard.lifted_by is not None else ""
    for key, flag in flags.items():
        if key not in found and (key in asked.answers or key == lifts):
            rule = Rule(words=flag.ask, source=tuple(flag.source), mark=flag.mark)
            found[key] = Question(key, flag.ask, rule, asked.answers.get(key, ""))
    # In the order of the guards, so that a question stays where it was when it is answered.
    places = {key: place for place, key in enumerate(flags)}
    return tuple(sorted(found.values(), key=lambda question: places.get(question.flag, len(places))))


def spoken_of(medicine: str, questions: tuple[Question, ...]) -> Refusal | None:
    """A yes to a question about something that the record should know is what its guard waits for."""
    for question in questions:
        guard = _guard_of(medicine, question.rule)
        if question.answer == YES and guard is not None and guard.guard == question.flag and guard.action == "refuse":
            rule = Rule(words=guard.label, source=tuple(guard.source), mark=guard.mark, entry=question.rule.entry)
            return Refusal(guard.words, guard.route, rule, (), guard)
    return None


def answers_in_words(drawn: Drawn) -> str:
    """What was asked and answered, as a person reads it."""
    return "; ".join(f"{question.ask.rstrip('?')}: {question.answer}" for question in drawn.questions if question.answer)
