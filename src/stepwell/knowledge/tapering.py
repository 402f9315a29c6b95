"""Reducing as knowledge: the products a dose is made of, how fast and how far by medicine, what forbids it here, what is said to people.

Every figure stands in a `Figure` with its own source and mark. A rule is of a class; its `parts` say what differs for one medicine, and
`rule_of` gives the rule of one medicine with its part laid over it, so that a reader never merges by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from stepwell.knowledge import model

if TYPE_CHECKING:
    from stepwell.knowledge.compile import Knowledge

TaperForm = Literal[
    "tablet", "capsule", "orodispersible tablet", "soluble tablet", "sublingual tablet", "modified-release tablet",
    "modified-release capsule", "gastro-resistant tablet", "gastro-resistant capsule", "modified-release granules", "oral liquid",
    "oral drops", "patch",
]  # fmt: skip
Parts = Literal[1, 2, 4]
TaperMode = Literal["product steps", "linear", "proportional", "hyperbolic"]
Unit = Literal["percent", "mg", "micrograms/hour", "days", "months", "score", "people", "items", "steps"]
Of = Literal["present", "first"]
Action = Literal["refuse", "warn", "ask"]
SupportPart = Literal[
    "rule", "hold", "step-back", "contact", "expect", "symptom", "contrast", "safety-net", "early-sign", "comfort", "which-first",
    "brief", "wording",
]  # fmt: skip

UG = 1000  # micrograms in a milligram


class Figure(model.Sourced, frozen=True, kw_only=True):
    """One figure with its unit, source and mark."""

    value: Annotated[float, msgspec.Meta(ge=0)]
    unit: Unit

    @property
    def ug(self) -> int:
        """A dose as plans count it: micrograms a day from mg; of patches the micrograms an hour as they stand."""
        scale = UG if self.unit == "mg" else 1
        return int((Decimal(str(self.value)) * scale).to_integral_value(rounding=ROUND_HALF_UP))

    @property
    def whole(self) -> int:
        """The value as a whole number (days, people)."""
        return int(self.value)


class TaperProduct(model.Sourced, frozen=True, kw_only=True):
    """A product of the United Kingdom. `strength_ug`: micrograms in one, of liquids in a millilitre, of patches in an hour.

    parts: into how many equal parts one may be divided; check: the score line differs between makers, the pharmacist checks;
    off_label: dividing is outside its product text. measure_ul: the smallest volume that can be measured, 0 of solids.
    also: what else is in it ("paracetamol 500 mg"); most_a_day: how many a day for that reason. by_choice: used only when a person names
    it (other substance inside, drop size not confirmed, dissolving off label). wear_days: of patches.
    """

    product: model.Key
    medicine: model.Key
    label: model.Text
    form: TaperForm
    strength_ug: Annotated[int, msgspec.Meta(gt=0)]
    parts: Parts = 1
    check: bool = False
    off_label: bool = False
    measure_ul: Annotated[int, msgspec.Meta(ge=0)] = 0
    bnf: str = ""
    also: str = ""
    most_a_day: Figure | None = None
    by_choice: bool = False
    wear_days: Annotated[int, msgspec.Meta(ge=0)] = 0


class ModeRule(model.Sourced, frozen=True, kw_only=True):
    """A mode that may be used. `words`: what it does, as shown beside the choice."""

    mode: TaperMode
    words: model.Text
    default: bool = False


class Rate(model.Sourced, frozen=True, kw_only=True):
    """How much comes off at a step: `percent` of the present or the first dose; after `after_steps` steps `then_percent`.

    when: for whom, in words. months_under: only where the course is shorter; every_days_min: only with an interval at least so long.
    """

    percent: Annotated[float, msgspec.Meta(gt=0, le=100)]
    of: Of
    default: bool = False
    then_percent: Annotated[float, msgspec.Meta(gt=0, le=100)] | None = None
    after_steps: Annotated[int, msgspec.Meta(ge=1)] | None = None
    when: str = ""
    months_under: Annotated[int, msgspec.Meta(ge=1)] | None = None
    every_days_min: Annotated[int, msgspec.Meta(ge=1)] | None = None


class Interval(model._Struct, frozen=True, kw_only=True):
    """Days of a step. `longest` None: as long as the person wants. `options`: what a form offers, in order; the default is among them."""

    shortest: Figure
    default: Figure
    longest: Figure | None = None
    options: Annotated[tuple[Figure, ...], msgspec.Meta(min_length=1)]


class Band(model.Sourced, frozen=True, kw_only=True):
    """From this dose down to that one: steps of at least and at most so many mg (CKS for diazepam)."""

    from_mg: float
    to_mg: float
    least_mg: float
    most_mg: float


class Bands(model.Sourced, frozen=True, kw_only=True):
    """Steps by dose. `take`: which end of a band is proposed; the own source and mark are of that choice."""

    take: Literal["least", "most"]
    bands: Annotated[tuple[Band, ...], msgspec.Meta(min_length=1)]


class Published(model.Sourced, frozen=True, kw_only=True):
    """A published list of doses (mg, or micrograms an hour of patches), first to last: product steps go down it from wherever the person is
    on it. `every_days`: 0 where the text gives none."""

    schedule: model.Text
    steps_mg: Annotated[tuple[float, ...], msgspec.Meta(min_length=2)]
    every_days: Annotated[int, msgspec.Meta(ge=0)] = 0


class BoundException(model.Sourced, frozen=True, kw_only=True):
    """A published schedule that goes beyond the bound at some step: which, where, and why that stands."""

    schedule: model.Text
    words: model.Text


class Pace(model.Sourced, frozen=True, kw_only=True):
    """A step of more than `percent` (of the dose the bound speaks of) needs `days` days between steps; or a course shorter than
    `months_under` months; or one of `conditions` held or flagged."""

    percent: Annotated[float, msgspec.Meta(ge=0, lt=100)]
    days: Annotated[int, msgspec.Meta(ge=1)]
    months_under: Annotated[int, msgspec.Meta(ge=1)] | None = None
    conditions: tuple[model.Key, ...] = ()


class Bound(model._Struct, frozen=True, kw_only=True):
    """What no step may exceed (ruling 24): the largest of these. `end`: the largest dose from which the last step may go to nothing;
    `end_of_first`: the same as percent of the first dose; with `end_smallest` also from the smallest dose that products make, once
    the dose has gone down: nobody who began with it stops at once by this."""

    words: model.Text
    of_present: Figure
    of_first: Figure | None = None
    step: Figure | None = None
    end: Figure | None = None
    end_of_first: Figure | None = None
    end_smallest: model.Flag | None = None
    exceptions: tuple[BoundException, ...] = ()
    paces: tuple[Pace, ...] = ()


class Slowdown(model.Sourced, frozen=True, kw_only=True):
    """When no more than one in `at_one_in` of the first dose is left, steps are `rate_percent` of what they were."""

    at_one_in: Annotated[int, msgspec.Meta(ge=2)]
    rate_percent: Annotated[float, msgspec.Meta(gt=0, lt=100)]


class Supply(model.Sourced, frozen=True, kw_only=True):
    """Supply matches the steps; `longest`: days that one supply may last at most, None where no text says so."""

    words: model.Text
    longest: Figure | None = None


class SwitchTo(model.Sourced, frozen=True, kw_only=True):
    """Changing to a long-acting relative first: never done by itself. `load` names the table of equivalents shown with its range;
    `step_days`: how long one dose of the day takes; `review`: what is looked at after `review_days`; `not_with`: the guard that forbids
    it, whatever it does elsewhere."""

    medicine: model.Key
    load: model.Key
    when: model.Text
    method: model.Text
    review: model.Text
    review_days: Annotated[tuple[int, ...], msgspec.Meta(min_length=1)]
    step_days: Figure
    not_with: model.Key


class AlternateDays(model.Flag, frozen=True, kw_only=True):
    """Whether a dose may be taken every other day. products: the ones that a text takes so; first when a person chooses alternate days."""

    products: tuple[model.Key, ...] = ()


class NoteWords(model.Sourced, frozen=True, kw_only=True):
    """Something to know about reducing this medicine."""

    words: model.Text


class TaperPart(model._Struct, frozen=True, kw_only=True):
    """What differs for one medicine of the class. What it does not say is the class's; `bound` replaces the class's whole."""

    medicine: model.Key
    modes: tuple[ModeRule, ...] = ()
    rates: tuple[Rate, ...] = ()
    interval: Interval | None = None
    steps: tuple[Figure, ...] = ()
    bands: Bands | None = None
    published: tuple[Published, ...] = ()
    bound: Bound | None = None
    minimum_days: Figure | None = None
    smallest_step: Figure | None = None
    stop_directly: Figure | None = None
    alternate_days: AlternateDays | None = None
    supply: Supply | None = None
    switch_to: SwitchTo | None = None
    notes: tuple[NoteWords, ...] = ()


class NoProducts(model._Struct, frozen=True, kw_only=True):
    """Medicines of the class that no product is known of: their reduction is not planned, and this is why."""

    medicines: Annotated[tuple[model.Key, ...], msgspec.Meta(min_length=1)]
    because: model.Text


class TaperRule(model._Struct, frozen=True, kw_only=True):
    """How the medicines of `set` are reduced.

    rates: percent steps (proportional: of the present dose, linear: of the first). steps: absolute steps that a form offers; where there
    are any, a linear plan takes the first of them and not a percentage. Product steps go down `published` or `bands` where there are any,
    else down the doses that whole products make, at the default rate of the present dose. minimum_days: a whole plan is never shorter.
    smallest_step: no step is made smaller. stop_directly: the dose at or below which the medicine may be stopped at once. points: steps
    of a hyperbolic plan when nobody says. alternate_days: whether a dose every other day may be made at all. `medicine` is "" of a class
    and the medicine's key in what `rule_of` gives.
    """

    taper_rule: model.Key
    label: model.Text
    set: model.Key
    modes: Annotated[tuple[ModeRule, ...], msgspec.Meta(min_length=1)]
    rates: Annotated[tuple[Rate, ...], msgspec.Meta(min_length=1)]
    interval: Interval
    steps: tuple[Figure, ...] = ()
    bands: Bands | None = None
    published: tuple[Published, ...] = ()
    bound: Bound
    slowdown: Slowdown | None = None
    minimum_days: Figure | None = None
    smallest_step: Figure | None = None
    stop_directly: Figure | None = None
    points: Figure | None = None
    alternate_days: AlternateDays
    supply: Supply
    switch_to: SwitchTo | None = None
    notes: tuple[NoteWords, ...] = ()
    parts: tuple[TaperPart, ...] = ()
    no_products: tuple[NoProducts, ...] = ()
    medicine: str = ""

    @property
    def default_mode(self) -> TaperMode:
        """The mode proposed."""
        return next(mode.mode for mode in self.modes if mode.default)

    def default_rate(self, of: Of) -> Rate | None:
        """The rate proposed for steps of the present or of the first dose."""
        rates = [rate for rate in self.rates if rate.of == of]
        return next((rate for rate in rates if rate.default), rates[0] if rates else None)


class Occupancy(model.Sourced, frozen=True, kw_only=True):
    """A published curve: at dose d the share of the target taken is `max_percent` x d / (`half_mg` + d). Only where both are published.

    region: of the brain, where the table says it. studied_mg: the largest dose studied, 0 unknown: beyond it the curve is not used. An
    estimate, and shown as one.
    """

    medicine: model.Key
    target: model.Text
    region: str = ""
    max_percent: Annotated[float, msgspec.Meta(gt=0)]
    half_mg: Annotated[float, msgspec.Meta(gt=0)]
    studied_mg: Annotated[float, msgspec.Meta(ge=0)] = 0
    words: model.Text


class GuardFlag(model.Sourced, frozen=True, kw_only=True):
    """What the record cannot know and a person is asked."""

    flag: model.Key
    ask: model.Text


class GuardLoad(model._Struct, frozen=True, kw_only=True):
    """A load of the person above this figure, in the load's own unit."""

    load: model.Key
    over: Annotated[float, msgspec.Meta(ge=0)]


