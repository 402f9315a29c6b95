-- last_courses: the last course of each medicine of the people whom duties are owed to
-- reads   courses, people
-- gives   status at as_of: current (within grace_days of the end of supply), lapsed (within stop_gap_days) or stopped
-- grain   person_id, substance
-- rule    docs/engine.md 3: nobody who died or left the list
WITH latest AS (
  SELECT
    c.*,
    row_number() OVER (PARTITION BY c.person_id, c.substance ORDER BY c.course DESC) AS place
  FROM courses AS c
)
SELECT
  l.person_id,
  l.substance,
  CASE
    WHEN $as_of <= l.supply_ends_on + CAST($grace_days AS INTEGER) THEN 'current'
    WHEN $as_of <= l.supply_ends_on + CAST($stop_gap_days AS INTEGER) THEN 'lapsed'
    ELSE 'stopped'
  END AS status,
  l.course,
  l.started_on,
  l.last_change_on,
  l.last_event_on,
  l.last_issued_on,
  l.supply_ends_on,
  l.covered_days
FROM latest AS l
JOIN people AS p ON p.person_id = l.person_id
WHERE l.place = 1 AND p.counted
