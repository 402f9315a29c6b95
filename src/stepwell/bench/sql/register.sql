-- register: adults with an antipsychotic in the last six months, the last result of each check, what is due; and (everybody) the whole list
-- by hand, for DuckDB, over the store's Parquet: views issues, observations, patients, registrations, links; lists medicine_codes (code, substance), test_codes (test, code, unit, numerator, denominator)
-- leaves out: decisions about codes and terms, names where a code is not known, results typed in the ledger, several records of one person, deaths recorded
--   elsewhere, patients with several registrations; it takes every code as SNOMED CT. On the bench's data that makes no difference: the answers are compared row by row
WITH takers AS (
  SELECT i.subject_id, string_agg(DISTINCT m.substance, '+' ORDER BY m.substance) AS substances
  FROM issues i JOIN medicine_codes m USING (code)
  WHERE i.issued_on > $since AND i.issued_on <= $as_of AND i.status = 'completed'
  GROUP BY i.subject_id
),
people AS (
  SELECT l.person_id, p.subject_id, p.birth_date, p.sex, t.subject_id IS NOT NULL AS on_register, t.substances
  FROM patients p
  JOIN links l ON l.subject_id = p.subject_id AND l.undone_at IS NULL
  JOIN registrations r ON r.subject_id = p.subject_id AND r.ended_on IS NULL AND r.started_on <= $as_of
  $join takers t ON t.subject_id = p.subject_id
  WHERE p.birth_date <= $born AND p.death_date IS NULL
),
seen AS (
  SELECT o.subject_id, c.test, (o.effective_on, coalesce((2 * o.value_milli * u.numerator + u.denominator) // (2 * u.denominator), -1)) AS seen
  FROM observations o
  JOIN (SELECT DISTINCT test, code FROM test_codes) c ON c.code = o.code
  LEFT JOIN test_codes u ON u.test = c.test AND u.code = o.code AND u.unit IS NOT DISTINCT FROM lower(o.value_unit)
  WHERE o.effective_on <= $as_of AND o.status = 'final' $only
),
latest AS (
  SELECT subject_id,
    max(seen) FILTER (test = 'hba1c') AS hba1c,
    max(seen) FILTER (test = '$body') AS body,
    max(seen) FILTER (test = 'systolic-bp') AS bp,
    max(seen) FILTER (test = 'lipids') AS lipids
  FROM seen GROUP BY subject_id
),
shown AS (
  SELECT p.person_id, p.birth_date, p.sex, p.on_register, p.substances,
    hba1c[1] AS hba1c_on, nullif(hba1c[2], -1) AS hba1c_milli, coalesce(hba1c[1] + INTERVAL 12 MONTH <= $as_of, TRUE) AS hba1c_due,
    body[1] AS body_on, nullif(body[2], -1) AS body_milli, coalesce(body[1] + INTERVAL 12 MONTH <= $as_of, TRUE) AS body_due,
    bp[1] AS bp_on, nullif(bp[2], -1) AS bp_milli, coalesce(bp[1] + INTERVAL 12 MONTH <= $as_of, TRUE) AS bp_due,
    lipids[1] AS lipids_on, nullif(lipids[2], -1) AS lipids_milli, coalesce(lipids[1] + INTERVAL 12 MONTH <= $as_of, TRUE) AS lipids_due
  FROM people p LEFT JOIN latest l USING (subject_id)
)
SELECT *, hba1c_due::INT + body_due::INT + bp_due::INT + lipids_due::INT AS checks_due FROM shown ORDER BY person_id
