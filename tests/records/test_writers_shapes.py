"""What the writers put out looks like what real systems send, whatever the tables hold."""

from __future__ import annotations

import csv
import gzip
import json
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from writer_tables import PRACTICE, TRUST, tables

from stepwell.errors import Refused
from stepwell.records.importers import fhir as structs
from stepwell.records.importers.extracts.headers import recognise
from stepwell.records.schema import TABLES
from stepwell.records.synthetic.writers import emis, fhir, gpconnect, tpp
from stepwell.records.synthetic.writers.extracts import header
from stepwell.records.synthetic.writers.shapes import lines, thousandths

FIXTURE = Path(__file__).parents[1] / "fixtures" / "gpconnect" / "gp-connect-stu3-bundles.ndjson.gz"
CSV_WRITERS = {"emis": emis.write, "tpp": tpp.write}


@given(st.lists(st.tuples(st.text(), st.one_of(st.none(), st.text()), st.sampled_from(["a", "b{}", '"', "\x02"])), min_size=1))
def test_lines_are_the_json_of_each_row(rows: list[tuple[str, str | None, str]]) -> None:
    frame = pl.DataFrame(rows, schema={"id": pl.String, "other": pl.String, "kind": pl.String}, orient="row")
    found = lines(frame, lambda row: {"id": f"x/{row['id']}", "other": row["other"], "kind": row["kind"]}, ("id", "other"))
    assert [json.loads(line) for line in found] == [{"id": f"x/{id_}", "other": other, "kind": kind} for id_, other, kind in rows]


@given(st.lists(st.integers(-(2**60), 2**60), min_size=1))
def test_thousandths_are_exact(values: list[int]) -> None:
    found = pl.DataFrame({"v": values}, schema={"v": pl.Int64}).select(thousandths("v"))["v"].to_list()
    assert [Decimal(text) * 1000 for text in found] == values


def _resources(path: Path) -> Iterator[dict[str, Any]]:
    raw = path.read_bytes()
    for line in (gzip.decompress(raw) if path.suffix == ".gz" else raw).splitlines():
        yield from (entry["resource"] for entry in json.loads(line)["entry"])


def test_gp_connect_uses_only_elements_that_suppliers_send(tmp_path: Path) -> None:
    real: dict[str, set[str]] = defaultdict(set)
    for resource in _resources(FIXTURE):
        real[resource["resourceType"]] |= resource.keys()
        real["url"] |= {each["url"].rpartition("/")[2] for each in resource.get("extension", [])}
    gpconnect.write(tmp_path, PRACTICE, tables(3))
    seen: dict[str, set[str]] = defaultdict(set)
    for resource in _resources(tmp_path / gpconnect.FILE):
        seen[resource["resourceType"]] |= resource.keys()
        seen["url"] |= {each["url"].rpartition("/")[2] for each in resource.get("extension", [])}
    assert len(seen) == 12
    beyond = {kind: keys - real[kind] for kind, keys in seen.items() if keys - real[kind]}
    # In the profiles of GP Connect, but in none of the sample records.
    assert beyond == {"MedicationRequest": {"reasonCode"}, "Condition": {"verificationStatus"}, "Patient": {"deceasedDateTime"}}


def test_every_reference_of_a_bundle_leads_to_an_entry(tmp_path: Path) -> None:
    gpconnect.write(tmp_path, PRACTICE, tables(4))
    with (tmp_path / gpconnect.FILE).open() as file:
        for line in file:
            entries = [entry["resource"] for entry in json.loads(line)["entry"]]
            here = {f"{each['resourceType']}/{each['id']}" for each in entries if "id" in each}
            assert _references(entries) <= here
            assert len([each for each in entries if each["resourceType"] == "Patient"]) == 1


def _references(node: object) -> set[str]:
    if isinstance(node, dict):
        own = {node["reference"]} if "reference" in node else set()
        return own.union(*(_references(value) for value in node.values())) if node else own
    return set().union(*(_references(value) for value in node)) if isinstance(node, list) else set()


