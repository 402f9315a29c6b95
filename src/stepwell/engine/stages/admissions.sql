-- admissions: stays in hospital as supply of the medicines a person had supply of when admitted
-- reads   subjects, stays, events
-- gives   days (at least 1, to as_of while the stay lasts)
-- grain   person_id, substance, on_date
-- rule    docs/engine.md 11; ruling 13: a stay stops the clock. The latest issue or plan before it must have lasted, with carry_cap_days and grace_days, to the day of admission
WITH stayed AS (
  SELECT
    s.person_id,
    t.started_on AS on_date,
    max(greatest(date_diff('day', t.started_on, least(coalesce(t.ended_on, $as_of), $as_of)), 1)) AS days
  FROM stays AS t
  JOIN subjects AS s ON s.subject_id = t.subject_id
  WHERE t.started_on <= $as_of
  GROUP BY s.person_id, t.started_on
),
before AS (
  SELECT
    y.person_id, e.substance, y.on_date, y.days,
    date_diff('day', e.on_date, y.on_date) - e.days AS days_since,
    row_number() OVER (PARTITION BY y.person_id, e.substance, y.on_date ORDER BY e.on_date DESC) AS place
  FROM stayed AS y
  JOIN events AS e ON e.person_id = y.person_id AND e.on_date < y.on_date
)
SELECT b.person_id, b.substance, b.on_date, b.days
FROM before AS b
WHERE b.place = 1 AND b.days_since <= $carry_cap_days + $grace_days
