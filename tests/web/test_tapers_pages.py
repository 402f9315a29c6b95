"""Pages of a living plan: what they say, what may be done, who may do it, and what somebody too slow is told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.urls import reverse

import web_support
from ledger_world import PRACTICE, TODAY, World
from stepwell import knowledge
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.approvals import approve_pack
from stepwell.web.privacy import services as privacy
from stepwell.web.tapers import checkins, selectors, services
from stepwell.web.tapers.acts import ACTS
from stepwell.web.tapers.checkins import Given
from taper_world import START, agreed, later, one_taper_world, proposed, reducing, row

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def made(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[World]:
    with django_db_blocker.unblock(), one_taper_world(tmp_path_factory.mktemp("taper-pages")) as world:
        yield world


@pytest.fixture
def world(db, product_settings, settings, made) -> World:
    settings.AS_OF, settings.STORE = TODAY, str(made.store.path)
    made.settings = settings
    return made


def text(response) -> str:
    body = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", response.content.decode(), flags=re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def show(client, plan_id: int):
    return client.get(reverse("tapers:show_plan", args=[plan_id]))


def do(client, plan_id: int, key: str, **form):
    return client.post(reverse("tapers:act", args=[plan_id, key]), {"seen": row(plan_id).revision, **form})


def test_the_heading_is_the_answer_and_every_figure_has_its_mark(world):
    plan_id = reducing(world)
    page = show(world.client("gp"), plan_id)
    said = text(page)
    assert "Reduce diazepam from 20 mg a day, at Dee’s pace" in said
    assert "Today 20 mg a day" in said
    assert "Next: 19 mg a day from 22-Jun-2026" in said
    assert "not shown to lower relapse" in said
    assert re.search(r"2 × 10 mg tablet", said)
    rows = re.findall(r'<td data-label="Rule">(.*?)</td>', page.content.decode(), re.S)
    assert rows
    assert all("mark " in each for each in rows)
    assert all("needs local approval" in each or "mark V" in each for each in rows)
    assert "999, or the crisis line" in said
    assert "fail" not in said.lower()
    for name in ("show_pack", "show_pack_supply"):
        assert world.client("gp").get(reverse(f"tapers:{name}", args=[plan_id])).status_code == 200
        assert reverse(f"tapers:{name}", args=[plan_id]) in page.content.decode()


def test_from_proposed_to_agreed_to_begun_in_three_forms(world):
    client = world.client("gp")
    plan_id = proposed(world)
    assert "Agree the plan" in text(show(client, plan_id))
    form = client.get(reverse("tapers:act", args=[plan_id, "agree"]))
    assert "Dr Amara Osei" in text(form)
    assert do(client, plan_id, "agree", decided_with="", clinician=str(world.members["gp"].user_id)).status_code == 422
    given = {"decided_with": "Dee and his wife", "clinician": str(world.members["gp"].user_id), "check_by": "staff"}
    assert do(client, plan_id, "agree", **given).status_code == 302
    assert "Agreed; it begins on 08-Jun-2026" in text(show(client, plan_id))
    assert "with Dee and his wife" in text(show(client, plan_id))
    world.today = START
    assert do(client, plan_id, "start", on=START.isoformat()).status_code == 302
    assert row(plan_id).state == "reducing"


def test_an_act_shows_what_would_follow_before_it_is_done(world):
    plan_id = reducing(world)
    later(world, 15)
    client = world.client("gp")
    said = text(client.get(reverse("tapers:act", args=[plan_id, "step-back"])))
    assert "What would follow" in said
    assert "20 mg back up" in said
    assert do(client, plan_id, "step-back", why="could not sleep").status_code == 302
    assert "back at an earlier dose" in text(show(client, plan_id))
    refused = client.get(reverse("tapers:act", args=[plan_id, "agree"]))
    assert "This cannot be done now" in text(refused)


def test_too_slow_is_told_what_changed_and_keeps_what_was_typed(world):
    plan_id = reducing(world)
    later(world, 15)
    seen = row(plan_id).revision
    services.hold(world.actor("nurse"), plan_id, why="a cold")
    answer = world.client("gp").post(reverse("tapers:act", args=[plan_id, "hold"]), {"seen": seen, "days": 14, "why": "tired"})
    assert answer.status_code == 409
    said = text(answer)
    assert "What changed since you opened this" in said
    assert "Priya Nair" in said
    assert "tired" in answer.content.decode()
    answer = world.client("gp").post(reverse("tapers:check_in", args=[plan_id]), {"seen": seen, "rating": "1", "decided": "go on"})
    assert answer.status_code == 409


def test_a_check_in_in_one_form_and_against_the_rating_only_with_a_reason(world):
    plan_id = reducing(world)
    later(world, 14)
    client, address = world.client("nurse"), reverse("tapers:check_in", args=[plan_id])
    assert "How is it on 19 mg a day of diazepam" in text(client.get(address))
    missing = client.post(address, {"seen": row(plan_id).revision})
    assert missing.status_code == 422
    assert "Choose a number from the scale" in text(missing)
    form = {"seen": row(plan_id).revision, "rating": "8", "symptoms": ["symptom-sleep"], "began": "2", "decided": "go on"}
    assert "Say why something else was decided" in text(client.post(address, form))
    assert client.post(address, {**form, "decided": "step back", "score-ciwa-b": "24", "words": "no sleep at all"}).status_code == 302
    said = text(show(client, plan_id))
    assert re.search(
        r"8 of 10 \(back to the dose before\) \([^)]*mark \w[^)]*\) ?\. Poor sleep, began 2 days after the change\. CIWA-B 24 \(moderate\)",
        said,
    )
    assert "“no sleep at all”" in said


def test_the_diary_is_a_picture_with_its_table_and_a_slip_can_be_taken_out(world):
    plan_id = reducing(world)
    for rating, score in ((1, 5), (4, 11)):
        later(world, 14)
        decided = "hold" if rating == 4 else "go on"
        checkins.record(world.actor("gp"), plan_id, Given(rating=rating, scores={"phq-9": score}, decided=decided))
    client = world.client("gp")
    page = show(client, plan_id).content.decode()
    assert 'class="sw-diary"' in page
    assert "2 check-ins from 22-Jun-2026 to 06-Jul-2026: ratings from 1 to 4 of 10, the last 4." in page
    assert "PHQ-9 up by 6 since 22-Jun-2026 : ask when it began (a rise of 6 or more" in text(show(client, plan_id))
    check = selectors.check_ins_of(plan_id)[0]
    address = reverse("tapers:check_in_error", args=[plan_id, check.pk])
    assert client.get(address).status_code == 200
    assert client.post(address, {"seen": row(plan_id).revision, "why": "another person"}).status_code == 302
    assert len(selectors.check_ins_of(plan_id)) == 1
    assert client.get(address).status_code == 404


def test_relapse_or_withdrawal_ends_with_whom_to_call_and_keeps_nothing(world):
    plan_id = reducing(world)
    client, address = world.client("nurse"), reverse("tapers:tell_apart", args=[plan_id])
    assert "Whom to call" in text(client.get(address))
    before = row(plan_id).revision
    said = text(client.post(address, {"c-contrast-onset": "withdrawal", "c-contrast-response": "relapse"}))
    assert "Both may be true at once" in said
    assert "This is no verdict" in said
    assert "Whom to call" in said
    assert row(plan_id).revision == before


def test_the_list_says_who_waits_first(world):
    plan_id = reducing(world)
    later(world, 16)
    said = text(world.client("pharmacist").get(reverse("tapers:list_reducing")))
    assert "1 person is reducing a medicine at Northvale PCN" in said
    assert "1 check-in is overdue" in said
    assert "2 days overdue" in said
    services.hold(world.actor("gp"), plan_id, why="a cold")
    later(world, 3)
    assert "standing still for 3 days" in text(world.client("gp").get(reverse("tapers:list_reducing")))
    assert "Nobody is reducing" in text(world.client("psychiatrist").get(reverse("tapers:list_reducing")))


def test_the_patient_page_shows_todays_dose_and_the_check_in(world):
    plan_id = reducing(world)
    said = text(world.client("nurse").get(reverse("patients:show_person", args=[world.ids["Dee"]])))
    assert "Reducing: 20 mg a day by the plan" in said
    assert f"Check in about diazepam (plan {plan_id})" in said


ADDRESSES = {
    "tapers:show_plan": ({"gp": 200, "nurse": 200, "pharmacist": 200, "link worker": 200}, ()),
    "tapers:check_in": ({"gp": 200, "nurse": 200, "pharmacist": 200, "link worker": 403}, ()),
    "tapers:tell_apart": ({"gp": 200, "nurse": 200, "pharmacist": 200, "link worker": 403}, ()),
    "tapers:act": ({"gp": 200, "nurse": 200, "pharmacist": 200, "link worker": 403}, ("hold",)),
}


@pytest.mark.parametrize("name", ADDRESSES)
def test_who_may_open_what(world, name):
    plan_id = reducing(world)
    expected, more = ADDRESSES[name]
    address = reverse(name, args=[plan_id, *more])
    for who, status in expected.items():
        with web_support.recorded() as trail:
            assert world.client(who).get(address).status_code == status, who
        assert any(entry.person_id == world.ids["Dee"] for entry in trail), who
    assert world.client("other gp").get(address).status_code in (403, 404)


def test_planning_acts_are_not_for_those_who_support(world):
    plan_id = reducing(world)
    nurse = world.client("nurse")
    for key in ("slower", "smaller", "other-end", "plateau", "reached", "decline", "leave", "name", "undo", "in-error"):
        assert nurse.get(reverse("tapers:act", args=[plan_id, key])).status_code == 403, key
        assert do(nurse, plan_id, key, why="x").status_code == 403, key
    gp = world.client("gp")
    for key in ACTS:
        assert gp.get(reverse("tapers:act", args=[plan_id, key])).status_code == 200, key
    assert gp.get(reverse("tapers:act", args=[plan_id, "dance"])).status_code == 404
    assert "Smaller steps" not in text(show(nurse, plan_id))


def test_a_plan_of_a_sensitive_medicine_is_not_there_for_others(world):
    plan_id = agreed(world)
    subject = ledger.subject_of(world.ids["Dee"])
    privacy.mark_sensitive(world.actor("gp"), subject, kind="medicine", key="diazepam", organisations=[PRACTICE], why="asked for")
    pharmacist = world.client("pharmacist")
    assert show(pharmacist, plan_id).status_code == 404
    assert "diazepam" not in text(pharmacist.get(reverse("tapers:list_reducing")))
    assert "1 plan is restricted" in text(pharmacist.get(reverse("patients:show_person", args=[world.ids["Dee"]])))
    assert show(world.client("gp"), plan_id).status_code == 200


def test_what_happened_is_told_and_undone_in_words(world):
    plan_id = reducing(world)
    client = world.client("gp")
    world.today = START + timedelta(20)
    services.plateau(world.actor("gp"), plan_id, why="sleeps well")
    assert "Plateau agreed at 19 mg a day" in text(show(client, plan_id))
    assert do(client, plan_id, "undo", why="they go on").status_code == 302
    said = text(show(client, plan_id))
    assert "Stays at this dose (undone)" in said
    assert "Undone: stays at this dose" in said


def test_a_start_that_is_late_is_no_check_in_that_is_overdue(world):
    plan_id = agreed(world)
    client = world.client("gp")
    assert "begins on 08-Jun-2026" in text(client.get(f"/reductions/{plan_id}"))
    assert "The first is due once it has begun" in text(client.get(f"/reductions/{plan_id}"))
    world.today = START + timedelta(30)
    page, listed = text(client.get(f"/reductions/{plan_id}")), text(client.get("/reductions"))
    person = text(client.get(f"/patients/{world.ids['Dee']}"))
    for told in (page, listed, person):
        assert "Start is late since 08-Jun-2026" in told
        assert "Next: " not in told
    assert "1 plan is agreed and not begun, its day has passed" in listed
    assert "overdue" not in listed and "Check-in" not in person[person.index("Start is late") :][:60]


def test_an_end_that_was_reached_is_asked_about_until_somebody_says_so(world):
    plan_id = reducing(world)
    client = world.client("gp")
    assert "came to its end" not in text(show(client, plan_id))
    world.today = selectors.version_of(row(plan_id)).ends_on + timedelta(30)
    checkins.record(world.actor("gp"), plan_id, Given(rating=1))
    page = text(show(client, plan_id))
    ended = selectors.version_of(row(plan_id)).ends_on
    assert f"The calendar came to its end on {ended:%d-%b-%Y}" in page
    assert page.index("It has stopped") < page.index("Step back up") and "Hold for" not in page
    assert "The next is due on" in page and f"due on {world.today:%d-%b-%Y}" not in page, "asked again at the next interval, not at once"
    assert f'value="{ended.day}"' in client.get(reverse("tapers:act", args=[plan_id, "reached"])).content.decode()
    assert do(client, plan_id, "reached", **{"on-day": ended.day, "on-month": ended.month, "on-year": ended.year}).status_code == 302
    assert "came to its end" not in text(show(client, plan_id))


def test_what_is_approved_here_asks_for_no_approval(world):
    plan_id, client = reducing(world), world.client("gp")
    assert "needs local approval" in text(show(client, plan_id))
    approve_pack(world.actor("gp"), version=knowledge.load().version, evaluate=False)
    for path in ("", "/check-in", "/relapse-or-withdrawal", "/pack"):
        page = text(client.get(f"/reductions/{plan_id}{path}"))
        assert "mark K" in page and "needs local approval)" not in page, path