class TaperGuard(model.Sourced, frozen=True, kw_only=True):
    """What forbids or slows a reduction here. It holds when the medicine is of `classes` (keys of taper rules; empty: of all) or among
    `medicines`, and any one of these does: a condition held, a flag answered yes, a load above its line, another medicine taken of a set
    in `with_sets`, a long-acting injection, an age below, a plan that would stop at once (`abrupt`), or `always`.

    action: refuse (with `route`), warn, or ask. unknown: what happens while a needed answer is missing: ask, or nothing.
    lifted_by: the flag whose yes turns a refusal into a warning ("agreed with the specialist").
    """

    guard: model.Key
    label: model.Text
    classes: tuple[model.Key, ...] = ()
    medicines: tuple[model.Key, ...] = ()
    conditions: tuple[model.Key, ...] = ()
    flag: GuardFlag | None = None
    loads: tuple[GuardLoad, ...] = ()
    with_sets: tuple[model.Key, ...] = ()
    injection: bool = False
    age_under: Annotated[int, msgspec.Meta(ge=1)] | None = None
    abrupt: bool = False
    always: bool = False
    action: Action
    unknown: Literal["ask", "nothing"] = "nothing"
    lifted_by: GuardFlag | None = None
    words: model.Text
    route: str = ""

    def about(self, medicine: str, taper_rule: str | None) -> bool:
        """Whether it speaks of this medicine, whose taper rule has this key (None: it has no rule)."""
        if self.medicines or self.classes:
            return medicine in self.medicines or (taper_rule is not None and taper_rule in self.classes)
        return True


