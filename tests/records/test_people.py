"""Which records are of one person, and that a mistake can be undone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from fhir_builders import Fhir

from stepwell.errors import Refused
from stepwell.records.importers.report import ImportReport
from stepwell.records.people import check_nhs_number, link_subject, undo_link
from stepwell.records.store import Store

AT = datetime(2026, 6, 2)
NUMBER, OTHER = "9434765919", "9434765870"
Bring = Callable[..., ImportReport]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("9434765919", ("9434765919", "valid")),
        ("943 476 5919", ("9434765919", "valid")),
        ("943-476-5919", ("9434765919", "valid")),
        ("9434765918", (None, "invalid")),
        ("1234567890", (None, "invalid")),
        ("9999999999", (None, "invalid")),
        ("0000000000", (None, "invalid")),
        ("Test Harness", (None, "invalid")),
        ("{{jsonPath request.body}}", (None, "invalid")),
        ("٩٤٣٤٧٦٥٩١٩", (None, "invalid")),
        ("943476591", (None, "invalid")),
        ("  ", (None, "missing")),
        (None, (None, "missing")),
    ],
)
def test_nhs_number(raw: str | None, expected: tuple[str | None, str]) -> None:
    assert check_nhs_number(raw) == expected


def persons(store: Store) -> dict[str, int]:
    """`source/local id` → person, by the links in force."""
    return {f"{row['source']}/{row['local_id']}": row["person_id"] for row in store.table("links").to_pylist() if row["undone_at"] is None}


def two(fhir: Fhir, **trust: str | None) -> list[dict]:
    given = {"nhs": NUMBER} | trust
    orgs = [fhir.organisation("A82001"), fhir.organisation("RX1", "NHS trust")]
    return [*orgs, fhir.patient("p", "A82001", NUMBER), fhir.patient("t", "RX1", **given)]


def test_equal_number_and_birth_date_are_one_person(bring: Bring, fhir: Fhir, store: Store) -> None:
    bring(two(fhir))
    assert len(set(persons(store).values())) == 1
    assert len({row["subject_id"] for row in store.table("patients").to_pylist()}) == 2


@pytest.mark.parametrize(("trust", "flag"), [
    ({"born": "1970-03-02"}, "one NHS number, two dates of birth"),
    ({"nhs": "9434765918"}, "NHS number not valid"),
    ({"nhs": None}, "NHS number missing"),
    ({"born": None}, None),
    ({"born": "1970-02"}, None),
    ({"nhs": OTHER}, None),
])  # fmt: skip
def test_anything_less_stands_alone_and_is_told(bring: Bring, fhir: Fhir, store: Store, trust: dict, flag: str | None) -> None:
    report = bring(two(fhir, **trust))
    found = persons(store)
    assert found["A82001/p"] != found["RX1/t"]
    told = {each["flag"] for each in report.to_json()["flags"]}  # type: ignore[index,attr-defined]
    assert told == ({flag} if flag else set())


def test_a_correction_joins_and_a_changed_number_parts(bring: Bring, fhir: Fhir, store: Store) -> None:
    bring(two(fhir, nhs=None))
    before = persons(store)
    bring(two(fhir), scope="patients")
    assert set(persons(store).values()) == {before["A82001/p"]}
    report = bring(two(fhir, nhs=OTHER), scope="patients")
    assert persons(store)["A82001/p"] == before["A82001/p"] != persons(store)["RX1/t"]
    assert report.flag_count("match ended") == 1
    # Append-only: every earlier link is still there, with the reason it ended.
    history = [row for row in store.table("links").to_pylist() if row["local_id"] == "t"]
    assert [row["undone_why"] is None for row in history].count(True) == 1
    assert len(history) == 3


def test_two_corrected_together_stay_together(bring: Bring, fhir: Fhir, store: Store) -> None:
    bring(two(fhir))
    born = {"born": "1971-02-03"}
    bring([fhir.organisation("A82001"), fhir.organisation("RX1", "NHS trust"), fhir.patient("p", "A82001", NUMBER, **born),
           fhir.patient("t", "RX1", NUMBER, **born)], scope="patients")  # fmt: skip
    assert len(set(persons(store).values())) == 1


def test_undo_is_kept_by_later_imports_until_somebody_links_again(bring: Bring, fhir: Fhir, store: Store) -> None:
    bring(two(fhir))
    records = store.table("patients").sort_by("subject_id").to_pylist()
    subject = next(row["subject_id"] for row in records if row["source"] == "RX1")
    joined = persons(store)["A82001/p"]
    alone = undo_link(store, subject, why="two people share a number", by="dr.grey", at=AT)
    assert persons(store) == {"A82001/p": joined, "RX1/t": alone}
    assert store.person_subjects([joined, alone])[alone] == [subject]
    bring(two(fhir), scope="patients")
    bring(two(fhir, born="1980-01-01"), scope="patients")
    bring(two(fhir), scope="patients")
    assert persons(store)["RX1/t"] == alone
    link_subject(store, subject, joined, why="checked with the trust", by="dr.grey", at=AT)
    assert set(persons(store).values()) == {joined}
    # No record was touched by any of this.
    assert store.table("patients").sort_by("subject_id").to_pylist() == records


def test_a_third_record_does_not_choose_between_two_kept_apart(bring: Bring, fhir: Fhir, store: Store) -> None:
    bring(two(fhir))
    subject = next(row["subject_id"] for row in store.table("patients").to_pylist() if row["source"] == "RX1")
    undo_link(store, subject, why="two people", by="dr.grey", at=AT)
    report = bring([fhir.organisation("A82002"), fhir.patient("q", "A82002", NUMBER)])
    assert len(set(persons(store).values())) == 3
    assert report.flag_count("matches two people") == 1


def test_nothing_to_undo_says_so(bring: Bring, fhir: Fhir, store: Store) -> None:
    bring([fhir.organisation("A82001"), fhir.patient("p")])
    with pytest.raises(Refused, match="nothing to undo"):
        undo_link(store, 1, why="x", by="y", at=AT)
    with pytest.raises(Refused, match="No record 77"):
        undo_link(store, 77, why="x", by="y", at=AT)
    with pytest.raises(Refused, match="No record in this store is of person 9"):
        link_subject(store, 1, 9, why="x", by="y", at=AT)
