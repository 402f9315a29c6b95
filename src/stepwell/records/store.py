"""The record store: canonical and workflow tables as immutable Parquet parts under one manifest.

Rows are parted by (table, source, bucket), bucket = key % buckets, and sorted by key, so that one person's rows are found in a
few small files. The key is `subject_id` for records and `person_id` for links and workflow. A `Store` holds the manifest it
was opened with: everything read through it is one consistent world; open again (or `refresh`) to see a later one.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from functools import cache
from pathlib import Path
from urllib.parse import quote

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stepwell.errors import Refused
from stepwell.records import manifest as manifests
from stepwell.records.manifest import DEFAULT_BUCKETS, Manifest, Part
from stepwell.records.schema import TABLES, WORKFLOW
from stepwell.tables import Table

# Few rows to a group where one person's rows are read often; originals are long.
_GROUP_ROWS = 16_384
_GROUP_ROWS_ORIGINALS = 2_048
_ALL_DIFFERENT = frozenset(("native_id", "version", "raw"))


def table_definition(name: str) -> Table:
    table = TABLES.get(name) or WORKFLOW.get(name)
    if table is None:
        raise KeyError(f"no table {name!r}: {', '.join([*TABLES, *WORKFLOW])}")
    return table


def key_column(name: str) -> str | None:
    """The column a table is bucketed and filtered by: `subject_id`, `person_id`, or None when it is kept whole."""
    if name == "links":
        return "person_id"
    names = table_definition(name).names
    return next((column for column in ("subject_id", "person_id") if column in names), None)


@cache
def empty(name: str) -> pa.Table:
    return table_definition(name).arrow_schema().empty_table()


def conform(name: str, rows: pa.Table) -> pa.Table:
    """`rows` with exactly the columns and types of table `name`; ValueError names what does not fit."""
    schema = table_definition(name).arrow_schema()
    if rows.schema.equals(schema):
        return rows
    missing = set(schema.names) - set(rows.column_names)
    unknown = set(rows.column_names) - set(schema.names)
    if missing or unknown:
        raise ValueError(f"table {name}: missing columns {sorted(missing)}, unknown columns {sorted(unknown)}")
    return rows.select(schema.names).cast(schema)


class Store:
    """One store, as of one manifest. Reading needs no lock. Errors: Refused, with what to do."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self._use(manifest)

    def _use(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self._links_read: tuple[frozenset[int], list[tuple[int, int, str]]] | None = None
        self._parts: dict[str, list[Part]] = defaultdict(list)
        for part in manifest.parts:
            self._parts[part.table].append(part)

    @classmethod
    def open(cls, path: str | Path, *, create: bool = False, buckets: int = DEFAULT_BUCKETS) -> Store:
        """The store at `path`. With `create` an empty one is made when there is none (with that many buckets)."""
        path = Path(path)
        if create and not (path / manifests.MANIFEST).exists():
            try:
                path.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise Refused(f"Cannot make a store at {path}: {error.strerror}. Choose another folder with --store.") from error
            with cls._locked(path, manifests.LOCK_SWITCH):
                if not (path / manifests.MANIFEST).exists():
                    manifests.create(path, buckets)
        return cls(path, manifests.read(path))

    @property
    def version(self) -> int:
        return self.manifest.version

    def refresh(self) -> Store:
        """Take up the manifest now in force. Returns self."""
        self._use(manifests.read(self.path))
        return self

    def content_hash(self) -> str:
        """Hash of every row of every table, independent of file names and of how often it was switched."""
        digest = hashlib.sha256()
        for part in self.manifest.parts:
            digest.update(f"{part.key}{part.rows}{part.digest}".encode())
        return digest.hexdigest()

    def sources(self) -> list[str]:
        """Organisation codes that hold records here."""
        return sorted({part.source for part in self._parts["patients"]})

    # Reading

    def person_subjects(self, person_ids: Collection[int]) -> dict[int, list[int]]:
        """Person → their subjects by the links in force, in order; persons without any are absent."""
        subjects: dict[int, list[int]] = defaultdict(list)
        for subject, person, _ in self._links_in_force(person_ids):
            subjects[person].append(subject)
        return {person: sorted(found) for person, found in subjects.items()}

    def _links_in_force(self, person_ids: Collection[int]) -> list[tuple[int, int, str]]:
        """(subject, person, source). The last answer is kept: a person's tables are read one after the other."""
        wanted = frozenset(person_ids)
        if self._links_read is not None and self._links_read[0] == wanted:
            return self._links_read[1]
        columns = ["subject_id", "person_id", "source", "undone_at"]
        rows = self._read("links", self._choose("links", wanted), wanted, columns)
        rows = rows.filter(pc.is_null(rows["undone_at"]))
        found = list(zip(rows["subject_id"].to_pylist(), rows["person_id"].to_pylist(), rows["source"].to_pylist(), strict=True))
        self._links_read = (wanted, found)
        return found

    def subject_persons(self, subject_ids: Collection[int]) -> dict[int, int]:
        """Subject → person by the links in force."""
        rows = self._read("links", self._parts["links"], None, ["subject_id", "person_id", "undone_at"])
        rows = rows.filter(pc.and_(pc.is_null(rows["undone_at"]), pc.is_in(rows["subject_id"], pa.array(list(subject_ids), pa.int64()))))
        return dict(zip(rows["subject_id"].to_pylist(), rows["person_id"].to_pylist(), strict=True))

    def table(self, name: str, person_ids: Collection[int] | None = None, columns: list[str] | None = None) -> pa.Table:
        """Rows of a canonical or workflow table, with its columns and types; of these persons only, when given.

        Tables that belong to no person (organisations, rejects, codings, approvals) come whole.
        """
        keys, parts = self._narrow(name, person_ids)
        return self._read(name, parts, keys, columns)

    def files(self, name: str, person_ids: Collection[int] | None = None) -> list[str]:
        """Parquet files that hold table `name`, or every row of these persons (and of others in their buckets)."""
        return [str(self.path / part.file) for part in self._narrow(name, person_ids)[1]]

    def _narrow(self, name: str, person_ids: Collection[int] | None) -> tuple[set[int] | None, list[Part]]:
        column = key_column(name)
        if person_ids is None or column is None:
            return None, self._parts[name]
        if column == "person_id":
            keys = {int(person) for person in person_ids}
            return keys, self._choose(name, keys)
        links = self._links_in_force(person_ids)
        wanted = {(source, subject % self.manifest.buckets) for subject, _, source in links}
        return {subject for subject, _, _ in links}, [part for part in self._parts[name] if (part.source, part.bucket) in wanted]

    def _choose(self, name: str, keys: Set[int]) -> list[Part]:
        wanted = {key % self.manifest.buckets for key in keys}
        return [part for part in self._parts[name] if part.bucket in wanted]

    def _read(self, name: str, parts: Iterable[Part], keys: Set[int] | None, columns: list[str] | None = None) -> pa.Table:
        column = key_column(name)
        schema = table_definition(name).arrow_schema()
        if columns is not None:
            schema = pa.schema([schema.field(each) for each in columns])
        found = [schema.empty_table()]
        for part in parts:
            try:
                with pq.ParquetFile(self.path / part.file, memory_map=True) as file:
                    found.append(_pruned(file, column, keys, columns))
            except FileNotFoundError:
                raise Refused(f"The store at {self.path} has moved on since it was opened. Open it again.") from None
        rows = pa.concat_tables(found)
        return rows.combine_chunks() if keys is not None else rows

    def part(self, table: str, source: str, bucket: int) -> Part | None:
        return next((part for part in self._parts[table] if part.source == source and part.bucket == bucket), None)

    def read_part(self, part: Part | None, table: str, columns: list[str] | None = None) -> pa.Table:
        """Every row of one part; no rows when there is none."""
        return self._read(table, [part] if part else [], None, columns)

    # Writing

    @staticmethod
    def _locked(path: Path, name: str, seconds: float = 60) -> contextlib.AbstractContextManager[None]:
        busy = {
            manifests.LOCK_IMPORT: "Another import is writing to this store. Wait until it has ended, then run this again.",
            manifests.LOCK_SWITCH: "The store is being written to and did not become free within a minute. Try again.",
        }[name]
        return manifests.lock(path, name, seconds, busy)

    @contextlib.contextmanager
    def importing(self, wait_seconds: float = 5) -> Iterator[RecordWriter]:
        """A writer of records; one at a time. Nothing is in force until its `commit`. Refused when another one is at work."""
        with self._locked(self.path, manifests.LOCK_IMPORT, wait_seconds):
            self.refresh()
            manifests.sweep(self.path, self.manifest, manifests.RECORDS)
            try:
                yield RecordWriter(self)
            finally:
                self.refresh()

    def put_workflow(self, tables: Mapping[str, pa.Table], *, person_ids: Collection[int] | None) -> int:
        """Replace the rows of these workflow tables for these persons, or all of them when None. Returns the version.

        Tables without a person (codings, approvals) are always replaced whole. One switch for all of it; a table not
        named is left alone. ValueError when rows do not fit the table or belong to a person not named.
        """
        with self._locked(self.path, manifests.LOCK_SWITCH):
            self.refresh()
            manifests.sweep(self.path, self.manifest, manifests.WORKFLOWS)
            changes: dict[tuple[str, str, int], Part | None] = {}
            for name, given in tables.items():
                if name not in WORKFLOW:
                    raise ValueError(f"{name} is not a workflow table: {', '.join(WORKFLOW)}")
                rows = conform(name, given)
                changes.update(self._workflow_parts(name, rows, None if person_ids is None else {int(each) for each in person_ids}))
            current = self.manifest
            self._use(manifests.switch(self.path, current, changes, current.next_subject, current.next_person))
        return self.version

    def _workflow_parts(self, name: str, rows: pa.Table, keys: set[int] | None) -> dict[tuple[str, str, int], Part | None]:
        column = key_column(name)
        if column is None:
            return {(name, "", 0): self.write_part(name, "", 0, _sorted(rows))}
        if keys is not None and not set(rows[column].to_pylist()) <= keys:
            raise ValueError(f"table {name}: rows of persons that were not named")
        changes = {}
        buckets = range(self.manifest.buckets) if keys is None else sorted({key % self.manifest.buckets for key in keys})
        for bucket in buckets:
            chosen = rows.filter(_in_bucket(rows[column], bucket, self.manifest.buckets))
            if keys is not None:
                old = self.read_part(self.part(name, "", bucket), name)
                others = pc.invert(pc.is_in(old[column], pa.array(sorted(keys), pa.int64())))
                chosen = pa.concat_tables([old.filter(others), chosen])
            changes[(name, "", bucket)] = self.write_part(name, "", bucket, _sorted(chosen, column))
        return changes

    def write_part(self, table: str, source: str, bucket: int, rows: pa.Table) -> Part | None:
        """Write rows beside the store; the part in force is given back when it holds the same. None for no rows."""
        if rows.num_rows == 0:
            return None
        data = _parquet(table, rows)
        digest = hashlib.sha256(data).hexdigest()
        present = self.part(table, source, bucket)
        if present is not None and present.digest == digest:
            return present
        folder = manifests.WORKFLOWS if table in WORKFLOW else manifests.RECORDS
        name = f"{table}.{quote(source, safe='')}.{bucket:03d}.{digest[:12]}{secrets.token_hex(3)}.parquet"
        manifests.write_durably(self.path / folder / name, data)
        return Part(table, source, bucket, f"{folder}/{name}", rows.num_rows, digest)


class RecordWriter:
    """What an import, or a decision about links, wants changed. Got from `Store.importing`."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.next_subject = store.manifest.next_subject
        self.next_person = store.manifest.next_person
        self._changes: dict[tuple[str, str, int], Part | None] = {}

    @property
    def staging(self) -> Path:
        """A folder for this run alone; what a killed run left in it is gone."""
        folder = self.store.path / manifests.STAGING
        clear_folder(folder)
        folder.mkdir(exist_ok=True)
        return folder

    def new_subject(self) -> int:
        self.next_subject += 1
        return self.next_subject - 1

    def new_person(self) -> int:
        self.next_person += 1
        return self.next_person - 1

    def put(self, table: str, source: str, bucket: int, rows: pa.Table, *, ordered: bool = False) -> None:
        """All rows of (table, source, bucket) from now on. Sorted here, unless they are `ordered` by key and native id already.

        May be called from several threads, for different (table, source, bucket).
        """
        if rows.num_rows == 0:
            self._changes[(table, source, bucket)] = None
            return
        rows = conform(table, rows)
        if not ordered:
            rows = _sorted(rows, key_column(table))
        self._changes[(table, source, bucket)] = self.store.write_part(table, source, bucket, rows)

    def put_links(self, links: pa.Table) -> None:
        """Replace the whole table `links` (it is append-only: give the old rows too)."""
        for bucket in range(self.store.manifest.buckets):
            self.put("links", "", bucket, links.filter(_in_bucket(links["person_id"], bucket, self.store.manifest.buckets)))

    def settle(self) -> None:
        """Let this writer's store show what was put so far, as if it were in force: what follows is put on top of it. See `commit`."""
        manifest = self.store.manifest
        kept = [part for part in manifest.parts if part.key not in self._changes]
        added = [part for part in self._changes.values() if part is not None]
        self.store._use(msgspec.structs.replace(manifest, parts=tuple(sorted((*kept, *added), key=lambda part: part.key))))

    def commit(self) -> int:
        """Switch, atomically. Returns the version in force: the old one when nothing changed."""
        with Store._locked(self.store.path, manifests.LOCK_SWITCH):
            # Workflow may have been written meanwhile; records cannot have been: this holds the import lock.
            current = manifests.read(self.store.path)
            manifest = manifests.switch(self.store.path, current, self._changes, self.next_subject, self.next_person)
        self.store._use(manifest)
        self._changes = {}
        return manifest.version


def clear_folder(folder: Path) -> None:
    if folder.is_dir():
        for file in sorted(folder.rglob("*"), reverse=True):
            file.rmdir() if file.is_dir() else file.unlink()


def _in_bucket(keys: pa.ChunkedArray, bucket: int, buckets: int) -> pa.ChunkedArray:
    # Arrow has no modulo: key - key / buckets * buckets (whole-number division; keys are positive).
    return pc.equal(pc.subtract(keys, pc.multiply(pc.divide(keys, buckets), buckets)), bucket)


def _sorted(rows: pa.Table, key: str | None = None) -> pa.Table:
    """By key, then by every column that can tell rows apart, so that equal content gives equal bytes."""
    order = [column for column in (key, "source", "native_id", "subject_id", "linked_at", "import_id", "file", "line", "path") if column]
    if key == "person_id" or key is None:
        order += rows.column_names
    present = [column for column in dict.fromkeys(order) if column in rows.column_names]
    return rows.sort_by([(column, "ascending") for column in present]).combine_chunks()


def _parquet(table: str, rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    originals = table == "originals"
    pq.write_table(
        rows,
        sink,
        row_group_size=_GROUP_ROWS_ORIGINALS if originals else _GROUP_ROWS,
        compression="zstd",
        compression_level=3 if originals else 1,
        # Ids and versions are all different: a dictionary of them is work for nothing.
        use_dictionary=[name for name in rows.column_names if name not in _ALL_DIFFERENT],
        write_statistics=["subject_id"] if originals else True,
    )
    return sink.getvalue().to_pybytes()


def _pruned(file: pq.ParquetFile, key: str | None, keys: Set[int] | None, columns: list[str] | None) -> pa.Table:
    if keys is None or key is None:
        return file.read(columns=columns, use_threads=False)
    low, high, groups = min(keys, default=0), max(keys, default=-1), []
    index = file.schema_arrow.names.index(key)
    for number in range(file.num_row_groups):
        statistics = file.metadata.row_group(number).column(index).statistics
        if statistics is None or not statistics.has_min_max or (statistics.min <= high and statistics.max >= low):
            groups.append(number)
    wanted = columns if columns is None or key in columns else [*columns, key]
    rows = file.read_row_groups(groups, columns=wanted, use_threads=False)
    rows = rows.filter(pc.is_in(rows[key], pa.array(list(keys), pa.int64())))
    return rows if columns is None else rows.select(columns)
