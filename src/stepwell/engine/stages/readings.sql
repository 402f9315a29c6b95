-- readings: what a person's day says about a test: its largest value, in numbers and words
-- reads   results, k_test
-- gives   value_milli (null when the day has no number), words ("0.71 mmol/L on 2026-01-15", "recorded on 2026-01-15"), from_latest (1 = latest day), numeric_from_latest (1 = latest day with a number)
-- grain   person_id, test, on_date
-- rule    docs/engine.md 5: several values on a day: the largest; among equal ones that without comparator
WITH ranked AS (
  SELECT
    r.*,
    row_number() OVER (PARTITION BY r.person_id, r.test, r.effective_on ORDER BY r.value_milli DESC NULLS LAST, r.comparator NULLS FIRST) AS place
  FROM results AS r
),
worded AS (
  SELECT
    r.person_id,
    r.test,
    r.effective_on AS on_date,
    r.value_milli,
    CASE WHEN r.value_milli < 0 THEN '-' ELSE '' END || CAST(abs(r.value_milli) // 1000 AS VARCHAR)
      || CASE WHEN r.value_milli % 1000 = 0 THEN '' ELSE '.' || rtrim(lpad(CAST(abs(r.value_milli) % 1000 AS VARCHAR), 3, '0'), '0') END AS number,
    coalesce(r.comparator, '') AS comparator,
    CASE WHEN t.unit IS NULL THEN '' ELSE ' ' || t.unit END AS unit
  FROM ranked AS r
  LEFT JOIN k_test AS t ON t.test = r.test
  WHERE r.place = 1
)
SELECT
  w.person_id,
  w.test,
  w.on_date,
  w.value_milli,
  w.number,
  w.unit,
  CASE WHEN w.value_milli IS NULL THEN 'recorded' ELSE w.comparator || w.number || w.unit END || ' on ' || CAST(w.on_date AS VARCHAR) AS words,
  row_number() OVER (PARTITION BY w.person_id, w.test ORDER BY w.on_date DESC) AS from_latest,
  row_number() OVER (PARTITION BY w.person_id, w.test ORDER BY CASE WHEN w.value_milli IS NULL THEN 1 ELSE 0 END, w.on_date DESC) AS numeric_from_latest
FROM worded AS w
