-- register_spells: none yet
-- reads   people
-- gives   the contract's columns
-- grain   person_id
-- rule    docs/engine.md
SELECT
  p.person_id,
  NULL AS register,
  NULL AS entered_on,
  NULL AS left_on,
  NULL AS reason
FROM people AS p
WHERE FALSE
