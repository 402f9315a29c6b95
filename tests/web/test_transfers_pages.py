"""The pages of transfers as a psychiatrist, a GP and a practice manager use them."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from ledger_world import IRIS, PRACTICE, TODAY, TRUST, World
from stepwell.web.privacy.reach import Hidden
from stepwell.web.privacy.restrict import Cut
from stepwell.web.transfers import selectors, services
from stepwell.web.transfers.models import State, Transfer
from stepwell.web.transfers.pages import TransferPage
from web_support import recorded

DAY = {"planned_on": TODAY.isoformat()}
REVIEWS = {"review-0": TRUST, "review-1": PRACTICE, "review-2": PRACTICE}
PROPOSAL = {"why": "Settled for years", "plan": "Repeats; ask at the first sleepless nights"} | DAY | REVIEWS


@pytest.fixture
def world(db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Iris": IRIS})
    world.catch_up()
    return world


@pytest.fixture
def transfer(world):
    world.client("psychiatrist").post(f"/patients/{world.ids['Iris']}/transfers/new", PROPOSAL)
    return Transfer.objects.get().pk


def read(world, who, address):
    response = world.client(who).get(address)
    assert response.status_code == 200, (who, address, response.status_code)
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def send(world, as_whom, address, version, /, **body):
    return world.client(as_whom).post(address, {"version": str(version)} | body)


def test_the_whole_way_from_both_sides(world, transfer):
    person = world.ids["Iris"]
    assert "Step-down proposed: 14 working days, due 19-Jun-2026" in read(world, "gp", f"/patients/{person}")
    assert "Riverside Surgery answers the step-down by" in read(world, "manager", f"/transfers/{transfer}")
    here = f"/transfers/{transfer}"
    assert send(world, "gp", f"{here}/answer", 1, answer="agree").headers["Location"] == f"{here}?said=agreed"
    assert send(world, "psychiatrist", f"{here}/joint-appointment", 2, on=TODAY.isoformat(), who="Dr Hart, Iris").status_code == 302
    assert send(world, "nurse", f"{here}/checklist", 3, done=["agrees", "results"]).status_code == 302
    missing = send(world, "psychiatrist", f"{here}/transfer", 5, on=TODAY.isoformat())
    assert missing.status_code == 422 and "Say why it goes ahead without what is missing" in missing.content.decode()
    done = send(world, "psychiatrist", f"{here}/transfer", 5, on=TODAY.isoformat(), why_missing="The letter follows today")
    assert done.headers["Location"] == f"{here}?said=transferred"
    page = read(world, "gp", f"/patients/{person}")
    assert "Review at transfer due 01-Jun-2026, owner Northside CMHT" in page and "Ask for rapid return" in page
    assert send(world, "gp", f"{here}/return", 6, why="Not sleeping").headers["Location"] == f"{here}?said=return"
    lists = [read(world, who, "/transfers") for who in ("gp", "psychiatrist", "manager")]
    assert all("1 rapid return waits for an answer" in page and "due 08-Jun-2026" in page for page in lists)
    back = send(world, "psychiatrist", f"{here}/return/answer", 7, answer="take back", on=TODAY.isoformat(), words="Seen at 14:00")
    assert back.headers["Location"] == f"{here}?said=taken-back"
    assert "Northside CMHT has taken this person back" in read(world, "gp", here)
    assert Transfer.objects.get().state == State.TAKEN_BACK


def test_nothing_typed_is_lost_when_somebody_was_faster(world, transfer):
    services.withdraw(world.actor("psychiatrist"), transfer, why="Admitted last night")
    response = send(world, "gp", f"/transfers/{transfer}/answer", 1, answer="decline", why="No room for her now")
    page = response.content.decode()
    assert response.status_code == 409 and "withdrawn, Dr Lena Hart" in page
    assert "Northside CMHT withdrew the step-down" in page and "to do now" in page
    assert Transfer.objects.get().state == State.WITHDRAWN


def test_a_form_with_a_fault_keeps_what_was_typed(world):
    address = f"/patients/{world.ids['Iris']}/transfers/new"
    response = world.client("psychiatrist").post(address, PROPOSAL | {"plan": "", "planned_on": "2020-01-01"})
    page = response.content.decode()
    assert response.status_code == 422 and "Settled for years" in page
    assert "Planned day of the transfer must be 01-Jun-2026 or later" in page
    assert "when it should ask you to take the person back" in page
    assert not Transfer.objects.exists()


@pytest.mark.parametrize("act", ["answer", "decline", "withdraw", "transfer"])
def test_who_may_not_transfer_care_may_read_and_not_act(world, transfer, act):
    for who in ("nurse", "manager", "link worker"):
        assert world.client(who).get(f"/transfers/{transfer}/{act}").status_code == 403
    assert world.client("manager").get(f"/transfers/{transfer}").status_code == 200
    assert send(world, "manager", f"/transfers/{transfer}/answer", 1, answer="agree").status_code == 403
    assert Transfer.objects.get().state == State.PROPOSED


def test_another_practice_sees_nothing_of_it(world, transfer):
    assert world.client("other gp").get(f"/transfers/{transfer}").status_code == 403
    assert "WORKED, Iris" not in read(world, "other gp", "/transfers")


def test_looking_and_acting_are_recorded(world, transfer):
    with recorded() as trail:
        world.client("manager").get("/transfers")
        world.client("gp").get(f"/transfers/{transfer}")
        send(world, "gp", f"/transfers/{transfer}/answer", 1, answer="agree")
    assert len(trail.reads_of(world.ids["Iris"])) >= 2
    assert trail.writes("transfer agreed")


def test_the_duty_leads_to_the_transfer(world, transfer):
    duty = world.duty("Iris", selectors.RULE, "answer")
    assert f'href="/transfers/{transfer}"' in world.client("gp").get(f"/duties/{duty.pk}").content.decode()
    assert "Answer the step-down proposed by Northside CMHT" in read(world, "gp", f"/patients/{world.ids['Iris']}")


def test_a_return_without_an_answer_in_time_is_told_on_every_page(world, transfer):
    services.agree(world.actor("gp"), transfer)
    services.record_transfer(world.actor("gp"), transfer, on=TODAY, why_missing="Booked")
    services.ask_return(world.actor("gp"), transfer, why="Worse")
    late = "1 rapid return has had no answer in time."
    assert late not in read(world, "gp", "/meetings")
    world.today = Transfer.objects.get().return_by.replace(day=20)
    assert all(late in read(world, who, "/meetings") for who in ("gp", "psychiatrist", "manager"))


def test_a_third_reader_is_not_told_what_is_hidden_from_it(world, transfer):
    row = Transfer.objects.get()
    row.why = "Settled on risperidone"
    cut = Cut(Hidden(substances=frozenset({"risperidone"})), 1)
    party = world.actor("gp")
    third = replace(party, organisation="QX1", covered=())
    told = {
        actor.organisation: TransferPage(row, actor=actor, on=TODAY, names={}, duties=[], clock=None, cut=cut).told(row.why)
        for actor in (party, third)
    }
    assert told == {PRACTICE: "Settled on risperidone", "QX1": "restricted"}


def test_somebody_who_moved_practice_is_told_to_both_sides(world, transfer):
    row = Transfer.objects.get()
    page = TransferPage(
        row, actor=world.actor("gp"), on=TODAY, names={"B82002": "Hillcrest"}, duties=[], clock=None, registered="B82002"
    )  # fmt: skip
    assert page.moved_to == "Hillcrest"
    row.state = State.TAKEN_BACK
    assert not TransferPage(row, actor=world.actor("gp"), on=TODAY, names={}, duties=[], clock=None, registered="B82002").moved_to
