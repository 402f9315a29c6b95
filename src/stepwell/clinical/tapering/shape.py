"""What dose a step asks for, before it is built: the four modes, by the figures of the knowledge base.

    product steps   down a published list; by published bands; by an absolute step; otherwise by the usual percentage, in solids
    linear          the same amount every time: of the first dose, or an absolute step
    proportional    the same share of the dose before
    hyperbolic      the same amount of modelled occupancy: occ = max x d / (half + d), where both constants are published

Fractions, so that nothing is rounded twice. Dose in micrograms.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import msgspec

from stepwell.clinical.tapering import words
from stepwell.clinical.tapering.bounds import WHOLE, cited
from stepwell.clinical.tapering.model import Mode, Request, Rule
from stepwell.knowledge.tapering import UG, Occupancy, Of, Published, Rate, TaperRule

PERMILLE_OF_PERCENT = 10
HALVES = 2
CHOSEN = "chosen here"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The dose a step asks for and why. exempt: the published schedule goes beyond the bound here and the bound names it.
    solid: only tablets, capsules or patches are meant. endless: a proportion, which never comes to nothing by itself."""

    ug: int
    rule: Rule
    exempt: bool = False
    solid: bool = False
    endless: bool = False


def rounded(value: Fraction) -> int:
    """To whole micrograms, halves up."""
    return int(value + Fraction(1, 2))


def exactly(figure: float) -> Fraction:
    """A figure as it is written in the knowledge base."""
    return Fraction(str(figure))


def mg(figure: float, unit: str) -> int:
    """Micrograms from a figure of the knowledge base; of patches micrograms an hour as they stand."""
    return rounded(exactly(figure) * (1 if unit == words.PATCHES else UG))


# Occupancy


def ceiling(curve: Occupancy) -> Fraction:
    """Per cent; a published maximum above 100 is clamped."""
    return min(exactly(curve.max_percent), Fraction(WHOLE))


def occupancy(curve: Occupancy, ug: int) -> Fraction:
    """Per cent of the target taken at a dose: an estimate."""
    half = exactly(curve.half_mg) * UG
    return ceiling(curve) * ug / (half + ug)


def dose_at(curve: Occupancy, percent: Fraction) -> Fraction:
    """The dose in micrograms at which so many per cent are taken."""
    return exactly(curve.half_mg) * UG * percent / (ceiling(curve) - percent)


def permille(curve: Occupancy, ug: int) -> int:
    return rounded(occupancy(curve, ug) * PERMILLE_OF_PERCENT)


def studied(curve: Occupancy, ug: int) -> bool:
    """Whether the curve may be used at this dose."""
    return not curve.studied_mg or ug <= exactly(curve.studied_mg) * UG


