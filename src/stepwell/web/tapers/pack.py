"""The plan pack as its pages and PDFs need it: the person's sheet, the letters to practice and pharmacy, what to supply.

Presenters over a plan and where the person stands in it; nothing here reads the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property

from markupsafe import Markup

from stepwell.clinical.tapering.alternate import FIRST, SECOND
from stepwell.clinical.tapering.model import Item, Plan, Rule, Step
from stepwell.clinical.tapering.supply import Order, SupplyLine, orders
from stepwell.clinical.tapering.words import day_doses, number, plain_item
from stepwell.knowledge.compile import Knowledge
from stepwell.knowledge.tapering import TaperSupport
from stepwell.web.core.formatting import count, patient
from stepwell.web.ledger import known
from stepwell.web.tapers.chart import Month, a_day, amount, calendar, taken
from stepwell.web.tapers.models import PlanState, TaperPlan
from stepwell.web.tapers.pack_pictures import picture
from stepwell.web.tapers.pack_words import Said, pack_words
from stepwell.web.tapers.pages import StepLine
from stepwell.web.tapers.said import PlanWords
from stepwell.web.tapers.selectors import Standing
from stepwell.web.tapers.story import Story

_DAYS_OF_A_WEEK = 7


@dataclass(frozen=True, slots=True)
class Take:
    """One thing to take in a day, drawn and in words. `note`: how it is measured or changed; `about`: source and mark of a figure in
    that note, None where there is none."""

    picture: Markup
    words: str
    note: str = ""
    about: Rule | None = None


@dataclass(frozen=True)
class Card:
    """A step as the person reads it: from when until when, how much a day, what of. `before_ug`: the dose before it, None of the
    first. ends: the plan's last; begins: the reduction begins with it."""

    step: Step
    unit: str
    until: date | None
    takes: tuple[Take, ...]
    before_ug: int | None
    ends: bool
    begins: bool

    @property
    def span(self) -> str:
        known_words = pack_words().sheet
        first = patient.date(self.step.on, weekday=True)
        if self.until is None:
            return known_words["from_on"].format(first=first)
        return known_words["from_to"].format(first=first, last=patient.date(self.until, weekday=True))

    @property
    def days(self) -> str:
        return count(self.step.days, "day") if self.step.days else pack_words().sheet["then_on"]

    @property
    def dose(self) -> str:
        return taken(self.step.built, self.unit)

    @property
    def lead(self) -> str:
        """What stands before the things to take."""
        return pack_words().sheet["by_turns" if self.step.built.alternates else "each_day"]

    @property
    def kind(self) -> str:
        """What this step is to the one before, in words."""
        words = pack_words().sheet
        if self.before_ug is None:
            return words["began"] if self.begins else ""
        if self.step.built.dose_ug == self.before_ug:
            return words["same"]
        if self.step.built.dose_ug > self.before_ug:
            return words["up"]
        return words["end"] if self.ends else words["change"]

    @property
    def nearest(self) -> str:
        """That the dose is not quite the one that was worked out; empty when it is."""
        if not self.step.error_ug:
            return ""
        return pack_words().sheet["nearest"].format(dose=amount(self.step.requested_ug, self.unit))


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody to ring. `phone` is empty where none is held: then it is written in by hand."""

    name: str
    place: str
    phone: str


@dataclass(frozen=True, slots=True)
class Supported:
    """What the knowledge base says for this medicine, by part."""

    rules: Sequence[TaperSupport]
    all_right: Sequence[TaperSupport]
    expect: Sequence[TaperSupport]
    early: Sequence[TaperSupport]
    helps: Sequence[TaperSupport]
    safety: Sequence[TaperSupport]
    wording: Sequence[TaperSupport]


@dataclass
class Pack:
    """A plan, where the person is in it, and what people need to hold in their hands.

    medicine: its name. place: the organisation that leads it; practice: the GP practice, empty when it is not known. callers: the named
    clinician first; desk: the telephone of the organisation that leads it, empty where none is held. going_back: holding and going back
    as clinicians read it; contact: why check-ins are when they are; checks: the days of those to come. urgent: whom to call at once, by
    the nation. wanted: language and format that the person asked for; large: they
    asked for large print.
    """

    row: TaperPlan
    told: Story
    standing: Standing
    today: date
    knowledge: Knowledge
    place: str
    practice: str
    callers: Sequence[Caller]
    desk: str
    support: Supported
    going_back: Sequence[TaperSupport]
    contact: TaperSupport
    checks: Sequence[date]
    urgent: Rule | None
    wanted: Sequence[str]
    large: bool
    words: PlanWords
    lines: Sequence[SupplyLine]

    # What it is about

    @property
    def id(self) -> int:
        return self.row.pk

    @property
    def medicine(self) -> str:
        return known.medicine(self.row.substance)

    @property
    def plan(self) -> Plan:
        return self.standing.plan

    @property
    def state(self) -> PlanState:
        return PlanState(self.row.state)

    @property
    def proposed(self) -> bool:
        return self.state == PlanState.PROPOSED

    @property
    def still(self) -> bool:
        return self.standing.begun and self.standing.still

    @property
    def paused(self) -> bool:
        return self.state == PlanState.PAUSED

    @property
    def undated(self) -> bool:
        """Whether nothing can be said of the days to come: it is paused, or stands still until somebody goes on with it, be it that no
        day was agreed or that the agreed day has gone by."""
        step, agreed = self.standing.next, self.told.until
        open_ended = self.state == PlanState.HOLDING and agreed is None
        return self.paused or (self.still and (open_ended or (step is not None and step.on <= self.today)))

    @property
    def late(self) -> bool:
        """The plan's last step has come, and nobody has said that it is over."""
        return self.standing.begun and self.standing.next is None and not self.still

    @property
    def begun(self) -> bool:
        return self.standing.begun

    @property
    def dose_today(self) -> str:
        """The dose, and of two that take turns which one is taken today: `20 mg (40 mg one day, 20 mg the next)`."""
        step = self.standing.step
        two = day_doses(step.built) if step.built.dose_ug == self.standing.dose_ug else ()
        if not two:
            return self.dose
        today = two[(self.today - step.on).days % len(two)]
        return f"{self.amount(today) if today else pack_words().sheet['nothing_short']} ({self.dose})"

    @property
    def dose(self) -> str:
        built = self.standing.step.built
        if built.dose_ug == self.standing.dose_ug:
            return taken(built, self.row.unit)
        return a_day(self.standing.dose_ug, self.row.unit)

    @property
    def start(self) -> str:
        return amount(self.row.from_ug, self.row.unit)

    @property
    def end(self) -> str:
        return a_day(self.row.to_ug, self.row.unit)

    @property
    def begins_on(self) -> date:
        return self.plan.steps[0].on

    @property
    def clinician(self) -> str:
        return self.callers[0].name if self.callers else pack_words().sheet["no_clinician"]

    @property
    def phone(self) -> str:
        """Under which number the named clinician is reached; empty where none is held."""
        return self.callers[0].phone if self.callers else self.desk

    # The person's sheet

    @cached_property
    def cards(self) -> list[Card]:
        """The step of today and those to come, that last a day."""
        steps = [step for step in self.plan.steps if step.days or step is self.plan.steps[-1]]
        at = next((number for number, step in enumerate(steps) if step.number >= self.standing.step.number), len(steps) - 1)
        if self.undated:
            return [self._card(steps, at)]
        return [self._card(steps, number) for number in range(at, len(steps))]

    def _card(self, steps: Sequence[Step], at: int) -> Card:
        step = steps[at]
        until = steps[at + 1].on - timedelta(days=1) if at + 1 < len(steps) and not self.undated else None
        before = steps[at - 1].built.dose_ug if at else None
        return Card(step, self.row.unit, until, self._takes(step), before, step is steps[-1], self.begins(step.on))

    def begins(self, on: date) -> bool:
        """Whether this is the day on which the reduction begins, or began: a plan made anew on the way begins nothing."""
        return on == (self.told.started_on if self.begun else self.begins_on)

    def _takes(self, step: Step) -> tuple[Take, ...]:
        if not step.built.alternates:
            return tuple(self._take(item) for item in step.built.items)
        words, found = pack_words().pictures, []
        for day, told in ((FIRST, "one_day"), (SECOND, "next_day")):
            takes = [self._take(item) for item in step.built.on_day(day)] or [Take(Markup(""), words["none"])]
            found += [replace(take, words=words[told].format(what=take.words)) for take in takes]
        return tuple(found)

    def _take(self, item: Item) -> Take:
        words, note, about = pack_words().pictures, "", None
        product = self.knowledge.taper_products.get(item.product)
        if item.microlitres:
            note = words["measure"]
        elif item.patches and product is not None and product.wear_days:
            note = words["change_patch"].format(days=count(product.wear_days, "day"))
            about = Rule(words=note, source=tuple(product.source), mark=product.mark)
        return Take(picture(item), plain_item(item), note, about)

    @property
    def now(self) -> Card:
        return self.cards[0]

    @property
    def shown_from(self) -> date:
        return max(self.today, self.begins_on)

    @property
    def months(self) -> tuple[Month, ...]:
        """The calendar of the next months, not beyond the month of the plan's last step."""
        first, last = self.shown_from, max(self.plan.ends_on, self.shown_from)
        most = (last.year - first.year) * 12 + last.month - first.month + 1
        return calendar(self.plan, first, min(most, pack_words().months))

    @property
    def by_turns(self) -> bool:
        """Whether some day of the calendar has one of two doses that take turns."""
        return any(day.turns for month in self.months for day in month.days)

    def amount(self, dose_ug: int) -> str:
        return amount(dose_ug, self.row.unit)

    @property
    def shown_until(self) -> date:
        return self.months[-1].days[-1].on

    @property
    def near(self) -> list[Card]:
        """Steps that begin within the calendar, today's first."""
        return [card for card in self.cards if card.step.on <= self.shown_until]

    @property
    def later(self) -> list[Card]:
        return [card for card in self.cards if card.step.on > self.shown_until]

    @property
    def changes(self) -> list[Card]:
        """Those on whose first day the dose becomes another, from today on."""
        found = [card for card in self.near if card.before_ug is not None and card.step.built.dose_ug != card.before_ug]
        return [card for card in found if card.step.on >= self.today]

    def said(self, key: str) -> Said:
        return pack_words().said[key].about(self.clinician)

    @staticmethod
    def figure(each: TaperSupport) -> str:
        """The figure of an entry behind its words: `(28 days)`; empty where it has none."""
        if each.figure is None:
            return ""
        unit = "day" if each.figure.whole == 1 and each.figure.unit == "days" else each.figure.unit
        return f"({number(each.figure.value)} {unit})"

    # Letters and supply

    @cached_property
    def rows(self) -> list[LetterRow]:
        """The steps to supply, each with its products."""
        cards = self.cards[:1] if self.still else self.cards
        found = [LetterRow(card.step, self.row.unit, tuple(line for line in self.lines if line.step == card.step.number)) for card in cards]
        return [each for each in found if each.lines or not each.step.built.items]

    @property
    def near_rows(self) -> list[LetterRow]:
        """Those that begin within the months of the calendar: letters give their prescriptions."""
        return [each for each in self.rows if each.step.on <= self.shown_until]

    @property
    def later_rows(self) -> list[LetterRow]:
        return [each for each in self.rows if each.step.on > self.shown_until]

    @property
    def steps_to_come(self) -> list[LetterRow]:
        """While somebody stays at a dose: what would follow, to know and not yet to prescribe."""
        if not self.still or self.undated:
            return []
        return [LetterRow(card.step, self.row.unit, ()) for card in self.cards[1:]]

    @property
    def next_rows(self) -> list[LetterRow]:
        return self.rows[: pack_words().steps_ahead]

    @property
    def rest(self) -> list[LetterRow]:
        return self.rows[pack_words().steps_ahead :]

    @property
    def stock(self) -> tuple[Order, ...]:
        """Strengths for the steps that are supplied next."""
        return orders([line for each in self.next_rows for line in each.lines], self.knowledge)

    @property
    def all_stock(self) -> tuple[Order, ...]:
        """Strengths for every step that is supplied by the plan as it stands."""
        return orders([line for each in self.rows for line in each.lines], self.knowledge)

    @property
    def pick_up(self) -> Rule | None:
        """Why it is supplied so, where anything is."""
        return next((line.rule for each in self.rows for line in each.lines), None)

    @property
    def marks(self) -> list[tuple[str, str]]:
        """Every mark with what it means."""
        return list(known.MARKS.items())


@dataclass(frozen=True)
class LetterRow(StepLine):
    """A step with what is prescribed for it."""

    lines: tuple[SupplyLine, ...] = ()

    @property
    def dose_a_day(self) -> str:
        return taken(self.step.built, self.unit)

    @property
    def pick_ups(self) -> str:
        """How often it is collected, in words; empty where nothing is."""
        line = next(iter(self.lines), None)
        if line is None:
            return ""
        words, every = pack_words().letter, count(line.pick_up_days, "day")
        if line.pick_ups == 1:
            return words["pick_up_words"].format(days=every)
        return words["pick_ups_words"].format(days=every, times=count(line.pick_ups, "time"))

    @property
    def ongoing(self) -> str:
        line = next((each for each in self.lines if each.ongoing), None)
        return "" if line is None else pack_words().letter["ongoing"].format(days=count(line.days, "day"))
