-- timeline: events with stays in hospital among them
-- reads   events, admissions
-- gives   as events, and is_stay (nothing but a stay on that day); a stay joins the event of its day, whose days are then the larger
-- grain   person_id, substance, on_date
-- rule    docs/engine.md 11
SELECT
  e.person_id,
  e.substance,
  e.on_date,
  CASE WHEN a.days > e.days THEN a.days ELSE e.days END AS days,
  e.daily_ug,
  e.trust,
  e.as_required,
  e.issued,
  e.plan_days,
  FALSE AS is_stay
FROM events AS e
LEFT JOIN admissions AS a ON a.person_id = e.person_id AND a.substance = e.substance AND a.on_date = e.on_date
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
  TRUE AS is_stay
FROM admissions AS a
LEFT JOIN events AS e ON e.person_id = a.person_id AND e.substance = a.substance AND e.on_date = a.on_date
WHERE e.person_id IS NULL
