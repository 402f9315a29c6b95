"""Pages of shared care through Django's client: who may, what they say, what is refused, and that nothing typed is lost."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest

import web_support
from ledger_world import PRACTICE, TODAY, TRUST, World
from privacy_support import join
from shared_care_world import BASELINE, LIO, at_nine, in_force, sent_request, whole_terms
from stepwell.web.agreements import inventory, selectors, services
from stepwell.web.agreements.models import Agreement, AgreementEvent
from stepwell.web.agreements.next_acts import Do
from stepwell.web.agreements.orphans import Kind
from stepwell.web.agreements.story import State

pytestmark = pytest.mark.django_db

OLE = [
    "born 1970-05-01",
    "diagnosis schizophrenia on 2015-01-01",
    "on the caseload of trust from 2024-01-01 to 2026-03-01",
    "olanzapine 10 mg daily from 2024-02-01 every 28 days",
]


@pytest.fixture
def world(db, settings, tmp_path, monkeypatch):
    world = World(settings, tmp_path)
    world.tell({"Lio": [*LIO, *BASELINE], "Ole": OLE})
    world.catch_up()
    at_nine(world, monkeypatch)
    return world


@pytest.fixture
def specialist(world):
    return world.client("psychiatrist")


@pytest.fixture
def gp(world):
    return world.client("gp")


def text(response) -> str:
    """The page's words, without tags, spaces collapsed."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def day(name: str, on: date) -> dict[str, str]:
    return {f"{name}-day": str(on.day), f"{name}-month": str(on.month), f"{name}-year": str(on.year)}


def seen(client, address: str) -> dict[str, str]:
    return {"seen": re.search(r'name="seen" value="(\d+)"', client.get(address).content.decode())[1]}


def new(world, medicine: str = "lithium", name: str = "Lio") -> str:
    return f"/patients/{world.ids[name]}/shared-care/new?medicine={medicine}"


def filled(client, address: str) -> dict[str, str]:
    """What the form at this address would send as it stands."""
    page = client.get(address).content.decode()
    found = dict(re.findall(r'<input[^>]*? name="([\w-]+)"[^>]*? value="([^"]*)"', page))
    found = {name: value for name, value in found.items() if not name.startswith(("csrf", "licence"))}
    for name, body in re.findall(r'<select[^>]*? name="([\w-]+)"[^>]*>(.*?)</select>', page, re.DOTALL):
        found[name] = re.search(r'value="([^"]*)" selected', body)[1]
    found |= {name: body.strip() for name, body in re.findall(r'<textarea[^>]*? name="([\w-]+)"[^>]*>(.*?)</textarea>', page, re.DOTALL)}
    if checked := re.search(r'name="licence" type="radio" value="([\w-]+)" checked', page):
        found["licence"] = checked[1]
    return found


WRITTEN = {
    "licence": "licensed",
    "duration": "As long as it helps",
    "plan": "Reviewed every year with a view to stopping slowly",
    "route_back": "Duty desk, seen within two weeks",
    "told": "Leaflet given, agrees",
}


# Asking


def test_the_form_is_filled_from_the_record(world, specialist):
    page = specialist.get(new(world)).content.decode()
    form = filled(specialist, new(world))
    assert "Ask Riverside Surgery to share the care of lithium" in page
    assert form["indication"] == "Bipolar" and form["dose"] == "800 mg daily"
    assert (form["started_on-day"], form["started_on-month"], form["started_on-year"]) == ("10", "6", "2025")
    assert (form["review_on-year"], form["specialist_review_on-year"]) == ("2027", "2031")
    assert form["share-bloods"] == PRACTICE and "share-five-yearly-review" not in form
    words = text(specialist.get(new(world)))
    assert "2.3 mmol/L , 01-Jun-2025" in words.replace("  ", " ")
    assert not Agreement.objects.exists()


