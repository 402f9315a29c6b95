-- timeline: events with stays in hospital among them
-- reads   events, admissions
-- gives   as events, with is_stay (nothing but a stay on that day; a stay joins the event of its day, whose days are then the larger) and redosed (another daily dose than the event before, both by an instruction)
-- grain   person_id, substance, on_date
-- rule    docs/engine.md 3 and 11: a stay has no dose, so it neither changes one nor stands between two
WITH compared AS (
  SELECT
    e.*,
    lag(e.daily_ug, 1) OVER (PARTITION BY e.person_id, e.substance ORDER BY e.on_date) AS daily_ug_before,
    lag(e.trust, 1) OVER (PARTITION BY e.person_id, e.substance ORDER BY e.on_date) AS trust_before
  FROM events AS e
)
SELECT
  c.person_id,
  c.substance,
  c.on_date,
  CASE WHEN a.days > c.days THEN a.days ELSE c.days END AS days,
  c.daily_ug,
  c.trust,
  c.as_required,
  c.issued,
  c.plan_days,
  FALSE AS is_stay,
  coalesce(c.daily_ug <> c.daily_ug_before AND c.trust <= 2 AND c.trust_before <= 2, FALSE) AS redosed
FROM compared AS c
LEFT JOIN admissions AS a ON a.person_id = c.person_id AND a.substance = c.substance AND a.on_date = c.on_date
UNION ALL
SELECT
  a.person_id,
  a.substance,
  a.on_date,
  a.days,
  CAST(NULL AS BIGINT) AS daily_ug,
  CAST(NULL AS INTEGER) AS trust,
  FALSE AS as_required,
  FALSE AS issued,
  CAST(NULL AS BIGINT) AS plan_days,
  TRUE AS is_stay,
  FALSE AS redosed
FROM admissions AS a
LEFT JOIN events AS e ON e.person_id = a.person_id AND e.substance = a.substance AND e.on_date = a.on_date
WHERE e.person_id IS NULL
