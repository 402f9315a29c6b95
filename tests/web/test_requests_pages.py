"""Pages of requests: asking, answering, lists whose counts are their lengths, files, the directory; and who sees which."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

import web_support
from requests_world import PRACTICE, TODAY, RequestsWorld
from stepwell.web.ledger.models import Relationship
from stepwell.web.privacy import services as privacy
from stepwell.web.service_requests import lists, selectors, services
from stepwell.web.service_requests.lists import Query, Since, Tab, What
from stepwell.web.service_requests.models import Service, ServiceRequest, State
from week_world import WHY, taken

pytestmark = pytest.mark.django_db
LATER = TODAY + timedelta(5)
FORM = {
    "kind": "therapy", "service": "triage", "urgency": "routine", "need": "Help with panic on buses", "why_now": "Cannot get to work",
    "wish": "To travel again", "agreement": "agreed",
}  # fmt: skip


@pytest.fixture
def world(db, settings, tmp_path, monkeypatch):
    world = RequestsWorld(settings, tmp_path)
    world.quiet(monkeypatch)
    return world


@pytest.fixture
def ada(world):
    return world.person("Ada")


def text(response, status=200):
    assert response.status_code == status, response.content.decode()[:2000]
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def test_a_gp_asks_without_knowing_which_service_is_right(world, ada):
    client = world.client("gp")
    page = text(client.get(f"/patients/{ada}/ask"))
    assert "I do not know: let triage decide" in page and "In a crisis, phone first" in page and "01632 960109" in page
    with web_support.recorded() as trail:
        response = client.post(f"/patients/{ada}/ask", FORM)
    pk = ServiceRequest.objects.get().pk
    assert response.url == f"/requests/{pk}?said=asked"
    assert trail.writes("service request asked")
    page = text(client.get(response.url))
    assert "Talking therapy: with Northside triage, who owe an answer by 08-Jun-2026" in page
    assert "To travel again" in page and "They agreed to this request" in page
    page = text(client.get(f"/patients/{ada}"))
    assert "Requests for service" in page and "with Northside triage, who owe an answer by 08-Jun-2026" in page


def test_nothing_typed_is_lost(world, ada):
    page = text(world.client("gp").post(f"/patients/{ada}/ask", FORM | {"need": ""}), 422)
    assert "Say what is needed" in page and "Cannot get to work" in page
    page = text(world.client("gp").post(f"/patients/{ada}/ask", FORM | {"urgency": "crisis"}), 422)
    assert "Phone first. Then say here whom you spoke to" in page
    therapy = str(world.services["therapy"].pk)
    page = text(world.client("gp").post(f"/patients/{ada}/ask", FORM | {"kind": "social-prescribing", "service": therapy}), 422)
    assert "does not take this on" in page
    assert not ServiceRequest.objects.exists()


def test_it_can_be_asked_from_a_duty(world, ada):
    duty = world.duty(ada, "lithium.level", due=TODAY - timedelta(9), subject="lithium")
    client = world.client("gp")
    assert f"/patients/{ada}/ask?duty={duty.pk}" in client.get(f"/duties/{duty.pk}").content.decode()
    page = text(client.get(f"/patients/{ada}/ask?duty={duty.pk}"))
    assert "From the duty" in page and "9 days overdue" in page
    client.post(f"/patients/{ada}/ask?duty={duty.pk}", FORM)
    assert ServiceRequest.objects.get().duty_id == duty.pk
    other = world.duty(world.person("Bo"), "lithium.level", subject="lithium")
    assert "From the duty" not in text(client.get(f"/patients/{ada}/ask?duty={other.pk}"))


def test_a_triager_answers_on_one_page(world, ada):
    pk = world.ask(ada)
    client = world.client("psychiatrist")
    page = text(client.get(f"/requests/{pk}/answer"))
    assert "We take this on" in page and "Another service is right: redirect it" in page and "Not for us" not in page
    version = {"version": "1"}
    for answer, words in (("accept", "Give the day by which"), ("redirect", "nobody is left without one"), ("advise", "Write the advice")):
        assert words in text(client.post(f"/requests/{pk}/answer", version | {"answer": answer}), 422)
    to = str(world.services["side"].pk)
    sent = {"answer": "redirect", "to": to, "reason": "not-our-kind", "words": "They go along with people"}
    assert client.post(f"/requests/{pk}/answer", version | sent).url == f"/requests/{pk}?said=redirected"
    page = text(client.get(f"/requests/{pk}"))
    assert "redirected to Side by Side, who answer by 05-Jun-2026; until they accept it stays with Northside triage" in page
    page = text(world.client("side worker").get(f"/requests/{pk}/answer"))
    assert "Not for us: back to Northside triage" in page and "They go along with people" in page


def test_who_sends_it_back_lands_where_they_may_be(world, ada):
    pk = world.ask(ada)
    world.redirect(pk, "triage", "side")
    client = world.client("side worker")
    sent = {"version": "2", "answer": "not-for-us", "reason": "age", "words": "We serve over-65s"}
    response = client.post(f"/requests/{pk}/answer", sent)
    assert response.url == "/requests?said=sent-back"
    assert client.get(f"/requests/{pk}").status_code in (403, 404)
    page = text(client.get("/requests?tab=all&what=sent-back"))
    assert "Record no longer open to you" in page and "WEEK" not in page


def test_a_second_triager_sees_what_changed_and_keeps_what_was_typed(world, ada):
    pk = world.ask(ada)
    services.advise(world.actor("psychiatrist"), pk, advice="Try this first")
    services.return_advice(world.actor("gp"), pk, why="Tried twice")
    sent = {"version": "1", "answer": "advise", "words": "Come to the clinic"}
    page = text(world.client("therapy nurse").post(f"/requests/{pk}/answer", sent), 409)
    assert "Since you opened this page" in page and "Tried twice" in page and "Come to the clinic" in page
    assert world.row(pk).state == State.TRIAGE


def test_advice_is_read_on_a_page(world, ada):
    pk = world.ask(ada)
    services.advise(world.actor("psychiatrist"), pk, advice="Raise the dose")
    client = world.client("gp")
    assert "Read the advice" in text(client.get(f"/patients/{ada}"))
    assert "Raise the dose" in text(client.get(f"/requests/{pk}/advice"))
    assert "Say what is still missing" in text(client.post(f"/requests/{pk}/advice", {"version": "2", "answer": "return"}), 422)
    assert client.post(f"/requests/{pk}/advice", {"version": "2", "answer": "read"}).url == f"/requests/{pk}?said=read"
    assert world.row(pk).state == State.CLOSED


def test_the_asker_withdraws_and_others_do_not(world, ada):
    pk = world.ask(ada)
    page = text(world.client("psychiatrist").post(f"/requests/{pk}/withdraw", {"version": "1", "why": "No"}), 422)
    assert "Riverside Surgery asked for this" in page
    assert world.client("gp").post(f"/requests/{pk}/withdraw", {"version": "1", "why": "Moved"}).status_code == 302
    assert world.row(pk).state == State.WITHDRAWN


def test_the_service_takes_back_and_reports_back(world, ada):
    pk = world.ask(ada)
    world.redirect(pk, "triage", "side")
    client = world.client("psychiatrist")
    assert client.post(f"/requests/{pk}/take-back", {"version": "2", "why": "Named by mistake"}).status_code == 302
    services.take_on(world.actor("psychiatrist"), pk, outcome="joint", why="Together", seen_by=LATER)
    assert "joint visit" in text(world.client("gp").get(f"/patients/{ada}"))
    assert client.post(f"/requests/{pk}/close", {"version": "4", "why": "Seen with Dr Osei"}).url == "/requests?said=closed"
    assert "Seen with Dr Osei" in text(world.client("gp").get(f"/requests/{pk}"))


@pytest.mark.parametrize(
    ("who", "wanted"), [("gp", 200), ("manager", 200), ("link worker", 200), ("other gp", 403), ("pharmacist", 200), ("commissioner", 404)]
)
def test_who_reads_a_request(world, ada, who, wanted):
    """Whoever may open the record; the network's pharmacist covers the practice."""
    pk = world.ask(ada)
    for page in ("", "/answer", "/advice", "/withdraw", "/take-back", "/close"):
        assert world.client(who).get(f"/requests/{pk}{page}").status_code == wanted, page
    assert world.client("gp").get("/requests/999").status_code == 404


