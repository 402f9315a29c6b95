-- totals: what adds up over the medicines of a person: opioid, antipsychotic, benzodiazepine loads and burdens
-- reads   exposure, regimens, measures, k_load
-- gives   the contract's columns
-- grain   person_id, load
-- rule    docs/engine.md 14; ruling 15: regular doses and what is taken when required at the rate really issued, the prescribed most beside it
WITH parts AS (
  SELECT
    e.person_id, k.load, e.substance, e.last_change_on,
    CASE WHEN k.flat IS NOT NULL THEN k.flat ELSE m.counted_ug * k.numerator // nullif(k.denominator, 0) END AS value,
    CASE WHEN k.flat IS NOT NULL THEN k.flat ELSE g.daily_ug * k.numerator // nullif(k.denominator, 0) END AS prescribed
  FROM exposure AS e
  JOIN k_load AS k ON k.substance = e.substance
  JOIN regimens AS g ON g.person_id = e.person_id AND g.substance = e.substance
  JOIN measures AS m ON m.person_id = e.person_id AND m.substance = e.substance
)
SELECT
  p.person_id,
  p.load,
  CAST(sum(coalesce(p.value, 0)) AS BIGINT) AS value,
  CAST(sum(coalesce(p.prescribed, 0)) AS BIGINT) AS prescribed,
  CAST(sum(CASE WHEN p.value IS NULL THEN 1 ELSE 0 END) AS INTEGER) AS unknown,
  max(p.last_change_on) AS from_on,
  string_agg(p.substance, '+' ORDER BY p.substance) AS parts
FROM parts AS p
GROUP BY p.person_id, p.load
