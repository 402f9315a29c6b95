"""Acceptance line 4: lithium from the trust under an agreement, olanzapine from the GP, and a third medicine that nobody took on.

Two owners for separate tests, one visit that bundles them, "nobody" with "agree who" for the third; recording the result
closes what it satisfies, at once, on both medicines. Through the store, the engine, the services and the page.
"""

from __future__ import annotations

import pytest

import web_support
from ledger_world import IRIS, PRACTICE, TODAY, TRUST, World
from stepwell.web.agreements.services import Line
from stepwell.web.ledger import services


@pytest.fixture
def world(db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Iris": IRIS})
    world.catch_up()
    world.agree_lithium("Iris")
    return world


def owners(world, rule_id, subject):
    return {duty.owner_org for duty in world.duties("Iris", rule_id=rule_id, subject=subject, state="open")}


def test_two_owners_for_separate_tests(world):
    assert owners(world, "lithium.level", "lithium") == {TRUST}
    assert owners(world, "antipsychotic.hba1c-olanzapine", "olanzapine") == {PRACTICE}
    assert owners(world, "lithium.weight", "lithium") == {TRUST}
    assert owners(world, "antipsychotic.weight", "olanzapine") == {PRACTICE}


def test_the_third_medicine_is_nobodys_and_the_practice_owes_agree_who(world):
    assert owners(world, "antipsychotic.weight", "risperidone") == {"nobody"}
    (agree,) = world.duties("Iris", rule_id="agree.who", state="open")
    assert (agree.subject, agree.owner_org) == ("risperidone", PRACTICE)


def test_the_page_says_so_to_both(world):
    page = world.client("gp").get(f"/patients/{world.ids['Iris']}").content.decode()
    assert "Three medicines" in page and "by nobody" in page
    assert "Owed by others" in page and "Northside CMHT" in page
    assert "Agree who prescribes and monitors (risperidone)" in page and "Take it on" in page and "Record agreement" in page
    assert "one visit settles" in page and "Record one visit" in page
    theirs = world.client("psychiatrist").get(f"/patients/{world.ids['Iris']}").content.decode()
    assert "Northside CMHT prescribes and monitors" in theirs


def test_one_result_closes_what_it_satisfies_on_both_medicines_at_once(world):
    ours = world.duties("Iris", rule_id="antipsychotic.weight", subject="olanzapine", state="open")[-1]
    theirs = world.duties("Iris", rule_id="lithium.weight", subject="lithium", state="open")[-1]
    lipids = world.duties("Iris", rule_id="antipsychotic.lipids", subject="olanzapine", state="open")[-1]
    client = world.client("nurse")
    address = f"/patients/{world.ids['Iris']}/results?test=weight"
    day = {"on-day": "1", "on-month": "6", "on-year": "2026"}
    answer = client.post(address, {**day, **web_support.form_seen(client, address), "value-weight": "72.4"})
    assert answer.status_code == 302 and answer["Location"].endswith("?said=recorded")
    for duty in (ours, theirs):
        duty.refresh_from_db()
        assert (duty.state, duty.ended_on, duty.ended_by) == ("met", TODAY, "result")
        following = world.duty("Iris", duty.rule_id, subject=duty.subject)
        assert (following.state, following.base_on) == ("open", TODAY) and following.due_on > TODAY
        assert following.owner_org == duty.owner_org
    lipids.refresh_from_db()
    assert lipids.is_open
    page = client.get(answer["Location"]).content.decode()
    assert "Results recorded" in page and "72.4 kg" in page


def test_one_visit_records_several_and_each_keeps_its_owner_and_reason(world):
    client = world.client("nurse")
    day = {"on-day": "1", "on-month": "6", "on-year": "2026"}
    before = {(d.rule_id, d.subject): d.owner_org for d in world.duties("Iris", state="open", test__in=("weight", "hba1c", "lipids"))}
    address = f"/patients/{world.ids['Iris']}/results?test=weight&test=hba1c&test=lipids"
    values = {"value-weight": "72", "value-hba1c": "41", "value-lipids": "4.9"}
    answer = client.post(address, {**day, **web_support.form_seen(client, address), **values})
    assert answer.status_code == 302
    closed = world.duties("Iris", state="met", ended_on=TODAY)
    assert {duty.test for duty in closed} == {"weight", "hba1c", "lipids"}
    assert len(closed) >= 5 and {TRUST, PRACTICE, "nobody"} <= {duty.owner_org for duty in closed}
    assert all(before[(duty.rule_id, duty.subject)] == duty.owner_org for duty in closed)


def test_an_agreement_about_the_third_ends_agree_who(world):
    services.record_agreement(
        world.actor("gp"),
        world.ids["Iris"],
        substance="risperidone",
        between_org=PRACTICE,
        and_org=TRUST,
        lines=[Line("all", PRACTICE), Line("prescribe", TRUST)],
        agreed_on=TODAY,
        from_on=TODAY,
        label="shared care with Northside CMHT",
    )
    (agree,) = world.duties("Iris", rule_id="agree.who", subject="risperidone")
    assert agree.state == "superseded"
    assert owners(world, "antipsychotic.weight", "risperidone") == {PRACTICE}
