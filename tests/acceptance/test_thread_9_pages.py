"""Acceptance line 9: every page, at 1280 and 390 px, through axe, without JavaScript and by keyboard.

The list of pages is the list of addresses: one that is added without being walked here fails. Their error states and the
screenshots that people look at are made by tests/browser.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.urls import get_resolver

from ledger_world import OTHER_PRACTICE, PRACTICE, TODAY, TRUST, World
from privacy_support import join
from stepwell.web.accounts import staff
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
from stepwell.web.ledger import bulk_acts, handovers, services
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.models import BulkAct, Duty, DutyEvent, Handover
from stepwell.web.operations.models import ImportRun
from stepwell.web.privacy import services as privacy_services
from stepwell.web.privacy.models import Review, SensitiveMark
from stepwell.web.week import saved
from stepwell.web.week import services as week_services
from stepwell.web.week.models import Arrangement, ViewEvent
from stepwell.web.week.rota import Cell
from stepwell.web.week.selectors import Asked
from stepwell.web.whoiswho import services as whoiswho_services
from stepwell.web.whoiswho.models import Link

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# name of the address: the address to open
PAGES = {
    "accounts:choose_membership": "/sign-in/role",
    "accounts:sign_in_again": "/sign-in/again",
    "accounts:show_account": "/account",
    "accounts:change_password": "/account/password",
    "accounts:set_up_second_step": "/account/second-step",
    "accounts:add_app": "/account/second-step/app",
    "accounts:add_passkey": "/account/second-step/passkey",
    "accounts:make_recovery_codes": "/account/second-step/recovery-codes",
    "accounts:remove_method": "/account/second-step/{method}/remove",
    "accounts:list_staff": "/staff",
    "accounts:add_person": "/staff/new",
    "accounts:show_colleague": "/staff/{colleague}",
    "accounts:give_role": "/staff/{colleague}/role",
    "accounts:reset_sign_in": "/staff/{colleague}/reset",
    "accounts:end_role": "/staff/roles/{membership}/end",
    "whoiswho:list_links": "/who-is-who",
    "whoiswho:add_link": "/who-is-who/new",
    "whoiswho:change_link": "/who-is-who/{link}",
    "whoiswho:end_link": "/who-is-who/{link}/end",
    "contact:show_adjustments": "/patients/{person}/adjustments",
    "contact:end_adjustment": "/adjustments/{adjustment}/end",
    "ledger:list_duties": "/worklist",
    "ledger:show_duty": "/duties/{duty}",
    "ledger:assign_duty": "/duties/{duty}/assign",
    "ledger:put_off_duty": "/duties/{duty}/not-this-time",
    "ledger:close_duty": "/duties/{duty}/done",
    "ledger:take_on_duty": "/duties/{agree}/take-on",
    "ledger:undo_event": "/events/{event}/undo",
    "ledger:record_results": "/patients/{person}/results",
    "ledger:hand_over_duty": "/duties/{duty}/hand-over",
    "ledger:list_handovers": "/hand-overs",
    "ledger:answer_handover": "/hand-overs/{handover}",
    "ledger:withdraw_handover": "/hand-overs/{handover}/withdraw",
    "ledger:show_bulk_act": "/worklist/acts/{bulk}",
    "ledger:print_request": "/patients/{person}/request",
    "ledger:approve_pack": "/knowledge",
    "library:list_entries": "/library",
    "library:show_entry": "/library/rule/antipsychotic.weight",
    "library:show_evidence": "/library/evidence/interactions",
    "registers:list_registers": "/registers",
    "registers:show_register": "/registers/antipsychotic",
    "coding:list_products": "/coding",
    "coding:decide_product": "/coding/{product}",
    "coding:undo_decision": "/coding/decisions/{decision}/undo",
    "coding:list_pairs": "/coding/people",
    "coding:decide_pair": "/coding/people/{pair}",
    "coding:part_people": "/coding/people/decisions/{match}/undo",
    "patients:show_person": "/patients/{person}",
    "patients:show_trends": "/patients/{person}/trends",
    "patients:search_people": "/search",
    "patients:show_reads": "/patients/{person}/who-looked",
    "agreements:record_agreement": "/patients/{person}/agreements/new",
    "agreements:end_agreement": "/patients/{person}/agreements/{agreement}/end",
    "week:show_week": "/week",
    "week:plan_rota": "/week/rota",
    "week:list_minutes": "/week/minutes",
    "week:set_minutes": "/week/minutes/blood",
    "week:arrange_work": f"/week/patients/{{person}}/arrange?from={TODAY}&org={PRACTICE}&task=check&share=",
    "week:undo_arrangement": "/week/arrangements/{arrangement}/undo",
    "week:show_board": "/board",
    "week:list_views": "/lists",
    "week:change_view": "/lists/saved/{view}",
    "week:save_view": "/lists/worklist/save",
    "week:export_list": "/lists/worklist/export",
    "operations:list_imports": "/imports",
    "operations:show_import": "/imports/{import}",
    "privacy:open_record": "/patients/{person}/break-glass",
    "privacy:find_record": "/break-glass",
    "privacy:list_reviews": "/privacy",
    "privacy:show_review": "/privacy/reviews/{review}",
    "privacy:show_audit": "/privacy/audit",
    "privacy:find_report": "/privacy/report",
    "privacy:show_report": "/patients/{person}/access-report",
    "privacy:show_sensitive": "/patients/{person}/sensitive",
    "privacy:take_mark_off": "/patients/{person}/sensitive/{mark}/take-off",
    "privacy:change_settings": "/privacy/settings",
}
# Pages that another member of staff opens than the GP; by the beginning of the address' name.
OPENED_BY = {
    "accounts:list_staff": "manager",
    "accounts:add_person": "manager",
    "accounts:show_colleague": "manager",
    "accounts:give_role": "manager",
    "accounts:reset_sign_in": "manager",
    "accounts:end_role": "manager",
    "whoiswho:add_link": "manager",
    "whoiswho:change_link": "manager",
    "whoiswho:end_link": "manager",
    "operations:list_imports": "manager",
    "operations:show_import": "manager",
    "week:plan_rota": "manager",
    "week:set_minutes": "manager",
    "privacy:open_record": "far gp",
    **dict.fromkeys(
        ("privacy:list_reviews", "privacy:show_review", "privacy:show_audit", "privacy:change_settings", "privacy:find_report"), "privacy"
    ),
    "privacy:show_report": "privacy",
}
# Walked before anybody is signed in. The second step is walked in tests/browser, half-way through signing in.
OPEN_PAGES = {"accounts:sign_in": "/sign-in", "accounts:use_invitation": "/sign-in/invitation/{token}"}
HALF_WAY = {"accounts:second_step"}
# Addresses that answer with no page of their own: a redirect, a health check, a button.
NO_PAGE = {
    "core:home",
    "core:health",
    "accounts:sign_in_as_persona",
    "accounts:sign_out",
    "accounts:sign_in_with_passkey",
    "accounts:passkey_options",
    "accounts:new_passkey_options",
    "accounts:go_to_provider",
    "accounts:back_from_provider",
    "accounts:signed_out_there",
    "accounts:own_keys",
    "accounts:end_other_sessions",
    "accounts:unlink_provider",
    "operations:start_import",
    "operations:upload_export",
    "operations:start_again",
    "ledger:acknowledge_duty",
    "ledger:take_duty",
    "ledger:act_on_duties",
    "ledger:evaluate_person",
    "privacy:end_opening",
}
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
    _import(world)
    _privacy(world)
    return world


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


def _privacy(world) -> None:
    """A record that a GP of elsewhere opened, an entry marked, and who reviews. `far gp` has opened nothing."""
    subject = ledger.subject_of(world.ids["Iris"])
    privacy_services.open_record(world.actor("other gp"), subject, reason="emergency", why="Collapsed in our waiting room")
    privacy_services.mark_sensitive(
        world.actor("gp"), subject, kind="medicine", key="risperidone", organisations=[PRACTICE, TRUST], why="She asked for it"
    )
    join(world, "privacy", "Una Price", PRACTICE, "privacy officer")
    join(world, "far gp", "Bea Ford", OTHER_PRACTICE, "gp")


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
        "agreement": Agreement.objects.get().pk,
        "import": ImportRun.objects.get().pk,
        "product": coding.products_for(world.actor("gp"))[0]["key"],
        "decision": CodingEvent.objects.get().pk,
        "pair": match_selectors.pairs_for(world.actor("gp"))[0]["key"],
        "match": MatchEvent.objects.get().pk,
        "link": Link.objects.get().pk,
        "method": TOTP.activate(world.members["gp"].user, generate_totp_secret()).instance.pk,
        "colleague": world.members["nurse"].user_id,
        "membership": world.members["nurse"].pk,
        "arrangement": Arrangement.objects.get().pk,
        "view": ViewEvent.objects.get().view,
        "review": Review.objects.get(org_code=PRACTICE).pk,
        "mark": SensitiveMark.objects.get().pk,
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


def _check(page, axe, address) -> str:
    """Opens, has one heading, nothing scrolls sideways at either width, axe finds nothing; gives the heading."""
    assert page.goto(address).status == 200, address
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider <= 0, f"{address} scrolls sideways at {width} px"
        axe(page)
    assert page.locator("h1").count() == 1
    return page.locator("h1").inner_text()


def test_every_page_wide_and_narrow_and_without_javascript(signed_in_page, axe, world, addresses):
    opened: dict[int, tuple] = {}
    for name, address in addresses.items():
        who = world.members[OPENED_BY.get(name, "gp")]
        if who.pk not in opened:
            opened[who.pk] = (signed_in_page(who), signed_in_page(who, scripts=False))
        page, plain = opened[who.pk]
        heading = _check(page, axe, address)
        assert plain.goto(address).status == 200
        if name == "privacy:show_audit":
            # Its own opening is an entry more, in the heading and in the list.
            assert re.sub(r"\d+ entries", "", plain.locator("h1").inner_text()) == re.sub(r"\d+ entries", "", heading)
            continue
        assert plain.locator("h1").inner_text() == heading
        for control in ("a[href]", "button", "select", "input:not([type=hidden])"):
            assert plain.locator(control).count() == page.locator(control).count(), f"{control} of {address} needs JavaScript"


def test_the_page_before_signing_in(browser_page, no_script_page, axe, world):
    nurse = world.members["nurse"].user
    token = staff.invitation(world.actor("manager"), nurse, staff.RESET)
    for address in (address.format(token=token) for address in OPEN_PAGES.values()):
        heading = _check(browser_page, axe, address)
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
