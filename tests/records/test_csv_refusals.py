"""What an import of an extract refuses, and that nothing else is lost by it."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import random
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from csv_builders import Emis, Extract, Tpp
from fhir_builders import Fhir
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.errors import Refused
from stepwell.records.importers import run_import
from stepwell.records.importers.report import ImportReport, Unusable
from stepwell.records.store import Store

Bring = Callable[..., ImportReport]


def reasons(report: ImportReport) -> dict[str, int]:
    return {group["reason"]: group["count"] for group in report.to_json()["rejected"]}  # type: ignore[attr-defined]


def emis_of(observations: int = 3) -> Emis:
    emis = Emis()
    emis.patient("p1")
    for number in range(observations):
        emis.observation(f"o-{number}")
    return emis


def test_each_fault_of_a_row_is_told_with_its_place(tmp_path: Path, bring: Bring, store: Store) -> None:
    emis = emis_of()
    emis.observation("o-date", EffectiveDate="31/02/2026")
    emis.observation("o-future", EffectiveDate="2026-07-01")
    emis.observation("o-who", "p9")
    emis.observation("o-code", CodeId="c99")
    emis.observation("", CodeId="c1")
    emis.issue("i-1", Quantity="lots")
    emis.problem("o-none")
    emis.patient("p2", DateOfBirth="soon")
    emis.observation("o-p2", "p2")
    folder = emis.write(tmp_path / "emis")
    report = bring(folder)
    assert reasons(report) == {
        "not a date": 2,
        "dated in the future": 1,
        "unknown patient": 1,
        "unknown code": 1,
        "no id": 1,
        "not a number": 1,
        "unknown observation": 1,
        "its patient was refused": 1,
    }
    rows = {row["native_id"]: row for row in store.refresh().table("rejects").to_pylist()}
    lines = (folder / "CareRecord_Observation.csv").read_bytes().split(b"\n")
    found = rows["o-future"]
    assert (found["file"], found["line"], found["path"]) == ("CareRecord_Observation.csv", 6, "$.EffectiveDate")
    assert found["raw_sha256"] == hashlib.sha256(lines[5]).hexdigest()
    assert "2026-07-01" in found["message"]
    assert found["resource_type"] == "CareRecord_Observation"
    assert "Coding_ClinicalCode" in rows["o-code"]["message"]
    assert store.table("observations").num_rows == 3


def test_a_refused_row_keeps_what_the_store_has_of_it(tmp_path: Path, bring: Bring, store: Store) -> None:
    bring(emis_of().write(tmp_path / "one"))
    again = Emis()
    again.patient("p1")
    again.observation("o-0", EffectiveDate="never")
    report = bring(again.write(tmp_path / "two"), scope="full")
    assert report.rejected == 1
    assert [row["native_id"] for row in store.refresh().table("observations").to_pylist()] == ["o-0"]


def test_rows_that_cannot_be_read(tmp_path: Path, bring: Bring, store: Store) -> None:
    folder = emis_of(6).write(tmp_path / "emis")
    file = folder / "CareRecord_Observation.csv"
    lines = file.read_bytes().split(b"\r\n")
    lines[2] = lines[2] + b',"too","many"'
    lines[3] = lines[3].replace(b"mmol", b"mm\xffol")
    lines[4] = lines[4].replace(b'"c1"', b'"c1')
    lines[6] = lines[6][: len(lines[6]) // 2].rpartition(b",")[0]
    file.write_bytes(b"\r\n".join(lines[:7]))
    report = bring(folder)
    assert reasons(report) == {"wrong number of columns": 2, "not UTF-8": 1, "quote not closed": 1}
    assert [(row["line"], row["path"]) for row in sorted(store.refresh().table("rejects").to_pylist(), key=lambda row: row["line"])] == [
        (3, "$.ProcessingId"),
        (4, "$.NumericUnit"),
        (5, "$.CodeId"),
        (7, "$.EnteredDate"),
    ]
    assert {row["native_id"] for row in store.table("observations").to_pylist()} == {"o-0", "o-4"}
    cut = next(row for row in store.table("rejects").to_pylist() if row["line"] == 7)
    assert "cut short" in cut["message"]


def test_what_could_not_be_read_takes_nothing_away(tmp_path: Path, bring: Bring, store: Store) -> None:
    bring(emis_of(4).write(tmp_path / "one"))
    folder = emis_of(2).write(tmp_path / "two")
    file = folder / "CareRecord_Observation.csv"
    file.write_bytes(file.read_bytes() + b'"broken\r\n')
    bring(folder, scope="full")
    assert store.refresh().table("observations").num_rows == 4


@pytest.mark.parametrize("kind", ["emis", "tpp"])
def test_a_header_that_is_not_known_names_the_nearest(tmp_path: Path, bring: Bring, store: Store, kind: str) -> None:
    extract: Extract = emis_of() if kind == "emis" else Tpp()
    table, column = ("CareRecord_Observation", "EffectiveDate") if kind == "emis" else ("SRPatient", "DateBirth")
    if kind == "tpp":
        assert isinstance(extract, Tpp)
        extract.patient()
    folder = extract.write(tmp_path / "in")
    file = folder / f"{table}.csv"
    file.write_text(file.read_text().replace(column, "Something", 1))
    with pytest.raises(Unusable, match=f"nearest table is {table}; it lacks {column}"):
        bring(folder)
    assert store.refresh().version == 0


def test_a_new_column_is_no_reason_to_refuse(tmp_path: Path, bring: Bring) -> None:
    folder = emis_of().write(tmp_path / "emis")
    file = folder / "CareRecord_Observation.csv"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0] + ',"Added"', *(line + ',"x"' for line in lines[1:])]) + "\n")
    report = bring(folder)
    assert (report.rejected, report.flag_count("header not seen before")) == (0, 1)


def test_a_file_of_something_else(tmp_path: Path, bring: Bring) -> None:
    folder = emis_of().write(tmp_path / "emis")
    (folder / "notes.csv").write_text("a,b\n1,2\n")
    with pytest.raises(Unusable, match=r"notes.csv is no table of an EMIS or TPP extract"):
        bring(folder)


def test_a_known_table_that_is_not_read_is_counted(tmp_path: Path, bring: Bring) -> None:
    folder = emis_of().write(tmp_path / "emis")
    header = (
        "UserInRoleGuid,OrganisationGuid,Title,GivenName,Surname,JobCategoryCode,"
        "JobCategoryName,ContractStartDate,ContractEndDate,ProcessingId"
    )
    (folder / "Admin_UserInRole.csv").write_text(f"{header}\n{',' * 9}\n{'a,' * 9}\n1,2\n")
    report = bring(folder)
    assert report.not_used["Admin_UserInRole"] == 2
    assert reasons(report) == {"wrong number of columns": 1}


def test_nothing_to_read(tmp_path: Path, bring: Bring) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(Unusable, match=r"No \.csv file"):
        bring(tmp_path / "empty", format="emis")
    with pytest.raises(Unusable, match=r"There is nothing at"):
        bring(tmp_path / "nowhere", format="emis")
    folder = Emis(coding=False).write(tmp_path / "header")
    for file in folder.iterdir():
        file.write_bytes(file.read_bytes().split(b"\r\n")[0])
    with pytest.raises(Unusable, match="holds no row"):
        bring(folder)
    (folder / "Admin_Organisation.csv").write_bytes(b"")
    with pytest.raises(Unusable, match="is empty"):
        bring(folder)


def test_nothing_that_can_be_used(tmp_path: Path, bring: Bring, store: Store) -> None:
    emis = Emis(coding=False)
    emis.rows.clear()
    emis.observation("o-1", "p9")
    folder = emis.write(tmp_path / "emis")
    with pytest.raises(Unusable, match="cannot be told whose record"):
        bring(folder)
    assert store.refresh().version == 0
    version = bring(emis_of().write(tmp_path / "before")).store_version
    with pytest.raises(Unusable, match="Nothing in the input can be used"):
        bring(folder)
    assert store.refresh().version == version


def test_the_wrong_practice(tmp_path: Path, bring: Bring, store: Store) -> None:
    folder = emis_of().write(tmp_path / "emis")
    with pytest.raises(Unusable, match="held by A82001; the import is for B83002"):
        bring(folder, practice="B83002")
    both = emis_of()
    both.add(
        "Admin_Organisation", OrganisationGuid="{2}", OrganisationName="Hill Surgery", ODSCode="B83002", OrganisationType="GP Practice"
    )
    both.patient("p2", OrganisationGuid="{2}")
    both.observation("o-p2", "p2", OrganisationGuid="{2}")
    report = bring(both.write(tmp_path / "both"), practice="B83002")
    assert reasons(report) == {"its patient was refused": 3, "held by another organisation": 1}
    assert store.refresh().sources() == ["B83002"]


def test_packed_files(tmp_path: Path, bring: Bring, store: Store) -> None:
    folder = emis_of().write(tmp_path / "emis")
    for file in list(folder.iterdir()):
        file.with_suffix(".csv.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    assert bring(folder).rejected == 0
    whole = (folder / "CareRecord_Observation.csv.gz").read_bytes()
    (folder / "CareRecord_Observation.csv.gz").write_bytes(whole[:-20])
    with pytest.raises(Unusable, match="cut short or damaged"):
        bring(folder)
    assert store.refresh().table("observations").num_rows == 3


def test_a_part_of_a_record_does_not_replace_it(tmp_path: Path, bring: Bring, store: Store) -> None:
    bring(emis_of(60).write(tmp_path / "one"))
    few = emis_of(5).write(tmp_path / "two")
    with pytest.raises(Unusable, match="looks like part of a record"):
        bring(few)
    assert store.refresh().table("observations").num_rows == 60
    assert bring(few, scope="full").removed == 55


def test_the_same_row_twice_counts_once(tmp_path: Path, bring: Bring, store: Store) -> None:
    emis = emis_of(1)
    emis.observation("o-0", Value="141")
    emis.observation("o-0", Value="141")
    report = bring(emis.write(tmp_path / "emis"))
    assert (report.superseded, report.unchanged) == (1, 1)
    assert [row["value_milli"] for row in store.refresh().table("observations").to_pylist()] == [141_000]


def network_of_two(folder: Path) -> Path:
    """A practice that sends an extract, and a trust that sends FHIR, of one person."""
    emis = emis_of()
    emis.rows["Admin_Patient"][0]["NhsNumber"] = "9990000018"
    emis.write(folder / "A82001")
    fhir = Fhir()
    trust = folder / "RX1"
    trust.mkdir()
    lines = [
        fhir.organisation("RX1", "NHS trust"),
        fhir.patient("t1", "RX1", nhs="9990000018"),
        fhir.issue("x1", "t1"),
        {"resourceType": "Patient"},
    ]
    (trust / "all.ndjson").write_text("\n".join(json.dumps(line) for line in lines))
    return folder


def test_practices_in_csv_and_a_trust_in_fhir_are_one_import(tmp_path: Path, bring: Bring, store: Store) -> None:
    folder = network_of_two(tmp_path / "network")
    report = bring(folder)
    assert (report.format, report.rejected, report.store_version) == ("fhir and emis", 1, 1)
    assert {source: counts["accepted"] for source, counts in report.by_source.items()} == {"A82001": 10, "RX1": 3}
    store.refresh()
    links = store.table("links").to_pylist()
    assert len(links) == 2
    assert len({row["person_id"] for row in links}) == 1
    assert [row["import_id"] for row in store.table("rejects").to_pylist()] == [report.import_id]
    again = bring(folder)
    assert (again.new, again.superseded, again.unchanged) == (0, 0, 13)
    assert bring(folder, format="emis").unchanged == 10
    with pytest.raises(Refused, match="extract of emis, not of tpp"):
        bring(folder, format="tpp")


def test_when_one_of_two_kinds_cannot_be_used_neither_is(tmp_path: Path, bring: Bring, store: Store) -> None:
    folder = network_of_two(tmp_path / "network")
    file = folder / "A82001" / "CareRecord_Observation.csv"
    file.write_text(file.read_text().replace("CodeId", "Something", 1))
    with pytest.raises(Unusable, match="nearest table is CareRecord_Observation"):
        bring(folder)
    assert store.version == Store.open(store.path).version == 0
    assert store.table("patients").num_rows == 0


def test_values_over_several_lines(tmp_path: Path, bring: Bring, store: Store) -> None:
    emis = emis_of(1)
    emis.observation("o-text", Value="", AssociatedText='first line\nsecond, with "marks"')
    emis.observation("o-late", EffectiveDate="2027-01-01")
    bring(emis.write(tmp_path / "emis"))
    found = {row["native_id"]: row["value_text"] for row in store.refresh().table("observations").to_pylist()}
    assert found["o-text"] == 'first line\nsecond, with "marks"'
    assert [row["line"] for row in store.table("rejects").to_pylist()] == [5]


DAMAGE = st.sampled_from(["byte", "cut", "delete", "insert", "quote", "comma", "line", "twice", "end"])


@settings(max_examples=16, deadline=None)
@given(st.sampled_from(["emis", "tpp"]), st.lists(DAMAGE, min_size=1, max_size=6), st.integers(0, 2**32))
def test_every_row_of_a_damaged_extract_is_accounted_for(
    tmp_path_factory: pytest.TempPathFactory, kind: str, damages: list[str], seed: int
) -> None:
    chance = random.Random(seed)
    folder = tmp_path_factory.mktemp("damaged")
    extract = whole_record(kind)
    extract.write(folder / "in")
    total = 0
    for _ in damages:
        file = chance.choice(sorted((folder / "in").iterdir()))
        head, _, body = file.read_bytes().partition(b"\r\n")
        file.write_bytes(head + b"\r\n" + damaged(body, chance.choice(damages), chance))
    for file in (folder / "in").iterdir():
        total += rows_in(file)
    store = Store.open(folder / "store", create=True, buckets=2)
    try:
        report = run_import(folder / "in", store, today=date(2026, 6, 1), now=datetime(2026, 6, 1))
    except Unusable:
        assert store.refresh().version == 0
        return
    assert report.read == report.accepted + report.not_used.total() + report.rejected
    assert report.read == total
    rejects = store.refresh().table("rejects").to_pylist()
    assert len(rejects) == report.rejected
    for row in rejects:
        text = (folder / "in" / row["file"]).read_bytes().split(b"\n")
        assert 2 <= row["line"] <= len(text)
        possible = [hashlib.sha256(b"\n".join(text[row["line"] - 1 : row["line"] - 1 + count])).hexdigest() for count in range(1, 12)]
        assert row["raw_sha256"] in possible


def whole_record(kind: str) -> Extract:
    if kind == "emis":
        emis = emis_of(8)
        emis.patient("p2")
        emis.plan("d-1")
        for number in range(8):
            emis.issue(f"i-{number}", plan="d-1")
        return emis
    tpp = Tpp()
    tpp.patient("1")
    tpp.patient("2")
    tpp.template("t1")
    for number in range(8):
        tpp.medication(f"m{number}", IDRepeatTemplate="t1")
        tpp.code(f"s{number}")
    return tpp


def damaged(body: bytes, how: str, chance: random.Random) -> bytes:
    if not body:
        return body
    at = chance.randrange(len(body))
    lines = body.split(b"\r\n")
    match how:
        case "byte":
            return body[:at] + bytes([chance.randrange(256)]) + body[at + 1 :]
        case "cut":
            return body[:at]
        case "delete":
            return body[:at] + body[at + chance.randrange(1, 30) :]
        case "insert":
            return body[:at] + chance.randbytes(chance.randrange(1, 5)) + body[at:]
        case "quote" | "comma":
            return body[:at] + (b'"' if how == "quote" else b",") + body[at:]
        case "line":
            lines.pop(chance.randrange(len(lines)))
        case "twice":
            lines.insert(chance.randrange(len(lines)), chance.choice(lines))
        case "end":
            return body.replace(b"\r\n", b"\n", chance.randrange(4))
    return b"\r\n".join(lines)


def rows_in(file: Path) -> int:
    """Rows of a file as anybody would count them: lines that are not empty, but for line ends inside closed quotes."""
    lines = file.read_bytes().split(b"\n")[1:]
    width = len(next(csv.reader([file.read_bytes().split(b"\n")[0].decode()])))
    count, at = 0, 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        count += 1
        taken = 1
        if lines[at].count(b'"') % 2 and not fits(lines[at], width):
            for more in range(1, len(lines) - at):
                if lines[at + more].count(b'"') % 2:
                    taken = more + 1 if fits(b"\n".join(lines[at : at + more + 1]), width) else 1
                    break
        at += taken
    return count


def fits(raw: bytes, width: int) -> bool:
    try:
        text = raw.decode("cp1252" if width in (18, 12, 25, 29, 27) else "utf-8").removesuffix("\r")
        rows: list[Any] = list(csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True))
    except (csv.Error, UnicodeDecodeError):
        return False
    return len(rows) == 1 and len(rows[0]) == width and "\0" not in text
