"""Pages of the knowledge browser about reducing and reviewing: every figure of a rule with its source and mark, also those of its parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from stepwell.knowledge import model, reviewing, tapering
from stepwell.web.library import words

if TYPE_CHECKING:
    from stepwell.knowledge.compile import Knowledge
    from stepwell.web.library.catalogue import Catalogue
    from stepwell.web.library.pages import EntryPage, Figure, Link

# field of a taper rule or of its bound → what it is called
LABELS = {
    "modes": "How", "rates": "Off at a step", "shortest": "Interval at least", "default": "Interval proposed",
    "longest": "Interval at most",
    "options": "Interval offered", "steps": "Step offered", "bands": "Steps by dose", "published": "Published doses",
    "of_present": "At most, of the dose being taken", "of_first": "At most, of the first dose", "step": "Or at most",
    "end": "Last step from", "end_of_first": "Last step from, of the first dose", "end_smallest": "Last step from the smallest dose",
    "exceptions": "Published, beyond the bound", "paces": "Larger steps", "slowdown": "Slower from", "minimum_days": "Whole plan at least",
    "smallest_step": "Smallest step", "stop_directly": "May be stopped at once from", "points": "Steps of a hyperbolic plan",
    "alternate_days": "On alternate days", "supply": "Supply", "switch_to": "Change to a long-acting relative", "notes": "To know",
}  # fmt: skip


def number(value: float) -> str:
    return f"{value:,g}"


def told(value: model.Sourced) -> str:
    """A figure, or whatever else carries a source, in words."""
    match value:
        case tapering.Figure():
            return f"{number(value.value)} %" if value.unit == "percent" else f"{number(value.value)} {value.unit}"
        case tapering.ModeRule():
            return f"{value.mode}{' (proposed)' if value.default else ''}: {value.words}"
        case tapering.Rate():
            then = f", then {number(value.then_percent)} % after {value.after_steps} steps" if value.then_percent else ""
            when = f" ({value.when})" if value.when else ""
            whole = "the dose being taken" if value.of == "present" else "the first dose"
            least = f", with {value.every_days_min} days or more between steps" if value.every_days_min else ""
            return f"{number(value.percent)} % of {whole}{then}{when}{least}{', proposed' if value.default else ''}"
        case tapering.Band():
            steps = number(value.least_mg) if value.least_mg == value.most_mg else f"{number(value.least_mg)} to {number(value.most_mg)}"
            return f"{number(value.from_mg)} to {number(value.to_mg)} mg by {steps} mg"
        case tapering.Bands():
            return f"the {value.take} of each band is proposed"
        case tapering.Published():
            every = f", every {value.every_days} days" if value.every_days else ""
            return f"{value.schedule}: {', '.join(number(dose) for dose in value.steps_mg)}{every}"
        case tapering.BoundException():
            return f"{value.schedule}: {value.words}"
        case tapering.Pace():
            size = f"more than {number(value.percent)} %" if value.percent else "any step"
            unless = [f"taken for less than {value.months_under} months"] if value.months_under else []
            unless += value.conditions
            return f"{size}: {value.days} days or more between steps" + (f", unless {' or '.join(unless)}" if unless else "")
        case tapering.Slowdown():
            return f"one in {value.at_one_in} of the first dose: steps are {number(value.rate_percent)} % of what they were"
        case tapering.SwitchTo():
            days = " to ".join(str(day) for day in value.review_days)
            each = told(value.step_days)
            return f"{value.medicine}, when {value.when}; {value.method}; {value.review} after {days} days; {each} for each dose"
        case tapering.AlternateDays():
            taken = f", of {', '.join(value.products)}" if value.products else ""
            return f"{'yes' if value.value else 'no'}{taken}"
        case model.Flag():
            return "yes" if value.value else "no"
    return str(getattr(value, "words", ""))


def product_words(product: tapering.TaperProduct) -> str:
    """What a plan may do with a product."""
    parts = {1: "not divided", 2: "halved", 4: "quartered"}[product.parts]
    said = (
        [f"{number(product.measure_ul / tapering.UG)} ml at least"] if product.measure_ul else [parts] if product.form == "tablet" else []
    )
    said += ["the score line differs between makers: check"] if product.check else []
    said += ["dividing is off label"] if product.off_label else []
    said += [f"with {product.also}"] if product.also else []
    said += ["only when it is chosen by name"] if product.by_choice else []
    return "; ".join(said) or "whole"


class Reducing:
    """The pages; mixed into `Shown`."""

    known: Knowledge
    catalogue: Catalogue

    if TYPE_CHECKING:

        def figure(self, label: str, value: str, on: Any, *, note: str | None = None, link: str = "") -> Figure: ...
        def link(self, kind: str, key: str, note: str = "") -> Link: ...
        def set_link(self, name: str, note: str = "") -> Link: ...
        def section(self, heading: str, links: list[Link]) -> Any: ...

    def _figures(self, value: Any, before: str = "") -> Iterator[Figure]:
        """Every sourced part of a rule, in the order of its fields."""
        for name in value.__struct_fields__:
            label = f"{before}{LABELS.get(name, '')}"
            part = getattr(value, name)
            if name in ("parts", "no_products"):
                continue
            for one in part if isinstance(part, tuple) else (part,):
                if isinstance(one, model.Sourced):
                    yield self.figure(label, told(one), one)
                if isinstance(one, tapering.Bound | tapering.Interval):
                    yield from self._figures(one, before)
                elif isinstance(one, tapering.Bands):
                    yield from (self.figure(f"{before}Band", told(band), band) for band in one.bands)
                elif isinstance(one, tapering.Supply) and one.longest is not None:
                    yield self.figure(f"{before}One supply at most", told(one.longest), one.longest)

    def _taper_rule(self, page: EntryPage, rule: tapering.TaperRule) -> None:
        page.lede = f"{rule.bound.words[:1].upper()}{rule.bound.words[1:]}. A reasoned proposal; not shown to lower relapse."
        page.figures += self._figures(rule)
        for part in rule.parts:
            name = self.catalogue.label("medicine", part.medicine)
            page.figures += self._figures(part, f"{name[:1].upper()}{name[1:]}: ")
        page.facts += [(f"Not planned: {', '.join(group.medicines)}", group.because) for group in rule.no_products]
        members = sorted(self.known.members[rule.set])
        page.sections.append(self.section("Medicines", [self.link("medicine", name) for name in members]))

    def _guard(self, page: EntryPage, guard: tapering.TaperGuard) -> None:
        page.facts += [("Go to instead", guard.route)] if guard.route else []
        page.figures.append(self.figure({"refuse": "Refused", "warn": "Warned", "ask": "Asked"}[guard.action], guard.words, guard))
        for flag, label in ((guard.flag, "Asked"), (guard.lifted_by, "Unless")):
            if flag is not None:
                page.figures.append(self.figure(label, flag.ask, flag))
        for load in guard.loads:
            page.facts.append((self.catalogue.label("load", load.load), f"over {number(load.over)}"))
        page.sections.append(self.section("Conditions", [self.link("condition", name) for name in guard.conditions]))
        page.sections.append(self.section("Medicines", [self.link("medicine", name) for name in guard.medicines]))
        page.sections.append(self.section("Reducing by class", [self.link("taper-rule", name) for name in guard.classes]))

    def _occupancy(self, page: EntryPage, curve: tapering.Occupancy) -> None:
        page.lede = curve.words
        page.figures.append(self.figure("Most", f"{number(curve.max_percent)} % of the {curve.target}", curve))
        page.figures.append(self.figure("Half of it at", f"{number(curve.half_mg)} mg", curve, note=""))
        if curve.studied_mg:
            page.figures.append(self.figure("Studied up to", f"{number(curve.studied_mg)} mg", curve, note=""))
        page.sections.append(self.section("Medicine", [self.link("medicine", curve.medicine)]))

    def _support(self, page: EntryPage, one: tapering.TaperSupport) -> None:
        page.lede = one.plain and f"In words for the person: {one.plain}"
        page.figures.append(self.figure("Said", one.words, one))
        if one.withdrawal or one.relapse:
            page.facts += [("Withdrawal", one.withdrawal), ("Relapse", one.relapse)]
        if one.call:
            page.facts.append(("Whom to call", one.call))
        if one.days:
            page.figures.append(self.figure("Days", ", ".join(str(day) for day in one.days), one, note=""))
        if one.figure is not None:
            page.figures.append(self.figure("Figure", told(one.figure), one.figure))
        page.sections.append(self.section("Reducing by class", [self.link("taper-rule", name) for name in one.classes]))

    def _scale(self, page: EntryPage, scale: tapering.WithdrawalScale) -> None:
        page.lede = scale.question
        page.figures.append(self.figure("Range", f"{scale.low} to {scale.high}, {scale.items} item{'s' * (scale.items != 1)}", scale))
        for band in scale.bands:
            page.figures.append(self.figure(f"{band.low} to {band.high}", f"{band.label}{f': {band.advice}' if band.advice else ''}", band))
        if scale.rise is not None:
            page.figures.append(self.figure("A rise of", told(scale.rise), scale.rise))
        page.facts.append(("Licence", scale.licence))

    def _service(self, page: EntryPage, service: tapering.TaperService) -> None:
        page.lede = f"{service.about}. {service.place}, {service.period}."
        for result in service.results:
            people = f"{result.people:,}" if result.people is not None else ""
            share = f"{number(result.percent)} %" if result.percent is not None else ""
            of = f"of {result.of:,} {result.of_words}" if result.of else result.of_words
            page.figures.append(
                self.figure(result.label.capitalize(), f"{people or share}{f' ({share})' if people and share else ''} {of}", result)
            )
        page.figures.append(self.figure("Published", service.place, service))

    def _outcome(self, page: EntryPage, outcome: tapering.TaperOutcome) -> None:
        page.lede = "How a reduction stands or has ended. None of them is a failure."
        page.figures.append(self.figure("Meaning", outcome.meaning, outcome))

    def _review_part(self, page: EntryPage, part: reviewing.ReviewPart) -> None:
        page.lede = part.hint
        page.figures.append(self.figure("Asked" if part.ask else "Entry", part.ask or part.label, part))
        if part.plain:
            page.facts.append(("In words for the person", part.plain))
        if part.percent is not None:
            page.figures.append(self.figure("Named by", told(part.percent), part.percent))
        page.sections.append(self.section("Asked about", [self.set_link(name) for name in part.sets]))

    def _review_kind(self, page: EntryPage, kind: reviewing.ReviewKind) -> None:
        page.lede = f"{kind.why[:1].upper()}{kind.why[1:]}."
        when = [f"every {words.span(kind.every)}"] if kind.every else []
        when += ["at it" if span == "0 days" else f"after {words.span(span)}" for span in kind.after]
        page.figures.append(self.figure("When", ", ".join(when) or "when it is asked for", kind))
        page.facts.append(("Who", ", ".join(kind.who)))
        page.sections.append(self.section("Rules it answers", [self.link("rule", key) for key in kind.rules]))
        page.sections.append(self.section("Medicines", [self.set_link(name) for name in kind.sets]))

    def products_of(self, page: EntryPage, medicine: str) -> None:
        """What a reduction of a medicine can be built from, and how it is reduced."""
        for product in tapering.products_of(self.known.taper_products, medicine):
            page.figures.append(self.figure(f"Product: {product.label}", product_words(product), product))
        rule = tapering.rule_of(self.known, medicine)
        if rule is not None:
            page.sections.append(self.section("Reducing", [self.link("taper-rule", rule.taper_rule)]))
