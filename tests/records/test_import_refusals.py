"""Bad input: a clear error, nothing lost, and the sums agree under any corruption."""

from __future__ import annotations

import gzip
import json
import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from fhir_builders import NOW, TODAY, Fhir
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepwell.cli import main
from stepwell.records.importers import documents, run_import
from stepwell.records.importers.report import ImportReport, Unusable
from stepwell.records.store import Store

Bring = Callable[..., ImportReport]
BUILD = Fhir()


def base() -> list[dict]:
    return [
        BUILD.organisation("A82001"),
        BUILD.patient("p"),
        BUILD.plan("plan", "p"),
        BUILD.issue("i", "p", "plan"),
        BUILD.observation("o", "p"),
        BUILD.resource("Flag", "f", "p"),
    ]


@pytest.mark.parametrize(
    ("line", "path", "message"),
    [
        (b'{"resourceType": "Observation", "id": "x", ', "$", "not JSON"),
        (b"plain text", "$", "not JSON"),
        (b"[1, 2]", "$", "not an object with a resourceType"),
        (b'{"id": "x"}', "$.resourceType", "A FHIR resource names its type"),
        (b'{"resourceType": "Spell", "id": "x"}', "$.resourceType", "A FHIR resource names its type"),
        (json.dumps(BUILD.observation("x", "p")).encode().replace(b"sodium", b"s\xf6dium"), "$", "not UTF-8"),
        (BUILD.observation("x", "p", code={"coding": [{"code": 5}]}), "$.code.coding[0].code", "Expected `str | null`, got `int`"),
        (BUILD.observation("x", "p", code=None), "$", "missing required field `code`"),
        (BUILD.observation("x", "p", effectiveDateTime="2026-02-30"), "$.effectiveDateTime", "is not a date"),
        (BUILD.observation("x", "p", effectiveDateTime="2026-06-02"), "$.effectiveDateTime", "after the day of this import"),
        (BUILD.observation("x", "p", value=1e18), "$.valueQuantity.value", "not a quantity"),
        (BUILD.observation("x", "nobody"), "$.subject.reference", "neither in this input nor in the store"),
        (BUILD.observation("x", "p", subject={"display": "Ann"}), "$.subject", "names no patient"),
        (BUILD.observation("x", "p", implicitRules="http://example.org/rules"), "$.implicitRules", "rules this importer does not know"),
        (BUILD.issue("x", "p", "nowhere"), "$.basedOn", "neither in this input nor in the store, or was itself refused"),
        (BUILD.issue("x", "p", authoredOn="2026-06-02"), "$.authoredOn", "after the day of this import"),
        (BUILD.issue("x", "p", medicationCodeableConcept=None), "$", "Neither medicationReference"),
        (
            BUILD.issue("x", "p", medicationCodeableConcept=None, medicationReference={"reference": "Medication/none"}),
            "$.medicationReference.reference",
            "Import the Medication too",
        ),
        (
            BUILD.issue("x", "p", dosageInstruction=[{"text": "One daily", "modifierExtension": [{"url": "http://example.org/not"}]}]),
            "$.dosageInstruction[0].modifierExtension",
            "modifierExtension",
        ),
        (BUILD.patient("x", born="2026-06-02"), "$.birthDate", "after the day of this import"),
        (BUILD.patient("x", born="yesterday"), "$.birthDate", "is not a date"),
        ({"resourceType": "Bundle", "entry": {"resource": 1}}, "$.entry", "Expected `array`"),
        ({"resourceType": "Bundle", "entry": [{"fullUrl": "urn:uuid:1"}]}, "$.entry[0]", "neither a resource nor a deletion"),
        (BUILD.bundle([BUILD.observation("x", "zz")]), "$.entry[0].resource.subject.reference", "This Bundle holds no Patient"),
    ],
)
def test_a_bad_row_is_refused_by_itself_with_its_path(bring: Bring, store: Store, line: dict | bytes, path: str, message: str) -> None:
    report = bring([*base(), line], scope="patients")
    assert (report.new, report.rejected, report.not_used) == (5, 1, {"Flag": 1})
    row = store.table("rejects").to_pylist()[0]
    assert (row["file"], row["line"], row["path"]) == ("in.ndjson", 7, path)
    assert message in row["message"]
    example = report.to_json()["rejected"][0]["examples"][0]  # type: ignore[index]
    assert (example["line"], example["path"]) == (7, path)


