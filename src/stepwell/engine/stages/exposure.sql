-- exposure: the medicines a person is on register with at as_of, those long lapsed not among them
-- reads   last_courses
-- gives   status (current | lapsed), course, started_on, last_change_on, last_event_on, last_issued_on, supply_ends_on, covered_days
-- grain   person_id, substance
-- rule    docs/engine.md 3
SELECT
  l.person_id, l.substance, l.status, l.course, l.started_on, l.last_change_on, l.last_event_on, l.last_issued_on, l.supply_ends_on, l.covered_days
FROM last_courses AS l
WHERE l.status <> 'stopped'
