"""Acceptance line 6: whatever the records do, no acknowledgement, assignment or deferral is lost, and no duty vanishes.

Named histories through the real store, engine and ledger; random ones as batches. The pure machine is in tests/engine/test_reconcile.py.
"""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_world import TODAY, World
from stepwell.web.ledger import evaluation, services
from stepwell.web.ledger.apply import apply_batch
from stepwell.web.ledger.evaluation import evaluate_people, open_store
from stepwell.web.ledger.models import Duty, DutyEvent, PersonRecord
from stepwell.web.ledger.results import ResultEntry

ENDED = {"met", "declined", "not applicable", "superseded"}
ADA = [
    "lithium 800 mg daily from 2024-01-10 every 28 days",
    "diagnosis bipolar on 2020-01-01",
    "lithium-level 0.6 on 2025-11-20",
]
PUT_OFF = TODAY + timedelta(21)


@pytest.fixture
def world(db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Ada": ADA})
    world.catch_up()
    return world


@pytest.fixture
def level(world):
    """The lithium level, seen, given to the nurse and put off."""
    duty = world.duty("Ada", "lithium.level")
    gp, nurse = world.actor("gp"), world.actor("nurse")
    services.acknowledge(gp, duty.pk)
    services.assign(gp, duty.pk, to_user_id=nurse.user_id)
    services.defer(nurse, duty.pk, until=PUT_OFF, why="on holiday")
    return duty


def assert_arranged(world, duty) -> None:
    duty.refresh_from_db()
    gp, nurse = world.actor("gp"), world.actor("nurse")
    assert (duty.state, duty.assigned_to_id, duty.shown_from, duty.acknowledged_by_id) == ("open", nurse.user_id, PUT_OFF, gp.user_id)


def assert_nothing_vanished() -> None:
    """Every instance is open or closed one way of four, with evidence or a reason; numbered without holes; told by its events."""
    instances: dict[tuple, list[Duty]] = {}
    for duty in Duty.objects.order_by("instance"):
        instances.setdefault((duty.person_id, duty.rule_id, duty.subject, duty.point), []).append(duty)
        told = list(duty.events.order_by("id").values_list("kind", flat=True))
        assert told[0] == "opened"
        assert duty.is_open or (duty.state in ENDED and (duty.ended_on or duty.ended_why) and duty.state in told)
    for rows in instances.values():
        assert [duty.instance for duty in rows] == list(range(1, len(rows) + 1))
        assert all(not duty.is_open for duty in rows[:-1])


def test_corrected_start(world, level):
    world.tell({"Ada": ["lithium 800 mg daily from 2023-03-01 every 28 days", *ADA[1:]]})
    world.catch_up()
    assert_arranged(world, level)
    assert_nothing_vanished()


def test_late_older_result(world, level):
    due = level.due_on
    world.more("Ada", "lithium-level 0.5 on 2025-02-01")
    world.catch_up()
    assert_arranged(world, level)
    assert level.due_on == due
    assert_nothing_vanished()


def test_late_newer_result_ends_the_duty_with_its_evidence(world, level):
    world.more("Ada", "lithium-level 0.7 on 2026-05-02")
    world.catch_up()
    level.refresh_from_db()
    assert (level.state, level.ended_on) == ("met", date(2026, 5, 2))
    following = world.duty("Ada", "lithium.level")
    assert (following.instance, following.state, following.assigned_to_id) == (2, "open", None)
    assert level.assigned_to_id == world.actor("nurse").user_id  # what was arranged stays with the duty it was for
    assert_nothing_vanished()


def test_split_course_and_merged_again(world, level):
    split = ["lithium 800 mg daily from 2024-01-10 to 2025-01-20 every 28 days", "lithium 800 mg daily from 2025-06-20 every 28 days"]
    world.tell({"Ada": [*split, *ADA[1:]]})
    world.catch_up()
    assert_arranged(world, _latest(world))
    world.tell({"Ada": ADA})
    world.catch_up()
    assert_arranged(world, _latest(world))
    assert_nothing_vanished()


def _latest(world) -> Duty:
    """The level's duty that is open now: a split course may owe a first-year point before the yearly cycle."""
    return next(duty for duty in reversed(world.duties("Ada", rule_id="lithium.level")) if duty.is_open)


def test_the_records_take_a_duty_away_and_bring_it_back(world, level):
    world.tell({"Ada": ["lithium 800 mg daily from 2024-01-10 to 2025-01-20 every 28 days", *ADA[1:]]})
    world.catch_up()
    level.refresh_from_db()
    assert (level.state, level.ended_why) == ("superseded", "No current course of lithium on record")
    world.tell({"Ada": ADA})
    world.catch_up()
    again = world.duty("Ada", "lithium.level")
    assert again.instance == 2
    assert_arranged(world, again)
    assert_nothing_vanished()


def test_a_new_version_of_the_rule_asks_for_a_second_look_and_erases_nothing(world, level, monkeypatch):
    real = evaluation.engine.evaluate

    def with_new_version(*args, **kwargs):
        outcome = real(*args, **kwargs)
        needs = outcome.tables["needs"]
        versions = needs["rule_version"].to_pylist()
        index = needs.schema.get_field_index("rule_version")
        import pyarrow as pa

        raised = pa.array([version + 1 for version in versions], needs.schema.field(index).type)
        outcome.tables["needs"] = needs.set_column(index, needs.schema.field(index), raised)
        return outcome

    monkeypatch.setattr(evaluation.engine, "evaluate", with_new_version)
    world.catch_up()
    assert_arranged(world, level)
    assert level.second_look
    services.acknowledge(world.actor("gp"), level.pk)
    level.refresh_from_db()
    assert not level.second_look
    assert_nothing_vanished()


def test_double_recording_is_one_fact_with_two_provenances(world, level):
    services.record_results(world.actor("nurse"), world.ids["Ada"], [ResultEntry("lithium-level", 700, TODAY)])
    following = world.duty("Ada", "lithium.level")
    services.assign(world.actor("gp"), following.pk, to_user_id=world.actor("gp").user_id)
    world.more("Ada", f"lithium-level 0.7 on {TODAY}")
    world.catch_up()
    following.refresh_from_db()
    assert (following.instance, following.state, following.assigned_to_id) == (2, "open", world.actor("gp").user_id)
    assert len(world.duties("Ada", rule_id="lithium.level")) == 2
    results = [
        row for row in PersonRecord.objects.get().last_results if row["test"] == "lithium-level" and row["effective_on"] == str(TODAY)
    ]
    assert [row["roads"] for row in results] == [2]
    assert_nothing_vanished()


def test_a_stale_evaluation_changes_nothing(world, level):
    stale, ids = evaluate_people(open_store(), TODAY, None)
    services.record_results(world.actor("nurse"), world.ids["Ada"], [ResultEntry("lithium-level", 700, TODAY)])
    before, events = list(Duty.objects.order_by("id").values()), DutyEvent.objects.count()
    outcome = apply_batch(stale, ids, at=world.duty("Ada", "lithium.level").events.get().at)
    assert outcome.stale == ids and outcome.people == 0
    assert list(Duty.objects.order_by("id").values()) == before and DutyEvent.objects.count() == events
    assert_nothing_vanished()


def test_an_evaluation_of_an_earlier_day_changes_nothing(world, level):
    earlier, ids = evaluate_people(open_store(), TODAY - timedelta(30), None)
    assert apply_batch(earlier, ids, at=level.events.last().at).stale == ids
    assert_arranged(world, level)


sentences = st.lists(
    st.sampled_from(
        [
            "lithium-level 0.6 on 2025-02-01",
            "lithium-level 0.9 on 2026-04-02",
            "lithium-level 0.7 on 2026-05-20",
            "egfr 50 on 2026-02-01",
            "weight 71 on 2026-03-01",
            "olanzapine 10 mg daily from 2025-09-01 every 28 days",
            "olanzapine 10 mg daily from 2025-09-01 to 2025-12-01 every 28 days by trust",
            "lithium 400 mg daily from 2026-02-14 every 28 days by trust",
            "hba1c 44 on 2026-05-01",
        ]
    ),
    unique=True,
    max_size=5,
)
courses = st.sampled_from(
    [
        "lithium 800 mg daily from 2024-01-10 every 28 days",
        "lithium 800 mg daily from 2023-03-01 every 28 days",
        "lithium 800 mg daily from 2024-01-10 to 2025-01-20 every 28 days",
        "lithium 800 mg daily from 2026-04-01 every 28 days",
    ]
)
histories = st.lists(st.tuples(courses, sentences, st.sampled_from(["assign", "nothing"])), min_size=2, max_size=4)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories)
def test_no_history_of_records_loses_an_arrangement(world, story):
    """Records change at will between evaluations. An arrangement ends only by an answer, by evidence, or by its rule."""
    Duty.objects.all().update(assigned_to=None)
    # A new person each time: the ledger of the one before stays as it was left.
    name, day = f"P{len(world.people)}", TODAY
    nurse = world.actor("nurse").user_id
    arranged: set[tuple] = set()
    for course, more, act in story:
        day += timedelta(1)
        world.today = day
        world.tell({name: [course, ADA[1], *more]})
        world.catch_up()
        for duty in world.duties(name, state="open"):
            key = (duty.rule_id, duty.subject, duty.point)
            before = world.duties(name, rule_id=key[0], subject=key[1], point=key[2], instance=duty.instance - 1)
            if key in arranged and duty.assigned_to_id != nurse:
                # Taken off only because the cycle it was for was answered, or its time had passed.
                assert before and (before[0].state != "superseded" or before[0].ended_by == "lapsed")
                arranged.discard(key)
            if act == "assign":
                services.assign(world.actor("gp"), duty.pk, to_user_id=nurse)
                arranged.add(key)
        assert_nothing_vanished()
