"""Results over time: the sentence, the drawing, the bands of the knowledge base, the table, and what is recorded."""

from __future__ import annotations

import re
from datetime import date

import pytest

import web_support
from ledger_world import World
from stepwell.web.patients import chart, trends

ADA = [
    "female",
    "olanzapine 10 mg daily from 2023-04-01 every 28 days",
    "lithium 800 mg daily from 2024-01-10 every 28 days",
    "diagnosis bipolar on 2020-01-01",
    "weight 70 on 2024-06-01",
    "weight 84.2 on 2025-06-01",
    "hba1c 40 on 2024-06-01",
    "hba1c 49 on 2026-04-20",
    "lithium-level 0.6 on 2026-03-01",
    "weight 86 on 2026-04-20",
    "weight 60 on 2019-04-20",
]


@pytest.fixture
def world(db, settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Ada": ADA, "Bo": []})
    world.catch_up()
    return world


def page(world, name="Ada", query="", who="gp"):
    response = world.client(who).get(f"/patients/{world.ids[name]}/trends{query}")
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def words(markup: str) -> str:
    return re.sub(r"<[^>]+>", "", markup)


def test_each_test_has_a_sentence_a_drawing_and_its_table(world):
    found = page(world)
    assert "2 tests over time, 1 with a last result that asks for an action" in found
    assert "86 kg on 20-Apr-2026, 1.8 kg more than 10 months before; 3 results in 3 years, lowest 70, highest 86." in found
    assert found.count('class="sw-chart"') == 2
    table = found[found.index("3 results as a table") :]
    assert re.findall(r"<strong class=\"sw-nowrap\">([^<]+)</strong>", table)[:3] == ["86 kg", "84.2 kg", "70 kg"]
    assert "Lithium level <strong" in found  # one result is no trend


def test_bands_come_from_the_knowledge_base_with_source_and_mark(world):
    found = words(page(world))
    band = next(band for band in trends.bands("hba1c") if band.holds(49_000))
    assert f"{band.words}: {band.title}" in found and band.basis in found
    assert f"band that asks for an action: {band.title}" in found


def test_how_far_back_is_in_the_address(world):
    assert "lowest 60" in page(world, query="?years=all")
    assert "4 results on record" in page(world, query="?years=all")
    assert "3 results in 3 years" in page(world, query="?years=rubbish")


def test_duties_behind_a_trend_are_linked(world):
    found = page(world)
    weight = found[found.index('id="trend-weight"') :]
    duty = world.duty("Ada", "antipsychotic.weight", subject="olanzapine")
    assert f"/duties/{duty.pk}" in weight


def test_somebody_without_results(world):
    found = page(world, "Bo")
    assert "No test has two results to compare" in found and "No result with a value is on record" in found


def test_opening_it_is_recorded_and_refused_elsewhere(world):
    with web_support.recorded() as trail:
        page(world)
    (entry,) = trail.reads_of(world.ids["Ada"])
    assert entry.subject_id == "trends"
    assert world.client("other gp").get(f"/patients/{world.ids['Ada']}/trends").status_code == 403


def test_the_drawing_carries_nothing_a_strict_policy_refuses():
    points = [chart.Point(date(2025, 1, 1), 40.0, False), chart.Point(date(2026, 1, 1), 49.0, True)]
    strips = [chart.Strip("olanzapine <b>", date(2024, 1, 1), date(2026, 1, 1))]
    drawn = str(chart.draw(points, [chart.Region(48.0, None)], strips, start=date(2024, 6, 1), end=date(2026, 6, 1)))
    assert drawn.startswith("<svg") and "<script" not in drawn and "style" not in drawn and "<b>" not in drawn
    assert "olanzapine &lt;b&gt;" in drawn
    assert 'aria-hidden="true"' in drawn and drawn.count("aria-") == 1
