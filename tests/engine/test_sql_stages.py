"""Single stages on a few rows, with answers worked by hand (docs/engine.md)."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest

from stepwell.engine import runner, stage_files

AS_OF = date(2026, 6, 1)
PARAMETERS = {
    "as_of": AS_OF,
    "interval_min_issues": 3,
    "default_days": 28,
    "min_days": 1,
    "max_days": 112,
    "carry_cap_days": 28,
    "stop_gap_days": 60,
    "grace_days": 28,
    "elsewhere_months": 12,
    "egfr_fall_milli": 15_000,
    "egfr_fall_percent": 25,
    "egfr_fall_months": 12,
    "letter_months": 3,
}
COLUMNS = {
    "doses": "person_id BIGINT, substance VARCHAR, plan_key VARCHAR, on_date DATE, plan_days BIGINT, supplier VARCHAR, org_code VARCHAR, "
    "code VARCHAR, term VARCHAR, dose_text VARCHAR, dose_status VARCHAR, as_required BOOLEAN, days_supply INTEGER, stated_ug BIGINT, "
    "quantity_days BIGINT, quantity_ug BIGINT, rate_ug BIGINT, patch_ug BIGINT, patch_milli_hours BIGINT",
    "prescriptions": "person_id BIGINT, substance VARCHAR, plan_key VARCHAR, on_date DATE, plan_days BIGINT, supplier VARCHAR, "
    "org_code VARCHAR, code VARCHAR, term VARCHAR, strength_ug BIGINT, unit VARCHAR, dose_text VARCHAR, dose_status VARCHAR, "
    "dose_high_milli BIGINT, dose_unit VARCHAR, as_required BOOLEAN, quantity_milli BIGINT, quantity_unit VARCHAR, days_supply INTEGER",
    "supply": "person_id BIGINT, substance VARCHAR, plan_key VARCHAR, on_date DATE, supplier VARCHAR, org_code VARCHAR, code VARCHAR, "
    "term VARCHAR, dose_text VARCHAR, as_required BOOLEAN, days BIGINT, daily_ug BIGINT, trust INTEGER",
    "events": "person_id BIGINT, substance VARCHAR, on_date DATE, days BIGINT, daily_ug BIGINT, trust INTEGER, as_required BOOLEAN, "
    "issued BOOLEAN, plan_days BIGINT",
    "timeline": "person_id BIGINT, substance VARCHAR, on_date DATE, days BIGINT, daily_ug BIGINT, trust INTEGER, as_required BOOLEAN, "
    "issued BOOLEAN, plan_days BIGINT, is_stay BOOLEAN, redosed BOOLEAN",
    "points": "person_id BIGINT, rule_id VARCHAR, subject VARCHAR, point VARCHAR, seq INTEGER, kind VARCHAR, base_on DATE, "
    "opens_on DATE, closes_on DATE, due_on DATE, lapses_on DATE",
    "evidence": "person_id BIGINT, rule_id VARCHAR, subject VARCHAR, point VARCHAR, on_date DATE, kind VARCHAR, rank INTEGER",
    "readings": "person_id BIGINT, test VARCHAR, on_date DATE, value_milli BIGINT, words VARCHAR, number VARCHAR, unit VARCHAR, "
    "is_latest BOOLEAN, is_latest_number BOOLEAN",
    "subjects": "subject_id BIGINT, person_id BIGINT",
}
DEFAULTS: dict[str, dict[str, Any]] = {
    "prescriptions": {"person_id": 1, "substance": "a", "on_date": AS_OF, "supplier": "gp", "as_required": False},
    "doses": {"person_id": 1, "substance": "a", "on_date": AS_OF, "supplier": "gp", "as_required": False, "dose_status": "none"},
    "supply": {"person_id": 1, "substance": "a", "supplier": "gp", "as_required": False, "trust": 1},
    "events": {"person_id": 1, "substance": "a", "trust": 1, "as_required": False, "issued": True},
    "timeline": {"person_id": 1, "substance": "a", "trust": 1, "as_required": False, "issued": True, "is_stay": False, "redosed": False},
    "points": {"person_id": 1, "rule_id": "r", "subject": "a", "kind": "chain"},
    "evidence": {"person_id": 1, "rule_id": "r", "subject": "a", "kind": "result", "rank": 3},
}


class Bench:
    """A database with the tables a stage reads, and the stage run in it."""

    def __init__(self, **tables: list[dict[str, Any]]) -> None:
        self.connection = runner.connect()
        for name, table in runner.INPUTS.items():
            self.connection.register(name, table.arrow_schema().empty_table())
        for name, rows in tables.items():
            self.put(name, rows)

    def put(self, name: str, rows: list[dict[str, Any]]) -> None:
        rows = [DEFAULTS.get(name, {}) | row for row in rows]
        if name in runner.INPUTS:
            table = runner.INPUTS[name]
            full = [dict.fromkeys(table.names) | row for row in rows]
            self.connection.register(name, pa.Table.from_pylist(full, schema=table.arrow_schema()))
            return
        self.connection.execute(f"CREATE TABLE {name} ({COLUMNS[name]})")
        for row in rows:
            marks = ", ".join("?" for _ in row)
            self.connection.execute(f"INSERT INTO {name} ({', '.join(row)}) VALUES ({marks})", list(row.values()))

    def run(self, *stages: str, **values: Any) -> list[dict[str, Any]]:
        """Each stage into a table of its name; the rows of the last."""
        for stage in stages:
            sql = stage_files.render(stage_files.load()[stage].sql, PARAMETERS | values)
            name = "carry" if stage == "carry_pass" else stage
            self.connection.execute(f"CREATE OR REPLACE TABLE {name} AS {sql}")
        return self.rows("carry" if stages[-1] == "carry_pass" else stages[-1])

    def rows(self, name: str) -> list[dict[str, Any]]:
        return self.connection.sql(f"FROM {name} ORDER BY ALL").to_arrow_table().to_pylist()


def day(number: int) -> date:
    return date(2025, 1, 1) + timedelta(days=number)


def courses(*events: tuple[int, int]) -> list[tuple[int, int, int, int | None]]:
    """(start, end of supply, issues, gap after) of each course, in days from the first of January 2025."""
    bench = Bench(timeline=[{"on_date": day(on), "days": days} for on, days in events])
    bench.run("carry")
    for number in range(runner.passes_for(len(events))):
        bench.run("carry_pass", step=2**number)
    rows = bench.run("chains", "courses")
    return [((r["started_on"] - day(0)).days, (r["supply_ends_on"] - day(0)).days, r["issues"], r["gap_days"]) for r in rows]


def test_what_is_left_over_is_carried_on() -> None:
    # Day 20 comes 8 days before the first 28 run out: 20 + 28 + 8.
    assert courses((0, 28), (20, 28)) == [(0, 56, 2, None)]


def test_what_is_carried_is_capped() -> None:
    # Four boxes in as many days: never more than 28 days beyond the last issue's own. E = 28, 1+28+27, 2+28+28 (54 left), 3+28+28.
    assert courses((0, 28), (1, 28), (2, 28), (3, 28)) == [(0, 59, 4, None)]


def test_nothing_is_carried_over_a_gap() -> None:
    assert courses((0, 28), (40, 28)) == [(0, 68, 2, None)]


@pytest.mark.parametrize(("on", "expected"), [(88, [(0, 116, 2, None)]), (89, [(0, 28, 1, 61), (89, 117, 1, None)])])
def test_a_gap_of_exactly_sixty_days_does_not_end_a_course(on: int, expected: list[Any]) -> None:
    assert courses((0, 28), (on, 28)) == expected


def test_carrying_can_bridge_what_would_be_a_gap() -> None:
    # The second box is taken after the first: supply to day 56, and day 116 is sixty days on.
    assert courses((0, 28), (0 + 1, 28), (116, 28)) == [(0, 144, 3, None)]


def test_an_issue_does_not_shorten_what_a_plan_covers() -> None:
    bench = Bench(timeline=[{"on_date": day(0), "days": 365, "plan_days": 365, "issued": False}, {"on_date": day(30), "days": 28}])
    bench.run("carry")
    bench.run("carry_pass", step=1)
    (course,) = bench.run("chains", "courses")
    assert (course["supply_ends_on"], course["issues"], course["last_issued_on"]) == (day(365), 1, day(30))


def test_composed_clamps_equal_the_recursion() -> None:
    chance = random.Random(5)
    for length in (1, 2, 3, 17, 130):
        on, events = 0, []
        for _ in range(length):
            on += chance.choice([1, 3, 7, 14, 28, 30, 56, 95])
            events.append((on, chance.choice([1, 7, 28, 56, 112])))
        end, expected = None, []
        for start, days in events:
            end = start + days + (min(max(end - start, 0), 28) if end is not None else 0)
            expected.append(end)
        bench = Bench(timeline=[{"on_date": day(start), "days": days} for start, days in events])
        bench.run("carry")
        for number in range(runner.passes_for(length)):
            bench.run("carry_pass", step=2**number)
        rows = sorted(bench.rows("carry"), key=lambda row: row["place"])
        assert [row["low"] for row in rows] == [row["high"] for row in rows]
        assert [row["low"] - (day(0) - date(1970, 1, 1)).days for row in rows] == expected


def event(*rows: dict[str, Any]) -> dict[str, Any]:
    (found,) = Bench(supply=[{"on_date": AS_OF, **row} for row in rows]).run("events")
    return found


def test_a_holiday_double_issue_adds_days_not_dose() -> None:
    box = {"code": "5mg", "dose_text": "one daily", "days": 28, "daily_ug": 5_000}
    found = event(box, box)
    assert (found["days"], found["daily_ug"]) == (56, 5_000)


def test_two_strengths_on_a_day_add_dose_and_last_as_long_as_the_longest() -> None:
    found = event({"code": "5mg", "days": 28, "daily_ug": 5_000}, {"code": "2mg", "days": 14, "daily_ug": 4_000, "trust": 2})
    assert (found["days"], found["daily_ug"], found["trust"]) == (28, 9_000, 2)


def test_one_unknown_part_makes_the_dose_of_the_day_unknown() -> None:
    found = event({"code": "5mg", "days": 28, "daily_ug": 5_000}, {"code": "2mg", "days": 28, "trust": 4, "as_required": True})
    assert (found["daily_ug"], found["trust"], found["as_required"]) == (None, 4, False)


def test_a_plan_adds_no_days_to_an_issue_of_its_day() -> None:
    box = {"code": "5mg", "dose_text": "one daily", "daily_ug": 5_000}
    found = event({**box, "days": 28}, {**box, "days": 100, "plan_key": "X p1"})
    assert (found["days"], found["issued"]) == (100, True)


@pytest.mark.parametrize(
    ("row", "stated", "days", "supplied"),
    [
        # 15 mg by weight; 28 tablets of 5 mg are 140 mg, nine days and a third of 15 mg
        ({"dose_high_milli": 15_000, "dose_unit": "mg", "quantity_milli": 28_000, "quantity_unit": "tablet"}, 15_000, 9, 140_000),
        # two tablets of 5 mg; tablets and capsules are both solid
        ({"dose_high_milli": 2_000, "dose_unit": "tablet", "quantity_milli": 56_000, "quantity_unit": "capsule"}, 10_000, 28, 280_000),
        ({"dose_high_milli": 500, "dose_unit": "dose", "quantity_milli": 28_000, "quantity_unit": "tablet"}, 2_500, 56, 140_000),
        # millilitres do not count tablets
        ({"dose_high_milli": 5_000, "dose_unit": "ml", "quantity_milli": 28_000, "quantity_unit": "tablet"}, None, None, 140_000),
        # a figure "when required" is a ceiling
        (
            {
                "dose_high_milli": 2_000,
                "dose_unit": "tablet",
                "quantity_milli": 28_000,
                "quantity_unit": "tablet",
                "as_required": True,
            },
            None,
            None,
            140_000,
        ),
        ({"dose_high_milli": 2_000, "dose_unit": "tablet", "dose_status": "not understood"}, None, None, None),
        # weights match weights: 30 g at 500 mg a day
        ({"dose_high_milli": 500_000, "dose_unit": "mg", "quantity_milli": 30_000, "quantity_unit": "gram"}, 500_000, 60, None),
        ({"dose_high_milli": 1_000, "dose_unit": "unit", "quantity_milli": 30_000, "quantity_unit": "gram"}, 5_000, None, None),
    ],
)
def test_what_a_prescription_says_about_a_day(row: dict[str, Any], stated: int | None, days: int | None, supplied: int | None) -> None:
    (found,) = Bench(prescriptions=[{"strength_ug": 5_000, "unit": "tablet", "dose_status": "text", **row}]).run("doses")
    assert (found["stated_ug"], found["quantity_days"], found["quantity_ug"]) == (stated, days, supplied)


def test_how_long_a_prescription_lasts() -> None:
    every = [0, 30, 61, 89]  # 30, 31 and 28 days apart: the lower median of three is 30
    bench = Bench(doses=[{"on_date": day(on), "quantity_ug": 84_000} for on in every])
    rows = bench.run("intervals", "supply")
    assert {(row["days"], row["daily_ug"], row["trust"]) for row in rows} == {(30, 2_800, 3)}


@pytest.mark.parametrize(
    ("row", "days"),
    [
        ({"days_supply": 56, "quantity_days": 28}, 56),
        ({"days_supply": 0, "quantity_days": 14}, 14),
        ({"days_supply": 365}, 112),
        ({"quantity_days": 0}, 1),
        ({}, 28),
        ({"plan_key": "X p1", "plan_days": 300}, 300),
    ],
)
def test_days_come_from_the_first_that_tells_and_are_clamped(row: dict[str, Any], days: int) -> None:
    (found,) = Bench(doses=[row]).run("intervals", "supply")
    assert found["days"] == days


WINDOWS = [  # (from, lapse): each overlaps its neighbour
    {"point": "one", "seq": 1, "opens_on": day(0), "lapses_on": day(100)},
    {"point": "two", "seq": 2, "opens_on": day(80), "lapses_on": day(200)},
    {"point": "three", "seq": 3, "opens_on": day(180), "lapses_on": None},
]


@pytest.mark.parametrize(
    ("results", "answers", "served"),
    [
        ([], {}, [None, None, None]),
        ([90], {}, [90, None, None]),  # the earliest open point takes it
        ([90, 95], {}, [90, 95, None]),
        ([85, 95, 190], {}, [85, 95, 190]),
        ([90, 190], {}, [90, 190, None]),  # 190 fits two and three: two is earlier and open
        ([90, 95, 190], {}, [90, 95, 190]),  # 90 serves one, so 95 serves two, so 190 serves three
        ([50, 90, 190], {}, [50, 90, 190]),
        ([90], {"one": 60}, [60, 90, None]),  # an answer uses no result
        ([90, 190], {"two": 150}, [90, 150, 190]),
        ([250], {"three": 10}, [None, None, 10]),
    ],
)
def test_each_result_serves_the_earliest_chain_point_it_fits(results: list[int], answers: dict[str, int], served: list[int | None]) -> None:
    evidence = [{"on_date": day(on)} for on in results]
    evidence += [{"on_date": day(on), "point": point, "kind": "declined", "rank": 1} for point, on in answers.items()]
    rows = sorted(Bench(points=WINDOWS, evidence=evidence).run("chain_points"), key=lambda row: row["seq"])
    assert [None if row["served_on"] is None else (row["served_on"] - day(0)).days for row in rows] == served
    assert [row["served_by"] for row in rows] == [
        None if on is None else ("declined" if row["point"] in answers else "result") for on, row in zip(served, rows, strict=True)
    ]


def greedy(windows: list[tuple[int, int]], results: list[int]) -> list[int | None]:
    served: list[int | None] = [None] * len(windows)
    for on in sorted(set(results)):
        for number, (start, end) in enumerate(windows):
            if served[number] is None and start <= on < end:
                served[number] = on
                break
    return served


def test_chain_serving_equals_taking_the_days_in_order() -> None:
    chance = random.Random(11)
    for _ in range(60):
        edges = sorted(chance.sample(range(0, 300), 8))
        # Windows [e0, e2), [e1, e4), [e3, e6), [e5, e7): each overlaps its neighbours and no other.
        windows = [(edges[0], edges[2]), (edges[1], edges[4]), (edges[3], edges[6]), (edges[5], edges[7])]
        results = [chance.choice([*range(0, 300), *edges]) for _ in range(chance.randint(0, 9))]
        points = [{"point": f"p{n}", "seq": n, "opens_on": day(a), "lapses_on": day(b)} for n, (a, b) in enumerate(windows)]
        evidence = [{"on_date": day(on)} for on in sorted(set(results))]
        rows = sorted(Bench(points=points, evidence=evidence).run("chain_points"), key=lambda row: row["seq"])
        found = [None if row["served_on"] is None else (row["served_on"] - day(0)).days for row in rows]
        assert found == greedy(windows, results), (windows, results)


def test_results_are_converted_rounded_half_up_and_joined() -> None:
    lab = {"subject_id": 10, "code_system": "snomed", "code": "1", "effective_on": AS_OF, "status": "final"}
    bench = Bench(
        subjects=[{"subject_id": 10, "person_id": 1}, {"subject_id": 11, "person_id": 1}],
        k_test_code=[
            {"test": "t", "code_system": "snomed", "code": "1", "unit": "a", "numerator": 1, "denominator": 1},
            {"test": "t", "code_system": "snomed", "code": "1", "unit": "b", "numerator": 1, "denominator": 2},
        ],
        observations=[
            {**lab, "source": "X", "native_id": "1", "value_milli": 5, "value_unit": "A"},
            {**lab, "source": "Y", "native_id": "2", "subject_id": 11, "value_milli": 9, "value_unit": "b"},  # 4.5 → 5: the same fact
            {**lab, "source": "X", "native_id": "3", "value_milli": -3, "value_unit": "b"},  # −1.5 → −1
            {**lab, "source": "X", "native_id": "4", "value_milli": 7, "value_unit": "furlong"},
            {**lab, "source": "X", "native_id": "5", "value_milli": 8, "value_unit": "a", "status": "entered in error"},
            {**lab, "source": "X", "native_id": "6", "value_milli": 8, "value_unit": "a", "effective_on": AS_OF + timedelta(days=1)},
        ],
        recorded_results=[{"person_id": 1, "test": "t", "effective_on": AS_OF, "value_milli": 5}],
    )
    found = {(row["value_milli"], row["roads"]) for row in bench.run("results")}
    assert found == {(5, 3), (-1, 1), (None, 1)}


def test_numbers_are_worded_without_trailing_zeros() -> None:
    values = {710: "0.71", 41_000: "41", 6_500: "6.5", 5: "0.005", -1_250: "-1.25", 0: "0"}
    bench = Bench(k_test=[{"test": "t", "label": "T", "unit": "mmol/L", "kind": "measurement"}])
    bench.connection.execute(
        "CREATE TABLE results (person_id BIGINT, test VARCHAR, effective_on DATE, value_milli BIGINT, comparator VARCHAR, roads INTEGER)"
    )
    for number, value in enumerate(values):
        bench.connection.execute("INSERT INTO results VALUES (1, 't', ?, ?, NULL, 1)", [day(number), value])
    words = {row["value_milli"]: row["words"] for row in bench.run("readings")}
    assert words == {value: f"{text} mmol/L on {day(number)}" for number, (value, text) in enumerate(values.items())}


@pytest.mark.parametrize(
    ("series", "drop"),
    [
        ([(0, 60_000), (100, 45_000)], 15_000),  # 15 is enough by itself
        ([(0, 60_000), (100, 46_000)], None),  # 14, 23 %: neither
        ([(0, 40_000), (100, 29_000)], 11_000),  # 27.5 % and another band
        ([(0, 40_000), (100, 30_000)], None),  # 25 %, but the band that begins at 30 holds both
        ([(0, 60_000), (366, 40_000)], None),  # more than twelve months before the latest
        ([(0, 60_000), (365, 40_000)], 20_000),
        ([(0, 40_000), (100, 60_000)], None),
    ],
)
def test_egfr_falls_by_fifteen_or_by_a_quarter_into_another_band(series: list[tuple[int, int]], drop: int | None) -> None:
    readings = [
        {"person_id": 1, "test": "egfr", "on_date": day(on), "value_milli": value, "is_latest_number": place == len(series) - 1}
        for place, (on, value) in enumerate(series)
    ]
    bench = Bench(readings=readings, k_category=[{"test": "egfr", "low_milli": edge} for edge in (15_000, 30_000, 45_000, 60_000)])
    assert [row["drop_milli"] for row in bench.run("falls")] == ([] if drop is None else [drop])


def person(**tables: list[dict[str, Any]]) -> dict[str, Any]:
    (found,) = Bench(subjects=[{"subject_id": 10, "person_id": 1}, {"subject_id": 11, "person_id": 1}], **tables).run("people")
    return found


def test_a_practice_speaks_before_others() -> None:
    found = person(
        patients=[
            {"subject_id": 10, "source": "A00", "native_id": "1", "sex": "male", "birth_date": day(0), "org_code": "A00"},
            {"subject_id": 11, "source": "Z99001", "native_id": "2", "sex": "female", "org_code": "Z99001"},
        ]
    )
    assert (found["sex"], found["birth_date"], found["gp_org"], found["counted"]) == ("female", day(0), "Z99001", True)


@pytest.mark.parametrize(
    ("rows", "gp_org", "counted"),
    [
        ([("Z1", None, None), ("Z2", day(10), None)], "Z2", True),
        ([("Z2", day(10), None), ("Z1", day(10), None)], "Z1", True),
        ([("Z1", day(0), AS_OF)], None, False),
        ([("Z1", day(0), AS_OF + timedelta(days=1))], "Z1", True),
        ([("Z1", AS_OF + timedelta(days=1), None)], "Z99001", True),  # not read yet: as if there were none
    ],
)
def test_the_registered_practice(rows: list[tuple[str, date | None, date | None]], gp_org: str | None, counted: bool) -> None:
    found = person(
        patients=[{"subject_id": 10, "source": "Z99001", "native_id": "1", "org_code": "Z99001"}],
        registrations=[
            {
                "subject_id": 10,
                "source": "Z99001",
                "native_id": str(n),
                "org_code": org,
                "kind": "registration",
                "started_on": a,
                "ended_on": b,
            }
            for n, (org, a, b) in enumerate(rows)
        ],
    )
    assert (found["gp_org"], found["counted"]) == (gp_org, counted)


def test_who_died_by_then_is_not_counted() -> None:
    row = {"subject_id": 10, "source": "Z99001", "native_id": "1", "org_code": "Z99001"}
    assert person(patients=[{**row, "death_date": AS_OF}])["counted"] is False
    assert person(patients=[{**row, "death_date": AS_OF + timedelta(days=1)}])["counted"] is True


def test_a_coding_that_says_no_medicine_ends_the_search() -> None:
    issue = {"subject_id": 10, "source": "X", "code_system": "snomed", "term": "Thing 5mg", "term_name": "thing", "issued_on": AS_OF}
    bench = Bench(
        medication_issues=[{**issue, "native_id": "1", "code": "1"}, {**issue, "native_id": "2", "code": "2"}, {**issue, "native_id": "3"}],
        k_product=[
            {"code_system": "snomed", "code": "1", "substance": "listed"},
            {"code_system": "snomed", "code": "2", "substance": "listed"},
        ],
        k_name=[{"term_name": "thing", "substance": "named"}],
        codings=[{"code_system": "snomed", "code": "2", "substance": None}],
    )
    assert {(row["code"], row["substance"]) for row in bench.run("products")} == {("1", "listed"), (None, "named")}
    bench.put("codings", [{"code": None, "term": "thing 5mg", "substance": "decided", "strength_ug": 5}])
    assert {(row["code"], row["substance"]) for row in bench.run("products")} == {
        ("1", "listed"),
        ("2", "listed"),
        (None, "decided"),
    }
