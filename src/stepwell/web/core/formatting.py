"""How dates, names, numbers and doses read. The only place that formats them; a test forbids it elsewhere.

Two profiles. `clinician` follows the NHS Common User Interface guides as house rules (deprecated 2019, still what general
practice expects; conformance is not claimed); ids stand at each rule. `patient` follows the NHS service manual: plain dates
and doses. In templates: filters for the clinician profile (`{{ day | date }}`), `patient.date(day)` for the other.
"""

from __future__ import annotations

import re
from datetime import UTC
from datetime import date as Date
from datetime import datetime as DateTime
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup

UK = ZoneInfo("Europe/London")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
WORKBOOK_DAY = "dd-mmm-yyyy"  # how a workbook shows a day: the clinician profile's
_UG_PER_MG, _UG_PER_G = 1_000, 1_000_000
_THOUSANDTHS = 1_000
_NEVER_WRAPPED = 20  # characters of a dose that stay on one line with its label; longer ones would not fit a phone


def thousandths(value: int) -> str:
    """A whole number of thousandths as a decimal: no trailing zero, a leading zero, comma from 1,000 (MEDi-014 to 017)."""
    sign, whole, rest = ("-" if value < 0 else ""), *divmod(abs(value), _THOUSANDTHS)
    decimals = f"{rest:03d}".rstrip("0")
    return f"{sign}{whole:,}" + (f".{decimals}" if decimals else "")


def micrograms(value: int) -> tuple[str, str]:
    """A mass in micrograms as (number, unit in full): below 1 mg in micrograms, whole grams in g, otherwise mg (BNF; MEDi-042)."""
    if abs(value) < _UG_PER_MG:
        return str(value), "microgram" if abs(value) == 1 else "micrograms"
    if value % _UG_PER_G == 0:
        return f"{value // _UG_PER_G:,}", "g"
    return thousandths(value), "mg"


def whole_years(birth: Date, on: Date) -> int:
    return on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day))


