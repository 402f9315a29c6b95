-- carried: the stock each event finds, all of what is left being carried
-- reads   steps
-- gives   as steps, with held (dose units left over from before, on the event's day) and left_over (those left when the next event comes)
-- grain   chain, on_date
-- rule    stock = max(0, stock + shift) is a Lindley recursion; with X = running sum of shift, left_over = X − min(0, running minimum of X)
WITH summed AS (
  SELECT
    s.*,
    CAST(sum(s.shift) OVER (PARTITION BY s.chain ORDER BY s.place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS BIGINT) AS total
  FROM steps AS s
),
lowest AS (
  SELECT
    m.*,
    least(0, min(m.total) OVER (PARTITION BY m.chain ORDER BY m.place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) AS floor_now,
    coalesce(least(0, min(m.total) OVER (PARTITION BY m.chain ORDER BY m.place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)), 0) AS floor_before
  FROM summed AS m
)
SELECT
  l.chain, l.on_date, l.place, l.next_on, l.next_dose, l.dose, l.units, l.shift,
  l.total - l.shift - l.floor_before AS held,
  l.total - l.floor_now AS left_over
FROM lowest AS l
