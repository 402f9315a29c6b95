"""What a history tells of each medicine, the picture of it, and how many reviews fit into a day. No database."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest

from stepwell.engine.history import ClinicalHistory, CourseOf, Dose, Happened, Stay, Value
from stepwell.web.preparation import past
from stepwell.web.preparation.drawing import Bar, Break, Line, Mark, Picture, Row, Shape, draw, years
from stepwell.web.preparation.past import Reduction
from stepwell.web.preparation.slots import Day, seen_on
from stepwell.web.preparation.told import Came, Note, Told, reductions_words

ON = date(2026, 6, 1)


def day(text: str) -> date:
    return date.fromisoformat(text)


def dose(start: str, end: str, mg: float | None, *, provenance: str = "structured", as_required: bool = False) -> Dose:
    return Dose(day(start), day(end), None if mg is None else int(mg * 1000), provenance, as_required, "", "")


def course(substance: str, *doses: Dose, number: int = 1, status: str = "current", breaks=()) -> CourseOf:
    gaps = tuple((day(one), day(other)) for one, other in breaks)
    return CourseOf(
        substance, number, status, doses[0].from_on, doses[-1].to_on, doses[-1].from_on, 10, 12, tuple(doses), gaps, ("gp",)
    )  # fmt: skip


def history(*courses: CourseOf, **more) -> ClinicalHistory:
    return ClinicalHistory(1, ON, courses=courses, problems_kept=True, followed=True, **more)


DOWN = course(
    "diazepam", dose("2023-01-01", "2024-01-01", 10), dose("2024-01-01", "2024-04-01", 8), dose("2024-04-01", "2024-08-01", 5),
    dose("2024-08-01", "2026-06-20", 10),
)  # fmt: skip


def lane(*courses: CourseOf) -> past.Lane:
    return past.Lane(courses[0].substance, courses)


# What was tried


def test_a_run_of_doses_going_down_is_one_reduction_with_what_came_next():
    (found,) = past.reductions(lane(DOWN))
    assert (found.from_ug, found.to_ug, found.steps) == (10_000, 5_000, 2)
    assert (found.from_on, found.to_on) == (day("2024-01-01"), day("2024-04-01"))
    assert (found.then, found.then_ug, found.then_on) == ("up", 10_000, day("2024-08-01"))


def test_a_reduction_that_ended_supply_and_one_that_stayed():
    first = dose("2024-01-01", "2024-03-01", 10), dose("2024-03-01", "2024-05-01", 5)
    assert past.reductions(lane(course("diazepam", *first, status="ended")))[0].then == "stopped"
    assert past.reductions(lane(course("diazepam", *first)))[0].then == "kept"


@pytest.mark.parametrize(
    ("label", "second"),
    [
        ("a dose that was worked out from quantities", dose("2024-03-01", "2024-05-01", 5, provenance="estimated")),
        ("a dose taken when required", dose("2024-03-01", "2024-05-01", 5, as_required=True)),
        ("a dose that is not known", dose("2024-03-01", "2024-05-01", None)),
        ("the same dose", dose("2024-03-01", "2024-05-01", 10)),
        ("a higher dose", dose("2024-03-01", "2024-05-01", 12)),
    ],
)
def test_it_is_no_reduction(label, second):
    assert past.reductions(lane(course("diazepam", dose("2024-01-01", "2024-03-01", 10), second))) == [], label


def test_two_reductions_with_a_rise_between_are_two():
    doses = [dose(f"2024-0{month}-01", f"2024-0{month + 1}-01", mg) for month, mg in ((1, 10), (2, 8), (3, 12), (4, 6), (5, 4))]
    assert [(each.from_ug, each.to_ug, each.steps) for each in past.reductions(lane(course("diazepam", *doses)))] == [
        (10_000, 8_000, 1),
        (12_000, 4_000, 2),
    ]


def test_changes_leave_out_what_is_not_told():
    doses = (
        dose("2024-01-01", "2024-02-01", 10),
        dose("2024-02-01", "2024-03-01", 9, provenance="estimated"),
        dose("2024-03-01", "2024-04-01", 5),
    )
    assert [(each.before_ug, each.after_ug) for each in past.changes(lane(course("diazepam", *doses)))] == [(10_000, 5_000)]


# Switches, gaps, beginnings

CITALOPRAM = course("citalopram", dose("2022-01-01", "2024-03-01", 20), status="ended")


def switches(after: CourseOf, alike=lambda one, other: True):
    told = history(CITALOPRAM, after)
    return [(each.before, each.after) for each in past.switches(past.lanes(told, {"citalopram", after.substance}), alike, 60)]


def test_one_medicine_of_a_class_takes_over_from_another():
    assert switches(course("sertraline", dose("2024-03-10", "2026-06-20", 50))) == [("citalopram", "sertraline")]
    assert switches(course("sertraline", dose("2024-02-10", "2026-06-20", 50))) == [("citalopram", "sertraline")], "crossed over"


def test_it_does_not_take_over_long_before_or_after_or_from_another_class():
    assert switches(course("sertraline", dose("2024-06-10", "2026-06-20", 50))) == []
    assert switches(course("sertraline", dose("2021-06-10", "2026-06-20", 50))) == []
    assert switches(course("sertraline", dose("2024-03-10", "2026-06-20", 50)), alike=lambda one, other: False) == []


def test_gaps_are_breaks_of_some_length_and_the_time_between_courses():
    first = course(
        "codeine", dose("2024-01-01", "2024-06-01", 60), status="ended", breaks=[("2024-02-01", "2024-02-03"), ("2024-03-01", "2024-04-01")]
    )
    second = course("codeine", dose("2025-01-01", "2026-06-20", 60), number=2)
    found = past.gaps(lane(first, second), 7)
    assert [(gap.from_on, gap.days, gap.restart) for gap in found] == [(day("2024-03-01"), 31, False), (day("2024-06-01"), 214, True)]


def test_a_first_course_that_began_with_the_registration_may_be_older():
    told = history(DOWN, registered_on=day("2022-12-10"))
    assert past.began_elsewhere(DOWN, told, 60)
    assert not past.began_elsewhere(DOWN, history(DOWN, registered_on=day("2020-12-10")), 60)
    assert not past.began_elsewhere(DOWN, history(DOWN), 60), "nothing is known of the registration"


def test_lanes_begin_with_what_is_taken_longest_and_end_with_what_ended_first():
    told = history(
        CITALOPRAM,
        DOWN,
        course("sertraline", dose("2024-03-10", "2026-06-20", 50)),
        course("ibuprofen", dose("2020-01-01", "2026-06-20", 400)),
    )
    assert [each.substance for each in past.lanes(told, {"citalopram", "diazepam", "sertraline"})] == [
        "diazepam",
        "sertraline",
        "citalopram",
    ]


# The picture and its list


def picture(**more) -> Picture:
    bar = Bar(day("2024-01-01"), day("2026-01-01"), 1.0, "10 mg", "10 mg a day")
    rows = (Row("diazepam", "10 mg a day", (bar,), (Break(day("2025-01-01"), day("2025-02-01"), "no supply"),)),)
    return Picture(day("2024-01-01"), day("2026-01-01"), more.get("rows", rows), more.get("lines", ()))


def test_the_picture_is_fluid_and_carries_no_style_and_no_script():
    drawn = str(draw(picture(lines=(Line("Falls", Shape.TRIANGLE, (Mark(day("2025-01-01"), "fall"),)),))))
    assert drawn.startswith("<svg ") and 'width="100%"' in drawn and 'aria-hidden="true"' in drawn
    assert not re.search(r"style=|<style|<script|on\w+=", drawn)
    assert 'x="0.0%"' in drawn and 'width="100.0%"' in drawn and "▲" in drawn and "10 mg" in drawn


def test_words_in_the_picture_are_escaped():
    row = Row("<b>x</b>", "a & b", (Bar(day("2024-01-01"), day("2026-01-01"), None, "", "<i>"),))
    drawn = str(draw(picture(rows=(row,))))
    assert "<b>" not in drawn and "<i>" not in drawn and "&lt;b&gt;" in drawn


@pytest.mark.parametrize(
    ("start", "end", "number"), [("2023-03-01", "2026-06-01", 3), ("2008-01-01", "2026-06-01", 10), ("1990-06-01", "2026-06-01", 7)]
)
def test_years_are_thinned_out_over_long_times(start, end, number):
    assert len(years(day(start), day(end))) == number


def test_bars_and_marks_outside_the_picture_are_cut_at_its_edge():
    shown = picture()
    assert (shown.at(day("2000-01-01")), shown.at(day("2030-01-01")), shown.at(day("2025-01-01"))) == (0, 100, 50.07)


def whole() -> Told:
    past_of = history(
        CITALOPRAM,
        DOWN,
        course("sertraline", dose("2024-03-10", "2026-06-20", 50)),
        stays=(Stay(day("2025-01-10"), day("2025-01-20"), "RX9"),),
        happened=(Happened("fall", day("2026-03-01")),),
        missed=(day("2026-02-03"),),
        results=(Value("egfr", day("2026-05-01"), 48_000, ""),),
    )
    notes = [Note(day("2026-05-01"), "eGFR 48 mL/min", "Check the dose", "S57, mark V")]
    sides = {"Letters": [Came(day("2025-08-01"), "letter from the clinic", "/letters/1")]}
    return Told(past_of, notes=notes, sides=sides, names={"RX9": "Northside"})


def test_the_list_says_everything_that_the_picture_shows():
    told = whole()
    shown = {(each.kind, each.on) for each in told.happenings}
    assert shown >= {
        ("changed", day("2024-03-10")), ("in hospital", day("2025-01-10")), ("recorded", day("2026-03-01")), ("missed", day("2026-02-03")),
        ("result", day("2026-05-01")), ("letters", day("2025-08-01")), ("dose down", day("2024-01-01")), ("dose up", day("2024-08-01")),
        ("supply ended", day("2024-03-01")), ("started", day("2023-01-01")),
    }  # fmt: skip
    assert [each.on for each in told.happenings] == sorted((each.on for each in told.happenings), reverse=True)
    labels = [line.label for line in told.picture.lines]
    assert labels == ["In hospital", "Fall", "Results that ask for an action", "Letters", "Missed appointments"]


def test_the_sentence_counts_what_the_picture_shows():
    assert whole().sentence == "2 medicines taken now, 1 earlier, 1 change of medicine, 1 stay in hospital, from Nov-2021 to Jun-2026"


def test_what_was_tried_is_told_in_sentences():
    tried = [re.sub(r"<[^>]+>", "", str(words)) for words in whole().tried]
    assert tried[0] == "diazepam down from 10 mg to 5 mg a day in 2 steps, 01-Jan-2024 to 01-Apr-2024; then 10 mg from 01-Aug-2024"
    assert tried[-1] == "citalopram taken Jan-2022 to Mar-2024 (2 years, up to 20 mg a day)"


def test_a_dose_that_went_up_and_down_many_times_is_told_in_two_sentences():
    days = [date(2025, 1, 1) + timedelta(14 * number) for number in range(9)]
    down = [
        Reduction("morphine", 40_000 + 20_000 * (place == 2), 20_000, day, day, 1, "up", 40_000, day + timedelta(7))
        for place, day in enumerate(days)
    ]
    words = [re.sub(r"<[^>]+>", "", str(each)) for each in reductions_words(down)]
    assert words == [
        "morphine went down and up again 9 times between 60 mg and 20 mg a day, 01-Jan-2025 to 23-Apr-2025; the last time:",
        "morphine down from 40 mg to 20 mg a day, 23-Apr-2025; then 40 mg from 30-Apr-2025",
    ]
    assert len(reductions_words(down[:3])) == 3


def test_somebody_without_medicines_has_an_empty_picture():
    told = Told(history())
    assert told.lanes == [] and told.tried == [] and told.happenings == []


# How many fit


def next_day(on: date) -> date:
    return on + timedelta(days=3 if on.weekday() == 4 else 1)


FRIDAY = day("2026-05-29")


def test_slots_fill_the_days_in_order():
    found = seen_on([30] * 5, Day(slots=2), FRIDAY, next_day)
    assert found == [FRIDAY, FRIDAY, day("2026-06-01"), day("2026-06-01"), day("2026-06-02")]


def test_minutes_fill_the_days_and_nobody_is_skipped():
    found = seen_on([30, 30, 20, 30], Day(minutes=70), FRIDAY, next_day)
    assert found == [FRIDAY, FRIDAY, day("2026-06-01"), day("2026-06-01")], "the third would fit no more: 30 + 30 + 20 is beyond 70"


def test_one_that_is_longer_than_a_day_still_gets_a_day():
    assert seen_on([90, 20], Day(minutes=60), FRIDAY, next_day) == [FRIDAY, day("2026-06-01")]


def test_what_was_done_today_takes_its_place():
    assert seen_on([30, 30], Day(slots=2), FRIDAY, next_day, used=[30]) == [FRIDAY, day("2026-06-01")]
    assert seen_on([30], Day(minutes=60), FRIDAY, next_day, used=[30, 20]) == [day("2026-06-01")]


def test_a_day_that_holds_nothing_gives_no_date_and_neither_does_a_year_ahead():
    assert seen_on([30, 30], Day(slots=0), FRIDAY, next_day) == [None, None]
    found = seen_on([30] * 400, Day(slots=1), FRIDAY, next_day)
    assert found[0] == FRIDAY and found[-1] is None and len(found) == 400
