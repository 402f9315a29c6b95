-- courses: one row per chain and course
-- reads   held_stock (carried, or capped)
-- gives   course (1, 2 ...), start, end_on, gap (days without supply up to the next course, or up to $until), censored
-- grain   chain, course
-- rule    more than $gap days without supply end a course; the last one is censored while no more than that have passed at $until, and then ends there
WITH supplied AS (
  SELECT
    h.chain, h.on_date, h.place, h.next_on, h.dose,
    h.held + h.units AS stock,
    greatest(0, 0 - h.held - h.shift) AS missed
  FROM held_stock AS h
),
last_events AS (
  SELECT
    s.chain, s.on_date, s.place, s.next_on, s.stock, s.dose, s.missed,
    s.missed > $gap * s.dose AS ended
  FROM supplied AS s
  WHERE s.next_on IS NULL OR s.missed > $gap * s.dose
),
first_days AS (
  SELECT h.chain, h.on_date FROM held_stock AS h WHERE h.place = 1
),
numbered AS (
  SELECT
    e.*,
    row_number() OVER (PARTITION BY e.chain ORDER BY e.place) AS course,
    lag(e.next_on, 1) OVER (PARTITION BY e.chain ORDER BY e.place) AS begun_on
  FROM last_events AS e
)
SELECT
  n.chain,
  n.course,
  coalesce(n.begun_on, f.on_date) AS start_on,
  CASE WHEN n.ended THEN n.on_date + CAST(n.stock // n.dose AS INTEGER) ELSE $until END AS end_on,
  n.missed / n.dose AS gap,
  NOT n.ended AS censored
FROM numbered AS n
JOIN first_days AS f ON f.chain = n.chain
