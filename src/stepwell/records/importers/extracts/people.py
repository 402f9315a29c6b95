"""Who the people of an extract are and who holds their records: read before anything else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pyarrow as pa

from stepwell.records.importers.extracts.files import Source
from stepwell.records.importers.extracts.headers import tables
from stepwell.records.importers.extracts.session import Session
from stepwell.records.importers.references import kind_of
from stepwell.records.people import Identity
from stepwell.records.store import Store

Where = tuple[str, str]  # source, local id

_PATIENTS = {"emis": "Admin_Patient", "tpp": "SRPatient"}
_ORGANISATIONS = {
    "emis": ("Admin_Organisation", "OrganisationGuid", "ODSCode", "OrganisationType"),
    "tpp": ("SROrganisation", "ID", "ID", "NULL"),
}
# Read whole before the rest, from every folder of the input.
FIRST = (
    "Admin_Organisation", "SROrganisation", "Admin_Patient", "SRPatient", "SRPatientRegistration", "SRPatientAddressHistory",
    "SRPatientContactDetails",
)  # fmt: skip


@dataclass
class People:
    """What the tables of organisations and patients say. `refused`: reason by (source, local id)."""

    claims: dict[Where, Identity] = field(default_factory=dict)
    status: dict[Where, str] = field(default_factory=dict)
    rows: dict[Where, tuple[str, int]] = field(default_factory=dict)
    refused: dict[Where, str] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)
    gone: set[Where] = field(default_factory=set)
    units: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    kinds: dict[str, str] = field(default_factory=dict)

    @property
    def sources(self) -> set[str]:
        return {source for source, _ in self.claims} | {source for source, _ in self.gone}

    def identities(self) -> Iterator[Identity]:
        yield from self.claims.values()


def read(session: Session, sources: list[Source], store: Store, practice: str | None, today: date) -> People:
    """Load the tables of FIRST and learn from them. Persons are not yet known to the session: see `tell`."""
    for name in FIRST:
        session.load(tables()[name], [each for each in sources if each.found.name == name])
    people = People()
    _organisations(session, store, people)
    for dialect in _PATIENTS:
        _patients(session, dialect, people, practice, today)
    return people


def _organisations(session: Session, store: Store, people: People) -> None:
    known = store.table("organisations", columns=["native_id", "org_code", "kind"])
    codes: dict[str, str | None] = {}
    for native_id, code, kind in zip(*(known[column].to_pylist() for column in known.column_names), strict=True):
        codes[native_id] = code
        if code and kind != "other":
            people.kinds[code] = kind
    kinds = []
    for table, key, code_column, words_column in _ORGANISATIONS.values():
        rows = session.rows(f'SELECT "{key}", trim("{code_column}"), {words_column}, "{code_column}" FROM raw_{table}')
        for native_id, code, words, as_written in rows:
            codes[native_id] = code or None
            kind = kind_of(code, (words or "").lower())
            kinds.append((as_written, words, kind if kind in ("practice", "trust", "pharmacy") else "other"))
            if code and kind != "other":
                people.kinds[code] = kind
    session.fill("org_kinds", dict.fromkeys(kinds))
    session.fill("orgs", [(native_id, code) for native_id, code in codes.items() if native_id])


def _patients(session: Session, dialect: str, people: People, practice: str | None, today: date) -> None:
    emis, name = dialect == "emis", _PATIENTS[dialect]
    born, number = ("DateOfBirth", "NhsNumber") if emis else ("DateBirth", "NHSNumber")
    table = tables()[name]
    session.nhs_numbers(session.distinct(("Admin_Patient", "NhsNumber"), ("SRPatient", "NHSNumber")))
    join = "LEFT JOIN orgs AS o ON o.native_id = r.OrganisationGuid" if emis else ""
    organisation = "o.org_code" if emis else "r.IDOrganisationVisibleTo"
    test = "false" if emis else "yes(TestPatient)"
    secret = "yes(r.IsConfidential)" if emis else "false"
    rows = session.rows(
        f"SELECT r.rowid, r.{table.key}, {organisation}, r.{born}, {dialect}_day(r.{born}), n.number, coalesce(n.status, 'missing'), "
        f"yes(r.{table.deleted}), {secret}, {test} "
        f"FROM raw_{name} AS r LEFT JOIN nhs_numbers AS n ON n.raw = r.{number} {join} ORDER BY r.rowid"
    )
    files = iter(session.loaded[name])
    file = next(files, None)
    for row, local_id, code, born_text, born_on, nhs, status, gone, withheld, test_patient in rows:
        while file is not None and row >= file.end:
            file = next(files, None)
        assert file is not None
        if local_id is None:
            continue
        source, refusal = _holder(code, file.source.unit, practice, session.override)
        where = (source, local_id)
        people.claims.pop(where, None)
        people.refused.pop(where, None)
        people.gone.discard(where)
        people.rows[where] = (name, row)
        if refusal is None and not gone:
            people.units[file.source.unit].add(source)
            refusal = _claim_fault(born_text, born_on, withheld, test_patient, today)
        if refusal is not None:
            people.refused[where] = refusal
            if source and practice and source != practice:
                people.elsewhere.add(source)
            if withheld and not gone:
                people.gone.add(where)
        elif gone:
            people.gone.add(where)
            people.units[file.source.unit].add(source)
        else:
            people.claims[where] = Identity(source, local_id, nhs, born_on)
            people.status[where] = status


WITHHELD = "The record of this person is confidential and was left out."
TEST_PATIENT = "Its patient is a test patient."


def _claim_fault(born_text: str | None, born_on: date | None, withheld: bool, test_patient: bool, today: date) -> str | None:
    if withheld:
        return WITHHELD
    if test_patient:
        return TEST_PATIENT
    if born_text is not None and (born_on is None or born_on > today):
        return "Its patient was refused: the date of birth cannot be. Correct it at the source."
    return None


def _holder(code: str | None, unit: str, practice: str | None, override: str | None) -> tuple[str, str | None]:
    """Source of a record, and why this import may not take it."""
    if override:
        return override, None
    folder = unit.rpartition("/")[2]
    if not code and kind_of(folder) != "other":
        code = folder
    if practice:
        if code and code != practice:
            return code, f"This record is held by {code}; the import is for {practice}. Give the right --practice, or --source auto."
        return practice, None
    if not code:
        return "", f"{_UNKNOWN} Import the table of organisations too, or say --source."
    return code, None


_UNKNOWN = "The organisation that holds this record is not known."


def reason(refusal: str) -> str:
    """The kind of a refusal of a patient's own row."""
    return "organisation unknown" if refusal.startswith(_UNKNOWN) else "held by another organisation"


