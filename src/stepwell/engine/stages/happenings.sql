-- happenings: the latest record of each condition that is an event
-- reads   subjects, conditions, observations, k_condition, k_condition_code
-- gives   on_date (latest day)
-- grain   person_id, condition; conditions with a span of their own, and those that end one
-- rule    docs/engine.md 14: as a problem of any status but refuted, or as an observation
WITH asked AS (
  SELECT k.condition FROM k_condition AS k WHERE k.lasts_months IS NOT NULL OR k.lasts_days IS NOT NULL
  UNION
  SELECT k.ended_by AS condition FROM k_condition AS k WHERE k.ended_by IS NOT NULL AND (k.lasts_months IS NOT NULL OR k.lasts_days IS NOT NULL)
),
coded AS (
  SELECT c.condition, c.code_system, c.code
  FROM k_condition_code AS c
  JOIN asked AS a ON a.condition = c.condition
),
seen AS (
  SELECT c.subject_id, k.condition, coalesce(c.onset_on, c.recorded_on) AS on_date
  FROM conditions AS c
  JOIN coded AS k ON k.code_system = c.code_system AND k.code = c.code
  WHERE coalesce(c.status, 'unknown') NOT IN ('refuted', 'entered in error')
    AND (c.onset_on IS NULL OR c.onset_on <= $as_of)
    AND (c.recorded_on IS NULL OR c.recorded_on <= $as_of)
    AND coalesce(c.onset_on, c.recorded_on) IS NOT NULL
  UNION ALL
  SELECT o.subject_id, k.condition, o.effective_on AS on_date
  FROM observations AS o
  JOIN coded AS k ON k.code_system = o.code_system AND k.code = o.code
  WHERE coalesce(o.status, 'unknown') NOT IN ('cancelled', 'entered in error') AND o.effective_on <= $as_of
)
SELECT s.person_id, n.condition, max(n.on_date) AS on_date
FROM seen AS n
JOIN subjects AS s ON s.subject_id = n.subject_id
GROUP BY s.person_id, n.condition
