-- found: the day on which the conditions of a finding came to hold
-- reads   anchors, holding, facts, k_rule, k_when
-- gives   found_on (the largest day among the facts that its first holding group asks, null when none has a day)
-- grain   person_id, rule_id, subject
-- rule    docs/engine.md 15
SELECT h.person_id, h.rule_id, h.subject, max(f.from_on) AS found_on
FROM holding AS h
JOIN k_rule AS r ON r.rule_id = h.rule_id
JOIN k_when AS w ON w.rule_id = h.rule_id AND w.part = h.part AND w.grp = h.grp
JOIN facts AS f ON f.person_id = h.person_id AND f.fact = w.fact AND f.subject = CASE WHEN w.subject = '*' THEN h.subject ELSE coalesce(w.subject, '') END
WHERE r.kind = 'finding' AND h.part = 'applies'
GROUP BY h.person_id, h.rule_id, h.subject
