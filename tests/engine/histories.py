"""Nasty histories, drawn from dice: batches of people.

Dates are drawn as days before `as_of`, mostly from the edges where the rules change their mind (28, 56, 60/61, 84 days, months, years).
Everything a history mentions (product codes, tests, conditions, rule keys) comes from the knowledge tables it is drawn for.
The dice (`dice.py`) are either a seeded random number generator or a Hypothesis draw (`strategies.py`), which shrinks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa
from catalogues import Catalogue
from dice import Dice, Roll

from stepwell.engine.inputs import Inputs
from stepwell.engine.reference.dates import add
from stepwell.records.schema import TABLES, WORKFLOW

PRACTICE, OTHER_PRACTICE, TRUST, OTHER_TRUST, PRIVATE, WALK_IN = "A81001", "B82002", "RX9", "RTR", "PRV01", "WALKIN1"
AS_OF = [date(2026, 6, 1), date(2026, 3, 31), date(2024, 2, 29), date(2025, 3, 1)]
EDGES = [
    0,
    1,
    2,
    7,
    14,
    27,
    28,
    29,
    30,
    31,
    55,
    56,
    57,
    59,
    60,
    61,
    62,
    83,
    84,
    85,
    88,
    89,
    90,
    91,
    92,
    112,
    116,
    117,
    120,
    121,
    149,
    180,
    183,
    270,
]
FROM_START = [-93, -92, -91, -1, 0, 13, 14, 15, 27, 28, 29, 55, 56, 57, 84, 89, 90, 182, 183, 274, 275, 276, 300, 365, 366, 400, 640]
ENDED = [60, 61, 62, 75, 90, 180, 330, 364, 365, 366, 400]
RECENTLY = [0, 0, 1, 7, 14, 27, 28, 29, 56, 57, 88, 89, 200]
AGES = [-10, 0, 8_000, 23_741, 23_742, 23_743, 27_394, 30_000, 6_574]
YEARS = [0, 364, 365, 366, 730, 731, 1095, 1826]


def ago(roll: Roll) -> int:
    """Days before as_of."""
    kind = roll.integer(0, 2)
    if kind == 2:
        return roll.integer(0, 1300)
    return roll.choose(EDGES) + (roll.choose(YEARS) if kind == 1 else 0)


def around(roll: Roll) -> int:
    """Days before as_of; negative ones lie in the future and must not be read."""
    return roll.integer(-40, -1) if roll.chance(8) else ago(roll)


def lately(roll: Roll) -> int:
    return roll.choose([0, 0, 1, -1, 30, 300])


def nearly(roll: Roll) -> int:
    return roll.integer(-400, 400)


@dataclass
class Batch:
    """Rows of a batch while it is drawn."""

    roll: Roll
    catalogue: Catalogue
    as_of: date
    pool: list[str]
    tests: list[dict[str, Any]]
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    starts: list[date] = field(default_factory=list)
    """Days on which something of the present person began."""
    results: list[date] = field(default_factory=list)
    ends: list[date] = field(default_factory=list)
    """Days on which supply of the present person may have ended."""
    plans: list[str] = field(default_factory=list)
    """Native ids of the present person's plans."""

    def day(self, days_ago: Callable[[Roll], int] = around) -> date:
        return self.as_of - timedelta(days=days_ago(self.roll))

    def maybe_day(self, days_ago: Callable[[Roll], int] = around) -> date | None:
        return self.day(days_ago) if self.roll.boolean() else None

    def day_near_start(self) -> date:
        """A day on or beside an edge of a window that counts from a course."""
        if not self.starts or self.roll.chance(3):
            return self.day()
        start = self.roll.choose(self.starts)
        if self.catalogue.offsets and self.roll.boolean():
            months, days = self.roll.choose(self.catalogue.offsets)
            return add(start, months, days + self.roll.choose([-1, 0, 0, 1]))
        return start + timedelta(days=self.roll.choose(FROM_START))

    def put(self, name: str, **values: Any) -> None:
        self.rows.setdefault(name, []).append(values)

    def put_record(self, name: str, subject: tuple[int, str], **values: Any) -> None:
        number = len(self.rows.get(name, []))
        self.put(name, subject_id=subject[0], source=subject[1], native_id=f"{name}-{number}", version="1", **values)

    def inputs(self) -> Inputs:
        def tables(schemas: Mapping[str, Any]) -> dict[str, pa.Table]:
            return {
                name: pa.Table.from_pylist(
                    [{**dict.fromkeys(schemas[name].names), **row} for row in rows], schema=schemas[name].arrow_schema()
                )
                for name, rows in self.rows.items()
                if name in schemas
            }

        return Inputs(tables(TABLES), tables(WORKFLOW), dict(self.catalogue.tables))


