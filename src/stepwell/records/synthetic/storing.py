"""Synthetic records straight into a store, without the road through an import format: for benches at size."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stepwell.errors import Refused
from stepwell.records.people import BY_LOCAL_ID, BY_NUMBER, IMPORTER
from stepwell.records.schema import TABLES
from stepwell.records.store import RecordWriter, Store

_WAITING = 2  # organisations written behind the one that is being made


class StoreSink:
    """Takes the tables of one organisation after the other; `Store` is switched once, at the end."""

    def __init__(self, writer: RecordWriter, when: datetime) -> None:
        self._writer, self._when = writer, when
        self._buckets = writer.store.manifest.buckets
        self._next = writer.next_subject
        self._identities: list[pa.Table] = []
        self._pool = ThreadPoolExecutor(1)
        self._waiting: list[Future[None]] = []

    def put(self, org: str, tables: dict[str, pa.Table]) -> None:
        """All rows of an organisation; `subject_id` counts from 1 within it."""
        before = self._next - 1
        patients = tables["patients"]
        self._next += patients.num_rows
        moved = {name: _shifted(rows, before) for name, rows in tables.items()}
        self._identities.append(moved["patients"].select(["subject_id", "source", "local_id", "nhs_number", "birth_date"]))
        while len(self._waiting) >= _WAITING:
            self._waiting.pop(0).result()
        self._waiting.append(self._pool.submit(self._write, org, moved))

    def _write(self, org: str, tables: dict[str, pa.Table]) -> None:
        for name, rows in tables.items():
            if "subject_id" not in rows.column_names:
                self._writer.put(name, org, 0, rows)
                continue
            keys = np.asarray(rows["subject_id"])
            order = np.argsort(keys % self._buckets, kind="stable")
            edges = np.searchsorted(keys[order] % self._buckets, np.arange(self._buckets + 1))
            sorted_rows = rows.take(pa.array(order)) if self._buckets > 1 else rows
            for bucket in range(self._buckets):
                part = sorted_rows.slice(edges[bucket], edges[bucket + 1] - edges[bucket])
                if part.num_rows:
                    self._writer.put(name, org, bucket, part)

    def finish(self) -> int:
        """Links and the switch; gives the version."""
        for waiting in self._waiting:
            waiting.result()
        self._pool.shutdown()
        self._writer.next_subject = self._next
        links, self._writer.next_person = _links(pa.concat_tables(self._identities), self._writer.next_person, self._when)
        self._writer.put_links(links)
        return self._writer.commit()


def _shifted(rows: pa.Table, by: int) -> pa.Table:
    if "subject_id" not in rows.column_names or by == 0:
        return rows
    place = rows.column_names.index("subject_id")
    return rows.set_column(place, "subject_id", pc.add(rows["subject_id"], pa.scalar(by, pa.int64())))


def _links(identities: pa.Table, first_person: int, when: datetime) -> tuple[pa.Table, int]:
    """Who is who by the importer's rule: a valid NHS number and the date of birth, otherwise a person of one record."""
    identities = identities.combine_chunks()
    size = identities.num_rows
    by_number = pc.is_valid(identities["nhs_number"])
    born = identities["birth_date"].cast(pa.int32()).cast(pa.int64())
    digits = identities["nhs_number"].cast(pa.int64()).fill_null(0)
    key = pc.add(pc.multiply(digits, pa.scalar(200_000, pa.int64())), pc.add(born, pa.scalar(100_000, pa.int64())))
    alone = pc.multiply(identities["subject_id"], pa.scalar(-1, pa.int64()))
    keys = np.asarray(pc.if_else(by_number, key, alone))
    _, first, person = np.unique(keys, return_index=True, return_inverse=True)
    # Persons count in the order of their first record.
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    columns = {
        "subject_id": identities["subject_id"],
        "person_id": pa.array(rank[person] + first_person),
        "source": identities["source"],
        "local_id": identities["local_id"],
        "method": pc.if_else(by_number, pa.scalar(BY_NUMBER), pa.scalar(BY_LOCAL_ID)),
        "evidence": pc.if_else(by_number, pa.scalar("NHS number and date of birth"), pa.scalar("no valid NHS number with a day of birth")),
        "linked_at": pa.repeat(pa.scalar(when, pa.timestamp("us")), size),
        "linked_by": pa.repeat(pa.scalar(IMPORTER), size),
        "undone_at": pa.nulls(size, pa.timestamp("us")),
        "undone_why": pa.nulls(size, pa.string()),
    }
    return pa.table(columns).cast(TABLES["links"].arrow_schema()), first_person + len(first)


@contextmanager
def store_sink(path: Path, as_of: date, *, buckets: int) -> Iterator[StoreSink]:
    """A sink into a new store at `path`. Refused when there is one already."""
    if (path / "manifest.json").exists():
        raise Refused(f"{path} is a store already; name a new folder for --out")
    store = Store.open(path, create=True, buckets=buckets)
    with store.importing() as writer:
        yield StoreSink(writer, datetime(as_of.year, as_of.month, as_of.day))
