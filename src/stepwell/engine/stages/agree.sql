-- agree: the duty to agree who looks after a medicine that is, wholly or in part, nobody's
-- reads   applicable, medicines, due, need_owners, answers, agreement_lines, owner_assertions, owner_requests
-- gives   base_on, due_on (the day from which nobody owned it), state (open | not applicable)
-- grain   person_id, rule_id, subject
-- rule    docs/engine.md 8; ruling 2: nobody always raises its second duty
WITH orphaned AS (
  SELECT m.person_id, m.substance
  FROM medicines AS m
  WHERE m.owner_org = 'nobody'
  UNION
  SELECT d.person_id, d.subject AS substance
  FROM due AS d
  JOIN need_owners AS o ON o.person_id = d.person_id AND o.rule_id = d.rule_id AND o.subject = d.subject
  WHERE d.state = 'open' AND o.owner_org = 'nobody'
),
ended AS (
  SELECT a.person_id, a.substance, a.to_on FROM agreement_lines AS a WHERE a.to_on <= $as_of
  UNION ALL
  SELECT o.person_id, o.substance, o.to_on FROM owner_assertions AS o WHERE o.to_on <= $as_of
  UNION ALL
  SELECT q.person_id, q.substance, q.to_on FROM owner_requests AS q WHERE q.to_on <= $as_of
),
last_ended AS (
  SELECT e.person_id, e.substance, max(e.to_on) AS to_on
  FROM ended AS e
  GROUP BY e.person_id, e.substance
),
waivers AS (
  SELECT DISTINCT s.person_id, s.rule_id, s.subject
  FROM answers AS s
  WHERE s.waived AND s.point = 'ongoing'
)
SELECT
  a.person_id,
  a.rule_id,
  a.subject,
  a.anchor_on AS base_on,
  CASE WHEN e.to_on > a.anchor_on THEN e.to_on ELSE a.anchor_on END AS due_on,
  CASE WHEN w.person_id IS NOT NULL THEN 'not applicable' ELSE 'open' END AS state
FROM applicable AS a
JOIN orphaned AS n ON n.person_id = a.person_id AND n.substance = a.subject
LEFT JOIN last_ended AS e ON e.person_id = a.person_id AND e.substance = a.subject
LEFT JOIN waivers AS w ON w.person_id = a.person_id AND w.rule_id = a.rule_id AND w.subject = a.subject
WHERE a.kind = 'agree'
