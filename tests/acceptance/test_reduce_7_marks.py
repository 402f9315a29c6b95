"""Line 7 of review and reduce: every clinical figure is rendered with its source id and mark, on the pages and in the text of the PDFs.

What must stand there is read from the knowledge base and from the plan that was made of it, never from the views. Of every page the
marks are also read back: each names sources that exist, in a pair of sources and mark that an entry of the knowledge base has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
import pytest

from ledger_world import TODAY, World
from pack_support import text_of
from stepwell import knowledge
from stepwell.clinical.tapering.supply import supply
from stepwell.clinical.tapering.words import dose
from stepwell.knowledge.tapering import support_of
from stepwell.web.ledger.known import MARKS
from stepwell.web.tapers import selectors
from stepwell.web.tapers.pack_words import pack_words
from taper_world import one_taper_world, reducing, row

pytestmark = pytest.mark.django_db
# (S57, NG222, mark V) with what the pages add to it.
BASIS = re.compile(r"\(?((?:[A-Z][\w.-]*(?: ?, ?))*)mark ([A-Z])\b")
NEAR = 180  # characters between a figure and its mark: the words of a step, its products and its notes


@pytest.fixture(scope="module")
def made(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[World]:
    with django_db_blocker.unblock(), one_taper_world(tmp_path_factory.mktemp("marks")) as world:
        yield world


@pytest.fixture
def world(db, product_settings, settings, made) -> World:
    settings.AS_OF, settings.STORE = TODAY, str(made.store.path)
    made.settings = settings
    return made


@cache
def pairs() -> frozenset[tuple[frozenset[str], str]]:
    """Sources and mark of everything that the knowledge base says, and of the words of the pack."""
    known = knowledge.load()
    found = set(_pairs([getattr(known, name) for name in dir(known) if not name.startswith("_")]))
    return frozenset(found | set(_pairs(pack_words().said)))


def _pairs(thing: Any) -> Iterator[tuple[frozenset[str], str]]:
    if isinstance(thing, msgspec.Struct):
        if hasattr(thing, "mark") and hasattr(thing, "source"):
            yield named(thing.source), thing.mark
        thing = [getattr(thing, name) for name in thing.__struct_fields__]
    if isinstance(thing, Mapping):
        thing = list(thing.values())
    if isinstance(thing, list | tuple | set | frozenset):
        for each in thing:
            yield from _pairs(each)


def named(source: Iterable[str]) -> frozenset[str]:
    """Sources without the marks that may stand in their place."""
    return frozenset(each for each in source if each not in MARKS)


def basis(of: Any) -> str:
    """What must stand behind a figure."""
    return ", ".join([*(each for each in of.source if each not in MARKS), f"mark {of.mark}"])


def tight(text: str) -> str:
    """Without any space: pages and PDFs break lines differently."""
    return re.sub(r"\s+", "", text)


def missing(text: str, told: Sequence[tuple[str, Any]], near: int = NEAR) -> list[str]:
    """Of these words those that stand nowhere with their source and mark shortly behind them."""
    packed, found = tight(text), []
    for words, of in told:
        places = [place.end() for place in re.finditer(re.escape(tight(words)), packed, re.IGNORECASE)]
        if not any(tight(basis(of)) in packed[place : place + near] for place in places):
            found.append(f"{words} ({basis(of)})")
    return found


def strays(text: str) -> list[str]:
    """Marks on a page that nothing in the knowledge base stands behind."""
    return [
        found[0] for found in BASIS.finditer(text)
        if (named(each for each in re.split(r" ?, ?", found[1]) if each), found[2]) not in pairs()
    ]  # fmt: skip


def bare(text: str) -> list[str]:
    """Marks that need local approval and do not say so."""
    return [found[0] for found in re.finditer(r"mark([SKCDP])\)", tight(text))]


def steps_of(plan: Any, last: int | None = None) -> list[tuple[str, Any]]:
    return [("0 mg" if not step.built.dose_ug else dose(step.built.dose_ug), step.rule) for step in plan.steps[:last]]


def supported(plan: Any, *parts: Any, plain: bool = True) -> list[tuple[str, Any]]:
    known = knowledge.load()
    key = known.taper_rule_of(plan.medicine).taper_rule  # type: ignore[union-attr]
    found = [each for part in parts for each in support_of(known, part, key)]
    return [(each.plain if plain else each.words, each) for each in found if each.plain or not plain]


def test_what_lacks_its_mark_is_found():
    entry = next(iter(knowledge.load().taper_support.values()))
    text = f"{entry.words} ({basis(entry)})"
    assert missing(text, [(entry.words, entry)]) == strays(text) == []
    assert missing(entry.words, [(entry.words, entry)])
    assert strays(text.replace(entry.source[0], "ZZZ9")) == [f"(ZZZ9{text[text.index(basis(entry)) + len(entry.source[0]) : -1]}"]
    assert bare("a week (mark K)") == ["markK)"]


def test_the_studio_and_the_plan(world):
    plan_id = reducing(world)
    plan = selectors.version_of(row(plan_id))
    page = text_of(world.client("gp").get(f"/reductions/{plan_id}"))
    assert missing(page, [*steps_of(plan), (plan.bound.words, plan.bound), *[(each.words, each.rule) for each in plan.warnings]], 400) == []
    assert missing(page, supported(plan, "wording", plain=False)) == []
    assert strays(page) == []
    drawn = text_of(world.client("gp").get(f"/patients/{world.ids['Sam']}/reduce/sertraline"))
    assert len(BASIS.findall(drawn)) > 5
    assert strays(drawn) == []


def test_the_pack_as_pages_and_as_pdfs(world):
    plan_id = reducing(world)
    plan, client, known = selectors.version_of(row(plan_id)), world.client("gp"), knowledge.load()
    sheet = [*steps_of(plan), *supported(plan, "expect", "step-back", "safety-net", "comfort", "wording")]
    sheet += [(each.words.format(name="Dr Amara Osei"), each) for key, each in pack_words().said.items() if key.startswith("person")]
    for path in ("", "/pdf"):
        text = text_of(client.get(f"/reductions/{plan_id}/pack{path}"))
        assert missing(text, sheet) == [], path
        assert (strays(text), bare(text)) == ([], []), path

    near = [(line.quantity, line.rule) for line in supply(plan, known)[:6]]
    copies = [(each.words.format(name="Dr Amara Osei"), each) for key, each in pack_words().said.items() if key.startswith("copies")]
    whole = [(plan.bound.words, plan.bound), *supported(plan, "hold", "step-back", "safety-net", "wording", plain=False)]
    for path in ("/practice", "/practice/pdf"):
        text = text_of(client.get(f"/reductions/{plan_id}/pack{path}"))
        assert missing(text, [*steps_of(plan), *near, *copies, *whole]) == [], path
        assert (strays(text), bare(text)) == ([], []), path
    for path in ("/pharmacy", "/pharmacy/pdf"):
        text = text_of(client.get(f"/reductions/{plan_id}/pack{path}"))
        assert missing(text, [*steps_of(plan), *near, *copies]) == [], path
        assert (strays(text), bare(text)) == ([], []), path
    text = text_of(client.get(f"/reductions/{plan_id}/pack/supply"))
    assert missing(text, [*steps_of(plan), *near]) == []
    assert (strays(text), bare(text)) == ([], [])


def test_the_prepared_page_and_the_review(world):
    client = world.client("gp")
    prepared = text_of(client.get(f"/review-bench/people/{world.ids['Dee']}"))
    assert len(BASIS.findall(prepared)) > 5
    assert strays(prepared) == []
    assert "needs local approval" in prepared
    started = client.post(f"/patients/{world.ids['Dee']}/reviews/new", follow=True)
    review = text_of(started)
    assert len(BASIS.findall(review)) > 5
    assert strays(review) == []
    assert "All but V need local approval" in review
