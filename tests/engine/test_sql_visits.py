"""Bundling duties into visits, and the words of an explanation."""

from __future__ import annotations

from datetime import date

import pytest

from stepwell.engine.bundles import visits
from stepwell.engine.explain import dose_words, duration_words, duty_state, thousandths

AS_OF = date(2026, 6, 1)
TESTS = {"level": "blood", "egfr": "blood", "weight": "physical", "ecg": "ecg", "review": "review", "smoking": "question"}


def need(test: str | None, due: date, *, person: int = 1, owner: str = "Z1", opens: date = date(2026, 1, 1), state: str = "open") -> dict:
    return {
        "person_id": person,
        "rule_id": f"{owner}.{test}",
        "subject": "a",
        "point": "ongoing",
        "test": test,
        "state": state,
        "opens_on": opens,
        "due_on": due,
        "owner_org": owner,
    }


def test_one_visit_for_blood_and_scales_of_two_owners() -> None:
    rows = [need("level", date(2026, 5, 1), owner="RX9"), need("weight", date(2026, 6, 20)), need("level", date(2026, 6, 10))]
    (visit,) = visits(rows, TESTS, AS_OF, 28)
    assert (visit.samples, visit.tests, visit.by_on) == (("blood", "physical"), ("level", "weight"), AS_OF)
    assert [row["owner_org"] for row in visit.needs] == ["RX9", "Z1", "Z1"]


@pytest.mark.parametrize(
    "row",
    [
        need("level", date(2026, 6, 30)),  # beyond the horizon
        need("level", date(2026, 5, 1), state="met"),
        need("review", date(2026, 5, 1)),  # no sample
        need("smoking", date(2026, 5, 1)),
        need(None, date(2026, 5, 1)),
    ],
)
def test_what_no_visit_settles_now_is_left_out(row: dict) -> None:
    assert visits([row], TESTS, AS_OF, 28) == []


def test_what_opens_later_is_another_visit() -> None:
    rows = [need("level", date(2026, 6, 5)), need("egfr", date(2026, 6, 25), opens=date(2026, 6, 15))]
    found = visits(rows, TESTS, AS_OF, 28)
    assert [(visit.tests, visit.from_on, visit.by_on) for visit in found] == [
        (("level",), AS_OF, date(2026, 6, 5)),
        (("egfr",), date(2026, 6, 15), date(2026, 6, 25)),
    ]


def test_two_people_never_share_a_visit() -> None:
    found = visits([need("level", AS_OF, person=2), need("ecg", AS_OF, person=1)], TESTS, AS_OF, 0)
    assert [(visit.person_id, visit.samples) for visit in found] == [(1, ("ecg",)), (2, ("blood",))]


@pytest.mark.parametrize(
    ("micrograms", "words"),
    [
        (None, None),
        (15_000, "15 mg"),
        (62_500, "62.5 mg"),
        (500, "500 micrograms"),
        (1, "1 microgram"),
        (1_000_000, "1,000 mg"),
        (0, "0 mg"),
    ],
)
def test_a_dose_is_written_as_clinicians_do(micrograms: int | None, words: str | None) -> None:
    assert dose_words(micrograms) == words


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (date(2026, 6, 1), "0 days"),
        (date(2026, 5, 31), "1 day"),
        (date(2026, 5, 2), "30 days"),
        (date(2026, 5, 1), "1 month"),
        (date(2025, 6, 2), "11 months"),
        (date(2025, 6, 1), "1 year"),
        (date(2024, 3, 1), "2 years 3 months"),
    ],
)
def test_a_duration_in_words(start: date, words: str) -> None:
    assert duration_words(start, AS_OF) == words


def test_when_a_duty_is_overdue_due_or_upcoming() -> None:
    days = {"overdue": date(2026, 5, 31), "due": date(2026, 6, 29), "upcoming": date(2026, 6, 30)}
    assert {duty_state(need("level", due), AS_OF): due for due in days.values()} == days
    assert duty_state(need("level", AS_OF), AS_OF) == "due"
    assert duty_state(need("level", AS_OF, state="lapsed"), AS_OF) == "lapsed"


def test_thousandths_lose_no_digit() -> None:
    assert [thousandths(value) for value in (410, 5, -1_250, 60_000, 0)] == ["0.41", "0.005", "-1.25", "60", "0"]
