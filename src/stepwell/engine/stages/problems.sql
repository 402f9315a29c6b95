-- problems: the conditions a person has at as_of
-- reads   subjects, conditions, k_condition_code
-- gives   condition, from_on (earliest onset, else recording; null when neither is stated)
-- grain   person_id, condition
-- rule    docs/engine.md 3 and 5: active or of unknown status, not ended, nothing dated after as_of
SELECT
  s.person_id,
  k.condition,
  min(coalesce(c.onset_on, c.recorded_on)) AS from_on
FROM conditions AS c
JOIN subjects AS s ON s.subject_id = c.subject_id
JOIN k_condition_code AS k ON k.code_system = c.code_system AND k.code = c.code
WHERE coalesce(c.status, 'unknown') IN ('active', 'unknown')
  AND (c.ended_on IS NULL OR c.ended_on > $as_of)
  AND (c.onset_on IS NULL OR c.onset_on <= $as_of)
  AND (c.recorded_on IS NULL OR c.recorded_on <= $as_of)
GROUP BY s.person_id, k.condition
