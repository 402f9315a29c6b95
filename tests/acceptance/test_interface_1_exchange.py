"""Acceptance line 1: shared care as an exchange, played from both sides; a decline; silence over Easter and over Christmas; and
somebody whom the specialist discharged without a plan."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, time, timedelta

import pytest

from browser_fixtures import follow
from ledger_world import PRACTICE, TODAY, TRUST, World
from shared_care_world import BASELINE, LIO, asked_of, at_nine, sent_request
from stepwell.web.accounts.models import Organisation
from stepwell.web.agreements import selectors, services
from stepwell.web.agreements.models import Agreement
from stepwell.web.agreements.story import State
from stepwell.web.core.formatting import clinician

pytestmark = pytest.mark.django_db(transaction=True)

TEAM, SURGERY = "Northside CMHT", "Riverside Surgery"
WITHOUT_EGFR = [line for line in BASELINE if not line.startswith("egfr")]


@pytest.fixture
def begin(transactional_db, settings, tmp_path, monkeypatch):
    """`begin(people, today, hour)`: these people, evaluated, on a day at an hour; the same hour on every day after it."""

    def of(people, today: date = TODAY, hour: int = 9) -> World:
        world = World(settings, tmp_path, today)
        world.tell(people)
        world.catch_up()
        world.set_hour = at_nine(world, monkeypatch)
        world.set_hour(time(hour))
        return world

    return of


def owners(world: World, name: str, test: str = "lithium-level") -> set[str]:
    return {duty.owner_org for duty in world.duties(name, state="open", test=test)}


def words(response) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def fill_day(page, legend: str, on: date) -> None:
    group = page.get_by_role("group", name=legend)
    for part, value in (("Day", on.day), ("Month", on.month), ("Year", on.year)):
        group.get_by_label(part, exact=True).fill(str(value))


def said(page) -> str:
    return " ".join(page.locator("main").inner_text().split())


def on_the_worklist(page, test: str) -> bool:
    """Whether the person stands among what is due from this side, with this test."""
    page.goto("/worklist?tab=soon&medicine=lithium")
    soon = said(page)
    page.goto("/worklist?medicine=lithium")
    return test in soon + said(page)


@pytest.mark.browser
def test_the_whole_exchange_from_both_sides(begin, signed_in_page, axe, screenshots):
    world = begin({"Lio": [*LIO, *WITHOUT_EGFR]})
    trust, practice = signed_in_page(world.members["psychiatrist"]), signed_in_page(world.members["gp"])

    # Asked from the patient page: refused for a missing baseline, with everything that is missing, and kept.
    trust.goto(f"/patients/{world.ids['Lio']}")
    follow(trust.get_by_role("link", name="Request shared care of lithium"))
    trust.get_by_label("Licensed for this").check()
    trust.get_by_label("Intended duration").fill("As long as it helps")
    trust.get_by_label("Plan to review, reduce and stop").fill("Reviewed every year with a view to stopping slowly")
    trust.get_by_label("How the practice gets the person back to you").fill("Duty desk, seen within two weeks")
    trust.get_by_label("What the person was told and agreed to").fill("Leaflet given, agrees")
    follow(trust.get_by_role("button", name="Send request"))
    assert "Before it can be sent" in said(trust) and "eGFR: no baseline result on record" in said(trust)
    axe(trust)
    screenshots(trust, "shared-care-request")
    agreement = Agreement.objects.get()
    assert agreement.state == State.DRAFT and owners(world, "Lio") == {"nobody"}
    practice.goto("/shared-care")
    assert "Shared care: nothing waits for you" in said(practice)

    # Completed: the result is recorded from the form, and the draft still says what was typed.
    follow(trust.get_by_role("link", name="Record it eGFR"))
    trust.get_by_label("eGFR").fill("88")
    follow(trust.get_by_role("button", name="Save results"))
    trust.goto(f"/shared-care/{agreement.pk}/request")
    assert trust.get_by_label("Plan to review, reduce and stop").input_value().startswith("Reviewed every year")
    follow(trust.get_by_role("button", name="Send request"))
    assert "Sent. The practice has it, and the clock runs." in trust.locator(".sw-done").inner_text()
    assert owners(world, "Lio") == {TRUST}

    # The practice sees the same page and the same clock, asks, and is answered; the clock has run on.
    practice.goto("/shared-care")
    assert "1 waits for you" in said(practice) and "day 0 of 14, answer by 19-Jun-2026" in said(practice)
    axe(practice)
    screenshots(practice, "shared-care-inbox")
    follow(practice.get_by_role("link", name="Answer").first)
    follow(practice.get_by_role("link", name="Ask a question"))
    practice.get_by_label("Your question").fill("Who is called at weekends?")
    follow(practice.get_by_role("button", name="Send question"))
    world.today = date(2026, 6, 9)
    trust.goto(f"/shared-care/{agreement.pk}")
    assert "Who is called at weekends?" in said(trust) and "day 6 of 14, answer by 19-Jun-2026" in said(trust)
    follow(trust.get_by_role("link", name="Answer the question"))
    trust.get_by_label("Your answer").fill("The duty desk, day and night")
    follow(trust.get_by_role("button", name="Send answer"))

    # Accepted for a day ahead: owners move on that day, not on the click.
    first = date(2026, 6, 15)
    practice.goto(f"/shared-care/{agreement.pk}")
    assert "The duty desk, day and night" in said(practice)
    follow(practice.get_by_role("link", name="Accept", exact=True))
    fill_day(practice, "First day it is yours", first)
    follow(practice.get_by_role("button", name="Accept"))
    assert "begins on 15-Jun-2026" in said(practice) and owners(world, "Lio") == {TRUST}
    assert on_the_worklist(trust, "Lithium level") and not on_the_worklist(practice, "Lithium level")
    world.today = first
    world.catch_up()
    assert owners(world, "Lio") == {PRACTICE}
    assert on_the_worklist(practice, "Lithium level") and not on_the_worklist(trust, "Lithium level")
    practice.goto(f"/shared-care/{agreement.pk}")
    assert "is in force" in said(practice)
    axe(practice)
    screenshots(practice, "shared-care-agreement")

    # A change of dose there and back.
    trust.goto(f"/shared-care/{agreement.pk}")
    follow(trust.get_by_role("link", name="Propose a dose change"))
    trust.get_by_label("Proposed dose").fill("1,000 mg at night")
    trust.get_by_label("Why").fill("Level 0.4")
    follow(trust.get_by_role("button", name="Propose"))
    assert "Riverside Surgery confirms or refuses the dose change" in said(trust)
    practice.goto(f"/shared-care/{agreement.pk}")
    follow(practice.get_by_role("link", name="Confirm or refuse"))
    axe(practice)
    practice.get_by_label("Yes, confirm it").check()
    follow(practice.get_by_role("button", name="Send answer"))
    assert "Version 2, from 15-Jun-2026" in said(practice) and "Dose: 1,000 mg at night." in said(practice)

    # A result out of range is the practice's to act on; it hands back, keeps it until that is answered, and is relieved.
    world.today = date(2026, 6, 22)
    world.more("Lio", "lithium-level 1.3 on 2026-06-20")
    world.catch_up()
    trigger = [duty for duty in world.duties("Lio", state="open", kind="result")]
    assert trigger and {duty.owner_org for duty in trigger} == {PRACTICE}
    practice.goto(f"/patients/{world.ids['Lio']}")
    follow(practice.get_by_role("link", name="Open the agreement").first)
    follow(practice.get_by_role("link", name="Hand back"))
    practice.get_by_label("Why").fill("Level 1.3, tremor, we cannot see her this week")
    practice.get_by_label("Until the specialist has it").fill("Lithium paused, bloods tomorrow here")
    follow(practice.get_by_role("button", name="Hand back"))
    assert "hand-back: day 0 of 5, answer by 29-Jun-2026" in said(practice)
    assert owners(world, "Lio") == {PRACTICE} and asked_of(world, "Lio")["hand-back"] == (TRUST, date(2026, 6, 29))
    trust.goto("/shared-care")
    follow(trust.get_by_role("link", name="Answer").first)
    follow(trust.get_by_role("link", name="Take back", exact=True))
    assert "Lithium paused, bloods tomorrow here" in said(trust)
    axe(trust)
    screenshots(trust, "shared-care-take-back")
    follow(trust.get_by_role("button", name="Take back"))
    assert f"{TEAM} took lithium back" in said(trust) and owners(world, "Lio") == {TRUST}
    assert {duty.owner_org for duty in world.duties("Lio", state="open", kind="result")} == {TRUST}
    practice.goto(f"/shared-care/{agreement.pk}")
    assert f"{TEAM} took lithium back" in said(practice)
    kinds = list(selectors.events_of(agreement).values_list("kind", flat=True))
    assert [kind for kind in kinds if kind != "drafted"] == [
        "requested", "asked", "answered", "accepted", "proposed", "agreed", "hand_back", "taken_back",
    ]  # fmt: skip


def test_a_decline_with_its_reason(begin):
    world = begin({"Lio": [*LIO, *BASELINE]})
    agreement = sent_request(world, "Lio")
    gp, specialist = world.client("gp"), world.client("psychiatrist")
    address = f"/shared-care/{agreement.pk}/decline"
    form = {"seen": str(selectors.last_event(agreement)), "reason": "not-resourced", "why": "No phlebotomist until August"}
    assert gp.post(address, form | {"why": ""}).status_code == 422
    assert gp.post(address, form).status_code == 302
    told = words(specialist.get(f"/shared-care/{agreement.pk}"))
    assert f"{SURGERY} declined shared care of lithium" in told and "No phlebotomist until August" in told
    assert "Not resourced for the work" in told or "not resourced for the work" in told
    # It stays the specialist's, with a duty to decide what follows, and can be asked for again.
    assert owners(world, "Lio") == {TRUST} and asked_of(world, "Lio")["declined"][0] == TRUST
    assert "Request again" in told
    assert f"{SURGERY} declined" in words(gp.get(f"/shared-care/{agreement.pk}"))


@dataclass(frozen=True)
class Wait:
    """A request sent on a day at an hour, and the fifth, tenth and last working day after it."""

    nation: str
    sent: date
    hour: int
    fifth: date
    tenth: date
    last: date


@pytest.mark.parametrize(
    "wait",
    [
        # Good Friday is 3 April, Easter Monday 6 April, which is no bank holiday in Scotland.
        Wait("ENG", date(2026, 3, 24), 9, date(2026, 3, 31), date(2026, 4, 9), date(2026, 4, 15)),
        Wait("SCT", date(2026, 3, 24), 9, date(2026, 3, 31), date(2026, 4, 8), date(2026, 4, 14)),
        # Sent after five: received the next day. Christmas Day, the day for Boxing Day on Monday 28, New Year's Day.
        Wait("ENG", date(2026, 12, 16), 18, date(2026, 12, 24), date(2027, 1, 5), date(2027, 1, 11)),
    ],
    ids=["Easter in England", "Easter in Scotland", "Christmas in England"],
)
def test_silence_to_day_14_is_never_a_yes(begin, wait):
    world = begin({"Lio": [*LIO, *BASELINE]}, wait.sent, wait.hour)
    surgery = Organisation.objects.get(code=PRACTICE)
    surgery.nation = wait.nation
    surgery.save()  # an update in bulk would leave the nation as it was remembered
    agreement = sent_request(world, "Lio")
    world.set_hour(time(9))
    last, by = wait.last, clinician.date(wait.last)
    gp, specialist = world.client("gp"), world.client("psychiatrist")

    def told(client, on: date) -> str:
        world.today = on
        return words(client.get(f"/shared-care/{agreement.pk}"))

    for on, clock, reminded in (
        (wait.fifth - timedelta(1), "", False),
        (wait.fifth, "day 5 of 14, ", True),
        (wait.tenth, "day 10 of 14, ", True),
        (last, "day 14 of 14, ", True),
    ):
        for client in (gp, specialist):
            page = told(client, on)
            assert f"{clock}answer by {by}" in page
            assert "not a yes" not in page
        assert ("your answer: reminder" in told(gp, on)) == reminded
    assert services.let_time_pass(last) == 0

    # The day after: said to both in red, a duty of the side that waits; nothing has moved.
    after = selectors.clock_of(selectors.find(agreement.pk)).silent_on
    for client in (gp, specialist):
        assert f"no answer by {by}" in told(client, after) and "not a yes" in told(client, after)
    assert services.let_time_pass(after) == 1
    world.catch_up()
    asked = asked_of(world, "Lio")
    assert asked["silence"][0] == TRUST and asked["answer"] == (PRACTICE, last)
    assert owners(world, "Lio") == {TRUST} and selectors.state_on(selectors.find(agreement.pk)) is State.REQUESTED
    assert "past the day to answer" in words(gp.get("/shared-care/protocols"))
    assert "had no answer in time: not a yes" in words(specialist.get("/shared-care/protocols"))


def test_somebody_discharged_without_a_plan_is_found(begin):
    seen = ["diagnosis bipolar on 2018-02-01", "lithium 800 mg daily from 2025-06-10 every 28 days", *BASELINE]
    world = begin({"Lio": ["on the caseload of trust from 2025-01-01", *seen]})
    gp, specialist = world.client("gp"), world.client("psychiatrist")
    assert "Specialist discharged, no plan 0" in words(gp.get("/shared-care/gaps"))

    # The team writes that it has discharged them.
    world.tell({"Lio": ["on the caseload of trust from 2025-01-01 to 2026-05-20", *seen]})
    world.catch_up()
    found = words(gp.get("/shared-care/gaps?kind=discharged"))
    assert "WORKED, Lio" in found and f"{TEAM} discharged them on 20-May-2026" in found and "Ask Northside CMHT for a plan" in found
    assert "20-May-2026, 12 days" in found
    # The team may no longer open the record: it learns how many it left, and where.
    there = words(specialist.get("/shared-care/gaps"))
    assert "WORKED" not in there and f"{SURGERY}: 1 person" in there

    # Seen again, asked and accepted: no gap is left.
    world.tell({"Lio": ["on the caseload of trust from 2026-05-25", *seen]})
    world.catch_up()
    services.accept(world.actor("gp"), sent_request(world, "Lio").pk)
    world.tell({"Lio": ["on the caseload of trust from 2026-05-25 to 2026-05-31", *seen]})
    world.catch_up()
    assert "WORKED, Lio" not in words(gp.get("/shared-care/gaps"))
