-- results: one fact per person, test, day and value, whatever road it came by
-- reads   subjects, observations, recorded_results, k_test_code
-- gives   value_milli (thousandths of the test's unit, null when it has no number in a known unit), comparator, roads (sources joined)
-- grain   person_id, test, effective_on, value_milli, comparator
-- rule    docs/engine.md 5; ruling 22; conversion rounds half up
WITH coded AS (
  SELECT DISTINCT k.test, k.code_system, k.code
  FROM k_test_code AS k
),
observed AS (
  SELECT
    s.person_id,
    c.test,
    o.effective_on,
    CASE WHEN u.code IS NOT NULL THEN u.numerator ELSE a.numerator END AS numerator,
    CASE WHEN u.code IS NOT NULL THEN u.denominator ELSE a.denominator END AS denominator,
    o.value_milli,
    o.comparator,
    o.source
  FROM observations AS o
  JOIN subjects AS s ON s.subject_id = o.subject_id
  JOIN coded AS c ON c.code_system = o.code_system AND c.code = o.code
  LEFT JOIN k_test_code AS u ON u.test = c.test AND u.code_system = c.code_system AND u.code = c.code AND u.unit = lower(o.value_unit)
  LEFT JOIN k_test_code AS a ON a.test = c.test AND a.code_system = c.code_system AND a.code = c.code AND a.unit IS NULL
  WHERE o.effective_on <= $as_of AND coalesce(o.status, 'unknown') NOT IN ('cancelled', 'entered in error')
),
doubled AS (
  SELECT
    b.person_id, b.test, b.effective_on, b.comparator, b.source,
    2 * b.value_milli * b.numerator + b.denominator AS dividend,
    2 * b.denominator AS divisor
  FROM observed AS b
),
roads AS (
  SELECT
    d.person_id, d.test, d.effective_on,
    CASE
      WHEN d.dividend < 0 THEN 0 - (d.divisor - 1 - d.dividend) // nullif(d.divisor, 0)
      ELSE d.dividend // nullif(d.divisor, 0)
    END AS value_milli,
    d.comparator,
    d.source
  FROM doubled AS d
  UNION ALL
  SELECT t.person_id, t.test, t.effective_on, t.value_milli, CAST(NULL AS VARCHAR) AS comparator, '' AS source
  FROM recorded_results AS t
  JOIN (SELECT DISTINCT s.person_id FROM subjects AS s) AS p ON p.person_id = t.person_id
  WHERE t.effective_on <= $as_of
),
once AS (
  SELECT DISTINCT r.person_id, r.test, r.effective_on, r.value_milli, r.comparator, r.source
  FROM roads AS r
)
SELECT
  o.person_id,
  o.test,
  o.effective_on,
  o.value_milli,
  o.comparator,
  CAST(count(*) AS INTEGER) AS roads
FROM once AS o
GROUP BY o.person_id, o.test, o.effective_on, o.value_milli, o.comparator
