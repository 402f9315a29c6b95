"""Acceptance line 9: every page, at 1280 and 390 px, through axe, without JavaScript and by keyboard.

The list of pages is the list of addresses: one that is added without being walked here fails. Their error states and the
screenshots that people look at are made by tests/browser.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.urls import get_resolver
from page_addresses import HALF_WAY, NO_PAGE, OPEN_PAGES, OPENED_BY, PAGES

import advice_world
import letters_world
import reviews_world
import taper_world
from ledger_world import OTHER_PRACTICE, PRACTICE, TODAY, TRUST, World
from privacy_support import join
from stepwell.web.accounts import services as accounts_services
from stepwell.web.accounts import staff
from stepwell.web.advice import services as advice_services
from stepwell.web.advice import themes
from stepwell.web.advice.models import AdviceService, Question
from stepwell.web.advice.services import Answer, ToDo
from stepwell.web.agreements import services as agreement_services
from stepwell.web.agreements.models import Agreement
from stepwell.web.agreements.services import Line
from stepwell.web.coding import match_selectors, match_services
from stepwell.web.coding import selectors as coding
from stepwell.web.coding import services as coding_services
from stepwell.web.coding.models import CodingEvent, MatchEvent
from stepwell.web.contact import services as contact_services
from stepwell.web.contact.models import AdjustmentEvent
from stepwell.web.contact.services import Item as AdjustmentItem
from stepwell.web.core import clock
from stepwell.web.core.actor import Actor
from stepwell.web.incoming import services as incoming_services
from stepwell.web.incoming.models import ReceivedEvent, ReceivedLetter
from stepwell.web.ledger import bulk_acts, handovers, services
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.models import BulkAct, Duty, DutyEvent, Handover
from stepwell.web.letters.models import Draft, Letter, LetterAction
from stepwell.web.meetings import services as meeting_services
from stepwell.web.meetings.models import AgendaItem, ItemEvent, Meeting
from stepwell.web.operations.models import ImportRun
from stepwell.web.outcomes import services as outcomes
from stepwell.web.preparation import services as preparation_services
from stepwell.web.preparation.models import AnswerSheet
from stepwell.web.privacy import services as privacy_services
from stepwell.web.privacy.models import Review, SensitiveMark
from stepwell.web.reviews.models import Review as MedicineReview
from stepwell.web.service_requests import directory
from stepwell.web.service_requests import services as service_requests
from stepwell.web.service_requests.models import Service, ServiceRequest
from stepwell.web.tapers import checkins
from stepwell.web.tapers import services as taper_services
from stepwell.web.tapers.models import CheckIn, TaperPlan
from stepwell.web.team import services as team_services
from stepwell.web.team.models import TeamEvent
from stepwell.web.transfers import services as transfer_services
from stepwell.web.transfers.models import Transfer
from stepwell.web.week import saved
from stepwell.web.week import services as week_services
from stepwell.web.week.models import Arrangement, ViewEvent
from stepwell.web.week.rota import Cell
from stepwell.web.week.selectors import Asked
from stepwell.web.whoiswho import services as whoiswho_services
from stepwell.web.whoiswho.models import Link

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

IRIS = [
    "diagnosis bipolar on 2018-02-01",
    "olanzapine 10 mg daily from 2023-04-01 every 28 days",
    "lithium 800 mg daily from 2024-06-10 every 28 days by trust",
    "risperidone 2 mg daily from 2026-03-20 every 28 days by trust",
    "weight 71 on 2025-04-20",
    "lithium-level 0.6 on 2026-03-01 by trust",
]


@pytest.fixture
def world(transactional_db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.as_written = {"Bo": "Sertralin 50mg tablets", "Cy": "Lithum 400mg tablets"}
    world.second_record_of = {"Two": "Bo", "Three": "Cy"}
    seconds = {"Two": ["weight 80 on 2026-02-01"], "Three": ["weight 90 on 2026-02-01"]}
    world.tell(
        {
            **seconds,
            "Iris": IRIS,
            "Bo": ["sertraline 50 mg daily from 2025-04-01 every 28 days"],
            "Cy": ["sertraline 50 mg daily on 2026-04-01"],
        }
    )
    world.catch_up()
    terms = {"between_org": PRACTICE, "and_org": TRUST, "lines": [Line("all", TRUST)], "label": "Northside CMHT monitors"}
    agreed = TODAY - timedelta(400)
    services.record_agreement(world.actor("gp"), world.ids["Iris"], substance="lithium", agreed_on=agreed, from_on=agreed, **terms)
    services.acknowledge(world.actor("gp"), _duty().pk)
    handovers.offer(world.actor("gp"), _duty().pk, to_org=TRUST, why="They see her every week")
    others = Duty.objects.filter(owner_org=PRACTICE, state="open", acknowledged_at=None)[:2]
    bulk_acts.perform(world.actor("gp"), bulk_acts.Act.SEEN, {duty.pk: duty.revision for duty in others}, bulk_acts.Details())
    first = coding.products_for(world.actor("gp"))[0]
    coding_services.decide(world.actor("gp"), first["key"], substance=first["suggestions"][0]["substance"], why="Plainly a slip")
    _link(world)
    _adjust(world)
    match_services.decide(world.actor("gp"), match_selectors.pairs_for(world.actor("gp"))[0]["key"], same=True, why="Asked them")
    _week(world)
    _transfer(world)
    _import(world)
    _privacy(world)
    _advice(world)
    letters_world.letter(world)
    letters_world.begun(world, kind="shared care")
    _from_outside(world)
    _shared_care(world)
    _requests(world)
    _preparation(world)
    reviews_world.review(world, "Iris")
    reviews_world.review(world, "Iris", "nurse", close=False)
    _reduction(world)
    return world


def _reduction(world) -> None:
    """Somebody on their way down since today."""
    plan_id = taper_world.agreed(world, "Iris", medicine="olanzapine", dose_mg=10, start_on=TODAY)
    taper_services.start(world.actor("gp"), plan_id)
    checkins.record(world.actor("nurse"), plan_id, checkins.Given(rating=2, symptoms=("symptom-sleep",)))


def _preparation(world) -> None:
    """Somebody on the list of today, with answers from before."""
    gp, iris = world.actor("gp"), world.ids["Iris"]
    preparation_services.put_on_list(gp, TODAY, [iris])
    given = {"concerns": {"chosen": ["concern-side-effects"], "words": "Sleepy"}}
    preparation_services.record_answers(gp, iris, given, way="phone", answered_on=TODAY, by_person=False)


def _shared_care(world) -> None:
    """A request that the trust has begun to write, and somebody who sees numbers of the interface."""
    agreement_services.draft_request(world.actor("psychiatrist"), world.ids["Iris"], substance="olanzapine")
    setup = Actor.system("tests")
    icb = accounts_services.create_organisation(setup, code="QX1", name="Northvale ICB", kind="icb")
    accounts_services.make_part_of(setup, whole=icb, part=world.members["gp"].organisation, from_on=TODAY - timedelta(30))
    join(world, "commissioner", "Ola Byrne", "QX1", "commissioner")


def _import(world) -> None:
    """An export that waits in the folder, and one that went in with a row refused."""
    folder = Path(world.settings.DROP) / PRACTICE
    folder.mkdir(parents=True)
    (folder / "monday.ndjson").write_text("{}\n")
    group = {"reason": "date", "message": "A date that cannot be: give it as YYYY-MM-DD.", "count": 1}
    totals = {"read": 4, "accepted": 3, "not_used": 0, "rejected": 1}
    report = {"totals": totals, "accepted": {"new": 3, "unchanged": 0, "superseded": 0}, "not_used": {}, "removed": 0, "format": "fhir"}
    ImportRun.objects.create(
        org_code=PRACTICE,
        name="sunday.ndjson",
        state="done",
        asked_at=clock.now(),
        asked_by_id=world.members["manager"].user_id,
        role="practice manager",
        read_at=clock.now(),
        report=report | {"scope": "full", "by_source": {PRACTICE: {}}, "rejected": [group], "flags": []},
        changes={"opened": 2},
        people=3,
    )


def _transfer(world) -> None:
    """A step-down that the practice agreed to, a meeting that decided something about the same person, and who is around her."""
    person, gp = world.ids["Iris"], world.actor("gp")
    row, _ = transfer_services.propose(
        world.actor("psychiatrist"), person, why="Settled for years", plan="Repeats; ask at the first sleepless nights", planned_on=TODAY,
        reviewers={"at transfer": TRUST, "month 3": PRACTICE, "month 6": PRACTICE},
    )  # fmt: skip
    transfer_services.agree(gp, row.pk)
    meeting = meeting_services.arrange(gp, on=TODAY, minutes=30, chair_id=gp.user_id, with_orgs=[TRUST])
    item = AgendaItem.objects.get(meeting=meeting, person_id=person)
    meeting_services.decide(gp, item.pk, what="Ring her about the blood test", owner_org=PRACTICE, due_on=TODAY)
    team_services.record(gp, person, team_services.Entry("coordinator", name="Jo Blake", phone="01632 960222"))


def _week(world) -> None:
    week_services.set_hours(
        world.actor("manager"), TODAY, {Cell(TODAY, "nurse"): 60, Cell(TODAY, "nurse", world.members["nurse"].user_id): 30}
    )
    asked = Asked(world.actor("gp"), TODAY, TODAY, (PRACTICE,))
    week_services.take_into_week(world.actor("gp"), asked, (world.ids["Iris"], PRACTICE, "check", ""), why="Comes on Monday anyway")
    saved.save(world.actor("gp"), place="worklist", query="tab=soon", name="Coming up", shared=True)


def _adjust(world) -> None:
    asked = [AdjustmentItem("safe", "no-letters"), AdjustmentItem("slot", "longer"), AdjustmentItem("review", "review", until=TODAY)]
    contact_services.save_adjustments(world.actor("nurse"), world.ids["Iris"], asked, seen=0, safe_why="Said when alone")


def _link(world) -> None:
    practice, trust = world.members["gp"].organisation, world.members["psychiatrist"].organisation
    details = whoiswho_services.Details("Dr Lena Hart", "01632 960109", "Mon to Fri, 09:00 to 17:00", "Duty desk, 01632 960110")
    whoiswho_services.add_link(
        world.actor("manager"), practice=practice, organisation=trust, kind="psychiatrist", details=details, from_on=TODAY - timedelta(30)
    )


def _from_outside(world) -> None:
    """A letter that came by mail and asks for something."""
    gp, person = world.actor("gp"), world.ids["Iris"]
    letter = incoming_services.file_letter(
        gp, person, kind="advice", from_org="", from_name="Elm Ward", written_on=TODAY, received_on=TODAY, text="Repeat the level in March."
    )
    incoming_services.propose_action(gp, letter.pk, text="Repeat the lithium level", due_on=TODAY)


def _privacy(world) -> None:
    """A record that a GP of elsewhere opened, an entry marked, and who reviews. `far gp` has opened nothing."""
    subject = ledger.subject_of(world.ids["Iris"])
    privacy_services.open_record(world.actor("other gp"), subject, reason="emergency", why="Collapsed in our waiting room")
    privacy_services.mark_sensitive(
        world.actor("gp"), subject, kind="medicine", key="risperidone", organisations=[PRACTICE, TRUST], why="She asked for it"
    )
    join(world, "privacy", "Una Price", PRACTICE, "privacy officer")
    join(world, "far gp", "Bea Ford", OTHER_PRACTICE, "gp")


def _advice(world) -> None:
    """A service with somebody on duty, one that stands in for it, a question that waits, one that was answered."""
    join(world, "team manager", "Grace Adeyemi", TRUST, "team manager")
    desk = advice_world.open_desk(world)
    advice_world.open_desk(world, on_duty=None, name="Pharmacist line", role="pharmacist")
    answered = advice_world.ask(world, desk, "Iris", words="Sedated. At night?", kind="side-effect", substance="olanzapine")
    given = Answer("5 mg at night", substance="olanzapine", dose="5 mg", monitoring="Weight", back="Sleeps less")
    to_do = [ToDo("Weigh her", TODAY + timedelta(28))]
    advice_services.answer(world.actor("psychiatrist"), answered.pk, given, to_do=to_do, themed=themes.suggested(answered))
    advice_world.ask(world, desk, "Iris", words="And lithium with it?", kind="together", substance="lithium")


def _requests(world) -> None:
    """A service of the trust that triages, one of the practice, and a request for Iris."""
    told = {"serves": "Adults of Northvale", "contact": "01632 960109", "routine_days": 5, "urgent_days": 1}
    directory.seed_services(
        Actor.system("tests"),
        [
            {"organisation": TRUST, "name": "Northside triage", "kinds": ["step-up", "crisis"], "any_kind": True, **told},
            {"organisation": PRACTICE, "name": "Physical health clinic", "kinds": ["other"], **told},
        ],
    )
    asked = service_requests.Asked("step-up", "urgent", "Sleeps three hours", "Two weeks", "To talk to somebody", "agreed")
    service_requests.ask(world.actor("gp"), world.ids["Iris"], asked)


def _duty() -> Duty:
    return Duty.objects.filter(owner_org=PRACTICE, state="open", test="weight", due_on__lte=TODAY).first()


@pytest.fixture
def addresses(world):
    numbers = {
        "duty": _duty().pk,
        "agree": Duty.objects.get(state="open", kind="agree").pk,
        "event": DutyEvent.objects.filter(kind="acknowledged").first().pk,
        "handover": Handover.objects.get().pk,
        "bulk": BulkAct.objects.get().pk,
        "person": world.ids["Iris"],
        "adjustment": AdjustmentEvent.objects.first().pk,
        "agreement": Agreement.objects.get(requested=False).pk,
        "share": Agreement.objects.get(requested=True).pk,
        "import": ImportRun.objects.get().pk,
        "received": ReceivedLetter.objects.get().pk,
        "received_action": ReceivedEvent.objects.get(act="proposed").pk,
        "product": coding.products_for(world.actor("gp"))[0]["key"],
        "decision": CodingEvent.objects.get().pk,
        "pair": match_selectors.pairs_for(world.actor("gp"))[0]["key"],
        "match": MatchEvent.objects.get().pk,
        "link": Link.objects.get().pk,
        "question": Question.objects.get(state="waiting").pk,
        "service": AdviceService.objects.earliest("pk").pk,
        "theme": Question.objects.get(state="answered").themes[0],
        "method": TOTP.activate(world.members["gp"].user, generate_totp_secret()).instance.pk,
        "colleague": world.members["nurse"].user_id,
        "membership": world.members["nurse"].pk,
        "arrangement": Arrangement.objects.get().pk,
        "view": ViewEvent.objects.get().view,
        "transfer": Transfer.objects.get().pk,
        "sheet": AnswerSheet.objects.get().pk,
        "reduction": TaperPlan.objects.get().pk,
        "check_in": CheckIn.objects.get().pk,
        "reinvested": outcomes.record_reinvestment(world.actor("gp"), on=TODAY, pence=120_000, what="Half a day of a pharmacist"),
        "held": MedicineReview.objects.get(state="closed").pk,
        "begun": MedicineReview.objects.get(state="draft").pk,
        "meeting": Meeting.objects.get().pk,
        "item": AgendaItem.objects.get(person_id=world.ids["Iris"]).pk,
        "meeting_decision": ItemEvent.objects.get().pk,
        "member": TeamEvent.objects.get().pk,
        "review": Review.objects.get(org_code=PRACTICE).pk,
        "mark": SensitiveMark.objects.get().pk,
        "request": ServiceRequest.objects.get().pk,
        "door": Service.objects.get(organisation__code=PRACTICE).pk,
        "letter": Letter.objects.get().pk,
        "asked": LetterAction.objects.get().pk,
        "draft": Draft.objects.latest("pk").pk,
    }
    world.members["gp"].user.set_password("a long walk down the steps")
    world.members["gp"].user.save()
    return {name: address.format(**numbers) for name, address in PAGES.items()}


def named_addresses() -> set[str]:
    return {
        f"{namespace}:{name}"
        for namespace, (_, resolver) in get_resolver().namespace_dict.items()
        for name in resolver.reverse_dict
        if isinstance(name, str)
    }


def test_every_address_is_walked(settings):
    assert named_addresses() == PAGES.keys() | OPEN_PAGES.keys() | HALF_WAY | NO_PAGE


def _check(page, axe, address) -> tuple[str, str]:
    """Opens, has one heading, nothing scrolls sideways at either width, axe finds nothing; gives the heading and what was sent."""
    response = page.goto(address)
    assert response.status == 200, address
    sent = response.text()
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider <= 0, f"{address} scrolls sideways at {width} px"
        axe(page)
    assert page.locator("h1").count() == 1
    return page.locator("h1").inner_text(), sent


class Served(HTMLParser):
    """What a page holds as it was sent, before any script: its heading, and how many controls of each kind."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.controls: Counter[str] = Counter()
        self.heading = ""
        self._in_heading = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        self._in_heading = self._in_heading or tag == "h1"
        if (tag == "a" and "href" in said) or tag in ("button", "select") or (tag == "input" and said.get("type") != "hidden"):
            self.controls[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        self._in_heading = self._in_heading and tag != "h1"

    def handle_data(self, data: str) -> None:
        self.heading += data if self._in_heading else ""


CONTROLS = {"a": "a[href]", "button": "button", "select": "select", "input": "input:not([type=hidden])"}


def test_every_page_wide_and_narrow_and_without_javascript(signed_in_page, axe, world, addresses):
    """Without JavaScript a page has what was sent: the same heading and as many controls as after every script has run."""
    opened: dict[int, Any] = {}
    for name, address in addresses.items():
        who = world.members[OPENED_BY.get(name, "gp")]
        page = opened.get(who.pk) or opened.setdefault(who.pk, signed_in_page(who))
        heading, sent = _check(page, axe, address)
        served = Served(sent)
        assert "".join(served.heading.split()) == "".join(heading.split())
        found = {tag: page.locator(selector).count() for tag, selector in CONTROLS.items()}
        assert found == {tag: served.controls[tag] for tag in CONTROLS}, f"{address} needs JavaScript"


def test_the_page_before_signing_in(browser_page, no_script_page, axe, world):
    nurse = world.members["nurse"].user
    token = staff.invitation(world.actor("manager"), nurse, staff.RESET)
    for address in (address.format(token=token) for address in OPEN_PAGES.values()):
        heading, _ = _check(browser_page, axe, address)
        no_script_page.goto(address)
        assert no_script_page.locator("h1").inner_text() == heading


def test_every_control_is_reached_by_keyboard_and_seen(signed_in_page, keyboard, world, addresses):
    page = signed_in_page(world.members["gp"])
    for name in ("ledger:list_duties", "patients:show_person", "ledger:put_off_duty", "ledger:record_results"):
        page.goto(addresses[name])
        wanted = page.locator(
            "main :is(a[href], button, select, summary, textarea, input:not([type=hidden], [type=radio])):visible"
        ).count()
        keys, reached = keyboard(page), set()
        for _ in range(wanted + 40):
            keys.press("Tab")
            place = page.evaluate(
                """() => { const e = document.activeElement; if (!e || !e.closest("main") || e.matches("[type=radio]")) return -1;
                     return [...document.querySelectorAll("main *")].indexOf(e); }"""
            )
            if place >= 0:
                assert keys.focus_is_visible(), f"the focus on {keys.focused()!r} of {addresses[name]} cannot be seen"
                reached.add(place)
        assert len(reached) == wanted, f"{addresses[name]}: {len(reached)} of {wanted} controls are reached by Tab"
