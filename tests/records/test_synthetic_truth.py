"""The event simulation, against days counted by hand; and that comparing notices what differs."""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from stepwell import knowledge
from stepwell.cli import main
from stepwell.records.synthetic import truth
from stepwell.records.synthetic.population import make_practice
from stepwell.records.synthetic.truth.book import Book
from stepwell.records.synthetic.truth.calendar import birthdays, later
from stepwell.records.synthetic.truth.cupboard import Habits, class_starts, walk
from stepwell.records.synthetic.truth.diary import Delivery, Diary, supplies
from stepwell.records.synthetic.truth.duties import Clock, Schedule
from stepwell.records.synthetic.world import make_world

KNOWLEDGE = knowledge.load()
BOOK = Book(KNOWLEDGE.tables())
HABITS = Habits(stop=60, cap=28, grace=28)
AS_OF = date(2026, 6, 1)
FIRST = date(2026, 1, 1)


def at(days: int) -> date:
    return FIRST + timedelta(days=days)


def walked(*issues: tuple[int, int], stays: dict[int, int] | None = None, until: date = AS_OF):
    deliveries = {at(day): Delivery(at(day), days=days, kinds={"gp"}, issued=True) for day, days in issues}
    return walk(deliveries, {at(day): days for day, days in (stays or {}).items()}, until, HABITS)


# ---- the calendar and the cupboard -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "months", "days", "then"),
    [
        (date(2024, 1, 31), 1, 0, date(2024, 2, 29)),
        (date(2025, 1, 31), 1, 1, date(2025, 3, 1)),
        (date(2025, 3, 31), -1, 0, date(2025, 2, 28)),
        (date(2025, 12, 15), 1, 0, date(2026, 1, 15)),
        (date(2025, 5, 5), None, None, date(2025, 5, 5)),
    ],
)
def test_months_are_of_the_calendar(day, months, days, then):
    assert later(day, months, days) == then


def test_birthdays_are_counted_on_the_day():
    assert birthdays(date(1960, 6, 1), AS_OF) == 66 and birthdays(date(1960, 6, 2), AS_OF) == 65
    assert birthdays(date(2004, 2, 29), date(2026, 2, 28)) == 22 and birthdays(date(2027, 1, 1), AS_OF) is None


def test_sixty_dry_days_are_the_same_course_and_sixty_one_are_not():
    (one,) = walked((0, 28), (28 + 60, 28))
    assert (one.started_on, one.ends_on, len(one.covered)) == (at(0), at(116), 56)
    assert one.spells == [(at(28), at(88))]
    before, after = walked((0, 28), (28 + 61, 28))
    assert (before.ends_on, after.started_on, after.ends_on) == (at(28), at(89), at(117))


def test_what_is_left_is_kept_up_to_the_cap():
    (early,) = walked((0, 28), (20, 28))
    assert early.ends_on == at(20 + 8 + 28)
    (hoard,) = walked((0, 56), (7, 56))
    assert hoard.ends_on == at(7 + 28 + 56)


def test_supply_beyond_today_is_foreseen():
    (course,) = walked((0, 28), until=at(3))
    assert course.ends_on == at(28) and len(course.covered) == 4


def test_the_ward_supplies_while_in_hospital():
    (course,) = walked((0, 28), (110, 28), stays={40: 70})
    assert course.issues == 2 and course.ends_on == at(138)
    assert len(walked((0, 28), (110, 28))) == 2
    # Admitted so long after the supply ended that it was no longer taken: 28 days, 28 kept, 28 of grace.
    assert len(walked((0, 28), (150, 28), stays={84: 50})) == 1
    assert len(walked((0, 28), (150, 28), stays={85: 50})) == 2


def test_a_plan_elsewhere_is_not_shortened_by_an_issue():
    deliveries = {
        at(0): Delivery(at(0), days=120, kinds={"trust"}, plan_ends=[(at(120), "trust", "RX9")]),
        at(30): Delivery(at(30), days=28, kinds={"gp"}, issued=True),
    }
    (course,) = walk(deliveries, {}, AS_OF, HABITS)
    assert course.ends_on == at(120) and course.issues == 1


def test_a_change_of_dose_is_one_that_both_instructions_tell():
    def dose(day: int, ug: int, read: bool = True) -> Delivery:
        return Delivery(at(day), days=28, dose_ug=ug, read=read, kinds={"gp"}, issued=True)

    each = [dose(0, 10), dose(28, 20), dose(56, 20), dose(84, 5, read=False), dose(112, 20)]
    (course,) = walk({one.day: one for one in each}, {}, AS_OF, HABITS)
    assert course.changed_on == at(28)


