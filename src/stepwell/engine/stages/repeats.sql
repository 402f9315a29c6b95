-- repeats: active repeat plans
-- reads   subjects, medication_plans, products
-- gives   term (lower case), substance (null when not a medicine of interest)
-- grain   one row per plan and substance
-- rule    docs/engine.md 13
SELECT s.person_id, lower(p.term) AS term, d.substance
FROM medication_plans AS p
JOIN subjects AS s ON s.subject_id = p.subject_id
LEFT JOIN products AS d
  ON d.code_system IS NOT DISTINCT FROM p.code_system
  AND d.code IS NOT DISTINCT FROM p.code
  AND d.term IS NOT DISTINCT FROM p.term
  AND d.term_name IS NOT DISTINCT FROM p.term_name
  AND d.written_unit IS NOT DISTINCT FROM p.unit
WHERE p.kind IN ('repeat', 'repeat dispensing') AND p.status = 'active'
  AND (p.started_on IS NULL OR p.started_on <= $as_of) AND (p.ended_on IS NULL OR p.ended_on > $as_of)
