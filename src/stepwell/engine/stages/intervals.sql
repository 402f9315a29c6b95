-- intervals: how often this person usually has this medicine issued
-- reads   doses
-- gives   interval_days (lower median of the days between neighbouring issue dates)
-- grain   person_id, substance
-- rule    docs/engine.md 2: from interval_min_issues distinct issue dates on; plans take no part
WITH issue_days AS (
  SELECT DISTINCT d.person_id, d.substance, d.on_date
  FROM doses AS d
  WHERE d.plan_key IS NULL
),
steps AS (
  SELECT
    i.person_id,
    i.substance,
    date_diff('day', lag(i.on_date, 1) OVER (PARTITION BY i.person_id, i.substance ORDER BY i.on_date), i.on_date) AS step_days
  FROM issue_days AS i
),
ranked AS (
  SELECT
    s.person_id,
    s.substance,
    s.step_days,
    row_number() OVER (PARTITION BY s.person_id, s.substance ORDER BY s.step_days) AS place,
    count(*) OVER (PARTITION BY s.person_id, s.substance) AS steps
  FROM steps AS s
  WHERE s.step_days IS NOT NULL
)
SELECT r.person_id, r.substance, r.step_days AS interval_days
FROM ranked AS r
WHERE r.place = (r.steps + 1) // 2 AND r.steps >= $interval_min_issues - 1
