"""The diary of one person: what every record of theirs says, day by day, whoever wrote it.

Rows are taken as written; what a delivery is worth in days is decided here, before the days are walked (`cupboard`).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

from stepwell.records.synthetic.truth.book import Book, Row
from stepwell.records.synthetic.truth.calendar import later

MICROGRAMS = {"mg": Fraction(1), "microgram": Fraction(1, 1000), "gram": Fraction(1000)}  # of a thousandth of the unit
ANYTHING, SOLID, READ = ("dose", "unit", "other"), ("tablet", "capsule"), ("structured", "text")
VOID, MISTAKE = ("cancelled", "draft", "entered in error"), "entered in error"
TRUSTWORTHY = ("structured", "text", "estimated", "unknown")


@dataclass
class Delivery:
    """All supply of one substance on one day."""

    day: date
    days: int = 0
    dose_ug: int | None = None
    read: bool = False
    """The dose was read from an instruction."""
    as_required: bool = False
    kinds: set[str] = field(default_factory=set)
    orgs: set[str] = field(default_factory=set)
    issued: bool = False
    plan_ends: list[tuple[date, str, str | None]] = field(default_factory=list)
    """Of plans prescribed elsewhere that begin today: first day they no longer cover, kind of supplier, organisation."""


@dataclass
class _Slip:
    """A row of a record that supplies one substance."""

    day: date
    same: tuple[Any, ...]
    days: int
    dose_ug: int | None
    told: str
    as_required: bool
    kind: str
    org: str | None
    plan_end: date | None = None


@dataclass
class Diary:
    """Everything written about one person. Lists of rows as in the canonical tables, each with `source`."""

    person: int
    rows: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    agreements: list[Row] = field(default_factory=list)

    def of(self, table: str) -> list[Row]:
        return [row for row in self.rows[table] if row.get("status") != MISTAKE]


def same_kind(one: str | None, other: str | None) -> bool:
    """Whether two counted units count the same thing; a mass counts nothing."""
    if one is None or other is None or one in MICROGRAMS or other in MICROGRAMS:
        return False
    loose = (one in ANYTHING and other != "ml") or (other in ANYTHING and one != "ml")
    return one == other or loose or (one in SOLID and other in SOLID)


def practice_of(diary: Diary, as_of: date) -> tuple[str | None, bool]:
    """The registered practice, and whether the person is alive and on somebody's list."""
    rows = [row for row in diary.of("registrations") if row["kind"] == "registration" and (row["started_on"] or date.min) <= as_of]
    now = [row for row in rows if row["ended_on"] is None or row["ended_on"] > as_of]
    died = [row["death_date"] for row in sorted(diary.rows["patients"], key=_held_by_practice_first) if row["death_date"]]
    alive = not died or died[0] > as_of
    if now:
        newest = max(row["started_on"] or date.min for row in now)
        return min(row["org_code"] for row in now if (row["started_on"] or date.min) == newest), alive
    if rows:
        return None, False
    held = [row["org_code"] for row in diary.rows["patients"] if is_practice(row["org_code"])]
    known = [row["gp_org_code"] for row in diary.rows["patients"] if row["gp_org_code"]]
    return min(held or known, default=None), alive


def is_practice(code: str | None) -> bool:
    return code is not None and len(code) == 6 and code[0].isalpha() and code[0].isupper() and code[1:].isdigit()


def _held_by_practice_first(row: Row) -> tuple[Any, ...]:
    return not is_practice(row["source"]), row["source"], row["native_id"] or "~"


def personal(diary: Diary, column: str) -> Any:
    """Birth date or sex: the first that a record tells, the practice's before others."""
    for row in sorted(diary.rows["patients"], key=_held_by_practice_first):
        if row[column] is not None:
            return row[column]
    return None


