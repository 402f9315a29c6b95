"""Line 4: the same 500 people through FHIR, GP Connect, EMIS and TPP give the same duties.

The practices' records go through each format, those of the trust through FHIR, as in life. Two comparisons, each able to fail:

- with what the format is said to carry (`writers.carried`): equal to the row and column, without exception;
- with FHIR, which carries everything: equal, but for people with a fact that the format has no place for (`LOSSES`), and for
  them only in what that fact decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from stepwell import knowledge
from stepwell.engine import evaluate
from stepwell.records.importers import run_import
from stepwell.records.schema import TABLES
from stepwell.records.store import Store
from stepwell.records.synthetic.network import organisations
from stepwell.records.synthetic.storing import store_sink
from stepwell.records.synthetic.world import make_world
from stepwell.records.synthetic.writers import emis, fhir, gpconnect, tpp
from stepwell.records.synthetic.writers.carried import FORMATS, LOST, carried

# Made once: its tests stay on one worker.
pytestmark = pytest.mark.xdist_group("formats")

AS_OF, SEED, PEOPLE = date(2026, 6, 1), 11, 500
TRUST = "RZ9"
WRITERS = {"fhir": fhir.write, "gpconnect": gpconnect.write, "emis": emis.write, "tpp": tpp.write}
KEYS = {"needs": ("person", "rule_id", "subject", "point"), "medicines": ("person", "substance"), "registers": ("person", "register")}
# What makes a duty a duty; the rest of a row tells it in words and figures.
DUTY = ("state", "due_on", "escalate_on", "owner_org", "owner_role")

Records = dict[str, dict[str, pa.Table]]
Duties = dict[str, pl.DataFrame]


# ---- facts that a format has no place for, and what they decide ------------------------------------------------------


@dataclass(frozen=True)
class Loss:
    """`key` of `LOST` says why; `plans` picks the plans of a practice that have such a fact; `decides` is all it may change.

    `decides`, with `*` for anything: `medicines.<column>`; `needs.<kind of rule>.<column>`, where `row` stands for the need itself.
    """

    key: str
    plans: pl.Expr
    decides: frozenset[str]


_ELSEWHERE = pl.col("elsewhere")
_END = Loss(
    "medication_plans.intended_end_on",
    pl.col("intended_end_on").is_not_null(),
    # Treatment that was to end is asked about by no licence rule, and its gap at once (rulings 13, 19).
    frozenset({"medicines.intended_end_on", "needs.licence.row", "needs.supply.*"}),
)
_REASON = Loss(
    "medication_plans.indication",
    pl.col("indication_code").is_not_null() | pl.col("indication_text").is_not_null(),
    frozenset({"medicines.licence", "medicines.indication", "medicines.indication_from", "needs.licence.row"}),
)
_WORDS = frozenset({"medicines.supplied_by", "medicines.supplier_orgs", "medicines.owner_label", "needs.*.owner_label"})
_PRIVATE = _ELSEWHERE & (pl.col("setting") == "private")
_REVIEW = Loss("medication_plans.review_on", _ELSEWHERE & pl.col("review_on").is_not_null(), frozenset({"*"}))
LOSSES: dict[str, tuple[Loss, ...]] = {
    "fhir": (),
    "gpconnect": (
        _END,
        Loss("medication_plans.setting", _PRIVATE, _WORDS),
        Loss("medication_plans.org_code", _ELSEWHERE, frozenset({"medicines.supplier_orgs"})),
    ),
    "emis": (
        _END,
        _REASON,
        _REVIEW,
        Loss("medication_plans.asserted_on", _ELSEWHERE & pl.col("asserted_on").is_not_null(), frozenset({"*"})),
        Loss("medication_plans.org_code", _ELSEWHERE, frozenset({"medicines.supplier_orgs"})),
    ),
    "tpp": (
        _END,
        _REASON,
        _REVIEW,
        Loss("medication_plans.setting", _PRIVATE, _WORDS),
        Loss("medication_plans.org_code", _ELSEWHERE, frozenset({"medicines.supplier_orgs"})),
    ),
}


# ---- the four roads --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def records() -> Records:
    """Organisation → canonical tables, made once."""
    return dict(organisations(make_world(PEOPLE, SEED), SEED, AS_OF))


def through(format_: str, records: Records, folder: Path) -> Duties:
    """Duties of everybody after writing, importing and evaluating."""
    store = Store.open(folder / "store", create=True, buckets=4)
    for org, tables in records.items():
        write = fhir.write if org == TRUST else WRITERS[format_]
        write(folder / org, org, tables)
        report = run_import(folder / org, store.refresh(), today=AS_OF)
        assert report.to_json()["rejected"] == []
    return duties(store.refresh())


def as_carried(format_: str, records: Records, folder: Path) -> Duties:
    """Duties of everybody from what the format is said to carry, without the format."""
    with store_sink(folder / "store", AS_OF, buckets=4) as sink:
        for org, tables in records.items():
            frames = carried("fhir" if org == TRUST else format_, org, tables, AS_OF)
            sink.put(org, {name: _canonical(name, rows, org) for name, rows in frames.items()})
        sink.finish()
    return duties(Store.open(folder / "store"))


def _canonical(name: str, rows: pl.DataFrame, org: str) -> pa.Table:
    schema = TABLES[name].arrow_schema()
    return rows.with_columns(source=pl.lit(org), version=pl.lit("1")).select(schema.names).to_arrow().cast(schema)


def duties(store: Store) -> Duties:
    found = evaluate(store, knowledge.load(), AS_OF).tables
    links = pl.DataFrame(store.table("links")).filter(pl.col("undone_at").is_null()).select("subject_id", "person_id")
    patients = pl.DataFrame(store.table("patients")).join(links, on="subject_id")
    people = patients.group_by("person_id").agg(person=_name().unique().sort().str.join(" + "))
    assert people["person"].n_unique() == people.height >= PEOPLE
    return {table: pl.DataFrame(found[table]).join(people, on="person_id").drop("person_id") for table in KEYS}


@pytest.fixture(scope="module")
def roads(records: Records, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Duties]:
    return {format_: through(format_, records, tmp_path_factory.mktemp(format_)) for format_ in FORMATS}


# ---- comparing -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    person: str
    about: str
    what: str


def differences(one: Duties, other: Duties, kinds: Mapping[str, str]) -> list[Difference]:
    """What differs: `about` is the medicine or class of the row, `what` is named as in `Loss.decides`."""
    found = []
    for table, keys in KEYS.items():
        left, right = one[table], other[table]
        about = "substances" if table == "registers" else "substance" if table == "medicines" else "subject"
        for mine, theirs in ((left, right), (right, left)):
            for row in mine.join(theirs, on=keys, how="anti").iter_rows(named=True):
                found.append(Difference(row["person"], row[about] or "", _what(table, "row", row, kinds)))
        both = left.join(right, on=keys, suffix="__other")
        for column in (name for name in left.columns if name not in keys):
            wrong = both.filter(~pl.col(column).eq_missing(pl.col(f"{column}__other")))
            found += [Difference(row["person"], row[about] or "", _what(table, column, row, kinds)) for row in wrong.iter_rows(named=True)]
    return found


def _what(table: str, column: str, row: Mapping[str, Any], kinds: Mapping[str, str]) -> str:
    return f"needs.{kinds[row['rule_id']]}.{column}" if table == "needs" else f"{table}.{column}"


def unexplained(format_: str, found: list[Difference], records: Records) -> list[Difference]:
    """Differences that no fact of that person explains."""
    losers: list[tuple[Loss, set[str]]] = []
    for loss in LOSSES[format_]:
        assert loss.key in LOST[format_], f"{format_} is not said to lose {loss.key}"
        losers.append((loss, {name for org, tables in records.items() if org != TRUST for name in _people_with(tables, loss)}))
    return [
        each
        for each in found
        if not any(each.person in people and any(fnmatchcase(each.what, one) for one in loss.decides) for loss, people in losers)
    ]


def _people_with(tables: Mapping[str, pa.Table], loss: Loss) -> set[str]:
    plans = pl.DataFrame(tables["medication_plans"]).filter(loss.plans)
    patients = pl.DataFrame(tables["patients"]).join(plans.select("subject_id").unique(), on="subject_id")
    return set(patients.select(person=_name())["person"].to_list())


def _name() -> pl.Expr:
    """Who a record is of, in words that no road changes: the NHS number with the day of birth, as records are matched; else its id."""
    return pl.coalesce(pl.concat_str("nhs_number", pl.lit(" "), pl.col("birth_date").cast(pl.String)), "local_id")


@pytest.fixture(scope="module")
def kinds() -> dict[str, str]:
    rules = knowledge.load().tables()["k_rule"]
    return dict(zip(rules["rule_id"].to_pylist(), rules["kind"].to_pylist(), strict=True))


# ---- tests -----------------------------------------------------------------------------------------------------------


def test_there_is_much_to_compare(roads: dict[str, Duties]) -> None:
    needs = roads["fhir"]["needs"]
    assert needs.height > PEOPLE
    assert needs["person"].n_unique() > 50
    assert needs["rule_id"].n_unique() > 20
    assert {"open", "met", "lapsed"} <= set(needs["state"].to_list())
    assert needs["owner_org"].n_unique() >= 3
    assert roads["fhir"]["medicines"].height > 100
    assert roads["fhir"]["registers"]["register"].n_unique() >= 5


@pytest.mark.parametrize("format_", FORMATS)
def test_duties_are_those_of_what_the_format_carries(
    format_: str, roads: dict[str, Duties], records: Records, kinds: dict[str, str], tmp_path: Path
) -> None:
    assert differences(as_carried(format_, records, tmp_path), roads[format_], kinds) == []


@pytest.mark.parametrize("format_", ["gpconnect", "emis", "tpp"])
def test_duties_are_those_of_fhir(format_: str, roads: dict[str, Duties], records: Records, kinds: dict[str, str]) -> None:
    found = differences(roads["fhir"], roads[format_], kinds)
    assert unexplained(format_, found, records) == []
    # However it is explained, the duties themselves are the same for nearly everybody.
    real = {each.person for each in found if each.what.startswith("needs.") and each.what.rpartition(".")[2] in ("row", *DUTY)}
    assert len(real) <= PEOPLE / 50


@pytest.mark.parametrize("format_", ["gpconnect", "tpp"])
def test_a_fault_of_a_writer_is_noticed(
    format_: str, roads: dict[str, Duties], records: Records, kinds: dict[str, str], tmp_path: Path
) -> None:
    """One practice's issues lose a day each: as small a fault as there is."""
    org = next(org for org in records if org != TRUST)
    issues = pl.DataFrame(records[org]["medication_issues"]).with_columns(pl.col("issued_on") - pl.duration(days=1))
    schema = records[org]["medication_issues"].schema
    wrong = records | {org: records[org] | {"medication_issues": issues.to_arrow().cast(schema)}}
    found = differences(roads["fhir"], through(format_, wrong, tmp_path), kinds)
    assert len(unexplained(format_, found, records)) > 10
