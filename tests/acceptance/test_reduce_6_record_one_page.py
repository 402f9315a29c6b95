"""Reduce 6: the defensible record of one antipsychotic reduction fits one A4 page and lacks nothing that theme 5c of S0 asks for.

Fear of blame keeps people on these medicines (S0, 5c). What the record must hold is the knowledge base's list; pages are counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO

import pytest
from pypdf import PdfReader

from advice_world import Still, open_desk
from ledger_world import TODAY, TRUST, World
from privacy_support import join
from reviews_world import (
    GENERAL,
    OLANZAPINE,
    RECORD_WORDS,
    day,
    form_of,
    one_reviews_world,
    raised,
    record_words,
    review,
    taper_olanzapine,
    text,
)
from stepwell import knowledge
from stepwell.knowledge.reviewing import parts_of
from stepwell.web.advice import services as advice
from stepwell.web.reviews import selectors
from stepwell.web.reviews.choices import choices
from stepwell.web.tapers import services as tapers
from stepwell.web.tapers.said import PlanWords
from taper_world import asked, planned

pytestmark = pytest.mark.django_db
A4_MM = (210, 297)


@pytest.fixture(scope="module")
def made(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[World]:
    with django_db_blocker.unblock(), one_reviews_world(tmp_path_factory.mktemp("record")) as world:
        join(world, "team manager", "Grace Adeyemi", TRUST, "team manager")
        yield world


@pytest.fixture
def world(db, product_settings, settings, made, monkeypatch) -> World:
    settings.AS_OF, settings.STORE = TODAY, str(made.store.path)
    made.settings = settings
    Still(monkeypatch)
    return made


def pages_of(response) -> list[str]:
    """The pages of a PDF as text, in one line each; each is A4."""
    reader = PdfReader(BytesIO(response.content))
    for page in reader.pages:
        assert tuple(round(float(side) / 72 * 25.4) for side in page.mediabox[2:]) == A4_MM
    return [" ".join(page.extract_text().split()) for page in reader.pages]


def smallest_font(response) -> float:
    """Points of the smallest letters on the page."""
    sizes: list[float] = []

    def look(text: str, _matrix, matrix, _font, size) -> None:
        if text.strip():
            sizes.append(abs(size * matrix[3]))

    for page in PdfReader(BytesIO(response.content)).pages:
        page.extract_text(visitor_text=look)
    return min(sizes)


def the_review(world: World):
    """An antipsychotic reduction with shared reasons, and a specialist's advice about it."""
    said = taper_olanzapine(
        **{
            f"{OLANZAPINE}harms": ["harm-weight", "harm-metabolic", "harm-relapse"],
            f"{OLANZAPINE}alternatives": ["alternative-talking", "alternative-peer"],
            "matters": ["matters-thinking", "matters-body"],
            "present": ["present-person", "present-family"],
            "present-words": "Her sister",
        }
    )
    return review(world, **said)


def test_the_record_of_a_reduction_is_one_page_and_lacks_nothing(world):
    desk = open_desk(world)
    gp, psychiatrist = world.actor("gp"), world.actor("psychiatrist")
    asked = advice.ask(gp, world.ids["Ada"], service_id=desk.id, kind="stop", substance="olanzapine", words="Two years well. Reduce?")
    advice.answer(psychiatrist, asked.question_id, advice.Answer("Reduce by a quarter every three months"))
    row, client = the_review(world), world.client("gp")
    address = f"/reviews/{row.pk}/record?medicine=olanzapine"
    page = client.get(address)
    assert "The record is complete: read it and sign" in text(page)
    words = {name: value for name, value in record_words().items() if not name.startswith("record-advice")}
    signed = client.post(address, form_of(page, **words, do="sign"))
    assert signed.status_code == 302, text(signed)
    record = selectors.records_of(row, "olanzapine")[0]
    assert record.missing == [] and record.number == 1

    pdf = client.get(f"/reviews/{row.pk}/record.pdf?medicine=olanzapine")
    pages = pages_of(pdf)
    assert len(pages) == 1 and smallest_font(pdf) >= 9
    for part in parts_of(knowledge.load(), "record"):
        assert part.label.split()[0] in pages[0], part.label
    for said in (
        "WORKED, Ada", "999 000 0018",  # whose it is
        "Reduce step by step: olanzapine", "10 mg a day",  # the decision
        "Weight gain; two years well.", "What matters: A clear head; Physical health and weight.",  # the reasoning
        RECORD_WORDS["record-options"], "Relapse while reducing",  # options and risks
        "In the RADAR trial of gradual reduction relapse was about doubled",  # evidence shown, also against
        "Reduce by a quarter every three months", "Dr Lena Hart, Northside CMHT", "question",  # advice obtained
        "Ada and her sister", "Consent: the person agreed", "Capacity: has capacity",  # who shared it
        "999, or the crisis line", "sleep changes; suspiciousness; voices",  # safety net and early signs
        "With severe symptoms return to the previous dose",  # the route back
        "Reviewed again on 29-Jun-2026 by Riverside Surgery", "signed by Dr Amara Osei (GP), Riverside Surgery, 01-Jun-2026 10:00",
    ):  # fmt: skip
        assert said in pages[0], said
    # Every figure of the knowledge base stands with its source and its mark.
    assert "(S30, mark S)" in pages[0] and "steps are so much of what they were: 50 %" in pages[0] and "(mark P)" in pages[0]
    assert "All but V need local approval" in pages[0]


