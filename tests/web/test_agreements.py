"""Recording and ending agreements: what is refused, when owners move, what the form says."""

from __future__ import annotations

from datetime import timedelta

import pytest

import web_support
from ledger_world import OTHER_PRACTICE, PRACTICE, TODAY, TRUST, World
from stepwell.errors import Refused
from stepwell.web.agreements.models import Agreement, AgreementEvent, AgreementStatus
from stepwell.web.agreements.services import Line
from stepwell.web.core.gate import AccessRefused
from stepwell.web.ledger import evaluation, services

CY = [
    "risperidone 2 mg daily from 2024-01-01 every 28 days by trust",
    "diagnosis schizophrenia on 2023-01-01",
    "on the caseload of trust from 2024-01-01",
]
TODAY_PARTS = {"day": str(TODAY.day), "month": str(TODAY.month), "year": str(TODAY.year)}


@pytest.fixture
def world(db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Cy": CY})
    world.catch_up()
    return world


def agree(world, who="gp", **values):
    terms = {
        "substance": "risperidone",
        "between_org": PRACTICE,
        "and_org": TRUST,
        "lines": [Line("all", PRACTICE), Line("prescribe", TRUST)],
        "agreed_on": TODAY,
        "from_on": TODAY,
        "label": "shared care with Northside CMHT",
    }
    return services.record_agreement(world.actor(who), world.ids["Cy"], **{**terms, **values})


def owners(world) -> set[str]:
    return {duty.owner_org for duty in world.duties("Cy", state="open", rule_id="antipsychotic.weight")}


def test_an_agreement_in_force_moves_the_owners_at_once(world):
    assert owners(world) == {"nobody"}
    assert agree(world).up_to_date
    assert owners(world) == {PRACTICE}
    duty = world.duties("Cy", state="open", rule_id="antipsychotic.weight")[-1]
    assert duty.owner_label == "shared care with Northside CMHT" and "changed" in world.events(duty)


def test_an_agreement_moves_them_on_its_day_and_not_on_the_click(world):
    agree(world, from_on=TODAY + timedelta(10))
    assert Agreement.objects.get().status_on(TODAY) is AgreementStatus.ACCEPTED
    assert owners(world) == {"nobody"}
    world.today = TODAY + timedelta(10)
    world.catch_up()
    assert owners(world) == {PRACTICE}


def test_ending_it_gives_the_duties_back_to_nobody(world):
    agree(world)
    services.end_agreement(world.actor("gp"), world.ids["Cy"], Agreement.objects.get().pk, to_on=TODAY, why="discharged by the team")
    assert owners(world) == {"nobody"}
    assert world.duty("Cy", "agree.who").is_open
    assert list(AgreementEvent.objects.values_list("kind", "why")) == [("recorded", ""), ("ended", "discharged by the team")]


def test_the_extract_in_the_store_holds_its_lines(world):
    agree(world)
    rows = evaluation.open_store().table("agreement_lines").to_pylist()
    assert sorted((row["line"], row["owner_org"]) for row in rows) == [("all", PRACTICE), ("prescribe", TRUST)]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"lines": []}, "who owns"),
        ({"and_org": PRACTICE, "lines": [Line("all", PRACTICE)]}, "two parties"),
        ({"between_org": OTHER_PRACTICE, "lines": [Line("all", TRUST)]}, "your own organisation"),
        ({"lines": [Line("all", OTHER_PRACTICE)]}, "one of the two parties"),
        ({"lines": [Line("all", PRACTICE), Line("all", TRUST)]}, "one owner"),
        ({"agreed_on": TODAY + timedelta(1), "from_on": TODAY + timedelta(1)}, "in the future"),
        ({"from_on": TODAY - timedelta(1)}, "before it was agreed"),
        ({"to_on": TODAY}, "after the beginning"),
    ],
)
def test_agreements_that_are_refused(world, values, message):
    with pytest.raises(Refused, match=message):
        agree(world, **values)
    assert not Agreement.objects.exists()


def test_one_agreement_a_medicine_at_a_time(world):
    agree(world)
    with pytest.raises(Refused, match="End that one first"):
        agree(world)


@pytest.mark.parametrize("who", ["nurse", "other gp"])
def test_who_may_not_agree(world, who):
    with web_support.recorded() as trail, pytest.raises(AccessRefused):
        agree(world, who)
    assert trail.refusals() and not Agreement.objects.exists()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"to_on": TODAY - timedelta(1), "why": "x"}, "today or later"),
        ({"to_on": TODAY, "why": " "}, "Say why"),
    ],
)
def test_ends_that_are_refused(world, values, message):
    agree(world)
    with pytest.raises(Refused, match=message):
        services.end_agreement(world.actor("gp"), world.ids["Cy"], Agreement.objects.get().pk, **values)


FORM = {
    "substance": "risperidone",
    "other": TRUST,
    "monitors": "us",
    "prescribes": "them",
    "agreed_on-day": TODAY_PARTS["day"],
    "agreed_on-month": TODAY_PARTS["month"],
    "agreed_on-year": TODAY_PARTS["year"],
    "from_on-day": TODAY_PARTS["day"],
    "from_on-month": TODAY_PARTS["month"],
    "from_on-year": TODAY_PARTS["year"],
    "label": "shared care with Northside CMHT",
}


def test_the_form_records_an_agreement(world):
    client, address = world.client("gp"), f"/patients/{world.ids['Cy']}/agreements/new"
    page = client.get(f"{address}?medicine=risperidone").content.decode()
    assert '<option value="risperidone" selected' in page and page.index("Northside CMHT") < page.index("Hillcrest")
    response = client.post(address, FORM, follow=True)
    assert "Agreement recorded." in response.content.decode() and "shared care with Northside CMHT" in response.content.decode()
    assert owners(world) == {PRACTICE}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"substance": ""}, "Choose the medicine"),
        ({"monitors": ""}, "Choose who monitors it"),
        ({"label": ""}, "Name the agreement in a few words"),
        ({"from_on-year": "2025"}, "cannot begin before it was agreed"),
        ({"to_on-day": "1", "to_on-month": "6", "to_on-year": "2026"}, "The end must be after the first day"),
        ({"agreed_on-year": "2027", "from_on-year": "2027"}, "must be 01-Jun-2026 or earlier"),
    ],
)
def test_errors_of_the_form(world, change, message):
    response = world.client("gp").post(f"/patients/{world.ids['Cy']}/agreements/new", FORM | change)
    assert response.status_code == 422 and message in response.content.decode()


def test_the_network_agrees_for_the_practice(world):
    response = world.client("pharmacist").post(f"/patients/{world.ids['Cy']}/agreements/new", FORM)
    assert response.status_code == 302
    assert owners(world) == {PRACTICE}


def test_ending_by_form(world):
    agree(world)
    agreement = Agreement.objects.get()
    client, address = world.client("psychiatrist"), f"/patients/{world.ids['Cy']}/agreements/{agreement.pk}/end"
    assert "End the agreement about risperidone" in client.get(address).content.decode()
    assert client.post(address, {}).status_code == 422
    parts = {f"to_on-{name}": value for name, value in TODAY_PARTS.items()}
    assert client.post(address, {**parts, "why": "discharged"}).status_code == 302
    assert client.get(f"/patients/{world.ids['Cy']}/agreements/999/end").status_code == 404
