"""The queues of what a person must decide, and that a decision is remembered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from csv_builders import Tpp
from fhir_builders import Fhir

from stepwell.errors import Refused
from stepwell.records import coding
from stepwell.records.coding import Decision, coding_counts, coding_queue, decide, match_queue, remember
from stepwell.records.importers.report import ImportReport
from stepwell.records.people import keep_apart, link_subject, undo_link
from stepwell.records.store import Store

Bring = Callable[..., ImportReport]
NOW = datetime(2026, 6, 2)
NAMES = (
    ("sertraline", None, "sertraline"),
    ("lustral", None, "sertraline"),
    ("abilify", None, "aripiprazole"),
    ("abilify", "injection", "aripiprazole (injection)"),
    ("olanzapine", None, "olanzapine"),
)
KNOWLEDGE = {
    "k_product": pa.table(
        {"code_system": ["snomed"], "code": ["321987003"], "substance": ["sertraline"], "strength_ug": [50_000], "unit": ["tablet"]}
    ),
    "k_name": pa.table(
        {name: pa.array([row[at] for row in NAMES], pa.string()) for at, name in enumerate(("term_name", "unit", "substance"))}
    ),
    "k_substance": pa.table(
        {
            "substance": ["sertraline", "aripiprazole", "aripiprazole (injection)", "olanzapine"],
            "label": ["Sertraline", "Aripiprazole", "Aripiprazole (injection)", "Olanzapine"],
        }
    ),
}


@pytest.fixture
def medicines(tmp_path: Path, bring: Bring, store: Store) -> Store:
    tpp = Tpp()
    tpp.patient("1")
    tpp.patient("2")
    for person in ("1", "2"):
        tpp.medication(f"known-{person}", person)
        tpp.medication(
            f"mixture-{person}",
            person,
            IDMultiLexDMD="",
            NameOfMedication="Olanzapine oral solution special",
            MedicationDosage="5ml at night",
        )
    tpp.medication("certain", "1", IDMultiLexDMD="111", NameOfMedication="Lustral 100mg tablets")
    tpp.medication("strengthless", "1", IDMultiLexDMD="112", NameOfMedication="Olanzapine tablets")
    tpp.medication("misspelt", "1", IDMultiLexDMD="113", NameOfMedication="Sertralin Zentiva 50mg tablets")
    tpp.medication("other", "2", IDMultiLexDMD="114", NameOfMedication="Amoxicillin 500mg capsules")
    tpp.medication("no-text", "2", IDMultiLexDMD="115", NameOfMedication="")
    bring(tpp.write(tmp_path / "tpp"))
    return store.refresh()


def test_what_waits_and_why(medicines: Store) -> None:
    rows = {row["term"]: row for row in coding_queue(medicines, KNOWLEDGE).to_pylist()}
    assert list(rows) == ["Olanzapine oral solution special", "Olanzapine tablets", "Sertralin Zentiva 50mg tablets"]
    bare = rows["Olanzapine oral solution special"]
    assert (bare["reason"], bare["by"], bare["rows"], bare["people"], bare["dose_text"]) == ("no code", "term", 2, 2, "5ml at night")
    assert (bare["first_on"], bare["last_on"], bare["sources"]) == (date(2026, 5, 1), date(2026, 5, 1), ["A82001"])
    (suggestion,) = bare["suggestions"]
    assert (suggestion["substance"], suggestion["unit"]) == ("olanzapine", "ml")
    assert "olanzapine" in suggestion["why"]
    assert (rows["Olanzapine tablets"]["reason"], rows["Olanzapine tablets"]["by"]) == ("name only", "code")
    close = rows["Sertralin Zentiva 50mg tablets"]
    assert (close["reason"], close["suggestions"][0]["substance"], close["suggestions"][0]["strength_ug"]) == (
        "similar name",
        "sertraline",
        50_000,
    )
    assert "spelt like" in close["suggestions"][0]["why"]
    everything = coding_queue(medicines, KNOWLEDGE, everything=True).to_pylist()
    assert [row["term"] for row in everything if row["reason"] == "not listed"] == ["Amoxicillin 500mg capsules", None]
    assert coding_counts(medicines, KNOWLEDGE) == {"no code": (1, 2), "name only": (1, 1), "similar name": (1, 1), "not listed": (2, 2)}
    assert coding_queue(medicines, KNOWLEDGE, limit=1, offset=1)["term"].to_pylist() == ["Olanzapine tablets"]


def test_a_decision_is_remembered_for_later_rows(tmp_path: Path, bring: Bring, medicines: Store) -> None:
    settled = [
        Decision("Ann Pharmacist, 02-Jun-2026", "olanzapine", term="Olanzapine oral solution SPECIAL", strength_ug=1_000, unit="ml"),
        Decision("Ann Pharmacist, 02-Jun-2026", "sertraline", code_system="snomed", code="113", strength_ug=50_000, unit="tablet"),
        Decision("Ann Pharmacist, 02-Jun-2026", None, code_system="snomed", code="112"),
    ]
    remember(medicines, KNOWLEDGE, settled)
    assert coding_queue(medicines, KNOWLEDGE).num_rows == 0
    kept = {(row["code"], row["term"]): row["substance"] for row in medicines.table("codings").to_pylist()}
    assert kept == {(None, "olanzapine oral solution special"): "olanzapine", ("113", None): "sertraline", ("112", None): None}
    later = Tpp()
    later.medication("m9", "1", IDMultiLexDMD="", NameOfMedication="Olanzapine oral solution special")
    bring(later.write(tmp_path / "later"), scope="delta")
    assert coding_queue(medicines.refresh(), KNOWLEDGE).num_rows == 0
    # Somebody thinks better of it.
    remember(medicines, KNOWLEDGE, [Decision("Bea", "olanzapine", code_system="snomed", code="113")])
    assert {row["code"]: row["substance"] for row in medicines.table("codings").to_pylist()}["113"] == "olanzapine"
    assert medicines.table("codings").num_rows == 3


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        (Decision("x", "aspirin", term="Aspirin"), "no medicine of the knowledge base"),
        (Decision("x", "sertraline", code="1"), "code system"),
        (Decision("x", "sertraline", code_system="snomed", code="196421000000109"), "Decide about the term"),
        (Decision("x", "sertraline"), "neither a code nor a name"),
        (Decision("x", "sertraline", term="y", strength_ug=0), "more than nothing"),
        (Decision("x", "sertraline", term="y", unit="spoon"), "no unit"),
        (Decision("x", None, term="y", unit="ml"), "no strength"),
    ],
)
def test_a_decision_that_cannot_stand(decision: Decision, words: str) -> None:
    with pytest.raises(Refused, match=words):
        decide(decision, KNOWLEDGE)


def test_the_engine_reads_what_was_decided(medicines: Store) -> None:
    """Queue and engine search alike: what the engine cannot place is in the queue or not listed, and a decision places it."""
    from stepwell import knowledge
    from stepwell.engine import evaluate

    pack = knowledge.load()
    waiting = [row for row in coding_queue(medicines, pack, limit=None).to_pylist() if row["reason"] == "similar name"]
    assert [row["code"] for row in waiting] == ["113"]
    before = evaluate(medicines, pack, date(2026, 6, 1), engine="duckdb").tables["medicines"].to_pylist()
    assert "Sertralin Zentiva 50mg tablets" not in {row["term"] for row in before}
    remember(medicines, pack, [Decision("Ann", "aripiprazole", code_system="snomed", code="113", strength_ug=50_000, unit="tablet")])
    after = evaluate(medicines.refresh(), pack, date(2026, 6, 1), engine="duckdb").tables["medicines"].to_pylist()
    assert [row["substance"] for row in after if row["term"] == "Sertralin Zentiva 50mg tablets"] == ["aripiprazole"]


# People


@pytest.fixture
def pair(bring: Bring, store: Store) -> Callable[..., list[dict]]:
    def people(first: dict, second: dict) -> list[dict]:
        fhir = Fhir()
        lines = [fhir.organisation("A82001"), fhir.organisation("RX1", "NHS trust")]
        bring([*lines, fhir.patient("a", "A82001", **first), fhir.patient("b", "RX1", **second)])
        return match_queue(store.refresh()).to_pylist()

    return people


def test_one_number_and_two_dates_of_birth(pair: Callable[..., list[dict]]) -> None:
    (row,) = pair({"nhs": "9990000018"}, {"nhs": "9990000018", "born": "1970-03-02"})
    assert (row["reason"], row["local_id_a"], row["local_id_b"]) == ("one NHS number, two dates of birth", "a", "b")


def test_a_name_without_a_number(pair: Callable[..., list[dict]]) -> None:
    (row,) = pair({"nhs": "9990000018"}, {})
    assert row["reason"] == "same name"


def test_a_home_and_an_initial(pair: Callable[..., list[dict]]) -> None:
    here = {"address": [{"postalCode": "LS1 4AP"}]}
    (row,) = pair(
        {"nhs": "9990000018", **here}, {"name": [{"family": "Married", "given": ["Anna"]}], "address": [{"postalCode": "ls14ap"}]}
    )
    assert row["reason"] == "same home"


def test_nothing_to_ask(pair: Callable[..., list[dict]]) -> None:
    assert pair({"nhs": "9990000018"}, {"nhs": "9990000018"}) == []


def test_two_valid_numbers_are_two_people(pair: Callable[..., list[dict]]) -> None:
    assert pair({"nhs": "9990000018"}, {"nhs": "9990000026"}) == []


def test_decided_together_or_apart(pair: Callable[..., list[dict]], store: Store) -> None:
    (row,) = pair({"nhs": "9990000018"}, {})
    keep_apart(store, row["subject_a"], row["subject_b"], why="a cousin", by="Ann", at=NOW)
    assert match_queue(store.refresh()).num_rows == 0
    assert store.person_subjects([row["person_a"]]) == {row["person_a"]: [row["subject_a"]]}
    link_subject(store, row["subject_b"], row["person_a"], why="no, the same", by="Bea", at=NOW)
    assert match_queue(store.refresh()).num_rows == 0
    with pytest.raises(Refused, match="Undo that link first"):
        keep_apart(store, row["subject_a"], row["subject_b"], why="a cousin", by="Ann", at=NOW)
    undo_link(store, row["subject_b"], why="a cousin after all", by="Ann", at=NOW)
    assert match_queue(store.refresh()).num_rows == 0
    assert coding.MATCHES.names == match_queue(store).column_names