def tell(session: Session, people: People, subjects: dict[Where, int]) -> None:
    """Let the mappings know every person: of the input, of the store, and those who were refused."""
    rows: dict[Where, tuple[Any, ...]] = {}
    for where, subject in subjects.items():
        rows[where] = (*where, subject, where[0], people.refused.get(where), kind_of(where[0]) == "practice")
    for where, reason in people.refused.items():
        rows.setdefault(where, (*where, None, None, reason, False))
    schema = pa.schema(
        [
            ("source", pa.string()),
            ("local_id", pa.string()),
            ("subject_id", pa.int64()),
            ("holder", pa.string()),
            ("refused", pa.string()),
            ("practice", pa.bool_()),
        ]
    )
    columns = list(zip(*rows.values(), strict=True)) or [() for _ in schema]
    table = pa.Table.from_arrays([pa.array(values, each.type) for values, each in zip(columns, schema, strict=True)], schema=schema)
    session.put("subjects", table)
    _emis_ids_are_unique(session)


def _emis_ids_are_unique(session: Session) -> None:
    """EMIS names a patient by an id alone. Where two sources hold the same one, the row of this input counts, then the first by name."""
    doubled = session.rows("SELECT local_id FROM subjects GROUP BY local_id HAVING count(*) > 1")
    if not doubled or not session.one("SELECT count(*) FROM raw_Admin_Patient"):
        return
    session.db.execute(
        "DELETE FROM subjects WHERE local_id IN (SELECT PatientGuid FROM raw_Admin_Patient) AND rowid NOT IN ("
        "SELECT arg_min(rowid, (refused IS NOT NULL, source)) FROM subjects GROUP BY local_id)"
    )
