"""Line 7 of review and reduce: every clinical figure is rendered with its source id and mark, on the pages and in the text of the PDFs.

Entry by entry: what a page shows is read from the object that it was rendered from and from the plan, and each entry's words must have
exactly its own sources and mark as the first mark behind them. From the other side: a figure with a clinical unit that is neither the
person's own nor in anything that carries a mark is reported. And each mark on a page is read back to an entry of the knowledge base.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.template.backends.jinja2 import Template
from django.test import Client

from ledger_world import TODAY, World
from mark_support import BASIS, bare, basis, main_of, missing, rows_with, strays, unmarked_figures
from pack_support import text_of
from reviews_world import ADA, Still, form_of, record_words, review
from stepwell import knowledge
from stepwell.clinical.tapering.supply import supply
from stepwell.clinical.tapering.words import dose
from stepwell.knowledge.tapering import support_of
from stepwell.web.portal import services as portal
from stepwell.web.reviews import asks
from stepwell.web.tapers import checkins, selectors, support
from stepwell.web.tapers.checkins import Given
from stepwell.web.tapers.pack_words import pack_words
from taper_world import DEE, SAM, START, one_taper_world, reducing, row

pytestmark = pytest.mark.django_db
# What is the person's own on any page: days that were counted.
COUNTED = [
    r"overdue", r"\bdue \d", r"\bago\b",
    r"days? now\b|weeks? now\b", r"since \d\d-", r"reached on .* after", r"\bover \d+ (?:weeks|months)",
    r"^\d+ days$", r"^from then on$", r"% complete",
]  # fmt: skip


@pytest.fixture(scope="module")
def made(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[World]:
    people = {"Dee": DEE, "Sam": SAM, "Ada": ADA}
    with django_db_blocker.unblock(), one_taper_world(tmp_path_factory.mktemp("marks"), people) as world:
        yield world


@pytest.fixture
def world(db, product_settings, settings, made) -> World:
    settings.AS_OF, settings.STORE = TODAY, str(made.store.path)
    made.settings = settings
    return made


@pytest.fixture
def shown(monkeypatch) -> dict[str, Any]:
    """What the last page was rendered from."""
    found: dict[str, Any] = {}
    render = Template.render

    def kept(self, context=None, request=None):
        if request is not None:
            found.clear()
            found.update(context or {})
        return render(self, context, request)

    monkeypatch.setattr(Template, "render", kept)
    return found


def checked(response: Any, told: list[tuple[str, Any]], own: list[str] = (), doses: list[str] = ()) -> None:
    """Every entry has its mark, every mark its entry, every figure one of both."""
    text, page = text_of(response), main_of(response)
    assert len(told) > 1
    assert missing(text, told) == []
    assert strays(text) == []
    assert unmarked_figures(page, [*COUNTED, *own], doses) == []


def doses_of(plan: Any) -> list[str]:
    return ["0 mg", *(dose(step.built.dose_ug) for step in plan.steps if step.built.dose_ug)]


def steps_of(plan: Any, last: int | None = None) -> list[tuple[str, Any]]:
    return [("0 mg" if not step.built.dose_ug else dose(step.built.dose_ug), step.rule) for step in plan.steps[:last]]


def steps_marked(page: Any, steps: Any) -> list[str]:
    """Doses of steps that no row shows together with their rule's mark."""
    return [
        words
        for words, rule in ((dose(step.built.dose_ug), step.rule) for step in steps if step.built.dose_ug)
        if not any(basis(rule) in each for each in rows_with(page, words))
    ]


def supported(plan: Any, *parts: Any, plain: bool = True) -> list[tuple[str, Any]]:
    known = knowledge.load()
    key = known.taper_rule_of(plan.medicine).taper_rule  # type: ignore[union-attr]
    found = [each for part in parts for each in support_of(known, part, key)]
    return [(each.plain if plain else each.words, each) for each in found if each.plain or not plain]


def said(*keys: str) -> list[tuple[str, Any]]:
    return [(each.words.format(name="Dr Amara Osei"), each) for key, each in pack_words().said.items() if key.startswith(keys)]


def test_what_lacks_its_mark_is_found():
    entry = next(iter(knowledge.load().taper_support.values()))
    text = f"{entry.words} ({basis(entry)})"
    assert missing(text, [(entry.words, entry)]) == strays(text) == []
    assert missing(entry.words, [(entry.words, entry)])
    assert missing(text.replace(f"mark {entry.mark}", "mark Q"), [(entry.words, entry)])
    assert missing(f"{entry.words} (S1, mark V) ({basis(entry)})", [(entry.words, entry)])
    assert strays(text.replace(entry.source[0], "ZZZ9")) == [f"ZZZ9{text[text.index(basis(entry)) + len(entry.source[0]) : -1]}"]
    assert bare("a week (mark K)") == ["markK)"]


