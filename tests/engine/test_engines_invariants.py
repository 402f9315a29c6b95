"""What always holds, whatever the history and the rules: properties of both engines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from builders import PARAMETERS, small_knowledge
from catalogues import catalogue
from dice import SeededDice
from histories import history
from random_rules import random_knowledge
from spark_machine import QUICK
from wide import wide_knowledge

from stepwell.engine import run
from stepwell.engine.contract import NOBODY, TABLES
from stepwell.engine.inputs import Inputs
from stepwell.engine.reconcile import ENDINGS, ChangeKind, Ledger, reconcile
from stepwell.engine.reconcile_tables import needs_from_tables
from stepwell.engine.worked import WorkedPatient, worked

Tables = dict[str, list[dict[str, Any]]]
BASED_ON_FACTS = ("monitor", "review", "combination", "result", "licence", "finding", "agree")


def evaluated(inputs: Inputs, as_of: date, engine: str) -> Tables:
    return {name: table.to_pylist() for name, table in run(inputs, as_of, engine).items()}


def _batches() -> Iterable[tuple[str, Inputs, date]]:
    yield "small", *history(SeededDice(0), catalogue(small_knowledge()), 80)
    for seed in range(2):
        yield f"wide {seed}", *history(SeededDice(seed), catalogue(wide_knowledge()), 60)
    for seed in range(4):
        yield f"random {seed}", *history(SeededDice(seed), catalogue(random_knowledge(SeededDice(seed))), 40)


BATCHES = {name: (inputs, as_of) for name, inputs, as_of in _batches()}
_given: dict[tuple[str, str], Tables] = {}


def outputs(name: str, engine: str) -> Tables:
    if (name, engine) not in _given:
        _given[name, engine] = evaluated(*BATCHES[name], engine)
    return _given[name, engine]


@pytest.fixture(params=[(name, engine) for name in BATCHES for engine in QUICK], ids=" ".join)
def case(request):
    """Name of a batch, engine, and what the engine gives for the batch."""
    name, engine = request.param
    return name, engine, outputs(name, engine)


def long_lapsed(medicine: dict[str, Any], as_of: date) -> bool:
    return (as_of - medicine["supply_ends_on"]).days > PARAMETERS["stop_gap_days"]


def unique(rows: list[dict[str, Any]], *columns: str) -> bool:
    return not [key for key, count in Counter(tuple(row[column] for column in columns) for row in rows).items() if count > 1]


def need_key(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["person_id"], row["rule_id"], row["subject"], row["point"]


def test_grain(case):
    _, _, tables = case
    assert unique(tables["courses"], "person_id", "substance", "course")
    assert unique(tables["courses"], "person_id", "substance", "started_on")
    assert unique(tables["medicines"], "person_id", "substance")
    assert unique(tables["registers"], "person_id", "register")
    assert unique(tables["register_spells"], "person_id", "register", "entered_on")
    assert unique(tables["totals"], "person_id", "load")
    assert unique(tables["interactions"], "person_id", "interaction")
    assert unique(tables["results"], "person_id", "test", "effective_on", "value_milli", "comparator")
    assert unique(tables["facts"], "person_id", "fact", "subject")
    assert unique(tables["needs"], "person_id", "rule_id", "subject", "point")
    assert unique(tables["because"], "person_id", "rule_id", "subject", "point", "seq")
    assert unique(tables["priority"], "person_id", "reason")
    assert all(list(rows[0]) == list(TABLES[table].names) for table, rows in tables.items() if rows)


def test_owner_is_never_blank(case):
    _, _, tables = case
    for row in tables["needs"] + tables["medicines"]:
        assert row["owner_org"]
        assert row["owner_basis"] in ("agreement", "assertion", "always", "request", "ruling", "asked")
        assert (row["owner_basis"] == "asked") == (row.get("kind") == "asked")
        assert row["owner_label"]


def test_a_need_says_when_and_why(case):
    _, _, tables = case
    reasons: dict[tuple[Any, ...], list[str]] = {}
    for row in tables["because"]:
        reasons.setdefault(need_key(row), []).append(row["kind"])
    for row in tables["needs"]:
        assert row["due_on"] and row["opens_on"] and row["anchor_on"]
        assert (row["served_on"] is None) == (row["served_by"] is None)
        kinds = reasons.pop(need_key(row))
        assert kinds[0] == ("asked" if row["kind"] == "asked" else "course")
        assert kinds[-1] == "owner"
        assert kinds.count("owner") == 1
        assert ("supply" in kinds) == (row["kind"] == "supply")
        assert row["kind"] != "finding" or "condition" in kinds
    assert reasons == {}


def test_what_is_served_is_not_open_unless_it_goes_on(case):
    _, _, tables = case
    for row in tables["needs"]:
        if row["state"] in ("met", "declined"):
            assert row["served_on"] is not None
            assert (row["state"] == "declined") == (row["served_by"] == "declined")
        elif row["state"] == "superseded":
            assert row["kind"] == "asked" and row["served_by"] in ("withdrawn", None)
        elif row["point"] != "ongoing":
            assert row["served_on"] is None


def test_a_gap_longer_than_the_stop_gap_and_nothing_else_parts_courses(case):
    _, _, tables = case
    following = {(row["person_id"], row["substance"], row["course"]): row for row in tables["courses"]}
    for row in tables["courses"]:
        after = following.get((row["person_id"], row["substance"], row["course"] + 1))
        assert (row["gap_days"] is None) == (after is None)
        if after:
            assert row["gap_days"] > PARAMETERS["stop_gap_days"]
            assert (after["started_on"] - row["supply_ends_on"]).days == row["gap_days"]
        assert row["supply_ends_on"] > row["started_on"]


def test_the_future_is_not_read(case):
    name, _, tables = case
    _, as_of = BATCHES[name]
    assert all(row["effective_on"] <= as_of for row in tables["results"])
    assert all(row["started_on"] <= as_of for row in tables["courses"])
    for table in ("facts", "totals", "interactions"):
        assert all(row["from_on"] is None or row["from_on"] <= as_of for row in tables[table])
    assert all(row["served_on"] is None or row["served_on"] <= as_of for row in tables["needs"])
    assert all(row["on_date"] is None or row["on_date"] <= as_of for row in tables["because"])


def test_the_long_lapsed_owe_nothing_but_an_answer(case):
    name, _, tables = case
    _, as_of = BATCHES[name]
    waiting = {(row["person_id"], row["substance"]) for row in tables["medicines"] if long_lapsed(row, as_of)}
    assert all(row["kind"] == "supply" for row in tables["needs"] if (row["person_id"], row["subject"]) in waiting)
    about = ("covered", "early", "months", "takes")
    substances = {row["substance"] for row in BATCHES[name][0].table("k_substance").to_pylist()}
    for row in tables["facts"]:
        if row["fact"] in about and row["subject"] in substances:
            assert (row["person_id"], row["subject"]) not in waiting
    for row in tables["totals"]:
        assert not {(row["person_id"], part) for part in row["parts"].split("+")} & waiting


def test_registers_spells_and_medicines_tell_the_same(case):
    name, _, tables = case
    by_medicine = {row["register"] for row in BATCHES[name][0].table("k_register").to_pylist() if row["kind"] != "condition"}
    on_now = {(row["person_id"], row["register"], row["entered_on"]) for row in tables["registers"] if row["register"] in by_medicine}
    open_spells = {(row["person_id"], row["register"], row["entered_on"]) for row in tables["register_spells"] if row["left_on"] is None}
    assert on_now == open_spells
    taken = {(row["person_id"], row["substance"]) for row in tables["medicines"]}
    for row in tables["registers"]:
        assert all((row["person_id"], name) in taken for name in (row["substances"] or "").split("+") if name)
    for row in tables["register_spells"]:
        assert (row["left_on"] is None) == (row["reason"] is None)
        assert row["left_on"] is None or row["left_on"] >= row["entered_on"]


def test_what_is_nobodys_is_to_be_agreed_where_a_rule_says_so(case):
    name, _, tables = case
    inputs, as_of = BATCHES[name]
    members: dict[str, set[str]] = {}
    for row in inputs.table("k_set").to_pylist():
        members.setdefault(row["set_name"], set()).add(row["substance"])
    plain = {row["rule_id"] for row in inputs.table("k_when").to_pylist()}
    rules = [
        row
        for row in inputs.table("k_rule").to_pylist()
        if row["kind"] == "agree" and row["rule_id"] not in plain and not row["after_months"] and not row["after_days"]
    ]
    asked = {(row["person_id"], row["rule_id"], row["subject"]) for row in tables["needs"] if row["kind"] == "agree"}
    for medicine in tables["medicines"]:
        if long_lapsed(medicine, as_of):
            continue  # only rules of supply are about it
        for rule in rules:
            if medicine["owner_org"] == NOBODY and medicine["substance"] in members[rule["set_name"]]:
                assert (medicine["person_id"], rule["rule_id"], medicine["substance"]) in asked


def test_rows_in_another_order_give_the_same(case):
    name, engine, tables = case
    inputs, as_of = BATCHES[name]
    turned = Inputs(
        *(
            {key: table.take(pa.array(range(table.num_rows - 1, -1, -1), pa.int64())) for key, table in found.items()}
            for found in (inputs.records, inputs.workflow, inputs.knowledge)
        )
    )
    assert evaluated(turned, as_of, engine) == tables


def test_people_do_not_depend_on_each_other(case):
    name, engine, tables = case
    inputs, as_of = BATCHES[name]
    links = inputs.table("links")
    some = links.filter([number % 3 == 0 for number in links["person_id"].to_pylist()])
    alone = evaluated(Inputs({**inputs.records, "links": some}, inputs.workflow, inputs.knowledge), as_of, engine)
    chosen = set(some["person_id"].to_pylist())
    assert alone == {table: [row for row in rows if row["person_id"] in chosen] for table, rows in tables.items()}


def test_no_duty_vanishes_without_a_reason(case):
    """What was owed is owed, or its ending says by what evidence or why, as the days go by and rows come into sight."""
    name, engine, _ = case
    inputs, as_of = BATCHES[name]
    ledger = Ledger()
    for days in (-45, 0, 45):
        given = run(inputs, as_of + timedelta(days=days), engine)
        before = {place for place, duty in ledger.duties.items() if duty.is_open}
        changes = reconcile(ledger.duties.values(), needs_from_tables(given["needs"], given["because"]))
        ledger.apply(changes)
        ended = {(change.key, change.instance): change for change in changes if change.kind in ENDINGS}
        still = {place for place, duty in ledger.duties.items() if duty.is_open}
        assert before - still == set(ended) & before
        for change in ended.values():
            if change.kind in (ChangeKind.MET, ChangeKind.DECLINED):
                assert change.evidence_on is not None and change.evidence_by
            else:
                assert change.reason or change.evidence_by == "not applicable"
    assert ledger.duties or name.startswith("random")


def test_what_has_lapsed_stays_lapsed_while_nothing_new_is_recorded(case):
    """Beyond the last row of a batch, days alone move a medicine from current to lapsed to gone, and a point from open to lapsed."""
    name, engine, _ = case
    inputs, as_of = BATCHES[name]
    last = max(as_of, _last_day(inputs))
    order = {"current": 0, "lapsed": 1, None: 2}
    mates = _mates(inputs)
    latest: dict[tuple[int, str], int] = {}
    lapsed: set[tuple[Any, ...]] = set()
    for days in (0, 61, 150, 450):
        tables = evaluated(inputs, last + timedelta(days=days), engine)
        status = {(row["person_id"], row["substance"]): row["status"] for row in tables["medicines"]}
        taken: dict[int, set[str]] = {}
        for row in tables["courses"]:
            taken.setdefault(row["person_id"], set()).add(row["substance"])
        for person, substances in taken.items():
            for substance in substances:
                if mates[substance] & substances:
                    continue  # one that replaced it may end, and then it is waited for again
                now = order[status.get((person, substance))]
                assert now >= latest.get((person, substance), 0)
                latest[person, substance] = now
        states = {need_key(row): row["state"] for row in tables["needs"] if row["kind"] in BASED_ON_FACTS}
        assert all(states[key] == "lapsed" for key in lapsed & states.keys())
        lapsed |= {key for key, state in states.items() if state == "lapsed"}
    assert latest


def _last_day(inputs: Inputs) -> date:
    """The latest date in any row."""
    return max(
        pc.max(column).as_py() or date.min
        for tables in (inputs.records, inputs.workflow)
        for table in tables.values()
        for column in table.columns
        if column.type == pa.date32()
    )


def _mates(inputs: Inputs) -> dict[str, set[str]]:
    """Other members of a medicine's registers."""
    members: dict[str, set[str]] = {}
    for row in inputs.table("k_set").to_pylist():
        members.setdefault(row["set_name"], set()).add(row["substance"])
    sets = [row["set_name"] for row in inputs.table("k_register").to_pylist() if row["set_name"]]
    return {
        row["substance"]: {other for name in sets if row["substance"] in members[name] for other in members[name]} - {row["substance"]}
        for row in inputs.table("k_substance").to_pylist()
    }


