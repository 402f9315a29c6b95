"""Lists as files: CSV that a spreadsheet opens without running anything in it, and Excel workbooks.

A cell is text, a whole number, a day, or empty. Text that a spreadsheet would take for a formula gets an apostrophe before it
in CSV; in a workbook every text is stored as text, whatever it begins with.

    return exports.response(exports.Sheet("Worklist", ("Name", "Due"), rows), "csv")
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from django.http import FileResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from stepwell.web.core.formatting import WORKBOOK_DAY

Cell = str | int | date | None

CSV, XLSX = "csv", "xlsx"
FORMATS = {CSV: "CSV", XLSX: "Excel"}
BOM = "\ufeff"
# What a spreadsheet reads as the beginning of a formula, the full-width forms some of them fold to it included.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# Characters that no file of either kind can hold: controls other than tab and line ends, and halves of characters.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
_NOT_IN_A_SHEET_NAME = re.compile(r"[\[\]:*?/\\']")
_LONGEST_CELL, _LONGEST_SHEET_NAME = 32_767, 31
_IN_MEMORY = 2_000_000
_WIDEST = 60
_TYPES = {CSV: "text/csv; charset=utf-8", XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A list: what it is called, its columns, its rows. `told`: lines above the columns (what was asked, as at when, who asked)."""

    name: str
    columns: Sequence[str]
    rows: Iterable[Sequence[Cell]]
    told: Sequence[str] = ()


def clean(text: str) -> str:
    """Text that both kinds of file can hold; what they cannot is shown as a mark, not dropped silently."""
    return _UNWRITABLE.sub("\ufffd", text)


def safe(value: Cell) -> str | int:
    """A cell of CSV: never a formula; days as 2026-06-01."""
    if value is None:
        return ""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, int):
        return value
    text = clean(value)
    return f"'{text}" if text.lstrip(" \xa0").startswith(_FORMULA) else text


def csv_lines(sheet: Sheet, *, bom: bool = True) -> Iterator[bytes]:
    """The list as CSV, line by line, in UTF-8 with CRLF (RFC 4180). `bom` lets Excel see that it is UTF-8."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    if bom:
        buffer.write(BOM)
    head: list[Sequence[Cell]] = [*([line] for line in sheet.told), sheet.columns]
    for row in head:
        writer.writerow([safe(value) for value in row])
    yield _taken(buffer)
    for row in sheet.rows:
        writer.writerow([safe(value) for value in row])
        yield _taken(buffer)


def _taken(buffer: io.StringIO) -> bytes:
    data = buffer.getvalue().encode()
    buffer.seek(0)
    buffer.truncate()
    return data


def write_workbook(sheet: Sheet, to: IO[bytes]) -> None:
    """The list as an Excel workbook of one sheet, row by row, so that its length does not matter to memory."""
    import xlsxwriter

    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    book = xlsxwriter.Workbook(to, options)
    page = book.add_worksheet(_sheet_name(sheet.name))
    bold, wrapped = book.add_format({"bold": True}), book.add_format({"text_wrap": True, "valign": "top"})
    day = book.add_format({"num_format": WORKBOOK_DAY, "align": "left"})
    widths = [min(_WIDEST, max(10, len(column) + 2)) for column in sheet.columns]
    for number, width in enumerate(widths):
        page.set_column(number, number, max(width, 18))
    top = len(sheet.told)
    for number, line in enumerate(sheet.told):
        page.write_string(number, 0, _short(line))
    for number, column in enumerate(sheet.columns):
        page.write_string(top, number, _short(column), bold)
    page.freeze_panes(top + 1, 0)
    for place, row in enumerate(sheet.rows, start=top + 1):
        for number, value in enumerate(row):
            _write(page, (place, number), value, wrapped, day)
    book.close()


def _write(page: Any, place: tuple[int, int], value: Cell, wrapped: Any, day: Any) -> None:
    if value is None or value == "":
        return
    if isinstance(value, datetime):
        page.write_string(*place, value.isoformat(sep=" ", timespec="minutes"))
    elif isinstance(value, date):
        page.write_datetime(*place, datetime(value.year, value.month, value.day), day)
    elif isinstance(value, int):
        page.write_number(*place, value)
    else:
        page.write_string(*place, _short(value), wrapped)


def _short(text: str) -> str:
    """What a cell of a workbook can hold; longer text would be left out whole."""
    text = clean(text)
    return text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 1] + "…"


def _sheet_name(name: str) -> str:
    return _NOT_IN_A_SHEET_NAME.sub(" ", clean(name))[:_LONGEST_SHEET_NAME].strip() or "List"


def response(sheet: Sheet, kind: str, *, name: str) -> HttpResponseBase:
    """The list as a file to keep. `name`: of the file, without an ending; it never names a person."""
    headers = {"Content-Disposition": f'attachment; filename="{_file_name(name)}.{kind}"'}
    if kind == CSV:
        return StreamingHttpResponse(csv_lines(sheet), content_type=_TYPES[CSV], headers=headers)
    # Closed by the response when it has been sent.
    file: Any = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
    write_workbook(sheet, file)
    file.seek(0)
    return FileResponse(file, content_type=_TYPES[XLSX], headers=headers)


def _file_name(name: str) -> str:
    return re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-") or "list"
