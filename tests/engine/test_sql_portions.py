"""People evaluated in portions, each from its own files, are the people evaluated at once."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest

from stepwell import engine, knowledge
from stepwell.bench import population
from stepwell.engine import portions
from stepwell.engine.contract import TABLES
from stepwell.records.store import Store

AS_OF = date(2026, 6, 1)
PEOPLE = 40


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Four practices of ten; the last person is also known to another of them."""
    made = population.make(tmp_path_factory.mktemp("portions") / "store", PEOPLE, knowledge.load(), AS_OF, list_size=10)
    links = made.table("links").to_pylist()
    joined = [{**row, "person_id": PEOPLE} if row["subject_id"] == 5 else row for row in links]
    schema = made.table("links").schema
    with made.importing() as writing:
        writing.put_links(pa.Table.from_pylist(joined, schema=schema))
        writing.commit()
    return made.refresh()


@pytest.mark.parametrize("size", [3, 10, 1000])
def test_portions_give_what_all_at_once_gives(store: Store, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pack = knowledge.load()
    monkeypatch.setattr(portions, "PORTION", 10_000)
    whole = engine.evaluate(store, pack, AS_OF, engine="duckdb")
    parts = list(portions.portions(store, size))
    assert sum(part.links.num_rows for part in parts) == PEOPLE
    assert len(parts) == -(-(PEOPLE - 1) // size)
    people = [set(part.links["person_id"].to_pylist()) for part in parts]
    assert len(set().union(*people)) == sum(map(len, people)) == PEOPLE - 1
    real = portions.portions
    monkeypatch.setattr(portions, "portions", lambda store: real(store, size))
    cut = engine.evaluate(store, pack, AS_OF, engine="duckdb")
    assert {name: cut.tables[name].equals(whole.tables[name]) for name in TABLES} == dict.fromkeys(TABLES, True)


def test_a_portion_reads_the_files_of_its_people(store: Store) -> None:
    first = next(portions.portions(store, 10))
    # Persons 1 to 11 without 5, whose records are now those of the last.
    assert {path.split("observations.")[1].split(".")[0] for path in first.files["observations"]} == {"B00000", "B00001"}


def test_only_the_tables_asked_for(store: Store) -> None:
    pack = knowledge.load()
    found = engine.evaluate(store, pack, AS_OF, engine="duckdb", outputs=["registers"])
    assert list(found.tables) == ["registers"]
    assert list(engine.evaluate(store, pack, AS_OF, person_ids=[1], outputs=["registers", "results"]).tables) == ["registers", "results"]
    with pytest.raises(ValueError, match="no table colour"):
        engine.evaluate(store, pack, AS_OF, outputs=["colour"])


def test_nobody(tmp_path) -> None:
    found = engine.evaluate(Store.open(tmp_path / "store", create=True), knowledge.load(), AS_OF, engine="duckdb")
    assert {name: table.num_rows for name, table in found.tables.items()} == dict.fromkeys(TABLES, 0)
