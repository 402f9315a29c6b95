"""The database a run works in: files become raw tables, raw tables become views with their person and organisation.

Every distinct text (dose, product, quantity, unit, organisation) is read once, in Python, and joined back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib.resources import files as resource_files
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from stepwell.records.dose import parse_dose
from stepwell.records.importers.extracts import files
from stepwell.records.importers.extracts.files import Source
from stepwell.records.importers.extracts.headers import Table, dialects, tables
from stepwell.records.importers.references import kind_of
from stepwell.records.importers.report import Unusable
from stepwell.records.importers.values import clean, milli, unit_word, vocabulary
from stepwell.records.people import check_nhs_number
from stepwell.records.product import parse_product

_STRING, _BIGINT, _BOOL = pa.string(), pa.int64(), pa.bool_()
# What a mapping joins with: name → columns. Filled as a run goes; empty until then.
_LOOKUPS: dict[str, tuple[tuple[str, pa.DataType], ...]] = {
    "words": (("domain", _STRING), ("text", _STRING), ("value", _STRING)),
    "doses": (
        ("text", _STRING), ("dose_text", _STRING), ("dose_status", _STRING), ("dose_low_milli", _BIGINT), ("dose_high_milli", _BIGINT),
        ("dose_unit", _STRING), ("as_required", _BOOL),
    ),
    "products": (("text", _STRING), ("term", _STRING), ("term_name", _STRING), ("strength_ug", _BIGINT), ("unit", _STRING)),
    "quantities": (("text", _STRING), ("quantity_milli", _BIGINT), ("quantity_unit", _STRING)),
    "units": (("text", _STRING), ("word", _STRING)),
    "nhs_numbers": (("raw", _STRING), ("number", _STRING), ("status", _STRING)),
    "org_kinds": (("code", _STRING), ("words", _STRING), ("kind", _STRING)),
    "orgs": (("native_id", _STRING), ("org_code", _STRING)),
    "settings": (("org_code", _STRING), ("setting", _STRING)),
    "subjects": (
        ("source", _STRING), ("local_id", _STRING), ("subject_id", _BIGINT), ("holder", _STRING), ("refused", _STRING),
        ("practice", _BOOL),
    ),
    "drug_codes": (
        ("code_id", _STRING), ("code", _STRING), ("code_system", _STRING), ("term", _STRING), ("degraded", _BOOL),
        ("term_name", _STRING), ("strength_ug", _BIGINT), ("unit", _STRING),
    ),
    "clinical_codes": (("code_id", _STRING), ("code", _STRING), ("code_system", _STRING), ("term", _STRING)),
    "sessions": (("id", _STRING), ("description", _STRING), ("kind", _STRING)),
    "labels": (("id", _STRING), ("label", _STRING)),
    "ctv3_codes": (("ctv3", _STRING), ("snomed", _STRING)),
    "product_codes": (("product", _STRING), ("code", _STRING)),
    "entries": (
        ("source", _STRING), ("native_id", _STRING), ("org_code", _STRING), ("code", _STRING), ("code_system", _STRING),
        ("term", _STRING), ("effective_on", pa.date32()), ("recorded_on", pa.date32()),
    ),
    "reasons": (("source", _STRING), ("native_id", _STRING), ("code", _STRING), ("code_system", _STRING), ("term", _STRING)),
}  # fmt: skip


@cache
def sql(name: str) -> str:
    return resource_files(__package__).joinpath(f"sql/{name}.sql").read_text(encoding="utf-8")


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True)
class Loaded:
    """Rows [start, end) of a raw table come from `source`."""

    source: Source
    start: int
    end: int


class Session:
    """`override`: the organisation every row comes from, when the command says so."""

    def __init__(self, folder: Path, today: date, override: str | None) -> None:
        self._folder, self.override = folder, override
        self.db = duckdb.connect(":memory:")
        self.db.execute(f"SET temp_directory = {quoted(str(folder / 'spill'))}")
        self.db.execute("SET preserve_insertion_order = true; SET arrow_large_buffer_size = false")
        self.db.execute(f"SET VARIABLE today = DATE '{today.isoformat()}'")
        self.db.execute(sql("prelude"))
        self.loaded: dict[str, list[Loaded]] = {}
        self._copies = 0
        for lookup in _LOOKUPS:
            self.fill(lookup, [])
        self._common_words()

    def close(self) -> None:
        self.db.close()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.db.execute(query).fetchall()

    def one(self, query: str) -> Any:
        found = self.rows(query)
        return found[0][0] if found else None

    def arrow(self, query: str) -> pa.Table:
        return self.db.sql(query).to_arrow_table()

    # Files

    def load(self, table: Table, sources: Iterable[Source]) -> int:
        """Make `raw_<table>` of these files, and the view `v_<table>`. Returns the number of rows."""
        sources = list(sources)
        for source in sources:
            if source.suspect and not source.mended:
                self.mend(source)
        self.db.execute(
            f"CREATE OR REPLACE TABLE {name('raw_' + table.name)} ({', '.join(f'{name(each)} VARCHAR' for each in table.columns)})"
        )
        found: list[Loaded] = []
        start = 0
        for source in sources:
            try:
                query = self._reading(table.columns, source)
                end = start + int(self.one(f"INSERT INTO {name('raw_' + table.name)} BY NAME ({query})"))
            except duckdb.Error as error:
                self._mend_after(source, error)
                # From the beginning: rows of a failed statement leave a gap in the numbers of rows.
                return self.load(table, sources)
            found.append(Loaded(source, start, end))
            start = end
        self.loaded[table.name] = found
        self.db.execute(f"CREATE OR REPLACE VIEW {name('v_' + table.name)} AS {self._view(table)}")
        return start

    def drop(self, table: Table) -> None:
        """Let go of the rows; the view stays, empty."""
        self.db.execute(f"TRUNCATE {name('raw_' + table.name)}")

    def _mend_after(self, source: Source, error: duckdb.Error) -> None:
        if source.mended:
            raise Unusable(f"{source.name} cannot be read: {error}. Export it again; nothing was imported.") from error
        self.mend(source)

    def mend(self, source: Source) -> None:
        self._copies += 1
        files.mend(source, self._folder / f"mended-{self._copies}.csv")

    def count(self, source: Source) -> int:
        """Rows of a table that is not used."""
        if source.suspect and not source.mended:
            self.mend(source)
        try:
            # Every column, or DuckDB does not look whether they are there.
            return int(self.one(f"SELECT count(*) FROM ({self._reading(source.header, source)})") or 0)
        except duckdb.Error as error:
            self._mend_after(source, error)
            return self.count(source)

    def any_tombstone(self, table: Table, source: Source) -> bool:
        if table.deleted is None or table.deleted not in source.header:
            return False
        try:
            return bool(self.one(f"SELECT bool_or(yes({name(table.deleted)})) FROM ({self._reading((table.deleted,), source)})"))
        except duckdb.Error:
            self.mend(source)
            return self.any_tombstone(table, source)

    @staticmethod
    def _reading(columns: Iterable[str], source: Source) -> str:
        header = "{" + ", ".join(f"{quoted(column)}: 'VARCHAR'" for column in source.header) + "}"
        wanted = ", ".join(name(column) for column in columns if column in source.header)
        return (
            f"SELECT {wanted} FROM read_csv({quoted(str(source.path))}, columns = {header}, header = true, auto_detect = false, "
            f"delim = ',', quote = '\"', escape = '\"', max_line_size = {files.MAX_ROW * 2}, compression = 'none')"
        )

    def _view(self, table: Table) -> str:
        """Rows with person, source, organisation and what is wrong with every table alike."""
        key, patient = name(table.key), name(table.patient) if table.patient else None
        emis = table.dialect == "emis"
        content = ", ".join(name(column) for column in table.columns)
        version = f"to_hex(hash({content}))"
        gone = f"yes({name(table.deleted)})" if table.deleted else "false"
        withheld = f"yes({name(table.private)})" if table.private else "false"
        organisation = f"r.{name(table.org)}" if table.org else "NULL"
        stated = "o.org_code" if emis and table.org else organisation
        own = quoted(self.override) if self.override else stated
        joins = [f"FROM {name('raw_' + table.name)} AS r"]
        if emis and table.org:
            joins.append(f"LEFT JOIN orgs AS o ON o.native_id = {organisation}")
        if patient:
            where = "" if emis else f" AND s.source = {own}"
            joins.append(f"LEFT JOIN subjects AS s ON s.local_id = r.{patient}{where}")
            fault = (
                f"CASE WHEN {key} IS NULL THEN 'no id|{table.key}' WHEN _gone THEN NULL "
                f"WHEN {patient} IS NULL THEN 'names no patient|{table.patient}' "
                f"WHEN refused IS NOT NULL THEN 'its patient was refused|{table.patient}' "
                f"WHEN subject_id IS NULL THEN 'unknown patient|{table.patient}' END"
            )
            person = f"s.subject_id, s.refused, s.holder, coalesce(s.practice, false) AS _practice, coalesce(s.source, {own}) AS source"
            recorder = "coalesce(o.org_code, s.holder)" if emis and table.org else "s.holder"
        else:
            fault = f"CASE WHEN {key} IS NULL THEN 'no id|{table.key}' END"
            person = (
                "CAST(NULL AS BIGINT) AS subject_id, CAST(NULL AS VARCHAR) AS refused, CAST(NULL AS VARCHAR) AS holder, "
                f"false AS _practice, CAST({own if table.org else 'NULL'} AS VARCHAR) AS source"
            )
            recorder = "CAST(NULL AS VARCHAR)"
        return (
            f"SELECT *, {fault} AS _fault FROM (SELECT r.*, r.rowid AS _row, {quoted(table.name)} AS _kind, r.{key} AS _key, "
            f"{gone} AS _gone, {withheld} AND NOT {gone} AS _withheld, {version} AS _version, {person}, {recorder} AS rec_org "
            f"{' '.join(joins)})"
        )

    # Words

    def fill(self, lookup: str, rows: Iterable[tuple[Any, ...]]) -> None:
        columns = _LOOKUPS[lookup]
        values = list(zip(*rows, strict=True)) or [() for _ in columns]
        schema = pa.schema(list(columns))
        self.put(
            lookup, pa.Table.from_arrays([pa.array(value, type_) for value, (_, type_) in zip(values, columns, strict=True)], schema=schema)
        )

    def put(self, table: str, rows: pa.Table) -> None:
        self.db.register("_given", rows)
        self.db.execute(f"CREATE OR REPLACE TABLE {name(table)} AS SELECT * FROM _given")
        self.db.unregister("_given")

    def distinct(self, *places: tuple[str, str]) -> list[str]:
        """Texts in these (table, column) places, each once."""
        parts = " UNION ".join(f"SELECT {name(column)} AS text FROM {name('raw_' + table)}" for table, column in places)
        return [text for (text,) in self.rows(f"SELECT text FROM ({parts}) WHERE text IS NOT NULL ORDER BY text")]

    def _common_words(self) -> None:
        found = []
        for domain, words in dialects()["words"].items():
            found += [(domain, text, value) for text, value in words.items() if text != "part"]
        self._words = found
        self.fill("words", found)
        for table in tables().values():
            self.load(table, [])

    def words_in(self, domain: str, texts: Iterable[str]) -> None:
        """Add what texts mean that contain one of the words of `domain`."""
        parts = dialects()["words"][domain]["part"]
        for text in {text.strip().lower() for text in texts}:
            value = next((value for word, value in parts if word in text), None)
            if value:
                self._words.append((domain, text, value))
        self.fill("words", dict.fromkeys(self._words))

    def each(self, lookup: str, texts: Iterable[str], read: Callable[[str], tuple[Any, ...]]) -> None:
        self.fill(lookup, [(text, *read(text)) for text in texts])

    def read_words(self, dialect: str) -> None:
        """Doses, products and quantities of the medicines that are loaded."""
        if dialect == "emis":
            both = ("Prescribing_DrugRecord", "Prescribing_IssueRecord")
            self.each("doses", self.distinct(*((table, "Dosage") for table in both)), _dose)
            self.each("units", self.distinct(*((table, "QuantityUnit") for table in both)), lambda text: (unit_word(text),))
            return
        both = ("SRRepeatTemplate", "SRPrimaryCareMedication")
        self.each("doses", self.distinct(*((table, "MedicationDosage") for table in both)), _dose)
        self.each("products", self.distinct(*((table, "NameOfMedication") for table in both)), lambda text: (clean(text), *_product(text)))
        self.each("quantities", self.distinct(*((table, "MedicationQuantity") for table in both)), _quantity)

    def settings(self, codes: Iterable[str], kinds: dict[str, str]) -> None:
        """Which setting an organisation is: by its type where the input tells it, otherwise by its code."""
        known = vocabulary()["setting"]
        self.fill("settings", [(code, known.get(kinds.get(code) or kind_of(code), "unknown")) for code in sorted(set(codes))])

    def nhs_numbers(self, texts: Iterable[str]) -> None:
        self.each("nhs_numbers", texts, check_nhs_number)


def _dose(text: str) -> tuple[Any, ...]:
    found = parse_dose(clean(text))
    return (clean(text), found.status, found.low_milli, found.high_milli, found.unit, found.as_required)


def _product(text: str) -> tuple[Any, ...]:
    found = parse_product(clean(text))
    return (found.term_name, found.strength_ug, found.unit)


product_words = _product
_QUANTITY = re.compile(r"\s*([0-9][0-9,]*(?:\.[0-9]+)?)\s*(?:x\s*)?([^-(]*)")


def _quantity(text: str) -> tuple[int | None, str | None]:
    """Amount and unit of a quantity written as one text ("28 tablets", "100 ml - 5mg/5ml"); nothing when it begins with no number."""
    match = _QUANTITY.match(text)
    if match is None:
        return None, None
    try:
        amount = milli(Decimal(match[1].replace(",", "")), "$")
    except InvalidOperation:
        return None, None
    return amount, unit_word(match[2]) if match[2].strip() else None
