"""What must hold in the knowledge of reducing: names that exist, products for what has a rule, figures in order, and published lists of
doses inside their bounds (ruling 24)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import pairwise
from typing import Any

from stepwell.knowledge.advice import at, near
from stepwell.knowledge.compile import expand_sets
from stepwell.knowledge.model import exact
from stepwell.knowledge.pack import Entry, Finding, Raw
from stepwell.knowledge.tapering import Bound, Interval, ModeRule, Published, TaperProduct, TaperRule, of_medicine

PERCENT = 100
LIQUIDS = ("oral liquid", "oral drops")
Path = tuple[str | int, ...]


def products(raw: Raw) -> Iterable[Finding]:
    """Their medicine exists; liquids, and only they, are measured; patches, and only they, are worn; what cannot be divided is whole."""
    medicines = raw.known("medicines")
    for entry in raw.sections["taper_products"].values():
        product: TaperProduct = entry.value
        if product.medicine not in medicines:
            yield at(entry, ("medicine",), near(product.medicine, medicines, "a medicine"))
        if (product.measure_ul > 0) != (product.form in LIQUIDS):
            yield at(entry, ("measure_ul",), "a liquid, and nothing else, has a smallest volume: write 'measure_ul:' in microlitres")
        if (product.wear_days > 0) != (product.form == "patch"):
            yield at(entry, ("wear_days",), "a patch, and nothing else, is worn for days: write 'wear_days:'")
        if product.parts > 1 and product.form != "tablet":
            yield at(entry, ("parts",), f"a {product.form} is not divided: delete 'parts:'")
        if product.parts == 1 and (product.check or product.off_label):
            yield at(entry, ("parts",), "'check' and 'off_label' are about dividing: say into how many parts with 'parts:'")


def rules(raw: Raw) -> Iterable[Finding]:
    """Sets, medicines and loads exist; one mode is the default; days and steps are in order; every medicine has a product or a reason."""
    sets = raw.known("sets", "medicines")
    members = expand_sets(raw)
    made = {entry.value.medicine for entry in raw.sections["taper_products"].values()}
    for entry in raw.sections["taper_rules"].values():
        rule: TaperRule = entry.value
        if rule.set not in sets:
            yield at(entry, ("set",), near(rule.set, sets, "a set of medicines"))
        # one fault is told once: of a set or medicine that could not be read nothing more is said
        whole = rule.set in sets and not raw.broken["sets"] and not raw.broken["medicines"]
        of_class: frozenset[str] = members.get(rule.set, frozenset())
        yield from _figures(raw, entry, rule, ())
        if not any(rate.default for rate in rule.rates):
            yield at(entry, ("rates",), "no rate is proposed: write 'default: true' on one")
        seen: set[str] = set()
        for index, part in enumerate(rule.parts):
            here: Path = ("parts", index)
            if whole and part.medicine not in of_class:
                yield at(entry, (*here, "medicine"), near(part.medicine, of_class, f"a medicine of '{rule.set}'"))
            if part.medicine in seen:
                yield at(entry, (*here, "medicine"), f"'{part.medicine}' has two parts: make one of them")
            seen.add(part.medicine)
            yield from _figures(raw, entry, part, here)
            yield from _lists(entry, of_medicine(rule, part.medicine), here)
        without = {name for group in rule.no_products for name in group.medicines}
        for index, group in enumerate(rule.no_products):
            for name in group.medicines:
                if whole and name not in of_class:
                    yield at(entry, ("no_products", index), near(name, of_class, f"a medicine of '{rule.set}'"))
                elif name in made:
                    yield at(entry, ("no_products", index), f"'{name}' has products in taper-products.yaml: take it off this list")
        if whole and not raw.broken["taper_products"]:
            for name in sorted(of_class - made - without):
                yield at(
                    entry, ("set",), f"'{name}' has no product: add one to taper-products.yaml, or name it under 'no_products' and say why"
                )


def _figures(raw: Raw, entry: Entry, value: Any, here: Path) -> Iterator[Finding]:
    """What holds in a rule and in its parts alike."""
    modes: tuple[ModeRule, ...] = value.modes
    if modes and sum(mode.default for mode in modes) != 1:
        yield at(entry, (*here, "modes"), "one mode, and only one, is proposed: write 'default: true' on it")
    names = [mode.mode for mode in modes]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield at(entry, (*here, "modes", index), f"the mode '{name}' is there twice: keep one of them")
    conditions = raw.known("conditions")
    for index, pace in enumerate(value.bound.paces if value.bound is not None else ()):
        for name in pace.conditions:
            if name not in conditions:
                yield at(entry, (*here, "bound", "paces", index), near(name, conditions, "a condition"))
    if value.interval is not None:
        yield from _interval(entry, value.interval, (*here, "interval"))
    if value.bands is not None:
        yield from _bands(entry, value, here)
    if value.alternate_days is not None:
        products = raw.known("taper_products")
        for index, name in enumerate(value.alternate_days.products):
            if name not in products:
                yield at(entry, (*here, "alternate_days", "products", index), near(name, products, "a product"))
    if value.switch_to is not None:
        medicines, loads = raw.known("medicines"), raw.known("loads")
        if value.switch_to.medicine not in medicines:
            yield at(entry, (*here, "switch_to", "medicine"), near(value.switch_to.medicine, medicines, "a medicine"))
        if value.switch_to.load not in loads:
            yield at(entry, (*here, "switch_to", "load"), near(value.switch_to.load, loads, "a load"))
        guards = raw.known("taper_guards")
        if value.switch_to.not_with not in guards:
            yield at(entry, (*here, "switch_to", "not_with"), near(value.switch_to.not_with, guards, "a guard"))
    if value.bound is not None and not any((value.bound.end, value.bound.end_of_first, value.bound.end_smallest)):
        # a class whose medicines all say it themselves needs none
        parts = getattr(value, "parts", ())
        if not parts or not all(part.bound is not None for part in parts):
            yield at(entry, (*here, "bound"), "the last step needs its own figure: add 'end:', 'end_of_first:' or 'end_smallest:'")


def _interval(entry: Entry, interval: Interval, here: Path) -> Iterator[Finding]:
    shortest, usual = interval.shortest.value, interval.default.value
    if usual < shortest or (interval.longest is not None and usual > interval.longest.value):
        yield at(entry, (*here, "default"), "the interval proposed is not between the shortest and the longest: put them in order")
    offered = [option.value for option in interval.options]
    if usual not in offered:
        yield at(entry, (*here, "options"), f"the interval proposed ({usual:g} days) is not among the options: add it")
    for index, days in enumerate(offered):
        if days < shortest or (interval.longest is not None and days > interval.longest.value):
            yield at(entry, (*here, "options", index), f"{days:g} days is not between the shortest and the longest interval: change one")
    for name in ("shortest", "default"):
        if getattr(interval, name).unit != "days":
            yield at(entry, (*here, name, "unit"), "an interval is in days: write 'unit: days'")


def _bands(entry: Entry, value: Any, here: Path) -> Iterator[Finding]:
    bands = value.bands.bands
    for index, band in enumerate(bands):
        place = (*here, "bands", "bands", index)
        if band.from_mg <= band.to_mg:
            yield at(entry, place, "a band goes down: 'from_mg' is above 'to_mg'")
        if band.least_mg > band.most_mg or band.least_mg <= 0:
            yield at(entry, place, "the least step is above nothing and not above the most: put them in order")
        if index and bands[index - 1].to_mg != band.from_mg:
            yield at(entry, place, f"the band before ends at {bands[index - 1].to_mg:g} mg: this one begins there")
    if value.bound is not None:
        for index, band in enumerate(bands):
            step = min(band.most_mg, band.from_mg)
            # the dose on which the largest step of the band weighs most
            if not within(value.bound, exact(band.to_mg) + exact(step), exact(band.to_mg), exact(bands[0].from_mg)):
                yield at(
                    entry,
                    (*here, "bands", "bands", index),
                    f"a step of {step:g} mg to {band.to_mg:g} mg is beyond the bound: change one, or name it under 'exceptions'",
                )


def _lists(entry: Entry, rule: TaperRule, here: Path) -> Iterator[Finding]:
    """Published lists go down, end where they say, and lie inside the bound or are named in it."""
    excepted = {exception.schedule for exception in rule.bound.exceptions}
    for index, listed in enumerate(rule.published):
        place = (*here, "published", index)
        if any(after >= before for before, after in pairwise(listed.steps_mg)):
            yield at(entry, (*place, "steps_mg"), "doses of a list go down, one after the other: put them in order")
        elif listed.schedule not in excepted:
            for before, after in beyond(rule.bound, listed):
                yield at(
                    entry,
                    (*place, "steps_mg"),
                    f"{before:g} to {after:g} is beyond the bound: change one, or name '{listed.schedule}' under 'exceptions'",
                )


def beyond(bound: Bound, listed: Published) -> list[tuple[float, float]]:
    """Steps of a published list that the bound does not allow."""
    first = exact(listed.steps_mg[0])
    steps = list(pairwise(listed.steps_mg))
    return [
        (before, after) for before, after in steps if not within(bound, exact(before), exact(after), first, smallest=before == steps[-1][0])
    ]


def within(bound: Bound, before: Fraction, after: Fraction, first: Fraction, *, smallest: bool = False) -> bool:
    """Whether a step from one dose to another, of a plan that began with `first`, lies inside the bound (ruling 24). `smallest`: `before`
    is the smallest dose that can be built. Doses in milligrams, of patches in micrograms an hour."""
    if after == 0:
        ends = [exact(bound.end.value)] if bound.end else []
        ends += [first * exact(bound.end_of_first.value) / PERCENT] if bound.end_of_first else []
        return any(before <= end for end in ends) or (smallest and bound.end_smallest is not None and bound.end_smallest.value)
    allowed = [before * exact(bound.of_present.value) / PERCENT]
    allowed += [first * exact(bound.of_first.value) / PERCENT] if bound.of_first else []
    allowed += [exact(bound.step.value)] if bound.step else []
    return before - after <= max(allowed)


def guards(raw: Raw) -> Iterable[Finding]:
    """What a guard asks exists and is something; a refusal has a route; what can be unknown can be asked."""
    rules_known, medicines = raw.known("taper_rules"), raw.known("medicines")
    for entry in raw.sections["taper_guards"].values():
        guard = entry.value
        for part, known, what in (
            ("classes", rules_known, "a taper rule"),
            ("medicines", medicines, "a medicine"),
            ("conditions", raw.known("conditions"), "a condition"),
            ("with_sets", raw.known("sets", "medicines"), "a set of medicines"),
        ):
            for index, name in enumerate(getattr(guard, part)):
                if name not in known:
                    yield at(entry, (part, index), near(name, known, what))
        for index, load in enumerate(guard.loads):
            if load.load not in raw.known("loads"):
                yield at(entry, ("loads", index), near(load.load, raw.known("loads"), "a load"))
        asked = (guard.conditions, guard.flag, guard.loads, guard.with_sets, guard.injection, guard.age_under, guard.abrupt, guard.always)
        if not any(asked):
            yield at(entry, (), "it would never hold: name conditions, a flag, a load, sets, or write 'always: true'")
        if guard.action == "refuse" and not guard.route:
            yield at(entry, ("action",), "a refusal says who to go to instead: add 'route:'")
        if guard.action == "ask" and guard.flag is None:
            yield at(entry, ("action",), "what is asked needs its question: add 'flag:'")
        if guard.lifted_by is not None and guard.action != "refuse":
            yield at(entry, ("lifted_by",), "only a refusal can be lifted: delete it")
        if guard.unknown == "ask" and not (guard.conditions or guard.flag or guard.loads):
            yield at(entry, ("unknown",), "nothing here can be unknown: delete it")


def occupancies(raw: Raw) -> Iterable[Finding]:
    """The medicine exists and its rule allows the mode; a rule that proposes the mode has a curve."""
    members = expand_sets(raw)
    medicines = raw.known("medicines")
    for name, entry in raw.sections["occupancies"].items():
        if name not in medicines:
            yield at(entry, ("medicine",), near(name, medicines, "a medicine"))
            continue
        rule = next((one.value for one in raw.sections["taper_rules"].values() if name in members.get(one.value.set, ())), None)
        if rule is not None and not any(mode.mode == "hyperbolic" for mode in of_medicine(rule, name).modes):
            yield at(
                entry, ("medicine",), f"the rule of '{name}' allows no hyperbolic plan, so the curve is never used: allow it or delete this"
            )
    for entry in raw.sections["taper_rules"].values():
        if entry.value.points is None and any(mode.mode == "hyperbolic" for mode in entry.value.modes):
            yield at(entry, ("modes",), "a hyperbolic plan needs a number of steps where nobody says one: add 'points:'")


def support(raw: Raw) -> Iterable[Finding]:
    """Classes exist; parts have the fields they need; every class has contact after a step and after stopping, and something to expect."""
    known = raw.known("taper_rules")
    entries = raw.sections["taper_support"]
    for entry in entries.values():
        one = entry.value
        for index, name in enumerate(one.classes):
            if name not in known:
                yield at(entry, ("classes", index), near(name, known, "a taper rule"))
        if one.part == "safety-net" and not one.call:
            yield at(entry, ("part",), "a sign says whom to call: add 'call:'")
        if one.part == "contact" and not one.days:
            yield at(entry, ("part",), "contact is on days: add 'days:'")
        if list(one.days) != sorted(set(one.days)):
            yield at(entry, ("days",), "days go up, each once: put them in order")
        if (one.part == "contrast") == (not one.withdrawal and not one.relapse) and one.support != "contrast-ends":
            yield at(entry, ("part",), "a contrast has the two sides 'withdrawal' and 'relapse', and nothing else has them")
    if raw.broken["taper_support"] or not entries:
        return
    for key in raw.sections["taper_rules"]:
        held = [entry.value for entry in entries.values() if not entry.value.classes or key in entry.value.classes]
        for after in ("step", "stop"):
            if not any(one.part == "contact" and one.after == after for one in held):
                yield Finding("taper-support.yaml", 1, f"'{key}' has no days of contact after a {after}: add an entry of part 'contact'")
        for part in ("expect", "safety-net", "contrast", "hold", "step-back", "wording"):
            if not any(one.part == part for one in held):
                yield Finding("taper-support.yaml", 1, f"'{key}' has nothing of part '{part}': add an entry")


def scales(raw: Raw) -> Iterable[Finding]:
    """Classes exist; bands lie inside the scale, one after the other; a rating has a question and covers every value."""
    known = raw.known("taper_rules")
    for entry in raw.sections["withdrawal_scales"].values():
        scale = entry.value
        for index, name in enumerate(scale.classes):
            if name not in known:
                yield at(entry, ("classes", index), near(name, known, "a taper rule"))
        if scale.low >= scale.high:
            yield at(entry, ("low",), "the lowest score is below the highest: put them in order")
        last = scale.low - 1
        for index, band in enumerate(scale.bands):
            if not (scale.low <= band.low <= band.high <= scale.high) or band.low <= last:
                yield at(entry, ("bands", index), "bands lie inside the scale, go up, and do not overlap: change 'low' or 'high'")
            elif scale.enter == "rating" and band.low != last + 1:
                yield at(entry, ("bands", index), f"{last + 1} has no band: a rating needs one for every value")
            last = band.high
        if scale.enter == "rating" and not (scale.question and scale.plain):
            yield at(entry, ("enter",), "a rating is a question: add 'question:' and 'plain:'")
        if scale.enter == "rating" and last != scale.high:
            yield at(entry, ("bands",), f"{scale.high} has no band: a rating needs one for every value")


def services(raw: Raw) -> Iterable[Finding]:
    """Classes and outcomes exist; a result has a number of people or a percentage, and they agree where both are printed."""
    rules_known, outcomes = raw.known("taper_rules"), raw.known("taper_outcomes")
    for entry in raw.sections["taper_services"].values():
        service = entry.value
        for index, name in enumerate(service.classes):
            if name not in rules_known:
                yield at(entry, ("classes", index), near(name, rules_known, "a taper rule"))
        for index, result in enumerate(service.results):
            if result.outcome and result.outcome not in outcomes:
                yield at(entry, ("results", index, "outcome"), near(result.outcome, outcomes, "an outcome"))
            if result.people is None and result.percent is None:
                yield at(entry, ("results", index), "a result is a number of people or a percentage: write 'people:' or 'percent:'")
            if result.people is not None and result.of is not None and result.percent is not None and not result.note:
                worked_out = Fraction(PERCENT * result.people, result.of)
                if abs(worked_out - exact(result.percent)) > 1:
                    yield at(
                        entry,
                        ("results", index),
                        f"{result.people} of {result.of} is {float(worked_out):.0f} %: correct it, or add a 'note:'",
                    )