def test_what_is_missing_is_named_in_place_and_the_draft_is_kept(world, specialist):
    world.tell({"Lio": [*LIO, *(line for line in BASELINE if not line.startswith(("tft", "egfr")))]})
    world.catch_up()
    form = filled(specialist, new(world)) | {"plan": "Stop after two good years", "do": "send"}
    response = specialist.post(new(world), form, follow=True)
    draft = Agreement.objects.get()
    words, page = text(response), response.content.decode()
    assert draft.state == State.DRAFT and response.redirect_chain[-1][0] == f"/shared-care/{draft.pk}/request?tried=1"
    assert "Before it can be sent" in words and "no baseline result on record" in words
    assert re.search(r'id="id_without-egfr"[^>]*aria-describedby="[^"]*error', page) and "Give the intended duration" in words
    assert "Stop after two good years" in page and "No result on record" in words
    assert selectors.terms_of(draft).plan == "Stop after two good years"
    assert not draft.sent_on and "Requested" not in words
    # Nobody else sees it, not even that it is there.
    assert world.client("gp").get(f"/shared-care/{draft.pk}").status_code == 404
    assert "Request for shared care" not in text(world.client("gp").get(f"/patients/{world.ids['Lio']}"))
    assert specialist.get(new(world)).headers["Location"] == f"/shared-care/{draft.pk}/request"


def test_completed_it_is_sent_and_the_clock_runs_for_both(world, specialist, gp):
    response = specialist.post(new(world), filled(specialist, new(world)) | WRITTEN | {"do": "send"}, follow=True)
    agreement = Agreement.objects.get()
    assert response.redirect_chain[-1][0] == f"/shared-care/{agreement.pk}?said=sent"
    for page in (text(response), text(gp.get(f"/shared-care/{agreement.pk}"))):
        assert "Northside CMHT asks Riverside Surgery to share the care of lithium" in page
        assert "day 0 of 14, answer by 19-Jun-2026" in page
        assert "Five-yearly specialist review Northside CMHT" in page and "Other blood tests Riverside Surgery" in page
    world.today = date(2026, 6, 9)
    assert "day 6 of 14, answer by 19-Jun-2026" in text(gp.get(f"/shared-care/{agreement.pk}"))


def test_a_draft_is_kept_as_it_is(world, specialist):
    response = specialist.post(new(world), filled(specialist, new(world)) | {"do": "keep"})
    agreement = Agreement.objects.get()
    assert response.headers["Location"] == f"/shared-care/{agreement.pk}?said=kept"
    address = f"/shared-care/{agreement.pk}/request"
    assert "Before it can be sent" not in text(specialist.get(address))
    specialist.post(address, filled(specialist, address) | {"told": "Knows about it", "do": "keep"})
    assert selectors.terms_of(selectors.find(agreement.pk)).told == "Knows about it"


def test_a_day_that_cannot_be_keeps_what_was_typed(world, specialist):
    form = filled(specialist, new(world)) | {"review_on-month": "13", "told": "Knows about it", "do": "send"}
    response = specialist.post(new(world), form)
    assert response.status_code == 422 and "must be a real date" in text(response) and "Knows about it" in response.content.decode()
    assert not Agreement.objects.exists()


def test_a_draft_that_a_colleague_changed_meanwhile(world, specialist):
    specialist.post(new(world), filled(specialist, new(world)) | {"do": "keep"})
    agreement = Agreement.objects.get()
    address = f"/shared-care/{agreement.pk}/request"
    form = filled(specialist, address) | {"told": "Mine", "do": "keep"}
    services.change_draft(world.actor("psychiatrist"), agreement.pk, terms=whole_terms(told="Theirs"))
    response = specialist.post(address, form)
    assert response.status_code == 409 and "What changed since you opened this" in text(response) and "Mine" in response.content.decode()
    assert specialist.post(address, form | seen_in(response)).status_code == 302
    assert selectors.terms_of(selectors.find(agreement.pk)).told == "Mine"


def seen_in(response) -> dict[str, str]:
    return {"seen": re.search(r'name="seen" value="(\d+)"', response.content.decode())[1]}


def test_who_may_ask(world):
    for who, status in (("gp", 422), ("pharmacist", 422), ("nurse", 403), ("manager", 403), ("link worker", 403), ("other gp", 403)):
        assert world.client(who).post(new(world), {"do": "send"}).status_code == status, who
    assert not Agreement.objects.exists()


def test_clozapine_cannot_be_asked_for_and_a_depot_can(world, specialist):
    world.tell(
        {
            "Cleo": ["on the caseload of trust from 2025-01-01", "clozapine 300 mg daily from 2026-02-01 every 28 days by trust"],
            "Dee": [
                "on the caseload of trust from 2025-01-01",
                "flupentixol decanoate 40 mg injection every 14 days from 2026-01-01 by trust",
            ],
        }
    )
    world.catch_up()
    assert "Request shared care" not in text(specialist.get(f"/patients/{world.ids['Cleo']}"))
    response = specialist.get(new(world, "clozapine", "Cleo"))
    assert "Clozapine stays with the specialist service" in text(response) and "Send request" not in text(response)
    assert specialist.post(new(world, "clozapine", "Cleo"), {"do": "send"}).status_code == 422
    assert not Agreement.objects.exists()
    page = specialist.get(f"/patients/{world.ids['Dee']}").content.decode()
    address = re.search(r'href="([^"]*shared-care/new[^"]*)"', page)[1]
    assert "share the care of flupentixol decanoate" in text(specialist.get(address))
    assert specialist.get(new(world, "sertraline")).status_code == 404