@pytest.mark.parametrize("engine", QUICK)
def test_one_more_issue_never_shortens_a_course(engine):
    """Issues of as many days as are carried forward at most: what was covered stays covered, and no course is parted."""
    as_of, days, random = date(2026, 6, 1), PARAMETERS["carry_cap_days"], Random(5)
    people = []
    for number in range(60):
        dates = sorted({as_of - timedelta(days=random.randrange(400)) for _ in range(random.randint(1, 12))})
        extra = random.choice([as_of - timedelta(days=random.randrange(400)), dates[-1] + timedelta(days=random.randrange(3))])
        for name, given in ((f"{number} before", dates), (f"{number} after", [*dates, min(extra, as_of)])):
            people.append(WorkedPatient(name, [f"alpha 10 mg daily on {on} for {days} days" for on in sorted(set(given))]))
    inputs, person_ids = worked(people, wide_knowledge(), as_of)
    tables = evaluated(inputs, as_of, engine)
    courses: dict[int, list[tuple[date, date]]] = {}
    for row in tables["courses"]:
        courses.setdefault(row["person_id"], []).append((row["started_on"], row["supply_ends_on"]))
    for number in range(60):
        after = courses[person_ids[f"{number} after"]]
        for start, end in courses[person_ids[f"{number} before"]]:
            assert any(first <= start and end <= last for first, last in after)
