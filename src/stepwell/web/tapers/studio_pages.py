"""What the studio's templates are given: the choice of a medicine, and the plan as drawn with its rows, bounds and questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from markupsafe import Markup

from stepwell import knowledge
from stepwell.clinical.tapering import words
from stepwell.clinical.tapering.model import Mode, Plan, Rule, Step
from stepwell.clinical.tapering.supply import SupplyLine, supply
from stepwell.clinical.tapering.switch import Equivalents, equivalents, switch_of
from stepwell.knowledge.tapering import AlternateDays, Occupancy, SwitchTo, TaperProduct, TaperSupport, support_of
from stepwell.web.core.formatting import clinician, count
from stepwell.web.core.forms import TextareaField
from stepwell.web.ledger.presenters import capital
from stepwell.web.tapers.chart import Lived, a_day, amount, average, calendar, changes, chart_svg, length, months_of, told
from stepwell.web.tapers.forms import LONGEST_WORDS, AgreeForm
from stepwell.web.tapers.models import TaperPlan
from stepwell.web.tapers.studio import Drawn, Question
from stepwell.web.tapers.studio_facts import Taken, ends, usual
from stepwell.web.tapers.studio_form import typed
from stepwell.web.tapers.studio_offers import Offers, increment, offers

# Steps shown before the rest is folded away, and months of the calendar: habits of the page.
STEPS_SHOWN, MONTHS_SHOWN = 6, 24
PERCENT = 100


class StudioAgreeForm(AgreeForm):
    """What is said when a plan is saved. Of a proposal nothing is needed: what is said already is kept."""

    first = TextareaField(
        label="Why this medicine first", label_size="s", rows=2, required=False, max_length=LONGEST_WORDS,
        help_text="There are others that could be reduced; one at a time.",
    )  # fmt: skip
    field_order = ("matters", "own_words", "decided_with", "first", "clinician", "check_by")

    def __init__(self, *args: Any, several: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["why"]
        if not several:
            del self.fields["first"]

    def only_words(self, *, proposal: bool) -> None:
        if proposal:
            for field in self.fields.values():
                field.required = False


@dataclass(frozen=True, slots=True)
class Choice:
    """One medicine that could be reduced, and what stands in its way or is on its way already."""

    taken: Taken
    plan: TaperPlan | None

    @property
    def state(self) -> str:
        return self.plan.get_state_display().lower() if self.plan is not None else ""

    @property
    def tone(self) -> str:
        return "blue" if self.plan is not None and self.plan.is_running else "grey"


class ChoosePage:
    """Which medicine first. `medicines`: of the record as cut for its reader; `plans`: open ones that the reader is shown."""

    def __init__(self, medicines: Sequence[Taken], plans: Sequence[TaperPlan], given: str) -> None:
        running = {plan.substance: plan for plan in plans if plan.is_open}
        self.choices = [Choice(each, running.get(each.substance)) for each in medicines if each.may_plan]
        self.others = [each for each in medicines if not each.may_plan]
        self.given = given or "The person"
        self.reducing = [choice for choice in self.choices if choice.plan is not None and choice.plan.state != "proposed"]

    @property
    def heading(self) -> Markup:
        if not self.choices:
            return Markup("No medicine on this record is one that Stepwell plans to reduce")
        if self.reducing:
            return Markup("{} is being reduced already: one medicine at a time").format(clinician.drug(self.reducing[0].taken.name))
        if len(self.choices) == 1:
            return Markup("One medicine here can be reduced: {}").format(clinician.drug(self.choices[0].taken.name))
        return Markup("{} medicines could be reduced: {} chooses which first").format(len(self.choices), self.given)

    @property
    def advice(self) -> list[TaperSupport]:
        """What the knowledge base says about which comes first."""
        if len(self.choices) < 2:
            return []
        keys = {choice.taken.rule.taper_rule for choice in self.choices if choice.taken.rule is not None}
        found = {one.support: one for key in sorted(keys) for one in support_of(knowledge.load(), "which-first", key)}
        return list(found.values())


class StepRow:
    """One step as the table shows it. `lines`: what is supplied for it."""

    def __init__(
        self, step: Step, before: Step | None, drawn: Drawn, *, by_ug: int = 0, lines: Sequence[SupplyLine] = ()
    ) -> None:  # fmt: skip
        self.step, self.before, self._drawn, self.by_ug, self.lines = step, before, drawn, by_ug, lines
        self._unit, self.noted = drawn.asked.unit, set[str]()
        self.number, self.on = step.number, step.on

    @property
    def dose(self) -> str:
        return average(self.step.built, self._unit)

    @property
    def kind(self) -> str:
        """`hold` and `up` are said; downwards is what a plan does."""
        if self.before is None:
            return "now"
        difference = self.step.built.dose_ug - self.before.built.dose_ug
        return "" if difference < 0 else "up" if difference else "held"

    @property
    def less(self) -> str:
        """`2 mg less (10 %)`: what this step takes off, of the dose before."""
        if self.before is None:
            return ""
        difference = self.before.built.dose_ug - self.step.built.dose_ug
        if not difference or not self.before.built.dose_ug:
            return ""
        percent = abs(difference) * PERCENT / self.before.built.dose_ug
        way = "less" if difference > 0 else "more"
        return f"{amount(abs(difference), self._unit)} {way} ({percent:.3g} %)"

    @property
    def take(self) -> str:
        return words.items(self.step.built) if self.step.built.items else "none"

    @property
    def supply(self) -> str:
        """`28 × 10 mg tablets + 14 × 2 mg tablets for 14 days`"""
        if not self.lines:
            return ""
        parts = [f"{line.quantity if line.microlitres else f'{line.units} ×'} {line.label}" for line in self.lines]
        told = f"{' + '.join(parts)} for {count(self.lines[0].days, 'day')}"
        pick_ups = max(line.pick_ups for line in self.lines)
        return f"{told}, in {pick_ups} supplies" if pick_ups > 1 else told

    @property
    def notes(self) -> list[str]:
        """What to know of its products, where no step before said it."""
        return [note for note in self._notes if note not in self.noted]

    @property
    def _notes(self) -> list[str]:
        return list(dict.fromkeys(note for item in self.step.built.items for note in item.notes))

    @property
    def off(self) -> str:
        """Where what can be made is not what was calculated."""
        error = self.step.error_ug
        if not error:
            return ""
        calculated = amount(self.step.requested_ug, self._unit)
        return f"{amount(abs(error), self._unit)} {'more' if error > 0 else 'less'} than the {calculated} calculated"

    @property
    def is_far_off(self) -> bool:
        """What deserves colour: further off, as a part of the step, than rounding to tablets may go by the knowledge base."""
        if self.before is None:
            return False
        rounding = knowledge.load().parameters["taper_solid_percent"].value
        return abs(self.step.error_ug) * PERCENT > rounding * abs(self.before.built.dose_ug - self.step.requested_ug)

    @property
    def lasts(self) -> str:
        return length(self.step.days) if self.step.days else "from then on"

    @property
    def rule(self) -> Rule:
        return self.step.rule

    @property
    def occupancy(self) -> str:
        permille = self.step.occupancy_permille
        return "" if permille is None else f"{permille / 10:.0f} %"

    @property
    def may_change(self) -> bool:
        return self.before is not None

    @property
    def typed(self) -> str:
        own = self._drawn.asked.overrides.get(self.number)
        return "" if own is None else typed(own, self._unit)

    @property
    def held(self) -> str:
        return str(self._drawn.asked.holds.get(self.number, "") or "")

    @property
    def is_changed(self) -> bool:
        return bool(self.typed or self.held)

    @property
    def by(self) -> str:
        return amount(self.by_ug, self._unit)


def noted_once(rows: list[StepRow]) -> list[StepRow]:
    """Each note stands beside the first step that it is about."""
    said: set[str] = set()
    for row in rows:
        row.noted = set(said)
        said |= set(row.notes)
    return rows


def supplies(plan: Plan) -> dict[int, list[SupplyLine]]:
    """What is supplied for each step, by its number."""
    found: dict[int, list[SupplyLine]] = {}
    for line in supply(plan, knowledge.load()):
        found.setdefault(line.step, []).append(line)
    return found


class StudioPage:
    """One medicine of one person, with the plan as drawn. `done`: what was taken by an earlier plan; `href`: where the form asks."""

    def __init__(
        self,
        taken: Taken,
        drawn: Drawn,
        products: Sequence[TaperProduct],
        *,
        href: str,
        person_id: int,
        given: str,
        on: date,
        review_id: int | None = None,
        done: Sequence[Lived] = (),
    ) -> None:
        self.taken, self.drawn, self.href, self.person_id, self.on, self.review_id, self.done = (
            taken, drawn, href, person_id, on, review_id, done,
        )  # fmt: skip
        self.given = given or "the person"
        self.asked = drawn.asked
        self.unit = taken.unit
        self._products = products

    may_move = True

    @property
    def name(self) -> Markup:
        return clinician.drug(self.taken.name)

    @property
    def plan(self) -> Plan | None:
        return self.drawn.plan

    @property
    def heading(self) -> Markup:
        """The answer: from where to where, in how many steps, how long."""
        plan = self.plan
        if plan is None:
            if self.drawn.refusal is not None:
                return Markup("{} is not reduced {}here").format(self.name, "" if self.never else "like this ")
            return Markup("Reduce {}: which dose is taken now?").format(self.name)
        end = plan.steps[-1]
        to = amount(end.built.dose_ug, self.unit)
        way = Markup("Reduce {} from {} to {}").format(self.name, a_day(plan.from_ug, self.unit), to)
        took = length((end.on - plan.steps[0].on).days)
        return Markup("{} in {} over {}").format(way, count(len(changes(plan)), "step"), took)

    @property
    def never(self) -> bool:
        """Whether nothing that could be chosen would make it planned here."""
        guard = self.drawn.refusal.guard if self.drawn.refusal is not None else None
        return guard is not None and guard.always and guard.lifted_by is None

    # What is offered

    @cached_property
    def offers(self) -> Offers | None:
        if self.taken.rule is None:
            return None
        return offers(self.taken.rule, self._products, self.asked, self.plan, usual=usual(self.taken.substance))

    @property
    def alternate_days(self) -> AlternateDays | None:
        """Where a dose may be taken every other day: the entry that allows it."""
        rule = self.taken.rule
        return rule.alternate_days if rule is not None and rule.alternate_days.value else None

    @property
    def dose_typed(self) -> str:
        return typed(self.asked.dose_ug, self.unit) if self.asked.dose_ug is not None else ""

    @property
    def to_typed(self) -> str:
        return typed(self.asked.to_ug, self.unit) if self.asked.to_ug else ""

    @property
    def unit_words(self) -> str:
        return "micrograms per hour" if self.unit != "mg" else "mg"

    @property
    def start_parts(self) -> list[tuple[str, str, str]]:
        """Boxes of the first day: part, words, value."""
        day = self.asked.start_on
        values = (str(day.day), str(day.month), str(day.year)) if day is not None else ("", "", "")
        return [("day", "Day", values[0]), ("month", "Month", values[1]), ("year", "Year", values[2])]

    @property
    def steps_of(self) -> int:
        return max(self.asked.points or 0, 0)

    def wrong(self, field: str) -> str:
        return next((each.words for each in self.asked.wrong if each.field == field), "")

    @property
    def errors(self) -> list[dict[str, str]]:
        return [{"text": each.words, "href": f"#{each.field}"} for each in self.asked.wrong]

    # The plan

    @cached_property
    def rows(self) -> list[StepRow]:
        plan = self.plan
        if plan is None:
            return []
        supplied = supplies(plan)
        found = [StepRow(plan.steps[0], None, self.drawn, lines=supplied.get(plan.steps[0].number, ()))]
        for before, step in pairwise(plan.steps):
            by = increment(self._products, step.built.dose_ug)
            found.append(StepRow(step, before, self.drawn, by_ug=by, lines=supplied.get(step.number, ())))
        return noted_once(found)

    @property
    def supply_rule(self) -> Rule | None:
        return next((line.rule for row in self.rows for line in row.lines), None)

    @property
    def other_ends(self) -> list[tuple[str, str]]:
        """Ends that can be built, as links: another end than the one drawn."""
        if self.plan is None:
            return []
        found = [end for end in (0, *ends(self.taken.substance, self.plan.from_ug)) if end != self.plan.to_ug]
        return [
            (f"End at {amount(end, self.unit)}" if end else "Down to nothing", self._at(replace(self.asked, to_ug=end).query()))
            for end in found
        ]

    @property
    def other_forms(self) -> tuple[str, str] | None:
        """The other choice of forms as a link: without liquids where the plan measures one, with them again where they were left out."""
        if self.plan is None:
            return None
        used = usual(self.taken.substance) if self.asked.products is None else self.asked.products
        liquids = {product.product for product in self._products if product.measure_ul}
        solids = used - liquids
        if solids and any(item.microlitres for step in self.plan.steps for item in step.built.items):
            forms = {product.form.split()[-1] for product in self._products if product.product in solids}
            told = " and ".join(f"{form}s" for form in sorted(forms, reverse=True) if form != "granules") or "No liquids"
            return f"{capital(told)} only", self._at(replace(self.asked, products=solids).query())
        again = usual(self.taken.substance) & liquids
        if self.asked.products is None or used & liquids or not again:
            return None
        whole = used | again
        return "With liquids too", self._at(replace(self.asked, products=None if whole == usual(self.taken.substance) else whole).query())

    # A long-acting relative

    @property
    def switch(self) -> SwitchTo | None:
        """The relative that may be changed to first, while the reduction can be planned at all."""
        return None if self.never else switch_of(self.taken.substance, knowledge.load())

    @cached_property
    def equal(self) -> Equivalents | None:
        dose_ug = self.asked.dose_ug
        return None if dose_ug is None else equivalents(self.taken.substance, dose_ug, knowledge.load())

    @property
    def equal_span(self) -> str:
        found = self.equal
        if found is None:
            return ""
        low, high = self.amount(found.low_ug), self.amount(found.high_ug)
        return f"{low} to {high}" if found.differ else low

    @property
    def equal_ends(self) -> list[Rule]:
        """Where the two ends of the range come from: of tables that say the same the first."""
        found = self.equal
        if found is None:
            return []
        low = next(each for each in found.tables if each.low_ug == found.low_ug)
        high = next(each for each in found.tables if each.high_ug == found.high_ug)
        return [low.rule] if low == high else [low.rule, high.rule]

    @property
    def switch_href(self) -> str:
        href = reverse("tapers:show_switch", args=[self.person_id, self.taken.substance])
        return f"{href}?{urlencode({'dose': self.dose_typed})}" if self.asked.dose_typed else href

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
    def told(self) -> str:
        return told(self.plan, done=self.done, today=self.on if self.done else None) if self.plan is not None else ""

    def _drawing(self, *, narrow: bool) -> Markup:
        assert self.plan is not None  # templates ask only where there is a plan
        return chart_svg(
            self.plan,
            done=self.done,
            today=self.on if self.done else None,
            title=f"{self.taken.name.capitalize()}: dose over time",
            narrow=narrow,
        )

    @property
    def wide(self) -> Markup:
        return self._drawing(narrow=False)

    @property
    def narrow(self) -> Markup:
        return self._drawing(narrow=True)

    @property
    def occupancy(self) -> Occupancy | None:
        """The curve behind the modelled line, where it is drawn."""
        if self.plan is None or all(step.occupancy_permille is None for step in self.plan.steps):
            return None
        return knowledge.load().occupancies.get(self.plan.medicine)

    @property
    def months(self) -> list[object]:
        if self.plan is None:
            return []
        return list(calendar(self.plan, self.plan.steps[0].on, months_of(self.plan, most=MONTHS_SHOWN)))

    def amount(self, dose_ug: int) -> str:
        return amount(dose_ug, self.unit)

    @property
    def is_hyperbolic(self) -> bool:
        return self.plan is not None and self.plan.mode == Mode.HYPERBOLIC

    @property
    def off_rows(self) -> int:
        return sum(bool(row.off) for row in self.rows)

    @property
    def left_out(self) -> str:
        """What else the product on record holds and the products drawn do not (codeine with paracetamol)."""
        used = {item.product for row in self.rows for item in row.step.built.items}
        written = self.taken.written.lower()
        held = [product for product in self._products if product.also and product.label.split()[0].lower() in written]
        return held[0].also if self.plan is not None and held and not any(product.product in used for product in held) else ""

    # What stands before agreeing

    @property
    def questions(self) -> tuple[Question, ...]:
        return self.drawn.questions

    @property
    def before_agreeing(self) -> list[str]:
        """What is still to be done, in words; empty when it can be agreed."""
        found = []
        if self.asked.wrong:
            found.append(f"put right {count(len(self.asked.wrong), 'field')} above")
        if self.drawn.open_questions:
            found.append(f"ask {count(len(self.drawn.open_questions), 'question')}")
        if self.drawn.hidden:
            found.append("have somebody who may see the restricted entries look at it")
        return found

    @property
    def before_agreeing_words(self) -> str:
        return f"Before it can be agreed: {'; '.join(self.before_agreeing)}. Until then it can be kept as a proposal." if self.plan else ""

    # What can be done instead

    @property
    def instead(self) -> list[tuple[str, str]]:
        refusal = self.drawn.refusal
        if refusal is None:
            return []
        return [(capital(each.words), self._at(self.asked.like(each.request).query())) for each in refusal.instead]

    def _at(self, query: str) -> str:
        review = urlencode({"review": self.review_id}) if self.review_id is not None else ""
        return f"{self.href}?{'&'.join(part for part in (query, review) if part)}"

    @property
    def ask_advice(self) -> str:
        return f"{reverse('advice:ask', args=[self.person_id])}?{urlencode({'medicine': self.taken.substance})}"