class TaperSupport(model.Sourced, frozen=True, kw_only=True):
    """Something said or counted while a medicine is reduced. `classes` (keys of taper rules): empty means all.

    Of part `expect`: what it is like, in sentences; of `symptom`: one thing that may be noticed, to pick. Of `contrast`: `withdrawal` and
    `relapse` are the two sides. Of `safety-net`: `call` is whom to call. Of `contact`: `days` after a step (`after` step) or after
    stopping (`after` stop). Of `hold`, `step-back` and `brief`: `figure`. plain: the same for the person.
    """

    support: model.Key
    part: SupportPart
    label: model.Text
    classes: tuple[model.Key, ...] = ()
    words: model.Text
    plain: str = ""
    withdrawal: str = ""
    relapse: str = ""
    call: str = ""
    after: Literal["", "step", "stop"] = ""
    days: tuple[Annotated[int, msgspec.Meta(ge=0)], ...] = ()
    figure: Figure | None = None


class ScaleBand(model.Sourced, frozen=True, kw_only=True):
    """Scores from `low` to `high`, both included. advice: what the plan does at such a score; empty where the scale says nothing of it."""

    low: int
    high: int
    label: model.Text
    advice: Literal["", "go on", "hold", "step back"] = ""


class WithdrawalScale(model.Sourced, frozen=True, kw_only=True):
    """A scale of withdrawal. `enter`: rating (the words are Stepwell's own), items (item text is free and held elsewhere), score (the text
    is not free: only the total is entered). `items` is how many the scale has. rise: how much more asks for timing and kind."""

    scale: model.Key
    label: model.Text
    classes: tuple[model.Key, ...] = ()
    items: Annotated[int, msgspec.Meta(ge=1)]
    low: int
    high: int
    bands: tuple[ScaleBand, ...] = ()
    enter: Literal["rating", "items", "score"]
    licence: model.Text
    rise: Figure | None = None
    question: str = ""
    plain: str = ""


