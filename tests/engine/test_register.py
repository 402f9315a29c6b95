"""One register and its checks: who is on it and why not, and the last results as the engine's own stage has them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell import knowledge
from stepwell.engine import register, runner, stage_files
from stepwell.engine.register import Question, checks
from stepwell.errors import Refused
from stepwell.records.schema import TABLES, WORKFLOW
from stepwell.records.store import Store

AS_OF = date(2026, 6, 1)
QUESTION = Question("antipsychotic", ("hba1c", "systolic-bp"), months=6, from_age=18)
PACK = knowledge.load()


def code_of(substance: str) -> str:
    return next(
        row["code"] for row in PACK.tables()["k_product"].to_pylist() if row["substance"] == substance and row["code_system"] == "snomed"
    )


def code_for(test: str, unit: str) -> str:
    rows = PACK.tables()["k_test_code"].to_pylist()
    return next(row["code"] for row in rows if row["test"] == test and row["unit"] == unit and row["code_system"] == "snomed")


def rows_of(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    table = TABLES.get(name) or WORKFLOW[name]
    given = [{**dict.fromkeys(table.names), **row} for row in rows]
    return pa.Table.from_pylist(given, schema=table.arrow_schema())


def store_of(folder: Path, records: dict[str, list[dict[str, Any]]], workflow: dict[str, list[dict[str, Any]]] | None = None) -> Store:
    store = Store.open(folder, create=True, buckets=1)
    with store.importing() as writer:
        for name, rows in records.items():
            numbered = [{"source": "A00001", "native_id": str(place), "version": "1", **row} for place, row in enumerate(rows)]
            kept = [{key: value for key, value in row.items() if key in TABLES[name].names} for row in numbered]
            writer.put(name, "" if name == "links" else "A00001", 0, rows_of(name, kept))
        writer.commit()
    if workflow:
        store.put_workflow({name: rows_of(name, rows) for name, rows in workflow.items()}, person_ids=None)
    return store.refresh()


def issue(subject: int, **values: Any) -> dict[str, Any]:
    usual = {"status": "completed", "code_system": "snomed", "code": code_of("olanzapine"), "term": "Olanzapine 10mg tablets"}
    return {"subject_id": subject, "term_name": "olanzapine", "issued_on": date(2026, 4, 1), **usual, **values}


# Person → (their issue, what is different about them, on the register, in the list of everybody).
PEOPLE: dict[int, tuple[dict[str, Any], str, bool, bool]] = {
    1: (issue(1), "", True, True),
    2: (issue(2, code=None, code_system=None, term_name="olanzapine"), "no code", True, True),
    3: (issue(3, issued_on=date(2025, 12, 1)), "on the day six months before", False, True),
    4: (issue(4, issued_on=date(2025, 12, 2)), "the day after", True, True),
    5: (issue(5, code=code_of("sertraline"), term_name="sertraline"), "another medicine", False, True),
    6: (issue(6, code="decided-nothing", term_name="olanzapine"), "a decision that the code is no medicine of interest", False, True),
    7: (issue(7, code=None, code_system=None, term="The Blue Ones", term_name="blue"), "a decision about the term", True, True),
    8: (issue(8, status="cancelled"), "cancelled", False, True),
    9: (issue(9, status=None), "without a status", True, True),
    10: (issue(10), "died", False, False),
    11: (issue(11), "left the list", False, False),
    12: (issue(12), "seventeen years old", False, False),
    13: (issue(13, issued_on=date(2026, 6, 2)), "tomorrow", False, True),
    14: (issue(14, code=code_of("sertraline"), term_name="olanzapine"), "the code goes before the name", False, True),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    born = {12: date(2008, 6, 2)}
    # Subject 115 is person 15's record at a trust, joined to 15; 116 was joined to person 16 by mistake.
    subjects = {**{person: person for person in [*PEOPLE, 15, 16]}, 115: 15}
    records = {
        "patients": [
            {
                "subject_id": subject,
                "birth_date": born.get(person, date(1970, 1, 1)),
                "sex": "female",
                "org_code": "A00001",
                "death_date": date(2026, 5, 1) if person == 10 else None,
            }
            for subject, person in subjects.items()
        ],
        "registrations": [
            {
                "subject_id": subject,
                "org_code": "A00001",
                "kind": "registration",
                "started_on": date(2000, 1, 1),
                "ended_on": date(2026, 1, 1) if person == 11 else None,
            }
            for subject, person in subjects.items()
            if subject == person
        ],
        "medication_issues": [*(each for each, *_ in PEOPLE.values()), issue(115), issue(116)],
        "observations": [
            result(1, "hba1c", 41_000, date(2025, 6, 1)),
            result(1, "hba1c", 47_000, date(2025, 6, 2)),
            result(1, "hba1c", 45_000, date(2025, 6, 2)),
            result(1, "hba1c", 99_000, date(2026, 5, 1), status="cancelled"),
            result(2, "hba1c", 41_000, date(2025, 6, 1)),
            result(4, "hba1c", 41_000, date(2026, 6, 2)),
            result(115, "hba1c", 50_000, date(2026, 5, 1)),
        ],
        "links": [
            *({"subject_id": subject, "person_id": person, "local_id": str(subject)} for subject, person in subjects.items()),
            {"subject_id": 116, "person_id": 16, "local_id": "116", "undone_at": datetime(2026, 6, 1)},
            {"subject_id": 116, "person_id": 17, "local_id": "116"},
        ],
    }
    workflow = {
        "codings": [
            {"code_system": "snomed", "code": "decided-nothing", "term": None, "substance": None},
            {"code_system": None, "code": None, "term": "the blue ones", "substance": "olanzapine"},
        ],
        "recorded_results": [{"person_id": 9, "test": "hba1c", "effective_on": date(2026, 5, 20), "value_milli": 39_000}],
    }
    return store_of(tmp_path_factory.mktemp("register") / "store", records, workflow)


def result(subject: int, test: str, value: int, on: date, **values: Any) -> dict[str, Any]:
    coded = {"code_system": "snomed", "code": code_for(test, "mmol/mol"), "value_unit": "mmol/mol", "status": "final"}
    return {"subject_id": subject, "effective_on": on, "value_milli": value, **coded, **values}


def test_who_is_on_the_register(store: Store) -> None:
    found = checks(store, PACK, AS_OF, QUESTION).to_pylist()
    assert {row["person_id"] for row in found} == {person for person, (*_, on, _) in PEOPLE.items() if on} | {15}
    assert all(row["on_register"] and row["substances"] == "olanzapine" for row in found)
    assert [row["person_id"] for row in found] == sorted(row["person_id"] for row in found)


def test_everybody_is_on_the_list_of_everybody(store: Store) -> None:
    asked = Question("antipsychotic", ("hba1c",), months=6, from_age=18, everybody=True)
    found = {row["person_id"]: row["on_register"] for row in checks(store, PACK, AS_OF, asked).to_pylist()}
    # Person 17 has a link and an issue and nothing else: no age, so not known to be an adult.
    assert found == {person: on for person, (*_, on, listed) in PEOPLE.items() if listed} | {15: True, 16: False}
    of_any_age = Question("antipsychotic", ("hba1c",), months=6, everybody=True)
    assert {row["person_id"] for row in checks(store, PACK, AS_OF, of_any_age).to_pylist()} == {*found, 12, 17}


def test_the_last_result_and_what_is_due(store: Store) -> None:
    found = {row["person_id"]: row for row in checks(store, PACK, AS_OF, QUESTION).to_pylist()}

    def said(person: int) -> tuple[Any, ...]:
        row = found[person]
        return row["hba1c_on"], row["hba1c_milli"], row["hba1c_due"], row["checks_due"]

    # Every twelve months: due from the same day a year on. Of two values of a day the larger counts, a cancelled one never.
    assert said(1) == (date(2025, 6, 2), 47_000, False, 1)
    assert said(2) == (date(2025, 6, 1), 41_000, True, 2)
    assert said(4) == (None, None, True, 2)
    assert said(9) == (date(2026, 5, 20), 39_000, False, 1)
    assert said(15) == (date(2026, 5, 1), 50_000, False, 1)


def test_what_the_pack_does_not_have_is_refused(store: Store) -> None:
    with pytest.raises(Refused, match="there are antipsychotic"):
        checks(store, PACK, AS_OF, Question("statin", (), months=6))
    with pytest.raises(Refused, match="no test aura"):
        checks(store, PACK, AS_OF, Question("antipsychotic", ("aura",), months=6))


def test_an_empty_store_gives_nobody(tmp_path: Path) -> None:
    assert checks(Store.open(tmp_path / "store", create=True), PACK, AS_OF, QUESTION).num_rows == 0


def test_a_stage_brings_what_it_reads() -> None:
    assert register.stages_for(("results",)) == ["subjects", "results"]
    assert register.stages_for(("products", "people")) == [name for name in stage_files.ORDER if name in ("subjects", "people", "products")]
    with pytest.raises(ValueError, match="run in passes"):
        register.stages_for(("courses",))
    with pytest.raises(ValueError, match="no stage phases"):
        register.stages_for(("phases",))


# The last results against the engine's own stage, over values in every unit, with and without numbers.

CODED = [row for row in PACK.tables()["k_test_code"].to_pylist() if row["test"] in ("hba1c", "weight", "systolic-bp")]
OBSERVED = st.builds(
    lambda coded, subject, days, value, unit, status: {
        "subject_id": subject,
        "source": "A00001",
        "code_system": coded["code_system"],
        "code": coded["code"],
        "effective_on": AS_OF + timedelta(days),
        "value_milli": value,
        "value_unit": coded["unit"].upper() if unit == "own" and coded["unit"] else unit,
        "status": status,
    },
    st.sampled_from(CODED),
    st.integers(1, 3),
    st.integers(-3, 1),
    st.one_of(st.none(), st.integers(-5_000_000, 5_000_000)),
    st.sampled_from(["own", "own", "parsec", None]),
    st.sampled_from(["final", "final", "amended", None, "cancelled", "entered in error"]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(OBSERVED, max_size=25))
def test_last_results_are_those_of_the_stage(observed: list[dict[str, Any]]) -> None:
    tests = ("hba1c", "weight", "systolic-bp")
    values = {**runner.values_of(PACK.tables()["k_param"], AS_OF), "no_value": register.NO_VALUE}
    with runner.connect(few=True) as connection:
        connection.register("observations", rows_of("observations", observed))
        connection.register("observations_read", rows_of("observations", observed))
        connection.register("k_test_code", PACK.tables()["k_test_code"])
        typed = [{"person_id": 1, "test": "weight", "effective_on": AS_OF, "value_milli": 70_000}]
        connection.register("recorded_results", rows_of("recorded_results", typed))
        connection.execute("CREATE TABLE subjects AS SELECT n AS subject_id, n // 2 AS person_id FROM range(1, 4) AS r(n)")
        connection.execute(
            "CREATE TABLE asked_tests AS SELECT * FROM (VALUES (0, 'hba1c'), (1, 'weight'), (2, 'systolic-bp')) AS t(place, test)"
        )
        seen = stage_files.render(register._sql("seen"), values)
        found = connection.execute(f"SELECT person_id, place, max(seen) FROM ({seen}) GROUP BY ALL").fetchall()
        stage = connection.execute(stage_files.render(stage_files.load()["results"].sql, values)).fetchall()
    expected: dict[tuple[int, str], tuple[date, int]] = {}
    for person, test, on, value, *_ in stage:
        if test in tests:
            row = (on, register.NO_VALUE if value is None else value)
            expected[person, test] = max(expected.get((person, test), row), row)
    assert {(person, tests[place]): tuple(row) for person, place, row in found} == expected
