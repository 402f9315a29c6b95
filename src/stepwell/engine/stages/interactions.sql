-- interactions: none yet
-- reads   people
-- gives   the contract's columns
-- grain   person_id
-- rule    docs/engine.md
SELECT
  p.person_id,
  NULL AS interaction,
  NULL AS severity,
  NULL AS from_on,
  NULL AS substances
FROM people AS p
WHERE FALSE
