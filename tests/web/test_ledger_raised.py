"""Duties that people's work raises: what is stored, what the ledger makes of it, what can be done with them, what pages show."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pytest
from django.db import transaction

import web_support
from ledger_world import OTHER_PRACTICE, PRACTICE, TODAY, TRUST, World
from stepwell.errors import Refused
from stepwell.records.schema import WORKFLOW
from stepwell.web.core import append_only
from stepwell.web.core.actor import Actor
from stepwell.web.core.gate import AccessRefused
from stepwell.web.ledger import evaluation, handovers, raised, selectors, services, workflow
from stepwell.web.ledger.arrangement import arrangement_of, derive
from stepwell.web.ledger.models import Asked, Disposition, Duty, PendingEvaluation
from stepwell.web.ledger.results import ResultEntry
from stepwell.web.ledger.workplaces import workplace_of
from stepwell.web.privacy import services as privacy

ADA = [
    "female",
    "on the caseload of trust from 2024-01-01",
    "lithium 800 mg daily from 2024-01-10 every 28 days",
    "diagnosis bipolar on 2020-01-01",
    "lithium-level 0.6 on 2026-05-20",
]
KEY = {"source": "advice", "source_id": "7", "point": "bloods"}
ASK = {
    **KEY,
    "title": "Repeat the lithium level",
    "owner_org": PRACTICE,
    "owner_role": "nurse",
    "due_on": TODAY + timedelta(14),
    "why": "It was taken too early after the last dose",
    "source_label": "Advice of 01-Jun-2026",
    "action_url": "/worklist",
    "points": 2,
}
RULE = "asked.advice"
OWN_ROLE = {"owner_role": ""}


@pytest.fixture
def world(db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Ada": ADA, "Bo": ["olanzapine 10 mg daily from 2025-01-01 every 28 days"]})
    world.catch_up()
    return world


@pytest.fixture
def at_once(django_capture_on_commit_callbacks):
    """Run what a commit would set off."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


@pytest.fixture
def ask(world, at_once):
    def ask(who="psychiatrist", name="Ada", **more) -> int:
        actor = world.actor(who) if isinstance(who, str) else who
        with at_once():
            return services.raise_duty(actor, selectors.subject_of(world.ids[name]), **(ASK | more))

    return ask


@pytest.fixture
def settle(world, at_once):
    def settle(how="done", who="psychiatrist", on=TODAY, **more) -> bool:
        with at_once():
            return services.settle_raised(
                world.actor(who), selectors.subject_of(world.ids["Ada"]), **(KEY | more), on=on, how=how, why="The level came back"
            )

    return settle


@pytest.fixture
def move(world, at_once):
    def move(who="psychiatrist", **more) -> bool:
        with at_once():
            return services.move_raised(
                world.actor(who), selectors.subject_of(world.ids["Ada"]), **KEY, why="We take the blood ourselves", **more
            )

    return move


def bloods(world):
    return world.duty("Ada", RULE, "bloods")


def text(response) -> str:
    return " ".join(response.content.decode().split())


# Raising


def test_what_is_raised_is_a_duty_with_its_words(world, ask):
    with web_support.recorded() as trail:
        ask()
    duty = bloods(world)
    assert (duty.state, duty.kind, duty.title, duty.instance, duty.rule_version) == ("open", "asked", ASK["title"], 1, 1)
    assert (duty.owner_org, duty.owner_role, duty.owner_basis) == (PRACTICE, "nurse", "asked")
    assert (duty.due_on, duty.opens_on, duty.priority, duty.mark, duty.needs_approval) == (ASK["due_on"], TODAY, 2, "", False)
    assert duty.because[0]["kind"] == "asked"
    assert duty.because[0]["label"] == "It was taken too early after the last dose (Dr Lena Hart, Northside CMHT, 01-Jun-2026)"
    assert world.events(duty) == ["opened"] and not PendingEvaluation.objects.exists()
    (entry,) = trail.writes("raise duty")
    assert (entry.person_id, entry.subject_type, entry.subject_id) == (world.ids["Ada"], "advice", "7")


def test_nothing_stays_of_what_was_not_committed(world, at_once):
    def failing() -> None:
        with transaction.atomic():
            services.raise_duty(world.actor("psychiatrist"), selectors.subject_of(world.ids["Ada"]), **ASK)
            raise Refused("the work itself failed")

    with at_once() as callbacks, pytest.raises(Refused, match="itself failed"):
        failing()
    assert not callbacks and not Asked.objects.exists() and not PendingEvaluation.objects.exists()


def test_the_same_asked_twice_is_asked_once(world, ask):
    assert ask() == ask()
    assert Asked.objects.count() == 1 and world.events(bloods(world)) == ["opened"]


