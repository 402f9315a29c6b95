"""The store: parts, one switch, what readers see, what a killed writer leaves."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest

from stepwell.errors import Refused
from stepwell.records import manifest as manifests
from stepwell.records.schema import TABLES, WORKFLOW
from stepwell.records.store import Store, clear_folder, conform, key_column

WHEN = datetime(2026, 1, 2, 3, 4, 5)


def rows(table: str, *given: dict) -> pa.Table:
    schema = (TABLES.get(table) or WORKFLOW[table]).arrow_schema()
    return pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in given], schema=schema)


def contacts(*subjects: int) -> pa.Table:
    return rows("contacts", *({"subject_id": each, "source": "A82001", "native_id": f"c{each}"} for each in subjects))


def links(*pairs: tuple[int, int], undone: tuple[int, ...] = ()) -> pa.Table:
    made = [{"subject_id": s, "person_id": p, "source": "A82001", "local_id": str(s), "linked_at": WHEN} for s, p in pairs]
    return rows("links", *(row | {"undone_at": WHEN if row["subject_id"] in undone else None} for row in made))


def filled(store: Store) -> Store:
    with store.importing() as writer:
        for bucket in (0, 1):
            subjects = [each for each in range(1, 9) if each % 2 == bucket]
            writer.put("contacts", "A82001", bucket, contacts(*subjects))
        writer.put("organisations", "A82001", 0, rows("organisations", {"source": "A82001", "native_id": "o"}))
        writer.put_links(links((1, 1), (2, 1), (3, 3), (4, 4), (5, 5), (6, 6), (7, 7), (8, 7), undone=(8,)))
        writer.next_subject, writer.next_person = 9, 8
        writer.commit()
    return store


def test_a_person_is_read_through_the_links_in_force(store: Store) -> None:
    filled(store)
    assert store.person_subjects([1, 3, 7, 99]) == {1: [1, 2], 3: [3], 7: [7]}
    assert sorted(store.table("contacts", [1])["subject_id"].to_pylist()) == [1, 2]
    assert store.table("contacts", [7])["subject_id"].to_pylist() == [7]
    assert store.table("contacts", []).num_rows == 0
    assert store.table("contacts").num_rows == 8
    assert store.subject_persons([2, 8]) == {2: 1}


def test_tables_have_the_columns_of_the_schema_even_when_empty(store: Store) -> None:
    for name, table in (TABLES | WORKFLOW).items():
        assert store.table(name).schema.equals(table.arrow_schema())
        assert store.table(name, [1]).schema.equals(table.arrow_schema())
        assert store.files(name) == []


def test_files_are_those_of_the_buckets_needed(store: Store) -> None:
    filled(store)
    assert len(store.files("contacts")) == 2
    assert len(store.files("contacts", [3])) == 1
    assert [Path(file).exists() for file in store.files("contacts", [1])] == [True, True]
    # Organisations belong to nobody: they come whole.
    assert store.table("organisations", [3]).num_rows == 1


def test_every_table_has_its_key() -> None:
    assert key_column("links") == "person_id"
    assert key_column("dispositions") == "person_id"
    assert key_column("observations") == "subject_id"
    assert {name for name in TABLES | WORKFLOW if key_column(name) is None} == {"organisations", "rejects", "codings", "approvals"}


def test_a_reader_keeps_its_world_while_a_writer_switches(store: Store) -> None:
    filled(store)
    reader = Store.open(store.path)
    with store.importing() as writer:
        writer.put("contacts", "A82001", 1, contacts(1))
        writer.commit()
    assert reader.version == store.version - 1
    assert reader.table("contacts").num_rows == 8
    assert reader.refresh().table("contacts").num_rows == 5


def test_nothing_is_in_force_before_the_commit(store: Store) -> None:
    filled(store)
    before = store.content_hash()
    with store.importing() as writer:
        writer.put("contacts", "A82001", 0, contacts(2))
    assert Store.open(store.path).content_hash() == before


def test_equal_rows_do_not_switch(store: Store) -> None:
    filled(store)
    version = store.version
    with store.importing() as writer:
        writer.put("contacts", "A82001", 0, contacts(8, 6, 4, 2))
        assert writer.commit() == version


def test_leftovers_of_a_killed_run_are_swept_by_the_next_writer(store: Store) -> None:
    filled(store)
    orphan = store.path / manifests.RECORDS / "contacts.A82001.000.dead.parquet"
    orphan.write_bytes(b"half a file")
    (store.path / manifests.STAGING).mkdir(exist_ok=True)
    (store.path / manifests.STAGING / "000001.arrow").write_bytes(b"half")
    with store.importing() as writer:
        assert not orphan.exists()
        assert list(writer.staging.iterdir()) == []
    left = store.path / manifests.WORKFLOWS / "dispositions..000.dead.parquet"
    left.write_bytes(b"half")
    store.put_workflow({"dispositions": rows("dispositions", {"person_id": 1})}, person_ids=[1])
    assert not left.exists()


def test_old_parts_go_only_after_their_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def decide(label: str) -> list[str]:
        store.put_workflow({"dispositions": rows("dispositions", {"person_id": 1, "label": label})}, person_ids=[1])
        return store.files("dispositions")

    first, second = decide("a"), decide("b")
    assert all(Path(file).exists() for file in first)
    monkeypatch.setattr(manifests, "GRACE_SECONDS", 0)
    third = decide("c")
    # The generation before the one in force stays, the one before that has gone.
    assert [Path(file).exists() for file in (*first, *second, *third)] == [False, True, True]
    assert not [part for part in store.manifest.retired if Path(store.path / part.file) == Path(first[0])]


def test_a_reader_of_a_world_long_gone_is_told_to_open_again(store: Store) -> None:
    filled(store)
    reader = Store.open(store.path)
    clear_folder(store.path / manifests.RECORDS)
    with pytest.raises(Refused, match="Open it again"):
        reader.table("contacts")


def test_workflow_is_replaced_for_the_persons_named(store: Store) -> None:
    filled(store)
    table = "owner_assertions"
    store.put_workflow({table: rows(table, *({"person_id": each, "owner_org": "A"} for each in (1, 2, 3)))}, person_ids=None)
    store.put_workflow({table: rows(table, {"person_id": 3, "owner_org": "B"})}, person_ids=[1, 3])
    assert sorted((row["person_id"], row["owner_org"]) for row in store.table(table).to_pylist()) == [(2, "A"), (3, "B")]
    assert [row["owner_org"] for row in store.table(table, [3]).to_pylist()] == ["B"]
    # Tables without a person are replaced whole.
    for code in ("x", "y"):
        store.put_workflow({"codings": rows("codings", {"code": code})}, person_ids=[1])
    assert store.table("codings")["code"].to_pylist() == ["y"]
    # A table that was not named is left alone, records too.
    assert store.table(table).num_rows == 2
    assert store.table("contacts").num_rows == 8


def test_workflow_rows_must_fit(store: Store) -> None:
    with pytest.raises(ValueError, match="not named"):
        store.put_workflow({"dispositions": rows("dispositions", {"person_id": 2})}, person_ids=[1])
    with pytest.raises(ValueError, match="not a workflow table"):
        store.put_workflow({"contacts": contacts(1)}, person_ids=[1])
    with pytest.raises(ValueError, match="missing columns"):
        conform("dispositions", pa.table({"person_id": [1]}))


def test_workflow_can_be_written_while_an_import_runs(store: Store) -> None:
    filled(store)
    with store.importing() as writer:
        writer.put("contacts", "A82001", 0, contacts(2))
        Store.open(store.path).put_workflow({"dispositions": rows("dispositions", {"person_id": 1})}, person_ids=[1])
        writer.commit()
    assert store.table("dispositions").num_rows == 1
    assert store.table("contacts").num_rows == 5


def test_two_imports_at_once_are_refused(store: Store) -> None:
    with store.importing(), pytest.raises(Refused, match="Another import"), Store.open(store.path).importing(wait_seconds=0):
        pass


def test_no_store_and_a_broken_one_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="stepwell import"):
        Store.open(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()
    broken = Store.open(tmp_path / "broken", create=True).path / manifests.MANIFEST
    broken.write_text('{"format": 1, "version": "three"}')
    with pytest.raises(Refused, match="not a Stepwell manifest"):
        Store.open(tmp_path / "broken")
    broken.write_text('{"format": 2}')
    with pytest.raises(Refused, match="format 2"):
        Store.open(tmp_path / "broken")
