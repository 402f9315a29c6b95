"""`stepwell taper`: a reduction in products that exist, as a table or as JSON; or why it is not planned here and what to do instead."""

from __future__ import annotations

import argparse
import difflib
import json
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stepwell.errors import Refused

if TYPE_CHECKING:
    from stepwell.clinical.tapering.model import History, Instead, Item, NotPlanned, Plan, Request, Rule, Step
    from stepwell.knowledge.compile import Knowledge

WIDTH = 110
REFUSED = 2
_DOSE = re.compile(
    r"^(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>mg|g|micrograms?|mcg)?\s*(?:/|a\s+|per\s+|an\s+)?\s*(?P<per>days?|daily|d|hours?|h)?$",
    re.IGNORECASE,
)
_IN_UG = {"mg": 1000, "g": 1_000_000, "microgram": 1, "micrograms": 1, "mcg": 1}
_SPAN = re.compile(r"^(?P<number>\d+)\s*(?P<unit>d|days?|w|weeks?)?$", re.IGNORECASE)
_RATE = re.compile(r"^(?P<number>\d+(?:\.\d+)?)\s*%?$")
_WEEK = 7
_MODES = {"tablet steps": "product steps", "steps": "product steps", "hyperbolic occupancy": "hyperbolic"}
_FORMS = {"tablets": ("tablet",), "capsules": ("capsule",), "liquid": ("oral liquid",), "drops": ("oral drops",), "patches": ("patch",)}
EXAMPLE = "20 mg/day"
EPILOG = """
history: what is known of the person, with commas: conditions (pregnancy, epilepsy), answers (previous withdrawal seizure, no suicidal
thoughts), age=70, months=30 of this course, indication=anxiety, takes=codeine, injection, loads a day (oral-morphine=90). What is not
said is asked in the answer, never taken as fine.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("--medicine", required=True, metavar="NAME", help="the medicine, for example diazepam")
    parser.add_argument(
        "--dose", required=True, metavar="DOSE", help=f'the present dose a day: "{EXAMPLE}"; of patches "25 micrograms/hour"'
    )
    parser.add_argument("--to", default="0", metavar="DOSE", help="the end point (default: 0, stop)")
    parser.add_argument("--mode", metavar="MODE", help="product steps, linear, proportional, hyperbolic (default: as proposed for it)")
    parser.add_argument(
        "--start", metavar="DATE", help="when it begins, YYYY-MM-DD (default: today); moved to the next good day for a step"
    )
    parser.add_argument("--interval", metavar="DAYS", help='days of a step: 14, "2 weeks" (default: as proposed for it)')
    parser.add_argument("--rate", metavar="PERCENT", help="how much less at each step, in per cent")
    parser.add_argument("--step", metavar="DOSE", help='how much less at each step: "1 mg"')
    parser.add_argument("--points", type=int, metavar="N", help="hyperbolic: number of steps")
    parser.add_argument("--products", metavar="LIST", help='products that may be used, with commas: "2 mg tablets, liquid"')
    parser.add_argument(
        "--alternate-days", action="store_true", help="every other day before other strengths and liquids, where that is allowed"
    )
    parser.add_argument("--history", metavar="LIST", help="what is known of the person, with commas: see below")
    parser.add_argument("--nation", default="ENG", metavar="NATION", help="whose bank holidays: ENG, WLS, SCT or NIR (default: ENG)")
    parser.add_argument("--supply", action="store_true", help="also what to supply for each step, in the words of a prescription")
    parser.add_argument("--knowledge", type=Path, metavar="DIR", help="another knowledge pack (default: the one that ships)")
    parser.add_argument("--json", action="store_true", help="machine-readable")


def run(arguments: argparse.Namespace) -> int:
    from stepwell import knowledge
    from stepwell.clinical.tapering.model import NotPlanned
    from stepwell.clinical.tapering.propose import propose

    pack = knowledge.load(arguments.knowledge)
    try:
        request = request_of(arguments, pack)
        plan = propose(request, pack)
    except (Refused, NotPlanned) as refusal:
        return refused(refusal, as_json=arguments.json)
    if arguments.json:
        print(json.dumps(told(plan, pack, supplied=arguments.supply), indent=2, ensure_ascii=False))
    else:
        print("\n".join(in_words(plan, pack, supplied=arguments.supply)))
    return 0


# What is asked for


def request_of(arguments: argparse.Namespace, pack: Knowledge) -> Request:
    """Refused when something cannot be read."""
    from stepwell.clinical.tapering.model import Request
    from stepwell.clinical.working_days import nation

    try:
        nation(arguments.nation)
    except ValueError as error:
        raise Refused(f"--nation: {error}") from error
    medicine, patches = medicine_of(arguments.medicine, arguments.dose, pack)
    dose = dose_of(arguments.dose, "--dose", patches=patches)
    if dose == 0:
        raise Refused(f'--dose {arguments.dose}: nothing is taken. Give the present dose, for example "{EXAMPLE}"')
    return Request(
        medicine=medicine,
        dose_ug=dose,
        to_ug=dose_of(arguments.to, "--to", patches=patches),
        mode=mode_of(arguments.mode),
        start_on=start_of(arguments.start),
        interval_days=span_of(arguments.interval),
        rate_percent=rate_of(arguments.rate),
        step_ug=None if arguments.step is None else dose_of(arguments.step, "--step", patches=patches),
        points=arguments.points,
        products=products_named(arguments.products, medicine, pack),
        nation=arguments.nation,
        history=history_of(arguments.history, pack),
        alternate=arguments.alternate_days,
    )


def medicine_of(name: str, dose: str, pack: Knowledge) -> tuple[str, bool]:
    """(key, whether doses are of patches). A dose an hour is a patch's."""
    key = " ".join(name.lower().split())
    match = _DOSE.match(dose.strip())
    hourly = bool(match and (match["per"] or "").lower().startswith("h"))
    if hourly and f"{key} patch" in pack.substances:
        key = f"{key} patch"
    found = [medicine for medicine, entry in pack.substances.items() if key == medicine or key in (word.lower() for word in entry.names)]
    if not found:
        near = difflib.get_close_matches(key, sorted({product.medicine for product in pack.taper_products.values()}), n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ": write its name as in the British National Formulary"
        raise Refused(f"--medicine {name}: no medicine of that name is known{hint}")
    medicine = key if key in found else found[0]
    patches = [product.form == "patch" for product in pack.taper_products.values() if product.medicine == medicine]
    return medicine, bool(patches) and all(patches)


def dose_of(text: str, option: str, *, patches: bool) -> int:
    """Micrograms a day, of patches an hour."""
    match = _DOSE.match(text.strip())
    if match is None:
        raise Refused(f'{option} {text}: write a number and its unit, for example "{EXAMPLE}" or "500 micrograms/day"')
    hourly = (match["per"] or "").lower().startswith("h")
    unit = (match["unit"] or ("micrograms" if patches else "mg")).lower()
    if Decimal(match["number"]) and ((hourly != patches and match["per"] is not None) or (patches and unit in ("mg", "g"))):
        wanted = "micrograms/hour, as patches are labelled" if patches else f'a day, for example "{EXAMPLE}"'
        raise Refused(f"{option} {text}: write the dose in {wanted}" if patches else f"{option} {text}: write the dose {wanted}")
    ug = Decimal(match["number"]) * _IN_UG[unit]
    if ug != ug.to_integral_value():
        raise Refused(f"{option} {text}: doses are whole micrograms")
    return int(ug)


def mode_of(text: str | None) -> Any:
    from stepwell.clinical.tapering.model import Mode

    if text is None:
        return None
    words = text.lower().replace("-", " ").replace("_", " ")
    words = _MODES.get(words, words)
    try:
        return Mode(words)
    except ValueError:
        raise Refused(f"--mode {text}: use one of {', '.join(Mode)}") from None


def start_of(text: str | None) -> date:
    from stepwell.commands.evaluate_command import day

    return date.today() if text is None else day(text, "--start")


def span_of(text: str | None) -> int | None:
    if text is None:
        return None
    match = _SPAN.match(text.strip())
    if match is None:
        raise Refused(f'--interval {text}: write days, for example 14 or "2 weeks"')
    return int(match["number"]) * (_WEEK if (match["unit"] or "").lower().startswith("w") else 1)


def rate_of(text: str | None) -> float | None:
    if text is None:
        return None
    match = _RATE.match(text.strip())
    if match is None:
        raise Refused(f"--rate {text}: write per cent of the dose, for example 10")
    return float(match["number"])


def products_named(text: str | None, medicine: str, pack: Knowledge) -> frozenset[str] | None:
    """Keys of the products named by key, by label, or by form (tablets, capsules, liquid, drops, patches, `modified-release tablets`)."""
    if text is None:
        return None
    own = [product for product in pack.taper_products.values() if product.medicine == medicine]
    by_name = {name.lower(): {product.product} for product in own for name in (product.product, product.label)}
    for product in own:
        forms = {f"{product.form}s", *(word for word, of in _FORMS.items() if product.form in of)} if not product.by_choice else ()
        for word in forms:
            by_name.setdefault(word, set()).add(product.product)
    asked = [" ".join(part.lower().split()) for part in text.split(",") if part.strip()]
    missing = [name for name in asked if name not in by_name]
    if missing or not asked:
        there_are = ", ".join(product.label for product in own) or "none"
        raise Refused(f"--products {', '.join(missing) or text}: no such product of {medicine}. There are: {there_are}")
    return frozenset().union(*(by_name[name] for name in asked))


def history_of(text: str | None, pack: Knowledge) -> History:
    """What is known of the person. Refused for a word that is none: it might have been the one that forbids it."""
    from stepwell.clinical.tapering.model import History

    if text is None:
        return History()
    flags = {flag.flag for guard in pack.taper_guards.values() for flag in (guard.flag, guard.lifted_by) if flag is not None}
    conditions = {*pack.conditions, *(condition for guard in pack.taper_guards.values() for condition in guard.conditions)}
    held: set[str] = set()
    answered: set[str] = set()
    takes: set[str] = set()
    loads: dict[str, int] = {}
    given: dict[str, Any] = {}
    for part in (" ".join(each.lower().split()) for each in text.split(",")):
        name, _, value = (side.strip() for side in part.partition("="))
        if not part or part == "none":
            continue
        if part in flags or part in conditions:
            held.add(part)
            answered.add(part)
        elif part.removeprefix("no ") in flags:
            answered.add(part.removeprefix("no "))
        elif part.removeprefix("no ") in conditions:
            continue
        elif part == "injection":
            given["long_acting_injection"] = True
        elif name in ("age", "months") and value.isdigit():
            given[name] = int(value)
        elif name == "indication" and value in conditions:
            given["indication"] = value
        elif name == "takes" and value in pack.substances:
            takes.add(value)
        elif name in pack.loads and re.fullmatch(r"\d+(\.\d+)?", value):
            loads[name] = int(Decimal(value) * 1000)
        else:
            near = difflib.get_close_matches(part, sorted(flags | conditions), n=3)
            hint = (
                f"; did you mean {' or '.join(near)}?"
                if near
                else f": see {', '.join(sorted(flags))}, pregnancy, epilepsy, age=70, months=30"
            )
            raise Refused(f"--history {part}: not known here{hint}")
    return History(
        conditions=frozenset(held), conditions_known=True, answered=frozenset(answered), takes=frozenset(takes), loads=loads, **given
    )


# What is told


def told(plan: Plan, pack: Knowledge, *, supplied: bool = False) -> dict[str, Any]:
    """The plan for machines: doses as numbers of `unit`."""
    from stepwell.clinical.tapering import words
    from stepwell.clinical.tapering.supply import orders, supply

    report: dict[str, Any] = {
        "medicine": plan.medicine,
        "unit": plan.unit,
        "mode": plan.mode.value,
        "from": words.figure(plan.from_ug, plan.unit),
        "to": words.figure(plan.to_ug, plan.unit),
        "interval_days": plan.interval_days,
        "start": plan.steps[0].on.isoformat(),
        "end": plan.ends_on.isoformat(),
        "bound": _rule(plan.bound),
        "steps": [_step(step, plan.unit) for step in plan.steps],
        "warnings": [{"words": each.words, "asks": each.asks, "rule": _rule(each.rule)} for each in plan.warnings],
        "pack": plan.pack,
    }
    if supplied:
        lines = supply(plan, pack)
        report["supply"] = [
            {
                "step": line.step,
                "date": line.on.isoformat(),
                "days": line.days,
                "product": line.product,
                "quantity": line.quantity,
                "pick_up_days": line.pick_up_days,
                "prescription": line.text,
            }
            for line in lines
        ]
        report["order"] = [
            {"product": order.product, "first": order.first_on.isoformat(), "quantity": order.quantity} for order in orders(lines, pack)
        ]
    return report


def _rule(rule: Rule) -> dict[str, Any]:
    return {"words": rule.words, "source": list(rule.source), "mark": rule.mark, "entry": rule.entry}


def _step(step: Step, unit: str) -> dict[str, Any]:
    from stepwell.clinical.tapering import words

    return {
        "number": step.number,
        "date": step.on.isoformat(),
        "days": step.days,
        "kind": step.kind,
        "requested_dose": words.figure(step.requested_ug, unit),
        "built_dose": words.figure(step.built.dose_ug, unit),
        "unit": unit,
        "error": words.figure(step.error_ug, unit),
        "items": [_item(item) for item in step.built.items],
        "take": words.items(step.built),
        "percent_down": step.percent_down,
        "occupancy_percent": None if step.occupancy_permille is None else step.occupancy_permille / 10,
        "rule": _rule(step.rule),
    }


def _item(item: Item) -> dict[str, Any]:
    from stepwell.clinical.tapering import words

    amount = (
        Decimal(item.microlitres) / 1000 if item.microlitres else Decimal(item.quarters) / 4 if item.quarters else Decimal(item.patches)
    )
    return {
        "product": item.product,
        "label": item.label,
        "form": item.form,
        "amount": int(amount) if amount == int(amount) else float(amount),
        "of": "ml" if item.microlitres else "patch" if item.patches else "whole",
        "on": ("every day", "the first of two days", "the second of two days")[item.day],
        "words": words.item(item),
        "notes": list(item.notes),
    }


def in_words(plan: Plan, pack: Knowledge, *, supplied: bool = False) -> Iterator[str]:
    from stepwell.clinical.tapering import words
    from stepwell.clinical.tapering.supply import supply

    end = words.dose(plan.to_ug, plan.unit)
    label = pack.substances[plan.medicine].label
    yield f"{label}: from {words.dose(plan.from_ug, plan.unit)} to {end}, {plan.mode.value}, a step every {plan.interval_days} days"
    yield f"{len(plan.steps) - 1} steps until {_day(plan.ends_on)}. Holding or going back a step is part of a plan, not a failure."
    yield from _wrapped(f"Bound: {_cited(plan.bound)}", 0)
    yield ""
    rows = [("From", "Dose a day" if plan.unit == words.MG else "Dose", "Take", "Less")]
    for step in plan.steps:
        less = f"{step.percent_down} %" if step.kind not in ("start", "hold", "up") else step.kind
        rows.append((_day(step.on), words.dose(step.built.dose_ug, plan.unit), words.items(step.built), less))
    yield from _columns(rows)
    yield ""
    rules = list(dict.fromkeys(_cited(step.rule) for step in plan.steps[1:]))
    yield "Why:"
    for rule in rules:
        yield from _wrapped(rule)
    if supplied:
        yield ""
        yield "Supply:"
        for line in supply(plan, pack):
            yield from _wrapped(f"{_day(line.on)}: {line.text}")
    notes = list(
        dict.fromkeys(note for step in plan.steps for item in step.built.items for note in (f"{item.label}: {n}" for n in item.notes))
    )
    for head, lines in (("Products:", notes), ("Know:", _warnings(plan)), ("Ask, it is not known:", _questions(plan))):
        if lines:
            yield ""
            yield head
            for text in lines:
                yield from _wrapped(text)
    yield ""
    yield f"Knowledge: {plan.pack}. A reasoned proposal, not shown to lower relapse; the prescriber decides."


def _warnings(plan: Plan) -> list[str]:
    return [f"{each.words} {_basis(each.rule)}" for each in plan.warnings if not each.asks]


def _questions(plan: Plan) -> list[str]:
    return [f"{each.asks} {_basis(each.rule)}" for each in plan.warnings if each.asks]


def _cited(rule: Rule) -> str:
    return f"{rule.words} {_basis(rule)}"


def _basis(rule: Rule) -> str:
    approval = "" if rule.mark == "V" else ", needs local approval"
    return f"[{', '.join(rule.source)}; {rule.mark}{approval}]"


def _columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _wrapped(text: str, indent: int = 2) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=" " * indent, subsequent_indent=" " * (indent + 2), break_on_hyphens=False)


