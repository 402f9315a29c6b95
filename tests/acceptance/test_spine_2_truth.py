"""Line 2: courses, owners and due dates agree with the truth of an event simulation for at least 99.5 % of synthetic people.

The simulation (`stepwell.records.synthetic.truth`) walks the days and shares no code with the engine. Every disagreement must fall into
an explained category; agreement with real starts and stops is computed; and breaking one rule of the engine lowers the figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from stepwell import knowledge
from stepwell.engine import Inputs, run, stage_files
from stepwell.records.schema import TABLES, WORKFLOW
from stepwell.records.store import Store
from stepwell.records.synthetic import truth
from stepwell.records.synthetic.network import organisations
from stepwell.records.synthetic.population import Made
from stepwell.records.synthetic.storing import store_sink
from stepwell.records.synthetic.world import make_world

# Made once: its tests stay on one worker.
pytestmark = pytest.mark.xdist_group("truth")

AS_OF, SEED, PEOPLE = date(2026, 6, 1), 11, 5000
KNOWLEDGE = knowledge.load()
GUIDE = Path("docs/guide/truth.md")

# Stage of the engine, what stands there, what stands there instead: one rule broken each time.
BROKEN = {
    "an early issue carries nothing forward": ("carry", "ELSE n.low + $carry_cap_days END", "ELSE n.low END"),
    "a holiday issue adds no days": ("events", "CAST(sum(s.days) AS BIGINT)", "CAST(max(s.days) AS BIGINT)"),
    "days are the interval before the quantity": ("supply", "d.quantity_days, i.interval_days", "i.interval_days, d.quantity_days"),
    "a recent specialist start leaves the owner with the practice": (
        "owners",
        "w.specialist_initiated AND w.supplied_by = 'gp' AND NOT w.recent_start",
        "w.specialist_initiated AND w.supplied_by = 'gp'",
    ),
    "an agreement that ended is still in force": ("lines_in_force", "a.to_on > $as_of", "a.to_on <= $as_of"),
    "the next is due after the first result, not the last": ("ongoing", "e.on_date DESC, e.rank", "e.on_date, e.rank"),
    "everything is due a day later": ("points", "coalesce(b.due_days, 0)", "coalesce(b.due_days, 0) + 1"),
    "what lapsed long ago is forgotten": ("listed", "AND NOT g.answered", "AND g.answered"),
    "a stay in hospital covers nothing": ("admissions", "b.days_since <= $carry_cap_days + $grace_days", "b.days_since < 0"),
    "a load counts from the first change of dose, not the last": ("totals", "max(p.last_change_on)", "min(p.last_change_on)"),
    "a run of results begins at its last": (
        "triggers",
        "ORDER BY t.turn, t.on_date) AS place",
        "ORDER BY t.turn, t.on_date DESC) AS place",
    ),
    "who must agree is asked where all is met": (
        "agree",
        "WHERE d.state = 'open' AND o.owner_org = 'nobody'",
        "WHERE d.state = 'met' AND o.owner_org = 'nobody'",
    ),
    "a gap in supply must be longer": ("gaps", "c.gap_days >= e.late_days", "c.gap_days > e.late_days + 7"),
}


@dataclass(frozen=True)
class World:
    """People, their truth, and what the engine reads of them."""

    truth: truth.Truth
    inputs: Inputs
    links: pa.Table

    def compare(self, tables: dict[str, pa.Table]) -> truth.Agreement:
        return truth.compare(tables, self.links, self.truth)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("truth") / "store"
    made_of = make_world(PEOPLE, SEED)
    simulation = truth.Simulation(KNOWLEDGE, AS_OF)
    with store_sink(folder, AS_OF, buckets=1) as sink:
        for org, tables in organisations(made_of, SEED, AS_OF, simulation):
            sink.put(org, tables)
        sink.finish()
    store = Store.open(folder)
    records = {name: store.table(name) for name in TABLES if name not in ("originals", "rejects")}
    true = simulation.truth()
    return World(true, Inputs(records, {"agreement_lines": agreed(true, store.table("links"))}, KNOWLEDGE.tables()), store.table("links"))


def agreed(true: truth.Truth, links: pa.Table) -> pa.Table:
    """Agreements as the ledger would hold them, of everybody whom the importer knows for one person."""
    person_id = {person: person_id for person_id, person in truth.together(links, true).person_of.items()}
    rows = [
        {**row, "person_id": person_id[row.pop("person")], "owner_role": None, "label": "agreed"}
        for row in true.tables["agreements"].to_pylist()
        if row["person"] in person_id
    ]
    return pa.Table.from_pylist(rows, schema=WORKFLOW["agreement_lines"].arrow_schema())


@pytest.fixture(scope="module")
def agreement(world: World) -> truth.Agreement:
    return world.compare(run(world.inputs, AS_OF))


def test_there_is_much_to_compare(world: World, agreement: truth.Agreement) -> None:
    assert agreement.people >= PEOPLE and agreement.with_medicines > PEOPLE / 4
    assert agreement.rows["courses"] > PEOPLE / 2 and agreement.rows["owners"] > PEOPLE / 3 and agreement.rows["due"] > PEOPLE
    due = world.truth.tables["due"]
    assert {"open", "met", "lapsed"} == set(due["state"].to_pylist())
    assert {"nobody", "RZ9"} < set(due["owner_org"].to_pylist())
    kinds = {rule["rule_id"]: rule["kind"] for rule in KNOWLEDGE.tables()["k_rule"].to_pylist()}
    assert len(set(due["rule_id"].to_pylist())) > 100
    assert {kinds[rule_id] for rule_id in due["rule_id"].to_pylist()} == set(kinds.values())
    assert world.truth.tables["agreements"].num_rows > 20


def test_they_agree_for_nearly_everybody(agreement: truth.Agreement) -> None:
    assert agreement.percent >= 99.5
    # Most people take nothing that is looked after; the bar holds for those who do, too.
    assert agreement.percent_with_medicines >= 99.5


def test_every_disagreement_is_explained(agreement: truth.Agreement) -> None:
    explained = {line[3:].strip() for line in GUIDE.read_text(encoding="utf-8").splitlines() if line.startswith("## ")}
    assert truth.UNEXPLAINED not in explained
    assert set(agreement.categories()) <= explained, [each for each in agreement.disagreements if each.category not in explained][:10]


def test_people_whose_records_were_joined_wrongly_are_few_and_disagree(world: World, agreement: truth.Agreement) -> None:
    wrongly = truth.together(world.links, world.truth).wrongly
    assert 0 < len(wrongly) < PEOPLE / 500
    assert {each.person for each in agreement.disagreements} <= set(wrongly)


@pytest.mark.parametrize("broken", BROKEN)
def test_breaking_one_rule_lowers_the_figure(world: World, agreement: truth.Agreement, broken: str) -> None:
    stage, text, instead = BROKEN[broken]
    sql = stage_files.load()[stage].sql
    assert text in sql, f"{stage}.sql no longer says this: break it in another way"
    lower = world.compare(run(world.inputs, AS_OF, overrides={stage: sql.replace(text, instead, 1)}))
    assert lower.percent < agreement.percent
    assert truth.UNEXPLAINED in lower.categories()


def test_another_figure_for_one_side_lowers_the_figure(world: World, agreement: truth.Agreement) -> None:
    """The gap that ends a course, halved for the engine only."""
    tables = KNOWLEDGE.tables()
    params = tables["k_param"]
    halved = pc.if_else(pc.equal(params["name"], "stop_gap_days"), pc.divide(params["value"], 2), params["value"])
    other = tables | {"k_param": params.set_column(params.column_names.index("value"), "value", halved)}
    inputs = Inputs(world.inputs.records, world.inputs.workflow, other)
    assert world.compare(run(inputs, AS_OF)).percent < agreement.percent


def test_agreement_with_real_starts_and_stops_is_measured(world: World) -> None:
    real = truth.against_life(world.truth, KNOWLEDGE, AS_OF)
    assert real.starts > 1000 and real.stops > 100 and real.courses > 1000 and real.ended > 100
    for shares in (real.starts_found, real.starts_right, real.stops_found, real.stops_right):
        found = [shares[days] for days in sorted(shares)]
        assert found == sorted(found) and 0 < found[-1] <= 1


def test_the_truth_is_the_same_however_it_is_made(world: World) -> None:
    """A place made alone gives the same truth as in its network."""
    from stepwell.records.synthetic.population import make_practice

    place = make_world(PEOPLE, SEED).places[1]
    alone = truth.Simulation(KNOWLEDGE, AS_OF)
    made: Made = make_practice(make_world(PEOPLE, SEED), SEED, place, AS_OF)
    alone.add(made)
    people = pa.array(sorted(set(made.life["people"]["person"].to_pylist())))
    for name, table in alone.truth().tables.items():
        whole = world.truth.tables[name]
        assert table.equals(whole.filter(pc.is_in(whole["person"], value_set=people))), name
