"""Pages of reviews: the form as the record fills it, drafts that lose nothing, closing as it is shown before, reading and taking back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

import web_support
from ledger_world import PRACTICE, TODAY, TRUST, World
from privacy_support import join
from reviews_world import (
    GENERAL,
    OLANZAPINE,
    Still,
    form_of,
    one_reviews_world,
    raised,
    review,
    taper_olanzapine,
    text,
)
from stepwell.web.contact import services as adjustments
from stepwell.web.contact.services import Item
from stepwell.web.core.gate import AccessRefused
from stepwell.web.ledger import known
from stepwell.web.ledger import selectors as ledger
from stepwell.web.ledger.approvals import approve_pack
from stepwell.web.ledger.evaluation import reevaluate
from stepwell.web.privacy import services as privacy
from stepwell.web.reviews import selectors, services
from stepwell.web.reviews.models import Review, ReviewAct, ReviewState

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def made(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[World]:
    with django_db_blocker.unblock(), one_reviews_world(tmp_path_factory.mktemp("reviews")) as world:
        join(world, "second gp", "Dr Max Klein", PRACTICE, "gp")
        yield world


@pytest.fixture
def world(db, product_settings, settings, made, monkeypatch) -> World:
    settings.AS_OF, settings.STORE = TODAY, str(made.store.path)
    made.settings = settings
    Still(monkeypatch)
    return made


def new(world: World, name: str = "Ada") -> str:
    return f"/patients/{world.ids[name]}/reviews/new"


def open_duties(world: World, name: str = "Ada") -> set[tuple[str, str]]:
    return {(duty.rule_id, duty.point) for duty in world.duties(name, state="open")}


# The form


def test_the_form_begins_with_what_is_known(world):
    gp = world.client("gp")
    with web_support.recorded() as trail:
        page = gp.get(new(world))
    assert trail.reads_of(world.ids["Ada"])
    said, form = text(page), form_of(page)
    assert "10 mg a day, since 01-Apr-2023 (3 years), for bipolar: licensed" in said and "Not reviewed here before" in said
    assert form["kind"] == ["antipsychotic-annual"]  # the duty that is due first asks for it
    assert form[f"{OLANZAPINE}antipsychotic-indication"] == ["Bipolar: licensed"]
    assert form[f"{OLANZAPINE}antipsychotic-physical"] == ["Weight 71 kg on 20-Apr-2025"]
    assert form[f"{OLANZAPINE}follow-up"] == ["01-Jun-2027"] and form["m.sertraline.follow-up"] == ["01-Jun-2027"]
    assert form["held_on"] == ["01-Jun-2026"] and form["how"] == ["face"] and form["present"] == ["present-person"]
    assert "consent" not in form and "capacity" not in form  # never taken for granted
    assert f"{OLANZAPINE}decisions" not in form
    assert not Review.objects.exists()  # looking writes nothing
    assert form["interpreter"] == ["interpreter-not-needed"]
    adjustments.save_adjustments(world.actor("nurse"), world.ids["Ada"], [Item("professional", "bsl")], seen=0)
    assert "interpreter" not in form_of(gp.get(new(world)))  # an adjustment says otherwise: it is asked


def test_figures_of_the_form_stand_with_source_and_mark(world):
    said = text(world.client("gp").get(new(world)))
    assert "80 % of staff asked named it (S1, mark S)" in said
    assert "12 months by “Yearly antipsychotic review” (S58, mark S)" in said
    assert "14 days when it is reduced (NG222, mark P)" in said and "All but V need local approval" in said
    assert "Briefly: up to 14 days." in said and "(mark P)" in said


def test_a_draft_is_its_authors_and_goes_on_where_it_was(world):
    gp = world.client("gp")
    answer = gp.post(new(world), form_of(gp.get(new(world)), **{f"{OLANZAPINE}reason": "Weight gain", "do": "save"}))
    draft = selectors.draft_of(world.actor("gp"), world.ids["Ada"])
    address = f"/reviews/{draft.pk}/edit"
    assert answer.headers["Location"] == f"{address}?said=saved"
    assert gp.get(new(world)).headers["Location"] == address
    assert form_of(gp.get(address))[f"{OLANZAPINE}reason"] == ["Weight gain"]
    other = world.client("second gp")
    assert other.get(address).status_code == 404 and other.post(address, {"seen": 1}).status_code == 404
    assert other.get(f"/reviews/{draft.pk}").status_code == 404
    seen = text(other.get(f"/patients/{world.ids['Ada']}/reviews"))
    assert "Dr Amara Osei began a review" in seen and "Weight gain" not in seen
    assert "No review was held here yet" in seen


def test_errors_lose_nothing_and_say_what_to_do(world):
    gp = world.client("gp")
    typed = {f"{OLANZAPINE}decisions": "taper", f"{OLANZAPINE}follow-up": "next moon", "matters-words": "A clear head", "do": "close"}
    page = gp.post(new(world), form_of(gp.get(new(world)), **typed))
    said = text(page)
    assert page.status_code == 422 and "Consent: choose it" in said and "write a day like 01-Dec-2026, or a time like 3 months" in said
    assert "Say why: reduce step by step (olanzapine)" in said
    form = form_of(page)
    assert form[f"{OLANZAPINE}follow-up"] == ["next moon"] and form["matters-words"] == ["A clear head"]
    kept = selectors.draft_of(world.actor("gp"), world.ids["Ada"])
    assert kept.draft["matters-words"] == "A clear head"  # whoever closes the page now goes on from here


def test_a_stale_form_is_refused_with_what_changed_and_keeps_its_words(world):
    gp = world.client("gp")
    draft = review(world, close=False)
    address = f"/reviews/{draft.pk}/edit"
    first, second = form_of(gp.get(address)), form_of(gp.get(address))
    assert gp.post(address, first | {f"{OLANZAPINE}reason": "Said first", "do": "save"}).status_code == 302
    page = gp.post(address, second | {f"{OLANZAPINE}reason": "Said second", "do": "save"})
    assert page.status_code == 409 and "Saved by Dr Amara Osei, 01-Jun-2026 10:00: Reason (olanzapine)" in text(page)
    again = form_of(page)
    assert again[f"{OLANZAPINE}reason"] == ["Said second"]
    assert selectors.review_row(draft.pk).draft[f"{OLANZAPINE}reason"] == "Said first"
    assert gp.post(address, again | {"do": "save"}).status_code == 302
    assert selectors.review_row(draft.pk).draft[f"{OLANZAPINE}reason"] == "Said second"


def test_the_page_saves_by_itself(world):
    gp = world.client("gp")
    kept = gp.post(new(world), form_of(gp.get(new(world)), consent="given"), headers={"X-Stepwell-Draft": "1"}).json()
    again = gp.post(kept["address"], form_of(gp.get(kept["address"]), how="phone", seen=kept["seen"]), headers={"X-Stepwell-Draft": "1"})
    assert again.json()["seen"] == kept["seen"] + 1
    stale = gp.post(kept["address"], {"seen": kept["seen"]}, headers={"X-Stepwell-Draft": "1"})
    assert stale.status_code == 409


# Closing


def test_closing_is_shown_before_it_is_done(world):
    gp = world.client("gp")
    answer = gp.post(new(world), form_of(gp.get(new(world)), **taper_olanzapine(do="close")))
    page = gp.get(answer.headers["Location"])
    said = text(page)
    assert "olanzapine : reduce step by step" in said and "Not reviewed this time: sertraline" in said
    assert "Yearly antipsychotic review (" in said
    assert "Make the reduction plan that a medicine review decided, due 15-Jun-2026" in said
    assert "Follow up a medicine review, due 29-Jun-2026" in said
    form = form_of(page)
    assert form["done"] == ["test.antipsychotic-review"]  # the scale and the specialist's review are not presumed
    assert "usually by a psychiatrist" in said
    closed = gp.post(answer.headers["Location"], form)
    assert closed.status_code == 302 and closed.headers["Location"].endswith("?said=closed")
    month_12, next_year = (world.duty("Ada", "antipsychotic.review", point) for point in ("month 12", "ongoing"))
    assert month_12.state == "met" and month_12.ended_on == TODAY
    assert next_year.state == "open" and next_year.due_on == TODAY + timedelta(365)
    assert raised(world) == {"reduction 1": (PRACTICE, TODAY + timedelta(14)), "follow-up 1": (PRACTICE, TODAY + timedelta(28))}
    read = text(gp.get(closed.headers["Location"]))
    assert "olanzapine : reduce step by step" in read and "The review is done." in read and "Make the reduction plan" in read
    assert f"/patients/{world.ids['Ada']}/reduce?medicine=olanzapine&amp;review=" in gp.get(closed.headers["Location"]).content.decode()


def test_a_duty_that_stays_open_needs_its_reason(world):
    gp, draft = world.client("gp"), review(world, close=False)
    address = f"/reviews/{draft.pk}/close"
    form = form_of(gp.get(address))
    unticked = {name: value for name, value in form.items() if name != "done"}
    page = gp.post(address, unticked)
    assert page.status_code == 422 and "Say why this stays open: Yearly antipsychotic review" in text(page)
    unticked["why.test.antipsychotic-review"] = "Weight not taken"
    assert gp.post(address, unticked).status_code == 302
    assert world.duty("Ada", "antipsychotic.review", "month 12").state == "open"
    assert "one stays open: Weight not taken" in text(gp.get(f"/reviews/{draft.pk}"))


def test_closing_is_refused_when_the_duties_changed(world):
    gp, draft = world.client("gp"), review(world, close=False)
    form = form_of(gp.get(f"/reviews/{draft.pk}/close"))
    page = gp.post(f"/reviews/{draft.pk}/close", form | {"shown": form["shown"][:1]})
    assert page.status_code == 409 and "The duties about these medicines changed" in text(page)
    assert selectors.review_row(draft.pk).state == ReviewState.DRAFT


def test_a_specialists_review_is_answered_by_a_specialist(world):
    gp, psychiatrist = (review(world, who=who, kind="specialist-yearly", close=False) for who in ("gp", "psychiatrist"))
    proposed = {}
    for row, who in ((gp, "gp"), (psychiatrist, "psychiatrist")):
        view = services.view_of(world.actor(who), row, row.draft)
        proposed[who] = {each.key for each in view.answers if each.proposed}
    assert proposed["gp"] == {"test.antipsychotic-review"}
    assert proposed["psychiatrist"] == {"test.antipsychotic-review", "test.specialist-review"}


def test_stopping_at_once_shows_the_rule_and_asks_why(world):
    gp = world.client("gp")
    stops = {**GENERAL, "m.diazepam.decisions": "stop", "m.diazepam.reason": "Fell twice", "m.diazepam.follow-up": "2 weeks", "do": "close"}
    page = gp.post(new(world, "Bo"), form_of(gp.get(new(world, "Bo")), **stops))
    assert page.status_code == 422 and "Choose to reduce it step by step, or say why it is stopped at once (diazepam)" in text(page)
    address = f"/reviews/{selectors.draft_of(world.actor('gp'), world.ids['Bo']).pk}/edit"
    done = gp.post(address, form_of(page, **{"m.diazepam.abrupt": "emergency", "do": "close"}))
    said = text(gp.get(done.headers["Location"]))
    assert "diazepam is stopped at once, for the reason you gave. Never stopped abruptly" in said and "NG215, S4, mark V" in said
    assert "Prescribe what a medicine review decided" in said


# Afterwards


def test_as_last_time_fills_the_medicine_and_counts_its_day_anew(world):
    review(world)
    gp = world.client("gp")
    page = gp.get(new(world))
    assert "Last review 01-Jun-2026: reduce step by step. Weight gain; two years well." in text(page)
    answer = gp.post(new(world), form_of(page, do="last:olanzapine"))
    assert answer.headers["Location"].endswith("#medicine-olanzapine")
    form = form_of(gp.get(answer.headers["Location"].split("?")[0]))
    assert form[f"{OLANZAPINE}decisions"] == ["taper"] and form[f"{OLANZAPINE}reason"] == ["Weight gain; two years well."]
    assert form[f"{OLANZAPINE}follow-up"] == ["01-Jun-2027"]


def test_an_amendment_is_a_version_and_moves_what_it_asked_for(world):
    row = review(world)
    gp = world.client("gp")
    address = gp.post(f"/reviews/{row.pk}/amend").headers["Location"]
    assert gp.get(f"/reviews/{row.pk}").status_code == 200  # the version in force stands meanwhile
    form = form_of(gp.get(address), **{f"{OLANZAPINE}decisions": "continue", f"{OLANZAPINE}follow-up": "3 months", "do": "close"})
    closing = gp.post(address, form).headers["Location"]
    assert gp.post(closing, form_of(gp.get(closing))).status_code == 302
    assert raised(world) == {"follow-up 2": (PRACTICE, TODAY + timedelta(92))}
    said = text(gp.get(f"/reviews/{row.pk}"))
    assert "olanzapine : continue" in said and "Amended, Dr Amara Osei" in said
    assert "reduce step by step" in text(gp.get(f"/reviews/{row.pk}?version=1"))
    assert [each.decision for each in selectors.decisions_of(selectors.review_row(row.pk))] == ["continue"]


def test_entered_in_error_opens_again_what_it_had_closed(world):
    before = open_duties(world)
    row = review(world)
    assert open_duties(world) != before
    gp = world.client("gp")
    page = gp.get(f"/reviews/{row.pk}/in-error")
    assert "1 duty that it closed opens again" in text(page)
    seen = re.search(r'name="seen" value="(\d+)"', page.content.decode()).group(1)
    assert gp.post(f"/reviews/{row.pk}/in-error", {"seen": seen, "why": " "}).status_code == 422
    assert gp.post(f"/reviews/{row.pk}/in-error", {"seen": seen, "why": "Wrong patient"}).status_code == 302
    assert open_duties(world) == before and raised(world) == {}
    assert selectors.reviews_of(world.ids["Ada"]) == [] and "Entered in error" in text(gp.get(f"/reviews/{row.pk}"))


def test_the_next_review_answers_the_follow_up_of_the_last(world):
    first = review(world)
    again = review(world, close=False, **taper_olanzapine(**{f"{OLANZAPINE}decisions": "continue"}))
    gp = world.client("gp")
    page = gp.get(f"/reviews/{again.pk}/close")
    follow_up = world.duty("Ada", "asked.medicine review", "follow-up 1")
    assert f"follow-up.{follow_up.pk}" in form_of(page)["done"] and "Follow up a medicine review, due 29-Jun-2026" in text(page)
    assert gp.post(f"/reviews/{again.pk}/close", form_of(page)).status_code == 302
    still = {(duty.subject, duty.point) for duty in world.duties("Ada", rule_id="asked.medicine review", state="open")}
    assert still == {(str(first.pk), "reduction 1"), (str(again.pk), "follow-up 1")}
    seen = selectors.review_row(again.pk).revision
    services.enter_in_error(world.actor("gp"), again.pk, why="Somebody else", seen=seen)
    still = {(duty.subject, duty.point) for duty in world.duties("Ada", rule_id="asked.medicine review", state="open")}
    assert still == {(str(first.pk), "reduction 1"), (str(first.pk), "follow-up 1")}


def test_the_plan_that_was_decided_settles_its_duty(world):
    row = review(world)
    gp, ada = world.actor("gp"), world.ids["Ada"]
    assert not services.reduction_planned(gp, row.pk, ada, "sertraline")
    assert not services.reduction_planned(gp, row.pk, world.ids["Bo"], "olanzapine")  # a plan of somebody else
    assert services.reduction_planned(gp, row.pk, ada, "olanzapine")
    reevaluate(world.ids["Ada"])
    assert set(raised(world)) == {"follow-up 1"}


def test_the_last_review_is_on_the_patient_page_and_in_the_list(world):
    row = review(world)
    gp = world.client("gp")
    said = text(gp.get(f"/patients/{world.ids['Ada']}"))
    assert "olanzapine : reduce step by step, 01-Jun-2026" in said and "Start a review" in said
    listed = text(gp.get(f"/patients/{world.ids['Ada']}/reviews"))
    assert "1 review, the last on 01-Jun-2026" in listed and "Yearly antipsychotic review, 01-Jun-2026" in listed
    assert selectors.last_review_of(world.ids["Ada"], "olanzapine").review_id == row.pk
    assert selectors.last_review_of(world.ids["Ada"], "sertraline") is None


def test_a_draft_that_is_left_is_told_on_every_page(world):
    review(world, close=False)
    Review.objects.update(begun_at=Review.objects.get().begun_at - timedelta(days=400))
    said = text(world.client("gp").get("/worklist"))
    assert "1 review of yours is not closed." in said and "Worked" not in said.split("is not closed.")[0]
    assert "is not closed." not in text(world.client("second gp").get("/worklist"))


# Who may see it


def test_who_may_not_review_or_see_the_person_is_refused(world):
    row = review(world)
    for address in (new(world), f"/reviews/{row.pk}/edit", f"/reviews/{row.pk}/close", f"/patients/{world.ids['Ada']}/reviews"):
        assert world.client("other gp").get(address).status_code == 403, address
    assert world.client("manager").get(new(world)).status_code == 403
    with pytest.raises(AccessRefused):
        services.begin(world.actor("link worker"), world.ids["Ada"], kind="annual", values={})
    # The trust reads it, and does not change what the practice held.
    psychiatrist = world.client("psychiatrist")
    page = psychiatrist.get(f"/reviews/{row.pk}")
    assert page.status_code == 200 and "Amend" not in text(page)
    assert psychiatrist.post(f"/reviews/{row.pk}/amend").status_code == 409


def test_a_restricted_medicine_is_in_no_page_for_those_who_are_not_shown_it(world):
    row = review(world)
    subject = ledger.subject_of(world.ids["Ada"])
    marker = world.actor("psychiatrist")
    privacy.mark_sensitive(marker, subject, kind="medicine", key="olanzapine", organisations=[TRUST], why="asked by the patient")
    gp = world.client("gp")
    for address in (f"/reviews/{row.pk}", f"/patients/{world.ids['Ada']}/reviews", new(world), f"/patients/{world.ids['Ada']}"):
        page = gp.get(address)
        assert page.status_code == 200 and "olanzapine" not in page.content.decode().lower(), address


def test_what_was_done_is_events_and_audited(world):
    with web_support.recorded() as trail:
        row = review(world)
    assert [event.act for event in selectors.events_of(row.pk)] == [ReviewAct.BEGUN, ReviewAct.CLOSED]
    assert {"review begun", "review closed"} <= {entry.action for entry in trail.writes()}


def test_what_was_approved_here_asks_for_no_approval_any_more(world):
    client = world.client("gp")
    address = f"/patients/{world.ids['Ada']}/reviews/new"
    assert "All but V need local approval" in client.get(address).content.decode()
    approve_pack(world.actor("gp"), version=known.pack()[1], evaluate=False)
    page = client.get(address).content.decode()
    assert "Marks: V read in the cited text" in page and "need local approval" not in page