class ServiceResult(model.Sourced, frozen=True, kw_only=True):
    """One published result: `people` of `of`, or `percent` as printed; `outcome` is a key of the outcomes, empty where it is another."""

    label: model.Text
    outcome: str = ""
    people: Annotated[int, msgspec.Meta(ge=0)] | None = None
    of: Annotated[int, msgspec.Meta(ge=1)] | None = None
    of_words: str = ""
    percent: Annotated[float, msgspec.Meta(ge=0, le=100)] | None = None


class TaperService(model.Sourced, frozen=True, kw_only=True):
    """A service as published, to stand beside one's own figures. `classes`: taper rules it worked with, empty: several or unsaid."""

    service: model.Key
    label: model.Text
    place: model.Text
    period: model.Text
    about: model.Text
    classes: tuple[model.Key, ...] = ()
    results: Annotated[tuple[ServiceResult, ...], msgspec.Meta(min_length=1)]


class TaperOutcome(model.Sourced, frozen=True, kw_only=True):
    """How a reduction can end or stand. None of them is a failure. Kept in the order in which they are shown."""

    outcome: model.Key
    label: model.Text
    meaning: model.Text


_LAID_OVER = (
    "modes", "rates", "interval", "steps", "bands", "published", "bound", "minimum_days", "smallest_step", "stop_directly",
    "alternate_days", "supply", "switch_to",
)  # fmt: skip


