-- clamp_pass: the clamps composed with those $step places earlier; after log2(n) passes each goes from the chain's first stock to its own
-- reads   clamps
-- gives   as clamps
-- grain   chain, place
-- rule    (low, high, shift) after (l, h, s) = (min(high, max(low, l + shift)), min(high, max(low, h + shift)), s + shift)
SELECT
  c.chain,
  c.place,
  c.shift + coalesce(lag(c.shift, $step) OVER (PARTITION BY c.chain ORDER BY c.place), 0) AS shift,
  least(c.high, greatest(c.low, coalesce(lag(c.low, $step) OVER (PARTITION BY c.chain ORDER BY c.place) + c.shift, c.low))) AS low,
  least(c.high, greatest(c.low, coalesce(lag(c.high, $step) OVER (PARTITION BY c.chain ORDER BY c.place) + c.shift, c.high))) AS high
FROM clamps AS c