# On the patient page


def test_the_patient_page_offers_it_and_shows_the_clock_beside_the_medicine(world, specialist, gp):
    address = f"/patients/{world.ids['Lio']}"
    assert "Request shared care of lithium" in text(specialist.get(address))
    assert "Request shared care of lithium" not in text(gp.get(address))
    sent_request(world, "Lio")
    for client in (specialist, gp):
        words = text(client.get(address))
        assert "shared care: day 0 of 14, answer by 19-Jun-2026" in words and "Request shared care of lithium" not in words
    assert "Accept" in text(gp.get(address))


# Answering


def test_a_question_an_answer_and_an_answer_that_changes_the_request(world, specialist, gp):
    agreement = sent_request(world, "Lio")
    address = f"/shared-care/{agreement.pk}"
    assert gp.post(f"{address}/ask", {"words": ""} | seen(gp, f"{address}/ask")).status_code == 422
    gp.post(f"{address}/ask", {"words": "Who is called at weekends?"} | seen(gp, f"{address}/ask"))
    words = text(specialist.get(address))
    assert "Riverside Surgery asked a question" in words and "Who is called at weekends?" in words and "Answer the question" in words
    page = specialist.get(f"{address}/request")
    assert "Answer Riverside Surgery with a changed request" in text(page)
    form = filled(specialist, f"{address}/request") | {"contact": "Bleep 12, day and night", "answer": "The duty desk"}
    assert specialist.post(f"{address}/request", form).status_code == 302
    words = text(gp.get(address))
    assert "The duty desk" in words and "Bleep 12, day and night" in words
    gp.post(f"{address}/ask", {"words": "And holidays?"} | seen(gp, f"{address}/ask"))
    specialist.post(f"{address}/answer", {"words": "The same"} | seen(specialist, f"{address}/answer"))
    assert [line.text for line in _page(world, agreement).conversation] == [
        "Who is called at weekends?",
        "The duty desk",
        "And holidays?",
        "The same",
    ]


def _page(world, agreement):
    from stepwell.web.agreements.shared_views import page_of

    return page_of(selectors.find(agreement.pk), world.actor("gp"), world.today)


def test_accepting_moves_the_owners_on_its_day(world, gp):
    agreement = sent_request(world, "Lio")
    address = f"/shared-care/{agreement.pk}/accept"
    first = TODAY + timedelta(14)
    response = gp.post(address, day("from_on", first) | seen(gp, address), follow=True)
    assert "begins on 15-Jun-2026" in text(response) and "Owners move on 15-Jun-2026" in text(response)
    assert {duty.owner_org for duty in world.duties("Lio", state="open", test="lithium-level")} == {TRUST}
    world.today = first
    world.catch_up()
    assert {duty.owner_org for duty in world.duties("Lio", state="open", test="lithium-level")} == {PRACTICE}
    assert "is in force" in text(gp.get(f"/shared-care/{agreement.pk}"))


def test_declining_asks_for_a_reason_and_the_specialist_keeps_it(world, specialist, gp):
    agreement = sent_request(world, "Lio")
    address = f"/shared-care/{agreement.pk}/decline"
    response = gp.post(address, {"reason": "", "why": ""} | seen(gp, address))
    assert response.status_code == 422 and "Choose why you decline" in text(response)
    gp.post(address, {"reason": "not-resourced", "why": "No phlebotomist until August"} | seen(gp, address))
    words = text(specialist.get(f"/shared-care/{agreement.pk}"))
    assert "Riverside Surgery declined shared care of lithium" in words and "No phlebotomist until August" in words
    assert "It stays Northside CMHT’s" in words and "Request again" in words
    # Asked again: a draft with the same text.
    again = f"/shared-care/{agreement.pk}/request-again"
    assert "Begin the draft" in text(specialist.get(again))
    response = specialist.post(again)
    draft = Agreement.objects.get(state=State.DRAFT)
    assert response.headers["Location"] == f"/shared-care/{draft.pk}/request"
    assert selectors.terms_of(draft).plan == selectors.terms_of(agreement).plan


