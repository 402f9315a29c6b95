"""Acceptance line 3 of the interface, letters: every mandatory heading says something or "not known: asked of …"; completeness by
team and month is a table and a chart that open the letters. The PDF and the FHIR document are in test_interface_3_documents.py.
"""

from __future__ import annotations

import re
from datetime import date

import pytest
from django.urls import reverse

import letters_world
from ledger_world import IRIS, PRACTICE, TRUST, World
from stepwell import knowledge
from stepwell.errors import Refused
from stepwell.web.letters import selectors, services
from stepwell.web.letters.compose import begun_by_hand
from stepwell.web.letters.models import Letter

pytestmark = pytest.mark.django_db

PEOPLE = {
    "Iris": IRIS,
    "Half": ["olanzapine 10 mg daily from 2023-04-01 every 28 days by trust", "weight 71 on 2023-04-01"],
    "Bare": ["on the caseload of trust from 2026-01-01"],
}


@pytest.fixture
def world(settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell(PEOPLE)
    world.catch_up()
    return world


KINDS = ("outpatient", "discharge", "shared care", "advice", "step-down")


@pytest.mark.parametrize("name", list(PEOPLE))
def test_every_mandatory_heading_is_filled_or_says_whom_was_asked(world, name):
    client, taken = world.client("gp"), [row["substance"] for row in _medicines(world, name)]
    assert set(KINDS) == set(begun_by_hand())
    for kind in KINDS:
        draft = letters_world.begun(world, name, kind=kind, about=taken)
        seen = selectors.content_of(draft).last
        with pytest.raises(Refused, match="Clinical summary"):
            services.send(world.actor("psychiatrist"), draft.pk, asked={}, seen=seen)
        letter = letters_world.sent(world, draft, asked="Dr Amara Osei")
        page = re.sub(r"\s+", " ", client.get(reverse("letters:show_letter", args=[letter.pk])).content.decode())
        _check(letter, kind, page)


def _check(letter, kind, page):
    mandatory = {part.heading for part in knowledge.load().letter_kinds[kind].parts if part.conformance == "mandatory"}
    said = {part.key: part for part in letter.parts}
    assert mandatory <= said.keys()
    for key in mandatory:
        part = said[key]
        assert part.heading in page
        if part.words:
            assert part.words[0].replace("'", "&#39;") in page
        else:
            assert part.says == "not known: asked of Dr Amara Osei"
    assert "Not known: asked of Dr Amara Osei" in page


def _medicines(world, name):
    from stepwell.web.ledger import selectors as ledger

    return ledger.person(world.ids[name]).medicines


def _month(world, day, *, summary):
    world.today = day
    draft = letters_world.begun(world)
    letters_world.saved(world, draft, {"clinical-summary": summary} if summary else {})
    return letters_world.sent(world, draft)


def test_completeness_by_team_and_month_is_a_table_and_a_chart_that_open_the_letters(world):
    letters = [_month(world, date(2026, 4, 7), summary=""), _month(world, date(2026, 6, 1), summary="Well.")]
    assert letters[0].percent < letters[1].percent
    assert [row["month"] for row in Letter.objects.order_by("month").values("month")] == [date(2026, 4, 1), date(2026, 6, 1)]
    client = world.client("gp")
    page = client.get(reverse("letters:show_measures")).content.decode()
    chart, table = re.search(r"<svg.*?</svg>", page, re.S)[0], re.search(r"<table.*?</table>", page, re.S)[0]
    for letter in letters:
        figure = f"{letter.percent} %"
        address = f"{reverse('letters:list_measured')}?team={TRUST}&month={letter.month.isoformat()[:7]}"
        for drawn in (chart, table):
            assert figure in drawn
            assert address.replace("&", "&amp;") in drawn
        behind = client.get(address).content.decode()
        assert reverse("letters:show_letter", args=[letter.pk]) in behind
        assert len(re.findall(r'href="/letters/\d+"', behind)) == 1


def test_the_score_and_the_receivers_word_stand_side_by_side(world):
    letter = _month(world, date(2026, 6, 1), summary="Well.")
    services.judge(world.actor("gp"), letter.pk, answer="no", missing=["stop-plan"])
    row = re.search(r"<tbody>.*?</tbody>", world.client("psychiatrist").get(reverse("letters:show_measures")).content.decode(), re.S)[0]
    assert f"{letter.percent} %" in row
    assert "yes 0, partly 0, no 1" in row
    assert letter.to_org == PRACTICE
