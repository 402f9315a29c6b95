-- evidence: what can serve a need: days with a result, and answers
-- reads   applicable, answers, readings
-- gives   on_date, kind (result | done | declined), rank (1 declined, 2 done, 3 result), point (of an answer; null for a result)
-- grain   several rows per person_id, rule_id, subject
-- rule    docs/engine.md 7: from lookback_months before the anchor on
SELECT a.person_id, a.rule_id, a.subject, CAST(NULL AS VARCHAR) AS point, v.on_date, 'result' AS kind, 3 AS rank
FROM applicable AS a
JOIN readings AS v ON v.person_id = a.person_id AND v.test = a.evidence_test AND v.on_date >= a.evidence_from
UNION ALL
SELECT a.person_id, a.rule_id, a.subject, s.point, s.on_date, s.kind, s.rank
FROM applicable AS a
JOIN answers AS s ON s.person_id = a.person_id AND s.rule_id = a.rule_id AND s.subject = a.subject AND s.on_date >= a.evidence_from
WHERE s.rank IS NOT NULL
