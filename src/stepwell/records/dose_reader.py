"""From lexemes to the elements of a dose instruction: amounts, times, ceilings, and the marks between them.

A recursive descent that must account for every lexeme; what finds no place raises `Unclear` with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

from stepwell.records.dose_elements import (
    DAY_GROUPS,
    MASS,
    MEASURED,
    SOLID,
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
from stepwell.records.dose_words import Lexeme, vocabulary

# kinds of lexeme that are marks, and the mark each is
_MARKS = {
    "and": "and",
    "or": "or",
    "to": "to",
    "slash": "slash",
    "separator": "sep",
    "equals": "equals",
    "open": "open",
    "close": "close",
    "prn": "prn",
    "directed": "directed",
    "divided": "divided",
    "both_sides": "both sides",
    "total": "total",
}


class Reader:
    """Recursive descent over lexemes; `elements` accounts for every one of them or raises `Unclear`."""

    def __init__(self, found: list[Lexeme]) -> None:
        self.all = found
        self.at = 0
        self.out: list[Element] = []
        self.served = False  # a word about supply, tests or review went before
        self.product = "dose"  # the counted unit, when the text begins with the product

    def kind(self, ahead: int = 0) -> str:
        index = self.at + ahead
        return self.all[index].kind if index < len(self.all) else "end"

    def value(self, ahead: int = 0) -> Any:
        return self.all[self.at + ahead].value

    def take(self, *kinds: str) -> Lexeme | None:
        if self.kind() in kinds:
            self.at += 1
            return self.all[self.at - 1]
        return None

    def elements(self) -> list[Element]:
        while self.kind() != "end":
            before = self.at
            for read in (self.pattern, self.aside, self.ceiling, self.time, self.amount_element, self.mark):
                if read():
                    break
                self.at = before
            else:
                self.refuse()
        return self.out

    def refuse(self) -> None:
        word = self.all[self.at]
        if word.kind == "change":
            raise Unclear(f"the dose changes or depends ('{word.text}')")
        if word.kind == "ambiguous":
            raise Unclear(f"'{word.text}' has more than one meaning")
        if word.kind == "monthly":
            raise Unclear("a month has no fixed number of days")
        if word.kind == "number":
            raise Unclear(f"no clear meaning for the number '{word.text}'")
        raise Unclear(f"'{word.text}' is not understood here")

    def add(self, element: Element) -> bool:
        if self.served and (isinstance(element, Weekdays) or (isinstance(element, Every) and not element.counted)):
            raise Unclear("days that may be of the supply or of the dose")
        self.out.append(element)
        return True

    # numbers

    def number(self) -> tuple[Fraction, str] | None:
        """One number and how it was written: figure, word, vulgar (½, half), slash (1/2, which may be "one or two")."""
        first = self.take("number")
        if not first:
            return None
        value, style = first.value
        if (
            style == "figure"
            and value.denominator == 1
            and self.kind() == "number"
            and self.value()[1] in {"vulgar", "slash"}
            and self.value()[0] < 1
        ):
            return value + self.take("number").value[0], "vulgar"  # type: ignore[union-attr]  # 1½, 1 1/2
        if (
            style == "word"
            and value >= 20
            and value % 10 == 0
            and self.kind() == "number"
            and self.value()[1] == "word"
            and self.value()[0] < 10
        ):
            return value + self.take("number").value[0], "word"  # type: ignore[union-attr]  # twenty five
        start = self.at
        self.take("and")
        self.take("article")
        if self.at > start and self.kind() == "number" and self.value()[1] in {"vulgar", "slash"} and value.denominator == 1:
            return value + self.take("number").value[0], "vulgar"  # type: ignore[union-attr]  # one and a half
        self.at = start
        if self.kind() == "open" and self.kind(1) == "number" and self.kind(2) == "close" and self.value(1)[0] == value:
            self.at += 3  # ONE (1)
            return value, "word"
        return value, style

    def joiner(self) -> bool:
        word = self.take("to", "or", "slash")
        if word or (self.kind() == "separator" and self.all[self.at].text == "-"):
            self.at += 0 if word else 1
            return True
        return False

    def numbers(self) -> tuple[Fraction, Fraction, str] | None:
        """A number or a range of numbers."""
        low = self.number()
        if not low:
            return None
        start = self.at
        slash = self.kind() == "slash"
        if self.joiner() and (high := self.number()) and not (slash and low[1] == "figure"):
            if high[0] <= low[0]:
                raise Unclear("a range that does not rise")
            return (
                low[0],
                high[0],
                "slash" if high[1] == "slash" else "word" if low[1] == "slash" else low[1] if low[1] == high[1] else "word",
            )
        self.at = start
        return low[0], *low

    def pattern(self) -> bool:
        """1-0-1 or 1-1-1-2: morning, midday, (evening,) night"""
        found: list[Fraction] = []
        while self.kind() == "number" and self.value()[1] in {"figure", "vulgar"}:
            found.append(self.take("number").value[0])  # type: ignore[union-attr]
            if not (self.kind() == "separator" and self.all[self.at].text == "-" and self.kind(1) == "number"):
                break
            self.at += 1
        if len(found) not in {3, 4} or self.kind() in {"hours", "hourly", "times", "x", "daily", "weekly", "number", "days"}:
            return False
        if len(found) == 3 and 0 not in found and len(set(found)) > 1:
            return False  # 1-2-3 may be steps
        unit = self.take("unit")
        sure = all(n == 0 or n in vocabulary().bare_figures or n < 1 for n in found)
        total = sum(found, Fraction(0))
        self.add(self.sized(total, total, unit.value) if unit else Amount(total, total, "dose", sure=sure))
        return self.add(Rate(Fraction(1), Fraction(1)))

    # things beside the dose

    def aside(self) -> bool:
        """Durations, quantities supplied, strengths of the product, gaps between doses, review dates: read and left out."""
        return any(
            self.attempt(read)
            for read in (self.strength, self.gap, self.before_food, self.duration, self.quantity, self.review, self.stop_after)
        )

    def attempt(self, read: Callable[[], bool]) -> bool:
        start = self.at
        if read():
            return True
        self.at = start
        return False

    def strength(self) -> bool:
        """10mg/5ml, 25 micrograms/hour, 30mg/500mg; and the product itself, "25mg tablets:" """
        if not (self.number() and self.kind() == "unit" and self.value() in MEASURED and self.take("unit")):
            return False
        noun = self.take("unit")
        if noun and noun.value not in MEASURED and self.kind() == "separator" and self.all[self.at].text == ":" and not self.out:
            self.product = noun.value
            return True
        if not (self.take("slash") or (self.take("every") and self.all[self.at - 1].text == "per")):
            return False
        if self.take("hours"):
            if not self.out and self.kind() == "unit" and self.value() == "patch":
                self.product = self.take("unit").value  # type: ignore[union-attr]
            return True
        self.number()
        return self.kind() == "unit" and self.value() in MEASURED and bool(self.take("unit"))

    def gap(self) -> bool:
        """at least 4 hours apart, with 6 hours between doses"""
        self.take("least")
        return bool(self.numbers() and self.take("hours") and self.take("apart"))

    def before_food(self) -> bool:
        """30 minutes before: what follows (food, bed, breakfast) is read on its own"""
        return bool(self.numbers() and self.take("hours", "minutes") and self.take("before", "food"))

    def stretch(self) -> bool:
        """7 days, 5/7, two weeks, a month"""
        if self.take("span"):
            return True
        counted = self.numbers() or self.take("article") or self.take("weekly", "monthly")
        if isinstance(counted, Lexeme) and counted.kind in {"weekly", "monthly"}:
            return counted.text in {"a week", "a month"}
        if not counted:
            return False
        if self.kind() == "separator" and self.all[self.at].text == "-":
            self.at += 1
        return bool(self.take("days", "weeks", "months", "nights"))

    def duration(self) -> bool:
        """for 7 days, x 5/7, 7 day course, 28 days supply, max 3 days"""
        if self.take("for", "x") or self.take("max"):
            after = self.at
            if self.stretch() and self.kind() not in {"weekly", "monthly"}:
                self.take("course")
                self.take("supply")
                return True
            self.at = after
            return self.all[after - 1].kind == "for" and self.kind() in {"course", "supply"} and bool(self.take("course", "supply"))
        if self.take("course", "supply"):
            return True
        if self.kind() == "span" and self.take("span"):
            return True
        if not self.stretch():
            return False
        timed = any(isinstance(element, WHEN) for element in self.out)
        return bool(self.take("course", "supply")) or (timed and self.kind() in {"end", "separator", "close", "stop_after"})

    def quantity(self) -> bool:
        """x 28, mitte 56 tablets, (28): at the end or in brackets, never a dose"""
        if self.take("quantity"):
            if not self.number():
                return bool(self.stretch())
            self.take("unit")
            self.take("days", "weeks")
            return True
        if self.take("x") and self.kind() == "number" and self.value()[0] >= 7 and self.number():
            self.take("unit")
            return self.kind() in {"end", "close", "separator"}
        return False

    def review(self) -> bool:
        """review in 2 weeks, review 12/3/20"""
        if not self.take("review"):
            return False
        self.served = True
        if not self.attempt(self.stretch):
            self.take("date", "span")
        return True

    def stop_after(self) -> bool:
        return bool(self.take("stop_after"))

    # times

    def time(self) -> bool:
        upto = bool(self.take("upto"))
        return any(self.attempt(partial(read, upto)) for read in (self.hours_apart, self.counted_times, self.named_time))

    def hours_apart(self, upto: bool) -> bool:
        """every 4-6 hours, 4-6 hourly, every 72 hours, every 3 days, every 2 weeks, 4-weekly, q6h, 3 nights a week"""
        every = self.take("every")
        if every and self.kind() == "span":
            top, bottom = self.take("span").value  # type: ignore[union-attr]
            if bottom == 12:
                raise Unclear("a month has no fixed number of days")
            return self.interval(
                Fraction(top) * (24 if bottom == 7 else 168), Fraction(top) * (24 if bottom == 7 else 168), Fraction(24), upto
            )
        counted = self.numbers()
        if not counted:
            return False
        low, high, _ = counted
        hyphen = self.kind() == "separator" and self.all[self.at].text == "-" and bool(self.take("separator"))
        if (every and self.take("hours")) or self.take("hourly"):
            return self.interval(low, high, Fraction(24), upto)
        if every and self.take("days"):
            return self.interval(low * 24, high * 24, Fraction(24), upto)
        if (every and self.take("weeks")) or (hyphen and self.take("weekly")):
            return self.interval(low * 168, high * 168, Fraction(24), upto)
        if not every and self.take("days", "nights") and self.take("weekly"):
            return self.no_upto(upto) and self.add(Every(low / 7, high / 7, counted=True))
        return False

    def interval(self, low: Fraction, high: Fraction, day: Fraction, upto: bool) -> bool:
        if low <= 0:
            raise Unclear("an interval of nothing")
        if high <= 24:
            if (day / low).denominator != 1 or (day / high).denominator != 1:
                raise Unclear("hours that do not divide a day")
            return self.add(Rate(day / high, day / low, upto=upto))
        if low % 24 or high % 24:
            raise Unclear("hours that are not whole days")
        return self.no_upto(upto) and self.add(Every(day / high, day / low))

    def no_upto(self, upto: bool) -> bool:
        if upto:
            raise Unclear("a ceiling over several days has no daily amount")
        return True

    def how_many_times(self) -> tuple[Fraction, Fraction] | None:
        """once, twice, once or twice, 3 times, three to four times, 3x, x3"""
        fixed = {"once": 1, "twice": 2, "thrice": 3}
        if first := self.take(*fixed):
            low = high = Fraction(fixed[first.kind])
            start = self.at
            if self.joiner():
                if second := self.take(*fixed):
                    high = Fraction(fixed[second.kind])
                elif (number := self.number()) and self.take("times", "x"):
                    high = number[0]
                else:
                    self.at = start
            if high < low:
                raise Unclear("a range that does not rise")
            return low, high
        if self.take("x"):
            counted = self.numbers()
            return counted[:2] if counted and self.kind() in {"daily", "weekly"} else None
        counted = self.numbers()
        if counted and counted[0].denominator == counted[1].denominator == 1 and self.take("times", "x"):
            return counted[:2]
        return None

    def counted_times(self, upto: bool) -> bool:
        found = self.how_many_times()
        if not found:
            return False
        low, high = found
        if (
            self.take("daily")
            or self.take("days")
            or (self.kind() == "every" and self.kind(1) in {"days"} and (self.take("every") and self.take("days")))
        ):
            return self.add(Rate(low, high, upto=upto))
        if self.take("weekly", "weeks"):
            return self.no_upto(upto) and self.add(Every(low / 7, high / 7, counted=True))
        if self.take("fortnightly"):
            return self.no_upto(upto) and self.add(Every(low / 14, high / 14, counted=True))
        if self.kind() in {"slot", "alternate", "nights"} or (self.kind() == "every" and self.kind(1) in {"slot", "number", "nights"}):
            return low == high == 1  # "once at night", "once every 3 days"
        if self.kind() == "clock":
            return low == high == 1
        return False

    def named_time(self, upto: bool) -> bool:
        if rate := self.take("rate"):
            low = high = Fraction(rate.value)
            start = self.at
            if self.joiner() and (second := self.take("rate")):
                high = Fraction(second.value)
                if high <= low:
                    raise Unclear("a range that does not rise")
            else:
                self.at = start
            return self.add(Rate(low, high, upto=upto))
        if upto:
            return False
        if self.take("daily"):
            return self.add(Rate(Fraction(1), Fraction(1), bare=True))
        if self.take("weekly"):
            return self.add(Every(Fraction(1, 7), Fraction(1, 7)))
        if self.take("fortnightly"):
            return self.add(Every(Fraction(1, 14), Fraction(1, 14)))
        if alternate := self.take("alternate"):
            return self.add(Alternate(int(alternate.value)))
        if clock := self.take("clock"):
            return self.add(Slot(clock.text))
        if self.kind() == "every" and self.kind(1) in {"slot", "weekday", "nights"}:
            self.take("every")
        if self.kind() == "every" and self.kind(1) == "days":
            self.at += 2
            return self.add(Rate(Fraction(1), Fraction(1), bare=True))
        if slot := self.take("slot", "nights"):
            return self.add(Slot(slot.value))
        return self.weekdays()

    def weekdays(self) -> bool:
        """Mon, Wed and Fri; Monday to Friday; except Sundays"""
        everything_but = bool(self.take("except"))
        first = self.take("weekday")
        if not first:
            return False
        order = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        found: list[str] = list(DAY_GROUPS.get(first.value, (first.value,)))
        while True:
            start = self.at
            to = bool(self.take("to")) or (self.kind() == "separator" and self.all[self.at].text == "-" and bool(self.take("separator")))
            if not to:
                self.take("separator", "slash")
                self.take("and")
                self.take("every", "on")
            following = self.take("weekday")
            if not following:
                self.at = start
                break
            if to:
                a, b = order.index(found[-1]) if found[-1] in order else 9, order.index(following.value) if following.value in order else -1
                if b <= a:
                    raise Unclear("days of the week in no clear order")
                found += order[a + 1 : b + 1]
            else:
                found += DAY_GROUPS.get(following.value, (following.value,))
        if len(set(found)) != len(found):
            raise Unclear("a day of the week named twice")
        return self.add(Weekdays(frozenset(order) - frozenset(found) if everything_but else frozenset(found)))

    # amounts

    def amount_element(self) -> bool:
        upto = bool(self.take("upto"))
        amount = self.amount()
        return amount is not None and self.add(replace(amount, upto=upto))

    def unit(self) -> Lexeme | None:
        """A unit of the product; "5ml spoonful" is 5 ml."""
        return self.take("unit")

    def amount(self) -> Amount | None:
        if self.take("article"):
            unit = self.unit()
            return self.sized(Fraction(1), Fraction(1), unit.value) if unit else None
        counted = self.numbers()
        if not counted:
            return None
        low, high, style = counted
        start = self.at
        self.take("article", "x")
        unit = self.unit()
        if not unit:
            self.at = start
            if low != 1 and self.kind() in {"weekly", "fortnightly"} and self.all[self.at].text in {"weekly", "wkly", "fortnightly"}:
                raise Unclear("so many a week, or every so many weeks")
            return self.counted_strength(low, high, style) or self.bare(low, high, style)
        if style == "slash" and (unit.text.endswith("s") or unit.value in {*MEASURED, "capsule"}):
            raise Unclear(f"'1/2 {unit.text}' may be a half, or one or two")
        start = self.at
        if self.joiner() and (end := self.number()):
            second = self.unit()
            if second and second.value in MASS and unit.value in MASS and second.value != unit.value:
                low, high, unit = low * MASS[unit.value] / MASS[second.value], end[0], second
                if high <= low:
                    raise Unclear("a range that does not rise")
            elif second and second.value == unit.value and end[0] > high == low:
                high = end[0]
            else:
                self.at = start
        else:
            self.at = start
        if unit.value in MEASURED and self.kind() == "unit" and (self.value() in {"spoon", "teaspoon"} or self.value() in SOLID | {"dose"}):
            noun = self.take("unit")
            if noun and unit.value in MASS and noun.text.endswith("s"):
                raise Unclear("a strength without a count")
        return self.sized(low, high, unit.value)

    def counted_strength(self, low: Fraction, high: Fraction, style: str) -> Amount | None:
        """two 5mg tablets, 2 x 5ml spoonfuls, one 10mg"""
        start = self.at
        self.take("article")
        times = bool(self.take("x"))
        each = self.number()
        unit = self.take("unit") if each else None
        if not each or not unit or unit.value not in MEASURED or each[1] == "slash" or style == "slash":
            self.at = start
            return None
        if self.take("slash"):  # "two 30mg/500mg tablets", "one 25mcg/hour patch": the strength is of no use
            self.number()
            self.take("unit", "hours")
            noun = self.take("unit")
            if not noun:
                self.at = start
                return None
            return self.sized(low, high, noun.value)
        noun = self.take("unit") if self.kind() == "unit" and self.value() not in MEASURED else None
        if noun or times or low == high == 1:
            return Amount(low * each[0], high * each[0], unit.value, strength=True, worded=True)
        return Amount(low, high, "dose")  # "two 20mg": two of the product whichever way the 20 mg is meant

    def bare(self, low: Fraction, high: Fraction, style: str) -> Amount:
        if style == "slash":
            raise Unclear("a figure such as 1/2 may be a half, or one or two")
        figures = vocabulary().bare_figures
        sure = style != "figure" or (low in figures and high in figures)
        return Amount(low, high, self.product, sure=sure and high <= 10)

    def sized(self, low: Fraction, high: Fraction, unit: str) -> Amount:
        if unit == "teaspoon":
            return Amount(low * vocabulary().teaspoon_ml, high * vocabulary().teaspoon_ml, "ml", worded=True)
        return Amount(low, high, unit, worded=True)

    # ceilings and marks

    def ceiling(self) -> bool:
        """max 8 in 24 hours, no more than 4 times a day, max 2 at a time, max 4 doses in 24 hours"""
        if not self.take("max"):
            return False
        self.take("separator") if self.kind() == "separator" and self.all[self.at].text in ":-" else None  # max: 8
        start = self.at
        if times := self.how_many_times():
            if self.take("daily", "days"):
                return self.add(Cap(times=times[1], a_day=True))
            raise Unclear("a ceiling with no clear period")
        self.at = start
        if rate := self.take("rate"):
            return self.add(Cap(times=Fraction(rate.value), a_day=True))
        amount = self.amount()
        if not amount:
            return False
        if self.take("per_dose_cap"):
            return self.add(Cap(amount=amount, at_once=True))
        if self.kind() in {"weekly", "monthly", "fortnightly", "hours", "weeks", "months", "days", "nights"}:
            raise Unclear("a ceiling that is not for a day")
        return self.add(Cap(amount=amount, a_day=bool(self.take("daily"))))

    def mark(self) -> bool:
        if self.take("service"):
            self.served = True
            return True
        if self.take("service_daily"):
            return self.add(Mark("service a day"))
        if self.take("article", "before", "food"):
            return True
        if self.kind() == "x" and self.kind(1) in {"rate", "slot"} and self.out and isinstance(self.out[-1], Amount):
            return bool(self.take("x"))  # 1 x bd
        word = self.take(*_MARKS)
        if not word:
            return False
        if word.kind == "total" and "daily" in word.text and not any(isinstance(element, Amount) for element in self.out):
            return self.add(Mark("total a day"))
        return self.add(Mark("plus" if word.text in {"+", "plus"} else _MARKS[word.kind]))