def test_asked_in_other_words_it_stays_the_same_duty(world, ask):
    ask()
    ask(due_on=TODAY + timedelta(3), why="It is urgent now")
    duty = bloods(world)
    assert (duty.instance, duty.due_on, duty.rule_version) == (1, TODAY + timedelta(3), 1)
    assert "It is urgent now" in duty.because[0]["label"] and not duty.second_look
    assert world.events(duty) == ["opened", "moved", "changed"]


def test_the_software_may_raise_what_follows_from_somebodys_work(world, ask):
    ask(who=Actor.system("clocks"), point="silence", why="No answer came in fourteen working days")
    duty = world.duty("Ada", RULE, "silence")
    assert duty.because[0]["label"] == "No answer came in fourteen working days (Stepwell, 01-Jun-2026)"


def test_who_may_not_see_the_person_raises_nothing(world, ask):
    with pytest.raises(AccessRefused):
        ask(who="other gp")
    assert not Asked.objects.exists()


@pytest.mark.parametrize(
    ("more", "error", "words"),
    [
        ({"why": " "}, Refused, "Say why"),
        ({"title": ""}, Refused, "title"),
        ({"owner_org": ""}, Refused, "owner org"),
        ({"point": "x" * 41}, Refused, "too long"),
        ({"test": "no such test"}, Refused, "not in the knowledge base"),
        ({"source": "Advice"}, ValueError, "lower case"),
        ({"action_url": "https://example.org"}, ValueError, "address of Stepwell"),
        ({"action_url": "//example.org"}, ValueError, "address of Stepwell"),
    ],
)
def test_what_is_refused(world, ask, more, error, words):
    with pytest.raises(error, match=words):
        ask(**more)
    assert not Asked.objects.exists()


def test_statements_are_written_once(world, ask):
    ask()
    row = Asked.objects.get()
    row.title = "another"
    with pytest.raises(append_only.AppendOnlyError):
        row.save()


# Settling and moving


def test_the_work_itself_closes_it(world, ask, settle):
    ask()
    assert settle(on=TODAY - timedelta(1))
    duty = bloods(world)
    assert (duty.state, duty.ended_on, duty.ended_by) == ("met", TODAY - timedelta(1), "done")
    assert "The level came back (Dr Lena Hart" in duty.ended_why
    assert world.events(duty) == ["opened", "settled", "met"]
    assert not settle() and Asked.objects.count() == 2


def test_what_is_no_longer_asked_is_superseded_with_why(world, ask, settle):
    ask()
    settle("superseded")
    duty = bloods(world)
    assert (duty.state, duty.ended_by) == ("superseded", "withdrawn") and "The level came back" in duty.ended_why
    world.catch_up()
    assert bloods(world).instance == 1


def test_nothing_is_settled_that_was_not_raised(world, settle):
    assert not settle() and not Asked.objects.exists()


def test_it_can_be_settled_in_the_transaction_that_raised_it(world, at_once):
    actor, subject = world.actor("psychiatrist"), selectors.subject_of(world.ids["Ada"])
    with at_once(), web_support.recorded() as trail:
        services.raise_duty(actor, subject, **ASK)
        services.settle_raised(actor, subject, **KEY, on=TODAY, how="superseded", why="sent by mistake")
    assert not world.duties("Ada", rule_id=RULE) and trail.writes("duty settled")


def test_settled_and_asked_anew_at_once_it_is_another_piece_of_work(world, ask, at_once):
    ask()
    services.acknowledge(world.actor("gp"), bloods(world).pk)
    actor, subject = world.actor("psychiatrist"), selectors.subject_of(world.ids["Ada"])
    with at_once(), transaction.atomic():
        services.settle_raised(actor, subject, **KEY, on=TODAY, how="done", why="The level came back")
        services.raise_duty(actor, subject, **ASK)
    first, second = world.duties("Ada", rule_id=RULE)
    assert (first.state, first.ended_why, world.events(first)[-2:]) == ("superseded", "It was asked anew", ["settled", "superseded"])
    assert (second.state, second.acknowledged_at, second.second_look) == ("open", None, False)


def test_another_owner_has_not_seen_it_and_has_not_said_who_does_it(world, ask, move):
    ask()
    gp, nurse = world.actor("gp"), world.actor("nurse")
    services.acknowledge(gp, bloods(world).pk)
    services.assign(gp, bloods(world).pk, to_user_id=nurse.user_id)
    assert move(owner_org=TRUST, due_on=TODAY + timedelta(5))
    duty = bloods(world)
    assert (duty.owner_org, duty.owner_role, duty.due_on, duty.instance) == (TRUST, "", TODAY + timedelta(5), 1)
    assert duty.acknowledged_at is None and duty.assigned_to_id is None
    assert "We take the blood ourselves" in duty.owner_label
    assert world.events(duty) == ["opened", "acknowledged", "assigned", "moved", "changed"]
    before = arrangement_of(duty)
    derive(duty)
    assert arrangement_of(duty) == before


