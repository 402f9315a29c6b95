-- chains: events with the end of their supply, numbered into courses
-- reads   timeline, carry
-- gives   ends_on (first day not covered), ended_before (that of the event before), gap_days (days without supply before the event, null for the first), course (1, 2 ...), changed (change of dose inside the course), is_last (of its course)
-- grain   person_id, substance, on_date
-- rule    docs/engine.md 3 and 11: more than stop_gap_days without supply ends a course; no course begins with a stay, so a dose changed since the event before was changed inside its course unless the course begins here
WITH ended AS (
  SELECT
    e.person_id, e.substance, e.on_date, e.daily_ug, e.trust, e.as_required, e.issued, e.is_stay, e.redosed,
    DATE '1970-01-01' + CAST(c.low AS INTEGER) AS ends_on
  FROM timeline AS e
  JOIN carry AS c ON c.person_id = e.person_id AND c.substance = e.substance AND c.on_date = e.on_date
),
spaced AS (
  SELECT
    d.*,
    lag(d.ends_on, 1) OVER (PARTITION BY d.person_id, d.substance ORDER BY d.on_date) AS ended_before,
    lead(d.on_date, 1) OVER (PARTITION BY d.person_id, d.substance ORDER BY d.on_date) AS next_on
  FROM ended AS d
),
counted AS (
  SELECT
    p.*,
    date_diff('day', p.ended_before, p.on_date) AS since_end,
    CAST(
      sum(CASE WHEN date_diff('day', p.ended_before, p.on_date) <= $stop_gap_days THEN 0 ELSE 1 END) OVER (PARTITION BY p.person_id, p.substance ORDER BY p.on_date)
      AS INTEGER
    ) AS course
  FROM spaced AS p
)
SELECT
  c.person_id, c.substance, c.on_date, c.ends_on, c.ended_before, c.daily_ug, c.trust, c.as_required, c.issued, c.is_stay, c.course,
  CASE WHEN c.since_end IS NOT NULL THEN greatest(c.since_end, 0) END AS gap_days,
  c.redosed AND coalesce(c.since_end <= $stop_gap_days, FALSE) AS changed,
  NOT coalesce(date_diff('day', c.ends_on, c.next_on) <= $stop_gap_days, FALSE) AS is_last
FROM counted AS c
