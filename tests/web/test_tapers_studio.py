"""The studio: what is offered and asked, what is drawn, what is refused and shown in its place, and that what was seen is what is saved."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import date
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlencode

import pytest
from django.http import QueryDict

from ledger_world import PRACTICE, TODAY, World
from stepwell import knowledge
from stepwell.clinical.tapering.model import Mode
from stepwell.knowledge.tapering import guards_of
from stepwell.web.ledger import selectors as ledger
from stepwell.web.privacy import services as privacy
from stepwell.web.tapers import selectors, services, studio_change, studio_facts, studio_form
from stepwell.web.tapers.models import PlanState, TaperPlan
from stepwell.web.tapers.studio_form import amount_of, typed
from taper_world import DEE, SAM, agreed, later, one_taper_world, reducing, row
from web_support import recorded

pytestmark = pytest.mark.django_db
PEOPLE = {
    "Dee": DEE,
    "Sam": SAM,
    "Una": ["diazepam as required from 2025-01-10 every 28 days", "female"],
    "Cleo": ["clozapine 300 mg daily from 2022-01-10 every 28 days by trust", "diagnosis schizophrenia on 2020-01-01"],
    "Fay": [
        "female",
        "diazepam 20 mg daily from 2022-01-10 every 28 days",
        "clonazepam 2 mg daily from 2022-01-10 every 28 days",
        "diagnosis anxiety on 2020-01-01",
    ],
    "Eve": ["female", "diazepam 10 mg daily from 2022-01-10 every 28 days", "diagnosis epilepsy on 2010-01-01"],
    "Flo": ["female", "fluoxetine 40 mg daily from 2022-01-10 every 28 days", "diagnosis depression on 2022-01-02"],
}


@pytest.fixture(scope="module")
def made(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[World]:
    with django_db_blocker.unblock(), one_taper_world(tmp_path_factory.mktemp("studio"), PEOPLE) as world:
        yield world


@pytest.fixture
def world(db, product_settings, settings, made) -> World:
    settings.AS_OF, settings.STORE = TODAY, str(made.store.path)
    made.settings = settings
    return made


class Fields(HTMLParser):
    """What a browser without scripts would send of each form: by the form's id, name → values."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: dict[str, list[tuple[str, str]]] = {}
        self._form, self._select, self._area = "", "", ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        form = given.get("form", self._form)
        if tag == "form":
            self._form = given.get("id", given.get("action", ""))
        elif tag == "select":
            self._select = given.get("name", "")
        elif tag == "option" and self._select and "selected" in given:
            self._add(form, self._select, given.get("value", ""))
        elif tag == "textarea":
            self._area = given.get("name", "")
        elif tag == "input" and given.get("name") and (given.get("type") not in ("radio", "checkbox") or "checked" in given):
            self._add(form, given["name"], given.get("value", ""))

    def handle_data(self, data: str) -> None:
        if self._area:
            self._add(self._form, self._area, data.strip())
            self._area = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = ""
        elif tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._area = ""

    def _add(self, form: str, name: str, value: str) -> None:
        self.forms.setdefault(form, []).append((name, value))


def address(world: World, name: str = "Dee", medicine: str = "diazepam") -> str:
    return f"/patients/{world.ids[name]}/reduce/{medicine}"


def open_studio(world, query="", *, name="Dee", medicine="diazepam", who="gp", **headers) -> str:
    response = world.client(who).get(f"{address(world, name, medicine)}{f'?{query}' if query else ''}", headers=headers)
    assert response.status_code == 200, (response.status_code, response.get("Location"))
    return response.content.decode()


def text(page: str) -> str:
    page = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def heading(page: str) -> str:
    return text(re.search(r"<h1>(.*?)</h1>", page, flags=re.S).group(1)).replace(" :", ":")


def sent(page: str, form: str = "studio-form", **changed: str) -> str:
    """The query that pressing "Draw again" sends after these fields were changed; a name in `changed` is answered once."""
    fields = [(name, value) for name, value in Fields(page).forms[form] if name not in changed]
    return urlencode(fields + list(changed.items()))


def flags(medicine: str = "diazepam") -> list[str]:
    found = [guard.flag.flag for guard in guards_of(knowledge.load(), medicine) if guard.flag is not None]
    return list(dict.fromkeys(found))


NO = "rest=no"


# Which medicine


