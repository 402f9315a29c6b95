-- seen: every result of an asked test, its day and value as one thing to take the largest of
-- reads   subjects, observations_read, recorded_results, k_test_code, asked_tests
-- gives   place (of the test), seen (day; then value in thousandths of the test's unit, $no_value for none)
-- grain   person_id, place, seen
-- rule    as the stage results (docs/engine.md 5), without joining equal facts: the largest is the same
WITH coded AS (
  SELECT DISTINCT a.place, k.code_system, k.code
  FROM k_test_code AS k
  JOIN asked_tests AS a ON a.test = k.test
),
scaled AS (
  SELECT a.place, k.code_system, k.code, k.unit, k.numerator, k.denominator
  FROM k_test_code AS k
  JOIN asked_tests AS a ON a.test = k.test
),
observed AS (
  SELECT
    s.person_id,
    c.place,
    o.effective_on,
    CASE WHEN u.code IS NOT NULL THEN u.numerator ELSE n.numerator END AS numerator,
    CASE WHEN u.code IS NOT NULL THEN u.denominator ELSE n.denominator END AS denominator,
    o.value_milli
  FROM observations_read AS o
  JOIN coded AS c ON c.code = o.code AND c.code_system = o.code_system
  JOIN subjects AS s ON s.subject_id = o.subject_id
  LEFT JOIN scaled AS u ON u.place = c.place AND u.code = c.code AND u.code_system = c.code_system AND u.unit = lower(o.value_unit)
  LEFT JOIN scaled AS n ON n.place = c.place AND n.code = c.code AND n.code_system = c.code_system AND n.unit IS NULL
  WHERE o.effective_on <= $as_of AND coalesce(o.status, 'unknown') NOT IN ('cancelled', 'entered in error')
)
SELECT
  b.person_id,
  b.place,
  (
    b.effective_on,
    coalesce(
      CASE
        WHEN 2 * b.value_milli * b.numerator + b.denominator < 0
          THEN 0 - (2 * b.denominator - 1 - (2 * b.value_milli * b.numerator + b.denominator)) // nullif(2 * b.denominator, 0)
        ELSE (2 * b.value_milli * b.numerator + b.denominator) // nullif(2 * b.denominator, 0)
      END,
      $no_value
    )
  ) AS seen
FROM observed AS b
UNION ALL
SELECT t.person_id, a.place, (t.effective_on, coalesce(t.value_milli, $no_value)) AS seen
FROM recorded_results AS t
JOIN asked_tests AS a ON a.test = t.test
JOIN (SELECT DISTINCT s.person_id FROM subjects AS s) AS p ON p.person_id = t.person_id
WHERE t.effective_on <= $as_of