SETTINGS = [
    ("gp", PRACTICE),
    ("gp", PRACTICE),
    ("gp", PRACTICE),
    ("trust", TRUST),
    ("private", PRIVATE),
    ("unknown", None),
    ("pharmacy", "FA001"),
    ("gp", OTHER_PRACTICE),
]
ODD_SETTINGS = [
    ("unknown", PRACTICE),
    ("unknown", TRUST),
    ("trust", None),
    (None, PRACTICE),
    ("trust", OTHER_TRUST),
    ("pharmacy", PRACTICE),
]
PATCHES_A_DAY = [333, 286, 143, 667, 1_000, 500, 0]
DOSE_UNITS = ["tablet", "mg", "capsule", "ml", "microgram", "gram", "dose", "unit", "patch"]
QUANTITY_UNITS = ["tablet", "capsule", "ml", "mg", "dose", "other", "packs", "patch"]
STATUSES = ["completed", "completed", "completed", "active", "stopped", "cancelled", "draft", "entered in error", "unknown", "on hold"]


def _medicine_columns(batch: Batch) -> dict[str, Any]:
    substance = batch.roll.choose(batch.pool)
    found = batch.catalogue.products[substance]
    names = batch.catalogue.names[substance] or [substance]
    columns: dict[str, Any] = {"degraded": False, "as_required": False, "dose_status": "none"}
    if found and not batch.roll.chance(4):
        product = batch.roll.choose(found)
        columns.update(code=product["code"], code_system=product["code_system"], term=f"{substance} as coded", term_name=substance)
        own_unit = product["unit"]
    else:
        name = batch.roll.choose(names)
        own_unit = batch.roll.choose(["tablet", "capsule", "ml", "other", "patch", "injection"])
        columns.update(
            code=batch.roll.choose([None, "no-such-code"]),
            code_system=batch.roll.choose(["snomed", "emis", None]),
            term=f"{name.title()} 5mg",
            term_name=name,
        )
        columns.update(strength_ug=batch.roll.choose([5_000, None, 500, 600, 1_260]), unit=batch.roll.choose([own_unit, None]))
    if batch.roll.chance(12):
        columns.update(code="coded-by-hand", code_system="emis", term=batch.roll.choose(["Odd Name 5mg", "odd name 5mg"]))
        if batch.roll.chance(2):
            columns["code"] = None
    setting, org = batch.roll.choose(ODD_SETTINGS if batch.roll.chance(5) else SETTINGS)
    columns.update(setting=setting, org_code=org)

    instruction = batch.roll.choose(["structured", "structured", "structured", "text", "text", "none", "not understood", "as required"])
    if instruction in ("structured", "text", "as required"):
        of_patches = own_unit == "patch" and not batch.roll.chance(6)
        high = batch.roll.choose(PATCHES_A_DAY if of_patches else [1_000, 2_000, 500, 3_000, 10_000, 400_000, 0, 1, None])
        unit = own_unit if batch.roll.boolean() else batch.roll.choose(DOSE_UNITS)
        columns.update(
            dose_high_milli=high, dose_low_milli=high, dose_unit=unit, dose_status="text" if instruction == "as required" else instruction
        )
        columns["as_required"] = instruction == "as required"
    else:
        columns["dose_status"] = instruction
    columns["dose_text"] = batch.roll.choose([None, "one daily", "two daily"])
    if batch.roll.boolean():
        unit = own_unit if batch.roll.boolean() else batch.roll.choose([*QUANTITY_UNITS, None])
        columns.update(
            quantity_milli=batch.roll.choose([28_000, 56_000, 14_000, 0, 7_000, 300_000, 1_000, 10_000, 4_000]), quantity_unit=unit
        )
    columns["days_supply"] = batch.roll.choose([None, None, 28, 28, 7, 56, 84, 0, 400])
    return columns