def test_an_act_that_is_not_theirs_says_so(world, specialist, gp):
    agreement = sent_request(world, "Lio")
    page = specialist.get(f"/shared-care/{agreement.pk}/accept")
    assert "This cannot be done now by Northside CMHT" in text(page) and '<button class="nhsuk-button"' not in page.content.decode()
    assert specialist.post(f"/shared-care/{agreement.pk}/accept", day("from_on", TODAY)).status_code in (409, 422)
    assert gp.get(f"/shared-care/{agreement.pk}/dance").status_code == 404
    assert gp.get("/shared-care/9999").status_code == 404


def test_the_second_person_sees_what_the_first_did(world, gp):
    agreement = sent_request(world, "Lio")
    address = f"/shared-care/{agreement.pk}/decline"
    before = seen(gp, address)
    services.ask_question(world.actor("pharmacist"), agreement.pk, words="Is she stable?")
    response = gp.post(address, {"reason": "unstable", "why": "Not stable to us"} | before)
    words = text(response)
    assert response.status_code == 409 and "What changed since you opened this" in words and "Asked a question" in words
    assert "Not stable to us" in words and selectors.state_on(selectors.find(agreement.pk)) is State.INFORMATION_REQUESTED


def test_who_may_not_act(world):
    agreement = sent_request(world, "Lio")
    events = AgreementEvent.objects.count()
    for who in ("nurse", "manager", "link worker", "other gp"):
        client = world.client(who)
        for act in Do:
            with web_support.recorded() as trail:
                assert client.get(f"/shared-care/{agreement.pk}/{act}").status_code == 403, (who, act)
                assert client.post(f"/shared-care/{agreement.pk}/{act}", {"why": "x"}).status_code == 403, (who, act)
            assert len(trail.refusals()) == 2
        assert client.get(f"/shared-care/{agreement.pk}/request").status_code == 403
    assert AgreementEvent.objects.count() == events


# In force


def test_a_dose_change_goes_there_and_back(world, specialist, gp):
    agreement = in_force(world, "Lio")
    address = f"/shared-care/{agreement.pk}"
    form = {"dose": "1,000 mg at night", "why": "Level 0.4"} | day("from_on", TODAY) | seen(specialist, f"{address}/dose-change")
    specialist.post(f"{address}/dose-change", form)
    words = text(gp.get(address))
    assert "dose change: day 0 of 5, answer by 08-Jun-2026" in words and "Confirm or refuse" in words
    words = text(gp.get(f"{address}/confirm"))
    assert "Dose now: 800 mg at night. Proposed: 1,000 mg at night." in words
    assert gp.post(f"{address}/confirm", {"agree": "no", "why": ""} | seen(gp, f"{address}/confirm")).status_code == 422
    gp.post(f"{address}/confirm", {"agree": "yes"} | seen(gp, f"{address}/confirm"))
    words = text(specialist.get(address))
    assert "Version 2, from 01-Jun-2026" in words and "Dose: 1,000 mg at night." in words and "Version 1" in words


def test_hand_back_and_take_back(world, specialist, gp):
    agreement = in_force(world, "Lio")
    address = f"/shared-care/{agreement.pk}"
    assert "call the duty desk of the team" in text(gp.get(f"{address}/hand-back"))
    form = {"why": "She is relapsing", "contingency": "We prescribe weekly"} | seen(gp, f"{address}/hand-back")
    gp.post(f"{address}/hand-back", form)
    words = text(specialist.get(address))
    assert "hand-back: day 0 of 5, answer by 08-Jun-2026" in words and "Take back" in words
    assert {duty.owner_org for duty in world.duties("Lio", state="open", test="lithium-level")} == {PRACTICE}
    assert "We prescribe weekly" in text(specialist.get(f"{address}/take-back"))
    specialist.post(f"{address}/take-back", day("from_on", TODAY) | seen(specialist, f"{address}/take-back"))
    assert {duty.owner_org for duty in world.duties("Lio", state="open", test="lithium-level")} == {TRUST}
    assert "Northside CMHT took lithium back" in text(gp.get(address))


