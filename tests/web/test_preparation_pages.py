"""The review bench, lists of a day, the prepared page, and questions answered beforehand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from io import BytesIO

import pytest
from django.urls import reverse

from ledger_world import PRACTICE, TODAY, World
from preparation_world import one_preparation_world
from privacy_support import join
from stepwell.errors import Refused
from stepwell.web.core.gate import AccessRefused
from stepwell.web.ledger import selectors as ledger
from stepwell.web.preparation import bench, questions, selectors, services
from stepwell.web.preparation.models import AnswerSheet, BenchEvent
from stepwell.web.privacy import restrict
from stepwell.web.privacy import services as privacy
from stepwell.web.week import services as week
from stepwell.web.week.rota import Cell
from taper_world import proposed
from web_support import recorded

pytestmark = pytest.mark.django_db

CONCERN = {"concerns": {"chosen": ["concern-side-effects"], "words": "It makes me sleepy at work"}}


@pytest.fixture(scope="module")
def made(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[World]:
    with django_db_blocker.unblock(), one_preparation_world(tmp_path_factory.mktemp("preparation")) as world:
        join(world, "clerk", "Kit Vale", PRACTICE, "practice manager")
        yield world


@pytest.fixture
def world(db, product_settings, settings, made) -> World:
    settings.AS_OF, settings.STORE = TODAY, str(made.store.path)
    made.settings = settings
    return made


def said(response) -> str:
    """What a page says, in one line."""
    body = re.sub(r"<(script|style)\b.*?</\1>", " ", response.content.decode(), flags=re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def page(world: World, who: str, address: str, *args, query: str = "") -> str:
    response = world.client(who).get(reverse(f"preparation:{address}", args=args) + query)
    assert response.status_code == 200
    return said(response)


def hide(world: World, name: str, *, kind: str, key: str) -> None:
    subject = ledger.subject_of(world.ids[name])
    privacy.mark_sensitive(world.actor("gp"), subject, kind=kind, key=key, organisations=[PRACTICE], why="asked for")


def answer(world: World, name: str = "Dee", who: str = "nurse", answers=None, **more) -> int:
    usual = {"way": "phone", "answered_on": TODAY, "by_person": False}
    return services.record_answers(world.actor(who), world.ids[name], CONCERN if answers is None else answers, **(usual | more))


# The bench


def test_the_bench_ranks_by_points_and_leaves_nobody_out(world):
    found = bench.candidates(bench.Asked(world.actor("gp"), TODAY))
    points = [one.points for one in found]
    assert {one.person_id for one in found} == {world.ids[name] for name in ("Dee", "Gus", "Nan")}
    assert points == sorted(points, reverse=True) and found[0].person_id == world.ids["Dee"]
    assert all(one.minutes for one in found) and found[0].duties


def test_what_does_not_fit_is_counted_dated_and_reachable(world):
    text = page(world, "pharmacist", "show_bench", query="?slots=1")
    assert "1 of 3 people who wait for a review fit today" in text and "2 people do not fit today" in text
    assert "Dee" in text and "Gus" not in text
    rest = page(world, "pharmacist", "show_bench", query="?slots=1&show=rest")
    assert "Gus" in rest and "Nan" in rest and "Tue 02-Jun-2026" in rest and "Wed 03-Jun-2026" in rest


def test_each_row_says_why_since_when_and_when_it_was_last_reviewed(world):
    text = page(world, "gp", "show_bench")
    assert "A fall in the last 12 months 2 (S4, mark P)" in text
    assert "diazepam 10 mg a day, since Mar-2025 (15 months)" in text
    assert "Opioid review, 10-Feb-2026" in text and "none on record" in text
    assert "(RDBZA, mark P)" in text and "a proposal of this project, without a published source; needs local approval" in text


def test_the_bench_asks_for_a_kind_or_a_register(world):
    assert "2 people wait" in page(world, "gp", "show_bench", query="?register=z-drug&slots=9")
    text = page(world, "gp", "show_bench", query="?review=antidepressant-review&slots=9")
    assert "Gus" in text and "Nan" not in text
    assert "Nobody waits for a review" in page(world, "gp", "show_bench", query="?register=lithium")
    assert "Looked for: reviews of medicines of people on the register Lithium" in page(
        world, "gp", "show_bench", query="?register=lithium"
    )


def test_minutes_of_a_review_are_those_of_its_longest_kind(world):
    found = {one.person_id: one for one in bench.candidates(bench.Asked(world.actor("gp"), TODAY))}
    assert "structured-medication-review" in found[world.ids["Dee"]].tests
    assert found[world.ids["Dee"]].minutes == 30 and found[world.ids["Nan"]].minutes == 20


def test_without_a_word_today_holds_what_the_rota_has(world):
    join(world, "manager of hours", "Ada Dunn", PRACTICE, "practice manager")
    week.set_hours(world.actor("manager of hours"), TODAY, {Cell(TODAY, "gp"): 50})
    text = page(world, "gp", "show_bench")
    assert "The rota has 50min for your role today" in text
    assert "2 of 3 people who wait for a review fit today" in text, "30 and 20 minutes"
    assert "No hours are on the rota for your role today: 6 reviews is where this page begins" in page(world, "nurse", "show_bench")


def test_only_who_reviews_medicines_sees_the_bench_and_it_is_recorded_who_was_shown(world):
    assert world.client("clerk").get(reverse("preparation:show_bench")).status_code == 403
    assert "Nobody waits" in page(world, "other gp", "show_bench")
    with recorded() as trail:
        page(world, "gp", "show_bench", query="?slots=1")
    assert [entry.person_ids for entry in trail if entry.kind == "read"] == [[world.ids["Dee"]]]


# Today's list


def test_a_list_is_worked_through_in_its_order_and_ticked_off(world):
    gp = world.actor("gp")
    assert services.put_on_list(gp, TODAY, [world.ids["Nan"], world.ids["Dee"]]) == 2
    assert services.put_on_list(gp, TODAY, [world.ids["Dee"], world.ids["Gus"]]) == 1, "who is on it stays where they are"
    assert selectors.next_on_list(gp, world.ids["Nan"], TODAY) == world.ids["Dee"]
    text = page(world, "gp", "show_prepared", world.ids["Dee"])
    assert "2 of 3 on your list" in text and "Previous P" in text and "Next N" in text
    services.move_on_list(gp, TODAY, world.ids["Dee"], up=True)
    assert [entry.person_id for entry in bench.list_of(gp, TODAY).entries] == [world.ids[name] for name in ("Dee", "Nan", "Gus")]
    listed = bench.list_of(gp, TODAY)
    from stepwell.web.ledger.models import Duty

    Duty.objects.filter(pk__in=listed.entries[0].duties).update(state="met")
    listed = bench.list_of(gp, TODAY)
    assert [entry.done for entry in listed.entries] == [True, False, False]
    assert (
        "1 of 3 reviews done" in page(world, "gp", "show_bench") and selectors.next_on_list(gp, world.ids["Dee"], TODAY) == world.ids["Nan"]
    )


def test_who_is_taken_off_keeps_their_place_on_the_bench(world):
    gp = world.actor("gp")
    services.put_on_list(gp, TODAY, [world.ids["Nan"]])
    with pytest.raises(Refused, match="Say why"):
        services.take_off_list(gp, TODAY, world.ids["Nan"], why=" ")
    address = reverse("preparation:take_off_list", args=[world.ids["Nan"]])
    with recorded() as trail:
        assert world.client("gp").post(address, {"why": "Asked for next week", "seen": "1"}).status_code == 302
    assert [entry.reason for entry in trail.writes()] == ["Taken off"]
    assert bench.list_of(gp, TODAY).entries == () and BenchEvent.objects.latest("pk").why == "Asked for next week"
    assert world.ids["Nan"] in {one.person_id for one in bench.candidates(bench.Asked(gp, TODAY))}


def test_a_list_that_changed_elsewhere_is_shown_and_not_written_over(world):
    services.put_on_list(world.actor("gp"), TODAY, [world.ids["Nan"]])
    response = world.client("gp").post(reverse("preparation:put_on_list"), {"person": [str(world.ids["Dee"])], "seen": "0"})
    assert response.status_code == 409 and "your list was changed after you opened this page" in said(response)
    assert len(bench.list_of(world.actor("gp"), TODAY).entries) == 1


def test_a_colleague_sees_whose_list_somebody_is_on(world):
    services.put_on_list(world.actor("gp"), TODAY, [world.ids["Dee"]])
    assert bench.list_of(world.actor("nurse"), TODAY).entries == ()
    assert "on the list of Dr Amara Osei" in page(world, "nurse", "show_bench")
    with pytest.raises(AccessRefused):
        services.put_on_list(world.actor("other gp"), TODAY, [world.ids["Dee"]])


# The prepared page


def test_the_prepared_page_answers_in_its_heading_and_says_where_it_comes_from(world):
    text = page(world, "gp", "show_prepared", world.ids["Dee"])
    assert re.search(r"(Two|Three|Four|Five|Six|Seven|Eight|Nine|Ten) reasons to review now", text)
    assert "diazepam down from 10 mg to 5 mg a day, 15-Nov-2023" in text
    assert "Fall last recorded 01-Mar-2026" in text and "Frailty since 01-Jan-2024" in text
    assert "eGFR 48 mL/min/1.73m² on 01-May-2026 (before: 55 on 01-May-2025)" in text or "eGFR 48" in text
    assert "Diazepam equivalent 10 mg a day" in text and "RDBZ, mark V" in text
    assert "Oral morphine 60 mg a day" in text and "mark V" in text
    assert "Start the review" in text and "Plan a reduction" in text and "Ask for advice" in text
    assert "What matters to them, what worries them, how they take it: nobody has asked beforehand" in text


def test_the_picture_comes_with_its_table(world):
    html = world.client("gp").get(reverse("preparation:show_prepared", args=[world.ids["Dee"]])).content.decode()
    assert '<svg class="sw-history"' in html and 'role="img"' in html
    text = said(world.client("gp").get(reverse("preparation:show_prepared", args=[world.ids["Dee"]])))
    for words in (
        "10-Jan-2024 in hospital",
        "03-Feb-2026 missed",
        "15-Nov-2023 dose down diazepam",
        "01-Aug-2025 letters",
        "01-Mar-2026 recorded Fall",
    ):
        assert words in text, words


def test_a_plan_to_reduce_is_told_on_the_bench_and_on_the_page(world):
    proposed(world, "Dee", dose_mg=10)
    assert "Diazepam: proposed since 01-Jun-2026" in page(world, "gp", "show_bench")
    text = page(world, "gp", "show_prepared", world.ids["Dee"])
    assert "Plan to reduce diazepam : proposed since 01-Jun-2026" in text and "planned from 10 mg to nothing" in text
    assert "A clear head for the allotment (plan of 01-Jun-2026)" in text


def test_what_is_not_known_is_shown_as_not_known(world):
    text = page(world, "gp", "show_prepared", world.ids["Wes"])
    assert "No medicine of the registers is taken now" in text and "eGFR never recorded: not known" in text
    assert "No medicine of the registers was ever supplied by the record. Looked for:" in text
    text = page(world, "gp", "show_prepared", world.ids["Nan"])
    assert "No problem list is on record, so nothing is ruled out" in text and "What it is for: zopiclone" in text


def test_opening_the_prepared_page_is_recorded(world):
    address = reverse("preparation:show_prepared", args=[world.ids["Dee"]])
    with recorded() as trail:
        world.client("gp").get(address)
    assert [entry.subject_id for entry in trail.reads_of(world.ids["Dee"])] == ["prepared review page"]


ADDRESSES = ("show_prepared", "take_off_list", "record_answers", "show_sheet", "print_sheet")


@pytest.mark.parametrize("address", ADDRESSES)
def test_nobody_else_opens_any_page_of_a_person(world, address):
    path = reverse(f"preparation:{address}", args=[world.ids["Dee"]])
    for who in ("other gp", "clerk", "link worker"):
        assert world.client(who).get(path).status_code == 403, who
    assert world.client("gp").get(reverse(f"preparation:{address}", args=[4711])).status_code == 404


def test_nobody_else_writes_anything_about_a_person(world):
    sheet, dee = answer(world), world.ids["Dee"]
    paths = [
        (reverse("preparation:put_on_list"), {"person": str(dee), "seen": "0"}),
        (reverse("preparation:move_on_list", args=[dee]), {"to": "up", "seen": "0"}),
        (reverse("preparation:take_off_list", args=[dee]), {"why": "x", "seen": "0"}),
        (reverse("preparation:take_back", args=[sheet]), {"why": "x"}),
        (reverse("preparation:record_answers", args=[dee]), {"way": "phone", "concerns__words": "x"}),
    ]
    for who in ("other gp", "clerk"):
        with recorded() as trail:
            assert [world.client(who).post(path, form).status_code for path, form in paths] == [403] * len(paths), who
        assert not trail.writes() and len(trail.refusals()) == len(paths)


# What is sensitive


def test_a_sensitive_entry_is_never_shown_and_its_guard_still_holds(world):
    gus = world.ids["Gus"]
    hide(world, "Gus", kind="medicine", key="zopiclone")
    person = ledger.person(gus)
    cut = restrict.cut_for(world.actor("pharmacist"), [person])[gus]
    whole, shown = selectors.history_of(gus, "sertraline", TODAY), selectors.history_of(gus, "sertraline", TODAY, cut=cut)
    assert "zopiclone" in whole.takes and "zopiclone" not in shown.takes
    assert whole.loads["diazepam-equivalent"] == 5_000 and shown.loads["diazepam-equivalent"] == 0
    text = page(world, "pharmacist", "show_prepared", gus)
    assert "zopiclone" not in text and "1 entry is restricted" in text
    assert "zopiclone" in page(world, "gp", "show_prepared", gus)
    text = page(world, "pharmacist", "show_bench", query="?register=antidepressant")
    assert "sertraline" in text and "zopiclone" not in text
    answer(world, "Gus", "gp", {"before-other": {"words": "The zopiclone helps"}, **CONCERN})
    told = page(world, "pharmacist", "show_prepared", gus)
    assert "zopiclone" not in told and "It makes me sleepy at work" in told


def test_history_of_says_what_the_record_knows(world):
    history = selectors.history_of(world.ids["Dee"], "diazepam", TODAY)
    assert (history.age, history.months, history.conditions_known) == (76, 15, True)
    assert history.conditions >= {"frailty", "fall", "anxiety"} and history.takes == {"morphine"}
    assert history.loads["oral-morphine"] == 60_000 and history.loads["antipsychotic-maximum"] == 0
    assert not history.long_acting_injection
    nan = selectors.history_of(world.ids["Nan"], "diazepam", TODAY)
    assert nan.months is None and not nan.conditions_known, "what the record does not know is not read as fine"


# Answered beforehand


def test_answers_are_written_down_shown_and_defaults_of_a_review(world):
    client, address = world.client("nurse"), reverse("preparation:record_answers", args=[world.ids["Dee"]])
    form = {
        "way": "phone", "answered_on-day": "1", "answered_on-month": "6", "answered_on-year": "2026", "helped_by": "her daughter",
        "concerns__chosen": ["concern-side-effects", "concern-dependency"], "concerns__words": "I am sleepy",
        "before-tried__words": "Twice",
    }  # fmt: skip
    with recorded() as trail:
        assert client.post(address, form).status_code == 302
    assert [entry.reason for entry in trail.writes()] == ["answers recorded"]
    assert selectors.answered(world.ids["Dee"], "concerns") == (["concern-side-effects", "concern-dependency"], "I am sleepy")
    text = page(world, "gp", "show_prepared", world.ids["Dee"])
    assert "side effects; becoming dependent; “I am sleepy”" in text and "with her daughter" in text and "Priya Nair" in text
    assert "Answered beforehand on 01-Jun-2026" in said(world.client("gp").get(reverse("patients:show_person", args=[world.ids["Dee"]])))


def test_answers_of_an_earlier_review_do_not_count_for_the_next(world):
    answer(world, answered_on=TODAY - timedelta(days=80))
    assert selectors.answers_of(world.ids["Dee"], since=TODAY - timedelta(days=7)) == []
    assert selectors.answered(world.ids["Dee"], "adherence") == ([], "")


def test_answers_are_corrected_and_taken_back_by_another_sheet(world):
    first = answer(world)
    second = answer(world, answers={"matters": {"chosen": ["matters-sleep"]}}, corrects=first)
    assert [sheet.pk for sheet in selectors.answers_of(world.ids["Dee"])] == [second]
    with pytest.raises(Refused, match="corrected these answers already"):
        answer(world, corrects=first)
    services.take_back_answers(world.actor("gp"), second, why="These were somebody else’s")
    assert selectors.answers_of(world.ids["Dee"]) == [] and AnswerSheet.objects.count() == 3


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"answers": {}}, "at least one answer"),
        ({"answers": {"nonsense": {"words": "x"}}}, "Nobody asks"),
        ({"answers": {"concerns": {"chosen": ["nonsense"]}}}, "cannot be chosen"),
        ({"answers": {"before-tried": {"words": "x" * 2000}}}, "at most 1,000"),
        ({"way": "pigeon"}, "how they answered"),
        ({"answered_on": TODAY + timedelta(days=1)}, "future"),
    ],
)
def test_what_cannot_be_an_answer_is_refused(world, wrong, told):
    with pytest.raises(Refused, match=told):
        answer(world, **wrong)


def test_a_person_may_answer_themselves_and_it_is_recorded_as_theirs(world):
    sheet = selectors.sheet_row(
        services.record_answers(
            None, world.ids["Dee"], CONCERN, way="own page", answered_on=TODAY, by_person=True, person_name="Dee Worked"
        )
    )
    assert (sheet.by_person, sheet.by_id, sheet.by_name) == (True, None, "Dee Worked")
    with pytest.raises(Refused, match="who wrote"):
        services.record_answers(None, world.ids["Dee"], CONCERN, way="phone", answered_on=TODAY, by_person=False)
    with pytest.raises(AccessRefused):
        answer(world, who="other gp")


def test_a_form_that_was_sent_wrongly_keeps_what_was_typed(world):
    response = world.client("nurse").post(
        reverse("preparation:record_answers", args=[world.ids["Dee"]]), {"concerns__words": "I am sleepy"}
    )  # fmt: skip
    assert response.status_code == 422
    text = response.content.decode()
    assert "Choose how they answered" in text and "I am sleepy" in text


def test_the_sheet_asks_in_plain_words_and_prints(world):
    text = page(world, "nurse", "show_sheet", world.ids["Dee"])
    for question in questions.questions():
        assert question.ask in text
    assert (
        "Do not stop or change a medicine because of this sheet" in text
        and "mark" not in text.split("Before we talk")[1].split("Bring this sheet")[0]
    )
    from pypdf import PdfReader

    made = world.client("nurse").get(reverse("preparation:print_sheet", args=[world.ids["Dee"]]) + "?print=large")
    assert made["Content-Type"] == "application/pdf" and "Dee" not in made["Content-Disposition"]
    words = " ".join(page.extract_text() for page in PdfReader(BytesIO(made.content)).pages)
    assert "Before we talk about your medicines" in words and "14 March 1950" in words


def test_day_and_dose_are_in_the_clinical_format(world):
    text = page(world, "gp", "show_prepared", world.ids["Dee"])
    assert not re.search(r"\d{4}-\d{2}-\d{2}", text) and date(2026, 6, 1).isoformat() not in text
