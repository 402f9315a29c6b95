-- facts: what rules may ask about a person at as_of
-- reads   people, conditions_held, exposure, class_courses, measures, readings, falls, totals, k_load, k_register, repeats, risks, subjects, appointments, patients
-- gives   the contract's columns
-- grain   person_id, fact, subject
-- rule    docs/engine.md 5, 14 and 17
WITH aged AS (
  SELECT p.person_id, p.birth_date, year($as_of) - year(p.birth_date) AS years
  FROM people AS p
  WHERE p.birth_date <= $as_of
),
registered AS (
  SELECT
    p.person_id, p.registered_on,
    12 * (year($as_of) - year(p.registered_on)) + month($as_of) - month(p.registered_on) AS months
  FROM people AS p
  WHERE p.registered_on IS NOT NULL
),
long_on AS (
  SELECT
    c.person_id, c.set_name AS subject, c.started_on,
    12 * (year($as_of) - year(c.started_on)) + month($as_of) - month(c.started_on) AS months
  FROM class_courses AS c
  LEFT JOIN exposure AS e ON e.person_id = c.person_id AND e.substance = c.set_name
  WHERE c.members > 0 AND e.person_id IS NULL
),
loads AS (
  SELECT k.load, max(k.label) AS label, max(k.unit) AS unit, max(k.scale) AS scale
  FROM k_load AS k
  GROUP BY k.load
),
loaded AS (
  SELECT
    t.person_id, t.load, t.value, t.from_on, t.parts, l.label,
    CASE l.unit WHEN 'percent' THEN '%' WHEN 'points' THEN CASE WHEN t.value = l.scale THEN 'point' ELSE 'points' END ELSE l.unit END AS unit,
    CAST(t.value // nullif(l.scale, 0) AS VARCHAR) AS whole,
    CASE
      WHEN t.value % nullif(l.scale, 0) = 0 THEN ''
      ELSE '.' || rtrim(lpad(CAST(t.value % nullif(l.scale, 0) AS VARCHAR), CASE l.scale WHEN 10 THEN 1 WHEN 100 THEN 2 ELSE 3 END, '0'), '0')
    END AS rest
  FROM totals AS t
  JOIN loads AS l ON l.load = t.load
),
classes AS (
  SELECT c.person_id, k.grp, count(*) AS registers, max(c.started_on) AS from_on, string_agg(k.register, '+' ORDER BY k.register) AS names
  FROM class_courses AS c
  JOIN k_register AS k ON k.set_name = c.set_name AND coalesce(k.kind, 'medicine') <> 'condition'
  WHERE c.members > 0 AND k.grp <> ''
  GROUP BY c.person_id, k.grp
),
missed AS (
  SELECT s.person_id, count(*) AS missed
  FROM appointments AS a
  JOIN subjects AS s ON s.subject_id = a.subject_id
  WHERE a.status = 'did not attend' AND a.on_date <= $as_of AND a.on_date > add_months($as_of, 0 - $missed_months)
  GROUP BY s.person_id
),
repeated AS (
  SELECT r.person_id, count(DISTINCT r.term) AS repeats
  FROM repeats AS r
  WHERE r.term IS NOT NULL
  GROUP BY r.person_id
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
SELECT h.person_id, 'has' AS fact, h.condition AS subject, CAST(1 AS BIGINT) AS value, h.from_on, h.evidence
FROM conditions_held AS h
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
WHERE c.members > 0 AND e.person_id IS NULL
UNION ALL
SELECT r.person_id, 'last' AS fact, r.test AS subject, r.value_milli AS value, r.on_date AS from_on, r.words AS evidence
FROM readings AS r
WHERE r.is_latest_number
UNION ALL
SELECT
  f.person_id, 'falling' AS fact, 'egfr' AS subject, f.drop_milli AS value, f.on_date AS from_on,
  'fell by ' || CAST(f.drop_milli // 1000 AS VARCHAR)
    || CASE WHEN f.drop_milli % 1000 = 0 THEN '' ELSE '.' || rtrim(lpad(CAST(f.drop_milli % 1000 AS VARCHAR), 3, '0'), '0') END
    || f.unit || ' to ' || f.number || ' on ' || CAST(f.on_date AS VARCHAR) AS evidence
FROM falls AS f
UNION ALL
SELECT
  l.person_id, 'load' AS fact, l.load AS subject, l.value, l.from_on,
  l.label || ' ' || l.whole || l.rest || ' ' || l.unit || ': ' || l.parts AS evidence
FROM loaded AS l
UNION ALL
SELECT c.person_id, 'count' AS fact, c.set_name AS subject, c.members AS value, c.latest_start AS from_on, c.substances AS evidence
FROM class_courses AS c
WHERE c.members > 0
UNION ALL
SELECT c.person_id, 'classes' AS fact, c.grp AS subject, c.registers AS value, c.from_on, c.names AS evidence
FROM classes AS c
UNION ALL
SELECT e.person_id, 'months' AS fact, e.substance AS subject, m.months AS value, e.started_on AS from_on, 'since ' || CAST(e.started_on AS VARCHAR) AS evidence
FROM exposure AS e
JOIN measures AS m ON m.person_id = e.person_id AND m.substance = e.substance
UNION ALL
SELECT
  l.person_id, 'months' AS fact, l.subject,
  CASE WHEN add_months(l.started_on, l.months) <= $as_of THEN l.months ELSE l.months - 1 END AS value,
  l.started_on AS from_on, 'since ' || CAST(l.started_on AS VARCHAR) AS evidence
FROM long_on AS l
UNION ALL
SELECT
  e.person_id, 'covered' AS fact, e.substance AS subject, m.covered_percent AS value, CAST(NULL AS DATE) AS from_on,
  CAST(m.covered_percent AS VARCHAR) || ' % of ' || CAST($covered_days AS VARCHAR) || ' days' AS evidence
FROM exposure AS e
JOIN measures AS m ON m.person_id = e.person_id AND m.substance = e.substance
WHERE m.covered_percent IS NOT NULL
UNION ALL
SELECT
  e.person_id, 'early' AS fact, e.substance AS subject, m.early_issues AS value, CAST(NULL AS DATE) AS from_on,
  CAST(m.early_issues AS VARCHAR) || CASE WHEN m.early_issues = 1 THEN ' early issue in ' ELSE ' early issues in ' END
    || CAST($early_months AS VARCHAR) || ' months' AS evidence
FROM exposure AS e
JOIN measures AS m ON m.person_id = e.person_id AND m.substance = e.substance
WHERE m.early_issues > 0
UNION ALL
SELECT
  g.person_id, 'registered' AS fact, '' AS subject,
  CASE WHEN add_months(g.registered_on, g.months) <= $as_of THEN g.months ELSE g.months - 1 END AS value,
  CAST(NULL AS DATE) AS from_on, 'since ' || CAST(g.registered_on AS VARCHAR) AS evidence
FROM registered AS g
UNION ALL
SELECT
  m.person_id, 'missed' AS fact, '' AS subject, m.missed AS value, CAST(NULL AS DATE) AS from_on,
  CAST(m.missed AS VARCHAR) || CASE WHEN m.missed = 1 THEN ' missed appointment in ' ELSE ' missed appointments in ' END
    || CAST($missed_months AS VARCHAR) || ' months' AS evidence
FROM missed AS m
UNION ALL
SELECT DISTINCT
  s.person_id, 'interpreter' AS fact, '' AS subject, CAST(1 AS BIGINT) AS value, CAST(NULL AS DATE) AS from_on, 'interpreter needed' AS evidence
FROM patients AS p
JOIN subjects AS s ON s.subject_id = p.subject_id
WHERE p.interpreter
UNION ALL
SELECT
  r.person_id, 'repeats' AS fact, '' AS subject, r.repeats AS value, CAST(NULL AS DATE) AS from_on,
  CAST(r.repeats AS VARCHAR) || CASE WHEN r.repeats = 1 THEN ' repeat' ELSE ' repeats' END AS evidence
FROM repeated AS r
UNION ALL
SELECT r.person_id, 'risk' AS fact, r.risk AS subject, r.value, r.from_on, r.evidence
FROM risks AS r
