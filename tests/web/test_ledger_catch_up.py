"""Catching up with the store: everyone at once, only when something moved, and taking over what the store already holds."""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa
import pytest
from django.core.management import call_command

from ledger_world import PRACTICE, TODAY, TRUST, World
from stepwell.engine.reconcile import Mark
from stepwell.engine.reconcile_tables import duties_to_table, reconcile_tables
from stepwell.records.schema import WORKFLOW
from stepwell.web.core.append_only import AppendOnlyError
from stepwell.web.ledger import evaluation, services
from stepwell.web.ledger.apply import to_engine
from stepwell.web.ledger.models import Duty, DutyEvent, Evaluation, OwnerAssertion, PersonRecord, Relationship

ADA = ["lithium 800 mg daily from 2024-01-10 every 28 days", "lithium-level 0.6 on 2025-11-20"]


@pytest.fixture
def world(db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Ada": ADA, "Bo": ["olanzapine 10 mg daily from 2025-01-10 every 28 days by trust"]})
    return world


def test_the_ledger_is_what_the_tables_say(world):
    """The database and `stepwell evaluate` apply the same needs to the same duties."""
    world.catch_up()
    store = evaluation.open_store()
    outcome = evaluation.engine.evaluate(store, evaluation.knowledge.load(), TODAY)
    duties, _ = reconcile_tables(None, outcome.tables["needs"], outcome.tables["because"], mark=Mark(1, 0, TODAY))
    assert duties_to_table(to_engine(row) for row in Duty.objects.all()).equals(duties)


def test_being_behind(world):
    assert evaluation.is_behind()
    world.catch_up()
    assert not evaluation.is_behind()
    services.acknowledge(world.actor("gp"), Duty.objects.filter(owner_org=PRACTICE, state="open").first().pk)
    assert not evaluation.is_behind()
    world.today = TODAY + timedelta(1)
    assert evaluation.is_behind()
    world.today = TODAY
    world.more("Ada", "lithium-level 0.7 on 2026-05-01")
    assert evaluation.is_behind()


def test_what_people_write_does_not_make_the_records_look_new(world):
    from stepwell.web.ledger.results import ResultEntry

    world.catch_up()
    services.record_results(world.actor("gp"), world.ids["Ada"], [ResultEntry("lithium-level", 600, TODAY)])
    assert not evaluation.is_behind()


def test_the_command(world, capsys):
    call_command("catch_up")
    assert "2 people: " in capsys.readouterr().out
    call_command("catch_up", "--if-behind")
    assert capsys.readouterr().out == "up to date\n"
    call_command("catch_up", "--pending")
    assert capsys.readouterr().out == "0 people evaluated again\n"


def test_a_run_is_kept(world):
    done = world.catch_up()
    run = Evaluation.objects.get()
    assert (run.people, run.stale, run.as_of) == (2, 0, TODAY) and run.counts["opened"] == Duty.objects.count()
    assert done.applied.counts["opened"] == DutyEvent.objects.count()


def test_relationships_follow_the_records(world):
    world.catch_up()
    found = set(Relationship.objects.filter(person_id=world.ids["Bo"]).values_list("org_code", "kind"))
    assert found == {(PRACTICE, "registration"), (TRUST, "supply")}


def test_a_person_who_leaves_the_store_keeps_a_closed_ledger(world):
    world.catch_up()
    del world.people["Bo"]
    bo = world.ids["Bo"]
    world.tell({})
    world.catch_up()
    duties = Duty.objects.filter(person_id=bo)
    assert duties and not duties.filter(state="open").exists()
    assert all(duty.ended_why for duty in duties)


def test_a_new_ledger_takes_over_what_the_store_holds(world):
    row = {
        "person_id": world.ids["Bo"],
        "substance": "olanzapine",
        "owner_org": PRACTICE,
        "owner_role": None,
        "from_on": date(2025, 6, 1),
        "to_on": None,
        "label": "Riverside Surgery took it on",
    }
    table = pa.Table.from_pylist([row], schema=WORKFLOW["owner_assertions"].arrow_schema())
    line = {**row, "agreement_id": "A", "line": "all", "person_id": world.ids["Ada"], "substance": "lithium", "owner_org": TRUST}
    lines = pa.Table.from_pylist([line], schema=WORKFLOW["agreement_lines"].arrow_schema())
    evaluation.open_store().put_workflow({"owner_assertions": table, "agreement_lines": lines}, person_ids=None)
    world.catch_up()
    assert OwnerAssertion.objects.get().substance == "olanzapine"
    assert {d.owner_org for d in world.duties("Bo", rule_id="antipsychotic.weight", state="open")} == {PRACTICE}
    assert {d.owner_org for d in world.duties("Ada", rule_id="lithium.level", state="open")} == {TRUST}
    world.catch_up()
    assert OwnerAssertion.objects.count() == 1
    assert evaluation.open_store().table("owner_assertions").to_pylist() == [row]


def test_events_are_never_changed_or_deleted(world):
    world.catch_up()
    event = DutyEvent.objects.first()
    event.why = "another story"
    with pytest.raises(AppendOnlyError):
        event.save()
    with pytest.raises(AppendOnlyError):
        event.delete()


def test_the_mark_of_a_person_says_how_far_was_read(world):
    world.catch_up()
    services.acknowledge(world.actor("gp"), world.duty("Ada", "lithium.level").pk)
    person = PersonRecord.objects.get(person_id=world.ids["Ada"])
    assert (person.read_as_of, person.read_sequence, person.workflow_sequence) == (TODAY, 0, 0)
    services.decline(world.actor("gp"), world.duty("Ada", "lithium.level").pk, on=TODAY, why="no")
    person.refresh_from_db()
    assert (person.read_sequence, person.workflow_sequence) == (1, 1)
