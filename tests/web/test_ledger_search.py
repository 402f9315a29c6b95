"""Finding a patient: numbers as people write them, parts of names, names without their accents, two people with one number."""

from __future__ import annotations

import pytest

from ledger_world import NHS_NUMBERS, World
from stepwell.web.ledger.models import PersonRecord
from stepwell.web.ledger.people import search_name

LITHIUM = ["lithium 800 mg daily from 2024-01-10 every 28 days"]


@pytest.fixture
def world(db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Ada": LITHIUM, "Bea": LITHIUM, "Cy": LITHIUM})
    world.catch_up()
    for name, family in (("Ada", "O’Brien"), ("Bea", "Smith-Jones"), ("Cy", "Núñez")):
        rows = PersonRecord.objects.filter(person_id=world.ids[name])
        rows.update(family_name=family, search_name=search_name(family, name))
    return world


def found(world, **data) -> tuple[list[str], str]:
    page = " ".join(world.client("gp").post("/search", data).content.decode().split())
    return [name for name in ("Ada", "Bea", "Cy") if f", {name} (Ms)" in page], page


@pytest.mark.parametrize("between", ["", " ", "-", "\u00a0", "\u2009"])
def test_a_number_is_found_however_it_is_grouped(world, between):
    number = NHS_NUMBERS[0]
    assert found(world, nhs_number=between.join((number[:3], number[3:6], number[6:])))[0] == ["Ada"]


@pytest.mark.parametrize(
    ("typed", "who"),
    [
        ({"family": "obrien"}, ["Ada"]),
        ({"family": "O'Bri"}, ["Ada"]),
        ({"family": "smith"}, ["Bea"]),
        ({"family": "smith jon"}, ["Bea"]),
        ({"family": "Jones"}, ["Bea"]),
        ({"family": "jones", "given": "be"}, ["Bea"]),
        ({"family": "jones", "given": "ada"}, []),
        ({"family": "nunez"}, ["Cy"]),
        ({"family": "NÚÑ"}, ["Cy"]),
        ({"family": "mith"}, []),
    ],
)
def test_names(world, typed, who):
    assert found(world, **typed)[0] == who


def test_two_people_with_one_number_are_both_shown_and_it_is_said(world):
    PersonRecord.objects.filter(person_id=world.ids["Bea"]).update(nhs_number=NHS_NUMBERS[0])
    who, page = found(world, nhs_number=NHS_NUMBERS[0])
    assert who == ["Ada", "Bea"]
    assert "2 people are recorded with this NHS number. Compare name and date of birth" in page
    assert "recorded with this NHS number" not in found(world, family="smith")[1]
