"""Forms as NHS.UK components: what people type, what comes out, what they are told."""

from __future__ import annotations

import re
from datetime import date

import pytest
from django.template import engines

from stepwell.web.core import forms

KINDS = [("gp", "GP"), ("nurse", "Practice nurse")]


class Example(forms.Form):
    note = forms.TextareaField(label="Note", required=False, help_text="Why, in a line")
    value = forms.DecimalField(
        label="HbA1c", suffix="mmol/mol", max_digits=6, decimal_places=1, error_messages={"required": "Enter the result"}
    )
    on = forms.DateField(
        label="Date of test", earliest=date(2000, 1, 1), latest=date(2026, 11, 21), error_messages={"required": "Enter the date"}
    )
    who = forms.RadiosField(label="Who", choices=KINDS, hints={"gp": "at the practice"}, error_messages={"required": "Choose who"})
    also = forms.CheckboxesField(label="Also", choices=KINDS, required=False)
    role = forms.SelectField(label="Role", choices=KINDS, required=False)
    number = forms.NhsNumberField(label="NHS number", required=False)
    count = forms.IntegerField(label="Count", required=False)


WHOLE = {"value": "41.5", "on-day": "3", "on-month": "3", "on-year": "2024", "who": "gp"}


def drawn(form: forms.Form) -> str:
    return "\n".join(str(field.as_field_group()) for field in form)


def test_what_is_right_comes_out_typed():
    form = Example({**WHOLE, "number": "999 000-0018", "also": ["gp", "nurse"], "count": "7"})
    assert form.errors == {}
    assert form.cleaned_data["on"] == date(2024, 3, 3)
    assert str(form.cleaned_data["value"]) == "41.5"
    assert form.cleaned_data["number"] == "9990000018"
    assert form.cleaned_data["also"] == ["gp", "nurse"]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ({"on-day": "3", "on-month": "mar", "on-year": "2024"}, date(2024, 3, 3)),
        ({"on-day": "03", "on-month": "March", "on-year": "2024"}, date(2024, 3, 3)),
        ({"on": "2024-03-03"}, date(2024, 3, 3)),
    ],
)
def test_dates_as_people_type_them(typed, expected):
    form = Example({"value": "1", "who": "gp", **typed})
    assert form.errors == {}
    assert form.cleaned_data["on"] == expected


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"on-day": "", "on-month": "", "on-year": ""}, "Enter the date"),
        ({"on-day": ""}, "Date of test must include a day"),
        ({"on-day": "", "on-year": " "}, "Date of test must include a day and year"),
        ({"on-day": "31", "on-month": "2"}, "Date of test must be a real date, for example 21 11 2026"),
        ({"on-year": "24"}, "Date of test must have a year of four digits, for example 2026"),
        ({"on-year": "twenty"}, "Date of test must be a real date, for example 21 11 2026"),
        ({"on-month": "Brumaire"}, "Date of test must be a real date, for example 21 11 2026"),
        ({"on-year": "1999"}, "Date of test must be 01-Jan-2000 or later"),
        ({"on-year": "2027"}, "Date of test must be 21-Nov-2026 or earlier"),
        ({"value": ""}, "Enter the result"),
        ({"value": "abc"}, "Enter a number."),
        ({"who": ""}, "Choose who"),
        ({"number": "999 000 0019"}, "NHS number must be 10 digits that pass its check: look for a wrong or swapped digit"),
        ({"number": "12345"}, "NHS number must be 10 digits that pass its check: look for a wrong or swapped digit"),
        ({"number": "ABC 12 34"}, "NHS number must be 10 digits that pass its check: look for a wrong or swapped digit"),
    ],
)
def test_what_is_wrong_is_told_beside_the_field_and_in_the_summary(changed, told):
    form = Example({**WHOLE, **changed})
    listed = form.error_list()
    assert [error["text"] for error in listed] == [told]
    html = drawn(form)
    assert told in html
    assert html.count("nhsuk-error-message") == 1
    target = listed[0]["href"].removeprefix("#")
    assert re.search(rf'<(input|textarea|select)[^>]*\bid="{target}"', html), "the summary leads to a control that exists"


def test_what_was_typed_is_kept_and_escaped():
    html = drawn(Example({**WHOLE, "on-day": "<b>", "value": '"><script>', "note": "</textarea><script>"}))
    assert "<script>" not in html
    assert "<b>" not in html
    assert "&lt;b&gt;" in html
    assert "nhsuk-radios__input" in html
    assert re.search(r'value="gp"[^>]*checked', html)


def test_controls_have_labels_hints_units_and_no_browser_checks():
    html = drawn(Example())
    assert 'inputmode="decimal"' in html
    assert "mmol/mol" in html
    assert "Why, in a line" in html
    assert "at the practice" in html
    assert "maxlength" not in html
    assert not re.search(r"<input[^>]*\srequired", html)
    for identifier in re.findall(r'<(?:input|textarea|select)[^>]*\bid="([^"]+)"', html):
        assert f'for="{identifier}"' in html, identifier


def test_initial_values_are_shown():
    html = drawn(Example(initial={"on": date(2024, 3, 9), "who": "nurse", "role": "nurse", "note": "as before"}))
    assert re.findall(r'name="on-(?:day|month|year)"[^>]*value="(\d+)"', html) == ["9", "3", "2024"]
    assert re.search(r'value="nurse"[^>]*checked', html)
    assert re.search(r'value="nurse"[^>]*selected', html)
    assert "as before" in html


def banner(**person) -> str:
    template = engines["jinja2"].env.from_string('{% from "core/macros.jinja" import patient_banner %}{{ patient_banner(person, on) }}')
    shown = {"family": "Patel", "given": "Asha", "title": "Ms", "birth_date": date(1968, 6, 14), "death_date": None, "sex": "Female"}
    html = template.render(person={**shown, "nhs_number": "9990000018", **person}, on=date(2026, 11, 21))
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_the_banner_reads_in_the_order_people_expect():
    assert banner() == "PATEL, Asha (Ms) Born 14-Jun-1968 (58y) Gender Female NHS No. 999 000 0018"
    assert banner(birth_date=None, sex=None, nhs_number=None) == "PATEL, Asha (Ms) Born Not Known Gender Not Known NHS No. Not Known"


def test_the_banner_of_somebody_who_died():
    assert banner(death_date=date(2025, 1, 3)) == (
        "PATEL, Asha (Ms) Born 14-Jun-1968 Died 03-Jan-2025 Age at Death 56y Gender Female NHS No. 999 000 0018"
    )