def _course(batch: Batch) -> tuple[date, int, int]:
    """First day, interval and number of issues: often such that supply ends about now, or that the course began whole months ago."""
    kind = batch.roll.integer(0, 4)
    if kind == 4:
        every, count = batch.roll.choose([28, 28, 56]), batch.roll.integer(1, 6)
        return batch.as_of - timedelta(days=every * count + batch.roll.choose(ENDED)), every, count
    if kind == 3:
        months = batch.roll.choose([1, 2, 3, 6, 9, 12, 12, 21])
        return add(batch.as_of, -months, batch.roll.choose([-1, 0, 0, 1])), 28, months + 2
    every = batch.roll.choose([28, 28, 30, 7, 56, 84, 1, 14, 88])
    count = batch.roll.integer(1, 9)
    if kind == 0:
        return batch.day(around), every, count
    return batch.as_of - timedelta(days=every * (count - 1) + batch.roll.choose(RECENTLY)), every, count


def _series(batch: Batch, subject: tuple[int, str]) -> None:
    """Issues of one prescription at an interval, with an odd gap, a double, or a change of dose now and then."""
    columns = _medicine_columns(batch)
    on, every, count = _course(batch)
    batch.starts.append(on)
    for _ in range(count):
        row = {**columns, "issued_on": on, "status": "completed"}
        oddity = batch.roll.integer(0, 19)
        if oddity == 19:
            row["status"] = batch.roll.choose(STATUSES)
        elif oddity == 18:
            row["days_supply"] = batch.roll.choose([None, 1, 60, 200])
        elif oddity == 17:
            columns = {**columns, "dose_high_milli": batch.roll.choose([1_000, 1_500, 4_000])}
        elif oddity == 16:
            setting, org = batch.roll.choose(SETTINGS)
            columns = {**columns, "setting": setting, "org_code": org}
        elif oddity == 15:
            batch.put_record("medication_issues", subject, **row)
        elif oddity == 14:
            row["issued_on"] = None
        elif oddity in (12, 13):
            row["plan_id"] = batch.roll.choose(batch.plans or ["no-such-plan"])
        batch.put_record("medication_issues", subject, **row)
        gap = batch.roll.choose([0, 0, 0, 0, 1, -3, -7, -8, -15, 14, 15, 32, 33, 60, 61, 89])
        batch.ends.append(on + timedelta(days=row["days_supply"] or every))
        on += timedelta(days=max(0, every + gap))


def _plan(batch: Batch, subject: tuple[int, str]) -> None:
    reason = batch.roll.choose(batch.catalogue.conditions) if batch.catalogue.conditions and batch.roll.boolean() else None
    started_on = batch.maybe_day()
    reviewed = [batch.maybe_day(nearly), started_on, batch.as_of]
    batch.plans.append(f"medication_plans-{len(batch.rows.get('medication_plans', []))}")
    batch.put_record(
        "medication_plans",
        subject,
        **_medicine_columns(batch),
        status=batch.roll.choose(["active", "active", "active", "stopped", "entered in error", None]),
        kind=batch.roll.choose(["repeat", "repeat", "repeat dispensing", "acute", "unknown", None]),
        elsewhere=batch.roll.choose([True, False, True, None]),
        started_on=started_on,
        asserted_on=batch.roll.choose([batch.maybe_day(), batch.maybe_day(), batch.as_of]),
        review_on=batch.roll.choose(reviewed),
        ended_on=batch.maybe_day(),
        intended_end_on=batch.maybe_day(nearly),
        indication_code=reason["code"] if reason and reason["code_system"] == "snomed" else batch.roll.choose([None, "no-such-code"]),
        indication_text=batch.roll.choose([None, None, "for sleep", " ", "anxious"]),
    )


def _value(batch: Batch, code: dict[str, Any]) -> int | None:
    """Often a value on or beside an edge of a rule, in the unit that the code converts from."""
    edges = batch.catalogue.edges.get(code["test"])
    if edges and batch.roll.chance(2):
        edge = batch.roll.choose(edges) + batch.roll.choose([-1, 0, 0, 1, 1, 40])
        return edge * code["denominator"] // code["numerator"]
    return batch.roll.choose([None, 600, 800, 999, 1_000, 1_999, 59_000, 60_000, 44_000, 45_000, 75_000, 80_500, 7, 140_000])


def _result(batch: Batch, subject: tuple[int, str]) -> None:
    code = batch.roll.choose(batch.tests)
    unit = code["unit"] if batch.roll.boolean() else batch.roll.choose([None, "no such unit", "KG", "mg/l"])
    on = batch.day_near_start()
    batch.results.append(on)
    row = {
        "code": code["code"],
        "code_system": code["code_system"],
        "effective_on": on,
        "precision": batch.roll.choose(["day", "month"]),
        "value_milli": _value(batch, code),
        "value_unit": unit,
        "comparator": batch.roll.choose([None, None, None, "<", ">="]),
        "status": batch.roll.choose(["final", "final", "final", "amended", "cancelled", "entered in error", None]),
        "org_code": PRACTICE,
    }
    batch.put_record("observations", subject, **row)
    if batch.roll.chance(4):
        batch.put_record("observations", subject, **{**row, "value_milli": batch.roll.choose([row["value_milli"], None, 850])})
    if batch.roll.chance(4):
        on = add(on, -12, batch.roll.choose([-1, 0, 0, 1]))
        batch.put_record("observations", subject, **{**row, "effective_on": on, "value_milli": (row["value_milli"] or 0) + 15_000})


