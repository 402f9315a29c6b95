"""The audit page of a privacy officer, and the person's own report of who looked at their record."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

import web_support
from ledger_world import NHS_NUMBERS, OTHER_PRACTICE, PRACTICE, TRUST, World
from privacy_support import join
from stepwell.web.core import audit
from stepwell.web.core.models import AuditEntry
from stepwell.web.ledger.models import PersonRecord, Relationship
from stepwell.web.privacy import services, trail
from stepwell.web.privacy.report import because

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell(
        {
            "Iris": ["born 1980-03-14", "olanzapine 10 mg daily from 2023-04-01 every 28 days", "on the caseload of trust from 2024-06-01"],
            "Bo": ["born 1970-01-01", "sertraline 50 mg daily from 2025-04-01 every 28 days"],
        }
    )
    world.catch_up()
    join(world, "privacy", "Una Price", PRACTICE, "privacy officer")
    join(world, "other privacy", "Ed Rowe", OTHER_PRACTICE, "privacy officer")
    join(world, "trust privacy", "Ida Moss", TRUST, "privacy officer")
    return world


def text(response) -> str:
    return " ".join(response.content.decode().split())


def patient(world) -> str:
    return f"/patients/{world.ids['Iris']}"


def asked(**values):
    today = timezone.localdate()
    return {"from_on": today.isoformat(), "to_on": today.isoformat(), "kind": "all"} | values


def rows(page: str) -> list[str]:
    body = page.partition("<tbody>")[2].partition("</tbody>")[0] if "<tbody>" in page else ""
    return re.findall(r"<tr>(.*?)</tr>", body)


def number_of(world, name: str) -> str:
    return PersonRecord.objects.get(person_id=world.ids[name]).nhs_number


# The page


def test_it_shows_own_staff_and_own_patients_and_nobody_elses(world):
    world.client("gp").get(patient(world))
    world.client("psychiatrist").get(patient(world))
    world.client("other gp").get("/worklist")
    page = text(world.client("privacy").get("/privacy/audit"))
    assert "Dr Amara Osei" in page and "WORKED, Iris (Ms)" in page and "registered with Riverside Surgery" in page
    assert "Dr Lena Hart" in page, "what the trust's staff did with a patient of the practice"
    assert "Sian Rees" not in page, "what another practice's staff did with others"
    page = text(world.client("other privacy").get("/privacy/audit"))
    assert "Dr Sian Rees" in page and "Amara" not in page and "Iris" not in page


def test_a_member_of_staff_elsewhere_with_a_stranger_is_shown_without_the_strangers_name(world):
    """The privacy officer of the other practice answers for their GP, who opened a record of this practice."""
    client = world.client("other gp")
    client.post(f"{patient(world)}/break-glass", {"reason": "emergency", "why": "Collapsed"})
    client.get(patient(world))
    page = text(world.client("other privacy").post("/privacy/audit", asked(kind="openings")))
    assert "Dr Sian Rees" in page and "opened without a relationship: emergency care" in page
    assert "not a patient here" in page and "Iris" not in page
    assert len(rows(page)) == 3, "the form, the opening, the page"
    page = text(world.client("privacy").post("/privacy/audit", asked(kind="openings")))
    assert "WORKED, Iris" in page and len(rows(page)) == 3


def test_filters(world):
    world.client("gp").get(patient(world))
    world.client("gp").get(f"/patients/{world.ids['Bo']}")
    world.client("nurse").get(patient(world))
    world.client("other gp").get(patient(world))
    client = world.client("privacy")

    def found(**values) -> list[str]:
        response = client.post("/privacy/audit", asked(**values))
        assert response.status_code == 200, text(response)
        return rows(text(response))

    assert len(found(kind="refused")) == 1 and "Sian Rees" in found(kind="refused")[0]
    gp = world.members["gp"].user_id
    assert {"Iris" in row or "Bo" in row for row in found(user=gp, kind="read")} == {True} and len(found(user=gp, kind="read")) == 2
    bo = found(nhs_number=number_of(world, "Bo"), kind="read")
    assert len([row for row in bo if "patient page" in row]) == 1
    yesterday = (timezone.localdate() - timedelta(1)).isoformat()
    assert found(from_on=yesterday, to_on=yesterday) == []
    assert "Nothing was recorded" in text(client.post("/privacy/audit", asked(from_on=yesterday, to_on=yesterday)))


def test_a_list_that_showed_the_person_is_found_by_their_number(world):
    world.client("gp").get("/worklist?tab=mine")
    page = text(world.client("privacy").post("/privacy/audit", asked(nhs_number=number_of(world, "Iris"))))
    assert "worklist: mine" in page


def test_what_cannot_be_asked(world):
    client = world.client("privacy")
    today, yesterday = timezone.localdate(), timezone.localdate() - timedelta(1)
    for wrong in (
        {"to_on": yesterday.isoformat(), "from_on": today.isoformat()},
        {"nhs_number": "999 000 0019"},
        {"nhs_number": NHS_NUMBERS[5]},
        {"user": "999999"},
        {"kind": "everything"},
    ):
        response = client.post("/privacy/audit", asked(**wrong))
        assert response.status_code == 422 and not rows(text(response)), wrong
    assert "Nobody who is a patient of Riverside Surgery" in text(client.post("/privacy/audit", asked(nhs_number=NHS_NUMBERS[5])))


def test_looking_is_recorded_with_whom_it_showed(world):
    world.client("gp").get(patient(world))
    with web_support.recorded() as recorded:
        world.client("privacy").get("/privacy/audit")
    assert [entry.action for entry in recorded.reads_of(world.ids["Iris"])] == ["view audit"]
    for who in ("gp", "manager", "nurse", "link worker"):
        assert world.client(who).get("/privacy/audit").status_code == 403


def test_pages(world, monkeypatch):
    for module in ("stepwell.web.privacy.trail", "stepwell.web.privacy.pages"):
        monkeypatch.setattr(f"{module}.PAGE_SIZE", 3)
    for number in range(7):
        audit.record_read(world.actor("gp"), "view patient", person_id=world.ids["Iris"], subject_type="page", subject_id=f"page {number}")
    client, seen = world.client("privacy"), []
    for page in (1, 2, 3):
        told = text(client.post("/privacy/audit", asked(user=world.members["gp"].user_id, page=page)))
        seen += re.findall(r"opened: page (\d)", told)
        assert f"{3 * page - 2} to {min(7, 3 * page)} of 7" in told
        assert ("Next page" in told) == (page < 3) and ("Previous page" in told) == (page > 1)
    assert seen == ["6", "5", "4", "3", "2", "1", "0"]


def test_people_in_lists_are_found_exactly_on_this_database(world):
    """13 is not found in a list of 131 and 313."""
    for ids in ([13], [131, 313], [1, 13, 5], []):
        audit.record_read(world.actor("gp"), "list", person_ids=ids)
    assert [entry.person_ids for entry in trail.about(13).order_by("id")] == [[13], [1, 13, 5]]


# The person's own report


def looked_at(world) -> None:
    world.client("gp").get(patient(world))
    world.client("gp").get(f"{patient(world)}/trends")
    world.client("gp").get("/worklist?tab=mine")
    nurse, results = world.client("nurse"), f"{patient(world)}/results"
    nurse.post(results, {"on": world.today.isoformat(), "value-weight": "72", **web_support.form_seen(nurse, results)})
    world.client("psychiatrist").get(patient(world))
    world.client("link worker").get(f"/patients/{world.ids['Bo']}")
    client = world.client("other gp")
    client.get(patient(world))
    client.post(f"{patient(world)}/break-glass", {"reason": "emergency", "why": "Private words about somebody"})
    client.get(patient(world))


def report_of(world, who="privacy", query="") -> str:
    return text(world.client(who).get(f"{patient(world)}/access-report{query}"))


def test_the_report_tells_in_plain_words_who_and_why(world):
    looked_at(world)
    page = report_of(world)
    for words in (
        "Who looked at my record",
        "<strong>GP, Riverside Surgery</strong>. Looked at your main page and your test results over time; saw your name on 1 list.",
        "They could because you are registered with Riverside Surgery.",
        "<strong>Psychiatrist, Northside CMHT</strong>",
        "They could because you are on the caseload of Northside CMHT.",
        "<strong>GP, Hillcrest Medical Centre</strong>",
        "and was refused",
        "<strong>Opened in an exceptional way</strong>",
        "The reason they gave: emergency care",
        "Ms Iris Worked",
    ):
        assert words in page, words


def test_the_report_names_nobody_and_nothing_that_is_not_the_persons(world):
    looked_at(world)
    page = report_of(world)
    body = page.split("<h1>")[1]
    assert "Amara Osei" not in body and "Lena Hart" not in body
    assert "Private words" not in page and "Bo" not in body and "Link worker" not in body


def test_the_house_rule_decides_about_names(world):
    looked_at(world)
    services.change_setting(world.actor("privacy"), name="report_names", value=1)
    assert "<strong>Dr Amara Osei, GP, Riverside Surgery</strong>" in report_of(world)


def test_the_file_stands_alone(world):
    looked_at(world)
    with web_support.recorded() as recorded:
        response = world.client("manager").get(f"{patient(world)}/access-report?file=1")
    assert response.headers["Content-Disposition"] == 'attachment; filename="who-looked-at-my-record.html"'
    page = text(response)
    assert "Psychiatrist, Northside CMHT" in page and "<script" not in page and "href" not in page and "csrf" not in page
    assert [entry.subject_id for entry in recorded.reads_of(world.ids["Iris"])] == ["access report"]


def test_the_report_is_found_by_number_and_only_for_own_patients(world):
    client = world.client("privacy")
    response = client.post("/privacy/report", {"nhs_number": number_of(world, "Iris")})
    assert response.headers["Location"] == f"{patient(world)}/access-report"
    assert client.get(response.headers["Location"]).status_code == 200
    assert client.post("/privacy/report", {"nhs_number": NHS_NUMBERS[5]}).status_code == 422
    stranger = world.client("other privacy")
    assert stranger.post("/privacy/report", {"nhs_number": number_of(world, "Iris")}).status_code == 422
    assert stranger.get(f"{patient(world)}/access-report").status_code == 404
    for who in ("gp", "nurse", "link worker"):
        assert world.client(who).get(f"{patient(world)}/access-report").status_code == 403
    assert world.client("trust privacy").get(f"{patient(world)}/access-report").status_code == 200


def test_the_patient_page_leads_to_it(world):
    link = f'href="{patient(world)}/access-report"'
    assert link in text(world.client("manager").get(patient(world))) and link not in text(world.client("gp").get(patient(world)))


def test_a_person_nobody_looked_at(world):
    assert not AuditEntry.objects.filter(kind="read").exists()
    page = report_of(world)
    assert "this report" in page, "making the report is the first thing in it"


def test_every_reason_that_access_gives_has_plain_words(world):
    """A new kind of relationship needs its words here."""
    from stepwell.web.core.access import PatientSubject, RelationshipKind, decide
    from stepwell.web.core.access import Relationship as Held
    from stepwell.web.core.permissions import Permission

    for kind in RelationshipKind:
        subject = PatientSubject(1, [Held(kind, PRACTICE, "Riverside Surgery")], world.today)
        reason = decide(world.actor("gp"), Permission.VIEW_PATIENT, subject).reason
        assert because(reason)[0], reason
        if kind is RelationshipKind.REGISTRATION:
            assert (
                "Northvale PCN works for its patients"
                in because(decide(world.actor("pharmacist"), Permission.VIEW_PATIENT, subject).reason)[0]
            )
    assert because("anything that somebody typed") == ("", False)


def test_somebody_who_left_is_no_longer_an_own_patient(world):
    Relationship.objects.filter(person_id=world.ids["Iris"], org_code=PRACTICE).delete()
    assert world.client("privacy").post("/privacy/report", {"nhs_number": number_of(world, "Iris")}).status_code == 422
