"""A request for shared care, from the draft to the answer: what cannot be sent, whose the duties are meanwhile, what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta

import pytest
from django.urls import reverse

import web_support
from ledger_world import PRACTICE, TODAY, TRUST, World
from shared_care_world import BASELINE, LIO, asked_of, at_nine, in_force, sent_request, state, whole_terms
from stepwell.errors import Refused
from stepwell.web.agreements import selectors, services
from stepwell.web.agreements.models import Agreement
from stepwell.web.agreements.terms import Share, Terms, checked_shares, proposed_shares, responsibilities
from stepwell.web.core.gate import AccessRefused
from stepwell.web.ledger import services as ledger
from stepwell.web.ledger.results import ResultEntry

FOURTEEN_ON = date(2026, 6, 19)  # 14 working days after Monday 1 June


@pytest.fixture
def world(db, settings, tmp_path, monkeypatch):
    world = World(settings, tmp_path)
    world.tell({"Lio": [*LIO, *BASELINE], "Max": LIO, "Cleo": ["clozapine 200 mg daily from 2024-01-10 every 28 days by trust"]})
    world.catch_up()
    world.set_hour = at_nine(world, monkeypatch)
    return world


def owners(world, name="Lio", rule_id="lithium.level"):
    return {duty.owner_org for duty in world.duties(name, rule_id=rule_id, state="open")}


def test_a_draft_moves_nothing_and_says_what_it_lacks(world):
    draft = services.draft_request(world.actor("psychiatrist"), world.ids["Lio"], substance="lithium")
    assert (state(draft), draft.and_org, draft.protocol, draft.protocol_version) == ("draft", PRACTICE, "lithium", 1)
    assert owners(world) == {"nobody"}
    lacks = [each.key for each in selectors.gate_of(draft)]
    assert lacks == ["indication", "licence", "duration", "plan", "route_back", "told", "stable_since", "review_on", "specialist_review_on"]
    assert selectors.terms_of(draft).started_on == date(2025, 6, 10)
    with pytest.raises(Refused, match=r"cannot be sent yet.*Give the indication"):
        services.send_request(world.actor("psychiatrist"), draft.pk)
    assert selectors.drafts_of(world.actor("psychiatrist"), world.ids["Lio"]) == [draft]
    assert selectors.drafts_of(world.actor("gp"), world.ids["Lio"]) == []


def test_missing_baseline_results_are_named_and_a_result_completes_them(world):
    actor = world.actor("psychiatrist")
    draft = services.draft_request(actor, world.ids["Max"], substance="lithium", terms=whole_terms())
    lacks = [each.words.split(":")[0] for each in selectors.gate_of(draft)]
    assert lacks == ["U&E", "eGFR", "Calcium (adjusted)", "Thyroid function", "Weight", "Full blood count"]
    with pytest.raises(Refused, match="Full blood count: no baseline result on record"):
        services.send_request(actor, draft.pk)
    entries = [ResultEntry(test, None, TODAY) for test in ("u-and-e", "tft", "fbc")]
    entries += [ResultEntry("egfr", 90_000, TODAY), ResultEntry("weight", 71_000, TODAY)]
    ledger.record_results(actor, world.ids["Max"], entries, confirmed=True)
    assert [each.words.split(":")[0] for each in selectors.gate_of(draft)] == ["Calcium (adjusted)"]
    # Why there is none can be said; the practice sees it.
    services.change_draft(actor, draft.pk, terms=whole_terms(baseline_without={"calcium": "sample lost, repeated next week"}))
    services.send_request(actor, draft.pk)
    sent = selectors.find(draft.pk).events.get(kind="requested")
    assert {row["test"]: row["without"] for row in sent.detail["baseline"] if row["on"] is None} == {
        "calcium": "sample lost, repeated next week"
    }


def test_a_result_of_long_before_the_start_is_no_baseline(world):
    world.tell({"Ola": [*LIO, "fbc on 2025-03-09", *BASELINE[:5]]})
    world.catch_up()
    found = {line.test: line.on for line in selectors.baseline_of(world.ids["Ola"], "lithium")}
    assert found["fbc"] is None and found["weight"] == date(2025, 6, 1)
    world.more("Ola", "fbc on 2025-03-10")
    world.catch_up()
    assert {line.test: line.on for line in selectors.baseline_of(world.ids["Ola"], "lithium")}["fbc"] == date(2025, 3, 10)


def test_what_the_protocol_asks_for_is_asked(world):
    actor = world.actor("psychiatrist")
    draft = services.draft_request(actor, world.ids["Lio"], substance="lithium")
    for changed, words in (
        ({"stable_since": TODAY - timedelta(83)}, "12 weeks without a change"),
        ({"stable_since": TODAY + timedelta(1)}, "cannot be in the future"),
        ({"specialist_review_on": date(2031, 6, 2)}, "within 60 months"),
        ({"review_on": date(2027, 6, 2)}, "within 12 months"),
        ({"review_on": TODAY}, "must lie ahead"),
        ({"ends_on": TODAY}, "must lie ahead"),
        ({"plan": "  "}, "reviewed and stopped"),
    ):
        services.change_draft(actor, draft.pk, terms=whole_terms(**changed))
        assert len(selectors.gate_of(selectors.find(draft.pk))) == 1, changed
        with pytest.raises(Refused, match=words):
            services.send_request(actor, draft.pk)
    services.change_draft(actor, draft.pk, terms=whole_terms())
    assert selectors.gate_of(selectors.find(draft.pk)) == []


def test_clozapine_cannot_be_asked_for_and_depots_can(world):
    with pytest.raises(Refused, match="stays with the specialist service"):
        services.draft_request(world.actor("psychiatrist"), world.ids["Lio"], substance="clozapine")
    assert "clozapine" in selectors.never_shared()
    depot = services.draft_request(world.actor("psychiatrist"), world.ids["Lio"], substance="paliperidone long-acting injection")
    assert depot.protocol == "depot" and not {"paliperidone long-acting injection", "lithium"} & selectors.never_shared()


def test_who_may_ask(world):
    with pytest.raises(Refused, match="A specialist asks a practice"):
        services.draft_request(world.actor("gp"), world.ids["Lio"], substance="lithium")
    for key in ("nurse", "other gp"):
        with pytest.raises(AccessRefused):
            services.draft_request(world.actor(key), world.ids["Lio"], substance="lithium")
    draft = services.draft_request(world.actor("psychiatrist"), world.ids["Lio"], substance="lithium", terms=whole_terms())
    with pytest.raises(Refused, match="This is for Northside CMHT to do"):
        services.send_request(world.actor("gp"), draft.pk)


def test_the_specialist_keeps_it_while_the_request_waits(world):
    with web_support.recorded() as trail:
        request = sent_request(world, "Lio")
    assert [entry.action for entry in trail.writes() if entry.action.startswith("agreement")] == ["agreement requested"]
    assert state(request) == "requested" and owners(world) == {TRUST}
    duty = world.duties("Lio", rule_id="lithium.level", state="open")[-1]
    assert duty.owner_basis == "request"
    assert duty.owner_label == "Northside CMHT asked Riverside Surgery on 01-Jun-2026 to share care, and keeps it until that is accepted"
    assert not world.duties("Lio", rule_id="agree.who", state="open")
    assert asked_of(world, "Lio") == {"answer": (PRACTICE, FOURTEEN_ON)}
    assert selectors.inbox(world.actor("gp")) == [request] and selectors.sent(world.actor("psychiatrist")) == [request]
    assert selectors.inbox(world.actor("psychiatrist")) == [] and selectors.sent(world.actor("gp")) == []
    # The network that covers the practice has it in its inbox too.
    assert selectors.inbox(world.actor("pharmacist")) == [request]


def test_one_request_and_one_agreement_at_a_time(world):
    sent_request(world, "Lio")
    actor = world.actor("psychiatrist")
    other = services.draft_request(actor, world.ids["Lio"], substance="lithium", terms=whole_terms())
    with pytest.raises(Refused, match="A request to share lithium was sent on 01-Jun-2026"):
        services.send_request(actor, other.pk)
    with pytest.raises(Refused, match="answer or withdraw that one first"):
        world.agree_lithium("Lio")


def test_a_question_does_not_stop_the_clock_and_the_answer_may_change_the_request(world):
    request = sent_request(world, "Lio")
    world.today = date(2026, 6, 3)
    services.ask_question(world.actor("gp"), request.pk, words="Who checks the calcium?")
    assert state(request) == "information_requested" and owners(world) == {TRUST}
    clock = selectors.clock_of(selectors.find(request.pk))
    assert (clock.due_on, clock.days_gone, clock.days_left, clock.runs) == (FOURTEEN_ON, 2, 12, True)
    assert asked_of(world, "Lio") == {"answer": (PRACTICE, FOURTEEN_ON), "question": (TRUST, FOURTEEN_ON)}
    assert selectors.inbox(world.actor("psychiatrist")) == [request]
    with pytest.raises(Refused, match="A question is open already"):
        services.ask_question(world.actor("gp"), request.pk, words="And the weight?")
    terms = replace(whole_terms(), target="level 0.4 to 0.6 mmol/L")
    shares = [Share(s.responsibility, TRUST if s.responsibility == "levels" else s.owner_org) for s in proposed_shares(TRUST, PRACTICE)]
    services.answer_question(world.actor("psychiatrist"), request.pk, words="We do, and the levels.", terms=terms, shares=shares)
    assert state(request) == "requested" and asked_of(world, "Lio") == {"answer": (PRACTICE, FOURTEEN_ON)}
    services.accept(world.actor("gp"), request.pk)
    text = selectors.versions_of(selectors.find(request.pk))[-1]
    assert Terms.of(text.terms).target == "level 0.4 to 0.6 mmol/L" and text.shares["levels"] == TRUST
    assert owners(world) == {TRUST} and owners(world, rule_id="lithium.tft") == {PRACTICE}


def test_accepting_moves_the_owners_on_the_agreed_day_and_not_on_the_click(world):
    request = sent_request(world, "Lio")
    with pytest.raises(Refused, match="today or later"):
        services.accept(world.actor("gp"), request.pk, from_on=TODAY - timedelta(1))
    begins = TODAY + timedelta(10)
    services.accept(world.actor("gp"), request.pk, from_on=begins)
    assert state(request) == "accepted" and owners(world) == {TRUST}
    assert "has accepted shared care and takes over on 11-Jun-2026" in world.duty("Lio", "lithium.tft").owner_label
    assert asked_of(world, "Lio") == {
        "tell patient": (TRUST, begins), "review": (TRUST, TODAY + timedelta(360)), "specialist review": (TRUST, TODAY + timedelta(1800))
    }  # fmt: skip
    world.today = begins
    assert state(request) == "active"
    world.catch_up()
    assert owners(world) == {PRACTICE}
    label = "shared care between Northside CMHT and Riverside Surgery, agreed 01-Jun-2026"
    assert world.duty("Lio", "lithium.level").owner_label == label
    assert Agreement.objects.get(pk=request.pk).status_on(begins) == "active"


def test_every_responsibility_has_one_owner_at_every_stage(world):
    request = sent_request(world, "Lio")

    def held(on):
        return {row.key: row.owner_org for row in selectors.responsibilities_on(selectors.find(request.pk), on)}

    assert set(held(TODAY).values()) == {TRUST}
    services.accept(world.actor("gp"), request.pk, from_on=TODAY + timedelta(1))
    assert set(held(TODAY).values()) == {TRUST}
    assert held(TODAY + timedelta(1)) == {share.responsibility: share.owner_org for share in proposed_shares(TRUST, PRACTICE)}


def test_gaps_and_overlaps_are_refused():
    whole = proposed_shares(TRUST, PRACTICE)
    for shares, words in (
        (whole[1:], "Nobody would own: Write the prescription"),
        ([*whole, Share("prescribe", TRUST)], "is there twice"),
        ([Share("prescribe", ""), *whole[1:]], "needs an owner"),
        ([Share("prescribe", "B82002"), *whole[1:]], "needs an owner"),
        ([Share(share.responsibility, PRACTICE) for share in whole], "stays with the specialist"),
        ([Share("tea", TRUST), *whole[1:]], "is no line"),
    ):
        with pytest.raises(Refused, match=words):
            checked_shares(shares, specialist=TRUST, practice=PRACTICE)
    assert checked_shares(whole, specialist=TRUST, practice=PRACTICE).keys() == responsibilities().keys()


def test_a_request_with_a_gap_is_not_written(world):
    with pytest.raises(Refused, match="Nobody would own"):
        services.draft_request(
            world.actor("psychiatrist"), world.ids["Lio"], substance="lithium", shares=proposed_shares(TRUST, PRACTICE)[1:]
        )
    assert not Agreement.objects.exists()


def test_declining_needs_a_reason_and_leaves_it_with_the_specialist(world):
    request = sent_request(world, "Lio")
    with pytest.raises(Refused, match="Choose why"):
        services.decline(world.actor("gp"), request.pk, reason="busy", why="no time")
    with pytest.raises(Refused, match="Say why"):
        services.decline(world.actor("gp"), request.pk, reason="unstable", why=" ")
    services.decline(world.actor("gp"), request.pk, reason="unstable", why="two admissions this spring")
    assert state(request) == "declined" and owners(world) == {TRUST}
    assert "declined to share care on 01-Jun-2026" in world.duty("Lio", "lithium.level").owner_label
    assert asked_of(world, "Lio") == {"declined": (TRUST, TODAY)}
    duty = world.duties("Lio", rule_id="asked.agreement", point="answer")[-1]
    assert (duty.state, duty.owner_org) == ("met", PRACTICE)
    # Asked again later, with the same text, and the specialist has had it all the time.
    world.today = TODAY + timedelta(60)
    again = services.request_again(world.actor("psychiatrist"), request.pk)
    assert selectors.terms_of(again).plan == whole_terms().plan and state(request) == "declined"
    with pytest.raises(Refused, match="begun already"):
        services.request_again(world.actor("psychiatrist"), request.pk)
    services.change_draft(world.actor("psychiatrist"), again.pk, terms=whole_terms(world.today))
    services.send_request(world.actor("psychiatrist"), again.pk)
    assert (state(request), state(again)) == ("ended", "requested") and owners(world) == {TRUST}
    assert [point for point in asked_of(world, "Lio")] == ["answer"]


def test_silence_is_no_consent_and_becomes_a_duty_of_either_side(world):
    request = sent_request(world, "Lio")
    world.today = FOURTEEN_ON
    world.catch_up()
    assert selectors.silent(world.actor("psychiatrist")) == [] and "silence" not in asked_of(world, "Lio")
    world.today = FOURTEEN_ON + timedelta(1)
    # Seen without anything having run.
    clock = selectors.clock_of(selectors.find(request.pk))
    assert (clock.state, clock.days_left, clock.silent_on) == ("silent", 0, world.today)
    assert selectors.silent(world.actor("psychiatrist")) == [request] == selectors.silent(world.actor("gp"))
    world.catch_up()
    world.catch_up()
    assert state(request) == "requested" and owners(world) == {TRUST}
    assert asked_of(world, "Lio") == {"answer": (PRACTICE, FOURTEEN_ON), "silence": (TRUST, world.today)}
    late = world.duties("Lio", rule_id="asked.agreement", point="answer")[-1]
    assert late.escalate_on == FOURTEEN_ON
    assert [event.kind for event in selectors.events_of(request)].count("silent") == 1
    world.today += timedelta(3)
    services.accept(world.actor("gp"), request.pk)
    assert owners(world) == {PRACTICE} and not {"answer", "silence"} & asked_of(world, "Lio").keys()


def test_reminders_come_by_themselves_on_days_five_and_ten(world):
    request = sent_request(world, "Lio")
    states = {}
    for day in range(1, 21):
        world.today = date(2026, 6, day)
        states[day] = str(selectors.clock_of(selectors.find(request.pk)).state)
    assert states[5] == "waiting" and states[8] == "first reminder" and states[14] == "first reminder"
    assert states[15] == "second reminder" and states[19] == "second reminder" and states[20] == "silent"


def test_what_arrives_after_five_counts_from_the_next_working_day(world):
    world.set_hour(time(17, 1))
    request = sent_request(world, "Lio")
    assert selectors.clock_of(selectors.find(request.pk)).day0 == date(2026, 6, 2)
    assert asked_of(world, "Lio")["answer"] == (PRACTICE, date(2026, 6, 22))


def test_a_form_that_was_opened_before_somebody_else_acted_saves_nothing(world):
    request = sent_request(world, "Lio")
    seen = selectors.last_event(request)
    services.ask_question(world.actor("gp"), request.pk, words="Which brand?", seen=seen)
    with pytest.raises(services.Stale, match="asked, Dr Amara Osei") as refusal:
        services.accept(world.actor("gp"), request.pk, seen=seen)
    assert [event.kind for event in refusal.value.changes] == ["asked"] and state(request) == "information_requested"


def test_a_request_is_withdrawn_and_then_it_is_nobodys_again(world):
    request = sent_request(world, "Lio")
    with pytest.raises(Refused, match="Northside CMHT can withdraw"):
        ledger.end_agreement(world.actor("gp"), world.ids["Lio"], request.pk, to_on=TODAY, why="no")
    ledger.end_agreement(world.actor("psychiatrist"), world.ids["Lio"], request.pk, to_on=TODAY + timedelta(5), why="stopped it instead")
    assert state(request) == "ended" and owners(world) == {"nobody"}
    assert world.duties("Lio", rule_id="agree.who", state="open") and asked_of(world, "Lio") == {}
    with pytest.raises(Refused, match="it is ended"):
        services.accept(world.actor("gp"), request.pk)


def test_both_sides_may_open_the_person_while_a_request_is_open(world):
    world.people["Lio"] = [line for line in world.people["Lio"] if "caseload" not in line]
    world.tell({"Lio": world.people["Lio"]})
    world.catch_up()
    request = sent_request(world, "Lio")
    found = selectors.parties(TODAY, [world.ids["Lio"]])[world.ids["Lio"]]
    assert found == [(PRACTICE, request.pk, TODAY, None), (TRUST, request.pk, TODAY, None)]


def test_an_open_request_survives_a_lost_database(world):
    from stepwell.web.agreements.recording import adopt_lines, adopt_requests
    from stepwell.web.core import clock
    from stepwell.web.core.actor import Actor

    request = sent_request(world, "Lio")
    kept = selectors.request_rows([world.ids["Lio"]])
    assert [(row["owner_org"], row["asked_org"], row["to_on"]) for row in kept] == [(TRUST, PRACTICE, None)]
    services.accept(world.actor("gp"), request.pk, from_on=TODAY + timedelta(4))
    [row] = selectors.request_rows([world.ids["Lio"]])
    assert row["to_on"] == TODAY + timedelta(4)
    lines = selectors.workflow_rows([world.ids["Lio"]])
    assert {line["from_on"] for line in lines} == {TODAY + timedelta(4)}
    ledger.end_agreement(world.actor("psychiatrist"), world.ids["Lio"], request.pk, to_on=TODAY, why="start again")
    adopt_requests(Actor.system("adoption"), kept, at=clock.now())
    adopt_lines(Actor.system("adoption"), [], at=clock.now())
    adopted = Agreement.objects.order_by("-id")[0]
    assert state(adopted) == "requested" and selectors.clock_of(selectors.find(adopted.pk)).due_on == FOURTEEN_ON
    [again] = [row for row in selectors.request_rows([world.ids["Lio"]]) if row["to_on"] is None]
    assert {**again, "request_id": "", "label": ""} == {**kept[0], "request_id": "", "label": ""}


def test_the_duty_leads_to_the_agreement(world):
    agreement = in_force(world, "Lio")
    from stepwell.web.ledger.models import Asked

    found = Asked.objects.filter(person_id=world.ids["Lio"])
    assert {row.action_url for row in found} == {reverse("agreements:show_agreement", args=[agreement.pk])}
