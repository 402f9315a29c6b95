-- chains: events with the end of their supply, numbered into courses
-- reads   timeline, carry
-- gives   ends_on (first day not covered), gap_days (days without supply before the event, null for the first), course (1, 2 ...), ended_before (end of the event before), covered_to (latest end of any event before in its course, null for the first), changed (change of dose inside the course), is_last (of its course)
-- grain   person_id, substance, on_date
-- rule    docs/engine.md 3 and 11: more than stop_gap_days without supply ends a course; a stay has no dose, so it neither changes one nor stands between two
WITH ended AS (
  SELECT
    e.person_id, e.substance, e.on_date, e.daily_ug, e.trust, e.as_required, e.issued, e.is_stay,
    DATE '1970-01-01' + CAST(c.low AS INTEGER) AS ends_on
  FROM timeline AS e
  JOIN carry AS c ON c.person_id = e.person_id AND c.substance = e.substance AND c.on_date = e.on_date
),
spaced AS (
  SELECT
    d.*,
    lag(d.ends_on, 1) OVER (PARTITION BY d.person_id, d.substance ORDER BY d.on_date) AS ended_before
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
),
compared AS (
  SELECT
    c.*,
    max(c.ends_on) OVER (PARTITION BY c.person_id, c.substance, c.course ORDER BY c.on_date ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS covered_to,
    lag(c.daily_ug, 1) OVER (PARTITION BY c.person_id, c.substance, c.course, c.is_stay ORDER BY c.on_date) AS daily_ug_before,
    lag(c.trust, 1) OVER (PARTITION BY c.person_id, c.substance, c.course, c.is_stay ORDER BY c.on_date) AS trust_before
  FROM counted AS c
)
SELECT
  m.person_id, m.substance, m.on_date, m.ends_on, m.ended_before, m.covered_to, m.daily_ug, m.trust, m.as_required, m.issued, m.is_stay, m.course,
  CASE WHEN m.since_end IS NOT NULL THEN greatest(m.since_end, 0) END AS gap_days,
  coalesce(m.daily_ug <> m.daily_ug_before AND m.trust <= 2 AND m.trust_before <= 2, FALSE) AS changed,
  row_number() OVER (PARTITION BY m.person_id, m.substance, m.course ORDER BY m.on_date DESC) = 1 AS is_last
FROM compared AS m
