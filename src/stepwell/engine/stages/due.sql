-- due: every need of a rule but those to agree who, before its owner is known
-- reads   scheduled, ongoing, supply_duties
-- gives   base_on, opens_on, due_on, served_on, served_by, state, hastened, escalates_on (null = by the rule)
-- grain   person_id, rule_id, subject, point
-- rule    docs/engine.md 7 and 13
SELECT
  s.person_id, s.rule_id, s.subject, s.point, s.base_on, s.opens_on, s.due_on, s.served_on, s.served_by, s.state, FALSE AS hastened,
  CAST(NULL AS DATE) AS escalates_on
FROM scheduled AS s
WHERE s.emitted
UNION ALL
SELECT
  o.person_id, o.rule_id, o.subject, o.point, o.base_on, o.opens_on, o.due_on, o.served_on, o.served_by, o.state, o.hastened,
  CAST(NULL AS DATE) AS escalates_on
FROM ongoing AS o
UNION ALL
SELECT
  d.person_id, d.rule_id, d.subject, d.point, d.base_on, d.opens_on, d.due_on, d.served_on, d.served_by, d.state, FALSE AS hastened, d.escalates_on
FROM supply_duties AS d
