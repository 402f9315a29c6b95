# ruff: noqa: E501
"""Acceptance line 6: every figure of the evidence is in the pack or left out with a reason, and a rendered page shows each figure of a
medicine, test and rule with its source id and mark."""

from __future__ import annotations

import csv
import html
import json
import re
import shutil
from pathlib import Path

import pytest

from stepwell import knowledge
from stepwell.cli import main
from stepwell.knowledge import check_evidence, evidence


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A copy of the pack that ships, to be broken."""
    return Path(shutil.copytree(knowledge.DATA, tmp_path / "pack"))


def _change(pack: Path, file: str, old: str, new: str) -> None:
    path = pack / file
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in {file}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def _report(pack: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict]:
    capsys.readouterr()
    status = main(["knowledge", "check", str(pack), "--json"])
    return status, json.loads(capsys.readouterr().out)


def _told(pack: Path, capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str, str]]:
    status, report = _report(pack, capsys)
    assert status == 1
    assert not report["errors"]
    return [(found["table"], found["row"], found["message"]) for found in report["unaccounted"]]


def test_every_row_is_in_the_pack_or_left_out_with_a_reason(pack, capsys):
    status, report = _report(pack, capsys)
    assert report["unaccounted"] == []
    assert status == 0
    counted = report["evidence"]
    tables = evidence.packaged()
    assert counted["rows"] == sum(len(table.rows) for table in tables.values()) > 1000
    assert counted["rows"] == counted["accounted"] + counted["left_out"] + counted["kept"]
    kept = {table.name for table in tables.values() if table.about.rows == "table" and not table.about.columns}
    assert counted["kept"] == sum(len(tables[name].rows) for name in kept)
    assert all(tables[name].about.kept for name in kept)


def test_every_table_brought_in_is_described_and_read():
    files = {path.stem for path in (knowledge.DATA / "evidence").glob("*.csv")} - {"accounting"}
    assert files == evidence.packaged().keys()


def test_a_row_that_is_forgotten_is_told(pack, capsys):
    path = pack / "evidence" / "accounting.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    forgotten = next(row for row in rows if row[:2] == ["thresholds_and_actions", "lithium level | >=1.5 or toxic signs at any level"])
    rows.remove(forgotten)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    assert [(table, row) for table, row, _ in _told(pack, capsys)] == [tuple(forgotten[:2])]


BROKEN = [
    # a figure of the pack, or of the table, that is not the other's
    ("maximum", "medicines/eight.yaml", "max_daily: {mg: 20,", "max_daily: {mg: 25,", "antipsychotics", "olanzapine", "the pack says 25"),
    ("factor", "evidence/ome_factors.csv", "oxycodone,oral,1.5,", "oxycodone,oral,2.0,", "ome_factors", "oxycodone | oral", "the pack says 1.5"),
    ("patch", "patches.yaml", "micrograms_an_hour: 75", "micrograms_an_hour: 57", "ome_patches", "fentanyl | 75", "the pack says"),
    ("equivalent", "loads.yaml", "medicine: temazepam\n        equals: 10", "medicine: temazepam\n        equals: 8", "benzodiazepine_equivalents", "temazepam", "says 8"),
    ("points", "loads.yaml", "medicine: paroxetine, points: 3", "medicine: paroxetine, points: 1", "anticholinergic_burden", "paroxetine", "says 1"),
    ("window", "medicines/long-acting.yaml", "window: {early: 2 days, late: 5 days", "window: {early: 2 days, late: 9 days", "long_acting_injections", None, "the pack says 9"),
    ("band", "rules/lithium.yaml", "band: {test: calcium, over: 2.6}", "band: {test: calcium, over: 2.8}", "thresholds_and_actions", "calcium (lithium) | adjusted >2.6", "2.6"),
    ("code", "evidence/antipsychotics.csv", "0402010A0", "0402010ZZ", "antipsychotics", "amisulpride", "the pack says 0402010A0"),
    ("dose line", "evidence/dose_thresholds.csv", "opioid,OME,300,", "opioid,OME,310,", "dose_thresholds", "opioid | OME | 310", "not accounted for"),
    ("source", "evidence/lithium_interactions.csv", ",S10,V", ",S010,V", "lithium_interactions", None, "'S010' is not a source"),
    ("entry", "evidence/accounting.csv", "rule lithium.level-toxic", "rule lithium.level-toxics", "thresholds_and_actions", None, "is no entry"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "table", "row", "words"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_a_figure_that_differs_is_told_with_its_row(pack, capsys, file, old, new, table, row, words):  # noqa: PLR0917
    _change(pack, file, old, new)
    told = _told(pack, capsys)
    assert any(found[0] == table and row in (None, found[1]) and words in found[2] for found in told), told


def test_a_reason_is_a_sentence_and_an_account_names_something():
    for account in evidence.accounts(knowledge.DATA):
        assert account.entries or len(account.left_out) > 10, account
        for written in account.entries:
            assert check_evidence.entry(knowledge.load(), written) is not None


def _parts(entry: object) -> list[tuple[list[str], str]]:
    """(source ids, mark) of every part of an entry that carries a figure."""
    found = []
    if hasattr(entry, "__struct_fields__"):
        if hasattr(entry, "source") and hasattr(entry, "mark"):
            found.append((entry.source, entry.mark))
        for name in entry.__struct_fields__:
            found += _parts(getattr(entry, name))
    elif isinstance(entry, list | tuple):
        for part in entry:
            found += _parts(part)
    return found


def _numbers(entry: object) -> set[str]:
    """The figures that a page must show, as it writes them."""
    shown: set[str] = set()
    if maximum := getattr(entry, "max_daily", None):
        shown |= {f"{maximum.mg:,g} mg"} if maximum.mg is not None else {maximum.none_because}
    if usual := getattr(entry, "usual_daily", None):
        shown |= {f"{usual.low:g} to {usual.high:g} mg a day"}
    if morphine := getattr(entry, "oral_morphine", None):
        shown |= {f"× {morphine.value:g}"}
    if injection := getattr(entry, "injection", None):
        shown |= {f"{injection.dose_from_mg:g} to {injection.dose_to_mg:g} mg"}
    if band := getattr(entry, "band", None):
        shown |= {f"{edge:g}" for edge in (band.low_from, band.low_over, band.high_to, band.high_under) if edge is not None}
    for groups in (getattr(entry, "applies", ()), getattr(entry, "unless", ()), getattr(entry, "sooner_when", ())):
        shown |= {when.label for group in groups for when in group}
    shown |= {point.point for point in getattr(entry, "points", ())}
    return shown


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["medicine", "test", "rule"])
def test_the_page_of_each_shows_every_figure_with_source_and_mark(client, settings, kind):
    from django.urls import reverse

    from web_support import TODAY, build_network, sign_in

    settings.AS_OF = TODAY
    sign_in(client, build_network().members["gp"])
    entries = {"medicine": knowledge.load().substances, "test": knowledge.load().tests, "rule": knowledge.load().rules}[kind]
    for key, entry in entries.items():
        response = client.get(reverse("library:show_entry", args=[kind, key]))
        assert response.status_code == 200, key
        page = html.unescape(response.content.decode())
        for ids, mark in _parts(entry):
            assert f"<strong>{mark}</strong>" in page, (key, mark)
            for source in ids:
                assert re.search(rf">{re.escape(source)}<", page), (key, source)
        for figure in _numbers(entry):
            assert figure in page, (key, figure)