def _condition(batch: Batch, subject: tuple[int, str]) -> None:
    code = batch.roll.choose(batch.catalogue.conditions)
    batch.put_record(
        "conditions",
        subject,
        code=code["code"],
        code_system=code["code_system"],
        onset_on=batch.maybe_day(),
        recorded_on=batch.maybe_day(),
        ended_on=batch.maybe_day() if batch.roll.chance(3) else None,
        status=batch.roll.choose(["active", "active", None, "unknown", "resolved", "refuted", "entered in error"]),
    )


def _event(batch: Batch, subject: tuple[int, str]) -> None:
    """A condition recorded as an observation, often so that it ends about now, and now and then on the day of another."""
    code = batch.roll.choose(batch.catalogue.conditions)
    on = batch.day()
    if batch.catalogue.lasting and batch.roll.boolean():
        months, days = batch.roll.choose(batch.catalogue.lasting)
        on = add(batch.as_of, -months, batch.roll.choose([-1, 0, 0, 1]) - days)
    for _ in range(batch.roll.choose([1, 1, 2])):
        batch.put_record(
            "observations",
            subject,
            code=code["code"],
            code_system=code["code_system"],
            effective_on=on,
            status=batch.roll.choose(["final", "final", "final", "cancelled", "entered in error", None]),
        )
        code = batch.roll.choose(batch.catalogue.conditions)
        on += timedelta(days=batch.roll.choose([0, 0, 1, -1, 30]))


def _stay(batch: Batch, subject: tuple[int, str]) -> None:
    """A stay that begins near the end of some supply, or anywhere."""
    on = batch.day()
    if batch.ends and not batch.roll.chance(4):
        on = batch.roll.choose(batch.ends) + timedelta(days=batch.roll.choose([-20, -1, 0, 1, 7, 28, 55, 56, 57, 84]))
    left = batch.roll.choose(
        [None, on, on + timedelta(days=1), on + timedelta(days=14), on + timedelta(days=90), batch.as_of, on - timedelta(days=3)]
    )
    batch.put_record("stays", subject, org_code=TRUST, started_on=on if not batch.roll.chance(15) else None, ended_on=left)


def _appointments(batch: Batch, subject: tuple[int, str]) -> None:
    for _ in range(batch.roll.integer(1, 4)):
        batch.put_record(
            "appointments",
            subject,
            on_date=batch.roll.choose([batch.day(), add(batch.as_of, -12, batch.roll.choose([-1, 0, 1])), batch.as_of, None]),
            status=batch.roll.choose(["did not attend", "did not attend", "attended", "booked", None]),
        )


def _answers(batch: Batch, person_id: int) -> None:
    def several(most: int) -> range:
        return range(batch.roll.integer(0, most))

    keys = [key for key in batch.catalogue.keys if key[1] in batch.pool or key[1] not in batch.catalogue.products] or batch.catalogue.keys
    for _ in several(3):
        rule_id, subject, name = batch.roll.choose(keys)
        if batch.results and batch.roll.chance(4):
            name = str(batch.roll.choose(batch.results))
        on = batch.day_near_start()
        if batch.ends and batch.roll.chance(3):
            end = batch.roll.choose(batch.ends)
            name = batch.roll.choose([str(end), name])
            on = end + timedelta(days=batch.roll.choose([-1, 0, 1, 30, 70]))
        kind = batch.roll.choose(["done", "declined", "not applicable"])
        row = {
            "rule_id": rule_id,
            "subject": subject,
            "point": name,
            "kind": kind,
            "on_date": on,
            "label": batch.roll.choose([None, "as said"]),
        }
        batch.put("dispositions", person_id=person_id, **row, until=batch.maybe_day(lately) if kind == "not applicable" else None)
    for number in several(4):
        batch.put(
            "agreement_lines",
            person_id=person_id,
            agreement_id=f"a{number}",
            substance=batch.roll.choose(batch.pool[:3]),
            line=batch.roll.choose(["all", "all", "prescribe", batch.roll.choose(batch.catalogue.lines)]),
            owner_org=batch.roll.choose([PRACTICE, TRUST, OTHER_TRUST, None]),
            owner_role=batch.roll.choose([None, "psychiatrist"]),
            from_on=batch.day(),
            to_on=batch.maybe_day(),
            label=batch.roll.choose([None, "agreed"]),
        )
    if batch.roll.chance(3):
        batch.put(
            "owner_assertions",
            person_id=person_id,
            substance=batch.roll.choose(batch.pool),
            owner_org=batch.roll.choose([PRACTICE, TRUST, None]),
            owner_role=None,
            from_on=batch.day(),
            to_on=batch.maybe_day(),
            label=batch.roll.choose([None, "said so"]),
        )
    for _ in several(2):
        value = batch.roll.choose([None, 600, 1_000, 80_000, 45_000])
        batch.put(
            "recorded_results",
            person_id=person_id,
            test=batch.roll.choose(batch.catalogue.test_keys),
            effective_on=batch.day_near_start(),
            value_milli=value,
        )