def test_a_class_goes_on_over_a_switch():
    one, other = walked((0, 28)), walked((80, 28))
    assert class_starts(one + other, 60) == [at(0)]
    assert class_starts(one + walked((89, 28)), 60) == [at(0), at(89)]


# ---- issues as written -----------------------------------------------------------------------------------------------

ROW = {
    "source": "A81001", "status": "completed", "plan_id": None, "org_code": "A81001", "setting": "gp", "code": None, "code_system": None,
    "term": "Sertraline 50mg tablets", "term_name": "sertraline", "strength_ug": 50_000, "unit": "tablet", "dose_text": "1 daily",
    "dose_status": "text", "dose_high_milli": 1000, "dose_unit": "dose", "as_required": False, "quantity_milli": 28_000,
    "quantity_unit": "tablet", "days_supply": None, "issued_on": FIRST,
}  # fmt: skip


def delivered(*rows: dict) -> dict[date, Delivery]:
    diary = Diary(1)
    diary.rows["medication_issues"] = [ROW | row for row in rows]
    return supplies(diary, BOOK, AS_OF, "A81001")["sertraline"].deliveries


def test_the_same_product_twice_adds_days_and_two_strengths_add_dose():
    (twice,) = delivered({}, {}).values()
    assert (twice.days, twice.dose_ug) == (56, 50_000)
    (both,) = delivered({}, {"term": "Sertraline 100mg tablets", "strength_ug": 100_000}).values()
    assert (both.days, both.dose_ug, both.read) == (28, 150_000, True)


@pytest.mark.parametrize(
    ("row", "days", "dose"),
    [
        ({"days_supply": 30}, 30, 50_000),
        ({"dose_high_milli": 2000}, 14, 100_000),
        ({"dose_high_milli": 100_000, "dose_unit": "mg"}, 14, 100_000),
        ({"quantity_milli": 500_000}, 112, 50_000),
        ({"dose_status": "not understood"}, 28, 50_000),
        ({"as_required": True, "dose_status": "none"}, 28, 50_000),
        ({"dose_unit": "ml"}, 28, 50_000),
    ],
)
def test_days_and_dose_of_an_issue(row, days, dose):
    (one,) = delivered(row).values()
    assert (one.days, one.dose_ug) == (days, dose)


def test_the_persons_own_interval_stands_in():
    unread = {"dose_status": "not understood"}
    days = [0, 35, 70, 112]
    assert [each.days for each in delivered(*({**unread, "issued_on": at(day)} for day in days)).values()] == [35] * 4
    assert [each.days for each in delivered(*({**unread, "issued_on": at(day)} for day in days[:2])).values()] == [28] * 2


# ---- what falls due --------------------------------------------------------------------------------------------------


def waiting(rule_id: str, start: date, *done: date, sooner: bool = False):
    rule = next(rule for rule in BOOK.rules if rule["rule_id"] == rule_id)
    return Schedule(rule, BOOK, Clock(start, start), set(done), as_of=AS_OF, sooner=lambda: sooner).waiting()


def test_a_first_year_and_after():
    start = date(2024, 6, 1)
    assert waiting("antipsychotic.hba1c", start, date(2024, 6, 5), date(2024, 8, 24), date(2025, 5, 1), date(2026, 2, 1)) == [
        ("baseline", "met", date(2024, 6, 15)),
        ("week 12", "met", date(2024, 8, 24)),
        ("month 12", "met", date(2025, 6, 1)),
        ("ongoing", "open", date(2027, 2, 1)),
    ]


def test_six_weeks_in_dementia():
    assert waiting("antipsychotic.dementia-review", date(2026, 4, 20)) == [("ongoing", "open", AS_OF)]
    assert waiting("antipsychotic.dementia-review", date(2026, 2, 1), date(2026, 5, 1)) == [("ongoing", "open", date(2026, 6, 12))]


def test_sooner_for_those_at_risk():
    start, done = date(2020, 1, 1), date(2026, 4, 1)
    assert ("ongoing", "open", date(2026, 10, 1)) in waiting("lithium.level", start, done)
    assert ("ongoing", "open", date(2026, 7, 1)) in waiting("lithium.level", start, done, sooner=True)


# ---- the truth of a network and comparing ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def network() -> truth.Truth:
    world = make_world(200, 5)
    simulation = truth.Simulation(KNOWLEDGE, AS_OF)
    for place in world.places:
        simulation.add(make_practice(world, 5, place, AS_OF))
    return simulation.truth()