def rule_of(known: Knowledge, medicine: str) -> TaperRule | None:
    """How this medicine is reduced: the rule of its class (of several the one with the fewest medicines) with its own part laid over it.
    None: Stepwell does not plan its reduction."""
    found = [rule for rule in known.taper_rules.values() if medicine in known.members.get(rule.set, ())]
    rule = min(found, key=lambda one: (len(known.members[one.set]), one.taper_rule), default=None)
    return None if rule is None else of_medicine(rule, medicine)


def of_medicine(rule: TaperRule, medicine: str) -> TaperRule:
    """The rule as it stands for one medicine of its class."""
    part = next((part for part in rule.parts if part.medicine == medicine), None)
    own = {} if part is None else {name: value for name in _LAID_OVER if (value := getattr(part, name)) not in (None, ())}
    notes = (*(part.notes if part else ()), *rule.notes)
    return msgspec.structs.replace(rule, **own, notes=notes, parts=(), medicine=medicine)


def products_of(products: Mapping[str, TaperProduct], medicine: str) -> list[TaperProduct]:
    """The products of one medicine, in the order of the pack."""
    return [product for product in products.values() if product.medicine == medicine]


def guards_of(known: Knowledge, medicine: str) -> list[TaperGuard]:
    """The guards that speak of this medicine, refusals first."""
    rule = rule_of(known, medicine)
    key = rule.taper_rule if rule else None
    order = ("refuse", "ask", "warn")
    return sorted((guard for guard in known.taper_guards.values() if guard.about(medicine, key)), key=lambda one: order.index(one.action))


def support_of(known: Knowledge, part: SupportPart, taper_rule: str | None = None) -> list[TaperSupport]:
    """Entries of one part that hold for this class, in the order of the pack; those of the class itself first."""
    fits = [one for one in known.taper_support.values() if one.part == part and (not one.classes or taper_rule in one.classes)]
    return sorted(fits, key=lambda one: not one.classes)


def contact_days(known: Knowledge, after: Literal["step", "stop"], taper_rule: str) -> TaperSupport:
    """The days on which contact is due after a step or after stopping, by the most particular entry. KeyError where there is none (`check`
    makes sure that there is)."""
    found: Iterable[TaperSupport] = (one for one in support_of(known, "contact", taper_rule) if one.after == after)
    first = next(iter(found), None)
    if first is None:
        raise KeyError(f"no contact days after a {after} for {taper_rule}")
    return first


def scales_of(known: Knowledge, taper_rule: str) -> list[WithdrawalScale]:
    """Scales that fit this class, Stepwell's own rating first."""
    fits = [one for one in known.withdrawal_scales.values() if not one.classes or taper_rule in one.classes]
    return sorted(fits, key=lambda one: one.enter != "rating")
