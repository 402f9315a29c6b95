"""Bringing records in, in a browser: from sending a file to the rows that were refused, at two widths and without JavaScript."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command

from browser_fixtures import follow
from ledger_world import PRACTICE, World
from stepwell.web.core import clock
from stepwell.web.operations.models import ImportRun, RunState

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
LINES = [
    {"resourceType": "Organization", "id": PRACTICE, "identifier": [{"system": ODS, "value": PRACTICE}], "type": [{"text": "GP practice"}]},
    {"resourceType": "Patient", "id": "p", "managingOrganization": {"reference": f"Organization/{PRACTICE}"}, "birthDate": "1970-02-03"},
    {"resourceType": "Observation", "id": "o1", "status": "final", "subject": {"reference": "Patient/p"}, "effectiveDateTime": "never",
     "code": {"coding": [{"system": "http://snomed.info/sct", "code": "1000661000000107"}]},
     "valueQuantity": {"value": 140, "unit": "mmol/L"}},
]  # fmt: skip


@pytest.fixture
def world(transactional_db, settings, tmp_path):
    return World(settings, tmp_path)


def test_from_a_file_to_its_refused_rows_without_javascript(world, signed_in_page, axe, screenshots, tmp_path):
    export = tmp_path / "monday export.ndjson"
    export.write_text("\n".join(json.dumps(line) for line in LINES) + "\n", encoding="utf-8")
    page = signed_in_page(world.members["manager"], scripts=False)
    page.goto("/imports")
    assert "Nothing lies in the folder of Riverside Surgery" in page.locator("main").inner_text()
    page.get_by_label("A small export").set_input_files(str(export))
    follow(page.get_by_role("button", name="Send it to the folder"))
    assert "The export is in the folder" in page.get_by_role("status").inner_text()
    follow(page.get_by_role("button", name="Start the import"))
    assert "The import waits" in page.locator("h1").inner_text() and "follow=1" in page.url
    follow(page.get_by_role("link", name="Stop that"))
    call_command("db_worker", "--batch", "--no-startup-delay", verbosity=0)
    follow(page.get_by_role("link", name="Look again until it has ended"))
    assert "2 records taken, 1 rejected" in page.locator("h1").inner_text()
    assert "Observation o1" in page.locator("#rejects ~ table").inner_text()
    follow(page.get_by_role("link", name="Back to imports"))
    assert "Done" in page.get_by_role("row", name="monday-export.ndjson").first.inner_text()


def test_every_state_at_two_widths(world, signed_in_page, axe, screenshots):
    page = signed_in_page(world.members["manager"])
    now = clock.now()
    totals = {"read": 41_236, "accepted": 41_210, "not_used": 14, "rejected": 12}
    reasons = [{"reason": "date", "message": "A date that cannot be: give it as YYYY-MM-DD.", "count": 12}]
    report = {
        "totals": totals, "accepted": {"new": 212, "unchanged": 40_961, "superseded": 37}, "not_used": {"Immunization": 14},
        "removed": 3, "format": "emis", "scope": "full", "by_source": {PRACTICE: {}}, "rejected": reasons,
        "flags": [{"flag": "test patient", "message": "Left out: they are marked as test patients.", "count": 2}],
    }  # fmt: skip
    run = ImportRun.objects.create(
        org_code=PRACTICE, name="emis-2026-05-31", files=14, bytes=52_000_000, asked_at=now, asked_by_id=world.members["manager"].user_id,
        role="practice manager", started_at=now, heard_at=now, report=report, people=8_214, changes={"opened": 41, "met": 12},
    )  # fmt: skip
    silent = now - timedelta(minutes=9)
    states = {
        "import-reading": {"state": RunState.READING},
        "import-done": {"state": RunState.DONE, "read_at": now, "finished_at": now},
        "import-failed": {"state": RunState.FAILED, "read_at": None, "error": "export.csv has a header nobody knows. Export it again."},
        "import-stopped": {"state": RunState.EVALUATING, "read_at": now, "heard_at": silent, "error": ""},
    }
    for name, values in states.items():
        ImportRun.objects.filter(pk=run.pk).update(**values)
        assert page.goto(f"/imports/{run.pk}").status == 200
        assert page.locator("h1").count() == 1
        screenshots(page, name)
        axe(page)
    place = Path(world.settings.DROP) / PRACTICE
    place.mkdir(parents=True)
    (place / "emis-2026-06-01.csv").write_text("a,b\n")
    ImportRun.objects.filter(pk=run.pk).update(state=RunState.DONE, finished_at=now)
    page.goto("/imports")
    screenshots(page, "imports")
    axe(page)
    follow(page.get_by_role("button", name="Send it to the folder"))
    assert "There is a problem" in page.locator("main").inner_text()
    axe(page)
