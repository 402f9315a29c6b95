"""Lists as files: no cell runs in a spreadsheet, whatever names hold; nothing is lost on the way through a parser."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET
import zipfile
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.web.core import exports
from stepwell.web.core.exports import Sheet

NASTY = [
    "=1+1",
    "=HYPERLINK(\"http://example.org\",\"click\")",
    "+44 1632 960001",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "  =1+1",
    "＝1+1",
    "｛=1}",
    "=cmd|' /C calc'!A0",
    "O'Neil, \"Sue\"",
    "two\nlines",
    "two\r\nlines",
    "emoji 👩🏽‍⚕️ and Łódź",
    "semi;=1+1",
    "",
    "'already",
    "tab\there",
]  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
NUMBERS = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def csv_rows(sheet: Sheet, **options) -> list[list[str]]:
    data = b"".join(exports.csv_lines(sheet, **options)).decode()
    return list(csv.reader(io.StringIO(data.removeprefix(exports.BOM), newline="")))


def workbook(sheet: Sheet) -> tuple[str, list[list[tuple[str, str]]], str]:
    """(name of the sheet, rows of (type, text), the sheet as XML)."""
    to = io.BytesIO()
    exports.write_workbook(sheet, to)
    with zipfile.ZipFile(to) as file:
        assert not [name for name in file.namelist() if "vba" in name.lower() or "external" in name.lower()]
        xml = file.read("xl/worksheets/sheet1.xml").decode()
        name = ET.fromstring(file.read("xl/workbook.xml")).find(f".//{NUMBERS}sheet").get("name")
    rows = []
    for row in ET.fromstring(xml).iter(f"{NUMBERS}row"):
        cells = []
        for cell in row:
            text = cell.findtext(f"{NUMBERS}v") or cell.findtext(f"{NUMBERS}is/{NUMBERS}t") or ""
            cells.append((cell.get("t") or "n", text))
        rows.append(cells)
    return name, rows, xml


@pytest.mark.parametrize("name", NASTY)
def test_no_cell_of_csv_begins_a_formula_and_the_text_comes_back(name):
    [_, [cell, number, day]] = csv_rows(Sheet("List", ("Name", "Number", "Day"), [(name, -5, date(2026, 6, 1))]))
    assert not cell.startswith(FORMULA) and not cell.lstrip(" \xa0").startswith(FORMULA)
    assert cell in (name, f"'{name}"), "an apostrophe is all that may be added"
    assert (number, day) == ("-5", "2026-06-01"), "a number is a number, a day reads by machines"


@pytest.mark.parametrize("name", NASTY)
def test_a_workbook_holds_text_as_text(name):
    _, rows, xml = workbook(Sheet("List", ("Name", "Number", "Day"), [(name, -5, date(2026, 6, 1))]))
    assert "<f>" not in xml and "<f " not in xml and "<hyperlink" not in xml.lower()
    head, row = rows
    assert [text for _, text in head] == ["Name", "Number", "Day"]
    texts = [cell for cell in row if cell[0] == "inlineStr"]
    assert texts == ([("inlineStr", name.replace("\r\n", "\n").replace("\r", "\n"))] if name else []) or _escaped(texts, name)
    assert ("n", "-5") in row and ("n", "46174") in row, "numbers and days are stored as such"


def _escaped(texts, name) -> bool:
    """A return stands in a workbook as _x000D_, as the format wants it."""
    return [text.replace("_x000D_", "\r") for _, text in texts] == [name]


@given(st.lists(st.text(max_size=40), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_any_text_comes_back_from_both(names):
    sheet = Sheet("List", tuple(f"Column {n}" for n in range(len(names))), [names])
    back = csv_rows(sheet)[1]
    for cell, name in zip(back, names, strict=True):
        assert cell in (exports.clean(name), f"'{exports.clean(name)}")
        assert not cell.lstrip(" \xa0").startswith(FORMULA)
    _, rows, xml = workbook(sheet)
    assert "<f>" not in xml
    assert len(rows[1]) == sum(bool(name) for name in names) if any(names) else True


def test_what_no_file_can_hold_is_marked():
    assert exports.clean("a\x00b\x1fc\ud83dd\x7f") == "a�b�c�d�"
    assert csv_rows(Sheet("x", ("A",), [("a\x00b",)]))[1] == ["a�b"]


def test_a_cell_that_is_too_long_for_a_workbook_is_cut_where_one_sees_it():
    _, rows, _ = workbook(Sheet("x", ("A",), [("y" * 40_000,)]))
    [(_, text)] = rows[1]
    assert len(text) == 32_767 and text.endswith("…")


def test_lines_above_the_columns_and_the_mark_for_excel():
    sheet = Sheet("x", ("A",), [("b",)], told=("=List of Riverside", "made by"))
    assert csv_rows(sheet) == [["'=List of Riverside"], ["made by"], ["A"], ["b"]]
    assert b"".join(exports.csv_lines(sheet)).startswith("\ufeff".encode())
    assert not b"".join(exports.csv_lines(sheet, bom=False)).startswith("\ufeff".encode())
    assert b"".join(exports.csv_lines(sheet)).endswith(b'"b"\r\n')


@pytest.mark.parametrize(
    ("name", "sheet_name"), [("Worklist: mine [a]*?/\\", "Worklist  mine  a"), ("", "List"), ("x" * 50, "x" * 31), ("''", "List")]
)
def test_names_of_sheets_and_files(name, sheet_name):
    found, _, _ = workbook(Sheet(name, ("A",), []))
    assert found == sheet_name
    response = exports.response(Sheet(name, ("A",), []), exports.CSV, name='Week: "x"\r\nSet-Cookie: a')
    assert response["Content-Disposition"] == 'attachment; filename="week-x-set-cookie-a.csv"'


def test_csv_is_streamed_row_by_row():
    asked = []

    def rows():
        for number in range(3):
            asked.append(number)
            yield (str(number),)

    lines = exports.csv_lines(Sheet("x", ("A",), rows()))
    next(lines)
    assert asked == []
    next(lines)
    assert asked == [0]