def test_the_person_chooses_which_first_and_what_the_knowledge_says_is_shown(world):
    page = world.client("gp").get(f"/patients/{world.ids['Dee']}/reduce").content.decode()
    assert heading(page) == "2 medicines could be reduced: Dee chooses which first"
    assert f'href="{address(world)}"' in page and f'href="{address(world, medicine="sertraline")}"' in page
    assert "mark" in text(page)
    there = world.client("gp").get(f"/patients/{world.ids['Dee']}/reduce?medicine=diazepam&review=7")
    assert there.status_code == 302 and there["Location"] == f"{address(world)}?review=7"


def test_one_at_a_time_says_what_is_being_reduced_already(world):
    plan_id = reducing(world)
    page = world.client("gp").get(f"/patients/{world.ids['Dee']}/reduce").content.decode()
    assert heading(page) == "diazepam is being reduced already: one medicine at a time"
    assert f'href="/reductions/{plan_id}/studio"' in page
    studio = world.client("gp").get(address(world))
    assert studio.status_code == 302 and studio["Location"] == f"/reductions/{plan_id}/studio"


def test_the_patient_page_leads_there_from_each_medicine_that_can_be_reduced(world):
    page = world.client("gp").get(f"/patients/{world.ids['Dee']}").content.decode()
    for medicine in ("diazepam", "sertraline"):
        assert f'<a href="{address(world, medicine=medicine)}">' in page
    assert "/reduce/" not in world.client("gp").get(f"/patients/{world.ids['Cleo']}").content.decode()
    assert "/reduce/" not in world.client("nurse").get(f"/patients/{world.ids['Dee']}").content.decode()


# Drawing


def test_the_plan_is_drawn_from_the_record_as_the_knowledge_base_proposes(world):
    page = open_studio(world)
    said = text(page)
    assert re.match(r"Reduce diazepam from 20 mg a day to 0 mg in \d+ steps over ", heading(page))
    assert "20 mg a day" in said and "The dose on record" in said
    assert page.count('class="sw-taper-chart"') == 2
    rows = re.findall(r'<tr[^>]*>\s*<th scope="row">', page)
    assert len(rows) == int(re.search(r"(\d+) after today’s dose", said).group(1)) + 1
    assert re.search(r'type="radio" name="mode"[^>]*checked', page) and "proposed" in said


def test_every_rule_and_bound_stands_with_its_source_and_mark(world):
    page = open_studio(world)
    for cell in re.findall(r'<td data-label="Why">(.*?)</td>', page, flags=re.S):
        assert re.search(r"mark [VSKCDP]", cell), text(cell)
    said = text(page)
    assert re.search(r"The bound: .*? mark [VSKCDP]", said)
    for legend in re.findall(r'<fieldset class="sw-studio-question.*?<legend>(.*?)</legend>', page, flags=re.S):
        assert re.search(r"mark [VSKCDP]", legend)


def test_a_fragment_is_exactly_what_the_page_holds(world):
    query = "mode=proportional&every=28"
    page, fragment = open_studio(world, query), open_studio(world, query, **{"HX-Request": "true"})
    assert fragment.strip() in page and fragment.lstrip().startswith('<div id="studio"')
    assert "<html" not in fragment and "csrfmiddlewaretoken" not in fragment


def test_drawing_again_without_scripts_keeps_what_was_drawn(world):
    first = open_studio(world)
    again = open_studio(world, sent(first))
    assert heading(first) == heading(again)
    assert text(first) == text(again)


def test_other_modes_rates_intervals_ends_and_days_are_drawn(world):
    first = open_studio(world)
    linear = open_studio(world, sent(first, mode="linear"))
    assert re.search(r'value="linear" checked', linear)
    slower = open_studio(world, sent(first, every="28"))
    assert heading(slower) != heading(first)
    plateau = open_studio(world, sent(first, end="stay", to="5"))
    assert "from 20 mg a day to 5 mg" in heading(plateau)
    later_start = open_studio(world, sent(first, start="2026-06-15"))
    assert "15-Jun-2026" in text(later_start)


def test_liquids_can_be_left_out(world):
    first = open_studio(world)
    kept = [pair for pair in Fields(first).forms["studio-form"] if not (pair[0] == "use" and "oral" in pair[1])]
    assert len(kept) < len(Fields(first).forms["studio-form"])
    page = open_studio(world, urlencode(kept))
    assert not re.search(r"\bml\b", " ".join(re.findall(r'<td data-label="Take">(.*?)</td>', page, flags=re.S)))


