"""The two ways to run the stages give the same, on nothing and on something; a broken stage shows."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest
from agreement import disagreement, first_difference
from builders import small_knowledge
from wide import wide_knowledge

from stepwell import engine
from stepwell.engine import runner, stage_files
from stepwell.engine.contract import TABLES
from stepwell.engine.inputs import Inputs
from stepwell.engine.worked import WorkedPatient, worked

AS_OF = date(2026, 6, 1)
PEOPLE = {
    "Ada": [
        "born 1950-02-03",
        "female",
        "alpha 10 mg daily from 2024-01-10 to 2025-03-01 every 28 days",
        "alpha 20 mg daily from 2025-03-10 every 28 days",
        "level 1.2 on 2026-01-15",
        "level 1.3 on 2026-04-15",
        "weight 80 on 2025-01-10",
        "egfr 60 on 2025-10-01",
        "egfr 44 on 2026-03-01",
        "diagnosis psychosis on 2010-01-01",
        "delta 400 mg daily from 2025-11-01 every 28 days by trust",
    ],
    "Ben": [
        "born 1990-02-03",
        "male",
        "alpha 10 mg daily from 2025-12-01 every 28 days by trust",
        "beta 2 mg daily from 2024-12-01 every 28 days",
        "gamma 1 mg daily from 2025-06-01 every 14 days",
        "agreement alpha all: trust from 2026-01-01 to 2026-05-01",
        "letter from trust on 2025-12-05",
    ],
    "Cy": ["delta 400 mg daily prescribed elsewhere from 2026-01-01", "beta as required from 2025-06-01 every 30 days"],
    "Fay": [
        "beta 2 mg daily from 2022-01-01 to 2022-06-01 every 28 days",
        "beta 2 mg daily from 2025-06-01 every 28 days",
        "alpha 5 mg daily from 2025-09-01 every 28 days",
        "level 0.5 on 2025-09-05",
        "level 0.6 on 2025-11-20",
        "egfr 40 on 2025-10-01",
        "egfr 29 on 2026-03-01",
        "gamma 1 mg daily on 2026-04-25 for 28 days",
    ],
    "Gus": ["beta 2 mg daily from 2025-01-01 to 2026-04-01 every 28 days"],
    "Dee": ["died 2026-05-01", "alpha 10 mg daily from 2024-01-10 every 28 days"],
}


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    return worked([WorkedPatient(name, lines) for name, lines in PEOPLE.items()], wide_knowledge(), AS_OF)[0]


@pytest.fixture(scope="module")
def staged(inputs: Inputs) -> dict[str, pa.Table]:
    return runner.run_inputs(inputs, AS_OF, fused=False)


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("knowledge", [{}, small_knowledge()], ids=["no knowledge", "small"])
def test_nothing_gives_empty_tables_of_the_contract(fused: bool, knowledge: dict[str, pa.Table]) -> None:
    found = runner.run_inputs(Inputs(knowledge=knowledge), AS_OF, fused=fused)
    assert {name: (table.num_rows, table.schema) for name, table in found.items()} == {
        name: (0, table.arrow_schema()) for name, table in TABLES.items()
    }


def test_fused_equals_staged(inputs: Inputs, staged: dict[str, pa.Table]) -> None:
    fused = runner.run_inputs(inputs, AS_OF, fused=True)
    assert {name: fused[name].equals(staged[name]) for name in TABLES} == dict.fromkeys(TABLES, True)


def test_every_table_has_rows_and_the_types_of_the_contract(staged: dict[str, pa.Table]) -> None:
    assert all(staged[name].num_rows > 0 for name in TABLES)
    assert {name: table.schema for name, table in staged.items()} == {name: table.arrow_schema() for name, table in TABLES.items()}


def test_rows_are_sorted_by_all_columns(staged: dict[str, pa.Table]) -> None:
    for name, table in staged.items():
        order = [(column, "ascending") for column in table.column_names]
        assert table.equals(table.sort_by(order)), name


def test_both_engines_agree(inputs: Inputs) -> None:
    assert disagreement(inputs, AS_OF) is None


# One fault for a stage of each kind: what a reader could mistake or a change could break.
FAULTS = {
    "people": ("p.death_date > $as_of", "p.death_date >= $as_of - 60"),
    "supply": ("$default_days), $min_days)", "$default_days), $min_days) + 1"),
    "chains": ("p.on_date) <= $stop_gap_days THEN 0", "p.on_date) < 5 THEN 0"),
    "last_courses": ("CAST($grace_days AS INTEGER) THEN 'current'", "0 THEN 'current'"),
    "licences": ("i.licence = 'licensed' THEN h.condition", "i.licence = 'none' THEN h.condition"),
    "class_courses": ("max(CASE WHEN g.gap_days", "min(CASE WHEN g.gap_days"),
    "registers": ("$as_of < add_months", "$as_of >= add_months"),
    "results": ("o.effective_on <= $as_of", "o.effective_on < DATE '2026-01-15'"),
    "falls": ("b.band <> b.highest_band", "b.band = b.highest_band"),
    "triggers": ("ORDER BY t.turn, t.on_date) AS place", "ORDER BY t.turn, t.on_date DESC) AS place"),
    "totals": ("sum(coalesce(p.value, 0))", "max(coalesce(p.value, 0))"),
    "gaps": ("a.base_on + CAST(a.late_days AS INTEGER) AS due_on", "a.base_on AS due_on"),
    "holding": ("c.conditions = c.held", "c.held > 0"),
    "windows": ("e.on_date <= p.closes_on", "e.on_date < p.opens_on"),
    "chain_points": ("WHEN t.takes_second = 0 THEN t.first_on", "WHEN t.takes_second = 1 THEN t.first_on"),
    "ongoing": ("coalesce(l.on_date, r.base_on) AS from_on", "r.base_on AS from_on"),
    "owners": ("w.supplied_by = 'gp' AND NOT w.recent_start", "w.supplied_by <> 'gp'"),
    "agree": ("e.to_on > a.anchor_on", "e.to_on < a.anchor_on"),
    "because": ("'no ' || coalesce", "'none ' || coalesce"),
    "priority": ("n.due_on <= $as_of", "n.due_on > $as_of"),
}


@pytest.mark.parametrize("stage", FAULTS)
def test_a_fault_in_a_stage_is_seen(stage: str, inputs: Inputs) -> None:
    right, wrong = FAULTS[stage]
    sql = stage_files.load()[stage].sql
    assert right in sql, f"{stage}.sql no longer says {right!r}"
    found = disagreement(inputs, AS_OF, overrides={stage: sql.replace(right, wrong)})
    assert found is not None, f"nothing notices a broken {stage}"


def test_an_unknown_stage_cannot_be_overridden() -> None:
    with pytest.raises(ValueError, match="no stage colour"):
        engine.run(Inputs(), AS_OF, overrides={"colour": "SELECT 1"})
    with pytest.raises(ValueError, match="no engine"):
        engine.run(Inputs(), AS_OF, engine="abacus")  # type: ignore[arg-type]


def test_more_events_than_two_to_any_guess() -> None:
    """A daily supply for two years: each pass doubles its reach, and the number of passes follows the data."""
    daily = ["alpha 10 mg daily from 2024-06-01 every 1 days for 2 days"]
    inputs, _ = worked([WorkedPatient("Eve", daily)], small_knowledge(), AS_OF)
    staged, fused = (runner.run_inputs(inputs, AS_OF, fused=fused) for fused in (False, True))
    assert first_difference(staged, fused) is None
    (course,) = staged["courses"].to_pylist()
    # One day too many each day: the surplus stops at the cap of 28, after the last issue and its own two days.
    assert (course["issues"], course["supply_ends_on"]) == (731, date(2026, 7, 1))


def test_another_pack_replaces_the_one_that_was_loaded(inputs: Inputs, staged: dict[str, pa.Table]) -> None:
    other = Inputs(inputs.records, inputs.workflow, {**inputs.knowledge, "k_register": inputs.knowledge["k_register"].slice(0, 0)})
    assert runner.run_inputs(other, AS_OF, fused=False)["registers"].num_rows == 0
    assert runner.run_inputs(inputs, AS_OF, fused=False)["registers"].equals(staged["registers"])


@pytest.mark.parametrize("wanted", [("registers",), ("results", "courses"), ("priority",), tuple(TABLES)])
@pytest.mark.parametrize("few", [True, False])
def test_only_what_is_wanted_is_run_and_equal(wanted: tuple[str, ...], few: bool, inputs: Inputs, staged: dict[str, pa.Table]) -> None:
    ran: list[str] = []
    tables = {name: inputs.table(name) for name in runner.READ}
    found = runner.Session(inputs.knowledge, few=few).run(tables, AS_OF, progress=lambda name, _: ran.append(name), wanted=wanted)
    assert {name: table.equals(staged[name]) for name, table in found.items()} == dict.fromkeys(wanted, True)
    if not few:
        assert set(stage_files.needed(wanted)) == {name for name in ran if "," not in name}


def test_a_question_runs_no_more_than_it_needs() -> None:
    assert stage_files.needed(("results",)) == ("subjects", "results")
    assert "needs" not in stage_files.needed(("registers",))
    with pytest.raises(ValueError, match="no stage colour"):
        stage_files.needed(("colour",))


def test_what_sorts_a_table_is_its_grain(staged: dict[str, pa.Table]) -> None:
    for name, rows in staged.items():
        keys = runner.KEYS[name].split(", ")
        assert rows.group_by(keys).aggregate([]).num_rows == rows.num_rows, name
