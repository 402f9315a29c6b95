"""`stepwell courses` as a user runs it: a file in, a file out, and what it says of a file it cannot use."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from stepwell.cli import main

HEADER = "patient,medicine,date,days,dose\n"
# One person who is early, then changes dose, then has a gap; one whose dose is not known, quoted name.
FILE = (
    HEADER
    + "007,olanzapine,2024-01-01,28,10\n007,olanzapine,2024-01-29,28,10\n007,olanzapine,2024-02-10,28,20\n"
    + "007,olanzapine,2024-08-01,28,20\n"
    + '8,"codeine, with paracetamol",2024-01-01,28,\n'
)


def ran(folder: Path, text: str | bytes, *options: str) -> list[dict[str, str]]:
    (folder / "in.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert main(["courses", "--in", str(folder / "in.csv"), "--out", str(folder / "out.csv"), *options]) == 0
    with open(folder / "out.csv", encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def spans(rows: list[dict[str, str]]) -> list[str]:
    return [" ".join(row.values()) for row in rows]


def test_courses_by_the_decisions_of_the_knowledge_base(tmp_path: Path) -> None:
    # 16 days at 10 are left on 10 February, 8 at 20: 36 days from there.
    expected = [
        "007 olanzapine 1 2024-01-01 2024-03-17 76 137 false",
        "007 olanzapine 2 2024-08-01 2024-08-01 0 0 true",
        "8 codeine, with paracetamol 1 2024-01-01 2024-01-29 28 185 false",
    ]
    assert spans(ran(tmp_path, FILE)) == expected
    assert spans(ran(tmp_path, FILE, "--gap", "60", "--carry-cap", "28", "--same-day", "regimen", "--dose-aware")) == expected


def test_each_decision_changes_what_it_should(tmp_path: Path) -> None:
    assert spans(ran(tmp_path, FILE, "--no-dose-aware"))[0] == "007 olanzapine 1 2024-01-01 2024-03-25 84 129 false"
    assert spans(ran(tmp_path, FILE, "--carry-cap", "0"))[0] == "007 olanzapine 1 2024-01-01 2024-03-09 68 145 false"
    assert spans(ran(tmp_path, FILE, "--gap", "137"))[0] == "007 olanzapine 1 2024-01-01 2024-08-01 213 0 true"
    early = spans(ran(tmp_path, FILE, "--until", "2024-03-01"))
    assert early == ["007 olanzapine 1 2024-01-01 2024-03-01 60 0 true", "8 codeine, with paracetamol 1 2024-01-01 2024-03-01 60 32 true"]
    twice = HEADER + "1,a,2024-01-01,28,1\n1,a,2024-01-01,28,1\n"
    assert spans(ran(tmp_path, twice, "--until", "2024-12-31"))[0].split()[4] == "2024-01-29"
    assert spans(ran(tmp_path, twice, "--until", "2024-12-31", "--same-day", "stack"))[0].split()[4] == "2024-02-26"


def test_rows_in_any_order_columns_in_any_order_more_columns(tmp_path: Path) -> None:
    lines = FILE.splitlines()
    expected = spans(ran(tmp_path, FILE))
    assert spans(ran(tmp_path, "\n".join([lines[0], *reversed(lines[1:])]))) == expected
    with open(tmp_path / "in.csv", encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    turned = "\ufeffNote,DOSE,Days,date,Medicine,patient\r\n" + "".join(
        f'"two\nlines",{row["dose"]},{row["days"]},{row["date"]},"{row["medicine"]}",{row["patient"]}\r\n' for row in rows
    )
    assert spans(ran(tmp_path, turned)) == expected


def test_doses_may_be_absent_when_they_do_not_count(tmp_path: Path) -> None:
    without = "patient,medicine,date,days\n1,a,2024-01-01,28\n"
    assert spans(ran(tmp_path, without, "--no-dose-aware")) == ["1 a 1 2024-01-01 2024-01-01 0 0 true"]


def test_a_part_of_a_day_shows_in_the_gap(tmp_path: Path) -> None:
    text = HEADER + "1,a,2024-01-01,28,10\n1,a,2024-01-28,28,30\n"
    assert spans(ran(tmp_path, text, "--until", "2024-07-19")) == ["1 a 1 2024-01-01 2024-02-25 55 144.6667 false"]


def test_the_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran(tmp_path, FILE, "--until", "2024-07-01", "--json")
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert told.pop("seconds") > 0
    assert told == {
        "in": str(tmp_path / "in.csv"),
        "out": str(tmp_path / "out.csv"),
        "rows": 5,
        "rows_after_until": 1,
        "doses_not_known": 1,
        "people": 2,
        "courses": 2,
        "censored": 0,
        "decisions": {"gap_days": 60, "carry_cap_days": 28, "same_day": "regimen", "dose_aware": True, "until": "2024-07-01"},
    }
    ran(tmp_path, FILE)
    assert "5 issues of 2 people: 3 courses, 1 censored at 2024-08-01" in capsys.readouterr().out


ROW = "1,a,2024-01-01,28,1\n"


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        (b"", [], "empty; the first line must name the columns"),
        (HEADER, [], "a header and no rows"),
        ("patient,medicine,date,dose\n1,a,2024-01-01,1\n", [], "line 1: no column days"),
        ("patient;medicine;date;days;dose\n", [], "commas between"),
        ("patient,medicine,date,days\n1,a,2024-01-01,1\n", [], "no column dose: add it (empty when not known), or count without doses"),
        ("patient,medicine,date,days,dose,days\n", [], "column days is there twice"),
        (HEADER + ROW + "1,a,03/04/2024,28,1\n", [], "line 3: date '03/04/2024' is not a date: write YYYY-MM-DD"),
        (HEADER + ROW + "1,a,2024-02-30,28,1\n", [], "line 3: date '2024-02-30'"),
        (HEADER + ROW + "1,a,,28,1\n", [], "line 3: date ''"),
        (HEADER + ROW + "1,a,2024-01-01,-28,1\n", [], "line 3: days -28: give whole days of supply"),
        (HEADER + ROW + "1,a,2024-01-01,0,1\n", [], "line 3: days 0"),
        (HEADER + ROW + "1,a,2024-01-01,1.5,1\n", [], "line 3: days 1.5"),
        (HEADER + ROW + "1,a,2024-01-01,nan,1\n", [], "line 3: days 'nan' is not a number"),
        (HEADER + ROW + "1,a,2024-01-01,,1\n", [], "line 3: days '' is not a number"),
        (HEADER + ROW + "1,a,2024-01-01,four,1\n", [], "line 3: days 'four' is not a number"),
        (HEADER + ROW + "1,a,2024-01-01,28,-1\n", [], "line 3: dose -1"),
        (HEADER + ROW + "1,a,2024-01-01,28,10mg\n", [], "line 3: dose '10mg' is not a number"),
        (HEADER + ROW + "1,a,2024-01-01,28,nan\n", [], "line 3: dose 'nan' is not a number"),
        (HEADER + ROW + ",a,2024-01-01,28,1\n", [], "line 3: patient is empty"),
        (HEADER + ROW + "1, ,2024-01-01,28,1\n", [], "line 3: medicine is empty"),
        (HEADER + '1,"two\nlines",2024-01-01,28,1\n' + ROW + "1,a,never,28,1\n", [], "line 5: date 'never'"),
        (HEADER + ROW + "1,a,b,2024-01-01,28,1\n", [], "line 3: 6 values under 5 columns: quote values"),
        (HEADER + ROW + "1,a\n", [], "line 3: 2 values under 5 columns"),
        (HEADER + ROW + '1,"a,2024-01-01,28,1\n', [], "line 3: unexpected end of data: check the quotes"),
        ((HEADER + ROW).encode() + "2,clomipramin\u00e9,2024-01-01,28,1\n".encode("latin-1"), [], "line 3: not in UTF-8 (byte 0xe9)"),
        ((HEADER + ROW).encode("utf-16"), [], "not in UTF-8"),
        (HEADER + ROW, ["--until", "2023-12-31"], "no issue on or before 2023-12-31"),
        (HEADER + ROW, ["--until", "31/12/2023"], "--until 31/12/2023: write the date as YYYY-MM-DD"),
        (HEADER + ROW, ["--gap", "-1"], "--gap -1: give whole days"),
        (HEADER + ROW, ["--carry-cap", "some"], "--carry-cap some: give whole days, 0 to 36525, or none"),
    ],
)
def test_what_cannot_be_used_is_told_by_line_and_leaves_the_old_courses(
    content: str | bytes, options: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    (tmp_path / "out.csv").write_text("old")
    assert main(["courses", "--in", str(tmp_path / "in.csv"), "--out", str(tmp_path / "out.csv"), *options]) == 2
    out, err = capsys.readouterr()
    assert words in err and "Traceback" not in err and out == ""
    assert (tmp_path / "out.csv").read_text() == "old" and sorted(each.name for each in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_files_that_are_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in.csv").write_text(FILE)
    for source, target, words in (
        ("no.csv", "out.csv", "cannot be read: No such file"),
        ("in.csv", "no/out.csv", "cannot be written"),
        ("in.csv", "in.csv", "is the file that --in reads"),
    ):
        assert main(["courses", "--in", str(tmp_path / source), "--out", str(tmp_path / target)]) == 2
        assert words in capsys.readouterr().err
    assert (tmp_path / "in.csv").read_text() == FILE


def test_many_faults_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in.csv").write_text(HEADER + ROW * 3 + "1,a,x,28,1\n" * 9)
    assert main(["courses", "--in", str(tmp_path / "in.csv"), "--out", str(tmp_path / "out.csv"), "--gap", "60", "--carry-cap", "28"]) == 2
    told = capsys.readouterr().err
    assert all(f"line {line}:" in told for line in range(5, 10)) and "line 10:" not in told and "and 4 more such lines" in told
