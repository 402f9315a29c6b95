-- applicable: the anchors whose conditions hold
-- reads   anchors, holding, k_rule, k_when, k_band
-- gives   anchors with the rule's kind, its evidence test (null when results do not serve it) and the first day of evidence
-- grain   person_id, rule_id, subject
-- rule    docs/engine.md 5, 6 and 7: applies (or nothing asked) and not unless; results of the triggering test do not serve a result rule
WITH conditional AS (
  SELECT DISTINCT w.rule_id FROM k_when AS w WHERE w.part = 'applies'
),
banded AS (
  SELECT DISTINCT b.rule_id, b.test FROM k_band AS b
)
SELECT
  a.person_id,
  a.rule_id,
  a.subject,
  r.kind,
  a.anchor_on,
  a.change_on,
  a.point,
  CASE WHEN r.kind = 'result' AND b.rule_id IS NOT NULL THEN NULL ELSE r.test END AS evidence_test,
  add_months(a.anchor_on, 0 - coalesce(r.lookback_months, 0)) AS evidence_from
FROM anchors AS a
JOIN k_rule AS r ON r.rule_id = a.rule_id
LEFT JOIN conditional AS c ON c.rule_id = a.rule_id
LEFT JOIN holding AS y ON y.person_id = a.person_id AND y.rule_id = a.rule_id AND y.part = 'applies'
LEFT JOIN holding AS n ON n.person_id = a.person_id AND n.rule_id = a.rule_id AND n.part = 'unless'
LEFT JOIN banded AS b ON b.rule_id = a.rule_id AND b.test = r.test
WHERE (c.rule_id IS NULL OR y.rule_id IS NOT NULL) AND n.rule_id IS NULL