def test_a_request_from_a_hidden_duty_is_hidden_too(world, ada):
    duty = world.duty(ada, "lithium.level", subject="lithium")
    pk = services.ask(
        world.actor("gp"), ada, services.Asked(**{**_asked(), "duty_id": duty.pk})
    ).request_id  # fmt: skip
    key = "lithium.level|lithium|ongoing"
    privacy.mark_sensitive(
        world.actor("gp"), selectors_subject(ada), kind="duty", key=key, organisations=[PRACTICE], why="She asked for it"
    )
    assert world.client("psychiatrist").get(f"/requests/{pk}").status_code == 404
    assert "WEEK" not in text(world.client("psychiatrist").get("/requests"))
    assert world.client("gp").get(f"/requests/{pk}").status_code == 200


def _asked():
    from requests_world import ASKED

    return ASKED


def selectors_subject(person_id):
    from stepwell.web.ledger import selectors as ledger

    return ledger.subject_of(person_id)


# Lists and counts


@pytest.fixture
def busy(world):
    """A bounced person, one accepted, one advised, one waiting, one withdrawn, of two practices."""
    people = [world.person(name) for name in ("Ada", "Bo", "Cy", "Dee", "Eve")]
    other = world.person("Fay", practice="B82002")
    world.bounce(people[0])
    day = TODAY - timedelta(20)
    second = world.ask(people[1], to="therapy", on=day)
    services.take_on(world.actor("therapy nurse"), second, outcome="accept", why="x", seen_by=LATER, on=day + timedelta(4))
    third = world.ask(people[2], on=day)
    services.advise(world.actor("psychiatrist"), third, advice="Try", on=day + timedelta(2))
    world.ask(people[3], on=TODAY)
    services.withdraw(world.actor("gp"), world.ask(people[4], on=day), why="Moved")
    world.ask(other, "other gp", on=day)
    return world


