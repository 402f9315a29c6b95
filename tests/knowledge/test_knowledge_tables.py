"""The pack that ships: it loads without a fault and gives the engine every table of the contract."""

from __future__ import annotations

import pytest

from stepwell import knowledge
from stepwell.knowledge.tables import TABLES


@pytest.fixture(scope="module")
def tables():
    return knowledge.load().tables()


def test_the_pack_has_no_fault() -> None:
    assert knowledge.findings() == []


@pytest.mark.parametrize("name", TABLES)
def test_every_table_has_exactly_the_schema_of_the_contract(tables, name: str) -> None:
    assert tables[name].schema.equals(TABLES[name].arrow_schema())
    assert tables[name].num_rows > 0


def test_there_are_no_other_tables(tables) -> None:
    assert set(tables) == set(TABLES)


KEYS = {
    "k_param": ("name",),
    "k_substance": ("substance",),
    "k_set": ("set_name", "substance"),
    "k_register": ("register",),
    "k_product": ("code_system", "code", "substance"),
    "k_name": ("term_name", "unit"),
    "k_patch": ("substance", "strength_ug"),
    "k_load": ("load", "substance"),
    "k_interaction": ("interaction",),
    "k_condition": ("condition",),
    "k_test": ("test",),
    "k_test_code": ("test", "code_system", "code", "unit"),
    "k_condition_code": ("condition", "code_system", "code"),
    "k_indication": ("substance", "condition"),
    "k_rule": ("rule_id",),
    "k_point": ("rule_id", "seq"),
    "k_when": ("rule_id", "part", "grp", "seq"),
    "k_band": ("rule_id",),
    "k_priority": ("reason",),
    "k_minutes": ("rule_id",),
    "k_risk": ("risk", "part", "rule_id"),
}


@pytest.mark.parametrize("name", KEYS)
def test_keys_are_unique(tables, name: str) -> None:
    rows = list(zip(*(tables[name][column].to_pylist() for column in KEYS[name]), strict=True))
    assert len(rows) == len(set(rows))


@pytest.mark.parametrize(
    ("table", "column", "to", "key"),
    [
        ("k_set", "substance", "k_substance", "substance"),
        ("k_product", "substance", "k_substance", "substance"),
        ("k_name", "substance", "k_substance", "substance"),
        ("k_register", "set_name", "k_set", "set_name"),
        ("k_register", "condition", "k_condition", "condition"),
        ("k_patch", "substance", "k_substance", "substance"),
        ("k_load", "substance", "k_substance", "substance"),
        ("k_interaction", "set_a", "k_set", "set_name"),
        ("k_interaction", "set_b", "k_set", "set_name"),
        ("k_interaction", "set_c", "k_set", "set_name"),
        ("k_condition", "ended_by", "k_condition", "condition"),
        ("k_rule", "set_name", "k_set", "set_name"),
        ("k_rule", "set_b", "k_set", "set_name"),
        ("k_rule", "set_c", "k_set", "set_name"),
        ("k_rule", "test", "k_test", "test"),
        ("k_point", "rule_id", "k_rule", "rule_id"),
        ("k_when", "rule_id", "k_rule", "rule_id"),
        ("k_band", "test", "k_test", "test"),
        ("k_risk", "rule_id", "k_band", "rule_id"),
        ("k_test_code", "test", "k_test", "test"),
        ("k_indication", "condition", "k_condition_code", "condition"),
    ],
)
def test_keys_resolve(tables, table: str, column: str, to: str, key: str) -> None:
    wanted = {value for value in tables[table][column].to_pylist() if value is not None}
    assert wanted <= set(tables[to][key].to_pylist())


def test_every_substance_is_a_set_of_itself(tables) -> None:
    pairs = set(zip(tables["k_set"]["set_name"].to_pylist(), tables["k_set"]["substance"].to_pylist(), strict=True))
    assert {(name, name) for name in tables["k_substance"]["substance"].to_pylist()} <= pairs


def test_every_rule_has_points_of_its_kind(tables) -> None:
    points: dict[str, list[dict]] = {}
    for row in tables["k_point"].to_pylist():
        points.setdefault(row["rule_id"], []).append(row)
    for rule in tables["k_rule"].to_pylist():
        own = points.get(rule["rule_id"], [])
        assert (rule["kind"] == "supply") == (not own)
        anchors = {"result": {"trigger"}, "finding": {"start", "change", "trigger"}}.get(rule["kind"], {"start", "change"})
        assert {row["anchor"] for row in own} <= anchors
        assert [row["seq"] for row in own] == list(range(1, len(own) + 1))
        for row in own:
            if row["kind"] == "window":
                assert row["to_days"] is not None
            if row["kind"] != "ongoing":
                assert row["due_days"] is not None