def test_tablets_only_is_one_press_and_liquids_come_back_with_another(world):
    page = open_studio(world, "mode=proportional")
    href = html.unescape(re.search(r'href="([^"]+)"[^>]*>Tablets only<', page).group(1))
    tablets = world.client("gp").get(href).content.decode()
    assert "With liquids too" in tablets and "Tablets only<" not in tablets
    assert not re.search(r"\bml\b", " ".join(re.findall(r'<td data-label="Take">(.*?)</td>', tablets, flags=re.S)))
    back = html.unescape(re.search(r'href="([^"]+)"[^>]*>With liquids too<', tablets).group(1))
    assert "Tablets only<" in world.client("gp").get(back).content.decode() and "picked" not in back


def test_alternate_days_are_offered_for_fluoxetine_and_told_by_day(world):
    assert 'name="alternate"' not in open_studio(world)
    page = open_studio(world, "mode=product+steps&alternate=1&start=2026-06-08&rest=no", name="Flo", medicine="fluoxetine")
    said = text(page)
    assert re.search(r'id="alternate"[^>]*checked', page) and 'name="alternate"' in page and "alternate=1" in sent(page)
    assert "30 mg on average" in said and "1 × 40 mg capsule one day, 1 × 20 mg capsule the next" in said
    assert "Supply 14 × 40 mg capsules + 14 × 20 mg capsules for 28 days" in said
    assert re.search(r"fluoxetine may be taken so \( ?NG222 ?, RDAD ?, mark V\)", said)
    body = {key: value[0] for key, value in parse_qs(sent(page, "studio-save"), keep_blank_values=True).items()}
    kept = world.client("gp").post(f"{address(world, 'Flo', 'fluoxetine')}/save", body | {"save": "agree"})
    plan_id = TaperPlan.objects.get().pk
    assert kept.status_code == 302
    sheet = text(world.client("gp").get(f"/reductions/{plan_id}/pack").content.decode())
    assert "40 mg one day, 20 mg the next" in sheet and re.search("One day: one 40 mg capsule .*The next day: one 20 mg capsule", sheet)
    # The second step begins on 6 July: 40 mg that day, 20 mg the next.
    assert "On each day of the calendar stands what to take on that day." in sheet
    assert "6 New dose 40 mg 7 20 mg 8 40 mg" in sheet
    supplied = text(world.client("gp").get(f"/reductions/{plan_id}/pack/supply").content.decode())
    later(world, 7)
    services.start(world.actor("gp"), plan_id)
    world.today = date(2026, 7, 7)
    on_the_second_day = text(world.client("gp").get(f"/reductions/{plan_id}/pack").content.decode())
    assert "Today: 20 mg (40 mg one day, 20 mg the next)" in on_the_second_day
    assert "1 × 40 mg capsule one day, 1 × 20 mg capsule the next, 28 days" in supplied
    assert "fluoxetine 20 mg capsules: take 1 capsule every other day, beginning on the second day, for 28 days." in supplied


def test_one_step_is_moved_held_or_halved_by_buttons_and_left_again(world):
    first = open_studio(world)
    button = re.search(r'name="move" value="(\d+)-smaller"', first).group(1)
    smaller = open_studio(world, f"{sent(first)}&move={button}-smaller")
    own = dict(Fields(smaller).forms["studio-form"])[f"d{button}"]
    assert own and "Changed" in text(smaller) and "move=" not in sent(smaller)
    held = open_studio(world, f"{sent(smaller)}&move={button}-hold")
    assert dict(Fields(held).forms["studio-form"])[f"h{button}"] == "7"
    plain = open_studio(world, f"{sent(held)}&move={button}-plain")
    assert heading(plain) == heading(first)


def test_what_cannot_be_read_is_told_at_its_field(world):
    page = open_studio(world, "dose=lots&end=stay&to=30&start=soon&every=x")
    said = text(page)
    assert "There is a problem" in said
    for words in ("Dose now must be a number of mg", "Dose to stay at must be lower than the dose now", "First day must be a real date"):
        assert words in said
    assert 'href="#dose"' in page and 'id="dose"' in page


def test_where_the_record_does_not_tell_the_dose_it_is_asked_and_nothing_is_drawn(world):
    page = open_studio(world, name="Una")
    assert heading(page) == "Reduce diazepam: which dose is taken now?"
    assert "when required" in text(page) and "sw-taper-chart" not in page
    assert "from 6 mg a day" in heading(open_studio(world, "dose=6", name="Una"))


# Refusing