def test_a_figure_without_a_mark_is_found():
    class Page:
        content = (
            b"<main><ul><li>at most 10 % a step (NG222, mark V)</li><li>at most 25 % a step</li><li>20 mg</li></ul>"
            b"<table><tr><td>4 weeks</td><td>(S57, mark S)</td></tr><tr><td>due 8 weeks ago</td></tr></table></main>"
        )

    assert unmarked_figures(main_of(Page), ["ago"], ["20 mg"]) == ["25 % in: at most 25 % a step"]


def test_the_studio(world, shown):
    client = world.client("gp")
    for name, medicine in (("Dee", "diazepam"), ("Sam", "sertraline")):
        response = client.get(f"/patients/{world.ids[name]}/reduce/{medicine}")
        page = shown["page"]
        offers, plan = page.offers, page.plan
        told = [(each.label, each) for each in (*offers.rates, *offers.intervals, *offers.products) if each.source]
        told += [(each.words, each) for each in offers.modes]
        told += [(plan.bound.words, plan.bound)] + [(one.words, one.rule) for one in page.drawn.warnings]
        told += [(one.ask, one.rule) for one in page.questions] + [(note.words, note) for note in page.taken.rule.notes]
        told += [(each.rule.words, each.rule) for each in page.rows]
        if page.occupancy:
            told += [(f"occupancy about {each.occupancy}", page.occupancy) for each in page.rows if each.occupancy]
        checked(response, told, CHOICES, ["20 mg", *doses_of(plan)])
        assert steps_marked(main_of(response), plan.steps) == []


def test_the_plan_its_acts_and_a_change_in_the_studio(world, shown):
    plan_id = reducing(world)
    plan, client = selectors.version_of(row(plan_id)), world.client("gp")
    world.today = START + timedelta(14)
    checkins.record(world.actor("nurse"), plan_id, Given(rating=7, decided="hold", why="sleep", scores=scores(plan)))
    plan = selectors.version_of(row(plan_id))
    response = client.get(f"/reductions/{plan_id}")
    page, box = shown["page"], shown["compares_with"]
    told = [
        (plan.bound.words, plan.bound),
        *[(each.words, each.rule) for each in plan.warnings],
        *[(s.rule.words, s.rule) for s in plan.steps],
    ]
    told += supported(plan, "wording", plain=False) + [(each.label, each) for each in page.safety]
    told += [(line.meant, line.meant_of) for line in page.checks] + [
        (f"{what} ({meant}", band) for what, meant, band in page.checks[0].scores if band
    ]
    told += [(f"{result.label} {words}", result) for _, result, words in box.published]
    checked(response, told, OWN_PLAN, ["20 mg", *doses_of(plan)])
    assert steps_marked(main_of(response), plan.steps) == []

    for key in ("go-on", "slower", "leave"):
        response = client.get(f"/reductions/{plan_id}/{key}")
        told = [(line.step.rule.words, line.step.rule) for line in shown["preview"]]
        told += [(each.meaning, each) for each in support.outcomes()] if key == "leave" else []
        checked(response, told, OWN_PLAN, ["20 mg", *doses_of(plan)] + [line.dose for line in shown["preview"]])

    response = client.get(f"/reductions/{plan_id}/studio")
    page = shown["page"]
    told = [(page.shown.bound.words, page.shown.bound), *[(each.rule.words, each.rule) for each in page.rows]]
    checked(response, told, [*OWN_PLAN, *CHOICES], ["20 mg", *doses_of(plan), *doses_of(page.shown)])


# A choice stands in a list and on a button by its words alone; the same words stand with their mark under "where the choices come from".
CHOICES = [r"^Every \d+ (?:days|weeks)", r"^Slower: every", r"^(?:Smaller: )?\d+ % of the \w+ dose", r"End at", r"(?:more|less) on \d\d-"]
OWN_PLAN = [
    r"^Hold for",
    r"^Hold \d+ days more",
    r"at this dose for",
    r"after the change of|after a change",
    r"Step back up",
    r"standing still",
]


