"""What the studio's address asks for: read from a GET form, written back into its fields. Pure, and never a name or a number of a person.

    asked = read(request.GET, unit="mg", dose_ug=20_000, start_on=on)
    request = asked.request("diazepam", history)       # for `tapering.propose`
    asked.query()                                      # the same address again, in one order

Parameters: dose, to (mg; of patches micrograms an hour), end (stop or stay), mode, was (the mode the page was drawn with), rate (`10%` or
an amount), every (days), start (ISO; or start-day, start-month, start-year), use (product keys, once `picked` says that they were
chosen), d<n> and h<n> (a person's own dose at step n; days that step n is held longer), points (steps of a hyperbolic plan), mixed
(products that release differently in one dose), alternate (alternate days before liquids), q-<flag> (yes or no). Two are gone from the
fields of the page that comes: rest (no: to every question that is left) and move (`3-up`, `3-down`, `3-smaller`, `3-hold`, `3-plain`),
which changes one step.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from urllib.parse import urlencode

from django.http import QueryDict
from msgspec import structs

from stepwell.clinical.tapering.model import History, Mode, Plan, Request
from stepwell.web.core.formatting import thousandths
from stepwell.web.tapers.chart import DAYS_OF_A_WEEK, PATCHES

UG = 1_000
YES, NO = "yes", "no"
LARGEST_UG = 100_000_000  # what a box takes: a slip of the keyboard, not a bound on doses
LONGEST_DAYS = 366
MOST_STEPS = 400
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_OWN_DOSES = (Mode.PRODUCT_STEPS, Mode.HYPERBOLIC)
_FARTHEST = timedelta(366)
_STEP = re.compile(r"^([dh])(\d{1,3})$")
_MOVE = re.compile(r"^(\d{1,3})-(up|down|smaller|hold|plain)$")
_RATE = re.compile(r"^(\d{1,3}(?:\.\d{1,2})?)%$")
_AMOUNT = re.compile(r"^(\d{1,6}(?:\.\d{1,4})?)(?:\s*(mg|microgram(?:s)?|mcg))?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a field, and how to put it right."""

    field: str
    words: str