def _person(batch: Batch, person_id: int) -> None:
    batch.starts, batch.results, batch.plans, batch.ends = [], [], [], []
    subjects = [(person_id * 10, PRACTICE)]
    for _ in range(batch.roll.choose([0, 0, 1, 1, 2])):
        subjects.append((person_id * 10 + len(subjects), batch.roll.choose([TRUST, TRUST, OTHER_PRACTICE, WALK_IN])))
    for number, (subject_id, source) in enumerate(subjects):
        link = {
            "person_id": person_id,
            "source": source,
            "local_id": str(subject_id),
            "method": "person",
            "linked_at": datetime(2000, 1, 1),
        }
        batch.put("links", subject_id=subject_id, **link)
        if batch.roll.chance(8):
            batch.put("links", subject_id=subject_id, **{**link, "person_id": person_id + 1000, "undone_at": datetime(2001, 1, 1)})
        if number == 0 and batch.roll.chance(15):
            continue
        batch.put_record(
            "patients",
            (subject_id, source),
            birth_date=batch.as_of - timedelta(days=batch.roll.choose(AGES)) if not batch.roll.chance(8) else None,
            death_date=batch.day(lately) if batch.roll.chance(12) else None,
            sex=batch.roll.choose(["female", "male", "other", None]),
            org_code=source if not batch.roll.chance(6) else batch.roll.choose([OTHER_PRACTICE, TRUST, None]),
            gp_org_code=batch.roll.choose([PRACTICE, OTHER_PRACTICE, None]),
            interpreter=batch.roll.choose([None, False, True]),
        )
    main = subjects[0]
    for _ in range(batch.roll.choose([1, 1, 1, 0, 2])):
        ended = batch.maybe_day(lately) if batch.roll.chance(3) else None
        org = batch.roll.choose([PRACTICE, PRACTICE, PRACTICE, OTHER_PRACTICE])
        batch.put_record("registrations", main, org_code=org, kind="registration", started_on=batch.maybe_day(around), ended_on=ended)
    if batch.roll.chance(4):
        org = batch.roll.choose([TRUST, OTHER_TRUST, None])
        batch.put_record(
            "registrations", subjects[-1], org_code=org, kind="caseload", started_on=batch.maybe_day(), ended_on=batch.maybe_day()
        )

    def of_someone() -> tuple[int, str]:
        return batch.roll.choose(subjects)

    for _ in range(batch.roll.choose([0, 1, 0, 2])):
        _plan(batch, of_someone())
    for _ in range(batch.roll.integer(1, 4)):
        _series(batch, of_someone())
    for _ in range(batch.roll.integer(2, 10)):
        _result(batch, of_someone())
    for _ in range(batch.roll.integer(0, 2) if batch.catalogue.conditions else 0):
        _condition(batch, of_someone())
    for _ in range(batch.roll.choose([0, 0, 1, 2]) if batch.catalogue.conditions else 0):
        _event(batch, of_someone())
    for _ in range(batch.roll.choose([0, 0, 0, 1, 2])):
        _stay(batch, of_someone())
    if batch.roll.chance(3):
        _appointments(batch, main)
    if batch.roll.chance(3):
        batch.put_record(
            "letters", main, from_org=batch.roll.choose([TRUST, PRACTICE, None]), to_org=PRACTICE, sent_on=batch.day(), title="letter"
        )
    _answers(batch, person_id)


