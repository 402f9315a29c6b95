"""How much one step may take off (ruling 24): the larger of the class's percentage of the present dose and its absolute step; the last step
to nothing has its own rule. Figures are the knowledge base's; doses are built doses in micrograms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from stepwell.clinical.tapering import words
from stepwell.clinical.tapering.model import History, Rule
from stepwell.knowledge.model import Sourced
from stepwell.knowledge.tapering import Pace, TaperRule

WHOLE = 100  # per cent


def part(percent: float, ug: int) -> int:
    """So many per cent of a dose, in whole micrograms: never more."""
    return int(Decimal(str(percent)) * ug / WHOLE)


def cited(text: str, entry: Sourced, where: str) -> Rule:
    return Rule(words=text, source=tuple(entry.source), mark=entry.mark, entry=where)


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that may come off (of the last step: the largest dose that may go to nothing), and because of what."""

    ug: int
    rule: Rule


def stated(rule: TaperRule) -> Rule:
    """The bound as a plan states it."""
    return cited(rule.bound.words, rule.bound.of_present, f"{rule.taper_rule}: bound")


def largest_step(
    rule: TaperRule, present_ug: int, first_ug: int, *, interval_days: int | None = None, history: History | None = None
) -> Limit:
    """What one step from `present_ug` may take off at most. `first_ug`: the dose the whole reduction began from; the larger percentages of
    some classes need the longer intervals (None: the usual one)."""
    days = rule.interval.default.whole if interval_days is None else interval_days
    return max(_steps(rule, present_ug, first_ug, days, history or History()), key=lambda limit: limit.ug)


def _steps(rule: TaperRule, present_ug: int, first_ug: int, days: int, history: History) -> Iterator[Limit]:
    bound, where = rule.bound, f"{rule.taper_rule}: bound"
    for figure, of_ug, of in ((bound.of_present, present_ug, "the present dose"), (bound.of_first, first_ug, "the first dose")):
        if figure is None:
            continue
        pace = min((pace for pace in bound.paces if _holds(pace, days, history)), key=lambda pace: pace.percent, default=None)
        if pace is not None and pace.percent < figure.value:
            text = f"at most {words.percent(pace.percent)} of {of}" if pace.percent else "no step"
            text = f"{text} with less than {pace.days} days between steps"
            yield Limit(part(pace.percent, of_ug), cited(text, pace, where))
        else:
            yield Limit(part(figure.value, of_ug), cited(f"at most {words.percent(figure.value)} of {of}", figure, where))
    if bound.step is not None:
        yield Limit(bound.step.ug, cited(f"at most {words.figure_of(bound.step)} at a step", bound.step, where))


def _holds(pace: Pace, days: int, history: History) -> bool:
    """Whether these days are too few for more than its percentage."""
    short = pace.months_under is not None and history.months is not None and history.months < pace.months_under
    return days < pace.days and not short and history.conditions.isdisjoint(pace.conditions)


def last_step_from(rule: TaperRule, first_ug: int, smallest_ug: int, unit: str = words.MG) -> Limit | None:
    """The largest dose from which the last step may go to nothing; None: the bound of every step holds for it too.
    `smallest_ug`: the smallest dose that can be built."""
    bound, where = rule.bound, f"{rule.taper_rule}: last step"
    found = []
    if bound.end is not None:
        found.append(Limit(bound.end.ug, cited(f"to nothing from {words.figure_of(bound.end)} or less", bound.end, where)))
    if bound.end_of_first is not None:
        text = f"to nothing from {words.percent(bound.end_of_first.value)} of the first dose or less"
        found.append(Limit(part(bound.end_of_first.value, first_ug), cited(text, bound.end_of_first, where)))
    # The smallest dose is an end of a way down; who began with it would stop at once.
    if bound.end_smallest is not None and bound.end_smallest.value and smallest_ug < first_ug:
        text = f"to nothing from the smallest dose that can be built, {words.dose(smallest_ug, unit)}"
        found.append(Limit(smallest_ug, cited(text, bound.end_smallest, where)))
    return max(found, key=lambda limit: limit.ug, default=None)