def whole_months(start: Date, end: Date) -> int:
    return (end.year - start.year) * 12 + end.month - start.month - (end.day < start.day)


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 day`, `2 days`, `1,200 people`"""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def file_stamp(moment: DateTime) -> str:
    """`20261122T031500Z`: a moment in the name of a file, in UTC."""
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _local(moment: DateTime) -> DateTime:
    return moment.astimezone(UK) if moment.tzinfo else moment


def _day(value: Date | DateTime) -> Date:
    return _local(value).date() if isinstance(value, DateTime) else value


class _Profile:
    """What both profiles share."""

    @staticmethod
    def number(value: int | None, missing: str = "Not recorded") -> str:
        """A whole number, comma from 1,000."""
        return missing if value is None else f"{value:,}"

    @staticmethod
    def milli(value: int | None, unit: str = "", missing: str = "Not recorded") -> str:
        """A measurement in thousandths, a space before the unit: `41 mmol/mol`, `0.71 mmol/L`."""
        if value is None:
            return missing
        return f"{thousandths(value)}{' ' if unit else ''}{unit}"

    @staticmethod
    def nhs_number(value: str | None, missing: str = "Not Known") -> str:
        """Ten digits as 3-3-4 with single spaces (NUM-0001). Put it where it cannot wrap: macro `nhs_number`."""
        if not value:
            return missing
        digits = re.sub(r"\D", "", value)
        return f"{digits[:3]} {digits[3:6]} {digits[6:]}" if len(digits) == 10 else value

    @staticmethod
    def time(value: DateTime | None, missing: str = "Not recorded") -> str:
        """24 hours, midnight is 00:00 (D+Tb-0001)."""
        if value is None:
            return missing
        moment = _local(value)
        return f"{moment.hour:02d}:{moment.minute:02d}"


class Clinician(_Profile):
    """Screens for staff."""

    @staticmethod
    def date(value: Date | DateTime | None, missing: str = "Not recorded", weekday: bool = False) -> str:
        """`03-Mar-2024`, with `weekday` `Sun 03-Mar-2024` (D+Ta-0002 to 0022); `missing` when there is none."""
        if value is None:
            return missing
        day = _day(value)
        text = f"{day.day:02d}-{_MONTHS[day.month - 1][:3]}-{day.year:04d}"
        return f"{_DAYS[day.weekday()]} {text}" if weekday else text

    def month(self, value: Date | None, missing: str = "Not recorded") -> str:
        """`Mar-2024`, where only the month is known or meant."""
        return missing if value is None else f"{_MONTHS[value.month - 1][:3]}-{value.year:04d}"

    def datetime(self, value: DateTime | None, missing: str = "Not recorded") -> str:
        """`21-Nov-2026 06:10`, UK time."""
        return missing if value is None else f"{self.date(value)} {self.time(value)}"

    @staticmethod
    def age(birth: Date | None, on: Date, missing: str = "Not Known") -> str:
        """Years; months below 2 years; weeks below 3 months; days below 4 weeks: `46y`, `14m`, `6w`, `9d`."""
        if birth is None or on < birth:
            return missing
        days = (on - birth).days
        if days < 28:
            return f"{days}d"
        months = whole_months(birth, on)
        if months < 3:
            return f"{days // 7}w"
        return f"{months}m" if months < 24 else f"{whole_years(birth, on)}y"

    def born(self, birth: Date | None, on: Date, missing: str = "Not Known") -> str:
        """`14-Aug-1980 (46y)` (PAB-0022)."""
        return missing if birth is None else f"{self.date(birth)} ({self.age(birth, on)})"

    @staticmethod
    def name(family: str | None, given: str | None, title: str | None = None, missing: str = "Name not known") -> str:
        """`PATEL, Asha (Ms)`, never shortened (NID-0001 to 0010)."""
        family, given, title = ((part or "").strip() for part in (family, given, title))
        text = ", ".join(part for part in (family.upper(), given) if part)
        if not text:
            return missing
        return f"{text} ({title})" if title else text

    @staticmethod
    def duration(days: int | None, missing: str = "Not recorded") -> str:
        """Days in the largest unit that says it: `12d`, `7w`, `14m`, `3y` (D+Tb-0030)."""
        if days is None:
            return missing
        if days < 28:
            return f"{days}d"
        if days < 92:
            return f"{days // 7}w"
        months = int(days / 30.4375)
        return f"{months}m" if months < 24 else f"{months // 12}y"

    @staticmethod
    def hours(minutes: int) -> str:
        """Working time: `12hr`, `4hr 30min`, `20min`, `1,040hr` (D+Tb-0030)."""
        whole, rest = divmod(minutes, 60)
        parts = [f"{whole:,}hr"] * bool(whole or not rest) + [f"{rest}min"] * bool(rest)
        return " ".join(parts)

    def lateness(self, due: Date | None, on: Date, missing: str = "no date") -> str:
        """`9 days overdue`, `today`, `due 24-Nov-2026`: how a due date reads in a tag."""
        if due is None:
            return missing
        late = (on - due).days
        if late < 0:
            return f"due {self.date(due)}"
        return "today" if late == 0 else f"{self.span(due, on)} overdue"

    @staticmethod
    def span(start: Date, end: Date) -> str:
        """Time between two days in words: days below 4 weeks, weeks below 3 months, months below 2 years, then years."""
        days, months = (end - start).days, whole_months(start, end)
        if days < 28:
            return count(days, "day")
        if months < 3:
            return count(days // 7, "week")
        return count(months, "month") if months < 24 else count(months // 12, "year")

    @staticmethod
    def mass(value_ug: int | None, missing: str = "Not recorded") -> str:
        """`15 mg`, `500 micrograms`, `1 g`: a space before the unit, units of less than a milligram in full."""
        return missing if value_ug is None else " ".join(micrograms(value_ug))

    @staticmethod
    def drug(name: str) -> Markup:
        """The generic name, bold and lower case, never shortened (MEDi-012, 022)."""
        return Markup('<strong class="sw-drug">{}</strong>').format(name.lower())

    @staticmethod
    def dose(text: str | None, missing: str = "not understood") -> Markup:
        """`DOSE **400 mg**`: the label without colon, the dose bold (MEDi-024 to 026)."""
        shown = text or missing
        dose = Markup('<span class="sw-label">DOSE</span> <strong>{}</strong>').format(shown)
        return Markup('<span class="sw-nowrap">{}</span>').format(dose) if len(shown) <= _NEVER_WRAPPED else dose

    def medicine_line(self, name: str, *, form: str = "", dose: str | None = None, route: str = "", frequency: str = "") -> Markup:
        """drug form — DOSE dose — route — frequency, between spaced em dashes; empty parts are left out (MEDi-001)."""
        drug = self.drug(name) + (Markup(" {}").format(form) if form else Markup(""))
        parts = [drug, self.dose(dose), *(Markup("{}").format(part) for part in (route, frequency) if part)]
        return Markup(" — ").join(parts)


class Patient(_Profile):
    """Words for the person themselves: NHS service manual."""

    @staticmethod
    def date(value: Date | DateTime | None, missing: str = "not recorded", weekday: bool = False) -> str:
        """`6 August 2018`"""
        if value is None:
            return missing
        day = _day(value)
        text = f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
        return f"{_WEEKDAYS[day.weekday()]} {text}" if weekday else text

    def datetime(self, value: DateTime | None, missing: str = "not recorded") -> str:
        """`6 August 2018 at 2:30pm`"""
        return missing if value is None else f"{self.date(value)} at {self.clock_time(value)}"

    @staticmethod
    def clock_time(value: DateTime) -> str:
        """`2:30pm`, `9am`, `midday`, `midnight`"""
        moment = _local(value)
        if moment.minute == 0 and moment.hour in {0, 12}:
            return "midday" if moment.hour else "midnight"
        hour = moment.hour % 12 or 12
        minutes = f":{moment.minute:02d}" if moment.minute else ""
        return f"{hour}{minutes}{'am' if moment.hour < 12 else 'pm'}"

    @staticmethod
    def name(family: str | None, given: str | None, title: str | None = None, missing: str = "Name not known") -> str:
        """`Ms Asha Patel`"""
        return " ".join(part.strip() for part in (title, given, family) if part and part.strip()) or missing

    @staticmethod
    def mass(value_ug: int | None, missing: str = "not recorded") -> str:
        """`250mg`, `500 micrograms`, `1g`"""
        if value_ug is None:
            return missing
        number, unit = micrograms(value_ug)
        return f"{number} {unit}" if unit.startswith("microgram") else f"{number}{unit}"


_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

clinician = Clinician()
patient = Patient()

FILTERS: dict[str, Any] = {
    "date": clinician.date,
    "month": clinician.month,
    "datetime": clinician.datetime,
    "time": clinician.time,
    "number": clinician.number,
    "milli": clinician.milli,
    "mass": clinician.mass,
    "nhs_number": clinician.nhs_number,
    "drug": clinician.drug,
    "dose": clinician.dose,
    "duration": clinician.duration,
    "counted": count,
    "hours": clinician.hours,
}