def test_a_new_date_leaves_what_was_arranged(world, ask, move):
    ask()
    services.acknowledge(world.actor("gp"), bloods(world).pk)
    assert move(due_on=TODAY + timedelta(30))
    assert bloods(world).acknowledged_at is not None and bloods(world).due_on == TODAY + timedelta(30)


def test_what_is_closed_does_not_move(world, ask, settle, move):
    assert not move(owner_org=TRUST)
    ask()
    settle()
    assert not move(owner_org=TRUST) and bloods(world).owner_org == PRACTICE


# What people do with it


def test_every_act_of_a_duty(world, ask):
    ask(**OWN_ROLE)
    gp, nurse = world.actor("gp"), world.actor("nurse")
    services.acknowledge(gp, bloods(world).pk)
    services.assign(gp, bloods(world).pk, to_user_id=nurse.user_id)
    services.defer(nurse, bloods(world).pk, until=TODAY + timedelta(3), why="she comes on Thursday")
    services.done_with_review(nurse, bloods(world).pk, on=TODAY, why="taken at the hospital")
    duty = bloods(world)
    assert (duty.state, duty.ended_on, duty.ended_by) == ("met", TODAY, "done")
    answered = duty.events.get(kind="answered")
    services.undo(nurse, answered.pk, why="it was another patient")
    again = bloods(world)
    assert (again.instance, again.state, again.assigned_to_id) == (2, "open", nurse.user_id)


@pytest.mark.parametrize(("verb", "state"), [("decline", "declined"), ("not_applicable", "not applicable")])
def test_declined_and_not_applicable_close_it_for_good(world, ask, verb, state):
    ask()
    given = {"on": TODAY} if verb == "decline" else {"ends_when": "she is back"}
    getattr(services, verb)(world.actor("gp"), bloods(world).pk, why="she does not want it", **given)
    world.today = TODAY + timedelta(400)
    world.catch_up()
    assert (bloods(world).state, bloods(world).instance) == (state, 1)


def test_a_result_of_its_test_closes_it(world, ask):
    ask(test="lithium-level")
    assert bloods(world).state == "open"  # the level of before does not serve
    services.record_results(world.actor("nurse"), world.ids["Ada"], [ResultEntry("lithium-level", 700, TODAY)])
    duty = bloods(world)
    assert (duty.state, duty.ended_by, duty.ended_on) == ("met", "result", TODAY)
    assert world.events(duty) == ["opened", "result recorded", "met"]


def test_asked_again_after_an_answer_it_is_a_new_duty_that_nobody_has_seen(world, ask):
    ask()
    services.acknowledge(world.actor("gp"), bloods(world).pk)
    services.done_with_review(world.actor("gp"), bloods(world).pk, on=TODAY, why="taken")
    ask(why="It clotted")
    duty = bloods(world)
    assert (duty.instance, duty.state, duty.rule_version, duty.acknowledged_at) == (2, "open", 2, None)
    given = workflow.extract([world.ids["Ada"]])
    assert not given["dispositions"].num_rows and Disposition.objects.count() == 1
    assert [row["kind"] for row in given["asked"].to_pylist()] == ["asked", "done", "asked"]
    world.catch_up()
    assert bloods(world).instance == 2 and bloods(world).state == "open"
    services.done_with_review(world.actor("gp"), duty.pk, on=TODAY, why="taken once more")
    assert bloods(world).state == "met" and workflow.extract([world.ids["Ada"]])["dispositions"].num_rows == 1


def test_it_is_handed_over_and_comes_back(world, ask):
    ask(**OWN_ROLE)
    handovers.offer(world.actor("gp"), bloods(world).pk, to_org=TRUST, why="they see her on Monday")
    offered = bloods(world).offer
    handovers.accept(world.actor("psychiatrist"), offered.pk)
    world.catch_up()
    assert (bloods(world).owner_org, bloods(world).handed_to) == (TRUST, TRUST)
    accepted = bloods(world).events.get(kind="offer accepted")
    services.undo(world.actor("psychiatrist"), accepted.pk, why="not now")
    assert bloods(world).owner_org == PRACTICE
    with pytest.raises(Refused, match="not about a medicine"):
        handovers.offer(world.actor("gp"), bloods(world).pk, to_org=TRUST, why="all of it", scope="medicine")


