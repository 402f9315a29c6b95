"""What a page reads once: within one GET, of rows that are each asker's own, and of nothing that was written since."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from ledger_world import OTHER_PRACTICE, PRACTICE, World
from stepwell.web.advice import selectors as advice
from stepwell.web.core import access, audit, clock, once, traces
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.models import Duty, Handover, PendingEvaluation, PersonRecord, Relationship
from stepwell.web.privacy import restrict, services
from stepwell.web.privacy import selectors as privacy

pytestmark = pytest.mark.django_db

IRIS = ["born 1980-03-14", "lithium 800 mg daily from 2024-06-10 every 28 days", "olanzapine 10 mg daily from 2023-04-01 every 28 days"]
GIVEN = {"reason": "emergency", "why": "Collapsed in our waiting room"}


@pytest.fixture
def world(db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Iris": IRIS, "Other": IRIS})
    world.catch_up()
    return world


@pytest.fixture
def iris(world) -> int:
    return world.ids["Iris"]


def asked(question) -> int:
    """How many queries the answer to a question took."""
    with CaptureQueriesContext(connection) as queries:
        question()
    return len(queries)


READS = {
    "person": ledger.person,
    "relationships and grants": ledger.subject_of,
    "open duties": ledger.open_duties_of,
    "language": lambda one: ledger.spoken_by([one]),
    "sensitive marks": lambda one: privacy.marks_of([one]),
    "a kind that there is nothing of": advice.for_person,
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_page_reads_once_and_a_form_that_is_sent_always(world, iris, read):
    with once.keeping("GET"):
        assert asked(lambda: read(iris)) > 0
        assert asked(lambda: read(iris)) == 0
        assert asked(lambda: read(world.ids["Other"])) > 0, "somebody else is another question"
    for method in ("POST", "PUT", "DELETE", None):
        with once.keeping(method):
            assert asked(lambda: read(iris)) == asked(lambda: read(iris)) > 0
    assert asked(lambda: read(iris)) == asked(lambda: read(iris)) > 0, "nor in a command or a task"


def test_two_requests_never_share(iris):
    with once.keeping("GET"):
        assert ledger.person(iris).family_name
    PersonRecord.objects.filter(person_id=iris).update(family_name="MOVED")
    with once.keeping("GET"):
        assert ledger.person(iris).family_name == "MOVED"
        with once.keeping("POST"):
            assert not once.is_keeping()
        assert once.is_keeping()
        found = []
        other = threading.Thread(target=lambda: found.append(once.is_keeping()))
        other.start()
        other.join()
        assert found == [False], "nor two threads"


def test_what_fails_leaves_nothing_kept(iris):
    with pytest.raises(PersonRecord.DoesNotExist), once.keeping("GET"):
        ledger.person(-1)
    assert not once.is_keeping()


def test_a_write_within_a_page_ends_the_keeping(world, iris):
    with once.keeping("GET"):
        before = ledger.person(iris)
        with transaction.atomic():
            PersonRecord.objects.filter(person_id=iris).update(family_name="MOVED")
            audit.record_write(world.actor("gp"), "test", person_id=iris)
        assert before.family_name != ledger.person(iris).family_name == "MOVED"
        assert asked(lambda: ledger.person(iris)) == asked(lambda: ledger.person(iris)) > 0


def test_what_is_hidden_from_one_is_neither_told_to_them_nor_taken_from_another(world, iris):
    gp, trust = world.actor("gp"), world.actor("psychiatrist")
    subject = ledger.subject_of(iris)
    services.mark_sensitive(gp, subject, kind="medicine", key="lithium", organisations=[PRACTICE], why="She asked for it")

    def shown(actor) -> tuple[set[str], set[str]]:
        record = ledger.person(iris)
        cut = restrict.cut_for(actor, [record])[iris]
        return {row["substance"] for row in record.medicines}, {duty.subject for duty in cut.shown(ledger.open_duties_of(iris))}

    with once.keeping("GET"):
        for _ in range(2):
            medicines, subjects = shown(trust)
            assert "lithium" not in medicines | subjects and "olanzapine" in medicines
            medicines, subjects = shown(gp)
            assert {"lithium", "olanzapine"} <= medicines and "lithium" in subjects
        whole = {duty.pk: duty.because for duty in ledger.open_duties_of(iris)}
    assert whole == dict(Duty.objects.filter(person_id=iris, state="open").values_list("pk", "because"))


def test_rows_are_each_askers_own(iris):
    with once.keeping("GET"):
        first = ledger.person(iris)
        first.family_name, first.medicines = "CHANGED", []
        again = ledger.person(iris)
        assert again.family_name != "CHANGED" and again.medicines
        duties = ledger.open_duties_of(iris)
        duties[0].because = []
        duties.pop()
        assert len(ledger.open_duties_of(iris)) == len(duties) + 1 and ledger.open_duties_of(iris)[0].because


def test_access_is_decided_anew_in_the_next_request(world, iris):
    other = world.actor("other gp")
    address, client = f"/patients/{iris}", world.client("other gp")
    assert client.get(address).status_code == 403
    assert client.post(f"{address}/break-glass", GIVEN).status_code == 302
    assert client.get(address).status_code == 200
    with once.keeping("GET"):
        assert access.decide(other, Permission.VIEW_PATIENT, ledger.subject_of(iris)).allow
    assert world.client("gp").get(address).status_code == 200
    Relationship.objects.filter(person_id=iris, org_code=PRACTICE).delete()
    Relationship.objects.create(person_id=iris, org_code=OTHER_PRACTICE, kind="registration")
    assert world.client("gp").get(address).status_code == 403


def test_a_trace_is_seen_in_the_next_page_and_by_every_form(world, iris):
    with once.keeping("GET"):
        assert not traces.any_of(PendingEvaluation, iris) and ledger.pending_since(iris) is None
        assert asked(lambda: [traces.any_of(Handover, iris), ledger.open_offers_of(iris, [PRACTICE])]) == 0
    PendingEvaluation.objects.create(person_id=iris, since=clock.now(), next_attempt_at=clock.now())
    with once.keeping("GET"):
        assert traces.any_of(PendingEvaluation, iris) and ledger.pending_since(iris) is not None
    assert traces.any_of(Handover, iris), "nobody looked: it may be"
    with once.keeping("GET"):
        assert traces.any_of(PersonRecord, iris), "a kind that is not told of is read"


def test_the_patient_page_asks_little(world, iris):
    client = world.client("gp")
    client.get(f"/patients/{iris}")
    assert asked(lambda: client.get(f"/patients/{iris}")) <= 30
