-- listed: the medicines of the person's list: on register, or long lapsed and not answered
-- reads   last_courses, lapses
-- gives   status (current | lapsed), on_register (not long lapsed), course, started_on, last_change_on, last_event_on, last_issued_on, supply_ends_on
-- grain   person_id, substance
-- rule    docs/engine.md 3 and 11
SELECT
  l.person_id, l.substance,
  CASE WHEN l.status = 'current' THEN 'current' ELSE 'lapsed' END AS status,
  l.status <> 'stopped' AS on_register,
  l.course, l.started_on, l.last_change_on, l.last_event_on, l.last_issued_on, l.supply_ends_on
FROM last_courses AS l
LEFT JOIN lapses AS g ON g.person_id = l.person_id AND g.substance = l.substance AND NOT g.answered
WHERE l.status <> 'stopped' OR g.person_id IS NOT NULL