def test_fhir_lines_are_resources_with_their_profile(tmp_path: Path) -> None:
    written = fhir.write(tmp_path, PRACTICE, tables(5))
    assert len(written) >= 10
    for name, count in written.items():
        found = (tmp_path / name).read_bytes().splitlines()
        assert len(found) == count
        for line in found:
            resource = structs.decode_r4(line)
            assert type(resource).__struct_config__.tag == name.removesuffix(".ndjson")
            assert json.loads(line)["meta"]["profile"][0].startswith("https://fhir.hl7.org.uk/StructureDefinition/UKCore-")


@pytest.mark.parametrize("version", ["current", "older"])
@pytest.mark.parametrize("dialect", ["emis", "tpp"])
def test_extracts_have_headers_that_are_known(dialect: str, version: Any, tmp_path: Path) -> None:
    encoding = "cp1252" if dialect == "tpp" else "utf-8"
    written = CSV_WRITERS[dialect](tmp_path, PRACTICE, tables(6), version)
    for name, count in written.items():
        with (tmp_path / name).open(encoding=encoding, newline="") as file:
            found = list(csv.reader(file))
        assert len(found) == count + 1
        if name != tpp.MANIFEST:
            told = recognise(found[0])
            assert (told.name, told.known) == (name.removesuffix(".csv"), True)
            assert all(len(row) == len(found[0]) for row in found)


def test_older_headers_differ() -> None:
    assert "EnteredTime" in header("emis", "Prescribing_IssueRecord", "current")
    assert "EnteredTime" not in header("emis", "Prescribing_IssueRecord", "older")
    assert "ClinicanUserInRoleGuid" in header("emis", "Prescribing_DrugRecord", "older")
    assert "RemovedData" in header("tpp", "SRCode", "current")
    assert "RemovedData" not in header("tpp", "SRCode", "older")
    assert "SNOMEDCode" in header("tpp", "SRCode", "older")


@pytest.mark.parametrize("write", [fhir.write, gpconnect.write, emis.write, tpp.write])
def test_the_same_tables_give_the_same_bytes(write: Any, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path / name, PRACTICE, tables(7))
    first = {file.name: file.read_bytes() for file in (tmp_path / "one").iterdir()}
    assert first == {file.name: file.read_bytes() for file in (tmp_path / "two").iterdir()}


@pytest.mark.parametrize("write", [gpconnect.write, emis.write, tpp.write])
def test_a_trust_is_no_practice(write: Any, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=f"{TRUST} is a trust. Write it as FHIR"):
        write(tmp_path / "out", TRUST, tables(8))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("write", [fhir.write, gpconnect.write, emis.write, tpp.write])
def test_rows_of_nobody_are_told(write: Any, tmp_path: Path) -> None:
    found = tables(9)
    found["patients"] = TABLES["patients"].arrow_schema().empty_table()
    with pytest.raises(ValueError, match="subject_id"):
        write(tmp_path / "out", PRACTICE, found)


def test_tables_that_are_not_canonical_are_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="people"):
        fhir.write(tmp_path, PRACTICE, {"people": pa.table({"a": [1]})})
    with pytest.raises(ValueError, match=r"lacks .*local_id"):
        fhir.write(tmp_path, PRACTICE, {"patients": pa.table({"subject_id": pa.array([1], pa.int64())})})


def test_one_organisation_alone_is_no_mistake(tmp_path: Path) -> None:
    """A practice without a patient: an empty record is written, nothing fails."""
    nobody = {name: rows.slice(0, 0) for name, rows in tables(1).items() if name != "organisations"} | {
        "organisations": tables(1)["organisations"]
    }
    assert fhir.write(tmp_path / "f", PRACTICE, nobody) == {"Organization.ndjson": 2}
    assert gpconnect.write(tmp_path / "g", PRACTICE, nobody) == {gpconnect.FILE: 0}
    assert emis.write(tmp_path / "e", PRACTICE, nobody)["Admin_Patient.csv"] == 0
    assert tpp.write(tmp_path / "t", PRACTICE, nobody)["SRPatient.csv"] == 0
