"""Changing to a long-acting relative, for one person: what the published tables say, and the change drawn for the dose that somebody chose.

    page = SwitchPage(taken, switch, asked, chosen_of(request.GET), histories, nation="ENG", person_id=7, given="Dee")

Nothing is chosen by itself and nothing is kept: the change is prescribed by hand, and the relative is reduced here once it is on the
record. Guards are decided on the whole history, and told in words that give away nothing a reader is not shown, as in the studio.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace as with_other
from datetime import date
from functools import cached_property
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse
from markupsafe import Markup
from msgspec.structs import replace

from stepwell import knowledge
from stepwell.clinical.tapering import words
from stepwell.clinical.tapering.model import History, NotPlanned, Plan, Request, Warned
from stepwell.clinical.tapering.propose import propose
from stepwell.clinical.tapering.switch import (
    MOST_DOSES,
    Equivalents,
    Switch,
    Switched,
    SwitchStep,
    equivalents,
    guarded,
    switched,
)
from stepwell.clinical.tapering.words import MG
from stepwell.knowledge.tapering import SwitchTo
from stepwell.web.core.formatting import clinician, count
from stepwell.web.ledger import known
from stepwell.web.preparation.selectors import HIDDEN_REASON
from stepwell.web.tapers.chart import a_day, amount, changes, length
from stepwell.web.tapers.studio import Histories, Question, Refusal, is_needless, questions_of, refusal_of, spoken_of
from stepwell.web.tapers.studio_facts import Taken
from stepwell.web.tapers.studio_form import NO, Asked, Wrong, amount_of, typed

Judge = Callable[[History], tuple[Warned, ...]]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the address chooses: the dose of the relative and how many doses a day there are now. None: not said yet."""

    target_ug: int | None = None
    doses: int | None = None
    wrong: tuple[Wrong, ...] = ()


def chosen_of(values: QueryDict) -> Chosen:
    """`target` (mg) and `doses`; what cannot be read is told and then as if it had not been said."""
    wrong: list[Wrong] = []
    target = (values.get("target", "") or "").strip()
    doses = (values.get("doses", "") or "").strip()
    target_ug = amount_of(target, MG) if target else None
    if target and not target_ug:
        wrong.append(Wrong("target", "The new dose must be a number of mg, for example 20"))
    count_ = int(doses) if doses.isdigit() and len(doses) < 3 and 1 <= int(doses) <= MOST_DOSES else None
    if doses and count_ is None:
        wrong.append(Wrong("doses", f"Doses a day must be a whole number from 1 to {MOST_DOSES}"))
    return Chosen(target_ug or None, count_, tuple(wrong))


@dataclass(frozen=True)
class Row:
    """A step of the change as the table shows it."""

    step: SwitchStep
    old_name: str
    new_name: str

    @property
    def lasts(self) -> str:
        return count(self.step.days, "day") if self.step.days else "from then on"

    @property
    def old(self) -> str:
        return amount(self.step.old.dose_ug, MG)

    @property
    def new(self) -> str:
        return amount(self.step.new.dose_ug, MG)

    @property
    def take_old(self) -> str:
        return words.items(self.step.old) if self.step.old.items else "none"

    @property
    def take_new(self) -> str:
        return words.items(self.step.new) if self.step.new.items else "none"

    @property
    def notes(self) -> list[str]:
        built = (*self.step.old.items, *self.step.new.items)
        return list(dict.fromkeys(f"{item.label}: {note}" for item in built for note in item.notes))


def _judged(judge: Judge, history: History) -> tuple[Warned, ...] | NotPlanned:
    try:
        return judge(history)
    except NotPlanned as refused:
        return refused


