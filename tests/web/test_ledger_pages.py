"""The ledger's pages through Django: what they say, what they refuse, what they record."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

import web_support
from ledger_world import NHS_NUMBERS, TODAY, World
from stepwell.web.ledger import services
from stepwell.web.ledger.models import Duty, DutyEvent, PendingEvaluation

ADA = [
    "female",
    "lithium 800 mg daily from 2024-01-10 every 28 days",
    "diagnosis bipolar on 2020-01-01",
    "lithium-level 0.6 on 2025-11-20",
    "weight 70 on 2025-11-20",
]
CY = ["risperidone 2 mg daily from 2026-01-01 every 28 days by trust", "on the caseload of trust from 2026-01-01"]
DAY = {"on-day": "1", "on-month": "6", "on-year": "2026"}


@pytest.fixture
def world(db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Ada": ADA, "Cy": CY, "Bo": []})
    world.catch_up()
    return world


@pytest.fixture
def level(world):
    return world.duty("Ada", "lithium.level")


def seen(duty) -> dict[str, str]:
    """What a form of this duty, opened now, has seen."""
    duty.refresh_from_db()
    return {"version": str(duty.revision)}


def send_results(client, world, data, **more):
    """Open the form for a lithium level, fill it in, send it."""
    address = f"/patients/{world.ids['Ada']}/results?test=lithium-level"
    page = client.get(address).content.decode()
    version, asked = (re.search(rf'name="{name}" value="([^"]+)"', page).group(1) for name in ("version", "asked"))
    return client.post(address, {"version": version, "asked": asked, **data}, **more)


def text(response) -> str:
    return " ".join(response.content.decode().split())


def test_the_heading_of_the_worklist_is_the_answer(world):
    page = text(world.client("gp").get("/worklist"))
    assert "2 people have something due from Riverside Surgery; for 1 something is nobody’s" in page
    assert "WORKED, Ada (Ms)" in page and "WORKED, Bo" not in page
    assert "one visit settles" in page and "overdue" in page


def test_one_person_is_one_row(world):
    page = world.client("gp").get("/worklist").content.decode()
    assert page.count("WORKED, Ada (Ms)</strong>") == 1


def test_opening_the_worklist_is_recorded_with_who_was_on_it(world):
    client = world.client("gp")
    with web_support.recorded() as trail:
        client.get("/worklist")
    (entry,) = trail
    assert (entry.kind, entry.action) == ("read", "view worklist")
    assert sorted(entry.person_ids) == sorted(world.ids[name] for name in ("Ada", "Cy"))


@pytest.mark.parametrize("tab", ["mine", "soon", "waiting", "nobody", "done", "no such tab"])
def test_every_tab_opens(world, tab):
    assert world.client("gp").get("/worklist", {"tab": tab}).status_code == 200


def test_an_empty_list_says_what_was_looked_for(world):
    page = text(world.client("gp").get("/worklist?register=opioid&whose=me"))
    assert "Nobody is on this list. Looked for: “Mine and overdue” at Riverside Surgery, register Opioid, assigned to you." in page
    assert "Show all of them" in page


def test_filters_stand_in_the_address_and_in_every_link(world):
    page = world.client("gp").get("/worklist?register=lithium&order=due").content.decode()
    assert "WORKED, Ada" in page and "WORKED, Cy" not in page
    assert "?tab=soon&amp;register=lithium&amp;order=due" in page


def test_mine_is_by_role_and_by_name(world, level):
    services.take(world.actor("nurse"), level.pk)
    assert "WORKED, Ada" in text(world.client("nurse").get("/worklist?whose=me"))
    assert "WORKED, Ada" not in text(world.client("gp").get("/worklist?whose=me"))


def test_what_is_put_off_is_hidden_and_told(world):
    for duty in world.duties("Ada", state="open"):
        services.defer(world.actor("gp"), duty.pk, until=TODAY + timedelta(7), why="away")
    client = world.client("gp")
    page = text(client.get("/worklist"))
    assert "WORKED, Ada" not in page and "1 person put off until later are not shown" in page
    assert "WORKED, Ada" in text(client.get("/worklist?deferred=yes"))
    world.today = TODAY + timedelta(7)
    assert "WORKED, Ada" in text(client.get("/worklist"))


def test_a_trust_sees_its_own(world):
    page = text(world.client("psychiatrist").get("/worklist?tab=nobody"))
    assert "WORKED, Cy" in page and "WORKED, Ada" not in page


def test_pages_of_the_list(world):
    page = text(world.client("gp").get("/worklist?page=99&size=25"))
    assert "1 to 2 of 2 people" in page


def test_the_duty_page_tells_why_and_what_happened(world, level):
    services.acknowledge(world.actor("gp"), level.pk)
    page = text(world.client("gp").get(f"/duties/{level.pk}"))
    for words in (
        "Lithium level is",
        "The rule",
        "Where it comes from",
        "Mark",
        "Lithium since 10-Jan-2024",
        "0.6 mmol/L on 20-Nov-2025",
        "Opened",
        "Stepwell, from the records",
        "Acknowledged",
        "Dr Amara Osei, GP, Riverside Surgery",
    ):
        assert words in page, words


@pytest.mark.parametrize("page", ["duties/{duty}", "duties/{duty}/assign", "patients/{person}", "patients/{person}/results"])
@pytest.mark.parametrize("who", ["other gp", "psychiatrist"])
def test_a_person_of_another_practice_is_refused_with_the_reason(world, level, page, who):
    client = world.client(who)
    with web_support.recorded() as trail:
        response = client.get("/" + page.format(duty=level.pk, person=world.ids["Ada"]))
    assert response.status_code == 403
    assert "no registration, caseload, supply" in text(response) and "WORKED" not in text(response)
    assert trail.refusals() and not trail.reads_of(world.ids["Ada"])


def test_what_does_not_exist_is_not_found(world):
    client = world.client("gp")
    for address in ("/duties/999999", "/patients/999999", "/patients/999999/results", "/events/999999/undo"):
        assert client.get(address).status_code == 404


def test_recording_a_result_by_form(world, level):
    response = send_results(world.client("nurse"), world, {**DAY, "value-lithium-level": "0.7"}, follow=True)
    assert "Results recorded." in text(response)
    level.refresh_from_db()
    assert level.state == "met"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (DAY, "Enter at least one result"),
        ({"value-lithium-level": "0.7"}, "Give the day of the tests"),
        ({**DAY, "on-year": "2027", "value-lithium-level": "0.7"}, "Day of the tests must be 01-Jun-2026 or earlier"),
        ({**DAY, "value-lithium-level": "abc"}, "Lithium level must be a number in mmol/L, decimals after a point"),
        ({**DAY, "value-lithium-level": "-1"}, "Lithium level cannot be below zero"),
        ({**DAY, "value-lithium-level": "0.71234"}, "at most three decimals"),
        ({**DAY, "on-day": "31", "value-lithium-level": "0.7"}, "must be a real date"),
    ],
)
def test_errors_of_the_result_form(world, level, data, message):
    response = send_results(world.client("nurse"), world, data)
    assert response.status_code == 422 and message in text(response) and "There is a problem" in text(response)
    level.refresh_from_db()
    assert level.is_open


def test_an_unusual_value_is_asked_about_once(world, level):
    client, typed = world.client("nurse"), {**DAY, "value-lithium-level": "7"}
    asked = send_results(client, world, typed)
    assert asked.status_code == 422 and "Is it right? Correct it, or tick" in text(asked) and 'name="ask"' in text(asked)
    assert send_results(client, world, {**typed, "ask": "yes"}).status_code == 422
    assert send_results(client, world, {**typed, "ask": "yes", "confirm": "yes"}).status_code == 302
    level.refresh_from_db()
    assert level.state == "met"


@pytest.mark.parametrize(
    ("data", "state"),
    [
        ({"choice": "later", "day-day": "20", "day-month": "6", "day-year": "2026", "why": "away"}, "open"),
        ({"choice": "declined", "why": "said no"}, "declined"),
        ({"choice": "not applicable", "ends_when": "back from abroad", "why": "abroad"}, "not applicable"),
    ],
)
def test_not_this_time(world, level, data, state):
    response = world.client("gp").post(f"/duties/{level.pk}/not-this-time", {**data, **seen(level)})
    assert response.status_code == 302
    level.refresh_from_db()
    assert level.state == state


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "Choose what should happen"),
        ({"choice": "later", "why": "x"}, "Give the day to show it again"),
        ({"choice": "later", "why": "x", "day-day": "1", "day-month": "6", "day-year": "2026"}, "must be after today"),
        ({"choice": "declined", "why": "x", "day-day": "2", "day-month": "6", "day-year": "2026"}, "cannot be in the future"),
        ({"choice": "not applicable", "why": "x"}, "or say what would make it apply again"),
        ({"choice": "declined", "day-day": "1"}, "must include a month and year"),
    ],
)
def test_errors_of_not_this_time(world, level, data, message):
    response = world.client("gp").post(f"/duties/{level.pk}/not-this-time", {**data, **seen(level)})
    assert response.status_code == 422 and message in text(response)


def test_assigning_by_form(world, level):
    client, nurse = world.client("gp"), world.actor("nurse")
    assert client.post(f"/duties/{level.pk}/assign", seen(level)).status_code == 422
    assert client.post(f"/duties/{level.pk}/assign", {**seen(level), "to": str(nurse.user_id)}).status_code == 302
    assert "assigned to Priya Nair" in text(client.get(f"/duties/{level.pk}"))
    assert client.post(f"/duties/{level.pk}/assign", {**seen(level), "to": "nobody"}).status_code == 302
    level.refresh_from_db()
    assert level.assigned_to_id is None


def test_seen_and_undone(world, level):
    client = world.client("gp")
    assert client.post(f"/duties/{level.pk}/acknowledge", seen(level)).status_code == 302
    event = DutyEvent.objects.get(kind="acknowledged")
    assert f"/events/{event.pk}/undo" in client.get(f"/duties/{level.pk}").content.decode()
    assert client.post(f"/events/{event.pk}/undo", {}).status_code == 422
    assert client.post(f"/events/{event.pk}/undo", {"why": "wrong person", **seen(level)}).status_code == 302
    page = text(client.get(f"/duties/{level.pk}"))
    assert "Undone: acknowledged" in page and "wrong person" in page


def test_a_button_on_a_closed_duty_says_that_nothing_was_changed(world, level):
    send_results(world.client("nurse"), world, {**DAY, "value-lithium-level": "0.7"})
    response = world.client("gp").post(f"/duties/{level.pk}/acknowledge", seen(level))
    assert response.status_code == 409 and "Nothing was changed" in text(response) and "was closed" in text(response)


def test_closing_a_review_by_form(world):
    duty = Duty.objects.filter(person_id=world.ids["Ada"], state="open", kind="review").first()
    assert duty is not None
    client = world.client("gp")
    assert client.post(f"/duties/{duty.pk}/done", seen(duty)).status_code == 422
    assert client.post(f"/duties/{duty.pk}/done", {**seen(duty), **DAY, "why": "discussed; no change"}).status_code == 302
    duty.refresh_from_db()
    assert duty.state == "met"


def test_taking_on_by_form(world):
    agree = world.duty("Cy", "agree.who")
    client = world.client("gp")
    assert "Riverside Surgery looks after risperidone" in text(client.get(f"/duties/{agree.pk}/take-on"))
    assert client.post(f"/duties/{agree.pk}/take-on", {**seen(agree), "why": "we prescribe it now"}).status_code == 302
    agree.refresh_from_db()
    assert agree.state == "superseded"


def test_a_nurse_may_not_take_on_a_medicine(world):
    agree = world.duty("Cy", "agree.who")
    client = world.client("nurse")
    assert "Take it on" not in text(client.get(f"/patients/{world.ids['Cy']}"))
    assert client.post(f"/duties/{agree.pk}/take-on", {**seen(agree), "why": "x"}).status_code == 403


def test_when_the_evaluation_fails_the_page_says_it_is_being_worked_out(world, level, monkeypatch):
    from stepwell.web.ledger import evaluation

    client = world.client("nurse")
    with monkeypatch.context() as patch:
        patch.setattr(evaluation.engine, "evaluate", lambda *a, **k: 1 / 0)
        response = send_results(client, world, {**DAY, "value-lithium-level": "0.7"}, follow=True)
    assert "worked out again" in text(response) and "Try again now" in text(response)
    assert PendingEvaluation.objects.count() == 1
    response = client.post(f"/patients/{world.ids['Ada']}/evaluate", follow=True)
    assert "Duties worked out again." in text(response) and not PendingEvaluation.objects.exists()


def test_approving_the_pack_takes_the_local_approval_tag_away(world):
    client = world.client("manager")
    duty = Duty.objects.filter(needs_approval=True, state="open").exclude(mark="V").first()
    assert duty is not None
    assert "needs local approval" in text(world.client("gp").get(f"/duties/{duty.pk}"))
    page = text(client.get("/knowledge"))
    assert "has not approved this knowledge pack" in page
    version = page.split('name="version" value="')[1].split('"')[0]
    assert client.post("/knowledge", {"version": "0"}).status_code == 422
    assert client.post("/knowledge", {"version": version}).status_code == 302
    assert not Duty.objects.filter(needs_approval=True, state="open").exists()
    assert client.post("/knowledge", {"version": version}).status_code == 422


def test_only_who_may_approve_sees_the_pack_page(world):
    assert world.client("nurse").get("/knowledge").status_code == 403


def test_no_address_or_title_carries_an_identifier(world, level):
    page = world.client("gp").get(f"/patients/{world.ids['Ada']}").content.decode()
    links = [part.split('"')[0] for part in page.split('href="')[1:]]
    assert links and not any(NHS_NUMBERS[0] in link or "worked" in link.lower() for link in links)
    assert "Ada" not in page.split("<title>")[1].split("</title>")[0]


def test_filters_by_medicine_kind_and_reason_of_priority(world):
    client = world.client("gp")
    assert "1 to 1 of 1 person" in text(client.get("/worklist?medicine=lithium"))
    assert "WORKED, Ada" in text(client.get("/worklist?medicine=lithium")) and "WORKED, Cy" not in text(
        client.get("/worklist?medicine=lithium")
    )
    page = text(client.get("/worklist?reason=lithium&medicine=lithium"))
    assert "WORKED, Ada" in page and '<option value="lithium" selected>' in page
    assert "Looked for: “Mine and overdue” at Riverside Surgery, priority because: has dementia" in text(
        client.get("/worklist?reason=dementia")
    )
    empty = text(client.get("/worklist?kind=supply"))
    assert "supply: nobody or two prescribe" in empty


def test_the_number_of_every_tab_is_the_length_of_its_list(world):
    client = world.client("gp")
    for tab in ("mine", "soon", "waiting", "nobody", "done"):
        page = client.get(f"/worklist?tab={tab}").content.decode()
        number = int(re.search(r'aria-current="page"[^>]*>[^<]*?([\d,]+)</a>', page).group(1))
        assert page.count('class="sw-person"') == number, tab