def test_resources_of_a_refused_patient_say_why(bring: Bring, store: Store) -> None:
    report = bring([*base(), BUILD.patient("q", born="2027-01-01"), BUILD.observation("x", "q")])
    assert report.rejected == 2
    assert all("after the day of this import" in row["message"] for row in store.table("rejects").to_pylist())


def test_an_issue_of_a_refused_plan_is_refused_too(bring: Bring, store: Store) -> None:
    bad = BUILD.plan("bad", "p", medicationCodeableConcept=None)
    report = bring([*base(), bad, BUILD.issue("x", "p", "bad")])
    assert report.rejected == 2
    assert store.table("medication_issues")["native_id"].to_pylist() == ["i"]


def test_the_wrong_practice_is_refused(bring: Bring, store: Store) -> None:
    lines = [*base(), BUILD.organisation("A82002"), BUILD.patient("other", "A82002"), BUILD.observation("x", "other")]
    report = bring(lines, practice="A82001")
    assert report.rejected == 2
    messages = store.table("rejects")["message"].to_pylist()
    assert all("held by A82002; the import is for A82001" in message for message in messages)
    before = store.content_hash()
    with pytest.raises(Unusable, match="Every record in this input is held by A82002; the import is for A82009"):
        bring([BUILD.organisation("A82002"), BUILD.patient("x", "A82002")], practice="A82009")
    assert store.content_hash() == before


def test_ten_megabytes_on_a_line_come_in_and_more_than_the_limit_does_not(
    bring: Bring, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = BUILD.resource("DocumentReference", "d", "p", description="letter", date="2026-05-01")
    long["content"] = [{"attachment": {"data": "A" * 10_000_000}}]
    assert bring([*base(), long]).new == 6
    monkeypatch.setattr(documents, "MAX_LINE", 1_000_000)
    report = bring([*base(), long, BUILD.observation("after", "p")])
    assert report.rejected == 1
    assert "longer than" in store.table("rejects").filter(_line(store, 7))["message"].to_pylist()[0]
    # What follows the long line is read; the letter that came before is kept.
    assert "after" in store.table("observations")["native_id"].to_pylist()
    assert store.table("letters").num_rows == 1


def _line(store: Store, number: int) -> object:
    import pyarrow.compute as pc

    return pc.equal(store.table("rejects")["line"], number)


def test_a_duplicate_counts_and_the_later_one_stands(bring: Bring, store: Store) -> None:
    report = bring([*base(), BUILD.observation("o", "p"), BUILD.observation("o", "p", value=9)])
    assert (report.new, report.unchanged, report.superseded) == (5, 0, 2)
    assert store.table("observations")["value_milli"].to_pylist() == [9000]


def test_one_version_with_two_contents_is_flagged(bring: Bring) -> None:
    meta = {"versionId": "1"}
    report = bring([*base(), BUILD.observation("v", "p", meta=meta), BUILD.observation("v", "p", value=9, meta=meta)])
    assert report.flag_count("same id and version, different content") == 1


def test_a_byte_order_mark_and_blank_lines_are_nothing(bring: Bring) -> None:
    lines: list = [json.dumps(each).encode() for each in base()]
    lines[0] = b"\xef\xbb\xbf" + lines[0]
    assert bring([lines[0], b"", b"   ", *lines[1:]]).new == 5


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.ndjson", b"", "is empty"),
        ("blank.ndjson", b"\n \n", "holds no resource"),
        ("cut.ndjson.gz", gzip.compress(b"\n".join(json.dumps(each).encode() for each in base()))[:-20], "cut short or damaged"),
        ("not.ndjson.gz", b"this was never compressed", "cut short or damaged"),
        ("cut.json", json.dumps(BUILD.bundle(base())).encode()[:-10], "not JSON"),
        ("text.ndjson", b"Dear colleague,\nthank you for referring\n", "not JSON"),
        ("csv.json", b"id,name\n1,2\n", "not JSON"),
        ("other.json", b'{"patients": []}', "A FHIR resource names its type"),
        ("letter.docx", b"PK", "not a .json or .ndjson file"),
    ],
)
def test_unusable_input_leaves_the_store_as_it_was(  # noqa: PLR0917 - fixtures and the case
    bring: Bring, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes, message: str
) -> None:
    bring(base())
    before, version = store.content_hash(), store.version
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(Unusable, match=message):
        run_import(path, store, today=TODAY, now=NOW)
    assert main(["import", str(path), "--store", str(store.path)]) == 2
    assert message in capsys.readouterr().err
    assert (store.refresh().content_hash(), store.version) == (before, version)
    # A store that was not there is not made.
    assert main(["import", str(path), "--store", str(tmp_path / "fresh"), "--json"]) == 2
    assert "error" in json.loads(capsys.readouterr().out)
    assert not (tmp_path / "fresh").exists()