def test_suspend_resume_and_renew(world, specialist, gp):
    agreement = in_force(world, "Lio")
    address = f"/shared-care/{agreement.pk}"
    form = {"why": "In hospital"} | day("from_on", TODAY) | day("review_on", TODAY + timedelta(28))
    specialist.post(f"{address}/suspend", form | seen(specialist, f"{address}/suspend"))
    assert "is suspended" in text(gp.get(address)) and "Northside CMHT has every line now" in text(gp.get(address))
    specialist.post(f"{address}/resume", day("from_on", TODAY) | seen(specialist, f"{address}/resume"))
    gp.post(f"{address}/confirm", {"agree": "yes"} | seen(gp, f"{address}/confirm"))
    assert "is in force" in text(gp.get(address))
    later = day("review_on", TODAY + timedelta(360)) | day("specialist_review_on", TODAY + timedelta(800))
    gp.post(f"{address}/renew", later | seen(gp, f"{address}/renew"))
    specialist.post(f"{address}/confirm", {"agree": "yes"} | seen(specialist, f"{address}/confirm"))
    assert selectors.find(agreement.pk).review_on == TODAY + timedelta(360)


def test_the_specialist_ends_it_and_the_practice_is_told_to_hand_back(world, specialist, gp):
    agreement = in_force(world, "Lio")
    address = f"/shared-care/{agreement.pk}/end"
    assert "This cannot be done now by Riverside Surgery" in text(gp.get(address))
    specialist.post(address, {"why": "Stopped"} | day("to_on", TODAY) | seen(specialist, address))
    assert "ended on 01-Jun-2026" in text(gp.get(f"/shared-care/{agreement.pk}"))


# Lists


def test_the_inbox_of_both_sides(world, specialist, gp):
    sent_request(world, "Lio")
    words = text(gp.get("/shared-care"))
    assert "Shared care: 1 waits for you; 0 agreements in force" in words and "WORKED, Lio" in words and "day 0 of 14" in words
    words = text(specialist.get("/shared-care?tab=theirs"))
    assert "Shared care: nothing waits for you; 1 for the other side" in words and "WORKED, Lio" in words
    assert "waits for nobody’s answer" in text(gp.get("/shared-care?tab=theirs"))
    other = text(world.client("other gp").get("/shared-care"))
    assert "Shared care: nothing waits for you; 0 agreements in force" in other and "WORKED" not in other


def test_what_shared_care_asks_of_the_practice(world, gp):
    in_force(world, "Lio")
    words = text(world.client("manager").get("/shared-care?tab=force"))
    assert "What shared care asks of you" in words
    line = re.search(r"Time in 12 weeks lithium (\d+) (\d+) (\d+) (\d+) (\d+) (\w+)", words)
    duties = world.duties("Lio", state="open", owner_org=PRACTICE, owner_basis="agreement")
    late = [duty for duty in duties if duty.due_on < TODAY]
    quarter = [duty for duty in duties if TODAY <= duty.due_on <= TODAY + timedelta(84)]
    assert line and (int(line[1]), int(line[2])) == (1, 0)
    assert (int(line[3]), int(line[5])) == (len(late), len(quarter)) and duties


def test_the_notice_at_the_reminders_and_past_the_day(world, specialist, gp):
    sent_request(world, "Lio")
    for on, practice, trust in (
        (date(2026, 6, 5), "", ""),
        (date(2026, 6, 8), "1 request waits for your answer: reminder", ""),
        (
            date(2026, 6, 22),
            "1 request for shared care is past the day to answer",
            "1 request of yours for shared care had no answer in time",
        ),
    ):
        world.today = on
        for client, expected in ((gp, practice), (specialist, trust)):
            page = text(client.get("/shared-care/protocols"))
            assert (expected in page) if expected else ("shared care had" not in page and "your answer: reminder" not in page)


# Gaps


def test_a_discharge_without_a_plan_is_found_and_goes_with_an_agreement(world, gp, specialist):
    words = text(gp.get("/shared-care/gaps"))
    assert "WORKED, Ole" in words and "Specialist discharged, no plan" in words
    assert "Northside CMHT discharged them on 01-Mar-2026" in words and "Ask Northside CMHT for a plan" in words
    assert "Ask for a review WORKED, Ole" in words, "what to do is one step away"
    # The trust may no longer open them: it learns how many, and where.
    words = text(specialist.get("/shared-care/gaps"))
    assert "WORKED, Ole" not in words and "Riverside Surgery: 1 person" in words
    found = inventory.orphans_for(world.actor("gp"), TODAY)
    assert [row.kind for row in found.rows if row.person_id == world.ids["Ole"]] == [Kind.DISCHARGED]