def test_what_is_asked_of_nobody_can_be_taken_on(world, ask):
    ask(owner_org="nobody")
    page = text(world.client("gp").get(f"/patients/{world.ids['Ada']}"))
    assert "Take it on" in page and "this has no owner" in page
    address = f"/duties/{bloods(world).pk}/take-on"
    assert "answers for this: Repeat the lithium level" in text(world.client("gp").get(address))
    services.assert_owner(world.actor("gp"), bloods(world).pk, why="we see her next week")
    duty = bloods(world)
    assert duty.owner_org == PRACTICE and "we see her next week" in duty.owner_label
    assert world.events(duty) == ["opened", "moved", "changed"]


def test_it_outlives_a_registration(world, ask):
    ask(owner_org=TRUST)
    world.more("Ada", "registered with practice from 2020-01-01 to 2026-05-30")
    world.catch_up()
    assert bloods(world).state == "open"


# Who reaches the person


def test_who_is_asked_reaches_the_person_as_long_as_it_is_open(world, ask, settle):
    subject = world.ids["Ada"]
    assert world.client("other gp").get(f"/patients/{subject}").status_code == 403
    ask(owner_org=OTHER_PRACTICE)
    assert world.client("other gp").get(f"/patients/{subject}").status_code == 200
    assert f"/duties/{bloods(world).pk}" in world.client("other gp").get(f"/patients/{subject}").content.decode()
    settle()
    assert world.client("other gp").get(f"/patients/{subject}").status_code == 403


def test_what_is_asked_about_a_sensitive_medicine_is_hidden_with_it(world, ask):
    ask()
    ask(point="call", title="Ring her", why="She asked for you")
    privacy.mark_sensitive(
        world.actor("psychiatrist"), selectors.subject_of(world.ids["Ada"]), kind="medicine", key="lithium", organisations=(TRUST,), why="x"
    )
    world.catch_up()
    page = text(world.client("gp").get(f"/patients/{world.ids['Ada']}"))
    assert "Ring her" in page and "Repeat the lithium level" not in page
    assert world.client("gp").get(f"/duties/{bloods(world).pk}").status_code == 404
    for tab in ("new", "soon"):
        found = text(world.client("gp").get(f"/worklist?tab={tab}"))
        assert "Ring her" in found and "Repeat the lithium" not in found


# Pages


def test_the_duty_page_shows_what_raised_it_and_leads_there(world, ask):
    ask()
    page = text(world.client("gp").get(f"/duties/{bloods(world).pk}"))
    assert '<a class="sw-button" href="/worklist">Do it where it was asked</a> <span class="sw-quiet">Advice of 01-Jun-2026</span>' in page
    assert "It was taken too early after the last dose (Dr Lena Hart, Northside CMHT, 01-Jun-2026)" in page
    assert "None: somebody asked for it (advice)" in page
    assert "Where it comes from" not in page and "needs local approval" not in page and "/library/rule/" not in page
    assert "Done…" in page and ">new<" in page


# Each kind of work that is answered where it was asked: source, point, page, words of the button.
ANSWERED_THERE = [
    ("advice", "answer", "/advice/7", "Answer the question"),
    ("advice", "read", "/advice/7", "Read it"),
    ("agreement", "answer", "/shared-care/7", "Answer the request"),
    ("service request", "answer 12", "/requests/7/answer", "Answer the request"),
    ("service request", "see 13", "/requests/7/close", "Report back"),
    ("transfer", "return 2", "/transfers/7", "Answer the return"),
    ("received letter", "read", "/letters/received/7", "Read the letter"),
]


