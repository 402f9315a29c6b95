-- carry: each event as a clamp x → min(high, max(low, x + shift)) from the end of the supply before it to its own end
-- reads   timeline
-- gives   place (1, 2 ... by date), shift (days), low, high (day numbers from 1970-01-01)
-- grain   person_id, substance, on_date
-- rule    docs/engine.md 3: what is left over is carried, at most carry_cap_days; the first event has nothing before it; no end before that of a plan that has begun
WITH numbered AS (
  SELECT
    e.person_id,
    e.substance,
    e.on_date,
    e.days AS shift,
    date_diff('day', DATE '1970-01-01', e.on_date) + e.days AS low,
    max(date_diff('day', DATE '1970-01-01', e.on_date) + e.plan_days) OVER (PARTITION BY e.person_id, e.substance ORDER BY e.on_date) AS plan_end,
    row_number() OVER (PARTITION BY e.person_id, e.substance ORDER BY e.on_date) AS place
  FROM timeline AS e
)
SELECT
  n.person_id,
  n.substance,
  n.on_date,
  n.place,
  n.shift,
  greatest(n.low, coalesce(n.plan_end, n.low)) AS low,
  greatest(CASE WHEN n.place = 1 THEN n.low ELSE n.low + $carry_cap_days END, coalesce(n.plan_end, n.low)) AS high
FROM numbered AS n