class SwitchPage:
    """One person's medicine beside its long-acting relative."""

    def __init__(
        self, taken: Taken, switch: SwitchTo, asked: Asked, chosen: Chosen, histories: Histories, *, nation: str, person_id: int, given: str
    ) -> None:  # fmt: skip
        self.taken, self.switch, self.asked, self.chosen, self.histories = taken, switch, asked, chosen, histories
        self.nation, self.person_id, self.given = nation, person_id, given or "the person"
        self.refusal: Refusal | None = None
        self.drawn: Switched | None = None
        self.after: Plan | None = None
        self.questions: tuple[Question, ...] = ()
        self.warnings: tuple[Warned, ...] = ()
        if asked.dose_ug is not None:
            self._decide(asked.dose_ug)

    # What comes of it

    def _decide(self, dose_ug: int) -> None:
        def judge(history: History) -> tuple[Warned, ...]:
            return guarded(self.taken.substance, dose_ug, history, knowledge.load())

        told = self._told(judge)
        if self.asked.rest_no and told is not None:
            left = {question.flag: NO for question in self.open_questions}
            self.asked = with_other(self.asked, rest_no=False, answers={**self.asked.answers, **left})
            told = self._told(judge)
        if told is None:
            return
        choice = self._choice(dose_ug)
        if choice is None or self.open_questions:
            return
        drawn = self._told(lambda history: switched(replace(choice, history=history), knowledge.load()).warnings)
        if drawn is None:
            return
        self.drawn = switched(replace(choice, history=self._of(self.histories.whole)), knowledge.load())
        self.after = self._reduced(self.drawn)

    def _told(self, judge: Judge) -> tuple[Warned, ...] | None:
        """Warnings and questions as their reader may be told them; None where it is refused."""
        whole, shown = (_judged(judge, self._of(history)) for history in (self.histories.whole, self.histories.shown))
        if isinstance(whole, NotPlanned):
            told = isinstance(shown, NotPlanned) and shown.words == whole.words
            self.refusal = refusal_of(self.taken.substance, whole) if told else Refusal(HIDDEN_REASON)
            shown = () if isinstance(shown, NotPlanned) else shown
        self.questions = tuple(
            one
            for one in questions_of(self.taken.substance, self.asked, shown if isinstance(shown, tuple) else (), None)
            if not is_needless(self.taken.substance, one, self.histories.never)
        )
        if isinstance(whole, NotPlanned):
            return None
        spoken = spoken_of(self.taken.substance, self.questions)
        if spoken is not None:
            self.refusal = spoken
            return None
        seen = {(each.words, each.asks) for each in shown} if isinstance(shown, tuple) else set()
        self.warnings = tuple(each for each in whole if not each.asks and (each.words, each.asks) in seen)
        return whole

    def _of(self, history: History) -> History:
        return self.asked.asked_of(history)

    def _choice(self, dose_ug: int) -> Switch | None:
        """What is drawn; None while something is not said."""
        if self.chosen.target_ug is None or self.chosen.doses is None or self.asked.start_on is None or self.chosen.wrong:
            return None
        return Switch(
            medicine=self.taken.substance, dose_ug=dose_ug, target_ug=self.chosen.target_ug, doses=self.chosen.doses,
            start_on=self.asked.start_on, nation=self.nation,
        )  # fmt: skip

    def _reduced(self, drawn: Switched) -> Plan | None:
        """How the relative is reduced afterwards, as the knowledge base proposes it; None where that is not planned here."""
        request = Request(
            medicine=drawn.to,
            dose_ug=drawn.steps[-1].new.dose_ug,
            start_on=drawn.review_on[-1],
            nation=self.nation,
            history=self._of(self.histories.whole),
        )
        try:
            return propose(request, knowledge.load())
        except NotPlanned:
            return None

    # What is shown

    @cached_property
    def equal(self) -> Equivalents | None:
        dose_ug = self.asked.dose_ug
        return None if dose_ug is None else equivalents(self.taken.substance, dose_ug, knowledge.load())

    @property
    def to(self) -> str:
        return known.medicine(self.switch.medicine)

    @property
    def name(self) -> Markup:
        return clinician.drug(self.taken.name)

    @property
    def span(self) -> str:
        """`15 mg to 30 mg`, or one dose where the tables agree."""
        found = self.equal
        if found is None:
            return ""
        low, high = amount(found.low_ug, MG), amount(found.high_ug, MG)
        return f"{low} to {high}" if found.differ else low

    @property
    def heading(self) -> Markup:
        to = clinician.drug(self.to)
        if self.refusal is not None:
            return Markup("No change from {} to {} here").format(self.name, to)
        if self.asked.dose_ug is None:
            return Markup("Change {} to {}: which dose is taken now?").format(self.name, to)
        now = a_day(self.asked.dose_ug, MG)
        if self.equal is None:
            return Markup("No published table says what {} {} is in {}").format(self.name, now, to)
        return Markup("{} {} is {} of {} by the published tables").format(self.name, now, self.span, to)

    @property
    def open_questions(self) -> list[Question]:
        return [question for question in self.questions if question.is_open]

    @property
    def rows(self) -> list[Row]:
        return [Row(step, self.taken.name, self.to) for step in self.drawn.steps] if self.drawn is not None else []

    @property
    def waits(self) -> str:
        """What is still to be said before the change is drawn; empty when it is drawn or refused."""
        if self.drawn is not None or self.refusal is not None or self.equal is None:
            return ""
        missing = [] if self.chosen.target_ug is not None else [f"choose a dose of {self.to} in this range"]
        missing += [] if self.chosen.doses is not None else ["say in how many doses it is taken now"]
        missing += [f"ask {count(len(self.open_questions), 'question')}"] if self.open_questions else []
        return f"Before the steps are drawn: {'; '.join(missing)}." if missing else ""

    @property
    def after_words(self) -> str:
        """`about 35 steps over 70 weeks, product steps, every 14 days`"""
        plan = self.after
        if plan is None:
            return ""
        took = length((plan.ends_on - plan.steps[0].on).days)
        return f"{count(len(changes(plan)), 'step')} over {took}, one every {count(plan.interval_days, 'day')}"

    @property
    def errors(self) -> list[dict[str, str]]:
        return [{"text": each.words, "href": f"#{each.field}"} for each in (*self.asked.wrong, *self.chosen.wrong)]

    def wrong(self, field: str) -> str:
        return next((each.words for each in (*self.asked.wrong, *self.chosen.wrong) if each.field == field), "")

    @property
    def dose_typed(self) -> str:
        return typed(self.asked.dose_ug, MG) if self.asked.dose_ug is not None else ""

    @property
    def target_typed(self) -> str:
        return typed(self.chosen.target_ug, MG) if self.chosen.target_ug is not None else ""

    @property
    def start_parts(self) -> list[tuple[str, str, str]]:
        """Boxes of the first day: part, words, value."""
        day: date | None = self.asked.start_on
        values = (str(day.day), str(day.month), str(day.year)) if day is not None else ("", "", "")
        return [("day", "Day", values[0]), ("month", "Month", values[1]), ("year", "Year", values[2])]

    @property
    def most_doses(self) -> range:
        return range(1, MOST_DOSES + 1)

    @property
    def studio_href(self) -> str:
        return reverse("tapers:show_studio", args=[self.person_id, self.taken.substance])

    @property
    def href(self) -> str:
        return reverse("tapers:show_switch", args=[self.person_id, self.taken.substance])

    @property
    def ask_advice(self) -> str:
        return f"{reverse('advice:ask', args=[self.person_id])}?{urlencode({'medicine': self.taken.substance})}"

    @staticmethod
    def mg(figure: float) -> str:
        """A figure of a table: `0.5 mg` as it is printed there, not in micrograms."""
        return f"{words.number(figure)} mg"

    @staticmethod
    def amount(dose_ug: int) -> str:
        return amount(dose_ug, MG)
