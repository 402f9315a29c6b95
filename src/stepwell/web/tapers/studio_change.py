"""A plan on its way in the studio: what is to be done from today on, and how the way ahead looks then, before anything is saved.

    asked = read(request.GET, row_unit, …)      act=hold&days=14, act=slower&every=28, act=smaller&rate=5%, act=end&to=5, d7=12.5
    preview = preview_of(plan, standing, asked)

The way ahead begins with the dose of today. A step that is moved is one at a time: it is saved before another is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import pairwise
from urllib.parse import urlencode

from django.http import QueryDict
from markupsafe import Markup

from stepwell import knowledge
from stepwell.clinical.tapering.model import Change, ChangeKind, NotPlanned, Plan
from stepwell.clinical.tapering.replan import replan
from stepwell.knowledge.tapering import TaperRule, rule_of
from stepwell.web.core.formatting import clinician, count
from stepwell.web.tapers import services
from stepwell.web.tapers.chart import DAYS_OF_A_WEEK, a_day, amount, changes, chart_svg, told
from stepwell.web.tapers.models import Act, TaperPlan
from stepwell.web.tapers.selectors import Standing
from stepwell.web.tapers.services import ACT_OF
from stepwell.web.tapers.studio import Drawn, Refusal, refusal_of
from stepwell.web.tapers.studio_facts import products
from stepwell.web.tapers.studio_form import LONGEST_DAYS, Asked, Wrong, amount_of, part_or_amount, steps_of, typed
from stepwell.web.tapers.studio_offers import Offer, every_words, increment
from stepwell.web.tapers.studio_pages import STEPS_SHOWN, StepRow, noted_once, supplies

# What is sent, in the order of the page.
KINDS = {
    "hold": ChangeKind.HOLD,
    "back": ChangeKind.STEP_BACK,
    "resume": ChangeKind.RESUME,
    "slower": ChangeKind.SLOWER,
    "smaller": ChangeKind.SMALLER,
    "end": ChangeKind.OTHER_END,
}
MOVE = "move"
_UP, _DOWN, _SMALLER = "up", "down", "smaller"


@dataclass(frozen=True, slots=True)
class AskedChange:
    """kind: a key of `KINDS`, `move`, or empty while nothing is chosen. What is None is left to the plan. step: a button beside one
    (number, `up`, `down` or `smaller`)."""

    unit: str
    kind: str = ""
    days: int | None = None
    every: int | None = None
    rate_percent: float | None = None
    step_ug: int | None = None
    to_ug: int | None = None
    number: int | None = None
    dose_ug: int | None = None
    step: tuple[int, str] | None = None
    wrong: tuple[Wrong, ...] = ()

    @property
    def change(self) -> Change | None:
        if self.kind == MOVE and self.number is not None and self.dose_ug is not None:
            return Change(kind=ChangeKind.MOVE_STEP, number=self.number, dose_ug=self.dose_ug)
        if self.kind not in KINDS or self.wrong or (self.kind == "end" and self.to_ug is None):
            return None
        match KINDS[self.kind]:
            case ChangeKind.HOLD:
                return Change(kind=ChangeKind.HOLD, days=self.days)
            case ChangeKind.SLOWER:
                return Change(kind=ChangeKind.SLOWER, days=self.every)
            case ChangeKind.SMALLER:
                return Change(kind=ChangeKind.SMALLER, rate_percent=self.rate_percent, step_ug=self.step_ug)
            case ChangeKind.OTHER_END:
                return Change(kind=ChangeKind.OTHER_END, to_ug=self.to_ug)
            case kind:
                return Change(kind=kind)

    @property
    def act(self) -> Act | None:
        if self.kind == MOVE:
            return Act.CHANGED
        return ACT_OF.get(KINDS[self.kind], Act.CHANGED) if self.kind in KINDS else None

    def query(self) -> str:
        said: list[tuple[str, str]] = [("act", self.kind)] if self.kind else []
        if self.kind == "hold" and self.days is not None:
            said.append(("days", str(self.days)))
        if self.kind == "slower" and self.every is not None:
            said.append(("every", str(self.every)))
        if self.kind == "smaller" and self.rate:
            said.append(("rate", self.rate))
        if self.kind == "end" and self.to_ug is not None:
            said.append(("to", typed(self.to_ug, self.unit)))
        if self.kind == MOVE and self.number is not None and self.dose_ug is not None:
            said.append((f"d{self.number}", typed(self.dose_ug, self.unit)))
        return urlencode(said)

    @property
    def rate(self) -> str:
        if self.step_ug is not None:
            return typed(self.step_ug, self.unit)
        return "" if self.rate_percent is None else f"{self.rate_percent:g}%"

    def moved(self, plan: Plan, by_ug: int) -> AskedChange:
        """With a press of a button beside a step of the plan that was on the page."""
        if self.step is None:
            return self
        number, how = self.step
        at = next((place for place, each in enumerate(plan.steps) if each.number == number), 0)
        if not at:
            return AskedChange(self.unit)
        dose, before = plan.steps[at].built.dose_ug, plan.steps[at - 1].built.dose_ug
        wanted = {_UP: dose + by_ug, _DOWN: dose - by_ug, _SMALLER: (dose + before) // 2}[how]
        return AskedChange(self.unit, MOVE, number=number, dose_ug=max(plan.to_ug, min(wanted, before)))


def read(values: QueryDict, *, unit: str, now_ug: int) -> AskedChange:
    """What a query asks for. A step of one's own counts where nothing else was chosen since the page was drawn."""
    wrong: list[Wrong] = []

    def one(name: str) -> str:
        return (values.get(name, "") or "").strip()

    kind, was = one("act"), one("was")
    overrides, _ = steps_of(values, unit, wrong)
    button = one("move")
    number, _, how = button.partition("-")
    if number.isdigit() and len(number) < 4 and how in (_UP, _DOWN, _SMALLER):
        return AskedChange(unit, MOVE, step=(int(number), how))
    if overrides and (kind in ("", MOVE) or kind == was):
        last = one("moved")
        chosen = next((key for key in overrides if str(key) != last), next(iter(overrides)))
        return AskedChange(unit, MOVE, number=chosen, dose_ug=overrides[chosen], wrong=tuple(wrong))
    if kind not in KINDS:
        return AskedChange(unit)
    days = _days("days", one("days"), "Days of holding", wrong) if kind == "hold" else None
    every = _days("every", one("every"), "Days of a step", wrong) if kind == "slower" else None
    rate_percent, step_ug = part_or_amount(one("rate"), unit, wrong) if kind == "smaller" else (None, None)
    to_ug = None
    if kind == "end" and one("to"):
        to_ug = amount_of(one("to"), unit)
        if to_ug is None or to_ug >= now_ug:
            wrong.append(Wrong("to", "The other end must be a dose lower than today’s; 0 is to stop"))
            to_ug = None
    return AskedChange(
        unit, kind, days=days, every=every, rate_percent=rate_percent, step_ug=step_ug, to_ug=to_ug, wrong=tuple(wrong)
    )  # fmt: skip


