"""Addresses and telephone numbers, which TPP keeps in tables of their own."""

from __future__ import annotations

from stepwell.records.importers.extracts.joins import Joins
from stepwell.records.importers.extracts.session import Session, name
from stepwell.records.importers.report import ImportReport

TABLES = {"SRPatientAddressHistory": ("_has_address", ("address", "postcode")), "SRPatientContactDetails": ("_has_phone", ("phone",))}

# A delta with a new address or telephone number, but without the row of the patient.
_MOVED = """
INSERT INTO m_patients BY NAME
WITH home AS (
  SELECT
    source, IDPatient, nullif(trim(FullPostCode), '') AS postcode,
    nullif(concat_ws(', ', trim(NameOfBuilding), trim(concat_ws(' ', NumberOfBuilding, NameOfRoad)), trim(NameOfLocality),
      trim(NameOfTown), trim(NameOfCounty)), '') AS address
  FROM v_SRPatientAddressHistory WHERE _fault IS NULL AND NOT _gone AND DateTo IS NULL
  QUALIFY row_number() OVER (PARTITION BY source, IDPatient ORDER BY tpp_day(DateEvent) DESC NULLS LAST, _row DESC) = 1
),
phone AS (
  SELECT source, IDPatient, trim(ContactNumber) AS number
  FROM v_SRPatientContactDetails WHERE _fault IS NULL AND NOT _gone AND trim(ContactNumber) <> ''
  QUALIFY row_number() OVER (PARTITION BY source, IDPatient ORDER BY tpp_day(DateEvent) DESC NULLS LAST, _row DESC) = 1
)
SELECT
  o.* REPLACE (
    CASE WHEN h.source IS NULL THEN o.address ELSE h.address END AS address,
    CASE WHEN h.source IS NULL THEN o.postcode ELSE h.postcode END AS postcode,
    coalesce(p.number, o.phone) AS phone,
    split_part(o.version, '-', 1) || '-' || md5(concat_ws(chr(31), h.address, chr(30), h.postcode, chr(30), p.number))[1:8] AS version
  ),
  '(details)' AS _kind, -1 AS _row, o.native_id AS _key, false AS _gone, false AS _withheld, CAST(NULL AS VARCHAR) AS _fault
FROM ({old}) AS o
LEFT JOIN home AS h ON h.source = o.source AND h.IDPatient = o.native_id
LEFT JOIN phone AS p ON p.source = o.source AND p.IDPatient = o.native_id
WHERE (h.source IS NOT NULL OR p.source IS NOT NULL)
  AND NOT EXISTS (FROM m_patients AS m WHERE m.source = o.source AND m.native_id = o.native_id)
"""


def carry_over(session: Session, joins: Joins, told: set[str], *, delta: bool) -> None:
    """What an input does not tell again stays as it is. `told`: tables of the input."""
    old = joins.stored("patients")
    for table, (flag, columns) in TABLES.items():
        if "SRPatient" in told and (delta or table not in told):
            sets = ", ".join(f"{each} = o.{each}" for each in columns)
            session.db.execute(
                f"UPDATE m_patients SET {sets} FROM ({old}) AS o WHERE o.source = m_patients.source AND o.native_id = m_patients.native_id "
                f"AND m_patients._kind = 'SRPatient' AND NOT m_patients.{flag}"
            )
    if delta and told & set(TABLES):
        session.db.execute(_MOVED.format(old=old))


def count(session: Session, report: ImportReport, told: set[str]) -> None:
    """Their rows count as what they changed of their patient. `old` and `m_patients` are those of the patients just merged."""
    for table in [each for each in TABLES if each in told]:
        view = name("v_" + table)
        removed = session.one(f"SELECT count(*) FROM {view} WHERE _fault IS NULL AND _gone")
        if removed:
            report.not_used[f"{table} (removed)"] += removed
        rows = session.rows(
            "SELECT v.source, CASE WHEN o.native_id IS NULL THEN 'new' WHEN m.native_id IS NULL OR o.version = m.version THEN 'unchanged' "
            f"ELSE 'superseded' END AS what, count(*) FROM {view} AS v LEFT JOIN ("
            "SELECT source, native_id, arg_max(version, _row) AS version FROM m_patients WHERE _fault IS NULL GROUP BY ALL"
            ") AS m ON m.source = v.source AND m.native_id = v.IDPatient "
            "LEFT JOIN old AS o ON o.source = v.source AND o.native_id = v.IDPatient WHERE v._fault IS NULL AND NOT v._gone GROUP BY ALL"
        )
        for source, what, number in rows:
            setattr(report, what, getattr(report, what) + number)
            report.count(source, what, number)
            report.count(source, "accepted", number)