def test_an_agreement_from_paper_lacks_its_reviews_until_it_is_renewed(world, gp, specialist):
    world.agree_lithium("Lio")
    agreement = Agreement.objects.get()
    assert "no review has a date" in text(gp.get("/shared-care/gaps?kind=review")).lower()
    address = f"/shared-care/{agreement.pk}/renew"
    later = day("review_on", TODAY + timedelta(360)) | day("specialist_review_on", TODAY + timedelta(800))
    gp.post(address, later | seen(gp, address))
    confirm = f"/shared-care/{agreement.pk}/confirm"
    specialist.post(confirm, {"agree": "yes"} | seen(specialist, confirm))
    assert inventory.orphans_for(world.actor("gp"), TODAY).of(Kind.REVIEW) == []


def test_gaps_as_a_file_and_filters(world, gp):
    page = gp.get("/shared-care/gaps?kind=discharged").content.decode()
    assert "/lists/shared-care/export?kind=discharged" in page
    with web_support.recorded() as trail:
        body = b"".join(gp.post("/lists/shared-care/export?kind=discharged", {"kind": "csv", "why": "To ring them"}).streaming_content)
    assert b"Specialist discharged, no plan" in body and b"2026-03-01" in body
    assert trail.reads_of(world.ids["Ole"])
    assert "Nothing was found" in text(gp.get("/shared-care/gaps?kind=protocol"))


def test_a_commissioner_sees_numbers_and_nobody(world):
    from stepwell.web.accounts import services as accounts
    from stepwell.web.core.actor import Actor

    setup = Actor.system("tests")
    icb = accounts.create_organisation(setup, code="QX1", name="Northvale ICB", kind="icb")
    accounts.make_part_of(setup, whole=icb, part=world.members["gp"].organisation, from_on=TODAY - timedelta(30))
    join(world, "commissioner", "Ola Byrne", "QX1", "commissioner")
    agreement = sent_request(world, "Lio")
    services.decline(world.actor("gp"), agreement.pk, reason="not-resourced", why="No phlebotomist")
    client = world.client("commissioner")
    words = text(client.get("/shared-care/numbers"))
    assert "at 1 practice" in words and "Not resourced for the work 1" in words and "WORKED" not in words
    assert re.search(r"Riverside Surgery 0 1 0 1 0 0 1 ", words) and re.search(r"Northside CMHT 0 1 0 1 0 0 1 ", words)
    for address in ("/shared-care", "/shared-care/gaps", f"/shared-care/{agreement.pk}", f"/patients/{world.ids['Lio']}"):
        assert client.get(address).status_code in (403, 404)
    assert world.client("gp").get("/shared-care/numbers").status_code == 403


def test_a_commissioner_without_practices_is_told(world):
    from stepwell.web.accounts import services as accounts
    from stepwell.web.core.actor import Actor

    accounts.create_organisation(Actor.system("tests"), code="QX1", name="Northvale ICB", kind="icb")
    join(world, "commissioner", "Ola Byrne", "QX1", "commissioner")
    assert "No practice is recorded as part of Northvale ICB" in text(world.client("commissioner").get("/shared-care/numbers"))


# Protocols


def test_the_protocol_library(world, gp):
    in_force(world, "Lio")
    words = text(gp.get("/shared-care/protocols"))
    assert "shared care protocols" in words and "Lithium" in words and "1 agreement" in words and "cannot be asked for" in words
    words = text(gp.get("/shared-care/protocols/lithium"))
    assert "Lithium: shared care protocol, version 1" in words and "12 weeks on the same medicine and dose" in words
    assert "Five-yearly specialist review" in words and "needs local approval" in words
    assert gp.get("/shared-care/protocols/none").status_code == 404


def test_a_sensitive_agreement_is_hidden(world, gp, specialist):
    from stepwell.web.ledger import selectors as ledger
    from stepwell.web.privacy import services as privacy

    agreement = sent_request(world, "Lio")
    subject = ledger.subject_of(world.ids["Lio"])
    privacy.mark_sensitive(world.actor("gp"), subject, kind="medicine", key="lithium", organisations=[PRACTICE], why="She asked for it")
    assert specialist.get(f"/shared-care/{agreement.pk}").status_code == 404
    assert "WORKED" not in text(specialist.get("/shared-care?tab=theirs")) + text(specialist.get("/shared-care/gaps"))
    assert "day 0 of 14" not in text(specialist.get(f"/patients/{world.ids['Lio']}"))
    assert gp.get(f"/shared-care/{agreement.pk}").status_code == 200