def _days(field: str, text: str, told: str, wrong: list[Wrong]) -> int | None:
    if not text:
        return None
    if text.isdigit() and 0 < int(text) <= LONGEST_DAYS:
        return int(text)
    wrong.append(Wrong(field, f"{told} must be a whole number, for example 14"))
    return None


@dataclass(frozen=True, slots=True)
class Preview:
    """The plan as it would be, or why not; neither while nothing is chosen."""

    asked: AskedChange
    plan: Plan | None = None
    refusal: Refusal | None = None


def preview_of(plan: Plan, standing: Standing, asked: AskedChange) -> Preview:
    """What would follow. Nothing is kept."""
    if asked.step is not None:
        dose = next((each.built.dose_ug for each in plan.steps if each.number == asked.step[0]), plan.from_ug)
        asked = asked.moved(plan, increment(products(plan.medicine), dose))
    change = asked.change
    if change is None:
        return Preview(asked)
    try:
        return Preview(asked, replan(plan, standing.told, change, knowledge.load()))
    except NotPlanned as refused:
        return Preview(asked, refusal=refusal_of(plan.medicine, refused))


class ChangePage:
    """A plan on its way, with what would follow. `done`: what was taken from which day; `may`: acts that this actor may do now."""

    def __init__(
        self, row: TaperPlan, plan: Plan, standing: Standing, preview: Preview, *, done: Sequence[tuple[date, int]], may: frozenset[Act],
        name: str, on: date, href: str,
    ) -> None:  # fmt: skip
        self.row, self.before, self.standing, self.preview, self.done = row, plan, standing, preview, done
        self.may, self.drug, self.on, self.href = may, clinician.drug(name), on, href
        self.name, self.unit, self.asked = name, plan.unit, preview.asked
        self.given = row.person.given_name or "the person"

    @property
    def shown(self) -> Plan:
        """What is drawn: the way ahead as it would be, otherwise as it is."""
        return self.preview.plan or self.before

    @property
    def heading(self) -> Markup:
        now = a_day(self.standing.dose_ug, self.unit)
        if self.preview.plan is None:
            return Markup("{}: {} today. What comes next?").format(self.drug, now)
        return Markup("{}: {}").format(self.drug, self.follows)

    @property
    def follows(self) -> str:
        """What the change does, in a sentence beside what was planned before."""
        ahead = [step for step in self.shown.steps if step.on > self.on]
        if not ahead:
            return f"stays at {a_day(self.standing.dose_ug, self.unit)}"
        first = next((step for step in ahead if step.built.dose_ug != self.standing.dose_ug), ahead[0])
        next_ = f"{a_day(first.built.dose_ug, self.unit)} from {clinician.date(first.on)}"
        end, was = self._end(self.shown), self._end(self.before)
        return f"{next_}, {end} as before" if end == was else f"{next_}, {end}; it was {was}"

    def _end(self, plan: Plan) -> str:
        last = plan.steps[-1]
        what = f"to {amount(last.built.dose_ug, self.unit)}" if last.built.dose_ug else "to stop"
        return f"{what} on {clinician.date(last.on)}"

    @property
    def told(self) -> str:
        return told(self.shown, done=self.done, today=self.on)

    def _drawing(self, *, narrow: bool) -> Markup:
        return chart_svg(self.shown, done=self.done, today=self.on, title=f"{self.name.capitalize()}: dose over time", narrow=narrow)

    @property
    def wide(self) -> Markup:
        return self._drawing(narrow=False)

    @property
    def narrow(self) -> Markup:
        return self._drawing(narrow=True)

    # What is offered

    @property
    def rule(self) -> TaperRule | None:
        return rule_of(knowledge.load(), self.before.medicine)

    @cached_property
    def acts(self) -> list[Offer]:
        """The acts that may be done, in words that say the dose."""
        back = self.back_ug
        words = {
            "hold": "Hold at this dose",
            "back": f"Back up to {amount(back, self.unit)}" if back is not None else "Back up one",
            "resume": "Go on",
            "slower": "Slower",
            "smaller": "Smaller steps",
            "end": "Another end",
        }
        found = []
        for key, kind in KINDS.items():
            if ACT_OF.get(kind, Act.CHANGED) in self.may and (key != "back" or back is not None):
                found.append(Offer(key, words[key], self.asked.kind == key))
        return found

    @property
    def back_ug(self) -> int | None:
        """The dose before today's, where it is known and was higher."""
        before = self.standing.told.before_ug
        if before is None:
            earlier = [dose for _, dose in self.done if dose != self.standing.dose_ug]
            before = earlier[-1] if earlier else None
        return before if before is not None and before > self.standing.dose_ug else None

    @property
    def may_move(self) -> bool:
        return Act.CHANGED in self.may

    @property
    def hold_days(self) -> str:
        return str(self.asked.days or self.before.interval_days)

    @property
    def intervals(self) -> list[Offer]:
        """Longer ones than now."""
        if self.rule is None:
            return []
        days = [each.whole for each in self.rule.interval.options if each.whole > self.before.interval_days]
        days = sorted({*days, self.asked.every or 2 * self.before.interval_days})
        chosen = self.asked.every or days[0]
        return [Offer(str(each), every_words(each), each == chosen) for each in days]

    @property
    def rates(self) -> list[Offer]:
        """Half of what is now, or a part of the rule that is smaller."""
        found = [Offer("", "half of each step", not self.asked.rate)]
        if self.rule is not None:
            for value in sorted({rate.percent for rate in self.rule.rates if rate.of == "present"}, reverse=True):
                found.append(Offer(f"{value:g}%", f"{value:g} % of the present dose", self.asked.rate == f"{value:g}%"))
        return found

    @property
    def to_typed(self) -> str:
        return typed(self.asked.to_ug, self.unit) if self.asked.to_ug is not None else ""

    @property
    def unit_words(self) -> str:
        return "micrograms per hour" if self.unit != "mg" else "mg"

    def wrong(self, field: str) -> str:
        return next((each.words for each in self.asked.wrong if each.field == field), "")

    @property
    def errors(self) -> list[dict[str, str]]:
        return [{"text": each.words, "href": f"#{each.field}"} for each in self.asked.wrong]

    # The way ahead

    @cached_property
    def rows(self) -> list[StepRow]:
        """Today's step and those that follow."""
        own = {self.asked.number: self.asked.dose_ug} if self.asked.number is not None and self.asked.dose_ug is not None else {}
        drawn = Drawn(Asked(self.unit, self.standing.dose_ug, overrides=own))
        steps, made = self.shown.steps, products(self.before.medicine)
        begun = [at for at, step in enumerate(steps) if step.on <= self.on]
        first = begun[-1] if begun else 0
        supplied = supplies(self.shown)
        found = [StepRow(steps[first], None, drawn, lines=supplied.get(steps[first].number, ()))]
        for before, step in pairwise(steps[first:]):
            lines = supplied.get(step.number, ())
            found.append(StepRow(step, before, drawn, by_ug=increment(made, step.built.dose_ug), lines=lines))
        return noted_once(found)

    @property
    def first_rows(self) -> list[StepRow]:
        return self.rows[:STEPS_SHOWN]

    @property
    def more_rows(self) -> list[StepRow]:
        return self.rows[STEPS_SHOWN:]

    @property
    def more_changed(self) -> bool:
        return any(row.is_changed for row in self.more_rows)

    @property
    def change_words(self) -> str:
        """On the button that leads to saving it."""
        if self.asked.kind == MOVE:
            row = next((each for each in self.rows if each.number == self.asked.number), None)
            return f"Keep the moved step{f' of {clinician.date(row.on)}' if row else ''}"
        chosen = next((offer for offer in self.acts if offer.chosen), None)
        weeks, rest = divmod(int(self.hold_days), DAYS_OF_A_WEEK)
        if self.asked.kind == "hold":
            return f"Hold {count(weeks, 'week') if not rest else count(int(self.hold_days), 'day')}"
        return chosen.label if chosen is not None else "Save"

    @property
    def steps_ahead(self) -> int:
        return len([step for step in changes(self.shown) if step.on > self.on])


def may_of(actor: object, row: TaperPlan) -> frozenset[Act]:
    """Acts of the studio that this actor may do about the plan as it stands."""
    offered = {ACT_OF.get(kind, Act.CHANGED) for kind in KINDS.values()}
    return frozenset(act for act in offered if services.may_do(actor, row, act))  # type: ignore[arg-type]