def test_what_is_answered_elsewhere_is_not_closed_by_hand(world, ask, settle):
    """Neither as done nor as declined or not applicable: the question behind it would stay without an answer."""
    ada, actor = world.ids["Ada"], world.actor("gp")
    for source, point, _, _ in ANSWERED_THERE:
        ask(source=source, point=point, due_on=TODAY)
    for source, point, href, words in ANSWERED_THERE:
        duty = world.duty("Ada", f"asked.{source}", point)
        assert workplace_of(duty).href == href
        for close in (
            lambda key: services.done_with_review(actor, key, on=TODAY, why="Done"),
            lambda key: services.decline(actor, key, on=TODAY, why="She would rather not"),
            lambda key: services.not_applicable(actor, key, why="Not for us", ends_when="she asks again"),
        ):
            with pytest.raises(Refused, match=f"where it was asked: “{words}”"):
                close(duty.pk)
        assert world.duty("Ada", f"asked.{source}", point).is_open
    duty, client = world.duty("Ada", RULE, "answer"), world.client("gp")
    page = text(client.get(f"/duties/{duty.pk}"))
    assert '<a class="sw-button" href="/advice/7">Answer the question' in page and "Done…" not in page
    assert client.get(f"/duties/{duty.pk}/done").headers["Location"] == "/advice/7"
    refused = client.post(f"/duties/{duty.pk}/done", {"on": TODAY, "why": "Rang them", "version": duty.revision})
    assert refused.status_code == 422 and "closes by the work itself" in text(refused)
    later = client.get(f"/duties/{duty.pk}/not-this-time").content.decode()
    assert "Show it again later" in later and "The patient declined" not in later
    assert settle(point="answer") and not world.duty("Ada", RULE, "answer").is_open
    # What no page answers is still closed by hand, with words.
    ask(point="to do 1")
    page = text(client.get(f"/patients/{ada}"))
    assert page.count("Done…") >= 1 and "Read the letter" in page


def test_a_row_that_asks_for_one_answer_leads_straight_to_it(world, ask):
    ask("gp", name="Bo", point="read", due_on=TODAY)
    page = text(world.client("gp").get("/worklist?tab=new"))
    assert '<a class="sw-button" href="/advice/7">Read it' in page and f'href="/patients/{world.ids["Bo"]}">Open' in page


def test_it_is_new_until_somebody_of_the_owner_has_seen_it(world, ask):
    client = world.client("gp")
    assert "Just asked 0" in text(client.get("/worklist"))
    ask()
    page = text(client.get("/worklist?tab=new"))
    assert "Just asked 1" in page and "Repeat the lithium level" in page and ">new<" in page
    assert "Just asked 0" in text(world.client("psychiatrist").get("/worklist"))
    services.acknowledge(world.actor("nurse"), bloods(world).pk)
    page = text(client.get("/worklist?tab=soon"))
    assert "Just asked 0" in page and "Repeat the lithium level" in page and ">new<" not in page


def test_lists_and_pages_that_know_rules_cope_with_one_that_no_rule_asks_for(world, ask, settle):
    ask(due_on=TODAY - timedelta(1), test="lithium-level")
    client, ada = world.client("gp"), world.ids["Ada"]
    addresses = [
        "/worklist", "/worklist?kind=asked", "/week", "/week/minutes", "/board", "/registers", "/registers/lithium?due=yes",
        f"/patients/{ada}", f"/patients/{ada}/results?test=lithium-level", f"/patients/{ada}/request?test=lithium-level",
        f"/patients/{ada}/trends", f"/duties/{bloods(world).pk}/not-this-time", f"/duties/{bloods(world).pk}/assign",
        f"/duties/{bloods(world).pk}/hand-over",
    ]  # fmt: skip
    for address in addresses:
        assert client.get(address).status_code == 200, address
    assert 'Repeat the lithium level<span class="sw-late">: 1 day overdue</span>' in text(client.get(f"/patients/{ada}"))
    assert "Repeat the lithium level" in text(client.get("/worklist?kind=asked"))
    settle()
    page = text(client.get(f"/duties/{bloods(world).pk}"))
    assert "Settled where it was asked: done" in page and "The level came back" in page


# The store


def test_the_store_has_what_was_asked_for_the_command_line(world, ask):
    ask()
    (row,) = evaluation.open_store().table("asked").to_pylist()
    assert (row["title"], row["owner_role"], row["test"], row["action_url"]) == (ASK["title"], "nurse", None, "/worklist")


def test_a_new_ledger_takes_over_what_was_asked(settings, tmp_path, db):
    world = World(settings, tmp_path)
    world.tell({"Ada": ADA})
    row = {
        **dict.fromkeys(WORKFLOW["asked"].names), **KEY, "person_id": world.ids["Ada"], "seq": 1, "kind": "asked", "round": 1,
        "stated_on": TODAY, "raised_on": TODAY, "opens_on": TODAY, "due_on": TODAY, "title": "Ring her", "owner_org": PRACTICE,
        "points": 1, "why": "She asked", "label": "asked by the trust",
    }  # fmt: skip
    table = pa.Table.from_pylist([row], schema=WORKFLOW["asked"].arrow_schema())
    evaluation.open_store().put_workflow({"asked": table}, person_ids=None)
    world.catch_up()
    assert bloods(world).title == "Ring her" and raised.stated_of(bloods(world)).label == "asked by the trust"
    world.catch_up()
    assert Asked.objects.count() == 1 and Duty.objects.filter(kind="asked").count() == 1
    assert evaluation.open_store().table("asked").to_pylist() == [row]
