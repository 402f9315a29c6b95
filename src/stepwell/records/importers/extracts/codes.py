"""Coding tables and names of sessions: what rows mean by an id. They are kept in the store, because a delta does not bring them again."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from stepwell.records.importers.extracts.files import Source
from stepwell.records.importers.extracts.headers import Table, tables
from stepwell.records.importers.extracts.session import Session, name, product_words, quoted
from stepwell.records.importers.report import ImportReport
from stepwell.records.schema import TABLES
from stepwell.records.store import RecordWriter, Store

KINDS = tuple(each for each in tables().values() if each.kind in ("code", "session"))

# Lookup of the mappings → coding table and what it takes from it, by the columns of that table.
_CLINICAL = """
CREATE OR REPLACE TABLE clinical_codes AS
SELECT
  id AS code_id, coalesce(ref(raw->>'SnomedCTConceptId'), nullif(raw->>'ReadTermId', ''), id) AS code,
  CASE
    WHEN ref(raw->>'SnomedCTConceptId') IS NOT NULL THEN 'snomed'
    WHEN nullif(raw->>'ReadTermId', '') IS NOT NULL THEN 'read2'
    ELSE 'other'
  END AS code_system,
  nullif(trim(raw->>'Term'), '') AS term
FROM coded WHERE kind = 'Coding_ClinicalCode'
"""
_SIMPLE = (
    "CREATE OR REPLACE TABLE sessions AS SELECT id, nullif(trim(raw->>'Description'), '') AS description, "
    "nullif(trim(raw->>'SessionTypeDescription'), '') AS kind FROM coded WHERE kind = 'Appointment_Session'",
    # Ids of the two tables of words do not meet in practice; the list a column names comes first.
    "CREATE OR REPLACE TABLE labels AS SELECT id, arg_min(label, place) AS label FROM ("
    "SELECT id, raw->>'ConfiguredListOption' AS label, 1 AS place FROM coded WHERE kind = 'SRConfiguredListOption' UNION ALL "
    "SELECT id, raw->>'Mapping', 2 FROM coded WHERE kind = 'SRMapping') GROUP BY id",
    "CREATE OR REPLACE TABLE ctv3_codes AS SELECT raw->>'Ctv3Code' AS ctv3, min(raw->>'SnomedCode') AS snomed "
    "FROM coded WHERE kind = 'SRCtv3ToSnomed' GROUP BY ALL HAVING count(DISTINCT raw->>'SnomedCode') = 1",
    "CREATE OR REPLACE TABLE product_codes AS SELECT raw->>'IDMultiLexProduct' AS product, min(raw->>'DrugReadCode') AS code "
    "FROM coded WHERE kind = 'SRMedicationReadCodeDetails' GROUP BY ALL",
)


def remember(session: Session, store: Store) -> None:
    """`remembered`: coding rows the store holds, with the source they came with."""
    kinds = {each.name for each in KINDS}
    found = [TABLES["originals"].arrow_schema().empty_table()]
    for part in store.manifest.parts:
        if part.table == "originals" and part.bucket == 0:
            rows = store.read_part(part, "originals")
            found.append(rows.filter(pc.is_in(rows["resource_type"], pa.array(sorted(kinds)))))
    session.put("remembered", pa.concat_tables(found))


def read(session: Session, files: dict[str, list[Source]], others: dict[str, list[Source]], held: set[str]) -> None:
    """Fill the lookups of the mappings. The folder's own tables come before what the store holds, that before other folders'.

    `files` and `others`: files of each coding table, of the folders at hand and of the others. `raw_<table>` keep the folder's own.
    """
    mine = f"source IN ({', '.join(map(quoted, sorted(held)))})" if held else "false"
    parts = [f"SELECT resource_type AS kind, native_id AS id, raw, CASE WHEN {mine} THEN 2 ELSE 4 END AS place, 0 AS line FROM remembered"]
    for kind in KINDS:
        if not files[kind.name] and others[kind.name]:
            session.load(kind, others[kind.name])
            session.db.execute(f"CREATE OR REPLACE TABLE {name('other_' + kind.name)} AS {_rows(kind, 3)}")
            parts.append(f"FROM {name('other_' + kind.name)}")
    for kind in KINDS:
        session.load(kind, files[kind.name])
        if files[kind.name]:
            parts.append(_rows(kind, 1))
    session.db.execute(
        f"CREATE OR REPLACE TABLE coded AS SELECT kind, id, raw FROM ({' UNION ALL '.join(parts)}) "
        "QUALIFY row_number() OVER (PARTITION BY kind, id ORDER BY place, line DESC) = 1"
    )
    for kind in KINDS:
        session.db.execute(f"DROP TABLE IF EXISTS {name('other_' + kind.name)}")
    session.db.execute(_CLINICAL)
    for statement in _SIMPLE:
        session.db.execute(statement)
    drugs = session.rows(
        "SELECT id, ref(raw->>'DmdProductCodeId'), nullif(trim(raw->>'Term'), '') FROM coded WHERE kind = 'Coding_DrugCode'"
    )
    # EMIS gives every product an id of its own: without a dm+d id that one is its code.
    session.fill(
        "drug_codes",
        [(id_, dmd or id_, "snomed" if dmd else "emis", term, False, *product_words(term)) for id_, dmd, term in drugs],
    )


def _content(kind: Table) -> str:
    fields = ", ".join(f"{quoted(column)}, {name(column)}" for column in kind.columns if column not in (kind.key, kind.deleted))
    return f"CAST(json_object({fields}) AS VARCHAR)"


def _rows(kind: Table, place: int) -> str:
    gone = f"NOT yes({name(kind.deleted)})" if kind.deleted else "true"
    return (
        f"SELECT {quoted(kind.name)} AS kind, {name(kind.key)} AS id, {_content(kind)} AS raw, {place} AS place, rowid AS line "
        f"FROM {name('raw_' + kind.name)} WHERE {name(kind.key)} IS NOT NULL AND {gone}"
    )


def keep(
    session: Session, writer: RecordWriter, report: ImportReport, source: str
) -> dict[str, list[tuple[int, str | None, str, str | None]]]:
    """Bring the coding rows at hand (`raw_<table>`) into the store under `source` and count them. Returns rows without an id by table."""
    changed, faults = False, {}
    for kind in KINDS:
        if not session.loaded[kind.name]:
            continue
        ours = f"source = {quoted(source)} AND resource_type = {quoted(kind.name)}"
        raw, gone = name("raw_" + kind.name), f"yes({name(kind.deleted)})" if kind.deleted else "false"
        faults[kind.name] = session.rows(
            f"SELECT rowid, NULL, 'no id|{kind.key}', {quoted(source)} FROM {raw} WHERE {name(kind.key)} IS NULL"
        )
        session.db.execute(
            f"CREATE OR REPLACE TABLE arriving AS SELECT {name(kind.key)} AS id, {gone} AS gone, {_content(kind)} AS raw, rowid AS line, "
            f"row_number() OVER (PARTITION BY {name(kind.key)} ORDER BY rowid DESC) = 1 AS latest FROM {raw} "
            f"WHERE {name(kind.key)} IS NOT NULL"
        )
        session.db.execute(f"CREATE OR REPLACE VIEW before AS SELECT * FROM remembered WHERE {ours}")
        counts = session.rows(
            "SELECT CASE WHEN a.gone THEN if(b.native_id IS NULL, 'unchanged', 'superseded') WHEN NOT a.latest THEN 'superseded' "
            "WHEN b.native_id IS NULL THEN 'new' WHEN b.raw = a.raw THEN 'unchanged' ELSE 'superseded' END AS what, count(*) "
            "FROM arriving AS a LEFT JOIN before AS b ON b.native_id = a.id GROUP BY what"
        )
        for what, count in counts:
            setattr(report, what, getattr(report, what) + count)
            report.count(source, what, count)
            report.count(source, "accepted", count)
            changed = changed or what != "unchanged"
        session.db.execute(
            f"CREATE OR REPLACE TABLE remembered AS SELECT * FROM remembered WHERE NOT ({ours} "
            "AND native_id IN (SELECT id FROM arriving)) UNION ALL "
            f"SELECT NULL, {quoted(source)}, id, md5(raw)[1:16], {quoted(kind.name)}, raw FROM arriving WHERE latest AND NOT gone"
        )
        session.db.execute("DROP VIEW before; DROP TABLE arriving")
    if changed:
        _save(session, writer, source)
    return faults


def _save(session: Session, writer: RecordWriter, source: str) -> None:
    schema = TABLES["originals"].arrow_schema()
    kinds = pa.array(sorted(each.name for each in KINDS))
    part = writer.store.part("originals", source, 0)
    old = writer.store.read_part(part, "originals")
    others = old.filter(pc.invert(pc.is_in(old["resource_type"], kinds)))
    ours = session.arrow(f"SELECT {', '.join(schema.names)} FROM remembered WHERE source = {quoted(source)}").cast(schema)
    writer.put("originals", source, 0, pa.concat_tables([others, ours]))
