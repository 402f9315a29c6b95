"""What happened to one person over time, as the record has it: courses, doses, breaks, conditions, stays, letters, loads."""

from __future__ import annotations

from datetime import date

import pytest

from stepwell import knowledge
from stepwell.engine.history import ClinicalHistory, history_in
from stepwell.engine.worked import WorkedPatient, worked

ON = date(2026, 6, 1)


def told(*sentences: str, on: date = ON) -> ClinicalHistory:
    inputs, ids = worked([WorkedPatient("One", list(sentences))], knowledge.load().tables(), on)
    return history_in(inputs, on, ids["One"])


@pytest.fixture(scope="module")
def past() -> ClinicalHistory:
    return told(
        "female", "born 1950-03-14", "registered with practice from 2019-05-01",
        "diazepam 10 mg daily from 2023-02-01 to 2023-11-01 every 28 days",
        "diazepam 5 mg daily from 2023-11-15 to 2024-05-01 every 28 days",
        "diazepam 4 mg daily from 2025-09-01 every 28 days",
        "morphine 30 mg daily from 2026-01-05 every 28 days by trust",
        "in hospital from 2024-01-10 to 2024-01-20", "fall on 2025-02-01", "fall on 2026-03-01", "missed appointment on 2026-02-03",
        "diagnosis frailty on 2024-01-01", "diagnosis depression on 2010-01-01 ended 2015-01-01",
        "egfr 55 on 2025-05-01", "egfr 48 on 2026-05-01", "letter from trust on 2025-08-01",
    )  # fmt: skip


def test_courses_with_their_doses_in_order(past):
    first, second = past.courses_of("diazepam")
    assert [dose.daily_ug for dose in first.doses] == [10_000, 5_000]
    assert first.status == "ended" and first.doses[1].from_on == date(2023, 11, 15) and first.doses[0].to_on == date(2023, 11, 15)
    assert (second.number, second.status, second.started_on) == (2, "current", date(2025, 9, 1))
    assert second.highest_ug == 4_000 and second.months == 9


def test_the_present_medicines_are_those_on_register(past):
    assert {medicine.substance: medicine.daily_ug for medicine in past.medicines} == {"diazepam": 4_000, "morphine": 30_000}
    assert past.courses_of("morphine")[0].suppliers == ("trust",)
    assert {load.load for load in past.loads} >= {"diazepam-equivalent", "oral-morphine"}


def test_days_without_supply_inside_a_course_are_breaks():
    found = told(
        "sertraline 50 mg daily from 2025-01-01 to 2025-03-20 every 28 days", "sertraline 50 mg daily from 2025-05-01 every 28 days"
    )
    (course,) = found.courses
    assert [(end - start).days > 7 for start, end in course.breaks] == [True]
    assert len(course.doses) == 1, "the same dose before and after is one"


def test_what_an_event_is_told_each_time_and_a_state_once(past):
    assert [(event.condition, event.on) for event in past.happened] == [("fall", date(2025, 2, 1)), ("fall", date(2026, 3, 1))]
    assert {held.condition: held.since for held in past.held} == {"fall": date(2026, 3, 1), "frailty": date(2024, 1, 1)}
    assert {key for problem in past.problems for key in problem.conditions} >= {"frailty", "depression"}, "also those that have ended"


def test_stays_letters_and_missed_appointments(past):
    assert [(stay.from_on, stay.to_on) for stay in past.stays] == [(date(2024, 1, 10), date(2024, 1, 20))]
    assert [letter.on for letter in past.letters] == [date(2025, 8, 1)]
    assert past.missed == (date(2026, 2, 3),)
    assert [value.value_milli for value in past.results if value.test == "egfr"] == [55_000, 48_000]
    assert (past.age, past.sex, past.registered_on) == (76, "female", date(2019, 5, 1))


def test_nothing_that_came_later_is_told(past):
    early = told("fall on 2026-03-01", "diagnosis frailty on 2026-03-01", "egfr 55 on 2026-05-01", on=date(2026, 1, 1))
    assert (early.happened, early.held, early.results, early.problems) == ((), (), (), ())


def test_without_a_problem_list_nothing_is_known_of_conditions():
    assert not told("sertraline 50 mg daily from 2025-01-01 every 28 days").problems_kept
    assert told("diagnosis frailty on 2024-01-01").problems_kept


def test_nobody_is_an_empty_history():
    inputs, _ = worked([WorkedPatient("One", ["female"])], knowledge.load().tables(), ON)
    assert history_in(inputs, ON, 4711) == ClinicalHistory(4711, ON)


def test_what_is_hidden_is_left_out_with_all_that_tells_of_it(past):
    cut = past.without(lambda name: name == "morphine", lambda name: name == "fall", lambda test: test == "egfr", lambda text: False)
    assert {course.substance for course in cut.courses} == {"diazepam"} and [row.substance for row in cut.medicines] == ["diazepam"]
    assert not cut.happened and all(held.condition != "fall" for held in cut.held) and not cut.results
    assert all("morphine" not in load.parts for load in cut.loads)