def test_the_plan_stands_on_the_record_and_settles_what_the_review_asked_for(world):
    said = GENERAL | {
        "m.diazepam.decisions": "taper",
        "m.diazepam.reason": "Falls, and it no longer helps her sleep.",
        "m.diazepam.follow-up": day(14),
    }
    row, client = review(world, "Bo", kind="sedative", **said), world.client("gp")
    assert "reduction 1" in raised(world, "Bo")
    request = asked("diazepam", 10)
    tapers.propose(world.actor("gp"), world.ids["Bo"], request, planned(request), words=PlanWords(matters="Sleep"), review_id=row.pk)
    assert set(raised(world, "Bo")) == {"follow-up 1"}
    draft = pages_of(client.get(f"/reviews/{row.pk}/record.pdf?medicine=diazepam"))[0]
    assert "Plan (proposed): from 10 mg a day to nothing in" in draft and "the last on" in draft
    assert "Reasoned proposal; not shown to lower relapse (S29, mark V)" in draft


def test_with_every_box_full_it_still_fits(world):
    row, client = the_review(world), world.client("gp")
    address = f"/reviews/{row.pk}/record?medicine=olanzapine"
    full = "The person and the team weighed this with care and wrote it down. " * 9
    boxes = {f"{part.review_part}.words": full[: choices().record.words].strip() for part in parts_of(knowledge.load(), "record")}
    signed = client.post(address, form_of(client.get(address), **boxes, do="sign"))
    assert signed.status_code == 302, text(signed)
    assert len(pages_of(client.get(f"/reviews/{row.pk}/record.pdf?medicine=olanzapine"))) == 1


def test_what_does_not_fit_is_refused_with_how_much_and_nothing_is_lost(world):
    row, client = the_review(world), world.client("gp")
    address = f"/reviews/{row.pk}/record?medicine=olanzapine"
    long = "x" * (choices().record.words + 7)
    page = client.post(address, form_of(client.get(address), **record_words(record_risks=long), do="sign"))
    assert page.status_code == 422 and "Risks discussed: 7 characters too long" in text(page)
    assert form_of(page)["record-risks.words"] == [long]
    # All boxes full and every line of the record ticked: more than a page.
    every = {f"{part.review_part}.words": "word " * (choices().record.words // 5) for part in parts_of(knowledge.load(), "record")}
    ticked = {
        name: re.findall(rf'name="{re.escape(name)}" value="([^"]+)"', page.content.decode())
        for name in set(re.findall(r'name="([\w-]+\.lines)"', page.content.decode()))
    }
    page = client.post(address, form_of(page, **every, **ticked, do="sign"))
    assert page.status_code == 422 and re.search(r"It does not fit one A4 page: about \d+ characters too long", text(page)), text(page)[
        :900
    ]
    assert selectors.records_of(row, "olanzapine") == []


def test_missing_parts_are_named_before_it_is_signed(world):
    row, client = the_review(world), world.client("gp")
    address = f"/reviews/{row.pk}/record?medicine=olanzapine"
    page = client.get(address)
    assert "1 part of the record missing" in text(page) and "Missing: Advice obtained." in text(page) and "90 % complete" in text(page)
    refused = client.post(address, form_of(page, do="sign"))
    assert refused.status_code == 422 and "Advice obtained: this part is missing" in text(refused)
    draft = pages_of(client.get(f"/reviews/{row.pk}/record.pdf?medicine=olanzapine"))[0]
    assert "Draft, not signed. Missing: Advice obtained" in draft


def test_a_signed_version_stays_as_it_was_beside_the_next(world):
    row, client = the_review(world), world.client("gp")
    address = f"/reviews/{row.pk}/record?medicine=olanzapine"
    assert client.post(address, form_of(client.get(address), **record_words(), do="sign")).status_code == 302
    stale = form_of(client.get(address))
    again = client.post(address, form_of(client.get(address), **record_words(record_risks="Akathisia too."), do="sign"))
    assert again.headers["Location"].endswith("version=2&said=signed")
    assert client.post(address, stale | {"do": "sign"}).status_code == 409
    first, second = (text(client.get(f"{address}&version={number}")) for number in (1, 2))
    assert "Akathisia too." in second and "Akathisia too." not in first and "A newer version was signed" in first
    newest = pages_of(client.get(f"/reviews/{row.pk}/record.pdf?medicine=olanzapine"))[0]
    assert "Version 2, signed by Dr Amara Osei" in newest and "Before: version 1 signed by Dr Amara Osei" in newest
    # Others read it; only those who held the review write it.
    psychiatrist = world.client("psychiatrist")
    assert "Version 2, signed" in text(psychiatrist.get(address)) and psychiatrist.get(f"{address}&version=1").status_code == 200
    assert world.client("other gp").get(address).status_code == 403