def test_a_refusal_stands_in_the_place_of_the_plan_with_its_route(world):
    page = open_studio(world, name="Cleo", medicine="clozapine")
    said = text(page)
    assert heading(page) == "clozapine is not reduced here" and 'name="mode"' not in page
    assert "clozapine clinic" in said.lower() and "sw-taper-chart" not in page
    assert f"/patients/{world.ids['Cleo']}/advice?medicine=clozapine" in page


def hide(world, name, kind, key):
    organisations = [PRACTICE]
    privacy.mark_sensitive(
        world.actor("gp"), ledger.subject_of(world.ids[name]), kind=kind, key=key, organisations=organisations, why="asked for"
    )  # fmt: skip


def test_a_condition_on_record_refuses_with_its_source(world):
    told = text(open_studio(world, name="Eve"))
    assert "With epilepsy a reduction can bring on seizures" in told and "S276 , mark V" in told and "The epilepsy specialist" in told


def test_what_speaks_against_it_is_told_to_who_may_see_it_and_holds_for_who_may_not(world):
    assert "more than 40 mg of diazepam a day" in text(open_studio(world, name="Fay"))
    hide(world, "Fay", "medicine", "clonazepam")
    page = open_studio(world, name="Fay", who="pharmacist")
    assert "Something in this record that you are not shown speaks against it" in text(page)
    assert "sw-taper-chart" not in page and "40 mg" not in text(page) and "clonazepam" not in page


def test_a_dose_that_goes_too_far_is_refused_and_what_can_be_done_is_a_button(world):
    page = open_studio(world, "d1=2")
    assert "is not reduced like this here" in heading(page) or "2 mg" not in heading(page)
    links = re.findall(r'<ul class="sw-studio-instead">.*?</ul>', page, flags=re.S)
    if links:
        href = html.unescape(re.search(r'href="([^"]+)"', links[0]).group(1))
        assert world.client("gp").get(href).status_code == 200


# Asking, and saving


def test_what_was_not_asked_blocks_agreeing_and_not_drawing(world):
    page = open_studio(world)
    assert "Before it can be agreed: ask" in text(page) and "sw-taper-chart" in page
    assert page.count('<fieldset class="sw-studio-question sw-studio-question--open">') >= len(flags())
    body = dict(parse_qs(sent(page, "studio-save"), keep_blank_values=True)) | {"save": ["agree"]}
    response = world.client("gp").post(f"{address(world)}/save", {key: value[0] for key, value in body.items()})
    assert response.status_code == 409 and "Not agreed yet: first ask" in response.content.decode()
    assert not TaperPlan.objects.exists()


def test_the_rest_is_answered_in_one_press(world):
    page = open_studio(world, f"q-{flags()[0].replace(' ', '+')}=no&rest=no")
    assert "Ready to be agreed" in text(page) and "sw-studio-question--open" not in page
    assert "rest=" not in sent(page)


def test_a_yes_that_a_guard_waits_for_refuses_and_can_be_taken_back(world):
    page = open_studio(world, "q-previous+withdrawal+seizure=yes")
    assert heading(page) == "diazepam is not reduced like this here" and 'value="yes" checked' in page
    back = open_studio(world, sent(page, **{"q-previous withdrawal seizure": "no"}))
    assert "Reduce diazepam from 20 mg a day" in heading(back)


def save(world, page, who="gp", how="agree", **changed):
    body = {key: value[0] for key, value in parse_qs(sent(page, "studio-save", **changed), keep_blank_values=True).items()}
    return world.client(who).post(f"{address(world)}/save", body | {"save": how})


def test_agreed_in_one_go_with_the_person(world):
    page = open_studio(world, NO)
    assert "Ready to be agreed" in text(page)
    with recorded() as trail:
        response = save(world, page, matters="Clear head for the allotment")
    plan = TaperPlan.objects.get()
    assert response.status_code == 302 and response["Location"].startswith(f"/reductions/{plan.pk}?said=agreed")
    assert plan.state == PlanState.AGREED and plan.clinician_id == world.actor("gp").user_id
    kept = selectors.version_of(plan)
    assert kept.from_ug == 20_000 and kept.to_ug == 0
    assert selectors.words_of(plan).matters == "Clear head for the allotment"
    assert set(selectors.request_of(plan).history.answered) >= set(flags())
    assert {entry.action for entry in trail.writes()} >= {"reduction proposed", "reduction agreed"}


def test_a_proposal_needs_no_answers_and_no_words(world):
    response = save(world, open_studio(world), how="propose", decided_with="")
    assert response.status_code == 302
    assert TaperPlan.objects.get().state == PlanState.PROPOSED


