"""People in portions, so that memory stays flat however many there are: every person is computed from their own rows alone.

A portion is a run of person ids and the files of the store that hold their records. Tables of portions one after the other,
each sorted, are the sorted tables of all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stepwell.records.schema import TABLES
from stepwell.records.store import key_column

if TYPE_CHECKING:
    from stepwell.records.store import Store

# People of a portion: enough that starting the stages costs little, few enough that two side by side stay below a gigabyte.
PORTION = 50_000
FEWEST = 5_000
# Side by side, each on its part of the processors: a stage of one portion keeps hardly more than one of them busy.
MOST_SIDE_BY_SIDE = 4


def processors() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def side_by_side() -> int:
    return min(MOST_SIDE_BY_SIDE, processors())


@dataclass(frozen=True, slots=True)
class Portion:
    """`links`: those in force of its people; `files`: table → Parquet files with all their rows (and some of others')."""

    links: pa.Table
    files: dict[str, list[str]]


def portions(store: Store, size: int | None = None) -> Iterator[Portion]:
    """Everybody in the store, in order of person id, at most `size` people each; without a size, as many as suit this machine.

    None when the store holds nobody.
    """
    links = store.table("links", columns=["subject_id", "person_id", "source", "undone_at"])
    links = links.filter(pc.is_null(links["undone_at"])).sort_by("person_id").combine_chunks()
    if not links.num_rows:
        return
    person = links["person_id"].to_numpy()
    people = np.flatnonzero(np.diff(person, prepend=person[0] - 1))
    starts = people[:: size or min(PORTION, max(FEWEST, -(-len(people) // side_by_side())))]
    for begin, end in zip(starts, [*starts[1:], links.num_rows], strict=True):
        yield _portion(store, links.slice(begin, end - begin))


def _portion(store: Store, links: pa.Table) -> Portion:
    buckets = store.manifest.buckets
    subject_bucket = links["subject_id"].to_numpy() % buckets
    held = {
        (source, bucket)
        for source in pc.unique(links["source"]).to_pylist()
        for bucket in np.unique(subject_bucket[pc.equal(links["source"], source).to_numpy()])
    }
    persons = set(np.unique(links["person_id"].to_numpy() % buckets))
    files: dict[str, list[str]] = {}
    for part in store.manifest.parts:
        column = key_column(part.table)
        if column is None or (part.bucket in persons if column == "person_id" else (part.source, part.bucket) in held):
            files.setdefault(part.table, []).append(str(store.path / part.file))
    schema = TABLES["links"].arrow_schema()
    columns = [links[f.name] if f.name in links.column_names else pa.nulls(links.num_rows, f.type) for f in schema]
    return Portion(pa.table(columns, schema=schema), files)
