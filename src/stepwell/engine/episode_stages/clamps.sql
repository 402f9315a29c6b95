-- clamps: in the chains where the cap binds, each event as x → min(high, max(low, x + shift)) from the stock it finds to the stock the next one finds
-- reads   carried
-- gives   shift, low, high (dose units), and the longest chain's length
-- grain   chain, place
-- rule    at most $carry_cap days of the next event's dose are carried; where the uncapped stock never exceeds that, the cap changes nothing
WITH bound AS (
  SELECT DISTINCT c.chain FROM carried AS c WHERE c.left_over > $carry_cap * c.next_dose
)
SELECT
  c.chain,
  c.place,
  c.shift,
  CAST(0 AS BIGINT) AS low,
  $carry_cap * coalesce(c.next_dose, c.dose) AS high
FROM carried AS c
JOIN bound AS b ON b.chain = c.chain
