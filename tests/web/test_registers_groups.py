"""Groups put together from registers: who is in and who is not, since when, who left, and that sensitive parts hide the whole."""

from __future__ import annotations

import html
import re
from datetime import date

import pytest

from ledger_world import PRACTICE, TODAY, TRUST, World
from stepwell import knowledge
from stepwell.web.core import clock
from stepwell.web.ledger.selectors import subject_of
from stepwell.web.registers.models import Membership, Spell
from stepwell.web.transfers.models import State, Transfer

SMI = "diagnosis schizophrenia on 2015-02-01"
RISPERIDONE = "risperidone 1 mg daily from 2025-01-10 every 28 days"
PEOPLE = {
    "Dora": ["born 1940-05-02", "diagnosis dementia on 2025-03-01", RISPERIDONE],
    "Demented": ["born 1940-05-02", "diagnosis dementia on 2024-03-01", SMI, "diagnosis smi on 2015-02-01", RISPERIDONE],
    "Lena": ["born 1990-05-02", "diagnosis learning-disability on 2010-03-01", RISPERIDONE],
    "Nil": ["born 1990-05-02", "diagnosis dementia on 2024-03-01"],
    "Gone": ["born 1940-05-02", "diagnosis dementia on 2020-03-01", "risperidone 1 mg daily from 2021-01-10 to 2022-03-01 every 28 days"],
    "Sam": ["born 1980-05-02", "diagnosis smi on 2015-02-01", RISPERIDONE],
    "Tess": ["born 1980-05-02", "diagnosis smi on 2015-02-01", "on the caseload of trust from 2020-01-01", RISPERIDONE],
    "Cora": ["born 1985-05-02", "diagnosis depression on 2020-02-01", "diagnosis ptsd on 2022-02-01"],
    "Olaf": ["born 1950-05-02", "diagnosis anxiety on 2020-02-01"],
    "Home": ["born 1945-05-02", "diagnosis care-home on 2025-02-01", RISPERIDONE],
}


@pytest.fixture
def world(db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell(PEOPLE)
    world.catch_up()
    return world


def members(world, group: str) -> set[str]:
    names = {key: name for name, key in world.ids.items()}
    return {names[row.person_id] for row in Membership.objects.filter(register=group)}


@pytest.mark.parametrize(
    ("group", "names"),
    [
        ("antipsychotic-dementia", {"Dora"}),
        ("antipsychotic-learning-disability", {"Lena"}),
        ("antipsychotic-care-home", {"Home"}),
        ("antipsychotic-without-smi", {"Dora", "Lena", "Home"}),
        ("smi-primary-care-only", {"Sam", "Demented"}),
        ("smi-physical-health", {"Sam", "Tess", "Demented"}),
        ("complex-below-threshold", {"Cora"}),
        ("older-people", {"Olaf", "Demented"}),
    ],
)
def test_who_is_in_a_group(world, group, names):
    assert members(world, group) == names


def test_a_specialist_review_that_nobody_did(world):
    assert members(world, "smi-no-specialist-review") >= {"Sam"}
    assert "Nil" not in members(world, "smi-no-specialist-review")


def test_since_when_and_what_is_overdue_goes_by_the_groups_own_cadence(world):
    row = Membership.objects.get(register="antipsychotic-dementia", person_id=world.ids["Dora"])
    assert row.entered_on == date(2025, 3, 1), "since the later of the two"
    assert (row.gp_org, row.substances, row.overdue) == (PRACTICE, "|risperidone|", 1)
    review = world.duty("Dora", "antipsychotic.dementia-review")
    assert row.oldest_due_on == review.due_on
    assert Membership.objects.get(register="antipsychotic-learning-disability").overdue == 1


def test_who_left_a_group_with_day_and_reason(world):
    left = Spell.objects.get(register="antipsychotic-dementia")
    assert (left.person_id, left.entered_on, left.reason) == (world.ids["Gone"], date(2021, 1, 10), "supply ended")
    assert not Spell.objects.filter(register__in=("smi-primary-care-only", "older-people")).exists(), "the record tells nothing of it"


def page(client, address) -> str:
    response = client.get(address)
    assert response.status_code == 200, address
    return html.unescape(" ".join(response.content.decode().split()))


def test_groups_stand_among_the_registers_and_open_their_lists(world):
    client = world.client("gp")
    overview = page(client, "/registers")
    assert "Between services" in overview
    found = re.findall(r'<a href="(/registers/antipsychotic-dementia[^"]*)"[^>]*>(\d+)', overview)
    assert found
    for address, number in found:
        assert f": {number} p" in re.search(r"<h1>(.*?)</h1>", page(client, address)).group(1), address
    one = page(client, "/registers/antipsychotic-dementia")
    assert "Benefit and stopping are reviewed every six weeks" in one and "a proposal of this project" in one
    assert "NICE NG97 / KTT7 antipsychotics in dementia (S31)" in one and "Left it 1" in one and "New starters" not in one
    assert "WORKED, Gone" in page(client, "/registers/antipsychotic-dementia?who=left")


def test_who_lacks_a_specialist_is_one_step_from_one(world):
    """A request for a review; rapid return for whom a specialist transferred; what was asked already instead of asking twice."""
    gp, sam, demented = world.client("gp"), world.ids["Sam"], world.ids["Demented"]
    address = "/registers/smi-no-specialist-review"
    shown = page(gp, address)
    assert f'href="/patients/{sam}/ask?kind=medication-review">Ask for a review' in shown
    moved = Transfer.objects.create(
        person_id=sam, from_org=TRUST, to_org=PRACTICE, state=State.TRANSFERRED, why="Well", plan="Repeats", planned_on=TODAY,
        transferred_on=TODAY, proposed_at=clock.now(), answer_by=TODAY,
    )  # fmt: skip
    shown = page(gp, address)
    assert f'href="/transfers/{moved.pk}/return">Ask for rapid return' in shown and f'href="/patients/{sam}/ask' not in shown
    assert f'href="/patients/{demented}/ask?kind=medication-review">Ask for a review' in page(gp, "/registers/smi-primary-care-only")
    assert "Ask for a review" not in page(gp, "/registers/antipsychotic-dementia"), "a group of people who have what they need"
    assert "Ask for a review" not in page(world.client("manager"), address), "the role does not ask services"


def test_hiding_a_part_hides_the_group(world):
    from stepwell.web.privacy import services

    dora = world.ids["Dora"]
    services.mark_sensitive(
        world.actor("gp"), subject_of(dora), kind="register", key="dementia", organisations=[PRACTICE], why="Has not told the family"
    )
    assert "WORKED, Dora" in page(world.client("gp"), "/registers/antipsychotic-dementia")
    assert "WORKED, Dora" not in page(world.client("manager"), "/registers/antipsychotic-dementia")
    assert "WORKED, Dora" in page(world.client("manager"), "/registers/antipsychotic-without-smi")


def test_groups_follow_the_next_evaluation(world):
    world.more("Dora", "diagnosis smi on 2026-01-01")
    world.catch_up()
    assert members(world, "antipsychotic-dementia") == set()


def test_every_group_says_where_it_comes_from():
    for group in knowledge.load().groups.values():
        assert group.mark == "P" and any(source.startswith("S") for source in group.source), group.group
        assert group.about.endswith("."), group.group
