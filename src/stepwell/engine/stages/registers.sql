-- registers: who is on which register at as_of, by a medicine or by a condition
-- reads   class_courses, conditions_held, people, k_register
-- gives   the contract's columns
-- grain   person_id, register
-- rule    docs/engine.md 4 and 12
WITH entered AS (
  SELECT c.person_id, k.register, c.started_on AS entered_on, c.is_current, TRUE AS by_medicine, c.listed AS substances
  FROM k_register AS k
  JOIN class_courses AS c ON c.set_name = k.set_name
  WHERE coalesce(k.kind, 'medicine') <> 'condition'
  UNION ALL
  SELECT h.person_id, k.register, h.from_on AS entered_on, TRUE AS is_current, FALSE AS by_medicine, CAST(NULL AS VARCHAR) AS substances
  FROM k_register AS k
  JOIN conditions_held AS h ON h.condition = k.condition
  JOIN people AS p ON p.person_id = h.person_id
  WHERE k.kind = 'condition' AND p.counted
),
counted AS (
  SELECT
    e.*,
    12 * (year($as_of) - year(e.entered_on)) + month($as_of) - month(e.entered_on) AS turned
  FROM entered AS e
)
SELECT
  c.person_id,
  c.register,
  c.entered_on,
  CASE WHEN c.is_current THEN 'current' ELSE 'lapsed' END AS status,
  c.by_medicine AND $as_of < add_months(c.entered_on, $new_starter_months) AS new_starter,
  CASE WHEN c.entered_on IS NOT NULL THEN greatest(CASE WHEN add_months(c.entered_on, c.turned) <= $as_of THEN c.turned ELSE c.turned - 1 END, 0) END AS months,
  c.by_medicine AND $as_of >= add_months(c.entered_on, $long_term_months) AS long_term,
  c.substances
FROM counted AS c
