-- lapses: medicines whose supply ended longer than stop_gap_days ago although it was expected, and nobody has replaced them
-- reads   last_courses, expectations
-- gives   answered (a disposition keeps them off the registers)
-- grain   person_id, substance
-- rule    docs/engine.md 11; ruling 14: lapsed until answered
SELECT e.person_id, e.substance, l.started_on, e.answered
FROM expectations AS e
JOIN last_courses AS l ON l.person_id = e.person_id AND l.substance = e.substance
WHERE l.status = 'stopped' AND (e.expected OR e.expected_always) AND NOT e.replaced
