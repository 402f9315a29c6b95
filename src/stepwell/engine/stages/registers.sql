-- registers: who is on which register at as_of
-- reads   class_courses, k_register
-- gives   the contract's columns
-- grain   person_id, register
-- rule    docs/engine.md 4
SELECT
  c.person_id,
  k.register,
  c.started_on AS entered_on,
  CASE WHEN c.is_current THEN 'current' ELSE 'lapsed' END AS status,
  $as_of < add_months(c.started_on, $new_starter_months) AS new_starter,
  NULL AS months,
  NULL AS long_term,
  c.substances
FROM k_register AS k
JOIN class_courses AS c ON c.set_name = k.set_name
