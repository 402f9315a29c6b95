-- exposure: the medicines a person is on at as_of
-- reads   courses, people
-- gives   status (current | lapsed), started_on, last_change_on, last_event_on, last_issued_on, supply_ends_on
-- grain   person_id, substance
-- rule    docs/engine.md 3: the last course, current within grace_days of the end of supply, lapsed within stop_gap_days; nobody who died or left the list
WITH latest AS (
  SELECT
    c.*,
    row_number() OVER (PARTITION BY c.person_id, c.substance ORDER BY c.course DESC) AS place
  FROM courses AS c
)
SELECT
  l.person_id,
  l.substance,
  CASE WHEN $as_of <= l.supply_ends_on + CAST($grace_days AS INTEGER) THEN 'current' ELSE 'lapsed' END AS status,
  l.course,
  l.started_on,
  l.last_change_on,
  l.last_event_on,
  l.last_issued_on,
  l.supply_ends_on
FROM latest AS l
JOIN people AS p ON p.person_id = l.person_id
WHERE l.place = 1 AND p.counted
  AND ($as_of <= l.supply_ends_on + CAST($grace_days AS INTEGER) OR $as_of <= l.supply_ends_on + CAST($stop_gap_days AS INTEGER))
