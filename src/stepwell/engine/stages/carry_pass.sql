-- carry_pass: the clamps of carry composed with those $step places earlier; log2(n) passes give the end of every supply
-- reads   carry
-- gives   as carry; once 2 × step reaches the number of events of a person and substance, low = high = the end of supply (day number)
-- grain   person_id, substance, on_date
-- rule    clamps compose: (low, high, shift) after (l, h, s) = (min(high, max(low, l + shift)), min(high, max(low, h + shift)), s + shift)
SELECT
  c.person_id,
  c.substance,
  c.on_date,
  c.place,
  c.shift + coalesce(lag(c.shift, $step) OVER (PARTITION BY c.person_id, c.substance ORDER BY c.place), 0) AS shift,
  least(c.high, greatest(c.low, coalesce(lag(c.low, $step) OVER (PARTITION BY c.person_id, c.substance ORDER BY c.place) + c.shift, c.low))) AS low,
  least(c.high, greatest(c.low, coalesce(lag(c.high, $step) OVER (PARTITION BY c.person_id, c.substance ORDER BY c.place) + c.shift, c.high))) AS high
FROM carry AS c