def test_no_such_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(tmp_path / "none"), "--store", str(tmp_path / "store")]) == 2
    assert "There is nothing at" in capsys.readouterr().err
    (tmp_path / "folder").mkdir()
    assert main(["import", str(tmp_path / "folder"), "--store", str(tmp_path / "store")]) == 2
    assert "No .json or .ndjson file" in capsys.readouterr().err


def test_the_command_tells_in_words_and_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "in.ndjson"
    path.write_text("\n".join(json.dumps(each) for each in [*base(), BUILD.observation("x", "nobody")]))
    assert main(["import", str(path), "--store", str(tmp_path / "store")]) == 0
    words = capsys.readouterr().out
    assert "read 7: 5 new, 0 unchanged, 0 superseded, 1 not used, 1 rejected" in words
    assert "rejected: 1 × unknown patient" in words
    assert main(["import", str(path), "--store", str(tmp_path / "store"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["accepted"] == {"new": 0, "unchanged": 5, "superseded": 0}
    assert report["totals"] == {"read": 7, "accepted": 5, "not_used": 1, "rejected": 1}
    assert report["store_version"] == 1
    # Nothing of a person in it.
    assert not {"Example", "Ann", "1970-02-03"} & set(json.dumps(report).replace('"', " ").split())


# Corruption

_LINES = [json.dumps(each).encode() for each in [
    *base(), BUILD.patient("q", nhs="9434765919"), BUILD.issue("i2", "q"), BUILD.observation("o2", "q", value=None, component=[
        {"code": {"text": "a"}, "valueQuantity": {"value": 1, "unit": "x"}}, {"code": {"text": "b"}, "valueString": "n"}]),
    BUILD.resource("MedicationStatement", "s", "p", basedOn=[{"reference": "MedicationRequest/plan"}], status="active"),
    BUILD.resource("Condition", "c", "p", onsetDateTime="2020"), BUILD.resource("Encounter", "e", "q", period={"start": "2026-01-01"}),
    BUILD.resource("DocumentReference", "d", "q", date="2026-01-01"), BUILD.resource("ServiceRequest", "r", "p"),
    BUILD.bundle([BUILD.organisation("A82002"), BUILD.patient("z", "A82002"), BUILD.observation("oz", "z"), BUILD.plan("pz", "z")]),
    {"request": {"method": "DELETE", "url": "Observation/o"}},
]]  # fmt: skip


@st.composite
def corrupted(draw: st.DrawFn) -> list[bytes]:
    chance = random.Random(draw(st.integers(0, 2**32)))
    lines = draw(st.lists(st.sampled_from(_LINES), min_size=1, max_size=20))
    for _ in range(draw(st.integers(0, 6))):
        number = chance.randrange(len(lines))
        line = lines[number]
        if not line:
            continue
        at = chance.randrange(len(line))
        lines[number] = {
            "cut": line[:at],
            "byte": line[:at] + bytes([chance.randrange(256)]) + line[at + 1 :],
            "drop": line[:at] + line[at + 1 :],
            "type": line.replace(b'"2026-', b"2026, "),
            "word": line.replace(b'"p"', b'"nobody"'),
            "swap": chance.choice(lines) + line,
            "split": line[:at] + b"\n" + line[at:],
            "null": line.replace(b'"text": "One to be taken each day"', b'"text": null'),
        }[chance.choice(("cut", "byte", "drop", "type", "word", "swap", "split", "null"))]
    return lines


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lines=corrupted(), scope=st.sampled_from(["auto", "full", "patients", "delta"]))
def test_read_is_the_sum_under_any_corruption(lines: list[bytes], scope: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "in.ndjson"
        path.write_bytes(b"\n".join(lines))
        store = Store.open(Path(folder) / "store", create=True, buckets=2)
        try:
            report = run_import(path, store, scope=scope, today=TODAY, now=NOW)
        except Unusable as error:
            report = error.report  # type: ignore[assignment]
            assert store.refresh().version == 0
            if report is None:
                return
            assert report.accepted == 0 or "part of a record" in str(error)
        assert report.read == report.accepted + report.not_used.total() + report.rejected
        if report.store_version:
            assert store.table("rejects").num_rows == report.rejected
            again = run_import(path, Store.open(store.path), scope=scope, today=TODAY, now=NOW)
            assert again.read == report.read == again.accepted + again.not_used.total() + again.rejected
