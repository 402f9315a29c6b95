-- chains: events with the end of their supply, numbered into courses
-- reads   events, carry
-- gives   ends_on (first day not covered), gap_days (days without supply before the event, null for the first), course (1, 2 ...), change of dose inside the course
-- grain   person_id, substance, on_date
-- rule    more than stop_gap_days without supply ends a course
WITH ended AS (
  SELECT
    e.person_id, e.substance, e.on_date, e.daily_ug, e.trust, e.as_required, e.issued,
    DATE '1970-01-01' + CAST(c.low AS INTEGER) AS ends_on
  FROM events AS e
  JOIN carry AS c ON c.person_id = e.person_id AND c.substance = e.substance AND c.on_date = e.on_date
),
spaced AS (
  SELECT
    d.*,
    date_diff('day', lag(d.ends_on, 1) OVER (PARTITION BY d.person_id, d.substance ORDER BY d.on_date), d.on_date) AS since_end,
    lag(d.daily_ug, 1) OVER (PARTITION BY d.person_id, d.substance ORDER BY d.on_date) AS daily_ug_before,
    lag(d.trust, 1) OVER (PARTITION BY d.person_id, d.substance ORDER BY d.on_date) AS trust_before
  FROM ended AS d
),
counted AS (
  SELECT
    p.person_id, p.substance, p.on_date, p.ends_on, p.daily_ug, p.trust, p.as_required, p.issued,
    CASE WHEN p.since_end IS NOT NULL THEN greatest(p.since_end, 0) END AS gap_days,
    CASE WHEN p.since_end <= $stop_gap_days AND p.daily_ug <> p.daily_ug_before AND p.trust <= 2 AND p.trust_before <= 2 THEN TRUE ELSE FALSE END AS changed,
    CAST(sum(CASE WHEN p.since_end <= $stop_gap_days THEN 0 ELSE 1 END) OVER (PARTITION BY p.person_id, p.substance ORDER BY p.on_date) AS INTEGER) AS course
  FROM spaced AS p
)
SELECT
  c.*,
  row_number() OVER (PARTITION BY c.person_id, c.substance, c.course ORDER BY c.on_date DESC) = 1 AS is_last
FROM counted AS c
