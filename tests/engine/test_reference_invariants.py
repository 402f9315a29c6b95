"""What always holds, whatever the history and the rules: properties of the plain-Python engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from builders import PARAMETERS, small_knowledge
from catalogues import catalogue
from histories import SeededDice, history
from random_rules import random_knowledge

from stepwell.engine import reference
from stepwell.engine.contract import NOBODY, TABLES
from stepwell.engine.inputs import Inputs

Tables = dict[str, list[dict[str, Any]]]


def evaluated(inputs: Inputs, as_of: date) -> Tables:
    return {name: table.to_pylist() for name, table in reference.evaluate(inputs, as_of).items()}


def _batches() -> Iterable[tuple[str, Inputs, date]]:
    small = catalogue(small_knowledge())
    for seed in range(4):
        yield f"small {seed}", *history(SeededDice(seed), small, 80)
    for seed in range(8):
        yield f"random {seed}", *history(SeededDice(seed), catalogue(random_knowledge(SeededDice(seed))), 40)


BATCHES = {name: (inputs, as_of) for name, inputs, as_of in _batches()}
OUTPUTS = {name: evaluated(*batch) for name, batch in BATCHES.items()}
every_batch = pytest.mark.parametrize("name", BATCHES)


def long_lapsed(medicine: dict[str, Any], as_of: date) -> bool:
    return (as_of - medicine["supply_ends_on"]).days > PARAMETERS["stop_gap_days"]


def unique(rows: list[dict[str, Any]], *columns: str) -> bool:
    return not [key for key, count in Counter(tuple(row[column] for column in columns) for row in rows).items() if count > 1]


@every_batch
def test_grain(name):
    tables = OUTPUTS[name]
    assert unique(tables["courses"], "person_id", "substance", "course")
    assert unique(tables["courses"], "person_id", "substance", "started_on")
    assert unique(tables["medicines"], "person_id", "substance")
    assert unique(tables["registers"], "person_id", "register")
    assert unique(tables["results"], "person_id", "test", "effective_on", "value_milli", "comparator")
    assert unique(tables["facts"], "person_id", "fact", "subject")
    assert unique(tables["needs"], "person_id", "rule_id", "subject", "point")
    assert unique(tables["because"], "person_id", "rule_id", "subject", "point", "seq")
    assert unique(tables["priority"], "person_id", "reason")
    assert all(list(rows[0]) == list(TABLES[table].names) for table, rows in tables.items() if rows)


@every_batch
def test_owner_is_never_blank(name):
    for row in OUTPUTS[name]["needs"] + OUTPUTS[name]["medicines"]:
        assert row["owner_org"]
        assert row["owner_basis"] in ("agreement", "assertion", "always", "ruling")
        assert row["owner_label"]


@every_batch
def test_a_need_says_when_and_why(name):
    reasons: dict[tuple[Any, ...], list[str]] = {}
    for row in OUTPUTS[name]["because"]:
        reasons.setdefault((row["person_id"], row["rule_id"], row["subject"], row["point"]), []).append(row["kind"])
    for row in OUTPUTS[name]["needs"]:
        assert row["due_on"] and row["opens_on"] and row["anchor_on"]
        assert (row["served_on"] is None) == (row["served_by"] is None)
        kinds = reasons.pop((row["person_id"], row["rule_id"], row["subject"], row["point"]))
        assert kinds[0] == "course"
        assert kinds[-1] == "owner"
        assert kinds.count("owner") == 1
    assert reasons == {}


@every_batch
def test_what_is_served_is_not_open_unless_it_goes_on(name):
    for row in OUTPUTS[name]["needs"]:
        if row["state"] in ("met", "declined"):
            assert row["served_on"] is not None
            assert (row["state"] == "declined") == (row["served_by"] == "declined")
        elif row["point"] != "ongoing":
            assert row["served_on"] is None


@every_batch
def test_a_gap_longer_than_the_stop_gap_and_nothing_else_parts_courses(name):
    courses = OUTPUTS[name]["courses"]
    for row in courses:
        following = [other for other in courses if (other["person_id"], other["substance"]) == (row["person_id"], row["substance"])]
        after = [other for other in following if other["course"] == row["course"] + 1]
        assert (row["gap_days"] is None) == (not after)
        if after:
            assert row["gap_days"] > PARAMETERS["stop_gap_days"]
            assert (after[0]["started_on"] - row["supply_ends_on"]).days == row["gap_days"]
        assert row["supply_ends_on"] > row["started_on"]


@every_batch
def test_the_future_is_not_read(name):
    _, as_of = BATCHES[name]
    tables = OUTPUTS[name]
    assert all(row["effective_on"] <= as_of for row in tables["results"])
    assert all(row["started_on"] <= as_of for row in tables["courses"])
    assert all(row["from_on"] is None or row["from_on"] <= as_of for row in tables["facts"])
    assert all(row["served_on"] is None or row["served_on"] <= as_of for row in tables["needs"])
    assert all(row["on_date"] is None or row["on_date"] <= as_of for row in tables["because"])


@every_batch
def test_what_is_nobodys_is_to_be_agreed_where_a_rule_says_so(name):
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
    asked = {(row["person_id"], row["rule_id"], row["subject"]) for row in OUTPUTS[name]["needs"] if row["kind"] == "agree"}
    for medicine in OUTPUTS[name]["medicines"]:
        if long_lapsed(medicine, as_of):
            continue  # only rules of supply are about it
        for rule in rules:
            if medicine["owner_org"] == NOBODY and medicine["substance"] in members[rule["set_name"]]:
                assert (medicine["person_id"], rule["rule_id"], medicine["substance"]) in asked


@every_batch
def test_rows_in_another_order_give_the_same(name):
    inputs, as_of = BATCHES[name]
    turned = Inputs(
        *(
            {key: table.take(pa.array(range(table.num_rows - 1, -1, -1), pa.int64())) for key, table in tables.items()}
            for tables in (inputs.records, inputs.workflow, inputs.knowledge)
        )
    )
    assert evaluated(turned, as_of) == OUTPUTS[name]


@every_batch
def test_people_do_not_depend_on_each_other(name):
    inputs, as_of = BATCHES[name]
    links = inputs.table("links")
    some = links.filter([number % 3 == 0 for number in links["person_id"].to_pylist()])
    alone = evaluated(Inputs({**inputs.records, "links": some}, inputs.workflow, inputs.knowledge), as_of)
    chosen = set(some["person_id"].to_pylist())
    assert alone == {table: [row for row in rows if row["person_id"] in chosen] for table, rows in OUTPUTS[name].items()}
