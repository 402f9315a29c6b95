"""A typed value with its unit: the test's own, one that knowledge converts, or words why not."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ledger_world import TODAY, World
from stepwell.errors import Refused
from stepwell.web.ledger import known, services
from stepwell.web.ledger.models import DutyEvent, RecordedResult
from stepwell.web.ledger.results import Implausible, ResultEntry, read_value

ADA = ["lithium 800 mg daily from 2024-01-10 every 28 days", "weight 70 on 2025-11-20", "lithium-level 0.6 on 2025-11-20"]


@pytest.mark.parametrize(
    ("test", "text", "milli", "typed"),
    [
        ("lithium-level", "0.7", 700, ""),
        ("lithium-level", " 0.7 mmol/L ", 700, ""),
        ("lithium-level", "0.7mmol/l", 700, ""),
        ("weight", "71.25", 71250, ""),
        ("weight", "71250 g", 71250, "71250 g"),
        ("weight", "71250.4 G", 71250, "71250.4 G"),
        ("weight", "71250.5 g", 71251, "71250.5 g"),
    ],
)
def test_values_are_read_with_their_unit(test, text, milli, typed):
    assert read_value(text, known.test(test)) == (milli, typed)


@pytest.mark.parametrize(
    ("test", "text", "message"),
    [
        ("weight", "11 st", "Weight is recorded in kg; “st” cannot be converted here"),
        ("hba1c", "6.5 %", "HbA1c is recorded in mmol/mol; “%” cannot be converted here"),
        ("lithium-level", "abc", "must be a number in mmol/L"),
        ("lithium-level", "0,7", "must be a number in mmol/L"),
        ("weight", "7 000", "must be a number in kg"),
        ("lithium-level", "1e3", "cannot be converted here"),
        ("lithium-level", "-1", "cannot be below zero"),
        ("lithium-level", "0.7123", "at most three decimals"),
        ("lithium-level", "1234567890", "too large"),
    ],
)
def test_values_that_are_refused(test, text, message):
    with pytest.raises(Refused, match=message):
        read_value(text, known.test(test))


def test_every_factor_is_one_of_the_knowledge_base():
    tests = {row["test"] for row in known._tables()["k_test_code"]}
    factors = {(test, unit, factor) for test in tests for unit, factor in known.unit_factors(test).items()}
    rows = {
        (row["test"], known.plain_unit(row["unit"] or ""), (row["numerator"], row["denominator"])) for row in known._tables()["k_test_code"]
    }
    assert factors and factors <= rows
    converted = [(test, unit) for test, unit, (numerator, denominator) in factors if numerator != denominator]
    assert converted, "some unit is converted"
    for test, unit in converted:
        milli, typed = read_value(f"2 {unit}", known.test(test))
        numerator, denominator = known.unit_factors(test)[unit]
        assert abs(milli - Decimal(2000) * numerator / denominator) <= Decimal("0.5") and typed == f"2 {unit}"


@pytest.fixture
def world(db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Ada": ADA})
    world.catch_up()
    return world


def test_a_converted_value_is_asked_about_and_what_was_typed_is_kept(world):
    milli, typed = read_value("70500 g", known.test("weight"))
    entry = ResultEntry("weight", milli, TODAY, typed)
    with pytest.raises(Implausible, match=r"70500 g is 70\.5 kg\. Is it right"):
        services.record_results(world.actor("nurse"), world.ids["Ada"], [entry])
    services.record_results(world.actor("nurse"), world.ids["Ada"], [entry], confirmed=True)
    assert RecordedResult.objects.get().value_milli == 70_500
    assert {event.detail["typed"] for event in DutyEvent.objects.filter(kind="result recorded")} <= {"70500 g"}


def test_another_unit_on_the_form(world):
    client, address = world.client("nurse"), f"/patients/{world.ids['Ada']}/results?test=lithium-level"
    page = client.get(address).content.decode()
    version = page.split('name="version" value="')[1].split('"')[0]
    day = {"on-day": "1", "on-month": "6", "on-year": "2026", "version": version, "asked": "lithium-level"}
    refused = client.post(address, {**day, "value-lithium-level": "0.7 mg/L"})
    assert refused.status_code == 422 and "Lithium level is recorded in mmol/L; “mg/L” cannot be converted here" in refused.content.decode()
    assert 'value="0.7 mg/L"' in refused.content.decode()
    assert client.post(address, {**day, "value-lithium-level": "0.7 mmol/L"}).status_code == 302
    assert RecordedResult.objects.get().value_milli == 700
