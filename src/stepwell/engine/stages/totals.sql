-- totals: none yet
-- reads   people
-- gives   the contract's columns
-- grain   person_id
-- rule    docs/engine.md
SELECT
  p.person_id,
  NULL AS load,
  NULL AS value,
  NULL AS prescribed,
  NULL AS unknown,
  NULL AS from_on,
  NULL AS parts
FROM people AS p
WHERE FALSE
