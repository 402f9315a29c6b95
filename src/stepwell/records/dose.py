"""Daily dose from a UK dose instruction, or "not understood": never a guess.

The text becomes lexemes (`dose_words`), the lexemes become elements (an amount, a time, a ceiling ...), the elements become
parts (an amount at its times), and the parts add up to a day. Every lexeme must find its place: a word the vocabulary does not
know, a changing dose, or two readings that differ in the daily amount make the whole text "not understood".

Readings that are decided here, each told in `Dose.note`:
- "when required", "up to" and "n to n hours" ceilings give 0 to the most allowed a day;
- a constant pattern over days (alternate days, once a week, every 72 hours, named weekdays) gives its average;
- an amount said twice ("5 ml (2 mg)") counts once, as first written; "two 5mg tablets" is 10 mg;
- a number without a unit counts the product itself (unit `dose`), unless it may be milligrams ("10 at night").
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from math import floor
from typing import Literal

from stepwell.records.dose_elements import (
    MASS,
    MEASURED,
    NEAR,
    UNSIZED,
    WHEN,
    Alternate,
    Amount,
    Cap,
    Element,
    Every,
    Mark,
    Rate,
    Slot,
    Unclear,
    Weekdays,
)
from stepwell.records.dose_reader import Reader
from stepwell.records.dose_words import lexemes

_FAR_ABOVE = Fraction(3, 2)  # a ceiling so many times the dose is no mere warning ("10mg nocte max 20mg")
_LONGEST = 1000  # characters of a text that is read at all

Status = Literal["text", "not understood", "none"]


@dataclass(frozen=True, slots=True)
class Dose:
    """`low_milli` and `high_milli`: least and most taken per day, thousandths of `unit` (a `dose_unit` of `records.schema`).

    All three are null unless `status` is `text`. `as_required` is also set when only that much was understood.
    `note` says which reading was used, or why there is none.
    """

    status: Status
    low_milli: int | None = None
    high_milli: int | None = None
    unit: str | None = None
    as_required: bool = False
    note: str | None = None


@lru_cache(maxsize=100_000)
def parse_dose(text: str | None) -> Dose:
    """The daily dose that `text` states. Never raises; empty text gives status `none`.

    >>> parse_dose("one in the morning and two tablets at night").high_milli
    3000
    """
    if text is None or not text.strip():
        return Dose("none", note="no dose text")
    if len(text) > _LONGEST:
        return Dose("not understood", note="too long for a dose instruction")
    as_required = False
    try:
        found = lexemes(text)
        as_required = any(lexeme.kind == "prn" for lexeme in found)
        return _day(Reader(found).elements())
    except Unclear as reason:
        return Dose("not understood", as_required=as_required, note=str(reason))


# ---- parts: an amount at its times -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Times:
    """Times a day: `low` to `high`; the slots of the day it names; what else the words decided."""

    low: Fraction
    high: Fraction
    slots: frozenset[str] = frozenset()
    bare: bool = False  # only "daily": the amount may be divided
    average: str = ""  # the pattern over days that was averaged, in words
    upto: bool = False


@dataclass(frozen=True, slots=True)
class _Part:
    amount: Amount
    times: _Times | None
    join: str  # what stands before it: "", and, plus, or, sep

    @property
    def low(self) -> Fraction:
        return self.amount.low * self.times.low if self.times else Fraction(0)

    @property
    def high(self) -> Fraction:
        return self.amount.high * self.times.high if self.times else Fraction(0)


_Joined = tuple[str, Element]


def _times(whens: list[_Joined]) -> _Times:
    """One reading of all the time words that belong to one amount. Raises Unclear when they disagree."""
    rates = [(join, when) for join, when in whens if isinstance(when, Rate)]
    everies = {when for _, when in whens if isinstance(when, Every)}
    slots = [(join, when.name) for join, when in whens if isinstance(when, Slot)]
    if any(join in {"or", "slash", "to"} and not isinstance(when, Slot) for join, when in whens[1:]):
        raise Unclear("a choice of times")
    count, names = _slots(slots)
    days, average = _days(whens)

    rate = _rate([when for _, when in rates])
    if everies:
        every = next(iter(everies))
        order = [type(when) for _, when in whens]
        if not every.counted and Slot in order and order.index(Slot) < order.index(Every):
            raise Unclear("'weekly' and the like after a time of day may be of the supply")
        if len(everies) > 1 or count > 1 or average == "alternate days" or (rate and not (rate.low == rate.high == 1 and not rate.bare)):
            raise Unclear("two patterns of days")
        if average and (every.low != every.high or every.low * 7 != days * 7):
            raise Unclear("the days named are not as many as the times a week")
        return _Times(every.low, every.high, names, average="several days")
    if rate:
        if count and not (rate.low == rate.high == count):
            raise Unclear("the times of day are not as many as the times stated")
        return _Times(rate.low * days, rate.high * days, names, rate.bare and not count, average, rate.upto)
    return _Times((count or 1) * days, (count or 1) * days, names, average=average)


def _rate(rates: list[Rate]) -> Rate | None:
    exact = [rate for rate in rates if not rate.bare]
    limits = [rate.high for rate in exact if rate.upto]
    exact = [rate for rate in exact if not rate.upto]
    if limits:  # "every 4 to 6 hours, up to four times a day"
        if exact and max(limits) > max(rate.high for rate in exact):
            raise Unclear("more often allowed than stated")
        most = min([*limits, *(rate.high for rate in exact)])
        return Rate(Fraction(0), most, upto=True)
    if not exact:
        return rates[0] if rates else None
    if len({(rate.low, rate.high) for rate in exact}) > 1:
        raise Unclear("two different frequencies")
    if len(rates) > len(exact) and rates[0].bare and exact[0].high != 1:
        raise Unclear("so much a day, or so much each time")
    return exact[0]


def _days(whens: list[_Joined]) -> tuple[Fraction, str]:
    """The part of all days that the words name."""
    alternates = {when.days for _, when in whens if isinstance(when, Alternate)}
    weekdays = [when.days for _, when in whens if isinstance(when, Weekdays)]
    if len(alternates) + len(weekdays) > 1:
        raise Unclear("two patterns of days")
    if alternates:
        return Fraction(1, next(iter(alternates))), "alternate days"
    if weekdays:
        return Fraction(len(weekdays[0]), 7), "days of the week"
    return Fraction(1), ""


def _slots(slots: list[tuple[str, str]]) -> tuple[int, frozenset[str]]:
    """How many times a day the named times of day are. "In the evening, before bed" may be one time or two: Unclear."""
    if not slots:
        return 0, frozenset()
    names = [name for _, name in slots]
    joins = [join for join, _ in slots[1:]]
    if "slash" in joins or "to" in joins:
        raise Unclear("one time of day or both")
    if "or" in joins:
        if set(joins) != {"or"}:
            raise Unclear("a choice of times")
        return 1, frozenset(names)
    listed = any(join in {"and", "plus"} for join in joins) or len(set(names)) >= 3
    count = 1
    for before, (join, name) in zip(names, slots[1:], strict=False):
        same = before == name
        near = same or frozenset((before, name)) in NEAR or any(character.isdigit() for character in before + name)
        if join in {"and", "plus"} or (join == "sep" and listed):
            if same:
                raise Unclear("one time of day said twice")
            count += 1
        elif not near or (join == "sep" and not same):
            raise Unclear("one time of day or both")
    return count, frozenset(names)


def _same(a: Amount, b: Amount) -> bool | None:
    """Whether two amounts are equal; None when their units do not compare."""
    if a.unit in MASS and b.unit in MASS:
        return (a.low * MASS[a.unit], a.high * MASS[a.unit]) == (b.low * MASS[b.unit], b.high * MASS[b.unit])
    if a.unit == b.unit or (a.unit not in MEASURED and b.unit not in MEASURED and not (a.worded and b.worded)):
        return (a.low, a.high) == (b.low, b.high)
    return None


def _one_amount(run: list[_Joined], equal: set[int]) -> Amount:
    """The amount of a run of amounts without a time between: one amount said twice, or strengths that add."""
    amount = run[0][1]
    assert isinstance(amount, Amount)
    for join, other in run[1:]:
        assert isinstance(other, Amount)
        adds = (amount.strength and other.strength) or (join == "plus" and amount.unit in MASS)
        if adds and join in {"and", "plus"} and amount.unit == other.unit:
            amount = Amount(amount.low + other.low, amount.high + other.high, amount.unit, strength=amount.strength, worded=True)
        elif join not in {"", "sep"} or (same := _same(amount, other)) is False:
            raise Unclear("two amounts with one time")
        elif same is None and id(other) not in equal and join == "" and {amount.unit in MASS, other.unit in MASS} == {True, False}:
            counted = other if amount.unit in MASS else amount
            amount = amount if counted.low == counted.high == 1 else counted  # "10mg 2 tablets": two tablets, whatever the 10 mg is
        elif same is None and id(other) not in equal:
            raise Unclear("two amounts with one time")
        elif amount.unit == "dose" and (other.unit == "ml" or (amount.worded and other.unit in MEASURED)):
            if not amount.low == amount.high == 1:
                raise Unclear("so much in each, or in all")
            amount = other  # "one dose (5ml)": the product is counted in ml
    return amount


def _parts(items: list[_Joined], equal: set[int]) -> list[_Part]:
    """Items in order (each with the word that joins it to the one before) as parts. Amounts lead, or times do."""
    amounts = sum(isinstance(item, Amount) for _, item in items)
    if amounts == 0:
        raise Unclear("no amount is stated")
    times_lead = not isinstance(items[0][1], Amount)
    if times_lead and amounts > 1 and isinstance(items[-1][1], WHEN):
        if not (isinstance(items[0][1], Rate) and items[0][1].bare and isinstance(items[1][1], Amount)):
            raise Unclear("it is not clear which time belongs to which amount")
        items, times_lead = items[1:], False
    runs: list[tuple[list[_Joined], list[_Joined]]] = []
    if amounts == 1:
        runs = [([pair for pair in items if isinstance(pair[1], Amount)], [pair for pair in items if not isinstance(pair[1], Amount)])]
    else:
        for pair in items:
            is_amount = isinstance(pair[1], Amount)
            if not runs or (is_amount and not times_lead and runs[-1][1]) or (not is_amount and times_lead and runs[-1][0]):
                runs.append(([], []))
            runs[-1][0 if is_amount else 1].append(pair)
        if len(runs) > 1 and not runs[-1][1] and _is_supply(runs[-1][0]):
            runs.pop()
        if len(runs) > 1 and not all(found and whens for found, whens in runs):
            raise Unclear("it is not clear which time belongs to which amount")
    out = []
    for found, whens in runs:
        first = (whens if times_lead else found)[0][0]
        out.append(_Part(_one_amount(found, equal), _times([("", whens[0][1]), *whens[1:]]) if whens else None, first))
    return out


_SMALLEST_SUPPLY = 7


def _is_supply(run: list[_Joined]) -> bool:
    """A last count with a unit but no time, as "one at night twenty eight tablets": the quantity supplied."""
    if len(run) != 1 or run[0][0] not in {"", "sep"}:
        return False
    amount = run[0][1]
    return isinstance(amount, Amount) and amount.worded and amount.unit not in MEASURED and amount.low == amount.high >= _SMALLEST_SUPPLY


# ---- the day ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Beside:
    """What stands beside the parts."""

    caps: list[Cap]
    marks: set[str]
    restated: list[Amount]
    breakdown: list[_Part] | None = None


@dataclass(slots=True)
class _Reading:
    """The day as far as it is read."""

    unit: str
    timed: bool  # every amount has its time
    notes: list[str]
    low: Fraction = Fraction(0)
    high: Fraction = Fraction(0)
    as_required: bool = False


def _brackets(elements: list[Element]) -> list[Element | list[Element]]:
    """Bracketed elements as lists within the list. Raises Unclear when brackets do not pair."""
    out: list[Element | list[Element]] = []
    inner: list[Element] | None = None
    for element in elements:
        if element == Mark("open") and inner is None:
            inner = []
        elif element == Mark("close") and inner is not None:
            out.append(inner)
            inner = None
        elif element in (Mark("open"), Mark("close")):
            raise Unclear("brackets that do not pair")
        elif inner is None:
            out.append(element)
        else:
            inner.append(element)
    if inner is not None:
        raise Unclear("brackets that do not pair")
    return out


def _joined(elements: list[Element], beside: _Beside, equal: set[int]) -> list[_Joined]:
    """Amounts and times with what joins each to the one before; caps and marks go to `beside`."""
    out: list[_Joined] = []
    join = ""
    for at, element in enumerate(elements):
        if isinstance(element, Cap):
            beside.caps.append(element)
        elif isinstance(element, Mark):
            if element.name == "prn" and join in {"and", "plus"} and out:
                raise Unclear("further doses when required, without a limit")
            if element.name in {"prn", "directed", "divided", "both sides", "total", "total a day", "service a day"}:
                beside.marks.add(element.name)
                if element.name == "total" and out and at + 1 < len(elements):
                    join = "total"
            elif element.name == "equals":
                join = "equals"
            elif join in {"", "sep"} or element.name == join:
                join = element.name
            elif element.name != "sep":
                raise Unclear(f"'{join} {element.name}'")
        else:
            if isinstance(element, Amount) and join in {"equals", "total"}:
                if join == "total" or (out and isinstance(out[-1][1], WHEN)):
                    join = ""
                    beside.restated.append(element)
                    continue
                equal.add(id(element))
                join = ""
            elif isinstance(element, Amount) and element.upto and any(isinstance(item, Amount) for _, item in out):
                following = elements[at + 1] if at + 1 < len(elements) else None
                if not (isinstance(following, Rate) and following.bare):
                    raise Unclear("a ceiling with no clear period")
                beside.caps.append(Cap(amount=element, a_day=True))
                elements[at + 1] = Mark("sep")
                continue
            out.append((join if out else "", element))
            join = ""
    if join in {"or", "to", "slash"}:
        raise Unclear(f"'{join}' with nothing after it")
    return out


def _day(elements: list[Element]) -> Dose:
    nested = _brackets(elements)
    has_amount = any(isinstance(element, Amount) for element in nested)
    beside = _Beside([], set(), [])
    equal: set[int] = set()
    flat: list[Element] = []
    for element in nested:
        if not isinstance(element, list):
            flat.append(element)
            continue
        inside = [item for item in element if isinstance(item, Amount)]
        if not has_amount or not inside:
            flat += [*element, Mark("sep")] if not has_amount else element
        elif any(isinstance(item, WHEN) for item in element):
            beside.breakdown = _parts(_joined(element, beside, equal), equal)
        elif flat and isinstance(flat[-1], Amount) and len(inside) == 1:
            equal.add(id(inside[0]))
            flat.append(inside[0])
        else:
            inner = _joined(element, beside, equal)
            amount = _one_amount([("", inner[0][1]), *inner[1:]], equal) if inner else None
            quantity = amount is not None and amount.unit == "dose" and not amount.worded and amount.low == amount.high >= 7
            if amount and not quantity:
                beside.restated.append(amount)
    joined = _joined(flat, beside, equal)
    if not joined and not beside.caps:
        raise Unclear("no amount is stated" + (" (as directed)" if "directed" in beside.marks else ""))
    parts = _parts(joined, equal) if joined and (any(isinstance(item, Amount) for _, item in joined) or not beside.caps) else []
    return _total(parts, beside)


def _unit(amounts: list[Amount]) -> str:
    """The one unit of several amounts; a count without a unit takes the written counted unit of the others."""
    units = {amount.unit for amount in amounts if amount.worded or amount.unit != "dose"}
    if not units:
        return "dose"
    if len(units) > 1:
        raise Unclear("amounts in different units")
    unit = units.pop()
    if unit in MEASURED and any(not amount.worded and amount.unit == "dose" for amount in amounts):
        raise Unclear("an amount without its unit")
    return unit


def _in_one_mass(parts: list[_Part]) -> list[_Part]:
    """Parts in milligrams, grams and micrograms brought to the smallest unit used."""
    used = {part.amount.unit for part in parts}
    if len(used) < 2 or not used <= set(MASS):
        return parts
    unit = min(used, key=lambda name: MASS[name])

    return [_Part(_in_mass(part.amount, unit), part.times, part.join) for part in parts]


def _in_mass(amount: Amount, unit: str) -> Amount:
    factor = MASS[amount.unit] / MASS[unit]
    return replace(amount, low=amount.low * factor, high=amount.high * factor, unit=unit)


def _sum(parts: list[_Part], marks: set[str]) -> tuple[Fraction, Fraction]:
    """The parts of one day, added. Raises Unclear when they may be alternatives, steps, or a total with its parts."""
    times = [part.times for part in parts]
    if any(part.join in {"or", "slash", "to"} for part in parts):
        raise Unclear("a choice of doses")
    if "prn" in marks or any(t is None or t.upto or t.average for t in times) or any(part.amount.upto for part in parts):
        raise Unclear("parts of which some are not for every day")
    rated = [t for t in times if t and not t.slots]
    if len(rated) > 1 or any(t.bare or t.high == 1 for t in rated):
        raise Unclear("several doses, of which it is not clear that they add")
    seen: set[str] = set()
    for t in times:
        if t and t.slots & seen:
            raise Unclear("two doses at one time of day")
        seen |= t.slots if t else frozenset()
    return sum((part.low for part in parts), Fraction(0)), sum((part.high for part in parts), Fraction(0))


def _total(parts: list[_Part], beside: _Beside) -> Dose:
    parts = _in_one_mass(parts)
    for part in parts:
        if part.amount.unit in UNSIZED:
            raise Unclear(UNSIZED[part.amount.unit])
        if not part.amount.sure:
            raise Unclear("a number without a unit that may be milligrams")
    marks = beside.marks
    notes: list[str] = []
    if marks & {"total a day", "service a day"} and len(parts) == 1 and parts[0].times is None:
        parts = [_Part(parts[0].amount, _Times(Fraction(1), Fraction(1), bare=True), "")]
    if len(parts) > 2 and parts[0].times and parts[0].times.bare and parts[1].join not in {"and", "plus"} and beside.breakdown is None:
        parts, beside.breakdown = parts[:1], parts[1:]
    day = _Reading(_unit([part.amount for part in parts]) if parts else "", bool(parts) and all(part.times for part in parts), notes)
    if len(parts) > 1:
        day.low, day.high = _sum(parts, marks)
        notes.append(" + ".join(_part_words(part) for part in parts))
    elif day.timed:
        day.low, day.high = parts[0].low, parts[0].high
        notes.append(_part_words(parts[0]))
    if "divided" in marks and not (len(parts) == 1 and parts[0].times and (parts[0].times.bare or parts[0].times.high == 1)):
        raise Unclear("so much a day, or so much each time")
    if "both sides" in marks:
        if day.unit != "dose":
            raise Unclear("an amount for each nostril of something that is not counted in doses")
        day.low, day.high = day.low * 2, day.high * 2
    _check_restated(parts, beside, day)
    day.as_required = "prn" in marks or any(part.amount.upto or (part.times and part.times.upto) for part in parts)
    if beside.caps:
        _capped(parts, beside.caps, day)
    elif not day.timed:
        raise Unclear("how often is not stated")
    if day.as_required:
        day.low = Fraction(0)
        notes.append("when required: the most allowed a day")
    if "directed" in marks:
        notes.append("'as directed' adds nothing to the amount stated")
    averaged = any(part.times and part.times.average for part in parts)
    if averaged:
        notes.append("averaged over the days")
    return Dose("text", _milli(day.low, averaged), _milli(day.high, averaged, most=True), day.unit, day.as_required, "; ".join(notes))


def _check_restated(parts: list[_Part], beside: _Beside, day: _Reading) -> None:
    """An amount said again must be the amount of one time or of the day; a breakdown must add up to the total."""
    if beside.breakdown is not None:
        inner = _in_one_mass(beside.breakdown)
        if len(inner) == len(parts) == 1 and inner[0].times == parts[0].times and _same(inner[0].amount, parts[0].amount) is None:
            return  # "1 capsule twice a day (150mg bd)"
        total = _sum(inner, beside.marks) if len(inner) > 1 else (inner[0].low, inner[0].high)
        if _unit([part.amount for part in [*parts, *inner]]) != day.unit and day.unit != "dose":
            raise Unclear("the parts are not in the unit of the total")
        if total != (day.low, day.high):
            raise Unclear("the parts do not add up to the total stated")
    whole = Amount(day.low, day.high, day.unit, worded=day.unit != "dose")
    for amount in beside.restated:
        if _same(whole, amount) is False and not any(_same(part.amount, amount) for part in parts):
            raise Unclear("two amounts that do not agree")


def _capped(parts: list[_Part], caps: list[Cap], day: _Reading) -> None:
    """Apply the ceilings to `day`. An amount with a ceiling but no times is taken when required."""
    each = max((part.amount.high for part in parts), default=None)
    limits = []
    for cap in caps:
        if cap.at_once:
            if each is not None and cap.amount and each > cap.amount.high:
                raise Unclear("more than the most at one time")
        else:
            limits.append(_limit(parts, cap, day, each))
    if not limits:
        if not day.timed:
            raise Unclear("how often is not stated")
        return
    limit = min(limits)
    if not day.timed:
        day.notes.append("no more than the ceiling a day")
        day.low, day.high, day.as_required = Fraction(0), limit, True
        return
    if not day.as_required and day.low > limit:
        raise Unclear("more than the ceiling stated")
    if limit >= _FAR_ABOVE * day.high:
        raise Unclear("a ceiling far above the dose stated: the dose may be raised")
    if limit < day.high:
        day.notes.append(f"no more than {_number(limit)} a day")
    day.high = min(day.high, limit)


def _limit(parts: list[_Part], cap: Cap, day: _Reading, each: Fraction | None) -> Fraction:
    """One ceiling in the unit of `day`, which takes the ceiling's unit when it has none."""
    times, amount = cap.times, cap.amount
    doses_counted = day.unit == "dose" and any(part.amount.worded for part in parts)
    if amount and amount.unit == "dose" and amount.worded and not doses_counted:
        times = amount.high  # "max 4 doses in 24 hours"
    if times is not None:
        if each is None or len(parts) != 1:
            raise Unclear("a number of doses without the amount of one")
        return each * times
    if amount is None:
        raise Unclear("a ceiling of nothing")
    if not cap.a_day and not (day.timed and _unit([*(part.amount for part in parts), amount]) and day.high <= amount.high):
        raise Unclear("a ceiling with no clear period")
    if amount.unit in UNSIZED:
        raise Unclear(UNSIZED[amount.unit])
    if day.timed or (parts and amount.unit not in MASS):
        if {amount.unit, day.unit} <= set(MASS):
            amount = _in_mass(amount, day.unit)
        day.unit = _unit([*(part.amount for part in parts), amount])
    else:
        day.unit = amount.unit
    return amount.high


def _milli(value: Fraction, average: bool, most: bool = False) -> int:
    scaled = value * 1000
    if scaled >= 10**9 or (most and scaled <= 0):
        raise Unclear("an amount that cannot be")
    if scaled.denominator != 1 and not average:
        raise Unclear("an amount finer than a thousandth")
    return floor(scaled + Fraction(1, 2))


def _number(value: Fraction) -> str:
    return f"{float(value):.6g}"


def _span(low: Fraction, high: Fraction) -> str:
    return _number(low) if low == high else f"{_number(low)}–{_number(high)}"


def _part_words(part: _Part) -> str:
    words = f"{_span(part.amount.low, part.amount.high)} {part.amount.unit}"
    if part.times:
        words += f" × {_span(part.times.low, part.times.high)} a day"
    return words
