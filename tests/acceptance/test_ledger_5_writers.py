"""Acceptance line 5: two hundred writers on the same patient lose no event and see no lock error, on SQLite and on PostgreSQL;
a stale form is refused with what changed."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection

from ledger_world import PRACTICE, TODAY, TRUST, World
from stepwell.errors import Refused
from stepwell.web.core.models import AuditEntry
from stepwell.web.ledger import handovers, services
from stepwell.web.ledger.acts import Stale
from stepwell.web.ledger.arrangement import arrangement_of, derive
from stepwell.web.ledger.models import Duty, DutyEvent, Handover, PendingEvaluation, PersonRecord, RecordedResult
from stepwell.web.ledger.results import ResultEntry

pytestmark = pytest.mark.django_db(transaction=True)

WRITERS = 200
# PostgreSQL as it comes gives a hundred connections; beyond them a writer waits for one, as it would at a pooler.
CONNECTIONS = 80
ADA = [
    "female",
    "on the caseload of trust from 2024-01-01",
    "lithium 800 mg daily from 2024-01-10 every 28 days",
    "olanzapine 10 mg daily from 2024-01-10 every 28 days",
    "diagnosis bipolar on 2020-01-01",
    "lithium-level 0.6 on 2025-11-20",
    "weight 70 on 2025-12-01",
]


@pytest.fixture
def world(transactional_db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Ada": ADA})
    world.catch_up()
    return world


class Writers:
    """Threads that start together, each with a connection of its own; what went wrong is kept, not swallowed."""

    def __init__(self) -> None:
        self.errors: list[BaseException] = []
        self.refused: list[Refused] = []
        self.written = 0
        self._start = threading.Event()
        self._turns = threading.Semaphore(CONNECTIONS)
        self._count = threading.Lock()

    def run(self, acts) -> None:
        threads = [threading.Thread(target=self._write, args=(act,)) for act in acts]
        for thread in threads:
            thread.start()
        self._start.set()
        for thread in threads:
            thread.join()

    def _write(self, act) -> None:
        self._start.wait()
        with self._turns:
            try:
                act()
                with self._count:
                    self.written += 1
            except Refused as refusal:
                self.refused.append(refusal)
            except BaseException as error:
                self.errors.append(error)
            finally:
                connection.close()


def _assert_nothing_lost(person: int) -> None:
    """The ledger is what its events add up to; every act has its event and its audit entry; nothing waits to be read."""
    assert not PendingEvaluation.objects.exists()
    for duty in Duty.objects.filter(person_id=person):
        assert duty.revision == duty.events.count()
        if duty.is_open:
            kept = (arrangement_of(duty), duty.owner_org)
            derive(duty)
            duty.refresh_from_db()
            assert (arrangement_of(duty), duty.owner_org) == kept
    by_people = DutyEvent.objects.filter(duty__person_id=person, by__isnull=False).count()
    audited = AuditEntry.objects.filter(kind="write", person_id=person, action__startswith="duty ").count()
    assert by_people == audited


def test_two_hundred_writers_of_every_kind_lose_nothing(world):
    person, gp, nurse, psychiatrist = world.ids["Ada"], world.actor("gp"), world.actor("nurse"), world.actor("psychiatrist")
    level, weight = world.duty("Ada", "lithium.level"), world.duty("Ada", "antipsychotic.weight")
    before = DutyEvent.objects.count()

    def act_of(number: int):
        kind = number % 5
        return {
            0: lambda: services.acknowledge(gp, level.pk),
            1: lambda: services.assign(gp, level.pk, to_user_id=nurse.user_id, why=f"turn {number}"),
            2: lambda: services.defer(nurse, weight.pk, until=TODAY + timedelta(number + 1), why=f"turn {number}"),
            3: lambda: services.record_results(
                psychiatrist, person, [ResultEntry("pulse", 60_000 + number, TODAY - timedelta(1))], confirmed=True
            ),
            4: lambda: services.take(nurse, weight.pk),
        }[kind]

    writers = Writers()
    writers.run([act_of(number) for number in range(WRITERS)])
    assert writers.errors == [] and writers.refused == []
    assert writers.written == WRITERS
    told = Counter(DutyEvent.objects.filter(pk__gt=0, by__isnull=False).values_list("kind", flat=True))
    assert (told["acknowledged"], told["assigned"], told["deferred"]) == (40, 80, 40)
    assert RecordedResult.objects.count() == 40
    assert PersonRecord.objects.get().workflow_sequence == 40 == PersonRecord.objects.get().read_sequence
    assert DutyEvent.objects.count() >= before + 160
    _assert_nothing_lost(person)
    results = [row for row in PersonRecord.objects.get().last_results if row["test"] == "pulse"]
    assert results, "the evaluation that came last has read what was typed"


def test_of_two_hundred_forms_opened_together_one_is_saved_and_the_others_say_what_changed(world):
    nurse, level = world.actor("nurse"), world.duty("Ada", "lithium.level")
    opened = level.revision
    writers = Writers()
    writers.run([lambda: services.take(nurse, level.pk, revision=opened)] * WRITERS)
    assert writers.errors == [] and writers.written == 1
    assert len(writers.refused) == WRITERS - 1
    for refusal in writers.refused:
        assert isinstance(refusal, Stale)
        assert [event.kind for event in refusal.changes] == ["assigned"]
        assert "assigned, Priya Nair" in str(refusal)
    assert level.events.filter(kind="assigned").count() == 1
    _assert_nothing_lost(world.ids["Ada"])


def test_two_hundred_answers_to_one_offer_move_the_owner_once(world):
    """Half of the writers accept, half withdraw: whoever is first decides, and the duty has one owner all the time."""
    gp, psychiatrist, level = world.actor("gp"), world.actor("psychiatrist"), world.duty("Ada", "lithium.level")
    handovers.offer(gp, level.pk, to_org=TRUST, why="weekly there")
    made = Handover.objects.get()
    writers = Writers()
    accept, withdraw = (lambda: handovers.accept(psychiatrist, made.pk)), (lambda: handovers.withdraw(gp, made.pk, why="no"))
    writers.run([accept, withdraw] * (WRITERS // 2))
    assert writers.errors == [] and writers.written == 1 and len(writers.refused) == WRITERS - 1
    made.refresh_from_db()
    level.refresh_from_db()
    assert (made.state, level.owner_org) in {("accepted", TRUST), ("withdrawn", PRACTICE)}
    assert level.events.filter(kind__in=("offer accepted", "offer withdrawn")).count() == 1
    _assert_nothing_lost(world.ids["Ada"])


def test_a_stale_form_is_refused_with_what_changed_and_keeps_what_was_typed(world):
    level = world.duty("Ada", "lithium.level")
    client, address = world.client("gp"), f"/duties/{level.pk}/not-this-time"
    version = client.get(address).content.decode().split('name="version" value="')[1].split('"')[0]
    services.assign(world.actor("nurse"), level.pk, to_user_id=world.actor("nurse").user_id, why="I see her on Tuesday")
    typed = {"choice": "later", "day-day": "20", "day-month": "6", "day-year": "2026", "why": "in Wales until the 20th"}
    response = client.post(address, {**typed, "version": version})
    page = " ".join(response.content.decode().split())
    assert response.status_code == 409
    assert "Nothing was saved" in page and "What changed since you opened this" in page
    assert "Assigned to Priya Nair" in page and "I see her on Tuesday" in page
    assert "in Wales until the 20th" in page and 'value="later" checked' in page
    assert level.events.filter(kind="deferred").count() == 0
    version = page.split('name="version" value="')[1].split('"')[0]
    assert client.post(address, {**typed, "version": version}).status_code == 302
    level.refresh_from_db()
    assert level.deferred_why == "in Wales until the 20th" and level.assigned_to_id == world.actor("nurse").user_id
