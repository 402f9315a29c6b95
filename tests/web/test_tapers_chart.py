"""The picture of a reduction and its calendar: pure functions of a plan, told in words, at home in a page and in a PDF."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import date, timedelta

import pytest

from stepwell.clinical.tapering.model import Built, Mode, Plan, Rule, Step
from stepwell.web.tapers.chart import amount, calendar, changes, chart_svg, dose_on, length, months_of, told

RULE = Rule(words="one tenth of the present dose", source=("CKSBZ",), mark="V")
START = date(2026, 11, 23)


def plan(doses, *, days=14, start=START, unit="mg", occupancy=None) -> Plan:
    steps = []
    for number, dose in enumerate(doses):
        last = number == len(doses) - 1
        before = doses[number - 1] if number else dose
        kind = "start" if not number else "end" if last else "up" if dose > before else "hold" if dose == before else "down"
        steps.append(
            Step(
                number=number, on=start + timedelta(days * number), days=0 if last else days, kind=kind, requested_ug=dose,
                built=Built(items=(), dose_ug=dose), rule=RULE, occupancy_permille=occupancy(dose) if occupancy else None,
            )
        )  # fmt: skip
    return Plan(
        medicine="diazepam", mode=Mode.PROPORTIONAL, unit=unit, from_ug=doses[0], to_ug=doses[-1], interval_days=days, steps=tuple(steps),
        bound=RULE,
    )  # fmt: skip


STOP = plan([20_000, 18_000, 16_000, 14_000, 12_000, 10_000, 5_000, 0])
# Lived: down twice, up once, and now where the plan begins again.
LIVED = [(date(2026, 9, 28), 20_000), (date(2026, 10, 12), 16_000), (date(2026, 10, 26), 18_000)]


def path(svg: str, kind: str) -> str:
    return re.search(rf'class="sw-taper-{kind}" d="([^"]+)"', svg).group(1)


@pytest.mark.parametrize("size", [{}, {"narrow": True}, {"large": True}])
def test_it_is_one_drawing_with_title_and_description_and_nothing_a_page_may_not_carry(size):
    svg = chart_svg(STOP, today=date(2026, 12, 1), done=LIVED, **size)
    root = ET.fromstring(svg)
    assert root.get("role") == "img"
    ids = root.get("aria-labelledby").split()
    found = {element.get("id"): element.text for element in root.iter() if element.get("id")}
    assert found[ids[0]] == "Dose of diazepam over time" and found[ids[1]].startswith("From 20 mg a day on 23-Nov-2026")
    assert not re.search(r"<script|<style|style=|url\(|@import|href", svg)
    width, height = (float(number) for number in root.get("viewBox").split()[2:])
    for text in root.iter("{http://www.w3.org/2000/svg}text"):
        assert 0 <= float(text.get("x")) <= width and 0 < float(text.get("y")) <= height


def test_two_drawings_on_one_page_share_no_id():
    assert not set(re.findall(r' id="(\w+)"', chart_svg(STOP))) & set(re.findall(r' id="(\w+)"', chart_svg(STOP, narrow=True)))


def test_what_is_to_come_is_dotted_and_what_was_taken_is_solid():
    proposal = chart_svg(STOP)
    assert "sw-taper-planned" in proposal and "sw-taper-taken" not in proposal
    assert 'stroke-dasharray="0.1' in proposal
    running = chart_svg(STOP, done=LIVED, today=date(2026, 12, 20))
    # Down, up, then the first and the second step of the plan: four changes were lived.
    assert path(running, "taken").count("V") == 4
    assert path(running, "planned").count("V") == len(STOP.steps) - 2
    assert "today 18 mg" in running
    assert [int(number) for number in re.findall(r'data-step="(\d+)"', running)] == [2, 3, 4, 5, 6, 7]


def test_a_plan_that_has_come_to_its_end_is_drawn_up_to_today():
    over = STOP.ends_on + timedelta(45)
    drawn = chart_svg(STOP, done=[(STOP.steps[0].on, STOP.steps[0].built.dose_ug)], today=over)
    assert "sw-taper-planned" not in drawn and "today 0 mg" in drawn
    assert f"0 mg on {STOP.ends_on:%d-%b-%Y}" not in drawn, "today's dose says it"


def test_today_before_the_first_step_says_no_dose_that_nobody_recorded():
    assert ">today<" in chart_svg(STOP, today=date(2026, 11, 20))


def test_every_change_that_is_to_come_can_be_moved_and_a_step_up_has_another_shape():
    up = plan([10_000, 8_000, 9_000, 5_000])
    svg = chart_svg(up)
    groups = re.findall(r'<g class="sw-taper-point" data-step="(\d)" data-ug="(\d+)" data-most="(\d+)"[^>]*><(\w+)', svg)
    assert groups == [("1", "8000", "10000", "circle"), ("2", "9000", "8000", "path"), ("3", "5000", "9000", "circle")]


def test_modelled_occupancy_has_a_line_an_axis_and_the_word_estimate():
    svg = chart_svg(plan([20_000, 10_000, 0], occupancy=lambda dose: dose * 839 // (2_330 + dose)))
    assert "sw-taper-occupancy" in svg and "modelled occupancy, estimate" in svg and "50 %" in svg
    assert "Modelled occupancy, an estimate: 75 % at the start, 0 % at the end." in svg
    assert "occupancy" not in chart_svg(STOP)


@pytest.mark.parametrize(
    ("dose", "unit", "words"),
    [
        (20_000, "mg", "20 mg"),
        (500, "mg", "500 micrograms"),
        (0, "mg", "0 mg"),
        (12, "micrograms/hour", "12 micrograms per hour"),
        (1_250, "mg", "1.25 mg"),
    ],
)
def test_doses_in_words(dose, unit, words):
    assert amount(dose, unit) == words


def test_small_doses_have_an_axis_in_micrograms_and_patches_one_per_hour():
    assert "micrograms a day" in chart_svg(plan([800, 400, 200]))
    assert "micrograms per hour" in chart_svg(plan([50, 25, 12, 0], unit="micrograms/hour"))


def test_the_drawing_is_told_in_words():
    assert told(STOP) == "From 20 mg a day on 23-Nov-2026 in 7 steps to 0 mg, reached on 01-Mar-2027 after 14 weeks."
    words = told(STOP, done=LIVED, today=date(2026, 12, 1))
    assert "Begun on 28-Sep-2026 with 20 mg a day; it went up once on the way. Today, 01-Dec-2026: 20 mg a day." in words


def test_a_hold_is_no_step():
    held = plan([10_000, 10_000, 8_000, 8_000, 5_000])
    assert [step.number for step in changes(held)] == [2, 4]
    assert "in 2 steps" in told(held)


@pytest.mark.parametrize(("days", "words"), [(1, "1 day"), (10, "10 days"), (70, "10 weeks"), (364, "52 weeks"), (420, "about 14 months")])
def test_how_long(days, words):
    assert length(days) == words


def test_the_calendar_gives_every_day_its_dose_and_marks_the_days_it_changes():
    november, december = calendar(STOP, date(2026, 11, 30), 2)
    assert november.first == date(2026, 11, 1) and all(len(week) == 7 for week in november.weeks)
    assert november.weeks[0][:6] == (None,) * 6 and november.weeks[0][6].on == date(2026, 11, 1)  # a Sunday
    assert [day.dose_ug for day in november.days[20:24]] == [None, None, 20_000, 20_000]
    assert [day.on.day for day in november.days if day.first] == [23] and not november.change_days
    assert [(day.on.day, day.dose_ug) for day in december.change_days] == [(7, 18_000), (21, 16_000)]


def test_the_calendar_holds_the_whole_plan_and_says_where_it_ended():
    assert months_of(STOP) == 5 and months_of(STOP, most=3) == 3
    march = calendar(STOP, STOP.steps[0].on, months_of(STOP))[-1]
    assert [day.on.day for day in march.change_days] == [1] and march.days[0].dose_ug == 0
    assert not march.days[0].after and march.days[1].after


def test_doses_by_day():
    assert dose_on(STOP, START - timedelta(1)) is None
    assert dose_on(STOP, START) == 20_000 and dose_on(STOP, date(2030, 1, 1)) == 0