def _day(on: date) -> str:
    return on.strftime("%d-%b-%Y")


# Refusals


def refused(refusal: Refused | NotPlanned, *, as_json: bool) -> int:
    """Why not, whom to go to and what can be done instead: on stderr, with --json on stdout as well."""
    route = getattr(refusal, "route", "")
    offered: Iterable[Instead] = getattr(refusal, "instead", ())
    if as_json:
        rule = getattr(refusal, "rule", None)
        report = {
            "error": str(refusal),
            "route": route,
            "rule": _rule(rule) if rule else None,
            "instead": [{"words": each.words, "options": options(each.request)} for each in offered],
        }
        print(json.dumps(report, indent=2, ensure_ascii=False))
    print(f"stepwell taper: {refusal}", file=sys.stderr)
    if route:
        print(f"  go to: {route}", file=sys.stderr)
    for each in offered:
        print(f"  instead: {each.words}: {' '.join(options(each.request))}", file=sys.stderr)
    return REFUSED


def options(request: Request) -> list[str]:
    """The request as options of this command, without what is known of the person."""
    from stepwell.clinical.tapering import words

    patches = request.medicine.endswith(" patch")
    scale = words.PATCHES if patches else words.MG
    unit = "micrograms/hour" if patches else "mg"

    def dose(ug: int) -> str:
        return f'"{words.figure(ug, scale)} {unit}"'

    found = [f'--medicine "{request.medicine}"', f"--dose {dose(request.dose_ug)}", f"--to {dose(request.to_ug) if request.to_ug else 0}"]
    found += [f'--mode "{request.mode.value}"'] if request.mode else []
    found += [f"--start {request.start_on.isoformat()}"]
    found += [f"--interval {request.interval_days}"] if request.interval_days else []
    found += [f"--rate {words.number(request.rate_percent)}"] if request.rate_percent else []
    found += [f"--step {dose(request.step_ug)}"] if request.step_ug else []
    found += [f"--points {request.points}"] if request.points else []
    found += [f'--products "{", ".join(sorted(request.products))}"'] if request.products else []
    found += ["--alternate-days"] if request.alternate else []
    return found