def scores(plan: Any) -> dict[str, int]:
    return {scale.scale: scale.high // 2 for scale in support.scales(plan.medicine) if scale.enter != support.RATING}


def test_the_check_in_and_relapse_or_withdrawal(world, shown):
    plan_id = reducing(world)
    plan, client = selectors.version_of(row(plan_id)), world.client("nurse")
    response = client.get(f"/reductions/{plan_id}/check-in")
    rating = shown["rating"]
    told = [(f"{band.low} to {band.high}: {band.label}", band) for band in rating.bands]
    told += [(each.words, each) for each in (*shown["expect"], *shown["steps_back"])] + [(each.label, each) for each in shown["symptoms"]]
    told += [(each.label, each) for each in shown["safety"]]
    for scale in shown["form"].scales:
        told += [(f"{scale.label}: {scale.low} to {scale.high}", scale)]
        told += [(f"{band.low} to {band.high}: {band.label}", band) for band in scale.bands]
    checked(response, told, OWN_PLAN, doses_of(plan))

    contrasts = support.contrasts("diazepam")
    response = client.get(f"/reductions/{plan_id}/relapse-or-withdrawal")
    told = [(each.words, each) for each in contrasts] + [(each.label, each) for each in shown["safety"]]
    checked(response, told, CONTRASTED, doses_of(plan))
    sides = ["withdrawal", "relapse", "unknown"]
    answered = {f"c-{each.support}": sides[number % 3] for number, each in enumerate(contrasts)}
    response = client.post(f"/reductions/{plan_id}/relapse-or-withdrawal", answered)
    found = shown["telling"]
    told = [(point.words, point) for point in (*found.withdrawal, *found.relapse, *found.unknown)]
    told += [(each.words, each) for each in shown["ends"]]
    checked(response, told, CONTRASTED, doses_of(plan))


# The answers of a contrast stand as choices over its mark.
CONTRASTED = [*OWN_PLAN, *(side for each in knowledge.load().taper_support.values() for side in (each.withdrawal, each.relapse) if side)]


def test_the_pack_as_pages_and_as_pdfs(world):
    plan_id = reducing(world)
    plan, client, known = selectors.version_of(row(plan_id)), world.client("gp"), knowledge.load()
    sheet = [*steps_of(plan), *supported(plan, "expect", "step-back", "safety-net", "comfort", "wording"), *said("person")]
    for path in ("", "/pdf"):
        text = text_of(client.get(f"/reductions/{plan_id}/pack{path}"))
        assert missing(text, sheet) == [], path
        assert (strays(text), bare(text)) == ([], []), path

    near = [(line.quantity, line.rule) for line in supply(plan, known)[:6]]
    whole = [(plan.bound.words, plan.bound), *supported(plan, "hold", "step-back", "safety-net", "wording", plain=False)]
    for path in ("/practice", "/practice/pdf"):
        text = text_of(client.get(f"/reductions/{plan_id}/pack{path}"))
        assert missing(text, [*steps_of(plan), *near, *said("copies"), *whole]) == [], path
        assert (strays(text), bare(text)) == ([], []), path
    for path in ("/pharmacy", "/pharmacy/pdf"):
        text = text_of(client.get(f"/reductions/{plan_id}/pack{path}"))
        assert missing(text, [*steps_of(plan), *near, *said("copies")]) == [], path
        assert (strays(text), bare(text)) == ([], []), path
    text = text_of(client.get(f"/reductions/{plan_id}/pack/supply"))
    assert missing(text, [*steps_of(plan), *near]) == []
    assert (strays(text), bare(text)) == ([], [])
    for path in ("", "/practice", "/pharmacy", "/supply"):
        page = main_of(client.get(f"/reductions/{plan_id}/pack{path}"))
        assert unmarked_figures(page, [*COUNTED, *PACKED], doses_of(plan)) == [], path


def test_the_persons_own_page(world):
    plan_id = reducing(world)
    plan, phone = selectors.version_of(row(plan_id)), Client()
    code = portal.give(world.actor("gp"), world.ids["Dee"]).code
    phone.post("/my/sign-in", {"code": code, "born-day": "2", "born-month": "2", "born-year": "1959"})
    told = {
        "": [*steps_of(plan, 2), *supported(plan, "safety-net")],
        "calendar": [*steps_of(plan), *supported(plan, "expect", "step-back", "safety-net", "comfort", "wording")],
        "slow-down": steps_of(plan, 1),
        "something-is-wrong": supported(plan, "safety-net"),
        "check-in": supported(plan, "symptom"),
    }
    for path, figures in told.items():
        text = text_of(phone.get(f"/my/{path}"))
        assert missing(text, figures) == [], path
        assert (strays(text), bare(text)) == ([], []), path


# Strengths are listed over the sentence with their mark; the text of a prescription is copied whole, and its mark stands in the line below.
PACKED = [r"first needed on", r": take .* Supply "]


def test_the_bench_and_the_prepared_page(world, shown):
    client = world.client("gp")
    response = client.get("/review-bench?slots=20")
    rows = shown["page"].rows
    told = [(label, of) for each in rows for label, _, of in (*each.reasons, *each.more_reasons) if of]
    checked(response, [(label, Sourced(of)) for label, of in told], PREPARED)

    response = client.get(f"/review-bench/people/{world.ids['Dee']}")
    page = shown["page"]
    told = [(str(duty.facts_marked), of) for duty, of in page.reason_lines if of]
    told += [(flag.label, flag.basis) for flag in page.flags if flag.basis] + [(label, of) for label, _, of in page.points if of]
    told += [(each.about.harm, of) for each, of in (*page.serious, *page.moderate) if each.about and of]
    checked(response, [(words, Sourced(of)) for words, of in told], PREPARED, ["20 mg", "100 mg"])
    assert "needs local approval" in text_of(response)


class Sourced:
    """A basis of the bench as entries have theirs."""

    def __init__(self, of: Any) -> None:
        self.source, self.mark = of.sources, of.mark


# Doses and days of the record.
PREPARED = [r"a day, since", r"since \w\w\w-\d{4}", r"^\d+ (?:months|weeks|days)$"]


def test_the_review_and_the_defensible_record(world, shown, monkeypatch):
    Still(monkeypatch)
    client = world.client("gp")
    response = client.post(f"/patients/{world.ids['Ada']}/reviews/new", follow=True)
    medicines, known = shown["medicines"], knowledge.load()
    told = [(text, Told(of)) for each in medicines for text, of in each.rule]
    told += [(f"{label}: ", Told(of)) for each in medicines for label, entries, of in each.bases if not entries or entries == "all"]
    told += [(f"{label}, {entries}", Told(of)) for each in medicines for label, entries, of in each.bases if entries and entries != "all"]
    checked(response, told, REVIEWED)
    assert "All but V need local approval" in text_of(response)

    assert missing(text_of(response), [(each.why, each) for each in shown["kinds"]]) == []

    held = review(world, who="psychiatrist")
    client, address = world.client("psychiatrist"), f"/reviews/{held.pk}/record?medicine=olanzapine"
    response = client.get(address)
    parts = shown["parts"]
    lines = [line for part in parts for line in part.offered if "mark " in line.basis]
    checked(response, [(line.text, Told(line.basis)) for line in lines], REVIEWED)
    assert client.post(address, form_of(response, **record_words(), do="sign")).status_code == 302
    taken = [line for part in parts for line in part.offered if "mark " in line.basis and line.key in part.taken]
    assert len(taken) > 3
    for path in (
        f"/reviews/{held.pk}/record?medicine=olanzapine&version=1",
        f"/reviews/{held.pk}/record.pdf?medicine=olanzapine&version=1",
    ):
        text = text_of(client.get(path))
        assert missing(text, [(line.text.rstrip("."), Told(line.basis)) for line in taken], 900) == [], path
        assert strays(text) == [], path
    assert asks.basis(known.review_kinds["annual"])


# What the record says, an example of how a day is typed, and kinds of review in the list whose mark stands under "what each kind is for".
REVIEWED = [r"a day, since", r"for example 3 months", *(f"^{each.label}$" for each in knowledge.load().review_kinds.values())]


class Told:
    """`S57, NG222, mark V` as an entry has it."""

    def __init__(self, text: str) -> None:
        *source, mark = text.split(", ")
        self.source, self.mark = source, mark.removeprefix("mark ")


def test_the_outcomes(world, shown):
    reducing(world)
    response = world.client("gp").get("/outcomes")
    page = shown["page"]
    told = [(each.known.meaning, each.known) for each in page.rows]
    told += [(result.label, result) for service in page.services for result in service.results]
    told += [(service.about, service) for service in page.services]
    checked(response, told, OUTCOMES)
    response = world.client("gp").get("/outcomes/released")
    assert unmarked_figures(main_of(response), [*COUNTED, *OUTCOMES]) == []
    assert len(BASIS.findall(text_of(response))) > 1


# Periods to choose, and how long plans took.
OUTCOMES = [r"^\d+ months$", r"^median"]
