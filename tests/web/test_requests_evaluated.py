"""Requests and the engine: what a request asks for is a duty like any other, and access follows the request through evaluations."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ledger_world import PRACTICE, TODAY, TRUST, World
from stepwell.web.core.access import RelationshipKind
from stepwell.web.core.actor import Actor
from stepwell.web.ledger.models import Duty, Relationship
from stepwell.web.service_requests import directory, services
from stepwell.web.service_requests.models import Service

ADA = ["diagnosis bipolar on 2020-01-01", "olanzapine 10 mg daily from 2025-06-02 every 28 days"]


@pytest.fixture
def world(db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Ada": ADA})
    world.catch_up()
    told = {"serves": "Adults", "contact": "01632 960109", "routine_days": 5, "urgent_days": 1}
    directory.seed_services(
        Actor.system("tests"), [{"organisation": TRUST, "name": "Northside triage", "kinds": ["step-up"], "any_kind": True, **told}]
    )
    return world


def duties(world):
    rows = Duty.objects.filter(person_id=world.ids["Ada"], rule_id="asked.service request").order_by("pk")
    return [(row.title, row.owner_org, row.state) for row in rows]


def reached_by(world):
    rows = Relationship.objects.filter(person_id=world.ids["Ada"], kind=RelationshipKind.REQUEST.value)
    return list(rows.values_list("org_code", flat=True))


def test_duties_and_access_follow_the_request_through_evaluations(world):
    asked = services.Asked("step-up", "routine", "Assessment please", "Not sleeping", "To sleep", "agreed")
    done = services.ask(world.actor("gp"), world.ids["Ada"], asked, on=TODAY)
    assert done.up_to_date
    title = "Answer the request: step-up to specialist mental health care"
    assert duties(world) == [(title, TRUST, "open")]
    row = services.selectors.request_row(done.request_id)
    assert [each["key"] for each in row.facts["medicines"]] == ["olanzapine"]
    world.catch_up()
    assert reached_by(world) == [TRUST] and duties(world) == [(title, TRUST, "open")]
    client, duty = world.client("psychiatrist"), Duty.objects.get(rule_id="asked.service request")
    assert "Answer the request" in client.get("/worklist?tab=new").content.decode()
    assert f"/requests/{done.request_id}/answer" in client.get(f"/duties/{duty.pk}").content.decode()
    services.advise(world.actor("psychiatrist"), done.request_id, advice="Ring us", on=TODAY)
    told = [(owner, state) for _, owner, state in duties(world)]
    assert told == [(TRUST, "met"), (PRACTICE, "open")]
    services.read_advice(world.actor("gp"), done.request_id)
    assert [state for *_, state in duties(world)] == ["met", "met"] and reached_by(world) == []
    world.today = TODAY + timedelta(1)
    world.catch_up()
    assert reached_by(world) == []
    assert Service.objects.count() == 1
