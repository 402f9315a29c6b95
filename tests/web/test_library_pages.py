"""The knowledge browser through Django: every entry has its page, every figure its source and mark, and searches find what they should."""

from __future__ import annotations

import html
import re
from datetime import date

import pytest

from stepwell import knowledge
from stepwell.knowledge import evidence
from stepwell.web.library.catalogue import KINDS, catalogue
from stepwell.web.library.pages import address
from web_support import build_network, session_cookie


@pytest.fixture
def network(db, settings):
    settings.AS_OF = date(2026, 11, 21)
    return build_network()


@pytest.fixture
def reader(network, client):
    cookie = session_cookie(network.members["nurse"])
    client.cookies[cookie["name"]] = cookie["value"]
    return client


def text(response) -> str:
    assert response.status_code == 200, response.status_code
    page = re.sub(r"<(script|style).*?</\1>", " ", response.content.decode(), flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


# Kinds whose entries are lines of one shape: every so many of them is looked at.
SAMPLED = {"review-part": 9, "support": 5}


@pytest.mark.parametrize("kind", KINDS)
def test_every_entry_has_a_page_that_names_its_sources_and_mark(reader, kind):
    of_kind = [(key, item) for (its_kind, key), item in catalogue().items.items() if its_kind == kind]
    for key, item in of_kind[:: SAMPLED.get(kind, 1)]:
        response = reader.get(address(kind, key))
        page = text(response)
        assert item.title in page, key
        entry = catalogue().entry(kind, key)
        for source in getattr(entry, "source", ()):
            assert source in page, (key, source)
        if item.mark:
            assert f"<strong>{item.mark}</strong>" in response.content.decode(), key


def test_every_table_shows_every_row_with_what_it_became(reader):
    for table in evidence.packaged().values():
        response = reader.get(f"/library/evidence/{table.name}")
        page = response.content.decode()
        assert page.count('<tr id="row-') == len(table.rows), table.name
        rows = re.findall(r'data-label="What it became">(.*?)</td>', page, flags=re.DOTALL)
        assert all(re.sub(r"<[^>]+>|\s", "", row) for row in rows), table.name


def test_a_medicine_shows_its_figures_each_with_source_and_mark(reader):
    page = text(reader.get("/library/medicine/olanzapine"))
    assert re.search(r"Maximum 20 mg a day .*? S02 .*? S92 ", page)
    assert "0402010" in page
    assert "Usual dose" in page
    for rule in ("Weight and BMI", "HbA1c, extra checks with olanzapine"):
        assert rule in page
    assert "antipsychotics, percent of the maximum" in page.lower()


def test_a_rule_of_reducing_shows_its_bounds_and_those_of_its_medicines(reader):
    page = text(reader.get("/library/taper-rule/benzodiazepine"))
    assert re.search(r"At most, of the dose being taken 25 % K", page)
    assert re.search(r"Diazepam: Band 40 to 20 mg by 2 to 4 mg .*?CKSBZ", page)
    assert "Not planned: alprazolam" in page and "not shown to lower relapse" in page
    medicine = text(reader.get("/library/medicine/zopiclone"))
    assert "Product: 3.75 mg tablets" in medicine and "dividing is off label" in medicine


def test_a_rule_reads_as_a_timetable(reader):
    page = text(reader.get("/library/rule/antipsychotic.weight"))
    assert "week 12 due 12 weeks after the start" in page
    assert "ongoing every 12 months" in page
    assert "Not for under 18" in page
    result = text(reader.get("/library/rule/lithium.level-high"))
    assert "Lithium level: 1 or more and under 1.5 mmol/L" in result


def test_a_rule_is_shown_with_its_worked_patients(reader):
    page = text(reader.get("/library/rule/antipsychotic.weight-3"))
    assert "Exactly 3 % is not more than 3 %." in page
    assert "weight 82.5 on 2026-03-02" in page


def test_what_needs_local_approval_says_so_until_the_organisation_approves(network, reader):
    page = text(reader.get("/library/rule/lithium.level-high"))
    assert "needs local approval" in page
    assert "needs local approval" not in text(reader.get("/library/rule/lithium.level-toxic")).split("Evidence")[0].split("When")[0]
    assert "needs local approval" in text(reader.get("/library?mark=approval"))
    from stepwell.web.ledger.approvals import approve_pack

    approve_pack(network.actor("gp"), version=knowledge.load().version, evaluate=False)
    assert "needs local approval" not in text(reader.get("/library/rule/lithium.level-high"))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=olanz", "Olanzapine"),
        ("q=0402010AB&kind=medicine", "Quetiapine"),
        ("q=R17&kind=rule", "lithium.level-high"),
        ("class=lithium&kind=rule", "lithium.calcium"),
        ("kind=interaction&q=lithium+nsaid", "IX5"),
        ("kind=source&q=CG178", "S04"),
    ],
)
def test_a_search_finds_it(reader, query, found):
    assert found in text(reader.get(f"/library?{query}"))


def test_filters_leave_out_what_does_not_fit(reader):
    page = text(reader.get("/library?class=lithium&kind=rule"))
    assert "clozapine.fbc" not in page
    assert text(reader.get("/library?q=no-such-thing-anywhere")).count("Nothing here") == 1


@pytest.mark.parametrize("wrong", ["/library/rule/no.such", "/library/nonsense/x", "/library/evidence/none"])
def test_what_does_not_exist_is_not_found(reader, wrong):
    assert reader.get(wrong).status_code == 404


def test_nothing_is_shown_to_who_is_not_signed_in(client, network):
    assert client.get("/library").status_code == 302