def test_what_is_saved_is_what_was_seen(world):
    page = open_studio(world, NO)
    response = save(world, page, digest="0" * 20)
    assert response.status_code == 409 and "what is drawn now is not what was drawn" in response.content.decode()
    assert not TaperPlan.objects.exists()


def test_words_that_are_missing_are_asked_for_and_what_was_typed_stays(world):
    response = save(world, open_studio(world, NO), decided_with="", matters="Clear head")
    page = response.content.decode()
    assert response.status_code == 422 and "Say with whom it was decided" in page and "Clear head" in page


# Access


def test_who_may_not_plan_reductions_is_refused(world):
    for who in ("nurse", "other gp", "manager"):
        assert world.client(who).get(address(world)).status_code == 403
        assert world.client(who).post(f"{address(world)}/save", {}).status_code == 403
    assert world.client("gp").get(f"/patients/{world.ids['Dee']}/reduce/lithium").status_code == 404
    with recorded() as trail:
        open_studio(world)
    assert trail.reads_of(world.ids["Dee"])


def test_a_medicine_that_is_hidden_is_not_there(world):
    hide(world, "Dee", "medicine", "diazepam")
    assert world.client("gp").get(address(world)).status_code == 200
    assert world.client("pharmacist").get(address(world)).status_code == 404
    assert "diazepam" not in world.client("pharmacist").get(f"/patients/{world.ids['Dee']}/reduce").content.decode()


# A plan on its way


def test_a_change_is_previewed_and_then_saved(world):
    plan_id = reducing(world)
    later(world, 16)
    gp = world.client("gp")
    page = gp.get(f"/reductions/{plan_id}/studio").content.decode()
    assert "today. What comes next?" in heading(page) and "sw-taper-taken" in page
    before = row(plan_id).revision
    preview = gp.get(f"/reductions/{plan_id}/studio?act=hold&days=14").content.decode()
    assert "it was to stop on" in heading(preview) and row(plan_id).revision == before
    fragment = gp.get(f"/reductions/{plan_id}/studio?act=hold&days=14", headers={"HX-Request": "true"}).content.decode()
    assert fragment.strip() in preview
    body = {key: value[0] for key, value in parse_qs(sent(preview, "studio-save", why="Exams"), keep_blank_values=True).items()}
    response = gp.post(f"/reductions/{plan_id}/studio/save", body)
    assert response.status_code == 302 and row(plan_id).state == PlanState.HOLDING
    stale = gp.post(f"/reductions/{plan_id}/studio/save", body)
    assert stale.status_code == 409 and "this changed after you opened it" in stale.content.decode()


def test_a_step_ahead_is_moved_by_its_button(world):
    plan_id = reducing(world)
    gp = world.client("gp")
    page = gp.get(f"/reductions/{plan_id}/studio").content.decode()
    number = re.findall(r'name="move" value="(\d+)-smaller"', page)[1]
    moved = gp.get(f"/reductions/{plan_id}/studio?{sent(page)}&move={number}-smaller").content.decode()
    assert "Keep the moved step" in moved
    body = {key: value[0] for key, value in parse_qs(sent(moved, "studio-save", why="Too large"), keep_blank_values=True).items()}
    assert gp.post(f"/reductions/{plan_id}/studio/save", body).status_code == 302
    assert [event.act for event in selectors.events_of(plan_id)][-1] == "changed"


def test_who_supports_may_hold_and_not_shape_the_way_down(world):
    plan_id = reducing(world)
    page = world.client("nurse").get(f"/reductions/{plan_id}/studio").content.decode()
    assert re.findall(r'name="act" id="act-(\w+)"', page) == ["hold"]
    body = {"drawn": "act=smaller", "why": "x", "seen": str(row(plan_id).revision)}
    assert world.client("nurse").post(f"/reductions/{plan_id}/studio/save", body).status_code == 403
    assert world.client("other gp").get(f"/reductions/{plan_id}/studio").status_code == 403


def test_a_plan_that_has_not_begun_is_thought_through_anew(world):
    plan_id = agreed(world, to_ug=5_000)
    gp = world.client("gp")
    assert gp.get(f"/reductions/{plan_id}/studio")["Location"] == address(world)
    there = gp.get(address(world))
    assert there.status_code == 302 and "to=5&" in there["Location"] and "q-" not in there["Location"]
    query = there["Location"].partition("?")[2]
    page = open_studio(world, f"{query}&every=28&rest=no")
    assert "from 20 mg a day to 5 mg" in heading(page) and save(world, page).status_code == 302
    plan = row(plan_id)
    assert (plan.state, plan.version) == (PlanState.AGREED, 2) and selectors.version_of(plan).interval_days == 28