class Reading:
    """What one instruction and quantity say of one substance."""

    def __init__(self, book: Book, row: Row, substance: str, strength: int | None, unit: str | None) -> None:
        self.book, self.row, self.strength, self.unit = book, row, strength, unit
        self.patch = book.patches.get((substance, strength)) if unit == "patch" else None
        # "When required" tells a ceiling, not a habit: such an instruction is not read.
        told = row["dose_status"] in READ and not row["as_required"]
        # A patch is worn all the time, whatever the row says.
        self.as_required = bool(row["as_required"]) and self.patch is None
        self.high = row["dose_high_milli"] if told and row["dose_unit"] is not None and (row["dose_high_milli"] or 0) > 0 else None
        self.quantity = row["quantity_milli"] if (row["quantity_milli"] or 0) > 0 else None

    @property
    def daily(self) -> int | None:
        """Micrograms a day as instructed."""
        if self.high is None:
            return None
        if self.row["dose_unit"] in MICROGRAMS:
            return int(self.high * MICROGRAMS[self.row["dose_unit"]])
        if self.strength is not None and same_kind(self.row["dose_unit"], self.unit):
            return int(Fraction(self.high * self.strength, 1000))
        return None

    @property
    def worn(self) -> int | None:
        """Patches worn at once, as instructed."""
        if self.patch is None or self.high is None or self.row["dose_unit"] != "patch":
            return None
        return max(1, int(Fraction(self.high * self.patch["wear_hours"], 24000) + Fraction(1, 2)))

    @property
    def instructed(self) -> int | None:
        """Micrograms a day by the instruction alone, patches or not."""
        if self.patch is None:
            return self.daily
        return self.worn * int(self.patch["daily_ug"]) if self.worn is not None else None

    def lasts(self) -> int | None:
        """Days told by the duration, or by quantity and instruction."""
        if (self.row["days_supply"] or 0) > 0:
            return int(self.row["days_supply"])
        if self.quantity is None:
            return None
        if self.patch is not None:
            if not same_kind(self.row["quantity_unit"], "patch"):
                return None
            return int(Fraction(self.quantity * self.patch["wear_hours"], 24000 * (self.worn or 1)))
        if self.as_required or self.high is None:
            return None
        return self._by_instruction(self.quantity, self.high)

    def _by_instruction(self, quantity: int, high: int) -> int | None:
        counted, taken = self.row["quantity_unit"], self.row["dose_unit"]
        if same_kind(counted, taken):
            return quantity // high
        if taken not in MICROGRAMS or counted is None:
            return None
        a_day = int(high * MICROGRAMS[taken])
        if a_day <= 0:
            return None
        if counted in MICROGRAMS:
            return int(quantity * MICROGRAMS[counted]) // a_day
        if same_kind(counted, self.unit) and (self.strength or 0) > 0:
            return quantity * (self.strength or 0) // a_day // 1000
        return None

    def dose(self, days: int) -> tuple[int | None, str]:
        """Micrograms a day and where they come from, of an issue that lasts `days`."""
        if self.patch is not None:
            if self.worn is not None:
                return self.worn * self.patch["daily_ug"], self.row["dose_status"]
            worn = 1
            if self.quantity is not None and same_kind(self.row["quantity_unit"], "patch"):
                worn = max(1, int(Fraction(self.quantity * self.patch["wear_hours"], 24000 * days) + Fraction(1, 2)))
            return worn * self.patch["daily_ug"], "estimated"
        if self.daily is not None:
            return self.daily, self.row["dose_status"]
        supplied = self.supplied()
        return (supplied // days, "estimated") if supplied is not None else (None, "unknown")

    def supplied(self) -> int | None:
        """Micrograms in the pack, when quantity and strength tell them."""
        if self.quantity is None or not self.strength or not same_kind(self.row["quantity_unit"], self.unit):
            return None
        return self.quantity * self.strength // 1000


@dataclass
class Supply:
    """What was delivered of one substance: by day, and the "when required" packs with their micrograms."""

    deliveries: dict[date, Delivery] = field(default_factory=dict)
    when_required: list[tuple[date, int]] = field(default_factory=list)


def supplies(diary: Diary, book: Book, as_of: date, practice: str | None) -> dict[str, Supply]:
    """Substance → its deliveries."""
    slips: dict[str, list[_Slip]] = defaultdict(list)
    found: dict[str, Supply] = defaultdict(Supply)
    written: dict[str, list[tuple[Row, Reading]]] = defaultdict(list)
    issued_under = set()
    for row in diary.rows["medication_issues"]:
        if row["status"] in VOID or row["issued_on"] is None or row["issued_on"] > as_of:
            continue
        issued_under.add((row["source"], row["plan_id"]))
        for substance, strength, unit in book.recognise(row):
            written[substance].append((row, Reading(book, row, substance, strength, unit)))
    for substance, rows in written.items():
        usual = _usual_interval({row["issued_on"] for row, _ in rows}, book)
        for row, reading in rows:
            lasts = reading.lasts()
            days = lasts if lasts is not None else usual
            days = min(max(days, book.figure["min_days"]), book.figure["max_days"])
            dose, told = reading.dose(days)
            kind = _kind(row, practice)
            same = (kind, row["org_code"], row["code"], row["term"], row["dose_text"])
            slips[substance].append(_Slip(row["issued_on"], same, days, dose, told, reading.as_required, kind, row["org_code"]))
            supplied = reading.supplied()
            if reading.as_required and supplied is not None:
                found[substance].when_required.append((row["issued_on"], supplied))
    for row in _elsewhere(diary, as_of, issued_under):
        for substance, strength, unit in book.recognise(row):
            slip = _plan_slip(row, Reading(book, row, substance, strength, unit), book, as_of, practice)
            if slip is not None:
                slips[substance].append(slip)
    for substance, each in slips.items():
        found[substance].deliveries = _by_day(each)
    return dict(found)


def _usual_interval(days: set[date], book: Book) -> int:
    ordered = sorted(days)
    steps = sorted((after - before).days for before, after in pairwise(ordered))
    enough = len(steps) >= book.figure["interval_min_issues"] - 1 and steps
    return steps[(len(steps) - 1) // 2] if enough else book.figure["default_days"]


def _kind(row: Row, practice: str | None) -> str:
    if row["setting"] in ("gp", "trust", "private"):
        return str(row["setting"])
    return "gp" if row["org_code"] in (None, practice) else "trust"


def _elsewhere(diary: Diary, as_of: date, issued_under: set[tuple[str, str]]) -> list[Row]:
    rows = [row for row in diary.of("medication_plans") if row["elsewhere"] and row["status"] == "active"]
    return [row for row in rows if (row["source"], row["native_id"]) not in issued_under]


def _plan_slip(row: Row, reading: Reading, book: Book, as_of: date, practice: str | None) -> _Slip | None:
    asserted = row["asserted_on"] if row["asserted_on"] and row["asserted_on"] <= as_of else None
    start = row["started_on"] or asserted
    if start is None or start > as_of:
        return None
    end = later(asserted or start, book.figure["elsewhere_months"])
    if row["review_on"] is not None and row["review_on"] > start:
        end = min(end, row["review_on"])
    if end <= start:
        return None
    dose = reading.instructed
    kind = row["setting"] if row["setting"] in ("trust", "private") else "trust"
    org = row["org_code"] if row["org_code"] != practice else None
    told = row["dose_status"] if dose is not None else "unknown"
    same = ("plan", row["source"], row["native_id"])
    return _Slip(start, same, (end - start).days, dose, told, reading.as_required, kind, org, end)


def _by_day(slips: list[_Slip]) -> dict[date, Delivery]:
    found: dict[date, Delivery] = {}
    for day in sorted({slip.day for slip in slips}):
        today = [slip for slip in slips if slip.day == day]
        bags: dict[tuple[Any, ...], list[_Slip]] = defaultdict(list)
        for slip in today:
            bags[slip.same].append(slip)
        doses = [max((slip.dose_ug for slip in bag if slip.dose_ug is not None), default=None) for bag in bags.values()]
        worst = max(today, key=lambda slip: TRUSTWORTHY.index(slip.told)).told
        found[day] = Delivery(
            day,
            days=max(sum(slip.days for slip in bag) for bag in bags.values()),
            dose_ug=None if None in doses else sum(dose for dose in doses if dose is not None),
            read=worst in READ,
            as_required=all(slip.as_required for slip in today),
            kinds={slip.kind for slip in today},
            orgs={slip.org for slip in today if slip.org is not None},
            issued=any(slip.plan_end is None for slip in today),
            plan_ends=[(slip.plan_end, slip.kind, slip.org) for slip in today if slip.plan_end is not None],
        )
    return found


def admissions(diary: Diary, as_of: date) -> dict[date, int]:
    """Day of admission → days in hospital up to today."""
    found: dict[date, int] = {}
    for row in diary.of("stays"):
        if row["started_on"] is not None and row["started_on"] <= as_of:
            end = min(row["ended_on"] or as_of, as_of)
            found[row["started_on"]] = max(found.get(row["started_on"], 0), (end - row["started_on"]).days, 1)
    return found


def signs(diary: Diary, practice: str | None, as_of: date) -> list[date]:
    """Days on which somebody other than the practice wrote a letter."""
    rows = diary.of("letters")
    return [row["sent_on"] for row in rows if row["from_org"] not in (None, practice) and row["sent_on"] and row["sent_on"] <= as_of]


ONE_DAY = timedelta(days=1)
