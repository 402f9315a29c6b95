"""Mapped rows, the rows of the store and the scope become the rows of the next store, table by table, in SQL."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from stepwell.records.importers.extracts.headers import Table
from stepwell.records.importers.extracts.session import Session, name, quoted
from stepwell.records.importers.report import ImportReport
from stepwell.records.importers.scope import DELTA, FULL
from stepwell.records.schema import TABLES
from stepwell.records.store import RecordWriter

# Rows that tell more than one canonical row are counted once: these are the others.
SECONDARY = {("Admin_Patient", "registrations")}
# Rows of one table that are held at once while parts are written.
_AT_ONCE = 2_000_000


@dataclass
class Reach:
    """What an import may take away: see `importers.scope`."""

    kind: str
    sources: set[str] = field(default_factory=set)
    replaced: set[int] = field(default_factory=set)
    erased: set[int] = field(default_factory=set)


class Merger:
    """`withheld`: sources with rows that could not be read, where absence proves nothing; it may grow while tables are read."""

    def __init__(self, session: Session, writer: RecordWriter, report: ImportReport, reach: Reach, withheld: set[str]) -> None:
        self._session, self._writer, self._report, self._reach, self._withheld = session, writer, report, reach, withheld
        self._store = writer.store
        self._buckets = writer.store.manifest.buckets
        self._pool = ThreadPoolExecutor(2)
        self._writing: list[Future[None]] = []
        self.gone: dict[str, int] = {}
        self.before: dict[str, int] = {}
        for table, column in (("_replaced", reach.replaced), ("_erased", reach.erased)):
            session.put(table, pa.table({"subject_id": pa.array(sorted(column), pa.int64())}))

    def finish(self) -> None:
        """Wait until every part is written."""
        for each in self._writing:
            each.result()

    def stop(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def merge(self, table: str, kinds: list[Table], sources: set[str], takers: list[Table] | None = None) -> None:
        """`m_<table>` joins what the store holds of these sources. `kinds` tell the table, `takers` only take rows away.

        Without any kind of it in the input the table is touched only where people were erased.
        """
        session = self._session
        old = self._old(table, sources)
        columns = [column.name for column in TABLES[table].columns]
        fresh = {row[0] for row in session.rows(f"DESCRIBE m_{table}")}
        picked = ", ".join(
            f"CAST({_value(column.name, fresh)} AS {column.type}) AS {name(column.name)}" for column in TABLES[table].columns
        )
        mine = f"source IN ({', '.join(map(quoted, sorted(sources)))})" if sources else "false"
        taken = f"_fault IS NULL AND NOT _gone AND NOT _withheld AND {mine}"
        session.db.execute(f"CREATE OR REPLACE VIEW taken AS SELECT * FROM m_{table} WHERE {taken}")
        # Two ids that share a hash by chance only make the next step look closer.
        repeated = bool(session.one("SELECT count(*) > count(DISTINCT hash(source, native_id)) FROM taken"))
        last = "QUALIFY row_number() OVER (PARTITION BY source, native_id ORDER BY _row DESC) = 1" if repeated else ""
        session.db.execute(f"CREATE OR REPLACE VIEW latest AS SELECT * FROM taken {last}")
        session.db.execute(f"CREATE OR REPLACE VIEW fresh AS SELECT {picked} FROM latest")
        if old:
            self._keep(table, kinds, takers or [], mine)
        kept = "UNION ALL SELECT * FROM kept" if old else ""
        session.db.execute(f"CREATE OR REPLACE VIEW following AS SELECT * FROM fresh {kept}")
        self._account(table, old=old, repeated=repeated)
        self._write(table, columns, old=old)
        session.db.execute("DROP VIEW following; DROP VIEW fresh; DROP VIEW latest; DROP VIEW taken; DROP TABLE IF EXISTS kept")

    def _old(self, table: str, sources: set[str]) -> bool:
        """`old`: rows of the store. False when there are none."""
        parts = [str(self._store.path / part.file) for part in self._store.manifest.parts if part.table == table and part.source in sources]
        if not parts:
            self._session.put("old", TABLES[table].arrow_schema().empty_table())
            return False
        listed = ", ".join(map(quoted, parts))
        self._session.db.execute(f"CREATE OR REPLACE TABLE old AS SELECT * FROM read_parquet([{listed}])")
        return True

    def _keep(self, table: str, kinds: list[Table], takers: list[Table], mine: str) -> None:
        """`kept`: old rows that stay. Those go that come again, or that the scope takes away; a refused row keeps what it had."""
        prefixes = [(kind, prefix) for kind in kinds for at, prefix in kind.writes if at == table]
        again = [
            f"SELECT {self._source(kind)} AS source, {quoted(prefix)} || {name(kind.key)} FROM {_raw(kind)}" for kind, prefix in prefixes
        ]
        for kind in takers:
            marks = " OR ".join(f"yes({name(column)})" for column in (kind.deleted, kind.private) if column)
            again.append(f"SELECT {self._source(kind)}, {name(kind.key)} FROM {_raw(kind)} WHERE {marks}")
        # Rows made anew from others of the input stand for no row of a file.
        again.append("SELECT source, native_id FROM taken WHERE _row < 0")
        refused = [
            f"SELECT source, {quoted(prefix)} || _key FROM m_{table} WHERE _fault IS NOT NULL AND _key IS NOT NULL AND {mine}"
            for prefix in {prefix for _, prefix in prefixes} or {""}
        ]
        keyed = "subject_id" in TABLES[table].names
        absent = "false"
        if kinds and self._reach.kind == FULL:
            absent = "true"
        elif kinds and keyed and self._reach.kind != DELTA:
            absent = "subject_id IN (FROM _replaced)"
        if self._withheld:
            absent = f"({absent}) AND source NOT IN ({', '.join(map(quoted, sorted(self._withheld)))})"
        erased = "subject_id IN (FROM _erased)" if keyed else "false"
        self._session.db.execute(
            f"""
            CREATE OR REPLACE TABLE kept AS
            WITH again(source, native_id) AS ({" UNION ALL ".join(again)}), stays(source, native_id) AS ({" UNION ALL ".join(refused)})
            SELECT * FROM old
            WHERE (
              NOT ({absent} OR EXISTS (FROM again AS a WHERE a.native_id = old.native_id AND (a.source IS NULL OR a.source = old.source)))
              OR EXISTS (FROM stays AS s WHERE s.native_id = old.native_id AND s.source = old.source)
            ) AND NOT {erased}
            """
        )

    def _account(self, table: str, *, old: bool, repeated: bool) -> None:
        """Count new, unchanged, superseded and removed rows."""
        report = self._report
        counted = "_row >= 0" + "".join(f" AND _kind <> {quoted(kind)}" for kind, at in SECONDARY if at == table)
        ours = f"SELECT * FROM latest WHERE {counted}"
        if old:
            self._counts(
                "SELECT n.source, count(*) FILTER (o.version IS NULL), count(*) FILTER (o.version = n.version), "
                f"count(*) FILTER (o.version <> n.version) FROM ({ours}) AS n "
                "LEFT JOIN old AS o USING (source, native_id) GROUP BY n.source"
            )
        else:
            self._counts(f"SELECT source, count(*), 0, 0 FROM ({ours}) GROUP BY source")
        if repeated:
            # The same row again in one input: the later one counts.
            self._counts(
                "SELECT t.source, 0, count(*) FILTER (t.version = n.version), count(*) FILTER (t.version <> n.version) "
                f"FROM taken AS t JOIN ({ours}) AS n USING (source, native_id) WHERE t._row <> n._row GROUP BY t.source"
            )
        gone = f"SELECT * FROM m_{table} WHERE _gone AND _fault IS NULL"
        self._counts(
            "SELECT g.source, 0, count(*) FILTER (o.version IS NULL), count(*) FILTER (o.version IS NOT NULL) "
            f"FROM ({gone} AND {counted}) AS g LEFT JOIN old AS o USING (source, native_id) GROUP BY g.source"
        )
        hidden = f"SELECT _kind, count(*) FROM m_{table} WHERE _withheld AND _fault IS NULL AND {counted} GROUP BY _kind"
        for kind, count in self._session.rows(hidden):
            report.not_used[f"{kind} (confidential)"] += count
        if old:
            for source, count in self._session.rows("SELECT source, count(*) FROM old GROUP BY source"):
                self.before[source] = self.before.get(source, 0) + count
            lost = "SELECT * FROM old ANTI JOIN kept USING (source, native_id) ANTI JOIN taken USING (source, native_id)"
            lost = f"SELECT source, count(*) FROM ({lost} ANTI JOIN ({gone}) AS g USING (source, native_id)) GROUP BY source"
            for source, count in self._session.rows(lost):
                self.gone[source] = self.gone.get(source, 0) + count
                report.removed += count
        if table in ("medication_plans", "medication_issues"):
            for source, count in self._session.rows("SELECT source, count(*) FROM latest WHERE degraded GROUP BY source"):
                report.count(source, "degraded medicines", count)

    def _counts(self, query: str) -> None:
        """Rows of (source, new, unchanged, superseded)."""
        report = self._report
        for source, new, unchanged, superseded in self._session.rows(query):
            report.new += new
            report.unchanged += unchanged
            report.superseded += superseded
            owner = source or min(self._reach.sources)
            for what, count in (
                ("accepted", new + unchanged + superseded), ("new", new), ("unchanged", unchanged), ("superseded", superseded),
            ):  # fmt: skip
                report.count(owner, what, count)

    def _write(self, table: str, columns: list[str], *, old: bool) -> None:
        """Parts that this import touches, by (source, bucket)."""
        session = self._session
        keyed = "subject_id" in columns
        bucket = f"CAST(subject_id % {self._buckets} AS INTEGER)" if keyed else "0"
        total = int(session.one("SELECT count(*) FROM following"))
        self._report.rows[table] = self._report.rows.get(table, 0) + total
        # Only where something came or went; a delta leaves the rest as it is.
        places = set(session.rows(f"SELECT DISTINCT source, {bucket} FROM fresh"))
        if old:
            went = "SELECT * FROM old ANTI JOIN kept USING (source, native_id)"
            places |= set(session.rows(f"SELECT DISTINCT source, {bucket} FROM ({went})"))
        if not places:
            return
        wanted = ", ".join(f"({quoted(source)}, {number})" for source, number in sorted(places))
        chosen = f"(source, {bucket}) IN ({wanted})" if old else "true"
        # A few buckets at a time, so that what is in hand stays bounded.
        step = max(1, self._buckets * _AT_ONCE // max(total, 1)) if keyed else 1
        left = set(places)
        for low in range(0, self._buckets if keyed else 1, step):
            where = f"{chosen} AND {bucket} BETWEEN {low} AND {low + step - 1}" if step < self._buckets else chosen
            order = "subject_id, native_id" if keyed else "native_id"
            picked = f"SELECT {', '.join(map(name, columns))}, {bucket} AS _bucket FROM following"
            for source, number, part in _parts(session.arrow(f"{picked} WHERE {where} ORDER BY source, _bucket, {order}")):
                left.discard((source, number))
                self._writing.append(self._pool.submit(self._put, table, source, number, part))
        for source, number in left:
            self._put(table, source, number, TABLES[table].arrow_schema().empty_table())

    def _source(self, kind: Table) -> str:
        """The source a raw row states itself; EMIS ids are unique by themselves."""
        return name(kind.org) if kind.dialect == "tpp" and kind.org and not self._session.override else "CAST(NULL AS VARCHAR)"

    def _put(self, table: str, source: str, bucket: int, rows: pa.Table) -> None:
        self._writer.put(table, source, bucket, rows, ordered=True)


def _raw(kind: Table) -> str:
    return name(f"raw_{kind.name}")


def _value(column: str, fresh: set[str]) -> str:
    return name(column) if column in fresh else "NULL"


def _parts(rows: pa.Table) -> Iterator[tuple[str, int, pa.Table]]:
    """(source, bucket, rows) of rows in that order, without the column `_bucket`."""
    if rows.num_rows == 0:
        return
    ends = pc.run_end_encode(pc.binary_join_element_wise(rows["source"], pc.cast(rows["_bucket"], pa.string()), "|").combine_chunks())
    plain, start = rows.drop_columns(["_bucket"]), 0
    for end, key in zip(ends.run_ends.to_pylist(), ends.values.to_pylist(), strict=True):
        source, _, number = key.rpartition("|")
        yield source, int(number), plain.slice(start, end - start)
        start = end