@pytest.mark.parametrize("who", ["gp", "psychiatrist", "pharmacist", "side worker", "manager"])
def test_every_count_opens_a_list_of_that_length(busy, who):
    client = busy.client(who)
    page = client.get("/requests/counts?since=always").content.decode()
    links = re.findall(r'<a href="(/requests\?tab=all[^"]*)">([\d,]+)<', page)
    assert links
    for href, number in links:
        listed = client.get(href.replace("&amp;", "&")).content.decode()
        rows = len(re.findall(r'<th scope="row" class="sw-person">', listed))
        assert rows == int(number.replace(",", "")), href


@pytest.mark.parametrize("who", ["gp", "psychiatrist", "side worker"])
def test_every_tab_holds_what_its_number_says(busy, who):
    client = busy.client(who)
    page = client.get("/requests").content.decode()
    for href, number in re.findall(r'<li><a href="/requests(\?[^"]*)"[^>]*>[^<]*?(\d+)</a></li>', page):
        listed = client.get(f"/requests{href}").content.decode()
        assert len(re.findall(r'<th scope="row" class="sw-person">', listed)) == int(number), href


def test_waits_and_redirections_are_counted_both_ways(busy):
    counts = lists.counts_for(busy.actor("psychiatrist"), Since.ALWAYS, TODAY, region=False)
    triage = next(row for row in counts.ours if row.service == busy.services["triage"].pk)
    assert triage.numbers[What.RECEIVED] == 5 and triage.numbers[What.REDIRECTED] == 1 and triage.numbers[What.WAITING] == 2
    assert (triage.first_answer.number, triage.first_answer.middle, triage.first_answer.longest) == (2, 4, 7)
    therapy = next(row for row in counts.ours if row.service == busy.services["therapy"].pk)
    assert (therapy.acceptance.middle, therapy.numbers[What.ACCEPTED], therapy.numbers[What.SENT_BACK]) == (4, 1, 1)
    told = {(row.service, row.to): row.number for row in counts.redirections}
    assert told[busy.services["triage"].pk, busy.services["therapy"].pk] == 1
    assert {row.asker: row.asked for row in counts.askers} == {PRACTICE: 5, "B82002": 1}
    assert counts.redirects == {0: 5, 1: 0, 2: 0, 3: 1}
    asker = lists.counts_for(busy.actor("gp"), Since.ALWAYS, TODAY, region=False)
    assert not asker.ours and {row.service for row in asker.asked} == {row.pk for key, row in busy.services.items() if key != "physical"}


def test_a_period_leaves_out_what_came_before(busy):
    counts = lists.counts_for(busy.actor("psychiatrist"), Since.QUARTER, TODAY + timedelta(80), region=False)
    triage = next(row for row in counts.ours if row.service == busy.services["triage"].pk)
    assert triage.numbers[What.RECEIVED] == 1


def test_the_commissioner_sees_numbers_and_nobody(busy):
    client = busy.client("commissioner")
    page = client.get("/requests/region?since=always").content.decode()
    assert "Network medication review" in page and "/requests?tab=all" not in page and "WEEK" not in page.upper().replace("WEEKS", "")
    assert client.get("/requests").status_code == 403
    assert client.get("/requests/counts").status_code == 403
    assert busy.client("gp").get("/requests/region").status_code == 403


