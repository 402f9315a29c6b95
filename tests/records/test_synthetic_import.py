"""The synthetic network through the importer: nothing is refused, and people known twice become one exactly when they should."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from stepwell.records.importers import run_import
from stepwell.records.importers.report import ImportReport
from stepwell.records.store import Store
from stepwell.records.synthetic.network import generate
from stepwell.records.synthetic.stories import TWO_OWNERS, WRONG_BIRTH_DATE

AS_OF = date(2026, 6, 1)


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Store, ImportReport]:
    folder = tmp_path_factory.mktemp("synthetic-import")
    generate(300, 7, AS_OF, folder / "net")
    store = Store.open(folder / "store", create=True)
    return folder / "net", store, run_import(folder / "net", store, source="auto", today=AS_OF)


def test_every_resource_is_taken(imported: tuple[Path, Store, ImportReport]) -> None:
    network, _store, report = imported
    written = json.loads((network / "manifest.json").read_text())["counts"]
    assert report.to_json()["rejected"] == []
    assert report.read == report.accepted == sum(sum(counts.values()) for counts in written.values())
    assert set(report.by_source) == {"Z99001", "Z99002", "RZ9"}


def test_tables_hold_what_was_written(imported: tuple[Path, Store, ImportReport]) -> None:
    network, store, _report = imported
    written = json.loads((network / "manifest.json").read_text())["counts"]
    patients = store.table("patients").to_pylist()
    assert len(patients) == sum(counts["Patient.ndjson"] for counts in written.values())
    plans, issues = store.table("medication_plans"), store.table("medication_issues")
    assert plans.num_rows + issues.num_rows == sum(counts["MedicationRequest.ndjson"] for counts in written.values())
    assert {row["kind"] for row in store.table("registrations").to_pylist()} == {"registration", "caseload"}
    assert {"gp", "trust"} <= {row["setting"] for row in issues.to_pylist()} <= {"gp", "trust", "private"}
    elsewhere = [row for row in plans.to_pylist() if row["elsewhere"]]
    assert elsewhere
    assert all(row["setting"] in ("trust", "private") for row in elsewhere)
    assert all(row["asserted_on"] for row in elsewhere)
    assert {row["kind"] for row in plans.to_pylist()} == {"acute", "repeat", "repeat dispensing"}
    letters = store.table("letters").to_pylist()
    assert {row["from_org"] for row in letters} == {"RZ9"}


def test_doses_are_understood_but_for_the_unclear_ones(imported: tuple[Path, Store, ImportReport]) -> None:
    issues = imported[1].table("medication_issues").to_pylist()
    understood = sum(row["dose_status"] in ("structured", "text") for row in issues)
    assert 0.85 < understood / len(issues) < 1
    assert {row["dose_status"] for row in issues} >= {"text", "not understood"}


def test_one_person_at_two_organisations_is_joined_unless_the_birth_date_differs(imported: tuple[Path, Store, ImportReport]) -> None:
    store = imported[1]
    person_of = {row["subject_id"]: row["person_id"] for row in store.table("links").to_pylist() if row["undone_at"] is None}
    records = store.table("patients").to_pylist()

    def people(name: tuple[str, str]) -> list[int]:
        return [person_of[row["subject_id"]] for row in records if (row["given_name"], row["family_name"]) == name]

    assert len(people(TWO_OWNERS)) == 2
    assert len(set(people(TWO_OWNERS))) == 1
    assert len(people(WRONG_BIRTH_DATE)) == 2
    assert len(set(people(WRONG_BIRTH_DATE))) == 2
    by_number: dict[tuple[str, date], set[int]] = {}
    for row in records:
        if row["nhs_number"]:
            by_number.setdefault((row["nhs_number"], row["birth_date"]), set()).add(person_of[row["subject_id"]])
    assert all(len(found) == 1 for found in by_number.values())


def test_a_store_made_at_once_holds_what_the_import_of_the_same_people_gives(
    imported: tuple[Path, Store, ImportReport], tmp_path: Path
) -> None:
    """`--format store` is a shorter road to the same rows: only what a source calls its rows' versions differs."""
    generate(300, 7, AS_OF, tmp_path / "store", format="store")
    direct = Store.open(tmp_path / "store")
    for name in ("patients", "registrations", "medication_plans", "medication_issues", "observations", "conditions", "appointments"):
        one, other = (
            store.table(name).drop_columns(["subject_id", "version"]).sort_by([("source", "ascending"), ("native_id", "ascending")])
            for store in (imported[1], direct)
        )
        assert one.to_pylist() == other.to_pylist(), name

    def together(store: Store) -> set[frozenset[tuple[str, str]]]:
        people: dict[int, set[tuple[str, str]]] = {}
        for row in store.table("links").to_pylist():
            people.setdefault(row["person_id"], set()).add((row["source"], row["local_id"]))
        return {frozenset(records) for records in people.values()}

    assert together(imported[1]) == together(direct)
