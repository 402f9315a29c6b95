"""The knowledge browser in a browser: several kinds of entry at two widths, through axe, and a search by keyboard."""

from __future__ import annotations

import pytest

from browser_fixtures import follow
from ledger_world import World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGES = {
    "library": "/library",
    "library-rules": "/library?kind=rule&class=lithium",
    "library-medicine": "/library/medicine/olanzapine",
    "library-injection": "/library/medicine/paliperidone long-acting injection",
    "library-rule": "/library/rule/antipsychotic.weight",
    "library-result": "/library/rule/lithium.level-high",
    "library-test": "/library/test/lithium-level",
    "library-load": "/library/load/diazepam-equivalent",
    "library-interaction": "/library/interaction/IX13b",
    "library-reducing": "/library/taper-rule/opioid",
    "library-source": "/library/source/S04",
    "library-evidence": "/library/evidence/lester_thresholds",
}
LONG = ("/library/evidence/monitoring_schedule", "/library/evidence/uk_products")  # too long for a picture


@pytest.fixture
def world(transactional_db, settings, tmp_path):
    return World(settings, tmp_path)


def test_pages_at_two_widths(world, signed_in_page, axe, screenshots):
    page = signed_in_page(world.members["gp"])
    for name, where in PAGES.items():
        assert page.goto(where).status == 200, where
        assert page.locator("h1").count() == 1
        screenshots(page, name)
        axe(page)
    page.set_viewport_size({"width": 390, "height": 900})
    for where in LONG:
        page.goto(where)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), where


def test_from_a_search_to_a_source_without_javascript(world, signed_in_page):
    page = signed_in_page(world.members["nurse"], scripts=False)
    page.goto("/library")
    page.get_by_label("Medicine, test, rule or code").fill("risperidone")
    follow(page.get_by_role("button", name="Find"))
    follow(page.get_by_role("link", name="Risperidone", exact=True))
    follow(page.get_by_role("link", name="Weight and BMI", exact=True))
    assert page.get_by_role("row", name="week 12 due").is_visible()
    follow(page.get_by_role("link", name="S04", exact=True).first)
    assert "CG178" in page.locator("h1").inner_text()