@dataclass(frozen=True, slots=True)
class Asked:
    """None: not said, so as the knowledge base (or the record) has it. answers: flag → yes or no; one that is not in it was not asked."""

    unit: str
    dose_ug: int | None
    to_ug: int = 0
    mode: Mode | None = None
    rate_percent: float | None = None
    step_ug: int | None = None
    interval_days: int | None = None
    start_on: date | None = None
    products: frozenset[str] | None = None
    overrides: Mapping[int, int] = field(default_factory=dict)
    holds: Mapping[int, int] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)
    points: int | None = None
    mixed: bool = False
    alternate: bool = False
    move: tuple[int, str] | None = None
    rest_no: bool = False
    dose_typed: bool = False
    wrong: tuple[Wrong, ...] = ()

    def request(self, medicine: str, history: History, *, nation: str = "ENG") -> Request:
        """For the arithmetic. Raises ValueError while the dose or the day is not known."""
        if self.dose_ug is None or self.start_on is None:
            raise ValueError("a plan needs the present dose and the day it starts")
        return Request(
            medicine=medicine, dose_ug=self.dose_ug, to_ug=self.to_ug, mode=self.mode, start_on=self.start_on,
            interval_days=self.interval_days, rate_percent=self.rate_percent, step_ug=self.step_ug, products=self.products, nation=nation,
            history=self.asked_of(history), overrides=dict(self.overrides), holds=dict(self.holds), points=self.points, mixed=self.mixed,
            alternate=self.alternate,
        )  # fmt: skip

    def asked_of(self, history: History) -> History:
        """What the record knows, with what the person said when they were asked."""
        yes = {flag for flag, answer in self.answers.items() if answer == YES}
        return structs.replace(history, conditions=history.conditions | yes, answered=history.answered | set(self.answers))

    def like(self, request: Request) -> Asked:
        """The fields as a request has them: for the buttons beside a refusal, which ask for another plan."""
        return replace(
            self, dose_ug=request.dose_ug, to_ug=request.to_ug, mode=request.mode, rate_percent=request.rate_percent,
            step_ug=request.step_ug, interval_days=request.interval_days, start_on=request.start_on, products=request.products,
            overrides=dict(request.overrides), holds=dict(request.holds), points=request.points, mixed=request.mixed,
            alternate=request.alternate, move=None, wrong=(), dose_typed=True,
        )  # fmt: skip

    def moved(self, plan: Plan, by_ug: int) -> Asked:
        """The same after `move`: one step of the plan as it was drawn goes up, down, half way, or is held longer."""
        if self.move is None:
            return self
        number, how = self.move
        asked = replace(self, move=None)
        at = next((place for place, step in enumerate(plan.steps) if step.number == number), 0)
        if not at:
            return asked
        dose, before = plan.steps[at].built.dose_ug, plan.steps[at - 1].built.dose_ug
        if how == "plain":
            return replace(asked, overrides=_without(asked.overrides, number), holds=_without(asked.holds, number))
        if how == "hold":
            days = min(asked.holds.get(number, 0) + DAYS_OF_A_WEEK, LONGEST_DAYS)
            return replace(asked, holds={**asked.holds, number: days})
        wanted = {"up": dose + by_ug, "down": dose - by_ug, "smaller": (dose + before) // 2}[how]
        return replace(asked, overrides={**asked.overrides, number: max(self.to_ug, min(wanted, before))})

    def query(self) -> str:
        """The address's query: everything said, in one order, without `move`."""
        said: list[tuple[str, str]] = []
        if self.dose_typed and self.dose_ug is not None:
            said.append(("dose", typed(self.dose_ug, self.unit)))
        if self.to_ug:
            said.append(("to", typed(self.to_ug, self.unit)))
        if self.mode is not None:
            said.append(("mode", self.mode.value))
        if self.rate:
            said.append(("rate", self.rate))
        if self.points is not None:
            said.append(("points", str(self.points)))
        if self.mixed:
            said.append(("mixed", "1"))
        if self.alternate:
            said.append(("alternate", "1"))
        if self.interval_days is not None:
            said.append(("every", str(self.interval_days)))
        if self.start_on is not None:
            said.append(("start", self.start_on.isoformat()))
        if self.products is not None:
            said += [("picked", "1"), *(("use", key) for key in sorted(self.products))]
        said += [(f"d{number}", typed(dose, self.unit)) for number, dose in sorted(self.overrides.items())]
        said += [(f"h{number}", str(days)) for number, days in sorted(self.holds.items())]
        said += [(f"q-{flag}", answer) for flag, answer in sorted(self.answers.items())]
        return urlencode(said)

    @property
    def rate(self) -> str:
        """How much comes off at a step, as the form's field has it; empty when it is left to the knowledge base."""
        if self.step_ug is not None:
            return typed(self.step_ug, self.unit)
        return "" if self.rate_percent is None else f"{_plain(self.rate_percent)}%"


def _without(steps: Mapping[int, int], number: int) -> dict[int, int]:
    return {key: value for key, value in steps.items() if key != number}


def _plain(number: float) -> str:
    return f"{number:g}"


def typed(dose_ug: int, unit: str) -> str:
    """A dose as it stands in a box: mg (of patches micrograms an hour) without unit and without commas."""
    return str(dose_ug) if unit == PATCHES else thousandths(dose_ug).replace(",", "")


def amount_of(text: str, unit: str) -> int | None:
    """Micrograms (of patches an hour) from what somebody typed: `12.5`, `12.5 mg`, `500 micrograms`. None when it is no dose."""
    found = _AMOUNT.match(" ".join(text.replace(",", "").split()))
    if found is None:
        return None
    try:
        number = Decimal(found[1])
    except InvalidOperation:
        return None
    in_micrograms = unit == PATCHES or (found[2] or "mg").lower() != "mg"
    if unit == PATCHES and (found[2] or "").lower() == "mg":
        return None
    dose_ug = number if in_micrograms else number * UG
    return int(dose_ug) if dose_ug == int(dose_ug) and dose_ug <= LARGEST_UG else None


def read(
    values: QueryDict, *, unit: str, dose_ug: int | None, start_on: date, today: date, usual: frozenset[str] = frozenset()
) -> Asked:  # fmt: skip
    """What a query asks for. `dose_ug`: the dose of the record, used when no other is typed; `start_on`: the day proposed; `usual`: the
    products that are used when nobody chooses. What cannot be read is told in `wrong`, and then as if it had not been said."""
    wrong: list[Wrong] = []

    def one(name: str) -> str:
        return (values.get(name, "") or "").strip()

    def amount(name: str, told: str) -> int | None:
        text = one(name)
        if not text:
            return None
        found = amount_of(text, unit)
        if found is None:
            how = "whole micrograms per hour, for example 25" if unit == PATCHES else "a number of mg, for example 12.5"
            wrong.append(Wrong(name, f"{told} must be {how}"))
        return found

    dose = amount("dose", "Dose now")
    if dose == 0:
        wrong.append(Wrong("dose", "Dose now must be more than nothing"))
        dose = None
    to_ug = amount("to", "Dose to stay at") or 0
    if one("end") == "stop":
        to_ug = 0
    now = dose if dose is not None else dose_ug
    if now is not None and to_ug >= now:
        wrong.append(Wrong("to", "Dose to stay at must be lower than the dose now; choose a lower one, or stop"))
        to_ug = 0
    if one("end") == "stay" and not to_ug and not any(each.field == "to" for each in wrong):
        wrong.append(Wrong("to", "Type the dose to stay at, or choose to stop"))
    mode = _mode(one("mode"))
    overrides, holds = steps_of(values, unit, wrong)
    rate_percent, step_ug = part_or_amount(one("rate"), unit, wrong)
    if mode in _OWN_DOSES or (one("was") and mode is not None and one("was") != mode.value):
        rate_percent = step_ug = None  # a share of one way of finding doses says nothing in another
    if one("was") and mode is not None and one("was") != mode.value:
        overrides, holds = {}, {}
    used = frozenset(values.getlist("use")) if "picked" in values else None
    move = _MOVE.match(one("move"))
    return Asked(
        unit=unit,
        dose_ug=now,
        to_ug=to_ug,
        mode=mode,
        rate_percent=rate_percent,
        step_ug=step_ug,
        interval_days=_days(one("every"), wrong),
        start_on=_start(_day_of(one), start_on, today, wrong),
        products=None if used == usual else used,
        overrides=overrides,
        holds=holds,
        points=int(text) if (text := one("points")).isdigit() and 0 < int(text) <= MOST_STEPS else None,
        mixed=bool(one("mixed")),
        alternate=bool(one("alternate")),
        answers={key[2:]: text for key in values if key.startswith("q-") and (text := one(key)) in (YES, NO)},
        rest_no=one("rest") == NO,
        move=(int(move[1]), move[2]) if move else None,
        dose_typed=dose is not None and dose != dose_ug,
        wrong=tuple(wrong),
    )


def steps_of(values: QueryDict, unit: str, wrong: list[Wrong]) -> tuple[dict[int, int], dict[int, int]]:
    """A person's own doses, and days of holding longer, by number of step. An empty box is nothing said."""
    overrides: dict[int, int] = {}
    holds: dict[int, int] = {}
    for key in values:
        found, text = _STEP.match(key), (values.get(key, "") or "").strip()
        if found is None or not text or int(found[2]) > MOST_STEPS:
            continue
        number = int(found[2])
        if found[1] == "d":
            dose = amount_of(text, unit)
            if dose is None:
                wrong.append(Wrong(key, f"Dose of step {number} must be a number, for example 12.5"))
            else:
                overrides[number] = dose
        elif text.isdigit() and int(text) <= LONGEST_DAYS:
            if int(text):
                holds[number] = int(text)
        else:
            wrong.append(Wrong(key, f"Days that step {number} is held longer must be a whole number, at most {LONGEST_DAYS}"))
    return overrides, holds


def _mode(text: str) -> Mode | None:
    try:
        return Mode(text) if text else None
    except ValueError:
        return None


def part_or_amount(text: str, unit: str, wrong: list[Wrong]) -> tuple[float | None, int | None]:
    """Per cent, or micrograms: how much comes off at a step."""
    if not text:
        return None, None
    percent = _RATE.match(text.replace(" ", ""))
    if percent and 0 < float(percent[1]) <= 100:
        return float(percent[1]), None
    step_ug = amount_of(text, unit)
    if step_ug:
        return None, step_ug
    wrong.append(Wrong("rate", "Each step must be a part such as 10 %, or an amount such as 2 mg"))
    return None, None


def _days(text: str, wrong: list[Wrong]) -> int | None:
    if not text:
        return None
    if text.isdigit() and 0 < int(text) <= LONGEST_DAYS:
        return int(text)
    wrong.append(Wrong("every", "Days of a step must be a whole number, for example 14"))
    return None


def _day_of(one: Callable[[str], str]) -> str:
    """The first day as one text: whole (ISO), or from three boxes; the month may be a word."""
    if whole := one("start"):
        return whole
    day, month, year = (one(f"start-{part}") for part in ("day", "month", "year"))
    if not any((day, month, year)):
        return ""
    word = month.lower()[:3]
    number = str(_MONTHS.index(word) + 1) if word in _MONTHS else month
    return f"{year}-{number.zfill(2)}-{day.zfill(2)}"


def _start(text: str, proposed: date, today: date, wrong: list[Wrong]) -> date:
    if not text:
        return proposed
    try:
        found = date.fromisoformat(text)
    except ValueError:
        wrong.append(Wrong("start", "First day must be a real date, for example 23 11 2026"))
        return proposed
    if not today <= found <= today + _FARTHEST:
        wrong.append(Wrong("start", "First day must be today or within the next year"))
        return proposed
    return found
