-- doses: events with a dose each: one not known is taken to be that of the event before, else of the first after, else 1 for the whole chain
-- reads   events (chain, on_date, days, dose, units)
-- gives   days, dose, units as events
-- grain   chain, on_date
-- rule    without any dose the carry-over is in days
SELECT
  e.chain,
  e.on_date,
  e.days,
  coalesce(
    last_value(e.dose IGNORE NULLS) OVER (PARTITION BY e.chain ORDER BY e.on_date ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
    first_value(e.dose IGNORE NULLS) OVER (PARTITION BY e.chain ORDER BY e.on_date ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING),
    1
  ) AS dose,
  e.units
FROM events AS e
