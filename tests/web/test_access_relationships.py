"""Why an organisation may see a person, read from the records: open requests and appointments beside registration and caseload."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest

from ledger_world import OTHER_PRACTICE, PRACTICE, TODAY, TRUST, World
from privacy_support import join
from stepwell.records.schema import TABLES
from stepwell.web.core.models import AuditEntry
from stepwell.web.ledger import selectors
from stepwell.web.ledger.models import Relationship
from stepwell.web.privacy import services

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Iris": ["olanzapine 10 mg daily from 2023-04-01 every 28 days"]})
    return world


def tell(world: World, table: str, *rows: dict[str, Any]) -> None:
    """These rows of Iris are in the records, beside what is told already; then everyone is evaluated."""
    subject = world.store.person_subjects([world.ids["Iris"]])[world.ids["Iris"]][0]
    names = TABLES[table].names
    filled = [
        dict.fromkeys(names) | {"source": OTHER_PRACTICE, "native_id": f"{table}-{number}", "version": "1", "subject_id": subject} | row
        for number, row in enumerate(rows)
    ]
    with world.store.importing() as writer:
        writer.put(
            table, OTHER_PRACTICE, subject % world.store.manifest.buckets, pa.Table.from_pylist(filled, TABLES[table].arrow_schema())
        )
        writer.commit()
    world.catch_up()


def reach(world: World, code: str) -> dict[str, Relationship]:
    return {row.kind: row for row in Relationship.objects.filter(person_id=world.ids["Iris"], org_code=code)}


def asked(on: date, **values: Any) -> dict[str, Any]:
    return {"from_org": PRACTICE, "to_org": TRUST, "asked_on": on, "status": "active"} | values


def booked(on: date, **values: Any) -> dict[str, Any]:
    return {"org_code": TRUST, "on_date": on, "status": "booked"} | values


def test_an_open_request_lets_the_service_asked_see_the_person(world):
    assert world.client("psychiatrist").get("/worklist").status_code == 200
    tell(world, "requests", asked(TODAY - timedelta(10)))
    row = reach(world, TRUST)["request"]
    assert (row.from_on, row.to_on, row.evidence) == (TODAY - timedelta(10), TODAY + timedelta(355), "requests/requests-0")
    assert world.client("psychiatrist").get(f"/patients/{world.ids['Iris']}").status_code == 200
    read = AuditEntry.objects.filter(kind="read", person_id=world.ids["Iris"]).latest("id")
    assert (read.reason, read.evidence) == ("with a request open at Northside CMHT", "requests/requests-0")


@pytest.mark.parametrize(
    "row",
    [
        asked(TODAY - timedelta(10), status="completed"),
        asked(TODAY - timedelta(10), status="unknown"),
        asked(TODAY - timedelta(10), to_org=None),
        asked(TODAY - timedelta(365)),
        asked(TODAY + timedelta(1)),
        {**asked(TODAY), "asked_on": None},
    ],
    ids=["completed", "status not known", "nobody named", "a year ago", "not asked yet", "without a day"],
)
def test_requests_that_open_nothing(world, row):
    tell(world, "requests", row)
    assert reach(world, TRUST) == {}
    assert world.client("psychiatrist").get(f"/patients/{world.ids['Iris']}").status_code == 403


@pytest.mark.parametrize(
    ("row", "seen"),
    [
        (booked(TODAY + timedelta(90)), True),
        (booked(TODAY - timedelta(28), status="attended"), True),
        (booked(TODAY - timedelta(29), status="attended"), False),
        (booked(TODAY - timedelta(1), status="did not attend"), True),
        (booked(TODAY + timedelta(1), status="cancelled"), False),
        (booked(TODAY, status="unknown"), False),
        (booked(TODAY, org_code=None), False),
    ],
    ids=["booked", "the last day", "a day too late", "did not come", "cancelled", "status not known", "no organisation"],
)
def test_an_appointment_counts_from_its_booking_until_some_days_after(world, row, seen):
    tell(world, "appointments", row)
    assert (set(reach(world, TRUST)) == {"appointment"}) == seen
    assert world.client("psychiatrist").get(f"/patients/{world.ids['Iris']}").status_code == (200 if seen else 403)


def test_the_one_that_lasts_longest_is_kept(world):
    tell(world, "appointments", booked(TODAY - timedelta(5)), booked(TODAY + timedelta(5)), booked(TODAY))
    row = reach(world, TRUST)["appointment"]
    assert (row.to_on, row.evidence) == (TODAY + timedelta(5 + 29), "appointments/appointments-1")


def test_days_are_each_organisations_own(world):
    join(world, "privacy", "Una Price", TRUST, "privacy officer")
    services.change_setting(world.actor("privacy"), name="appointment_days", value=3)
    tell(world, "appointments", booked(TODAY - timedelta(4)), booked(TODAY - timedelta(4), org_code=OTHER_PRACTICE))
    assert reach(world, TRUST) == {}
    assert set(reach(world, OTHER_PRACTICE)) == {"appointment"}


def test_what_has_ended_goes_at_the_next_evaluation_and_holds_no_longer_before(world):
    tell(world, "appointments", booked(TODAY))
    person = world.ids["Iris"]
    world.today = TODAY + timedelta(29)
    assert person not in selectors.visible_to(world.actor("psychiatrist"), world.today).values_list("person_id", flat=True)
    assert world.client("psychiatrist").get(f"/patients/{person}").status_code == 403
    world.catch_up()
    assert reach(world, TRUST) == {}


def test_the_registered_practice_needs_no_second_reason(world):
    tell(world, "appointments", booked(TODAY, org_code=PRACTICE))
    assert set(reach(world, PRACTICE)) == {"registration"}
