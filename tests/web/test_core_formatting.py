"""How things read. Examples are the rules."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stepwell.web
from stepwell.web.core.formatting import clinician, count, patient, thousandths

WEB = Path(stepwell.web.__file__).parent
ON = date(2026, 11, 21)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (clinician.date(date(2024, 3, 3)), "03-Mar-2024"),
        (clinician.date(date(2009, 1, 6), weekday=True), "Tue 06-Jan-2009"),
        (clinician.date(None), "Not recorded"),
        (clinician.date(None, missing="Unknown"), "Unknown"),
        (clinician.date(datetime(2026, 6, 30, 23, 30, tzinfo=UTC)), "01-Jul-2026"),
        (clinician.month(date(2024, 3, 1)), "Mar-2024"),
        (clinician.datetime(datetime(2026, 11, 21, 6, 10, tzinfo=UTC)), "21-Nov-2026 06:10"),
        (clinician.datetime(datetime(2026, 7, 1, 23, 0, tzinfo=UTC)), "02-Jul-2026 00:00"),
        (clinician.born(date(1980, 8, 14), ON), "14-Aug-1980 (46y)"),
        (clinician.born(date(1980, 11, 22), ON), "22-Nov-1980 (45y)"),
        (clinician.born(None, ON), "Not Known"),
        (clinician.age(date(2026, 11, 12), ON), "9d"),
        (clinician.age(date(2026, 10, 1), ON), "7w"),
        (clinician.age(date(2025, 9, 21), ON), "14m"),
        (clinician.age(date(2030, 1, 1), ON), "Not Known"),
        (clinician.nhs_number("9990000018"), "999 000 0018"),
        (clinician.nhs_number(""), "Not Known"),
        (clinician.name("Patel", "Asha", "Ms"), "PATEL, Asha (Ms)"),
        (clinician.name("O'Brien-Smith", "Maria José", ""), "O'BRIEN-SMITH, Maria José"),
        (clinician.name("", "Asha"), "Asha"),
        (clinician.name(None, None), "Name not known"),
        (clinician.mass(400_000), "400 mg"),
        (clinician.mass(3_750), "3.75 mg"),
        (clinician.mass(500), "500 micrograms"),
        (clinician.mass(1), "1 microgram"),
        (clinician.mass(1_000_000), "1 g"),
        (clinician.mass(1_200_000), "1,200 mg"),
        (clinician.mass(None), "Not recorded"),
        (clinician.milli(710, "mmol/L"), "0.71 mmol/L"),
        (clinician.milli(41_000, "mmol/mol"), "41 mmol/mol"),
        (clinician.milli(1_234_500), "1,234.5"),
        (clinician.milli(-9_100, "kg"), "-9.1 kg"),
        (clinician.number(1200), "1,200"),
        (clinician.lateness(date(2026, 11, 12), ON), "9 days overdue"),
        (clinician.lateness(date(2026, 7, 21), ON), "4 months overdue"),
        (clinician.lateness(date(2026, 9, 26), ON), "8 weeks overdue"),
        (clinician.lateness(ON, ON), "today"),
        (clinician.lateness(date(2026, 11, 24), ON), "due 24-Nov-2026"),
        (clinician.lateness(None, ON), "no date"),
        (clinician.duration(12), "12d"),
        (clinician.duration(49), "7w"),
        (clinician.duration(800), "2y"),
        (str(clinician.drug("Lithium Carbonate")), '<strong class="sw-drug">lithium carbonate</strong>'),
        (
            str(clinician.medicine_line("olanzapine", form="tablet", dose="15 mg", frequency="at night")),
            '<strong class="sw-drug">olanzapine</strong> tablet — '
            '<span class="sw-nowrap"><span class="sw-label">DOSE</span> <strong>15 mg</strong></span> — at night',
        ),
        (patient.date(date(2018, 8, 6)), "6 August 2018"),
        (patient.date(date(2018, 8, 6), weekday=True), "Monday 6 August 2018"),
        (patient.datetime(datetime(2018, 8, 6, 13, 30, tzinfo=UTC)), "6 August 2018 at 2:30pm"),
        (patient.datetime(datetime(2018, 1, 6, 12, 0, tzinfo=UTC)), "6 January 2018 at midday"),
        (patient.mass(250_000), "250mg"),
        (patient.mass(500), "500 micrograms"),
        (patient.name("Patel", "Asha", "Ms"), "Ms Asha Patel"),
        (count(1, "day"), "1 day"),
        (count(1200, "person", "people"), "1,200 people"),
    ],
)
def test_reads(shown, expected):
    assert shown == expected


def test_what_comes_from_a_record_is_escaped():
    line = str(clinician.medicine_line("<b>x</b>", form="<i>", dose="<u>", route="<p>", frequency="<q>"))
    assert not re.search(r"<(b|i|u|p|q)>", line)


@given(st.integers(-(10**12), 10**12))
def test_thousandths_keep_the_value_and_have_no_trailing_zero(value):
    text = thousandths(value)
    whole, _, decimals = text.replace(",", "").replace("-", "").partition(".")
    assert int(whole) * 1000 + int(decimals.ljust(3, "0") or 0) == abs(value)
    assert not decimals.endswith("0")
    assert text.startswith("-") == (value < 0)


@given(st.dates(date(1900, 1, 1), date(2100, 12, 31)))
def test_a_date_has_always_eleven_characters(day):
    assert re.fullmatch(r"\d\d-[A-Z][a-z]{2}-\d{4}", clinician.date(day))


def test_nothing_else_formats_dates():
    """One module decides how a date reads. `isoformat` is for machines and stays allowed."""
    forbidden = re.compile(r"strftime|date_format|dateformat|localize\(|:%[dbBmyYHM]|\|\s*date:")
    offenders = [
        f"{path.relative_to(WEB)}:{number}"
        for path in [*WEB.rglob("*.py"), *WEB.rglob("*.jinja"), *WEB.rglob("*.html")]
        if path != WEB / "core" / "formatting.py" and "migrations" not in path.parts
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if forbidden.search(line)
    ]
    assert offenders == []