def test_lists_are_audited_with_whom_they_showed(busy):
    with web_support.recorded() as trail:
        busy.client("gp").get("/requests?tab=sent")
    shown = [entry for entry in trail if entry.subject_id == "requests: sent"]
    assert shown and set(shown[0].person_ids) == {busy.ids[name] for name in ("Ada", "Bo", "Cy", "Dee")}


def test_lists_name_only_people_whose_record_is_open(busy):
    page = text(busy.client("gp").get("/requests?tab=all"))
    assert "Ada" in page and "Fay" not in page
    Relationship.objects.filter(person_id=busy.ids["Bo"]).delete()
    assert "Bo" not in text(busy.client("gp").get("/requests?tab=all")).split()


def test_a_list_goes_into_a_file_with_a_reason(busy):
    client = busy.client("manager")
    assert "Export 1 request" in text(client.get("/requests/export?tab=bounced"))
    with web_support.recorded() as trail:
        rows = taken(client.post("/requests/export?tab=bounced", WHY))
    assert rows[0][:2] == ["Family name", "Given name"] and rows[1][1] == "Ada"
    assert "Northside triage (redirected" in rows[1][rows[0].index("Way so far")]
    assert [entry.reason for entry in trail if entry.subject_type == "export"] == [WHY["why"]]
    assert busy.client("nurse").get("/requests/export").status_code == 403


def test_addresses_that_make_no_sense_have_their_defaults(busy):
    for query in ("?tab=x&what=y&service=z&page=-1", "?page=99999999999", "?tab=all&service=99999&redirects=7"):
        assert busy.client("gp").get(f"/requests{query}").status_code == 200
    assert lists.query_of({"tab": "x"}) == Query()
    assert lists.address(Query(tab=Tab.SENT, page=2)) == "?tab=sent&page=2"


# The directory


def test_a_manager_keeps_the_directory_on_pages(world):
    client = world.client("trust manager")
    given = {
        "name": "Crisis house", "kinds": "crisis", "serves": "Adults", "contact": "01632 960111", "routine_days": "1", "urgent_days": "0",
    }  # fmt: skip
    assert client.post("/services/new", given).url == "/services?said=added"
    made = Service.objects.get(name="Crisis house")
    assert "Crisis house" in text(world.client("gp").get("/services"))
    assert f"/services/{made.pk}" not in world.client("gp").get("/services").content.decode()
    version = {"version": str(selectors.version_of_service(made.pk))}
    assert "later than routine" in text(client.post(f"/services/{made.pk}", given | version | {"urgent_days": "3"}), 422)
    assert client.post(f"/services/{made.pk}", given | version | {"routine_days": "2"}).url == "/services?said=changed"
    page = text(client.post(f"/services/{made.pk}", given | version | {"routine_days": "4"}), 422)
    assert "Meanwhile Grace Adeyemi changed days for routine requests from 1 to 2" in page
    version = {"version": str(selectors.version_of_service(made.pk))}
    assert client.post(f"/services/{made.pk}/end", version | {"why": "Merged"}).url == "/services?said=ended"
    assert client.get(f"/services/{made.pk}").status_code == 404


@pytest.mark.parametrize(("who", "wanted"), [("gp", 403), ("manager", 404), ("psychiatrist", 403), ("trust manager", 200)])
def test_others_do_not_keep_a_service(world, who, wanted):
    service = world.services["triage"].pk
    for page in (f"/services/{service}", f"/services/{service}/end"):
        assert world.client(who).get(page).status_code == wanted
        if wanted != 200:
            assert world.client(who).post(page, {"version": "99", "why": "x"}).status_code == wanted
    assert Service.objects.get(pk=service).ended_on is None


def test_reasons_on_their_page(world):
    client = world.client("trust manager")
    assert client.post("/requests/reasons", {"label": "Care home"}).url == "/requests/reasons?said=reason"
    page = text(client.post("/requests/reasons", {"label": "care home"}), 422)
    assert "on the list already" in page
    assert client.post("/requests/reasons", {"off": "age"}).status_code == 302
    assert "not on the list" in text(client.post("/requests/reasons", {"off": "age"}), 422)
    assert "age" not in selectors.reasons_of("RX9")
    assert world.client("gp").get("/requests/reasons").status_code == 403