def said(of: truth.Truth) -> dict[str, pa.Table]:
    """The truth in the words of an evaluation."""
    courses, owners, due = (of.tables[name].to_pylist() for name in ("courses", "owners", "due"))
    kinds = {rule["rule_id"]: rule["kind"] for rule in BOOK.rules}
    return {
        "courses": pa.Table.from_pylist([row | {"person_id": row["person"] + 1, "supply_ends_on": row["ends_on"]} for row in courses]),
        "medicines": pa.Table.from_pylist([row | {"person_id": row["person"] + 1} for row in owners]),
        "needs": pa.Table.from_pylist([row | {"person_id": row["person"] + 1, "kind": kinds[row["rule_id"]]} for row in due]),
    }


def linked(of: truth.Truth) -> list[dict]:
    rows = of.tables["people"].to_pylist()
    return [{"person_id": row["person"] + 1, "source": row["org_code"], "local_id": row["local_id"], "undone_at": None} for row in rows]


def links(rows: list[dict]) -> pa.Table:
    types = {"person_id": pa.int64(), "source": pa.string(), "local_id": pa.string(), "undone_at": pa.timestamp("us")}
    return pa.Table.from_pylist(rows, schema=pa.schema(types))


def test_the_truth_agrees_with_itself(network):
    agreement = truth.compare(said(network), links(linked(network)), network)
    assert (agreement.percent, agreement.disagreements) == (100.0, [])
    assert agreement.people == len(set(network.tables["people"]["person"].to_pylist())) and agreement.with_medicines > 20


@pytest.mark.parametrize(
    ("table", "column", "other"),
    [("courses", "supply_ends_on", date(1999, 1, 1)), ("medicines", "owner_org", "X"), ("needs", "due_on", date(1999, 1, 1))],
)
def test_one_row_that_differs_is_one_person_less(network, table, column, other):
    tables = said(network)
    rows = tables[table].to_pylist()
    rows[7][column] = other
    agreement = truth.compare(tables | {table: pa.Table.from_pylist(rows)}, links(linked(network)), network)
    assert agreement.people - agreement.agreeing == 1
    assert {each.side for each in agreement.disagreements} == {"truth", "evaluation"}
    assert agreement.categories() == {truth.UNEXPLAINED: 1}


def test_a_row_that_is_missing_or_too_many_is_noticed(network):
    tables, known = said(network), links(linked(network))
    for fewer in ("courses", "medicines", "needs"):
        assert truth.compare(tables | {fewer: tables[fewer].slice(1)}, known, network).percent < 100
    rows = tables["needs"].to_pylist()
    more = pa.Table.from_pylist([*rows, rows[0] | {"point": "another"}])
    assert truth.compare(tables | {"needs": more}, known, network).percent < 100


def test_records_joined_wrongly_have_a_category(network):
    treated = sorted(set(network.tables["courses"]["person"].to_pylist()))
    one, other = treated[0], treated[1]
    rows = linked(network)
    mixed = [row | {"person_id": one + 1} if row["person_id"] == other + 1 else row for row in rows]
    assert truth.compare(said(network), links(mixed), network).categories() == {truth.MIXED: 2}
    of_one = next(row for row in rows if row["person_id"] == one + 1)
    spare = {"person": one, "org_code": "RZ9", "local_id": "spare"}
    people = pa.concat_tables([network.tables["people"], pa.Table.from_pylist([spare], schema=network.tables["people"].schema)])
    second = {"person_id": 999_999, "source": "RZ9", "local_id": "spare", "undone_at": None}
    apart = truth.compare(said(network), links([*rows, second]), truth.Truth(network.tables | {"people": people}))
    assert of_one["person_id"] == one + 1 and apart.categories() == {truth.APART: 1}
    undone = second | {"undone_at": pa.scalar(0, pa.timestamp("us")).as_py()}
    assert truth.compare(said(network), links([*rows, undone]), truth.Truth(network.tables | {"people": people})).percent == 100


def test_the_files_are_beside_the_records(tmp_path, network):
    out = tmp_path / "made"
    arguments = ["generate", "--patients", "200", "--seed", "5", "--as-of", "2026-06-01", "--out", str(out), "--truth"]
    assert main(arguments) == 0
    folder = tmp_path / "made-truth"
    for name, table in network.tables.items():
        assert pa.parquet.read_table(folder / f"{name}.parquet").equals(table), name
        assert pa.csv.read_csv(folder / f"{name}.csv").num_rows == table.num_rows
        assert not list(out.rglob(f"{name}.parquet"))