# Pure parts


@pytest.mark.parametrize(
    ("words", "unit", "dose"),
    [
        ("12.5", "mg", 12_500), (" 12.5 mg ", "mg", 12_500), ("500 micrograms", "mg", 500), ("1,800", "mg", 1_800_000), ("0", "mg", 0),
        ("lots", "mg", None), ("-2", "mg", None), ("0.00001", "mg", None), ("25", "micrograms/hour", 25), ("2 mg", "micrograms/hour", None),
    ],
)  # fmt: skip
def test_doses_as_they_are_typed(words, unit, dose):
    assert amount_of(words, unit) == dose
    if dose:
        assert amount_of(typed(dose, unit), unit) == dose


def read(query: str, **more) -> studio_form.Asked:
    usual = {"unit": "mg", "dose_ug": 20_000, "start_on": date(2026, 6, 8), "today": TODAY}
    return studio_form.read(QueryDict(query), **(usual | more))


def test_the_address_is_read_and_written_alike():
    asked = read("to=5&mode=linear&rate=10%25&every=28&start=2026-06-15&d3=12.5&h4=7&q-unstable+illness=no&points=8&mixed=1")
    assert (asked.to_ug, asked.mode, asked.rate_percent, asked.interval_days) == (5_000, Mode.LINEAR, 10.0, 28)
    assert (dict(asked.overrides), dict(asked.holds), dict(asked.answers)) == ({3: 12_500}, {4: 7}, {"unstable illness": "no"})
    assert read(asked.query()) == asked
    assert not asked.dose_typed and read("dose=18").dose_typed


def test_another_way_of_finding_doses_begins_with_its_own_figures():
    assert read("mode=linear&was=proportional&rate=10%25&d3=12").rate_percent is None
    assert not read("mode=linear&was=proportional&d3=12").overrides
    assert read("mode=linear&was=linear&rate=2").step_ug == 2_000
    assert read("mode=hyperbolic&was=hyperbolic&rate=10%25").rate_percent is None


def test_nonsense_in_an_address_is_told_or_left():
    assert [each.field for each in read("dose=0&rate=900%25&every=0&start=1999-01-01&d2=x&h2=y&d9999=1").wrong] == [
        "dose", "d2", "h2", "rate", "every", "start",
    ]  # fmt: skip
    assert read("mode=magic&move=1-sideways&q-x=perhaps&picked=1", usual=frozenset()).mode is None


def test_a_change_is_read_from_what_was_chosen_last():
    def change(query):
        return studio_change.read(QueryDict(query), unit="mg", now_ug=14_500)

    assert change("").change is None and change("act=dance").change is None
    assert change("act=hold&days=14").change.days == 14
    assert change("act=end&to=20").wrong and change("act=end&to=5").change.to_ug == 5_000
    assert (change("d4=12").change.number, change("d4=12").change.dose_ug) == (4, 12_000)
    assert change("act=hold&was=move&d4=12").kind == "hold"
    assert change("act=smaller&rate=5%25").change.rate_percent == 5.0
    for query in ("act=hold&days=14", "act=slower&every=28", "act=smaller&rate=5%25", "act=end&to=5", "act=back", "d4=12"):
        assert change(change(query).query()).change == change(query).change


def test_patches_are_read_by_the_hour():
    entry = {"as_required": False, "dose_provenance": "text", "status": "current", "last_issued_on": "2026-05-20", "last_change_on": None}
    patches = entry | {"substance": "fentanyl patch", "started_on": "2025-01-01", "term": "", "dose_text": ""}
    assert studio_facts.taken(patches | {"daily_ug": 1_200}).dose_ug == 50
    both = studio_facts.taken(patches | {"daily_ug": 900})  # 12 and 25 micrograms an hour, 300 and 600 a day
    assert both.dose_ug == 37 and both.unit == "micrograms/hour"
    odd = studio_facts.taken(patches | {"daily_ug": 77})
    assert odd.dose_ug is None and "patches" in odd.ask
    for key, value in (("daily_ug", None), ("dose_provenance", "estimated"), ("as_required", True), ("status", "lapsed")):
        assert studio_facts.taken(patches | {"daily_ug": 1_200} | {key: value}).ask
