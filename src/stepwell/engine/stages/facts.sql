-- facts: what rules may ask about a person at as_of
-- reads   people, problems, exposure, class_courses, readings, falls
-- gives   the contract's columns
-- grain   person_id, fact, subject
-- rule    docs/engine.md 5
WITH aged AS (
  SELECT p.person_id, p.birth_date, year($as_of) - year(p.birth_date) AS years
  FROM people AS p
  WHERE p.birth_date <= $as_of
)
SELECT
  a.person_id, 'age' AS fact, '' AS subject,
  CAST(CASE WHEN add_months(a.birth_date, 12 * a.years) <= $as_of THEN a.years ELSE a.years - 1 END AS BIGINT) AS value,
  CAST(NULL AS DATE) AS from_on,
  'born ' || CAST(a.birth_date AS VARCHAR) AS evidence
FROM aged AS a
UNION ALL
SELECT p.person_id, 'sex' AS fact, p.sex AS subject, CAST(1 AS BIGINT) AS value, CAST(NULL AS DATE) AS from_on, 'recorded as ' || p.sex AS evidence
FROM people AS p
WHERE p.sex IN ('female', 'male')
UNION ALL
SELECT
  h.person_id, 'has' AS fact, h.condition AS subject, CAST(1 AS BIGINT) AS value, h.from_on,
  'on the problem list' || CASE WHEN h.from_on IS NULL THEN '' ELSE ' since ' || CAST(h.from_on AS VARCHAR) END AS evidence
FROM problems AS h
UNION ALL
SELECT
  e.person_id, 'takes' AS fact, e.substance AS subject, CAST(1 AS BIGINT) AS value, e.started_on AS from_on,
  e.substance || ' since ' || CAST(e.started_on AS VARCHAR) AS evidence
FROM exposure AS e
UNION ALL
SELECT
  c.person_id, 'takes' AS fact, c.set_name AS subject, CAST(1 AS BIGINT) AS value, c.started_on AS from_on,
  c.set_name || ' since ' || CAST(c.started_on AS VARCHAR) AS evidence
FROM class_courses AS c
LEFT JOIN exposure AS e ON e.person_id = c.person_id AND e.substance = c.set_name
WHERE e.person_id IS NULL
UNION ALL
SELECT r.person_id, 'last' AS fact, r.test AS subject, r.value_milli AS value, r.on_date AS from_on, r.words AS evidence
FROM readings AS r
WHERE r.numeric_from_latest = 1 AND r.value_milli IS NOT NULL
UNION ALL
SELECT
  f.person_id, 'falling' AS fact, 'egfr' AS subject, f.drop_milli AS value, f.on_date AS from_on,
  'fell by ' || CAST(f.drop_milli // 1000 AS VARCHAR)
    || CASE WHEN f.drop_milli % 1000 = 0 THEN '' ELSE '.' || rtrim(lpad(CAST(f.drop_milli % 1000 AS VARCHAR), 3, '0'), '0') END
    || f.unit || ' to ' || f.number || ' on ' || CAST(f.on_date AS VARCHAR) AS evidence
FROM falls AS f