@dataclass
class Shape:
    """The doses of one plan, step by step.

    first_ug: the dose the whole reduction began from. anchor: where the curve is entered: there, or at the first dose that was studied.
    """

    mode: Mode
    rule: TaperRule
    request: Request
    curve: Occupancy | None
    first_ug: int
    unit: str = words.MG
    anchor: int | None = None

    def wanted(self, number: int, present: int, asked: int) -> Wanted:
        """What step `number` asks for. present: the built dose now; asked: the dose that was asked for at the step before.

        A proportion is of what is taken. Otherwise it goes on from what was asked, so that errors of building do not add up, unless what
        was built is so far below that the step would be less than half of what it is to be.
        """
        if self.unit == words.PATCHES or self.mode == Mode.PROPORTIONAL:
            return self._from(number, present, present)
        found = self._from(number, asked, present)
        if asked > present and HALVES * (present - found.ug) < asked - found.ug:
            return self._from(number, present, present)
        return found

    def _from(self, number: int, base: int, present: int) -> Wanted:
        if self.request.step_ug is not None:
            return self._absolute(base, self.request.step_ug, self._chosen("step", self.request.step_ug))
        if self.mode == Mode.PRODUCT_STEPS:
            return self._product_step(number, base)
        if self.mode == Mode.LINEAR:
            return self._linear(number, base)
        if self.mode == Mode.HYPERBOLIC:
            return self._hyperbolic(number, base, present)
        return self._proportional(number, base)

    # Modes

    def _product_step(self, number: int, base: int) -> Wanted:
        if self.request.rate_percent is not None:
            return self._proportional(number, base, solid=True)
        listed = self.published(base)
        if listed is not None:
            doses = self.doses_of(listed)
            then = max((dose for dose in doses if dose < base), default=0)
            text = f"{listed.schedule}: from {self._dose(base)} to {self._dose(then)}"
            exception = next((each for each in self.rule.bound.exceptions if each.schedule == listed.schedule), None)
            if exception is not None and base in doses:
                why = cited(f"{text} ({exception.words})", exception, self._where("published schedule"))
                return Wanted(then, why, exempt=True, solid=True)
            return Wanted(then, cited(text, listed, self._where("published schedule")), solid=True)
        banded = self._band(base)
        if banded is not None:
            return banded
        if self.rule.steps:
            return self._usual_step(base)
        return self._proportional(number, base, solid=True)

    def _band(self, base: int) -> Wanted | None:
        if self.rule.bands is None:
            return None
        for band in self.rule.bands.bands:
            top, bottom = mg(band.from_mg, self.unit), mg(band.to_mg, self.unit)
            if bottom < base <= top:
                least, most = mg(band.least_mg, self.unit), mg(band.most_mg, self.unit)
                step = least if self.rule.bands.take == "least" else most
                of = self._dose(least) if least == most else f"{self._dose(least)} to {self._dose(most)}"
                text = f"from {self._dose(top)} down to {self._dose(bottom)}: {of} less at each step"
                return Wanted(max(base - step, bottom), cited(text, band, self._where("bands")))
        return None

    def _linear(self, number: int, base: int) -> Wanted:
        if self.rule.steps and self.request.rate_percent is None:
            return self._usual_step(base)
        rate = self._rate("first") or self._rate("present")
        percent, rule = self._stated(rate, "the first dose", number)
        step_of = exactly(percent) * self.first_ug / WHOLE
        slow = self.rule.slowdown
        if slow is not None and self.request.rate_percent is None and base * slow.at_one_in <= self.first_ug:
            step_of = step_of * exactly(slow.rate_percent) / WHOLE
            text = (
                f"one in {slow.at_one_in} of the first dose is left: {words.percent(slow.rate_percent)} of the steps before, "
                f"{self._dose(rounded(step_of))} less"
            )
            rule = cited(text, slow, self._where("slowing down"))
        return Wanted(self._at_least_smallest(base, rounded(base - step_of)), rule)

    def _proportional(self, number: int, base: int, *, solid: bool = False) -> Wanted:
        rate = self._rate("present") or self._rate("first")
        percent, rule = self._stated(rate, "the dose before", number)
        then = rounded(base * (WHOLE - exactly(percent)) / WHOLE)
        return Wanted(self._at_least_smallest(base, then), rule, solid=solid, endless=True)

    def _hyperbolic(self, number: int, base: int, present: int) -> Wanted:
        curve = self.curve
        if curve is None or not studied(curve, base):
            found = self._proportional(number, base)
            why = "no published occupancy" if curve is None else f"occupancy was studied up to {words.number(curve.studied_mg)} mg"
            return replace(found, rule=msgspec.structs.replace(found.rule, words=f"{found.rule.words} ({why})"))
        if self.anchor is None:
            self.anchor = self.first_ug if studied(curve, self.first_ug) else base
        points = self.points()
        start, end = occupancy(curve, self.anchor), occupancy(curve, self.request.to_ug)
        targets = [start - (start - end) * place / points for place in range(1, points)]
        # After a step that was made smaller, or a dose of one's own, a target so near that it is hardly a step is left out.
        here, half = occupancy(curve, present), (start - end) / points / HALVES
        for place, target in enumerate(targets, start=1):
            then = rounded(dose_at(curve, target))
            if here - target >= half:
                text = f"modelled occupancy {words.number(round(float(target), 1))} %: {place} of {points} equal parts less"
                return Wanted(then, cited(text, curve, f"occupancy: {curve.medicine}"))
        text = f"the last of {points} equal parts of modelled occupancy"
        return Wanted(self.request.to_ug, cited(text, curve, f"occupancy: {curve.medicine}"))

    # Figures

    def points(self) -> int:
        """Steps of a hyperbolic plan."""
        if self.request.points is not None:
            return self.request.points
        return self.rule.points.whole if self.rule.points else 1

    def first_step(self, asked: int) -> int:
        """How large the first step is, `asked` as it came out; of a rate that becomes smaller as the dose falls, the smaller part of it."""
        rate = self._rate("present") if self.mode == Mode.PROPORTIONAL else None
        return asked if rate is None or rate.then_percent is None else rounded(asked * exactly(rate.then_percent) / WHOLE)

    def published(self, present: int) -> Published | None:
        """The published list that is gone down from this dose, which is on it or below its first."""
        lists = [each for each in self.rule.published if present <= mg(each.steps_mg[0], self.unit)]
        on = [each for each in lists if present in self.doses_of(each)]
        return next(iter(on or lists), None)

    def doses_of(self, listed: Published) -> list[int]:
        return [mg(dose, self.unit) for dose in listed.steps_mg]

    def _rate(self, of: Of) -> Rate | None:
        if self.request.rate_percent is None:
            return self.rule.default_rate(of)
        same = [rate for rate in self.rule.rates if rate.of == of and rate.percent == self.request.rate_percent]
        return next(iter(same), None)

    def _stated(self, rate: Rate | None, of: str, number: int) -> tuple[float, Rule]:
        """The percentage and its rule. A rate that somebody chose and no text names is theirs."""
        asked = self.request.rate_percent
        if rate is None or (asked is not None and rate.percent != asked):
            percent = asked if asked is not None else self.rule.bound.of_present.value
            return percent, self._chosen("rate", percent, f"less by {words.percent(percent)} of {of}")
        percent, done = rate.percent, self.request.steps_before + number - 1
        if rate.then_percent is not None and rate.after_steps is not None and done >= rate.after_steps:
            percent = rate.then_percent
        return percent, cited(f"less by {words.percent(percent)} of {of}", rate, self._where("rates"))

    def _chosen(self, what: str, value: float, text: str = "") -> Rule:
        """A person's own choice, inside the bound: what it is judged by is cited."""
        bound = self.rule.bound
        said = text or f"{self._dose(int(value))} less at each step"
        return cited(f"{said}: {CHOSEN}, inside the bound", bound.of_present, self._where(f"bound; {what} {CHOSEN}"))

    def _usual_step(self, base: int) -> Wanted:
        step = self.rule.steps[0]
        size = exactly(step.value) * (1 if step.unit == words.PATCHES else UG)
        rule = cited(f"{words.figure_of(step)} less at each step", step, self._where("steps"))
        return Wanted(max(0, rounded(base - size)), rule)

    def _absolute(self, base: int, step: int, rule: Rule) -> Wanted:
        return Wanted(max(0, base - step), rule)

    def _at_least_smallest(self, base: int, then: int) -> int:
        smallest = self.rule.smallest_step.ug if self.rule.smallest_step else 0
        return max(0, min(then, base - smallest))

    def _dose(self, ug: int) -> str:
        return words.dose(ug, self.unit)

    def _where(self, what: str) -> str:
        return f"{self.rule.taper_rule}: {what}"
