-- capped: carried, with the stock of the chains where the cap binds
-- reads   carried, clamps (composed)
-- gives   as carried; held follows the cap
-- grain   chain, on_date
-- rule    nothing is held before the first event; then what the clamps up to the event before leave of it
SELECT
  c.chain, c.on_date, c.place, c.next_on, c.next_dose, c.dose, c.units, c.shift,
  CASE WHEN b.chain IS NULL THEN c.held ELSE least(b.high, greatest(b.low, b.shift)) END AS held
FROM carried AS c
LEFT JOIN clamps AS b ON b.chain = c.chain AND b.place = c.place - 1
