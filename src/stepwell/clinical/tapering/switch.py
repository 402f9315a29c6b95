"""Changing to a long-acting relative before reducing: what the published tables say it equals, and the change itself, one dose of the day
at a time, in products that exist. Never done by itself: which dose it is changed to is a person's choice, inside the published range.

    found = equivalents("lorazepam", 3_000, knowledge)      # None where the rule names no relative
    change = switched(Switch(medicine="lorazepam", dose_ug=3_000, target_ug=20_000, doses=3, start_on=...), knowledge)

Pure: whole micrograms and the knowledge base. NotPlanned says why not and where to go.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from fractions import Fraction
from typing import Annotated

import msgspec
from msgspec.structs import replace

from stepwell.clinical.tapering import guards, words
from stepwell.clinical.tapering.bounds import WHOLE, cited
from stepwell.clinical.tapering.build import build, is_liquid
from stepwell.clinical.tapering.dates import days_of_steps, good_day
from stepwell.clinical.tapering.model import Built, History, Item, NotPlanned, Request, Rule, Ug, Warned
from stepwell.clinical.tapering.supply import prescription
from stepwell.clinical.tapering.ways import usable
from stepwell.knowledge.compile import Knowledge
from stepwell.knowledge.model import Part, exact
from stepwell.knowledge.tapering import SwitchTo, TaperGuard, TaperProduct, products_of

MOST_DOSES = 6  # doses of a day that a form takes: more is a slip


class Equivalent(msgspec.Struct, frozen=True, kw_only=True):
    """What one table says: `least` to `most` mg equal `of_mg` of the relative, so this dose equals `low_ug` to `high_ug` of it."""

    table: str
    least: float
    most: float
    low_ug: Ug
    high_ug: Ug
    rule: Rule


class Equivalents(msgspec.Struct, frozen=True, kw_only=True):
    """Every table about one medicine, and the range over all of them. `counted_ug`: what the load is counted with, of that table."""

    medicine: str
    dose_ug: Ug
    to: str
    of_mg: float
    tables: tuple[Equivalent, ...]
    low_ug: Ug
    high_ug: Ug
    counted_ug: Ug
    counted: Rule

    @property
    def differ(self) -> bool:
        """Whether the tables disagree."""
        return self.low_ug != self.high_ug


class Switch(msgspec.Struct, frozen=True, kw_only=True):
    """What a person chose: to which dose of the relative, and in how many equal doses of the day the medicine is taken now."""

    medicine: str
    dose_ug: Annotated[int, msgspec.Meta(gt=0)]
    target_ug: Annotated[int, msgspec.Meta(gt=0)]
    doses: Annotated[int, msgspec.Meta(ge=1, le=MOST_DOSES)] = 1
    start_on: date
    nation: str = "ENG"
    history: History = History()


class SwitchStep(msgspec.Struct, frozen=True, kw_only=True):
    """From `on`, for `days` days (0 of the last: from then on; of the first, which is what is taken now: until the second): what is left of
    the medicine and how much of the relative, each a day. `texts`: the words of the prescriptions."""

    number: int
    on: date
    days: int
    old: Built
    new: Built
    texts: tuple[str, ...] = ()


class Switched(msgspec.Struct, frozen=True, kw_only=True):
    """The whole change: the first step is the present dose, the last the relative alone. `review_on`: from when until when it is
    looked at."""

    medicine: str
    to: str
    steps: tuple[SwitchStep, ...]
    equivalents: Equivalents
    rule: Rule
    days_rule: Rule
    review_on: tuple[date, ...]
    warnings: tuple[Warned, ...] = ()


def switch_of(medicine: str, knowledge: Knowledge) -> SwitchTo | None:
    """The relative that the rule of this medicine names; None where there is none, or it is this one."""
    rule = knowledge.taper_rule_of(medicine)
    found = rule.switch_to if rule is not None else None
    return None if found is None or found.medicine == medicine else found


def equivalents(medicine: str, dose_ug: int, knowledge: Knowledge) -> Equivalents | None:
    """None where no relative is named, or no table says what this medicine equals."""
    switch = switch_of(medicine, knowledge)
    load = knowledge.loads.get(switch.load) if switch is not None else None
    part = next((each for each in load.parts if each.medicine == medicine), None) if load is not None else None
    if switch is None or load is None or part is None or not part.published or part.equals is None or not load.of:
        return None
    of = load.of
    tables = tuple(_told(part, number, dose_ug, of, f"load: {load.load}") for number in range(len(part.published)))
    return Equivalents(
        medicine=medicine,
        dose_ug=dose_ug,
        to=switch.medicine,
        of_mg=of,
        tables=tables,
        low_ug=min(each.low_ug for each in tables),
        high_ug=max(each.high_ug for each in tables),
        counted_ug=_equal(dose_ug, of, part.equals),
        counted=cited(load.label, part, f"load: {load.load}"),
    )


def _told(part: Part, number: int, dose_ug: int, of: float, entry: str) -> Equivalent:
    told = part.published[number]
    return Equivalent(
        table=told.table,
        least=told.equals,
        most=told.most,
        low_ug=_equal(dose_ug, of, told.most),
        high_ug=_equal(dose_ug, of, told.equals),
        rule=cited(told.table, told, entry),
    )


def _equal(dose_ug: int, of: float, equals: float) -> int:
    """Micrograms of the relative, to the nearest whole one."""
    return round(Fraction(dose_ug) * exact(of) / exact(equals))


def guarded(medicine: str, dose_ug: int, history: History, knowledge: Knowledge) -> tuple[Warned, ...]:
    """What is to be known or asked before a change. NotPlanned where a guard refuses; the guard that `not_with` names refuses a change even
    where it only warns about a reduction."""
    switch = switch_of(medicine, knowledge)
    if switch is None:
        raise NotPlanned(f"No long-acting relative of {_label(medicine, knowledge)} is named: reduce the medicine itself.")
    warned = guards.check(medicine, dose_ug, history, knowledge, patches=False)
    never = knowledge.taper_guards[switch.not_with]
    if _holds(never, history):
        rule = Rule(words=never.label, source=tuple(never.source), mark=never.mark, entry=f"guard: {never.guard}")
        raise NotPlanned(never.words, rule=rule, route=never.route)
    return warned


def _holds(guard: TaperGuard, history: History) -> bool:
    held = history.conditions
    return not held.isdisjoint(guard.conditions) or (guard.flag is not None and guard.flag.flag in held)


def switched(asked: Switch, knowledge: Knowledge) -> Switched:
    """The change, one dose of the day at a time. NotPlanned: a guard, a target outside the published range, a dose that cannot be built."""
    switch = switch_of(asked.medicine, knowledge)
    warned = guarded(asked.medicine, asked.dose_ug, asked.history, knowledge)
    found = equivalents(asked.medicine, asked.dose_ug, knowledge)
    assert switch is not None
    if found is None:
        raise NotPlanned(f"No table says what {_label(asked.medicine, knowledge)} equals: ask the pharmacist or a specialist.")
    rule = cited(switch.method, switch, "change to a long-acting relative")
    if not found.low_ug <= asked.target_ug <= found.high_ug:
        span = f"{words.dose(found.low_ug)} to {words.dose(found.high_ug)}" if found.differ else words.dose(found.low_ug)
        raise NotPlanned(
            f"{words.dose(asked.target_ug)} of {switch.medicine} is outside what the published tables say ({span}): choose a dose in it.",
            rule=found.counted,
        )
    # The relative is judged like any present dose: too much of it is refused, the usual maximum told.
    warned = (*warned, *guards.check(switch.medicine, asked.target_ug, asked.history, knowledge, patches=False))
    old = _parts_of_day(asked, knowledge)
    new = _rounded(asked, switch.medicine, knowledge)
    days = switch.step_days.whole
    first = good_day(asked.start_on, asked.nation)
    on = [first, *days_of_steps(first, [days] * (asked.doses - 1), days, asked.nation)]
    steps = []
    for number, (left, more, day) in enumerate(zip(old, new, on, strict=True)):
        lasts = (on[number + 1] - day).days if 0 < number < asked.doses else 0
        taken = ((asked.medicine, left), (switch.medicine, more))
        texts = tuple(_text(name, item, lasts or days, knowledge) for name, built in taken for item in built.items) if number else ()
        steps.append(SwitchStep(number=number, on=day, days=lasts, old=left, new=more, texts=texts))
    return Switched(
        medicine=asked.medicine,
        to=switch.medicine,
        steps=tuple(steps),
        equivalents=found,
        rule=rule,
        days_rule=cited(f"{days} days for each dose of the day", switch.step_days, "change to a long-acting relative"),
        review_on=tuple(on[-1] + timedelta(days=after) for after in switch.review_days),
        warnings=tuple({(each.words, each.asks): each for each in warned}.values()),
    )


def _parts_of_day(asked: Switch, knowledge: Knowledge) -> list[Built]:
    """What is left of the medicine after each dose that was changed: all of it first, nothing last. Every dose of the day is the same."""
    dose_ug, over = divmod(asked.dose_ug, asked.doses)
    products = _usual(asked.medicine, asked.dose_ug, knowledge)
    single = build(dose_ug, products, permitted_ug=0) if products and not over else None
    if single is None:
        label = _label(asked.medicine, knowledge)
        why = f"no product of {label} is held" if not products else f"its products do not make {asked.doses} equal doses of it"
        raise NotPlanned(
            f"The steps of a change from {words.dose(asked.dose_ug)} of {label} in {asked.doses} doses a day cannot be drawn: {why}. "
            "Change the number of doses, or write the steps by hand with the pharmacist."
        )
    return [_times(single, left) for left in range(asked.doses, -1, -1)]


def _times(built: Built, times: int) -> Built:
    """So many of one dose in a day."""
    items = (replace(each, quarters=each.quarters * times, microlitres=each.microlitres * times) for each in built.items)
    return Built(items=tuple(items) if times else (), dose_ug=built.dose_ug * times)


def _rounded(asked: Switch, to: str, knowledge: Knowledge) -> list[Built]:
    """How much of the relative after each dose: equal parts, rounded to what whole tablets make; the last is exactly the dose chosen."""
    products = _usual(to, asked.target_ug, knowledge)
    solids = [product for product in products if not is_liquid(product)] or list(products)
    whole = [replace(product, parts=1) for product in solids]
    alike = int(asked.target_ug * knowledge.parameters["taper_alike_percent"].value // (asked.doses * WHOLE))
    found: list[Built] = [Built(items=(), dose_ug=0)]
    for number in range(1, asked.doses + 1):
        part = asked.target_ug * number // asked.doses
        last = number == asked.doses
        before = found[-1].dose_ug
        if last:
            made = build(part, solids, permitted_ug=0)
        else:
            made = build(part, whole, at_least_ug=before + 1, at_most_ug=asked.target_ug, alike_ug=alike)
            made = made or build(part, solids, at_least_ug=before + 1, at_most_ug=asked.target_ug)
        if made is None:
            near = build(part, solids)
            hint = f" The nearest is {words.dose(near.dose_ug)}." if near is not None else ""
            raise NotPlanned(f"{words.dose(part)} of {to} cannot be made from its tablets and capsules.{hint}")
        found.append(made)
    return found


def _usual(medicine: str, dose_ug: int, knowledge: Knowledge) -> tuple[TaperProduct, ...]:
    products: Sequence[TaperProduct] = products_of(knowledge.taper_products, medicine)
    return usable(Request(medicine=medicine, dose_ug=dose_ug, start_on=date.min), products) if products else ()


def _text(medicine: str, item: Item, days: int, knowledge: Knowledge) -> str:
    product = knowledge.taper_products[item.product]
    return prescription(f"{medicine} {product.label}", item, product, days)


def _label(medicine: str, knowledge: Knowledge) -> str:
    return knowledge.substances[medicine].label.lower()