def _asked(batch: Batch, person_id: int) -> None:
    """What people's work asked, in several statements about a few keys, some of them of days to come."""
    for source, source_id in [("advice", "7"), ("service request", "7")][: batch.roll.integer(0, 2)]:
        test = batch.roll.choose([None, *batch.catalogue.test_keys])
        on = raised_on = batch.day()
        rounds, point = 1, batch.roll.choose(["answer", "bloods"])
        for seq in range(1, batch.roll.integer(1, 4) + 1):
            kind = "asked" if seq == 1 else batch.roll.choose(["asked", "asked", "done", "superseded"])
            batch.put(
                "asked",
                person_id=person_id,
                source=source,
                source_id=source_id,
                point=point,
                seq=seq,
                kind=kind,
                stated_on=on,
                round=rounds,
                raised_on=raised_on,
                title="do it",
                test=test,
                opens_on=raised_on + timedelta(days=batch.roll.choose([0, 0, 1, 7])),
                due_on=raised_on + timedelta(days=batch.roll.choose([0, 7, 14, 400])),
                escalate_on=batch.maybe_day(),
                owner_org=batch.roll.choose([PRACTICE, TRUST, "nobody", None]),
                owner_role=batch.roll.choose([None, "gp"]),
                points=batch.roll.choose([None, 2]),
                why="please",
                label="asked",
                ended_on=on if kind != "asked" else None,
                ended_why=batch.roll.choose([None, "settled"]) if kind != "asked" else None,
            )
            if kind != "asked":
                rounds, raised_on = rounds + 1, on
            on += timedelta(days=batch.roll.choose([0, 1, 7, 60]))
        if batch.roll.boolean():
            batch.put(
                "dispositions",
                person_id=person_id,
                rule_id=f"asked.{source}",
                subject=source_id,
                point=point,
                kind=batch.roll.choose(["done", "declined", "not applicable"]),
                on_date=batch.day(),
                until=batch.maybe_day(lately),
                label=batch.roll.choose([None, "as said"]),
            )
        if test is not None and batch.roll.boolean():
            near = raised_on + timedelta(days=batch.roll.choose([-1, 0, 1, 7]))
            batch.put("recorded_results", person_id=person_id, test=test, effective_on=near, value_milli=700)


def _requests(batch: Batch, person_id: int) -> None:
    """Requests to share a medicine, of which some are over."""
    for number in range(batch.roll.integer(0, 2)):
        batch.put(
            "owner_requests",
            person_id=person_id,
            request_id=f"q{number}",
            substance=batch.roll.choose(batch.pool[:3]),
            owner_org=batch.roll.choose([PRACTICE, TRUST, OTHER_TRUST, None]),
            asked_org=PRACTICE,
            from_on=batch.day(),
            to_on=batch.maybe_day(),
            label=batch.roll.choose([None, "asked"]),
        )


def history(dice: Dice, found: Catalogue, people: int, medicines: int = 6) -> tuple[Inputs, date]:
    """Inputs for so many people who share a pool of medicines, and the day to evaluate them on."""
    roll = Roll(dice)
    batch = Batch(roll, found, roll.choose(AS_OF), roll.several(found.substances, 2, medicines), roll.several(found.tests, 2, 6))
    for person_id in range(1, people + 1):
        _person(batch, person_id)
    if batch.roll.chance(3):
        batch.put("organisations", source=PRACTICE, native_id="1", version="1", org_code=WALK_IN, kind="practice")
        batch.put("organisations", source=PRACTICE, native_id="2", version="1", org_code=TRUST, kind="trust")
    if batch.roll.chance(2):
        decided = {
            "substance": batch.roll.choose([None, *batch.pool]),
            "strength_ug": batch.roll.choose([None, 2_000]),
            "unit": batch.roll.choose([None, "tablet"]),
        }
        code = batch.roll.choose([None, "coded-by-hand"])
        batch.put("codings", code_system="emis", code=code, term="odd name 5mg", **decided, label="decided")
    if batch.roll.chance(2):
        pack = found.tables["k_pack"].to_pylist()[0]
        version = batch.roll.choose([pack["version"], "another"])
        batch.put("approvals", org_code=PRACTICE, pack=pack["pack"], version=version, approved_on=batch.maybe_day(lately), label="approved")
    # Last, so that what was drawn before it stays as it was.
    for person_id in range(1, people + 1):
        _asked(batch, person_id)
    for person_id in range(1, people + 1):
        _requests(batch, person_id)
    return batch.inputs(), batch.as_of
