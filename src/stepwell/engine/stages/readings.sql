-- readings: what a person's day says about a test: its largest value, in numbers and words
-- reads   results, k_test
-- gives   value_milli (null when the day has no number), words ("0.71 mmol/L on 2026-01-15", "recorded on 2026-01-15"), is_latest (day), is_latest_number (latest day with a number)
-- grain   person_id, test, on_date
-- rule    docs/engine.md 5: several values on a day: the largest; among equal ones that without comparator
WITH days AS (
  SELECT r.person_id, r.test, r.effective_on AS on_date, max(r.value_milli) AS value_milli, min(r.comparator) AS comparator, count(*) AS facts
  FROM results AS r
  GROUP BY r.person_id, r.test, r.effective_on
),
several AS (
  SELECT
    r.person_id, r.test, r.effective_on AS on_date, r.comparator,
    row_number() OVER (PARTITION BY r.person_id, r.test, r.effective_on ORDER BY r.value_milli DESC NULLS LAST, r.comparator NULLS FIRST) AS place
  FROM days AS d
  JOIN results AS r ON r.person_id = d.person_id AND r.test = d.test AND r.effective_on = d.on_date
  WHERE d.facts > 1
),
latest AS (
  SELECT d.person_id, d.test, max(d.on_date) AS on_date, max(CASE WHEN d.value_milli IS NOT NULL THEN d.on_date END) AS numeric_on
  FROM days AS d
  GROUP BY d.person_id, d.test
),
worded AS (
  SELECT
    d.person_id,
    d.test,
    d.on_date,
    d.value_milli,
    CASE WHEN d.value_milli < 0 THEN '-' ELSE '' END || CAST(abs(d.value_milli) // 1000 AS VARCHAR)
      || CASE WHEN d.value_milli % 1000 = 0 THEN '' ELSE '.' || rtrim(lpad(CAST(abs(d.value_milli) % 1000 AS VARCHAR), 3, '0'), '0') END AS number,
    coalesce(CASE WHEN d.facts = 1 THEN d.comparator ELSE s.comparator END, '') AS comparator,
    CASE WHEN t.unit IS NULL THEN '' ELSE ' ' || t.unit END AS unit,
    d.on_date = l.on_date AS is_latest,
    coalesce(d.on_date = l.numeric_on, FALSE) AS is_latest_number
  FROM days AS d
  JOIN latest AS l ON l.person_id = d.person_id AND l.test = d.test
  LEFT JOIN several AS s ON s.person_id = d.person_id AND s.test = d.test AND s.on_date = d.on_date AND s.place = 1
  LEFT JOIN k_test AS t ON t.test = d.test
)
SELECT
  w.person_id,
  w.test,
  w.on_date,
  w.value_milli,
  w.number,
  w.unit,
  CASE WHEN w.value_milli IS NULL THEN 'recorded' ELSE w.comparator || w.number || w.unit END || ' on ' || CAST(w.on_date AS VARCHAR) AS words,
  w.is_latest,
  w.is_latest_number
FROM worded AS w
