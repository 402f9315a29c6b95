-- members: the medicines on register that each need is about
-- reads   due, exposure, sides, k_rule, k_set
-- gives   substance
-- grain   person_id, rule_id, subject, substance
-- rule    docs/engine.md 8: a medicine itself, the members of a class, the members of all sets of a combination
WITH asked AS (
  SELECT DISTINCT d.person_id, d.rule_id, d.subject FROM due AS d
)
SELECT a.person_id, a.rule_id, a.subject, a.subject AS substance
FROM asked AS a
JOIN k_rule AS r ON r.rule_id = a.rule_id
WHERE r.kind IN ('licence', 'supply') OR (r.kind IN ('monitor', 'review', 'result', 'finding') AND coalesce(r.per, 'substance') <> 'class')
UNION ALL
SELECT a.person_id, a.rule_id, a.subject, e.substance
FROM asked AS a
JOIN k_rule AS r ON r.rule_id = a.rule_id
JOIN k_set AS m ON m.set_name = r.set_name
JOIN exposure AS e ON e.person_id = a.person_id AND e.substance = m.substance
WHERE r.kind IN ('monitor', 'review', 'result', 'finding') AND r.per = 'class'
UNION ALL
SELECT DISTINCT a.person_id, a.rule_id, a.subject, s.substance
FROM asked AS a
JOIN sides AS s ON s.person_id = a.person_id AND s.rule_id = a.rule_id
