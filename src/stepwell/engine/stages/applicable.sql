-- applicable: the anchors whose conditions hold
-- reads   anchors, holding, found, k_rule, k_when, k_band
-- gives   anchors with the rule's kind, anchor_on (of a finding the later of course start and the day found), start_on, its evidence test (null when results do not serve it) and the first day of evidence
-- grain   person_id, rule_id, subject
-- rule    docs/engine.md 5, 6, 7 and 15: applies (or nothing asked, but a finding must ask) and not unless; results of the triggering test do not serve a result rule
WITH conditional AS (
  SELECT DISTINCT w.rule_id FROM k_when AS w WHERE w.part = 'applies'
),
banded AS (
  SELECT DISTINCT b.rule_id, b.test FROM k_band AS b
),
held AS (
  SELECT
    a.person_id,
    a.rule_id,
    a.subject,
    r.kind,
    CASE WHEN f.found_on > a.anchor_on THEN f.found_on ELSE a.anchor_on END AS anchor_on,
    a.anchor_on AS start_on,
    a.change_on,
    a.point,
    CASE WHEN r.kind = 'supply' OR (r.kind = 'result' AND b.rule_id IS NOT NULL) THEN NULL ELSE r.test END AS evidence_test,
    r.lookback_months,
    r.after_months,
    r.after_days
  FROM anchors AS a
  JOIN k_rule AS r ON r.rule_id = a.rule_id
  LEFT JOIN conditional AS c ON c.rule_id = a.rule_id
  LEFT JOIN holding AS y ON y.person_id = a.person_id AND y.rule_id = a.rule_id AND y.subject = a.subject AND y.part = 'applies'
  LEFT JOIN holding AS n ON n.person_id = a.person_id AND n.rule_id = a.rule_id AND n.subject = a.subject AND n.part = 'unless'
  LEFT JOIN found AS f ON f.person_id = a.person_id AND f.rule_id = a.rule_id AND f.subject = a.subject
  LEFT JOIN banded AS b ON b.rule_id = a.rule_id AND b.test = r.test
  WHERE (y.rule_id IS NOT NULL OR (c.rule_id IS NULL AND r.kind <> 'finding')) AND n.rule_id IS NULL
)
SELECT
  h.person_id, h.rule_id, h.subject, h.kind, h.anchor_on, h.start_on, h.change_on, h.point, h.evidence_test,
  add_months(h.anchor_on, 0 - coalesce(h.lookback_months, 0)) AS evidence_from
FROM held AS h
WHERE h.kind <> 'finding' OR $as_of >= add_months(h.anchor_on, coalesce(h.after_months, 0)) + coalesce(h.after_days, 0)
